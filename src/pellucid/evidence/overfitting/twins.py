"""What memorizing looks like: a twin that learns the same rows with their answers shuffled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from pellucid.config import Plan
from pellucid.data.dataset import Dataset
from pellucid.evidence.retrain import FEWEST_STEPS, Retrained, retrain, step_seconds
from pellucid.evidence.subject import Material
from pellucid.learning.evaluate import score
from pellucid.learning.planner import RowIngredients

TWIN_SHARE = 0.35
"""Part of the time for both twins."""
TWIN_PASSES = 40
"""Passes after which shuffled labels are usually known by heart."""
TWIN_ROWS = (60, 1_000)
MOST_UNSEEN = 4_000
"""Unseen rows that the twins are asked."""
POINTS = 60
"""Points of a curve that is shown."""


@dataclass(frozen=True)
class Twins:
    """Two networks of the same plan on the same rows: with their labels, and with them shuffled.

    rows, steps, passes: what both learned. own, held: the task's metric on these rows and on
    unseen ones, each (real, shuffled).
    """

    metric: str
    rows: int
    steps: int
    passes: float
    losses: tuple[np.ndarray, np.ndarray]
    own: tuple[float, float]
    held: tuple[float, float]

    def figures(self) -> dict[str, Any]:
        rest = {name: value for name, value in vars(self).items() if name != "losses"}
        return rest | {"losses": [thin(losses, self.steps)[1] for losses in self.losses]}


def train_twins(material: Material) -> Twins | None:
    """Train both, on a subsample and within a part of the time; None if that is too short."""
    plan, (learn, check) = material.plan, material.folds[0]
    affordable = int(TWIN_SHARE * material.seconds / 2 / max(step_seconds(material.run), 1e-6))
    steps = min(plan.steps, affordable)
    if steps < FEWEST_STEPS:
        return None
    count = int(np.clip(steps * plan.batch // TWIN_PASSES, *TWIN_ROWS))
    generator = np.random.default_rng(material.seed)
    rows = np.sort(generator.permutation(learn)[:count])
    return twins_of(
        material.ingredients(rows, check[:MOST_UNSEEN]), replace(plan, steps=steps), material.seed
    )


def twins_of(data: RowIngredients, plan: Plan, seed: int) -> Twins:
    """Train a network on `data.rows`, and its twin on the same rows with their labels shuffled."""
    real = retrain(data, plan)
    shuffled = retrain(shuffle_labels(data, seed), plan)
    batch = min(plan.batch, len(data.rows))
    return Twins(
        data.task.metric,
        len(data.rows),
        plan.steps,
        plan.steps * batch / len(data.rows),
        (real.losses, shuffled.losses),
        (_metric(real, own=True), _metric(shuffled, own=True)),
        (_metric(real, own=False), _metric(shuffled, own=False)),
    )


def shuffle_labels(data: RowIngredients, seed: int) -> RowIngredients:
    """The same rows, each with the answer of another; unseen rows keep theirs.

    The rows of each class get all classes in the shares that these have. A plain shuffle leaves a
    class a few rows of its own too many by chance, and where classes lie far apart such a small
    majority is all that a network needs to find them again.
    """
    generator = torch.Generator().manual_seed(seed)
    target = data.dataset.target.clone()
    rows = data.rows[torch.randperm(len(data.rows), generator=generator)]
    if data.task.kind == "classify":
        labels = target[rows]
        target[rows[labels.argsort()]] = labels[_evenly(labels)]
    else:
        target[rows] = target[data.rows]
    return replace(data, dataset=Dataset(data.dataset.entries, data.dataset.inputs, target))


def _evenly(labels: torch.Tensor) -> torch.Tensor:
    """An order in which every stretch holds each label in its share."""
    place = torch.empty(len(labels))
    for label in labels.unique():
        own = (labels == label).nonzero()[:, 0]
        place[own] = (torch.arange(len(own)) + 0.5) / len(own)
    return place.argsort(stable=True)


def _metric(network: Retrained, *, own: bool) -> float:
    rows = network.data.rows if own else network.data.valid
    if not len(rows):
        return float("nan")
    task = network.data.task
    truth = task.truth(network.data.dataset.target[rows])
    return score(task.kind, task.metric, truth, network.values(rows))


def thin(losses: np.ndarray, steps: int) -> tuple[list[float], list[float]]:
    """A curve of many steps as at most `POINTS` means: (last step of each part, mean)."""
    parts = np.array_split(losses, min(POINTS, len(losses)))
    ends = np.cumsum([len(part) for part in parts])
    return ends.astype(float).tolist(), [float(part.mean()) for part in parts]
