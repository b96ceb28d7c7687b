"""What a number rests on, for answers that are no class and no number of a row: pieces of an
example are taken away (or repaired), and whether that explains the number is tested.

The same method as `evidence/explain/occlusion.py` and `faithfulness.py`, for any number that can
be asked for versions of one example: a degree of strangeness, a likeness.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pellucid.evidence.explain.occlusion import (
    blended,
    contributions,
    random_orders,
    stage_counts,
    stages,
)

Ask = Callable[[np.ndarray], np.ndarray]
"""bool `(versions, pieces)`, which pieces are gone -> the number `(versions,)`."""
STEPS, FEWEST_ORDERS, MOST_ORDERS = 8, 10, 80
NOISE = 0.05
"""Of the whole change: of few pieces one in five random orders begins with the right one, and what
the others do by chance then decides."""
SPARE = 20
"""Random orders that the test compares with; they have no part in the values."""


@dataclass(frozen=True)
class Taken:
    """values: float64 `(pieces,)`, above zero: without it the number falls. whole: the number with
    all pieces. guided, random: the number as pieces are taken away, what counts most first, and in
    random order (mean), over `shares`. gain: how much faster guided falls than the mean of random
    orders, as an area; chance: what 95 % of random orders stay under."""

    values: np.ndarray
    whole: float
    shares: np.ndarray
    guided: np.ndarray
    random: np.ndarray
    gain: float
    chance: float

    @property
    def faithful(self) -> bool:
        return len(self.values) > 1 and self.gain > 0 and self.gain >= self.chance - NOISE

    @property
    def order(self) -> np.ndarray:
        """int64 `(pieces,)`: what counts most first."""
        return np.argsort(-self.values, kind="stable")

    def tested(self, what: str) -> str:
        """The test in a sentence. what: such as 'repairing the pieces it names first lowers the
        score'."""
        faster = "faster" if self.faithful else "no faster"
        end = f"(gain {self.gain:.2f}; chance alone reaches {self.chance:.2f})"
        said = f"{what} {faster} than random orders do {end}."
        said = said[0].upper() + said[1:]
        return said if self.faithful else f"Not to be trusted: {said[0].lower() + said[1:]}"


def take_away(ask: Ask, count: int, seconds: float, seed: int = 0) -> Taken:
    """Take pieces away one by one and in random mixtures; test the result on other random orders.

    Args:
        seconds: About how long it may take; how many mixtures that allows is measured.
    """
    started = time.perf_counter()
    single = np.eye(count, dtype=bool)
    numbers = ask(np.concatenate([np.zeros((1, count), bool), np.ones((1, count), bool), single]))
    whole, base = float(numbers[0]), float(numbers[1])
    alone = whole - numbers[2:]
    pace = (time.perf_counter() - started) / (count + 2)
    each = len(stage_counts(count, STEPS))
    left = seconds - (time.perf_counter() - started)
    orders = int(np.clip(left / (pace * each) - SPARE, FEWEST_ORDERS, MOST_ORDERS))
    gone = np.concatenate([stages(one, STEPS) for one in random_orders(count, orders, seed)])
    mixed = contributions(
        np.concatenate([single, gone]), np.concatenate([numbers[2:], ask(gone)]), whole, base
    )
    values = blended(alone, mixed)
    tried = [np.argsort(-values, kind="stable"), *random_orders(count, SPARE, seed + 1)]
    asked = np.concatenate([stages(one, STEPS) for one in tried])
    courses = ask(asked).reshape(len(tried), each)
    shares = stage_counts(count, STEPS) / count
    change = max(float(np.ptp(courses)), 1e-12)
    areas = np.trapezoid(courses, shares, axis=1) / change
    gains = areas[1:].mean() - areas
    chance = float(np.quantile(gains[1:], 0.95))
    return Taken(values, whole, shares, courses[0], courses[1:].mean(0), float(gains[0]), chance)
