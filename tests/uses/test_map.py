"""A map of unlabelled data: the loss, clusters and their honesty, the job, answers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pellucid.baselines.clusters import Components, group, nearest, trusted
from pellucid.config import Settings
from pellucid.data.columns import Entry
from pellucid.errors import ConfigError, DataError
from pellucid.recipe import Watcher
from pellucid.recording.run import Run
from pellucid.tasks.map import CHANGED, SameUnderChange, pairs_of
from pellucid.uses import asked, learn
from pellucid.uses.answerers import load_answerer
from pellucid.uses.map.answerer import Mapper
from pellucid.uses.map.space import Space, raw_values, recognized_again
from pellucid.uses.use import Source


def groups_table(path: Path, seed: int = 0, apart: float = 4.0) -> Path:
    """Three kinds of rows that differ in numbers and in a word; the kind itself is not said."""
    rng = np.random.default_rng(seed)
    lines = ["a,b,c,d,color"]
    for row in range(240):
        kind = row % 3
        center = apart * np.eye(4)[kind]
        color = ("red", "green", "blue")[kind if rng.random() < 0.9 else rng.integers(3)]
        lines.append(",".join(f"{v:.3f}" for v in center + rng.normal(size=4)) + f",{color}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("map")
    source = groups_table(folder / "rows.csv")
    settings = Settings(task="map", effort="quick")
    return learn(source, settings, Watcher(), out=folder / "a.run")


# --- what is learned --------------------------------------------------------------------------


def same(inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return inputs


def test_the_loss_is_vicreg_by_hand() -> None:
    task = SameUnderChange(2, same)
    output = torch.tensor([[1.0, 0.0], [0.0, 1.0], [3.0, 1.0], [2.0, 5.0]])
    first, second = output[0::2], output[1::2]
    parts = 0.0
    for one in (first, second):
        spread = (one.var(0, correction=0) + 1e-4).sqrt()
        centered = one - one.mean(0)
        covariance = centered.T @ centered / (len(one) - 1)
        off = covariance[0, 1] ** 2 + covariance[1, 0] ** 2
        parts += float(25 * (1 - spread).clamp(min=0).mean() + off / 2) / 2
    apart = (first - second).square().mean(1)
    expected = (25 * apart + parts).repeat_interleave(2)
    assert torch.allclose(task.loss(output, torch.zeros(4)), expected)


def test_everything_on_one_point_costs_more_than_apart() -> None:
    task = SameUnderChange(8, same)
    apart = torch.randn(32, 8).repeat_interleave(2, 0) * 1.5
    assert task.loss(torch.zeros(64, 8), torch.zeros(64)).mean() > 20
    assert task.loss(apart, torch.zeros(64)).mean() < 10


@pytest.mark.parametrize(
    ("modality", "values"),
    [
        ("number", torch.randn(6, 4)),
        ("category", torch.randint(0, 9, (6, 3), dtype=torch.int32)),
        ("text", torch.randint(1, 99, (6, 12), dtype=torch.int32)),
        ("image", torch.randint(0, 255, (6, 16, 16, 3), dtype=torch.uint8)),
        ("series", torch.randn(6, 30, 2)),
        ("audio", torch.randn(6, 30, 8, 1).half()),
    ],
)
def test_changes_keep_the_form_and_pairs_stand_side_by_side(
    modality: str, values: torch.Tensor
) -> None:
    changed = CHANGED[modality](values)
    assert changed.shape == values.shape
    assert changed.dtype == values.dtype
    assert not torch.equal(changed, values)
    pairs = pairs_of({"x": torch.arange(3)}, same)
    assert pairs["x"].tolist() == [0, 0, 1, 1, 2, 2]


def test_padding_of_a_series_stays_padding() -> None:
    values = torch.randn(4, 20, 1)
    values[:, 15:] = torch.nan
    changed = CHANGED["series"](values)
    assert not changed[:, :10].isnan().any()


# --- clusters, honestly -----------------------------------------------------------------------


def test_clusters_are_found_where_there_are_some_and_not_where_there_are_none() -> None:
    rng = np.random.default_rng(0)
    centers = np.array([[0, 0, 6], [6, 0, 0], [0, 6, 0], [-6, 0, 0]], dtype=float)
    truth = np.arange(240) % 4
    there = group((centers[truth] + rng.normal(size=(240, 3))).astype(np.float32), seed=0)
    assert there.count == 4
    assert there.apart[4] > there.in_a_cloud[4] + 0.1
    assert there.agreement[4] > 0.9
    nothing = group(rng.normal(size=(240, 3)).astype(np.float32), seed=0)
    assert nothing.count == 0
    long = rng.normal(size=(240, 3)) * [5, 1, 1]
    assert group(long.astype(np.float32), seed=0).count == 0, "one long cloud is no two clusters"


def test_components_are_those_of_the_covariance() -> None:
    values = np.random.default_rng(0).normal(size=(200, 5)) * [5, 3, 1, 0.5, 0.1]
    found = Components.fit(values, 2)
    _, vectors = np.linalg.eigh(np.cov(values.T))
    assert abs(found.axes[:, 0] @ vectors[:, -1]) == pytest.approx(1, abs=1e-4)
    assert found.apply(values.astype(np.float32)).var(0)[0] > 10


def test_a_map_that_keeps_neighbors_is_trusted_more_than_one_by_chance() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(150, 2))
    kept = trusted(np.c_[values, values], values)
    assert kept[0] == pytest.approx(1)
    assert kept[1] > 0.95
    assert trusted(values, rng.normal(size=(150, 2)))[0] < 0.6


def test_probabilities_say_how_often_copies_fall_together() -> None:
    rng = np.random.default_rng(0)
    centers = np.array([[0.0, 4.0], [4.0, 0.0]])
    values = (centers[np.arange(300) % 2] * 1.5 + rng.normal(size=(300, 2))).astype(np.float32)
    space = Space.fit(values, seed=0)
    noisy = [space.place(values + rng.normal(size=values.shape).astype(np.float32) * s)
             for s in (0.1, 2.0)]  # fmt: skip
    space.sharpen(noisy[0], noisy[1])
    labels, likely = space.clusters(noisy[0])
    together = (nearest(noisy[1], space.grouping.centers) == labels).mean()
    assert likely.max(1).mean() == pytest.approx(together, abs=0.03)
    assert np.allclose(likely.sum(1), 1)


def test_raw_numbers_of_every_kind() -> None:
    inputs = {
        "scalars": torch.tensor([[1.0, float("nan")]]),
        "categories": torch.tensor([[2, 0]], dtype=torch.int32),
        "words": torch.tensor([[3, 3, 0]], dtype=torch.int32),
    }
    entries = {
        "scalars": Entry("project", (), 2, "scalars"),
        "categories": Entry("lookup", (), 3, "categories"),
        "words": Entry("lookup", (3,), 5, "words"),
    }
    found = raw_values(inputs, entries)
    assert found[0, :2].tolist() == [1.0, 0.0]
    assert np.allclose(found[0, 2:5], np.log1p([1, 0, 1]))
    assert np.allclose(found[0, 5:], np.log1p([0, 0, 0, 2, 0]))
    assert recognized_again(np.eye(3), np.eye(3)[[0, 2, 1]]).tolist() == [True, False, False]


# --- the whole job ----------------------------------------------------------------------------


def test_nothing_is_taken_for_a_map_by_itself(tmp_path: Path) -> None:
    source = groups_table(tmp_path / "rows.csv")
    found = asked(Source(source, Settings()))
    assert found is None or found[0] != "map"


def test_the_groups_are_found_and_described(run: Run) -> None:
    assert run.status == "done"
    clusters = run.finding("clusters")
    assert clusters["figures"]["clusters"] == 3
    described = run.finding("described")["tables"][0]
    assert described["header"] == ["cluster", "examples", "set apart by", "most typical"]
    said = " ".join(row[2] for row in described["rows"])
    assert "color 'red'" in said or "a +" in said
    points = run.finding("map")["pictures"][0]["drawings"]["map"]["data"]
    assert len(points["x"]) == len(points["labels"]) == len(points["groups"])
    assert run.finding("map")["figures"]["trustworthiness"] > 0.8
    assert {one["name"] for one in run.verdict["baselines"]} == {
        "principal components", "raw numbers",
    }  # fmt: skip


def test_new_rows_get_their_cluster_and_a_place(run: Run, tmp_path: Path) -> None:
    answerer = load_answerer(run.path)
    assert isinstance(answerer, Mapper)
    new = groups_table(tmp_path / "new.csv", seed=5)
    lines = answerer.predict(str(new))
    assert [line["row"] for line in lines] == list(range(240))
    answers = np.array([line["answer"] for line in lines])
    for kind in range(3):
        mine = answers[np.arange(240) % 3 == kind]
        assert np.bincount(mine).max() > 0.8 * len(mine)
    assert all(0 < line["probability"] <= 1 for line in lines)
    assert "cluster" in answerer.readable(lines[0])
    one = {"a": 4.0, "b": 0.0, "c": 0.0, "d": 0.0, "color": "red"}
    assert answerer.predict(one)[0]["answer"] == answers[0]
    typed = ["a=4", "b=0", "c=0", "d=0", "color=red"]
    assert answerer.predict(typed)[0]["answer"] == answers[0]
    with pytest.raises(ConfigError, match="2 sources"):
        answerer.predict([str(new), str(new)])
    assert answerer.predict(str(new), "baseline")[0]["answer"] is not None
    finding = answerer.explain(str(new), 0)
    assert len(finding.tables[0].rows) == 5
    with pytest.raises(DataError, match="'d'"):
        answerer.predict({"a": [1.0], "b": [1.0], "c": [1.0], "color": ["red"]})


def test_a_saved_map_answers_the_same(run: Run, tmp_path: Path) -> None:
    first = load_answerer(run.path)
    head = first.save(tmp_path)
    second = Mapper.load(tmp_path, json.loads(json.dumps(head)))
    new = groups_table(tmp_path / "new.csv", seed=6)
    for model in ("network", "baseline"):
        assert first.predict(str(new), model) == second.predict(str(new), model)


def test_rows_without_groups_are_said_to_have_none(tmp_path: Path) -> None:
    source = groups_table(tmp_path / "cloud.csv", apart=0.0)
    text = [line.rpartition(",")[0] for line in source.read_text().splitlines()]
    source.write_text("\n".join(text) + "\n")
    run = learn(source, Settings(task="map", effort="quick"), Watcher(), out=tmp_path / "cloud.run")
    assert run.finding("clusters")["figures"]["clusters"] == 0
    assert "No clusters" in run.finding("clusters")["sentence"]
    line = load_answerer(run.path).predict(str(source))[0]
    assert line["answer"] is None
    assert {"x", "y"} <= set(line)


def test_a_folder_of_pictures_needs_no_classes(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(80):
        pixels = rng.integers(0, 60, (12, 12), dtype=np.uint8)
        pixels[2:10, slice(0, 5) if number % 2 else slice(7, 12)] += 150
        image.fromarray(pixels).save(folder / f"{number:02}.png")
    settings = Settings(task="map", effort="quick", record=False)
    run = learn(folder, settings, Watcher(), out=tmp_path / "pictures.run")
    assert sum(run.rows.values()) == 80
    lines = load_answerer(run.path).predict(str(folder))
    assert len(lines) == 80


def test_too_few_examples_are_said(tmp_path: Path) -> None:
    source = groups_table(tmp_path / "rows.csv")
    source.write_text("\n".join(source.read_text().splitlines()[:12]) + "\n")
    with pytest.raises(DataError) as caught:
        learn(source, Settings(task="map"), Watcher(), out=tmp_path / "few.run")
    assert "too few for a map" in caught.value.what
