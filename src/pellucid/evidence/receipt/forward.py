"""Input, layers, prediction, loss: the step's way there, written down."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from pellucid.errors import ConfigError
from pellucid.evidence.receipt.losses import (
    MOST_ANSWERS,
    loss_lines,
    output_names,
    wanted_share,
)
from pellucid.evidence.receipt.made import Made
from pellucid.evidence.receipt.numbers import spread
from pellucid.evidence.receipt.outputs import goal_lines, loudest_outputs
from pellucid.evidence.receipt.parts import Answer, Input, Loss, Value, Words
from pellucid.evidence.receipt.watched import Watched
from pellucid.tasks import Task

FIRST_VALUES = 6


def followed(losses: Tensor, asked: int | None) -> tuple[int, str]:
    """The example to follow, as its place in the batch, and why.

    Raises:
        ConfigError: The batch has no such example.
    """
    count = len(losses)
    if asked is None:
        return int(losses.argmax()), "the one that the network got most wrong"
    if not 0 <= asked < count:
        raise ConfigError(
            f"the batch has no example {asked}",
            where="--example",
            fix=f"choose from 0 to {count - 1}",
        )
    return asked, "as asked"


def inputs_of(made: Made, watched: Watched, place: int, words: Words) -> tuple[Input, ...]:
    """What entered, by group; its first numbers are those of the followed example."""
    return tuple(
        _input(made, group, watched.inputs[group], place, words) for group in watched.inputs
    )


def _input(made: Made, group: str, given: Tensor, place: int, words: Words) -> Input:
    values = given.double()
    first = tuple(values[place].flatten()[:FIRST_VALUES].tolist()) if place < len(values) else ()
    whole = not given.is_floating_point()
    said = [words(group, int(number)) for number in first] if whole else []
    return Input(
        group,
        tuple(values.shape[1:]),
        float(values.nanmean()),
        spread(values[~values.isnan()]),
        first,
        tuple(change.__name__ for change in made.augment.changes.get(group, [])),
        tuple(word for word in said if word is not None),
    )


def drops(model: nn.Module) -> bool:
    """Whether anything is silenced at random."""
    return any(
        isinstance(module, nn.modules.dropout._DropoutNd) and module.p > 0
        for module in model.modules()
    )


def values_of(watched: Watched) -> tuple[Value, ...]:
    """The watched values between the layers, in order."""
    return tuple(
        value_of(name, value, watched.value_blame.get(name))
        for name, value in watched.values.items()
    )


def value_of(name: str, value: Tensor, blame: Tensor | None) -> Value:
    """A value of the whole batch in a few numbers."""
    numbers = value.detach().double()
    return Value(
        name,
        tuple(value.shape[1:]),
        float(numbers.mean()),
        spread(numbers),
        float((numbers == 0).double().mean()),
        None if blame is None else float(blame.double().norm()),
    )


def answers_of(made: Made, watched: Watched, place: int, words: Words) -> tuple[Answer, ...]:
    """The followed example's answers, predicted and wanted: the likeliest and the true one; of a
    goal that is no task about rows the outputs that the loss hangs on most."""
    if not isinstance(made.task, Task):
        blame = watched.blame[place] * len(watched.losses)
        return loudest_outputs(made.task, watched.output[place], blame, MOST_ANSWERS, words)
    task, target = made.task, watched.target[place : place + 1]
    output = watched.output[place : place + 1]
    blame = (watched.blame[place] * len(watched.losses)).reshape(-1, output.shape[-1]).sum(0)
    mean = output.reshape(-1, output.shape[-1]).mean(0)
    predicted, wanted = _predicted(task, output), _wanted(task, target)
    names = output_names(task)
    return tuple(
        Answer(
            names[index],
            float(mean[index]),
            float(predicted[index]),
            float(wanted[index]),
            float(blame[index]),
        )
        for index in _listed(task, predicted, target)
    )


def _listed(task: Task, predicted: np.ndarray, target: Tensor) -> list[int]:
    order: list[int] = np.argsort(-np.abs(predicted), kind="stable")[:MOST_ANSWERS].tolist()
    if task.kind != "classify":
        return sorted(order)
    return order if int(target) in order else [*order[:-1], int(target)]


def _predicted(task: Task, output: Tensor) -> np.ndarray:
    if task.kind == "grades":  # one yes-or-no question an output, not one grade
        raised = output.sigmoid().reshape(-1, output.shape[-1]).mean(0)
        return raised.numpy()
    predicted: np.ndarray = task.prediction(output)[0]
    return predicted


def _wanted(task: Task, target: Tensor) -> np.ndarray:
    if task.kind == "regress":
        truth: np.ndarray = task.truth(target)[0]
        return truth
    return wanted_share(task, target.numpy(), 0.0)[0]


def loss_of(made: Made, watched: Watched, place: int, words: Words) -> Loss:
    """How wrong the batch was, and how the followed example's loss is calculated."""
    smoothing, mine = made.plan.label_smoothing, watched.losses
    output, target = watched.output[place], watched.target[place]
    if isinstance(made.task, Task):
        lines = tuple(loss_lines(made.task, output, target, smoothing))
    else:
        own = float(mine[place])
        lines = tuple(goal_lines(made.task, output, target, smoothing, own, words))
    return Loss(float(made.step.loss), float(mine[place]), lines, tuple(mine.tolist()))
