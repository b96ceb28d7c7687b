"""The step as the loop makes it, on a copy: the learner before and after, and the batch."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from pellucid.data.dataset import Batch, Dataset
from pellucid.learning.augment import Augment
from pellucid.learning.learner import Learner, precision
from pellucid.learning.loop import Step, seed_step, train
from pellucid.learning.optimizer import Group
from pellucid.tasks import Objective


class Made:
    """One step of `learning/loop.py`. learner: before it, left as it is. after: the copy that
    made it. shrunk: factor by which all gradients were shortened, 1 if they were not."""

    def __init__(self, learner: Learner, dataset: Dataset, task: Objective, rows: Tensor) -> None:
        self.learner, self.task = learner, task
        self.plan, self.number = learner.plan, learner.number
        self.augment = Augment(self.plan.augment, dataset.entries)
        self.after = copy.deepcopy(learner)
        self.step: Step = next(train(self.after, dataset, task, rows, rows[:0]))
        self.batch: Batch = self.step.batch
        self.groups: list[Group] = learner.optimizer.groups
        self.remembered = {
            name: value.clone() for name, value in learner.optimizer.state_dict().items()
        }

    # --- the same again -----------------------------------------------------------------------

    def changed(self) -> tuple[dict[str, Tensor], Tensor]:
        """The batch and its answers with the step's random changes; what is drawn next is its
        dropout."""
        seed_step(self.plan.seed, self.number, self.batch.rows.device)
        return self.task.vary(self.augment(self.batch.inputs), self.batch.target)

    def losses(
        self, model: nn.Module, changed: tuple[dict[str, Tensor], Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Output and loss of each example, in the step's own floats."""
        inputs, target = changed
        with precision(self.plan.precision, self.batch.rows.device):
            output = model(inputs)
        return output, self.task.loss(output, target, self.plan.label_smoothing)

    # --- what it did to a parameter -----------------------------------------------------------

    @property
    def shrunk(self) -> float:
        norm, clip = self.step.gradient_norm, self.plan.clip
        return 1.0 if clip is None else float((clip / (norm + 1e-6)).clamp(max=1.0))

    def group(self, name: str) -> Group:
        return next(group for group in self.groups if name in group.parameters)

    def before(self, name: str) -> Tensor:
        return self.learner.model.get_parameter(name).detach()

    def new(self, name: str) -> Tensor:
        return self.after.model.get_parameter(name).detach()

    def learned(self, name: str) -> bool:
        """Whether the loss depends on it, so that the optimizer changed it."""
        return self.after.model.get_parameter(name).grad is not None

    def clipped(self, name: str) -> Tensor:
        """The gradient that the loop's optimizer used."""
        gradient = self.after.model.get_parameter(name).grad
        return torch.zeros_like(self.before(name)) if gradient is None else gradient

    def memory(self, name: str) -> dict[str, Tensor]:
        """What the optimizer remembered of it before the step."""
        start = f"{name}/"
        return {
            key.removeprefix(start): value
            for key, value in self.remembered.items()
            if key.startswith(start)
        }
