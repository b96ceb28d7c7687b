"""`weights/000412.safetensors`: the whole network at recorded steps, to replay it through time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pellucid.recording.files import Arrays, read_arrays, write_arrays

if TYPE_CHECKING:
    from torch import Tensor

SAFE_IN_F16 = 6e4


def write_weights(folder: Path, step: int, state: Mapping[str, Tensor], *, exact: bool) -> int:
    """Write a state dict; returns the bytes written.

    exact: keep float32. Otherwise matrices and larger become float16, which halves the file and
    keeps 3 digits; vectors (biases, running variances) cost little and stay as they are.
    """
    arrays = {name: _array(value.detach(), exact) for name, value in state.items()}
    return write_arrays(folder / f"{step:06d}.safetensors", arrays, durable=exact)


def _array(value: Tensor, exact: bool) -> np.ndarray:
    if value.is_floating_point() and value.dtype.itemsize == 2:
        value = value.float()  # NumPy knows no bfloat16
    array: np.ndarray = value.cpu().numpy()
    small = array.ndim < 2 or array.dtype != np.float32
    # Asked so that a matrix with a NaN beside huge numbers, a network that exploded, is kept too.
    fits = np.abs(array).max(initial=0) <= SAFE_IN_F16
    if exact or small or not fits:
        return array
    return array.astype(np.float16)


def forget_weights(folder: Path, after: int) -> None:
    """Remove the files of later steps than `after`: the run is resumed there."""
    for path in folder.glob("[0-9]*.safetensors"):
        if int(path.stem) > after:
            path.unlink()


def weight_steps(folder: Path) -> list[int]:
    """Steps with weights, rising."""
    return sorted(int(path.stem) for path in folder.glob("[0-9]*.safetensors"))


def read_weights(folder: Path, step: int) -> Arrays:
    """The state dict of a recorded step; matrices as float32 again."""
    arrays = read_arrays(folder / f"{step:06d}.safetensors")
    return {
        name: array.astype(np.float32) if array.dtype == np.float16 else array
        for name, array in arrays.items()
    }
