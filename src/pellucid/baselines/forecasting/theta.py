"""The Theta method (Assimakopoulos and Nikolopoulos 2000, as Hyndman and Billah 2003 put it)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.baselines.forecasting.method import Many, Method, moving_average, side_by_side


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
    table = side_by_side(parts)
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
