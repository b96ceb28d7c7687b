"""LoRA: learn a small change to a large frozen matrix (Hu et al. 2021).

    W x   becomes   W x + (2 r / r) B A x        A: (r, in), B: (out, r)

W never changes and is no parameter here but a buffer that no checkpoint carries; A starts at
random and B at zero, so that learning starts from exactly what the frozen network says.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

RANK = 8
SCALE = 2.0
"""alpha / r with alpha = 2 r (recipes 5.2)."""


class Frozen(nn.Module):
    """A linear map that does not learn, `(..., in)` -> `(..., out)`; LoRA beside it does.

    Args:
        weight: float32 `(out, in)`. bias: `(out,)` or None. rank: of the change; 0: none.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, rank: int = RANK) -> None:
        super().__init__()
        self.weight: Tensor
        self.bias: Tensor | None
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("bias", bias, persistent=False)
        self.down: nn.Parameter | None = None
        self.up: nn.Parameter | None = None
        if rank:
            wide = weight.shape[1]
            self.down = nn.Parameter(torch.randn(rank, wide) / math.sqrt(wide))
            self.up = nn.Parameter(torch.zeros(weight.shape[0], rank))

    def forward(self, x: Tensor) -> Tensor:
        found = F.linear(x, self.weight, self.bias)
        if self.down is None or self.up is None:
            return found
        return found + SCALE * F.linear(F.linear(x, self.down), self.up)
