"""Which one of several classes?

The network gives one number (logit) a class; softmax turns them into probabilities, and the loss
is the cross-entropy: minus the logarithm of the probability given to the true class.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.data.columns import RawColumn
from pellucid.errors import DataError
from pellucid.tasks.task import Kind, Task, task, wide


def as_class(value: object) -> str | None:
    """A target value as the name of its class: 3.0 is '3', True is 'True', ' yes ' is 'yes'."""
    if value is None or value != value:
        return None
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip() or None


def in_natural_order(names: list[str]) -> list[str]:
    """Numbers by size, everything else by name."""
    try:
        return sorted(names, key=float)
    except ValueError:
        return sorted(names)


@task
class Classify(Task):
    """Targets int64 `(rows,)`; output `(rows, classes)` logits."""

    kind: ClassVar[Kind] = "classify"
    metric = "accuracy"

    def __init__(self, name: str, classes: list[str]) -> None:
        self.names, self.classes, self.outputs = [name], classes, len(classes)

    @classmethod
    def fit(cls, targets: list[RawColumn]) -> Classify:
        counts = Counter(as_class(value) for value in targets[0].values)
        counts.pop(None, None)
        if len(counts) < 2:
            only = next(iter(counts), None)
            raise DataError(
                "there is nothing to tell apart: "
                + (f"every row is '{only}'" if only else "no row has a class"),
                where=f"column '{targets[0].name}'",
                fix="add examples of at least one other class, or name another --target",
            )
        return cls(targets[0].name, in_natural_order([str(name) for name in counts]))

    def encode(self, targets: list[RawColumn]) -> tuple[Tensor, dict[int, str]]:
        number = {name: index for index, name in enumerate(self.classes)}
        problems: dict[int, str] = {}
        codes = np.zeros(len(targets[0]), dtype=np.int64)
        for row, value in enumerate(targets[0].values):
            name = as_class(value)
            if name is None:
                problems[row] = f"the target '{self.names[0]}' is missing"
            elif name not in number:
                problems[row] = f"class '{name}' never occurs in the training rows"
            else:
                codes[row] = number[name]
        return torch.from_numpy(codes), problems

    def labels(self, target: Tensor) -> np.ndarray:
        return target.cpu().numpy()

    def loss(self, output: Tensor, target: Tensor, smoothing: float = 0.0) -> Tensor:
        if output.ndim == 2:
            return F.cross_entropy(
                wide(output), target, reduction="none", label_smoothing=smoothing
            )
        members = output.shape[1]
        each = F.cross_entropy(
            wide(output).flatten(0, 1),
            target.repeat_interleave(members),
            reduction="none",
            label_smoothing=smoothing,
        )
        return each.view(-1, members).mean(1)

    def prediction(self, output: Tensor) -> np.ndarray:
        probabilities = output.double().softmax(-1)
        if probabilities.ndim == 3:
            probabilities = probabilities.mean(1)
        return probabilities.cpu().numpy()

    def truth(self, target: Tensor) -> np.ndarray:
        return target.cpu().numpy()

    def answers(self, prediction: np.ndarray) -> list[dict[str, Any]]:
        best = prediction.argmax(1)
        return [
            {
                "answer": self.classes[index],
                "probability": float(row[index]),
                "probabilities": dict(zip(self.classes, map(float, row), strict=True)),
            }
            for index, row in zip(best, prediction, strict=True)
        ]

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "target": self.names[0],
            "classes": self.classes,
            "metric": self.metric,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Classify:
        return cls(data["target"], data["classes"])
