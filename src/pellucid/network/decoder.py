"""A decoder: a Transformer that reads from left to right and says what comes next.

    tokens -> embedding -> blocks, in which every place looks back -> a score for each next token

A place is embedded by its token, and by the pair that its token makes with the one before it: what
counting pairs knows is then there at once, and need not be found out by attention (hashed pairs,
as fastText has them for classes: Bojanowski et al. 2017).

The blocks are those of `transformer.py` with one difference: no place sees what comes after it
(Vaswani et al. 2017, section 3.2.3). So one pass over a text answers at all places at once, and
what a place found out never changes when the text goes on: its keys and values are kept (`Memory`)
and each further token costs one place instead of a whole text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.config import Size
from pellucid.network.assemble import count_parameters, layers_of
from pellucid.network.tap import tap, watched
from pellucid.network.transformer import heads_for, normalize, rotate, weighted

GROUP = "text"
"""The group of inputs that a decoder reads: tokens `(batch, places)`."""
EMBEDDING_RATE = 5.0
"""Embeddings learn faster than AdamW's share of Muon's rate: each row is moved only where its token
occurs (nanochat: 15 times Muon's rate; ours is 0.5 of it)."""
HEAD_RATE = 4.0
"""So does the head, which is a table of vectors too, one for each answer (nanochat: .4 of Muon's
rate; with .1 Austen's novels took 1.843 validation bits a character after 250 steps, with .4
1.771; 1 seed)."""

SPREAD = 2_654_435_761
"""Spreads neighboring numbers far apart (Knuth, multiplicative hashing): pairs that share a vector
are then no more alike than any others."""


class Memory:
    """What the places so far were found to be: keys and values of every block.

    keys, values: one `(batch, heads, places, floats)` a block; None before the first token.
    seen: places so far. last: the last token of each row `(batch, 1)`, if pairs are looked up.
    """

    def __init__(self, blocks: int) -> None:
        self.keys: list[Tensor | None] = [None] * blocks
        self.values: list[Tensor | None] = [None] * blocks
        self.seen = 0
        self.last: Tensor | None = None

    def extend(self, block: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Add the keys and values of new places; all of them, the new ones last."""
        old_key, old_value = self.keys[block], self.values[block]
        if old_key is not None and old_value is not None:
            key, value = torch.cat([old_key, key], 2), torch.cat([old_value, value], 2)
        self.keys[block], self.values[block] = key, value
        return key, value

    def take(self, rows: Tensor) -> None:
        """Go on with these rows `(batch,)` of the batch, in this order (beam search)."""
        self.keys = [key if key is None else key[rows] for key in self.keys]
        self.values = [value if value is None else value[rows] for value in self.values]
        self.last = None if self.last is None else self.last[rows]


class Decoder(nn.Module):
    """Tokens `{"text": (batch, places)}` -> scores of the next token `(batch, places, vocabulary)`.

    Args:
        vocabulary: How many tokens there are.
        size: `width` (even), `depth` blocks, `dropout`.
        context: Places that it learns to look back on.
        pairs: Vectors for pairs of neighboring tokens; pairs share them by chance. 0: none.
    """

    def __init__(self, vocabulary: int, size: Size, context: int, pairs: int = 0) -> None:
        super().__init__()
        self.vocabulary, self.size, self.context = vocabulary, size, context
        self.embedding = nn.Embedding(vocabulary, size.width)
        self.pairs = nn.Embedding(pairs, size.width) if pairs else None
        if self.pairs is not None:
            self.pairs.weight.rate_scale = EMBEDDING_RATE  # type: ignore[attr-defined]
            nn.init.zeros_(self.pairs.weight)  # a pair that never occurred says nothing
        self.blocks = nn.ModuleList(
            CausalBlock(f"block {number}", size.width, size.dropout)
            for number in range(1, size.depth + 1)
        )
        self.dropout = nn.Dropout(size.dropout)
        self.head = nn.Linear(size.width, vocabulary, bias=False)
        self.embedding.weight.rate_scale = EMBEDDING_RATE  # type: ignore[attr-defined]
        nn.init.normal_(self.embedding.weight, std=0.8)
        self.head.weight.rate_scale = HEAD_RATE  # type: ignore[attr-defined]
        nn.init.zeros_(self.head.weight)  # at first every token is equally likely

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        scores: Tensor = self.head(self.features(inputs[GROUP]))
        return scores

    def features(self, tokens: Tensor, memory: Memory | None = None) -> Tensor:
        """What is known at each place before it answers `(batch, places, width)`.

        memory: Where the text begins; it is extended by these tokens.
        """
        x = tap("embedding", self.dropout(self._vectors(tokens, memory)))
        turn = turns(x, heads_for(self.size.width), memory.seen if memory else 0)
        for number, block in enumerate(self.blocks):
            x = block(x, turn, memory, number)
        if memory is not None:
            memory.seen += tokens.shape[1]
        return tap("output", normalize(x))

    def _vectors(self, tokens: Tensor, memory: Memory | None) -> Tensor:
        """Of each token, and of the pair that it makes with the one before it."""
        x = normalize(self.embedding(tokens))
        if self.pairs is None:
            return x
        tokens = tokens.long()
        last = memory.last if memory is not None else None
        if last is None:
            last = torch.full_like(tokens[:, :1], self.vocabulary)  # nothing stands before it
        if memory is not None:
            memory.last = tokens[:, -1:]
        before = torch.cat([last, tokens[:, :-1]], 1)
        number = (
            (before * self.vocabulary + tokens) * SPREAD % (1 << 32) % self.pairs.num_embeddings
        )
        pairs: Tensor = self.pairs(number)
        return x + pairs

    def memory(self) -> Memory:
        """An empty memory for `next_scores`."""
        return Memory(len(self.blocks))

    def next_scores(self, tokens: Tensor, memory: Memory) -> Tensor:
        """Scores of what follows these further tokens `(batch, new)`: `(batch, vocabulary)`."""
        scores: Tensor = self.head(self.features(tokens, memory)[:, -1])
        return scores

    def describe(self) -> dict[str, Any]:
        """The network as a person would list it."""
        pairs: dict[str, tuple[nn.Module, str]] = {}
        if self.pairs is not None:
            pairs["pairs"] = (self.pairs, "vectors")
        return described(
            {
                "embedding": (self.embedding, "vectors"),
                **pairs,
                "blocks": (self.blocks, "decoder"),
                "head": (self.head, "answer"),
            },
            self,
            self.context,
        )


class CausalBlock(nn.Module):
    """Take from the places before, then think at each place; both are added to x."""

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

    def forward(self, x: Tensor, turn: Tensor, memory: Memory | None, number: int) -> Tensor:
        x = x + self.dropout(self.look_back(normalize(x), turn, memory, number))
        x = tap(f"{self.name} / after attention", x)
        hidden = tap(f"{self.name} / activation", F.relu(self.expand(normalize(x))).square())
        return tap(f"{self.name} / output", x + self.dropout(self.contract(hidden)))

    def look_back(self, x: Tensor, turn: Tensor, memory: Memory | None, number: int) -> Tensor:
        """Attention over a place itself and those before it."""
        batch, places, width = x.shape
        split = self.queries_keys_values(x).view(batch, places, 3, self.heads, -1)
        query, key, value = split.permute(2, 0, 3, 1, 4)  # each (batch, heads, places, floats)
        query, key = rotate(normalize(query), turn), rotate(normalize(key), turn)
        value = value.to(query.dtype)
        if memory is not None:
            key, value = memory.extend(number, key, value)
        taken = causal_attention(self.name, query, key, value)
        return self.gather(taken.transpose(1, 2).reshape(batch, places, width))


def causal_attention(name: str, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention `(batch, heads, queries, floats)` in which no place sees a later one.

    There may be fewer queries than keys: the queries are then the last places.
    """
    queries, keys = query.shape[2], key.shape[2]
    if watched():
        return readable_causal(name, query, key, value)
    if queries == keys:
        return weighted(query, key, value, causal=True)
    seen = None if queries == 1 else earlier(queries, keys, query.device)
    return weighted(query, key, value, seen)


def readable_causal(name: str, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The same in single steps, with the weights to be looked at."""
    fit = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])  # (batch, heads, query, key)
    seen = earlier(query.shape[2], key.shape[2], query.device)
    weights = tap(f"{name} / attention", fit.masked_fill(~seen, float("-inf")).softmax(-1))
    return weights @ value


def earlier(queries: int, keys: int, device: torch.device) -> Tensor:
    """bool `(queries, keys)`: which keys are no later than each query, the last query at the end.

    >>> earlier(2, 3, torch.device("cpu")).int().tolist()
    [[1, 1, 0], [1, 1, 1]]
    """
    whole = torch.ones(queries, keys, dtype=torch.bool, device=device)
    return whole.tril(diagonal=keys - queries)


def turns(x: Tensor, heads: int, start: int, base: float = 10_000.0) -> Tensor:
    """Cosines and sines `(2, places, floats / 2)` of rotary positions from `start` on."""
    floats = x.shape[-1] // heads
    rate = base ** (-torch.arange(0, floats, 2, device=x.device) / floats)
    angle = torch.arange(start, start + x.shape[1], device=x.device)[:, None] * rate
    return torch.stack([angle.cos(), angle.sin()])


def described(
    parts: Mapping[str, tuple[nn.Module, str]], whole: nn.Module, context: int
) -> dict[str, Any]:
    """Parts of a network as `Model.describe` lists them."""
    listed = [
        {
            "part": name,
            "way": "lookup" if family == "vectors" else "",
            "positions": [] if family == "answer" else [context],
            "family": family,
            "layers": layers_of(module),
            "parameters": count_parameters(module),
        }
        for name, (module, family) in parts.items()
    ]
    return {"parts": listed, "parameters": count_parameters(whole)}
