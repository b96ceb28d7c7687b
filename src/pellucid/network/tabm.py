"""Many small opinions from one network: the ensemble for tables.

TabM (Gorishniy et al. 2025) trains `members` networks that share their weight matrices. Each
member stretches what goes into a matrix and what comes out of it in its own way, which is cheap,
and enough to make the members disagree where the data leaves room. Their mean answer is steadier
than the answer of one network that cost as much.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.config import Size
from pellucid.network.family import Masked, Network, network
from pellucid.network.tap import tap


class SharedLinear(nn.Module):
    """One weight matrix for all members; stretches before and after it and a bias for each.

    Computes `stretch_out * (W (stretch_in * x)) + bias` (BatchEnsemble, Wen et al. 2020).
    """

    roles: ClassVar[dict[str, str]] = dict.fromkeys(("stretch_in", "stretch_out", "bias"), "scalar")

    def __init__(self, members: int, in_width: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width, in_width))
        self.stretch_in = nn.Parameter(torch.ones(members, in_width))
        self.stretch_out = nn.Parameter(torch.ones(members, width))
        self.bias = nn.Parameter(torch.zeros(members, width))
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """`(batch, members or 1, in_width)` -> `(batch, members, width)`."""
        # Under 16-bit autocast values between layers are 16-bit: staying there halves the memory
        # traffic, which takes half of the time.
        sums = (x * self.stretch_in.to(x.dtype)) @ self.weight.T
        return torch.addcmul(self.bias.to(sums.dtype), sums, self.stretch_out.to(sums.dtype))


@network
class TabM(Network):
    """Ensemble of `members` multilayer perceptrons with shared weights.

    Reads `(batch, in_width)` or `(batch, features, embed)`, returns `(batch, members, width)`.

    Args:
        in_width: Floats of a row, all features together.
        size: Width and depth of each member.
        positions: Always ().
    """

    name = "tabm"
    ranks = frozenset({0})
    members: ClassVar[int] = 16

    def __init__(self, in_width: int, size: Size, positions: tuple[int, ...] = ()) -> None:
        super().__init__(in_width, size, positions)
        self.width = size.width
        widths = [in_width] + [size.width] * size.depth
        layers = [SharedLinear(self.members, *pair) for pair in pairwise(widths)]
        # The members must differ before the first matrix mixes features, or they stay alike.
        signs = 2.0 * torch.randint(0, 2, (self.members, in_width)) - 1.0
        layers[0].stretch_in.data.copy_(signs)
        self.layers = nn.ModuleList(layers)
        self.dropout = nn.Dropout(size.dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Masked:
        x = x.flatten(1)[:, None, :]  # every member starts from the same row
        for number, layer in enumerate(self.layers, start=1):
            x = tap(f"layer {number} / sum", layer(x))
            x = self.dropout(tap(f"layer {number} / activation", F.silu(x)))
        return x, mask


class Heads(nn.Module):
    """A last layer for each member: `(batch, members, width)` -> `(batch, members, outputs)`.

    The loss is the mean of the members' losses, so that each learns to answer alone; for the
    answer their probabilities (or predicted numbers) are averaged.
    """

    roles: ClassVar[dict[str, str]] = {"bias": "scalar"}

    def __init__(self, members: int, width: int, outputs: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(width)
        self.weight = nn.Parameter(torch.empty(members, width, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(members, outputs).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        # (members, batch, width) @ (members, width, outputs)
        return torch.bmm(x.transpose(0, 1), self.weight).transpose(0, 1) + self.bias
