"""Anomalies in tables that have texts, pictures and series beside plain columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.config import Plan, Settings, Size
from pellucid.data.columns import Column, Loaded
from pellucid.data.modalities import MODALITIES
from pellucid.recipe import Watcher
from pellucid.recording.run import Run
from pellucid.uses import learn
from pellucid.uses.anomaly.described import OF, Described, pieces_of
from pellucid.uses.anomaly.planted import plant
from pellucid.uses.answerers import load_answerer

ROWS = 300
STEPS = Plan(
    steps=150,
    batch=64,
    evaluate_every=75,
    rate=2e-3,
    average=0.1,
    network={"scalars": "autoencoder"},
    sizes={"scalars": Size(48, 2)},
)
SAID = {
    "off": ["machine is off", "switched off for the night", "no production today it is off"],
    "slow": ["runs slowly on half load", "half load on a slow belt", "slow run and all fine"],
    "fast": ["full load on a fast belt", "fast run without trouble", "everything at full speed"],
}
"""What an operator writes beside a speed of 0, 50 and 100."""


def _signed(rng: np.random.Generator) -> str:
    """Who wrote it, and when: never the same twice."""
    name = ("ada", "bo", "cem", "dee", "eli")[rng.integers(5)]
    return f"seen by {name} at {rng.integers(24):02d}:{rng.integers(60):02d}"


def machines(seed: int = 0, anomalies: int = 0) -> dict[str, Any]:
    """Speed, heat and a remark that go together; in anomalies the remark is of another state."""
    rng = np.random.default_rng(seed)
    state = rng.integers(3, size=ROWS)
    speed = 50.0 * state + rng.normal(0, 2, ROWS)
    heat = 20 + 0.5 * speed + rng.normal(0, 1, ROWS)
    strange = np.arange(ROWS) < anomalies
    told = np.where(strange, (state + 1 + rng.integers(2, size=ROWS)) % 3, state)
    words = list(SAID.values())
    remark = np.array(
        [f"{words[one][rng.integers(3)]} {_signed(rng)}" for one in told], dtype=object
    )
    return {"speed": speed, "heat": heat, "remark": remark}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("mixed") / "machines.run"
    return learn(machines(), Settings(task="anomaly"), Watcher(), out=out, plan=STEPS)


def test_a_remark_that_does_not_fit_is_found(run: Run) -> None:
    assert [one["name"] for one in run.info["columns"]] == ["speed", "heat", "remark"]
    assert any("'remark' (text): seen as a few numbers" in note for note in run.info["notes"])
    answerer = load_answerer(run.path)
    lines = answerer.predict(machines(1, 60), "network")
    scores = np.array([line["score"] for line in lines])
    above = scores[:60, None] > scores[None, 60:]
    assert above.mean() > 0.85
    usual = {"speed": 101.0, "heat": 70.0, "remark": "full load on a fast belt seen by bo at 10:30"}
    (good,) = answerer.predict(usual)
    (other,) = answerer.predict(usual | {"remark": "machine is off seen by bo at 10:30"})
    (new,) = answerer.predict(usual | {"remark": "smoke and a burning smell near pump seven"})
    assert good["p_value"] > max(other["p_value"], new["p_value"])


def test_the_remark_is_named_as_what_is_strange(run: Run) -> None:
    strange = {"speed": 101.0, "heat": 70.0, "remark": "machine is off seen by bo at 10:30"}
    answerer = load_answerer(run.path)
    answerer.kept = "network"
    found = answerer.explain(strange)
    assert len(found.figures["pieces"]) == 3
    values = dict(zip(found.figures["pieces"], found.figures["values"], strict=True))
    assert max(values, key=values.__getitem__) == "'remark' (machine is off seen by bo at 10:30)"


def test_what_is_saved_answers_alike(run: Run, tmp_path: Path) -> None:
    answerer = load_answerer(run.path)
    source = machines(5, 20)
    for model in ("network", "baseline"):
        (tmp_path / model).mkdir()
        head = answerer.save(tmp_path / model)
        again = type(answerer).load(tmp_path / model, head)
        assert again.predict(source, model) == answerer.predict(source, model)
        assert again.promise.left_out == answerer.promise.left_out


def test_a_text_becomes_numbers_that_tell_it_from_others() -> None:
    data = machines()
    column = Column("remark", "text", "input", "")
    one = Described.fit(column, Loaded(data["remark"]))
    found = one.of(Loaded(np.array([data["remark"][0], None, "zzz qqq"], dtype=object)))
    assert list(found) == one.names
    known, missing, new = found["remark: new words"].values
    assert known < 0.5
    assert (missing, new) == (0.0, 1.0)
    again = Described.restore(one.state().json, one.state().arrays, one.state().texts)
    same = again.of(Loaded(data["remark"]))
    assert all(
        np.array_equal(v.values, same[n].values) for n, v in one.of(Loaded(data["remark"])).items()
    )
    names = [Column(name, "number", "input", "", {OF: "remark"}) for name in found]
    plain = Column("speed", "number", "input", "")
    assert pieces_of([plain, *names]) == {"speed": [0], "remark": list(range(1, 1 + len(names)))}
    assert len(pieces_of(names)) == len(names)  # a text alone falls into its numbers


def test_a_list_of_words_is_read_as_a_text() -> None:
    values = np.empty(3, dtype=object)
    values[:] = [["red", "round"], ["red", "long"], None]
    texts = np.array(["red, round", "red, long", None], dtype=object)
    words = Described.fit(Column("x", "words", "input", ""), Loaded(values)).of(Loaded(values))
    text = Described.fit(Column("x", "text", "input", ""), Loaded(texts)).of(Loaded(texts))
    assert all(np.array_equal(words[name].values, one.values) for name, one in text.items())


def test_planting_moves_a_piece_as_a_whole() -> None:
    rng = np.random.default_rng(0)
    columns = [
        Column("a", "number", "input", ""),
        *(Column(f"t{n}", "number", "input", "", {OF: "t"}) for n in range(3)),
    ]
    loaded = {one.name: Loaded(rng.normal(size=200)) for one in columns}
    planted = plant(columns, loaded, 0)
    changed = np.stack([planted.loaded[n].values != loaded[n].values for n in ("t0", "t1", "t2")])
    assert (changed.all(0) == changed.any(0)).all()
    assert not changed[:, planted.kinds == "a value far out"].any()


def test_pictures_beside_numbers_are_used(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    lines = ["photo,weight"]
    for number in range(80):
        pixels = rng.integers(0, 40, (12, 12), dtype=np.uint8)
        size = int(rng.integers(2, 10))
        pixels[:, :size] += 200
        image.fromarray(pixels).save(tmp_path / f"{number:02}.png")
        lines.append(f"{number:02}.png,{10 * size + rng.normal():.2f}")
    source = tmp_path / "parts.csv"
    source.write_text("\n".join(lines) + "\n")
    settings = Settings(task="anomaly", record=False)
    run = learn(source, settings, Watcher(), out=tmp_path / "parts.run", plan=STEPS)
    assert any("'photo' (image)" in note for note in run.info["notes"])
    assert MODALITIES["image"].name in {one["modality"] for one in run.info["columns"]}
    answerer = load_answerer(run.path)
    usual = answerer.predict(source, "network")
    text = source.read_text().splitlines()
    wrong = tmp_path / "wrong.csv"
    swapped = [f"{line.split(',')[0]},{120 - float(line.split(',')[1]):.2f}" for line in text[1:]]
    wrong.write_text("\n".join([text[0], *swapped]) + "\n")
    strange = answerer.predict(wrong, "network")
    scores = [np.array([line["score"] for line in lines]) for lines in (usual, strange)]
    assert (scores[1][:, None] > scores[0][None]).mean() > 0.75
