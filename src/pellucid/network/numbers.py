"""From one number to a vector: how plain numbers enter a network.

A network sees a single number as a direction: more of it means more of everything behind it. As a
vector, low, middle and high values can mean three different things, which is what lets a network
follow the steps and bumps that decision trees find in tables (Gorishniy et al. 2022).
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from pellucid.network.tap import tap


class Plain(nn.Module):
    """Each number as it is, a vector of length 1: for tables with too few rows to learn bends from.

    TabM with it was better than with bins on breast cancer, wine and diabetes (110 to 360 rows to
    learn from).
    """

    width = 1

    def forward(self, x: Tensor) -> Tensor:
        """Numbers `(batch, features)` -> vectors `(batch, features, 1)`."""
        return x[:, :, None]


class PiecewiseLinear(nn.Module):
    """Each number's place among the training values, bin by bin, then a linear map of its own.

    A feature's range is cut into bins that hold equally many training rows. A bin below the value
    counts 1, one above it 0, the one it falls in counts how far it has come through it. The linear
    map from bins to `width` numbers starts at zero beside an ordinary linear map of the value, so
    that training begins with a linear model and bends it (version B of Gorishniy et al. 2025).

    A feature with one or two distinct values (a flag) has a single bin or none: its linear map
    says all there is to say.

    Args:
        features: Numbers per row.
        width: Length of a number's vector.
        bins: At most this many bins per feature.
    """

    roles: ClassVar[dict[str, str]] = dict.fromkeys(("weight", "bias", "bends"), "embedding")

    def __init__(self, features: int, width: int, bins: int = 48) -> None:
        super().__init__()
        self.width = width
        self.weight = nn.Parameter(torch.empty(features, width))
        self.bias = nn.Parameter(torch.empty(features, width))
        self.bends = nn.Parameter(torch.zeros(features, bins, width))
        for parameter in (self.weight, self.bias):
            nn.init.uniform_(parameter, -1 / math.sqrt(width), 1 / math.sqrt(width))
        # value -> place in a bin: (value - start) * slope, kept between low and high.
        # Slope 0 marks a bin that does not exist.
        self.start: Tensor
        self.slope: Tensor
        self.low: Tensor
        self.high: Tensor
        self.register_buffer("start", torch.zeros(features, bins))
        self.register_buffer("slope", torch.zeros(features, bins))
        self.register_buffer("low", torch.zeros(features, bins))
        self.register_buffer("high", torch.ones(features, bins))

    @torch.no_grad()
    def prepare(self, examples: Tensor) -> None:
        """Cut the bins at the quantiles of training values `(rows, features)`.

        A feature with few distinct values is cut at each of them.
        """
        bins = self.bends.shape[1]
        for feature, values in enumerate(examples.double().T):
            edges = values.unique()  # sorted
            if len(edges) > bins + 1:
                rank = torch.linspace(0, len(values) - 1, bins + 1).long()
                edges = values.sort().values[rank].unique()
            self._cut(feature, edges)

    def _cut(self, feature: int, edges: Tensor) -> None:
        """Bins between these rising edges; the outermost two go on forever."""
        count = len(edges) - 1
        self.slope[feature] = 0
        self.low[feature], self.high[feature] = 0, 1
        if count < 1:
            return
        self.start[feature, :count] = edges[:-1].float()
        self.slope[feature, :count] = (1 / edges.diff()).float()
        self.low[feature, 0] = -torch.inf
        self.high[feature, count - 1] = torch.inf

    def encode(self, x: Tensor) -> Tensor:
        """`(batch, features)` -> places in the bins, `(batch, features, bins)`."""
        places = (x[:, :, None] - self.start) * self.slope
        return places.clamp(self.low, self.high)

    def forward(self, x: Tensor) -> Tensor:
        """Numbers `(batch, features)` -> vectors `(batch, features, width)`."""
        straight = torch.addcmul(self.bias, x[:, :, None], self.weight)
        # one matrix for each feature: (features, batch, bins) @ (features, bins, width)
        bent = torch.bmm(self.encode(x).transpose(0, 1), self.bends).transpose(0, 1)
        return tap("number vectors", straight + bent)


class Periodic(nn.Module):
    """Each number as waves of several learned lengths beside the number itself (RealMLP's PBLD).

    Waves suit smooth and repeating relations, where bins would draw steps (Holzmueller et al.
    2024).

    Args:
        features: Numbers per row.
        width: Length of a number's vector; its first place holds the number itself.
        waves: Waves per feature.
    """

    roles: ClassVar[dict[str, str]] = dict.fromkeys(
        ("frequency", "phase", "weight", "bias"), "embedding"
    )

    def __init__(self, features: int, width: int = 4, waves: int = 16) -> None:
        super().__init__()
        self.width = width
        self.frequency = nn.Parameter(0.1 * torch.randn(features, waves))
        self.phase = nn.Parameter(math.pi * (2 * torch.rand(features, waves) - 1))
        self.weight = nn.Parameter(torch.empty(features, waves, width - 1))
        self.bias = nn.Parameter(torch.empty(features, width - 1))
        for parameter in (self.weight, self.bias):
            nn.init.uniform_(parameter, -1 / math.sqrt(waves), 1 / math.sqrt(waves))

    def forward(self, x: Tensor) -> Tensor:
        """Numbers `(batch, features)` -> vectors `(batch, features, width)`."""
        angle = 2 * math.pi * x[:, :, None] * self.frequency + self.phase
        mixed = torch.bmm(angle.cos().transpose(0, 1), self.weight).transpose(0, 1) + self.bias
        return tap("number vectors", torch.cat([x[:, :, None], mixed], dim=2))
