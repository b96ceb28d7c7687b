"""To go on with a text: at every place, which token comes next?"""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.tasks.task import Objective

UNCOUNTED = -1
"""In a target: what comes here is given, not asked (padding, what a person said in a dialogue)."""


class NextToken(Objective):
    """The next token at every place of a window.

    Output `(batch, places, vocabulary)`; target `(batch, places)`: the number of the token that
    comes next, or `UNCOUNTED`.
    """

    kind: ClassVar[str] = "generate"
    at_once: ClassVar[int] = 8

    def __init__(self, vocabulary: int) -> None:
        self.outputs = vocabulary

    def loss(self, output: Tensor, target: Tensor, smoothing: float = 0.0) -> Tensor:
        """Mean surprise in nats over the counted places of each window `(batch,)`."""
        counted = (target != UNCOUNTED).sum(1).clamp(min=1)
        return surprises(output, target, smoothing).sum(1) / counted

    def kept(self, output: Tensor, target: Tensor) -> Tensor:
        """Of each window `(batch, 2)`: the sum of its surprises in nats, and how many they are.
        Everything would be as large as the vocabulary."""
        counted = (target != UNCOUNTED).sum(1)
        return torch.stack([surprises(output, target).sum(1), counted.float()], 1)


def surprises(output: Tensor, target: Tensor, smoothing: float = 0.0) -> Tensor:
    """-log of the probability that the true next token got, `(batch, places)` in nats; 0 where
    nothing is asked."""
    flat = F.cross_entropy(
        output.flatten(0, 1).float(),  # 16 bits are too few for a sum over a vocabulary
        target.flatten().long(),
        ignore_index=UNCOUNTED,
        reduction="none",
        label_smoothing=smoothing,
    )
    return flat.view(target.shape)
