"""Many positions -> one vector: what is there on average, and what is there at most.

Everywhere together, or for sounds in a few areas of pitch: how high a voice is says whose it is.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pellucid.network.tap import scope, tap


class Pool(nn.Module):
    """Mean and maximum over all positions that hold something.

    `(batch, *positions, width)` and mask `(batch, *positions)` -> `(batch, 2 * width)`. The mean
    knows how much of a feature there is, the maximum whether it is anywhere. An example without
    a single position (an empty text) gives zeros.

    Args:
        width: Floats at each position; `self.width` is the width of the result.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = 2 * width

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = x.reshape(len(x), -1, x.shape[-1])  # (batch, positions, width)
        if mask is None:
            return tap("pooled", torch.cat([x.mean(1), x.amax(1)], dim=-1))
        here = mask.reshape(len(x), -1, 1)
        count = here.sum(1).clamp(min=1)
        mean = x.masked_fill(~here, 0.0).sum(1) / count
        most = x.masked_fill(~here, float("-inf")).amax(1)
        most = most.masked_fill(~here.any(1), 0.0)
        return tap("pooled", torch.cat([mean, most], dim=-1))


class PitchPool(nn.Module):
    """Mean and maximum over time in each of `AREAS` areas of pitch, from low to high.

    `(batch, frames, bands, width)`, mask `(batch, frames, bands)` -> `(batch, 2 * AREAS * width)`.
    Fewer bands than areas are shared by neighboring ones.
    """

    AREAS = 4

    def __init__(self, width: int) -> None:
        super().__init__()
        self.pool = Pool(width)
        self.width = self.AREAS * self.pool.width

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        bands = x.shape[2]
        parts = []
        for area in range(self.AREAS):
            low, high = area * bands // self.AREAS, -(-(area + 1) * bands // self.AREAS)
            here = None if mask is None else mask[:, :, low:high]
            with scope(f"pitch {area + 1} of {self.AREAS}"):
                parts.append(self.pool(x[:, :, low:high], here))
        return torch.cat(parts, dim=-1)
