"""Where is it worse than elsewhere? The figure on parts of the test rows.

Parts are the classes, the values of categories, and thirds of numbers. Only a part whose 95 %
interval leaves out the figure of all rows is worth telling; of many parts tried, a few do so by
chance, which is said with the list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.data.columns import Column, Loaded
from pellucid.evidence.intervals import NORMAL_95, Interval, share_interval
from pellucid.learning.evaluate import Kind, answers, two_dimensional

FEWEST = 20
"""Rows that a part needs."""
MOST_VALUES = 20
"""Values of a category that are looked at, the commonest first."""
MOST_PARTS = 300
NAMES = {
    "classify": "accuracy",
    "grades": "accuracy",
    "tags": "all tags right",
    "regress": "RMSE",
}
RELATIVE = "relative RMSE"
"""Of several numbers, each in units of its spread on all rows."""


@dataclass(frozen=True)
class Slice:
    """A part of the test rows: its name, and the figure there with its 95 % interval."""

    name: str
    rows: int
    value: float
    low: float
    high: float

    def as_json(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class Slices:
    """Parts that differ from all rows, the worst first; out of how many that were tried."""

    metric: str
    total: float
    tried: int
    found: tuple[Slice, ...]

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "found": [one.as_json() for one in self.found]}


def slices(
    kind: Kind,
    truth: np.ndarray,
    values: np.ndarray,
    columns: list[Column],
    loaded: Mapping[str, Loaded],
    classes: list[str],
) -> Slices:
    """Parts of these (test) rows on which the answers are better or worse than on all.

    Args:
        truth, values: In the shape of `learning/evaluate.py`, calibrated.
        columns, loaded: Input columns with the values of these rows.
    """
    errors = _errors(kind, truth, values)
    total = _figure(kind, errors)
    tried, found = 0, []
    for name, mine in _parts(kind, truth, columns, loaded, classes):
        rows = int(mine.sum())
        if rows < FEWEST or rows == len(errors):
            continue
        tried += 1
        low, high = _interval(kind, errors[mine])
        if low > total or high < total:
            found.append(Slice(name, rows, _figure(kind, errors[mine]), low, high))
        if tried == MOST_PARTS:
            break
    found.sort(key=lambda one: one.value if kind != "regress" else -one.value)
    several = kind == "regress" and two_dimensional(truth).shape[1] > 1
    return Slices(RELATIVE if several else NAMES[kind], total, tried, tuple(found))


def _errors(kind: Kind, truth: np.ndarray, values: np.ndarray) -> np.ndarray:
    """`(rows,)`: 1 where the answer is wrong, or the squared error; of several numbers the mean
    in units of their variance."""
    if kind == "regress":
        truth = two_dimensional(truth)
        squares = (truth - two_dimensional(values)) ** 2
        if truth.shape[1] > 1:
            variance = truth.var(0)
            squares /= np.where(variance > 0, variance, 1.0)
        return squares.mean(1)
    wrong = answers(kind, values) != np.asarray(truth)
    return (wrong.any(1) if wrong.ndim == 2 else wrong).astype(np.float64)


def _figure(kind: Kind, errors: np.ndarray) -> float:
    return float(np.sqrt(errors.mean()) if kind == "regress" else 1 - errors.mean())


def _interval(kind: Kind, errors: np.ndarray) -> Interval:
    if kind != "regress":
        return share_interval(round(float((1 - errors).sum())), len(errors))
    half = NORMAL_95 * errors.std(ddof=1) / np.sqrt(len(errors))
    return float(np.sqrt(max(0.0, errors.mean() - half))), float(np.sqrt(errors.mean() + half))


def _parts(
    kind: Kind,
    truth: np.ndarray,
    columns: list[Column],
    loaded: Mapping[str, Loaded],
    classes: list[str],
) -> Iterator[tuple[str, np.ndarray]]:
    """Name of each part, and bool `(rows,)` which rows belong to it."""
    if kind in ("classify", "grades"):
        for number, name in enumerate(classes):
            yield f"truly '{name}'", truth == number
    for column in columns:
        values = loaded[column.name].values
        if column.modality == "category":
            yield from _by_value(column.name, values)
        elif column.modality == "number":
            yield from _by_third(column.name, np.asarray(values, dtype=np.float64))


def _by_value(name: str, values: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    words = np.array(["" if value is None else str(value) for value in values])
    different, counts = np.unique(words, return_counts=True)
    for word in different[np.argsort(-counts, kind="stable")][:MOST_VALUES]:
        yield f"{name} = '{word}'" if word else f"{name} is missing", words == word


def _by_third(name: str, values: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    there = np.isfinite(values)
    if not there.all():
        yield f"{name} is missing", ~there
    if len(np.unique(values[there])) < 3:
        return
    first, second = np.quantile(values[there], [1 / 3, 2 / 3])
    yield f"{name} up to {first:.4g}", there & (values <= first)
    yield f"{name} {first:.4g} to {second:.4g}", (values > first) & (values <= second)
    yield f"{name} above {second:.4g}", values > second
