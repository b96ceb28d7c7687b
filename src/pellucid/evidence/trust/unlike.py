"""Is this example unlike anything that the model learned from?

A network answers everything, noise included, and is often sure of it. So each example is compared
with those that were learned from: how far is the nearest of them? The distance is taken twice.

- In plain facts: numbers in units of their spread, categories, and for pictures, sounds, series
  and texts a few figures such as level, spread and roughness. Nothing was learned to tell rows
  apart here, so the distances of the rows learned from to each other say what is usual. Of texts
  it also counts how familiar their neighboring tokens are (`familiar.py`); the strangest of these
  views is the row's score, each in units of how much it usually varies.
- In what the network made of the examples (Sun et al. 2022), where there is more than a table. It
  has pulled the rows that it learned from together, so the rows that it was checked by say what is
  usual; where several networks took turns, each judges beside its own.

The share of usual rows that are at least as far off is the p-value (a conformal test): of new rows
like the old ones, one in a hundred gets a p-value below 0.01. Of two the smaller counts, doubled.

Left out by measurement (docs/log.md): ranking the energy of the logits too, and farther neighbors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from pellucid.data.columns import Column, Entry, Loaded
from pellucid.evidence.trust.familiar import Familiar

LEVEL = 0.01
"""Rows with a smaller p-value are said to be unlike anything that was learned from."""
MOST_KNOWN, MOST_HELD = 1_000, 1_000
"""Rows kept of all networks together, and held rows of each."""
FEWEST_KNOWN = 100
FAR = 1.0
"""So many times the range's own width beyond it is far outside."""
NEAR = 1e-3
"""Added to distances before their logarithm is taken: a twin is at distance 0."""
CELLS = 4_000_000
"""Distances that are held at a time."""

Arrays = dict[str, np.ndarray]


# --- what is compared -------------------------------------------------------------------------


def direction(features: np.ndarray) -> np.ndarray:
    """float32, the same shape: each row of length 1; how long a row is says little."""
    features = np.asarray(features, dtype=np.float32)
    length = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.maximum(length, 1e-12)


@dataclass(frozen=True)
class Cells:
    """Plain facts of rows: `(rows, numbers)` float32 and `(rows, columns)` category numbers; and
    the tokens of each text `(rows, tokens)`, 0 behind its end, by the name of its column."""

    numbers: np.ndarray
    categories: np.ndarray
    texts: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def width(self) -> int:
        return self.numbers.shape[1] + self.categories.shape[1]

    def together(self) -> np.ndarray:
        """float32 `(rows, numbers + categories)`."""
        return np.concatenate([self.numbers, self.categories], 1).astype(np.float32)


def cells(entries: Mapping[str, Entry], inputs: Mapping[str, np.ndarray], rows: int) -> Cells:
    """Plain facts of so many encoded rows, group after group; there may be none."""
    numbers, categories = [np.empty((rows, 0))], [np.empty((rows, 0))]
    texts = {}
    for group, entry in entries.items():
        values = inputs[group]
        if group == "scalars":
            numbers.append(values)
        elif group == "categories":
            categories.append(values)
        elif entry.way == "lookup":
            numbers.append(_by_part(token_facts, values))
            texts[group] = values
        elif entry.rank:
            numbers.append(_by_part(partial(facts, rank=entry.rank), values))
    facts_of_all = np.concatenate(numbers, 1).astype(np.float32)
    return Cells(facts_of_all, np.concatenate(categories, 1), texts)


def _by_part(measure: Callable[[np.ndarray], np.ndarray], values: np.ndarray) -> np.ndarray:
    step = max(1, CELLS // max(1, values[:1].size))
    return np.concatenate([measure(values[i : i + step]) for i in range(0, len(values), step)])


def facts(values: np.ndarray, rank: int) -> np.ndarray:
    """`(rows, 2 + rank)` of pictures, sounds or series `(rows, *positions, channels)`: level,
    spread, and how rough they are along each axis (mean step, as a share of the spread)."""
    values = np.asarray(values, dtype=np.float32)
    axes = tuple(range(1, values.ndim))
    there = np.isfinite(values)
    known = np.where(there, values, 0.0)
    level = _mean(known, there, axes)
    apart = np.where(there, known - level.reshape(-1, *[1] * len(axes)), 0.0)
    spread = np.sqrt(_mean(apart**2, there, axes))
    found = [level, spread]
    for axis in range(1, 1 + rank):
        both = np.diff(there.astype(np.int8), axis=axis) == 0
        both &= np.take(there, range(1, there.shape[axis]), axis)
        steps = np.where(both, np.abs(np.diff(known, axis=axis)), 0.0)
        found.append(_mean(steps, both, axes) / (spread + 1e-6))
    return np.stack(found, 1)


def _mean(values: np.ndarray, there: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    return values.sum(axes, dtype=np.float64) / np.maximum(there.sum(axes), 1)


def token_facts(tokens: np.ndarray) -> np.ndarray:
    """`(rows, 3)` of texts as token numbers, 0 behind the end: how many, how large on average
    (pieces of common words have large numbers, single letters small ones), how many different."""
    there = tokens > 0
    count = np.maximum(there.sum(1), 1)
    size = np.where(there, np.log1p(tokens), 0.0).sum(1) / count
    rising = np.sort(tokens, 1)
    different = (np.diff(rising, axis=1, prepend=0) > 0).sum(1) / count
    return np.stack([np.log(count), size, different], 1)


def is_table(entries: Iterable[Entry]) -> bool:
    """Whether there are only numbers, dates and categories: plain facts then say all."""
    return {entry.group for entry in entries} <= {"scalars", "categories"}


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

    def distances(self, rows: np.ndarray) -> np.ndarray:
        """float32 `(rows,)`: how far the nearest known row is."""
        return nearest(self._exact, rows, self.numbers)

    def as_far(self, rows: np.ndarray) -> np.ndarray:
        """int64 `(rows,)`: how many usual distances are at least as large as that of each row."""
        return at_least(self.usual, self.distances(rows))


def at_least(usual: np.ndarray, new: np.ndarray) -> np.ndarray:
    """int64 `(rows,)`: how many of the usual numbers, rising, are as large as each new one."""
    return len(usual) - np.searchsorted(usual, new, side="left")


@dataclass(frozen=True)
class Plain:
    """Plain facts of rows learned from. center, scale: float32 `(numbers,)`, to put facts into
    units of their spread. texts: name of a column -> how familiar a text of it is; usual: float32
    `(held,)`, rising: scores of usual rows, where there are texts."""

    known: Known
    center: np.ndarray
    scale: np.ndarray
    texts: Mapping[str, Familiar] = field(default_factory=dict)
    usual: np.ndarray = field(default_factory=lambda: np.empty(0, np.float32))

    @property
    def count(self) -> int:
        """How many rows say what is usual."""
        return len(self.known.usual)

    def as_strange(self, rows: Cells) -> np.ndarray:
        """int64 `(rows,)`: how many usual rows are at least as strange as each of these."""
        if not self.texts:
            return self.known.as_far(self.seen(rows))
        views = [one.scores(rows.texts[name]) for name, one in self.texts.items()]
        far = self.far(self.known.distances(self.seen(rows)))
        return at_least(self.usual, np.max([far, *views], axis=0).astype(np.float32))

    def far(self, distances: np.ndarray) -> np.ndarray:
        """float `(rows,)`: distances in units of how much they usually vary; 0 is usual."""
        usual = np.log(self.known.usual + NEAR)
        return (np.log(distances + NEAR) - usual.mean()) / max(float(usual.std()), 1e-6)

    def seen(self, rows: Cells) -> np.ndarray:
        """float32 `(rows, width)`, as they are compared."""
        return replace(rows, numbers=(rows.numbers - self.center) / self.scale).together()


def know_facts(
    rows: Cells,
    labels: np.ndarray,
    texts: Mapping[str, tuple[Familiar, np.ndarray]] | None = None,
) -> Plain:
    """Keep plain facts of rows that were learned from.

    Args:
        labels: int `(known,)`; rows of equal label (twins, or one patient's rows) are no evidence
            that a new row is near.
        texts: Name of a column -> how familiar texts are, and the scores of these rows `(known,)`.
    """
    center, spread = rows.numbers.mean(0), rows.numbers.std(0)
    # What never changed has no unit; any difference is then as large as it is.
    scale = np.where(spread > 1e-6, spread, 1.0).astype(np.float32)
    plain = Plain(Known(np.empty((0, 0)), np.empty(0), 0), center.astype(np.float32), scale)
    # The number of a category may be larger than 16 bits hold exactly.
    kept = plain.seen(rows).astype(np.float32 if rows.categories.shape[1] else np.float16)
    same = kept.astype(np.float32)  # distances must be the same when they are read again
    numbers = rows.numbers.shape[1]
    usual = nearest(same, same, numbers, labels)
    there = np.isfinite(usual)
    plain = replace(plain, known=Known(kept, np.sort(usual[there]), numbers))
    if not texts or not there.any():
        return plain
    views = [plain.far(usual[there]), *(scores[there] for _, scores in texts.values())]
    together = np.sort(np.max(views, axis=0).astype(np.float32))
    return replace(plain, texts={name: one for name, (one, _) in texts.items()}, usual=together)


def know_features(features: np.ndarray, held: np.ndarray) -> Known:
    """Keep what a network made of rows that it learned from `(known, width)` and did not
    `(held, width)`."""
    kept = direction(features).astype(np.float16)
    width = kept.shape[1]
    return Known(kept, np.sort(nearest(kept.astype(np.float32), direction(held), width)), width)


@dataclass(frozen=True)
class Unlike:
    """What tells rows that are like none learned from.

    plain: in plain facts, if there are any. networks: as each network of the bag saw them; none
    for a table. ranges: column -> (lowest, highest) of the rows learned from.
    """

    plain: Plain | None
    networks: tuple[Known, ...] = ()
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def least(self) -> float:
        """No p-value is smaller."""
        counts: list[int] = []
        if self.plain is not None:
            counts.append(self.plain.count)
        if self.networks:
            counts.append(sum(len(known.usual) for known in self.networks))
        return min(1.0, len(counts) / (1 + max(counts))) if counts else 1.0

    def p_values(self, rows: Cells, views: Sequence[np.ndarray]) -> np.ndarray:
        """float64 `(rows,)`: the share of usual rows that are as far off; NaN if none are known.

        Args:
            views: `(rows, width)` of each network: what it made of the rows.
        """
        found = []
        if self.plain is not None:
            found.append((1 + self.plain.as_strange(rows)) / (1 + self.plain.count))
        if self.networks:
            found.append(_share(self.networks, [direction(view) for view in views]))
        if not found:
            return np.full(len(rows.numbers), np.nan)
        return np.minimum(1.0, len(found) * np.min(found, axis=0))

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

    def as_json(self) -> dict[str, Any]:
        return {
            "plain": self.plain and self.plain.known.numbers,
            "texts": list(self.plain.texts) if self.plain else [],
            "networks": len(self.networks),
            "ranges": {name: list(ends) for name, ends in self.ranges.items()},
        }

    def arrays(self) -> Arrays:
        found: Arrays = {}
        for place, one in enumerate(self.networks):
            found |= {f"{place}.rows": one.rows, f"{place}.usual": one.usual}
        if self.plain is not None:
            found |= {"rows": self.plain.known.rows, "usual": self.plain.known.usual}
            found |= {"center": self.plain.center, "scale": self.plain.scale}
            for place, text in enumerate(self.plain.texts.values()):
                found |= {f"text.{place}.{name}": one for name, one in text.arrays().items()}
            if self.plain.texts:
                found["together"] = self.plain.usual
        return found

    @classmethod
    def restore(cls, head: dict[str, Any], arrays: Arrays) -> Unlike:
        networks = tuple(
            Known(rows, arrays[f"{place}.usual"], rows.shape[1])
            for place in range(head["networks"])
            for rows in [arrays[f"{place}.rows"]]
        )
        plain = None
        if head["plain"] is not None:
            known = Known(arrays["rows"], arrays["usual"], head["plain"])
            texts = {
                name: Familiar.restore(_own(arrays, f"text.{place}."))
                for place, name in enumerate(head["texts"])
            }
            together = arrays.get("together", np.empty(0, np.float32))
            plain = Plain(known, arrays["center"], arrays["scale"], texts, together)
        ranges = {name: (low, high) for name, (low, high) in head["ranges"].items()}
        return cls(plain, networks, ranges)


def _own(arrays: Arrays, start: str) -> Arrays:
    return {name[len(start) :]: one for name, one in arrays.items() if name.startswith(start)}


def _share(known: Sequence[Known], views: Sequence[np.ndarray]) -> np.ndarray:
    """float64 `(rows,)`: the share of all usual rows, and the new one, that are as far off."""
    farther = sum(one.as_far(view) for one, view in zip(known, views))
    return (1 + np.asarray(farther)) / (1 + sum(len(one.usual) for one in known))


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
