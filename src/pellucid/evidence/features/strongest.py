"""The examples that excite a unit most, and the part of each that it saw."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from pellucid.data.columns import Column, Loaded
from pellucid.data.modalities.text import tokens_of
from pellucid.evidence.features.field import Window
from pellucid.evidence.features.units import Peaks, UnitLayer

TOP = 4
"""Examples that are shown of a unit."""
TELLING = 10
"""Examples by which a table's unit is described."""
CONTEXT = 5
"""Words beside the one at which a unit answered most."""
AROUND = 16
"""Steps of a series beside the one at which a unit answered most that had read all of it."""
LARGEST = 64
"""Pixels a side of a crop at most; larger ones are thinned."""


@dataclass(frozen=True)
class Shown:
    """An example that excites a unit. row: of the source; place: how a person finds it. value:
    the unit's answer. window: the part that the unit saw, (first, end) on each axis. said: that
    part in words; a picture has none."""

    row: int
    place: str
    value: float
    window: Window
    said: str


def order(peaks: Peaks, unit: int, count: int) -> np.ndarray:
    """Which examples excite a unit most, the strongest first."""
    return np.argsort(-peaks.value[:, unit], kind="stable")[:count]


def shown(
    layer: UnitLayer,
    unit: int,
    peaks: Peaks,
    rows: np.ndarray,
    column: Column,
    loaded: Loaded,
    inputs: Tensor,
    places: Sequence[str],
) -> list[Shown]:
    """The strongest examples of a unit that reads one column.

    Args:
        places: How a person finds each row of the source.
        rows: Numbers in the source of the examples in `peaks`, `loaded` and `inputs`.
    """
    found = []
    for index in order(peaks, unit, TOP):
        place = layer.place(int(peaks.place[index, unit]))
        window = window_of(layer, place, column, inputs.shape)
        said = _said(column, loaded.take(np.array([index])), inputs[int(index)].numpy(), window)
        row = int(rows[index])
        found.append(Shown(row, places[row], float(peaks.value[index, unit]), window, said))
    return found


def window_of(
    layer: UnitLayer, place: tuple[int, ...], column: Column, shape: Sequence[int]
) -> Window:
    """What a place of a layer saw of an input `(rows, *positions[, size])`."""
    assert layer.field is not None
    axes = tuple(shape[1 : 1 + len(layer.field.size)])
    window = layer.field.window(place, axes)
    if layer.field.whole and column.modality == "series":
        return tuple(
            (max(0, a - AROUND), min(end, b + AROUND)) for (a, b), end in zip(window, axes)
        )
    return window


def _said(column: Column, loaded: Loaded, encoded: np.ndarray, window: Window) -> str:
    if column.modality == "text":
        return _words(tokens_of(encoded, column.fitted), window[0])
    if column.modality == "series":
        values = loaded.values[0][slice(*window[0])]
        there = values[np.isfinite(values)]
        ends = f", {there[0]:.3g} to {there[-1]:.3g}" if len(there) else ""
        return f"steps {window[0][0]} to {window[0][1] - 1}{ends}"
    if column.modality == "audio":
        step = loaded.layout["hop"] / loaded.layout["rate"]
        return f"{window[0][0] * step:.2f} to {window[0][1] * step:.2f} s"
    return ""


def _words(tokens: list[str], window: tuple[int, int]) -> str:
    """The window in brackets, a few words around it."""
    start, end = min(window[0], len(tokens)), min(window[1], len(tokens))
    before, after = tokens[max(0, start - CONTEXT) : start], tokens[end : end + CONTEXT]
    middle = "".join(tokens[start:end])
    bare = middle.lstrip()
    lead = middle[: len(middle) - len(bare)]
    begun = "…" if start > CONTEXT else ""
    ended = "…" if end + CONTEXT < len(tokens) else ""
    return f"{begun}{''.join(before)}{lead}[{bare}]{''.join(after)}{ended}".strip()


# --- tables ---------------------------------------------------------------------------------------


def telling(peaks: Peaks, unit: int, columns: Sequence[Column], rows: dict[str, Loaded]) -> str:
    """What the rows that excite a unit most have in common, in words."""
    top = order(peaks, unit, TELLING)
    found: list[tuple[float, str]] = []
    for column in columns:
        values = rows[column.name].values
        if column.modality == "number":
            found += _number(column.name, np.asarray(values, dtype=np.float64), top)
        elif column.modality == "category":
            found += _category(column.name, values, top)
    return ", ".join(said for _, said in sorted(found, reverse=True)[:3])


def _number(name: str, values: np.ndarray, top: np.ndarray) -> list[tuple[float, str]]:
    here = values[top][np.isfinite(values[top])]
    spread = np.nanstd(values) if np.isfinite(values).any() else 0.0
    if not len(here) or not spread > 0:
        return []
    gap = abs(here.mean() - np.nanmean(values)) / spread
    said = f"{name} {here.mean():.3g} (usually {np.nanmean(values):.3g})"
    return [(gap, said)] if gap >= 1 else []


def _category(name: str, values: np.ndarray, top: np.ndarray) -> list[tuple[float, str]]:
    words, counts = np.unique(values[top].astype(str), return_counts=True)
    word, count = words[counts.argmax()], counts.max()
    usual = float((values.astype(str) == word).mean())
    share = count / len(top)
    gap = (share - usual) / np.sqrt(max(usual * (1 - usual), 1e-6))
    said = f"{name} {word} in {count} of {len(top)} (usually {usual:.0%})"
    return [(gap, said)] if gap >= 1 and share >= 0.5 else []


# --- pictures -------------------------------------------------------------------------------------


def crop(pixels: np.ndarray, window: Window, size: tuple[int, int]) -> np.ndarray:
    """`(height, width, channels)` of one size: at the edge the window is moved inside."""
    starts = [
        min(max(0, first), max(0, whole - side))
        for (first, _), side, whole in zip(window, size, pixels.shape, strict=False)
    ]
    height, width = size
    part = pixels[starts[0] : starts[0] + height, starts[1] : starts[1] + width]
    every = max(1, -(-max(part.shape[:2]) // LARGEST))
    return np.asarray(part[::every, ::every])


def packed(pixels: np.ndarray) -> dict[str, Any]:
    """uint8 `(n, height, width, channels)` for JSON: its shape, and the bytes in base64."""
    data = np.ascontiguousarray(pixels, dtype=np.uint8)
    return {"shape": list(data.shape), "pixels": base64.b64encode(data.tobytes()).decode("ascii")}
