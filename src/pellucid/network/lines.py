"""Where a forecaster begins: weighted sums of the past, found in closed form.

Every classical forecast that adds up (the seasonal naive one, exponential smoothing with additive
parts) is one weighted sum of the past for each step ahead. Learning begins with the best of three
of them, bent by ridge regression where that helps:

    seasonal naive          what was there a season before
    exponential smoothing   level, trend and season that follow the values, with the same
                            parameters for all series: where values rise and fall for long, this
                            knows how they are going on
    ... by series           the same, each series with parameters of its own
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

STRENGTHS = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
"""Penalties that are tried, as shares of the mean power of an input."""
FLOOR = 0.1
"""Least spread of a window, in units of the series' usual error."""
TRIES = 80
"""Parameters of exponential smoothing that are tried."""
FEW = 2_000
"""Windows that they are tried on, the latest half of all."""
MANY = 6_000
"""Windows that a series' own parameters are tried on, of all times and series."""
DOUBT = 20
"""Windows of all series that count beside those of one when its own parameters are chosen."""


@dataclass(frozen=True)
class Geometry:
    """Sizes that follow from the data.

    context, horizon, season: steps. channels: values at each past step, the first one is what is
    forecast. ahead: values known of each future step. series: how many are known by name. known:
    channels of the past that are known of the future as well, where they are the last values.
    forms: weighted sums of which each series has one (`Own`); 0 if all series share theirs.
    """

    context: int
    horizon: int
    season: int
    channels: int
    ahead: int
    series: int
    known: tuple[int, ...] = ()
    forms: int = 0


@dataclass(frozen=True)
class Own:
    """Weighted sums that differ between series.

    forms: float32 `(forms, horizon, context)`. choice: int64 `(series + 1,)`, the form of each
    series by its number; 0 is a series that is not known.
    """

    forms: Tensor
    choice: Tensor

    def says(self, values: Tensor, series: Tensor) -> Tensor:
        """`(windows, context)` and numbers `(windows,)` -> `(windows, horizon)`."""
        every = torch.einsum("bc,khc->bkh", values, self.forms.to(values))
        return every[torch.arange(len(values), device=values.device), self.choice[series.long()]]


@dataclass(frozen=True)
class Begin:
    """Where learning begins, found in closed form.

    lines: float32 `(horizon, context)`, weighted sums of the past. missed: float32 `(windows,
    horizon)`, what such lines miss on windows later than those they were fitted on, in units of
    each window's spread; NaN is unknown. penalty: of the ridge regression; infinite where the
    classical forecast is not bent. effects: float32 `(known,)`, what each column that is known
    beforehand adds to the value. name: of the classical forecast. own: what is added for each
    series.
    """

    lines: Tensor
    missed: Tensor
    penalty: float
    effects: Tensor
    name: str = "seasonal naive"
    own: Own | None = None

    def says(self, values: Tensor, series: Tensor) -> Tensor:
        """`(windows, context)` and numbers `(windows,)` -> `(windows, horizon)`."""
        shared = values @ self.lines.to(values).T
        return shared if self.own is None else shared + self.own.says(values, series)


@dataclass(frozen=True)
class Asked:
    """Windows as lines see them. past: `(windows, context)`, NaN before a series begins. target:
    `(windows, horizon)`, NaN where unknown. series: `(windows,)`, numbers."""

    past: Tensor
    target: Tensor
    series: Tensor


def beginning(
    learn: Asked, check: Asked, order: Tensor, effects: Tensor, geometry: Geometry
) -> Begin:
    """The best weighted sums of the past that begin with one of the classical ones.

    How far each is bent follows from windows to learn from: the penalty is the one that did best
    on the latest quarter of them, fitted on those that end before it. Which one learning begins
    with, bent or as it is, is decided on validation windows. Windows count by their spread, as
    errors do.

    Args:
        learn, check: Freed of what is known beforehand (`freed`). order: `(windows,)`, a time of
            each window to learn from.
    """
    values, level, spread = (part.double() for part in normalize(learn.past, geometry.season))
    scaled = (learn.target.double() - level) / spread
    naive = naive_weights(geometry).double().to(values.device)
    smooth = smoothing_weights(values, scaled, spread, order, geometry)
    starts = [
        Start("seasonal naive", naive),
        Start("exponential smoothing", smooth),
    ]
    if len(learn.series.unique()) > 1:
        own = own_smoothing(values, scaled, spread, learn.series, geometry)
        starts.append(Start("exponential smoothing by series", torch.zeros_like(naive), own))
    tried = [
        one for start in starts for one in bent(start, values, scaled, spread, order, learn.series)
    ]
    best = min(tried, key=lambda one: _error(one, check, geometry))
    return replace(best, effects=effects)


def freed(inputs: dict[str, Tensor], target: Tensor, effects: Tensor, geometry: Geometry) -> Asked:
    """Windows without what columns known beforehand add, by inputs as
    `network/forecaster.py: Forecaster` takes them."""
    past = inputs["past"][..., 0].float()
    if len(effects):
        past = past - inputs["past"][..., geometry.known].float() @ effects
        target = target - inputs["ahead"][..., -len(effects) :].float() @ effects
    return Asked(past, target, inputs["series"][:, 0])


def _error(begin: Begin, asked: Asked, geometry: Geometry) -> float:
    values, level, spread = normalize(asked.past, geometry.season)
    missed = begin.says(values, asked.series) * spread + level - asked.target
    return float(missed.abs().nanmean(1).nanmean())


@dataclass(frozen=True)
class Start:
    """A classical forecast: weighted sums `(horizon, context)` that all series share, and what is
    added for each."""

    name: str
    lines: Tensor
    own: Own | None = None


def bent(
    start: Start,
    values: Tensor,
    scaled: Tensor,
    spread: Tensor,
    order: Tensor,
    series: Tensor,
) -> list[Begin]:
    """A classical forecast as it is, and bent: ridge regression of what it misses, so that with a
    strong penalty it is that forecast again.

    Args:
        values, scaled: `(windows, context)` and `(windows, horizon)` without level and spread.
            spread: `(windows, 1)`. order, series: `(windows,)`.
    """
    nothing = torch.zeros(0)
    plain = Begin(start.lines, nothing, math.inf, nothing, start.name, start.own)
    beyond = scaled - plain.says(values, series)
    plain = replace(plain, lines=start.lines.float(), missed=beyond.float())
    known = ~beyond.isnan().any(1)
    if not known.any():
        return [plain]
    weighted, wanted, order = (values * spread)[known], (beyond * spread)[known], order[known]
    split = order.double().quantile(0.75)
    early, late = order < split - scaled.shape[1], order >= split
    plain = replace(plain, missed=beyond[known][late].float())
    if int(early.sum()) < 8:
        return [plain]
    best, found = math.inf, plain
    for strength in STRENGTHS:
        tried = _ridge(weighted[early], wanted[early], strength)
        left = wanted[late] - weighted[late] @ tried.T
        if float(left.abs().mean()) < best:
            best = float(left.abs().mean())
            missed = (left / spread[known][late]).float()
            found = replace(plain, missed=missed, penalty=strength)
    lines = start.lines + _ridge(weighted, wanted, found.penalty)
    return [plain, replace(found, lines=lines.float())]


def _ridge(values: Tensor, wanted: Tensor, strength: float) -> Tensor:
    """`(horizon, context)`; strength: the penalty as a share of the mean power of an input."""
    power = values.T @ values
    mean = power.diagonal().mean().clamp(min=1e-12)
    eye = torch.eye(len(power), dtype=power.dtype, device=power.device)
    return torch.linalg.solve(power + strength * mean * eye, values.T @ wanted).T


# --- classical forecasts as weighted sums -------------------------------------------------------


def naive_weights(geometry: Geometry) -> Tensor:
    """float32 `(horizon, context)`: each step repeats the value a whole number of seasons before
    it, the last known one; the last value without a season or with a context that is shorter."""
    season = geometry.season if geometry.season <= geometry.context else 1
    steps = torch.arange(geometry.horizon)
    weights = torch.zeros(geometry.horizon, geometry.context)
    weights[steps, geometry.context - season + steps % season] = 1.0
    return weights


def smoothing_weights(
    values: Tensor, scaled: Tensor, spread: Tensor, order: Tensor, geometry: Geometry
) -> Tensor:
    """float64 `(horizon, context)`: exponential smoothing with the parameters that did best on the
    latest half of these windows."""
    late = torch.nonzero(order >= order.double().quantile(0.5)).squeeze(1)
    late = late[:: max(1, len(late) // FEW)]
    values, wanted, weight = values[late], scaled[late], spread[late]
    best, found = math.inf, naive_weights(geometry).double().to(values.device)
    for weights in smoothings(geometry, values.device):
        error = float(((values @ weights.T - wanted) * weight).abs().nanmean())
        if error < best:
            best, found = error, weights
    return found


def own_smoothing(
    values: Tensor, scaled: Tensor, spread: Tensor, series: Tensor, geometry: Geometry
) -> Own:
    """For each series the seasonal naive forecast or the exponential smoothing that did best on
    its windows.

    Few windows say little, so that `DOUBT` windows of all series count beside them.
    """
    some = torch.arange(0, len(values), max(1, len(values) // MANY), device=values.device)
    values, wanted, weight = values[some], scaled[some], spread[some]
    naive = naive_weights(geometry).double().to(values.device)
    forms = [naive, *smoothings(geometry, values.device)]
    errors = torch.stack(
        [((values @ form.T - wanted) * weight).abs().nanmean(1) for form in forms], 1
    )
    number = series[some].long()[~errors.isnan().any(1)]
    errors = errors[~errors.isnan().any(1)]
    total = errors.new_zeros(geometry.series + 1, len(forms)).index_add_(0, number, errors)
    count = number.bincount(minlength=geometry.series + 1)[:, None]
    best = ((total + DOUBT * errors.mean(0)) / (count + DOUBT)).argmin(1)
    kept, choice = best.unique(return_inverse=True)
    return Own(torch.stack([forms[place] for place in kept.tolist()]).float(), choice)


def smoothings(geometry: Geometry, device: torch.device) -> list[Tensor]:
    """Exponential smoothing with many parameters, float64 `(horizon, context)` each."""
    # Of a context of 1,000 steps a try takes a second of the processor, of 36 a millisecond.
    tries = max(12, min(TRIES, TRIES * 256 // geometry.context))
    return [
        torch.from_numpy(smoothed(*parameters, geometry)).to(device) for parameters in _tries(tries)
    ]


def _tries(count: int) -> Iterator[tuple[float, float, float, float]]:
    """alpha, beta, gamma and phi, within the usual bounds (Hyndman and others 2008)."""
    random = np.random.default_rng(0)
    for _ in range(count):
        alpha = float(random.choice([0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 1.0]))
        beta = alpha * float(random.choice([0.0, 0.0, 0.02, 0.05, 0.1, 0.3, 0.6, 1.0]))
        gamma = (1 - alpha) * float(random.choice([0.001, 0.05, 0.15, 0.3, 0.6, 1.0]))
        yield alpha, beta, gamma, float(random.choice([0.8, 0.9, 0.95, 0.98, 1.0]))


def smoothed(alpha: float, beta: float, gamma: float, phi: float, geometry: Geometry) -> np.ndarray:
    """float64 `(horizon, context)`: what smoothing with additive parts says of each step ahead, as
    weights of the past values.

    Level, trend and season are sums of the past themselves, so they are followed as such: one row
    of weights each. They start from the first two seasons.
    """
    context, horizon = geometry.context, geometry.horizon
    season = geometry.season if 2 * geometry.season <= context else 1
    one = np.eye(context)
    first = one[:season].mean(0)
    trend = np.zeros(context)
    if beta > 0:
        far = season if season > 1 else min(4, context - 1)
        trend = (one[far : far + season].mean(0) - first) / max(1, far)
    shape = np.stack([one[s] - first - trend * (s - (season - 1) / 2) for s in range(season)])
    shape = shape if season > 1 else np.zeros((1, context))
    level = first - trend * (season + 1) / 2
    for when in range(context):
        going, place = phi * trend, when % season
        error = one[when] - level - going - shape[place]
        level = level + going + alpha * error
        trend = going + beta * error
        if season > 1:
            shape[place] += gamma * error
    steps = np.arange(1, horizon + 1)
    grown = np.cumsum(phi**steps)
    return level + grown[:, None] * trend + shape[(context + steps - 1) % season]


# --- windows on one scale -----------------------------------------------------------------------


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
