"""`pellucid step`: one step of a real run, as a page, as JSON and in Python; the run stays."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid
from pellucid.errors import ConfigError
from pellucid.interfaces import cli
from pellucid.interfaces.trained import Trained

Say = Callable[..., str]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A run of a small table with numbers and words."""
    folder = tmp_path_factory.mktemp("step")
    rng = np.random.default_rng(0)
    lines = ["length,color,kind"]
    for _ in range(150):
        length, color = rng.normal(), rng.choice(["red", "blue"])
        kind = "rose" if length + (color == "red") > 0.5 else "tulip"
        lines.append(f"{length:.4f},{color},{kind}")
    (folder / "flowers.csv").write_text("\n".join(lines) + "\n")
    return pellucid.learn(
        folder / "flowers.csv", "kind", out=folder / "f.run", time=4, report=False, quiet=True
    )


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], run: Trained) -> Say:
    def answer(*words: object, code: int = 0) -> str:
        capsys.readouterr()
        assert cli.main(["step", str(run.path), *map(str, words)]) == code
        printed = capsys.readouterr()
        return printed.out if code == 0 else printed.err

    return answer


def fingerprint(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_first_step_is_the_one_that_the_run_made(run: Trained) -> None:
    before = fingerprint(run.path)
    found = run.step(0)
    assert fingerprint(run.path) == before
    assert found.memory.kind == "fresh"
    assert found.checked
    assert found.loss.batch == pytest.approx(float(run.steps["loss"][0]), rel=1e-6)
    assert found.place.startswith("flowers.csv line ")
    assert set(found.drawings) == {"length", "color"}
    assert found.rows[found.example] + 2 == int(found.place.rpartition(" ")[2])


def test_a_later_step_knows_what_the_optimizer_remembered(run: Trained) -> None:
    found = run.step()
    assert found.memory.kind == "replayed"
    assert found.checked
    assert found.checks[-1].what == "loss, gradient and rate: the run's own record"
    made = run.steps["step"][run.steps["fold"] == 0].max()  # fewer than planned, if time was up
    assert found.step == max(step for step in run.weight_steps if step < made)


def test_new_weights_are_those_that_the_run_kept(run: Trained) -> None:
    kept = run.weight_steps[1]
    found = run.step(kept - 1)  # its own weights were not kept, so the run is repeated
    assert found.memory.kind == "replayed" or kept == 1
    name, _, index = found.one.path.partition("[")
    value = run.weights(kept)[name][tuple(map(int, index.strip("]").split(", ")))]
    assert np.float16(found.one.after) == np.float16(value)


def test_without_time_to_repeat_it_says_that_the_memory_is_empty(run: Trained) -> None:
    at = run.weight_steps[3]
    found = run.step(at, seconds=1e-9)
    assert found.memory.kind == "empty"
    assert "starts with an empty memory" in found.notes[0]
    assert found.checked  # weights kept in 16 bits, so the record is met less closely
    assert found.loss.batch == pytest.approx(run.step(at).loss.batch, rel=0.02)


def test_one_more_step_after_the_end(run: Trained) -> None:
    found = run.step("final")
    assert found.memory.kind == "empty"
    assert found.step == found.steps - 1
    assert found.update.rate == pytest.approx(float(run.steps["rate"][run.steps["fold"] == 0][-1]))
    assert found.checked


def test_the_page_tells_the_story_in_eight_chapters(say: Say) -> None:
    page = say("--at", 0)
    chapters = [line for line in page.splitlines() if line[:1] in "①②③④⑤⑥⑦⑧" and line]
    assert [line[0] for line in chapters] == list("①②③④⑤⑥⑦⑧")
    assert "Step 1 of" in page
    assert "◀ the truth" in page
    assert "✗" not in page
    assert max(map(len, page.splitlines())) <= 100


def test_zoom(say: Say, run: Trained) -> None:
    layer = say("--at", 0, "--zoom", "layers.0")
    assert "The layer across.layers.0" in layer
    unit = say("--at", 0, "--zoom", "layers.0[5]", "--example", 3)
    assert "The unit across.layers.0.weight[5]" in unit
    weight = json.loads(say("--at", 0, "--zoom", "layers.0[5, 1]", "--json"))
    assert weight["one"]["path"] == "across.layers.0.weight[5, 1]"
    assert weight["checked"] is True


def test_what_does_not_exist_is_said(say: Say, run: Trained) -> None:
    said = say("--at", "12345", code=2)
    assert "no step follows '12345'" in said
    assert "from 0 to" in said
    assert "did you mean" in say("--at", 0, "--zoom", "haed", code=2)
    assert "choose from 0 to" in say("--at", 0, "--example", 999, code=2)
    assert "no step follows 'soon'" in say("--at", "soon", code=2)


def test_data_in_memory_must_be_given_again(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 2))
    data: dict[str, Any] = {"a": x[:, 0], "b": x[:, 1], "y": np.where(x[:, 0] > 0, "up", "down")}
    import pandas as pd

    frame = pd.DataFrame(data)
    run = pellucid.learn(frame, "y", out=tmp_path / "m.run", time=2, report=False, quiet=True)
    with pytest.raises(ConfigError, match="memory"):
        run.step(0)
    assert run.step(0, source=frame).checked
