"""How a network learns: predict, measure the error, send it back, change the weights, again.

This page is the whole of it. `train` is a generator: it makes one step each time it is asked, so
whoever iterates over it can watch, pause, stop or step once, and learning never knows.

Nothing here depends on the clock. The random numbers of step n follow from (seed, n), the order
of the rows from (seed, epoch), everything else from the plan; so a plan and a seed give the same
weights bit for bit, whether a run is watched, interrupted and resumed, or not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.data.dataset import Batch, Dataset
from pellucid.learning.augment import Augment
from pellucid.learning.learner import Evaluation, Learner, precision
from pellucid.tasks import Objective


@dataclass(frozen=True)
class Step:
    """What happened in one step; tensors stay on the device.

    number: weight updates done so far. epoch: passes over the training rows so far.
    loss: () mean loss of the batch before the update. rate: learning rate of the update.
    gradient_norm: () length of all gradients together, before any clipping.
    """

    number: int
    epoch: float
    loss: Tensor
    rate: float
    gradient_norm: Tensor
    batch: Batch
    evaluation: Evaluation | None
    learner: Learner


def train(
    learner: Learner, dataset: Dataset, task: Objective, rows: Tensor, valid: Tensor
) -> Iterator[Step]:
    """Learn from `rows` of the dataset, look at `valid` now and then; go on where `learner` is.

    Args:
        learner: The network with all that changes while it learns.
        rows: int64 (train,) rows to learn from. valid: int64 (valid,) rows to choose by.

    Raises:
        LearningError: The loss became infinite or kept exploding.
    """
    plan, model, optimizer = learner.plan, learner.model, learner.optimizer
    augment = Augment(plan.augment, dataset.entries)
    batches = endless(dataset, rows, plan.batch, plan.seed, start=learner.number)
    model.train()
    while learner.number < learner.plan.steps:  # asked anew: a slow machine shortens the plan
        batch = next(batches)
        seed_step(plan.seed, learner.number, rows.device)
        inputs, target = task.vary(augment(batch.inputs), batch.target)
        optimizer.zero_grad()  # at the start, so that gradients stay readable between steps
        with precision(plan.precision, rows.device):
            output = model(inputs)  # steps 1-4: input, layers, features, prediction
        loss = task.loss(output, target, plan.label_smoothing).mean()  # step 5: how wrong?
        loss.backward()  # step 6: whose fault is it? the error travels back, layer by layer
        rate = optimizer.rate(learner.number)
        norm = optimizer.step(learner.number)  # step 7: change every weight a little
        learner.after_update()
        evaluation = learner.look(dataset, task, valid, loss)
        epoch = learner.number * min(plan.batch, len(rows)) / len(rows)
        yield Step(  # step 8: ask again
            learner.number, epoch, loss.detach(), rate, norm, batch, evaluation, learner
        )


def endless(
    dataset: Dataset, rows: Tensor, size: int, seed: int, *, start: int = 0
) -> Iterator[Batch]:
    """Batches without end: each epoch is a new order of the same rows.

    The rows left over at an epoch's end sit out until the next one, so that every batch is full.
    Starting at step `start` gives exactly the batches that an uninterrupted run would see.
    """
    size = min(size, len(rows))
    per_epoch = len(rows) // size
    for epoch in range(start // per_epoch, 1 << 62):
        batches = dataset.shuffled(rows, size, epoch_generator(seed, epoch))
        first = start % per_epoch if epoch == start // per_epoch else 0
        for index in range(first, per_epoch):
            yield dataset.take(batches[index])


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """The random numbers that decide the order of one epoch."""
    return torch.Generator().manual_seed((seed * 1_000_003 + epoch) * 2 + 1)


def seed_step(seed: int, number: int, device: torch.device) -> None:
    """Fix the random numbers of one step: dropout and augmentation.

    The generators are seeded directly: `torch.manual_seed` visits every kind of device, which
    takes 150 microseconds, a tenth of a small network's step.
    """
    value = (seed * 1_000_003 + number) * 2
    torch.default_generator.manual_seed(value)
    if device.type == "cuda":
        torch.cuda.manual_seed(value)
