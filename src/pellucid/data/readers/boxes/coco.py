"""COCO JSON: {"images": [...], "annotations": [{"image_id", "category_id", "bbox"}], ...}.

A box is [left, top, width, height] in pixels (Lin et al. 2014, cocodataset.org/#format-data).
"""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

from pellucid.data.columns import Refused
from pellucid.data.readers.boxes.annotated import (
    Annotated,
    Annotations,
    Box,
    Shelf,
    numbers,
    split_of,
)
from pellucid.errors import DataError

LAYOUT = "COCO JSON"
LARGEST = 2 << 30
"""Bytes; COCO's own 118,000 pictures take 450 MB."""
GLANCE = 1 << 16


def seems(path: Path) -> bool:
    """Whether a JSON file looks like it, from its first bytes: cheap, and sometimes wrong."""
    try:
        with path.open("rb") as file:
            start = file.read(GLANCE)
    except OSError:
        return False
    if not start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return False
    found = [key for key in (b'"images"', b'"annotations"', b'"categories"') if key in start]
    # The first list may be longer than the glance: then its items have to look right.
    return len(found) >= 2 or (b'"images"' in start and b'"file_name"' in start)


def has_boxes(data: Any) -> bool:
    """Whether parsed JSON says where things are."""
    if not isinstance(data, dict):
        return False
    lists = [data.get(key) for key in ("images", "annotations", "categories")]
    if not all(isinstance(one, list) for one in lists):
        return False
    annotations = lists[1] or []
    return not annotations or any(
        isinstance(one, dict) and "bbox" in one for one in annotations[:100]
    )


def read(shelf: Shelf, files: list[PurePosixPath]) -> Annotations:
    """All annotation files of a folder together.

    Raises:
        DataError: None of them can be read.
    """
    refused: list[Refused] = []
    loaded: list[tuple[PurePosixPath, dict[str, Any]]] = []
    for file in files:
        data = _load(shelf, file, refused)
        if data is not None:
            loaded.append((file, data))
    if not loaded:
        raise DataError(
            f"no COCO file can be read: {refused[0].why}" if refused else "no COCO file has boxes",
            where=str(shelf.root / files[0]),
            fix="the file needs the lists 'images', 'annotations' with 'bbox', and 'categories'",
        )
    instances = [pair for pair in loaded if "instances" in pair[0].name.lower()]
    loaded = instances or loaded  # COCO's own captions and key points repeat the same things
    classes: list[str] = []
    pictures: dict[str, Annotated] = {}
    for file, data in loaded:
        _add(shelf, file, data, classes, pictures, refused)
    sources = [shelf.root / file for file, _ in loaded]
    return Annotations(LAYOUT, shelf.root, classes, list(pictures.values()), sources, refused)


def _load(shelf: Shelf, file: PurePosixPath, refused: list[Refused]) -> dict[str, Any] | None:
    path = shelf.root / file
    try:
        if path.stat().st_size > LARGEST:
            refused.append(Refused(str(file), f"larger than {LARGEST >> 30} GB"))
            return None
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        refused.append(Refused(str(file), f"no readable JSON: {str(error)[:120]}"))
        return None
    return data if has_boxes(data) else None


def _add(
    shelf: Shelf,
    file: PurePosixPath,
    data: dict[str, Any],
    classes: list[str],
    pictures: dict[str, Annotated],
    refused: list[Refused],
) -> None:
    """One file's pictures and boxes to those there are already."""
    names: dict[Any, str] = {}
    for category in data["categories"]:
        if isinstance(category, dict) and "id" in category:
            names[_key(category["id"])] = str(category.get("name", category["id"]))
    known = set(classes)
    classes += [name for name in dict.fromkeys(names.values()) if name not in known]
    split, by_id = split_of(file), {}
    for number, item in enumerate(data["images"]):
        if not isinstance(item, dict) or "id" not in item or not item.get("file_name"):
            refused.append(Refused(f"{file}, image {number}", "without id or file name"))
            continue
        one = shelf.annotated(str(item["file_name"]), file.parent, split)
        one = pictures.setdefault(one.place, one)
        size = numbers([item.get("width"), item.get("height")], 2)
        if size and min(size) >= 1:
            one.said_size = (int(size[0]), int(size[1]))
        by_id[_key(item["id"])] = one
    for number, item in enumerate(data["annotations"]):
        owner = by_id.get(_key(item.get("image_id"))) if isinstance(item, dict) else None
        what = f"annotation {number}"
        if owner is None:
            refused.append(Refused(f"{file}, {what}", "of a picture that the file does not list"))
            continue
        label = names.get(_key(item.get("category_id")))
        box = numbers(item.get("bbox"), 4)
        if label is None:
            owner.drop(what, f"class {item.get('category_id')!r} is not among the categories")
        elif box is None:
            owner.drop(what, "its box is not four numbers")
        else:
            left, top, width, height = box
            ignored = bool(item.get("iscrowd", 0))
            owner.boxes.append(Box(label, left, top, left + width, top + height, ignored))


def _key(value: Any) -> Any:
    """An id as it can be compared: lists and dicts are none."""
    return value if isinstance(value, int | float | str) else None
