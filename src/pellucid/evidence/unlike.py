"""Is this example unlike anything that the model learned from?

A network answers everything, noise included, and is often sure of it. So each example is compared
with those that were learned from: how far is the nearest of them? For a table, in the columns
themselves, each number in units of its spread; for pictures, texts, sounds and series in the terms
that the network made of them (Sun et al. 2022). The same distance of rows that are known to be
alike says what is usual, and the share of them that are at least as far off is the p-value (a
conformal test): of new rows like the old ones, one in a hundred gets a p-value below 0.01.

In a table, rows learned from can be compared with each other, as nothing was learned to tell them
apart. A network has pulled such rows together, so there the rows that it was checked by say what
is usual; where several networks took turns, each judges beside its own.

Left out by measurement (docs/log.md): ranking the energy of the logits too, and farther neighbors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from pellucid.data.columns import Column, Loaded

LEVEL = 0.01
"""Rows with a smaller p-value are said to be unlike anything that was learned from."""
MOST_KNOWN, MOST_HELD = 1_000, 1_000
"""Rows kept of all networks together, and held rows of each."""
FEWEST_KNOWN = 100
FAR = 1.0
"""So many times the range's own width beyond it is far outside."""
CELLS = 4_000_000
"""Distances that are held at a time."""

Arrays = dict[str, np.ndarray]


# --- what is compared -------------------------------------------------------------------------


def direction(features: np.ndarray) -> np.ndarray:
    """float32, the same shape: each row of length 1; how long a row is says little."""
    features = np.asarray(features, dtype=np.float32)
    length = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.maximum(length, 1e-12)


def cells(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """float32 `(rows, numbers + categories)`: the columns of a table, side by side.

    inputs: "scalars" `(rows, numbers)` in units of their spread, "categories" `(rows, columns)`.
    """
    parts = [inputs[name] for name in ("scalars", "categories") if name in inputs]
    return np.concatenate(parts, 1).astype(np.float32)


def is_table(inputs: Iterable[str]) -> bool:
    """Whether there are only numbers, dates and categories."""
    return set(inputs) <= {"scalars", "categories"}


def nearest(
    known: np.ndarray, rows: np.ndarray, numbers: int, apart: np.ndarray | None = None
) -> np.ndarray:
    """float32 `(rows,)`: the distance of each row to the nearest of `known` `(known, width)`.

    The first `numbers` places are numbers; of the others, categories, each that differs counts 1.

    Args:
        apart: Labels of `known`, which is then `rows` too: rows of equal label don't count.
    """
    found = np.empty(len(rows), dtype=np.float32)
    step = max(1, CELLS // max(1, len(known)))
    turned = -2 * np.ascontiguousarray(known[:, :numbers].T)
    length = (known[:, :numbers] ** 2).sum(1)
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        plain = part[:, :numbers]
        square = plain @ turned  # the squared distance, but for the row's own length
        square += length
        for place in range(numbers, known.shape[1]):
            square += part[:, [place]] != known[:, place]
        if apart is not None:
            square[apart[start : start + step, None] == apart] = np.inf
        whole = square.min(1) + (plain**2).sum(1)
        found[start : start + step] = np.sqrt(np.maximum(whole, 0.0))
    return found


# --- what is kept -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Known:
    """Rows learned from, as they are compared, and how far off rows of the same kind usually are.

    rows: `(known, width)`, float16 unless there are categories. usual: float32 `(held,)`, rising:
    distances. numbers: how many of the places are numbers; the rest are categories.
    """

    rows: np.ndarray
    usual: np.ndarray
    numbers: int

    @cached_property
    def _exact(self) -> np.ndarray:
        return self.rows.astype(np.float32)

    def as_far(self, rows: np.ndarray) -> np.ndarray:
        """int64 `(rows,)`: how many usual distances are at least as large as that of each row."""
        found = nearest(self._exact, rows, self.numbers)
        return len(self.usual) - np.searchsorted(self.usual, found, side="left")


def know_table(rows: np.ndarray, numbers: int, labels: np.ndarray) -> Known:
    """Keep rows of a table that were learned from.

    Args:
        rows: `(known, numbers + categories)`, see `cells`. labels: int `(known,)`; rows of equal
            label (twins, or one patient's rows) are no evidence that a new row is near.
    """
    # The number of a category may be larger than 16 bits hold exactly.
    kept = rows.astype(np.float16 if numbers == rows.shape[1] else np.float32)
    same = kept.astype(np.float32)  # distances must be the same when they are read again
    usual = nearest(same, same, numbers, labels)
    return Known(kept, np.sort(usual[np.isfinite(usual)]), numbers)


def know_features(features: np.ndarray, held: np.ndarray) -> Known:
    """Keep what a network made of rows that it learned from `(known, width)` and did not
    `(held, width)`."""
    kept = direction(features).astype(np.float16)
    width = kept.shape[1]
    return Known(kept, np.sort(nearest(kept.astype(np.float32), direction(held), width)), width)


@dataclass(frozen=True)
class Unlike:
    """What tells rows that are like none learned from.

    known: of a table one, else one for each network of the bag. table: which of the two it is.
    ranges: column -> (lowest, highest) of the rows learned from.
    """

    known: tuple[Known, ...]
    table: bool
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Usual distances; no p-value is smaller than 1 / (count + 1)."""
        return sum(len(one.usual) for one in self.known)

    def p_values(self, views: Sequence[np.ndarray]) -> np.ndarray:
        """float64 `(rows,)`: the share of usual rows that are as far off.

        Args:
            views: For a table `[cells]`, else what each network made of the rows; each
                `(rows, width)`.
        """
        if self.count == 0:
            return np.full(len(views[0]), np.nan)
        views = views if self.table else [direction(view) for view in views]
        farther = sum(one.as_far(view) for one, view in zip(self.known, views))
        return (1 + np.asarray(farther)) / (1 + self.count)

    def beyond(self, loaded: Mapping[str, Loaded]) -> list[dict[str, list[float]]]:
        """For each row: column -> [lowest, highest] learned from, where its number is far
        outside."""
        rows = len(next(iter(loaded.values())).values)
        found: list[dict[str, list[float]]] = [{} for _ in range(rows)]
        for name, (low, high) in self.ranges.items():
            values = np.asarray(loaded[name].values, dtype=np.float64)
            margin = FAR * (high - low)
            for row in np.flatnonzero((values < low - margin) | (values > high + margin)):
                found[row][name] = [low, high]
        return found

    def facts(self) -> dict[str, Any]:
        return {
            "numbers": [one.numbers for one in self.known],
            "table": self.table,
            "ranges": {name: list(ends) for name, ends in self.ranges.items()},
        }

    def arrays(self) -> Arrays:
        found = {}
        for place, one in enumerate(self.known):
            found |= {f"{place}.rows": one.rows, f"{place}.usual": one.usual}
        return found

    @classmethod
    def restore(cls, facts: dict[str, Any], arrays: Arrays) -> Unlike:
        known = tuple(
            Known(arrays[f"{place}.rows"], arrays[f"{place}.usual"], numbers)
            for place, numbers in enumerate(facts["numbers"])
        )
        ranges = {name: (low, high) for name, (low, high) in facts["ranges"].items()}
        return cls(known, facts["table"], ranges)


def ranges_of(
    columns: Iterable[Column], loaded: Mapping[str, Loaded]
) -> dict[str, tuple[float, float]]:
    """Column -> lowest and highest number of these (training) rows, where there are any."""
    found = {}
    for column in columns:
        if column.modality != "number":
            continue
        values = np.asarray(loaded[column.name].values, dtype=np.float64)
        there = values[np.isfinite(values)]
        if len(there):
            found[column.name] = (float(there.min()), float(there.max()))
    return found
