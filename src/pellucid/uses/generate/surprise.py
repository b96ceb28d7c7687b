"""How surprising is each token of a text, given all that came before it?

A long text is read in windows that overlap by half: each token but the first ones has at least half
a context before it, as when the network writes. Nothing is learned here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from pellucid.network.decoder import GROUP
from pellucid.tasks.generate import UNCOUNTED, surprises

AT_ONCE = 4_096
"""Tokens that are read together: their scores are as many times the vocabulary."""


@torch.inference_mode()
def surprises_of(
    model: nn.Module, streams: Sequence[np.ndarray], context: int, device: torch.device
) -> list[np.ndarray]:
    """float64 `(tokens,)` in nats for each stream; 0 for its first token, which is given."""
    found = [np.zeros(len(ids)) for ids in streams]
    half = max(1, context // 2)
    places = [
        (number, start)
        for number, ids in enumerate(streams)
        for start in range(0, max(1, len(ids) - 1 - half), half)
        if len(ids) > 1
    ]
    size = max(1, AT_ONCE // context)
    for begin in range(0, len(places), size):
        part = places[begin : begin + size]
        longest = max(min(context, len(streams[number]) - 1 - start) for number, start in part)
        tokens = np.zeros((len(part), longest), np.int64)
        following = np.full((len(part), longest), UNCOUNTED, np.int64)
        for row, (number, start) in enumerate(part):
            own = streams[number][start : start + longest + 1]
            tokens[row, : len(own) - 1], following[row, : len(own) - 1] = own[:-1], own[1:]
        output = model({GROUP: torch.from_numpy(tokens).to(device)})
        nats = surprises(output.float(), torch.from_numpy(following).to(device)).double().cpu()
        for row, (number, start) in enumerate(part):
            length = int((following[row] != UNCOUNTED).sum())
            # Of two windows over a place, the one with more before it counts.
            new = half if start else 0
            found[number][start + 1 + new : start + 1 + length] = nats[row, new:length]
    return found
