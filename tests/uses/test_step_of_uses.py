"""The receipt of a training step and the studies of a run, for every use there is."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toy import ToyCourse

from pellucid import uses
from pellucid.config import Plan, Settings
from pellucid.errors import ConfigError
from pellucid.evidence.overfitting.onset import find_onset
from pellucid.evidence.receipt import receipt, what_if
from pellucid.examples import faces
from pellucid.interfaces.step import lines_of
from pellucid.learning import planner
from pellucid.learning.learner import Learner
from pellucid.learning.loop import train
from pellucid.learning.planner import build
from pellucid.learning.recipes import Recipe
from pellucid.recipe.watcher import Watcher
from pellucid.recording.run import Run
from pellucid.recording.steps import STEP
from pellucid.uses.job import ingredients
from pellucid.uses.next_step import next_step
from pellucid.uses.study import noted, study
from pellucid.uses.use import COURSES, Course, Source

BATCH, MADE = 8, 2


# --- tiny sources -----------------------------------------------------------------------------


def sales(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    week = [10, 12, 11, 14, 20, 25, 5]
    rows = [
        f"{np.datetime64('2024-01-01') + day},{week[day % 7] + rng.normal():.2f}"
        for day in range(160)
    ]
    return written(folder / "sales.csv", ["day,sales", *rows])


def ratings(folder: Path, *, rated: bool = True) -> Path:
    rng = np.random.default_rng(0)
    header = "user_id,item_id,rating,timestamp" if rated else "user_id,item_id,timestamp"
    rows = []
    for user in range(24):
        for step in range(12):
            item, moment = (3 * user + 2 * step) % 20, 10 * step + user % 7
            stars = f"{int(rng.integers(1, 6))}," if rated else ""
            rows.append(f"u{user},i{item},{stars}{moment}")
    return written(folder / "log.csv", [header, *rows])


def clicks(folder: Path) -> Path:
    return ratings(folder, rated=False)


def tale(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    words = [
        "the",
        "red",
        "blue",
        "cat",
        "dog",
        "bird",
        "sleeps",
        "eats",
        "sings",
        "here",
        "and",
        "there",
        "because",
    ]
    parts = [" ".join(rng.choice(words, 60)) + "." for _ in range(24)]
    return written(folder / "tale.txt", ["\n\n".join(parts)])


def sentences(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    ours = {"red": "rot", "blue": "blau", "cat": "Katze", "dog": "Hund", "sees": "sieht"}
    rows = [rng.choice(list(ours), 4) for _ in range(160)]
    lines = [f"{' '.join(row)}\t{' '.join(ours[word] for word in row)}" for row in rows]
    return written(folder / "pairs.tsv", ["en\tde", *lines])


def scenes(folder: Path) -> Path:
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    (folder / "pictures").mkdir(parents=True)
    lines: list[list[Any]] = [["image", "xmin", "ymin", "xmax", "ymax", "label", "split"]]
    for number in range(24):
        pixels = rng.integers(0, 40, (32, 32, 3), dtype=np.uint8)
        left, top = (int(edge) for edge in rng.integers(0, 20, 2))
        pixels[top : top + 10, left : left + 10] = 220
        name = f"pictures/{number:02}.png"
        image.fromarray(pixels).save(folder / name)
        part = ("test", "valid", "train", "train")[number % 4]
        lines.append([name, left, top, left + 10, top + 10, "square", part])
    with (folder / "boxes.csv").open("w", newline="") as file:
        csv.writer(file).writerows(lines)
    return folder / "boxes.csv"


def people(folder: Path) -> Path:
    pytest.importorskip("PIL.Image")
    return faces.write(folder, 16, 4)


def numbers(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    rows = [
        f"{x:.3f},{2 * x + 0.1 * y:.3f},{'ab'[int(x > 0)]}" for x, y in rng.normal(size=(160, 2))
    ]
    return written(folder / "rows.csv", ["a,b,c", *rows])


def pictures(folder: Path) -> Path:
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    (folder / "good").mkdir(parents=True)
    for number in range(40):
        pixels = rng.integers(0, 60, (16, 16), dtype=np.uint8)
        pixels[4:12, 4:12] = 200
        image.fromarray(pixels).save(folder / "good" / f"{number:02}.png")
    return folder


def written(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


SOURCES: dict[str, tuple[str, Callable[[Path], Path], dict[str, Any]]] = {
    "forecast": ("forecast", sales, {"horizon": 5}),
    "ratings": ("recommend", ratings, {}),
    "clicks": ("recommend", clicks, {}),
    "generate": ("generate", tale, {}),
    "translate": ("translate", sentences, {}),
    "detect": ("detect", scenes, {}),
    "verify": ("verify", people, {}),
    "anomaly, a table": ("anomaly", numbers, {}),
    "anomaly, pictures": ("anomaly", pictures, {}),
    "map": ("map", numbers, {}),
}


PIECE = r"<\w+>| ?[\w.⏎]+"
WORDS = {
    "forecast": {"series": "sales"},
    "clicks": {"history": r"i\d+"},
    "generate": {"text": PIECE},
    "translate": {"source": PIECE, "answer so far": PIECE},
}
"""What numbers of words, items and names stand for, by input."""


def test_every_use_is_here() -> None:
    assert {kind for kind, _, _ in SOURCES.values()} == set(COURSES) - {"toy"}


# --- a step -----------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def plan_of(recipe: Recipe, group: str, batch: int) -> Plan:
    """The smallest network of the recipe; nothing is measured."""
    return Plan(
        steps=20,
        batch=batch,
        evaluate_every=20,
        optimizer=recipe.optimizer,
        rate=recipe.rate,
        weight_decay=recipe.weight_decay,
        clip=recipe.clip,
        label_smoothing=recipe.smoothing,
        network={group: recipe.family},
        sizes={group: recipe.sizes[0]},
    )


def about_to_step(course: Course) -> tuple[Learner, Any]:
    """A learner of this use after two steps, and what it learns from."""
    data = ingredients(course)
    plan = plan_of(course.recipe(), next(iter(data.dataset.entries)), min(BATCH, len(data.rows)))
    learner = Learner(build(plan, data), plan)
    for step in train(learner, data.dataset, data.task, data.rows, data.valid[:0]):
        if step.number == MADE:
            break
    return learner, data


@pytest.mark.parametrize("name", SOURCES)
def test_every_number_of_a_step_agrees(name: str, tmp_path: Path) -> None:
    kind, source, more = SOURCES[name]
    settings = Settings(task=kind, **more)
    course = COURSES[kind](Source(source(tmp_path), settings), settings, Watcher())
    learner, data = about_to_step(course)
    before = {key: value.clone() for key, value in learner.model.state_dict().items()}

    found = receipt(learner, data.dataset, data.task, data.rows, seconds=0.3, words=course.word)

    failed = [(check.what, check.gap) for check in found.checks if not check.passed]
    assert not failed, failed
    assert found.step == MADE
    assert found.task == data.task.kind
    assert found.values
    assert found.answers
    assert found.loss.lines[-1].value == pytest.approx(found.loss.example, rel=1e-4)
    assert len(found.loss.examples) % len(found.rows) == 0
    assert found.again.batch != found.loss.batch
    assert all(torch.equal(before[key], now) for key, now in learner.model.state_dict().items())
    assert json.loads(json.dumps(found.as_json()))["checked"]
    page = lines_of(found, name)
    assert [line[0] for line in page if line[:1] in tuple("①②③④⑤⑥⑦⑧")] == list("①②③④⑤⑥⑦⑧")
    assert max(map(len, page)) <= 100
    said = {one.group: one.words for one in found.inputs if one.words}
    assert set(said) == set(WORDS.get(name, {}))
    for group, form in WORDS.get(name, {}).items():
        assert all(re.fullmatch(form, word) for word in said[group]), said[group]
    if name in ("clicks", "generate", "translate"):
        form = f"place \\d+, (token|item) \\d+ '({next(iter(WORDS[name].values()))})'"
        assert all(re.fullmatch(form, one.name) for one in found.answers), found.answers
    if name == "detect":
        form = r"place \d+, number \d+ '((left|top|right|lower) edge|\w+)'"
        assert all(re.fullmatch(form, one.name) for one in found.answers), found.answers
    if name == "verify":
        form = r"number \d+( 'like .+')?"
        assert all(re.fullmatch(form, one.name) for one in found.answers), found.answers
        assert any("like" in one.name for one in found.answers)
    if name == "forecast":
        assert re.fullmatch(r"member \d, step \d+, \d0% quantile", found.answers[0].name)


def test_a_weight_that_no_layer_owns_is_followed_too(tmp_path: Path) -> None:
    settings = Settings(task="verify")
    course = COURSES["verify"](Source(people(tmp_path), settings), settings, Watcher())
    learner, data = about_to_step(course)
    found = receipt(learner, data.dataset, data.task, data.rows, zoom="proxies", seconds=0.1)
    assert found.checked
    assert found.one.path.startswith("proxies[")
    assert found.one.output is None
    assert found.one.elsewhere == pytest.approx(found.one.gradient)
    assert "where else" not in "\n".join(lines_of(found, "faces"))


def test_what_if_is_about_the_same_changed_batch(tmp_path: Path) -> None:
    settings = Settings(task="map")
    course = COURSES["map"](Source(numbers(tmp_path), settings), settings, Watcher())
    learner, data = about_to_step(course)
    step = receipt(learner, data.dataset, data.task, data.rows, seconds=0.1)
    found = what_if(learner, data.dataset, data.task, data.rows, "rate x10")
    assert found.plain.before == pytest.approx(step.loss.batch, rel=1e-5)
    assert found.plain.after == pytest.approx(step.again.batch, rel=1e-5)
    assert found.rates[1] == pytest.approx(10 * found.rates[0])


# --- a run ------------------------------------------------------------------------------------


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Run, np.ndarray]:
    monkeypatch.setitem(COURSES, "toy", ToyCourse)
    points = np.random.default_rng(0).normal(size=(240, 2))
    return uses.learn(points, Settings(time=1), Watcher(), out=tmp_path / "t.run"), points


def test_a_step_of_a_run(toy: tuple[Run, np.ndarray]) -> None:
    run, points = toy
    first = next_step(run.path, at=0, source=points)
    assert first.checked
    assert first.memory.kind == "fresh"
    assert first.loss.batch == pytest.approx(float(run.steps["loss"][0]), rel=1e-6)
    assert first.place.startswith("point ")
    assert set(first.drawings) == {"x"}
    later = next_step(run.path, source=points)
    assert later.checked
    assert later.memory.kind == "replayed"
    assert later.checks[-1].what == "loss, gradient and rate: the run's own record"
    last = next_step(run.path, at="final", source=points)
    assert last.checked
    assert "one more step" in last.notes[0]


def test_a_step_late_in_learning_is_checked_in_16_bits_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small loss is the square of a small difference: rounding changes much of it."""
    monkeypatch.setattr(planner, "WORTH_ROUNDING", 0)
    monkeypatch.setattr(planner, "fastest", lambda all: max(all, key=lambda way: way[0] == "bf16"))
    monkeypatch.setitem(COURSES, "toy", ToyCourse)
    points = np.random.default_rng(0).normal(size=(240, 2))
    run = uses.learn(points, Settings(time=1), Watcher(), out=tmp_path / "t.run")
    assert run.plan.precision == "bf16"
    made = len(run.steps)
    for at in (made // 2, made - 20, made - 1):
        found = next_step(run.path, at=at, source=points)
        assert [one for one in found.checks if not one.passed] == []


def test_what_can_not_be_stepped_is_refused(toy: tuple[Run, np.ndarray]) -> None:
    run, points = toy
    with pytest.raises(ConfigError, match="data in memory"):
        next_step(run.path)
    with pytest.raises(ConfigError, match="no step follows"):
        next_step(run.path, at=10**9, source=points)


# --- studies ----------------------------------------------------------------------------------


def test_studies_that_every_run_can_have(toy: tuple[Run, np.ndarray]) -> None:
    run, _ = toy
    heart, spent = study(run.path)
    assert (heart.part, spent.part) == ("overfitting", "cost")
    assert heart.charts[0].lines[1].name == "validation"
    assert f"{spent.figures['learning']['model_bytes'] / 2**20:.3g} MB" in spent.sentence
    assert {"overfitting", "cost"} <= set(Run(run.path).findings())
    assert next(study(run.path, ["cost"])) == spent  # kept, not made again


def test_studies_of_rows_are_refused_with_what_there_is(toy: tuple[Run, np.ndarray]) -> None:
    run, _ = toy
    with pytest.raises(ConfigError, match="'labels' is a study of rows") as error:
        list(study(run.path, ["labels"]))
    assert "distance from the middle" in error.value.what
    assert "overfitting, cost" in error.value.fix
    assert "pellucid step" in error.value.fix
    with pytest.raises(ConfigError, match="nothing to study called 'costs'") as error:
        list(study(run.path, ["costs"]))
    assert "'cost'" in error.value.fix


def test_the_moment_is_found_in_noted_losses() -> None:
    steps = np.zeros(400, STEP)
    steps["step"], steps["epoch"] = np.arange(1, 401), np.arange(1, 401) / 40
    steps["loss"] = np.exp(-steps["step"].astype(np.float64) / 100)
    steps["valid_loss"] = np.nan
    steps["valid_loss"][19::20] = [1 - 0.08 * min(n, 9) + 0.05 * max(0, n - 9) for n in range(20)]
    course = noted(steps)
    assert course is not None
    onset = find_onset(course)
    assert onset.kind == "worse"
    assert onset.step == 200
    assert noted(steps[:60]) is None
