"""Confident learning: which given labels are probably wrong (Northcutt, Jiang and Chuang 2021).

A row counts as "labeled a, really b" if its probability of b, from a model that had not learned
from the row, is at least what rows labeled b have on average. Counting them, class by class,
estimates how many labels are wrong even where the model is too sure or not sure enough; which ones
they are is then read off the margin between the two probabilities.

Arrays in, arrays out. given: int `(rows,)`; probability: float `(rows, classes)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pellucid.evidence.intervals import Interval, middle

Choice = Literal["margin", "noise rate", "both"]

SMALLEST_THRESHOLD = 2e-6
ROUNDING = 1e-6
"""Differences between probabilities below this are rounding."""
NEVER = 2.0
"""Threshold of a class that no row is labeled: no probability reaches it."""
DRAWS = 200
MOST_CELLS = 20_000_000
"""Rows times classes times draws of a bootstrap: about a second."""


def thresholds(given: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """`(classes,)`: mean probability of each class among the rows labeled so."""
    found = np.full(probability.shape[1], NEVER)
    for label in np.unique(given):
        found[label] = probability[given == label, label].mean()
    return np.maximum(found, SMALLEST_THRESHOLD)


def likely_classes(probability: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """int64 `(rows,)`: the class that each row surely belongs to, -1 if none reaches its limit."""
    sure = probability >= limits - ROUNDING
    likely = np.where(sure.sum(1) > 1, probability.argmax(1), sure.argmax(1))
    return np.where(sure.any(1), likely, -1)


def confident_counts(
    given: np.ndarray, probability: np.ndarray, limits: np.ndarray | None = None
) -> np.ndarray:
    """int64 `(given, true)`: how many rows surely are of each true class, by given label."""
    limits = thresholds(given, probability) if limits is None else limits
    likely = likely_classes(probability, limits)
    there = likely >= 0
    counts = np.zeros((probability.shape[1],) * 2, dtype=np.int64)
    np.add.at(counts, (likely[there], given[there]), 1)
    # A class whose rows are all in doubt is still taken to have one right label.
    np.fill_diagonal(counts, counts.diagonal().clip(min=1))
    return counts.T


def joint_counts(given: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """int64 `(given, true)`: estimated number of rows of each pair, adding up to all rows.

    Rows that are surely of no class are shared out as the sure ones of the same label are.
    """
    counts = confident_counts(given, probability)
    rows = np.bincount(given, minlength=len(counts))
    scaled = (counts.T / counts.sum(1) * rows).T
    scaled = scaled / scaled.sum() * len(given)
    return np.array([rounded(row) for row in scaled])


def rounded(values: np.ndarray) -> np.ndarray:
    """int64: whole numbers with the same (rounded) sum, each as near as that allows."""
    whole = np.round(values)
    missing = int(np.round(values.sum()) - whole.sum())
    order = np.argsort(values - whole)
    whole[order[::-1][:missing] if missing > 0 else order[:-missing]] += np.sign(missing)
    return whole.astype(np.int64)


def estimated_errors(counts: np.ndarray) -> int:
    """How many labels are wrong by these joint counts."""
    return int(counts.sum() - np.trace(counts))


def wrong_labels(
    given: np.ndarray, probability: np.ndarray, choose: Choice = "margin"
) -> np.ndarray:
    """bool `(rows,)`: labels that are probably wrong.

    choose: "noise rate" takes, for each pair of classes, as many rows as the pair is estimated to
    have wrong, those with the largest margin; "both" only those of them that are also among the
    least likely rows of their label (as cleanlab does under the same names). "margin" takes as
    many as "noise rate", but those with the smallest normalized margin of all: with many classes
    the estimate of a single pair rests on few rows (benchmarks/evidence_labels.py).
    """
    if choose == "margin":
        count = int(wrong_labels(given, probability, "noise rate").sum())
        wrong = np.zeros(len(given), dtype=bool)
        margin = normalized_margin(given, probability)
        wrong[np.argsort(margin, kind="stable")[:count]] = True
        return wrong
    counts = _leaving_one(joint_counts(given, probability))
    wrong = np.zeros(len(given), dtype=bool)
    for label in np.unique(given):
        rows = np.flatnonzero(given == label)
        if len(rows) < 2:
            continue
        chosen = _by_noise_rate(probability[rows], label, counts[label])
        if choose == "both":
            chosen &= _least_likely(probability[rows, label], len(rows) - counts[label, label])
        wrong[rows] = chosen
    own = probability[np.arange(len(given)), given]
    return wrong & (probability.max(1) > own + ROUNDING)


def normalized_margin(given: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """`(rows,)` from 0 (surely wrong) to 1: how far the given label leads the best other one."""
    own = probability[np.arange(len(given)), given]
    return (own - other_probability(given, probability) + 1) / 2


def other_probability(given: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """`(rows,)`: probability of the likeliest class except the given one."""
    return _without_given(given, probability).max(1)


def suggested(given: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """int64 `(rows,)`: the likeliest class except the given one."""
    return _without_given(given, probability).argmax(1)


def share_interval(given: np.ndarray, probability: np.ndarray, seed: int = 0) -> Interval:
    """95 % interval of the share of wrong labels: rows drawn again, thresholds and all.

    It says how far the estimate depends on which rows there are, not whether the model errs.
    """
    draws = int(np.clip(MOST_CELLS // probability.size, 20, DRAWS))
    generator = np.random.default_rng(seed)
    shares = []
    for _ in range(draws):
        rows = generator.integers(0, len(given), len(given))
        counts = joint_counts(given[rows], probability[rows])
        shares.append(estimated_errors(counts) / len(given))
    return middle(np.array(shares))


def _leaving_one(counts: np.ndarray) -> np.ndarray:
    """Counts by which at least one row of each label is right; the wrong ones give way."""
    lacking = np.maximum(1 - counts.diagonal(), 0)
    kinds = np.maximum(np.count_nonzero(counts, axis=1) - 1, 1)
    left = np.maximum(counts - (lacking / kinds)[:, None], 0).astype(np.int64)
    np.fill_diagonal(left, np.maximum(counts.diagonal(), 1))
    return left


def _by_noise_rate(probability: np.ndarray, label: int, counts: np.ndarray) -> np.ndarray:
    """Of the rows with this label: for each other class the largest margins, `counts` of them."""
    chosen = np.zeros(len(probability), dtype=bool)
    for other, many in enumerate(counts):
        if other != label and many:
            margin = probability[:, other] - probability[:, label]
            chosen[np.argsort(-margin)[:many]] = True
    return chosen


def _least_likely(own: np.ndarray, many: int) -> np.ndarray:
    chosen = np.zeros(len(own), dtype=bool)
    chosen[np.argsort(own)[: max(0, many)]] = True
    return chosen


def _without_given(given: np.ndarray, probability: np.ndarray) -> np.ndarray:
    others = np.array(probability, dtype=np.float64)
    others[np.arange(len(given)), given] = -np.inf
    return others


# --- numbers ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outliers:
    """Numbers that a model and the neighbors both contradict, each `(rows,)`.

    z: how many robust standard deviations the answer of a model that had not learned from the row
    lies from the given number. neighbors: the median number of the nearest rows. apart: the same
    as z, of the distance to that median. wrong: both are large.
    """

    z: np.ndarray
    neighbors: np.ndarray
    apart: np.ndarray
    wrong: np.ndarray


FAR_FROM_ANSWER, FAR_FROM_NEIGHBORS = 4.0, 3.0
NEIGHBORS = 10
LOCAL = 50
"""Rows of similar answers whose errors say how large an error is usual there."""


def wrong_numbers(given: np.ndarray, answer: np.ndarray, near: np.ndarray) -> Outliers:
    """Numbers that are probably wrong.

    Args:
        given, answer: `(rows,)`, answers of a model that had not learned from the row.
        near: int `(rows, k)`, each row's nearest other rows.
    """
    neighbors = np.median(given[near], axis=1)
    z = (given - answer) / _usual_error(given - answer, answer)
    apart = (given - neighbors) / _usual_error(given - neighbors, neighbors)
    wrong = (np.abs(z) > FAR_FROM_ANSWER) & (np.abs(apart) > FAR_FROM_NEIGHBORS)
    return Outliers(z, neighbors, apart, wrong & (np.sign(z) == np.sign(apart)))


def nearest(features: np.ndarray, count: int = NEIGHBORS) -> np.ndarray:
    """int64 `(rows, count)`: the nearest other rows by the angle between features."""
    length = np.linalg.norm(features, axis=1, keepdims=True)
    unit = features / np.maximum(length, 1e-12)
    count = min(count, len(unit) - 1)
    found = np.empty((len(unit), count), dtype=np.int64)
    chunk = max(1, MOST_CELLS // len(unit))
    for start in range(0, len(unit), chunk):
        alike = unit[start : start + chunk] @ unit.T
        alike[np.arange(len(alike)), np.arange(start, start + len(alike))] = -np.inf
        found[start : start + chunk] = np.argpartition(-alike, count - 1, axis=1)[:, :count]
    return found


def _usual_error(error: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """`(rows,)`: robust standard deviation of errors, or that of rows with similar answers where
    it is larger: dear houses are priced less exactly than cheap ones, which makes none wrong."""
    overall = 1.4826 * float(np.median(np.abs(error - np.median(error))))
    order = np.argsort(answer, kind="stable")
    size = min(LOCAL, len(error))
    windows = np.lib.stride_tricks.sliding_window_view(np.abs(error)[order], size)
    local = np.empty(len(error))
    places = np.clip(np.arange(len(error)) - size // 2, 0, len(windows) - 1)
    local[order] = 1.4826 * np.median(windows, axis=1)[places]
    return np.maximum(np.maximum(overall, local), 1e-12)
