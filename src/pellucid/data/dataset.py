"""Dataset and Batch: everything as tensors, so that a batch is an index.

Data that fits in memory is one tensor per group of columns on the device (uint8 pictures, int32
tokens, float32 numbers). There is no loader and no worker process: taking a batch is indexing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from pellucid.config import RESERVED
from pellucid.data.columns import Column, Entry, Loaded
from pellucid.data.modalities import MODALITIES


@dataclass(frozen=True)
class Batch:
    """Some rows: inputs by group `(batch, ...)`, targets `(batch, ...)`, row numbers `(batch,)`."""

    inputs: dict[str, Tensor]
    target: Tensor
    rows: Tensor


@dataclass(frozen=True)
class Dataset:
    """Encoded rows.

    entries: group -> how it enters the network. inputs: group -> tensor, rows first.
    target: what to predict, as the task encodes it; empty at prediction.
    """

    entries: dict[str, Entry]
    inputs: dict[str, Tensor]
    target: Tensor

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    def take(self, rows: Tensor) -> Batch:
        """The batch of these rows `(batch,)`, in this order."""
        inputs = {group: values[rows] for group, values in self.inputs.items()}
        return Batch(inputs, self.target[rows], rows)

    def shuffled(self, rows: Tensor, size: int, generator: torch.Generator) -> Sequence[Tensor]:
        """These rows once, in a random order, in `len(rows) // size` batches."""
        order = torch.randperm(len(rows), generator=generator).to(rows.device)
        return rows[order[: len(rows) // size * size]].split(size)

    def batches(self, rows: Tensor, size: int) -> Iterator[Batch]:
        """All these rows once, in order, `size` at a time."""
        for part in rows.split(size):
            yield self.take(part)

    def to(self, device: torch.device) -> Dataset:
        """The same data on another device."""
        inputs = {group: values.to(device) for group, values in self.inputs.items()}
        return replace(self, inputs=inputs, target=self.target.to(device))


def entry_of(column: Column) -> Entry:
    """How a fitted column enters the network; its group never collides with a shared one."""
    entry = MODALITIES[column.modality].entry(column.name, column.fitted)
    if entry.rank > 0 and entry.group in RESERVED:
        return replace(entry, group=f"{entry.group} (column)")
    return entry


def numbers_of(columns: list[Column]) -> dict[str, list[tuple[str, str]]]:
    """Whose number stands at which place of a shared group, and what it says of its column.

    A date, for instance, enters as several: ("sold", "year"), ("sold", "month, sine"), ...
    """
    found: dict[str, list[tuple[str, str]]] = {}
    for column in columns:
        entry = entry_of(column)
        if entry.rank == 0 and entry.group in RESERVED:
            said = MODALITIES[column.modality].numbers(column.fitted)
            found.setdefault(entry.group, []).extend((column.name, what) for what in said)
    return found


def encode(columns: list[Column], loaded: dict[str, Loaded], target: Tensor) -> Dataset:
    """Turn loaded input columns, fitted before, into a dataset.

    Columns of rank 0 stand side by side in the groups `scalars` float32 `(rows, features)` and
    `categories` int32 `(rows, columns)`; each category's numbers are shifted behind those of the
    column before it, so that one table of vectors serves them all.
    """
    entries: dict[str, Entry] = {}
    parts: dict[str, list[np.ndarray]] = {}
    for column in columns:
        values = MODALITIES[column.modality].encode(loaded[column.name], column.fitted)
        entry = entry_of(column)
        before = entries.get(entry.group)
        if entry.way == "lookup" and entry.rank == 0:
            values = values.reshape(len(values), 1) + np.int32(before.size if before else 0)
        entries[entry.group] = replace(entry, size=entry.size + before.size) if before else entry
        parts.setdefault(entry.group, []).append(values)
    inputs = {
        group: torch.from_numpy(np.ascontiguousarray(np.concatenate(arrays, axis=1)))
        if len(arrays) > 1
        else torch.from_numpy(np.ascontiguousarray(arrays[0]))
        for group, arrays in parts.items()
    }
    return Dataset(entries, inputs, target)
