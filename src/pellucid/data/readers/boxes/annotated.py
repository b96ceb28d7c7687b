"""Pictures with boxes around things, whichever file format said so; and where pictures are found.

Coordinates are pixels from the picture's upper left corner, where pixel 0 reaches from 0 to 1; a
box that covers the whole of a 640 x 480 picture is (0, 0, 640, 480).
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from pellucid.data.columns import Refused
from pellucid.data.readers.arrays import SPLITS
from pellucid.data.readers.folder import Listing
from pellucid.data.readers.sniff import IMAGE

Frame = Literal["stored", "upright"]
"""Of a photo that the camera marked as turned: the pixels as stored, or as they are shown."""


@dataclass(frozen=True)
class Box:
    """One thing in a picture. ignored: a crowd, or too difficult: neither learned nor asked for."""

    label: str
    left: float
    top: float
    right: float
    bottom: float
    ignored: bool = False

    @property
    def size(self) -> tuple[float, float]:
        """Width and height."""
        return self.right - self.left, self.bottom - self.top


@dataclass
class Annotated:
    """One picture with what is said about it.

    place: how it is named to a person. file: None if there is no such picture; `missing` says why.
    split: "train", "valid", "test" or "". shares: boxes are shares of the picture's size, not
    pixels. said_size: (width, height) by the annotation. frame: what coordinates mean in a turned
    photo, where the sizes don't tell. group: pictures of equal groups belong together.
    said: what was repaired or left out, in words.
    """

    place: str
    file: Path | None
    boxes: list[Box] = field(default_factory=list)
    split: str = ""
    shares: bool = False
    said_size: tuple[int, int] | None = None
    frame: Frame = "stored"
    group: str | None = None
    missing: str = ""
    said: list[str] = field(default_factory=list)

    def drop(self, what: str, why: str) -> None:
        """A box that can't be used."""
        self.said.append(f"{what} set aside: {why}")


@dataclass
class Annotations:
    """A whole source. layout: its format, for people. unnamed: pictures that no annotation names.
    sources: the annotation files."""

    layout: str
    root: Path
    classes: list[str]
    pictures: list[Annotated]
    sources: list[Path]
    refused: list[Refused] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Shelf:
    """The pictures of a folder, found by the names that annotation files use.

    Only files that were listed below the folder are ever returned, so that no name in an
    annotation can reach out of it.
    """

    def __init__(self, listing: Listing) -> None:
        self.root, self.listing = listing.root, listing
        self.pictures = [path for path in listing.files if path.suffix.lower() in IMAGE]
        self._all = set(self.pictures)
        self._by_name: dict[str, list[PurePosixPath]] = defaultdict(list)
        for path in self.pictures:
            self._by_name[path.name].append(path)
            self._by_name[path.stem].append(path)

    def find(self, name: str, near: PurePosixPath, split: str = "") -> PurePosixPath | str:
        """The picture called `name` in a file of the folder `near`, or why there is none."""
        clean = PurePosixPath(name.strip().replace("\\", "/"))
        if not clean.name:
            return "the annotation names no picture"
        # An absolute path is of another machine: its last part is all that can be used.
        absolute = clean.is_absolute() or re.match(r"^[A-Za-z]:/", str(clean)) is not None
        if not absolute:
            for folder in (near, PurePosixPath(), *near.parents):
                path = collapsed(folder / clean)
                if path in self._all:
                    return path
            if collapsed(near / clean) is None and collapsed(clean) is None:
                return f"'{name}' leads out of the folder"
        found = self._by_name.get(clean.name) or self._by_name.get(clean.stem, [])
        if len(found) > 1 and not absolute and len(clean.parts) > 1:
            found = [path for path in found if path.parts[-len(clean.parts) :] == clean.parts]
        if len(found) > 1 and split:
            found = [path for path in found if split_of(path) == split] or found
        if len(found) > 1:
            closest = [path for path in found if path.parts[:1] == near.parts[:1]]
            found = closest if len(closest) == 1 else found
        if not found:
            return f"no such picture: {clean.name}"
        if len(found) > 1:
            return f"{len(found)} pictures are called '{clean.name}'"
        return found[0]

    def annotated(self, name: str, near: PurePosixPath, split: str = "") -> Annotated:
        """A picture without boxes so far, or one that is missing."""
        found = self.find(name, near, split)
        if isinstance(found, str):
            return Annotated(name, None, split=split, missing=found)
        return self.of(found, split)

    def of(self, path: PurePosixPath, split: str = "") -> Annotated:
        """A picture of the folder."""
        return Annotated(str(path), self.root / path, split=split or split_of(path))


def collapsed(path: PurePosixPath) -> PurePosixPath | None:
    """The path without "." and ".."; None if it leads out of where it began.

    >>> collapsed(PurePosixPath("labels/../images/./a.png"))
    PurePosixPath('images/a.png')
    >>> collapsed(PurePosixPath("../../etc/passwd"))
    """
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part != ".":
            parts.append(part)
    return PurePosixPath(*parts)


def split_of(path: PurePosixPath) -> str:
    """Which part of the data a path says it belongs to: its folders first, then its name.

    >>> split_of(PurePosixPath("images/train2017/7.jpg")), split_of(PurePosixPath("a/7.jpg"))
    ('train', '')
    >>> split_of(PurePosixPath("annotations/instances_val2017.json"))
    'valid'
    """
    for part in reversed(path.parts[:-1]):
        word = part.lower().rstrip("0123456789")
        if word in SPLITS:
            return SPLITS[word]
    if path.suffix.lower() in IMAGE:
        return ""
    words = [word.rstrip("0123456789") for word in re.split(r"[^a-z0-9]+", path.stem.lower())]
    found = {SPLITS[word] for word in words if word in SPLITS}
    return found.pop() if len(found) == 1 else ""


def numbers(values: object, count: int) -> list[float] | None:
    """So many finite numbers, or None."""
    if not isinstance(values, list | tuple) or len(values) != count:
        return None
    try:
        found = [float(value) for value in values]
    except (TypeError, ValueError):
        return None
    return found if all(abs(value) < 1e9 for value in found) else None
