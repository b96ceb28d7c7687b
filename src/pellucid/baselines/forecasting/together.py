"""All classical methods of forecasting, fitted from simple to complex."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.baselines.forecasting.method import Many, Method
from pellucid.baselines.forecasting.naive import Constant, Drift, SeasonalNaive
from pellucid.baselines.forecasting.smoothing import Smoothing
from pellucid.baselines.forecasting.theta import Theta


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
