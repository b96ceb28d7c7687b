"""What examples have that a unit may answer to: words, values of columns, rises and falls, pitch,
and the class or number to be predicted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from pellucid.data.columns import Column
from pellucid.data.mel import band_edges
from pellucid.evidence.features.ranks import Properties
from pellucid.evidence.subject import Rows
from pellucid.tasks import Task

MOST_WORDS = 300
FEWEST = 10
"""Examples that must have a property, and that must lack it, for a name to be chosen by it."""
PITCHES = 6
"""Ranges of pitch that sounds are asked for."""


def of_target(task: Task, truth: np.ndarray) -> Properties:
    """Classes and tags are had or not; grades and numbers are more or less."""
    names = [str(one) for one in getattr(task, "classes", [])]
    if task.kind == "classify":
        having = truth[:, None] == np.arange(len(names))
        return Properties(tuple(f"class {name}" for name in names), having)
    if task.kind == "tags":
        return Properties(tuple(f"tag {name}" for name in names), truth > 0.5)
    amounts = truth.reshape(len(truth), -1).astype(np.float64)
    named = getattr(task, "names", None) or [str(task.as_json()["target"])]
    return _amounts(named, amounts)


def of_words(learn: Sequence[str | None], judge: Sequence[str | None]) -> list[Properties]:
    """The words that many of the texts have, looked for in both groups of texts."""
    sets = [[_words(text) for text in texts] for texts in (learn, judge)]
    count = Counter(word for words in sets[0] for word in words)
    rare, common = FEWEST, len(sets[0]) - FEWEST
    known = [word for word, times in count.most_common() if rare <= times <= common][:MOST_WORDS]
    if not known:
        return []
    names = tuple(f"word {word}" for word in known)
    return [
        Properties(names, np.array([[word in one for word in known] for one in words], dtype=bool))
        for words in sets
    ]


def _words(text: str | None) -> set[str]:
    return set(re.findall(r"[^\W\d_]{2,}", (text or "").casefold()))


def of_numbers(columns: Sequence[Column], rows: Rows) -> Properties | None:
    """More or less of each number column."""
    numbers = {
        one.name: np.asarray(rows[one.name].values, dtype=np.float64)
        for one in columns
        if one.modality == "number"
    }
    known = {name: values for name, values in numbers.items() if np.isfinite(values).any()}
    return _amounts(list(known), np.stack(list(known.values()), 1)) if known else None


def of_categories(columns: Sequence[Column], learn: Rows, judge: Rows) -> list[Properties]:
    """Each frequent value of each category column, in both groups of rows."""
    asked = [
        (column.name, value)
        for column in columns
        if column.modality == "category"
        for value, times in Counter(learn[column.name].values.tolist()).most_common(20)
        if value is not None and FEWEST <= times <= len(learn[column.name].values) - FEWEST
    ]
    if not asked:
        return []
    names = tuple(f"{column} {value}" for column, value in asked)
    return [
        Properties(
            names,
            np.stack([rows[column].values == value for column, value in asked], 1).astype(bool),
        )
        for rows in (learn, judge)
    ]


def _amounts(names: Sequence[str], values: np.ndarray) -> Properties:
    return Properties(
        tuple(f"{name} high" for name in names), values, tuple(f"{name} low" for name in names)
    )


# --- at places in time ----------------------------------------------------------------------------


def of_series(values: np.ndarray, places: np.ndarray, reach: Sequence[int]) -> Properties:
    """What a series does around each place: level, slope and unrest, for each channel.

    Args:
        values: float `(rows, time, channels)`, NaN is padding.
        places: int `(rows, each)`. reach: steps to both sides that are looked at.
    """
    channels = values.shape[2]
    found: dict[tuple[str, str], np.ndarray] = {}
    for channel in range(channels):
        before = f"channel {channel + 1} " if channels > 1 else ""
        for steps in reach:
            around = _around(values[:, :, channel], places, steps)
            over = f" over {2 * steps + 1} steps"
            ramp = np.linspace(-1, 1, 2 * steps + 1)
            slope = (around * ramp).sum(2) / (ramp**2).sum()
            rest = around - around.mean(2, keepdims=True) - slope[:, :, None] * ramp
            found[f"{before}rising{over}", f"{before}falling{over}"] = slope
            found[f"{before}restless{over}", f"{before}calm{over}"] = rest.std(2)
            found[f"{before}high level{over}", f"{before}low level{over}"] = around.mean(2)
    return _placed(found)


def of_sound(values: np.ndarray, places: np.ndarray, rate: int) -> Properties:
    """Loudness, its rise, and how much of the sound lies in each range of pitch, at frames.

    Args:
        values: log-mel `(rows, frames, bands)`, NaN is padding. places: int `(rows, each)`.
    """
    loud = np.nanmax(np.where(np.isnan(values), values[~np.isnan(values)].min(), values), axis=2)
    around = _around(loud, places, 2)
    found = {
        ("loud", "quiet"): around.mean(2),
        ("getting louder", "getting quieter"): around[:, :, 3:].mean(2) - around[:, :, :2].mean(2),
    }
    edges = np.linspace(0, values.shape[2], PITCHES + 1).round().astype(int)
    hertz = band_edges(rate, values.shape[2])[1:-1]
    for low, high in pairwise(edges.tolist()):
        part = _around(np.nan_to_num(values[:, :, low:high].mean(2), nan=-15.0), places, 0)[:, :, 0]
        said = f"{_hertz(hertz[low])} to {_hertz(hertz[high - 1])} Hz"
        found[f"sound from {said}", f"no sound from {said}"] = part
    return _placed(found)


def _hertz(value: float) -> str:
    return f"{round(value, -1 if value < 1000 else -2):,.0f}"


def _around(values: np.ndarray, places: np.ndarray, steps: int) -> np.ndarray:
    """`(rows, each, 2 * steps + 1)`: the values around places; beyond the ends the last goes on."""
    filled = _forward(values)
    at = np.clip(places[:, :, None] + np.arange(-steps, steps + 1), 0, values.shape[1] - 1)
    return np.asarray(filled[np.arange(len(values))[:, None, None], at], dtype=np.float64)


def _forward(values: np.ndarray) -> np.ndarray:
    """Each NaN becomes the value before it (0 where there is none)."""
    known = np.where(np.isnan(values), 0, np.arange(values.shape[1]))
    last = np.maximum.accumulate(known, axis=1)
    return np.nan_to_num(np.take_along_axis(values, last, axis=1))


def _placed(found: dict[tuple[str, str], np.ndarray]) -> Properties:
    more, less = zip(*found, strict=True)
    return Properties(more, np.stack([one.ravel() for one in found.values()], 1), less)
