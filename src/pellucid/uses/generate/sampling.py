"""Going on with a text: one token after the other, drawn from what the network finds likely."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from pellucid.errors import ConfigError
from pellucid.network.decoder import Memory
from pellucid.uses.generate.tokens import Tokens

LOOP = 8
"""A run of so many tokens is written once in an answer, never again: small models go in circles."""
UNFINISHED = "\ufffd"
"""What stands for a letter of which not all bytes are there yet."""


class Writer(Protocol):
    """A network that can go on with a text."""

    context: int

    def memory(self) -> Memory: ...

    def next_scores(self, tokens: Tensor, memory: Memory) -> Tensor: ...


@dataclass(frozen=True)
class Manner:
    """How an answer is drawn.

    tokens: most of them. temperature: 0 always takes the likeliest; above, unlikely ones get the
    more of a chance. top_p: draw only among the likeliest tokens that together have this share.
    seed: of the draws. stop: words behind which an answer ends; they are not said.
    """

    tokens: int = 200
    temperature: float = 0.8
    top_p: float = 0.95
    seed: int = 0
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.tokens < 1:
            raise _wrong("--tokens", self.tokens, "a whole number from 1 on, such as --tokens 100")
        if not 0 <= self.temperature <= 10:
            raise _wrong("--temperature", self.temperature, "a number such as --temperature 0.8")
        if not 0 < self.top_p <= 1:
            raise _wrong("--top-p", self.top_p, "a share above 0, at most 1, such as --top-p 0.95")
        if self.seed < 0:
            raise _wrong("--seed", self.seed, "0 or any larger whole number, such as --seed 1")


def _wrong(option: str, value: float, fix: str) -> ConfigError:
    return ConfigError(f"{option} can't be {value:g}", where=option, fix=f"write {fix}")


@torch.inference_mode()
def drawn(
    model: Writer, prompt: Sequence[int], end: int, manner: Manner, device: torch.device
) -> Iterator[int]:
    """The tokens of one answer; `end` is not among them.

    When its context is full the network reads the last half of it again, and goes on.
    """
    generator = torch.Generator().manual_seed(manner.seed)
    so_far = list(prompt) or [end]
    begun = len(so_far)
    written: set[tuple[int, ...]] = set()
    memory = model.memory()
    fresh = so_far[-_most(model) :]
    for _ in range(manner.tokens):
        if memory.seen + len(fresh) > model.context:
            memory, fresh = model.memory(), so_far[-max(1, model.context // 2) :]
        scores = model.next_scores(torch.tensor([fresh], device=device), memory)[0].float().cpu()
        tail = tuple(so_far[max(begun, len(so_far) - LOOP + 1) :])
        token = _draw(scores, manner, generator, {run[-1] for run in written if run[:-1] == tail})
        if token == end:
            return
        if len(tail) == LOOP - 1:
            written.add((*tail, token))
        so_far.append(token)
        fresh = [token]
        yield token


def _most(model: Writer) -> int:
    """Tokens of a prompt that are read: some of the context is left for the answer."""
    return max(1, model.context * 3 // 4)


def _draw(scores: Tensor, manner: Manner, generator: torch.Generator, barred: set[int]) -> int:
    """One token by its score `(vocabulary,)`; none of the barred ones."""
    if barred and len(barred) < len(scores):
        scores = scores.clone()
        scores[list(barred)] = float("-inf")
    return _pick(scores, manner, generator)


def _pick(scores: Tensor, manner: Manner, generator: torch.Generator) -> int:
    if manner.temperature == 0:
        return int(scores.argmax())
    chances, order = (scores / manner.temperature).softmax(0).sort(descending=True)
    before = chances.cumsum(0) - chances
    kept = torch.where(before < manner.top_p, chances, 0.0)  # the likeliest one always stays
    return int(order[torch.multinomial(kept, 1, generator=generator)])


def spoken(tokens: Tokens, ids: Iterator[int], stop: Sequence[str] = ()) -> Iterator[str]:
    """An answer piece by piece as its tokens come, never with half a letter; ends before a word of
    `stop`."""
    so_far: list[int] = []
    told = 0
    for one in ids:
        so_far.append(one)
        text = tokens.said(so_far)
        ends = [place for word in stop if (place := text.find(word)) >= 0]
        if ends:
            if min(ends) > told:
                yield text[told : min(ends)]
            return
        safe = len(text.rstrip(UNFINISHED)) - max((_begun(text, word) for word in stop), default=0)
        if safe > told:
            yield text[told:safe]
            told = safe
    text = tokens.said(so_far)
    if len(text) > told:
        yield text[told:]


def _begun(text: str, word: str) -> int:
    """How many letters at the end of a text may be the start of a word.

    >>> _begun("so far: ST", "STOP")
    2
    """
    return next((n for n in range(len(word) - 1, 0, -1) if text.endswith(word[:n])), 0)
