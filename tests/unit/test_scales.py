"""Words in an order, and slips in columns that a person should look at."""

from __future__ import annotations

import random

import numpy as np
import pytest

from pellucid.config import Settings
from pellucid.data.columns import RawColumn, RawTable
from pellucid.data.recognize import Recognized, recognize
from pellucid.data.scales import SCALES, order_of
from pellucid.errors import ConfigError
from pellucid.tasks.grades import Grades

ROWS = 120
RNG = np.random.default_rng(0)


def table(**columns: list[object] | np.ndarray) -> RawTable:
    made = {}
    for name, values in columns.items():
        boxed = values if isinstance(values, np.ndarray) else np.array(values, dtype=object)
        made[name] = RawColumn(name, boxed)
    return RawTable("t.csv", made, [f"t.csv line {row + 2}" for row in range(ROWS)])


def read(target: list[object] | np.ndarray, settings: Settings | None = None) -> Recognized:
    x = RNG.normal(size=ROWS)
    return recognize(table(x=x, target=target), settings or Settings())


def cycle(*values: object) -> list[object]:
    return [values[row % len(values)] for row in range(ROWS)]


@pytest.mark.parametrize(
    "words",
    [
        ["low", "medium", "high"],
        ["Very Low", "LOW", "High", "very_high"],
        ["never", "sometimes", "often", "always"],
        ["mild", "moderate", "severe"],
        ["XS", "S", "M", "L", "XL"],
        ["strongly disagree", "disagree", "agree", "strongly agree"],
        ["1 - poor", "2 - fair", "10 - great"],
        ["< 18", "18-24", "25-64", "65+"],
        ["grade 1", "grade 2", "grade 11"],
        ["Stage I", "Stage II", "Stage IV", "Stage V"],
        ["I", "II", "III", "IV"],
        ["niedrig", "mittel", "hoch"],
    ],
)
def test_the_order_of_usual_words_is_known_however_they_come(words: list[str]) -> None:
    for seed in range(5):
        mixed = random.Random(seed).sample(words, len(words))
        assert order_of(mixed) == words


@pytest.mark.parametrize(
    "words", [["cat", "dog"], ["low", "dog"], ["low", "lower"], ["a 1", "b"], ["1 a", "1 b"], []]
)
def test_no_order_is_made_up(words: list[str]) -> None:
    assert order_of(words) is None


def test_every_scale_has_three_places_or_more() -> None:
    for scale in SCALES:
        assert sorted(set(scale.values())) == list(range(max(scale.values()) + 1))
        assert max(scale.values()) >= 2


def test_grades_of_words_come_in_their_order_not_by_name() -> None:
    values = cycle("high", "low", "medium")
    found = read(values)
    assert found.task == "classify"
    assert "--task grades" in found.task_why
    asked = read(values, Settings(task="grades"))
    assert (asked.task, asked.scale) == ("grades", ["low", "medium", "high"])
    assert "low < medium < high" in asked.task_why
    task = Grades.fit([RawColumn("target", np.array(values, dtype=object))])
    task.order(asked.scale)
    assert task.classes == ["low", "medium", "high"]
    codes, _ = task.encode([RawColumn("target", np.array(["low", "high"], dtype=object))])
    assert codes.tolist() == [0, 2]


def test_a_person_says_the_order() -> None:
    values = cycle("alarm", "alert", "calm")
    said = read(values, Settings(kinds={"target": "calm<alert< alarm"}))
    assert (said.task, said.scale) == ("grades", ["calm", "alert", "alarm"])
    backwards = read(cycle("1", "2", "3"), Settings(kinds={"target": "3<2<1"}))
    assert (backwards.task, backwards.scale) == ("grades", ["3", "2", "1"])
    # The reason names the order that is used, not the usual one.
    values = cycle("Stage I", "Stage II", "Stage III")
    upside = read(values, Settings(kinds={"target": "Stage III<Stage II<Stage I"}))
    assert "in order, Stage III < Stage II < Stage I; grades, as asked" in upside.task_why


@pytest.mark.parametrize(
    ("kinds", "task", "what"),
    [
        ({}, "grades", "no order is known for the grades 'alarm', 'alert', 'calm'"),
        ({"target": "calm<alert"}, "auto", "the scale 'calm<alert' lacks 'alarm'"),
        ({"target": "calm<alert<alarm<calm"}, "auto", "names a grade twice"),
        ({"target": "calm<alert<alarm"}, "classify", "a scale asks for grades"),
        ({"x": "1<2<3"}, "auto", "'x' is not the target, and only answers are grades"),
    ],
)
def test_an_order_that_cannot_be(kinds: dict[str, str], task: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        read(cycle("calm", "alert", "alarm"), Settings(kinds=kinds, task=task))


def noticed(**columns: list[object] | np.ndarray) -> list[str]:
    return recognize(table(**columns, label=cycle("a", "b")), Settings()).warnings


@pytest.mark.parametrize(
    ("code", "others"), [(-99, (13, 40)), (999, (0, 90)), (-1, (0, 50)), (9999, (-500, 500))]
)
def test_numbers_that_mean_no_value_are_named(code: float, others: tuple[int, int]) -> None:
    values = RNG.uniform(*others, ROWS)
    values[RNG.choice(ROWS, 7, replace=False)] = code
    found = [line for line in noticed(size=values) if "size" in line]
    assert len(found) == 1
    assert f"7 values are {code}" in found[0]
    assert found[0].endswith(f"--missing={code}")


@pytest.mark.parametrize(
    "values",
    [
        RNG.uniform(-200, 200, ROWS).round(),  # -99 may be among them
        np.append(RNG.uniform(50, 98, ROWS - 5), [99] * 5),  # not far from the others
        np.append(RNG.uniform(0, 9, ROWS - 2), [-99] * 2),  # twice may be a slip of another kind
        np.array(cycle(-1, 0, 1), dtype=float),  # a scale
        np.append(RNG.uniform(1, 9, ROWS - 5), [500] * 5),  # no number that stands for none
    ],
)
def test_other_numbers_are_not(values: np.ndarray) -> None:
    assert not [line for line in noticed(size=values) if "size" in line]


def test_words_that_differ_only_in_case_are_named() -> None:
    found = noticed(land=cycle("US", "us", "New York", "new-york ", "Rome"))
    assert [line for line in found if "land" in line] == [
        "'land': 'US' and 'us'; 'New York' and 'new-york' count as different values; write them"
        " alike if they mean the same"
    ]
    assert not noticed(land=cycle("US", "UK", "FR"))
