"""Forecasts that need no fitting: the mean, the last season, the straight line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.baselines.forecasting.method import Many, Method


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
