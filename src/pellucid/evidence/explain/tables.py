"""A row in columns: what would the answer be if this one were not known?

A column that is not known takes the values of real training rows in turn, and the answers are
averaged: the row's other columns stay as they are, and nothing is asked of the model but answers.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pellucid.data.columns import Loaded
from pellucid.data.modalities.audio import Clips
from pellucid.evidence.explain import faithfulness, shapley
from pellucid.evidence.explain.pieces import Explanation, Question
from pellucid.evidence.explain.shapley import Shares
from pellucid.evidence.subject import Rows, Subject
from pellucid.tasks import Task

FILLINGS = 128
"""Training rows that stand in for what is not known."""
TEST_FILLINGS = 16
EXACT_VERSIONS = 16_384
"""Answers up to which all groups of columns are tried."""
VERSIONS_TESTED = 400
"""What the test asks for: 40 orders of 10 stages."""
KNOWN = "values of {count} training rows in turn, and the answers averaged"


@dataclass(frozen=True)
class ColumnPieces:
    """The columns of one row; works for columns of any kind.

    row: one row of all columns. background: rows that stand in, the same columns.
    """

    row: Rows
    background: Rows
    columns: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return self.columns

    @property
    def places(self) -> tuple[tuple[int, ...], ...]:
        return ((),) * len(self.columns)

    @property
    def count(self) -> int:
        """Rows that stand in."""
        return len(self.background[self.columns[0]].values)

    @property
    def filled(self) -> str:
        return KNOWN.format(count=self.count)

    def removed(self, gone: np.ndarray) -> Rows:
        """`count` rows for each version, one after the other; ask them of `averaging(subject)`."""
        which = np.tile(np.arange(self.count), len(gone))
        return self.filled_in(np.repeat(~gone, self.count, axis=0), which)

    def filled_in(self, present: np.ndarray, which: np.ndarray) -> Rows:
        """The row with the columns that are not `present` `(versions, columns)` taken from row
        `which` `(versions,)` of the background."""
        rows: Rows = {}
        for place, name in enumerate(self.columns):
            own, others = self.row[name], self.background[name]
            pool = _together(others.values, own.values)
            rows[name] = Loaded(pool[np.where(present[:, place], self.count, which)], own.layout)
        return rows

    def averaging(self, subject: Subject) -> Subject:
        """The subject that answers the versions of `removed`, one answer a version."""

        def answer(rows: Rows) -> np.ndarray:
            values = subject.answer(rows)
            mean: np.ndarray = values.reshape(-1, self.count, values.shape[1]).mean(1)
            return mean

        return replace(subject, answer=answer)

    def fewer(self, count: int) -> ColumnPieces:
        """The same with at most `count` background rows."""
        some = {name: values.take(np.arange(min(count, self.count))) for name, values in
                self.background.items()}  # fmt: skip
        return replace(self, background=some)


def explain_columns(
    subject: Subject,
    row: Rows,
    background: Rows,
    question: Question,
    *,
    pace: float,
    seconds: float,
    similarity: float | None = None,
) -> Explanation:
    """How much each column speaks for the explained number: Shapley values, tested.

    Args:
        background: Training rows with all columns.
        pace: Seconds that one version of the row takes.
        seconds: For the values; the test takes about as long again.
        similarity: See `faithfulness.test`.
    """
    started = time.perf_counter()
    columns = tuple(column.name for column in subject.columns)
    pieces = ColumnPieces(row, background, columns)
    pieces = pieces.fewer(affordable(seconds, pace, 2 * (len(columns) + 1), pieces.count))
    found = shares(subject, pieces, question.output, pace=pace, seconds=seconds)
    fewer = pieces.fewer(affordable(seconds, pace, VERSIONS_TESTED, TEST_FILLINGS))
    sum_of_all = found.whole - found.base
    faithful = faithfulness.test(
        fewer.averaging(subject),
        fewer,
        question,
        found.values,
        completeness=abs(float(found.values.sum()) - sum_of_all) / max(abs(sum_of_all), 1e-12),
        similarity=similarity,
    )
    return Explanation(
        question,
        columns,
        "columns",
        _method(found, pieces),
        pieces.names,
        pieces.places,
        found.values,
        found.base,
        faithful,
        notes=_notes(found, subject.task),
        seconds=time.perf_counter() - started,
    )


def affordable(seconds: float, pace: float, versions: int, most: int) -> int:
    """Background rows for each of so many versions that fit into the time, from 4 on in
    doublings, so that a busy moment changes little."""
    count = min(4, most)
    while 2 * count <= most and 2 * count * versions * pace <= seconds:
        count *= 2
    return count


def shares(
    subject: Subject,
    pieces: ColumnPieces,
    output: int,
    *,
    pace: float = 0.0,
    seconds: float = math.inf,
    seed: int = 0,
) -> Shares:
    """Each column's Shapley value for one number of the answer: all groups of columns where that
    is affordable, else random orders."""
    players = len(pieces.columns)

    def game(present: np.ndarray, which: np.ndarray) -> np.ndarray:
        found: np.ndarray = subject.answer(pieces.filled_in(present, which))[:, output]
        return found

    versions = pieces.count * 2 ** min(players, 60)
    if versions <= EXACT_VERSIONS and versions * pace <= seconds:
        return shapley.exact(game, players, pieces.count)
    return shapley.sampled(game, players, pieces.count, seconds=seconds, seed=seed)


def _method(found: Shares, pieces: ColumnPieces) -> str:
    how = (
        "all groups of columns were tried"
        if found.exact
        else f"{found.groups // (len(pieces.columns) + 1):,} random orders"
    )
    return f"Shapley values against {pieces.count} training rows; {how}"


def _notes(found: Shares, task: Task) -> tuple[str, ...]:
    if found.exact or not np.isfinite(found.errors).all():
        return ()
    error = 1.96 * float(found.errors.max())
    said = f"{float(f'{error:.2g}'):,g}" if task.kind == "regress" else f"{100 * error:.2g} points"
    return (f"Each column's value is known to about ± {said}: rows and orders were drawn.",)


def _together(others: Any, own: Any) -> Any:
    """Background values with the row's own value behind them."""
    if isinstance(own, Clips):
        return Clips(_together(others.mel, own.mel), _together(others.files, own.files))
    pool = np.empty((len(others) + 1, *others.shape[1:]), dtype=others.dtype)
    pool[:-1], pool[-1:] = others, own
    return pool
