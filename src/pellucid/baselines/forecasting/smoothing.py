"""Exponential smoothing: level, trend and season that follow the values.

All series and many parameters are followed at once. Nine forms, without, with and with a damped
trend, without season, with one that is added or multiplied; errors are added (Hyndman and others
2002 and 2008).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pellucid.baselines.forecasting.method import Many, Method, moving_average, side_by_side

MOST_FIT = 600
"""Latest values, or eight seasons if that is more, that parameters are found on."""


@dataclass(frozen=True)
class Form:
    """trend: "none", "line" or "damped". season: "none", "plus" or "times"."""

    trend: str
    season: str

    @property
    def parameters(self) -> int:
        """Smoothing parameters: of level, trend, season; damping."""
        return 1 + {"none": 0, "line": 1, "damped": 2}[self.trend] + (self.season != "none")

    def states(self, season: int) -> int:
        """Starting values."""
        return 1 + (self.trend != "none") + (season if self.season != "none" else 0)


FORMS = tuple(
    Form(trend, season)
    for season in ("none", "plus", "times")
    for trend in ("none", "line", "damped")
)


@dataclass
class States:
    """Level and trend `(series, tries)`, season `(series, tries, season)`."""

    level: np.ndarray
    trend: np.ndarray
    season: np.ndarray


class Smoothing(Method):
    """Exponential smoothing with additive errors: all series and many parameters at once.

    Parameters are found by asking: many points of the cube of parameters, then rounds of fewer
    around the best one of each series.
    """

    name = "exponential smoothing"
    why = "level, trend and season that follow the values; of nine forms the one with the best AICc"
    first_tries: ClassVar[int] = 64
    tries: ClassVar[int] = 24
    rounds: ClassVar[int] = 6

    def __init__(self, seconds: float = float("inf")) -> None:
        self.seconds = seconds

    def fit(self, series: Many, season: int) -> None:
        self.season = season
        self.start = [max(0, len(values) - max(MOST_FIT, 8 * season)) for values in series]
        parts = [values[start:] for values, start in zip(series, self.start, strict=True)]
        best = np.full(len(parts), np.inf)
        self.forms = [FORMS[0]] * len(parts)
        self.chosen = np.tile(np.array([0.5, 0.0, 0.0, 1.0]), (len(parts), 1))
        began = time.perf_counter()
        for form in FORMS:
            fits = np.array([_suits(form, part, season) for part in parts])
            if not fits.any() or (form != FORMS[0] and time.perf_counter() - began > self.seconds):
                continue
            places = np.flatnonzero(fits)
            found, errors = self._search(form, [parts[place] for place in places])
            for place, parameters, error in zip(places, found, errors, strict=True):
                value = _aicc(form, error, len(parts[place]), season)
                if value < best[place]:
                    best[place], self.forms[place] = value, form
                    self.chosen[place] = parameters

    def _search(self, form: Form, parts: Many) -> tuple[np.ndarray, np.ndarray]:
        """The best parameters `(series, 4)` and their sums of squares `(series,)`."""
        random = np.random.default_rng(0)
        few = len(parts) > 50
        center = np.full((len(parts), 4), 0.5)
        best = np.full(len(parts), np.inf)
        width = 1.0
        for number in range(3 if few else self.rounds):
            count = (self.first_tries if number == 0 else self.tries) // (2 if few else 1)
            moves = width * (random.random((count, 4)) - 0.5)
            tries = np.clip(center[:, None] + moves, 0.0, 1.0)
            tries[:, 0] = center
            errors = _squares(form, parts, parameters_of(form, tries), self.season)
            place = errors.argmin(1)
            found = errors[np.arange(len(parts)), place]
            better = found < best
            best = np.where(better, found, best)
            center = np.where(better[:, None], tries[np.arange(len(parts)), place], center)
            width *= 0.5
        return parameters_of(form, center[:, None])[:, 0], best

    def forecast(self, series: Many, origins: Many, horizon: int) -> list[np.ndarray]:
        found = [np.empty((len(places), horizon)) for places in origins]
        for form in dict.fromkeys(self.forms):
            which = [index for index, one in enumerate(self.forms) if one == form]
            parts = [series[index][self.start[index] :] for index in which]
            asked = [origins[index].astype(np.int64) - self.start[index] for index in which]
            learned = self.chosen[which][:, None]
            answers = continued(form, parts, asked, learned, self.season, horizon)
            for index, answer in zip(which, answers, strict=True):
                found[index] = answer
        return found

    def pick(self, which: Sequence[int]) -> Method:
        found = Smoothing()
        found.season, found.start = self.season, [self.start[index] for index in which]
        found.forms = [self.forms[index] for index in which]
        found.chosen = self.chosen[np.asarray(which, dtype=np.int64)]
        return found

    def as_json(self) -> dict[str, Any]:
        return {
            "season": self.season,
            "start": self.start,
            "forms": [[form.trend, form.season] for form in self.forms],
            "parameters": self.chosen.tolist(),
        }

    def load(self, data: dict[str, Any]) -> None:
        self.season, self.start = data["season"], data["start"]
        self.forms = [Form(*words) for words in data["forms"]]
        self.chosen = np.array(data["parameters"]).reshape(-1, 4)


def parameters_of(form: Form, cube: np.ndarray) -> np.ndarray:
    """Points of the unit cube `(..., 4)` -> alpha, beta, gamma, phi `(..., 4)`, within the usual
    bounds: beta at most alpha, gamma at most 1 - alpha, damping between .8 and .98."""
    alpha = 1e-4 + cube[..., 0] * (1 - 2e-4)
    beta = cube[..., 1] ** 2 * alpha if form.trend != "none" else np.zeros_like(alpha)
    gamma = cube[..., 2] ** 2 * (1 - alpha) if form.season != "none" else np.zeros_like(alpha)
    phi = 0.8 + 0.18 * cube[..., 3] if form.trend == "damped" else np.ones_like(alpha)
    return np.stack([alpha, beta, gamma, phi], -1)


def residuals(
    form: Form, parts: Many, parameters: np.ndarray, season: int
) -> tuple[np.ndarray, list[int]]:
    """Errors one step ahead float64 `(times, series, tries)`, 0 after a series' end, and lengths.

    parameters: `(series, tries, 4)`.
    """
    lengths = [len(part) for part in parts]
    states = start_of(form, parts, parameters.shape[1], season)
    table = side_by_side(parts)
    errors = np.zeros((table.shape[1], *parameters.shape[:2]))
    for when in range(table.shape[1]):
        errors[when] = _follow(form, states, table[:, when, None], parameters, when, season)
    return errors, lengths


def continued(
    form: Form,
    parts: Many,
    origins: Many,
    parameters: np.ndarray,
    season: int,
    horizon: int,
) -> list[np.ndarray]:
    """Forecasts `(origins, horizon)` for each series; `parameters` `(series, 1, 4)`."""
    found = [np.empty((len(places), horizon)) for places in origins]
    asked: dict[int, list[tuple[int, int]]] = {}
    for index, places in enumerate(origins):
        for number, place in enumerate(places.tolist()):
            asked.setdefault(place, []).append((index, number))
    states = start_of(form, parts, 1, season)
    table = side_by_side(parts)
    steps = np.arange(1, horizon + 1)
    for when in range(max(asked, default=-1) + 1):
        _follow(form, states, table[:, when, None], parameters, when, season)
        for index, number in asked.get(when, ()):
            phi = parameters[index, 0, 3]
            grown = np.cumsum(phi**steps) * states.trend[index, 0]
            line = states.level[index, 0] + grown
            part = states.season[index, 0, (when + steps) % season]
            answer = line * part if form.season == "times" else line + part
            found[index][number] = answer
    return found


def start_of(form: Form, parts: Many, tries: int, season: int) -> States:
    """Starting values from the first seasons: their shape against a moving average, and a straight
    line through the first ten values without it (Hyndman and others 2008, section 2.6.1)."""
    level, trend, shape = [], [], []
    for part in parts:
        around = np.ones(season) if form.season == "times" else np.zeros(season)
        rest = part
        if form.season != "none":
            around = _first_shape(part, season, form.season)
            tiled = np.resize(around, len(part))
            rest = part / tiled if form.season == "times" else part - tiled
        first = rest[: max(10, 0)]
        if form.trend == "none" or len(first) < 2:
            level.append(float(first.mean()))
            trend.append(0.0)
        else:
            slope, height = np.polyfit(np.arange(1, len(first) + 1), first, 1)
            level.append(float(height))
            trend.append(float(slope))
        shape.append(around)
    spread = np.ones((1, tries))
    return States(
        np.array(level)[:, None] * spread,
        np.array(trend)[:, None] * spread,
        np.repeat(np.array(shape)[:, None], tries, axis=1),
    )


def _follow(
    form: Form,
    states: States,
    values: np.ndarray,
    parameters: np.ndarray,
    when: int,
    season: int,
) -> np.ndarray:
    """Let the states take in the value at `when`; returns the errors made `(series, tries)`.

    NaN, after a series' end, changes nothing and is no error.
    """
    alpha, beta, gamma, phi = np.moveaxis(parameters, -1, 0)
    grown = phi * states.trend
    line = states.level + grown
    part = states.season[:, :, when % season]
    going = ~np.isnan(values)
    if form.season == "times":
        error = np.nan_to_num(values - line * part)
        states.level = np.where(going, line + alpha * error / away(part), states.level)
        # Winters (1960) divides by the new level; gamma is given as a share of 1 - alpha.
        moved = gamma / (1 - alpha) * (values / away(states.level) - part)
    else:
        error = np.nan_to_num(values - line - part)
        states.level = np.where(going, line + alpha * error, states.level)
        moved = gamma * error
    change = beta * error / (away(part) if form.season == "times" else 1.0)
    states.trend = np.where(going, grown + change, states.trend)
    if form.season != "none":
        states.season[:, :, when % season] = part + np.where(going, moved, 0.0)
    return error


def away(values: np.ndarray) -> np.ndarray:
    """The same without zeros, to divide by."""
    return np.where(np.abs(values) < 1e-9, 1e-9, values)


def _squares(form: Form, parts: Many, parameters: np.ndarray, season: int) -> np.ndarray:
    """Sums of squared errors one step ahead `(series, tries)`; what explodes is infinite."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        states = start_of(form, parts, parameters.shape[1], season)
        table = side_by_side(parts)
        total = np.zeros(parameters.shape[:2])
        for when in range(table.shape[1]):
            total += _follow(form, states, table[:, when, None], parameters, when, season) ** 2
    return np.where(np.isfinite(total), total, np.inf)


def _aicc(form: Form, squares: float, count: int, season: int) -> float:
    """The corrected information criterion of Gaussian errors, up to a constant."""
    free = form.parameters + form.states(season) + 1
    if count - free - 1 <= 0 or not np.isfinite(squares):
        return np.inf
    fit = count * np.log(max(squares, 1e-12) / count)
    return float(fit + 2 * free + 2 * free * (free + 1) / (count - free - 1))


def _suits(form: Form, part: np.ndarray, season: int) -> bool:
    if form.season == "none":
        return len(part) >= 1
    enough = season > 1 and len(part) >= 2 * season + 3
    return enough and (form.season == "plus" or bool((part > 0).all()))


def _first_shape(part: np.ndarray, season: int, kind: str) -> np.ndarray:
    """The season's shape in its first three rounds (two if there are no more) `(season,)`."""
    few = part[: min(len(part), 3 * season)]
    slow = moving_average(few, season)
    apart = few / np.where(np.abs(slow) < 1e-9, 1e-9, slow) if kind == "times" else few - slow
    shape = np.array([np.nanmean(apart[place::season]) for place in range(season)])
    shape = shape / shape.mean() if kind == "times" else shape - shape.mean()
    return np.maximum(shape, 1e-2) if kind == "times" else shape
