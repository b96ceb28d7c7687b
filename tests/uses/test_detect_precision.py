"""Average precision: as pycocotools counts it, and for pictures that weigh differently."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.uses.detect.precision import (
    Boxes,
    Things,
    mean_average_precision,
)

CASES = json.loads((Path(__file__).parents[1] / "golden/detect/coco.json").read_text())


def as_pictures(case: dict[str, Any]) -> tuple[list[Things], list[Boxes], int]:
    things, boxes = np.array(case["things"]).reshape(-1, 7), np.array(case["boxes"]).reshape(-1, 7)
    pictures = int(max(things[:, 0].max(), boxes[:, 0].max(initial=0))) + 1
    classes = int(max(things[:, 1].max(), boxes[:, 1].max(initial=0))) + 1
    truth, found = [], []
    for number in range(pictures):
        real, said = things[things[:, 0] == number], boxes[boxes[:, 0] == number]
        truth.append(Things(real[:, 1].astype(int), corners(real[:, 2:6]), real[:, 6] > 0))
        found.append(Boxes(said[:, 1].astype(int), said[:, 2], corners(said[:, 3:7])))
    return truth, found, classes


def corners(boxes: np.ndarray) -> np.ndarray:
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)


@pytest.mark.parametrize("name", CASES)
def test_as_pycocotools(name: str) -> None:
    truth, found, classes = as_pictures(CASES[name])
    once = np.ones((1, len(truth)))

    def value(overlaps: list[float] | None = None, size: str = "all") -> float:
        levels = np.linspace(0.5, 0.95, 10) if overlaps is None else np.array(overlaps)
        measure = mean_average_precision(truth, found, classes, overlaps=levels, size=size)
        return float(np.nan_to_num(measure(once)[0], nan=-1.0))

    answer = CASES[name]["answer"]
    ours = {
        "mAP": value(),
        "AP50": value([0.5]),
        "AP75": value([0.75]),
        **{size: value(size=size) for size in ("small", "medium", "large")},
    }
    assert ours == pytest.approx(answer, abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_a_picture_of_weight_two_counts_as_if_it_were_there_twice(seed: int) -> None:
    truth, found, classes = as_pictures(CASES[f"random {seed}"])
    random = np.random.default_rng(seed)
    # Without ties: the order of equal scores follows the pictures, which repeating changes.
    found = [Boxes(one.labels, random.permutation(len(one.scores)) + random.random(), one.boxes)
             for one in found]  # fmt: skip
    weights = random.integers(0, 4, (5, len(truth))).astype(float)
    together = mean_average_precision(truth, found, classes)(weights)
    for draw, value in zip(weights.astype(int), together):
        many_truth = [one for one, times in zip(truth, draw) for _ in range(times)]
        many_found = [one for one, times in zip(found, draw) for _ in range(times)]
        measure = mean_average_precision(many_truth, many_found, classes)
        assert value == pytest.approx(measure(np.ones((1, len(many_truth))))[0], abs=1e-12)


def test_without_any_thing_there_is_no_figure() -> None:
    nothing = Things(np.zeros(0, int), np.zeros((0, 4)))
    alarm = Boxes(np.array([0]), np.array([0.5]), np.array([[0.0, 0, 1, 1]]))
    measure = mean_average_precision([nothing], [alarm], 1)
    assert np.isnan(measure(np.ones((3, 1)))).all()
