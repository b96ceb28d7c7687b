"""The same batch through another copy that is watched: values between the layers, and blame."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from pellucid.evidence.receipt.made import Made
from pellucid.evidence.receipt.passages import overhear, overhear_values, silenced
from pellucid.network.tap import watch


class Watched:
    """Everything that a forward and a backward pass show.

    inputs, target: the batch with the step's random changes. values: by name, what the network's
    author named. passages: by name, its layers with weights. given: by name, what each module gave
    at each call. output: float64; losses: float64 `(batch,)`. value_blame, blame, gradients:
    derivatives of the mean loss by the values, by the output, and by each parameter.
    """

    def __init__(self, made: Made) -> None:
        self.made = made
        model = copy.deepcopy(made.learner.model).train()
        with watch() as values, overhear(model) as passages, overhear_values(model) as given:
            changed = made.changed()
            output, losses = made.losses(model, changed)
        self.inputs, self.target = changed
        for passage in passages.values():
            passage.belongs_to(len(losses))
        self.values, self.passages, self.given = values, passages, given
        self.parameters = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self._send_back(output, losses)
        self.output, self.losses = output.detach().double(), losses.detach().double()

    def _send_back(self, output: Tensor, losses: Tensor) -> None:
        """One backward pass for everything at once."""
        values = {n: v for n, v in self.values.items() if v.requires_grad}
        layers = {n: p for n, p in self.passages.items() if p.output.requires_grad}
        wanted = [*values.values(), *(passage.output for passage in layers.values())]
        wanted += [output, *self.parameters.values()]
        found = iter(torch.autograd.grad(losses.mean(), wanted, allow_unused=True))
        blames = {name: next(found) for name in values}
        self.value_blame = {n: blame for n, blame in blames.items() if blame is not None}
        for passage in layers.values():
            passage.blame = next(found)
        self.blame: Tensor = next(found).detach().double()
        gradients = {name: next(found) for name in self.parameters}
        self.gradients: dict[str, Tensor] = {
            name: torch.zeros_like(self.parameters[name]) if gradient is None else gradient
            for name, gradient in gradients.items()
        }

    def favorite(self) -> str:
        """The parameter whose weight is followed unless another is asked: the answer layer's, or
        the last one that is used once and example by example."""
        weights = [name for name in reversed(self.passages) if f"{name}.weight" in self.gradients]
        plain = [name for name in weights if self.passages[name].plain]
        for name in (*plain, *weights):
            return f"{name}.weight"
        return next(reversed(self.gradients))

    def elsewhere(self, parameter: str) -> Tensor:
        """The part of a parameter's gradient that comes from other places than its layer's last
        call, in the shape of the parameter: all of it where no layer was called."""
        layer = parameter.rpartition(".")[0]
        if layer not in self.passages:
            return self.gradients[parameter]
        model = copy.deepcopy(self.made.learner.model).train()
        own = model.get_parameter(parameter)
        with silenced(model.get_submodule(layer), self.passages[layer].calls):
            losses = self.made.losses(model, self.made.changed())[1]
        if not losses.requires_grad:
            return torch.zeros_like(own)
        (found,) = torch.autograd.grad(losses.mean(), own, allow_unused=True)
        return torch.zeros_like(own) if found is None else found

    def own(self, layer: str) -> list[str]:
        """Names of a layer's own parameters."""
        return [name for name in self.gradients if name.rpartition(".")[0] == layer]
