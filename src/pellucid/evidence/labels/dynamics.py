"""Training dynamics: what the network said of each row while it learned (Swayamdipta et al. 2020).

A row whose given label the network came to believe early and kept believing is easy. One that it
resisted to the end is hard, or its label is wrong. The weights that the run kept are put back in
one after the other, and each answers all rows: nothing has to be recorded row by row.
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass

import numpy as np
import torch

from pellucid.data.dataset import Dataset
from pellucid.evidence.subject import Material
from pellucid.learning.learner import predict

MOST_STEPS = 12


@dataclass(frozen=True)
class Dynamics:
    """The answers of one network to rows that it learned from, over recorded steps.

    rows: int64 `(n,)`, rising. steps: the recorded steps. values: `(steps, n, classes | tags)`.
    """

    rows: np.ndarray
    steps: tuple[int, ...]
    values: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """`(n, classes | tags)`: the mean answer over training."""
        return np.asarray(self.values.mean(0))

    def variability(self, given: np.ndarray) -> np.ndarray:
        """`(n,)`: standard deviation over training of the probability of the given class."""
        return np.asarray(self.values[:, np.arange(len(given)), given].std(0))


def dynamics(material: Material, rows: np.ndarray, seconds: float) -> Dynamics | None:
    """Answers of the first network over its training; None if the run kept too few weights.

    Only of those `rows` that this network learned from: of the others it knows no label to believe
    or to resist.
    """
    known = [step for step in material.run.weight_steps if step > 0]
    rows = np.intersect1d(rows, material.folds[0][0])
    if len(known) < 2 or not len(rows):
        return None
    inputs = material.subject.encode(material.take(rows))
    data = Dataset({}, inputs, torch.zeros(len(rows)))
    network = copy.deepcopy(material.subject.network)

    def answers(step: int) -> np.ndarray:
        weights = material.run.weights(step)
        network.load_state_dict({name: torch.from_numpy(one) for name, one in weights.items()})
        return material.task.prediction(predict(network, data, torch.arange(len(rows))))

    started = time.perf_counter()
    last = answers(known[-1])
    affordable = int(seconds / max(time.perf_counter() - started, 1e-6))
    steps = _spread(known, min(MOST_STEPS, max(2, affordable)))
    return Dynamics(rows, tuple(steps), np.stack([*map(answers, steps[:-1]), last]))


def _spread(steps: list[int], count: int) -> list[int]:
    """At most so many of the steps, evenly over training, first and last among them."""
    if len(steps) <= count:
        return steps
    wanted = np.linspace(steps[0], steps[-1], count)
    nearest = np.abs(np.array(steps)[None] - wanted[:, None]).argmin(1)
    return sorted({steps[place] for place in nearest})
