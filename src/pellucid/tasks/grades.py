"""Which grade on an ordered scale (1 to 5 stars, mild to severe)?

One logit for each step of the scale: "given that it is at least grade j, is it above j?" The
probabilities are products of these answers, so they are always in order (CORN, Shi, Cao and
Raschka 2021, arXiv:2111.08851).
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.tasks.classify import Classify
from pellucid.tasks.task import Kind, task, wide


@task
class Grades(Classify):
    """Targets int64 `(rows,)`, 0 is the lowest grade; output `(rows, grades - 1)` logits."""

    kind: ClassVar[Kind] = "grades"
    metric = "quadratic kappa"

    def __init__(self, name: str, classes: list[str]) -> None:
        super().__init__(name, classes)
        self.outputs = len(classes) - 1

    def order(self, scale: list[str]) -> None:
        """Grades that are words come in the order of this scale; numbers are in order already."""
        if scale:
            self.classes.sort(key=scale.index)

    def loss(self, output: Tensor, target: Tensor, smoothing: float = 0.0) -> Tensor:
        output = wide(output)
        steps = torch.arange(self.outputs, device=target.device)
        asked = (target[:, None] >= steps).to(
            output.dtype
        )  # (batch, steps): is this question put at all?
        above = (target[:, None] > steps).to(output.dtype) * (1 - smoothing) + smoothing / 2
        if output.ndim == 3:
            asked, above = asked.unsqueeze(1), above.unsqueeze(1).expand_as(output)
        each = F.binary_cross_entropy_with_logits(output, above, reduction="none") * asked
        total = each.sum(-1)  # minus the log-probability of the true grade when smoothing is 0
        return total if total.ndim == 1 else total.mean(1)

    def prediction(self, output: Tensor) -> np.ndarray:
        at_least = output.double().sigmoid().cumprod(-1)  # P(grade > j)
        one = torch.ones_like(at_least[..., :1])
        bounds = torch.cat([one, at_least, torch.zeros_like(one)], dim=-1)
        probabilities = bounds[..., :-1] - bounds[..., 1:]
        if probabilities.ndim == 3:
            probabilities = probabilities.mean(1)
        return probabilities.cpu().numpy()

    def answers(self, prediction: np.ndarray) -> list[dict[str, Any]]:
        # The median grade: half of the probability lies at or below it, which suits a scale
        # better than the most probable grade.
        answers = super().answers(prediction)
        middle = (prediction.cumsum(1) >= 0.5).argmax(1)
        for index, row, said in zip(middle, prediction, answers, strict=True):
            said["answer"], said["probability"] = self.classes[index], float(row[index])
        return answers
