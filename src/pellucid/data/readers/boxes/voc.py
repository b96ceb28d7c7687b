"""Pascal VOC XML: one file a picture, <object> with <name> and <bndbox> (Everingham et al. 2010).

VOC counts pixels from 1 and its last pixel belongs to the box; many tools that write the same XML
count from 0. A source with a box that begins at 0 counts from 0.
"""

from __future__ import annotations

import xml.etree.ElementTree as xml
from dataclasses import replace
from pathlib import Path, PurePosixPath
from xml.parsers import expat

from pellucid.data.columns import Refused
from pellucid.data.readers.arrays import SPLITS
from pellucid.data.readers.boxes.annotated import (
    Annotated,
    Annotations,
    Box,
    Shelf,
    numbers,
    split_of,
)
from pellucid.errors import DataError

LAYOUT = "Pascal VOC XML"
LARGEST = 32 << 20
GLANCE = 1 << 12


def seems(path: Path) -> bool:
    """Whether an XML file looks like one picture's annotation, from its first bytes."""
    try:
        with path.open("rb") as file:
            start = file.read(GLANCE)
    except OSError:
        return False
    return b"<annotation" in start and (b"<filename" in start or b"<object" in start)


def read(shelf: Shelf, files: list[PurePosixPath]) -> Annotations:
    """All annotations of a folder; several files may speak of the same picture.

    Raises:
        DataError: None of them can be read.
    """
    refused: list[Refused] = []
    pictures: dict[str, Annotated] = {}
    lists, from_zero = _lists(shelf), False
    for file in files:
        try:
            root = parse((shelf.root / file).read_bytes())
        except (OSError, ValueError) as error:
            refused.append(Refused(str(file), str(error)))
            continue
        one = _picture(shelf, file, root, lists)
        one = pictures.setdefault(one.place, one)
        from_zero |= _add(one, root)
    if not pictures:
        raise DataError(
            f"no annotation can be read: {refused[0].why}" if refused else "no annotation",
            where=str(shelf.root / files[0]),
            fix="every picture needs an XML file with <annotation> and <object>s",
        )
    note = "boxes count pixels from 0" if from_zero else "boxes count pixels from 1, as VOC does"
    for one in pictures.values() if not from_zero else ():
        one.boxes = [replace(box, left=box.left - 1, top=box.top - 1) for box in one.boxes]
    classes = sorted({box.label for one in pictures.values() for box in one.boxes})
    sources = [shelf.root / file for file in files]
    found = list(pictures.values())
    return Annotations(LAYOUT, shelf.root, classes, found, sources, refused, notes=[note])


def parse(data: bytes) -> xml.Element:
    """XML as a tree.

    Entities are refused before any of them is read: they could open other files, or grow without
    end.

    Raises:
        ValueError: It is too large, has a document type, or is no XML.
    """
    if len(data) > LARGEST:
        raise ValueError(f"larger than {LARGEST >> 20} MB")

    def refuse(*_: object) -> None:
        raise ValueError("it declares a document type or entities, which are not read")

    checker = expat.ParserCreate()
    checker.StartDoctypeDeclHandler = refuse
    checker.EntityDeclHandler = refuse
    try:
        checker.Parse(data, True)
        return xml.fromstring(data)
    except (expat.ExpatError, xml.ParseError) as error:
        raise ValueError(f"no readable XML: {error}") from None


def _picture(
    shelf: Shelf, file: PurePosixPath, root: xml.Element, lists: dict[str, str]
) -> Annotated:
    """The picture that an annotation is about: the one it names, else the one called like it."""
    split = lists.get(file.stem, "") or split_of(file)
    named = (root.findtext("filename") or "").strip()
    one = shelf.annotated(named or file.stem, file.parent, split)
    if one.missing:
        by_stem = shelf.annotated(file.stem, file.parent, split)
        one = one if by_stem.missing else by_stem
    return one


def _add(one: Annotated, root: xml.Element) -> bool:
    """One annotation's boxes; returns whether a box begins at 0."""
    size = numbers([root.findtext("size/width"), root.findtext("size/height")], 2)
    if size and min(size) >= 1:
        one.said_size = (int(size[0]), int(size[1]))
    from_zero = False
    for number, item in enumerate(root.iter("object")):
        label = (item.findtext("name") or "").strip()
        found = [item.findtext(f"bndbox/{edge}") for edge in ("xmin", "ymin", "xmax", "ymax")]
        box = numbers(found, 4)
        if not label:
            one.drop(f"object {number}", "it has no class")
        elif box is None:
            one.drop(f"object {number}", "its box is not four numbers")
        else:
            difficult = (item.findtext("difficult") or "0").strip() not in ("", "0")
            left, top, right, bottom = box
            one.boxes.append(Box(label, left, top, right, bottom, difficult))
            from_zero |= min(left, top) < 1
    return from_zero


def _lists(shelf: Shelf) -> dict[str, str]:
    """Name of a picture -> its part, by ImageSets/Main/train.txt and the like."""
    found: dict[str, str] = {}
    for path in shelf.listing.files:
        whole = path.parent.name.lower() == "main" and path.suffix.lower() == ".txt"
        if whole and path.stem.lower() in SPLITS:
            lines = (shelf.root / path).read_text("utf-8", errors="replace").splitlines()
            found.update((line.split()[0], SPLITS[path.stem.lower()]) for line in lines if line)
    return found
