"""Series: numbers in order, of one or several channels, of equal or different length."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.data.columns import (
    Drawing,
    Entry,
    Loaded,
    Modality,
    Progress,
    RawColumn,
    Reading,
    modality,
    silent,
)
from pellucid.data.near import shared_keys

LONGEST = 4096
"""Steps of time that are kept; longer series are averaged down."""

LARGEST = 1_500_000_000
"""Bytes that all series of a column may take."""

POINTS = 32
"""Means of stretches that series are compared by."""

SAME = 0.02
"""Difference, as a share of the spread, up to which two series count as one."""

CHUNK = 4096
"""Series handled at once where whole columns are computed with."""


@modality
class SeriesModality(Modality):
    name = "series"

    def recognize(self, raw: RawColumn) -> Reading | None:
        if raw.values.ndim in (2, 3) and raw.values.dtype.kind in "bufi":
            return _recognize_dense(raw.values)
        present = [value for value in raw.values[:1000] if value is not None]
        if raw.values.dtype != object or not present:
            return None
        if not all(isinstance(v, np.ndarray) and v.dtype.kind in "bufi" for v in present):
            return None
        if not all(v.ndim in (1, 2) for v in present):
            return None
        lengths = [len(value) for value in present]
        return Reading(0.95, f"{_span(min(lengths), max(lengths))} numbers in order in every row")

    def load(
        self, raw: RawColumn, layout: dict[str, Any] | None = None, progress: Progress = silent
    ) -> Loaded:
        rows: list[np.ndarray | None] = []
        problems: dict[int, str] = {}
        for number, value in enumerate(_as_before(raw.values, layout)):
            try:
                rows.append(_as_table(value))
            except ValueError as error:
                rows.append(None)
                problems[number] = str(error)
        if layout is None:
            layout = _plan([row for row in rows if row is not None], len(rows))
        loaded = Loaded(_empty(len(rows), layout), layout, problems)
        for number, row in enumerate(rows):
            if row is not None:
                _place(loaded, number, row)
            if number % CHUNK == 0 or number + 1 == len(rows):
                progress(number + 1, len(rows))
        return loaded

    def fit(self, loaded: Loaded) -> dict[str, Any]:
        """Mean and standard deviation of each channel, and whether each series gets its own."""
        values = loaded.values
        mean, std = _moments(values)
        row_mean, row_std = _per_row(values)
        length, channels = values.shape[1:]
        per_row, why = _levels_differ(row_mean, row_std)
        log_std = np.log(np.maximum(row_std, _smallest(std)))
        return {
            "length": length,
            "channels": channels,
            "mean": mean.tolist(),
            "std": std.tolist(),
            "per_row": per_row,
            "why": why,
            "level": _center(row_mean),
            "spread": _center(log_std),
        }

    def encode(self, loaded: Loaded, fitted: dict[str, Any]) -> np.ndarray:
        """float32 `(rows, time, channels)`, or three times the channels where each series is
        normalized by itself: its shape, then its level and its spread, the same at every step."""
        values = loaded.values
        mean, std = np.asarray(fitted["mean"]), np.asarray(fitted["std"])
        if not fitted["per_row"]:
            return np.asarray((values - mean.astype(np.float32)) / std.astype(np.float32))
        smallest = _smallest(std)
        encoded = np.empty((*values.shape[:2], 3 * values.shape[2]), dtype=np.float32)
        for start in range(0, len(values), CHUNK):
            part = values[start : start + CHUNK]
            row_mean, row_std = _per_row(part)
            own = np.maximum(row_std, smallest)
            shape = (part - row_mean[:, None]) / own[:, None]
            level = (row_mean - fitted["level"]["mean"]) / fitted["level"]["std"]
            spread = (np.log(own) - fitted["spread"]["mean"]) / fitted["spread"]["std"]
            there = np.where(np.isnan(part), np.nan, 1.0)
            sides = (level[:, None] * there, spread[:, None] * there)
            encoded[start : start + CHUNK] = np.concatenate([shape, *sides], axis=2)
        return encoded

    def entry(self, name: str, fitted: dict[str, Any]) -> Entry:
        size = fitted["channels"] * (3 if fitted["per_row"] else 1)
        return Entry("project", (fitted["length"],), size, name)

    def draw(self, loaded: Loaded, row: int) -> Drawing:
        """The series without the padding at its end."""
        values = np.asarray(loaded.values[row], dtype=np.float32)
        return Drawing("series", values[: _length(values)])

    def keys(self, loaded: Loaded) -> list[str | None]:
        """Series whose 32 means differ by less than SAME of their spread share a key."""
        if not len(loaded.values):
            return []
        std = _moments(loaded.values)[1]
        means = np.stack([_coarse(row.astype(np.float64), std) for row in loaded.values])
        known = ~np.isnan(means[:, 0])
        means = np.nan_to_num(means)
        spread = means[:, :-1].reshape(len(means), POINTS, -1).std(axis=1).max(axis=1)
        radius = np.where(known & (spread > 1e-6), SAME * spread, 0.0)
        return shared_keys(means, radius * np.sqrt(means.shape[1]))


# --- loading --------------------------------------------------------------------------------


def _recognize_dense(values: np.ndarray) -> Reading | None:
    """`(rows, time)` or `(rows, time, channels)`; tables of bytes are pictures."""
    if values.shape[1] < 2 or values.size == 0:
        return None
    if values.ndim == 2:
        return Reading(0.9, f"{values.shape[1]:,} numbers in order in every row")
    steps, channels = values.shape[1:]
    # Nearly square arrays without negative values are claimed as pictures, with more certainty.
    return Reading(0.7, f"{steps:,} steps of {channels:,} channels in every row")


def _span(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _as_table(value: Any) -> np.ndarray:
    """One series -> float64 `(time, channels)`, or why that is impossible (ValueError)."""
    if value is None:
        raise ValueError("no series")
    try:
        table = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError("not all values are numbers") from None
    if table.ndim == 1:
        table = table[:, None]
    if table.ndim != 2:
        raise ValueError(f"an array with {table.ndim} axes; a series has time and channels")
    if not len(table):
        raise ValueError("a series of 0 steps")
    if np.isnan(table).all():
        raise ValueError("every value is missing")
    return table


def _as_before(values: np.ndarray, layout: dict[str, Any] | None) -> np.ndarray:
    """An array whose axes lie as those of the array that the layout was made from."""
    if layout is None or values.ndim != 3:
        return values
    turned = values.shape[1] == layout["channels"] != values.shape[2]
    return np.moveaxis(values, 1, 2) if turned else values


def _plan(rows: list[np.ndarray], count: int) -> dict[str, Any]:
    """The layout: channels that most have, length of the longest, how far to average down."""
    lengths = np.array([len(row) for row in rows] or [1])
    widths, counts = np.unique([row.shape[1] for row in rows] or [1], return_counts=True)
    channels = int(widths[counts.argmax()])
    longest = int(lengths.max())
    # One endless series must not blur all the others.
    usual = longest if longest <= LONGEST else int(np.ceil(np.quantile(lengths, 0.99)))
    allowed = min(LONGEST, max(1, LARGEST // (4 * channels * max(count, 1))))
    every = -(-usual // allowed)
    length = -(-usual // every)
    why = f"{_span(int(lengths.min()), longest)} steps"
    why += f", {channels:,} channel{'s' if channels > 1 else ''}"
    if every > 1:
        why += f"; the mean of every {every} steps is kept"
    return {"length": length, "channels": channels, "every": every, "why": why}


def _empty(rows: int, layout: dict[str, Any]) -> np.ndarray:
    return np.full((rows, layout["length"], layout["channels"]), np.nan, dtype=np.float32)


def _place(loaded: Loaded, number: int, row: np.ndarray) -> None:
    """Write one series into its row, or note why it does not fit."""
    length, channels = loaded.layout["length"], loaded.layout["channels"]
    if row.shape[1] != channels:
        loaded.problems[number] = f"{row.shape[1]} channels; the others have {channels}"
        return
    endless = np.isinf(row) | (np.abs(row) > np.finfo(np.float32).max)
    if endless.any():
        loaded.repairs[number] = f"{int(endless.sum()):,} infinite values became missing"
        row = np.where(endless, np.nan, row)
    row = _average(row, loaded.layout["every"])
    if len(row) > length:
        loaded.repairs[number] = f"cut from {len(row):,} to {length:,} steps"
        row = row[:length]
    if np.isnan(row).all():
        loaded.repairs.pop(number, None)
        loaded.problems[number] = "every value is missing or infinite"
        return
    loaded.values[number, : len(row)] = row


def _average(row: np.ndarray, every: int) -> np.ndarray:
    """Means of every `every` steps, missing values left out; NaN where all are missing."""
    if every == 1:
        return row
    padded = np.pad(row, ((0, -len(row) % every), (0, 0)), constant_values=np.nan)
    blocks = padded.reshape(-1, every, row.shape[1])
    there = ~np.isnan(blocks)
    count = there.sum(axis=1)
    total = np.sum(blocks, axis=1, where=there)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


# --- values ---------------------------------------------------------------------------------


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation `(channels,)` of all values that are there."""
    count, total = np.zeros(values.shape[2]), np.zeros(values.shape[2])
    for start in range(0, len(values), CHUNK):
        part = values[start : start + CHUNK]
        there = ~np.isnan(part)
        count += there.sum(axis=(0, 1))
        total += np.sum(part, axis=(0, 1), where=there, dtype=np.float64)
    mean = total / np.maximum(count, 1)
    squares = np.zeros(values.shape[2])
    for start in range(0, len(values), CHUNK):
        away = values[start : start + CHUNK] - mean
        squares += np.sum(away**2, axis=(0, 1), where=~np.isnan(away))
    std = np.sqrt(squares / np.maximum(count, 1))
    return mean, np.where(std > 1e-12 * np.maximum(np.abs(mean), 1), std, 1.0)


def _per_row(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation `(rows, channels)` of each series; 0 where nothing is there."""
    there = ~np.isnan(values)
    count = np.maximum(there.sum(axis=1), 1)
    mean = np.sum(values, axis=1, where=there, dtype=np.float64) / count
    away = values - mean[:, None]
    std = np.sqrt(np.sum(away**2, axis=1, where=there) / count)
    return mean, std


def _levels_differ(mean: np.ndarray, std: np.ndarray) -> tuple[bool, str]:
    """Whether series differ more in level or spread than they change inside, and the evidence.

    Then the shape is lost unless each series is normalized by itself (recipes: z-normalized
    series with mean and spread as extra inputs).
    """
    changing = (std > 0).all(axis=1)
    if not changing.any():
        return False, "no series changes over time: all are normalized alike"
    mean, std = mean[changing], std[changing]
    # The typical channel decides: channels may have different units.
    inside = np.median(std, axis=0)
    level = float(np.median(mean.std(axis=0) / inside))
    low, high = np.quantile(std, (0.1, 0.9), axis=0)
    spread = float(np.median(high / low))
    found = (
        f"from series to series the level varies {level:.2g} times as much as values within one, "
        f"the spread {spread:.2g}-fold"
    )
    if level > 1 or spread > 10:
        return True, f"{found}: each is normalized by itself, level and spread stand beside it"
    return False, f"{found}: all are normalized alike"


def _smallest(std: np.ndarray) -> np.ndarray:
    """The spread below which a series counts as constant."""
    return 1e-4 * std


def _center(values: np.ndarray) -> dict[str, list[float]]:
    """Mean and standard deviation of each column of `(rows, channels)`."""
    if not len(values):
        return {"mean": [0.0] * values.shape[1], "std": [1.0] * values.shape[1]}
    std = values.std(axis=0)
    return {"mean": values.mean(axis=0).tolist(), "std": np.where(std > 1e-12, std, 1.0).tolist()}


def _length(values: np.ndarray) -> int:
    """Steps up to the last one that holds anything."""
    there = np.flatnonzero(~np.isnan(values).all(axis=1))
    return int(there[-1]) + 1 if len(there) else 0


def _coarse(values: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Float64 `(POINTS * channels + 1,)`: means of stretches in units of `std`, and the length.

    Missing stretches count as 0; NaN everywhere if the series is too short to compare.
    """
    values = values[: _length(values)]
    if len(values) < 4:
        return np.full(POINTS * values.shape[1] + 1, np.nan)
    edges = np.linspace(0, len(values), POINTS + 1)
    start = edges[:-1].astype(int)
    stop = np.maximum(np.ceil(edges[1:]).astype(int), start + 1)
    there = ~np.isnan(values)
    total = np.pad(np.cumsum(np.where(there, values, 0.0), axis=0), ((1, 0), (0, 0)))
    count = np.pad(np.cumsum(there, axis=0), ((1, 0), (0, 0)))
    means = (total[stop] - total[start]) / np.maximum(count[stop] - count[start], 1)
    return np.append((means / std).ravel(), np.log(len(values)))
