"""Classical methods that find anomalies without labels: what a network has to beat.

All see the same table of numbers (`views.py`); each is a detector (`detectors.py`), and the last
one their mean.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.baselines.baseline import State, threads_for
from pellucid.baselines.detectors import Components, Detector, Forest, Neighbors, Tails
from pellucid.baselines.features import strip
from pellucid.baselines.views import View
from pellucid.data.columns import Column, Loaded

PLAIN: tuple[type[Detector], ...] = (Tails, Components, Forest, Neighbors)
JOINED = (Tails, Forest, Neighbors)
MOST_FEATURES = 400
"""More features than this are summed up by principal components first."""
MEASURED_ROWS = 256


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
