"""Which of several tags, any number of them at once?

One logit a tag; each tag is a yes-or-no question of its own, and the loss is the mean of the
binary cross-entropies.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.data.columns import RawColumn
from pellucid.errors import DataError
from pellucid.tasks.task import Task, task, wide


def split_tags(value: object) -> list[str] | None:
    """A cell as its tags: a list as it is, text cut at ; | or , ; None if missing.

    >>> split_tags("red; round")
    ['red', 'round']
    >>> split_tags("")
    []
    """
    if value is None or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, str):
        value = re.split(r"[;|]" if re.search(r"[;|]", value) else ",", value)
    return [text for item in value if (text := str(item).strip())]  # type: ignore[attr-defined]


@task
class Tags(Task):
    """Targets float32 `(rows, tags)` of 0 and 1; output `(rows, tags)` logits."""

    kind = "tags"
    metric = "micro F1"

    def __init__(self, name: str, tags: list[str]) -> None:
        self.names, self.tags, self.outputs = [name], tags, len(tags)

    @classmethod
    def fit(cls, targets: list[RawColumn]) -> Tags:
        counts = Counter(tag for value in targets[0].values for tag in set(split_tags(value) or []))
        if not counts:
            raise DataError(
                "no row has a tag",
                where=f"column '{targets[0].name}'",
                fix="separate tags by ; or | or commas, or name another --target",
            )
        return cls(targets[0].name, sorted(counts))

    def encode(self, targets: list[RawColumn]) -> tuple[Tensor, dict[int, str]]:
        number = {name: index for index, name in enumerate(self.tags)}
        problems: dict[int, str] = {}
        hot = np.zeros((len(targets[0]), len(self.tags)), dtype=np.float32)
        for row, value in enumerate(targets[0].values):
            tags = split_tags(value)
            if tags is None:
                problems[row] = f"the target '{self.names[0]}' is missing"
                continue
            unknown = [tag for tag in tags if tag not in number]
            if unknown:
                problems[row] = f"tag '{unknown[0]}' never occurs in the training rows"
            hot[row, [number[tag] for tag in tags if tag in number]] = 1
        return torch.from_numpy(hot), problems

    def labels(self, target: Tensor) -> np.ndarray:
        # The rarest tag of a row decides, so that rare tags reach every part.
        hot = target.cpu().numpy()
        rarity = np.where(hot > 0, hot.sum(0), np.inf)
        return np.where(hot.any(1), rarity.argmin(1), len(self.tags)).astype(np.int64)

    def loss(self, output: Tensor, target: Tensor, smoothing: float = 0.0) -> Tensor:
        wanted = target * (1 - smoothing) + smoothing / 2
        if output.ndim == 3:
            wanted = wanted.unsqueeze(1).expand_as(output)
        each = F.binary_cross_entropy_with_logits(wide(output), wanted, reduction="none")
        return each.flatten(1).mean(1)

    def prediction(self, output: Tensor) -> np.ndarray:
        probabilities = output.double().sigmoid()
        if probabilities.ndim == 3:
            probabilities = probabilities.mean(1)
        return probabilities.cpu().numpy()

    def truth(self, target: Tensor) -> np.ndarray:
        return target.cpu().numpy()

    def answers(self, prediction: np.ndarray) -> list[dict[str, Any]]:
        return [
            {
                "answer": [tag for tag, p in zip(self.tags, row, strict=True) if p >= 0.5],
                "probabilities": dict(zip(self.tags, map(float, row), strict=True)),
            }
            for row in prediction
        ]

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "target": self.names[0],
            "classes": self.tags,
            "metric": self.metric,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Tags:
        return cls(data["target"], data["classes"])
