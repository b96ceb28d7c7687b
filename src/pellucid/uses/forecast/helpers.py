"""Columns beside the values: which of them help, and how they become numbers.

Of such a column only the past is read, unless its future is known when a forecast is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.uses.forecast.panel import Panel
from pellucid.uses.forecast.windows import Cut

LEVELS = 8
"""Different words of a column that get a number of their own each."""


@dataclass(frozen=True)
class Helper:
    """A column beside the values as numbers.

    known: whether its future is known when a forecast is made. levels: words that get a 0-or-1
    number each, empty for a column of numbers. mean, spread: of numbers, from the part to learn
    from.
    """

    name: str
    known: bool
    levels: tuple[str, ...] = ()
    mean: float = 0.0
    spread: float = 1.0

    @property
    def width(self) -> int:
        return max(1, len(self.levels))

    def encode(self, cells: np.ndarray) -> np.ndarray:
        """float32 `(..., width)`; what is missing or new is 0."""
        if not self.levels:
            numbers = (np.asarray(cells, dtype=np.float64) - self.mean) / self.spread
            return np.clip(np.nan_to_num(numbers), -10, 10).astype(np.float32)[..., None]
        words = np.asarray(cells, dtype=object)
        return np.stack([(words == level) for level in self.levels], axis=-1).astype(np.float32)

    def as_json(self) -> dict[str, Any]:
        return dict(vars(self))

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Helper:
        return cls(**{**data, "levels": tuple(data["levels"])})


def find_helpers(panel: Panel, cut: Cut, known: tuple[str, ...], notes: list[str]) -> list[Helper]:
    """Which columns beside the values help, fitted on the part to learn from; says what happens
    to each of the others."""
    helpers = []
    ahead = np.arange(panel.times)[None, :] > panel.last[:, None]
    learn = np.arange(panel.times)[None, :] < cut.valid[:, None]
    future = ahead & (panel.row >= 0)
    for name, cells in panel.others.items():
        number = cells.dtype.kind == "f"
        absent = absent_in(cells)
        told = name in known or bool(future.any() and not absent[future].any())
        seen = cells[learn & ~absent]
        if not len(seen) or len(set(seen.tolist())) < 2:
            notes.append(f"'{name}' is not used: it never changes in the part to learn from")
            continue
        if _constant(cells, learn & ~absent):
            notes.append(f"'{name}' is not used: it only names a series, each has its own vector")
            continue
        helper = _helper(name, told, seen, number)
        if helper is None:
            notes.append(f"'{name}' is not used: too many different words")
            continue
        helpers.append(helper)
        if name in known:
            notes.append(f"'{name}': its future is known beforehand, as --known says")
        elif told:
            notes.append(f"'{name}': its future is known, it is filled in for the times to come")
        else:
            notes.append(
                f"'{name}': its future is not known when a forecast is made, so that only its "
                f"past is read (if it is known beforehand, add --known {name})"
            )
    return helpers


def absent_in(cells: np.ndarray) -> np.ndarray:
    """bool: where a number is NaN, or a word None."""
    if cells.dtype.kind == "f":
        return np.isnan(cells)
    return np.array([value is None for value in cells.ravel()], dtype=bool).reshape(cells.shape)


def _helper(name: str, told: bool, seen: np.ndarray, number: bool) -> Helper | None:
    if number:
        spread = float(seen.std())
        return Helper(name, told, (), float(seen.mean()), spread if spread > 0 else 1.0)
    words, counts = np.unique(seen.astype(str), return_counts=True)
    if len(words) > max(20, 4 * LEVELS) and len(words) > 0.2 * len(seen):
        return None
    common = words[np.argsort(-counts, kind="stable")][:LEVELS]
    return Helper(name, told, tuple(str(word) for word in common))


def _constant(cells: np.ndarray, there: np.ndarray) -> bool:
    """Whether no series sees two different values."""
    return all(len(set(row[ok].tolist())) < 2 for row, ok in zip(cells, there, strict=True))


def known_channels(helpers: list[Helper]) -> np.ndarray:
    """bool `(channels,)`: those whose future is known beforehand."""
    return np.array([helper.known for helper in helpers for _ in range(helper.width)], dtype=bool)


def encode_helpers(panel: Panel, helpers: list[Helper]) -> np.ndarray:
    """float32 `(series, times, channels)`: the columns beside the values, side by side."""
    parts = [helper.encode(panel.others[helper.name]) for helper in helpers]
    nothing = np.zeros((*panel.values.shape, 0), dtype=np.float32)
    return np.concatenate([nothing, *parts], 2)
