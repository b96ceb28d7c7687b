"""How much better a score looks when related rows stand on both sides of a split.

A cheap method is scored twice on the same rows: with folds cut at random, and with folds that keep
related rows together. What the random folds add is leakage: recognizing a row's relatives, which
new rows will not have. No test row is touched.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import numpy as np
import torch

from pellucid.evidence.intervals import NORMAL_95, bootstrap, middle
from pellucid.evidence.labels.held_out import Fold, folds_of
from pellucid.evidence.subject import Material
from pellucid.evidence.worth.verdict import IN_POINTS
from pellucid.learning.evaluate import auc_of, higher_is_better, score, scorer

FOLDS = 5
MOST_ROWS = 4_000
MOST_REPEATS = 3
DRAWS = 1_000
NORMAL_99 = 2.5758293035489004
"""Several differences are looked at, so each must leave out zero by more than the usual."""
WORTH = 0.01
"""A smaller difference (of a score between 0 and 1; else as a share of it) matters to nobody."""
STRETCH = 50
"""Neighbors in the file that are drawn together where there are too many rows for all."""

Cut = Callable[[np.ndarray, int], list[Fold]]
"""(rows, seed) -> folds of them."""


@dataclass(frozen=True)
class Gap:
    """How much better the score looks under random folds.

    random, aware: the scores. value: the difference, above zero where random folds flatter, with
    its 95 % interval. real: it leaves out zero at 99 % and is large enough to matter. rows: how
    many were asked. repeats: how often the folds were cut anew.
    """

    name: str
    random: float
    aware: float
    value: float
    low: float
    high: float
    real: bool
    rows: int
    repeats: int


@dataclass
class Scores:
    """Answers of the cheap method under many folds; what was computed once is kept.

    deadline: by the clock of `time.perf_counter`; after it only single repeats are made.
    """

    material: Material
    deadline: float
    _known: dict[bytes, np.ndarray] = field(default_factory=dict)

    def answers(self, rows: np.ndarray, folds: list[Fold], ignore: Collection[str]) -> np.ndarray:
        """`(rows, ...)` out of fold, NaN in rows that no fold asks about."""
        key = b"".join(
            [ask.tobytes() for _, ask in folds] + [learn.tobytes() for learn, _ in folds]
        )
        key += ",".join(sorted(ignore)).encode()
        if key not in self._known:
            self._known[key] = self._asked(rows, folds, ignore)
        return self._known[key]

    def _asked(self, rows: np.ndarray, folds: list[Fold], ignore: Collection[str]) -> np.ndarray:
        material, values = self.material, np.empty((0, 0))
        for learn, ask in folds:
            fitted = material.fit_cheap(learn, None, ignore)
            said = fitted.predict(material.take(ask))
            if not values.size:
                values = np.full((len(rows), said.shape[1]), np.nan)
            values[np.searchsorted(rows, ask)] = said
        return values

    def in_time(self) -> bool:
        return time.perf_counter() < self.deadline


def gap(
    scores: Scores,
    name: str,
    rows: np.ndarray,
    random: Cut,
    aware: Cut,
    together: np.ndarray | None = None,
    ignore: tuple[Collection[str], Collection[str]] = ((), ()),
) -> Gap:
    """The score under two ways to cut (or with two sets of columns), on the same rows.

    Args:
        rows: Rising. together: labels `(rows,)` of rows that are drawn together for the interval.
        ignore: Columns that the method does not see under each.
    """
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    while len(pairs) < MOST_REPEATS and (not pairs or scores.in_time()):
        seed = scores.material.seed * 101 + len(pairs)
        pairs.append(
            (
                scores.answers(rows, random(rows, seed), ignore[0]),
                scores.answers(rows, aware(rows, seed), ignore[1]),
            )
        )
    return _compared(scores.material, name, rows, pairs, together)


def _compared(
    material: Material,
    name: str,
    rows: np.ndarray,
    pairs: list[tuple[np.ndarray, np.ndarray]],
    together: np.ndarray | None,
) -> Gap:
    asked = ~np.isnan(pairs[0][0]).any(1) & ~np.isnan(pairs[0][1]).any(1)
    kind, metric, truth = material.task.kind, material.task.metric, material.truth[rows[asked]]
    sign = 1 if higher_is_better(metric) else -1
    values = [one[asked] for pair in pairs for one in pair]
    once = np.array([score(kind, metric, truth, one) for one in values]).reshape(-1, 2)
    measures = [scorer(kind, metric, truth, one) for one in values]
    groups = None if together is None else together[asked]
    drawn = bootstrap(measures, len(truth), DRAWS, material.seed, groups=groups)
    differences = sign * (drawn[:, ::2] - drawn[:, 1::2]).mean(1)
    repeats = sign * (once[:, 0] - once[:, 1])
    # Two sources of chance: which rows there are, and how they were cut.
    cutting = repeats.var(ddof=1) / len(repeats) if len(repeats) > 1 else 0.0
    spread = float(np.sqrt(np.nanvar(differences) + cutting))
    value = round(float(repeats.mean()), 12)  # not 4e-17
    least = WORTH if metric in IN_POINTS else WORTH * abs(float(once[:, 1].mean()))
    return Gap(
        name,
        random=float(once[:, 0].mean()),
        aware=float(once[:, 1].mean()),
        value=value,
        low=value - NORMAL_95 * spread,
        high=value + NORMAL_95 * spread,
        real=value - NORMAL_99 * spread > 0 and value >= least,
        rows=len(truth),
        repeats=len(pairs),
    )


# --- ways to cut --------------------------------------------------------------------------------


def labels_of(material: Material, rows: np.ndarray) -> np.ndarray:
    return material.task.labels(material.target[torch.from_numpy(rows)])


def at_random(material: Material) -> Cut:
    """Each row by itself, labels dealt out evenly."""

    def cut(rows: np.ndarray, seed: int) -> list[Fold]:
        return folds_of(rows, np.arange(len(rows)), labels_of(material, rows), FOLDS, seed)

    return cut


def kept_together(material: Material, together: np.ndarray) -> Cut:
    """Rows of equal label in `together` (of all rows of the source) on one side."""

    def cut(rows: np.ndarray, seed: int) -> list[Fold]:
        return folds_of(rows, together[rows], labels_of(material, rows), FOLDS, seed)

    return cut


def in_stretches(material: Material) -> Cut:
    """Rows that follow each other in the source on one side, class by class: a source that is
    sorted by class still has every class in every fold."""

    def cut(rows: np.ndarray, seed: int) -> list[Fold]:
        labels, fold = labels_of(material, rows), np.empty(len(rows), dtype=np.int64)
        for label in np.unique(labels):
            own = np.flatnonzero(labels == label)
            fold[own] = np.arange(len(own)) * FOLDS // len(own)
        return [(rows[fold != n], rows[fold == n]) for n in range(FOLDS) if (fold == n).any()]

    return cut


def from_the_past(order: np.ndarray) -> Cut:
    """Each stretch of time asked of what came before it; the first is only learned from."""

    def cut(rows: np.ndarray, seed: int) -> list[Fold]:
        parts = np.array_split(rows[np.argsort(order[rows], kind="stable")], FOLDS)
        return [
            (np.sort(np.concatenate(parts[:n])), np.sort(parts[n])) for n in range(1, len(parts))
        ]

    return cut


def from_any_time(order: np.ndarray) -> Cut:
    """The same questions asked of as many rows, drawn from past and future."""
    past = from_the_past(order)

    def cut(rows: np.ndarray, seed: int) -> list[Fold]:
        generator = np.random.default_rng([seed, 11])
        folds = []
        for learn, ask in past(rows, seed):
            others = np.setdiff1d(rows, ask)
            folds.append((np.sort(generator.choice(others, len(learn), replace=False)), ask))
        return folds

    return cut


def some(rows: np.ndarray, units: np.ndarray, seed: int, most: int = MOST_ROWS) -> np.ndarray:
    """About `most` of the rows, rising; rows of equal unit `(rows,)` come all or not at all."""
    if len(rows) <= most:
        return rows
    names, member, sizes = np.unique(units, return_inverse=True, return_counts=True)
    order = np.random.default_rng([seed, 13]).permutation(len(names))
    taken = np.zeros(len(names), dtype=bool)
    taken[order[: max(1, int(np.searchsorted(np.cumsum(sizes[order]), most)))]] = True
    return rows[taken[member]]


# --- can test rows be told apart? ---------------------------------------------------------------


@dataclass(frozen=True)
class Apart:
    """How well the cheap method tells test rows from the others, by inputs alone.

    auc: 0.5 is not at all, 1 always, with its 95 % interval. rows: how many were asked.
    """

    auc: float
    low: float
    high: float
    rows: int


def told_apart(material: Material, together: np.ndarray, ignore: Collection[str] = ()) -> Apart:
    """Learn which rows are test rows, out of fold (adversarial validation); no target is used.

    together: labels of all rows of the source; relatives stay on one side here too, as otherwise
    each group that lies in one part would be recognized. ignore: columns that the parts were cut
    by.
    """
    learn = np.sort(np.concatenate([material.train, material.valid]))
    generator = np.random.default_rng([material.seed, 17])
    few = min(len(material.test), MOST_ROWS // 5)
    others = generator.choice(learn, min(len(learn), 4 * few), replace=False)
    rows = np.sort(np.concatenate([others, generator.choice(material.test, few, replace=False)]))
    is_test = np.isin(rows, material.test).astype(np.int64)
    truth = np.zeros_like(material.truth)
    truth[material.test] = 1
    said = np.zeros(len(rows))
    for known, ask in folds_of(rows, together[rows], is_test, FOLDS, material.seed):
        values = material.fit_cheap(known, truth, ignore).predict(material.take(ask))
        column = 0 if material.task.kind in ("regress", "tags") else 1
        said[np.searchsorted(rows, ask)] = values[:, column]
    measure = auc_of(is_test, said)
    drawn = bootstrap([measure], len(rows), DRAWS, material.seed, groups=together[rows])
    low, high = middle(drawn[:, 0])
    return Apart(float(measure(np.ones((1, len(rows))))[0]), low, high, len(rows))
