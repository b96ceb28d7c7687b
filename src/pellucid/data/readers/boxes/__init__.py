"""Pictures with boxes: COCO JSON, Pascal VOC XML, YOLO text files, and tables with a line a box.

`recognize` says which of these a path is, and why; `read` reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pellucid.data.columns import Progress, silent
from pellucid.data.readers.boxes import clean, coco, table, voc, yolo
from pellucid.data.readers.boxes.annotated import Annotated, Annotations, Box, Shelf
from pellucid.data.readers.folder import list_folder
from pellucid.data.readers.sniff import DELIMITED, IMAGE
from pellucid.errors import DataError

__all__ = ["Annotated", "Annotations", "Box", "Found", "read", "recognize"]

LOOKED_AT = 40
"""Files of one kind that are glanced at to recognize a layout."""


@dataclass(frozen=True)
class Found:
    """A layout that was recognized. sure: 0 to 1. why: the evidence. files: what says so, relative
    to the root."""

    layout: str
    sure: float
    why: str
    root: Path
    files: tuple[PurePosixPath, ...]


def recognize(path: Path) -> Found | None:
    """Which layout of boxes a file or folder has; None if it has none. Cheap, and never raises."""
    if not path.is_dir() and not _seems(path):
        return None
    try:
        root, chosen = _root(path)
        shelf = Shelf(list_folder(root))
    except (DataError, OSError):
        return None
    files = [chosen] if chosen is not None else shelf.listing.files
    ways: tuple[Callable[[Shelf, list[PurePosixPath]], Found | None], ...]
    ways = (_coco, _voc, _yolo, _table)
    return next((found for way in ways if (found := way(shelf, files)) is not None), None)


def read(
    path: Path,
    *,
    group: str | None = None,
    split: str | None = None,
    progress: Progress = silent,
) -> tuple[Annotations, list[tuple[int, int]]]:
    """Everything that a source says about its pictures, cleaned, and the pictures' sizes.

    Args:
        group, split: Columns of a table of boxes.

    Raises:
        DataError: There are no boxes, or nothing can be read.
    """
    found = recognize(path)
    if found is None and not path.exists():
        raise DataError(
            f"there is no file or folder '{path}'",
            where=f"{path.absolute().parent}",
            fix="give the folder of the pictures, or the file that says where things are",
        )
    if found is None:
        raise DataError(
            f"'{path.name}' has no boxes that could be learned from",
            where=str(path),
            fix="give COCO JSON, Pascal VOC XML, YOLO text files with their pictures, or a CSV "
            "with image, xmin, ymin, xmax, ymax, label",
        )
    shelf = Shelf(list_folder(found.root))
    files = list(found.files)
    if found.layout != table.LAYOUT and group is not None:
        raise DataError(
            f"there is no column '{group}' in {found.layout}",
            where="--group",
            fix="leave --group out, or give a CSV with such a column",
        )
    if found.layout == coco.LAYOUT:
        said = coco.read(shelf, files)
    elif found.layout == voc.LAYOUT:
        said = voc.read(shelf, files)
    elif found.layout == yolo.LAYOUT:
        said = yolo.read(shelf)
    else:
        said = table.read(shelf, files, group, split)
    named = {one.file for one in said.pictures}
    said.unnamed = [str(one) for one in shelf.pictures if shelf.root / one not in named]
    said.refused += shelf.listing.refused
    sizes = clean.clean(said, progress)
    return said, sizes


def _seems(path: Path) -> bool:
    """Whether a single file says where things are, before the folder around it is looked at."""
    ending = path.suffix.lower()
    if ending == ".json":
        return coco.seems(path)
    if ending == ".xml":
        return voc.seems(path)
    if ending in (".yaml", ".yml"):
        return path.is_file()
    return ending in DELIMITED and table.header_of(path) is not None


def _root(path: Path) -> tuple[Path, PurePosixPath | None]:
    """The folder that pictures may come from, and the file in it that was named."""
    if path.is_dir():
        return path, None
    parent = path.absolute().parent
    if parent.name.lower() in ("annotations", "labels"):  # pictures are in a folder beside it
        return parent.parent, PurePosixPath(parent.name) / path.name
    return parent, PurePosixPath(path.name)


def _coco(shelf: Shelf, files: list[PurePosixPath]) -> Found | None:
    named = [path for path in files if path.suffix.lower() == ".json"][:LOOKED_AT]
    fitting = [path for path in named if coco.seems(shelf.root / path)]
    if not fitting or not shelf.pictures:
        return None
    shown = ", ".join(path.name for path in fitting[:2])
    why = f"COCO JSON ({shown}) with images, annotations and categories"
    return Found(coco.LAYOUT, 0.97, why, shelf.root, tuple(fitting))


def _voc(shelf: Shelf, files: list[PurePosixPath]) -> Found | None:
    named = [path for path in files if path.suffix.lower() == ".xml"]
    fitting = [path for path in named[:LOOKED_AT] if voc.seems(shelf.root / path)]
    if not fitting or not shelf.pictures or 2 * len(fitting) < len(named[:LOOKED_AT]):
        return None
    why = f"{len(named):,} XML files with <annotation>, as Pascal VOC has them"
    return Found(voc.LAYOUT, 0.97, why, shelf.root, tuple(named))


def _yolo(shelf: Shelf, files: list[PurePosixPath]) -> Found | None:
    if len(files) == 1 and files[0].suffix.lower() not in (".yaml", ".yml", *IMAGE):
        return None  # one file was named, and it is something else
    labels = yolo.label_files(shelf)
    looked = list(dict.fromkeys(labels.values()))[:LOOKED_AT]
    filled = [path for path in looked if (shelf.root / path).stat().st_size > 0]
    fitting = [path for path in filled if yolo.seems(shelf.root / path)]
    named = yolo.names_file(shelf)
    # Where classes are named nothing else is meant: what is broken is told file by file.
    if not fitting or len(fitting) < (0.5 if named else 0.9) * len(filled):
        return None
    why = f"{len(labels):,} pictures with a text file of 'class x y width height'"
    why += f", classes named in {named.name}" if named else ""
    return Found(yolo.LAYOUT, 0.95 if named else 0.8, why, shelf.root, ())


def _table(shelf: Shelf, files: list[PurePosixPath]) -> Found | None:
    endings = {ending for ending in DELIMITED if not ending.endswith(".gz")}
    named = [path for path in files if path.suffix.lower() in endings][:LOOKED_AT]
    fitting = [path for path in named if table.header_of(shelf.root / path) is not None]
    if not fitting:
        return None
    why = f"{fitting[0].name} has a picture, the edges of a box and a label in every line"
    try:
        said = table.read(shelf, fitting[:1])
    except DataError:
        return None
    there = sum(not one.missing for one in said.pictures)
    if not there:
        lack = f"{why}, but none of the pictures is here"
        return Found(table.LAYOUT, 0.2, lack, shelf.root, tuple(fitting))
    why += f"; {there:,} of {len(said.pictures):,} pictures are here"
    return Found(table.LAYOUT, 0.95, why, shelf.root, tuple(fitting))
