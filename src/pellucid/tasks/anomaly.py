"""Anomaly detection: learning what is normal by guessing what was hidden from what was left.

Nobody says what is strange. A part of every example is hidden (some cells of a row, some patches
of a picture, a sound or a series), and the network says what it expects there and how sure it is.
Where things hang together as they always do, the guess is good. An anomaly is what could not
have been guessed.

The loss of one hidden number is how improbable it is under the network's guess: a normal
distribution of its mean and spread (its negative logarithm); of a category, the cross-entropy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.tasks.task import Objective, wide

TRIMMED = 0.1
"""Share of a batch that is not learned from if it stands out: rows to learn from that are no
normal ones (recipes 11: train only on the lowest-loss 90 %)."""
STANDS_OUT = 3.0
"""Spreads above the batch's middle from which a loss stands out. Early on all losses are alike,
so that nothing is left out until the network knows what is usual."""
FEWEST_TOLD, LEAST_SPREAD = 8, 0.1
"""How many losses tell what is usual, and their least spread: few may be alike by chance."""
SPREADS = (-3.0, 2.0)
"""Logarithm of the least and the largest spread that a guess may have."""


@dataclass(frozen=True)
class Cells:
    """How the columns of a table lie in the encoded groups.

    numbers: (first, last + 1) of each column's features in `scalars`; several numbers may describe
    one column (a text). words: the same of each column's numbers in the common table of
    `categories`. Columns are counted numbers first.
    """

    numbers: tuple[tuple[int, int], ...]
    words: tuple[tuple[int, int], ...]

    @property
    def columns(self) -> int:
        return len(self.numbers) + len(self.words)

    @property
    def features(self) -> int:
        return self.numbers[-1][1] if self.numbers else 0

    @property
    def names(self) -> int:
        """How many different categories there are in all columns together."""
        return self.words[-1][1] if self.words else 0

    def owner(self) -> list[int]:
        """The column of each feature in `scalars`."""
        return [column for column, (low, high) in enumerate(self.numbers) for _ in range(low, high)]


class HiddenCells(Objective):
    """Rows of a table, of which some cells are hidden.

    Output `(batch, 2 * features + names + columns)`: what is expected of each number, the
    logarithm of its spread, a score for each category, and which columns were hidden (0 or 1).
    Target float32 `(batch, features + categories)`: the encoded row.
    """

    kind: ClassVar[str] = "anomaly"
    at_once: ClassVar[int] = 4096

    def __init__(self, cells: Cells) -> None:
        self.cells = cells
        self.outputs = 2 * cells.features + cells.names + cells.columns

    def loss(self, output: Tensor, target: Tensor, smoothing: float = 0.0) -> Tensor:
        hidden = self.hidden(output)
        each = (self.surprise(output, target) * hidden).sum(1) / hidden.sum(1).clamp(min=1.0)
        return without_strangers(each)

    def surprise(self, output: Tensor, target: Tensor) -> Tensor:
        """How improbable each cell is `(batch, columns)`, whether it was hidden or not."""
        cells, output = self.cells, wide(output)
        features = cells.features
        expected, spread = output[:, :features], output[:, features : 2 * features]
        each = improbable(target[:, :features], expected, spread)
        # A piece that many numbers describe counts like one of two, a value and its absence.
        columns = [
            each[:, low:high].sum(1) / max(1.0, (high - low) / 2) for low, high in cells.numbers
        ]
        scores = output[:, 2 * features : 2 * features + cells.names]
        for place, (low, high) in enumerate(cells.words):
            truth = target[:, features + place].long() - low
            columns.append(F.cross_entropy(scores[:, low:high], truth, reduction="none"))
        return torch.stack(columns, 1)

    def hidden(self, output: Tensor) -> Tensor:
        """Which columns were hidden, float `(batch, columns)` of 0 and 1."""
        return wide(output)[:, -self.cells.columns :]

    def vary(self, inputs: dict[str, Tensor], target: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Hide some columns of each row, here more and there fewer; at least one."""
        rows, device = len(target), target.device
        share = torch.empty(rows, 1, device=device).uniform_(0.1, 0.6)
        chance = torch.rand(rows, self.cells.columns, device=device)
        hidden = chance < share
        hidden |= chance == chance.amin(1, keepdim=True)
        return inputs | {"hidden": hidden}, target


class HiddenPatches(Objective):
    """Pictures, sounds or series, of which some patches are hidden.

    Output `(batch, *positions, 2 * channels + 1)`: what is expected, the logarithm of its spread
    (both in units of the training values' spread), and whether the position was hidden.
    Target: the encoded values `(batch, *positions, channels)`; NaN is not asked.

    Args:
        positions: (height, width), (frames, bands) or (time,).
        mean, std: of each channel, in the units of the encoded values.
    """

    kind: ClassVar[str] = "anomaly"
    at_once: ClassVar[int] = 256

    def __init__(
        self, positions: tuple[int, ...], mean: tuple[float, ...], std: tuple[float, ...]
    ) -> None:
        self.positions, self.mean, self.std = positions, mean, std
        self.channels = len(mean)
        self.outputs = 2 * self.channels + 1
        self.patch = patch_sides(positions)

    def loss(self, output: Tensor, target: Tensor, smoothing: float = 0.0) -> Tensor:
        each, there = self.surprise(output, target)
        asked = there * wide(output)[..., -1]
        around = tuple(range(1, each.ndim))
        mean = (each * asked).sum(around) / asked.sum(around).clamp(min=1.0)
        return without_strangers(mean)

    def surprise(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """How improbable each position is, mean over its channels, and where there is anything;
        both `(batch, *positions)`."""
        output, value = wide(output), self.normalized(target)
        there = ~torch.isnan(value)
        expected, spread = output[..., : self.channels], output[..., self.channels : -1]
        each = improbable(torch.nan_to_num(value), expected, spread) * there
        return each.sum(-1) / there.sum(-1).clamp(min=1), there.any(-1).to(each.dtype)

    def normalized(self, values: Tensor) -> Tensor:
        """Encoded values in units of the training values' spread."""
        mean = torch.tensor(self.mean, device=values.device)
        std = torch.tensor(self.std, device=values.device)
        return (values.float() - mean) / std

    def kept(self, output: Tensor, target: Tensor) -> Tensor:
        """One number an example: its loss before any is left out."""
        each, there = self.surprise(output, target)
        around = tuple(range(1, each.ndim))
        return (each * there).sum(around) / there.sum(around).clamp(min=1.0)

    def vary(self, inputs: dict[str, Tensor], target: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Hide some patches of each example, fine ones or coarse ones."""
        rows, device = len(target), target.device
        scale = 1 + int(torch.randint(0, 2, ()))
        sides = tuple(scale * side for side in self.patch)
        grid = [-(-length // side) for length, side in zip(self.positions, sides, strict=True)]
        share = torch.empty(rows, *[1] * len(grid), device=device).uniform_(0.2, 0.6)
        chance = torch.rand(rows, *grid, device=device)
        lowest = chance.flatten(1).amin(1).view_as(share)
        hidden = spread_out((chance < share) | (chance == lowest), sides, self.positions)
        return inputs | {"hidden": hidden}, target


def improbable(value: Tensor, expected: Tensor, log_spread: Tensor) -> Tensor:
    """Negative logarithm of a normal density, without its constant."""
    log_spread = log_spread.clamp(*SPREADS)
    return 0.5 * ((value - expected) * torch.exp(-log_spread)).square() + log_spread


def without_strangers(losses: Tensor) -> Tensor:
    """The losses `(batch,)` in which those that stand out count little or nothing.

    At most a tenth of the batch is left out, and only what lies far above the middle; the others
    count a little more, so that the mean over the batch is the mean over those that are kept. What
    stands out beyond that tenth counts like its logarithm: one row must not move a small batch.
    """
    count = len(losses)
    if count < FEWEST_TOLD:
        return losses
    most = int(TRIMMED * count)
    known = losses.detach()
    middle = known.median()
    spread = 1.4826 * (known - middle).abs().median()
    usual = middle + STANDS_OUT * spread
    keep = (known <= known.kthvalue(count - most).values) | (known <= usual)
    unit = spread.clamp(min=LEAST_SPREAD)
    bent = usual + unit * torch.log1p((losses - usual).clamp(min=0.0) / unit)
    losses = torch.where(known > usual, bent, losses)
    return torch.where(keep, losses, 0.0) * (count / keep.sum())


def patch_sides(positions: tuple[int, ...]) -> tuple[int, ...]:
    """Sides of the smallest patch: about an eighth of a picture, a sixteenth of a series.

    >>> patch_sides((8, 8)), patch_sides((64, 128)), patch_sides((150,))
    ((1, 1), (8, 8), (9,))
    """
    if len(positions) == 1:
        return (max(1, positions[0] // 16),)
    side = max(1, min(positions) // 8)
    return (side, side)


def spread_out(patches: Tensor, sides: tuple[int, ...], positions: tuple[int, ...]) -> Tensor:
    """`(batch, *grid)` of patches -> `(batch, *positions)`, each patch as large as `sides`."""
    for axis, (side, length) in enumerate(zip(sides, positions, strict=True), start=1):
        patches = patches.repeat_interleave(side, axis).narrow(axis, 0, length)
    return patches


def every_fourth(
    positions: tuple[int, ...], sides: tuple[int, ...], number: int, device: torch.device
) -> Tensor:
    """bool `positions`: one of four patterns of patches that together hide everything once."""
    grid = [math.ceil(length / side) for length, side in zip(positions, sides, strict=True)]
    places = [torch.arange(length, device=device) for length in grid]
    if len(grid) == 1:
        chosen = places[0] % 4 == number
    else:
        down, across = places
        chosen = (down[:, None] % 2 == number // 2) & (across[None] % 2 == number % 2)
    return spread_out(chosen[None], sides, positions)[0]
