"""A table with a line a box: image, xmin, ymin, xmax, ymax, label, as DeepForest and others have.

A picture with an empty line shows nothing. Columns `split` and one named by --group are respected.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from pellucid.data.columns import Refused
from pellucid.data.readers.arrays import SPLITS
from pellucid.data.readers.boxes.annotated import Annotated, Annotations, Box, Shelf, numbers
from pellucid.data.readers.encoding import decode
from pellucid.errors import DataError, did_you_mean

LAYOUT = "a table of boxes"
COLUMNS = {
    "image": (
        *("image", "image_path", "filename", "file_name", "file", "path", "img", "image_name"),
        *("picture", "bild", "datei", "foto", "imagen", "fichier"),
    ),
    "left": ("xmin", "x_min", "x1", "left"),
    "top": ("ymin", "y_min", "y1", "top"),
    "right": ("xmax", "x_max", "x2", "right"),
    "bottom": ("ymax", "y_max", "y2", "bottom"),
    "label": ("label", "class", "class_name", "category", "name", "klasse", "classe", "clase"),
}
GLANCE = 1 << 16
COMMA = re.compile(r"-?\d+,\d+")
"""A number with a decimal comma."""


def header_of(path: Path) -> list[str] | None:
    """The columns' names; None if the file is no such table."""
    try:
        with path.open("rb") as file:
            read = file.read(GLANCE)
        # The last bytes may be half a letter.
        start = decode(read.rpartition(b"\n")[0] if len(read) == GLANCE else read)[0]
    except (OSError, ValueError):
        return None
    first = start.split("\n", 1)[0].rstrip("\r")
    header = next(csv.reader([first], delimiter=_separator(first)), [])
    return header if understood(header) else None


def understood(header: Sequence[str]) -> dict[str, int] | None:
    """What is meant -> which column; None if a box is not complete."""
    names = [name.strip().lower() for name in header]
    found = {}
    for meaning, words in COLUMNS.items():
        place = next((names.index(word) for word in words if word in names), None)
        if place is None:
            return None
        found[meaning] = place
    return found


def read(
    shelf: Shelf,
    files: list[PurePosixPath],
    group: str | None = None,
    split: str | None = None,
) -> Annotations:
    """All tables of boxes in a folder.

    Args:
        group: Column whose equal values belong together. split: column that says train or test.

    Raises:
        DataError: A named column is not there.
    """
    pictures: dict[str, Annotated] = {}
    refused: list[Refused] = []
    for file in files:
        _read_one(shelf, file, group, split, pictures, refused)
    classes = sorted({box.label for one in pictures.values() for box in one.boxes})
    sources = [shelf.root / file for file in files]
    return Annotations(LAYOUT, shelf.root, classes, list(pictures.values()), sources, refused)


def cells_of(path: Path) -> list[list[str]]:
    """The cells of every line, the header first; whatever separates and encodes them.

    Raises:
        DataError: It can't be read, or is no text.
    """
    try:
        text = decode(path.read_bytes())[0]
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise DataError(
            f"'{path.name}' can't be read: {said}",
            where=str(path),
            fix="check that it is there, a text, and that you may read it",
        ) from error
    lines = text.splitlines()
    return list(csv.reader(lines, delimiter=_separator(lines[0]))) if lines else []


def _read_one(
    shelf: Shelf,
    file: PurePosixPath,
    group: str | None,
    split: str | None,
    pictures: dict[str, Annotated],
    refused: list[Refused],
) -> None:
    header, *lines = cells_of(shelf.root / file)
    header = [name.strip() for name in header]
    meaning = understood(header)
    assert meaning is not None  # it was recognized by its header
    grouped, parted = _column(header, group, file), _column(header, split, file)
    if parted is None and "split" in [name.lower() for name in header]:
        parted = [name.lower() for name in header].index("split")
    for number, cells in enumerate(lines, start=2):
        if not any(cell.strip() for cell in cells):
            continue
        where = f"{file}, line {number}"
        if len(cells) != len(header):
            refused.append(Refused(where, f"{len(cells)} cells, the header has {len(header)}"))
            continue
        part = cells[parted].strip().lower() if parted is not None else ""
        one = shelf.annotated(cells[meaning["image"]], file.parent, SPLITS.get(part, ""))
        one = pictures.setdefault(one.place, one)
        if grouped is not None:
            one.group = cells[grouped]
        _add(one, f"line {number}", [cells[place] for place in list(meaning.values())[1:]])


def _add(one: Annotated, what: str, cells: list[str]) -> None:
    """One line's box to its picture; a line without numbers says that there is none."""
    *edges, label = (cell.strip() for cell in cells)
    if not any(edges):
        return
    plain = [edge.replace(",", ".") if COMMA.fullmatch(edge) else edge for edge in edges]
    box = numbers(plain, 4)
    if box is None:
        one.drop(what, "its box is not four numbers")
    elif not label:
        one.drop(what, "it has no class")
    elif not any(box):  # DeepForest writes 0, 0, 0, 0 for "nothing here"
        return
    else:
        left, top, right, bottom = box
        one.boxes.append(Box(label, left, top, right, bottom))


def _column(header: list[str], name: str | None, file: PurePosixPath) -> int | None:
    if name is None:
        return None
    if name not in header:
        raise DataError(
            f"there is no column '{name}'", where=str(file), fix=did_you_mean(name, header)
        )
    return header.index(name)


def _separator(line: str) -> str:
    return max(",;\t", key=line.count)
