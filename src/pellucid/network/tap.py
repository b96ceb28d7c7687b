"""Name a value worth seeing where it is made.

`tap("block 3 / attention", weights)` is the identity unless somebody watches. Nothing else in a
network stores state, and watching never changes what is computed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor

_seen: dict[str, Tensor] | None = None
_scopes: list[str] = []


def tap(name: str, value: Tensor) -> Tensor:
    """Show `value` to whoever watches, under `name`; returns it unchanged."""
    if _seen is not None:
        full = " / ".join((*_scopes, name))
        if full in _seen:
            raise ValueError(f"two values are called '{full}'")
        _seen[full] = value
    return value


def watched() -> bool:
    """Whether somebody watches: a network may then take a slower path that shows more."""
    return _seen is not None


@contextmanager
def watch() -> Iterator[dict[str, Tensor]]:
    """Collect every tapped value of the forward passes inside the block, in order.

    The tensors are the very ones of the computation, so `torch.autograd.grad` of a loss with
    respect to them works.
    """
    global _seen
    if _seen is not None:
        raise RuntimeError("somebody is watching already")
    _seen = {}
    try:
        yield _seen
    finally:
        _seen = None
        _scopes.clear()


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Prefix the names tapped inside the block, so that two columns' values stay apart."""
    if _seen is None:
        yield
        return
    _scopes.append(name)
    try:
        yield
    finally:
        if _scopes:
            _scopes.pop()
