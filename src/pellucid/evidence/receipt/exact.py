"""The same batch through a copy in 64-bit floats: exact gradients, and weights turned by a hair."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.evidence.receipt.made import Made
from pellucid.evidence.receipt.numbers import InDoubles, Still, relative
from pellucid.evidence.receipt.parts import Index, Turned
from pellucid.evidence.receipt.passages import doubled

TURNS = (1e-5, 1e-6, 1e-7)
"""How far a weight is turned up and down, in 64-bit floats. The first is the most exact (to about
1e-10), but a ReLU or a maximum that switches on the way bends the loss; nearer there are fewer."""
BENT = 1e-3
"""At the smallest turn the slopes of both sides of a smooth loss differ far less than this."""
TURNED_WELL = 1e-5
"""A slope that meets the gradient so well is met: no smaller turn is tried."""

Given = Mapping[str, Sequence[Tensor | None]]
"""What each module gave at each call, by its name; None if that is not one tensor of floats."""


class Exact:
    """The step in 64-bit floats. loss: of the batch. gradients: of it, by each parameter."""

    def __init__(self, made: Made) -> None:
        self.made = made
        self.model = copy.deepcopy(made.learner.model).double().train()
        inputs, target = made.changed()
        self.inputs = {group: doubled(value) for group, value in inputs.items()}
        self.target = doubled(target)
        self.weights = {n: p for n, p in self.model.named_parameters() if p.requires_grad}
        self.still = Still()
        loss = self._loss(self.still)
        self.gradients = self._gradients(loss)
        self.loss = float(loss.detach())

    def _loss(self, still: AbstractContextManager[Any]) -> Tensor:
        made = self.made
        made.changed()  # draws what the step drew before its dropout
        with InDoubles(), still:
            output = self.model(self.inputs)
            return made.task.loss(output, self.target, made.plan.label_smoothing).mean()

    def _gradients(self, loss: Tensor) -> dict[str, Tensor]:
        found = torch.autograd.grad(loss, list(self.weights.values()), allow_unused=True)
        return {
            name: torch.zeros_like(self.weights[name]) if gradient is None else gradient
            for name, gradient in zip(self.weights, found, strict=True)
        }

    def gradients_at(self, given: Given) -> dict[str, Tensor]:
        """The gradients where each module gives the step's own values.

        In 16-bit floats a value near 0 may round to the other side, where a ReLU lets nothing
        through: two right gradients may differ by half. At the same values they differ by rounding
        on the way back alone.
        """
        with _held(self.model, given):
            return self._gradients(self._loss(nullcontext()))

    # --- weights turned up and down -----------------------------------------------------------

    def turn(self, name: str, index: Index) -> tuple[Turned, float | None]:
        """One weight turned up and down, ever less until the slope meets the gradient; and the gap
        that is left. A wrong gradient is met at no distance.

        The gap is None where the loss has a bend exactly here, so that it has no slope: a word that
        stands in a text twice is the largest number twice, until learning tells its places apart.
        """
        exact = self.gradients[name]
        floor = 1e-3 * float(exact.abs().max()) + 1e-6
        tried = []
        for turn in TURNS:
            turned = self._turn_by(turn, name, index)
            tried.append((turned, relative(turned.slope, float(exact[index]), floor)))
            if tried[-1][1] <= TURNED_WELL:
                return tried[-1]
        sides = (tried[-1][0].up - self.loss, self.loss - tried[-1][0].down)
        if relative(sides[0] / TURNS[-1], sides[1] / TURNS[-1], floor) > BENT:
            return tried[-1][0], None
        return min(tried, key=lambda one: one[1])

    @torch.no_grad()
    def _turn_by(self, turn: float, name: str, index: Index) -> Turned:
        weight = self.weights[name]
        before = weight[index].clone()
        losses = []
        for sign in (1, -1):
            weight[index] = before + sign * turn
            losses.append(float(self._loss(self.still)))
        weight[index] = before
        return Turned(turn, losses[0], losses[1], (losses[0] - losses[1]) / (2 * turn))


@contextmanager
def _held(model: nn.Module, given: Given) -> Iterator[None]:
    """Every module gives these values, while blame goes back through it as if it had made them."""

    def hold(calls: Iterator[Tensor | None]) -> Any:
        def held(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> Tensor | None:
            value = next(calls)
            return None if value is None else output + (value.double() - output).detach()

        return held

    hooks = [
        module.register_forward_hook(hold(iter(given[name])))
        for name, module in model.named_modules()
        if name in given
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
