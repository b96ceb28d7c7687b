"""Classical detectors of strangeness: arrays in, one number a row out.

All are kept as arrays. On 52 data sets neighbors' distance and isolation forests sufficed (Bouman
et al. 2024), and no method wins everywhere (ADBench, Han et al. 2022): so there are several.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pellucid.baselines.baseline import threads_for

TREES, SAMPLE = 100, 256
"""An isolation forest: trees, and rows that each one sees (Liu et al. 2008)."""
MOST_REFERENCES = 5_000
"""Training rows that neighbors are searched among."""
NEAREST = 5
"""Neighbors whose distance counts. 15 of 1,000 rows were worse than 5 by 1 to 2 points of AUC
on digits that were kept from the method (in the network's features, n = 3)."""
ROWS_AT_ONCE = 512
QUANTILES = 512
KEPT_VARIANCE = 0.9


@dataclass
class Detector:
    """What one method learned from `(rows, features)`; `arrays` is all of it."""

    name: ClassVar[str]
    why: ClassVar[str]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def fit(cls, x: np.ndarray, rng: np.random.Generator) -> Detector:
        raise NotImplementedError

    def score(self, x: np.ndarray) -> np.ndarray:
        """float64 `(rows,)`: the stranger, the larger."""
        raise NotImplementedError


class Tails(Detector):
    """ECOD (Li et al. 2022): how far out in the tail of each column, columns added up."""

    name = "tails of each column"
    why = "each column by itself: how rarely is a value so low or so high (ECOD)"

    @classmethod
    def fit(cls, x: np.ndarray, rng: np.random.Generator) -> Detector:
        steps = np.linspace(0, 1, min(QUANTILES, len(x)))
        centered = x - x.mean(0)
        spread = np.maximum(x.std(0), 1e-12)
        skew = (centered**3).mean(0) / spread**3
        rows = np.array([len(x)], dtype=np.float64)
        return cls({"quantiles": np.quantile(x, steps, axis=0), "skew": skew, "rows": rows})

    def score(self, x: np.ndarray) -> np.ndarray:
        quantiles, rows = self.arrays["quantiles"], float(self.arrays["rows"][0])
        left, right = np.empty_like(x), np.empty_like(x)
        steps = len(quantiles)
        for column in range(x.shape[1]):
            ordered, values = quantiles[:, column], x[:, column]
            below = np.searchsorted(ordered, values, side="right") / steps
            above = 1 - np.searchsorted(ordered, values, side="left") / steps
            left[:, column] = -np.log(np.maximum(below, 1 / (rows + 1)))
            right[:, column] = -np.log(np.maximum(above, 1 / (rows + 1)))
        skewed = np.where(self.arrays["skew"] < 0, left, right).sum(1)
        return np.maximum(np.maximum(left.sum(1), right.sum(1)), skewed)


class Components(Detector):
    """What the main directions of variation can't rebuild."""

    name = "principal components"
    why = "the part of a row that the main directions of variation can't rebuild"

    @classmethod
    def fit(cls, x: np.ndarray, rng: np.random.Generator) -> Detector:
        mean = x.mean(0)
        with threads_for(x.size):
            values, axes = np.linalg.eigh(np.cov((x - mean).T).reshape(x.shape[1], -1))
        order = np.argsort(-values)
        share = np.cumsum(values[order]) / max(float(values.sum()), 1e-12)
        kept = min(int(np.searchsorted(share, KEPT_VARIANCE)) + 1, max(1, x.shape[1] - 1))
        return cls({"mean": mean, "axes": axes[:, order[:kept]]})

    def score(self, x: np.ndarray) -> np.ndarray:
        centered, axes = x - self.arrays["mean"], self.arrays["axes"]
        if axes.shape[0] == axes.shape[1]:  # a single column: nothing is left to rebuild
            return np.asarray((centered**2).sum(1))
        return np.asarray(((centered - centered @ axes @ axes.T) ** 2).sum(1))


class Forest(Detector):
    """Isolation forest (Liu et al. 2008): strange rows are cut off by few random cuts."""

    name = "isolation forest"
    why = "how few random cuts separate a row from all others"

    @classmethod
    def fit(cls, x: np.ndarray, rng: np.random.Generator) -> Detector:
        sample = min(SAMPLE, len(x))
        depth = max(1, math.ceil(math.log2(max(sample, 2))))
        nodes = 2 ** (depth + 1) - 1
        feature = np.full((TREES, nodes), -1, dtype=np.int32)
        cut = np.zeros((TREES, nodes), dtype=np.float64)
        length = np.zeros((TREES, nodes), dtype=np.float64)
        for tree in range(TREES):
            rows = x[rng.choice(len(x), sample, replace=False)]
            _grow(rows, 0, 0, depth, rng, feature[tree], cut[tree], length[tree])
        usual = np.array([_path(sample)])
        arrays = {"feature": feature, "cut": cut, "length": length, "usual": usual}
        return cls(arrays)

    def score(self, x: np.ndarray) -> np.ndarray:
        feature, cut, length = (self.arrays[name] for name in ("feature", "cut", "length"))
        depth = int(math.log2(feature.shape[1] + 1)) - 1
        trees = np.arange(len(feature))
        found = [np.empty(0)]
        for start in range(0, len(x), ROWS_AT_ONCE):
            part = x[start : start + ROWS_AT_ONCE]
            rows = np.arange(len(part))[:, None]
            node = np.zeros((len(part), len(trees)), dtype=np.int64)
            for _ in range(depth):
                asked = feature[trees, node]
                goes = part[rows, np.maximum(asked, 0)] > cut[trees, node]
                node = np.where(asked < 0, node, 2 * node + 1 + goes)
            mean = length[trees, node].mean(1)
            found.append(2.0 ** (-mean / max(float(self.arrays["usual"][0]), 1.0)))
        return np.concatenate(found)


def _grow(
    rows: np.ndarray,
    node: int,
    height: int,
    most: int,
    rng: np.random.Generator,
    feature: np.ndarray,
    cut: np.ndarray,
    length: np.ndarray,
) -> None:
    """One tree: a random cut of a random column that still varies, until rows are alone."""
    low, high = (rows.min(0), rows.max(0)) if len(rows) else (np.zeros(1), np.zeros(1))
    varies = np.flatnonzero(high > low)
    if height == most or len(rows) <= 1 or not len(varies):
        length[node] = height + _path(len(rows))
        return
    chosen = int(varies[rng.integers(len(varies))])
    feature[node] = chosen
    cut[node] = rng.uniform(low[chosen], high[chosen])
    goes = rows[:, chosen] > cut[node]
    for place, part in ((1, rows[~goes]), (2, rows[goes])):
        _grow(part, 2 * node + place, height + 1, most, rng, feature, cut, length)


def _path(rows: int) -> float:
    """Cuts that a search tree of so many rows needs on average.

    >>> _path(1), _path(2), round(_path(256), 2)
    (0.0, 1.0, 10.24)
    """
    if rows <= 1:
        return 0.0
    if rows == 2:
        return 1.0
    return 2 * (math.log(rows - 1) + 0.5772156649) - 2 * (rows - 1) / rows


class Neighbors(Detector):
    """Mean distance to the nearest training rows."""

    name = "nearest neighbors"
    why = "how far the most similar training rows are"

    @classmethod
    def fit(cls, x: np.ndarray, rng: np.random.Generator) -> Detector:
        reference = x
        if len(x) > MOST_REFERENCES:
            reference = x[np.sort(rng.choice(len(x), MOST_REFERENCES, replace=False))]
        count = max(1, min(len(reference) - 1, NEAREST))
        return cls({"reference": reference.astype(np.float32), "count": np.array([count])})

    def score(self, x: np.ndarray) -> np.ndarray:
        """A row that is itself among the references is not its own neighbor."""
        return self.distances(x)[0]

    def distances(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean distance `(rows,)` and the numbers of the nearest references `(rows, count)`."""
        reference, count = self.arrays["reference"], int(self.arrays["count"][0])
        found, nearest = [np.empty(0)], [np.empty((0, count), dtype=np.int64)]
        lengths = (reference.astype(np.float64) ** 2).sum(1)
        for start in range(0, len(x), ROWS_AT_ONCE):
            part = x[start : start + ROWS_AT_ONCE].astype(np.float32)
            with threads_for(part.size + reference.size):
                product = part @ reference.T
            squared = (part.astype(np.float64) ** 2).sum(1)[:, None] + lengths - 2.0 * product
            squared = np.where(squared < 1e-6 * (1 + lengths), np.inf, np.maximum(squared, 0.0))
            order = np.argpartition(squared, count - 1, axis=1)[:, :count]
            near = np.take_along_axis(squared, order, 1)
            some = np.isfinite(near)
            roots = np.where(some, np.sqrt(np.where(some, near, 0.0)), 0.0)
            found.append(roots.sum(1) / np.maximum(some.sum(1), 1))
            nearest.append(order)
        return np.concatenate(found), np.concatenate(nearest)
