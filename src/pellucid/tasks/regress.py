"""How much? One number, or several.

The network gives each target as a multiple of its usual spread; the loss is the squared error in
that unit, and answers are said in the target's own unit. Several targets may be in several units
(grams and percents), where a mean error would be that of the largest: they are judged by R2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.data.columns import RawColumn
from pellucid.data.split import bins_of
from pellucid.errors import DataError
from pellucid.tasks.task import Task, task, wide


def as_numbers(column: RawColumn) -> np.ndarray:
    """float64 `(rows,)`: the column as numbers, NaN where it has none."""
    if column.values.dtype.kind == "f":
        return column.values.astype(np.float64)
    numbers = np.full(len(column), np.nan)
    for row, value in enumerate(column.values):
        try:
            numbers[row] = float(value)
        except (TypeError, ValueError):
            continue
    return numbers


@task
class Regress(Task):
    """Targets float32 `(rows, targets)` in units of spread; output the same."""

    kind = "regress"

    def __init__(
        self,
        names: list[str],
        center: list[float],
        spread: list[float],
        lowest: list[float],
        highest: list[float],
    ) -> None:
        self.names, self.outputs = names, len(names)
        self.metric = "RMSE" if len(names) == 1 else "R2"
        self.center, self.spread = np.array(center), np.array(spread)
        self.lowest, self.highest = np.array(lowest), np.array(highest)

    @classmethod
    def fit(cls, targets: list[RawColumn]) -> Regress:
        numbers = np.stack([as_numbers(column) for column in targets], axis=1)
        numbers = numbers[np.isfinite(numbers).all(1)]
        for index, column in enumerate(targets):
            if len(numbers) == 0 or np.ptp(numbers[:, index]) == 0:
                raise DataError(
                    "there is nothing to predict: the target "
                    + (
                        "has no numbers"
                        if len(numbers) == 0
                        else f"is always {numbers[0, index]:g}"
                    ),
                    where=f"column '{column.name}'",
                    fix="name another --target",
                )
        return cls(
            [column.name for column in targets],
            numbers.mean(0).tolist(),
            numbers.std(0).tolist(),
            numbers.min(0).tolist(),
            numbers.max(0).tolist(),
        )

    def encode(self, targets: list[RawColumn]) -> tuple[Tensor, dict[int, str]]:
        numbers = np.stack([as_numbers(column) for column in targets], axis=1)
        problems: dict[int, str] = {}
        for row in np.flatnonzero(~np.isfinite(numbers).all(1)):
            bad = int(np.flatnonzero(~np.isfinite(numbers[row]))[0])
            problems[int(row)] = f"the target '{self.names[bad]}' is missing or no number"
        scaled = np.nan_to_num((numbers - self.center) / self.spread, posinf=0.0, neginf=0.0)
        return torch.from_numpy(scaled.astype(np.float32)), problems

    def labels(self, target: Tensor) -> np.ndarray:
        return bins_of(target[:, 0].cpu().numpy())

    def loss(self, output: Tensor, target: Tensor, smoothing: float = 0.0) -> Tensor:
        if output.ndim == 3:
            target = target.unsqueeze(1)
        return (wide(output) - target).square().flatten(1).mean(1)

    def prediction(self, output: Tensor) -> np.ndarray:
        scaled = output.double()
        if scaled.ndim == 3:
            scaled = scaled.mean(1)
        numbers = scaled.cpu().numpy() * self.spread + self.center
        # Never beyond what was seen: a network extrapolates wildly (RealMLP does the same).
        return np.clip(numbers, self.lowest, self.highest)

    def truth(self, target: Tensor) -> np.ndarray:
        return target.double().cpu().numpy() * self.spread + self.center

    def answers(self, prediction: np.ndarray) -> list[dict[str, Any]]:
        if self.outputs == 1:
            return [{"answer": float(row[0])} for row in prediction]
        return [
            {"answer": dict(zip(self.names, map(float, row), strict=True))} for row in prediction
        ]

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "target": ", ".join(self.names),
            "names": self.names,
            "center": self.center.tolist(),
            "spread": self.spread.tolist(),
            "lowest": self.lowest.tolist(),
            "highest": self.highest.tolist(),
            "metric": self.metric,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Regress:
        return cls(data["names"], data["center"], data["spread"], data["lowest"], data["highest"])
