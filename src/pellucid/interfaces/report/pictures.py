"""Examples as a reader sees them: pictures, sounds, series, texts and values."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from typing import Any

import numpy as np

from pellucid.interfaces.report import charts
from pellucid.interfaces.report.markup import Html, tag
from pellucid.interfaces.report.words import NONE, counted, cut, name, number

MOST_VALUES = 8
"""Values of a table's row that are shown."""
TEXT = 280
"""Characters of a text that are shown."""
LINES = 4
"""Channels of a series that are drawn."""


class Budget:
    """How many bytes of pictures the page may still take; the rest is said to be left out."""

    def __init__(self, size: int) -> None:
        self.left = size

    def takes(self, size: int) -> bool:
        if size > self.left:
            return False
        self.left -= size
        return True


def example(drawings: dict[str, Any], budget: Budget, alt: str = "example") -> Html:
    """All columns of one example: what can be seen or read, then a short list of values."""
    large, values = [], []
    for column, drawn in drawings.items():
        kind, data = drawn.get("kind"), drawn.get("data")
        if kind in ("image", "audio", "series", "text"):
            large.append(_large(kind, data, budget, f"{alt}, {column}"))
        else:
            values.append(_value(column, data))
    shown = values[:MOST_VALUES]
    if len(values) > MOST_VALUES:
        more = f"and {counted(len(values) - MOST_VALUES, 'more value')}"
        shown.append(tag("div", tag("dt", more), tag("dd"), class_="more"))
    return tag("div", large, tag("dl", shown, class_="values") if shown else None, class_="drawn")


def _large(kind: str, data: Any, budget: Budget, alt: str) -> Html:
    if kind == "text":
        return tag("blockquote", cut(" ".join(str(data).split()), TEXT))
    if kind == "series":
        return series(data, alt)
    if not budget.takes(len(data["png"])):
        return tag("p", f"{kind}, left out to keep this page small", class_="note")
    return picture(data["png"], data["height"], data["width"], alt, spectrogram=kind == "audio")


def picture(
    png: str, height: int, width: int, alt: str, *, look: str = "", spectrogram: bool = False
) -> Html:
    """A PNG in base64, its pixels shown as squares where it is small."""
    if spectrogram:
        look, alt = "sound", f"{alt}: spectrogram, time to the right, pitch upward"
    elif max(height, width) < 64:
        look = f"pixels {look}".strip()
    return tag(
        "img",
        src=f"data:image/png;base64,{png}",
        alt=alt,
        width=width,
        height=height,
        class_=look or None,
    )


def series(data: Any, alt: str) -> Html:
    """`(time, channels)` as lines on a common scale."""
    values = np.array(
        [[math.nan if v is None else v for v in row] for row in data], dtype=np.float64
    )
    if values.ndim != 2 or not np.isfinite(values).any():
        return tag("p", "an empty series", class_="note")
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    y = charts.Scale(low, high if high > low else low + 1, 62, 4)
    x = charts.Scale(0, max(1, len(values) - 1), 2, 178)
    drawn = []
    for channel in range(min(LINES, values.shape[1])):
        there = np.flatnonzero(np.isfinite(values[:, channel]))
        if len(there) > 1:
            d = charts.path(x(there), y(values[there, channel]))
            drawn.append(tag("path", d=d, class_=f"line channel-{channel}"))
    said = f"{alt}: {len(values):,} points from {number(low)} to {number(high)}"
    return charts.drawing(said, 180, 66, *drawn, look="series")


def _value(column: str, data: Any) -> Html:
    if isinstance(data, float | int):
        dd = tag("dd", number(float(data)), class_="number")
        return tag("div", tag("dt", name(column)), dd)
    if isinstance(data, list):
        said = name(", ".join(map(str, data)))
    else:
        said = name(data if data not in (None, "") else NONE)
    return tag("div", tag("dt", name(column)), tag("dd", said))


# --- pixels ---------------------------------------------------------------------------------


def png(pixels: np.ndarray) -> str:
    """uint8 `(height, width, 2 | 4)`, gray or color and how opaque, as a PNG in base64.

    Like `recipe.drawings.png`, which can't be used without PyTorch.
    """
    height, width, channels = pixels.shape
    rows = np.zeros((height, 1 + width * channels), dtype=np.uint8)  # 0: no filter
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, {2: 4, 4: 6}[channels], 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
    return base64.b64encode(data).decode("ascii")


def tiles(maps: np.ndarray, across: int) -> np.ndarray:
    """uint8 `(n, height, width, 1 | 3)` side by side in rows, an empty pixel between them.

    Returns:
        uint8 `(down, across, 2 | 4)`: the last number of a pixel says how opaque it is.
    """
    count, height, width, channels = maps.shape
    down = -(-count // across)
    shape = (down * (height + 1) - 1, min(count, across) * (width + 1) - 1, channels + 1)
    sheet = np.zeros(shape, dtype=np.uint8)
    for index, one in enumerate(maps):
        top, left = index // across * (height + 1), index % across * (width + 1)
        sheet[top : top + height, left : left + width, :-1] = one
        sheet[top : top + height, left : left + width, -1] = 255
    return sheet
