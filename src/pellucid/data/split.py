"""Which rows are learned from, which choose, and which are sealed for the one exam at the end.

Rows that belong together (the same group, near-duplicates of each other) always land on one side.
Otherwise every part gets its share of every class. Where the order of time matters, the exam is
the latest part, as it will be in use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

TEST_SHARE = 0.2
VALID_SHARE = 0.2
MOST_VALID = 10_000
BAG_BELOW = 2_000
"""With fewer rows than this to learn from, folds take turns at validating (recipes 2.5)."""


@dataclass(frozen=True)
class SplitRows:
    """The parts, and why they are cut so.

    split: object (rows,) of "train" | "valid" | "test".
    folds: for few rows, the rows that validate each fold; every row outside test is in exactly
        one of them, and no row is "valid" in `split`. Empty if one hold-out is enough.
    """

    split: np.ndarray
    folds: list[np.ndarray]
    why: list[str]


def split_rows(
    labels: np.ndarray,
    *,
    clusters: np.ndarray,
    given: np.ndarray | None = None,
    order: np.ndarray | None = None,
    seed: int = 0,
) -> SplitRows:
    """Cut the rows into train, valid and test.

    Args:
        labels: int64 (rows,) what to spread evenly: classes, or bins of a number.
        clusters: int64 (rows,); rows of equal cluster stay on one side.
        given: object (rows,) of "train" | "valid" | "test" where the user says so.
        order: float64 (rows,) time of each row, if the future is to be predicted.
        seed: Decides which rows; the same seed gives the same parts.
    """
    rng = np.random.default_rng([seed, 1])
    split = np.full(len(labels), "train", dtype=object)
    why = []
    if given is not None:
        split[:] = given
        why.append("parts as given by the source")
    if not (split == "test").any():
        test = (
            _latest(order, clusters, np.arange(len(labels)), TEST_SHARE)
            if order is not None
            else _share(labels, clusters, np.arange(len(labels)), TEST_SHARE, rng)
        )
        split[test] = "test"
        why.append(
            f"{len(test):,} rows sealed as test: "
            + ("the latest ones" if order is not None else "drawn at random, in proportion")
        )
    if (split == "valid").any():
        return SplitRows(split, [], why)
    rest = np.flatnonzero(split != "test")
    if len(rest) < BAG_BELOW and order is None:
        folds = _folds(labels, clusters, rest, rng)
        if len(folds) > 1:
            why.append(
                f"few rows: {len(folds)} networks take turns, each checked on rows it never saw"
            )
            return SplitRows(split, folds, why)
    share = min(VALID_SHARE, MOST_VALID / max(1, len(rest)))
    valid = (
        _latest(order, clusters, rest, share)
        if order is not None
        else _share(labels, clusters, rest, share, rng)
    )
    split[valid] = "valid"
    why.append(f"{len(valid):,} rows choose between settings (validation)")
    return SplitRows(split, [], why)


def clusters_of(count: int, *keys: Sequence[object]) -> np.ndarray:
    """int64 (count,): rows that share any key (None never matches) get the same number."""
    parent = np.arange(count)

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = int(parent[row])
        return row

    for column in keys:
        first: dict[object, int] = {}
        for row, key in enumerate(column):
            if key is None:
                continue
            other = first.setdefault(key, row)
            if other != row:
                parent[root(row)] = root(other)
    return np.array([root(row) for row in range(count)], dtype=np.int64)


def bins_of(values: np.ndarray, count: int = 10) -> np.ndarray:
    """int64 (rows,): which tenth of the sorted values each number falls in."""
    edges = np.quantile(values, np.linspace(0, 1, count + 1)[1:-1])
    return np.searchsorted(edges, values, side="right").astype(np.int64)


def _share(
    labels: np.ndarray,
    clusters: np.ndarray,
    rows: np.ndarray,
    share: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Rows of whole clusters that make up about `share` of every label; a label's last cluster
    is never taken, so that what is asked in the exam could have been learned."""
    chosen = []
    for members in _by_label(labels, clusters, rows, rng):
        sizes = np.array([len(cluster) for cluster in members])
        wanted = share * sizes.sum()
        # Taking clusters while the running total stays nearest to the wanted share.
        taken = int(np.argmin(np.abs(np.concatenate([[0], np.cumsum(sizes)]) - wanted)))
        if taken == 0 and len(members) > 2:
            taken = 1
        chosen += members[: min(taken, len(members) - 1)]
    return np.sort(np.concatenate(chosen)) if chosen else np.empty(0, dtype=np.int64)


def _folds(
    labels: np.ndarray, clusters: np.ndarray, rows: np.ndarray, rng: np.random.Generator
) -> list[np.ndarray]:
    count = 8 if len(rows) < 500 else 5
    folds: list[list[np.ndarray]] = [[] for _ in range(count)]
    filled = np.zeros(count)
    for members in _by_label(labels, clusters, rows, rng):
        for cluster in sorted(members, key=len, reverse=True):
            # The emptiest fold takes the next cluster; ties go to the first.
            fold = int(np.argmin(filled))
            folds[fold].append(cluster)
            filled[fold] += len(cluster)
    return [np.sort(np.concatenate(fold)) for fold in folds if fold]


def _by_label(
    labels: np.ndarray, clusters: np.ndarray, rows: np.ndarray, rng: np.random.Generator
) -> list[list[np.ndarray]]:
    """For each label, its clusters (arrays of rows) in random order; a cluster of several labels
    counts for its first row's."""
    order = np.argsort(clusters[rows], kind="stable")
    starts = np.flatnonzero(np.diff(clusters[rows][order], prepend=-1))
    groups = [np.sort(group) for group in np.split(rows[order], starts[1:])]
    members: dict[int, list[np.ndarray]] = {}
    for index in rng.permutation(len(groups)):
        group = groups[index]
        members.setdefault(int(labels[group[0]]), []).append(group)
    return [members[label] for label in sorted(members)]


def _latest(order: np.ndarray, clusters: np.ndarray, rows: np.ndarray, share: float) -> np.ndarray:
    """The latest `share` of the rows; a cluster that reaches over the border goes to the past."""
    by_time = rows[np.argsort(order[rows], kind="stable")]
    cut = len(rows) - round(share * len(rows))
    past = set(clusters[by_time[:cut]].tolist())
    return np.sort([row for row in by_time[cut:] if clusters[row] not in past]).astype(np.int64)
