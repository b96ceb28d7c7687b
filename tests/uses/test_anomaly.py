"""Anomaly detection without labels: what is learned, promised, found, shown and refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pellucid.baselines.anomaly import fit_strangeness
from pellucid.baselines.detectors import Components, Forest, Neighbors, Tails
from pellucid.config import Plan, Settings, Size
from pellucid.data.columns import Column, Loaded
from pellucid.errors import ConfigError, DataError
from pellucid.interfaces.cli import main
from pellucid.network.autoencoder import FieldAutoencoder, RowAutoencoder
from pellucid.recipe import Watcher
from pellucid.recording.files import read_arrays
from pellucid.recording.run import Run
from pellucid.tasks.anomaly import (
    Cells,
    HiddenCells,
    HiddenPatches,
    every_fourth,
    improbable,
    without_strangers,
)
from pellucid.uses import Source, asked, learn
from pellucid.uses.anomaly.planted import plant
from pellucid.uses.anomaly.promise import Promise, stands_out, taken_for_strange
from pellucid.uses.anomaly.repair import _said
from pellucid.uses.anomaly.score import column_turns
from pellucid.uses.anomaly.source import Found, read_source
from pellucid.uses.answerers import load_answerer

ROWS = 400
Make = Callable[..., Path]


def plan(steps: int, group: str, size: Size, batch: int = 64) -> Plan:
    """No planning, so no clock: the same on any machine."""
    return Plan(
        steps=steps,
        batch=batch,
        evaluate_every=steps // 2,
        rate=2e-3,
        average=0.1,
        network={group: "autoencoder"},
        sizes={group: size},
    )


def columns(seed: int = 0, anomalies: int = 30) -> dict[str, Any]:
    """c follows from a and b, d from b and the town; anomalies break both rules."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, ROWS))
    town = rng.choice(["Aa", "Bb", "Cc"], ROWS)
    c = a + 0.5 * b + 0.1 * rng.normal(size=ROWS)
    d = np.where(town == "Aa", b, -b) + 0.1 * rng.normal(size=ROWS)
    strange = np.arange(ROWS) < anomalies
    c[strange], d[strange] = rng.normal(size=(2, anomalies))
    order = rng.permutation(ROWS)
    found = {"a": a, "b": b, "c": c, "d": d, "town": town.astype(object)}
    label = np.where(strange, "anomaly", "normal").astype(object)
    return {name: values[order] for name, values in (found | {"label": label}).items()}


TABLE = plan(200, "scalars", Size(64, 2))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("anomaly")
    settings = Settings(task="anomaly")
    return learn(columns(), settings, Watcher(), out=folder / "table.run", plan=TABLE)


# --- a table ----------------------------------------------------------------------------------


def test_rows_that_break_a_rule_are_found(run: Run) -> None:
    assert run.status == "done"
    assert run.info["use"] == "anomaly"
    figures = run.summary["figures"]
    assert figures["AUROC"] > 0.9
    assert run.summary["metric"] == "AUC"
    assert figures["false alarms per 1,000"] <= 50
    tails = next(one for one in run.verdict["baselines"] if one["name"].startswith("tails"))
    # Each column by itself is as usual: only what they have to do with each other is not.
    assert run.verdict["network"]["score"] > tails["score"] + 0.2
    assert run.info["findings"] == ["found", "planted", "alarms", "where"]
    assert "never" not in run.finding("found")["sentence"]
    assert sum(run.rows.values()) == ROWS


def test_lines_for_machines_and_people(run: Run) -> None:
    answerer = load_answerer(run.path)
    usual = {"a": 0.1, "b": 0.2, "c": 0.2, "d": 0.2, "town": "Aa"}
    (line,) = answerer.predict(usual)
    assert set(line) == {"row", "answer", "score", "p_value"}
    assert line["answer"] == "normal"
    (strange,) = answerer.predict(usual | {"c": 8.0})
    assert strange["answer"] == "anomaly"
    assert strange["p_value"] < 0.02 < line["p_value"]
    assert strange["score"] > line["score"]
    assert "anomaly" in answerer.readable(strange)
    (typed,) = answerer.predict(["a=0.1", "b=0.2", "c=8", "d=0.2", "town=Aa"])
    assert typed["score"] == pytest.approx(strange["score"])
    (far,) = answerer.predict(usual | {"a": 1e6})
    assert far["answer"] == "anomaly"


def test_the_column_that_is_wrong_is_named_and_that_is_tested(run: Run) -> None:
    answerer = load_answerer(run.path)
    found = answerer.explain({"a": 0.1, "b": 0.2, "c": 3.0, "d": 0.2, "town": "Aa"})
    assert found.sentence.startswith("this example is")
    assert "'c' (3)" in found.sentence
    values = dict(zip(found.figures["pieces"], found.figures["values"], strict=True))
    assert max(values, key=values.__getitem__).startswith("'c'")
    assert found.figures["faithful"]
    assert found.charts[0].lines[0].y[0] == pytest.approx(found.figures["score"])


def test_what_is_saved_answers_alike(run: Run, tmp_path: Path) -> None:
    answerer = load_answerer(run.path)
    source = {name: values[:30] for name, values in columns(seed=5).items()}
    for model in ("network", "baseline"):
        before = answerer.predict(source, model)
        (tmp_path / model).mkdir()
        head = answerer.save(tmp_path / model)
        again = type(answerer).load(tmp_path / model, head).predict(source, model)
        assert again == before
    scores = [line["score"] for line in answerer.predict(source, "network")]
    assert scores != [line["score"] for line in answerer.predict(source, "baseline")]


def test_labels_teach_nothing_and_set_no_threshold(run: Run, tmp_path: Path) -> None:
    data = columns()
    data["label"] = np.random.default_rng(9).permutation(data["label"])
    other = learn(
        data, Settings(task="anomaly", record=False), Watcher(), out=tmp_path / "b.run", plan=TABLE
    )
    for name in ("network.safetensors", "arrays.safetensors"):
        first, second = (read_arrays(one.path / "model" / name) for one in (run, other))
        assert set(first) == set(second)
        assert all(np.array_equal(first[key], second[key]) for key in first)
    # The runs differ in recording too: it changes nothing.
    assert other.summary["figures"]["AUROC"] < 0.75


def test_without_labels_the_figures_say_what_they_are(tmp_path: Path) -> None:
    data = {name: values[:200] for name, values in columns(anomalies=0).items() if name != "label"}
    few = plan(20, "scalars", Size(64, 2))
    run = learn(data, Settings(task="anomaly"), Watcher(), out=tmp_path / "a.run", plan=few)
    assert run.summary["metric"] == "AUC on planted anomalies"
    assert "AUROC" not in run.summary["figures"]
    assert "can't be known" in " ".join(run.finding("planted")["notes"])
    assert any("can't be known" in note for note in run.info["notes"])
    assert "planted" in run.verdict["sentence"]


def found_in(data: dict[str, Any], **settings: Any) -> Found:
    return read_source(data, Settings(task="anomaly", **settings))


def test_labels_are_found_in_the_words_of_people() -> None:
    data = columns()
    marked = data.pop("label") == "anomaly"
    state = np.where(marked, "Störung", "normal").astype(object)
    found = found_in(data | {"Zustand": state})
    assert found.label == "Zustand"
    assert found.strange.tolist() == marked.tolist()
    assert "Zustand" not in found.table.columns
    # Whether something was switched on is no label, whatever the column is called.
    switched = np.where(marked, "1", "0").astype(object)
    assert found_in(data | {"status": switched}).label is None
    # Beside a word that is clearly normal, all others are strange, if somebody says so.
    kinds = np.where(marked, "Kratzer", "gut").astype(object)
    kinds[np.flatnonzero(marked)[0]] = "Delle"
    asked = found_in(data | {"Teil": kinds}, target="Teil")
    assert asked.strange.tolist() == marked.tolist()
    assert any("(delle, kratzer)" in note for note in asked.notes)
    unasked = found_in(data | {"Teil": kinds})
    assert unasked.label is None
    assert any("delle and gut and kratzer, and is learned from" in one and "--target Teil" in one
               for one in unasked.notes)  # fmt: skip


def test_a_date_is_said_as_a_date() -> None:
    column = Column("day", "date", "input", "a date")
    assert _said(column, np.datetime64("2025-01-31T00:00:00.000000")) == "2025-01-31"
    assert _said(column, np.datetime64("2025-01-31T14:05:00.000000")) == "2025-01-31 14:05:00"
    assert _said(column, np.datetime64("NaT")) == "missing"


# --- promises ---------------------------------------------------------------------------------


def test_p_values_by_hand() -> None:
    promise = Promise.of(np.arange(1.0, 20.0))  # 19 held rows
    found = promise.p_values(np.array([0.5, 19.0, 19.5, 10.0]))
    assert found.tolist() == [1.0, 2 / 20, 1 / 20, 11 / 20]
    assert promise.level == 0.05
    assert promise.per_thousand == 50
    assert promise.strange(np.array([19.5, 19.0])).tolist() == [True, False]
    assert Promise.of(np.arange(5.0)).level == pytest.approx(1 / 6)


@pytest.mark.parametrize("held", [30, 99, 250])
def test_false_alarms_are_as_rare_as_promised(held: int) -> None:
    rng = np.random.default_rng(held)
    shares = []
    for _ in range(300):
        promise = Promise.of(rng.gamma(2.0, size=held))
        shares.append(promise.strange(rng.gamma(2.0, size=200)).mean())
    assert 1000 * np.mean(shares) == pytest.approx(promise.per_thousand, rel=0.15)


def test_held_rows_that_stand_out_are_left_out_and_that_is_said() -> None:
    rng = np.random.default_rng(0)
    normal, strange = rng.gamma(3.0, size=400), 30 + 5 * rng.random(8)
    careful = Promise(np.sort(np.concatenate([normal, strange])))
    trimmed = Promise.of(np.concatenate([normal, strange]))
    assert trimmed.left_out == 8
    assert trimmed.held.max() == normal.max()
    new = np.array([25.0])
    assert not careful.strange(new)[0]
    assert trimmed.strange(new)[0]
    assert trimmed.per_thousand == pytest.approx(1000 * 4 / 401)
    assert trimmed.at_most == pytest.approx(1000 * 12 / 409)
    # A long tail alone is no reason; nor is a bulk without width; nor is a second kind of rows.
    assert not stands_out(rng.lognormal(0, 1, size=1_000)).any()
    assert not stands_out(np.repeat([0.0, 1.0, 50.0], [90, 5, 5])).any()
    for others, left_out in ((40, 40), (80, 0)):  # of 400: a tenth may be strange, not a fifth
        kinds = np.concatenate([normal[: 400 - others], 30 + 5 * rng.random(others)])
        assert Promise.of(kinds).left_out == left_out
    assert not stands_out(np.concatenate([normal, 100 + normal])).any()


@pytest.mark.parametrize("rows", [60, 240, 1_000])
def test_held_rows_of_clean_data_are_left_alone(rows: int) -> None:
    rng = np.random.default_rng(3)
    laws: list[Callable[[], np.ndarray]] = [
        lambda: rng.normal(size=rows),
        lambda: rng.gamma(2.0, size=rows),
        lambda: rng.lognormal(0, 1, size=rows),
        lambda: np.where(rng.random(rows) < 0.15, 3.0, 0.0) + rng.normal(size=rows),
        lambda: rng.poisson(1.5, size=rows) + 0.05 * rng.normal(size=rows),
        lambda: rng.integers(0, 3, size=rows).astype(np.float64),
    ]
    for draw in laws:
        assert np.mean([taken_for_strange(draw()).mean() for _ in range(20)]) < 0.01


@pytest.mark.parametrize("share", [0.05, 0.1, 0.11])
def test_many_strange_rows_do_not_hide_each_other(share: float) -> None:
    """Beyond all normal rows, but not far enough to stand out from a bulk that holds them, too."""
    rng, rows = np.random.default_rng(5), 300
    strange = round(share * rows)
    before, now, wrong = [], [], []
    for _ in range(20):
        scores = rng.normal(size=rows)
        scores[:strange] = rng.uniform(4.5, 6.5, strange)
        before.append(stands_out(scores)[:strange].mean())
        found = taken_for_strange(scores)
        now.append(found[:strange].mean())
        wrong.append(found[strange:].mean())
    assert np.mean(before) < 0.5
    assert np.mean(now) > 0.6
    assert np.mean(wrong) < 0.01


def test_a_fifth_of_the_rows_is_a_kind_of_its_own() -> None:
    """As strange as those above, but so many that leaving them out could break the promise."""
    rng = np.random.default_rng(5)
    for _ in range(20):
        scores = rng.normal(size=300)
        scores[:60] = rng.uniform(4.5, 6.5, 60)
        assert not taken_for_strange(scores).any()


@pytest.mark.parametrize("share", [0.0, 0.02, 0.05, 0.1])
@pytest.mark.parametrize("law", ["normal", "gamma", "lognormal"])
def test_strange_rows_among_the_held_ones_cost_neither_promise_nor_power(
    law: str, share: float
) -> None:
    rng = np.random.default_rng(7)
    draw: dict[str, Callable[[int], np.ndarray]] = {
        "normal": lambda count: rng.normal(size=count),
        "gamma": lambda count: rng.gamma(2.0, size=count),
        "lognormal": lambda count: rng.lognormal(0, 0.6, size=count),
    }
    usual = draw[law](100_000)
    far = np.quantile(usual, 0.9999) * 2.5
    alarms, found, promised = [], [], []
    for _ in range(60):
        many = round(share * 600)
        strange = far * rng.uniform(1, 3, many + 100)
        promise = Promise.of(np.concatenate([draw[law](600 - many), strange[:many]]))
        alarms.append(promise.strange(draw[law](1_000)).mean())
        found.append(promise.strange(strange[many:]).mean())
        promised.append(promise.per_thousand)
    assert np.mean(found) > 0.95
    assert 1000 * np.mean(alarms) == pytest.approx(np.mean(promised), rel=0.25)


@pytest.mark.parametrize("anomalies", [8, 20, 40])
def test_a_table_with_strange_rows_among_those_learned_from(anomalies: int, tmp_path: Path) -> None:
    """2, 5 and 10 % of the rows break a rule by far, and nobody says which."""
    data, new = broken(3, anomalies), broken(4, 100)
    del data["label"]
    strange = new.pop("label") == "anomaly"
    settings = Settings(task="anomaly", record=False)
    run = learn(data, settings, Watcher(), out=tmp_path / "c.run", plan=TABLE)
    lines = load_answerer(run.path).predict(new, "network")
    called = np.array([line["answer"] == "anomaly" for line in lines])
    alarms = run.finding("alarms")
    assert called[strange].mean() > 0.6
    assert 1000 * called[~strange].mean() < alarms["figures"]["promised"] + 20
    left_out = run.summary["figures"]["held rows left out"]
    assert ("stand out far" in " ".join(alarms["notes"])) == bool(left_out)


def broken(seed: int, anomalies: int) -> dict[str, Any]:
    """`columns` whose anomalies break the rule for c by 3 to 6."""
    data, rng = columns(seed, 0), np.random.default_rng(seed)
    strange = rng.permutation(ROWS)[:anomalies]
    data["c"][strange] += rng.choice([-1, 1], anomalies) * rng.uniform(3, 6, anomalies)
    data["label"][strange] = "anomaly"
    return data


# --- the goal ---------------------------------------------------------------------------------


def test_the_loss_is_a_normal_density() -> None:
    value, mean, spread = torch.randn(3, 50).unbind()
    truth = -torch.distributions.Normal(mean, spread.exp()).log_prob(value)
    found = improbable(value, mean, spread) + 0.5 * np.log(2 * np.pi)
    inside = (spread > -3) & (spread < 2)
    assert torch.allclose(found[inside], truth[inside], atol=1e-4)


def test_only_hidden_cells_count() -> None:
    cells = Cells(((0, 1), (1, 3)), ((0, 4),))
    task = HiddenCells(cells)
    output = torch.randn(2, task.outputs)
    output[:, -3:] = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    target = torch.tensor([[0.3, -1.0, 1.0, 2.0], [0.1, 0.5, 0.0, 3.0]])
    each = task.surprise(output, target)
    category = torch.nn.functional.cross_entropy(
        output[:, 6:10], torch.tensor([2, 3]), reduction="none"
    )
    assert torch.allclose(each[:, 2], category)
    loss = task.loss(output, target)
    assert float(loss[0]) == pytest.approx(float((each[0, 0] + each[0, 2]) / 2), abs=1e-5)
    assert float(loss[1]) == pytest.approx(float(each[1, 1]), abs=1e-5)


def test_rows_that_stand_out_are_not_learned_from() -> None:
    losses = torch.cat([torch.rand(95), torch.full((5,), 50.0)]).requires_grad_()
    kept = without_strangers(losses)
    assert kept.mean().item() == pytest.approx(losses[:95].mean().item(), rel=1e-5)
    (gradient,) = torch.autograd.grad(kept.sum(), losses)
    assert (gradient[95:] == 0).all()
    assert (gradient[:95] > 0).all()
    alike = torch.rand(100)
    assert torch.equal(without_strangers(alike), alike)
    # Too few to leave one out: it counts like its logarithm, so that it can't move the batch.
    few = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 90.0], requires_grad=True)
    bent = without_strangers(few)
    assert torch.equal(bent[:7], few[:7])
    middle, spread = 0.4, 1.4826 * 0.2
    usual = middle + 3 * spread
    by_hand = usual + spread * math.log1p((90 - usual) / spread)
    assert bent[7].item() == pytest.approx(by_hand, rel=1e-5)
    (gradient,) = torch.autograd.grad(bent.sum(), few)
    assert gradient[7].item() == pytest.approx(1 / (1 + (90 - usual) / spread), rel=1e-4)


def test_masks_hide_everything_once() -> None:
    for positions, sides in (((9, 7), (2, 2)), ((8, 8), (1, 1)), ((31,), (3,))):
        masks = [every_fourth(positions, sides, number, torch.device("cpu")) for number in range(4)]
        assert (torch.stack(masks).sum(0) == 1).all()
    for count in (1, 2, 5, 40):
        assert column_turns(count).any(0).all()
        assert count == 1 or not column_turns(count).all(1).any()


def test_vary_hides_something_everywhere_and_leaves_the_rest() -> None:
    torch.manual_seed(0)
    cells = HiddenCells(Cells(((0, 1),) * 1, ()))
    inputs, target = cells.vary({"scalars": torch.randn(5, 1)}, torch.randn(5, 1))
    assert inputs["hidden"].all()
    patches = HiddenPatches((12, 10), (0.0,), (1.0,))
    picture = torch.randn(6, 12, 10, 1)
    inputs, target = patches.vary({"x": picture}, picture)
    assert inputs["hidden"].shape == (6, 12, 10)
    assert inputs["hidden"].flatten(1).any(1).all()
    assert target is picture


# --- networks ---------------------------------------------------------------------------------


def test_a_hidden_cell_can_not_be_seen() -> None:
    cells = Cells(((0, 1), (1, 3)), ((0, 3), (3, 5)))
    network = RowAutoencoder(cells, Size(16, 2))
    network.prepare({"scalars": torch.randn(200, 3)})
    scalars = torch.randn(4, 3, requires_grad=True)
    inputs = {"scalars": scalars, "categories": torch.tensor([[0, 3]] * 4, dtype=torch.int32)}
    hidden = torch.tensor([[False, True, True, False]] * 4)
    output = network(inputs | {"hidden": hidden})
    assert output.shape == (4, HiddenCells(cells).outputs)
    (gradient,) = torch.autograd.grad(output.sum(), scalars)
    assert (gradient[:, 0] != 0).all()
    assert (gradient[:, 1:] == 0).all()
    changed = inputs | {"categories": torch.tensor([[2, 3]] * 4, dtype=torch.int32)}
    assert torch.equal(network(changed | {"hidden": hidden}), output)
    seen = inputs | {"categories": torch.tensor([[0, 4]] * 4, dtype=torch.int32)}
    assert not torch.equal(network(seen | {"hidden": hidden}), output)
    assert network(inputs)[:, -4:].sum() > 0  # without a mask some are hidden


@pytest.mark.parametrize("positions", [(9, 13), (1, 1), (37,), (8, 8)])
def test_a_hidden_patch_can_not_be_seen(positions: tuple[int, ...]) -> None:
    network = FieldAutoencoder("x", positions, (0.5, 0.5), (2.0, 2.0), Size(8, 1))
    x = torch.randn(2, *positions, 2)
    if len(positions) == 1:
        x[:, -5:] = torch.nan
    x.requires_grad_()
    hidden = torch.zeros(2, *positions, dtype=torch.bool)
    hidden[:, :1] = True
    output = network({"x": x, "hidden": hidden})
    assert output.shape == (2, *positions, 5)
    assert torch.isfinite(output).all()
    (gradient,) = torch.autograd.grad(output[..., :-1].sum(), x)
    assert (gradient[:, :1] == 0).all()
    if hidden.numel() > 2:
        assert (gradient[:, 1:] != 0).any()
    assert network.features({"x": x}).shape[0] == 2
    parameters = network.describe()["parameters"]
    assert parameters == sum(one.numel() for one in network.parameters())


# --- classical methods ------------------------------------------------------------------------


def test_detectors_agree_with_those_of_scikit_learn() -> None:
    from sklearn.ensemble import IsolationForest
    from sklearn.neighbors import NearestNeighbors

    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 4)) @ rng.normal(size=(4, 4))
    new = np.concatenate([rng.normal(size=(50, 4)), 6 * rng.normal(size=(50, 4))])
    near = Neighbors.fit(x, rng)
    count = int(near.arrays["count"][0])
    distance, _ = NearestNeighbors(n_neighbors=count).fit(x).kneighbors(new)
    assert np.allclose(near.score(new), distance.mean(1), rtol=1e-3)
    forest = Forest.fit(x, rng).score(new)
    theirs = -IsolationForest(n_estimators=100, random_state=0).fit(x).score_samples(new)
    assert np.corrcoef(forest, theirs)[0, 1] > 0.95
    assert np.abs(forest - theirs).max() < 0.08
    flat = np.column_stack([x[:, :2], x[:, :2].sum(1)])
    parts = Components.fit(flat, rng)
    off = flat + np.array([1.0, 1.0, -1.0])
    assert parts.score(flat).max() < 1e-6 * parts.score(off).min() + 1e-9
    tails = Tails.fit(x, rng)
    assert tails.score(x.max(0, keepdims=True)).item() == pytest.approx(4 * np.log(401), rel=0.02)


def test_methods_are_kept_without_pickle() -> None:
    data = columns()
    inputs = [Column(name, "number", "input", "") for name in "abcd"]
    inputs.append(Column("town", "category", "input", ""))
    loaded = {column.name: Loaded(data[column.name]) for column in inputs}
    for one in fit_strangeness(inputs, loaded, 5.0):
        again = type(one).restore(*one.state())
        assert np.array_equal(again.score(loaded), one.score(loaded))
        assert one.bytes > 0
        missing = {name: values.take(np.arange(2)) for name, values in loaded.items()}
        missing["a"] = Loaded(np.array([np.nan, 0.0]))
        assert np.isfinite(one.score(missing)).all()


def test_planting_changes_copies_only() -> None:
    data = columns()
    inputs = [Column(name, "number", "input", "") for name in "abcd"]
    loaded = {name: Loaded(data[name].copy()) for name in "abcd"}
    planted = plant(inputs, loaded, 0)
    assert set(planted.kinds) == {"swapped cells", "a value far out"}
    assert all(np.array_equal(loaded[name].values, data[name]) for name in "abcd")
    changed = np.stack([planted.loaded[name].values != data[name] for name in "abcd"], 1)
    assert (changed[planted.kinds == "a value far out"].sum(1) == 1).all()
    picture = np.random.default_rng(0).integers(0, 255, (20, 16, 12, 3)).astype(np.uint8)
    found = plant([Column("x", "image", "input", "")], {"x": Loaded(picture)}, 0)
    apart = (found.loaded["x"].values != picture).any(3).reshape(20, -1).mean(1)
    assert ((apart > 0) & (apart < 0.4)).all()


# --- folders ----------------------------------------------------------------------------------


@pytest.fixture
def pictures(tmp_path: Path) -> Make:
    image = pytest.importorskip("PIL.Image")

    def make(name: str, folders: dict[str, int], spot: tuple[str, ...] = ()) -> Path:
        """Stripes; in folders called like one of `spot` with a bright square."""
        rng = np.random.default_rng(0)
        for place, count in folders.items():
            (tmp_path / name / place).mkdir(parents=True)
            for number in range(count):
                wave = np.sin((np.arange(16) + rng.integers(6)) * np.pi / 3)[None] * 60 + 120
                pixels = np.repeat(wave, 16, 0) + rng.normal(0, 5, (16, 16))
                if place.rpartition("/")[2] in spot:
                    pixels[8:11, 8:11] = 230
                pixels = np.clip(pixels, 0, 255).astype(np.uint8)
                image.fromarray(pixels).save(tmp_path / name / place / f"{number:03}.png")
        return tmp_path / name

    return make


def test_the_layout_of_defect_pictures_is_learned_by_itself(pictures: Make, tmp_path: Path) -> None:
    source = pictures(
        "parts",
        {"train/good": 60, "test/good": 20, "test/spot": 15, "ground_truth/spot": 15},
        ("spot",),
    )
    steps = plan(80, "file", Size(16, 1), batch=16)
    run = learn(source, Settings(), Watcher(), out=tmp_path / "parts.run", plan=steps)
    assert run.info["task"]["kind"] == "anomaly"
    assert run.rows["set_aside"] == 0
    assert sum(run.rows.values()) == 95  # masks are no examples
    assert any("15 files in 'ground_truth'" in note for note in run.info["notes"])
    assert run.summary["figures"]["AUROC"] > 0.9
    kinds = run.finding("found")["tables"][1]["rows"]
    assert [row[:2] for row in kinds] == [["spot", 15]]
    answerer = load_answerer(run.path)
    lines = answerer.predict(source / "test" / "spot")
    assert sum(line["answer"] == "anomaly" for line in lines) > 8
    found = answerer.explain(str(source / "test" / "spot" / "003.png"))
    places = np.array(found.figures["places"])
    top, left, bottom, right = places[np.argmax(found.figures["values"])]
    assert max(top, left) < 12  # it touches the square
    assert min(bottom, right) > 7
    assert list(found.pictures[0].drawings) == ["example", "as expected", "where"]


@pytest.mark.parametrize(
    ("folders", "taken"),
    [
        ({"train/good": 3, "test/good": 2, "test/hole": 2}, True),
        ({"good": 4}, True),
        ({"train/normal": 3, "test/normal": 2}, True),
        ({"normal": 3, "pneumonia": 3}, False),
        ({"train/normal": 3, "train/pneumonia": 3, "test/normal": 2}, False),
        ({"cat": 3, "dog": 3}, False),
        ({"cat": 3}, False),
    ],
)
def test_what_is_taken_by_itself(pictures: Make, folders: dict[str, int], taken: bool) -> None:
    found = asked(Source(pictures("data", folders), Settings()))
    assert (found is not None and found[0] == "anomaly") == taken


def test_a_table_is_never_taken_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b,is_anomaly\n" + "".join(f"{n},{n % 7},{n % 2}\n" for n in range(50)))
    assert asked(Source(path, Settings())) is None
    assert asked(Source(path, Settings(task="anomaly"))) == ("anomaly", "asked for with --task")


# --- bad input --------------------------------------------------------------------------------


def refused(source: Any, **settings: Any) -> str:
    with pytest.raises((ConfigError, DataError)) as caught:
        learn(source, Settings(task="anomaly", **settings), Watcher(), out="never.run")
    error = caught.value
    assert error.where
    assert error.fix
    assert not Path("never.run").exists()
    return error.what


def test_what_can_not_be_learned_from_is_said(pictures: Make, tmp_path: Path) -> None:
    data = columns()
    few = {name: values[:6] for name, values in data.items()}
    assert "only 6 of 6 examples can be used" in refused(few)
    assert "does not say normal or anomaly" in refused(data, target="town")
    same = {"a": [1] * 60, "b": ["x"] * 60}
    with pytest.raises(DataError, match="no column is left to learn from") as caught:
        learn(same, Settings(task="anomaly"), Watcher(), out="never.run")
    assert caught.value.fix.startswith("add columns that differ from row to row")
    clean = data | {"label": ["normal"] * len(data["label"])}
    assert "'label' marks no anomaly: it says normal only" in refused(clean, target="label")
    assert "there is no column 'labell'" in refused(data, target="labell")
    unclear = data | {"label": list("abc" * 133 + "a")}
    assert "does not say normal or anomaly; it says: a, b, c" in refused(unclear, target="label")
    classes = pictures("classes", {"cat": 6, "dog": 6})
    assert "none of the folders is named for what is normal: cat, dog" in refused(classes)


def test_a_broken_picture_is_an_error_of_its_row(pictures: Make, tmp_path: Path) -> None:
    source = pictures("flat", {"good": 40})
    few = plan(4, "file", Size(16, 1), batch=8)
    run = learn(
        source / "good", Settings(task="anomaly"), Watcher(), out=tmp_path / "f.run", plan=few
    )
    bad = tmp_path / "new"
    bad.mkdir()
    (bad / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (bad / "b.png").write_bytes((source / "good" / "000.png").read_bytes())
    answerer = load_answerer(run.path)
    first, second = answerer.predict(bad)
    assert "error" in first
    assert second["answer"] in ("normal", "anomaly")
    # Of a folder each line names its file; so does each of several that were typed.
    assert [first["source"], second["source"]] == ["new/a.png", "new/b.png"]
    assert answerer.readable(second).startswith("     1  new/b.png  ")
    typed = answerer.predict([str(bad / "b.png"), str(source / "good")])
    assert [line["source"] for line in typed[:2]] == [str(bad / "b.png"), "good/000.png"]
    assert "source" not in answerer.predict(str(bad / "b.png"))[0]


def test_who_explains_can_not_be_chosen_and_that_is_said(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", str(run.path), "a=1", "--model", "baseline"]) == 2
    assert "leave out --model" in capsys.readouterr().err


def test_parts_of_a_study_may_stand_behind_an_option(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["study", str(run.path), "--time", "1s", "cost", "--json"]) == 0
    assert [json.loads(line)["part"] for line in capsys.readouterr().out.splitlines()] == ["cost"]
    assert main(["study", str(run.path), "--time", "1s", "cots"]) == 2
    assert "did you mean 'cost'?" in capsys.readouterr().err
    assert main(["study", str(run.path), "--tme", "1s"]) == 2
    assert "did you mean '--time'?" in capsys.readouterr().err
