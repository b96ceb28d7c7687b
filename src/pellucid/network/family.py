"""Network families: what turns a column's positions into features.

A family is one file and one registration. It receives values `(batch, *positions, in_width)` and
a mask `(batch, *positions)` (True where there is something; None: everywhere), and returns values
`(batch, *positions', width)` of the same rank with the mask that belongs to them; positions may
become fewer (pooling), never more.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from pellucid.config import Size

Masked = tuple[Tensor, Tensor | None]
"""Values `(batch, *positions, width)` and where they hold something, bool `(batch, *positions)`."""


class Network(nn.Module):
    """A family of networks.

    name: what the user types. ranks: how many position axes it can read (0, 1, 2).
    raw: True if it wants the encoded floats themselves (pixels, samples) rather than an embedding;
        such a family does its own first projection.
    pairs: True if tokens are to come in together with their pairs.
    lines: True if pictures are to come in line by line; else in small squares.
    width: floats at each position of its output.
    """

    name: ClassVar[str]
    ranks: ClassVar[frozenset[int]]
    raw: ClassVar[bool] = False
    pairs: ClassVar[bool] = False
    lines: ClassVar[bool] = False
    width: int

    def __init__(self, in_width: int, size: Size, positions: tuple[int, ...]) -> None:
        super().__init__()

    @classmethod
    def whole(cls) -> bool:
        """Whether it reads an example as one vector, without positions."""
        return cls.ranks == {0}

    def prepare(self, examples: Tensor) -> None:
        """See some training inputs `(n, *positions, in_width)` once, for data-driven starts."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Masked:
        raise NotImplementedError


NETWORKS: dict[str, type[Network]] = {}


def network(family: type[Network]) -> type[Network]:
    """Register a family under its name."""
    if family.name in NETWORKS:
        raise ValueError(f"two network families are called '{family.name}'")
    NETWORKS[family.name] = family
    return family
