"""How much was memorized: right answers on learned rows that unseen rows do not get."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.evidence.intervals import NORMAL_95
from pellucid.evidence.overfitting.onset import FEWEST_ROWS, Onset
from pellucid.evidence.retrain import evenly, row_seconds
from pellucid.evidence.subject import Material
from pellucid.learning.evaluate import answers, two_dimensional
from pellucid.learning.learner import predict
from pellucid.learning.planner import RowIngredients
from pellucid.tasks import Task

OWN_SHARE = 0.1
"""Part of the time in which rows that were learned from may be answered."""
MOST_ROWS = 4_000
"""Rows that are answered to compare learned with unseen ones."""


# --- answers to learned and to unseen rows ----------------------------------------------------


@dataclass(frozen=True)
class Answered:
    """What the first network says of rows that it learned from, beside answers to unseen rows.

    rows, values: of (a sample of) the rows it learned from. learned: how many these were.
    held, held_values: rows that were answered by networks that had not learned from them.
    truth: of all rows. tolerance: for numbers: an error up to here counts as right.
    """

    task: Task
    rows: np.ndarray
    values: np.ndarray
    learned: int
    held: np.ndarray
    held_values: np.ndarray
    truth: np.ndarray
    tolerance: float


def answer_own(material: Material, data: RowIngredients) -> Answered:
    """Ask the first network (a sample of) the rows that it learned from."""
    learn = material.folds[0][0]
    most = int(OWN_SHARE * material.seconds / row_seconds(material))
    some = evenly(data.rows, max(FEWEST_ROWS, min(MOST_ROWS, most)))
    own = predict(material.subject.network, data.dataset, some, material.plan.precision)
    errors = distances(material.truth[material.held], material.held_values, material.task)
    return Answered(
        material.task,
        learn[some.numpy()],
        material.task.prediction(own),
        len(learn),
        material.held,
        material.held_values,
        material.truth,
        float(np.median(errors)) if len(errors) else 0.0,
    )


def distances(truth: np.ndarray, values: np.ndarray, task: Task) -> np.ndarray:
    """`(rows,)`: how far off each answer is: an error in units of the target's spread, or the
    probability that was not given to the truth (for tags: to the worst of them)."""
    if task.kind == "regress":
        spread = np.asarray(task.spread)  # type: ignore[attr-defined]
        return (np.abs(two_dimensional(truth) - two_dimensional(values)) / spread).mean(1)
    if task.kind == "tags":
        return np.where(truth > 0, 1 - values, values).max(1)
    return 1 - values[np.arange(len(values)), truth.astype(np.int64)]


def is_right(
    truth: np.ndarray, values: np.ndarray, task: Task, tolerance: float = 0.0
) -> np.ndarray:
    """bool `(rows,)`: whether each answer is right; for numbers: within the tolerance."""
    if task.kind == "regress":
        return distances(truth, values, task) <= tolerance
    right = answers(task.kind, values) == truth
    return right.all(1) if right.ndim == 2 else right


# --- the difference between them --------------------------------------------------------------


@dataclass(frozen=True)
class Memory:
    """How many right answers rest on having seen the very row.

    right_learned, right_unseen: shares of right answers, among so many rows. estimate, low, high:
    how many of all `learned` rows are right only because they were learned from, with a 95 %
    interval. tolerance: for numbers: how close counts as right, in units of the target's spread.
    """

    right_learned: float
    right_unseen: float
    rows_learned: int
    rows_unseen: int
    learned: int
    estimate: float
    low: float
    high: float
    tolerance: float | None


def memory_of(answered: Answered) -> Memory:
    """The difference between learned and unseen rows, times the rows.

    Where every row was answered by a network that had not seen it (a bag), the same rows are
    compared, which is sharper.
    """
    task, tolerance = answered.task, answered.tolerance
    own = is_right(answered.truth[answered.rows], answered.values, task, tolerance)
    held = is_right(answered.truth[answered.held], answered.held_values, task, tolerance)
    both, here, there = np.intersect1d(answered.rows, answered.held, return_indices=True)
    if len(both) >= len(answered.rows) / 2:
        gains = own[here].astype(float) - held[there]
        share, error = gains.mean(), gains.std() / np.sqrt(len(gains))
        rights, unseen = (own[here].mean(), held[there].mean()), len(both)
        rows = len(both)
    else:
        rights, unseen, rows = (own.mean(), held.mean()), len(held), len(own)
        share = rights[0] - rights[1]
        error = np.sqrt(own.var() / len(own) + held.var() / len(held))
    limits = (share - NORMAL_95 * error, share + NORMAL_95 * error)
    low, high = (float(np.clip(limit, 0, 1)) * answered.learned for limit in limits)
    return Memory(
        float(rights[0]),
        float(rights[1]),
        rows,
        unseen,
        answered.learned,
        max(0.0, float(share)) * answered.learned,
        low,
        high,
        tolerance if task.kind == "regress" else None,
    )


def memory_sentence(memory: Memory, onset: Onset) -> str:
    verb = (
        "is right"
        if memory.tolerance is None
        else "comes close (within the usual error on unseen rows)"
    )
    start = (
        f"It {verb} on {memory.right_learned:.1%} of the rows that it learned from and on"
        f" {memory.right_unseen:.1%} of rows that it had never seen"
    )
    if memory.low < 0.5:
        return f"{start}: too small a difference to say that any row was memorized."
    return (
        f"{start}: about {memory.estimate:,.0f} [{memory.low:,.0f}, {memory.high:,.0f}] of its"
        f" {memory.learned:,} rows are answered from memory only"
        + (", but that did not make it worse on others." if onset.kind == "never" else ".")
    )
