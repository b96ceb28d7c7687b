"""How well units tell the classes apart while the network learns."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pellucid.evidence.features.properties import of_target
from pellucid.evidence.features.ranks import chance, ranked, strengths
from pellucid.evidence.features.units import Peaks, UnitLayer, peaks
from pellucid.network.assemble import Model
from pellucid.recording.files import Arrays
from pellucid.tasks import Task


@dataclass(frozen=True)
class Course:
    """Selectivity over training. steps: of the recorded weights. value: tap -> `(steps, units)`,
    for each unit the area under ROC for its best class (0.5 is chance), or the size of the rank
    correlation with the target (0 is chance). limit: tap -> what chance gives the best of all
    units in 95 % of shuffles, at the last step. best: tap -> the class or target that each unit is
    best for at the last step."""

    steps: list[int]
    value: dict[str, np.ndarray]
    limit: dict[str, float]
    best: dict[str, np.ndarray]


def selectivity(task: Task, truth: np.ndarray, found: Peaks) -> tuple[np.ndarray, np.ndarray]:
    """For each unit its selectivity and the class or target it is for, both `(units,)`."""
    asked = of_target(task, truth)
    strength = np.nan_to_num(strengths(ranked(found.value), asked))
    if not asked.binary:
        return np.abs(strength).max(0), np.abs(strength).argmax(0)
    return (strength.max(0) + 1) / 2, strength.argmax(0)


def selectivity_limit(task: Task, truth: np.ndarray, found: Peaks, seed: int) -> float:
    """What the best unit reaches when the targets are shuffled."""
    asked = of_target(task, truth)
    most = chance(ranked(found.value), asked, seed, signed=asked.binary)
    return (most + 1) / 2 if asked.binary else most


def course(
    model: Model,
    layers: list[UnitLayer],
    inputs: Mapping[str, Tensor],
    task: Task,
    truth: np.ndarray,
    weights: Callable[[int], Arrays],
    steps: list[int],
    seed: int,
) -> Course:
    """Selectivity at each of these steps, on the same encoded examples."""
    value: dict[str, list[np.ndarray]] = {layer.tap: [] for layer in layers}
    best: dict[str, np.ndarray] = {}
    bars: dict[str, float] = {}
    for step in steps:
        then = at_step(model, weights(step))
        found = peaks(then, layers, inputs)
        for layer in layers:
            now, best[layer.tap] = selectivity(task, truth, found[layer.tap])
            value[layer.tap].append(now)
            if step == steps[-1]:
                bars[layer.tap] = selectivity_limit(task, truth, found[layer.tap], seed)
    return Course(steps, {tap: np.stack(rows) for tap, rows in value.items()}, bars, best)


def at_step(model: Model, weights: Arrays) -> Model:
    """The network as it was, a copy in eval mode."""
    then = copy.deepcopy(model)
    then.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    return then.eval()


def spread(steps: list[int], most: int) -> list[int]:
    """At most `most` of the steps, the first and the last among them.

    >>> spread([0, 1, 2, 4, 8, 16], 3)
    [0, 2, 16]
    """
    if len(steps) <= most:
        return steps
    places = np.linspace(0, len(steps) - 1, most).round().astype(int)
    return [steps[place] for place in places]
