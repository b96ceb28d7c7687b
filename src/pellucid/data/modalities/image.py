"""Images: files of any common format, or arrays, become uint8 pictures of one size.

Pixels stay whole numbers 0 to 255 in memory; the network normalizes them with the mean and
standard deviation found here. All decisions about size, color and range are the layout.
"""

from __future__ import annotations

import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.data.cache import Unusable, decode_all, fingerprint, parallel, readable, remember
from pellucid.data.columns import (
    Drawing,
    Entry,
    Loaded,
    Modality,
    Progress,
    RawColumn,
    Reading,
    modality,
    silent,
)
from pellucid.data.files import locate, recognize_files
from pellucid.data.near import shared_keys
from pellucid.errors import require

if TYPE_CHECKING:
    from PIL.Image import Image

ENDINGS = frozenset(
    f".{ending}"
    for ending in (
        *("png", "jpg", "jpeg", "jpe", "jfif", "bmp", "dib", "gif", "tif", "tiff", "webp"),
        *("avif", "ppm", "pgm"),
        "heic",  # not decoded, but then the problem has a name
    )
)
FORMATS = ("PNG", "JPEG", "BMP", "DIB", "GIF", "TIFF", "WEBP", "AVIF", "PPM")
"""Formats that are opened; not all that Pillow knows (EPS would start another program)."""

SIDES = (128, 96, 64, 48, 32)
"""Short sides to choose from when pictures have to be resized."""

NATIVE = 96
"""Pictures of one size keep it up to this side."""

LARGEST = 1_500_000_000
"""Bytes that all pictures of a column may take."""

GREY = {"1", "L", "LA", "La"}
DEEP = {"I", "I;16", "I;16L", "I;16B", "I;16N", "F"}
"""Pillow's modes with more than 8 bits; their values have to be scaled."""

SAME = 0.05
"""Difference, as a share of the contrast, up to which two pictures count as one."""

FLAT = 2.0
"""Contrast (of 255) below which a picture shows too little to be compared."""

NOT_FINITE = "some pixels are not a number or infinite"

CHUNK = 4096
"""Pictures handled at once where whole columns are computed with."""

Header = tuple[str, int, int, bool]
"""Mode, width and height (turned upright), and whether parts are transparent."""


@modality
class ImageModality(Modality):
    name = "image"

    def recognize(self, raw: RawColumn) -> Reading | None:
        if raw.values.ndim > 1:
            return _recognize_array(raw.values)
        return recognize_files(raw, ENDINGS, "pictures")

    def load(
        self, raw: RawColumn, layout: dict[str, Any] | None = None, progress: Progress = silent
    ) -> Loaded:
        if raw.values.ndim > 1:
            return _load_array(raw.values, layout)
        return _load_files(locate(raw), layout, progress)

    def fit(self, loaded: Loaded) -> dict[str, Any]:
        """Mean and standard deviation of each channel, of pixels scaled to 0..1."""
        mean, std = _moments(loaded.values)
        height, width, channels = loaded.values.shape[1:]
        return {
            "height": height,
            "width": width,
            "channels": channels,
            "mean": mean.tolist(),
            "std": std.tolist(),
        }

    def encode(self, loaded: Loaded, fitted: dict[str, Any]) -> np.ndarray:
        """uint8 `(rows, height, width, channels)`, as it is."""
        values: np.ndarray = loaded.values
        return values

    def entry(self, name: str, fitted: dict[str, Any]) -> Entry:
        return Entry("project", (fitted["height"], fitted["width"]), fitted["channels"], name)

    def draw(self, loaded: Loaded, row: int) -> Drawing:
        return Drawing("image", np.asarray(loaded.values[row]))

    def keys(self, loaded: Loaded) -> list[str | None]:
        """Pictures whose 8 x 8 areas differ by less than SAME of their contrast share a key."""
        values = loaded.values
        if not len(values):
            return []
        parts = [_coarse(values[start : start + CHUNK]) for start in range(0, len(values), CHUNK)]
        areas = np.concatenate(parts)
        contrast = areas.std(axis=1)
        radius = np.where(contrast >= FLAT, SAME * contrast, 0.0) * np.sqrt(areas.shape[1])
        return shared_keys(areas, radius)


# --- files ----------------------------------------------------------------------------------


def _load_files(
    files: list[Path | None], layout: dict[str, Any] | None, progress: Progress
) -> Loaded:
    require("PIL.Image", extra="image", purpose="reading pictures")
    halves = 2 * len(files)
    with warnings.catch_warnings():
        # Pillow warns about harmless oddities of files; what matters becomes a problem by name.
        warnings.simplefilter("ignore")
        content = fingerprint(files, lambda done, total: progress(done, halves))
        found = layout is None
        if layout is None:
            layout = remember(f"image layout {content}", lambda: _plan(files))
        shape = (layout["height"], layout["width"], layout["channels"])
        decoded = decode_all(
            files,
            partial(_decode, layout=layout),
            key=f"image {content} {layout['range']}",
            shape=shape,
            dtype=np.uint8,
            progress=lambda done, total: progress(total + done, halves),
        )
    values = decoded.values
    if found and layout["channels"] == 3 and _colorless(values):
        layout = layout | {"channels": 1, "why": layout["why"] + "; all are grey"}
        values = np.ascontiguousarray(values[..., :1])
    return Loaded(values, layout, decoded.problems)


def _plan(files: list[Path | None]) -> dict[str, Any]:
    """The layout of all pictures, from their headers."""
    headers, _ = parallel(files, _header)
    good = [header for header in headers if header is not None]
    modes = [mode for mode, *_ in good]
    sizes = np.array([(height, width) for _, width, height, _ in good] or [(32, 32)])
    # Whether palettes and RGB files are grey in fact is seen once they are decoded.
    channels = 1 if good and all(mode in GREY | DEEP for mode in modes) else 3
    height, width, why = _size(sizes, len(files), channels)
    layout = {"height": height, "width": width, "channels": channels, "range": [0.0, 255.0]}
    deep = [file for file, header in zip(files, headers) if header and header[0] in DEEP]
    if deep:
        layout["range"], scaled = _range_of_files(deep)
        why += f"; {len(deep):,} of more than 8 bits: {scaled}"
    clear = sum(transparent for *_, transparent in good)
    if clear:
        why += f"; {clear:,} with transparent parts put on white"
    return layout | {"why": why}


def _size(sizes: np.ndarray, rows: int, channels: int) -> tuple[int, int, str]:
    """Height and width for pictures of `sizes` `(n, 2)` (height, width), and why."""
    height, width = (int(side) for side in sizes[0])
    memory = LARGEST / (max(rows, 1) * channels)
    equal = bool((sizes == sizes[0]).all())
    if equal and max(height, width) <= NATIVE and height * width <= memory:
        return height, width, f"{width} x {height} pixels, as they are"
    aspect = float(np.median(sizes[:, 1] / sizes[:, 0]))
    consistent = np.mean(np.abs(np.log(sizes[:, 1] / sizes[:, 0] / aspect)) < 0.15) >= 0.8
    aspect = float(np.clip(aspect, 0.5, 2.0)) if consistent else 1.0
    short = _short_side(sizes, rows, memory * min(aspect, 1 / aspect))
    height = 4 * round(short / min(1.0, aspect) / 4) if aspect < 1 else short
    width = 4 * round(short * aspect / 4) if aspect > 1 else short
    low, high = sizes.min(axis=0), sizes.max(axis=0)
    shape = "their usual shape" if consistent else "square, because their shapes differ"
    return (
        height,
        width,
        f"{low[1]} x {low[0]} to {high[1]} x {high[0]} pixels, "
        f"resized to {width} x {height} ({shape})",
    )


def _short_side(sizes: np.ndarray, rows: int, pixels: float) -> int:
    """The short side: no larger than the pictures, than memory allows, than time allows."""
    median = float(np.median(sizes.min(axis=1)))
    if median < SIDES[-1]:
        return max(8, 4 * round(median / 4))
    # Every doubling of the side costs four times the time on every picture.
    allowed = 128 if rows <= 2_000 else 96 if rows <= 10_000 else 64
    fitting = (side for side in SIDES if side <= min(median, allowed) and side * side <= pixels)
    return next(fitting, SIDES[-1])


def _header(path: Path | None) -> Header:
    with _open(path) as image:
        width, height = image.size
        # Asking a PNG for its orientation would decode it; Pillow turns TIFF by itself.
        turned = image.format != "TIFF" and (image.format != "PNG" or "exif" in image.info)
        if turned and image.getexif().get(0x0112, 1) in (5, 6, 7, 8):
            width, height = height, width
        return image.mode, width, height, image.has_transparency_data


def _decode(path: Path | None, layout: dict[str, Any]) -> np.ndarray:
    """uint8 `(height, width, channels)`: every pixel is decoded, so that broken files are found."""
    from PIL import ImageOps

    height, width = layout["height"], layout["width"]
    with _open(path) as image:
        try:
            # JPEG can leave out detail while decoding: many times faster for photos.
            image.draft(None, (2 * max(height, width), 2 * max(height, width)))
            image.load()
            upright = ImageOps.exif_transpose(image) if _turned(image) else image
            return _pixels(upright, layout)
        except Unusable:
            raise
        except Exception as error:  # decoders raise anything on damaged bytes
            raise Unusable(_explain(error, readable(path))) from None


def _open(path: Path | None) -> Image:
    from PIL import Image

    file = readable(path)
    try:
        return Image.open(file, formats=FORMATS)
    except Exception as error:  # as above
        raise Unusable(_explain(error, file)) from None


def _turned(image: Image) -> bool:
    return image.getexif().get(0x0112, 1) != 1


def _pixels(image: Image, layout: dict[str, Any]) -> np.ndarray:
    """Any mode -> uint8 `(height, width, 1 | 3)` of the layout's size."""
    from PIL import Image

    if image.mode in DEEP:
        values = np.asarray(image)
        if not np.isfinite(values).all():
            raise Unusable(NOT_FINITE)
        image = Image.fromarray(_to_bytes(values, layout["range"]))
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    image = image.convert("L" if layout["channels"] == 1 else "RGB")
    size = (layout["width"], layout["height"])
    if image.size != size:
        image = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)
    return np.asarray(image).reshape(layout["height"], layout["width"], layout["channels"])


def _explain(error: Exception, path: Path) -> str:
    """Why a picture can't be decoded, in a person's words."""
    from PIL import Image, UnidentifiedImageError

    text = str(error)
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(16)
    if isinstance(error, Image.DecompressionBombError | MemoryError):
        return f"too large: {text.partition(',')[0] or 'not enough memory'}"
    if isinstance(error, PermissionError):
        return "can't be read: no permission"
    if start[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1"):
        return "HEIC is not supported: save it as JPEG or PNG"
    if not _looks_like_image(start):
        return f"not an image (begins with {repr(start[:8])[1:]})"
    wanted = _whole_size(start)
    if wanted is not None and wanted > size:
        return f"truncated: {size:,} of {wanted:,} bytes"
    if "truncated" in text.lower() or "end of file" in text.lower() or "eof" in text.lower():
        return f"truncated: the picture breaks off after {size:,} bytes"
    if isinstance(error, UnidentifiedImageError):
        return f"truncated or damaged: no picture can be made of its {size:,} bytes"
    return f"damaged: {text or type(error).__name__}"


def _whole_size(start: bytes) -> int | None:
    """Bytes that a BMP or WebP file should have by its own header; None for other formats."""
    if start[:2] == b"BM":
        return int.from_bytes(start[2:6], "little")
    if start[:4] == b"RIFF":
        return int.from_bytes(start[4:8], "little") + 8
    return None


def _looks_like_image(start: bytes) -> bool:
    known = (b"\x89PNG", b"\xff\xd8", b"BM", b"GIF8", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
    netpbm = start[:1] == b"P" and start[1:2] in b"123456f"
    return start.startswith(known) or netpbm or start[8:12] == b"WEBP" or start[4:8] == b"ftyp"


# --- arrays ---------------------------------------------------------------------------------


def _recognize_array(values: np.ndarray) -> Reading | None:
    """Pictures `(rows, height, width[, channels])`; flat rows of numbers are none."""
    pictures = _with_channels(values)
    if pictures is None or not len(pictures) or values.dtype.kind not in "bufi":
        return None
    height, width, channels = pictures.shape[1:]
    shape = f"arrays of {height} x {width}, {channels} channel{'s' if channels > 1 else ''}"
    if min(height, width) < 4:
        return None
    if values.dtype == np.uint8 or values.ndim == 4:
        return Reading(0.97, shape)
    # Several measurements over time have the same number of axes: pictures are nearly square,
    # and their values are no less than zero.
    if max(height, width) > 2 * min(height, width) or np.min(pictures[:100]) < 0:
        return None
    return Reading(0.85, f"{shape}, nearly square, no value below zero")


def _with_channels(values: np.ndarray) -> np.ndarray | None:
    """`(rows, height, width, channels)`, a view; None if these can't be pictures."""
    if values.ndim == 3 and values.shape[-1] > 4:
        return values[..., None]
    if values.ndim == 4 and values.shape[3] in (1, 3, 4):
        return values
    if values.ndim == 4 and values.shape[1] in (1, 3, 4):  # PyTorch's order
        return np.moveaxis(values, 1, 3)
    return None


def _load_array(values: np.ndarray, layout: dict[str, Any] | None) -> Loaded:
    pictures = _with_channels(values)
    if pictures is None:
        # A single odd shape at prediction; name it for every row.
        why = f"not a picture: an array of shape {values.shape[1:]}"
        shape = _shape(layout or {"height": 1, "width": 1, "channels": 1})
        empty = np.zeros((len(values), *shape), dtype=np.uint8)
        return Loaded(empty, layout or {}, dict.fromkeys(range(len(values)), why))
    found = layout is None
    layout = _plan_array(pictures) if layout is None else layout
    bad = _not_finite(pictures)
    if pictures.dtype == np.uint8 and pictures.shape[1:] == _shape(layout):
        result = pictures
    else:
        result = np.zeros((len(pictures), *_shape(layout)), dtype=np.uint8)
        for row in range(len(pictures)):
            if row not in bad:
                result[row] = _picture(pictures[row], layout)
    if found and layout["channels"] == 3 and _colorless(result):
        layout = layout | {"channels": 1, "why": layout["why"] + "; all are grey"}
        result = np.ascontiguousarray(result[..., :1])
    return Loaded(result, layout, bad)


def _shape(layout: dict[str, Any]) -> tuple[int, int, int]:
    return layout["height"], layout["width"], layout["channels"]


def _plan_array(pictures: np.ndarray) -> dict[str, Any]:
    channels = 1 if pictures.shape[3] == 1 else 3
    height, width, why = _size(np.array([pictures.shape[1:3]]), len(pictures), channels)
    layout = {"height": height, "width": width, "channels": channels, "range": [0.0, 255.0]}
    if pictures.dtype != np.uint8:
        finite = pictures[np.isfinite(pictures)] if pictures.dtype.kind == "f" else pictures
        low, high = (finite.min(), finite.max()) if finite.size else (0, 1)
        whole = pictures.dtype.kind in "bui" or not (finite % 1).any()
        layout["range"], scaled = _range(float(low), float(high), bool(whole))
        why += f"; {scaled}"
    return layout | {"why": why}


def _picture(pixels: np.ndarray, layout: dict[str, Any]) -> np.ndarray:
    """One array `(height, width, channels)` of any kind in the layout's size and channels."""
    height, width, channels = _shape(layout)
    if pixels.dtype != np.uint8:
        pixels = _to_bytes(pixels, layout["range"])
    if pixels.shape == (height, width, channels):
        return pixels
    from_array = require("PIL.Image", extra="image", purpose="resizing pictures").fromarray
    return _pixels(from_array(pixels[..., 0] if pixels.shape[2] == 1 else pixels), layout)


def _not_finite(pictures: np.ndarray) -> dict[int, str]:
    if pictures.dtype.kind != "f":
        return {}
    broken = np.flatnonzero(~np.isfinite(pictures).all(axis=(1, 2, 3)))
    return dict.fromkeys(broken.tolist(), NOT_FINITE)


# --- values ---------------------------------------------------------------------------------


def _range_of_files(deep: list[Path | None]) -> tuple[list[float], str]:
    """What counts as black and white in files of more than 8 bits, from at most 100 of them."""
    low, high, whole = np.inf, -np.inf, True
    for row in np.unique(np.linspace(0, len(deep) - 1, 100, dtype=int)):
        try:
            with _open(deep[row]) as image:
                pixels = np.asarray(image)
        except Exception:  # a damaged file; decoding names it
            continue
        pixels = pixels[np.isfinite(pixels)]
        if pixels.size:
            low, high = min(low, float(pixels.min())), max(high, float(pixels.max()))
            whole = whole and not (pixels % 1).any()
    return _range(low, high, whole) if high >= low else ([0.0, 65535.0], "16 bits")


def _range(low: float, high: float, whole: bool) -> tuple[list[float], str]:
    """The values that become 0 and 255, and why."""
    if low >= 0 and high <= 1:
        return [0.0, 1.0], "values 0 to 1 scaled to 0..255"
    if low >= 0 and whole:
        bits = next((bits for bits in (4, 8, 10, 12, 14, 16) if high <= 2**bits), None)
        if bits is not None:
            # 4 bits: scikit-learn's digits count 0 to 16.
            top = 2.0**bits - (0 if high == 2**bits else 1)
            return [0.0, top], f"whole numbers up to {high:g} scaled from 0..{top:g} to 0..255"
    if low >= 0 and 127 < high <= 255:
        return [0.0, 255.0], "values 0 to 255"
    return [low, high], f"values {low:g} to {high:g} scaled to 0..255"


def _to_bytes(values: np.ndarray, limits: list[float]) -> np.ndarray:
    """uint8 of the same shape; `limits` become 0 and 255, values beyond are clipped."""
    low, high = limits
    scaled = (values.astype(np.float32) - low) * np.float32(255.0 / max(high - low, 1e-12))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def _colorless(values: np.ndarray) -> bool:
    """Whether red, green and blue are equal everywhere (JPEG noise of one step allowed)."""
    for start in range(0, len(values), CHUNK):
        part = values[start : start + CHUNK].astype(np.int16)
        if np.ptp(part, axis=3).max(initial=0) > 1:
            return False
    return len(values) > 0


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation `(channels,)` of pixels / 255, exact."""
    channels = values.shape[3]
    counts = np.zeros((channels, 256), dtype=np.int64)
    for start in range(0, len(values), CHUNK):
        part = values[start : start + CHUNK]
        for channel in range(channels):
            counts[channel] += np.bincount(part[..., channel].ravel(), minlength=256)
    level = np.arange(256) / 255.0
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    mean = share @ level
    std = np.sqrt(np.maximum(share @ level**2 - mean**2, 0.0))
    return mean, np.where(std > 1e-6, std, 1.0)


# --- near-duplicates ------------------------------------------------------------------------


def _coarse(values: np.ndarray) -> np.ndarray:
    """Float32 `(rows, 8 * 8 * channels)`: mean colors of 8 x 8 areas."""
    height, width = values.shape[1:3]
    pixels = np.moveaxis(values, 3, 1).astype(np.float32)  # (rows, channels, height, width)
    areas = _areas(8, height) @ pixels @ _areas(8, width).T
    return np.asarray(areas.reshape(len(values), -1))


def _areas(parts: int, size: int) -> np.ndarray:
    """Float32 `(parts, size)`: the share of each pixel in the mean of each of `parts` areas."""
    start = np.arange(parts)[:, None] * size / parts
    pixel = np.arange(size)[None, :]
    overlap = np.minimum(start + size / parts, pixel + 1) - np.maximum(start, pixel)
    return np.asarray(np.maximum(overlap, 0) * parts / size, dtype=np.float32)
