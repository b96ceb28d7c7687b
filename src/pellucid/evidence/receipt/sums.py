"""What a layer's output, and a weight's gradient, are the sum of.

Most layers are sums of weights times what each weight is multiplied by; PyTorch is asked for that
factor (the derivative of an output by a weight), so that one page serves all of them. A GRU bends
its sums in between and gets a page of its own, `gru.py`. All of it is done again from the layer's
own inputs in 64-bit floats, so that what the network did can be compared with what it should do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.evidence.receipt.gru import cell_by_hand
from pellucid.evidence.receipt.parts import Index, Output, Term
from pellucid.evidence.receipt.passages import Passage, rows_of

MOST_TERMS = 8
"""Terms of a sum that are named one by one, the largest; the rest is one number."""


# --- forward: what one output is the sum of ---------------------------------------------------


def movement(passage: Passage, parameter: str, index: Index) -> Tensor:
    """How the layer's output `(n, ...)` moves when one weight (or all below `index`) goes up.

    For a weight in a sum that is the number it is multiplied by. Found as a derivative of a
    derivative: `u * dy/dw` by `u` needs no forward mode, which packed sequences do not have.
    """
    module, inputs = passage.exact()
    weight = module.get_parameter(parameter)
    output = rows_of(module(*inputs))[0]
    upstream = torch.zeros_like(output, requires_grad=True)
    (back,) = torch.autograd.grad(output, weight, upstream, create_graph=True)
    direction = torch.zeros_like(weight)
    direction[index] = 1.0
    (moved,) = torch.autograd.grad(back, upstream, direction, allow_unused=True)
    return torch.zeros_like(output) if moved is None else moved.detach()


def loudest(passage: Passage, moved: Tensor, example: int) -> Index | None:
    """The place in this example's output where the weight matters most.

    Another example's place if it does not matter for this one (dropout may have silenced what it
    is multiplied by, or a word does not occur); None if it matters for none.
    """
    heard = moved.abs() * (passage.blame64.abs() + 1e-12)
    mine = (passage.example == example).view(-1, *[1] * (moved.ndim - 1))
    for one in (heard * mine, heard):
        if float(one.max()) > 0.0:
            return tuple(int(i) for i in np.unravel_index(int(one.argmax()), tuple(one.shape)))
    return None


def output_by_hand(passage: Passage, place: Index, parameter: str, index: Index) -> Output:
    """One number of the layer's output as the sum that it is."""
    own = f"{parameter}{list(index)}"
    computed = float(passage.output.detach()[place])
    if isinstance(passage.module, nn.GRU):
        cell = cell_by_hand(passage, place, index)
        shown, rest, others = _largest(cell.terms, own)
        return Output(
            cell.example, cell.place, shown, rest, others, cell.lines, cell.value, computed
        )
    terms = _all_terms(passage, place)
    shown, rest, others = _largest(terms, own)
    total = sum(term.product for term in terms)
    return Output(
        int(passage.example[place[0]]), place[1:], shown, rest, others, (), total, computed
    )


def _all_terms(passage: Passage, place: Index) -> list[Term]:
    module, inputs = passage.exact()
    one = rows_of(module(*inputs))[0][place]
    names = [name for name, _ in module.named_parameters(recurse=False)]
    weights = [module.get_parameter(name) for name in names]
    factors = torch.autograd.grad(one, weights, allow_unused=True)
    terms = [
        term
        for name, weight, factor in zip(names, weights, factors, strict=True)
        if factor is not None
        for term in _terms(name, weight, factor)
    ]
    if _stretches(module):
        # Stretched sums hold every product twice, as weight and as stretch: count it once.
        terms = [term for term in terms if not term.weight_name.startswith("stretch")]
    inner = _without_weights(module, inputs, place)
    if inner:
        terms.append(Term("what its inner layers gave", inner, 1.0))
    return terms


def _terms(name: str, weight: Tensor, factor: Tensor) -> Iterator[Term]:
    weight = weight.detach()
    for index in factor.nonzero().tolist():
        key = tuple(index)
        yield Term(f"{name}{list(key)}", float(weight[key]), float(factor[key]))


@torch.no_grad()
def _without_weights(module: nn.Module, inputs: tuple[Any, ...], place: Index) -> float:
    """What is left of an output when the layer's own weights are 0; only layers within it are."""
    for parameter in module.parameters(recurse=False):
        parameter.zero_()
    return float(rows_of(module(*inputs))[0][place])


def _stretches(module: nn.Module) -> bool:
    return hasattr(module, "stretch_in")


def _largest(terms: list[Term], own: str) -> tuple[tuple[Term, ...], float, int]:
    """The weight that is asked for, then the largest products; the sum and number of the others."""
    ordered = sorted(terms, key=lambda term: (term.weight_name != own, -abs(term.product)))
    rest = ordered[MOST_TERMS:]
    return tuple(ordered[:MOST_TERMS]), sum(term.product for term in rest), len(rest)


# --- backward: a gradient as a sum over examples ----------------------------------------------


def shares(passage: Passage, moved: Tensor, batch: int) -> tuple[Tensor, float]:
    """What each example adds to a weight's gradient, float64 `(batch,)`, and what rows add that are
    no single example's; together they are what this layer adds to the gradient.

    At every place that the weight reaches: blame of the output there, times how far the weight
    moves it.
    """
    each = (passage.blame64 * moved).flatten(1).sum(1)
    sums = torch.zeros(batch + 1, dtype=torch.float64)
    sums.index_add_(0, passage.example.where(passage.example >= 0, batch), each)
    return sums[:batch], float(sums[batch])
