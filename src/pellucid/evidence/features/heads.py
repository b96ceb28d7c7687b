"""Where the heads of a Transformer look: at the word before, the next one, or anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pellucid.evidence.features.units import branch_of
from pellucid.network.assemble import Model
from pellucid.network.tap import watch

NEAR = 3
"""Positions before and after that are asked for."""
MOST_ROWS = 128
FLOOR = 0.25
"""Share of its attention that a head must give one place to be named after it."""
TIMES = 3.0
"""How much more than an even spread over all positions that must be."""
WORDS = {0: "itself", -1: "the one before", 1: "the one after"}


@dataclass(frozen=True)
class Head:
    """A head of attention. shares: how much of its attention goes to the positions -NEAR .. NEAR
    from where it stands, on average, where there is such a position. even: what an even spread
    would give. name: what it is called, if a share passes the test."""

    group: str
    block: str
    number: int
    shares: tuple[float, ...]
    even: float

    @property
    def place(self) -> int:
        """The position, counted from where it stands, that it looks at most."""
        return int(np.argmax(self.shares)) - NEAR

    @property
    def score(self) -> float:
        return max(self.shares)

    @property
    def needed(self) -> float:
        return max(FLOOR, TIMES * self.even)

    @property
    def name(self) -> str:
        if self.score <= self.needed:
            return ""
        steps = f"{abs(self.place)} {'before' if self.place < 0 else 'after'}"
        return f"looks at {WORDS.get(self.place, steps)}"


@torch.inference_mode()
def heads(model: Model, inputs: Mapping[str, Tensor]) -> list[Head]:
    """All heads that read the positions of one column in order."""
    some = {group: values[:MOST_ROWS] for group, values in inputs.items()}
    with watch() as seen:
        model.features(some)
    found = []
    for group, entry in model.blueprint.entries.items():
        branch = branch_of(model, group)
        if branch is None or entry.rank != 1:
            continue
        mask = branch.embed(some[group])[1]
        for tap, weights in seen.items():
            block = tap.removeprefix(f"{group} / ")
            if tap.startswith(f"{group} / ") and block.endswith(" / attention"):
                name = block.removesuffix(" / attention")
                found += heads_of(group, name, weights.float(), mask)
    return found


def heads_of(group: str, block: str, weights: Tensor, mask: Tensor | None) -> list[Head]:
    rows, count, length, _ = weights.shape
    here = torch.ones(rows, length, dtype=torch.bool) if mask is None else mask
    even = float((1 / here.sum(1).clamp(min=1)).mean())
    shares = np.zeros((count, 2 * NEAR + 1))
    for place in range(-min(NEAR, length - 1), min(NEAR, length - 1) + 1):
        both = _both(here, place)
        if both.any():
            given = weights.diagonal(place, 2, 3)  # (rows, heads, queries that have such a key)
            shares[:, place + NEAR] = given.transpose(1, 2)[both].mean(0).numpy()
    return [
        Head(group, block, number + 1, tuple(map(float, one)), even)
        for number, one in enumerate(shares)
    ]


def _both(here: Tensor, place: int) -> Tensor:
    """bool `(rows, queries)`: where there is something here and at that place."""
    if place >= 0:
        return here[:, : here.shape[1] - place] & here[:, place:]
    return here[:, -place:] & here[:, :place]
