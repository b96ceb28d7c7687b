"""What units are called: each kind of name is tried, and the one that fits best stands if any does.

Names are chosen on rows that were learned from and judged on rows that were not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pellucid.config import ACROSS
from pellucid.data.columns import Column
from pellucid.evidence.features import properties, stimuli
from pellucid.evidence.features.ranks import Name, Properties, names
from pellucid.evidence.features.units import Peaks, UnitLayer, answers, branch_of
from pellucid.evidence.subject import Rows
from pellucid.network.assemble import Model
from pellucid.tasks import Task

HAVING = 0.8
"""2 * area under ROC - 1 that a unit's answers must reach to be named after a word or a class:
it then puts 9 of 10 pairs of examples in the right order."""
FOLLOWING = 0.7
"""Rank correlation that they must reach to be named after an amount."""
PLACES = 8
"""Places in time that are looked at in an example."""
EXAMPLES = 300
"""Examples whose places are looked at."""


@dataclass(frozen=True)
class Part:
    """Rows with what the network answers to them. numbers: in the source; rows: decoded; inputs:
    encoded; truth: as the task has it; peaks: tap -> answers."""

    numbers: np.ndarray
    rows: Rows
    inputs: dict[str, Tensor]
    truth: np.ndarray
    peaks: dict[str, Peaks]


@dataclass(frozen=True)
class Asked:
    """Who is asked, and with which rows: learned from, and not learned from."""

    model: Model
    task: Task
    columns: dict[str, Column]
    """Group -> the column that it is, for groups of one column."""
    plain: list[Column]
    """Columns that share the groups of plain values."""
    learned: Part
    unseen: Part
    seed: int


def name_units(asked: Asked, layer: UnitLayer) -> list[Name | None]:
    """The best name of each unit of a layer that passed its test."""
    best: list[Name | None] = [None] * layer.units
    for found in _kinds(asked, layer):
        best = [_better(one, other) for one, other in zip(best, found, strict=True)]
    return best


def _better(one: Name | None, other: Name | None) -> Name | None:
    if one is None or other is None:
        return one or other
    return one if one.score >= other.score else other


def _kinds(asked: Asked, layer: UnitLayer) -> Iterator[list[Name | None]]:
    column = asked.columns.get(layer.group)
    if column is not None and column.modality == "image":
        drawn = _drawn(asked, layer)
        if drawn is not None:  # what the first layers see is told by drawings alone
            yield drawn
            return
    if column is not None and column.modality == "text":
        texts = [list(part.rows[column.name].values) for part in (asked.learned, asked.unseen)]
        words = properties.of_words(*texts)
        if words:
            yield _followed(asked, layer, words, "word", HAVING)
    several = math.prod(layer.positions) > 1
    if column is not None and column.modality in ("series", "audio") and several:
        yield _in_time(asked, layer, column)
    if layer.group == ACROSS:
        yield from _plain(asked, layer)
    target = [
        properties.of_target(asked.task, part.truth) for part in (asked.learned, asked.unseen)
    ]
    kind = "class" if target[0].binary else "target"
    yield _followed(asked, layer, target, kind, HAVING if target[0].binary else FOLLOWING)


def _plain(asked: Asked, layer: UnitLayer) -> Iterator[list[Name | None]]:
    parts = (asked.learned, asked.unseen)
    numbers = [properties.of_numbers(asked.plain, part.rows) for part in parts]
    if numbers[0] is not None and numbers[1] is not None:
        yield _followed(asked, layer, [numbers[0], numbers[1]], "number", FOLLOWING)
    values = properties.of_categories(asked.plain, *(part.rows for part in parts))
    if values:
        yield _followed(asked, layer, values, "category", HAVING)


def _followed(
    asked: Asked, layer: UnitLayer, found: list[Properties], kind: str, floor: float
) -> list[Name | None]:
    learned, unseen = (part.peaks[layer.tap].value for part in (asked.learned, asked.unseen))
    return names((learned, found[0]), (unseen, found[1]), kind=kind, floor=floor, seed=asked.seed)


# --- pictures -------------------------------------------------------------------------------------


def _drawn(asked: Asked, layer: UnitLayer) -> list[Name | None] | None:
    branch = branch_of(asked.model, layer.group)
    pictures = asked.learned.inputs[layer.group][:EXAMPLES]
    if branch is None or not stimuli.first_layers(branch, [layer], tuple(pictures.shape[1:3])):
        return None
    gray = pictures.float().mean((0, 1, 2)).numpy()
    return stimuli.name_by_drawings(branch, layer, pictures, gray, asked.seed)[0]


# --- series and sounds ----------------------------------------------------------------------------


def _in_time(asked: Asked, layer: UnitLayer, column: Column) -> list[Name | None]:
    found = [_places(asked.model, layer, part, column) for part in (asked.learned, asked.unseen)]
    return names(found[0], found[1], kind="time", floor=FOLLOWING, seed=asked.seed, block=PLACES)


def _places(
    model: Model, layer: UnitLayer, part: Part, column: Column
) -> tuple[np.ndarray, Properties]:
    """What the units answer at some places `(rows * PLACES, units)`, and what happens there."""
    assert layer.field is not None
    inputs = {group: values[:EXAMPLES] for group, values in part.inputs.items()}
    values = np.asarray(part.rows[column.name].values[:EXAMPLES], dtype=np.float32)
    values = values[..., 0] if column.modality == "audio" else values
    first = layer.field.start[0] + (layer.field.size[0] - 1) / 2
    there = np.maximum(1, (~np.isnan(values[:, :, 0])).sum(1))
    share = (np.arange(PLACES) + 0.5) / PLACES
    place = ((share * there[:, None] - first) / layer.field.step[0]).round().astype(np.int64)
    place = np.clip(place, 0, layer.positions[0] - 1)
    middle = np.clip((first + place * layer.field.step[0]).round(), 0, values.shape[1] - 1)
    answered = _at(model, layer, inputs, torch.from_numpy(place))
    at = middle.astype(np.int64)
    if column.modality == "audio":
        rate = int(part.rows[column.name].layout["rate"])
        return answered, properties.of_sound(values, at, rate)
    reach = sorted({1, max(1, values.shape[1] // 32), max(1, values.shape[1] // 12)})
    return answered, properties.of_series(values, at, reach)


def _at(model: Model, layer: UnitLayer, inputs: dict[str, Tensor], place: Tensor) -> np.ndarray:
    """`(rows * places, units)`; where a layer also has places in pitch, the strongest of them."""
    parts = []
    for start in range(0, len(place), 64):
        some = {group: values[start : start + 64] for group, values in inputs.items()}
        value = answers(model, [layer], some)[0]
        value = value.reshape(len(value), layer.positions[0], -1, layer.units).amax(2)
        at = place[start : start + 64, :, None].expand(-1, -1, layer.units)
        parts.append(value.gather(1, at))
    return torch.cat(parts).reshape(-1, layer.units).numpy()
