"""What a network that forecasts is measured against: the field's classical methods.

    constant answer     the mean of what was seen
    seasonal naive      what was there a season before
    drift               the straight line from the first to the last value, continued
    exponential smoothing   level, trend and season that follow the values; the form with the
                        lowest AICc of nine (Hyndman and others 2002)
    Theta               the season taken out, half of the trend, smoothed (Assimakopoulos and
                        Nikolopoulos 2000, as Hyndman and Billah 2003 put it)
    mean of three       of the seasonal naive forecast, exponential smoothing and Theta

Parameters are found on the part to learn from alone. At each origin the states are those that
the values up to it lead to; parameters are not found again.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

MOST_FIT = 600
"""Latest values, or eight seasons if that is more, that parameters are found on."""
Many = Sequence[np.ndarray]
"""One float64 array for each series: its values without gaps, or its origins."""


class Method(ABC):
    """One way to continue series."""

    name: ClassVar[str]
    why: ClassVar[str]

    @abstractmethod
    def fit(self, series: Many, season: int) -> None:
        """Find parameters on these values `(times,)` each."""

    @abstractmethod
    def forecast(self, series: Many, origins: Many, horizon: int) -> list[np.ndarray]:
        """For each series float64 `(origins, horizon)`: what follows each origin, the place of the
        last value that is known. Later values are not looked at."""

    @abstractmethod
    def pick(self, which: Sequence[int]) -> Method:
        """The same method with what it knows of these series, in this order."""

    @abstractmethod
    def as_json(self) -> dict[str, Any]:
        """What was fitted."""

    @abstractmethod
    def load(self, data: dict[str, Any]) -> None:
        """Read back what `as_json` gave."""


class Constant(Method):
    name = "constant answer"
    why = "the mean of what was seen"

    def fit(self, series: Many, season: int) -> None:
        self.means = [float(values.mean()) for values in series]

    def forecast(self, series: Many, origins: Many, horizon: int) -> list[np.ndarray]:
        return [
            np.full((len(places), horizon), mean)
            for places, mean in zip(origins, self.means, strict=True)
        ]

    def pick(self, which: Sequence[int]) -> Method:
        found = Constant()
        found.means = [self.means[index] for index in which]
        return found

    def as_json(self) -> dict[str, Any]:
        return {"means": self.means}

    def load(self, data: dict[str, Any]) -> None:
        self.means = data["means"]


class SeasonalNaive(Method):
    name = "seasonal naive"
    why = "what was there a season before; the last value where there is no season"

    def fit(self, series: Many, season: int) -> None:
        self.season = season

    def forecast(self, series: Many, origins: Many, horizon: int) -> list[np.ndarray]:
        steps = np.arange(horizon)
        found = []
        for values, places in zip(series, origins, strict=True):
            place = places[:, None].astype(np.int64)
            seasonal = place + 1 - self.season + steps % self.season
            found.append(values[np.where(seasonal >= 0, seasonal, place)])
        return found

    def pick(self, which: Sequence[int]) -> Method:
        return self

    def as_json(self) -> dict[str, Any]:
        return {"season": self.season}

    def load(self, data: dict[str, Any]) -> None:
        self.season = data["season"]


class Drift(Method):
    name = "drift"
    why = "the straight line from the first to the last value, continued"

    def fit(self, series: Many, season: int) -> None:
        """There is nothing to find."""

    def forecast(self, series: Many, origins: Many, horizon: int) -> list[np.ndarray]:
        steps = 1 + np.arange(horizon)
        found = []
        for values, places in zip(series, origins, strict=True):
            place = places.astype(np.int64)
            slope = (values[place] - values[0]) / np.maximum(place, 1)
            found.append(values[place][:, None] + slope[:, None] * steps)
        return found

    def pick(self, which: Sequence[int]) -> Method:
        return self

    def as_json(self) -> dict[str, Any]:
        return {}

    def load(self, data: dict[str, Any]) -> None:
        """There is nothing to read."""


# --- exponential smoothing --------------------------------------------------------------------


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
    table = _side_by_side(parts)
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
    table = _side_by_side(parts)
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
        table = _side_by_side(parts)
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


def moving_average(values: np.ndarray, season: int) -> np.ndarray:
    """Centered over one season (2 x m for even ones); NaN at the ends."""
    weights = np.ones(season) / season
    if season % 2 == 0:
        weights = np.r_[0.5, np.ones(season - 1), 0.5] / season
    half = len(weights) // 2
    found = np.full(len(values), np.nan)
    if len(values) >= len(weights):
        found[half : len(values) - half] = np.convolve(values, weights, mode="valid")
    return found


def _side_by_side(parts: Many) -> np.ndarray:
    """float64 `(series, times)`, NaN after each end."""
    table = np.full((len(parts), max((len(part) for part in parts), default=0)), np.nan)
    for index, part in enumerate(parts):
        table[index, : len(part)] = part
    return table


# --- Theta ------------------------------------------------------------------------------------


class Theta(Method):
    """The Theta method: simple exponential smoothing with half the slope of the straight line."""

    name = "Theta"
    why = "the season taken out, smoothed, with half of the trend; the winner of the M3 contest"

    def fit(self, series: Many, season: int) -> None:
        self.season = season
        self.shape: list[list[float]] = []
        self.kind: list[str] = []
        for values in series:
            kind, shape = _season_of(values, season)
            self.kind.append(kind)
            self.shape.append(shape.tolist())
        rest = [self._without(values, index) for index, values in enumerate(series)]
        grid = np.tile(np.linspace(0.01, 0.99, 99), (len(rest), 1))
        best = grid[np.arange(len(rest)), _smooth_errors(rest, grid).argmin(1)]
        fine = np.clip(best[:, None] + 0.01 * np.linspace(-1, 1, 21), 1e-3, 0.999)
        best = fine[np.arange(len(rest)), _smooth_errors(rest, fine).argmin(1)]
        self.alpha = best.tolist()

    def forecast(self, series: Many, origins: Many, horizon: int) -> list[np.ndarray]:
        steps = np.arange(1, horizon + 1)
        found = []
        for index, (values, places) in enumerate(zip(series, origins, strict=True)):
            alpha, shape = self.alpha[index], np.array(self.shape[index])
            rest = self._without(values, index)
            level = smoothed(rest, alpha)
            answers = np.empty((len(places), horizon))
            for number, place in enumerate(places.astype(np.int64).tolist()):
                known = rest[: place + 1]
                slope = np.polyfit(np.arange(len(known)), known, 1)[0] if len(known) > 1 else 0.0
                weight = (1 - (1 - alpha) ** len(known)) / alpha
                line = level[place] + 0.5 * slope * (steps - 1 + weight)
                part = shape[(place + steps) % len(shape)]
                answers[number] = line * part if self.kind[index] == "times" else line + part
            found.append(answers)
        return found

    def _without(self, values: np.ndarray, index: int) -> np.ndarray:
        shape = np.resize(np.array(self.shape[index]), len(values))
        return values / shape if self.kind[index] == "times" else values - shape

    def pick(self, which: Sequence[int]) -> Method:
        found = Theta()
        found.season, found.alpha = self.season, [self.alpha[index] for index in which]
        found.kind = [self.kind[index] for index in which]
        found.shape = [self.shape[index] for index in which]
        return found

    def as_json(self) -> dict[str, Any]:
        return {
            "season": self.season,
            "alpha": self.alpha,
            "kind": self.kind,
            "shape": self.shape,
        }

    def load(self, data: dict[str, Any]) -> None:
        self.season, self.alpha = data["season"], data["alpha"]
        self.kind, self.shape = data["kind"], data["shape"]


def smoothed(values: np.ndarray, alpha: float) -> np.ndarray:
    """The level after each value: simple exponential smoothing that starts at the first one."""
    level = np.empty(len(values))
    level[0] = values[0]
    for when in range(1, len(values)):
        level[when] = level[when - 1] + alpha * (values[when] - level[when - 1])
    return level


def _smooth_errors(parts: Many, alphas: np.ndarray) -> np.ndarray:
    """Sums of squared errors one step ahead `(series, tries)`."""
    table = _side_by_side(parts)
    level = np.repeat(table[:, :1], alphas.shape[1], axis=1)
    total = np.zeros(alphas.shape)
    for when in range(1, table.shape[1]):
        error = np.nan_to_num(table[:, when, None] - level)
        total += error**2
        level = level + alphas * error
    return total


def _season_of(values: np.ndarray, season: int) -> tuple[str, np.ndarray]:
    """ "times", "plus" or "none", and the season's shape; only if it passes a 10 % test."""
    nothing = np.zeros(1)
    if season < 2 or len(values) < 2 * season + 1:
        return "none", nothing
    centered = values - values.mean()
    power = float(centered @ centered)
    if power <= 0:
        return "none", nothing
    found = [float(centered[lag:] @ centered[:-lag]) / power for lag in range(1, season + 1)]
    limit = 1.645 * np.sqrt((1 + 2 * np.square(found[:-1]).sum()) / len(values))
    if abs(found[-1]) <= limit:
        return "none", nothing
    kind = "times" if bool((values > 0).all()) else "plus"
    slow = moving_average(values, season)
    apart = values / slow if kind == "times" else values - slow
    shape = np.array([np.nanmean(apart[place::season]) for place in range(season)])
    shape = shape / shape.mean() if kind == "times" else shape - shape.mean()
    return kind, shape


# --- all of them ------------------------------------------------------------------------------


class MeanOfThree(Method):
    name = "mean of three"
    why = "the mean of the seasonal naive forecast, exponential smoothing and Theta"

    def __init__(self, parts: Sequence[Method] = ()) -> None:
        self.parts = list(parts) or [SeasonalNaive(), Smoothing(), Theta()]

    def fit(self, series: Many, season: int) -> None:
        """Its parts are fitted by themselves."""

    def forecast(self, series: Many, origins: Many, horizon: int) -> list[np.ndarray]:
        answers = [part.forecast(series, origins, horizon) for part in self.parts]
        return [np.mean(one, axis=0) for one in zip(*answers, strict=True)]

    def pick(self, which: Sequence[int]) -> Method:
        return MeanOfThree([part.pick(which) for part in self.parts])

    def as_json(self) -> dict[str, Any]:
        return {"parts": [part.as_json() for part in self.parts]}

    def load(self, data: dict[str, Any]) -> None:
        for part, one in zip(self.parts, data["parts"], strict=True):
            part.load(one)


@dataclass
class Fitted:
    """A method after fitting, and how many seconds that took."""

    method: Method
    seconds: float = field(default=0.0)


def fit_all(series: Many, season: int, seconds: float) -> list[Fitted]:
    """All methods, from simple to complex; exponential smoothing tries fewer forms if the time is
    short."""
    naive, smoothing, theta = SeasonalNaive(), Smoothing(seconds), Theta()
    found = []
    for method in (Constant(), naive, Drift(), theta, smoothing):
        began = time.perf_counter()
        method.fit(series, season)
        found.append(Fitted(method, time.perf_counter() - began))
    spent = sum(one.seconds for one in found if one.method in (naive, smoothing, theta))
    return [*found, Fitted(MeanOfThree([naive, smoothing, theta]), spent)]


METHODS: dict[str, type[Method]] = {
    method.name: method
    for method in (Constant, SeasonalNaive, Drift, Theta, Smoothing, MeanOfThree)
}
"""Name -> method, to read models back."""
