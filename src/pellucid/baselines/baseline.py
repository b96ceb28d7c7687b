"""What every classical method shares: the problem it is given, and how it is kept.

A fitted baseline is data: JSON, arrays and texts, never a pickle. Loading one runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from pellucid.data.columns import Column, Loaded
from pellucid.learning.evaluate import Kind, score

Fold = tuple[np.ndarray, np.ndarray]
"""Rows to learn from, rows to judge by."""
INNER_FOLDS = 5
WORTH_SHARING = 100_000_000
"""Numbers in a matrix from which on sharing the work between cores pays."""


class State(NamedTuple):
    """A part of a fitted baseline, in forms that are safe to store."""

    json: dict[str, Any]
    arrays: dict[str, np.ndarray]
    texts: dict[str, str]


@dataclass(frozen=True)
class Problem:
    """What is to be predicted from what, on which rows.

    target: int64 `(rows,)` for classify and grades, 0/1 `(rows, tags)`, float64 `(rows, targets)`.
    outputs: classes, grades, tags or targets. train: the rows of the final fit. folds: where
    settings are chosen; seconds: about how long one method may take.
    """

    columns: list[Column]
    loaded: dict[str, Loaded]
    target: np.ndarray
    kind: Kind
    outputs: int
    train: np.ndarray
    folds: list[Fold]
    seconds: float
    seed: int

    @property
    def modalities(self) -> set[str]:
        return {column.modality for column in self.columns}

    @property
    def rows(self) -> int:
        return len(self.target)

    def look(self, rows: np.ndarray) -> dict[str, Loaded]:
        """These rows of every input column."""
        return {column.name: self.loaded[column.name].take(rows) for column in self.columns}

    def at_most(self, rows: float) -> Problem:
        """The same problem learned from at most so many rows, drawn evenly; judged on the same."""
        generator = np.random.default_rng(self.seed)
        limit = max(int(rows), 100)

        def some(of: np.ndarray) -> np.ndarray:
            return of if len(of) <= limit else np.sort(generator.choice(of, limit, replace=False))

        train = some(self.train)
        folds = [
            (train if np.array_equal(learn, self.train) else some(learn), judge)
            for learn, judge in self.folds
        ]
        return replace(self, train=train, folds=folds)


@dataclass
class FittedBaseline:
    """One classical method after fitting.

    outputs: classes, grades, tags or targets. name and why: for people. seconds: it took to fit,
    choosing settings included. ms_per_row: to answer one row, measured on a batch. out_of_fold:
    `(rows, outputs)` predictions of rows by fits that had not seen them (NaN elsewhere); None
    unless folds were given.
    """

    method: ClassVar[str]
    outputs: int = 1
    name: str = ""
    why: str = ""
    seconds: float = 0.0
    ms_per_row: float = 0.0
    out_of_fold: np.ndarray | None = field(default=None, repr=False)

    @classmethod
    def suits(cls, problem: Problem) -> bool:
        """Whether the method applies to these columns and this kind of task."""
        raise NotImplementedError

    @classmethod
    def fit(cls, problem: Problem) -> FittedBaseline:
        """Choose settings on the folds, then learn from all training rows."""
        raise NotImplementedError

    def predict_rows(self, loaded: dict[str, Loaded]) -> np.ndarray:
        """`predict` for at least one row."""
        raise NotImplementedError

    def own_state(self) -> State:
        """What `own_restore` needs besides name, why and timing."""
        raise NotImplementedError

    @classmethod
    def own_restore(cls, state: State) -> FittedBaseline:
        raise NotImplementedError

    def predict(self, loaded: dict[str, Loaded]) -> np.ndarray:
        """float64 `(rows, classes | tags)` probabilities, or `(rows, targets)` numbers."""
        rows = len(next(iter(loaded.values())).values)
        return self.predict_rows(loaded) if rows else np.zeros((0, self.outputs))

    def state(self) -> State:
        """Everything needed to predict, without pickle. Out-of-fold predictions are not kept."""
        own = self.own_state()
        about = {
            "method": self.method,
            "outputs": self.outputs,
            "name": self.name,
            "why": self.why,
            "seconds": self.seconds,
            "ms_per_row": self.ms_per_row,
        }
        return State({**about, "own": own.json}, own.arrays, own.texts)

    @staticmethod
    def restore(
        json: dict[str, Any], arrays: dict[str, np.ndarray], texts: dict[str, str]
    ) -> FittedBaseline:
        """The baseline that `state` described."""
        fitted = BASELINES[json["method"]].own_restore(State(json["own"], arrays, texts))
        fitted.outputs, fitted.name, fitted.why = json["outputs"], json["name"], json["why"]
        fitted.seconds, fitted.ms_per_row = json["seconds"], json["ms_per_row"]
        return fitted

    @property
    def bytes(self) -> int:
        """Size when saved: arrays and texts as they are; the JSON beside them is small."""
        _, arrays, texts = self.state()
        sizes = [array.nbytes for array in arrays.values()]
        return sum(sizes) + sum(len(text.encode()) for text in texts.values())


BASELINES: dict[str, type[FittedBaseline]] = {}


def baseline(method: type[FittedBaseline]) -> type[FittedBaseline]:
    """Register a classical method."""
    if method.method in BASELINES:
        raise ValueError(f"two baselines are called '{method.method}'")
    BASELINES[method.method] = method
    return method


def worth_sharing(values: int) -> bool:
    """Whether work on a matrix of so many numbers goes faster on several cores."""
    return values >= WORTH_SHARING


@contextmanager
def threads_for(values: int) -> Iterator[None]:
    """One thread for small matrices.

    Threads that wait for each other after every small product made a fit of 0.1 s take 3 s on a
    busy machine with two cores.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(None if worth_sharing(values) else 1):
        yield


# --- folds ------------------------------------------------------------------------------------


def choose_folds(
    train: np.ndarray, valid: np.ndarray, folds: list[Fold] | None, seed: int
) -> list[Fold]:
    """Where settings are chosen: given folds, validation rows, or five parts of training."""
    if folds:
        return folds
    if len(valid):
        return [(train, valid)]
    mixed = np.random.default_rng(seed).permutation(train)
    parts = np.array_split(mixed, min(INNER_FOLDS, len(train)))
    return [(np.setdiff1d(train, part), np.sort(part)) for part in parts if len(part) < len(train)]


def judged(folds: list[Fold]) -> np.ndarray:
    """All rows that some fold judges by."""
    return np.concatenate([judge for _, judge in folds])


def settle(problem: Problem, candidates: list[np.ndarray]) -> int:
    """Which of the `(rows, outputs)` predictions has the smallest loss on the judged rows.

    Log loss, or for numbers the squared error in units of each target's variance: smooth figures
    choose more steadily than accuracy on few rows.
    """
    rows = judged(problem.folds)
    target = problem.target[rows]
    if problem.kind == "regress":
        spread = np.maximum(target.var(0), 1e-12)
        losses = [
            float((((each[rows] - target) ** 2).mean(0) / spread).mean()) for each in candidates
        ]
    else:
        losses = [score(problem.kind, "log loss", target, each[rows]) for each in candidates]
    return int(np.argmin(losses))


def scatter(rows: int, outputs: int, parts: Iterator[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """`(rows, outputs)` filled from (rows, predictions) parts; NaN where nobody predicted."""
    found = np.full((rows, outputs), np.nan)
    for where, prediction in parts:
        found[where] = prediction
    return found
