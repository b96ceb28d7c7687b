"""Anomalies made on purpose: what would be found, where nobody has said what is strange?

Normal rows are changed in ways that anomalies often look like. They are never learned from. How
well they are found says which method notices such changes; it can't say whether real anomalies
look like them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pellucid.data.columns import Column, Loaded
from pellucid.data.modalities.audio import Clips
from pellucid.uses.anomaly.described import OF, pieces_of

SWAPPED_SHARE = 0.3
"""Part of a row's pieces (columns) whose values come from another row."""


@dataclass(frozen=True)
class Planted:
    """Changed rows. loaded: their values. kinds: `(rows,)` of names. parents: the row that each was
    made from, as a place in what was given."""

    loaded: dict[str, Loaded]
    kinds: np.ndarray
    parents: np.ndarray


def plant(columns: Sequence[Column], loaded: dict[str, Loaded], seed: int) -> Planted:
    """One anomaly made from each of these rows, its kind drawn at random."""
    rng = np.random.default_rng([seed, 7])
    rows = len(next(iter(loaded.values())).values)
    first = columns[0]
    if first.modality in CHANGES:
        makers = CHANGES[first.modality]
        values = np.array(_values(loaded[first.name]), copy=True)
        source = values.copy()
        kinds = rng.integers(len(makers), size=rows)
        names = list(makers)
        for row in range(rows):
            makers[names[kinds[row]]](values[row], source, rng)
        changed = {first.name: _with_values(loaded[first.name], values)}
        return Planted(changed, np.array(names, dtype=object)[kinds], np.arange(rows))
    return _plant_cells(columns, loaded, rng, rows)


# --- tables -----------------------------------------------------------------------------------


def _plant_cells(
    columns: Sequence[Column], loaded: dict[str, Loaded], rng: np.random.Generator, rows: int
) -> Planted:
    names = [column.name for column in columns]
    pieces = [[names[place] for place in places] for places in pieces_of(columns).values()]
    numbers = [
        column.name for column in columns if column.modality == "number" and OF not in column.fitted
    ]
    values = {name: np.array(loaded[name].values, copy=True) for name in names}
    ranges = {name: _range(loaded[name].values) for name in numbers}
    kinds = np.full(rows, "swapped cells", dtype=object)
    can_swap, can_push = len(pieces) > 1 and rows > 1, bool(numbers)
    pushed = rng.random(rows) < 0.5
    if can_push:
        kinds[pushed if can_swap else np.ones(rows, dtype=bool)] = "a value far out"
    for row in range(rows):
        if kinds[row] == "swapped cells":
            count = max(1, round(SWAPPED_SHARE * len(pieces)))
            other = (row + 1 + int(rng.integers(max(1, rows - 1)))) % rows
            for place in rng.choice(len(pieces), count, replace=False):
                for name in pieces[place]:
                    values[name][row] = loaded[name].values[other]
        else:
            name = numbers[int(rng.integers(len(numbers)))]
            middle, spread = ranges[name]
            sign = 1.0 if rng.random() < 0.5 else -1.0
            values[name][row] = middle + sign * spread * rng.uniform(1.0, 3.0)
    changed = {name: replace(loaded[name], values=values[name]) for name in names}
    return Planted(changed, kinds, np.arange(rows))


def _range(values: np.ndarray) -> tuple[float, float]:
    """The middle, and how far 99 of 100 values lie apart."""
    there = values[np.isfinite(values)]
    if not len(there):
        return 0.0, 1.0
    low, middle, high = np.quantile(there, [0.005, 0.5, 0.995])
    return float(middle), float(high - low) or max(1.0, abs(float(middle)))


# --- pictures: uint8 (height, width, channels), changed in place ------------------------------


def _pasted(picture: np.ndarray, source: np.ndarray, rng: np.random.Generator) -> None:
    """A piece of another picture (CutPaste, Li et al. 2021)."""
    height, width = picture.shape[:2]
    tall, broad = _box(height, width, rng)
    top, left = int(rng.integers(height - tall + 1)), int(rng.integers(width - broad + 1))
    low, side = int(rng.integers(height - tall + 1)), int(rng.integers(width - broad + 1))
    other = source[int(rng.integers(len(source)))]
    picture[top : top + tall, left : left + broad] = other[low : low + tall, side : side + broad]


def _scratch(picture: np.ndarray, source: np.ndarray, rng: np.random.Generator) -> None:
    """A thin line of one color."""
    height, width = picture.shape[:2]
    length = rng.uniform(0.25, 0.6) * min(height, width)
    angle = rng.uniform(0, np.pi)
    middle = rng.uniform(0.2, 0.8, 2) * (height, width)
    steps = np.linspace(-0.5, 0.5, 4 * max(height, width))[:, None] * length
    places = np.rint(middle + steps * (np.sin(angle), np.cos(angle))).astype(int)
    inside = ((places >= 0) & (places < (height, width))).all(1)
    color = rng.integers(0, 256, picture.shape[2])
    thick = max(1, min(height, width) // 48)
    for down in range(thick):
        rows = np.minimum(places[inside, 0] + down, height - 1)
        picture[rows, places[inside, 1]] = color


def _box(height: int, width: int, rng: np.random.Generator) -> tuple[int, int]:
    """Sides of a box that covers 3 to 15 % of the picture."""
    area = rng.uniform(0.03, 0.15) * height * width
    aspect = np.exp(rng.uniform(np.log(0.4), np.log(2.5)))
    tall = int(np.clip(round(np.sqrt(area * aspect)), 1, height))
    return tall, int(np.clip(round(area / tall), 1, width))


# --- series: float32 (time, channels) ---------------------------------------------------------


def _spike(series: np.ndarray, source: np.ndarray, rng: np.random.Generator) -> None:
    """One to three steps far from their neighbors."""
    length = _length(series)
    start = int(rng.integers(length))
    channel = int(rng.integers(series.shape[1]))
    size = rng.uniform(3, 6) * _spread(source[..., channel]) * rng.choice([-1, 1])
    series[start : min(length, start + int(rng.integers(1, 4))), channel] += size


def _shift(series: np.ndarray, source: np.ndarray, rng: np.random.Generator) -> None:
    """A stretch at another level."""
    start, end = _stretch(_length(series), rng)
    channel = int(rng.integers(series.shape[1]))
    size = rng.uniform(1, 2.5) * _spread(source[..., channel]) * rng.choice([-1, 1])
    series[start:end, channel] += size


def _from_elsewhere(series: np.ndarray, source: np.ndarray, rng: np.random.Generator) -> None:
    """A stretch of another series, from another moment."""
    start, end = _stretch(_length(series), rng)
    other = source[int(rng.integers(len(source)))]
    at = int(rng.integers(max(1, _length(other) - (end - start) + 1)))
    piece = other[at : at + end - start]
    there = ~np.isnan(piece)
    series[start : start + len(piece)][there] = piece[there]


def _stretch(length: int, rng: np.random.Generator) -> tuple[int, int]:
    long = max(1, min(length, round(rng.uniform(0.1, 0.25) * length)))
    start = int(rng.integers(length - long + 1))
    return start, start + long


def _length(series: np.ndarray) -> int:
    there = np.flatnonzero(~np.isnan(series).all(1))
    return int(there[-1]) + 1 if len(there) else 1


def _spread(values: np.ndarray) -> float:
    return float(np.nanstd(values)) or 1.0


# --- sounds: float16 (frames, bands, 1), log power --------------------------------------------


def _click(mel: np.ndarray, source: np.ndarray, rng: np.random.Generator) -> None:
    """A moment at which all pitches are loud."""
    start = int(rng.integers(_length(mel[..., 0])))
    loud = np.float16(rng.uniform(2, 5) * _spread(source[:64].astype(np.float32)))
    mel[start : start + int(rng.integers(1, 3))] += loud


def _tone(mel: np.ndarray, source: np.ndarray, rng: np.random.Generator) -> None:
    """A pitch that goes on for a while."""
    start, end = _stretch(_length(mel[..., 0]), rng)
    end = min(_length(mel[..., 0]), start + 2 * (end - start))
    band = int(rng.integers(mel.shape[1]))
    loud = np.float16(rng.uniform(2, 5) * _spread(source[:64].astype(np.float32)))
    mel[start:end, band : band + 2] += loud


def _gap(mel: np.ndarray, source: np.ndarray, rng: np.random.Generator) -> None:
    """A stretch in which nothing is heard."""
    start, end = _stretch(_length(mel[..., 0]), rng)
    mel[start:end] = np.nanmin(mel)


Change = Callable[[np.ndarray, np.ndarray, np.random.Generator], None]
CHANGES: dict[str, dict[str, Change]] = {
    "image": {"a piece pasted in": _pasted, "a scratch": _scratch},
    "series": {
        "a spike": _spike,
        "a stretch at another level": _shift,
        "a stretch from elsewhere": _from_elsewhere,
    },
    "audio": {"a click": _click, "a tone": _tone, "a gap": _gap},
}
"""Modality -> name of a change -> what makes it, in place."""


def _values(loaded: Loaded) -> np.ndarray:
    return loaded.values.mel if isinstance(loaded.values, Clips) else np.asarray(loaded.values)


def _with_values(loaded: Loaded, values: np.ndarray) -> Loaded:
    """The same rows with other values; a sound that was changed has no file any more."""
    if isinstance(loaded.values, Clips):
        nobody = np.full(len(values), None, dtype=object)
        return Loaded(Clips(values, nobody), loaded.layout)
    return Loaded(values, loaded.layout)
