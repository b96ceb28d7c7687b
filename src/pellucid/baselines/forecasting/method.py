"""What every classical method of forecasting is, and what several of them need."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

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


def side_by_side(parts: Many) -> np.ndarray:
    """float64 `(series, times)`, NaN after each end."""
    table = np.full((len(parts), max((len(part) for part in parts), default=0)), np.nan)
    for index, part in enumerate(parts):
        table[index, : len(part)] = part
    return table
