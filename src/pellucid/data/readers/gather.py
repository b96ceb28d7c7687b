"""Tables whose rows or columns only together make an example: series and pictures in cells.

    long   several rows a series, told apart by an id and ordered by a time
    wide   one row a series, a column a moment: t0, t1, t2 ...
    pixels one row a picture, a column a pixel: pixel0 ... pixel783

What was gathered is remembered as JSON, so that a model gathers new tables the same way.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from pellucid.data.columns import RawColumn, RawTable
from pellucid.data.readers.long import gather_long, looks_long

FEWEST_MOMENTS = 16
"""Fewer numbered columns are features of their own."""
SMOOTH = 0.85
"""Correlation of neighboring columns from which numbered columns are a course of something."""
LOOK = 500
_TIMES = ("t", "time", "step", "ts", "tick", "sample", "lag", "frame", "moment")
_PIXELS = ("pixel", "px", "pix")


@dataclass(frozen=True)
class Gathering:
    """How cells were gathered into examples.

    long: columns = (id, time). wide and pixels: columns become one called `name`.
    """

    way: Literal["long", "wide", "pixels"]
    columns: tuple[str, ...]
    name: str
    why: str

    def apply(self, table: RawTable) -> RawTable:
        """The table with whole examples in its rows."""
        if self.way == "long":
            gathered = gather_long(table, *self.columns)
        else:
            gathered = self._side_by_side(table)
        gathered.notes.append(self.why)
        return gathered

    def _side_by_side(self, table: RawTable) -> RawTable:
        values = np.stack([table.column(name).values for name in self.columns], axis=1)
        if self.way == "pixels":
            side = math.isqrt(len(self.columns))
            values = np.nan_to_num(values).reshape(-1, side, side)
            if values.min() >= 0 and values.max() > 1:
                values = values.clip(0, 255).astype(np.uint8)
        else:
            values = values.astype(np.float32)
        columns: dict[str, RawColumn] = {}
        for name, column in table.columns.items():
            if name == self.columns[0]:
                columns[self.name] = RawColumn(self.name, values)
            if name not in self.columns:
                columns[name] = column
        return RawTable(**{**vars(table), "columns": columns, "notes": list(table.notes)})

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Gathering:
        return cls(**{**data, "columns": tuple(data["columns"])})


def find_gathering(
    table: RawTable, *, target: str | None = None, keep: Collection[str] = ()
) -> Gathering | None:
    """Whether the table's cells belong together, and how.

    Args:
        target: The column to predict, if the user named it: it must survive.
        keep: Columns of which the user said what they are; they are left as they are.
    """
    return _long(table, target, keep) or _wide(table, target, keep)


def _long(table: RawTable, target: str | None, keep: Collection[str]) -> Gathering | None:
    long = looks_long(table)
    if long is None or {long.id, long.time} & set(keep):
        return None
    if target is not None and target not in gather_long(table, long.id, long.time).columns:
        return None  # the target changes with time: each row is an example of its own
    why = f"one series for each '{long.id}': {long.why}"
    return Gathering("long", (long.id, long.time), "", why)


def _wide(table: RawTable, target: str | None, keep: Collection[str]) -> Gathering | None:
    for prefix, names in _families(table).items():
        if target in names or set(names) & set(keep) or len(names) < FEWEST_MOMENTS:
            continue
        span = f"'{names[0]}' to '{names[-1]}'"
        side = math.isqrt(len(names))
        if prefix in _PIXELS and side * side == len(names) and side >= 4:
            why = f"{span} are the pixels of {side} x {side} pictures"
            return Gathering("pixels", tuple(names), _free("picture", table), why)
        close = _closeness(table, names)
        if prefix in _TIMES or close > SMOOTH:
            why = f"{span} are one series: neighbors go together (correlation {close:.2f})"
            why += f"; --as {names[0]}=number keeps them apart"
            return Gathering("wide", tuple(names), _free("series", table), why)
    return None


def _families(table: RawTable) -> dict[str, list[str]]:
    """Columns of numbers called prefix + 0, 1, 2 ... (or 1, 2, 3 ...), by prefix, in order."""
    found: dict[str, dict[int, str]] = {}
    for name, column in table.columns.items():
        match = re.fullmatch(r"(.*?)[ _.-]*(\d+)", name.strip().lower())
        if match and column.values.ndim == 1 and column.values.dtype.kind == "f":
            found.setdefault(match[1], {})[int(match[2])] = name
    return {
        prefix: [numbered[number] for number in sorted(numbered)]
        for prefix, numbered in found.items()
        if sorted(numbered) == list(range(min(numbered), min(numbered) + len(numbered)))
    }


def _closeness(table: RawTable, names: list[str]) -> float:
    """Median correlation over rows of each column with the next; 0 where nothing varies."""
    rows = slice(None, None, max(1, len(table) // LOOK))
    values = np.stack([table.columns[name].values[rows] for name in names], axis=1)
    values = values[np.isfinite(values).all(1)]
    if len(values) < 8:
        return 0.0
    centered = values - values.mean(0)
    spread = np.sqrt((centered**2).sum(0))
    products = (centered[:, 1:] * centered[:, :-1]).sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = products / (spread[1:] * spread[:-1])
    return float(np.nan_to_num(np.median(np.nan_to_num(correlation))))


def _free(name: str, table: RawTable) -> str:
    return name if name not in table.columns else f"{name} (gathered)"
