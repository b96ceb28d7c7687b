"""Watched examples with something changed: the same numbers as when such rows are asked plainly."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from starlette.testclient import TestClient
from studio_runs import FLOWERS, Open
from test_studio_ask import post, refused
from tiny import MAKERS

import pellucid
from pellucid.data.read import read
from pellucid.export.bundle import Bundle
from pellucid.network.tap import watch
from pellucid.recording.run import Run


def network_at(run: Run, step: int) -> tuple[Bundle, Any]:
    bundle = Bundle.load_from(run.path)
    model = bundle.members[0].model()
    weights = run.weights(step)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    return bundle, model


def answered(run: Run, step: int, lines: list[str], folder: Path) -> np.ndarray:
    """What the watched network says of rows of a file, read and encoded as any other."""
    bundle, model = network_at(run, step)
    path = folder / "asked.csv"
    path.write_text("\n".join(lines) + "\n")
    inputs = bundle.subject("network").encode(bundle.load(read(path))[0])
    with torch.inference_mode():
        return bundle.task.prediction(model(inputs).float())


def watched_rows(shelf: Path) -> list[dict[str, str]]:
    with (shelf / "flowers.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [rows[row] for row in Run(shelf / "flowers.run").probe().rows]


def test_a_knob_is_turned_for_every_watched_row(
    studio: TestClient, shelf: Path, tmp_path: Path
) -> None:
    run, rows = Run(shelf / "flowers.run"), watched_rows(shelf)
    step = run.weight_steps[len(run.weight_steps) // 2]
    for column in ("length", "color"):
        order = {"what": "column", "column": column, "at": step}
        found = post(studio, f"{FLOWERS}/vary", order)
        assert found["step"] == step
        assert found["column"]["name"] == column
        values, answers = found["column"]["values"], np.array(found["answers"])
        assert answers.shape == (len(rows), len(values), 2)
        changed = [{**row, column: value} for row in rows for value in values]
        lines = [f"{row['length']},{row['color']}" for row in changed]
        expected = answered(run, step, ["length,color", *lines], tmp_path)
        np.testing.assert_allclose(answers.reshape(-1, 2), expected, atol=1e-5)
    assert set(found["column"]["values"]) == {"red", "blue"}


def test_a_plane_has_answers_and_what_a_unit_says(
    studio: TestClient, shelf: Path, tmp_path: Path
) -> None:
    run = Run(shelf / "flowers.run")
    info = run.info["network"]
    assert info
    bundle, model = network_at(run, run.weight_steps[-1])
    with torch.inference_mode(), watch() as seen:
        model({name: torch.from_numpy(value) for name, value in run.probe().inputs.items()})
    tap = next(name for name in seen if name.startswith("columns / layer 1"))
    order = {"what": "plane", "columns": ["color", "length"], "example": 1, "tap": tap, "unit": 3}
    found = post(studio, f"{FLOWERS}/vary", order)
    words, lengths = (one["values"] for one in found["columns"])
    answers, unit = np.array(found["answers"]), np.array(found["unit"])
    assert answers.shape == (len(words), len(lengths), 2)
    assert unit.shape == (len(words), len(lengths))
    lines = [f"{length},{word}" for word in words for length in lengths]
    expected = answered(run, run.weight_steps[-1], ["length,color", *lines], tmp_path)
    np.testing.assert_allclose(answers.reshape(-1, 2), expected, atol=1e-5)
    (tmp_path / "one.csv").write_text("length,color\n" + f"{lengths[4]},{words[1]}\n" * 2)
    inputs = bundle.subject("network").encode(bundle.load(read(tmp_path / "one.csv"))[0])
    with torch.inference_mode(), watch() as seen:
        model(inputs)
    value = seen[tap][0] if seen[tap].ndim == 2 else seen[tap][0, 0]
    assert unit[1, 4] == pytest.approx(float(value[3]), abs=1e-5)


@pytest.mark.parametrize(
    "order",
    [
        {"what": "all"},
        {"what": "column", "column": "lenght"},
        {"what": "column", "column": ["length"]},
        {"what": "column", "column": "length", "at": -1},
        {"what": "column", "column": "length", "at": True},
        {"what": "plane", "columns": ["length", "length"], "example": 0},
        {"what": "plane", "columns": ["length", "color"], "example": 99},
        {"what": "plane", "columns": ["length", "color"], "example": "0"},
        {"what": "plane", "columns": ["length", "color"], "example": 0, "tap": "nowhere"},
        {"what": "time", "group": "length", "example": 0},
    ],
)
def test_what_can_not_be_varied_is_told(studio: TestClient, order: dict[str, Any]) -> None:
    refused(studio, f"{FLOWERS}/vary", order)


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """A folder with `series.run`."""
    folder = tmp_path_factory.mktemp("heard")
    source, _, target = MAKERS["series"](folder)
    pellucid.learn(source, target, out=folder / "series.run", time=4, quiet=True, report=False)
    return folder


def test_a_series_is_cut_short_and_has_a_part_missing(heard: Path, open_studio: Open) -> None:
    studio, run = open_studio(heard), Run(heard / "series.run")
    group, inputs = next(iter(run.probe().inputs.items()))
    found = post(
        studio, "/api/runs/series.run/vary", {"what": "time", "group": group, "example": 2}
    )
    ends = found["ends"]
    assert ends == sorted(set(ends))
    assert ends[-1] == found["length"] <= inputs.shape[1]
    bundle, model = network_at(run, run.weight_steps[-1])

    def said(values: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return bundle.task.prediction(model({group: torch.from_numpy(values)}).float())[0]

    whole = inputs[2:3]
    np.testing.assert_allclose(found["until"][-1], said(whole.copy()), atol=1e-5)
    short = whole.copy()
    short[:, ends[3] :] = np.nan
    np.testing.assert_allclose(found["until"][3], said(short), atol=1e-5)
    holed = whole.copy()
    holed[:, ends[2] : ends[3]] = np.nan
    np.testing.assert_allclose(found["without"][3], said(holed), atol=1e-5)
