"""A network that continues series: straight lines from the past, and what bends them.

Each window is first freed of its own level and spread, which are put back at the end (RevIN, Kim
et al. 2022), so that what is learned at one height holds at any other. Then these are added:

    lines    slow course and the rest, each continued by one weighted sum for every step ahead
             (DLinear, Zeng et al. 2023); they start out as what `network/lines.py` finds in closed
             form, a classical forecast bent to the data
    own      the same for each series by itself, where validation windows want that; not learned
    effects  what columns known beforehand add: taken out of the past, put back ahead
    stacks   plain networks that look at the past through coarse, middling and fine glasses, each
             explaining what the one before left (N-HiTS, Challu et al. 2023), told the calendar,
             what is known of the future, and which series it is

The answer is nine quantiles a step: the middle one, and distances from it that can't be negative,
so that quantiles never cross.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.config import Size
from pellucid.network.assemble import layers_of
from pellucid.network.lines import Begin, Geometry, Own, naive_weights, normalize
from pellucid.network.tap import scope, tap
from pellucid.tasks.forecast import MEDIAN, QUANTILES

POOLS = (16, 8, 1)
"""Steps of the past that the glasses of each stack melt into one."""
SERIES_WIDTH = 16
MEMBERS = 3
"""Networks with different starts, whose answers are averaged: steadier than any of them."""
LINES_RATE = 0.1
"""Rate of the lines as a share of the others': they start out close to their goal."""


class Forecaster(nn.Module):
    """Several networks (members) side by side in one, each with weights of its own.

    Inputs by group: `past` float32 `(batch, context, channels)`, NaN before a series begins;
    `ahead` float32 `(batch, horizon, ahead)` if anything is known; `series` int32 `(batch, 1)`.
    Returns `(batch, members, horizon, quantiles)` in units of the series' usual error.
    """

    def __init__(self, geometry: Geometry, size: Size, members: int = MEMBERS) -> None:
        super().__init__()
        self.geometry, self.size, self.members = geometry, size, members
        self.names = nn.Embedding(geometry.series + 1, members * SERIES_WIDTH)
        nn.init.normal_(self.names.weight, std=0.1)
        self.lines = Lines(geometry, members)
        self.own = OwnLines(geometry) if geometry.forms else None
        beside = geometry.horizon * geometry.ahead + SERIES_WIDTH
        self.pools = [pool for pool in POOLS if pool == 1 or geometry.context >= 4 * pool]
        self.stacks = nn.ModuleList(
            Stack(geometry, size, pool, beside, members, last=pool == self.pools[-1])
            for pool in self.pools
        )
        self.effects = nn.Parameter(torch.zeros(len(geometry.known))) if geometry.known else None
        self.calendar = Calendar(geometry.ahead, members) if geometry.ahead else None
        self.head = Spread(size.width, geometry.horizon, members)

    def start(self, begin: Begin) -> None:
        """Begin with weighted sums found in closed form, and the quantiles of what they miss."""
        if self.effects is not None:
            with torch.no_grad():
                self.effects.copy_(begin.effects)
        self.lines.start(begin.lines)
        if self.own is not None and begin.own is not None:
            self.own.start(begin.own)
        self.head.start(begin.missed)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        past = inputs["past"]
        own = past[..., 0].float()
        if self.effects is not None:  # what is known beforehand is taken out, and put back below
            own = own - past[..., self.geometry.known].float() @ self.effects
        values, level, spread = normalize(own, self.geometry.season)
        tap("past", values)
        name = self.names(inputs["series"][:, 0]).unflatten(1, (self.members, SERIES_WIDTH))
        middle = self.lines(values)
        if self.own is not None:
            middle = middle + tap("own line", self.own(values, inputs["series"][:, 0]))[:, None]
        told = [tap("series", name)]
        if self.calendar is not None:
            ahead = inputs["ahead"].float()
            told.append(ahead.flatten(1)[:, None].expand(-1, self.members, -1))
            middle = middle + tap("calendar", self.calendar(ahead, name))
        others, beside = past[..., 1:].float().transpose(1, 2), torch.cat(told, 2)
        rest = values[:, None].expand(-1, self.members, -1)
        for number, stack in enumerate(self.stacks, start=1):
            with scope(f"stack {number}"):
                rest, further, hidden = stack(rest, others, beside)
            middle = middle + further
        answer = self.head(tap("middle", middle), hidden)
        answer = answer * spread[..., None, None] + level[..., None, None]
        if self.effects is not None:
            plain = inputs["ahead"][..., -len(self.effects) :].float() @ self.effects
            answer = answer + tap("known effects", plain)[:, None, :, None]
        return tap("quantiles", answer)

    def describe(self) -> dict[str, Any]:
        """The network as a person would list it."""
        past, ahead = self.geometry.context, self.geometry.horizon
        stacks = zip(self.pools, self.stacks, strict=True)
        parts = [
            _part("lines", "weighted sums of the past", self.lines, past),
            *(
                _part(f"stack {number}", f"plain network, sees {_steps(pool)} as one", stack, past)
                for number, (pool, stack) in enumerate(stacks, start=1)
            ),
            _part("head", "quantiles", self.head, ahead),
        ]
        if self.calendar is not None:
            parts.insert(1, _part("calendar", "what is known beforehand", self.calendar, ahead))
        return {"parts": parts, "parameters": _weights(self)}


class Layer(nn.Module):
    """A weighted sum for each member: `(batch, members, inputs)` -> `(batch, members, outputs)`."""

    def __init__(self, members: int, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(max(1, inputs))
        self.weight = nn.Parameter(torch.empty(members, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(members, outputs))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("bmi,mio->bmo", x, self.weight) + self.bias

    def silence(self) -> None:
        """Answer 0 at first."""
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)


class Lines(nn.Module):
    """The slow course and the rest of the past `(batch, context)`, each continued by a weighted sum
    for every step: `(batch, members, horizon)`."""

    def __init__(self, geometry: Geometry, members: int) -> None:
        super().__init__()
        self.window = min(max(geometry.season, 3), geometry.context) // 2 * 2 + 1
        self.slow = Layer(members, geometry.context, geometry.horizon)
        self.rest = Layer(members, geometry.context, geometry.horizon)
        for part in (self.slow, self.rest):
            part.weight.rate_scale = LINES_RATE  # type: ignore[attr-defined]  # for the optimizer
        self.start(naive_weights(geometry))

    def start(self, weights: Tensor) -> None:
        """Begin with these sums of the past `(horizon, context)`, for both parts alike."""
        with torch.no_grad():
            for part in (self.slow, self.rest):
                part.weight.copy_(weights.T.expand_as(part.weight))
                part.bias.zero_()

    def forward(self, values: Tensor) -> Tensor:
        half = self.window // 2
        padded = F.pad(values[:, None], (half, half), mode="replicate")
        slow = tap("slow course", F.avg_pool1d(padded, self.window, stride=1))
        rest = values[:, None] - slow
        members = self.slow.weight.shape[0]
        course = self.slow(slow.expand(-1, members, -1))
        further = self.rest(rest.expand(-1, members, -1))
        return tap("line of the course", course) + tap("line of the rest", further)


class OwnLines(nn.Module):
    """One of a few weighted sums for each series, as found in closed form; they do not learn:
    `(batch, context)` and numbers `(batch,)` -> `(batch, horizon)`."""

    forms: Tensor
    choice: Tensor

    def __init__(self, geometry: Geometry) -> None:
        super().__init__()
        sums = torch.zeros(geometry.forms, geometry.horizon, geometry.context)
        self.register_buffer("forms", sums)
        choice = torch.zeros(geometry.series + 1, dtype=torch.long)
        self.register_buffer("choice", choice)

    def start(self, own: Own) -> None:
        self.forms.copy_(own.forms)
        self.choice.copy_(own.choice)

    def forward(self, values: Tensor, series: Tensor) -> Tensor:
        return Own(self.forms, self.choice).says(values, series)


class Stack(nn.Module):
    """A plain network that sees the past through glasses of one strength.

    `(batch, members, context)` what is left of the past, `(batch, others, context)`, `(batch,
    members, beside)` -> what it leaves of the past `(batch, members, context)`, what it adds to the
    future `(batch, members, horizon)`, and its last layer `(batch, members, width)`.

    last: nobody comes after it, so that it explains nothing of the past.
    """

    def __init__(
        self,
        geometry: Geometry,
        size: Size,
        pool: int,
        beside: int,
        members: int,
        *,
        last: bool,
    ) -> None:
        super().__init__()
        self.pool, self.context, self.horizon = pool, geometry.context, geometry.horizon
        coarse = math.ceil(geometry.context / pool)
        widths = [coarse * geometry.channels + beside] + [size.width] * max(1, size.depth)
        self.layers = nn.ModuleList(Layer(members, *pair) for pair in pairwise(widths))
        self.dropout = nn.Dropout(size.dropout)
        self.back = None if last else Layer(members, size.width, coarse)
        self.further = Layer(members, size.width, math.ceil(geometry.horizon / min(pool, 4)))
        for part in (self.back, self.further):  # at first nothing is added to the lines
            if part is not None:
                part.silence()

    def forward(
        self, rest: Tensor, others: Tensor, beside: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        flat = self.glasses(others).flatten(1)[:, None].expand(-1, rest.shape[1], -1)
        x = torch.cat([self.glasses(rest), flat, beside], 2)
        for number, layer in enumerate(self.layers, start=1):
            x = self.dropout(tap(f"layer {number}", F.silu(layer(x))))
        if self.back is not None:
            rest = rest - tap("seen", stretch(self.back(x), self.context))
        return rest, tap("further", stretch(self.further(x), self.horizon)), x

    def glasses(self, values: Tensor) -> Tensor:
        """`(batch, some, context)` -> `(batch, some, coarse)`: means of `pool` neighbors."""
        if self.pool == 1 or values.shape[1] == 0:
            return values[..., : math.ceil(self.context / self.pool)]
        lacking = -self.context % self.pool
        return F.avg_pool1d(F.pad(values, (lacking, 0), mode="replicate"), self.pool)


class Spread(nn.Module):
    """Quantiles around the middle `(batch, members, horizon)` -> `(..., horizon, quantiles)`."""

    def __init__(self, width: int, horizon: int, members: int) -> None:
        super().__init__()
        self.horizon = horizon
        self.steps = Layer(members, width, horizon * (len(QUANTILES) - 1))
        nn.init.zeros_(self.steps.weight)
        # Softplus of -1.5 is 0.2: nine quantiles of a normal error of about 0.8 of the spread.
        nn.init.constant_(self.steps.bias, -1.5)

    def start(self, missed: Tensor) -> None:
        """Begin with the quantiles of these errors `(windows, horizon)`, in units of each window's
        spread, NaN where nothing is known."""
        share = torch.tensor(QUANTILES, dtype=missed.dtype, device=missed.device)
        found = missed.nanquantile(share, dim=0).T.nan_to_num()  # (horizon, quantiles)
        apart = found.diff(dim=1).clamp(min=0.02)
        with torch.no_grad():
            self.steps.bias.copy_(apart.expm1().log().flatten().expand_as(self.steps.bias))

    def forward(self, middle: Tensor, hidden: Tensor) -> Tensor:
        apart = F.softplus(self.steps(hidden)).unflatten(2, (self.horizon, len(QUANTILES) - 1))
        below = -apart[..., :MEDIAN].flip(-1).cumsum(-1).flip(-1)
        above = apart[..., MEDIAN:].cumsum(-1)
        around = torch.cat([below, torch.zeros_like(below[..., :1]), above], -1)
        return middle[..., None] + tap("around", around)


class Calendar(nn.Module):
    """What is known of each future step, for this series: `(batch, horizon, ahead)` and the series'
    vectors -> `(batch, members, horizon)`; the same small network at every step."""

    def __init__(self, ahead: int, members: int, width: int = 32) -> None:
        super().__init__()
        bound = 1 / math.sqrt(ahead + SERIES_WIDTH)
        self.weight = nn.Parameter(torch.empty(members, ahead, width).uniform_(-bound, bound))
        self.name = Layer(members, SERIES_WIDTH, width)
        self.effect = Layer(members, width, 1)
        self.effect.silence()

    def forward(self, ahead: Tensor, name: Tensor) -> Tensor:
        hidden = torch.einsum("bha,maw->bmhw", ahead, self.weight) + self.name(name)[:, :, None]
        return torch.einsum("bmhw,mwo->bmh", F.silu(hidden), self.effect.weight) + self.effect.bias


def stretch(values: Tensor, length: int) -> Tensor:
    """`(batch, members, few)` -> `(batch, members, length)`, straight lines between them."""
    if values.shape[2] == length:
        return values
    return F.interpolate(values, size=length, mode="linear", align_corners=True)


def _steps(count: int) -> str:
    return f"{count} steps" if count > 1 else "each step"


def _part(name: str, family: str, module: nn.Module, positions: int) -> dict[str, Any]:
    return {
        "part": name,
        "way": "project",
        "positions": [positions],
        "family": family,
        "layers": layers_of(module),
        "parameters": _weights(module),
    }


def _weights(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
