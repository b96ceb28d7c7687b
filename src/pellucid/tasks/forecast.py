"""What comes next? A future told as nine quantiles of each step.

The loss is the pinball loss (Koenker and Bassett 1978): answering the tau-quantile, being too low
costs tau and being too high 1 - tau for each unit missed, so that the cheapest answer is the
number that the truth stays under with probability tau. Targets are in units of each series' usual
error, which makes all series count alike and the median's error the MASE.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from pellucid.tasks.task import Objective, wide

QUANTILES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
MEDIAN = QUANTILES.index(0.5)
UNKNOWN_SHARE = 0.1
"""Share of the examples whose series is hidden while learning, so that a series that was never
seen can be answered as well."""


class Forecast(Objective):
    """Targets float32 `(batch, horizon)`, NaN where nothing is asked; outputs
    `(batch, members, horizon, quantiles)`, or without members."""

    kind: ClassVar[str] = "forecast"

    def __init__(self, horizon: int) -> None:
        self.horizon = horizon
        self.outputs = horizon * len(QUANTILES)

    def loss(self, output: Tensor, target: Tensor, smoothing: float = 0.0) -> Tensor:
        each = pinball(wide(output), self._beside(output, target))
        asked = (~target.isnan()).sum(1).clamp(min=1)
        if output.ndim == 4:
            each = each.mean(1)
        return each.mean(-1).sum(1) / asked

    def vary(self, inputs: dict[str, Tensor], target: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        hidden = torch.rand(len(target), 1, device=target.device) < UNKNOWN_SHARE
        return inputs | {"series": inputs["series"].masked_fill(hidden, 0)}, target

    def kept(self, output: Tensor, target: Tensor) -> Tensor:
        """The members' mean `(batch, horizon, quantiles)`: of quantiles it is their mean again
        (Vincent 1912), and stays in order."""
        return together(output)

    def _beside(self, output: Tensor, target: Tensor) -> Tensor:
        target = target[..., None]
        return target[:, None] if output.ndim == 4 else target


def pinball(quantiles: Tensor, target: Tensor) -> Tensor:
    """Twice the pinball loss of each quantile `(..., quantiles)`, so that the median costs its
    absolute error; 0 where the target `(..., 1)` is NaN."""
    share = torch.tensor(QUANTILES, dtype=quantiles.dtype, device=quantiles.device)
    missed = target.nan_to_num() - quantiles
    each = 2 * torch.maximum(share * missed, (share - 1) * missed)
    return each.masked_fill(target.isnan(), 0.0)


def together(output: Tensor) -> Tensor:
    """`(batch, horizon, quantiles)`: the mean over members, if there are some."""
    return output.mean(1) if output.ndim == 4 else output
