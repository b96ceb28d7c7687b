"""The studies of one run with planted wrong labels: overfitting, more data, cost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import pellucid
from pellucid.evidence.finding import Finding
from pellucid.evidence.worth.growth import parts_of, study
from pellucid.interfaces.findings import lines_of
from pellucid.interfaces.trained import Trained
from pellucid.recipe.study import material_of
from pellucid.recipe.watcher import Watcher
from tests.commands import Pellucid

ROWS, TURNED = 400, 40
PARTS = ("overfitting", "data", "cost")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("studies")


@pytest.fixture(scope="module")
def run(folder: Path) -> Iterator[Trained]:
    """A table whose answer follows from one column, but for a tenth of wrong labels."""
    generator = np.random.default_rng(0)
    kind = generator.integers(0, 2, ROWS)
    numbers = generator.normal(size=(ROWS, 4)).round(3)
    numbers[:, 0] += 4 * kind
    label = kind.copy()
    turned = generator.permutation(ROWS)[:TURNED]
    label[turned] = 1 - label[turned]
    lines = ["a,b,c,d,flower"]
    lines += [",".join([*map(str, row), ("rose", "tulip")[k]]) for row, k in zip(numbers, label)]
    source = folder / "flowers.csv"
    source.write_text("\n".join(lines) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_CACHE", str(folder / "cache"))
        trained = pellucid.learn(source, time=4, out=folder / "flowers.run", quiet=True)
        np.save(folder / "turned.npy", np.sort(turned))
        trained.study(*PARTS, seconds=5)
        yield trained


def found(run: Trained, part: str) -> Finding:
    return Finding.from_json(run.finding(part))


@pytest.mark.parametrize("part", PARTS)
def test_each_study_is_kept_and_can_be_shown(run: Trained, part: str) -> None:
    finding = found(run, part)
    assert finding.part == part
    assert finding.seconds < 30
    assert json.loads(json.dumps(finding.as_json(), allow_nan=False)) == finding.as_json()
    assert "nan" not in " ".join(lines_of(finding)).split()
    assert 40 < len(finding.sentence) < 700


def test_overfitting_tells_learned_rows_from_unseen_ones(run: Trained, folder: Path) -> None:
    figures = found(run, "overfitting").figures
    memory = figures["memory"]
    # A tenth of the labels is wrong: what was not learned can't be right more often than that.
    assert memory["right_unseen"] < 0.95
    assert memory["low"] <= memory["estimate"] <= memory["high"] <= memory["learned"]
    named = np.array(figures["memorized_rows"], dtype=np.int64)
    assert len(named) <= memory["high"]
    if len(named):
        assert np.isin(named, np.load(folder / "turned.npy")).mean() > 0.5
    twins = figures["twins"]
    assert twins["held"][0] > twins["held"][1] + 0.15
    assert len(twins["losses"][0]) == len(twins["losses"][1])
    used = {name: what for name, what, _ in figures["measures"]}
    plan = run.plan
    assert used["weight decay"] == f"{plan.weight_decay:g}"
    assert used["bagging"] == (f"{plan.folds} networks" if plan.folds > 1 else "none")
    chosen = next(event["message"] for event in run.events if event["kind"] == "chosen")
    assert used["choice of weights"] in chosen


def test_the_learning_curve_is_measured_on_nested_parts(run: Trained) -> None:
    figures = found(run, "data").figures
    curve = figures[figures["answered_for"]]
    assert curve["rows"] == sorted(curve["rows"])
    assert curve["rows"][-1] <= run.rows["train"]
    assert np.shape(curve["scores"])[1] == len(curve["rows"])
    assert [one["times"] for one in curve["ahead"]] == [2.0, 4.0]
    assert all(one["low"] <= one["high"] <= 1.0 for one in curve["ahead"])


def test_held_out_rows_are_never_learned_from(run: Trained) -> None:
    material = material_of(run, Watcher())
    seen = set()
    for learn, held in parts_of(material):
        assert not set(learn) & set(held)
        assert not set(material.test) & (set(learn) | set(held))
        clusters = material.clusters
        assert clusters is not None
        assert not set(clusters[learn]) & set(clusters[held])
        seen |= set(held)
    assert seen == set(material.train)


def test_too_few_rows_are_unknown_with_a_reason(run: Trained) -> None:
    from dataclasses import replace

    material = material_of(run, Watcher())
    finding = study(replace(material, train=material.train[:60]))
    assert not finding.known
    assert "48 rows to learn from are too few" in finding.sentence


def test_the_cost_is_what_the_run_noted(run: Trained) -> None:
    finding, info = found(run, "cost"), run.info
    learning, answer = finding.figures["learning"], finding.figures["answer"]
    assert sum(learning["stages"].values()) == pytest.approx(info["seconds"])
    assert learning["measured"]
    assert learning["processor_seconds"] == info["used"]["processor_seconds"]
    joules = finding.figures["watts_per_core"] * learning["processor_seconds"]
    assert learning["watt_hours"] == pytest.approx(joules / 3600)
    assert 50e6 < learning["peak_memory"] < 5e9
    assert 0 < learning["model_bytes"] < learning["run_bytes"]
    network = info["network"]
    assert answer["parameters"] == network["parameters"] * network["networks"]
    # A row passes every weight of every network about once, an ensemble's shared ones 16 times.
    assert 0.5 * answer["parameters"] < answer["operations"] < 16 * answer["parameters"]
    assert answer["alone"] > 0
    budgets = finding.figures["smaller_budgets"]
    assert [one["share"] for one in budgets] == [0.125, 0.25, 0.5, 1.0]
    assert budgets[-1]["how"] == "kept"
    assert {one["how"] for one in budgets[:-1]} <= {"tried", "noted"}


def test_a_study_is_one_command(run: Trained, pellucid: Pellucid) -> None:
    done = pellucid("study", run.path, "cost")
    assert done.code == 0, done.err
    assert "What did it cost?" in done.out
    assert "(an estimate; a 10 W lamp uses that in" in " ".join(done.out.split())
