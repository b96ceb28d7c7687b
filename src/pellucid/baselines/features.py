"""What classical methods see: each kind of value as a table of numbers.

A `Features` is fitted on training rows, turns a loaded column into a matrix `(rows, features)`,
and is kept as JSON, arrays and texts. There are two ways to look at a column: for linear models
(scaled, one-hot, no gaps) and for trees (as they are, gaps and category codes included).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from pellucid.baselines.baseline import State
from pellucid.data.columns import Column, Loaded

Matrix = Any
"""float32 or float64 `(rows, features)`: a NumPy array, or a SciPy sparse matrix (CSR)."""
VALUES_AT_A_TIME = 4_000_000
MOST_CATEGORIES = 1_000


class Features:
    """How one column becomes numbers.

    categorical: the (single) feature is a code without order.
    """

    name: ClassVar[str]
    categorical: ClassVar[bool] = False

    @classmethod
    def fit(cls, loaded: Loaded) -> Self:
        """Learn what is needed from these (training) rows."""
        return cls()

    def matrix(self, loaded: Loaded) -> Matrix:
        raise NotImplementedError

    @classmethod
    def fit_matrix(cls, loaded: Loaded) -> tuple[Self, Matrix]:
        """`fit` and the `matrix` of the same rows, which together can take less time."""
        fitted = cls.fit(loaded)
        return fitted, fitted.matrix(loaded)

    def state(self) -> State:
        return State({}, {}, {})

    @classmethod
    def restore(cls, state: State) -> Self:
        return cls()


FEATURES: dict[str, type[Features]] = {}


def features(kind: type[Features]) -> type[Features]:
    """Register a way of seeing a column."""
    if kind.name in FEATURES:
        raise ValueError(f"two kinds of features are called '{kind.name}'")
    FEATURES[kind.name] = kind
    return kind


# --- numbers ----------------------------------------------------------------------------------


@features
@dataclass
class Numbers(Features):
    """For linear models: gaps become the median and get a column of their own that says so."""

    name: ClassVar[str] = "number"
    median: float = 0.0
    gaps: bool = False

    @classmethod
    def fit(cls, loaded: Loaded) -> Self:
        values = finite(loaded.values)
        there = values[~np.isnan(values)]
        return cls(float(np.median(there)) if len(there) else 0.0, len(there) < len(values))

    def matrix(self, loaded: Loaded) -> Matrix:
        values = finite(loaded.values)
        missing = np.isnan(values)
        filled = np.where(missing, self.median, values)
        return np.stack([filled, missing], 1) if self.gaps else filled[:, None]

    def state(self) -> State:
        return State({"median": self.median, "gaps": self.gaps}, {}, {})

    @classmethod
    def restore(cls, state: State) -> Self:
        return cls(**state.json)


@features
class RawNumbers(Features):
    """For trees: as they are; a gap is NaN, on which trees decide by themselves."""

    name: ClassVar[str] = "raw number"

    def matrix(self, loaded: Loaded) -> Matrix:
        return finite(loaded.values)[:, None]


LARGEST = 1e150
"""Squares of numbers up to here are numbers still."""


def finite(values: np.ndarray) -> np.ndarray:
    """float64, infinities as NaN; beyond `LARGEST` nothing is told apart."""
    values = np.asarray(values, dtype=np.float64)
    return np.clip(np.where(np.isfinite(values), values, np.nan), -LARGEST, LARGEST)


# --- categories -------------------------------------------------------------------------------


@dataclass
class Words(Features):
    """The most frequent categories of the training rows; others count as unknown."""

    words: tuple[str, ...] = ()

    @classmethod
    def fit(cls, loaded: Loaded) -> Self:
        counts = Counter(value for value in loaded.values if value is not None)
        ordered = sorted(counts, key=lambda word: (-counts[word], word))
        return cls(tuple(ordered[:MOST_CATEGORIES]))

    def codes(self, loaded: Loaded) -> np.ndarray:
        """int64 `(rows,)`: -1 for missing and unknown."""
        numbers = {word: number for number, word in enumerate(self.words)}
        return np.array([numbers.get(value, -1) for value in loaded.values], dtype=np.int64)

    def state(self) -> State:
        return State({"words": list(self.words)}, {}, {})

    @classmethod
    def restore(cls, state: State) -> Self:
        return cls(tuple(state.json["words"]))


@features
@dataclass
class OneHot(Words):
    """For linear models: one column for each category, all zero for missing and unknown."""

    name: ClassVar[str] = "one-hot"

    def matrix(self, loaded: Loaded) -> Matrix:
        from scipy.sparse import csr_matrix

        codes = self.codes(loaded)
        rows = np.flatnonzero(codes >= 0)
        shape = (len(codes), max(len(self.words), 1))
        return csr_matrix((np.ones(len(rows)), (rows, codes[rows])), shape=shape)


@features
@dataclass
class Codes(Words):
    """For trees: the category's number, NaN for missing and unknown."""

    name: ClassVar[str] = "codes"
    categorical: ClassVar[bool] = True

    def matrix(self, loaded: Loaded) -> Matrix:
        codes = self.codes(loaded)
        return np.where(codes < 0, np.nan, codes)[:, None]


# --- dates ------------------------------------------------------------------------------------


@features
class RawDates(Features):
    """For trees: days since 1970, month, day of the month, weekday, hour; NaN for gaps."""

    name: ClassVar[str] = "raw date"

    def matrix(self, loaded: Loaded) -> Matrix:
        return np.stack(calendar(loaded.values), 1)


@features
@dataclass
class Dates(Features):
    """For linear models: the time line, and month, weekday and hour as points on circles."""

    name: ClassVar[str] = "date"
    middle: float = 0.0

    @classmethod
    def fit(cls, loaded: Loaded) -> Self:
        days = calendar(loaded.values)[0]
        there = days[~np.isnan(days)]
        return cls(float(np.median(there)) if len(there) else 0.0)

    def matrix(self, loaded: Loaded) -> Matrix:
        days, month, _, weekday, hour = calendar(loaded.values)
        missing = np.isnan(days)
        columns = [np.where(missing, self.middle, days), missing.astype(np.float64)]
        for value, cycle in ((month, 12), (weekday, 7), (hour, 24)):
            angle = np.where(missing, 0.0, value) * (2 * np.pi / cycle)
            columns += [np.where(missing, 0.0, turn(angle)) for turn in (np.sin, np.cos)]
        return np.stack(columns, 1)

    def state(self) -> State:
        return State({"middle": self.middle}, {}, {})

    @classmethod
    def restore(cls, state: State) -> Self:
        return cls(**state.json)


def calendar(values: np.ndarray) -> list[np.ndarray]:
    """float64 `(rows,)` each: days since 1970, month, day of month, weekday, hour; NaN for NaT."""
    times = np.asarray(values).astype("datetime64[s]")
    missing = np.isnat(times)
    safe = np.where(missing, np.datetime64(0, "s"), times)
    seconds, days = safe.astype(np.int64), safe.astype("datetime64[D]")
    months = safe.astype("datetime64[M]")
    parts = [
        seconds / 86_400,
        months.astype(np.int64) % 12,
        (days - months.astype("datetime64[D]")).astype(np.int64),
        (days.astype(np.int64) + 3) % 7,  # 1 January 1970 was a Thursday
        seconds % 86_400 / 3_600,
    ]
    return [np.where(missing, np.nan, part) for part in parts]


# --- pictures ---------------------------------------------------------------------------------


class Chunked(Features):
    """Features of each row by itself that need no fitting; rows are done in chunks."""

    def matrix(self, loaded: Loaded) -> Matrix:
        values = np.asarray(loaded.values)
        chunk = max(1, VALUES_AT_A_TIME // max(1, int(np.prod(values.shape[1:]))))
        starts = range(0, len(values), chunk)
        parts = [self.of(np.asarray(values[at : at + chunk])) for at in starts]
        return np.concatenate(parts) if parts else np.zeros((0, 1), dtype=np.float32)

    def of(self, values: np.ndarray) -> np.ndarray:
        """float32 `(rows, features)` of some rows."""
        raise NotImplementedError


@features
class Hog(Chunked):
    """Histograms of oriented gradients (Dalal and Triggs 2005), and the picture made small."""

    name: ClassVar[str] = "HOG"

    def of(self, values: np.ndarray) -> np.ndarray:
        pixels = values.astype(np.float32) / 255
        return np.concatenate([hog(pixels), small(pixels, 8)], 1)


@features
class SmallPicture(Chunked):
    """For trees: the picture made small."""

    name: ClassVar[str] = "small picture"

    def of(self, values: np.ndarray) -> np.ndarray:
        return small(values.astype(np.float32) / 255, 12)


def small(pixels: np.ndarray, side: int) -> np.ndarray:
    """`(rows, height, width, channels)` -> mean colors of at most side x side tiles, flat."""
    rows = np.linspace(0, pixels.shape[1], min(side, pixels.shape[1]) + 1).astype(int)[:-1]
    columns = np.linspace(0, pixels.shape[2], min(side, pixels.shape[2]) + 1).astype(int)[:-1]
    heights = np.diff(np.r_[rows, pixels.shape[1]])[:, None, None]
    widths = np.diff(np.r_[columns, pixels.shape[2]])[:, None]
    sums = np.add.reduceat(np.add.reduceat(pixels, rows, axis=1), columns, axis=2)
    return np.asarray((sums / (heights * widths)).reshape(len(pixels), -1), dtype=np.float32)


def hog(pixels: np.ndarray, directions: int = 9) -> np.ndarray:
    """float32 `(rows, features)` of pictures `(rows, height, width, channels)` in 0..1.

    About 8 cells a side; each holds a histogram of edge directions weighted by edge strength;
    blocks of 2 x 2 cells are normalized together, clipped at 0.2 and normalized again.
    """
    side = max(2, round(min(pixels.shape[1:3]) / 8))
    strength, angle = gradients(pixels)
    place = angle * (directions / np.pi)  # in 0..directions; directions wrap around
    lower = np.floor(place)
    share = place - lower
    cells = np.stack(
        [
            cell_sums(
                strength
                * np.where(
                    lower % directions == one,
                    1 - share,
                    np.where((lower + 1) % directions == one, share, 0),
                ),
                side,
            )
            for one in range(directions)
        ],
        -1,
    )
    return normalized_blocks(cells)


def gradients(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Strength and direction (0..pi) of edges at each pixel, in the channel with the strongest."""
    down, across = np.zeros_like(pixels), np.zeros_like(pixels)
    down[:, 1:-1] = pixels[:, 2:] - pixels[:, :-2]
    across[:, :, 1:-1] = pixels[:, :, 2:] - pixels[:, :, :-2]
    squared = down**2 + across**2
    channel = squared.argmax(-1)[..., None]
    down, across, squared = (
        np.take_along_axis(part, channel, -1)[..., 0] for part in (down, across, squared)
    )
    return np.sqrt(squared), np.arctan2(down, across) % np.pi


def cell_sums(values: np.ndarray, side: int) -> np.ndarray:
    """`(rows, height, width)` -> sums over cells of side x side pixels; a rest is cut off."""
    rows, height, width = values.shape
    down, across = max(1, height // side), max(1, width // side)
    cut = values[:, : down * side, : across * side]
    return np.asarray(cut.reshape(rows, down, -1, across, cut.shape[2] // across).sum((2, 4)))


def normalized_blocks(cells: np.ndarray) -> np.ndarray:
    """`(rows, down, across, directions)` -> overlapping 2 x 2 blocks of length 1, flat."""
    if min(cells.shape[1:3]) < 2:
        blocks = cells
    else:
        corners = [cells[:, a : a - 1 or None, b : b - 1 or None] for a in (0, 1) for b in (0, 1)]
        blocks = np.concatenate(corners, -1)
    for limit in (0.2, np.inf):
        length = np.sqrt((blocks**2).sum(-1, keepdims=True) + 1e-4)
        blocks = np.minimum(blocks / length, limit)
    return blocks.reshape(len(cells), -1).astype(np.float32)


# --- sounds and series ------------------------------------------------------------------------


@features
class Mfcc(Chunked):
    """Statistics over time of 20 mel-frequency cepstral coefficients and their changes."""

    name: ClassVar[str] = "MFCC statistics"

    def of(self, values: np.ndarray) -> np.ndarray:
        """values: log-mel `(rows, frames, bands, 1)`; NaN frames are padding."""
        mel = values[..., 0].astype(np.float32)
        coefficients = mel @ cosines(mel.shape[2], 20).astype(np.float32)
        change = np.diff(coefficients, axis=1, prepend=coefficients[:, :1])
        length = (~np.isnan(mel).any(2)).sum(1, keepdims=True)
        means, spread, low, high = over_time(coefficients)[:4]
        parts = [means, spread, low, high, over_time(change)[1], length]
        return np.concatenate(parts, 1).astype(np.float32)


def cosines(size: int, count: int) -> np.ndarray:
    """The first vectors of the discrete cosine transform (DCT-II) `(size, count)`, of length 1."""
    steps = np.arange(size)[:, None] + 0.5
    waves = np.cos(np.pi / size * steps * np.arange(min(count, size)))
    return np.asarray(waves / np.linalg.norm(waves, axis=0))


@features
class SeriesStatistics(Chunked):
    """Of each channel: mean, spread, lowest, highest, first, last, slope, mean step; the length."""

    name: ClassVar[str] = "series statistics"

    def of(self, values: np.ndarray) -> np.ndarray:
        series = values.astype(np.float64)
        steps = np.abs(np.diff(series, axis=1))
        if not steps.shape[1]:
            steps = np.zeros_like(series)
        length = (~np.isnan(series).all(2)).sum(1, keepdims=True)
        parts = [*over_time(series), over_time(steps)[0], length]
        return np.concatenate(parts, 1).astype(np.float32)


def over_time(values: np.ndarray) -> list[np.ndarray]:
    """Of `(rows, time, channels)` with gaps: mean, spread, low, high, first, last, slope.

    Each `(rows, channels)`; zero where there is nothing at all.
    """
    there = ~np.isnan(values)
    count = np.maximum(there.sum(1), 1)
    filled = np.where(there, values, 0)
    mean = filled.sum(1) / count
    centered = np.where(there, values - mean[:, None], 0)
    spread = np.sqrt((centered**2).sum(1) / count)
    some = there.any(1)
    low = np.where(some, np.where(there, values, np.inf).min(1), 0)
    high = np.where(some, np.where(there, values, -np.inf).max(1), 0)
    first_at, last_at = there.argmax(1), values.shape[1] - 1 - there[:, ::-1].argmax(1)
    first, last = (np.take_along_axis(filled, at[:, None], 1)[:, 0] for at in (first_at, last_at))
    moment = np.arange(values.shape[1], dtype=np.float64)[None, :, None]
    center = np.where(there, moment, 0).sum(1) / count
    offset = np.where(there, moment - center[:, None], 0)
    slope = (offset * centered).sum(1) / np.maximum((offset**2).sum(1), 1e-9)
    return [mean, spread, low, high, first, last, slope]


# --- whole tables -----------------------------------------------------------------------------


FOR_LINEAR = {
    "number": "number",
    "category": "one-hot",
    "date": "date",
    "text": "TF-IDF",
    "image": "HOG",
    "audio": "MFCC statistics",
    "series": "series statistics",
}
FOR_TREES = {
    "number": "raw number",
    "category": "codes",
    "date": "raw date",
    "text": "text topics",
    "image": "small picture",
    "audio": "MFCC statistics",
    "series": "series statistics",
}
"""Modality -> how it is seen. A modality that is not listed is left out, and that is said."""


@dataclass
class TableFeatures:
    """The features of all columns side by side."""

    parts: list[tuple[str, Features]]

    @classmethod
    def fit(
        cls, columns: Sequence[Column], loaded: dict[str, Loaded], views: dict[str, str]
    ) -> TableFeatures:
        """Learn from the given (training) rows of every column that `views` lists."""
        return cls.fit_blocks(columns, loaded, views)[0]

    @classmethod
    def fit_blocks(
        cls, columns: Sequence[Column], loaded: dict[str, Loaded], views: dict[str, str]
    ) -> tuple[TableFeatures, tuple[np.ndarray, Matrix | None]]:
        """Learn from these rows, and give their `blocks` too."""
        found = [
            (column.name, *FEATURES[views[column.modality]].fit_matrix(loaded[column.name]))
            for column in columns
            if column.modality in views
        ]
        found.sort(key=lambda part: not part[1].categorical)
        fitted = cls([(name, part) for name, part, _ in found])
        return fitted, fitted.side_by_side([matrix for *_, matrix in found], loaded)

    def blocks(self, loaded: dict[str, Loaded]) -> tuple[np.ndarray, Matrix | None]:
        """Dense features `(rows, n)` and sparse ones `(rows, m)`, None if there are none."""
        return self.side_by_side([part.matrix(loaded[name]) for name, part in self.parts], loaded)

    def side_by_side(
        self, matrices: list[Matrix], loaded: dict[str, Loaded]
    ) -> tuple[np.ndarray, Matrix | None]:
        """The columns' matrices as one dense and one sparse block."""
        rows = len(next(iter(loaded.values())).values)
        dense = [matrix for matrix in matrices if isinstance(matrix, np.ndarray)]
        sparse = [matrix for matrix in matrices if not isinstance(matrix, np.ndarray)]
        together = np.concatenate([np.zeros((rows, 0), dtype=np.float32), *dense], 1)
        if not sparse:
            return together, None
        from scipy.sparse import hstack

        return together, hstack(sparse, format="csr")

    def categorical(self) -> list[int]:
        """Which dense features are codes without order; `fit` has put them first."""
        return list(range(sum(part.categorical for _, part in self.parts)))

    def state(self) -> State:
        json: list[dict[str, Any]] = []
        arrays: dict[str, np.ndarray] = {}
        texts: dict[str, str] = {}
        for number, (column, part) in enumerate(self.parts):
            own = part.state()
            json.append({"column": column, "features": part.name, "own": own.json})
            arrays |= {f"{number}.{key}": value for key, value in own.arrays.items()}
            texts |= {f"{number}.{key}": value for key, value in own.texts.items()}
        return State({"parts": json}, arrays, texts)

    @classmethod
    def restore(cls, state: State) -> TableFeatures:
        parts = []
        for number, item in enumerate(state.json["parts"]):
            own = State(
                item["own"], strip(state.arrays, f"{number}."), strip(state.texts, f"{number}.")
            )
            parts.append((item["column"], FEATURES[item["features"]].restore(own)))
        return cls(parts)


def strip(named: dict[str, Any], prefix: str) -> dict[str, Any]:
    """The entries whose names start with the prefix, without it."""
    return {
        key.removeprefix(prefix): value for key, value in named.items() if key.startswith(prefix)
    }


def left_out(columns: Sequence[Column], views: dict[str, str]) -> str:
    """A sentence about columns that classical methods can't see here; '' if there are none."""
    names = [f"'{column.name}'" for column in columns if column.modality not in views]
    return f"; without {', '.join(names)}" if names else ""
