"""Many positions -> one vector: everything side by side, as a plain network reads it."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.network.tap import tap

MOST = 8_192
"""Numbers of an example at most: a layer of 256 neurons has 2 million weights then."""


class Flat(nn.Module):
    """Pixels, bands or samples one after the other; neighbors are averaged where they are many.

    `(batch, *positions, size)` -> `(batch, width)`. What is missing or padding comes in as 0, the
    mean of the training values.

    Args:
        positions: `(height, width)`, `(frames, bands)` or `(time,)`. size: floats at each.

    seen: `(*positions', size)`, what is left after averaging: in this order the numbers lie side
    by side. width: how many they are.
    """

    def __init__(self, positions: tuple[int, ...], size: int) -> None:
        super().__init__()
        self.side = side_for(positions, size)
        self.seen = (*(math.ceil(n / self.side) for n in positions), size)
        self.width = math.prod(self.seen)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if self.side > 1:
            x = averaged(x, self.side)
        return tap("side by side", x.flatten(1))


def averaged(x: Tensor, side: int) -> Tensor:
    """The mean of each `side` neighbors along every axis of positions; at the end of fewer.

    `(batch, *positions, size)` -> `(batch, *positions', size)`.
    """
    if x.ndim == 3:
        x = F.avg_pool1d(x.transpose(1, 2), side, ceil_mode=True)
        return x.transpose(1, 2)
    x = F.avg_pool2d(x.permute(0, 3, 1, 2), side, ceil_mode=True)
    return x.permute(0, 2, 3, 1)


def side_for(positions: tuple[int, ...], size: int) -> int:
    """How many neighbors along an axis are averaged, so that at most `MOST` numbers are left.

    >>> side_for((28, 28), 1), side_for((128, 128), 3), side_for((4096,), 3)
    (1, 3, 2)
    """
    side = 1
    while math.prod(math.ceil(n / side) for n in positions) * size > MOST:
        side += 1
    return side
