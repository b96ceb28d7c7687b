"""Making a receipt: the step on copies, then every number of it written down and checked."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.data.dataset import Dataset
from pellucid.evidence.receipt.changes import again, update_of, weights_of
from pellucid.evidence.receipt.checks import (
    gradient_checks,
    loss_checks,
    turned_check,
    update_checks,
    weight_checks,
)
from pellucid.evidence.receipt.closer import one_weight, view_of
from pellucid.evidence.receipt.exact import Exact
from pellucid.evidence.receipt.forward import (
    answers_of,
    drops,
    followed,
    inputs_of,
    loss_of,
    values_of,
)
from pellucid.evidence.receipt.made import Made
from pellucid.evidence.receipt.parts import (
    FRESH,
    Check,
    Memory,
    OneWeight,
    Receipt,
    Words,
    no_words,
)
from pellucid.evidence.receipt.watched import Watched
from pellucid.evidence.receipt.zoom import Zoom
from pellucid.learning.learner import Learner
from pellucid.tasks import Objective, Task


def receipt(
    learner: Learner,
    dataset: Dataset,
    task: Objective,
    rows: Tensor,
    *,
    memory: Memory = FRESH,
    zoom: str | None = None,
    example: int | None = None,
    seconds: float = 3.0,
    words: Words = no_words,
) -> Receipt:
    """Make the step that comes next, on copies, and account for every number in it.

    Args:
        learner: Stays as it is; its `number` says which step is next.
        rows: int64 (train,) rows of the dataset that it learns from.
        zoom: A layer, a unit `LAYER[3]` or a weight `LAYER[3, 5]`, by the names of the receipt.
        example: Place in the batch of the example to follow; by default the most wrong one.
        seconds: About how long weights may be turned up and down; one at least is.
        words: What numbers stand for.

    Raises:
        ConfigError: The zoom or the example does not exist.
        ValueError: The learner has made all its steps.
    """
    if learner.number >= learner.plan.steps:
        raise ValueError("learning is over: there is no next step")
    with torch.random.fork_rng(devices=[]):
        made = Made(learner, dataset, task, rows)
        watched, exact = Watched(made), Exact(made)
        place, why = followed(watched.losses, example)
        path = Zoom.read(zoom, watched.passages, watched.gradients, watched.favorite())
        one, each = one_weight(made, watched, exact, path, place)
        checks = (
            *loss_checks(made, watched, exact, place),
            *gradient_checks(made, watched, exact),
            turned_check(watched, exact, path, seconds),
            *weight_checks(made, watched.gradients[path.parameter], one, each),
            *update_checks(made),
        )
        return _written(made, watched, memory, (place, why), path, one, checks, words)


def _written(
    made: Made,
    watched: Watched,
    memory: Memory,
    example: tuple[int, str],
    path: Zoom,
    one: OneWeight,
    checks: tuple[Check, ...],
    words: Words,
) -> Receipt:
    place, why = example
    return Receipt(
        step=made.number,
        steps=made.plan.steps,
        batch=len(watched.losses),
        rows=tuple(made.batch.rows.tolist()),
        example=place,
        why_example=why,
        optimizer=made.plan.optimizer,
        precision=made.plan.precision,
        dropout=drops(made.learner.model),
        memory=memory,
        inputs=inputs_of(made, watched, place, words),
        values=values_of(watched),
        answers=answers_of(made, watched, place, words),
        outputs=made.task.outputs,
        members=_members(made, watched),
        loss=loss_of(made, watched, place, words),
        update=update_of(made),
        weights=tuple(weights_of(made, watched, name) for name in watched.gradients),
        one=one,
        zoom=view_of(made, watched, path, place),
        again=again(made, watched, place),
        checks=checks,
        task=made.task.kind,
    )


def _members(made: Made, watched: Watched) -> int:
    """Networks that answer side by side."""
    several = isinstance(made.task, Task) and watched.output.ndim == 3
    return watched.output.shape[1] if several else 1
