"""What if? The same step with one thing changed, beside the step as it is.

A larger step may jump over the valley; without its bends a network is one straight map; and labels
in the wrong order teach the network something that is not so. Each is tried on copies.
"""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pellucid.data.dataset import Batch, Dataset
from pellucid.errors import ConfigError, did_you_mean
from pellucid.learning.augment import Augment
from pellucid.learning.learner import Learner, precision
from pellucid.learning.loop import endless, seed_step, train
from pellucid.tasks import Objective

FACTOR = 10
WHAT_IFS = {
    "rate x10": f"a learning rate {FACTOR} times as large",
    "no activation": "no activation functions, so that every layer is a straight map",
    "shuffled labels": "the labels of this batch dealt out anew among its examples",
}
"""Name -> what is changed."""


@dataclass(frozen=True)
class Loss:
    """Mean loss of the batch before and after the update, with the same random changes, and how
    many of its examples came out better."""

    before: float
    after: float
    lower: int


@dataclass(frozen=True)
class WhatIf:
    """One step made twice. changed: what is different. plain: the step as it is; other: the step
    with the change; both measured with the true labels. told: of shuffled labels, the loss by the
    labels that the network was told. examples: rows of the batch. rate: learning rate of each."""

    name: str
    changed: str
    sentence: str
    step: int
    examples: int
    plain: Loss
    other: Loss
    told: Loss | None
    rates: tuple[float, float]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """One JSON-able dict."""
        return asdict(self)


def what_if(learner: Learner, dataset: Dataset, task: Objective, rows: Tensor, name: str) -> WhatIf:
    """Make the step that comes next as it is, and with one thing changed.

    Args:
        learner: Stays as it is; its `number` says which step is next.
        rows: int64 (train,) rows of the dataset that it learns from.
        name: One of `WHAT_IFS`.

    Raises:
        ConfigError: There is no such change, or the network has nothing to take out.
    """
    if name not in WHAT_IFS:
        raise ConfigError(
            f"there is no what-if called '{name}'",
            where="what_if",
            fix=did_you_mean(name, WHAT_IFS),
        )
    with torch.random.fork_rng(devices=[]):
        trial = _Trial(learner, dataset, task, rows)
        plain, rate = trial.made(learner, dataset)
        told, notes, other_rate = None, tuple[str, ...](), rate
        if name == "rate x10":
            other, other_rate = trial.made(_faster(learner), dataset)
        elif name == "no activation":
            straight = Straight()
            other, _ = trial.made(learner, dataset, straight)
            notes = _what_stays(learner.model, straight)
        else:
            shuffled, batch = trial.shuffled(dataset)
            other, _ = trial.made(learner, shuffled)
            told, _ = trial.made(learner, shuffled, batch=batch)
    return WhatIf(
        name,
        WHAT_IFS[name],
        _sentence(WHAT_IFS[name], plain, other),
        learner.number,
        len(trial.batch.rows),
        plain,
        other,
        told,
        (rate, other_rate),
        notes,
    )


class _Trial:
    """The batch of the next step, and the loss on it before and after a step."""

    def __init__(self, learner: Learner, dataset: Dataset, task: Objective, rows: Tensor) -> None:
        self.plan, self.number, self.task, self.rows = learner.plan, learner.number, task, rows
        self.augment = Augment(learner.plan.augment, dataset.entries)
        plan = learner.plan
        self.batch = next(endless(dataset, rows, plan.batch, plan.seed, start=learner.number))

    def made(
        self,
        learner: Learner,
        dataset: Dataset,
        change: AbstractContextManager[Any] | None = None,
        *,
        batch: Batch | None = None,
    ) -> tuple[Loss, float]:
        """A copy makes the step; loss before and after on `batch` (by default the true one), and
        the learning rate."""
        batch = batch or self.batch
        after = copy.deepcopy(learner)
        with change or nullcontext():
            before = self._losses(learner.model, batch)
            step = next(train(after, dataset, self.task, self.rows, self.rows[:0]))
            then = self._losses(after.model, batch)
        lower = int((then < before).sum())
        return Loss(float(before.mean()), float(then.mean()), lower), step.rate

    def shuffled(self, dataset: Dataset) -> tuple[Dataset, Batch]:
        """The same data with this batch's labels in another order, and the batch of it."""
        generator = torch.Generator().manual_seed(self.plan.seed * 1_000_003 + self.number)
        order = torch.randperm(len(self.batch.rows), generator=generator)
        target = dataset.target.clone()
        target[self.batch.rows] = dataset.target[self.batch.rows[order]]
        return replace(dataset, target=target), replace(self.batch, target=self.batch.target[order])

    @torch.no_grad()
    def _losses(self, model: nn.Module, batch: Batch) -> Tensor:
        """float64 (batch,): in the step's own floats, with its random changes and its dropout."""
        seed_step(self.plan.seed, self.number, batch.rows.device)
        inputs, target = self.task.vary(self.augment(batch.inputs), batch.target)
        with precision(self.plan.precision, batch.rows.device):
            output = copy.deepcopy(model).train()(inputs)
        return self.task.loss(output, target, self.plan.label_smoothing).double()


def _faster(learner: Learner) -> Learner:
    faster = copy.deepcopy(learner)
    plan = faster.optimizer.plan
    faster.optimizer.plan = replace(plan, rate=FACTOR * plan.rate)
    return faster


class Straight(TorchFunctionMode):
    """Within this block activation functions change nothing; `taken`: how many were met."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = 0
        self._rectified: Tensor | None = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (F.relu, F.silu, torch.relu):
            self.taken += 1
            self._rectified = args[0]
            return args[0]
        if func is Tensor.square and args[0] is self._rectified:  # squared ReLU is one function
            return args[0]
        return func(*args, **(kwargs or {}))


def _what_stays(model: nn.Module, straight: Straight) -> tuple[str, ...]:
    """What bends in the network even without activation functions."""
    gates = any(isinstance(module, nn.RNNBase) for module in model.modules())
    if not straight.taken:
        raise ConfigError(
            "this network has no activation functions that could be taken out",
            where="no activation",
            fix="its gates are what it is made of" if gates else "it is a straight map already",
        )
    if gates:
        return ("The gates of the recurrent part stay: they are what it is made of.",)
    return ("Normalization, and attention if there is any, still bend what they are given.",)


def _sentence(changed: str, plain: Loss, other: Loss) -> str:
    moved = "falls" if other.after < other.before else "rises"
    start = "" if other.before == plain.before else f" from {other.before:.4g}"
    return (
        f"With {changed}, the loss of the same examples {moved}{start} to {other.after:.4g};"
        f" as it is, it goes from {plain.before:.4g} to {plain.after:.4g}."
    )
