"""What the first layers of a picture network answer to, asked with drawn pictures.

Edges and stripes at every angle, flat colors, light, dark and spots are shown, and the preference
for one kind is measured. A preference is only a name if it is stronger than what filters of random
numbers show by chance: the same layer is drawn anew at random, hundreds of units, each set to the
same mean and spread on real pictures as the layer itself.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.evidence.features.ranks import Name
from pellucid.evidence.features.units import UnitLayer
from pellucid.network import cnn
from pellucid.network.assemble import Branch

ANGLES = np.arange(0, 180, 10)
WAVES = (3.0, 4.0, 6.0, 9.0)
"""Pixels from one stripe to the next."""
SHIFTS = np.arange(-4.0, 4.1, 1.0)
"""Pixels by which an edge misses the middle."""
RADII = (1.0, 1.5, 2.0, 3.0)
HUES = {
    "red": 0, "orange": 30, "yellow": 60, "green": 120, "turquoise": 165,
    "cyan": 180, "blue": 240, "violet": 270, "magenta": 300,
}  # fmt: skip
CHANGES = (0.0, 90.0)
"""Edges between colors of equal brightness: red and cyan, yellow-green and violet."""
CONTRAST = 60.0
"""Steps of 255 up and down from gray."""
RANDOM_UNITS = 1_000
"""Units with random weights that say what chance is; at least so many of each layer."""
CHANCE = 0.05
"""How likely any unit of a layer may get a name by chance, for each kind of name."""


@dataclass(frozen=True)
class Drawn:
    """Drawn pictures. pixels: float32 `(n, height, width, channels)` from 0 to 255, the first all
    gray. kind: "gray", "line", "color", "light", "spot" of each; angle: degrees, NaN if none;
    word: what it shows."""

    pixels: np.ndarray
    kind: np.ndarray
    angle: np.ndarray
    word: np.ndarray


@dataclass(frozen=True)
class Tuning:
    """What the units of a layer prefer. Each `(units,)`.

    angle: of the edges and stripes they answer to, degrees from 0 (flat) over 45 (rising to the
    right) and 90 (upright) to 180. scores: kind -> how strong the preference is, 0 to 1.
    words: kind -> the picture that excites most among those of its kind.
    """

    angle: np.ndarray
    scores: dict[str, np.ndarray]
    words: dict[str, np.ndarray]


def name_by_drawings(
    branch: Branch, layer: UnitLayer, pictures: Tensor, gray: np.ndarray, seed: int
) -> tuple[list[Name | None], Tuning]:
    """Names for the units of one convolution over pictures.

    Args:
        pictures: Real ones, encoded, `(n, height, width, channels)`.
        gray: The mean color, `(channels,)` from 0 to 255.
    """
    stage = _stage(branch, layer)
    place = _stages(branch).index(stage)
    assert layer.field is not None
    sides = [2 * size + 2 for size in layer.field.size]  # all that the middle sees, and a margin
    drawn = draw((*sides, pictures.shape[3]), gray)
    seen = before(branch, place, torch.from_numpy(drawn.pixels))
    real = before(branch, place, pictures)
    tuning = tuned(_answers(stage, seen), drawn)
    random = [tuned(_answers(one, seen), drawn).scores for one in _random_stages(stage, real, seed)]
    bars = {
        kind: float(
            np.quantile(np.concatenate([one[kind] for one in random]), 1 - CHANCE / layer.units)
        )
        for kind in tuning.scores
    }
    return [_name(tuning, bars, unit) for unit in range(layer.units)], tuning


def first_layers(
    branch: Branch, layers: list[UnitLayer], shape: tuple[int, ...]
) -> list[UnitLayer]:
    """The layers that see at most half of a picture at once."""
    if not isinstance(branch.network, cnn.Cnn) or len(shape) != 2:
        return []
    return [
        layer
        for layer in layers
        if layer.field is not None
        and max(layer.field.size) <= min(shape) / 2
        and not _stage(branch, layer).residual
    ]


def _name(tuning: Tuning, bars: dict[str, float], unit: int) -> Name | None:
    passed = {
        kind: float(scores[unit]) for kind, scores in tuning.scores.items()
        if scores[unit] > bars[kind]
    }  # fmt: skip
    if not passed:
        return None
    kind = max(passed, key=lambda one: passed[one] - bars[one])
    word = str(tuning.words[kind][unit])
    said = f"edge, {round(tuning.angle[unit]) % 180} degrees" if kind == "line" else word
    return Name(said, passed[kind], bars[kind], kind)


# --- drawing --------------------------------------------------------------------------------------


def draw(shape: tuple[int, ...], gray: np.ndarray) -> Drawn:
    """All drawings for pictures of `(height, width, channels)`."""
    height, width, channels = shape
    plain = [(np.zeros((height, width)), "gray", np.nan, "gray")]
    shades = plain + _lines(height, width) + _lights(height, width) + _spots(height, width)
    pixels = [gray + CONTRAST * shade[:, :, None] * np.ones(channels) for shade, *_ in shades]
    facts = [one[1:] for one in shades]
    if channels == 3:
        for shade, kind, angle, word in _edges(height, width):
            for degrees in CHANGES:
                pixels.append(gray + CONTRAST * shade[:, :, None] * hue(degrees))
                facts.append((kind, angle, word))
        for name, degrees in HUES.items():
            color = gray + CONTRAST * hue(degrees)
            pixels.append(np.broadcast_to(color, (height, width, 3)))
            facts.append(("color", np.nan, name))
    kinds, angles, words = (np.array(column) for column in zip(*facts, strict=True))
    stack = np.clip(np.stack(pixels), 0, 255).astype(np.float32)
    return Drawn(stack, kinds, angles.astype(float), words)


Shade = tuple[np.ndarray, str, float, str]


def _lines(height: int, width: int) -> list[Shade]:
    """Edges and stripes at all angles."""
    stripes = [
        (np.sin(2 * np.pi * (_side(height, width, angle) / wave + phase)), "line", angle, "stripes")
        for angle in ANGLES.tolist()
        for wave in WAVES
        for phase in (0.0, 0.25, 0.5, 0.75)
    ]
    return _edges(height, width) + stripes


def _edges(height: int, width: int) -> list[Shade]:
    """From dark to light and from light to dark, through the middle and beside it."""
    return [
        (sign * np.clip(2 * (_side(height, width, angle) - shift), -1, 1), "line", angle, "edge")
        for angle in ANGLES.tolist()
        for shift in SHIFTS
        for sign in (1, -1)
    ]


def _side(height: int, width: int, angle: float) -> np.ndarray:
    """Pixels from a line at this angle through the middle: below it and right of it is positive."""
    down, across = _from_middle(height, width)
    turn = np.deg2rad(angle)
    return np.asarray(across * np.sin(turn) + down * np.cos(turn))


def _lights(height: int, width: int) -> list[Shade]:
    flat = np.ones((height, width))
    return [(flat, "light", np.nan, "light"), (-flat, "light", np.nan, "dark")]


def _spots(height: int, width: int) -> list[Shade]:
    """Round spots, also off the middle, as a layer's places lie between pixels."""
    found: list[Shade] = []
    for radius in RADII:
        for shift in ((0, 0), (-1, -1), (-1, 0), (0, -1), (1, 1)):
            down, across = _from_middle(height, width, shift)
            spot = np.clip(radius + 0.5 - np.hypot(down, across), 0, 1)
            found.append((spot, "spot", np.nan, "light spot"))
            found.append((-spot, "spot", np.nan, "dark spot"))
    return found


def _from_middle(
    height: int, width: int, shift: tuple[int, int] = (0, 0)
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels from the middle of the picture, downward and to the right."""
    down = np.arange(height) - height // 2 - shift[0]
    across = np.arange(width) - width // 2 - shift[1]
    return np.meshgrid(down.astype(float), across.astype(float), indexing="ij")


def hue(degrees: float) -> np.ndarray:
    """A pure color as red, green and blue, of mean 0 so that it is no brighter than gray.

    >>> hue(0).round(2).tolist()
    [1.33, -0.67, -0.67]
    """
    turn = np.deg2rad(degrees - np.array([0.0, 120.0, 240.0]))
    return np.cos(turn) * 4 / 3


# --- answers to drawings --------------------------------------------------------------------------


def tuned(answers: np.ndarray, drawn: Drawn) -> Tuning:
    """Preferences from answers `(drawings, units)` before the bend, so that no threshold makes
    them look sharper than they are; what counts is how far they rise above the answer to gray."""
    above = np.maximum(answers - answers[drawn.kind == "gray"], 0.0)
    lines = np.stack([above[drawn.angle == angle].max(0) for angle in ANGLES])
    turn = np.exp(2j * np.deg2rad(ANGLES))[:, None]
    pull = (lines * turn).sum(0)
    best = {kind: above[drawn.kind == kind].max(0) for kind in ("light", "spot", "line", "color")
            if (drawn.kind == kind).any()}  # fmt: skip
    whole = sum(best.values())
    scores = {"line": _share(np.abs(pull), lines.sum(0))}
    scores |= {kind: _share(best[kind], whole) for kind in best if kind != "line"}
    words = {
        kind: drawn.word[drawn.kind == kind][above[drawn.kind == kind].argmax(0)] for kind in best
    }
    return Tuning(np.rad2deg(np.angle(pull)) / 2 % 180, scores, words)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 1e-9)


def _stages(branch: Branch) -> list[cnn.Layer]:
    return [stage for stage in branch.network.stages if isinstance(stage, cnn.Layer)]  # type: ignore[union-attr]


def _stage(branch: Branch, layer: UnitLayer) -> cnn.Layer:
    name = layer.tap.removesuffix(" / activation").rpartition(" / ")[2]
    return next(stage for stage in _stages(branch) if stage.name == name)


@torch.no_grad()
def before(branch: Branch, place: int, pictures: Tensor) -> Tensor:
    """What reaches a stage, `(n, height, width, features)`."""
    x, _ = branch.embed(pictures)
    for stage in _stages(branch)[:place]:
        x, _ = stage(x, None)
    return x


@torch.inference_mode()
def _answers(stage: cnn.Layer, x: Tensor) -> np.ndarray:
    """Of each unit in the middle of its map, before the bend: `(pictures, units)`."""
    caught: list[Tensor] = []
    hook = stage.norm.register_forward_hook(lambda module, given, result: caught.append(result))
    try:
        for part in x.split(256):
            stage(part, None)
    finally:
        hook.remove()
    maps = torch.cat([one[:, one.shape[1] // 2, one.shape[2] // 2] for one in caught])
    return maps.double().numpy()


@torch.no_grad()
def _random_stages(stage: cnn.Layer, real: Tensor, seed: int) -> list[cnn.Layer]:
    """The same layer with weights drawn at random, normalized on real pictures."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    units = stage.convolution.out_channels
    for _ in range(-(-max(RANDOM_UNITS, round(units / CHANCE)) // units)):
        other = copy.deepcopy(stage)
        weight = other.convolution.weight
        spread = weight.std().item()
        nn.init.normal_(weight, 0.0, spread, generator=generator)
        normalize(other, real)
        found.append(other.eval())
    return found


@torch.no_grad()
def normalize(stage: cnn.Layer, real: Tensor) -> None:
    """Set the remembered mean and variance to those of real pictures."""
    caught: list[Tensor] = []
    hook = stage.norm.register_forward_hook(lambda module, given, result: caught.append(given[0]))
    try:
        stage.eval()(real, None)
    finally:
        hook.remove()
    values = caught[0].reshape(-1, caught[0].shape[-1])
    stage.norm.running_mean.copy_(values.mean(0))
    stage.norm.running_var.copy_(values.var(0))
