"""MiniLM: what a Transformer that has read a billion pairs of sentences makes of a text.

    word pieces -> embedding -> 6 blocks of attention -> mean of each over the pieces -> 6 x 384

The blocks are BERT's (Devlin et al. 2019): the sum is normalized after each part, not before it.
all-MiniLM-L6-v2 was trained so that sentences which mean the same lie close together at the last
block. Tone and style are clearer before it, so the means of all blocks are features (a linear head
on movie sentences: .778 of the validation rows right with the last block, .80 with several).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.network.tap import tap

WIDTH, BLOCKS, HEADS, INNER = 384, 6, 12, 1536
FEATURES = BLOCKS * WIDTH
WORDS, LONGEST = 30_522, 512
EPSILON = 1e-12
"""What BERT adds to the variance in layer normalization."""


class MiniLM(nn.Module):
    """Word pieces `(batch, tokens)` int and mask `(batch, tokens)` bool -> `(batch, 2304)`.

    The last 384 are the sentence's vector as published. `words` is 30,522 except
    in tests, which need no dictionary of that size.
    """

    def __init__(self, words: int = WORDS) -> None:
        super().__init__()
        self.words = nn.Embedding(words, WIDTH)
        self.places = nn.Embedding(LONGEST, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, EPSILON)
        self.blocks = nn.ModuleList(Block() for _ in range(BLOCKS))

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        x = self.words(tokens) + self.places.weight[: tokens.shape[1]]
        x = tap("embedding", self.norm(x))
        here = mask[..., None]
        means = []
        for number, block in enumerate(self.blocks, start=1):
            x = tap(f"block {number}", block(x, mask))
            means.append((x * here).sum(1) / here.sum(1))
        return tap("features", torch.cat(means, dim=-1))


class Block(nn.Module):
    """Every piece gathers from all others, then thinks for itself."""

    def __init__(self) -> None:
        super().__init__()
        self.gather = nn.Linear(WIDTH, 3 * WIDTH)  # query, key, value
        self.mix = nn.Linear(WIDTH, WIDTH)
        self.norm_mix = nn.LayerNorm(WIDTH, EPSILON)
        self.widen = nn.Linear(WIDTH, INNER)
        self.narrow = nn.Linear(INNER, WIDTH)
        self.norm_narrow = nn.LayerNorm(WIDTH, EPSILON)

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
