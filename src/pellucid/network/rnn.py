"""A recurrent network: read a sequence position by position, carrying a memory along.

Words of a text, moments of a series, frames of a recording, lines of a picture from top to bottom.

At each position a gated recurrent unit (Cho et al. 2014, arXiv:1406.1078) decides how much of its
memory to keep and how much to write anew. One unit reads forward, one backward, so that every
position knows what came before and what comes after.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from pellucid.config import Size
from pellucid.network.family import Masked, Network, network
from pellucid.network.tap import tap


@network
class Rnn(Network):
    """Layers of bidirectional GRUs.

    `(batch, time, in_width)` -> `(batch, time, width)`; one half of the width has read the past,
    the other half the future. Padding at the end is not read: it changes no result.

    Args:
        in_width: Floats at each position.
        size: `width` of the result (even), `depth` layers, `dropout` between and after them.
        positions: `(time,)`.
    """

    name = "rnn"
    ranks = frozenset({1})
    lines = True

    def __init__(self, in_width: int, size: Size, positions: tuple[int, ...]) -> None:
        super().__init__(in_width, size, positions)
        self.width = size.width
        widths = [in_width] + [size.width] * size.depth
        self.layers = nn.ModuleList(
            nn.GRU(width, size.width // 2, batch_first=True, bidirectional=True)
            for width in widths[:-1]
        )
        self.dropout = nn.Dropout(size.dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Masked:
        for number, layer in enumerate(self.layers, 1):
            x = read(layer, x, mask)
            x = self.dropout(tap(f"layer {number} / step outputs", x))
        return x, mask


def read(layer: nn.Module, x: Tensor, mask: Tensor | None) -> Tensor:
    """Run one recurrent layer over `(batch, time, width)` up to each example's last position.

    A gap in the middle (a missing sample) is read as zeros, as time passes there too.
    """
    if mask is None:
        outputs: Tensor = layer(x)[0]
        return outputs
    here = mask[..., None]
    lengths = last_position(mask).cpu()
    packed = pack_padded_sequence(
        x.masked_fill(~here, 0.0), lengths, batch_first=True, enforce_sorted=False
    )
    outputs, _ = pad_packed_sequence(layer(packed)[0], batch_first=True, total_length=x.shape[1])
    return outputs.masked_fill(~here, 0.0)


def last_position(mask: Tensor) -> Tensor:
    """int64 `(batch,)`: positions to read, at least 1 (an empty example has nothing but zeros)."""
    places = torch.arange(1, mask.shape[1] + 1, device=mask.device)
    return (mask * places).amax(1).clamp(min=1)
