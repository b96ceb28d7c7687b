"""How far a figure from these few rows can be trusted: 95 % intervals.

Shares of right answers have exact formulas. Everything else is resampled: draw as many rows with
replacement, measure again, and look where the middle 95 % of the draws lie (the percentile
bootstrap). Rows that belong together (`groups`) are drawn together.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pellucid.learning.evaluate import Kind, Score, scorer

Interval = tuple[float, float]

NORMAL_95 = 1.959963984540054
FEW = 40
"""Below this many rows the exact interval replaces Wilson's approximation."""
CELLS = 4_000_000
"""Weights that are held at a time: 32 MB."""
CLASS_WISE = frozenset({"balanced accuracy", "macro F1", "AUC"})
"""Metrics that need every class in every draw, so rows are drawn within their class."""


def interval(
    kind: Kind,
    metric: str,
    target: np.ndarray,
    prediction: np.ndarray,
    seed: int = 0,
    groups: np.ndarray | None = None,
    draws: int = 2_000,
) -> Interval:
    """The 95 % interval of one metric on these rows; `(nan, nan)` where it is undefined.

    groups: any labels `(rows,)`; rows with equal labels are not independent.
    """
    measure = scorer(kind, metric, target, prediction)
    if metric in ("accuracy", "subset accuracy") and groups is None:
        share = float(measure(np.ones((1, len(target))))[0])
        return share_interval(round(share * len(target)), len(target))
    strata = target if metric in CLASS_WISE and kind == "classify" else None
    return middle(bootstrap([measure], len(target), draws, seed, strata, groups)[:, 0])


def share_interval(hits: int, rows: int) -> Interval:
    """Of a share of right answers: exact below 40 rows, else Wilson's."""
    return clopper_pearson(hits, rows) if rows < FEW else wilson(hits, rows)


def wilson(hits: int, rows: int) -> Interval:
    """Wilson's score interval (Wilson 1927): all shares that a 5 % test would not reject."""
    share, z2 = hits / rows, NORMAL_95**2
    center = (share + z2 / (2 * rows)) / (1 + z2 / rows)
    half = NORMAL_95 / (1 + z2 / rows) * np.sqrt(share * (1 - share) / rows + z2 / (4 * rows**2))
    return max(0.0, float(center - half)), min(1.0, float(center + half))


def clopper_pearson(hits: int, rows: int) -> Interval:
    """The exact binomial interval (Clopper and Pearson 1934); never too narrow."""
    from scipy.special import betaincinv

    low = 0.0 if hits == 0 else float(betaincinv(hits, rows - hits + 1, 0.025))
    high = 1.0 if hits == rows else float(betaincinv(hits + 1, rows - hits, 0.975))
    return low, high


def middle(values: np.ndarray) -> Interval:
    """Where the middle 95 % of the draws lie; undefined draws are left out."""
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def bootstrap(
    measures: list[Score],
    rows: int,
    draws: int,
    seed: int,
    strata: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """`(draws, measures)`: all measures on the same resamples, so that they can be paired."""
    parts = [
        np.stack([measure(weights) for measure in measures], 1)
        for weights in resamples(rows, draws, seed, strata, groups)
    ]
    return np.concatenate(parts)


def resamples(
    rows: int,
    draws: int,
    seed: int,
    strata: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> Iterator[np.ndarray]:
    """How often each row was drawn, `(some draws, rows)` at a time, float64.

    strata: rows are drawn within equal labels. groups: whole groups are drawn instead of rows.
    """
    if groups is not None:
        names, member = np.unique(groups, return_inverse=True)
        for counts in resamples(len(names), draws, seed):
            yield counts[:, member]
        return
    generator = np.random.default_rng(seed)
    labels = np.zeros(rows, dtype=np.int64) if strata is None else strata
    order = np.argsort(labels, kind="stable")
    _, starts, sizes = np.unique(labels[order], return_index=True, return_counts=True)
    start, size = np.repeat(starts, sizes), np.repeat(sizes, sizes)
    chunk = max(1, CELLS // rows)
    for first in range(0, draws, chunk):
        count = min(chunk, draws - first)
        picked = order[generator.integers(start, start + size, (count, rows))]
        picked += np.arange(count)[:, None] * rows
        counts = np.bincount(picked.ravel(), minlength=count * rows)
        yield counts.reshape(count, rows).astype(np.float64)
