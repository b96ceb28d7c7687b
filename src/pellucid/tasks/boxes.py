"""Boxes as tensors: how much two overlap, which of many say the same, where a network looks.

A box is (left, top, right, bottom) in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

TINY = 1e-7


def overlaps(one: Tensor, other: Tensor) -> Tensor:
    """Intersection over union of all pairs: `(..., n, 4)`, `(..., m, 4)` -> `(..., n, m)`."""
    shared = _shared(one.unsqueeze(-2), other.unsqueeze(-3))
    return shared / (area(one).unsqueeze(-1) + area(other).unsqueeze(-2) - shared).clamp(min=TINY)


def paired_overlap(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and generalized IoU of boxes side by side: `(..., 4)` twice -> `(...)` twice.

    The generalized one (Rezatofighi et al. 2019, eq. 2) also says how far boxes that don't touch
    are apart, so that learning has a direction.
    """
    shared = _shared(one, other)
    union = area(one) + area(other) - shared
    hull_low = torch.minimum(one[..., :2], other[..., :2])
    hull_high = torch.maximum(one[..., 2:], other[..., 2:])
    hull = (hull_high - hull_low).clamp(min=0).prod(-1)
    share = shared / union.clamp(min=TINY)
    return share, share - (hull - union) / hull.clamp(min=TINY)


def area(boxes: Tensor) -> Tensor:
    """`(..., 4)` -> `(...)`; nothing is less than nothing."""
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1)


def _shared(one: Tensor, other: Tensor) -> Tensor:
    low = torch.maximum(one[..., :2], other[..., :2])
    high = torch.minimum(one[..., 2:], other[..., 2:])
    return (high - low).clamp(min=0).prod(-1)


def places(height: int, width: int, strides: Sequence[int], device: torch.device) -> Tensor:
    """Where a network looks: float32 `(places, 3)`, the middle (x, y) and the stride of each.

    Level after level, row by row, as `network/detector.py` answers.
    """
    parts = []
    for stride in strides:
        down = (torch.arange(height // stride, device=device) + 0.5) * stride
        across = (torch.arange(width // stride, device=device) + 0.5) * stride
        y, x = torch.meshgrid(down, across, indexing="ij")
        parts.append(torch.stack([x, y, torch.full_like(x, stride)], -1).flatten(0, 1))
    return torch.cat(parts)


def suppress(boxes: Tensor, labels: Tensor, scores: Tensor, most: float) -> Tensor:
    """Which boxes stay when of several on the same thing only the surest does (greedy NMS).

    Args:
        boxes: `(batch, n, 4)`, surest first. labels: `(batch, n)`; only equal ones compete.
        scores: `(batch, n)`; 0 is an empty place, which never stays.
        most: Overlap (IoU) from which on two are the same thing.

    Returns:
        bool `(batch, n)`.
    """
    same = (overlaps(boxes, boxes) > most) & (labels.unsqueeze(-1) == labels.unsqueeze(-2))
    keep = scores > 0
    for place in range(boxes.shape[1]):
        # What a box that stays covers goes, if it is less sure, which is: stands behind it.
        covered = same[:, place, place + 1 :] & keep[:, place, None]
        keep[:, place + 1 :] &= ~covered
    return keep
