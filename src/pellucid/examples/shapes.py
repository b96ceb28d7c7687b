"""Small color pictures of shapes about which everything is known.

Eight shapes at random places, sizes, angles and colors, with textures, before backgrounds, under
noise. Where the edges run, which of them are straight, and where the corners are is saved beside
the pictures, so that what the layers of a network learned can be scored against the truth.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pellucid.errors import require

SIDE = 32  # pixels
FINE = 4  # everything is drawn on a grid this much finer, then averaged
EACH = 500
SEED = 0

NOTHING, INSIDE, STRAIGHT, CURVED, CORNER = range(5)
"""What a pixel of `parts` shows: background, inside, a straight or curved edge, a corner."""


# --- outlines: in units of the shape's radius, before it is turned ------------------------------


@dataclass(frozen=True)
class Outline:
    """A closed line. points: (n, 2); corners: which points are corners; hole: radius of a hole."""

    points: np.ndarray
    corners: tuple[int, ...]
    hole: float = 0.0


def _arc(begin: float, end: float, points: int) -> np.ndarray:
    angle = np.radians(np.linspace(begin, end, points))
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _polygon(points: np.ndarray) -> Outline:
    return Outline(points, tuple(range(len(points))))


def _star() -> np.ndarray:
    radius = np.tile([1.0, 0.45], 5)[:, None]
    return radius * _arc(0, 324, 10)


def _cross(arm: float = 0.36) -> np.ndarray:
    corner = np.array([[1, -arm], [1, arm], [arm, arm]])
    turn = np.array([[0, 1], [-1, 0]])
    return np.concatenate([corner @ np.linalg.matrix_power(turn, k) for k in range(4)])


_ARROW = np.array(
    [[1, 0], [0.1, 0.85], [0.1, 0.35], [-1, 0.35], [-1, -0.35], [0.1, -0.35], [0.1, -0.85]]
)

OUTLINES: dict[str, Outline] = {
    "arrow": _polygon(_ARROW),
    "circle": Outline(_arc(0, 345, 24), ()),
    "cross": _polygon(_cross()),
    "half moon": Outline(_arc(-90, 90, 13), (0, 12)),
    "ring": Outline(_arc(0, 345, 24), (), hole=0.5),
    "square": _polygon(_arc(45, 315, 4)),
    "star": _polygon(_star()),
    "triangle": _polygon(_arc(0, 240, 3)),
}
MOST_CORNERS = max(len(outline.corners) for outline in OUTLINES.values())


# --- one picture --------------------------------------------------------------------------------


@dataclass
class Truth:
    """What one picture was drawn from, in pixels of the 32x32 picture; x to the right, y down.

    edges: bool (32, 32), the outline passes through this pixel.
    direction: float32 (32, 32), degrees 0..180 of the edge there, 0 = horizontal; NaN off edges.
    parts: uint8 (32, 32), one of NOTHING, INSIDE, STRAIGHT, CURVED, CORNER.
    corners: float32 (12, 2), x and y; NaN where the shape has fewer.
    center: float32 (2,); radius: pixels; angle: degrees.
    color, background: float32 (3,), red, green and blue 0..255 before texture and noise.
    """

    edges: np.ndarray
    direction: np.ndarray
    parts: np.ndarray
    corners: np.ndarray
    center: np.ndarray
    radius: float
    angle: float
    color: np.ndarray
    background: np.ndarray


def draw(name: str, random: np.random.Generator) -> tuple[np.ndarray, Truth]:
    """One picture, uint8 (32, 32, 3), and what is true about it."""
    outline = OUTLINES[name]
    radius = random.uniform(6.5, 13)
    angle = random.uniform(0, 360)
    center = random.uniform(radius + 1, SIDE - radius - 1, 2)
    lines = [_placed(outline.points, center, radius, angle)]
    if outline.hole:
        lines.append(_placed(outline.points * outline.hole, center, radius, angle))
    corners = np.full((MOST_CORNERS, 2), np.nan, dtype=np.float32)
    corners[: len(outline.corners)] = lines[0][list(outline.corners)]

    covered = _filled(lines)
    color, background = _two_colors(random)
    behind = background + _any_of(_BACKGROUNDS, random)
    before = color + _any_of(_TEXTURES, random)
    picture = behind + covered[:, :, None] * (before - behind)
    picture += random.normal(0, random.uniform(0, 18), picture.shape)

    edges, direction = _traced(lines)
    parts = np.where(covered > 0.5, INSIDE, NOTHING)
    parts[edges] = STRAIGHT if _all_straight(outline) else CURVED
    if 0 < len(outline.corners) < len(outline.points):  # the half moon: straight between corners
        parts[_traced([lines[0][list(outline.corners)]])[0]] = STRAIGHT
    parts[_near(corners)] = CORNER
    truth = Truth(
        edges=edges,
        direction=direction,
        parts=parts.astype(np.uint8),
        corners=corners,
        center=center.astype(np.float32),
        radius=radius,
        angle=angle,
        color=color.astype(np.float32),
        background=background.astype(np.float32),
    )
    return np.clip(np.round(picture), 0, 255).astype(np.uint8), truth


def _all_straight(outline: Outline) -> bool:
    return len(outline.corners) == len(outline.points)


def _placed(points: np.ndarray, center: np.ndarray, radius: float, angle: float) -> np.ndarray:
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return points @ np.array([[cos, sin], [-sin, cos]]) * radius + center


def _two_colors(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two colors that a person can tell apart: at least 70 of 255 steps in mean brightness
    or 110 in one channel."""
    while True:
        one, two = random.uniform(20, 235, (2, 3))
        if abs(one.mean() - two.mean()) > 70 or np.abs(one - two).max() > 110:
            return one, two


# --- surfaces: float64 (32, 32, 1), to be added to a color --------------------------------------

Surface = Callable[[np.random.Generator], np.ndarray]


def _any_of(surfaces: list[Surface], random: np.random.Generator) -> np.ndarray:
    return surfaces[random.integers(len(surfaces))](random)


def _plain(random: np.random.Generator) -> np.ndarray:
    return np.zeros((SIDE, SIDE, 1))


def _slope(random: np.random.Generator) -> np.ndarray:
    x, y = _across(random)
    return (x + y)[:, :, None] * random.uniform(10, 30)


def _stripes(random: np.random.Generator) -> np.ndarray:
    x, y = _across(random)
    return np.sin((x + y) * random.uniform(6, 16))[:, :, None] * random.uniform(6, 16)


def _clouds(random: np.random.Generator) -> np.ndarray:
    """Random brightness on a 5x5 grid, blended in between."""
    grid = random.normal(0, random.uniform(8, 20), (5, 5))
    place = np.linspace(0, 4, SIDE)
    blend = np.maximum(0, 1 - np.abs(place[:, None] - np.arange(5)))
    return (blend @ grid @ blend.T)[:, :, None]


def _across(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    angle = random.uniform(0, 2 * np.pi)
    place = np.linspace(-1, 1, SIDE)
    return np.cos(angle) * place[None, :], np.sin(angle) * place[:, None]


_BACKGROUNDS: list[Surface] = [
    _plain,
    _slope,
    _stripes,
    _clouds,
]
_TEXTURES: list[Surface] = [_plain, _plain, _slope, _stripes]


# --- drawing ------------------------------------------------------------------------------------


def _filled(lines: list[np.ndarray]) -> np.ndarray:
    """float64 (32, 32): the share of each pixel that lies inside the first and not in a hole."""
    image, pencil = _canvas()
    for line, ink in zip(lines, (255, 0), strict=False):
        pencil.polygon(_fine(line).ravel().tolist(), fill=ink)
    return np.asarray(image.reduce(FINE)) / 255


def _traced(lines: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Where closed lines run: bool (32, 32), and their direction there, float32 (32, 32)."""
    image, pencil = _canvas()
    for line in lines:
        ends = np.roll(line, -1, axis=0)
        degrees = np.degrees(np.arctan2(*(ends - line).T[::-1])) % 180
        strokes = np.concatenate([_fine(line), _fine(ends)], axis=1)
        for stroke, ink in zip(strokes.tolist(), degrees.astype(int).tolist(), strict=True):
            pencil.line(stroke, fill=ink + 1)
    # First down, then across: the rows are contiguous, which makes the larger half quick.
    inked = (
        np.asarray(image).reshape(SIDE, FINE, -1).max(axis=1).reshape(SIDE, SIDE, FINE).max(axis=2)
    )
    direction = np.where(inked > 0, inked.astype(np.float32) - 1, np.nan)
    return inked > 0, direction.astype(np.float32)


def _near(corners: np.ndarray, reach: float = 1.5) -> np.ndarray:
    """bool (32, 32): pixels whose middle is at most `reach` pixels from a corner."""
    middle = np.arange(SIDE) + 0.5
    found = corners[~np.isnan(corners[:, 0])]
    across = middle[None, None, :] - found[:, 0, None, None]
    down = middle[None, :, None] - found[:, 1, None, None]
    return (across**2 + down**2 <= reach**2).any(axis=0)


def _canvas():  # type: ignore[no-untyped-def]
    """An empty fine picture and a pencil for it (Pillow is optional, so its types are too)."""
    image = require("PIL.Image", extra="image", purpose="drawing shapes")
    draw = require("PIL.ImageDraw", extra="image", purpose="drawing shapes")
    canvas = image.new("L", (SIDE * FINE, SIDE * FINE))
    return canvas, draw.Draw(canvas)


def _fine(points: np.ndarray) -> np.ndarray:
    # Pillow's coordinates name the middle of a pixel, ours its upper left corner.
    return points * FINE - 0.5


# --- all pictures -------------------------------------------------------------------------------


def write(folder: Path, each: int = EACH) -> Path:
    """`shapes/star/0001.png` and `shapes-truth.npz`.

    The truth has the fields of `Truth`, rows first, with `picture` ("star/0001.png") and `shape`.
    """
    image = require("PIL.Image", extra="image", purpose="writing pictures")
    random = np.random.default_rng(SEED)
    source = folder / "shapes"
    files: list[str] = []
    truths: list[Truth] = []
    for name in OUTLINES:
        (source / name).mkdir(parents=True)
        for index in range(each):
            picture, truth = draw(name, random)
            files.append(f"{name}/{index:04d}.png")
            truths.append(truth)
            image.fromarray(picture).save(source / files[-1], compress_level=1)
    _save_truth(folder / "shapes-truth.npz", files, truths)
    return source


def _save_truth(path: Path, files: list[str], truths: list[Truth]) -> None:
    fields = {
        item.name: np.array([getattr(truth, item.name) for truth in truths])
        for item in dataclasses.fields(Truth)
    }
    fields["picture"] = np.array(files)
    fields["shape"] = np.array([file.partition("/")[0] for file in files])
    np.savez_compressed(path, allow_pickle=False, **fields)
