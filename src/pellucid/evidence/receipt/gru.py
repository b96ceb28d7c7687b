"""One memory cell of a GRU at one moment: three sums, two gates, a mixture of old and new.

Cho et al. 2014 as PyTorch computes it: `h = (1 - z) n + z h'` with gates `r`, `z` and the
candidate `n`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from pellucid.evidence.receipt.numbers import said
from pellucid.evidence.receipt.parts import Index, Line, Term
from pellucid.evidence.receipt.passages import Passage


@dataclass(frozen=True)
class Cell:
    """A memory cell at one moment. place: time and unit. terms: the products of the sum that the
    followed weight is part of. lines: what gates make of the sums. value: what comes out."""

    example: int
    place: Index
    terms: list[Term]
    lines: tuple[Line, ...]
    value: float


def cell_by_hand(passage: Passage, place: Index, index: Index) -> Cell:
    """The cell at `place` of the layer's output; `index`: of the weight that is followed."""
    module, inputs = passage.exact()
    time, unit, example, end = _place(passage, place)
    half = module.hidden_size
    assert isinstance(half, int)
    backward = unit >= half
    at, unit = (time, unit), unit - half * backward
    x = _padded(inputs[0])[example, time]
    outputs = _padded(_like(passage.output.detach().double(), inputs[0]))[example]
    own = outputs[:, half:] if backward else outputs[:, :half]
    earlier = time + 1 if backward else time - 1
    memory = own[earlier] if 0 <= earlier < end else torch.zeros_like(own[0])
    ending = "_l0_reverse" if backward else "_l0"
    sums: list[tuple[float, float]] = []
    asked: list[Term] = []
    for gate in range(3):
        row = gate * half + unit
        parts = [_gate(module, kind, ending, row, value) for kind, value in _sides(x, memory)]
        sums.append((parts[0][1], parts[1][1]))
        if row == index[0]:
            asked = [*parts[0][0], *parts[1][0]]
    lines, value = _lines(sums, float(memory[unit]))
    return Cell(example, at, asked, lines, value)


def _sides(x: Tensor, memory: Tensor) -> tuple[tuple[str, Tensor], tuple[str, Tensor]]:
    return ("ih", x), ("hh", memory)


def _gate(
    module: nn.Module, kind: str, ending: str, row: int, value: Tensor
) -> tuple[list[Term], float]:
    """The products of one gate's sum over the input ("ih") or the memory ("hh"), and the sum."""
    weight = module.get_parameter(f"weight_{kind}{ending}").detach()[row]
    bias = float(module.get_parameter(f"bias_{kind}{ending}").detach()[row])
    products = [
        Term(f"weight_{kind}{ending}[{row}, {place}]", float(w), float(v))
        for place, (w, v) in enumerate(zip(weight, value, strict=True))
    ]
    products.append(Term(f"bias_{kind}{ending}[{row}]", bias, 1.0))
    return products, sum(term.product for term in products)


def _lines(sums: list[tuple[float, float]], memory: float) -> tuple[tuple[Line, ...], float]:
    (xr, hr), (xz, hz), (xn, hn) = sums
    reset, update = 1 / (1 + math.exp(-(xr + hr))), 1 / (1 + math.exp(-(xz + hz)))
    new = math.tanh(xn + reset * hn)
    value = (1 - update) * new + update * memory
    lines = (
        Line("reset gate", f"sigmoid({said(xr)} + {said(hr)})", reset),
        Line("update gate", f"sigmoid({said(xz)} + {said(hz)})", update),
        Line("candidate", f"tanh({said(xn)} + {said(reset)} × {said(hn)})", new),
        Line(
            "new memory",
            f"(1 − {said(update)}) × {said(new)} + {said(update)} × {said(memory)}",
            value,
        ),
    )
    return lines, value


def _place(passage: Passage, place: Index) -> tuple[int, int, int, int]:
    """Time, unit, example, and positions that are read, of a place in a GRU's output."""
    given = passage.inputs[0]
    example = int(passage.example[place[0]])
    if not isinstance(given, PackedSequence):
        return place[1], place[2], example, given.shape[1]
    starts = [0, *given.batch_sizes.cumsum(0).tolist()]
    time = int(np.searchsorted(starts, place[0], side="right")) - 1
    return time, place[1], example, int((passage.example == example).sum())


def _like(values: Tensor, given: Any) -> Any:
    """A layer's numbers in the form in which its input came."""
    if isinstance(given, PackedSequence):
        return PackedSequence(
            values, given.batch_sizes, given.sorted_indices, given.unsorted_indices
        )
    return values


def _padded(values: Any) -> Tensor:
    if isinstance(values, PackedSequence):
        return pad_packed_sequence(values, batch_first=True)[0]
    assert isinstance(values, Tensor)
    return values
