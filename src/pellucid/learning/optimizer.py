"""Step 7, the weight update: useful connections get stronger, misleading ones weaker.

Backpropagation leaves in every parameter the direction in which the loss grows. A rule turns that
direction into a change; the schedule says how large a change is at this moment.

AdamW (Loshchilov and Hutter 2019) moves every number by about the learning rate, whatever the
size of its gradient. Muon (Jordan 2024) treats a weight matrix as a whole: it moves it in all its
directions by the same amount, which takes fewer steps, but costs some matrix products a step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

import torch
from torch import Tensor, nn

from pellucid.config import Plan

Role = Literal["hidden", "embedding", "head", "scalar"]

BETAS = (0.9, 0.99)
"""How slowly AdamW forgets gradients and their squares; .99 suits runs of a few thousand steps."""
EPS = 1e-8
MOMENTUM = 0.95
"""How slowly Muon forgets gradients."""
ADAM_SHARE = 0.1
"""Rate of the parameters that Muon leaves to AdamW, as a share of Muon's own rate."""

_WHY: dict[Role, str] = {
    "hidden": "a matrix between hidden layers",
    "embedding": "a table of vectors: only the rows that were looked up have a gradient",
    "head": "the last layer: its rows are answers, not directions",
    "scalar": "numbers that shift or stretch one neuron each: never decayed",
}


@dataclass
class Group:
    """Parameters that one rule updates.

    rule: "adamw" or "muon". rate_scale: factor on the scheduled rate. weight_decay: share of a
    weight, times the rate, that is taken away at each step. why: the reason, for display.
    """

    role: Role
    rule: Literal["adamw", "muon"]
    rate_scale: float
    weight_decay: float
    why: str
    parameters: dict[str, nn.Parameter] = field(default_factory=dict)


class Optimizer:
    """Updates a model's parameters by the plan's rule and schedule.

    A parameter's role follows from where it stands: weights of `nn.Embedding` are embeddings,
    everything below `model.head` is the head, other tensors with two or more axes are hidden
    matrices, the rest are scalars. A module whose parameters only look like matrices says so in a
    class attribute, `roles = {"weight": "scalar"}`. A parameter with an attribute `rate_scale`
    (float) learns at that multiple of the scheduled rate.

    groups: which parameters go to which rule, and why.
    """

    def __init__(self, model: nn.Module, plan: Plan) -> None:
        self.plan = plan
        self.groups = _groups(model, plan)
        self._parameters = [p for group in self.groups for p in group.parameters.values()]
        self._rules = [RULES[group.rule](group) for group in self.groups]

    def rate(self, number: int) -> float:
        """The learning rate of the update that follows `number` earlier ones.

        Rises over the share `warm` of the steps, stays for the share `flat`, then falls in a
        straight line; `rate(plan.steps)` is exactly 0.
        """
        plan = self.plan
        warm, top = plan.warm * plan.steps, (plan.warm + plan.flat) * plan.steps
        rise = min(1.0, (number + 1) / warm) if warm > 0 else 1.0
        fall = (plan.steps - number) / max(plan.steps - top, 1.0)
        return plan.rate * min(rise, max(0.0, min(1.0, fall)))

    def zero_grad(self) -> None:
        """Forget the last gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self, number: int) -> Tensor:
        """Update every parameter once; `number` counts the updates before this one, from 0.

        Returns the norm of the whole gradient before clipping, a float32 tensor `()`.
        """
        norm = self._clip()
        rate = self.rate(number)
        for rule in self._rules:
            rule.step(rate)
        return norm

    def _clip(self) -> Tensor:
        """Shrink the gradient to the length `plan.clip` if it is longer."""
        gradients = [p.grad for p in self._parameters if p.grad is not None]
        norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        if self.plan.clip is not None:
            shrink = (self.plan.clip / (norm + 1e-6)).clamp(max=1.0)
            # Asking is free on a CPU and saves a pass over the gradients; a GPU would have to wait.
            if norm.device.type != "cpu" or shrink < 1:
                torch._foreach_mul_(gradients, shrink)
        return norm

    def state_dict(self) -> dict[str, Tensor]:
        """Everything the next step depends on besides weights and plan, by readable names.

        The tensors are the live ones: save or copy them before the next step.
        """
        state: dict[str, Tensor] = {}
        for rule in self._rules:
            state.update(rule.state())
        return state

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Continue from `state_dict()` of an optimizer of the same model and plan."""
        own = self.state_dict()
        if set(own) != set(state):
            raise ValueError(f"state of another model: {sorted(set(own) ^ set(state))[:5]}")
        for name, value in own.items():
            value.copy_(state[name])


# --- which parameter goes where --------------------------------------------------------------


def _groups(model: nn.Module, plan: Plan) -> list[Group]:
    """Sort the parameters by role and rate; the order is that of the model."""
    groups: dict[tuple[Role, float], Group] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        role = _role(model, name, parameter)
        scale = float(getattr(parameter, "rate_scale", 1.0))
        if (role, scale) not in groups:
            groups[role, scale] = _group(role, scale, plan)
        groups[role, scale].parameters[name] = parameter
    return list(groups.values())


def _role(model: nn.Module, name: str, parameter: nn.Parameter) -> Role:
    owner, _, own_name = name.rpartition(".")
    module = model.get_submodule(owner)
    declared: dict[str, Role] = getattr(module, "roles", {})
    if own_name in declared:
        return declared[own_name]
    if isinstance(module, nn.Embedding | nn.EmbeddingBag):
        return "embedding"
    # Depthwise kernels are many small filters side by side, no map from all inputs to all outputs.
    depthwise = getattr(module, "groups", 1) > 1
    if parameter.ndim < 2 or depthwise:
        return "scalar"
    return "head" if name.partition(".")[0] == "head" else "hidden"


def _group(role: Role, scale: float, plan: Plan) -> Group:
    """The rule for one role."""
    decay = plan.weight_decay if role in ("hidden", "head") else 0.0
    if plan.optimizer == "muon" and role == "hidden":
        return Group(role, "muon", scale, decay, _WHY[role])
    if plan.optimizer == "muon":
        scale *= ADAM_SHARE
    return Group(role, "adamw", scale, decay, _WHY[role])


# --- the two rules ---------------------------------------------------------------------------


class _AdamW:
    """AdamW by PyTorch's fused kernel: one pass over the memory instead of one for each term.

    The kernel is called directly: `torch.optim.AdamW` computes the same but imports the compiler
    with its first object, which takes longer than learning from a small table.
    """

    def __init__(self, group: Group) -> None:
        self.group = group
        self.memory = {
            name: {
                "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
            for name, parameter in group.parameters.items()
        }

    def step(self, rate: float) -> None:
        moved = [
            (p, p.grad, self.memory[name])
            for name, p in self.group.parameters.items()
            if p.grad is not None
        ]
        if not moved:
            return
        parameters, gradients, memory = (list(part) for part in zip(*moved))
        torch._foreach_add_([one["step"] for one in memory], 1)
        torch._fused_adamw_(
            parameters,
            gradients,
            [one["exp_avg"] for one in memory],
            [one["exp_avg_sq"] for one in memory],
            [],
            [one["step"] for one in memory],
            lr=rate * self.group.rate_scale,
            beta1=BETAS[0],
            beta2=BETAS[1],
            weight_decay=self.group.weight_decay,
            eps=EPS,
            amsgrad=False,
            maximize=False,
        )

    def state(self) -> dict[str, Tensor]:
        return {
            f"{name}/{part}": value
            for name, memory in self.memory.items()
            for part, value in memory.items()
        }


class _Muon:
    """Momentum, orthogonalized: U V' of its singular value decomposition takes its place.

    Weight decay is cautious: a weight decays only where the update shrinks it anyway.
    """

    def __init__(self, group: Group) -> None:
        self.group = group
        self.momentum = {name: torch.zeros_like(p) for name, p in group.parameters.items()}
        self.stacks: dict[tuple[int, int, int], list[str]] = {}
        for name, parameter in group.parameters.items():
            # Kernels of a convolution collect their gradient at many places: 3 steps are enough.
            steps = 3 if parameter.ndim > 2 else 5
            kind = (parameter.shape[0], parameter[0].numel(), steps)
            self.stacks.setdefault(kind, []).append(name)

    def step(self, rate: float) -> None:
        for (*_, steps), names in self.stacks.items():
            present = [name for name in names if self._gradient(name) is not None]
            self._step_stack(present, steps, rate)

    def _step_stack(self, names: list[str], steps: int, rate: float) -> None:
        """Update matrices of one shape together: one batched product instead of many small ones."""
        if not names:
            return
        weights = [self.group.parameters[name] for name in names]
        gradients = [gradient for name in names if (gradient := self._gradient(name)) is not None]
        momenta = [self.momentum[name] for name in names]
        torch._foreach_lerp_(momenta, gradients, 1 - MOMENTUM)
        ahead = torch._foreach_lerp(gradients, momenta, MOMENTUM)  # Nesterov: one step ahead
        stacked = torch.stack([matrix.flatten(1) for matrix in ahead])  # (matrices, out, in)
        updates = orthogonalize(stacked, steps).to(stacked.dtype)
        updates *= math.sqrt(max(1.0, stacked.shape[1] / stacked.shape[2]))
        rate = rate * self.group.rate_scale
        for weight, update in zip(weights, updates.unbind(), strict=True):
            change = update.reshape(weight.shape)
            shrinking = change * weight >= 0
            decay = rate * self.group.weight_decay
            weight.sub_(weight * shrinking, alpha=decay).sub_(change, alpha=rate)

    def _gradient(self, name: str) -> Tensor | None:
        return self.group.parameters[name].grad

    def state(self) -> dict[str, Tensor]:
        return {f"{name}/momentum": value for name, value in self.momentum.items()}


RULES: dict[str, type[_AdamW] | type[_Muon]] = {"adamw": _AdamW, "muon": _Muon}


def orthogonalize(matrices: Tensor, steps: int = 5) -> Tensor:
    """The nearest matrices whose singular values are all about 1, `(n, rows, columns)`.

    Newton-Schulz iteration: an odd polynomial of a matrix acts on its singular values alone;
    these coefficients drive all of them into .7 to 1.2 (K. Jordan, Muon, 2024). The iteration
    forgives rounding, so it runs in bfloat16 where that is fast; bfloat16 is returned then.
    """
    wide = matrices.shape[1] <= matrices.shape[2]
    x = matrices if wide else matrices.mT  # the smaller side's products are cheaper
    x = x / (x.norm(dim=(1, 2), keepdim=True) * 1.01 + 1e-7)
    if _fast_bfloat16(x.device):
        x = x.bfloat16()
    for _ in range(steps):
        gram = x @ x.mT
        inner = torch.baddbmm(gram, gram, gram, beta=-4.7750, alpha=2.0315)
        x = torch.baddbmm(x, inner, x, beta=3.4445)
    return x if wide else x.mT


@cache
def _fast_bfloat16(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 have hardware of their own."""
    if device.type != "cpu":
        return device.type == "cuda"
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16") or able.get("arm_bf16"))
