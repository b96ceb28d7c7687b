"""Generated faces: small drawings of people who don't exist, to learn who is the same.

Each identity is a handful of numbers (the shape of the head, where the eyes are, hair, colors);
each picture of it has another light, place, tilt, mouth and noise.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pellucid.errors import require

SIDE, FINE = 32, 4
SEED = 0


def write(folder: Path, identities: int = 80, each: int = 10, seed: int = SEED) -> Path:
    """`generated-faces/person-007/03.png`: so many people with so many pictures each."""
    image = require("PIL.Image", extra="image", purpose="writing pictures")
    rng = np.random.default_rng(seed)
    source = folder / "generated-faces"
    for number in range(identities):
        home = source / f"person-{number:03d}"
        home.mkdir(parents=True)
        person = rng.random(14)
        for which in range(each):
            pixels = draw(person, rng)
            image.fromarray(pixels).save(home / f"{which:02d}.png", compress_level=1)
    return source


def draw(person: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One picture uint8 (32, 32, 3) of the person with these 14 numbers between 0 and 1."""
    image = require("PIL.Image", extra="image", purpose="drawing faces")
    pencils = require("PIL.ImageDraw", extra="image", purpose="drawing faces")
    side = SIDE * FINE
    behind = tuple(int(value) for value in rng.uniform(40, 215, 3))
    canvas = image.new("RGB", (side, side), behind)
    pencil = pencils.Draw(canvas)
    _paint(pencil, person, rng, side / 2 + rng.uniform(-6, 6), side / 2 + rng.uniform(-4, 10))
    turned = canvas.rotate(rng.uniform(-12, 12), fillcolor=behind)
    pixels = np.asarray(turned.reduce(FINE), dtype=np.float64)
    pixels = pixels * rng.uniform(0.7, 1.2) + rng.uniform(-15, 15)
    slope = np.linspace(-1, 1, SIDE) * rng.uniform(-25, 25)
    pixels += slope[None, :, None] + rng.normal(0, 6, pixels.shape)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def _paint(pencil: Any, person: np.ndarray, rng: np.random.Generator, x: float, y: float) -> None:
    """Hair, head, eyes, brows, nose and mouth around a middle."""
    wide, tall, eyes, apart, size, nose, mouth, hair, fringe, brow, *colors = person
    skin = _between((95, 60, 45), (245, 210, 185), colors[0])
    strands = _between((25, 20, 20), (225, 190, 110), colors[1])
    iris = _between((40, 60, 130), (90, 60, 30), colors[2])
    lips = _between((150, 60, 60), (215, 120, 110), colors[3])
    across, down = 26 + 14 * wide, 34 + 14 * tall
    reach = 4 + 12 * hair
    pencil.ellipse(
        (x - across - reach / 2, y - down - reach, x + across + reach / 2, y + 8), strands
    )
    pencil.ellipse((x - across, y - down, x + across, y + down), skin)
    pencil.chord((x - across, y - down, x + across, y + down), 200, 340 - 60 * fringe, strands)
    level, gap, radius = y - 4 - 12 * eyes, 9 + 10 * apart, 3 + 4 * size
    for sign in (-1, 1):
        middle = x + sign * gap
        pencil.ellipse(
            (middle - radius - 2, level - radius, middle + radius + 2, level + radius),
            (250, 250, 250),
        )
        look = rng.uniform(-1.5, 1.5)
        pencil.ellipse((middle + look - 3, level - 3, middle + look + 3, level + 3), iris)
        height = level - radius - 3 - 4 * brow
        pencil.line((middle - radius - 2, height, middle + radius + 2, height), strands, 3)
    length = 6 + 12 * nose
    shade = tuple(int(0.75 * value) for value in skin)
    pencil.line((x, level + 4, x + 3, level + 4 + length), shade, 3)
    smile = rng.uniform(0, 8)
    half = 7 + 10 * mouth
    bottom = y + 0.62 * down
    pencil.arc((x - half, bottom - smile, x + half, bottom + smile), 0, 180, lips, 4)


def _between(dark: tuple[int, ...], light: tuple[int, ...], share: float) -> tuple[int, ...]:
    return tuple(int(a + share * (b - a)) for a, b in zip(dark, light, strict=True))
