"""How much arithmetic an answer takes: multiply-adds, counted as PyTorch carries them out.

Every operation passes the dispatcher, whatever module or function asked for it, so what is counted
is what is computed: a recurrent layer step by step, attention, a whole bag of networks. Matrix
products, convolutions and attention count; adding, bending and normalizing are left out, as is
usual (they are a few percent). Looking up a word's vector is free.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten


def multiply_adds(compute: Callable[[], object]) -> int:
    """Multiplications (each with its addition) of everything that `compute` does with tensors."""
    with _Counter() as counter:
        compute()
    return counter.count


class _Counter(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        rule = RULES.get(func.overloadpacket)
        if rule is None:
            # In inference mode layers arrive whole: they are taken apart until a rule fits.
            with self:
                result = func.decompose(*args, **kwargs)
            return func(*args, **kwargs) if result is NotImplemented else result
        result = func(*args, **kwargs)
        self.count += rule(result[0] if isinstance(result, tuple) else result, args)
        return result


Rule = Callable[[Tensor, tuple[Any, ...]], int]
"""(result, arguments) -> multiply-adds."""


def _product(left: int) -> Rule:
    """A matrix product: each number of the result sums over the last axis of argument `left`."""
    return lambda result, args: result.numel() * int(args[left].shape[-1])


def _convolution(result: Tensor, args: tuple[Any, ...]) -> int:
    """Each number of the result sums over the kernel and the features of its group; transposed:
    each number of the input is spread over the kernel."""
    values, weight, transposed = args[0], args[1], args[6]
    kernel = math.prod(weight.shape[1:])
    return int((values if transposed else result).numel() * kernel)


def _attention(result: Tensor, args: tuple[Any, ...]) -> int:
    """Every query meets every key, and every weight its value: `(batch, heads, place, width)`."""
    query, key, value = args[:3]
    pairs = math.prod(query.shape[:-1]) * key.shape[-2]
    return int(pairs * (query.shape[-1] + value.shape[-1]))


RULES: dict[Any, Rule] = {
    aten.mm: _product(0),
    aten.bmm: _product(0),
    aten.mv: _product(0),
    aten.dot: _product(0),
    aten.addmm: _product(1),
    aten.baddbmm: _product(1),
    aten.addmv: _product(1),
    aten.convolution: _convolution,
    aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    aten._scaled_dot_product_flash_attention: _attention,
    aten._scaled_dot_product_efficient_attention: _attention,
    aten._scaled_dot_product_cudnn_attention: _attention,
}
