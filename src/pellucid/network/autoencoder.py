"""Networks that guess what was hidden: a row's cells, or patches of a picture, sound or series.

What was hidden is replaced by nothing, and a mask beside the values says so; the way through the
network is narrow enough that only what hangs together can be filled in (masked reconstruction,
as in He et al. 2022, arXiv:2111.06377, and for anomalies RIAD, Zavrtanik et al. 2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.config import Size
from pellucid.network.assemble import count_parameters
from pellucid.network.numbers import PiecewiseLinear
from pellucid.network.tap import tap
from pellucid.tasks.anomaly import Cells, every_fourth, patch_sides

CELL_WIDTH = 8
"""Floats that describe one cell."""
BINS = 24
"""Bins of a number: half of what answering needs, as only the neighborhood has to be told."""
HIDDEN_OF = 3
"""Without a mask every third column is hidden, another one in each row: what a look at
validation rows asks."""
SMALLEST = 4
"""A map of so few positions a side is not halved any further."""
MOST_HALVINGS = 3
AREAS = 4
"""Areas a side whose features are remembered (16 of a series)."""


class RowAutoencoder(nn.Module):
    """Rows of a table with hidden cells -> what was expected; see `tasks/anomaly.py: HiddenCells`.

    Inputs: `scalars` float32 `(batch, features)`, `categories` int32 `(batch, columns)`, either may
    be missing; `hidden` bool `(batch, columns)`, numbers first.
    """

    def __init__(self, cells: Cells, size: Size) -> None:
        super().__init__()
        self.cells, self.size = cells, size
        self.owner: Tensor
        self.register_buffer("owner", torch.tensor(cells.owner(), dtype=torch.long))
        features, words = cells.features, len(cells.words)
        self.numbers = PiecewiseLinear(features, CELL_WIDTH, BINS) if features else None
        self.categories = nn.Embedding(cells.names, CELL_WIDTH) if words else None
        joined = CELL_WIDTH * (features + words) + cells.columns
        self.enter = nn.Linear(joined, size.width)
        self.blocks = nn.ModuleList(Residual(size.width, size.dropout) for _ in range(size.depth))
        self.norm = nn.LayerNorm(size.width)
        self.head = nn.Linear(size.width, 2 * features + cells.names)

    @torch.no_grad()
    def prepare(self, inputs: Mapping[str, Tensor]) -> None:
        """See some training rows once: number vectors begin with their quantiles."""
        if self.numbers is not None:
            self.numbers.prepare(inputs["scalars"])

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        hidden = inputs["hidden"] if "hidden" in inputs else self.in_turn(inputs)
        seen = (~hidden).to(self.enter.weight.dtype)
        parts = []
        if self.numbers is not None:
            vectors = self.numbers(inputs["scalars"])
            parts.append((vectors * seen[:, self.owner, None]).flatten(1))
        if self.categories is not None:
            vectors = self.categories(inputs["categories"].long())
            parts.append((vectors * seen[:, len(self.cells.numbers) :, None]).flatten(1))
        x = tap("entered", self.enter(torch.cat([*parts, seen], 1)))
        for number, block in enumerate(self.blocks, start=1):
            x = tap(f"block {number}", block(x))
        guess = self.head(self.norm(x))
        return tap("output", torch.cat([guess, hidden.to(guess.dtype)], 1))

    def in_turn(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """bool `(batch, columns)`: each row hides every third column, beginning with another."""
        some = next(iter(inputs.values()))
        rows = torch.arange(len(some), device=some.device)[:, None]
        columns = torch.arange(self.cells.columns, device=some.device)
        return (rows + columns) % min(HIDDEN_OF, self.cells.columns) == 0

    def describe(self) -> dict[str, Any]:
        cells = f"{self.cells.columns} columns"
        return _described(self, "row with hidden cells", cells, [])


class Residual(nn.Module):
    """Normalize, widen, bend, narrow, and add to what came in."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.wide, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        bent: Tensor = self.narrow(self.dropout(F.silu(self.wide(self.norm(x)))))
        return x + bent


class FieldAutoencoder(nn.Module):
    """Pictures, sounds or series with hidden patches -> what was expected there; see
    `tasks/anomaly.py: HiddenPatches`.

    Halved up to three times on the way in, doubled again on the way out, with a short cut at every
    size (a U-Net, Ronneberger et al. 2015): what is hidden is hidden on all of them.

    Args:
        group: Name of the input `(batch, *positions, channels)`; NaN is padding or missing.
        mean, std: of each channel, in the units of the input.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        group: str,
        positions: tuple[int, ...],
        mean: tuple[float, ...],
        std: tuple[float, ...],
        size: Size,
    ) -> None:
        super().__init__()
        self.group, self.positions, self.size = group, positions, size
        self.patch = patch_sides(positions)
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("std", torch.tensor(std))
        flat = len(positions) == 1
        channels = len(mean)
        sides = _halvings((1, *positions) if flat else positions)
        widths = [min(size.width * 2**level, 4 * size.width) for level in range(len(sides))]
        self.enter = Convolutions(channels + 1, widths[0], flat)
        self.down = nn.ModuleList(
            Convolutions(inner, outer, flat, halve=True) for inner, outer in pairwise(widths)
        )
        self.up = nn.ModuleList(
            Convolutions(inner + outer, outer, flat)
            for inner, outer in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.head = nn.Conv2d(widths[0], 2 * channels, 1)

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        values = (inputs[self.group].float() - self.mean) / self.std
        hidden = inputs["hidden"] if "hidden" in inputs else self.in_turn(values)
        there = ~torch.isnan(values)
        seen = torch.where(there & ~hidden[..., None], values, 0.0)
        x = torch.cat([seen, hidden[..., None].to(seen.dtype)], -1)
        x = x.unsqueeze(1) if len(self.positions) == 1 else x
        x = tap("entered", self.enter(x.permute(0, 3, 1, 2)))
        passed = [x]
        for number, step in enumerate(self.down, start=1):
            x = tap(f"halved {number}", step(x))
            passed.append(x)
        for number, step in enumerate(self.up, start=1):
            beside = passed[-1 - number]
            x = F.interpolate(x, size=beside.shape[2:], mode="nearest")
            x = tap(f"doubled {number}", step(torch.cat([x, beside], 1)))
        guess = self.head(x).permute(0, 2, 3, 1)
        guess = guess.squeeze(1) if len(self.positions) == 1 else guess
        return tap("output", torch.cat([guess, hidden[..., None].to(guess.dtype)], -1))

    def features(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """What the narrowest part makes of whole examples, in at most 4 x 4 areas:
        `(batch, areas * features)`."""
        values = (inputs[self.group].float() - self.mean) / self.std
        shown = torch.nan_to_num(values)
        x = torch.cat([shown, torch.zeros_like(shown[..., :1])], -1)
        x = x.unsqueeze(1) if len(self.positions) == 1 else x
        x = self.enter(x.permute(0, 3, 1, 2))
        for step in self.down:
            x = step(x)
        down, across = x.shape[2:]
        areas = (min(down, AREAS), min(across, AREAS if down > 1 else AREAS**2))
        return F.adaptive_avg_pool2d(x, areas).flatten(1)

    def in_turn(self, values: Tensor) -> Tensor:
        """bool `(batch, *positions)`: a fourth of the patches, another fourth in each example."""
        patterns = torch.stack(
            [every_fourth(self.positions, self.patch, n, values.device) for n in range(4)]
        )
        return patterns[torch.arange(len(values), device=values.device) % 4]

    def describe(self) -> dict[str, Any]:
        sides = " x ".join(map(str, self.patch))
        return _described(
            self, self.group, f"patches of {sides} positions hidden", list(self.positions)
        )


class Convolutions(nn.Module):
    """Two convolutions with normalization over groups of features, the second one added."""

    def __init__(self, inner: int, outer: int, flat: bool, *, halve: bool = False) -> None:
        super().__init__()
        kernel, padding = ((1, 5), (0, 2)) if flat else ((3, 3), (1, 1))
        stride = ((1, 2) if flat else (2, 2)) if halve else (1, 1)
        self.first = nn.Conv2d(inner, outer, kernel, stride, padding, bias=False)
        self.first_norm = nn.GroupNorm(max(1, outer // 8), outer)
        self.second = nn.Conv2d(outer, outer, kernel, 1, padding, bias=False)
        self.second_norm = nn.GroupNorm(max(1, outer // 8), outer)

    def forward(self, x: Tensor) -> Tensor:
        x = F.silu(self.first_norm(self.first(x)))
        return x + F.silu(self.second_norm(self.second(x)))


def _halvings(positions: tuple[int, ...]) -> list[int]:
    """The longer side at each size, the whole first: at most three halvings.

    >>> _halvings((8, 8)), _halvings((1, 150)), _halvings((64, 64))
    ([8, 4], [150, 75, 38, 19], [64, 32, 16, 8])
    """
    sides = [max(positions)]
    shortest = min(side for side in positions if side > 1) if max(positions) > 1 else 1
    while len(sides) <= MOST_HALVINGS and shortest > SMALLEST:
        sides.append(-(-sides[-1] // 2))
        shortest = -(-shortest // 2)
    return sides


def _described(model: nn.Module, group: str, way: str, positions: list[int]) -> dict[str, Any]:
    layers = []
    for name, part in model.named_modules():
        own = list(part.parameters(recurse=False))
        if own:
            layers.append(
                {
                    "name": name,
                    "kind": type(part).__name__,
                    "shape": list(max(own, key=torch.numel).shape),
                    "parameters": sum(each.numel() for each in own),
                }
            )
    part = {
        "part": group,
        "way": way,
        "positions": positions,
        "family": "autoencoder",
        "layers": layers,
        "parameters": count_parameters(model),
    }
    return {"parts": [part], "parameters": count_parameters(model)}
