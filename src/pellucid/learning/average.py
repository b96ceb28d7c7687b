"""The average of the weights along the way: often better than where the way ends.

The last updates wander around a good place; their average is nearer to it than each of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from pellucid.config import Plan

SNAPSHOTS = 32
"""Looks at the weights within the window; more would cost time and change nothing."""


class Average:
    """Moving average of a model's weights over about the last `plan.average * plan.steps` updates.

    While fewer updates than the window have been made it is the plain mean of all of them. The
    running means and variances of batch normalization are averaged like the weights: they belong
    to weights that differ little, and no second pass over the data is needed.
    """

    def __init__(self, model: nn.Module, plan: Plan) -> None:
        self.window = max(1.0, plan.average * plan.steps)
        self.every = max(1, round(self.window / SNAPSHOTS))
        self._live = _averaged(model)
        self._mean = {name: value.detach().clone() for name, value in self._live.items()}
        self._count = torch.zeros((), dtype=torch.int64)

    @torch.no_grad()
    def update(self, number: int) -> None:
        """Take in the weights as they are after `number` updates."""
        if number % self.every:
            return
        self._count += 1
        weight = max(1 / int(self._count), self.every / self.window)
        torch._foreach_lerp_(list(self._mean.values()), list(self._live.values()), min(weight, 1.0))

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """Inside the block the model has the averaged weights; afterwards its own, unchanged."""
        own = [value.detach().clone() for value in self._live.values()]
        self._put(list(self._mean.values()))
        try:
            yield
        finally:
            self._put(own)

    @torch.no_grad()
    def _put(self, values: list[Tensor]) -> None:
        torch._foreach_copy_(list(self._live.values()), values)

    def state_dict(self) -> dict[str, Tensor]:
        """The averaged values by name, and `count`; the live tensors, not copies."""
        return {**self._mean, "count": self._count}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue from `state_dict()` of an average of the same model."""
        own = self.state_dict()
        if set(own) != set(state):
            raise ValueError(f"state of another model: {sorted(set(own) ^ set(state))[:5]}")
        for name, value in own.items():
            value.copy_(state[name])


def _averaged(model: nn.Module) -> dict[str, Tensor]:
    """The tensors that learning changes: trained parameters and running statistics."""
    values: dict[str, Tensor] = {n: p for n, p in model.named_parameters() if p.requires_grad}
    for name, buffer in model.named_buffers():
        if name.rpartition(".")[2] in ("running_mean", "running_var"):
            values[name] = buffer
    return values
