"""Generated pictures with several shapes each, and where they are, as COCO JSON.

The shapes are those of `shapes.py`; here they lie anywhere, in many sizes, on one background, some
pictures with none at all. `scenes/images/0001.png`, `scenes/annotations.json`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.errors import require
from pellucid.examples.shapes import FINE, OUTLINES

SIDE = 128
"""Pixels of a picture."""
SHAPES = ("circle", "cross", "square", "star", "triangle")
PICTURES = 400
MOST = 6
"""Shapes in a picture."""
APART = 0.1
"""Shapes may overlap by so much of the smaller one's box."""
SEED = 0

Box = tuple[float, float, float, float]


def draw(
    random: np.random.Generator, side: int = SIDE, names: tuple[str, ...] = SHAPES
) -> tuple[np.ndarray, list[tuple[str, Box]]]:
    """One picture, uint8 `(side, side, 3)`, and its shapes with left, top, right, bottom."""
    picture = _background(random, side)
    found: list[tuple[str, Box]] = []
    for _ in range(random.integers(0, MOST + 1)):
        name = names[random.integers(len(names))]
        radius = side * random.uniform(0.06, 0.17)
        center = random.uniform(radius, side - radius, 2)
        points = _turned(OUTLINES[name].points, random.uniform(0, 360)) * radius + center
        box: Box = (*points.min(0).tolist(), *points.max(0).tolist())
        if any(_covered(box, other) > APART for _, other in found):
            continue
        color = _unlike(picture[int(center[1]), int(center[0])], random)
        covered = _filled(points, side)[:, :, None]
        picture = picture + covered * (color - picture)
        found.append((name, box))
    picture += random.normal(0, random.uniform(0, 12), picture.shape)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8), found


def write(
    folder: Path,
    pictures: int = PICTURES,
    side: int = SIDE,
    names: tuple[str, ...] = SHAPES,
    seed: int = SEED,
) -> Path:
    """`scenes/` with pictures and their annotations."""
    image = require("PIL.Image", extra="image", purpose="writing pictures")
    random = np.random.default_rng(seed)
    source = folder / "scenes"
    (source / "images").mkdir(parents=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number in range(pictures):
        pixels, found = draw(random, side, names)
        file = f"{number:04d}.png"
        image.fromarray(pixels).save(source / "images" / file, compress_level=1)
        images.append({"id": number, "file_name": file, "width": side, "height": side})
        for name, (left, top, right, bottom) in found:
            box = [round(edge, 2) for edge in (left, top, right - left, bottom - top)]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": names.index(name) + 1,
                    "bbox": box,
                    "area": round(box[2] * box[3], 2),
                    "iscrowd": 0,
                }
            )
    categories = [{"id": number, "name": name} for number, name in enumerate(names, start=1)]
    about = {"description": "generated shapes, drawn by Pellucid with a fixed seed"}
    data = {"info": about, "images": images, "annotations": annotations, "categories": categories}
    (source / "annotations.json").write_text(json.dumps(data) + "\n", "utf-8")
    return source


def _background(random: np.random.Generator, side: int) -> np.ndarray:
    """float64 `(side, side, 3)`: a color with a slope and clouds."""
    color = random.uniform(40, 215, 3)
    across = (np.arange(side) / side - 0.5)[None, :] * random.uniform(-60, 60)
    down = (np.arange(side) / side - 0.5)[:, None] * random.uniform(-60, 60)
    grid = random.normal(0, random.uniform(2, 14), (9, 9))
    place = np.linspace(0, 8, side)
    blend = np.maximum(0, 1 - np.abs(place[:, None] - np.arange(9)))
    return color + (across + down + blend @ grid @ blend.T)[:, :, None]


def _turned(points: np.ndarray, degrees: float) -> np.ndarray:
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return points @ np.array([[cos, sin], [-sin, cos]])


def _unlike(behind: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A color that can be told from what is behind it."""
    while True:
        color = random.uniform(10, 245, 3)
        if np.abs(color - behind).max() > 60:
            return color


def _covered(one: Box, other: Box) -> float:
    """Shared part of two boxes, as a share of the smaller one."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return max(0.0, width) * max(0.0, height) / min(areas)


def _filled(points: np.ndarray, side: int) -> np.ndarray:
    """float64 `(side, side)`: the share of each pixel that lies inside."""
    image = require("PIL.Image", extra="image", purpose="drawing shapes")
    pencils = require("PIL.ImageDraw", extra="image", purpose="drawing shapes")
    canvas = image.new("L", (side * FINE, side * FINE))
    # Pillow's coordinates name the middle of a pixel, ours its upper left corner.
    pencils.Draw(canvas).polygon((points * FINE - 0.5).ravel().tolist(), fill=255)
    return np.asarray(canvas.reduce(FINE)) / 255
