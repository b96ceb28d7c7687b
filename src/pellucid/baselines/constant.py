"""The constant answer: the least that anything has to beat."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pellucid.baselines.baseline import FittedBaseline, Problem, State, baseline, scatter
from pellucid.data.columns import Loaded


@baseline
@dataclass
class Constant(FittedBaseline):
    """Always the shares of the classes (the most frequent wins), or the mean of the numbers."""

    method: ClassVar[str] = "constant"
    answer: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def suits(cls, problem: Problem) -> bool:
        return True

    @classmethod
    def fit(cls, problem: Problem) -> Constant:
        folds = (
            (judge, constant_answer(problem, learn)[None, :]) for learn, judge in problem.folds
        )
        return cls(
            name="constant answer",
            why="whatever it is shown, it answers the same: what the frequencies alone give",
            out_of_fold=scatter(problem.rows, problem.outputs, folds),
            answer=constant_answer(problem, problem.train),
        )

    def predict_rows(self, loaded: dict[str, Loaded]) -> np.ndarray:
        rows = len(next(iter(loaded.values())).values)
        return np.tile(self.answer, (rows, 1))

    def own_state(self) -> State:
        return State({}, {"answer": self.answer}, {})

    @classmethod
    def own_restore(cls, state: State) -> Constant:
        return cls(answer=state.arrays["answer"])


def constant_answer(problem: Problem, rows: np.ndarray) -> np.ndarray:
    """`(outputs,)`; probabilities count one imagined row per answer, so that none is impossible."""
    target = problem.target[rows]
    if problem.kind == "regress":
        return np.asarray(target.mean(0))
    if problem.kind == "tags":
        return np.asarray((target.sum(0) + 1) / (len(rows) + 2))
    counts = np.bincount(target, minlength=problem.outputs) + 1.0
    return np.asarray(counts / counts.sum())
