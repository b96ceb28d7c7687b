"""Training again in small, to see what would have been: less data, fewer steps, other labels.

The loop, the plan and the network are the run's own; nothing of it is written to the run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from pellucid.config import Plan
from pellucid.evidence.subject import Material
from pellucid.evidence.worth.verdict import IN_POINTS, bare
from pellucid.learning.learner import Learner, predict
from pellucid.learning.loop import train
from pellucid.learning.planner import RowIngredients, build
from pellucid.learning.threads import threads
from pellucid.network.assemble import Model
from pellucid.recording.run import Run

FEWEST_STEPS = 20
"""Shorter trainings say nothing about longer ones."""


@dataclass(frozen=True)
class Retrained:
    """A network that learned again. losses: `(steps,)` mean loss of each batch."""

    model: Model
    data: RowIngredients
    precision: str
    losses: np.ndarray

    def values(self, rows: Tensor) -> np.ndarray:
        """What it answers to these rows of its dataset, `(rows, classes | tags | targets)`."""
        output = predict(self.model, self.data.dataset, rows, self.precision)
        return self.data.task.prediction(output)


def retrain(data: RowIngredients, plan: Plan) -> Retrained:
    """Learn from `data.rows` by this plan; `data.valid` may choose the averaged weights."""
    own = replace(plan, folds=1, shortened={}, evaluate_every=plan.steps)
    with threads(plan.threads):
        learner = Learner(build(own, data), own)
        steps = train(learner, data.dataset, data.task, data.rows, data.valid)
        losses = torch.stack([step.loss for step in steps]).float().numpy()
        learner.choose(data.dataset, data.task, data.valid)
    return Retrained(learner.model, data, own.precision, losses)  # type: ignore[arg-type]


def step_seconds(run: Run) -> float:
    """Median seconds of a weight update as the run measured it."""
    steps = run.steps
    seconds = steps["seconds"][steps["fold"] == 0]
    if len(seconds) < 2:
        return float(seconds.sum())
    return float(np.median(np.diff(seconds)))


def row_seconds(material: Material) -> float:
    """About how long the first network takes to answer a row: half of learning from it."""
    batch = min(material.plan.batch, max(1, len(material.folds[0][0])))
    return max(1e-7, step_seconds(material.run) / batch / 2)


def evenly(rows: Tensor, most: int) -> Tensor:
    """At most so many of these rows, from beginning to end."""
    if len(rows) <= most:
        return rows
    return rows[torch.linspace(0, len(rows) - 1, most).round().long()]


def parted(material: Material, rows: np.ndarray, parts: int) -> np.ndarray:
    """int64 `(rows,)`: a random part for each row, from 0. What belongs together (groups, else
    near-duplicates) stays together."""
    labels = material.clusters if material.groups is None else material.groups
    own = rows if labels is None else labels[rows]
    names, member = np.unique(own, return_inverse=True)
    turn: np.ndarray = np.random.default_rng(material.seed).permutation(len(names)) % parts
    return turn[member]


def figure(value: float, metric: str) -> str:
    """A metric as people say it.

    >>> figure(0.9104, "accuracy"), figure(54.21, "RMSE")
    ('91.0%', '54.2')
    """
    return bare(value, metric) + ("%" if metric in IN_POINTS else "")
