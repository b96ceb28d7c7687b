"""Boxes as they can be learned from: within their picture, with an area, as it is shown upright."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pellucid.data.cache import Unusable, parallel, readable
from pellucid.data.columns import Progress, silent
from pellucid.data.readers.boxes.annotated import Annotated, Annotations, Box
from pellucid.errors import require

FORMATS = ("PNG", "JPEG", "BMP", "DIB", "GIF", "TIFF", "WEBP", "AVIF", "PPM")
"""Formats that are opened; not all that Pillow knows (EPS would start another program)."""
ORIENTATION = 0x0112
SMALLEST = 1.0
"""Pixels a side; a thinner box shows nothing."""
SLACK = 0.5
"""Pixels by which a box may reach out without being called repaired: rounding."""

Header = tuple[int, int, int]
"""Width and height as stored, and the camera's mark of how it was held, 1 to 8."""


def clean(found: Annotations, progress: Progress = silent) -> list[tuple[int, int]]:
    """Put every picture's boxes right, in place.

    Returns:
        Width and height of each picture as it is shown; (0, 0) where it can't be opened.
    """
    files = [one.file for one in found.pictures]
    headers, problems = parallel(files, header, progress)
    sizes = []
    for place, (one, head) in enumerate(zip(found.pictures, headers)):
        if one.missing or head is None:
            one.missing = one.missing or problems.get(place, "can't be opened")
            sizes.append((0, 0))
            continue
        sizes.append(_put_right(one, head))
    return sizes


def header(path: Path | None) -> Header:
    """Size and orientation, without decoding the picture.

    Raises:
        Unusable: It can't be opened.
    """
    image = require("PIL.Image", extra="image", purpose="reading pictures")
    file = readable(path)
    try:
        with image.open(file, formats=FORMATS) as opened:
            # Asking a PNG for its orientation would decode it.
            marked = opened.format in ("JPEG", "TIFF") or "exif" in opened.info
            turned = opened.getexif().get(ORIENTATION, 1) if marked else 1
            turned = turned if turned in range(1, 9) else 1
            width, height = opened.size
            if opened.format == "TIFF" and turned >= 5:  # Pillow says its size as it is shown
                width, height = height, width
            return width, height, turned
    except Exception as error:  # decoders raise anything on damaged bytes
        raise Unusable(f"no picture that can be opened ({type(error).__name__})") from None


def _put_right(one: Annotated, head: Header) -> tuple[int, int]:
    """One picture's boxes; returns the size as it is shown."""
    stored, turned = head[:2], head[2]
    shown = (stored[1], stored[0]) if turned >= 5 else stored
    frame = _frame(one, stored, shown)
    base = shown if frame == "upright" else stored
    boxes = [_pixels(box, base) if one.shares else box for box in one.boxes]
    if frame == "stored" and turned != 1:
        boxes = [upright(box, stored, turned) for box in boxes]
    kept, clipped = [], 0
    for number, box in enumerate(boxes):
        inside = _inside(box, shown)
        if min(inside.size) < SMALLEST:
            whole = min(box.size)
            why = "it has no area" if whole < SMALLEST else "it lies outside the picture"
            one.drop(f"box {number} ({box.label})", why)
            continue
        clipped += max(a - b for a, b in zip(box.size, inside.size)) > SLACK
        kept.append(inside)
    if clipped:
        one.said.append(f"{clipped} {'box' if clipped == 1 else 'boxes'} cut at the picture's edge")
    one.boxes = kept
    return shown


def _frame(one: Annotated, stored: tuple[int, int], shown: tuple[int, int]) -> str:
    """What the coordinates mean in a photo that is stored turned.

    The annotation's own size tells if it fits only one of both. Else the format's custom: tools
    for COCO, VOC and tables read pixels as they are stored; those for YOLO turn them first.
    """
    if stored != shown and one.said_size in (stored, shown):
        return "stored" if one.said_size == stored else "upright"
    return one.frame


def upright(box: Box, stored: tuple[int, int], turned: int) -> Box:
    """A box in stored pixels, in the picture as it is shown (EXIF orientation 1 to 8).

    >>> upright(Box("cat", 10, 20, 30, 60), (100, 80), 6)  # shown turned clockwise, 80 x 100
    Box(label='cat', left=20, top=10, right=60, bottom=30, ignored=False)
    """
    width, height = stored
    left, top, right, bottom = box.left, box.top, box.right, box.bottom
    if turned in (2, 3):
        left, right = width - right, width - left
    if turned in (3, 4):
        top, bottom = height - bottom, height - top
    if turned in (7, 8):
        left, right = width - right, width - left
    if turned in (6, 7):
        top, bottom = height - bottom, height - top
    if turned >= 5:
        left, top, right, bottom = top, left, bottom, right
    return replace(box, left=left, top=top, right=right, bottom=bottom)


def _pixels(box: Box, size: tuple[int, int]) -> Box:
    width, height = size
    return replace(
        box,
        left=box.left * width,
        top=box.top * height,
        right=box.right * width,
        bottom=box.bottom * height,
    )


def _inside(box: Box, size: tuple[int, int]) -> Box:
    width, height = size
    return replace(
        box,
        left=min(max(box.left, 0.0), width),
        top=min(max(box.top, 0.0), height),
        right=min(max(box.right, 0.0), width),
        bottom=min(max(box.bottom, 0.0), height),
    )
