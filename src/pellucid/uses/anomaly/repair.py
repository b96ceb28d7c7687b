"""Pieces of an example, and what would be usual in their place: columns of a row, patches of a
picture or sound, stretches of a series."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, product
from typing import Any

import numpy as np

from pellucid.data.columns import Column, Loaded
from pellucid.data.modalities.audio import Clips
from pellucid.tasks.anomaly import HiddenPatches
from pellucid.uses.anomaly.described import pieces_of
from pellucid.uses.anomaly.score import Scorer

NEAREST = 15
"""Training rows, alike in the other columns, whose middle is what is usual."""
MOST_LETTERS = 48


class Repair:
    """names, places, usual: of the pieces, as in `Where`. expected: a whole picture as the network
    would have it."""

    names: list[str]
    places: list[tuple[int, ...]]
    usual: list[str]
    expected: np.ndarray | None = None

    def repaired(self, pieces: np.ndarray) -> dict[str, Loaded]:
        """The example in `(versions,)`, each with the pieces `(versions, pieces)` made usual."""
        raise NotImplementedError


class CellRepair(Repair):
    """Columns of a row; usual is the middle of training rows that are alike in the others."""

    def __init__(
        self, scorer: Scorer, loaded: dict[str, Loaded], reference: dict[str, Loaded]
    ) -> None:
        self.loaded, self.columns = loaded, scorer.columns
        self.pieces = pieces_of(scorer.columns)
        cells = scorer.cells(loaded)[0]
        apart = [_apart(one, reference[one.name], loaded[one.name]) for one in self.columns]
        distances = np.stack(
            [np.mean([apart[at] for at in places], axis=0) for places in self.pieces.values()]
        )
        self.new: dict[str, Any] = {}
        self.names, self.places, self.usual = [], [], []
        # What is strange itself must not choose whom the row is compared with.
        trusted = cells <= np.median(cells)
        for place, (name, places) in enumerate(self.pieces.items()):
            others = trusted.copy()
            others[place] = False
            if not others.any():
                others = np.arange(len(self.pieces)) != place
            distance = distances[others].sum(0)
            nearest = np.argsort(distance, kind="stable")[:NEAREST]
            for at in places:
                column = self.columns[at]
                values = np.asarray(reference[column.name].values)[nearest]
                self.new[column.name] = _middle(column, values)
            self.places.append((place,))
            self._say(name, self.columns[places[0]])

    def _say(self, name: str, column: Column) -> None:
        """What the piece is called, and what is usual for it in words."""
        if name == column.name:
            self.names.append(f"'{name}' ({_said(column, self.loaded[name].values[0])})")
            self.usual.append(_said(column, self.new[name]))
            return
        value = self.loaded[name].values[0] if name in self.loaded else None
        text = ", ".join(value) if isinstance(value, list) else value
        said = f" ({_shortened(text)})" if isinstance(text, str) else ""
        self.names.append(f"'{name}'{said}")
        self.usual.append("")

    def repaired(self, pieces: np.ndarray) -> dict[str, Loaded]:
        rows = np.zeros(len(pieces), dtype=np.int64)
        found = {}
        for place, places in enumerate(self.pieces.values()):
            for column in (self.columns[at] for at in places):
                one = self.loaded[column.name].take(rows)
                values = np.array(one.values, copy=True)
                values[pieces[:, place]] = self.new[column.name]
                found[column.name] = Loaded(values, one.layout)
        return found


def _apart(column: Column, reference: Loaded, one: Loaded) -> np.ndarray:
    """How far `(references,)` training rows are from this row in one column, about 0 to 1."""
    known, value = np.asarray(reference.values), one.values[0]
    if column.modality == "category":
        return np.array([other != value for other in known], dtype=np.float64)
    numbers = known.astype(np.float64) if known.dtype.kind != "M" else known.astype(np.int64) * 1.0
    mine = float(np.asarray(value).astype(np.int64) if known.dtype.kind == "M" else value)
    there = numbers[np.isfinite(numbers)]
    if not len(there) or not np.isfinite(mine):
        return np.zeros(len(known))
    spread = float(np.quantile(there, 0.9) - np.quantile(there, 0.1)) or float(np.ptp(there)) or 1.0
    return np.minimum(np.abs(np.nan_to_num(numbers, nan=np.inf) - mine) / spread, 1.0)


def _middle(column: Column, values: np.ndarray) -> Any:
    """The usual one of these values."""
    if column.modality == "category":
        return Counter(values.tolist()).most_common(1)[0][0]
    if values.dtype.kind == "M":
        return np.sort(values)[len(values) // 2]
    there = values[np.isfinite(values)]
    return float(np.median(there)) if len(there) else np.nan


def _shortened(text: str) -> str:
    """The beginning of a text.

    >>> _shortened("a"), _shortened(60 * "b")[-3:]
    ('a', 'bb…')
    """
    text = " ".join(text.split())
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}…"


def _said(column: Column, value: Any) -> str:
    if value is None or (isinstance(value, float | np.datetime64) and value != value):
        return "missing"
    if column.modality == "number":
        return f"{float(value):.5g}"
    if isinstance(value, np.datetime64):
        # A date without a time of day is said as a date.
        return str(value.astype("datetime64[s]")).removesuffix("T00:00:00").replace("T", " ")
    return str(value)


class FieldRepair(Repair):
    """Patches of a picture or sound, stretches of a series; usual is what the network expects."""

    def __init__(self, scorer: Scorer, loaded: dict[str, Loaded]) -> None:
        assert isinstance(scorer.objective, HiddenPatches)
        self.column = scorer.columns[0]
        self.loaded = loaded[self.column.name]
        self.new = _decoded(self.column, scorer.expected(loaded), self.loaded)[0]
        self.expected = self.new if self.column.modality == "image" else None
        positions = scorer.objective.positions
        bounds = [
            [*range(0, length, side), length]
            for length, side in zip(positions, scorer.objective.patch, strict=True)
        ]
        spans = [list(pairwise(one)) for one in bounds]
        if len(spans) == 1:
            self.places = [*spans[0]]
            self.names = [f"steps {start + 1}–{end}" for start, end in spans[0]]
        else:
            self.places = [
                (top, left, bottom, right) for (top, bottom), (left, right) in product(*spans)
            ]
            self.names = [_named(self.column.modality, place) for place in self.places]
        self.usual = [""] * len(self.names)

    def repaired(self, pieces: np.ndarray) -> dict[str, Loaded]:
        values = np.repeat(_values(self.loaded)[:1], len(pieces), axis=0)
        for version, chosen in zip(values, pieces, strict=True):
            for piece in np.flatnonzero(chosen):
                place = self.places[piece]
                part = (
                    (slice(*place),)
                    if len(place) == 2
                    else (slice(place[0], place[2]), slice(place[1], place[3]))
                )
                version[part] = self.new[part]
        if isinstance(self.loaded.values, Clips):
            nobody = np.full(len(pieces), None, dtype=object)
            return {self.column.name: Loaded(Clips(values, nobody), self.loaded.layout)}
        return {self.column.name: Loaded(values, self.loaded.layout)}


def _values(loaded: Loaded) -> np.ndarray:
    return loaded.values.mel if isinstance(loaded.values, Clips) else np.asarray(loaded.values)


def _decoded(column: Column, expected: np.ndarray, loaded: Loaded) -> np.ndarray:
    """Encoded values `(rows, *positions, channels)` back in the units of decoded ones; what is
    padding stays padding."""
    values, fitted = _values(loaded), column.fitted
    if column.modality == "image":
        return np.clip(np.rint(expected), 0, 255).astype(np.uint8)
    if column.modality == "audio":
        mean, std = np.asarray(fitted["mean"]), np.asarray(fitted["std"])
        found = expected * std[:, None] + mean[:, None]
    else:
        found = expected * np.asarray(fitted["std"]) + np.asarray(fitted["mean"])
    return np.where(np.isnan(values), np.nan, found).astype(values.dtype)


def _named(modality: str, place: tuple[int, ...]) -> str:
    top, left, bottom, right = place
    down, across = ("frames", "bands") if modality == "audio" else ("rows", "columns")
    return f"{down} {top + 1}–{bottom}, {across} {left + 1}–{right}"
