"""A row in columns: what would the answer be if this one were not known?

A column that is not known takes the values of real training rows in turn, and the answers are
averaged: the row's other columns stay as they are, and nothing is asked of the model but answers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pellucid.data.columns import Loaded
from pellucid.evidence.explain import shapley
from pellucid.evidence.explain.shapley import Game, Shares
from pellucid.evidence.subject import Rows, Subject

FILLINGS = 16
"""Training rows that stand in for what is not known where the answers are averaged at once."""
EXACT_ROWS = 16_384
"""Answers up to which all groups of columns are tried."""
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


def shares(
    subject: Subject, pieces: ColumnPieces, output: int, seconds: float, seed: int = 0
) -> Shares:
    """Each column's Shapley value for one number of the answer."""
    players = len(pieces.columns)

    def game(present: np.ndarray, which: np.ndarray) -> np.ndarray:
        found: np.ndarray = subject.answer(pieces.filled_in(present, which))[:, output]
        return found

    return _chosen(game, players, pieces.count, seconds, seed)


def _chosen(game: Game, players: int, fillings: int, seconds: float, seed: int) -> Shares:
    if fillings * 2**players <= EXACT_ROWS:
        return shapley.exact(game, players, fillings)
    return shapley.sampled(game, players, fillings, seconds=seconds, seed=seed)


def _together(others: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Background values with the row's own value behind them."""
    pool = np.empty((len(others) + 1, *others.shape[1:]), dtype=others.dtype)
    pool[:-1], pool[-1:] = others, own
    return pool
