"""Answers that are probably wrong, row by row: classes, tags and numbers.

Every kind of task is brought to the same form, a list of suspects, surest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.evidence.intervals import NORMAL_95, Interval
from pellucid.evidence.labels import confident
from pellucid.evidence.labels.dynamics import Dynamics
from pellucid.tasks import Task


@dataclass(frozen=True)
class Suspect:
    """One answer that is probably wrong.

    probability: of the suggested answer; None for numbers. score: from 0, surely wrong, to 1.
    resisted: whether the network preferred the suggested answer while it learned; None: not known.
    """

    row: int
    given: str
    suggested: str
    probability: float | None
    score: float
    resisted: bool | None = None


# --- classes and tags -------------------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """Which of some classes: the task itself, or one tag (no or yes).

    given: int64 `(rows,)`. probability: `(rows, classes)` by models that had not learned from the
    row. course: `(steps, rows, classes)` by the network while it learned, NaN in rows that it did
    not learn from; None if nothing was kept.
    """

    classes: Sequence[str]
    given: np.ndarray
    probability: np.ndarray
    course: np.ndarray | None = None

    def own_course(self) -> np.ndarray | None:
        """`(steps, rows)`: the probability of the given class while learning."""
        if self.course is None:
            return None
        return self.course[:, np.arange(len(self.given)), self.given]


def questions_of(
    task: Task, truth: np.ndarray, values: np.ndarray, course: np.ndarray | None = None
) -> list[Question]:
    """The task as questions with one answer each.

    Args:
        truth, values: As metrics take them. course: `(steps, *values.shape)`.
    """
    names = list(task.as_json()["classes"])
    if task.kind != "tags":
        return [Question(names, truth, values, course)]
    return [
        Question(
            (f"not {tag}", tag),
            truth[:, number].astype(np.int64),
            _no_and_yes(values[:, number]),
            None if course is None else _no_and_yes(course[:, :, number]),
        )
        for number, tag in enumerate(names)
    ]


def _no_and_yes(yes: np.ndarray) -> np.ndarray:
    return np.stack([1 - yes, yes], axis=-1)


def course_of(dynamics: Dynamics | None, rows: np.ndarray) -> np.ndarray | None:
    """The dynamics spread out over `rows` (rising): `(steps, rows, ...)`, NaN where unknown."""
    if dynamics is None:
        return None
    spread = np.full((len(dynamics.steps), len(rows), dynamics.values.shape[2]), np.nan)
    known = np.isin(dynamics.rows, rows)
    spread[:, np.searchsorted(rows, dynamics.rows[known])] = dynamics.values[:, known]
    return spread


def better_than_guessing(question: Question) -> bool:
    """Whether the answers beat the mere shares of the classes, by more than chance."""
    shares = np.bincount(question.given, minlength=len(question.classes)) / len(question.given)
    own = question.probability[np.arange(len(question.given)), question.given]
    gain = np.log(np.maximum(own, 1e-6)) - np.log(shares[question.given])
    return bool(gain.mean() > NORMAL_95 * gain.std() / np.sqrt(len(gain)))


@dataclass(frozen=True)
class Doubt:
    """What confident learning says of one question.

    wrong: bool `(rows,)`. counts: int64 `(given, true)` estimated rows. share: 95 % interval of the
    share of wrong labels.
    """

    question: Question
    wrong: np.ndarray
    counts: np.ndarray
    share: Interval


def doubt(question: Question, seed: int) -> Doubt:
    """Which labels are probably wrong, and how many."""
    given, probability = question.given, question.probability
    return Doubt(
        question,
        confident.wrong_labels(given, probability),
        confident.joint_counts(given, probability),
        confident.share_interval(given, probability, seed),
    )


def wrong_by(question: Question, sealed: Question) -> np.ndarray:
    """bool: answers of `sealed` that are surely wrong by the thresholds of other rows."""
    limits = confident.thresholds(question.given, question.probability)
    likely = confident.likely_classes(sealed.probability, limits)
    contradicted = sealed.probability.argmax(1) == likely
    return np.asarray((likely >= 0) & (likely != sealed.given) & contradicted)


def suspects_of(question: Question, rows: np.ndarray, wrong: np.ndarray) -> list[Suspect]:
    """The rows in `wrong`, each with the answer that fits better; in no order."""
    places = np.flatnonzero(wrong)
    given, probability = question.given[places], question.probability[places]
    other = confident.suggested(given, probability)
    score = confident.normalized_margin(given, probability)
    found = []
    for number, place in enumerate(places):
        a, b = int(given[number]), int(other[number])
        found.append(
            Suspect(
                row=int(rows[place]),
                given=question.classes[a],
                suggested=question.classes[b],
                probability=float(probability[number, b]),
                score=float(score[number]),
                resisted=_resisted(question.course, int(place), a, b),
            )
        )
    return found


def _resisted(course: np.ndarray | None, place: int, given: int, other: int) -> bool | None:
    if course is None or np.isnan(course[0, place, given]):
        return None
    mean = course[:, place].mean(0)
    return bool(mean[other] > mean[given])


# --- numbers ----------------------------------------------------------------------------------


def better_than_middle(given: np.ndarray, answer: np.ndarray) -> bool:
    """Whether the answers lie nearer than always the median would, by more than chance."""
    gain = np.abs(given - np.median(given)) - np.abs(given - answer)
    return bool(gain.mean() > NORMAL_95 * gain.std() / np.sqrt(len(gain)))


def suspicious_numbers(
    name: str, rows: np.ndarray, given: np.ndarray, answer: np.ndarray, near: np.ndarray
) -> list[Suspect]:
    """Numbers that both a model that had not seen them and the nearest rows contradict.

    Args:
        name: Of the target, where there are several; else ''. near: `(rows, k)` nearest rows.
    """
    found = confident.wrong_numbers(given, answer, near)
    before = f"{name} " if name else ""
    return [
        Suspect(
            row=int(rows[place]),
            given=f"{before}{given[place]:.6g}",
            suggested=f"{before}{answer[place]:.4g}",
            probability=None,
            score=float(1 / (1 + abs(found.z[place]))),
        )
        for place in np.flatnonzero(found.wrong)
    ]
