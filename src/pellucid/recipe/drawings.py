"""Examples as a person would see them, in a form that any page can show."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.data.columns import Drawing
from pellucid.data.modalities import MODALITIES

if TYPE_CHECKING:
    from pellucid.recipe.prepare import Prepared

LONGEST_TEXT = 600
MOST_POINTS = 256


def draw_row(prepared: Prepared, row: int) -> dict[str, Any]:
    """Column -> `{"kind", "data"}` of one row's inputs; JSON-able and small."""
    return {
        column.name: as_json(MODALITIES[column.modality].draw(prepared.loaded[column.name], row))
        for column in prepared.inputs
    }


def as_json(drawing: Drawing) -> dict[str, Any]:
    """A drawing with pictures as PNG in base64 and long values cut."""
    data = drawing.data
    if drawing.kind == "image":
        data = {"png": png(data), "height": data.shape[0], "width": data.shape[1]}
    elif drawing.kind == "audio":
        picture = np.nan_to_num(np.asarray(data["picture"], dtype=np.float32))
        wave = data.get("wave")
        data = {
            "png": png(_grey(picture.T[::-1])),
            "height": picture.shape[1],
            "width": picture.shape[0],
            "rate": data["rate"],
            "wave": None if wave is None else _thin(np.asarray(wave)[:, None])[:, 0].tolist(),
        }
    elif drawing.kind == "series":
        data = np.round(_thin(np.asarray(data, dtype=np.float64)), 5).tolist()
    elif drawing.kind == "text" and len(data) > LONGEST_TEXT:
        data = data[:LONGEST_TEXT] + " …"
    elif drawing.kind == "number":
        data = float(data)
    return {"kind": drawing.kind, "data": data}


def png(pixels: np.ndarray) -> str:
    """uint8 `(height, width, 1 | 3)` as a PNG in base64; written by hand so that no picture
    library is needed (PNG specification, sections 5 and 9: no filter, zlib)."""
    height, width, channels = pixels.shape
    rows = np.zeros((height, 1 + width * channels), dtype=np.uint8)
    rows[:, 1:] = pixels.reshape(height, -1)
    color = 0 if channels == 1 else 2
    header = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in chunks:
        check = struct.pack(">I", zlib.crc32(kind + body))
        data += struct.pack(">I", len(body)) + kind + body + check
    return base64.b64encode(data).decode("ascii")


def _grey(values: np.ndarray) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) / (high - low or 1.0)
    return (scaled * 255).astype(np.uint8)[:, :, None]


def _thin(values: np.ndarray) -> np.ndarray:
    """At most `MOST_POINTS` rows, evenly."""
    step = -(-len(values) // MOST_POINTS)
    return values[:: max(1, step)]
