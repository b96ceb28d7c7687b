"""Pairs in batches of about the same length, so that little of a batch is padding.

A batch is as wide as its longest pair. Drawn at random, nearly every batch would hold a long one,
and most of what the network computes would be padding. So pairs of about the same length share a
batch, and batches hold about equally many tokens, not pairs (Vaswani et al. 2017, section 5.1):
each takes about as long as any other, which is what planning counts on when it measures a few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pellucid.data.dataset import Batch, Dataset
from pellucid.network.encoder_decoder import ANSWER, PADDING, SOURCE


@dataclass(frozen=True)
class PairDataset(Dataset):
    """Sources and answers `(pairs, places)`, `PADDING` behind the end of each.

    lengths: int64 `(pairs,)`: tokens of both sides together.
    """

    lengths: np.ndarray

    def take(self, rows: Tensor) -> Batch:
        """The batch of these pairs, no wider than its longest source and its longest answer."""
        whole = super().take(rows)
        source, answer = (_cut(whole.inputs[side]) for side in (SOURCE, ANSWER))
        target = whole.target[:, : answer.shape[1]].contiguous()
        return Batch({SOURCE: source, ANSWER: answer}, target, rows)

    def shuffled(self, rows: Tensor, size: int, generator: torch.Generator) -> Sequence[Tensor]:
        """These pairs once, in `len(rows) // size` batches of about equally many tokens; which
        pairs of one length come together, and the order of the batches, are random."""
        numbers = rows.cpu().numpy()[torch.randperm(len(rows), generator=generator).numpy()]
        numbers = numbers[np.argsort(self.lengths[numbers], kind="stable")]
        ends = equal_parts(self.lengths[numbers], len(rows) // size)
        batches = np.split(numbers, ends[:-1])
        order = torch.randperm(len(batches), generator=generator).tolist()
        return [torch.from_numpy(batches[place]).to(rows.device) for place in order]


def equal_parts(lengths: np.ndarray, parts: int) -> np.ndarray:
    """Where to cut a row of lengths so that the parts have about equal sums, none of them empty.

    >>> equal_parts(np.array([1, 1, 1, 1, 2, 2, 4]), 3).tolist()
    [4, 6, 7]
    """
    so_far = lengths.cumsum()
    wanted = so_far[-1] * np.arange(1, parts + 1) / parts
    ends = np.searchsorted(so_far, wanted, side="left") + 1
    fewest = np.arange(1, parts + 1)
    most = len(lengths) - parts + fewest
    found: np.ndarray = np.clip(ends, fewest, most)
    found[-1] = len(lengths)
    return found


def _cut(tokens: Tensor) -> Tensor:
    """Without the places at the end that are padding in every row; one stays."""
    used = (tokens != PADDING).any(0).nonzero()
    return tokens[:, : int(used[-1]) + 1 if len(used) else 1].contiguous()
