"""The smallest change, beside all changes tried by hand."""

from __future__ import annotations

import numpy as np
import pytest
from explaining import cells, number_task, stand_in

from pellucid.evidence.explain.counterfactual import (
    another_class,
    change_of_columns,
    number_moved,
    tag_turned,
    this_class,
)
from pellucid.evidence.subject import Rows
from pellucid.tasks.classify import Classify
from pellucid.tasks.grades import Grades

TASK = Classify("credit", ["no", "yes"])
KINDS = {"income": "number", "debt": "number", "town": "category"}


def sure(points: np.ndarray) -> np.ndarray:
    yes = 1 / (1 + np.exp(-points))
    return np.stack([1 - yes, yes], axis=1)


def score(rows: Rows) -> np.ndarray:
    """Yes from 50 points on: an income counts, a debt counts against."""
    return sure((rows["income"].values - rows["debt"].values - 50) / 10)


@pytest.fixture(scope="module")
def background() -> Rows:
    rng = np.random.default_rng(0)
    return cells(
        income=rng.integers(20, 120, 400).astype(np.float64),
        debt=rng.integers(0, 60, 400).astype(np.float64),
        town=[("north", "south", "east")[i % 3] for i in range(400)],
    )


def test_the_smallest_step_of_one_column(background: Rows) -> None:
    subject = stand_in(score, tuple(KINDS), TASK, KINDS)
    row = cells(income=[55.0], debt=[20.0], town=["north"])
    found = change_of_columns(subject, row, background, another_class(TASK, 0), "another answer")
    assert found.found
    (change,) = found.changes
    assert change.column in ("income", "debt")
    # By hand: the nearest income that really occurs and is enough, or the nearest debt.
    incomes = np.unique(background["income"].values)
    debts = np.unique(background["debt"].values)
    nearest = {"income": incomes[incomes >= 70].min(), "debt": debts[debts <= 5].max()}
    assert change.new == pytest.approx(nearest[change.column], abs=2)
    assert change.new in background[change.column].values
    assert found.answer is not None
    assert found.answer["answer"] == "yes"
    assert change.rank is not None
    assert 0 < change.rank < 1


def test_two_columns_where_one_is_not_enough(background: Rows) -> None:
    def both(rows: Rows) -> np.ndarray:
        right = (rows["income"].values > 60) & (rows["town"].values == "south")
        return sure(np.where(right, 2.0, -2.0) + rows["income"].values / 1e3)

    subject = stand_in(both, tuple(KINDS), TASK, KINDS)
    row = cells(income=[30.0], debt=[20.0], town=["north"])
    found = change_of_columns(subject, row, background, this_class(TASK, 1), "the answer yes")
    assert {change.column for change in found.changes} == {"income", "town"}
    town = next(change for change in found.changes if change.column == "town")
    assert (town.old, town.new, town.rank) == ("north", "south", None)


def test_says_honestly_that_nothing_was_found(background: Rows) -> None:
    never = stand_in(lambda rows: sure(np.full(len(rows["debt"].values), -9.0)), tuple(KINDS),
                     TASK, KINDS)  # fmt: skip
    row = cells(income=[30.0], debt=[20.0], town=["north"])
    found = change_of_columns(never, row, background, another_class(TASK, 0), "another answer")
    assert not found.found
    assert found.changes == ()
    assert found.tried > 20


def test_never_what_does_not_occur() -> None:
    """Whatever would help most: only values of training rows are tried, and none is missing."""
    seen: list[np.ndarray] = []

    def answer(rows: Rows) -> np.ndarray:
        seen.append(rows["x"].values.copy())
        return rows["x"].values

    background = cells(x=np.array([1.0, 2.0, 4.0, np.nan, 8.0]))
    subject = stand_in(answer, ("x",))
    found = change_of_columns(
        subject, cells(x=[3.0]), background, number_moved(0, 3.0, 100.0), "higher"
    )
    assert not found.found
    assert set(np.concatenate(seen)) <= {1.0, 2.0, 3.0, 4.0, 8.0}


def test_a_missing_value_may_be_filled_in() -> None:
    subject = stand_in(lambda rows: np.nan_to_num(rows["x"].values), ("x",))
    found = change_of_columns(
        subject, cells(x=[np.nan]), cells(x=np.arange(10.0)), number_moved(0, 0.0, 5.0), "higher"
    )
    assert found.changes[0].new == 5.0


def test_numbers_move_by_the_stated_amount(background: Rows) -> None:
    subject = stand_in(lambda rows: rows["income"].values * 1.0, tuple(KINDS), number_task(), KINDS)
    row = cells(income=[55.0], debt=[20.0], town=["north"])
    for amount in (-20.0, 20.0):
        found = change_of_columns(subject, row, background, number_moved(0, 55.0, amount), "moved")
        assert found.answer is not None
        assert (found.answer["answer"] - 55) * np.sign(amount) >= 20


def test_few_versions_are_tried_where_the_model_is_slow(background: Rows) -> None:
    subject = stand_in(score, tuple(KINDS), TASK, KINDS)
    row = cells(income=[20.0], debt=[59.0], town=["north"])
    found = change_of_columns(subject, row, background, another_class(TASK, 0), "other", most=60)
    assert found.tried <= 60 + 3 * 50  # refining what was found comes on top


def test_goals() -> None:
    values = np.array([[0.6, 0.3, 0.1], [0.3, 0.6, 0.1]])
    three = Classify("k", ["a", "b", "c"])
    assert (another_class(three, 0)(values) >= 0).tolist() == [False, True]
    assert (this_class(three, 1)(values) >= 0).tolist() == [False, True]
    assert (tag_turned(0, has=True)(values) >= 0).tolist() == [False, True]
    assert (tag_turned(1, has=False)(values) >= 0).tolist() == [False, True]
    # The median grade counts, not the most probable one.
    grades = Grades("g", ["1", "2", "3"])
    halves = np.array([[0.45, 0.1, 0.45]])
    assert (this_class(grades, 1)(halves) >= 0).tolist() == [True]
    assert (another_class(grades, 1)(halves) >= 0).tolist() == [False]
    assert grades.answers(halves)[0]["answer"] == "2"
