"""How likely is a box right? The network's own sureness is no probability; this makes it one.

On validation pictures it is known which boxes were right (same class, overlap of one half or more,
each thing once). A logistic curve through those answers turns sureness into a probability (Platt
1999): it rises everywhere, so that the order of the boxes stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pellucid.uses.detect.precision import Boxes, Things, match, overlap

RIGHT = 0.5
"""Overlap (IoU) from which on a box counts as right."""
LEAST = 0.01
"""Less sure boxes are not worth a probability."""
ONE_PLACE = 0.8
"""Overlap from which on boxes of two classes are at the same place."""
PRIOR = 1e-3


@dataclass(frozen=True)
class Sureness:
    """sureness -> probability: the logistic of slope * log odds + shift. threshold: probability
    from which on a box is told; chosen for the best F1 on validation pictures."""

    slope: float = 1.0
    shift: float = 0.0
    threshold: float = 0.5

    def probability(self, scores: np.ndarray) -> np.ndarray:
        """Of being right, the shape of `scores`."""
        odds = self.slope * _log_odds(scores) + self.shift
        return np.where(scores > 0, 1 / (1 + np.exp(-np.clip(odds, -40, 40))), 0.0)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def told(self, found: Boxes) -> np.ndarray:
        """int64: which boxes are told, surest first: those likely enough; at one place one class,
        the likeliest."""
        chance = self.probability(found.scores)
        order = np.argsort(-chance, kind="stable")
        order = order[chance[order] >= self.threshold]
        fit = overlap(found.boxes[order], found.boxes[order], np.zeros(len(order), dtype=bool))
        told: list[int] = []
        for place in range(len(order)):
            if not (fit[place, told] > ONE_PLACE).any():
                told.append(place)
        return order[np.array(told, dtype=np.int64)]

    @classmethod
    def fit(cls, truth: Sequence[Things], found: Sequence[Boxes], classes: int) -> Sureness:
        """From validation pictures."""
        scores, right, things = judged(truth, found, classes)
        if right.sum() < 2 or right.all():
            return cls()
        slope, shift = _logistic(_log_odds(scores), right)
        fitted = cls(slope, shift)
        return cls(slope, shift, _best_threshold(fitted.probability(scores), right, things))


def judged(
    truth: Sequence[Things], found: Sequence[Boxes], classes: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """Sureness and whether right, of all boxes that count `(n,)`; how many things there are."""
    scores, right, things = [], [], 0
    for label in range(classes):
        matched = match(truth, found, label, np.array([RIGHT]))
        counts = ~matched.ignored[0] & (matched.scores >= LEAST)
        scores.append(matched.scores[counts])
        right.append(matched.right[0][counts])
        things += int(matched.things.sum())
    return np.concatenate(scores), np.concatenate(right), things


def _log_odds(scores: np.ndarray) -> np.ndarray:
    clipped = np.clip(scores, 1e-6, 1 - 1e-6)
    return np.log(clipped / (1 - clipped))


def _logistic(odds: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Slope and shift of greatest likelihood, by Newton's method; the slope stays positive."""
    design = np.stack([odds, np.ones_like(odds)], 1)
    weights = np.array([1.0, 0.0])
    start = weights.copy()
    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(design @ weights, -40, 40)))
        gradient = design.T @ (chance - right) + PRIOR * len(odds) * (weights - start)
        curve = (design * (chance * (1 - chance))[:, None]).T @ design
        step = np.linalg.solve(curve + PRIOR * len(odds) * np.eye(2), gradient)
        weights = weights - np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-9:
            break
    return max(float(weights[0]), 0.05), float(weights[1])


def _best_threshold(probability: np.ndarray, right: np.ndarray, things: int) -> float:
    """Where precision and recall together are best; between two neighbors."""
    order = np.argsort(-probability, kind="stable")
    hits = np.cumsum(right[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + things)
    best = int(f1.argmax())
    at = float(probability[order[best]])
    below = float(probability[order[best + 1]]) if best + 1 < len(order) else 0.0
    return (at + below) / 2
