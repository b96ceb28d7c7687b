"""Classical ways to compare two pictures, sounds or series: what an embedding has to beat."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.baselines.baseline import State, threads_for
from pellucid.baselines.features import small
from pellucid.baselines.views import field_features, silent_after
from pellucid.data.columns import Column, Loaded

MOST_DIRECTIONS = 64
MEASURED_ROWS = 256


@dataclass
class FittedSimilarity:
    """Values -> points of length 1, whose cosine says how alike they are.

    view: "plain" (the values made small) or "features" (edges, cepstrum, statistics). mean, matrix:
    what is taken away, and the map that follows: `(values, width)`, a factor a value, or None.
    """

    name: str
    why: str
    column: str
    modality: str
    view: str
    mean: np.ndarray
    matrix: np.ndarray | None
    seconds: float = 0.0
    ms_per_row: float = 0.0

    def embed(self, loaded: dict[str, Loaded]) -> np.ndarray:
        """float64 `(rows, width)`, each of length 1."""
        points = seen(self.view, self.modality, loaded[self.column]) - self.mean
        if self.matrix is not None and self.matrix.ndim == 1:
            points = points * self.matrix
        elif self.matrix is not None:
            with threads_for(points.size):
                points = points @ self.matrix
        return np.asarray(points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12))

    @property
    def bytes(self) -> int:
        return sum(array.nbytes for array in self.state().arrays.values())

    def state(self) -> State:
        """Everything needed to compare, without pickle."""
        arrays = {"mean": self.mean}
        if self.matrix is not None:
            arrays["matrix"] = np.ascontiguousarray(self.matrix)
        names = ("name", "why", "column", "modality", "view", "seconds", "ms_per_row")
        return State({name: getattr(self, name) for name in names}, arrays, {})

    @classmethod
    def restore(cls, json: dict[str, Any], arrays: dict[str, np.ndarray]) -> FittedSimilarity:
        """The method that `state` described."""
        return cls(**json, mean=arrays["mean"], matrix=arrays.get("matrix"))


def fit_similarity(
    column: Column, loaded: Loaded, identity: np.ndarray, seed: int = 0
) -> list[FittedSimilarity]:
    """Every classical method, from simple to complex.

    Args:
        column: A picture, sound or series column. loaded: its values, training rows only.
        identity: int64 `(rows,)`.
    """
    words = {
        "image": ("pixels", "edges and pixels"),
        "audio": ("spectrograms", "cepstrum (MFCC) and spectrograms"),
        "series": ("plain series", "statistics and points"),
    }[column.modality]
    started = time.perf_counter()
    plain = seen("plain", column.modality, loaded)
    features = seen("features", column.modality, loaded)
    looked = time.perf_counter() - started
    scale = features.std(0)
    scale = scale + 0.5 * max(float(scale.mean()), 1e-9)

    def made(
        name: str, why: str, view: str, mean: np.ndarray, matrix: np.ndarray | None
    ) -> FittedSimilarity:
        one = FittedSimilarity(name, why, column.name, column.modality, view, mean, matrix)
        one.seconds = looked + time.perf_counter() - started - looked
        return one

    found = [
        made(
            f"{words[0]} compared", "cosine of the values, made small", "plain", plain.mean(0), None
        ),
        made(
            f"{words[1]} compared",
            "cosine of hand-made features, each in units of its spread",
            "features",
            features.mean(0),
            1 / scale,
        ),
    ]
    scaled = (features - features.mean(0)) / scale
    main = _components(scaled)
    found.append(
        made(
            "principal components compared",
            "cosine in the main directions of variation, all of one size (eigenfaces)",
            "features",
            features.mean(0),
            main / scale[:, None],
        )
    )
    discriminant = _discriminant(scaled @ main, identity)
    if discriminant is not None:
        found.append(
            made(
                "discriminant analysis",
                "directions in which identities differ more than pictures of one (PCA and LDA)",
                "features",
                features.mean(0),
                (main / scale[:, None]) @ discriminant,
            )
        )
    few = {column.name: loaded.take(np.arange(min(MEASURED_ROWS, len(identity))))}
    for one in found:
        began = time.perf_counter()
        one.embed(few)
        one.ms_per_row = 1_000 * (time.perf_counter() - began) / min(MEASURED_ROWS, len(identity))
    return found


def seen(view: str, modality: str, loaded: Loaded) -> np.ndarray:
    """float64 `(rows, features)`."""
    if view == "features":
        return field_features(modality, loaded)
    values = np.asarray(loaded.values).astype(np.float32)
    values = silent_after(values) if modality == "audio" else np.nan_to_num(values)
    if modality == "series":
        places = np.linspace(0, values.shape[1] - 1, min(64, values.shape[1])).round().astype(int)
        return values[:, places].reshape(len(values), -1).astype(np.float64)
    return np.asarray(small(values, 16), dtype=np.float64)


def _components(x: np.ndarray) -> np.ndarray:
    """Whitened main directions `(features, at most MOST_DIRECTIONS)` of centered rows."""
    with threads_for(x.size):
        _, sizes, axes = np.linalg.svd(x, full_matrices=False)
    count = min(MOST_DIRECTIONS, max(1, int((sizes > 1e-6 * sizes[0]).sum())), max(1, len(x) - 1))
    return np.asarray(axes[:count].T / (sizes[:count] / np.sqrt(len(x))))


def _discriminant(x: np.ndarray, identity: np.ndarray) -> np.ndarray | None:
    """`(features, directions)`; None where no identity has two pictures."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    names, counts = np.unique(identity, return_counts=True)
    # Of a single picture nothing can be said about how pictures of one identity differ.
    names = names[counts > 1]
    several = np.isin(identity, names)
    if len(names) < 2:
        return None
    x, identity = x[several], identity[several]
    with threads_for(x.size):
        model = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto").fit(x, identity)
    return np.asarray(model.scalings_[:, : min(len(names) - 1, x.shape[1])], dtype=np.float64)
