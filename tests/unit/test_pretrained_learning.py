"""Pretrained starts in the whole job: chosen by validation rows, repeatable, carried away."""

from __future__ import annotations

import csv
import json
import random
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pretrained_packages import write_packages

from pellucid.config import Plan, Settings
from pellucid.data import read
from pellucid.export.bundle import Bundle
from pellucid.learning.planner import RowIngredients, build, make_plan
from pellucid.network.pretrained.find import Published
from pellucid.network.pretrained.frozen import Frozen, Pictures, Texts, installed
from pellucid.recipe import starts as starting
from pellucid.recipe.job import learn
from pellucid.recipe.prepare import Prepared, ingredients, prepare
from pellucid.recipe.starts import Starts, choose_starts
from pellucid.recipe.watcher import Watcher
from pellucid.recording.run import Run

SETTINGS = Settings(target="opinion", kinds={"said": "text"}, time=8.0, record=False)
TITLE = "minilm-l6 32 fp32"


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Both packages with random weights, before any real ones; importing them is an error."""
    write_packages(tmp_path / "packages")
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    return tmp_path / "packages"


@pytest.fixture
def opinions(tmp_path: Path) -> Path:
    """120 sentences in which one word says it all."""
    chance = random.Random(0)
    file = tmp_path / "opinions.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["said", "opinion"])
        for number in range(120):
            opinion = ("good", "bad")[number % 2]
            rest = chance.choices(["the", "a", "cat", "dog", "sat", "on", "mat", "film"], k=6)
            rest.insert(chance.randrange(7), opinion)
            writer.writerow([f"{' '.join(rest)} .", "liked" if opinion == "good" else "disliked"])
    return file


def first_network(source: Path) -> tuple[Prepared, RowIngredients, list[object]]:
    prepared = prepare(source, SETTINGS, Watcher())
    data, columns = ingredients(prepared, *prepared.folds()[0])
    return prepared, data, columns  # type: ignore[return-value]


def plan_with_features(source: Path) -> Plan:
    """A short plan on the stand-in's features, whatever validation would say of them."""
    prepared, data, columns = first_network(source)
    text = installed("text")
    assert text is not None
    starts = Starts(prepared, columns, {"said": text.resized(32, "fp32")})  # type: ignore[arg-type]
    data = starts.instead(data, *prepared.folds()[0])
    plan = make_plan(data, SETTINGS, 2.0, lambda said: None)
    return replace(plan, folds=2, steps=60, evaluate_every=30, threads=1, precision="fp32")


def test_the_network_is_a_head_on_features(packages: Path, opinions: Path) -> None:
    plan = plan_with_features(opinions)
    assert plan.pretrained == {"said": TITLE}
    assert plan.network == {"said": "minilm-l6"}
    assert plan.augment == {}
    assert Plan.from_json(json.loads(json.dumps(plan.as_json()))) == plan


def test_carried_away_it_answers_the_same_without_the_package(
    packages: Path, opinions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = learn(
        opinions, SETTINGS, Watcher(), out=tmp_path / "run", plan=plan_with_features(opinions)
    )
    table = read.read(opinions)
    here = Bundle.load_from(run.path).predict(table)
    assert run.info["plan"]["pretrained"] == {"said": TITLE}
    assert run.info["network"]["parameters"] == 2 * (6 * 384) + 2
    assert (run.path / "model" / "frozen-0.safetensors").exists()
    monkeypatch.setattr(Texts, "published", Published("no_such_package", "none", "model", "none"))
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(packages)])
    there = Bundle.load_from(run.path).predict(table)
    np.testing.assert_array_equal(there.values, here.values)
    assert there.problems == {}
    # The text is read as tokens too, to tell whether it is familiar.
    unlike = Bundle.load_from(run.path).unlike
    assert unlike is not None
    assert unlike.plain is not None
    assert list(unlike.plain.texts) == ["said"]
    assert [a["unlike"] for a in there.answers] == [a["unlike"] for a in here.answers]
    learned = np.array([a["answer"] for a in there.answers]) == table.columns["opinion"].values
    assert learned.mean() > 0.9  # the telling word reaches the features


def test_the_same_plan_gives_the_same_weights_with_and_without_the_cache(
    packages: Path, opinions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_with_features(opinions)
    runs = []
    for name in ("a", "b", "c"):
        if name == "c":
            monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "another cache"))
        runs.append(learn(opinions, SETTINGS, Watcher(), out=tmp_path / name, plan=plan))
    states = [Bundle.load_from(run.path).members for run in runs]
    for other in states[1:]:
        for one, two in zip(states[0], other, strict=True):
            for name, value in one.state.items():
                assert torch.equal(value, two.state[name]), name


def test_features_are_the_same_however_many_are_asked_for(
    packages: Path, opinions: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(starting, "CHUNK", 16)
    prepared, data, columns = first_network(opinions)
    text = installed("text")
    assert text is not None
    learn_rows, check = prepared.folds()[0]
    found = []
    for number, asked in enumerate(([20, 1000], [1000])):
        monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / f"cache {number}"))
        starts = Starts(prepared, columns, {"said": text.resized(32, "fp32")})  # type: ignore[arg-type]
        for count in asked:
            starts.compute(count)
        found.append(starts.instead(data, learn_rows, check).dataset.inputs["said"])
    assert torch.equal(*found)
    assert bool(found[0].any(1).all())
    assert not np.isin(starts.order, prepared.part("test")).any()


def test_rows_of_a_trial_are_rows_of_both_parts(packages: Path, opinions: Path) -> None:
    prepared, data, columns = first_network(opinions)
    text = installed("text")
    assert text is not None
    starts = Starts(prepared, columns, {"said": text.resized(32, "fp32")})  # type: ignore[arg-type]
    plain, featured = starts.some(data, *prepared.folds()[0], count=10)
    assert torch.equal(plain.rows, featured.rows)
    assert set(plain.rows.tolist()) <= set(data.rows.tolist())
    assert set(plain.valid.tolist()) <= set(data.valid.tolist())
    assert plain.dataset is data.dataset
    assert featured.dataset.inputs["said"][plain.valid].any(1).all()


# --- choosing -------------------------------------------------------------------------------------


def test_a_rare_feature_does_not_outweigh_all_others(packages: Path, opinions: Path) -> None:
    """Of 96 texts none has a feature that a new one has: its answer stays as sure as others."""
    prepared, data, columns = first_network(opinions)
    text = installed("text")
    assert text is not None
    starts = Starts(prepared, columns, {"said": text.resized(32, "fp32")})  # type: ignore[arg-type]
    featured = starts.instead(data, *prepared.folds()[0])
    values = featured.dataset.inputs["said"]
    values[:, 0], values[1, 0] = 0.0, 1e-3
    plan = replace(make_plan(featured, SETTINGS, 2.0, lambda said: None), precision="fp32")
    network = build(plan, featured).eval()
    new = values[:2].clone()
    new[1] = new[0]
    new[1, 0] = float(values.std())
    with torch.inference_mode():
        usual = network({"said": values}).std()
        one, two = network({"said": new})
    assert (one - two).abs().max() < usual


def test_where_folds_hold_few_rows_several_are_asked(packages: Path, opinions: Path) -> None:
    prepared, data, _ = first_network(opinions)
    turns = starting._turns(prepared, data)
    held = [fold[1] for _, fold in turns]
    assert len(turns) == starting.MOST_FOLDS  # 12 rows or so each
    assert len(np.unique(np.concatenate(held))) == sum(map(len, held))
    for part, (learned, check) in turns:
        assert (len(part.rows), len(part.valid)) == (len(learned), len(check))
        assert not np.isin(check, learned).any()
    large = replace(prepared, split=replace(prepared.split, folds=[]))
    assert len(starting._turns(large, data)) == 1


def choose(source: Path, settings: Settings, seconds: float) -> tuple[dict[str, Frozen], str]:
    prepared, data, columns = first_network(source)
    starts, why = choose_starts(prepared, data, columns, settings, seconds, Watcher())  # type: ignore[arg-type]
    return starts.frozen, why


def test_they_are_kept_exactly_if_the_reason_says_so(packages: Path, opinions: Path) -> None:
    frozen, why = choose(opinions, SETTINGS, 30.0)
    assert why.startswith("kept: validation loss" if frozen else "left out: validation loss")
    assert "from scratch" in why


def test_too_slow_is_left_out_with_the_reason(packages: Path, opinions: Path) -> None:
    frozen, why = choose(opinions, SETTINGS, 0.01)
    assert frozen == {}
    assert "too long for 120 rows in this time" in why


@pytest.mark.parametrize(
    "settings", [replace(SETTINGS, pretrained=False), replace(SETTINGS, network="cnn")]
)
def test_what_the_user_said_comes_first(packages: Path, opinions: Path, settings: Settings) -> None:
    assert choose(opinions, settings, 30.0) == ({}, "")


def test_without_packages_nothing_is_tried(opinions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (Texts, Pictures):
        monkeypatch.setattr(kind, "published", Published("no_such_package", "none", "x", "none"))
    assert choose(opinions, SETTINGS, 30.0) == ({}, "")


def test_pictures_beside_numbers(packages: Path, tmp_path: Path) -> None:
    """Features of a column join the other columns' vectors in one network."""
    from PIL import Image

    chance, lines = np.random.default_rng(0), ["photo,size,opinion"]
    for number in range(60):
        pixels = chance.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        size = chance.normal()
        lines.append(f"{number}.png,{size:.3f},{'liked' if size + chance.normal() > 0 else 'not'}")
    source = tmp_path / "photos.csv"
    source.write_text("\n".join(lines) + "\n", "utf-8")
    settings = replace(SETTINGS, kinds={"photo": "image"})
    prepared = prepare(source, settings, Watcher())
    data, columns = ingredients(prepared, *prepared.folds()[0])
    picture = installed("image")
    assert picture is not None
    starts = Starts(prepared, columns, {"photo": picture.resized(32, "fp32")})
    plan = make_plan(starts.instead(data, *prepared.folds()[0]), settings, 2.0, lambda said: None)
    assert set(plan.network) == {"photo", "columns"}
    short = replace(plan, folds=1, steps=40, evaluate_every=20)
    run: Run = learn(source, settings, Watcher(), out=tmp_path / "run", plan=short)
    bundle = Bundle.load_from(run.path)
    assert bundle.frozen["photo"].title == "efficientnet-lite0 32 fp32"
    assert len(bundle.predict(read.read(source)).answers) == 60
