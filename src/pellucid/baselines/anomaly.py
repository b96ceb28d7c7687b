"""Classical methods that find anomalies without labels: what a network has to beat.

All see the same table of numbers and are kept as arrays. On 52 data sets neighbors' distance and
isolation forests sufficed (Bouman et al. 2024), and no method wins everywhere (ADBench, Han et al.
2022): so there are several, and their mean.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from pellucid.baselines.baseline import State, threads_for
from pellucid.baselines.features import (
    FOR_LINEAR,
    Chunked,
    Hog,
    Mfcc,
    SeriesStatistics,
    TableFeatures,
    small,
    strip,
)
from pellucid.data.columns import Column, Loaded

TREES, SAMPLE = 100, 256
"""An isolation forest: trees, and rows that each one sees (Liu et al. 2008)."""
MOST_REFERENCES = 5_000
"""Training rows that neighbors are searched among."""
MOST_FEATURES = 400
"""More features than this are summed up by principal components first."""
ROWS_AT_ONCE = 512
QUANTILES = 512
KEPT_VARIANCE = 0.9
MEASURED_ROWS = 256
FIELDS = ("image", "audio", "series")


# --- how an example becomes numbers -----------------------------------------------------------


@dataclass
class View:
    """Each example as numbers of about one size: `(rows, features)` float64.

    modality: of the single picture, sound or series column; '' for the plain columns of a table.
    """

    modality: str
    column: str
    table: TableFeatures | None
    middle: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, columns: Sequence[Column], loaded: dict[str, Loaded]) -> View:
        """Learn sizes from these (training) rows."""
        first = columns[0]
        if first.modality in FIELDS:
            made = cls(first.modality, first.name, None, np.zeros(0), np.zeros(0))
            raw = made.raw(loaded)
            spread = raw.std(0)
            # A pixel that never changes must not count for more than all others.
            scale = spread + 0.5 * max(float(spread.mean()), 1e-9)
            made.middle, made.scale = raw.mean(0), scale
            return made
        made = cls("", "", TableFeatures.fit(columns, loaded, FOR_LINEAR), np.zeros(0), np.zeros(0))
        raw = made.raw(loaded)
        low, middle, high = np.quantile(raw, [0.25, 0.5, 0.75], axis=0)
        scale = (high - low) / 1.349
        made.middle = middle
        made.scale = np.where(scale > 1e-9, scale, np.maximum(raw.std(0), 1e-9))
        constant = raw.std(0) < 1e-9
        made.scale[constant] = 1.0
        return made

    def raw(self, loaded: dict[str, Loaded]) -> np.ndarray:
        if self.table is None:
            return field_features(self.modality, loaded[self.column])
        dense, sparse = self.table.blocks(loaded)
        parts = [np.nan_to_num(np.asarray(dense, dtype=np.float64))]
        if sparse is not None:
            parts.append(np.asarray(sparse.todense(), dtype=np.float64))
        return np.concatenate(parts, 1)

    def of(self, loaded: dict[str, Loaded]) -> np.ndarray:
        scaled = (self.raw(loaded) - self.middle) / self.scale
        # One column that is far out must not hide all others: far grows like its logarithm.
        return scaled if self.table is None else np.arcsinh(scaled)

    def state(self) -> State:
        own = self.table.state() if self.table is not None else State({}, {}, {})
        arrays = {f"table.{name}": value for name, value in own.arrays.items()}
        arrays |= {"middle": self.middle, "scale": self.scale}
        json = {"modality": self.modality, "column": self.column, "table": own.json}
        return State(json, arrays, own.texts)

    @classmethod
    def restore(cls, state: State) -> View:
        json = state.json
        table = None
        if not json["modality"]:
            own = State(json["table"], strip(state.arrays, "table."), state.texts)
            table = TableFeatures.restore(own)
        arrays = state.arrays
        return cls(json["modality"], json["column"], table, arrays["middle"], arrays["scale"])


def field_features(modality: str, loaded: Loaded) -> np.ndarray:
    """A picture made small beside its edges; a sound's spectrogram made small beside its cepstrum;
    a series at 64 points beside its statistics. float64 `(rows, features)`."""
    return np.asarray(_FIELD_FEATURES[modality]().matrix(loaded), dtype=np.float64)


class _Picture(Chunked):
    def of(self, values: np.ndarray) -> np.ndarray:
        pixels = values.astype(np.float32) / 255
        edges = Hog().of(values)
        return np.concatenate([small(pixels, 16), 0.5 * edges], 1)


class _Sound(Chunked):
    def of(self, values: np.ndarray) -> np.ndarray:
        mel = values.astype(np.float32)
        quiet = np.nanmin(mel) if np.isfinite(mel).any() else 0.0
        areas = small(np.nan_to_num(mel, nan=float(quiet)), 16)
        return np.concatenate([areas, np.nan_to_num(Mfcc().of(values))], 1)


class _Series(Chunked):
    def of(self, values: np.ndarray) -> np.ndarray:
        series = np.nan_to_num(values.astype(np.float32))
        places = np.linspace(0, series.shape[1] - 1, min(64, series.shape[1])).round().astype(int)
        points = series[:, places].reshape(len(series), -1)
        return np.concatenate([points, np.nan_to_num(SeriesStatistics().of(values))], 1)


_FIELD_FEATURES: dict[str, type[Chunked]] = {
    "image": _Picture,
    "audio": _Sound,
    "series": _Series,
}


# --- detectors: arrays in, strangeness out ----------------------------------------------------


@dataclass
class Detector:
    """What one method learned from `(rows, features)`; `arrays` is all of it."""

    name: ClassVar[str]
    why: ClassVar[str]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def fit(cls, x: np.ndarray, rng: np.random.Generator) -> Detector:
        raise NotImplementedError

    def score(self, x: np.ndarray) -> np.ndarray:
        """float64 `(rows,)`: the stranger, the larger."""
        raise NotImplementedError


class Tails(Detector):
    """ECOD (Li et al. 2022): how far out in the tail of each column, columns added up."""

    name = "tails of each column"
    why = "each column by itself: how rarely is a value so low or so high (ECOD)"

    @classmethod
    def fit(cls, x: np.ndarray, rng: np.random.Generator) -> Detector:
        steps = np.linspace(0, 1, min(QUANTILES, len(x)))
        centered = x - x.mean(0)
        spread = np.maximum(x.std(0), 1e-12)
        skew = (centered**3).mean(0) / spread**3
        rows = np.array([len(x)], dtype=np.float64)
        return cls({"quantiles": np.quantile(x, steps, axis=0), "skew": skew, "rows": rows})

    def score(self, x: np.ndarray) -> np.ndarray:
        quantiles, rows = self.arrays["quantiles"], float(self.arrays["rows"][0])
        left, right = np.empty_like(x), np.empty_like(x)
        steps = len(quantiles)
        for column in range(x.shape[1]):
            ordered, values = quantiles[:, column], x[:, column]
            below = np.searchsorted(ordered, values, side="right") / steps
            above = 1 - np.searchsorted(ordered, values, side="left") / steps
            left[:, column] = -np.log(np.maximum(below, 1 / (rows + 1)))
            right[:, column] = -np.log(np.maximum(above, 1 / (rows + 1)))
        skewed = np.where(self.arrays["skew"] < 0, left, right).sum(1)
        return np.maximum(np.maximum(left.sum(1), right.sum(1)), skewed)


class Components(Detector):
    """What the main directions of variation can't rebuild."""

    name = "principal components"
    why = "the part of a row that the main directions of variation can't rebuild"

    @classmethod
    def fit(cls, x: np.ndarray, rng: np.random.Generator) -> Detector:
        mean = x.mean(0)
        with threads_for(x.size):
            values, axes = np.linalg.eigh(np.cov((x - mean).T).reshape(x.shape[1], -1))
        order = np.argsort(-values)
        share = np.cumsum(values[order]) / max(float(values.sum()), 1e-12)
        kept = min(int(np.searchsorted(share, KEPT_VARIANCE)) + 1, max(1, x.shape[1] - 1))
        return cls({"mean": mean, "axes": axes[:, order[:kept]]})

    def score(self, x: np.ndarray) -> np.ndarray:
        centered, axes = x - self.arrays["mean"], self.arrays["axes"]
        if axes.shape[0] == axes.shape[1]:  # a single column: nothing is left to rebuild
            return np.asarray((centered**2).sum(1))
        return np.asarray(((centered - centered @ axes @ axes.T) ** 2).sum(1))


class Forest(Detector):
    """Isolation forest (Liu et al. 2008): strange rows are cut off by few random cuts."""

    name = "isolation forest"
    why = "how few random cuts separate a row from all others"

    @classmethod
    def fit(cls, x: np.ndarray, rng: np.random.Generator) -> Detector:
        sample = min(SAMPLE, len(x))
        depth = max(1, math.ceil(math.log2(max(sample, 2))))
        nodes = 2 ** (depth + 1) - 1
        feature = np.full((TREES, nodes), -1, dtype=np.int32)
        cut = np.zeros((TREES, nodes), dtype=np.float64)
        length = np.zeros((TREES, nodes), dtype=np.float64)
        for tree in range(TREES):
            rows = x[rng.choice(len(x), sample, replace=False)]
            _grow(rows, 0, 0, depth, rng, feature[tree], cut[tree], length[tree])
        usual = np.array([_path(sample)])
        arrays = {"feature": feature, "cut": cut, "length": length, "usual": usual}
        return cls(arrays)

    def score(self, x: np.ndarray) -> np.ndarray:
        feature, cut, length = (self.arrays[name] for name in ("feature", "cut", "length"))
        depth = int(math.log2(feature.shape[1] + 1)) - 1
        trees = np.arange(len(feature))
        found = [np.empty(0)]
        for start in range(0, len(x), ROWS_AT_ONCE):
            part = x[start : start + ROWS_AT_ONCE]
            rows = np.arange(len(part))[:, None]
            node = np.zeros((len(part), len(trees)), dtype=np.int64)
            for _ in range(depth):
                asked = feature[trees, node]
                goes = part[rows, np.maximum(asked, 0)] > cut[trees, node]
                node = np.where(asked < 0, node, 2 * node + 1 + goes)
            mean = length[trees, node].mean(1)
            found.append(2.0 ** (-mean / max(float(self.arrays["usual"][0]), 1.0)))
        return np.concatenate(found)


def _grow(
    rows: np.ndarray,
    node: int,
    height: int,
    most: int,
    rng: np.random.Generator,
    feature: np.ndarray,
    cut: np.ndarray,
    length: np.ndarray,
) -> None:
    """One tree: a random cut of a random column that still varies, until rows are alone."""
    low, high = (rows.min(0), rows.max(0)) if len(rows) else (np.zeros(1), np.zeros(1))
    varies = np.flatnonzero(high > low)
    if height == most or len(rows) <= 1 or not len(varies):
        length[node] = height + _path(len(rows))
        return
    chosen = int(varies[rng.integers(len(varies))])
    feature[node] = chosen
    cut[node] = rng.uniform(low[chosen], high[chosen])
    goes = rows[:, chosen] > cut[node]
    for place, part in ((1, rows[~goes]), (2, rows[goes])):
        _grow(part, 2 * node + place, height + 1, most, rng, feature, cut, length)


def _path(rows: int) -> float:
    """Cuts that a search tree of so many rows needs on average.

    >>> _path(1), _path(2), round(_path(256), 2)
    (0.0, 1.0, 10.24)
    """
    if rows <= 1:
        return 0.0
    if rows == 2:
        return 1.0
    return 2 * (math.log(rows - 1) + 0.5772156649) - 2 * (rows - 1) / rows


class Neighbors(Detector):
    """Mean distance to the nearest training rows."""

    name = "nearest neighbors"
    why = "how far the most similar training rows are"

    @classmethod
    def fit(cls, x: np.ndarray, rng: np.random.Generator) -> Detector:
        reference = x
        if len(x) > MOST_REFERENCES:
            reference = x[np.sort(rng.choice(len(x), MOST_REFERENCES, replace=False))]
        # Many neighbors, so that a few strange training rows don't vouch for each other.
        count = min(len(reference) - 1, max(5, int(math.sqrt(len(reference)) / 2)))
        return cls({"reference": reference.astype(np.float32), "count": np.array([max(1, count)])})

    def score(self, x: np.ndarray) -> np.ndarray:
        """A row that is itself among the references is not its own neighbor."""
        return self.distances(x)[0]

    def distances(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean distance `(rows,)` and the numbers of the nearest references `(rows, count)`."""
        reference, count = self.arrays["reference"], int(self.arrays["count"][0])
        found, nearest = [np.empty(0)], [np.empty((0, count), dtype=np.int64)]
        lengths = (reference.astype(np.float64) ** 2).sum(1)
        for start in range(0, len(x), ROWS_AT_ONCE):
            part = x[start : start + ROWS_AT_ONCE].astype(np.float32)
            with threads_for(part.size + reference.size):
                product = part @ reference.T
            squared = (part.astype(np.float64) ** 2).sum(1)[:, None] + lengths - 2.0 * product
            squared = np.where(squared < 1e-6 * (1 + lengths), np.inf, np.maximum(squared, 0.0))
            order = np.argpartition(squared, count - 1, axis=1)[:, :count]
            near = np.take_along_axis(squared, order, 1)
            some = np.isfinite(near)
            roots = np.where(some, np.sqrt(np.where(some, near, 0.0)), 0.0)
            found.append(roots.sum(1) / np.maximum(some.sum(1), 1))
            nearest.append(order)
        return np.concatenate(found), np.concatenate(nearest)


PLAIN: tuple[type[Detector], ...] = (Tails, Components, Forest, Neighbors)
JOINED = (Tails, Forest, Neighbors)


# --- a fitted method --------------------------------------------------------------------------


@dataclass
class FittedStrangeness:
    """One classical method after fitting, from a row's values to how strange it is.

    detectors: several are averaged, each in units of its own spread over training rows (`sizes`,
    middle and spread).
    """

    name: str
    why: str
    view: View
    detectors: list[Detector]
    sizes: list[tuple[float, float]]
    axes: np.ndarray | None = None
    seconds: float = 0.0
    ms_per_row: float = 0.0

    def score(self, loaded: dict[str, Loaded]) -> np.ndarray:
        """float64 `(rows,)`: the stranger, the larger."""
        rows = len(next(iter(loaded.values())).values)
        return self.score_features(self.features(loaded)) if rows else np.zeros(0)

    def features(self, loaded: dict[str, Loaded]) -> np.ndarray:
        x = self.view.of(loaded)
        return x if self.axes is None else x @ self.axes

    def score_features(self, x: np.ndarray) -> np.ndarray:
        if len(self.detectors) == 1:
            return self.detectors[0].score(x)
        parts = [
            np.arcsinh((detector.score(x) - middle) / spread)
            for detector, (middle, spread) in zip(self.detectors, self.sizes, strict=True)
        ]
        return np.asarray(np.mean(parts, axis=0))

    @property
    def bytes(self) -> int:
        return sum(array.nbytes for array in self.state().arrays.values())

    def state(self) -> State:
        """Everything needed to answer, without pickle."""
        view = self.view.state()
        arrays = {f"view.{name}": value for name, value in view.arrays.items()}
        for number, detector in enumerate(self.detectors):
            arrays |= {f"{number}.{name}": value for name, value in detector.arrays.items()}
        if self.axes is not None:
            arrays["axes"] = self.axes
        json = {
            "name": self.name,
            "why": self.why,
            "view": view.json,
            "detectors": [detector.name for detector in self.detectors],
            "sizes": self.sizes,
            "seconds": self.seconds,
            "ms_per_row": self.ms_per_row,
        }
        return State(json, {k: np.ascontiguousarray(v) for k, v in arrays.items()}, view.texts)

    @classmethod
    def restore(
        cls, json: dict[str, Any], arrays: dict[str, np.ndarray], texts: dict[str, str]
    ) -> FittedStrangeness:
        """The method that `state` described."""
        kinds = {kind.name: kind for kind in PLAIN}
        detectors = [
            kinds[name](strip(arrays, f"{number}."))
            for number, name in enumerate(json["detectors"])
        ]
        view = View.restore(State(json["view"], strip(arrays, "view."), texts))
        sizes = [(float(middle), float(spread)) for middle, spread in json["sizes"]]
        return cls(
            json["name"],
            json["why"],
            view,
            detectors,
            sizes,
            arrays.get("axes"),
            json["seconds"],
            json["ms_per_row"],
        )


def fit_strangeness(
    columns: Sequence[Column], loaded: dict[str, Loaded], seconds: float, seed: int = 0
) -> list[FittedStrangeness]:
    """All classical methods, from simple to complex, learned from these rows.

    Args:
        columns: One picture, sound or series column, or plain columns.
        loaded: Name -> decoded values of the rows to learn from, nothing else.
        seconds: About how long they may take together; many rows are thinned by their number
            alone, so that results repeat.
    """
    rng = np.random.default_rng(seed)
    rows = len(next(iter(loaded.values())).values)
    most = max(500, int(20_000 * min(1.0, seconds / 10)))
    if rows > most:
        chosen = np.sort(rng.choice(rows, most, replace=False))
        loaded = {name: values.take(chosen) for name, values in loaded.items()}
    started = time.perf_counter()
    view = View.fit(columns, loaded)
    x = view.of(loaded)
    axes = _axes(x) if x.shape[1] > MOST_FEATURES else None
    x = x if axes is None else x @ axes
    viewed = time.perf_counter() - started
    fitted: list[FittedStrangeness] = []
    single: dict[type[Detector], tuple[Detector, tuple[float, float], float]] = {}
    some = x[rng.choice(len(x), min(500, len(x)), replace=False)]
    for kind in PLAIN:
        started = time.perf_counter()
        detector = kind.fit(x, rng)
        known = detector.score(some)
        middle = float(np.median(known))
        spread = max(float(np.quantile(known, 0.9)) - middle, 1e-9)
        single[kind] = (detector, (middle, spread), time.perf_counter() - started)
        fitted.append(FittedStrangeness(kind.name, kind.why, view, [detector], [(0.0, 1.0)], axes))
        fitted[-1].seconds = viewed + single[kind][2]
    joined = [single[kind] for kind in JOINED]
    together = FittedStrangeness(
        "tails, forest and neighbors together",
        "the mean of three that notice different things, each in units of its own spread",
        view,
        [one for one, _, _ in joined],
        [size for _, size, _ in joined],
        axes,
        seconds=viewed + sum(taken for *_, taken in joined),
    )
    fitted.append(together)
    few = {
        name: values.take(np.arange(min(MEASURED_ROWS, len(x)))) for name, values in loaded.items()
    }
    for one in fitted:
        started = time.perf_counter()
        one.score(few)
        one.ms_per_row = 1_000 * (time.perf_counter() - started) / min(MEASURED_ROWS, len(x))
    return fitted


def _axes(x: np.ndarray) -> np.ndarray:
    """The main directions of many features `(features, at most MOST_FEATURES)`."""
    some = x[: 4 * MOST_FEATURES] - x[: 4 * MOST_FEATURES].mean(0)
    with threads_for(some.size):
        _, _, axes = np.linalg.svd(some, full_matrices=False)
    return np.asarray(axes[:MOST_FEATURES].T)
