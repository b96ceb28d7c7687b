"""The plain neural network: layers of neurons, each connected to all of the layer before.

It knows no neighbors: a picture is one long row of pixels to it (`flat.py`), a text the mean and
the maximum of its words' vectors (`pool.py`).
"""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.config import Size
from pellucid.network.family import Masked, Network, network
from pellucid.network.tap import tap


@network
class Mlp(Network):
    """Multilayer perceptron: `depth` times a weighted sum and a bend.

    Reads `(batch, in_width)`, returns `(batch, width)`.
    """

    name = "mlp"
    ranks = frozenset({0})
    members: ClassVar[int] = 1

    def __init__(self, in_width: int, size: Size, positions: tuple[int, ...] = ()) -> None:
        super().__init__(in_width, size, positions)
        self.width = size.width
        widths = [in_width] + [size.width] * size.depth
        self.layers = nn.ModuleList(_layer(*pair) for pair in pairwise(widths))
        self.dropout = nn.Dropout(size.dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Masked:
        for number, layer in enumerate(self.layers, start=1):
            x = tap(f"layer {number} / sum", layer(x))
            x = self.dropout(tap(f"layer {number} / activation", F.silu(x)))
        return x, mask


def _layer(in_width: int, width: int) -> nn.Linear:
    """A layer whose sums start as spread out as its inputs are, once bent (He et al. 2015)."""
    layer = nn.Linear(in_width, width)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)
    return layer
