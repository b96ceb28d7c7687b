"""The network and the classical methods side by side: how each scores, promises and does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from pellucid.data.columns import Column, Loaded
from pellucid.learning.evaluate import auc_of
from pellucid.uses.anomaly.planted import plant
from pellucid.uses.anomaly.promise import Promise

Strangeness = Callable[[dict[str, Loaded]], np.ndarray]
MOST_JUDGED = 2_000
"""Held rows from which anomalies are planted to compare methods."""


@dataclass
class Method:
    """One contender: how it scores rows, what its scores of held rows promise, what it costs.

    valid_score: AUC on anomalies planted in held rows, which alone decides who is compared.
    """

    name: str
    why: str
    score: Strangeness
    seconds: float
    ms_per_row: float
    bytes: int
    promise: Promise
    valid_score: float = field(default=float("nan"))


def judge_on_planted(
    methods: Sequence[Method],
    columns: Sequence[Column],
    held: dict[str, Loaded],
    seed: int,
) -> None:
    """Plant anomalies in held rows and write into each method how well it finds them."""
    rows = len(next(iter(held.values())).values)
    rng = np.random.default_rng([seed, 3])
    some = np.sort(rng.choice(rows, min(MOST_JUDGED, rows), replace=False))
    normal = {name: values.take(some) for name, values in held.items()}
    planted = plant(columns, normal, seed)
    truth = np.repeat([0, 1], [len(some), len(planted.kinds)])
    once = np.ones((1, len(truth)))
    for method in methods:
        scores = np.concatenate([method.score(normal), method.score(planted.loaded)])
        method.valid_score = float(auc_of(truth, scores)(once)[0])
