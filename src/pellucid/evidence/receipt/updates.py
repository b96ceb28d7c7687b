"""The update by hand: what each of the optimizer's rules makes of a gradient."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from pellucid.evidence.receipt.numbers import said
from pellucid.evidence.receipt.parts import Index, Line
from pellucid.learning.optimizer import BETAS, EPS, MOMENTUM, Group, orthogonalize

# --- whole parameters -------------------------------------------------------------------------


def updated(
    weight: Tensor, gradient: Tensor, memory: Mapping[str, Tensor], group: Group, rate: float
) -> Tensor:
    """A parameter after its rule's update, term by term in the optimizer's own 32-bit floats.

    Args:
        gradient: After clipping. memory: The rule's, before the update, without the name.
        rate: The scheduled one, before the group's own factor.
    """
    rate = rate * group.rate_scale
    if group.rule == "muon":
        return _muon_updated(weight, gradient, memory["momentum"], group.weight_decay, rate)
    count = float(memory["step"]) + 1
    average = torch.lerp(memory["exp_avg"], gradient, 1 - BETAS[0])
    squares = memory["exp_avg_sq"] * BETAS[1] + (1 - BETAS[1]) * gradient * gradient
    spread = squares.sqrt() / math.sqrt(1 - BETAS[1] ** count) + EPS
    move = rate / (1 - BETAS[0] ** count) * average / spread
    return weight * (1 - rate * group.weight_decay) - move


def _muon_updated(
    weight: Tensor, gradient: Tensor, momentum: Tensor, weight_decay: float, rate: float
) -> Tensor:
    change = muon_change(gradient, momentum)[1]
    shrinking = (change * weight >= 0).to(weight.dtype)
    return weight - rate * weight_decay * weight * shrinking - rate * change


def muon_change(gradient: Tensor, momentum: Tensor) -> tuple[Tensor, Tensor]:
    """The direction that Muon looks ahead to, and what it makes of it; both like the weight."""
    ahead = torch.lerp(gradient, torch.lerp(momentum, gradient, 1 - MOMENTUM), MOMENTUM)
    matrix = ahead.flatten(1)
    even = orthogonalize(matrix[None], 3 if gradient.ndim > 2 else 5)[0].to(matrix.dtype)
    even = even * math.sqrt(max(1.0, matrix.shape[0] / matrix.shape[1]))
    return ahead, even.reshape(gradient.shape)


# --- one weight, line by line -----------------------------------------------------------------


def update_lines(
    weight: Tensor,
    gradient: Tensor,
    memory: Mapping[str, Tensor],
    group: Group,
    rate: float,
    index: Index,
) -> list[Line]:
    """The optimizer's arithmetic for one weight, line by line; gradient after clipping."""
    own = rate * group.rate_scale
    if group.rule == "muon":
        return _muon_lines(weight, gradient, memory["momentum"], group, own, index)
    w, g = float(weight[index]), float(gradient[index])
    m, v = float(memory["exp_avg"][index]), float(memory["exp_avg_sq"][index])
    count = int(memory["step"]) + 1
    fast, slow = BETAS
    average, squares = fast * m + (1 - fast) * g, slow * v + (1 - slow) * g * g
    usual, size = average / (1 - fast**count), squares / (1 - slow**count)
    kept = w * (1 - own * group.weight_decay)
    move = own * usual / (math.sqrt(size) + EPS)
    lines = [
        Line("average of gradients", f"{fast:g} × {said(m)} + {1 - fast:.2g} × {said(g)}", average),
        Line(
            "average of squares", f"{slow:g} × {said(v)} + {1 - slow:.2g} × ({said(g)})²", squares
        ),
        Line(
            "both, as if known from the start",
            f"{said(average)} / (1 − {fast:g}^{count});  {said(squares)} / (1 − {slow:g}^{count})"
            f" = {said(size)}",
            usual,
        ),
        Line("step", f"{said(own)} × {said(usual)} / (√{said(size)} + {EPS:g})", move),
    ]
    if group.weight_decay:
        lines.append(
            Line(
                "weight, decayed",
                f"{said(w, 7)} × (1 − {said(own)} × {group.weight_decay:g})",
                kept,
            )
        )
    return [*lines, Line("new weight", f"{said(kept, 7)} − {said(move)}", kept - move)]


def _muon_lines(
    weight: Tensor, gradient: Tensor, momentum: Tensor, group: Group, rate: float, index: Index
) -> list[Line]:
    w, g, m = float(weight[index]), float(gradient[index]), float(momentum[index])
    ahead, change = muon_change(gradient, momentum)
    before, after = (torch.linalg.svdvals(part.flatten(1).double()) for part in (ahead, change))
    rows, columns = ahead.flatten(1).shape
    stretch = math.sqrt(max(1.0, rows / columns))
    after = after / stretch
    moment = MOMENTUM * m + (1 - MOMENTUM) * g
    mine, even = float(ahead[index]), float(change[index])
    decay = group.weight_decay if even * w >= 0 else 0.0
    lines = [
        Line("momentum", f"{MOMENTUM:g} × {said(m)} + {1 - MOMENTUM:.2g} × {said(g)}", moment),
        Line(
            "one step ahead",
            f"{MOMENTUM:g} × {said(moment)} + {1 - MOMENTUM:.2g} × {said(g)}",
            mine,
        ),
        Line(
            "evened out with its whole matrix",
            f"{rows} × {columns} numbers: strengths of its directions {float(before[-1]):.2g} to"
            f" {float(before[0]):.2g} become {float(after[-1]):.2g} to {float(after[0]):.2g}",
            even / stretch,
        ),
    ]
    if stretch > 1:
        lines.append(
            Line("a tall matrix moves more", f"× √({rows} / {columns}) = × {stretch:.4g}", even)
        )
    formula = f"{said(w, 7)} − {said(rate)} × {said(even)}"
    if decay:
        formula += f" − {said(rate)} × {decay:g} × {said(w)}"
    return [*lines, Line("new weight", formula, w - rate * even - rate * decay * w)]
