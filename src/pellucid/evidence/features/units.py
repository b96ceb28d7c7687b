"""Units: the features of a network's layers, and how strongly each example excites them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.config import ACROSS
from pellucid.evidence.features.field import Field, everything, fields
from pellucid.network.assemble import Branch, Joined, Model
from pellucid.network.cnn import Cnn
from pellucid.network.embed import Patches
from pellucid.network.tabm import TabM
from pellucid.network.tap import scope, watch

ENDINGS = (" / activation", " / step outputs")
"""Watched values whose last axis are units that were bent: what a layer says, not only sums."""
BATCH_FLOATS = 4_000_000
"""Values of one layer that are held at a time."""


@dataclass(frozen=True)
class UnitLayer:
    """A layer whose units are looked at.

    tap: what `watch` calls it. group: the column that it reads, or "columns" across all.
    name: what a person reads. units: how many. positions: how many places answer, each axis; ()
    where there is one answer an example. field: what a place sees; None without positions.
    """

    tap: str
    group: str
    name: str
    units: int
    positions: tuple[int, ...] = ()
    field: Field | None = None

    def place(self, flat: int) -> tuple[int, ...]:
        """A flattened position along its axes."""
        return tuple(int(one) for one in np.unravel_index(flat, self.positions or (1,)))

    @property
    def middle(self) -> int:
        """The flattened position in the middle of the map."""
        middle = [size // 2 for size in self.positions]
        return int(np.ravel_multi_index(middle, self.positions)) if middle else 0


@dataclass(frozen=True)
class Peaks:
    """How strongly each unit of a layer answered each example.

    value: float32 `(rows, units)`, the largest over all positions. place: int32 `(rows, units)`,
    the flattened position where that was.
    """

    value: np.ndarray
    place: np.ndarray


def branch_of(model: Model, group: str) -> Branch | None:
    """What reads a column with positions; None for plain values and pretrained features."""
    part: nn.Module = model.part(group)
    part = part.branch if isinstance(part, Joined) else part
    return part if isinstance(part, Branch) else None


def unit_layers(model: Model, inputs: Mapping[str, Tensor]) -> list[UnitLayer]:
    """The layers in the order in which values pass through them."""
    with torch.inference_mode(), watch() as seen:
        model.features({group: values[:2] for group, values in inputs.items()})
    return [_layer(model, name, value) for name, value in seen.items() if name.endswith(ENDINGS)]


def _layer(model: Model, tap: str, value: Tensor) -> UnitLayer:
    group = max((one for one in _groups(model) if tap.startswith(f"{one} / ")), key=len)
    inner = tap.removeprefix(f"{group} / ")
    words = inner.removesuffix(" / activation").removesuffix(" / step outputs")
    several = len(model.blueprint.entries) > 1 and group != ACROSS
    name = f"{group}, {words}" if several else words
    units = value.shape[-1]
    if _members(model, group):
        return UnitLayer(tap, group, f"{name}, member 1", units)
    branch = branch_of(model, group) if group != ACROSS else None
    if branch is None:
        return UnitLayer(tap, group, name, units, tuple(value.shape[1:-1]))
    entry = model.blueprint.entries[group]
    if branch.whole:
        return UnitLayer(tap, group, name, units, (1,) * entry.rank, everything(entry))
    return UnitLayer(
        tap, group, name, units, _grid(branch, value, entry.positions), fields(branch, entry)[inner]
    )


def _groups(model: Model) -> list[str]:
    return [*model.blueprint.entries, ACROSS]


def _members(model: Model, group: str) -> bool:
    """Whether networks stand side by side; one of them, the first, is looked at."""
    return group == ACROSS and isinstance(model.across, TabM)


def _grid(branch: Branch, value: Tensor, positions: tuple[int, ...]) -> tuple[int, ...]:
    """Positions of a layer along the axes of its input: a flattened picture gets its rows back."""
    if isinstance(branch.network, Cnn):
        return tuple(value.shape[1:-1]) if len(positions) == 2 else (value.shape[2],)
    if isinstance(branch.embed, Patches):
        pairs = zip(positions, branch.embed.patch, strict=True)
        return tuple(math.ceil(size / patch) for size, patch in pairs)
    return tuple(value.shape[1:-1])


# --- running examples through -----------------------------------------------------------------


def peaks(model: Model, layers: list[UnitLayer], inputs: Mapping[str, Tensor]) -> dict[str, Peaks]:
    """Tap -> how strongly each unit answered each of these encoded examples."""
    found: dict[str, list[tuple[Tensor, Tensor]]] = {layer.tap: [] for layer in layers}
    for part in batches(layers, inputs):
        for layer, values in zip(layers, answers(model, layers, part), strict=True):
            found[layer.tap].append(tuple(values.max(1)))  # type: ignore[arg-type]
    return {
        tap: Peaks(
            torch.cat([value for value, _ in parts]).numpy(),
            torch.cat([place for _, place in parts]).int().numpy(),
        )
        for tap, parts in found.items()
    }


def batches(layers: list[UnitLayer], inputs: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """All rows once, so many at a time that a layer's values fit into memory."""
    most = max(layer.units * math.prod(layer.positions) for layer in layers)
    size = max(1, min(256, BATCH_FLOATS // most))
    for start in range(0, len(next(iter(inputs.values()))), size):
        yield {group: values[start : start + size] for group, values in inputs.items()}


@torch.inference_mode()
def answers(model: Model, layers: list[UnitLayer], inputs: Mapping[str, Tensor]) -> list[Tensor]:
    """float32 `(rows, positions, units)` for each layer; -inf where there is only padding."""
    with watch() as seen:
        model.features(inputs)
    here = {group: _mask(model, group, inputs) for group in {one.group for one in layers}}
    values = [seen[layer.tap] for layer in layers]
    first = [
        value[:, :1] if _members(model, layer.group) else value
        for layer, value in zip(layers, values, strict=True)
    ]
    return [
        _flat(layer, value, here[layer.group]) for layer, value in zip(layers, first, strict=True)
    ]


def _flat(layer: UnitLayer, value: Tensor, mask: Tensor | None) -> Tensor:
    flat = value.float().reshape(len(value), -1, layer.units)
    if mask is None or mask.shape != flat.shape[:2]:  # pooled since: zeros stand for padding
        return flat
    return flat.masked_fill(~(mask | ~mask.any(1, keepdim=True))[..., None], float("-inf"))


def _mask(model: Model, group: str, inputs: Mapping[str, Tensor]) -> Tensor | None:
    """bool `(rows, positions)`: where there is something to read; None: everywhere."""
    branch = branch_of(model, group) if group != ACROSS else None
    if branch is None:
        return None
    mask = branch.embed(inputs[group])[1]
    return None if mask is None else mask.flatten(1)


def part_answers(
    model: Model, group: str, x: Tensor, taps: list[str], *, gradient: bool = False
) -> dict[str, Tensor]:
    """Watched values `(rows, ...)` where only one column is read: for inputs that were made up."""
    with torch.set_grad_enabled(gradient), watch() as seen, scope(group):
        model.part(group)(x)
        return {tap: seen[tap] for tap in taps}
