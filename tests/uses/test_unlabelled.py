"""Rows without an answer: counted, never tests, learned from first only if that helps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pellucid.config import Plan, Settings
from pellucid.data import read
from pellucid.data.unlabelled import WITHOUT, worth_trying
from pellucid.errors import ConfigError, DataError
from pellucid.export.bundle import Bundle
from pellucid.learning.planner import build_model, make_plan
from pellucid.recipe import Watcher, learn
from pellucid.recipe.prepare import ingredients, prepare
from pellucid.recipe.unlabelled import (
    LEFT,
    SHARE,
    Trial,
    _helps,
    as_planned,
    begin_with,
    pretrained,
)


def rows(path: Path, labelled: int = 60, unlabelled: int = 400, copies: int = 0) -> Path:
    """Numbers around two centers; few rows say which."""
    rng = np.random.default_rng(0)
    lines = ["a,b,c,kind"]
    for row in range(labelled + unlabelled):
        kind = row % 2
        values = rng.normal(size=3) + (2.5 if kind else -2.5) * np.array([1, 1, 0])
        said = ("left", "right")[kind] if row < labelled else ""
        lines.append(",".join(f"{value:.4f}" for value in values) + f",{said}")
    lines += [f"{line.rpartition(',')[0]}," for line in lines[1 : 1 + copies]]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_when_it_is_tried() -> None:
    assert worth_trying(100, 0, ["image"], "use") == (False, "")
    assert worth_trying(100, 5, ["image"], "use")[0]
    assert not worth_trying(100, 10**6, ["image"], "ignore")[0]
    few = worth_trying(100, 5_000, ["image"], "auto")
    assert not few[0]
    assert "50,000" in few[1]
    assert worth_trying(1_000, 60_000, ["image"], "auto")[0]
    assert not worth_trying(30_000, 60_000, ["image"], "auto")[0]
    assert worth_trying(1_500, 60_000, ["number", "category"], "auto")[0]
    assert not worth_trying(5_000, 90_000, ["number", "category"], "auto")[0]
    with pytest.raises(ConfigError, match="unlabelled"):
        Settings(unlabelled="perhaps")  # type: ignore[arg-type]


def test_rows_without_an_answer_are_no_fault_where_they_are_meant(tmp_path: Path) -> None:
    source = rows(tmp_path / "rows.csv")
    with pytest.raises(DataError, match="can't be used"):
        prepare(source, Settings(target="kind"), Watcher())
    for asked, count in (("use", 400), ("ignore", 0)):
        settings = Settings(target="kind", unlabelled=asked)  # type: ignore[arg-type]
        prepared = prepare(source, settings, Watcher())
        counts = prepared.ledger.counts()
        assert counts["set_aside"] == 400
        assert sum(counts.values()) == 460
        assert len(prepared.unlabelled) == count
        reasons = {why for _, why in prepared.ledger.set_aside_items()}
        assert reasons == ({WITHOUT} if count else {"the target 'kind' is missing: left out"})
        assert not set(prepared.unlabelled.tolist()) & set(prepared.rows.tolist())


def test_copies_of_held_rows_are_not_learned_from(tmp_path: Path) -> None:
    source = rows(tmp_path / "rows.csv", labelled=150, unlabelled=300, copies=4)
    prepared = prepare(source, Settings(target="kind", unlabelled="use"), Watcher())
    held = {row for row in range(4) if row not in set(prepared.part("train").tolist())}
    for copy in range(450, 454):
        assert (copy not in prepared.unlabelled) == (copy - 450 in held)


def test_a_folder_of_that_name_has_no_class(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    for place in ("cat", "dog", "Unlabelled"):
        (tmp_path / "a" / place).mkdir(parents=True)
        for number in range(4):
            pixels = np.full((8, 8), 20 * number + len(place), np.uint8)
            image.fromarray(pixels).save(tmp_path / "a" / place / f"{number}.png")
    table = read.read(tmp_path / "a")
    labels = table.columns["label"].values.tolist()
    assert labels.count(None) == 4
    assert set(labels) == {"cat", "dog", None}
    assert table.unlabelled
    for place in ("train/cat", "train/dog", "test/cat", "test/dog", "unlabeled"):
        (tmp_path / "b" / place).mkdir(parents=True)
        for number in range(3):
            pixels = np.full((8, 8), 20 * number + len(place), np.uint8)
            image.fromarray(pixels).save(tmp_path / "b" / place / f"{number}.png")
    table = read.read(tmp_path / "b")
    assert table.split is not None
    without = [label is None for label in table.columns["label"].values]
    assert sum(without) == 3
    assert set(table.split[np.array(without)].tolist()) == {"train"}
    assert not table.refused


def test_the_body_is_learned_from_rows_without_an_answer_alone(tmp_path: Path) -> None:
    source = rows(tmp_path / "rows.csv")
    settings = Settings(target="kind", unlabelled="use")
    prepared = prepare(source, settings, Watcher())
    first, _ = ingredients(prepared, *prepared.folds()[0])
    plan = make_plan(first, Settings(effort="quick"), 1.0, lambda text: None)
    plan = type(plan)(**{**vars(plan), "unlabelled": 40})
    body = pretrained(prepared, plan)
    assert body
    assert not any(name.startswith("head.") for name in body)
    # Whatever stands in rows with an answer changes nothing.
    column = prepared.loaded["a"]
    column.values[prepared.rows] = 99.0
    again = pretrained(prepared, plan)
    assert all(torch.equal(again[name], value) for name, value in body.items())
    as_planned(prepared, plan)
    data, columns = ingredients(prepared, *prepared.folds()[0])
    assert columns[0].fitted["mean"] < 50 if "mean" in columns[0].fitted else True
    model = build_model(plan, data)
    head = {k: v.clone() for k, v in model.state_dict().items() if k.startswith("head.")}
    begin_with(model, body)
    state = model.state_dict()
    assert all(torch.equal(state[name], value) for name, value in body.items())
    assert all(torch.equal(state[name], value) for name, value in head.items())


def test_the_trial_is_as_long_as_the_time_allows() -> None:
    for folds, pairs, steps in ((1, 1, 64), (2, 1, 100), (5, 3, 100), (10, 4, 100)):
        plan = Plan(steps=100, batch=8, folds=folds)
        tried = Trial.of(plan, folds)
        assert (tried.pairs, tried.steps) == (pairs, steps)
        assert 2 * tried.pairs * tried.steps / 100 * LEFT / folds <= 1 - SHARE - LEFT + 0.01
    assert Trial.of(Plan(steps=8, batch=8), 1).steps == 8
    assert "64 steps of 100 planned" in Trial.of(Plan(steps=100, batch=8), 1).said


def test_a_body_is_kept_only_if_an_interval_says_so() -> None:
    torch.manual_seed(0)
    noise = torch.randn(3, 50)
    before = [1 + one for one in noise]
    for gain, helps in ((0.0, False), (0.01, True), (-0.2, False)):
        after = [one - gain + 0.02 * torch.randn(50) for one in before]
        found, said = _helps(before, after)
        assert found == helps
        assert "95% interval [" in said
    # Rows agree, but not the pairs: which networks were drawn decides, not the body.
    after = [before[0] - 1.0, before[1] - 1.0, before[2] + 0.1]
    found, said = _helps(before, after)
    assert not found
    assert "not in every pair" in said


def test_the_run_says_what_it_brought_and_repeats(tmp_path: Path) -> None:
    source = rows(tmp_path / "rows.csv")
    settings = Settings(target="kind", unlabelled="use", effort="quick", record=False)
    run = learn(source, settings, Watcher(), out=tmp_path / "a.run")
    said = run.plan.why["unlabelled"]
    assert said.startswith(("kept: ", "left out: "))
    assert "400 rows without an answer" in said
    assert "95% interval" in said
    assert "65% of the time for learning" in said
    assert run.verdict["unlabelled"] == said
    assert (run.plan.unlabelled > 0) == said.startswith("kept")
    plan = type(run.plan)(**{**vars(run.plan), "unlabelled": 30, "folds": 2})
    runs = [
        learn(source, settings, Watcher(), out=tmp_path / f"{name}.run", plan=plan)
        for name in ("b", "c")
    ]
    first, second = (Bundle.load_from(one.path).members for one in runs)
    for mine, other in zip(first, second, strict=True):
        for name, value in mine.state.items():
            assert torch.equal(value, other.state[name])


def test_it_can_be_asked_for_in_python(tmp_path: Path) -> None:
    import pellucid

    source = rows(tmp_path / "rows.csv")
    with pytest.raises(ConfigError, match="unlabelled"):
        pellucid.learn(source, "kind", unlabelled="perhaps", quiet=True)  # type: ignore[arg-type]
    # Left to itself it is not tried on so few rows, and rows without an answer are then a fault.
    with pytest.raises(DataError, match="can't be used"):
        pellucid.learn(source, "kind", quiet=True, out=tmp_path / "a.run")
