"""Columns that know the answer already.

A copy of the target teaches nothing and makes every figure look perfect; it is left out. A column
that alone gives the answer away is named and kept: perhaps it is simply that good.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

LOOK = 20_000
"""Rows that are looked at."""

_FEWEST = 50  # rows below which a perfect match may be chance
_AUC, _ACCURACY, _CORRELATION = 0.99, 0.99, 0.999
_BINS = 64


@dataclass(frozen=True)
class Leak:
    """A column that knows the answer. copy: it is the target itself, in the same or other words."""

    column: str
    why: str
    copy: bool = False


def find_leaks(
    columns: Mapping[str, np.ndarray], target: np.ndarray, *, classes: bool
) -> list[Leak]:
    """Compare every column with the target.

    Args:
        columns: Name -> float64 `(rows,)` (NaN is missing) or object `(rows,)` of str (or None).
        target: The same for the target.
        classes: Whether the target's values are classes rather than amounts.
    """
    there = np.flatnonzero(_filled(target))
    if len(there) > LOOK:
        there = np.sort(np.random.default_rng(0).choice(there, LOOK, replace=False))
    asked = target[there]
    codes = _codes(asked) if classes else asked.astype(np.float64)
    leaks = []
    for name, values in columns.items():
        with np.errstate(over="ignore", invalid="ignore"):  # numbers near the largest there are
            leak = _judge(name, values[there], asked, codes, classes=classes)
        if leak is not None:
            leaks.append(leak)
    return leaks


def alone(values: np.ndarray, target: np.ndarray, *, classes: bool) -> float:
    """How much of the target one column knows by itself, from 0 (nothing) to 1 (all of it).

    Each bin (or word) answers with its commonest class or its mean, learned on half of the rows
    and asked about the other half, both ways. The share of right answers, mean over the classes, is
    counted from guessing; of numbers, the share of the variance that is explained.

    Args:
        values: float64 `(rows,)` (NaN is missing) or object `(rows,)` of str (or None).
        target: int64 classes or float64 numbers `(rows,)`.
    """
    filled = _filled(values)
    own = np.zeros(len(values), dtype=np.int64)  # missing values are a bin of their own
    own[filled] = 1 + (
        _codes(values[filled])
        if values.dtype == object
        else _bins(values[filled], min(_BINS, max(4, len(values) // 20)))
    )
    order = np.random.default_rng(0).permutation(len(own))
    halves = order[::2], order[1::2]
    ask = _right_share if classes else _explained_share
    known = [ask(own, target, learn, asked) for learn, asked in (halves, halves[::-1])]
    return float(np.clip(np.mean(known), 0, 1))


def _right_share(own: np.ndarray, codes: np.ndarray, learn: np.ndarray, ask: np.ndarray) -> float:
    table = np.zeros((own.max() + 1, codes.max() + 1))
    np.add.at(table, (own[learn], codes[learn]), 1)
    share = table / np.maximum(table.sum(0), 1)  # every class counts the same
    right = (share.argmax(1)[own[ask]] == codes[ask]) & (table.sum(1)[own[ask]] > 0)
    there = np.unique(codes[ask])
    accuracy = float(np.mean([right[codes[ask] == code].mean() for code in there]))
    guessing = 1 / len(there)
    return (accuracy - guessing) / (1 - guessing) if guessing < 1 else 0.0


def _explained_share(
    own: np.ndarray, target: np.ndarray, learn: np.ndarray, ask: np.ndarray
) -> float:
    counts = np.bincount(own[learn], minlength=own.max() + 1)
    sums = np.bincount(own[learn], weights=target[learn], minlength=own.max() + 1)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), target[learn].mean())
    variance = float(target[ask].var())
    return 1 - float(((target[ask] - means[own[ask]]) ** 2).mean()) / variance if variance else 0.0


def separation(values: np.ndarray, positive: np.ndarray) -> float:
    """How well numbers tell two sorts of rows apart: AUC, from 0.5 to 1; missing ones left out."""
    filled = _filled(values)
    values, positive = values[filled], positive[filled]
    if not positive.any() or positive.all():
        return 0.5
    auc = _auc(values, positive)
    return max(auc, 1 - auc)


def _judge(
    name: str, values: np.ndarray, target: np.ndarray, codes: np.ndarray, *, classes: bool
) -> Leak | None:
    """One column against the target; `codes` are the target as numbers."""
    why = _same(values, target) or (_renamed(values, codes) if classes else "")
    if why:
        return Leak(name, why, copy=True)
    if classes:
        why = _filled_for_one(values, codes, target) or _tells_class(values, codes)
    else:
        why = _tells_number(values, codes)
    return Leak(name, why) if why else None


# --- copies ---------------------------------------------------------------------------------


def _same(values: np.ndarray, target: np.ndarray) -> str:
    """Equal in every row that has a target."""
    if len(target) < 2 or (values.dtype == object) != (target.dtype == object):
        return ""
    return "a copy of the target" if bool(np.all(values == target)) else ""


def _renamed(values: np.ndarray, codes: np.ndarray) -> str:
    """One value for each class and one class for each value."""
    if len(codes) < _FEWEST or not _filled(values).all():
        return ""
    own = _codes(values)
    kinds = int(own.max()) + 1
    if kinds != codes.max() + 1 or kinds < 2:
        return ""
    pairs = np.unique(own * kinds + codes)
    if len(pairs) != kinds:
        return ""
    return f"the target in other words: each of its {kinds} values belongs to one class"


# --- giveaways ------------------------------------------------------------------------------


def _filled_for_one(values: np.ndarray, codes: np.ndarray, target: np.ndarray) -> str:
    """Filled (or empty) only in rows of one class, more often than chance allows."""
    filled = _filled(values)
    for mask, word in ((filled, "filled"), (~filled, "empty")):
        if not 20 <= mask.sum() < len(mask):
            continue
        first = codes[mask][0]
        share = float((codes == first).mean())
        if np.all(codes[mask] == first) and share < 1 and mask.sum() * np.log(share) < np.log(1e-6):
            label = target[int(np.flatnonzero(mask)[0])]
            return f"{word} in {mask.sum():,} rows, and all of them have the class '{label}'"
    return ""


def _tells_class(values: np.ndarray, codes: np.ndarray) -> str:
    filled = _filled(values)
    values, codes = values[filled], codes[filled]
    if len(codes) < _FEWEST or len(np.unique(codes)) < 2 or np.bincount(codes).max() < 10:
        return ""
    if values.dtype != object and len(np.unique(codes)) == 2:
        auc = _auc(values, codes == codes.max())
        separation = max(auc, 1 - auc)
        return (
            f"alone tells the two classes apart (AUC {separation:.3f})" if separation > _AUC else ""
        )
    accuracy = _accuracy_alone(values, codes)
    return f"alone gives the class in {accuracy:.1%} of the cases" if accuracy > _ACCURACY else ""


def _tells_number(values: np.ndarray, target: np.ndarray) -> str:
    filled = _filled(values)
    values, target = values[filled], target[filled]
    if len(target) < _FEWEST or np.ptp(target) == 0:
        return ""
    if values.dtype == object:
        explained = _explained_alone(_codes(values), target)
        return f"alone explains {explained:.2%} of the target" if explained > 0.998 else ""
    if np.ptp(values) == 0:
        return ""
    for kind, a, b in (
        ("correlation", values, target),
        ("rank correlation", _ranks(values), _ranks(target)),
    ):
        strength = abs(_correlation(a, b))
        if strength > _CORRELATION:
            return f"follows the target nearly exactly ({kind} {strength:.5f})"
    return ""


def _auc(values: np.ndarray, positive: np.ndarray) -> float:
    """Probability that a positive row has the larger value (ties count half)."""
    ranks = _ranks(values)
    many, few = int(positive.sum()), int((~positive).sum())
    return float((ranks[positive].sum() - many * (many + 1) / 2) / (many * few))


def _accuracy_alone(values: np.ndarray, codes: np.ndarray) -> float:
    """Mean accuracy over the classes when each value answers with its commonest class, learned
    on the even rows (after shuffling) and asked of the odd ones."""
    own = _codes(values) if values.dtype == object else _bins(values)
    kinds, classes = int(own.max()) + 1, int(codes.max()) + 1
    if kinds > len(own) / 4:
        return 0.0
    order = np.random.default_rng(0).permutation(len(own))
    learn, ask = order[::2], order[1::2]
    table = np.zeros((kinds, classes))
    np.add.at(table, (own[learn], codes[learn]), 1)
    right = (table.argmax(1)[own[ask]] == codes[ask]) & (table.sum(1)[own[ask]] > 0)
    return float(np.mean([right[codes[ask] == code].mean() for code in np.unique(codes[ask])]))


def _explained_alone(own: np.ndarray, target: np.ndarray) -> float:
    """Share of the variance that the value's mean explains; means and test on different halves."""
    if int(own.max()) + 1 > len(own) / 4:
        return 0.0
    order = np.random.default_rng(0).permutation(len(own))
    return _explained_share(own, target, order[::2], order[1::2])


# --- small tools ----------------------------------------------------------------------------


def _filled(values: np.ndarray) -> np.ndarray:
    if values.dtype == object:
        return np.array([value is not None for value in values], dtype=bool)
    return np.isfinite(values)


def _codes(values: np.ndarray) -> np.ndarray:
    """int64 `(rows,)`: which of the different values each one is."""
    if values.dtype != object:
        return np.unique(values, return_inverse=True)[1].astype(np.int64)
    number: dict[object, int] = {}
    return np.array([number.setdefault(value, len(number)) for value in values], dtype=np.int64)


def _bins(values: np.ndarray, count: int = _BINS) -> np.ndarray:
    edges = np.unique(np.quantile(values, np.linspace(0, 1, count + 1)[1:-1]))
    return np.searchsorted(edges, values, side="right").astype(np.int64)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1; equal values share their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: np.ndarray = (last - (counts - 1) / 2.0)[inverse]
    return ranks


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if np.isfinite(scale) and scale > 0 else 0.0
