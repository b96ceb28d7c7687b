"""What would change the answer? The smallest change of a few columns that does.

Only values that really occur among training rows are tried, as many columns as needed but few, and
only answers are asked for, so it works for every model. The search is honest about its end: if none
of the tried changes was enough, it says so and how many were tried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.data.columns import Loaded
from pellucid.data.duplicates import SCALAR
from pellucid.data.modalities import MODALITIES
from pellucid.evidence.explain.pieces import Pieces
from pellucid.evidence.subject import Rows, Subject, take
from pellucid.tasks import Task

MOST_CHANGES = 4
"""Columns that are changed together at most: more are no answer that a person can use."""
EACH_COLUMN = 0.15
"""One column more counts like moving a number half a standard deviation."""
REFINED = 3
"""Changes whose steps are made as small as they can be before the smallest is chosen."""
VALUES = 12
"""Values of a column that are tried: quantiles of numbers, the most frequent categories."""
FINER = 24
"""Values between the old and the new that are tried at the end, to find a smaller step."""
BEAM, SECOND_COLUMNS, SECOND_VALUES = 16, 8, 4
"""Half-way changes that are pursued, and columns and values that each is joined with."""
CATEGORY_STEP = 0.5
"""Another category counts like moving a number one and a half standard deviations."""
MOST_REMOVED = 0.2
"""Part of the pieces that are removed at most to change an answer."""

TIE = 1e-9
"""Two probabilities this close are equal, and the first one is answered."""

Goal = Callable[[np.ndarray], np.ndarray]
"""Answers `(rows, outputs)` -> float64 `(rows,)`: 0 or more where the goal is reached."""


@dataclass(frozen=True)
class Change:
    """One column's change; old and new as people say them. rank: for numbers and dates, the share
    of training rows below the new value."""

    column: str
    old: Any
    new: Any
    rank: float | None = None


@dataclass(frozen=True)
class Counterfactual:
    """What would change the answer.

    goal: in words. changes: of columns; empty if none was found. removed: pieces that were taken
    away instead, for texts, pictures and the like. answer: what is said then, as a Task says it.
    tried: how many versions were asked.
    """

    goal: str
    changes: tuple[Change, ...]
    removed: tuple[str, ...]
    answer: dict[str, Any] | None
    tried: int

    @property
    def found(self) -> bool:
        return self.answer is not None


@dataclass(frozen=True)
class Candidate:
    """A value that a column may take: its place in the column's pool, and how far that is."""

    column: str
    place: int
    cost: float


def change_of_columns(
    subject: Subject, row: Rows, background: Rows, reached: Goal, goal: str, most: int = 4000
) -> Counterfactual:
    """The smallest change of at most a few columns after which `reached` is no less than 0.

    Args:
        row: One example. background: training rows that real values are taken from.
        most: About how many versions may be tried.
    """
    search = _Search(subject, row, background, reached, most)
    chosen = search.run()
    if chosen is None:
        return Counterfactual(goal, (), (), None, search.tried)
    changed = search.version([chosen])
    changes = tuple(
        Change(
            one.column,
            _said(row, one.column, subject),
            _said(changed, one.column, subject),
            search.rank(one),
        )
        for one in chosen
    )
    answer = subject.task.answers(subject.answer(changed))[0]
    return Counterfactual(goal, changes, (), answer, search.tried)


def removal_of_pieces(
    subject: Subject, pieces: Pieces, values: np.ndarray, reached: Goal, goal: str
) -> Counterfactual:
    """The fewest pieces, most important first, without which the answer is another.

    Args:
        values: float `(pieces,)`, how much each speaks for the answer.
    """
    order = np.argsort(-values, kind="stable")
    order = order[values[order] > 0][: max(1, round(MOST_REMOVED * len(values)))]
    if not len(order):
        return Counterfactual(goal, (), (), None, 0)
    gone = np.zeros((len(order), len(values)), dtype=bool)
    for step in range(len(order)):
        gone[step:, order[step]] = True
    enough = reached(subject.answer(pieces.removed(gone))) >= 0
    tried = len(order)
    if not enough.any():
        return Counterfactual(goal, (), (), None, tried)
    removed = list(order[: int(enough.argmax()) + 1])
    for place in removed[:-1][::-1]:  # is each of them needed? the least important first
        fewer = [other for other in removed if other != place]
        version = np.zeros((1, len(values)), dtype=bool)
        version[0, fewer] = True
        tried += 1
        if reached(subject.answer(pieces.removed(version)))[0] >= 0:
            removed = fewer
    version = np.zeros((1, len(values)), dtype=bool)
    version[0, removed] = True
    answer = subject.task.answers(subject.answer(pieces.removed(version)))[0]
    names = tuple(pieces.names[place] for place in sorted(removed))
    return Counterfactual(goal, (), names, answer, tried)


# --- goals ----------------------------------------------------------------------------------


def another_class(task: Task, answer: int) -> Goal:
    """Any other class is answered. For grades, whose answer is a median, as for plain classes."""

    def reached(values: np.ndarray) -> np.ndarray:
        others = np.delete(values, answer, axis=1).max(1)
        if task.kind != "grades":
            return np.asarray(others - values[:, answer] - TIE)
        said = _grade(values)
        return np.where(said != answer, 0.0, others - values[:, answer] - 1.0)

    return reached


def this_class(task: Task, wanted: int) -> Goal:
    """This class is answered."""

    def reached(values: np.ndarray) -> np.ndarray:
        others = np.delete(values, wanted, axis=1).max(1)
        if task.kind != "grades":
            return np.asarray(values[:, wanted] - others - TIE)
        return np.where(_grade(values) == wanted, 0.0, values[:, wanted] - others - 1.0)

    return reached


def tag_turned(tag: int, has: bool) -> Goal:
    """The tag is taken off if it was given, and given if not."""

    def reached(values: np.ndarray) -> np.ndarray:
        return np.asarray(0.5 - values[:, tag] - TIE if has else values[:, tag] - 0.5)

    return reached


def number_moved(output: int, before: float, amount: float) -> Goal:
    """The number moves by at least `amount`, up or down as its sign says; 0 at the goal."""

    def reached(values: np.ndarray) -> np.ndarray:
        moved = (values[:, output] - before) * np.sign(amount)
        return np.asarray((moved - abs(amount)) / abs(amount))

    return reached


def _grade(values: np.ndarray) -> np.ndarray:
    found: np.ndarray = (values.cumsum(1) >= 0.5).argmax(1)
    return found


# --- the search -----------------------------------------------------------------------------


class _Search:
    """Single changes first; then the most promising ones are joined with others."""

    def __init__(
        self, subject: Subject, row: Rows, background: Rows, reached: Goal, most: int
    ) -> None:
        self.subject, self.row, self.reached = subject, row, reached
        kinds = {column.name: column.modality for column in subject.columns}
        self.pools = {
            name: _pool(background[name], row[name])
            for name in row
            if kinds.get(name) in SCALAR and name in background
        }
        self.kinds = kinds
        self.tried, self.most = 0, most

    def run(self) -> tuple[Candidate, ...] | None:
        """The least costly change found; None if there is none."""
        values = int(np.clip(self.most // (3 * max(1, len(self.pools))), 2, VALUES))
        singles = [one for name in self.pools for one in self._candidates(name, values)]
        states: list[tuple[Candidate, ...]] = [(one,) for one in singles]
        partners: list[Candidate] = []
        found: list[tuple[Candidate, ...]] = []
        for size in range(1, MOST_CHANGES + 1):
            if size > 1:
                states = states[: max(0, self.most - self.tried)]
            if not states:
                break
            scores, before = self._scores(states), len(found)
            found += [state for state, score in zip(states, scores, strict=True) if score >= 0]
            if before:  # one column more was tried than needed: it may cost less
                break
            if size == 1:
                partners = _partners(singles, scores)
            left = [place for place in np.argsort(-scores, kind="stable") if scores[place] < 0]
            states = _joined([states[place] for place in _promising(left, states, scores)],
                             partners)  # fmt: skip
        cheapest = sorted(found, key=_cost)[:REFINED]
        return min(map(self.smaller, cheapest), key=_cost, default=None)

    def smaller(self, chosen: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """The same columns, each moved no farther than needed."""
        for place, one in enumerate(chosen):
            nearer = [
                other
                for other in self._candidates(one.column, len(self.pools[one.column]))
                if other.cost < one.cost
            ]
            nearer = nearer[:: max(1, len(nearer) // FINER)]
            states = [(*chosen[:place], other, *chosen[place + 1 :]) for other in nearer]
            if states:
                scores = self._scores(states)
                enough = [s for s, score in zip(states, scores, strict=True) if score >= 0]
                chosen = min([*enough, chosen], key=_cost)
        return chosen

    def version(self, states: list[tuple[Candidate, ...]]) -> Rows:
        """The row in so many versions, with these changes."""
        rows = take(self.row, np.zeros(len(states), dtype=np.int64))
        for name, pool in self.pools.items():
            places = [
                next((one.place for one in state if one.column == name), -1) for state in states
            ]
            rows[name] = Loaded(pool[places], self.row[name].layout)
        return rows

    def rank(self, one: Candidate) -> float | None:
        """Share of training rows below a number or date."""
        if self.kinds[one.column] not in ("number", "date"):
            return None
        pool = _as_floats(self.pools[one.column])
        others = pool[:-1][np.isfinite(pool[:-1])]
        return _rank(np.sort(others), pool[one.place])

    def _scores(self, states: list[tuple[Candidate, ...]]) -> np.ndarray:
        self.tried += len(states)
        parts = [
            self.reached(self.subject.answer(self.version(states[start : start + 2048])))
            for start in range(0, len(states), 2048)
        ]
        return np.concatenate(parts)

    def _candidates(self, name: str, count: int) -> list[Candidate]:
        """Values other than the row's own, at most `count`, spread over what occurs."""
        pool = self.pools[name]  # the row's own value is the last one
        if self.kinds[name] in ("number", "date"):
            return _steps(name, _as_floats(pool), count)
        return _words(name, pool, count)


def _pool(others: Loaded, own: Loaded) -> np.ndarray:
    pool = np.empty(len(others.values) + 1, dtype=others.values.dtype)
    pool[:-1], pool[-1:] = others.values, own.values
    return pool


def _steps(name: str, pool: np.ndarray, count: int) -> list[Candidate]:
    """Numbers and dates: real values at even ranks."""
    own, others = pool[-1], pool[:-1]
    there = np.flatnonzero(np.isfinite(others))
    if not len(there):
        return []
    rank_of = np.sort(others[there])
    values, first = np.unique(others[there], return_index=True)
    kept = np.unique(np.linspace(0, len(values) - 1, min(count, len(values))).round().astype(int))
    start = _usual(rank_of, own) if np.isfinite(own) else 0.0
    return [
        Candidate(name, int(there[first[at]]), abs(_usual(rank_of, values[at]) - start))
        for at in kept
        if values[at] != own
    ]


def _usual(ordered: np.ndarray, value: float) -> float:
    """Where a number lies among others, in the middle (0) or at an end (about 1 and -1): by its
    rank, laid out like a normal distribution, so that the rarest values are the farthest away."""
    from scipy.special import ndtri

    return float(ndtri(np.clip(_rank(ordered, value), 0.002, 0.998))) / 3


def _rank(ordered: np.ndarray, value: float) -> float:
    both = np.searchsorted(ordered, value, "left") + np.searchsorted(ordered, value, "right")
    return float(both) / (2 * len(ordered))


def _words(name: str, pool: np.ndarray, count: int) -> list[Candidate]:
    """Categories and lists of words: the most frequent ones that are there."""
    own = repr(pool[-1])
    places: dict[str, list[int]] = {}
    for place, value in enumerate(pool[:-1]):
        if value is not None and repr(value) != own:
            places.setdefault(repr(value), []).append(place)
    frequent = sorted(places.values(), key=len, reverse=True)[:count]
    return [Candidate(name, found[0], CATEGORY_STEP) for found in frequent]


def _as_floats(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "M":
        floats = values.astype(np.int64).astype(np.float64)
        floats[np.isnat(values)] = np.nan
        return floats
    return np.asarray(values, dtype=np.float64)


def _partners(singles: list[Candidate], scores: np.ndarray) -> list[Candidate]:
    """The best few values of the few columns that move the answer most."""
    kept: dict[str, list[Candidate]] = {}
    for place in np.argsort(-scores, kind="stable"):
        one = singles[place]
        if one.column in kept or len(kept) < SECOND_COLUMNS:
            kept.setdefault(one.column, []).append(one)
    return [one for found in kept.values() for one in _spread(found, SECOND_VALUES)]


def _spread(found: list[Candidate], count: int) -> list[Candidate]:
    """Some of a column's values, from those that move the answer most to those that half do."""
    half = found[: max(count, len(found) // 2)]
    return half[:: max(1, len(half) // count)][:count]


def _promising(left: list[int], states: list[tuple[Candidate, ...]], scores: np.ndarray
               ) -> list[int]:  # fmt: skip
    """Places of changes to go on from: the nearest to the goal, and the nearest for their cost."""
    worst = scores.min()
    by_cost = sorted(left, key=lambda at: -(scores[at] - worst) / _cost(states[at]))
    return list(dict.fromkeys([*left[: BEAM // 2], *by_cost[: BEAM // 2]]))


def _joined(
    best: list[tuple[Candidate, ...]], partners: list[Candidate]
) -> list[tuple[Candidate, ...]]:
    """Each of the best joined with each partner of another column; every set once."""
    found = {}
    for state in best:
        for other in partners:
            if other.column not in {one.column for one in state}:
                found[frozenset((one.column, one.place) for one in (*state, other))] = (
                    *state,
                    other,
                )
    return list(found.values())


def _cost(state: tuple[Candidate, ...]) -> float:
    return sum(one.cost + EACH_COLUMN for one in state)


def _said(rows: Rows, column: str, subject: Subject) -> Any:
    """The first row's value as a person would see it."""
    kind = next(one.modality for one in subject.columns if one.name == column)
    return MODALITIES[kind].draw(rows[column], 0).data
