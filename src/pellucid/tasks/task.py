"""A task: what is asked, how wrong an answer is, and how an answer is said.

An `Objective` is the part that learning needs: how wrong is the output? A `Task` is the question
about rows of a table: classes, grades, tags, numbers. Its network's output is `(batch, outputs)`,
or `(batch, members, outputs)` when several members of one network answer side by side; the loss
is then the mean over members, and the answer is the mean of the members' answers.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from pellucid.data.columns import RawColumn

Kind = Literal["classify", "tags", "grades", "regress"]


class Objective:
    """What a network is to become good at.

    kind: what the user types. outputs: numbers that the network gives for each example or
    position. at_once: examples whose output fits into memory together, while looking at
    validation examples.
    """

    kind: ClassVar[str]
    outputs: int
    at_once: ClassVar[int] = 1024

    def loss(self, output: Tensor, target: Tensor, smoothing: float = 0.0) -> Tensor:
        """How wrong each example's answer is `(batch,)`; training follows the mean."""
        raise NotImplementedError

    def vary(self, inputs: dict[str, Tensor], target: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Change training examples and their answers together, at random: a mirrored picture with
        mirrored boxes, a text with some words hidden. By default nothing is changed."""
        return inputs, target

    def kept(self, output: Tensor, target: Tensor) -> Tensor:
        """What an evaluation keeps of the output `(batch, ...)`; all of it, unless that is much."""
        return output


class Task(Objective):
    """One question put to the rows of a table.

    names: the target columns. outputs: numbers that the network gives for each row. metric: the
    figure that is reported first.
    """

    kind: ClassVar[Kind]
    metric: str
    names: list[str]

    @classmethod
    def fit(cls, targets: list[RawColumn]) -> Task:
        """Learn the possible answers from the targets of the training rows."""
        raise NotImplementedError

    def encode(self, targets: list[RawColumn]) -> tuple[Tensor, dict[int, str]]:
        """Targets as a tensor, rows first, and the rows whose target can't be used, with reasons
        (their entries in the tensor are meaningless)."""
        raise NotImplementedError

    def labels(self, target: Tensor) -> np.ndarray:
        """int64 `(rows,)`: what a split should spread evenly."""
        raise NotImplementedError

    def prediction(self, output: Tensor) -> np.ndarray:
        """float64 `(rows, classes | tags)` probabilities, or `(rows, targets)` numbers in the
        target's own unit."""
        raise NotImplementedError

    def truth(self, target: Tensor) -> np.ndarray:
        """The encoded targets in the form that the metrics take beside `prediction`."""
        raise NotImplementedError

    def answers(self, prediction: np.ndarray) -> list[dict[str, Any]]:
        """What is said for each row: `answer`, and `probability`, `probabilities` where there are
        some; for machines and people alike."""
        raise NotImplementedError

    def as_json(self) -> dict[str, Any]:
        raise NotImplementedError

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Task:
        raise NotImplementedError


TASKS: dict[str, type[Task]] = {}


def task(kind: type[Task]) -> type[Task]:
    """Register a task under its kind."""
    if kind.kind in TASKS:
        raise ValueError(f"two tasks are called '{kind.kind}'")
    TASKS[kind.kind] = kind
    return kind


def wide(output: Tensor) -> Tensor:
    """The output in 32 bits or more: 16-bit floats are too coarse for a loss. 64 bits stay, so
    that a loss can be checked by turning one weight a little."""
    return output if output.dtype == torch.float64 else output.float()
