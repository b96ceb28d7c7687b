"""Numbers compared, measured and written down."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pellucid.evidence.receipt.parts import Index


def said(value: float, digits: int = 5) -> str:
    """A number inside a calculation; a negative one in brackets.

    >>> said(0.25), said(-1.5)
    ('0.25', '(−1.5)')
    """
    text = f"{value:.{digits}g}".replace("-", "−")
    return f"({text})" if value < 0 else text


def times(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape)) or "1"


def spread(values: Tensor) -> float:
    return float(values.std()) if values.numel() > 1 else 0.0


def unravel(place: int, like: Tensor) -> Index:
    return tuple(int(i) for i in np.unravel_index(place, tuple(like.shape)))


def relative(one: float, other: float, floor: float) -> float:
    """The difference as a share of the larger of both and `floor`."""
    scale = max(abs(one), abs(other), abs(floor))
    return abs(one - other) / scale if scale else 0.0


def gap(one: Tensor, other: Tensor) -> float:
    """The largest difference, as a share of the largest number."""
    one, other = one.detach().double(), other.detach().double()
    scale = max(float(one.abs().max()), float(other.abs().max()))
    return float((one - other).abs().max()) / scale if scale else 0.0


def gap_np(one: np.ndarray, other: np.ndarray) -> float:
    return gap(torch.from_numpy(one), torch.from_numpy(other))
