"""Why this answer? The example in pieces, the nearest training examples, and what would change it.

    columns of a row          Shapley values against training rows
    words, patches, windows   what the answer would be without them, in many mixtures
    several kinds of columns  first the columns, then inside the one that matters most

Each explanation is tested before it is shown. What none can show: what causes what in the world.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pellucid.data.columns import Drawing, Progress, silent
from pellucid.data.duplicates import SCALAR
from pellucid.data.modalities import MODALITIES
from pellucid.errors import BundleError, ConfigError, did_you_mean
from pellucid.evidence.explain.counterfactual import (
    Counterfactual,
    Goal,
    another_class,
    change_of_columns,
    number_moved,
    removal_of_pieces,
    tag_turned,
    this_class,
)
from pellucid.evidence.explain.inside import (
    PIECES,
    explain_inside,
    pace_of_pieces,
    pieces_of,
)
from pellucid.evidence.explain.neighbors import Neighbor, Neighbors, neighbors
from pellucid.evidence.explain.occlusion import (
    FEWEST_ORDERS,
    FEWEST_STEPS,
    SLOW_ORDERS,
    versions_of,
)
from pellucid.evidence.explain.pieces import Explanation, Pieces, Question
from pellucid.evidence.explain.reference import Reference
from pellucid.evidence.explain.tables import FILLINGS, explain_columns
from pellucid.evidence.finding import plain
from pellucid.evidence.subject import Rows, Subject, take
from pellucid.tasks import Task

SECONDS = 2.0
VALUES_SHARE, SLOW_SHARE, CHANGE_SHARE = 0.45, 0.7, 0.2
"""Parts of the time for the values (the second where a frozen network stands in front: the rest
then asks little) and for what would change the answer."""
FEW, MANY, MOMENT = 16, 512, 0.04
"""Versions whose time is measured first: more of them where the few take no more than a moment,
in seconds."""
OTHERWISE = 12
"""Answers, about, that an explanation takes besides those about its pieces."""
AMOUNT = 0.5
"""How far a number should move, in units of the usual spread, for it to count as another answer."""
NOT_CAUSAL = (
    "An explanation says what the model goes by, not what causes what: to change a piece in the"
    " world need not change the truth."
)


@dataclass(frozen=True)
class Explained:
    """One answer, explained.

    answer: as the task says it. which: "network", "baseline" or "both". row: the example, column by
    column. explanations: the first is about the whole example. changes: what would change the
    answer. neighbors: None where the training rows are not known. seconds: what it took. pieces:
    what the last explanation took away, if it is about one column; not written down.
    """

    answer: dict[str, Any]
    question: Question
    which: str
    row: dict[str, Drawing]
    explanations: tuple[Explanation, ...]
    neighbors: Neighbors | None
    changes: tuple[Counterfactual, ...]
    notes: tuple[str, ...]
    seconds: float
    pieces: Pieces | None = field(default=None, repr=False, compare=False)

    def as_json(self) -> dict[str, Any]:
        """For machines: everything but pictures and sounds."""
        near = self.neighbors
        return plain(
            {
                **self.answer,
                "explained": vars(self.question),
                "model": self.which,
                "explanations": [one.as_json() for one in self.explanations],
                "neighbors": [] if near is None else [_neighbor(one) for one in near.nearest],
                "against": None if near is None or near.other is None else _neighbor(near.other),
                "changes": [_as_json(one) for one in self.changes],
                "notes": self.notes,
                "seconds": round(self.seconds, 3),
            }
        )


def explain(
    subject: Subject,
    row: Rows,
    reference: Reference | None,
    *,
    name: str | None = None,
    seconds: float = SECONDS,
    similarity: float | None = None,
    pace: float | None = None,
    progress: Progress = silent,
) -> Explained:
    """Explain the answer for one decoded example.

    Args:
        row: All input columns, one row.
        reference: Training rows; without them a table's row can't be explained.
        name: The class, tag or target that is explained; by default the answer itself.
        seconds: About how long it may take; a slow network takes what it needs at least.
        similarity: Rank correlation with explanations of a network with random weights.
        pace: Seconds of one answer, if they were measured (`effort_of`).

    Raises:
        ConfigError: There is no such class. BundleError: Training rows are needed and unknown.
    """
    started = time.perf_counter()
    task = subject.task
    prediction = subject.answer(row)[0]
    answer = task.answers(prediction[None])[0]
    question = question_of(task, prediction, answer, name)
    pace = pace or seconds_each(subject, row)
    progress(1, 4)
    explanations, pieces = _explanations(
        subject, row, reference, question, pace, _for_values(subject, seconds), similarity
    )
    progress(2, 4)
    near = None
    if reference is not None:
        near = neighbors(reference, task, subject.features(row)[0], prediction)
    progress(3, 4)
    most = int(CHANGE_SHARE * seconds / max(pace, 1e-7))
    aims = aims_of(task, question, answer)
    changes = tuple(
        _change(subject, row, reference, aim, explanations[-1], pieces, max(60, most // len(aims)))
        for aim in aims
    )
    progress(4, 4)
    return Explained(
        answer,
        question,
        subject.which,
        drawn(subject, row),
        explanations,
        near,
        changes,
        _notes(subject, reference),
        time.perf_counter() - started,
        pieces,
    )


def question_of(
    task: Task, prediction: np.ndarray, answer: dict[str, Any], name: str | None
) -> Question:
    """Which number is explained: of the answer itself, or of the class, tag or target `name`."""
    names = names_of(task)
    if name is not None and name not in names:
        kind = {"tags": "tag", "regress": "target"}.get(task.kind, "class")
        raise ConfigError(
            f"there is no {kind} '{name}'", where="--class", fix=did_you_mean(name, names)
        )
    if name is not None:
        output = names.index(name)
    elif task.kind in ("classify", "grades"):
        output = names.index(answer["answer"])
    else:
        output = int(prediction.argmax()) if task.kind == "tags" else 0
    return Question(output, names[output], float(prediction[output]))


def names_of(task: Task) -> list[str]:
    """What the numbers of an answer stand for: classes, tags or targets."""
    return list(getattr(task, "classes", None) or getattr(task, "tags", None) or task.names)


def seconds_each(subject: Subject, row: Rows) -> float:
    """Seconds that one version of the example takes in a batch; measured in a moment."""
    if subject.frozen and len(subject.columns) == 1:
        return pace_of_pieces(subject, row, subject.columns[0].name)
    _answered(subject, row, FEW)  # the first time prepares what later calls find ready
    spent = min(_answered(subject, row, FEW) for _ in range(2))
    if spent < MOMENT:  # so fast that most of it was the call itself
        return _answered(subject, row, MANY) / MANY
    return spent / FEW


def _answered(subject: Subject, row: Rows, versions: int) -> float:
    """Seconds that so many answers take."""
    some = take(row, np.zeros(versions, dtype=np.int64))
    started = time.perf_counter()
    subject.answer(some)
    return time.perf_counter() - started


def _for_values(subject: Subject, seconds: float) -> float:
    return (SLOW_SHARE if subject.frozen else VALUES_SHARE) * seconds


@dataclass(frozen=True)
class Effort:
    """What explaining an example takes, known before it begins.

    seconds: about, in all. pace: seconds of one answer. answers: about how many are asked for,
    and pieces: how many pieces they are about, where a frozen network makes each of them long.
    """

    seconds: float
    pace: float
    answers: int | None = None
    pieces: int | None = None


def effort_of(subject: Subject, row: Rows, seconds: float = SECONDS) -> Effort:
    """As much as it may take; more if the model is slow."""
    pace = seconds_each(subject, row)
    rich = [column for column in subject.columns if column.modality not in SCALAR]
    if len(subject.columns) == 1 and subject.frozen:
        most = _for_values(subject, seconds) / pace
        count = len(pieces_of(subject, row, rich[0].name, most).places)
        orders, steps = SLOW_ORDERS, FEWEST_STEPS
        if versions_of(count, FEWEST_ORDERS, FEWEST_STEPS) <= most:
            orders = FEWEST_ORDERS
        answers = versions_of(count, orders, steps) + OTHERWISE
        return Effort(max(0.6 * seconds, answers * pace), pace, answers, count)
    versions = 600.0 if rich else 2_000.0
    return Effort(max(0.6 * seconds, versions * pace), pace)


def drawn(subject: Subject, row: Rows) -> dict[str, Drawing]:
    """The example as a person would see it, column by column."""
    return {
        column.name: MODALITIES[column.modality].draw(row[column.name], 0)
        for column in subject.columns
    }


# --- values ---------------------------------------------------------------------------------


def _explanations(
    subject: Subject,
    row: Rows,
    reference: Reference | None,
    question: Question,
    pace: float,
    seconds: float,
    similarity: float | None,
) -> tuple[tuple[Explanation, ...], Pieces | None]:
    """About the whole example, then inside one column; and the pieces of the latter."""
    rich = [column.name for column in subject.columns if column.modality in PIECES]
    if len(subject.columns) == 1 and rich:
        one, pieces = explain_inside(
            subject, row, rich[0], question, seconds=seconds, similarity=similarity, pace=pace
        )
        return (one,), pieces
    if reference is None:
        raise BundleError(
            "to explain a row, rows that the model learned from are needed, and there are none",
            where="the model's folder",
            fix="name the whole run, not its 'model' folder alone; or learn once more",
        )
    share = seconds / 2 if rich else seconds
    whole = explain_columns(
        subject,
        row,
        reference.background(FILLINGS),
        question,
        pace=pace,
        seconds=share,
        similarity=similarity,
    )
    if not rich:
        return (whole,), None
    size = dict(zip(whole.names, np.abs(whole.values), strict=True))
    inside, pieces = explain_inside(
        subject, row, max(rich, key=size.__getitem__), question, seconds=share,
        similarity=similarity,
    )  # fmt: skip
    return (whole, inside), pieces


# --- what would change it -------------------------------------------------------------------


@dataclass(frozen=True)
class Aim:
    """Another answer. words: what it is. lowers: whether the explained number must fall for it."""

    words: str
    reached: Goal
    lowers: bool


def aims_of(task: Task, question: Question, answer: dict[str, Any]) -> tuple[Aim, ...]:
    """What counts as another answer: another class (or the one asked for), a tag that is taken
    off or given, a number that is higher or lower by half of its usual spread."""
    output, name = question.output, question.name
    if task.kind == "tags":
        has = name in answer["answer"]
        words = f"the tag {name} {'taken off' if has else 'given'}"
        return (Aim(words, tag_turned(output, has), has),)
    if task.kind == "regress":
        amount = float(f"{AMOUNT * float(getattr(task, 'spread', [1.0])[output]):.1g}")
        return tuple(
            Aim(
                f"{name} {words} by at least {amount:,g}",
                number_moved(output, question.value, sign * amount),
                sign < 0,
            )
            for words, sign in (("lower", -1), ("higher", 1))
        )
    if name == answer["answer"]:
        return (Aim(f"another answer than {name}", another_class(task, output), True),)
    return (Aim(f"the answer {name}", this_class(task, output), False),)


def _change(
    subject: Subject,
    row: Rows,
    reference: Reference | None,
    aim: Aim,
    explanation: Explanation,
    pieces: Pieces | None,
    most: int,
) -> Counterfactual:
    """Of plain columns if there are any; else, or where that is not enough, of pieces."""
    values = {} if reference is None else reference.values
    change = Counterfactual(aim.words, (), (), None, 0)
    if values:
        change = change_of_columns(subject, row, values, aim.reached, aim.words, most)
    if change.found or pieces is None:
        return change
    speaks = explanation.values if aim.lowers else -explanation.values
    removed = removal_of_pieces(subject, pieces, speaks, aim.reached, aim.words)
    return replace(removed, tried=removed.tried + change.tried)


# --- words ----------------------------------------------------------------------------------


def _notes(subject: Subject, reference: Reference | None) -> tuple[str, ...]:
    notes = [NOT_CAUSAL]
    if reference is None:
        notes.append(
            "Nothing is known of the training rows here, so no alike examples can be shown."
        )
    elif subject.which != "network":
        notes.append("Alike examples are alike to the network, not to the classical method.")
    return tuple(notes)


def _neighbor(one: Neighbor) -> dict[str, Any]:
    return {name: value for name, value in vars(one).items() if name != "drawing"}


def _as_json(one: Counterfactual) -> dict[str, Any]:
    return {**vars(one), "found": one.found, "changes": [vars(change) for change in one.changes]}
