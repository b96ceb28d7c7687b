"""Verification: is it the same person? A network that puts pictures of one identity close together.

It learns on some identities and is asked about others, so that nothing about the people in
question is learned. While learning, every identity has a proxy, a point that its pictures are
drawn to and those of others pushed from. Which loss does that follows from the data (recipes 9):
many pictures of few identities suit ProxyAnchor (Kim et al. 2020, arXiv:2003.13911), few pictures
of many identities ArcFace (Deng et al. 2019, arXiv:1801.07698).
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.tasks.task import Objective, wide

Draw = Literal["proxy anchor", "arcface"]
ALPHA, DELTA = 32.0, 0.1
"""ProxyAnchor: how much the hardest pictures count, and the margin."""
MARGIN, LEAST_SCALE = 0.2, 16.0
"""ArcFace: angle to be won beyond the others, and how sharply cosines decide."""
SHARPNESS = 2.0
"""How much one spread of the likenesses counts where pictures find each other."""


class SameIdentity(Objective):
    """Pictures of one identity close together, of different ones apart.

    Output `(batch, width + identities)` while learning: the embedding of length 1, then its
    cosine with every identity's proxy; `(batch, width)` when answering. Target int64 `(batch,)`:
    the identity.

    Args:
        width: of the embedding. identities: those that are learned from. draw: the loss.
    """

    kind: ClassVar[str] = "verify"

    def __init__(self, width: int, identities: int, draw: Draw) -> None:
        self.width, self.identities, self.draw = width, identities, draw
        self.outputs = width + identities
        # AdaCos (Zhang et al. 2019): from how many identities the right one is told.
        self.scale = max(LEAST_SCALE, math.sqrt(2) * math.log(max(2, identities - 1)))

    def loss(self, output: Tensor, target: Tensor, smoothing: float = 0.0) -> Tensor:
        output = wide(output)
        if output.shape[1] == self.width:
            # Identities that are not learned from have no proxy: do their pictures find each other?
            return in_batch(output, target)
        cosines = output[:, self.width :]
        if self.draw == "proxy anchor":
            return proxy_anchor(cosines, target).expand(len(target))
        return arcface(cosines, target, self.scale)

    def kept(self, output: Tensor, target: Tensor) -> Tensor:
        """The embeddings."""
        return output[:, : self.width]


def proxy_anchor(cosines: Tensor, target: Tensor) -> Tensor:
    """One number for the batch: every proxy draws its own pictures, above all the farthest, and
    pushes the others, above all the nearest.

    Args:
        cosines: `(batch, identities)`. target: int64 `(batch,)`.
    """
    own = F.one_hot(target, cosines.shape[1]).bool()
    nothing = cosines.new_tensor(-torch.inf)
    drawn = torch.where(own, -ALPHA * (cosines - DELTA), nothing).logsumexp(0)
    pushed = torch.where(own, nothing, ALPHA * (cosines + DELTA)).logsumexp(0)
    there = own.any(0)
    zero = torch.zeros_like(drawn)
    pull = torch.logaddexp(zero, torch.where(there, drawn, nothing)).sum() / there.sum()
    return pull + torch.logaddexp(zero, pushed).mean()


def arcface(cosines: Tensor, target: Tensor, scale: float) -> Tensor:
    """Cross-entropy `(batch,)` over identities, where the own one must win by an angle.

    Args:
        cosines: `(batch, identities)`. target: int64 `(batch,)`.
    """
    own = F.one_hot(target, cosines.shape[1]).bool()
    cosines = cosines.clamp(-1 + 1e-6, 1 - 1e-6)
    turned = cosines * math.cos(MARGIN) - (1 - cosines.square()).sqrt() * math.sin(MARGIN)
    return F.cross_entropy(scale * torch.where(own, turned, cosines), target, reduction="none")


def in_batch(embedding: Tensor, target: Tensor) -> Tensor:
    """How poorly each picture finds the others of its identity in the batch `(batch,)` (SupCon,
    Khosla et al. 2020); 0 where there are none.

    Likenesses count in units of their spread in this batch: else points that all lie close
    together, as at the beginning, would look better than points that are nearly well spread.

    Args:
        embedding: `(batch, width)`, of length 1. target: int64 `(batch,)`.
    """
    near = embedding @ embedding.T
    itself = torch.eye(len(near), dtype=torch.bool, device=near.device)
    count = max(1, len(near) * (len(near) - 1))
    others = near.masked_fill(itself, 0.0)
    mean = others.sum() / count
    spread = ((others - mean).square().masked_fill(itself, 0.0).sum() / count).sqrt()
    near = (SHARPNESS * (near - mean) / spread.clamp(min=1e-6)).masked_fill(itself, -torch.inf)
    alike = (target[:, None] == target) & ~itself
    log_share = near - near.logsumexp(1, keepdim=True)
    total = torch.where(alike, log_share, 0.0).sum(1)
    return -total / alike.sum(1).clamp(min=1)
