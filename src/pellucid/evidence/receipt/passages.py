"""What each layer was given in a forward pass, and what it answered."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence


@dataclass
class Passage:
    """One layer in a forward pass: its last call, of `calls`.

    inputs: what it was called with. output: its numbers, `(n, ...)`; example: int64 `(n,)`, the
    example in the batch that each belongs to, -1 where a row is no single example's. blame:
    derivative of the mean loss by `output`.
    """

    module: nn.Module
    inputs: tuple[Any, ...]
    output: Tensor
    example: Tensor
    calls: int = 1
    blame: Tensor | None = None

    @property
    def plain(self) -> bool:
        """Whether it was called once, example by example."""
        return self.calls == 1 and bool((self.example >= 0).all())

    def belongs_to(self, batch: int) -> None:
        """Rows that are not as many as the examples (the items of a catalog) are nobody's."""
        if not isinstance(self.inputs[0], PackedSequence) and len(self.output) != batch:
            self.example = torch.full_like(self.example, -1)

    def exact(self) -> tuple[nn.Module, tuple[Any, ...]]:
        """A copy of the layer and its inputs in 64-bit floats."""
        return copy.deepcopy(self.module).double(), tuple(map(doubled, self.inputs))

    @property
    def blame64(self) -> Tensor:
        blame = torch.zeros_like(self.output) if self.blame is None else self.blame
        return blame.detach().double()


@contextmanager
def overhear(model: nn.Module) -> Iterator[dict[str, Passage]]:
    """Collect, by name and in order, the layers that have weights of their own."""
    heard: dict[str, Passage] = {}

    def hear(
        name: str,
        module: nn.Module,
        inputs: tuple[Any, ...],
        named: dict[str, Any],
        output: Any,
    ) -> None:
        if named or not inputs or not isinstance(output, Tensor | tuple):
            return  # could not be called again as it was
        calls = heard.pop(name).calls if name in heard else 0  # the last call's place in the order
        heard[name] = Passage(module, inputs, *rows_of(output), calls + 1)

    hooks = [
        module.register_forward_hook(partial(hear, name), with_kwargs=True)
        for name, module in model.named_modules()
        if name and _repeatable(module)
    ]
    try:
        yield heard
    finally:
        for hook in hooks:
            hook.remove()


def _repeatable(module: nn.Module) -> bool:
    """Whether it has weights of its own and gives the same again when it is called again."""
    drops = any(isinstance(one, nn.modules.dropout._DropoutNd) for one in module.modules())
    return not drops and any(True for _ in module.parameters(recurse=False))


@contextmanager
def silenced(module: nn.Module, call: int) -> Iterator[None]:
    """No blame goes back into this call of the module, the first one being 1."""
    calls = 0

    def detach(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
        nonlocal calls
        calls += 1
        return detached(output) if calls == call else None

    hook = module.register_forward_hook(detach)
    try:
        yield
    finally:
        hook.remove()


def detached(output: Any) -> Any:
    """The same numbers, without the way back."""
    if isinstance(output, PackedSequence):
        return output._replace(data=output.data.detach())
    if isinstance(output, tuple):
        return tuple(map(detached, output))
    return output.detach() if isinstance(output, Tensor) else output


@contextmanager
def overhear_values(model: nn.Module) -> Iterator[dict[str, list[Tensor | None]]]:
    """Collect what each module gives, by name and call; None if it is not one tensor of floats."""
    given: dict[str, list[Tensor | None]] = {}

    def hear(name: str, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        floats = isinstance(output, Tensor) and output.is_floating_point()
        given.setdefault(name, []).append(output.detach() if floats else None)

    hooks = [m.register_forward_hook(partial(hear, name)) for name, m in model.named_modules()]
    try:
        yield given
    finally:
        for hook in hooks:
            hook.remove()


def rows_of(output: Any) -> tuple[Tensor, Tensor]:
    """A layer's numbers, rows first, and the example that each row belongs to."""
    if isinstance(output, tuple) and not isinstance(output, PackedSequence):
        output = output[0]
    if not isinstance(output, PackedSequence):
        return output, torch.arange(len(output))
    # Packed: all examples' first positions, then all second ones ..., the longest example first.
    order = output.sorted_indices
    sizes = output.batch_sizes.tolist()
    assert order is not None
    return output.data, torch.cat([order[:size] for size in sizes])


def doubled(value: Any) -> Any:
    """The same value with 64-bit floats; whole numbers and masks stay."""
    if isinstance(value, PackedSequence):
        return PackedSequence(
            value.data.detach().double(),
            value.batch_sizes,
            value.sorted_indices,
            value.unsorted_indices,
        )
    if isinstance(value, Tensor) and value.is_floating_point():
        return value.detach().double()
    return value
