"""Numbers compared, measured and written down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from pellucid.evidence.receipt.parts import Index


class InDoubles(TorchFunctionMode):
    """Within this block `x.float()` means 64 bits: networks and losses say it to leave 16 bits, and
    a copy that is to be exact must not lose half of its digits there."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is Tensor.float:
            return args[0].double()
        return func(*args, **(kwargs or {}))


class Still(TorchFunctionMode):
    """What a loss takes out of the way back (`x.detach()`) keeps the values that it had in the
    first block: backpropagation holds it still, so a weight that is turned must not move it."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Tensor] = []
        self.place: int | None = None

    def __enter__(self) -> Still:
        self.place = None if self.place is None else 0
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.place = 0
        super().__exit__(*error)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is not Tensor.detach:
            return func(*args, **(kwargs or {}))
        if self.place is None:
            self.kept.append(func(*args).clone())  # what it was taken from is turned in its place
            return self.kept[-1]
        self.place += 1
        return self.kept[self.place - 1]


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
