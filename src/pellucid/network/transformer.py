"""A Transformer: every position looks at every other and takes what it needs from it.

A block is attention (positions exchange values) and then a small network at each position. The
details are those that proved themselves since Vaswani et al. 2017: normalize before each part
(Xiong et al. 2020), RMSNorm (Zhang & Sennrich 2019), rotary positions (Su et al. 2021), normalized
queries and keys (Dehghani et al. 2023), squared ReLU (So et al. 2021), blocks that start as the
identity because their last matrix starts at zero.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.config import Size
from pellucid.network.family import Masked, Network, network
from pellucid.network.tap import tap, watched

HEAD_WIDTH = 32  # floats in a query; at our widths (64 to 256) that makes 2 to 8 heads


@network
class Transformer(Network):
    """`depth` blocks over a sequence, or over a set.

    `(batch, positions, in_width)` -> `(batch, positions, width)`.

    Args:
        in_width: Floats at each position.
        size: `width` (even), `depth` blocks, `dropout` after attention and after the small network.
        positions: `(how many,)` for a sequence; `()` for a set, whose places mean nothing (the
            columns of a table): no rotary positions then.
    """

    name = "transformer"
    ranks = frozenset({1})

    def __init__(self, in_width: int, size: Size, positions: tuple[int, ...]) -> None:
        super().__init__(in_width, size, positions)
        self.width = size.width
        self.ordered = positions != ()
        self.enter = nn.Linear(in_width, size.width) if in_width != size.width else nn.Identity()
        self.blocks = nn.ModuleList(
            Block(f"block {number}", size.width, size.dropout)
            for number in range(1, size.depth + 1)
        )

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Masked:
        x = self.enter(x)
        turn = rotations(x) if self.ordered else None
        for block in self.blocks:
            x = block(x, mask, turn)
        return tap("output", normalize(x)), mask


class Block(nn.Module):
    """Exchange values between positions, then think at each position; both are added to x."""

    def __init__(self, name: str, width: int, dropout: float) -> None:
        super().__init__()
        self.name = name
        self.heads = heads_for(width)
        self.queries_keys_values = nn.Linear(width, 3 * width, bias=False)
        self.gather = nn.Linear(width, width, bias=False)
        self.expand = nn.Linear(width, 4 * width, bias=False)
        self.contract = nn.Linear(4 * width, width, bias=False)
        self.dropout = nn.Dropout(dropout)
        nn.init.zeros_(self.gather.weight)
        nn.init.zeros_(self.contract.weight)

    def forward(self, x: Tensor, mask: Tensor | None, turn: Tensor | None) -> Tensor:
        x = x + self.dropout(self.exchange(normalize(x), mask, turn))
        x = tap(f"{self.name} / after attention", x)
        hidden = tap(f"{self.name} / activation", F.relu(self.expand(normalize(x))).square())
        return tap(f"{self.name} / output", x + self.dropout(self.contract(hidden)))

    def exchange(self, x: Tensor, mask: Tensor | None, turn: Tensor | None) -> Tensor:
        """Attention: for each position, the values of the positions whose keys fit its query."""
        batch, positions, width = x.shape
        split = self.queries_keys_values(x).view(batch, positions, 3, self.heads, -1)
        query, key, value = split.permute(2, 0, 3, 1, 4)  # each (batch, heads, positions, floats)
        query, key = normalize(query), normalize(key)
        if turn is not None:
            query, key = rotate(query, turn), rotate(key, turn)
        attend = readable_attention if watched() else fused_attention
        taken = attend(self.name, query, key, value.to(query.dtype), mask)
        return self.gather(taken.transpose(1, 2).reshape(batch, positions, width))


def fused_attention(
    name: str, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None
) -> Tensor:
    """The same as `readable_attention` in one fast operation that keeps no weights to look at."""
    return weighted(query, key, value, None if mask is None else seen_keys(mask))


def weighted(
    query: Tensor, key: Tensor, value: Tensor, seen: Tensor | None = None, *, causal: bool = False
) -> Tensor:
    """Values `(batch, heads, query, floats)` weighted by how well their keys fit each query.

    seen: bool, which keys a query sees. causal: none that are later than itself.
    """
    if query.device.type != "cpu":
        return F.scaled_dot_product_attention(query, key, value, attn_mask=seen, is_causal=causal)
    # On a processor never in 16 bits, whatever the rest computes in: sending errors back through
    # this took two to four times as long as in 32 bits.
    if query.dtype == torch.bfloat16:
        query, key, value = query.float(), key.float(), value.float()
    with torch.autocast("cpu", enabled=False):
        return F.scaled_dot_product_attention(query, key, value, attn_mask=seen, is_causal=causal)


def readable_attention(
    name: str, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None
) -> Tensor:
    """softmax(query . key / sqrt(floats)) says how much of each value to take.

    query, key, value, result: `(batch, heads, positions, floats)`.
    """
    fit = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])  # (batch, heads, query, key)
    if mask is not None:
        fit = fit.masked_fill(~seen_keys(mask), float("-inf"))
    weights = tap(f"{name} / attention", fit.softmax(-1))
    return weights @ value


def seen_keys(mask: Tensor) -> Tensor:
    """bool `(batch, 1, 1, keys)`: what attention may look at.

    An empty example looks at its padding: a softmax over nothing would be NaN, and nobody reads
    its result.
    """
    empty = ~mask.any(-1, keepdim=True)
    return (mask | empty)[:, None, None]


def normalize(x: Tensor) -> Tensor:
    """RMSNorm: scale the last axis to a root mean square of 1; nothing to learn."""
    return F.rms_norm(x, (x.shape[-1],))


def rotations(x: Tensor) -> Tensor:
    """Cosines and sines `(2, positions, floats / 2)` of rotary positions (Su et al., eq. 34)."""
    floats = x.shape[-1] // heads_for(x.shape[-1])
    rate = 10_000 ** (-torch.arange(0, floats, 2, device=x.device) / floats)
    angle = torch.arange(x.shape[1], device=x.device)[:, None] * rate
    return torch.stack([angle.cos(), angle.sin()])


def rotate(x: Tensor, turn: Tensor) -> Tensor:
    """Turn pairs of floats by an angle that grows with the position.

    The product of a query and a key then depends on how far apart they are, not on where.
    """
    cosine, sine = turn.to(x.dtype)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1)


def heads_for(width: int) -> int:
    """The most heads of at least `HEAD_WIDTH` floats (an even number of them, to be rotated)."""
    for heads in range(max(1, width // HEAD_WIDTH), 0, -1):
        if width % (2 * heads) == 0:
            return heads
    raise ValueError(f"a Transformer's width must be even, not {width}")
