"""MiniLM: what a Transformer that has read a billion pairs of sentences makes of a text.

    word pieces -> embedding -> 6 blocks of attention -> mean over the pieces -> 384 features

The blocks are BERT's (Devlin et al. 2019): the sum is normalized after each part, not before it.
all-MiniLM-L6-v2 was trained so that sentences which mean the same lie close together.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.network.tap import tap

FEATURES = 384
BLOCKS, HEADS, INNER = 6, 12, 1536
WORDS, LONGEST = 30_522, 512
EPSILON = 1e-12
"""What BERT adds to the variance in layer normalization."""


class MiniLM(nn.Module):
    """Word pieces `(batch, tokens)` int and mask `(batch, tokens)` bool -> `(batch, 384)`.

    `words` is 30,522 except in tests, which need no dictionary of that size.
    """

    def __init__(self, words: int = WORDS) -> None:
        super().__init__()
        self.words = nn.Embedding(words, FEATURES)
        self.places = nn.Embedding(LONGEST, FEATURES)
        self.norm = nn.LayerNorm(FEATURES, EPSILON)
        self.blocks = nn.ModuleList(Block() for _ in range(BLOCKS))

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        x = self.words(tokens) + self.places.weight[: tokens.shape[1]]
        x = tap("embedding", self.norm(x))
        for number, block in enumerate(self.blocks, start=1):
            x = tap(f"block {number}", block(x, mask))
        here = mask[..., None].to(x.dtype)
        return tap("features", (x * here).sum(1) / here.sum(1))


class Block(nn.Module):
    """Every piece gathers from all others, then thinks for itself."""

    def __init__(self) -> None:
        super().__init__()
        self.gather = nn.Linear(FEATURES, 3 * FEATURES)  # query, key, value
        self.mix = nn.Linear(FEATURES, FEATURES)
        self.norm_mix = nn.LayerNorm(FEATURES, EPSILON)
        self.widen = nn.Linear(FEATURES, INNER)
        self.narrow = nn.Linear(INNER, FEATURES)
        self.norm_narrow = nn.LayerNorm(FEATURES, EPSILON)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        query, key, value = (
            part.unflatten(-1, (HEADS, -1)).transpose(1, 2)  # (batch, heads, tokens, width)
            for part in self.gather(x).chunk(3, dim=-1)
        )
        seen = F.scaled_dot_product_attention(query, key, value, mask[:, None, None, :])
        x = self.norm_mix(x + self.mix(seen.transpose(1, 2).flatten(2)))
        return self.norm_narrow(x + self.narrow(F.gelu(self.widen(x))))


# --- the published weights ----------------------------------------------------------------------


def translated(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights under this file's names.

    All texts here are single ones, so the vector of "first sentence" is added to every place.

    Raises:
        KeyError: A weight is missing: the file holds another network.
    """
    first = published["embeddings.token_type_embeddings.weight"][0]
    state = {
        "words.weight": published["embeddings.word_embeddings.weight"],
        "places.weight": published["embeddings.position_embeddings.weight"] + first,
        "norm.weight": published["embeddings.LayerNorm.weight"],
        "norm.bias": published["embeddings.LayerNorm.bias"],
    }
    names = {
        "mix": "attention.output.dense",
        "norm_mix": "attention.output.LayerNorm",
        "widen": "intermediate.dense",
        "narrow": "output.dense",
        "norm_narrow": "output.LayerNorm",
    }
    for number in range(BLOCKS):
        there, here = f"encoder.layer.{number}", f"blocks.{number}"
        for kind in ("weight", "bias"):
            parts = [published[f"{there}.attention.self.{p}.{kind}"] for p in QUERY_KEY_VALUE]
            state[f"{here}.gather.{kind}"] = torch.cat(parts)
            for ours, theirs in names.items():
                state[f"{here}.{ours}.{kind}"] = published[f"{there}.{theirs}.{kind}"]
    return state


QUERY_KEY_VALUE = ("query", "key", "value")
