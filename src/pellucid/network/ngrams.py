"""Words and pairs of neighbors: which occur says more than where they stand.

Each token and each pair of neighboring tokens has a learned vector; the pool takes their mean and
their maximum, and the head answers from that (fastText, Joulin et al. 2016, arXiv:1607.01759). As
each step is little work and nothing depends on the order further than a neighbor, it learns from
few texts what deeper networks need many for.
"""

from __future__ import annotations

from torch import Tensor, nn

from pellucid.config import Size
from pellucid.network.family import Masked, Network, network
from pellucid.network.tap import tap


@network
class NGrams(Network):
    """The vectors of the way in as they are, some silenced while learning.

    `(batch, positions, in_width)` -> the same. Tokens come in with their pairs (`embed.Pairs`).

    Args:
        in_width: Floats at each position.
        size: `dropout` of single floats; `width` is that of the vectors, and `depth` is 0.
        positions: `(tokens,)`.
    """

    name = "ngrams"
    ranks = frozenset({1})
    pairs = True

    def __init__(self, in_width: int, size: Size, positions: tuple[int, ...]) -> None:
        super().__init__(in_width, size, positions)
        self.width = in_width
        self.dropout = nn.Dropout(size.dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Masked:
        return self.dropout(tap("tokens and pairs", x)), mask
