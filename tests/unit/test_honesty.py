"""The honesty gap and duplicates: planted leaks are found, clean tables raise no alarm."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.evidence_labels import material
from pellucid.data.leaks import alone, separation
from pellucid.evidence.finding import Finding
from pellucid.evidence.honesty import duplicates
from pellucid.evidence.honesty import study as honesty
from pellucid.evidence.honesty.leakage import (
    FOLDS,
    Gap,
    Scores,
    at_random,
    from_any_time,
    from_the_past,
    gap,
    in_stretches,
    kept_together,
    some,
    told_apart,
)
from pellucid.evidence.subject import Material

Columns = dict[str, np.ndarray]


def clean(rows: int = 240, seed: int = 1) -> Columns:
    """Two kinds that two numbers tell apart most of the time."""
    rng = np.random.default_rng(seed)
    kind = rng.permutation(np.arange(rows) % 2)
    return {
        "length": 1.5 * kind + rng.normal(size=rows),
        "width": kind + rng.normal(size=rows),
        "answer": np.array(["rose", "tulip"], dtype=object)[kind],
    }


@pytest.fixture
def made(tmp_path: Path) -> Any:
    def make(columns: Columns, **settings: Any) -> Material:
        return material(columns, tmp_path / "x.run", 1.0, **settings)

    return make


def grouped(columns: Columns) -> tuple[Columns, np.ndarray]:
    """Four rows of one kind are from one plant, which has a way of being."""
    rng = np.random.default_rng(5)
    group = np.empty(len(columns["answer"]), dtype=np.int64)
    group[np.argsort(columns["answer"], kind="stable")] = np.arange(len(group)) // 4
    size = group.max() + 1
    offsets = {name: 6 * rng.normal(size=size)[group] for name in ("length", "width")}
    return {**columns, **{name: columns[name] + by for name, by in offsets.items()}}, group


# --- alarms -----------------------------------------------------------------------------------


def test_a_clean_table_raises_no_alarm(made: Any) -> None:
    finding = honesty.study(made(clean()))
    assert finding.figures["alarms"] == []
    assert finding.sentence.startswith("No leak was found")
    assert 0.4 < finding.figures["told_apart"]["auc"] < 0.6
    assert Finding.from_json(finding.as_json()).tables == finding.tables


def test_a_doubtful_difference_is_not_called_nothing(made: Any) -> None:
    """An interval that leaves out 0 at 95 % but not at 99 % is neither a leak nor no leak."""
    doubtful = Gap("neighbors in the file together", 0.9, 0.86, 0.04, 0.005, 0.075, False, 240, 5)
    sentence = honesty._sentence(made(clean()), [doubtful], None, [])
    assert sentence.startswith("No sure leak was found, but a doubt remains: with neighbors")
    clear = replace(doubtful, low=-0.01)
    assert honesty._sentence(made(clean()), [clear], None, []).startswith("No leak was found")


def test_groups_are_leakage(made: Any) -> None:
    columns, group = grouped(clean())
    named = columns | {"plant": np.array([f"p{number}" for number in group], dtype=object)}
    finding = honesty.study(made(named, group="plant"))
    (found,) = [one for one in finding.figures["gaps"] if "plant" in one["name"]]
    assert found["real"]
    assert found["low"] > 0.05
    assert found["random"] - found["aware"] == pytest.approx(found["value"])
    assert "Ours keeps them on one side" in finding.sentence


def test_neighbors_in_the_file_are_leakage(made: Any) -> None:
    columns, group = grouped(clean())
    order = np.argsort(np.random.default_rng(1).permutation(group.max() + 1)[group], kind="stable")
    finding = honesty.study(made({name: values[order] for name, values in columns.items()}))
    assert finding.figures["alarms"] == [honesty.NEIGHBORS]
    assert "--group" in finding.sentence


def test_a_column_that_knows_too_much(made: Any) -> None:
    columns = clean()
    rng = np.random.default_rng(2)
    wrong = rng.random(240) < 0.05
    outcome = np.where(wrong == (columns["answer"] == "rose"), "B", "A").astype(object)
    finding = honesty.study(made(columns | {"outcome": outcome}))
    assert finding.figures["alarms"] == ["column outcome"]
    assert "--ignore" in finding.sentence
    assert next(iter(finding.figures["columns_alone"])) == "outcome"

    number = (columns["answer"] == "rose") + rng.normal(scale=0.33, size=240)
    finding = honesty.study(made(columns | {"later": number}))
    assert finding.figures["alarms"] == ["column later"]
    assert "than all other columns together" in finding.sentence


def test_an_order_of_collection_is_seen() -> None:
    kind = np.array([0] * 80 + [1] * 80 + [2] * 80)
    serial = np.arange(240.0)
    assert honesty.in_order(serial, kind)
    assert not honesty.in_order(serial % 50, kind)  # numbers that repeat are no order
    mixed = kind.copy()
    mixed[::20] = 2
    assert not honesty.in_order(serial, mixed)
    assert not honesty.in_order(np.full(240, 1.0), kind)


def test_a_strong_column_among_strong_ones_is_no_alarm(made: Any) -> None:
    columns = clean()
    kind = (columns["answer"] == "rose").astype(float)
    rng = np.random.default_rng(3)
    for name in ("a", "b"):
        columns[name] = kind + rng.normal(scale=0.4, size=240)
    assert honesty.study(made(columns)).figures["alarms"] == []


def test_time_that_changes(made: Any) -> None:
    """What the number means turns over: the past knows less of the future than other times do."""
    rng = np.random.default_rng(4)
    year = np.sort(rng.uniform(2000, 2020, 700))
    number = rng.normal(size=700) + 0.1 * (year - 2000)
    kind = ((number > 1) ^ (year > 2012)).astype(int)
    columns = {
        "number": number,
        "when": year,
        "answer": np.array(["up", "down"], dtype=object)[kind],
    }
    finding = honesty.study(made(columns, order="when"))
    assert honesty.PAST in finding.figures["alarms"]
    assert "Our exam is the latest part" in finding.sentence
    assert "most of all by 'number'" in finding.sentence


def test_test_rows_of_another_kind(made: Any) -> None:
    columns = clean()
    part = np.array(["train", "test"], dtype=object)[(np.arange(240) % 4 == 0).astype(int)]
    columns["width"] = columns["width"] + 1.5 * (part == "test")
    found = made(columns | {"part": part}, split="part")
    apart = told_apart(found, np.arange(240))
    assert apart.low > 0.6
    assert apart.low < apart.auc < apart.high
    assert "most of all by 'width'" in honesty.study(found).sentence


def test_too_few_rows_say_nothing(made: Any) -> None:
    assert not honesty.study(made(clean(50))).known


def test_numbers_and_tags(made: Any) -> None:
    columns = clean()
    number = columns["length"] * 3 + np.random.default_rng(0).normal(size=240)
    finding = honesty.study(made({**columns, "answer": number}))
    assert finding.figures["metric"] == "RMSE"
    tags = np.array(["a;b" if x > 0 else "b" if x > -1 else "c" for x in number], dtype=object)
    finding = honesty.study(made({**columns, "answer": tags}, task="tags"))
    assert finding.figures["columns_alone"] == {}
    assert finding.figures["alarms"] == []


# --- ways to cut ------------------------------------------------------------------------------


def test_cuts(made: Any) -> None:
    found = made(clean())
    rows = np.sort(np.concatenate([found.train, found.valid]))
    for cut in (at_random(found), in_stretches(found), kept_together(found, np.arange(240) // 3)):
        folds = cut(rows, 0)
        assert len(folds) == FOLDS
        assert np.array_equal(np.sort(np.concatenate([ask for _, ask in folds])), rows)
        assert all(not set(learn) & set(ask) for learn, ask in folds)
        for _, ask in folds:
            assert (found.truth[ask] == 0).mean() == pytest.approx(0.5, abs=0.15)
    order = np.random.default_rng(0).normal(size=240)
    past, any_time = from_the_past(order)(rows, 0), from_any_time(order)(rows, 0)
    for (learn, ask), (others, same) in zip(past, any_time, strict=True):
        assert order[learn].max() < order[ask].min()
        assert np.array_equal(ask, same)
        assert len(others) == len(learn)
        assert not set(others) & set(ask)


def test_a_sample_takes_whole_units() -> None:
    units = np.repeat(np.arange(100), 10)
    rows = some(np.arange(1_000), units, 0, most=205)
    _, sizes = np.unique(units[rows], return_counts=True)
    assert set(sizes.tolist()) == {10}
    assert 195 <= len(rows) <= 215


def test_no_difference_between_equal_cuts(made: Any) -> None:
    found = made(clean())
    rows = np.sort(found.train)
    same = gap(Scores(found, 0.0), "same", rows, at_random(found), at_random(found))
    assert (same.value, same.low, same.high, same.real) == (0.0, 0.0, 0.0, False)


def test_what_one_column_knows() -> None:
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 3, 600)
    word = np.array(["a", "b", "c"], dtype=object)[kind]
    assert alone(word, kind, classes=True) == 1.0
    assert alone(rng.normal(size=600), kind, classes=True) < 0.1
    number = rng.normal(size=600)
    assert alone(number, number * 2 + 1, classes=False) > 0.95
    half = np.where(rng.random(600) < 0.5, None, word)
    assert 0.3 < alone(half, kind, classes=True) < 0.7


def test_separation_is_scikit_learns_auc() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    positive = rng.random(200) < 0.3
    values = np.round(rng.normal(size=200) - 0.5 * positive, 1)
    expected = 1 - roc_auc_score(positive, values)
    assert separation(values, positive) == pytest.approx(expected)


# --- duplicates -------------------------------------------------------------------------------


def test_copies_that_disagree_and_copies_across(made: Any) -> None:
    columns = clean(300)
    part = np.array(["train"] * 200 + ["test"] * 100, dtype=object)
    taken = np.concatenate([np.arange(300), [3, 5, 7, 11, 250]])
    columns = {name: values[taken] for name, values in columns.items()}
    answer = columns["answer"]
    answer[301] = "rose" if answer[5] == "tulip" else "tulip"
    part = np.concatenate([part, ["train", "train", "test", "test", "test"]])
    found = made(columns | {"part": part}, split="part")
    finding = duplicates.study(found)
    expected = {"rows": 305, "copies": 5, "exact": 5, "differing": 1, "across": 2}
    assert {name: finding.figures[name] for name in expected} == expected
    assert finding.tables[0].row_numbers[0] == 301  # the one that disagrees comes first
    assert "2 test rows are copies of rows learned from" in finding.sentence
    path = found.run.path / "evidence" / "duplicates.csv"
    listed = list(csv.DictReader(path.read_text().splitlines()))
    assert [(int(one["row"]), int(one["twin"].split()[-1])) for one in listed[1:3]] == [
        (302, 7),
        (303, 11),
    ]
    known = np.isin(found.test, [302, 303], invert=True)
    values = found.subject.answer(found.take(found.test))
    right = (values.argmax(1) == found.truth[found.test])[known].mean()
    assert finding.figures["score_without"] == pytest.approx(right)


def test_no_copies(made: Any) -> None:
    finding = duplicates.study(made(clean()))
    assert finding.sentence == "No row is a copy of another: all 240 differ."


def test_few_values_repeat_by_nature(made: Any) -> None:
    rng = np.random.default_rng(0)
    columns: Columns = {
        "color": np.array(["red", "green"], dtype=object)[rng.integers(0, 2, 100)],
        "form": np.array(["round", "long"], dtype=object)[rng.integers(0, 2, 100)],
        "answer": np.array(["yes", "no"], dtype=object)[rng.integers(0, 2, 100)],
    }
    finding = duplicates.study(made(columns))
    assert "only 4 different" in finding.sentence
    assert "can be right" in finding.sentence
