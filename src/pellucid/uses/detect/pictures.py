"""Pictures of any size on a canvas of one size, and boxes there and back.

A picture keeps its shape: it is made as large as fits and laid in the middle, gray around it
("letterbox"). Boxes are mapped by the very same numbers, so that the way back is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pellucid.data.cache import Decoded, Unusable, decode_all, readable
from pellucid.data.columns import Progress, silent
from pellucid.data.readers.boxes.clean import FORMATS
from pellucid.errors import DataError, require

GRID = 32
"""Sides of a canvas are multiples of it: the coarsest map of the network."""
SHORTEST, LONGEST = 128, 320
CLEAR = 14
"""Pixels on the canvas that the smaller side of most boxes should have at least."""
GRAY = 114
MEMORY = 2_000_000_000
"""Bytes that all pictures may take."""


@dataclass(frozen=True)
class Canvas:
    """What the network sees: pixels, and why so many."""

    height: int
    width: int
    why: str = ""


class Fit(NamedTuple):
    """How a picture lies on a canvas: x -> x * across + left, y -> y * down + top."""

    across: float
    down: float
    left: int
    top: int


def choose_canvas(sizes: np.ndarray, boxes: np.ndarray) -> Canvas:
    """A canvas for pictures of `sizes` `(n, 2)` (width, height) with boxes of sizes `(m, 2)`.

    Raises:
        DataError: They don't fit into memory, however small.
    """
    aspects = sizes[:, 0] / sizes[:, 1]
    usual = float(np.median(aspects))
    alike = bool(np.mean(np.abs(np.log(aspects / usual)) < 0.15) >= 0.8)
    shape = float(np.clip(usual, 0.5, 2.0)) if alike else 1.0
    whole = float(np.median(sizes.max(1)))
    smallest = float(np.quantile(boxes.min(1), 0.2)) if len(boxes) else 16.0
    wanted = whole * CLEAR / max(smallest, 1e-6)
    side = GRID * int(np.ceil(min(max(wanted, SHORTEST), LONGEST, max(whole, GRID)) / GRID))
    while side > GRID and len(sizes) * _bytes(side, shape) > MEMORY:
        side -= GRID
    if len(sizes) * _bytes(side, shape) > MEMORY:
        raise DataError(
            f"{len(sizes):,} pictures don't fit into memory even with {side} pixels a side",
            where="the source",
            fix="learn from a part of the pictures",
        )
    height, width = _sides(side, shape)
    low, high = sizes.min(0), sizes.max(0)
    were = f"{low[0]} x {low[1]}"
    were += f" to {high[0]} x {high[1]}" if (low != high).any() else ""
    then = smallest * side / whole
    why = (
        f"pictures of {were} pixels are shown to the network as {width} x {height}: four fifths of "
        f"the boxes are then at least {then:.0f} pixels wide and high"
    )
    return Canvas(height, width, why)


def _sides(side: int, aspect: float) -> tuple[int, int]:
    """Height and width with `side` as the longer one."""
    short = GRID * max(1, round(side * min(aspect, 1 / aspect) / GRID))
    return (side, short) if aspect < 1 else (short, side)


def _bytes(side: int, aspect: float) -> int:
    height, width = _sides(side, aspect)
    return 3 * height * width


def fit(size: tuple[int, int], canvas: Canvas) -> Fit:
    """Where a picture of (width, height) lies on the canvas."""
    scale = min(canvas.width / size[0], canvas.height / size[1])
    width = min(canvas.width, max(1, round(size[0] * scale)))
    height = min(canvas.height, max(1, round(size[1] * scale)))
    left, top = (canvas.width - width) // 2, (canvas.height - height) // 2
    return Fit(width / size[0], height / size[1], left, top)


def onto(boxes: np.ndarray, place: Fit) -> np.ndarray:
    """Boxes `(n, 4)` of a picture -> of the canvas."""
    scale = np.array([place.across, place.down] * 2)
    return np.asarray(boxes * scale + np.array([place.left, place.top] * 2))


def back(boxes: np.ndarray, place: Fit, size: tuple[int, int]) -> np.ndarray:
    """Boxes `(n, 4)` of the canvas -> of the picture, cut at its edges."""
    scale = np.array([place.across, place.down] * 2)
    moved = (boxes - np.array([place.left, place.top] * 2)) / scale
    return np.asarray(np.clip(moved, 0, np.array([*size] * 2)))


# --- decoding ---------------------------------------------------------------------------------


def load(
    files: Sequence[Path | None], canvas: Canvas, key: str, progress: Progress = silent
) -> Decoded:
    """uint8 `(files, height, width, 3)`, each on the canvas. key: hash of the files' content."""
    return decode_all(
        list(files),
        partial(_on_canvas_file, canvas=canvas),
        key=f"boxes {key} {canvas.height} {canvas.width}",
        shape=(canvas.height, canvas.width, 3),
        dtype=np.uint8,
        progress=progress,
    )


def _on_canvas_file(path: Path | None, canvas: Canvas) -> np.ndarray:
    return on_canvas(open_upright(path), canvas)


def open_upright(path: Path | None) -> Any:
    """A picture file as it is shown, RGB (a Pillow picture).

    Raises:
        Unusable: It can't be decoded, with the reason.
    """
    image = require("PIL.Image", extra="image", purpose="reading pictures")
    turning = require("PIL.ImageOps", extra="image", purpose="reading pictures")
    file = readable(path)
    try:
        with image.open(file, formats=FORMATS) as opened:
            opened.load()
            return _colors(turning.exif_transpose(opened))
    except Exception as error:  # decoders raise anything on damaged bytes
        raise Unusable(f"no picture that can be decoded: {str(error)[:100]}") from None


def from_array(pixels: np.ndarray) -> Any:
    """A picture `(height, width[, 1 | 3 | 4])` in memory.

    Raises:
        Unusable: It has another shape or kind.
    """
    image = require("PIL.Image", extra="image", purpose="reading pictures")
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if (
        pixels.dtype != np.uint8
        or pixels.ndim not in (2, 3)
        or pixels.shape[2:]
        not in (
            (),
            (3,),
            (4,),
        )
    ):
        raise Unusable(f"no picture: an array of {pixels.dtype} {pixels.shape}")
    return _colors(image.fromarray(pixels))


def _colors(picture: Any) -> Any:
    """Any mode as RGB; more than 8 bits are scaled to what occurs, the clear becomes white."""
    image = require("PIL.Image", extra="image", purpose="reading pictures")
    if picture.mode.startswith(("I", "F")):
        values = np.nan_to_num(np.asarray(picture, dtype=np.float64))
        low, high = float(values.min()), float(values.max())
        scaled = (values - low) * (255 / max(high - low, 1e-12))
        picture = image.fromarray(np.rint(scaled).astype(np.uint8))
    elif picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = image.new("RGBA", picture.size, "white")
        picture = image.alpha_composite(white, picture)
    return picture.convert("RGB")


def on_canvas(picture: Any, canvas: Canvas) -> np.ndarray:
    """uint8 `(height, width, 3)` of the canvas."""
    image = require("PIL.Image", extra="image", purpose="reading pictures")
    place = fit(picture.size, canvas)
    size = (round(picture.size[0] * place.across), round(picture.size[1] * place.down))
    if size != picture.size:
        picture = picture.resize(size, image.Resampling.BILINEAR, reducing_gap=3.0)
    pixels = np.full((canvas.height, canvas.width, 3), GRAY, dtype=np.uint8)
    pixels[place.top : place.top + size[1], place.left : place.left + size[0]] = np.asarray(picture)
    return pixels
