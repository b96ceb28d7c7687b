"""Beam search: write several answers side by side, and keep those that are likely as a whole.

The likeliest next token, taken greedily, may lead into an unlikely answer. So the `width` best
beginnings are kept at each step. Longer answers are less likely by nature; a length penalty (Wu et
al. 2016, equation 14) makes up for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.network.encoder_decoder import PADDING, EncoderDecoder

WIDTH = 4
PENALTY = 0.8
"""Exponent of the length penalty; 0 prefers short answers, 1 long ones."""
AT_ONCE = 48
"""Sources that are answered together."""


@dataclass(frozen=True)
class Written:
    """One answer. tokens: without start and end. likely: log of its probability, its end included.
    score: that, divided by the length penalty."""

    tokens: list[int]
    likely: float
    score: float


def answers(
    model: EncoderDecoder,
    sources: Sequence[Sequence[int]],
    start: int,
    end: int,
    *,
    most: int,
    width: int = WIDTH,
) -> list[Written]:
    """The best answer to each source, in their order.

    Args:
        sources: Tokens of each, without padding.
        start, end: Tokens that begin and end an answer. most: tokens of the longest answer.
        width: Beginnings that are kept; 1 is greedy.
    """
    order = sorted(range(len(sources)), key=lambda row: len(sources[row]))
    found: dict[int, Written] = {}
    for begin in range(0, len(order), AT_ONCE):
        rows = order[begin : begin + AT_ONCE]
        written = _batch(model, [sources[row] for row in rows], start, end, most, width)
        found.update(zip(rows, written, strict=True))
    return [found[row] for row in range(len(sources))]


def padded(texts: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    """int64 `(texts, longest)`, 0 behind shorter ones."""
    whole = torch.full((len(texts), max(1, max(map(len, texts)))), PADDING)
    for row, text in enumerate(texts):
        whole[row, : len(text)] = torch.tensor(text, dtype=torch.int64)
    return whole.to(device)


@torch.inference_mode()
def _batch(
    model: EncoderDecoder,
    texts: Sequence[Sequence[int]],
    start: int,
    end: int,
    most: int,
    width: int,
) -> list[Written]:
    device = model.embedding.weight.device
    source = padded(texts, device).repeat_interleave(width, 0)  # (texts * width, places)
    mask = source != PADDING
    read, memory = model.read(source), model.memory()
    count = len(texts)
    likely = torch.full((count, width), float("-inf"), device=device)
    likely[:, 0] = 0.0  # at first all beginnings are the same one
    so_far: list[list[list[int]]] = [[[] for _ in range(width)] for _ in range(count)]
    done: list[list[Written]] = [[] for _ in range(count)]
    token = torch.full((count * width, 1), start, device=device)
    longest = min(most, 2 * source.shape[1] + 10)
    for length in range(1, longest + 1):
        scores = model.scores(model.write(token, read, mask, memory)[:, -1])
        scores[:, PADDING] = float("-inf")
        scores[:, start] = float("-inf")
        total = likely[:, :, None] + scores.float().log_softmax(-1).view(count, width, -1)
        vocabulary = total.shape[-1]
        # Twice as many: half of them may be at their end.
        best, place = total.flatten(1).topk(min(2 * width, total[0].numel()))
        parent, next_token = place // vocabulary, place % vocabulary
        chosen = torch.zeros(count, width, dtype=torch.int64)
        following = torch.full((count, width), end)
        kept = torch.full((count, width), float("-inf"))
        grown: list[list[list[int]]] = []
        for row, (values, parents, tokens) in enumerate(
            zip(best.tolist(), parent.tolist(), next_token.tolist(), strict=True)
        ):
            own: list[list[int]] = []
            for rank, (value, old, one) in enumerate(zip(values, parents, tokens, strict=True)):
                if value == float("-inf") or len(own) == width:
                    continue
                if one == end:
                    if rank < width:
                        done[row].append(_written(so_far[row][old], value, length))
                    continue
                slot = len(own)
                own.append([*so_far[row][old], one])
                chosen[row, slot], following[row, slot], kept[row, slot] = old, one, value
            grown.append(own + [[] for _ in range(width - len(own))])
        so_far, likely = grown, kept.to(device)
        if all(_over(done[row], kept[row], length, width) for row in range(count)):
            break
        rows = (torch.arange(count)[:, None] * width + chosen).flatten().to(device)
        memory.take(rows)
        token = following.view(-1, 1).to(device)
    return [
        max(
            done[row] or [_written(so_far[row][0], float(likely[row, 0]), longest + 1)],
            key=lambda one: one.score,
        )
        for row in range(count)
    ]


def _written(tokens: list[int], likely: float, length: int) -> Written:
    return Written(tokens, likely, likely / penalty(length))


def _over(done: list[Written], live: Tensor, length: int, width: int) -> bool:
    """Whether no living beginning can become better than the best answer there is."""
    if not done:
        return False
    best = max(one.score for one in done)
    hope = float(live.max()) / penalty(length if PENALTY <= 0 else 2 * length)
    return len(done) >= width or hope <= best


def penalty(length: int) -> float:
    """What the log probability of an answer of so many tokens is divided by.

    >>> penalty(1)
    1.0
    """
    return float(((5 + length) / 6) ** PENALTY)
