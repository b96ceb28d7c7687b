"""A network that continues series: straight lines from the past, and what bends them.

Each window is first freed of its own level and spread, which are put back at the end (RevIN, Kim
et al. 2022), so that what is learned at one height holds at any other. Then two things are added:

    lines    slow course and the rest, each continued by one weighted sum for every step ahead
             (DLinear, Zeng et al. 2023); they start out as the seasonal naive forecast
    stacks   plain networks that look at the past through coarse, middling and fine glasses, each
             explaining what the one before left (N-HiTS, Challu et al. 2023), told the calendar,
             what is known of the future, and which series it is

The answer is nine quantiles a step: the middle one, and distances from it that can't be negative,
so that quantiles never cross.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.config import Size
from pellucid.network.tap import scope, tap
from pellucid.tasks.forecast import MEDIAN, QUANTILES

POOLS = (16, 8, 1)
"""Steps of the past that the glasses of each stack melt into one."""
SERIES_WIDTH = 16
MEMBERS = 3
"""Networks with different starts, whose answers are averaged: steadier than any of them."""
FLOOR = 0.1
"""Least spread of a window, in units of the series' usual error."""


@dataclass(frozen=True)
class Geometry:
    """Sizes that follow from the data.

    context, horizon, season: steps. channels: values at each past step, the first one is what is
    forecast. ahead: values known of each future step. series: how many are known by name.
    """

    context: int
    horizon: int
    season: int
    channels: int
    ahead: int
    series: int


class Forecaster(nn.Module):
    """`MEMBERS` networks side by side.

    Inputs by group: `past` float32 `(batch, context, channels)`, NaN before a series begins;
    `ahead` float32 `(batch, horizon, ahead)` if anything is known; `series` int32 `(batch, 1)`.
    Returns `(batch, members, horizon, quantiles)` in units of the series' usual error.
    """

    def __init__(self, geometry: Geometry, size: Size, members: int = MEMBERS) -> None:
        super().__init__()
        self.geometry, self.size = geometry, size
        self.members = nn.ModuleList(Member(geometry, size) for _ in range(members))

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        answers = []
        for number, member in enumerate(self.members, start=1):
            with scope(f"network {number}"):
                answers.append(member(inputs))
        return torch.stack(answers, 1)

    def describe(self) -> dict[str, Any]:
        """The network as a person would list it."""
        member = self.members[0]
        assert isinstance(member, Member)
        count = len(self.members)
        parts = [
            _part("lines", "weighted sums of the past", member.lines, self.geometry.context, count),
            *(
                _part(
                    f"stack {number}",
                    f"plain network, sees {pool} step{'s' * (pool > 1)} as one",
                    stack,
                    self.geometry.context,
                    count,
                )
                for number, (pool, stack) in enumerate(
                    zip(member.pools, member.stacks, strict=True), start=1
                )
            ),
            _part("head", "quantiles", member.head, self.geometry.horizon, count),
        ]
        return {"parts": parts, "parameters": _weights(self)}


class Member(nn.Module):
    """One network; inputs as `Forecaster`, returns `(batch, horizon, quantiles)`."""

    def __init__(self, geometry: Geometry, size: Size) -> None:
        super().__init__()
        self.geometry = geometry
        self.names = nn.Embedding(geometry.series + 1, SERIES_WIDTH)
        nn.init.normal_(self.names.weight, std=0.1)
        self.lines = Lines(geometry)
        beside = geometry.horizon * geometry.ahead + SERIES_WIDTH
        self.pools = [pool for pool in POOLS if pool == 1 or geometry.context >= 4 * pool]
        self.stacks = nn.ModuleList(Stack(geometry, size, pool, beside) for pool in self.pools)
        self.calendar = _Calendar(geometry.ahead) if geometry.ahead else None
        self.head = Spread(size.width, geometry.horizon)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        past = inputs["past"]
        values, level, spread = normalize(past[..., 0].float(), self.geometry.season)
        tap("past", values)
        name = tap("series", self.names(inputs["series"][:, 0]))
        middle = self.lines(values)
        told = [name]
        if self.calendar is not None:
            ahead = inputs["ahead"].float()
            told.append(ahead.flatten(1))
            middle = middle + tap("calendar", self.calendar(ahead, name))
        others, beside = past[..., 1:].float(), torch.cat(told, 1)
        rest = values
        for number, stack in enumerate(self.stacks, start=1):
            with scope(f"stack {number}"):
                seen, further, hidden = stack(rest, others, beside)
            rest, middle = rest - seen, middle + further
        answer = self.head(tap("middle", middle), hidden)
        return tap("quantiles", answer * spread[..., None] + level[..., None])


class Lines(nn.Module):
    """The slow course and the rest of the past `(batch, context)`, each continued by a weighted sum
    for every step: `(batch, horizon)`."""

    def __init__(self, geometry: Geometry) -> None:
        super().__init__()
        self.window = min(max(geometry.season, 3), geometry.context) // 2 * 2 + 1
        self.slow = nn.Linear(geometry.context, geometry.horizon)
        self.rest = nn.Linear(geometry.context, geometry.horizon)
        start = naive_weights(geometry)
        with torch.no_grad():
            for part in (self.slow, self.rest):
                part.weight.copy_(start)
                part.bias.zero_()

    def forward(self, values: Tensor) -> Tensor:
        half = self.window // 2
        padded = F.pad(values[:, None], (half, half), mode="replicate")
        slow = F.avg_pool1d(padded, self.window, stride=1)[:, 0]
        tap("slow course", slow)
        return tap("line of the course", self.slow(slow)) + tap(
            "line of the rest", self.rest(values - slow)
        )


class Stack(nn.Module):
    """A plain network that sees the past through glasses of one strength.

    `(batch, context)` what is left of the past, `(batch, context, others)`, `(batch, beside)` ->
    what it explains of the past `(batch, context)`, what it adds to the future `(batch, horizon)`,
    and its last layer `(batch, width)`.
    """

    def __init__(self, geometry: Geometry, size: Size, pool: int, beside: int) -> None:
        super().__init__()
        self.pool, self.context, self.horizon = pool, geometry.context, geometry.horizon
        coarse = math.ceil(geometry.context / pool)
        widths = [coarse * geometry.channels + beside] + [size.width] * max(1, size.depth)
        self.layers = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(widths))
        self.dropout = nn.Dropout(size.dropout)
        self.back = nn.Linear(size.width, coarse)
        self.further = nn.Linear(size.width, math.ceil(geometry.horizon / min(pool, 4)))
        for part in (self.back, self.further):  # at first it adds nothing to the lines
            nn.init.zeros_(part.weight)
            nn.init.zeros_(part.bias)

    def forward(
        self, rest: Tensor, others: Tensor, beside: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        channels = torch.cat([rest[..., None], others], 2).transpose(1, 2)  # (batch, channel, time)
        if self.pool > 1:
            lacking = -self.context % self.pool
            channels = F.pad(channels, (lacking, 0), mode="replicate")
            channels = F.avg_pool1d(channels, self.pool)
        x = torch.cat([channels.flatten(1), beside], 1)
        for number, layer in enumerate(self.layers, start=1):
            x = self.dropout(tap(f"layer {number}", F.silu(layer(x))))
        seen = tap("seen", stretch(self.back(x), self.context))
        return seen, tap("further", stretch(self.further(x), self.horizon)), x


class Spread(nn.Module):
    """Quantiles around the middle `(batch, horizon)` -> `(batch, horizon, quantiles)`."""

    def __init__(self, width: int, horizon: int) -> None:
        super().__init__()
        self.horizon = horizon
        self.steps = nn.Linear(width, horizon * (len(QUANTILES) - 1))
        nn.init.zeros_(self.steps.weight)
        # Softplus of -1.5 is 0.2: nine quantiles of a normal error of about 0.8 of the spread.
        nn.init.constant_(self.steps.bias, -1.5)

    def forward(self, middle: Tensor, hidden: Tensor) -> Tensor:
        apart = F.softplus(self.steps(hidden)).unflatten(1, (self.horizon, len(QUANTILES) - 1))
        below = -apart[..., :MEDIAN].flip(-1).cumsum(-1).flip(-1)
        above = apart[..., MEDIAN:].cumsum(-1)
        around = torch.cat([below, torch.zeros_like(below[..., :1]), above], -1)
        return middle[..., None] + tap("around", around)


class _Calendar(nn.Module):
    """What is known of each future step, for this series: `(batch, horizon, ahead)` ->
    `(batch, horizon)`; the same small network at every step."""

    def __init__(self, ahead: int, width: int = 32) -> None:
        super().__init__()
        self.hidden = nn.Linear(ahead + SERIES_WIDTH, width)
        self.effect = nn.Linear(width, 1)
        nn.init.zeros_(self.effect.weight)
        nn.init.zeros_(self.effect.bias)

    def forward(self, ahead: Tensor, name: Tensor) -> Tensor:
        everywhere = name[:, None].expand(-1, ahead.shape[1], -1)
        return self.effect(F.silu(self.hidden(torch.cat([ahead, everywhere], 2))))[..., 0]


def normalize(values: Tensor, season: int) -> tuple[Tensor, Tensor, Tensor]:
    """A window's values without its own level and spread.

    The level is the mean of the last season (the last value without one): what comes next is near
    what was just there. NaN, before a series begins, becomes 0: the level itself.

    Returns:
        `(batch, context)`, level `(batch, 1)`, spread `(batch, 1)`.
    """
    season = min(season, values.shape[1])
    level = values[:, -season:].nanmean(1, keepdim=True).nan_to_num()
    centered = (values - level).nan_to_num()
    there = (~values.isnan()).sum(1, keepdim=True).clamp(min=1)
    spread = (centered.square().sum(1, keepdim=True) / there + FLOOR**2).sqrt()
    return centered / spread, level, spread


def naive_weights(geometry: Geometry) -> Tensor:
    """float32 `(horizon, context)`: each step repeats the value a whole number of seasons before
    it, the last known one; the last value without a season or with a context that is shorter."""
    season = geometry.season if geometry.season <= geometry.context else 1
    steps = torch.arange(geometry.horizon)
    weights = torch.zeros(geometry.horizon, geometry.context)
    weights[steps, geometry.context - season + steps % season] = 1.0
    return weights


def stretch(values: Tensor, length: int) -> Tensor:
    """`(batch, few)` -> `(batch, length)`, straight lines between them."""
    if values.shape[1] == length:
        return values
    return F.interpolate(values[:, None], size=length, mode="linear", align_corners=True)[:, 0]


def _part(
    name: str, family: str, module: nn.Module, positions: int, members: int
) -> dict[str, Any]:
    layers = [
        {"name": title, "kind": type(layer).__name__, "parameters": _weights(layer)}
        for title, layer in module.named_modules()
        if isinstance(layer, nn.Linear)
    ]
    return {
        "part": name,
        "way": "project",
        "positions": [positions],
        "family": family,
        "layers": layers,
        "parameters": _weights(module) * members,
    }


def _weights(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
