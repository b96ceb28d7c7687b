"""Receptive fields: which part of the input one position of a layer can see.

Worked out from the layers alone: each window (a convolution or a pool) widens what the one before
it saw. What lies beyond the edge of the input is padding, so a field may begin before 0.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from pellucid.data.columns import Entry
from pellucid.network import cnn
from pellucid.network.assemble import Branch
from pellucid.network.embed import Patches

Window = tuple[tuple[int, int], ...]
"""First and last-but-one position along each axis of the input, inside of it."""


@dataclass(frozen=True)
class Field:
    """Position p of a layer sees `size` input positions from `start + p * step` on, each axis.

    whole: it has also read everything else (a recurrent network, attention); the window is then
    only the place where it stands.
    """

    start: tuple[int, ...]
    size: tuple[int, ...]
    step: tuple[int, ...]
    whole: bool = False

    def after(
        self, kernel: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...]
    ) -> Field:
        """What a window over this layer's positions sees of the input."""
        return Field(
            tuple(a - p * s for a, p, s in zip(self.start, padding, self.step, strict=True)),
            tuple(n + (k - 1) * s for n, k, s in zip(self.size, kernel, self.step, strict=True)),
            tuple(s * k for s, k in zip(self.step, stride, strict=True)),
            self.whole,
        )

    def window(self, place: tuple[int, ...], shape: tuple[int, ...]) -> Window:
        """What the position `place` sees of an input of this shape.

        >>> Field((-2,), (5,), (2,)).window((0,), (32,))
        ((0, 3),)
        """
        starts = [a + p * s for a, p, s in zip(self.start, place, self.step, strict=True)]
        return tuple(
            (max(0, start), min(end, start + size))
            for start, size, end in zip(starts, self.size, shape, strict=True)
        )


def fields(branch: Branch, entry: Entry) -> dict[str, Field]:
    """Name of a value watched in this branch (without the group) -> what its positions see."""
    own = _own(branch.embed, len(entry.positions))
    if isinstance(branch.network, cnn.Cnn):
        return dict(_convolved(branch.network, own))
    return dict.fromkeys(_names(branch.network), Field(own.start, own.size, own.step, whole=True))


def everything(entry: Entry) -> Field:
    """What a unit of a plain network sees: the whole example, from a single place."""
    return Field((0,) * entry.rank, entry.positions, entry.positions)


def _own(embed: nn.Module, axes: int) -> Field:
    """What the positions that enter the network stand for."""
    patch = embed.patch if isinstance(embed, Patches) else (1,) * axes
    return Field((0,) * axes, patch, patch)


def _convolved(network: cnn.Cnn, field: Field) -> list[tuple[str, Field]]:
    found = []
    for stage in network.stages:
        if isinstance(stage, cnn.Layer):
            field = _through(field, stage.convolution)
            field = field.after((2, 2), (2, 2), (0, 0)) if stage.pool else field
            found.append((f"{stage.name} / activation", field))
        elif isinstance(stage, cnn.Block):
            longest = max([3, *(one.kernel_size[1] for one in _convolutions(stage))])
            field = field.after((longest,), (1,), (longest // 2,))
            found.append((f"{stage.name} / activation", field))
            field = field.after((2,), (2,), (0,)) if stage.pool else field
    return found


def _through(field: Field, convolution: nn.Conv2d) -> Field:
    kernel, stride = convolution.kernel_size, convolution.stride
    return field.after(kernel, stride, tuple(size // 2 for size in kernel))


def _convolutions(block: cnn.Block) -> list[nn.Conv2d]:
    return [one for one in block.convolutions if isinstance(one, nn.Conv2d)]


def _names(network: nn.Module) -> list[str]:
    """The watched values of networks whose positions see everything."""
    depth = len(getattr(network, "layers", getattr(network, "blocks", ())))
    return [
        name
        for number in range(1, depth + 1)
        for name in (f"layer {number} / step outputs", f"block {number} / activation")
    ]
