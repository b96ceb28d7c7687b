"""An example of any kind as numbers of about one size, for methods that compare examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.baselines.baseline import State
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

FIELDS = ("image", "audio", "series")


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


def silent_after(mel: np.ndarray) -> np.ndarray:
    """Log power float32 `(rows, frames, bands, 1)` with each recording as quiet after its end as at
    its quietest moment: NaN read as 0 would be loud."""
    around = tuple(range(1, mel.ndim))
    quiet = np.where(np.isnan(mel), np.inf, mel).min(around, keepdims=True)
    return np.where(np.isnan(mel), np.where(np.isfinite(quiet), quiet, 0.0), mel)


class _Sound(Chunked):
    def of(self, values: np.ndarray) -> np.ndarray:
        areas = small(silent_after(values.astype(np.float32)), 16)
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
