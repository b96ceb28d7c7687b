"""What comes next? A Transformer over what a person used before, in order.

SASRec (Kang & McAuley 2018) with the whole catalog in the loss, which is what made it better than
its successors (Klenitskiy & Vasilev 2023). Each place sees only what was before it. In front of
the attention stand running means of the history that forget at several learned speeds, and the
items' vectors start from who used them together: the network begins as a neighbor method that
prefers recent events, and learns from there.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.config import Size
from pellucid.network.factors import part_of
from pellucid.network.tap import tap, watched
from pellucid.network.transformer import Block, normalize, rotate, rotations

MEMORIES = 4
"""Running means; they start at lengths of e, e^2, e^3 and e^4 events."""
START = 0.1
"""Root mean square of the vectors that the items start from."""


class NextItem(nn.Module):
    """Scores of every item at every place of a history.

    Inputs: `history` int `(batch, places)`: numbers of items + 1, 0 after the end. Output float32
    `(batch, places, items)`: log-odds of what comes after each place, before softmax.

    Args:
        size: `width` (even), `depth` blocks, `dropout`.
        of_items: float32 `(items, features)`: what is known of each item, so that one that was
            never used has a place too.
        popularity: float32 `(items,)`: log of how often each was used, to start from.
        start: float32 `(items, up to width)`: vectors to start from, the most telling floats first.
    """

    of_items: Tensor

    def __init__(self, size: Size, of_items: Tensor, popularity: Tensor, start: Tensor) -> None:
        super().__init__()
        items = len(of_items)
        self.register_buffer("of_items", of_items, persistent=False)
        self.items = nn.Embedding(items, size.width)
        self.features = nn.Linear(of_items.shape[1], size.width, bias=False)
        self.blocks = nn.ModuleList(
            CausalBlock(f"block {number}", size.width, size.dropout)
            for number in range(1, size.depth + 1)
        )
        self.popularity = nn.Parameter(popularity - popularity.mean())
        self.dropout = nn.Dropout(size.dropout)
        self.memory = nn.Parameter(torch.arange(1.0, MEMORIES + 1))
        self.mix = nn.Linear(MEMORIES * size.width, size.width, bias=False)
        nn.init.normal_(self.items.weight, std=0.02)
        nn.init.zeros_(self.features.weight)
        with torch.no_grad():
            known = min(start.shape[1], size.width)
            spread = start[:, :known].square().mean().sqrt().clamp(min=1e-6)
            self.items.weight[:, :known] += START * start[:, :known] / spread
            self.mix.weight.copy_(torch.eye(size.width).repeat(1, MEMORIES))

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        history = inputs["history"].long()
        vectors = self.vectors()  # (items, width)
        nothing = torch.zeros_like(vectors[:1])
        x = F.embedding(history, torch.cat([nothing, vectors]))
        x = tap("history", x)  # (batch, places, width)
        x = tap("running means", normalize(self.mix(self.dropout(self.remembered(x)))))
        turn = rotations(x)
        for block in self.blocks:
            x = block(x, None, turn)
        x = tap("what is wanted next", normalize(x))
        return x @ vectors.T + self.popularity

    def remembered(self, x: Tensor) -> Tensor:
        """Running means `(batch, places, memories x width)`: an event counts e times less for every
        exp(memory) events after it."""
        places = torch.arange(x.shape[1], device=x.device)
        ago = (places[:, None] - places).float()
        fading = torch.exp(-ago / self.memory.exp()[:, None, None]).masked_fill(ago < 0, 0.0)
        fading = fading / fading.sum(-1, keepdim=True)  # (memories, places, places)
        means = torch.einsum("kij,bjw->bikw", fading.to(x.dtype), x)
        return means.flatten(2)

    def vectors(self) -> Tensor:
        """Of every item, `(items, width)`: what is learned of it, and what its features say."""
        return self.items.weight + self.features(self.of_items)

    def describe(self) -> dict[str, Any]:
        """The network as a person would list it."""
        parts = [
            part_of("items", "lookup", "vectors", [self.items, self.features]),
            part_of("history", "", "running means, transformer", [self.mix, self.blocks]),
        ]
        return {"parts": parts, "parameters": sum(one.numel() for one in self.parameters())}


class CausalBlock(Block):
    """A Transformer's block in which each place looks only at itself and what was before."""

    def exchange(self, x: Tensor, mask: Tensor | None, turn: Tensor | None) -> Tensor:
        batch, places, width = x.shape
        split = self.queries_keys_values(x).view(batch, places, 3, self.heads, -1)
        query, key, value = split.permute(2, 0, 3, 1, 4)  # each (batch, heads, places, floats)
        query, key = normalize(query), normalize(key)
        if turn is not None:
            query, key = rotate(query, turn), rotate(key, turn)
        value = value.to(query.dtype)
        if watched():
            fit = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
            later = torch.ones(places, places, dtype=torch.bool, device=x.device).triu(1)
            weights = tap(f"{self.name} / attention", fit.masked_fill(later, -math.inf).softmax(-1))
            taken = weights @ value
        else:
            taken = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.gather(taken.transpose(1, 2).reshape(batch, places, width))
