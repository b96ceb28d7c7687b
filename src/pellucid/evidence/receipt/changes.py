"""New weights, and the same batch through them: what the step changed."""

from __future__ import annotations

import copy

import torch

from pellucid.evidence.receipt.made import Made
from pellucid.evidence.receipt.parts import Again, Update, Weights
from pellucid.evidence.receipt.watched import Watched


def update_of(made: Made) -> Update:
    """The step's size, and which rule changes what."""
    norm = float(made.step.gradient_norm)
    rules = {f"{group.role}: {group.rule}": group.why for group in made.groups}
    return Update(made.step.rate, norm, made.shrunk, made.plan.clip, rules)


def weights_of(made: Made, watched: Watched, name: str) -> Weights:
    """One parameter: lengths of it, of its gradient and of its change."""
    before, group = made.before(name), made.group(name)
    norm, change = float(before.norm()), float((made.new(name) - before).norm())
    return Weights(
        name,
        name.rpartition(".")[0],
        tuple(before.shape),
        before.numel(),
        group.role,
        group.rule,
        norm,
        float(watched.gradients[name].norm()),
        change,
        change / norm if norm else None,
    )


@torch.no_grad()
def again(made: Made, watched: Watched, place: int) -> Again:
    """The same batch, with the same random changes, through the new weights."""
    model = copy.deepcopy(made.after.model).train()
    _, losses = made.losses(model, made.changed())
    after = losses.double()
    return Again(
        float(after.mean()),
        float(after[place]),
        tuple(after.tolist()),
        int((after < watched.losses).sum()),
    )
