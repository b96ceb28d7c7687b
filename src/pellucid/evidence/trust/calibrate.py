"""Make "90 % sure" mean right nine times out of ten.

A network's probabilities are usually too sure. One number, the temperature, is fitted on rows that
it did not learn from (Guo et al. 2017); a number's error bar is the size that 90 % of the errors on
such rows stayed under (split conformal prediction), which holds for new rows of the same kind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.learning.evaluate import Kind, answers, two_dimensional

ENOUGH_ROWS = 20
"""With fewer rows the temperature would follow chance; probabilities are left as they are."""
ALPHA = 0.1
"""One answer in ten may lie outside its error bar."""
SMALLEST = 1e-30


@dataclass(frozen=True)
class Calibration:
    """What was fitted, ready for `bundle.json`.

    temperature: above 1 the model was too sure, below 1 not sure enough.
    half_widths: for each target the distance that 90 % of the errors stay within; None if there
        were too few rows to promise anything.
    """

    temperature: float = 1.0
    half_widths: tuple[float | None, ...] = ()

    def apply(self, kind: Kind, prediction: np.ndarray) -> np.ndarray:
        """Calibrated probabilities; numbers stay as they are."""
        return prediction if kind == "regress" else soften(kind, prediction, self.temperature)

    def bounds(self, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest plausible value, each `(rows, targets)`; NaN without a promise."""
        half = np.array([np.nan if item is None else item for item in self.half_widths])
        return prediction - half, prediction + half

    def as_json(self) -> dict[str, Any]:
        return {"temperature": self.temperature, "half_widths": list(self.half_widths)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Calibration:
        return cls(float(data["temperature"]), tuple(data["half_widths"]))


def calibrate(kind: Kind, target: np.ndarray, prediction: np.ndarray) -> Calibration:
    """Fit on held-out rows: validation or out-of-fold predictions, never training or test rows."""
    if kind == "regress":
        widths = half_widths(target, prediction)
        return Calibration(
            half_widths=tuple(float(width) if np.isfinite(width) else None for width in widths)
        )
    return Calibration(temperature=fit_temperature(kind, target, prediction))


# --- probabilities ----------------------------------------------------------------------------


def soften(kind: Kind, probability: np.ndarray, temperature: float) -> np.ndarray:
    """Divide the logits by the temperature.

    Log-probabilities serve as logits: they differ from them by a constant that softmax ignores,
    and exist for averaged networks too. Shape in, shape out, float64.
    """
    logits = np.log(np.clip(np.asarray(probability, dtype=np.float64), SMALLEST, 1.0))
    if kind == "tags":
        no = np.log(np.clip(1 - np.asarray(probability, dtype=np.float64), SMALLEST, 1.0))
        return 1 / (1 + np.exp(np.clip((no - logits) / temperature, -700, 700)))
    scaled = logits / temperature
    powers = np.exp(scaled - scaled.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def fit_temperature(kind: Kind, target: np.ndarray, probability: np.ndarray) -> float:
    """The temperature with the smallest log loss; 1 if there are fewer than 20 rows."""
    if len(target) < ENOUGH_ROWS:
        return 1.0
    truth = hedged(kind, np.asarray(target), np.shape(probability)[1])

    def loss(log_temperature: float) -> float:
        softened = soften(kind, probability, float(np.exp(log_temperature)))
        return cross_entropy(kind, truth, softened)

    return float(np.exp(golden_section(loss, -3.0, 3.0)))


def averaging(
    kind: Kind, target: np.ndarray, first: np.ndarray, second: np.ndarray, networks: int
) -> float:
    """By what factor the temperature changes when so many networks answer together, at most 1.

    A network's held-out answers are its own, but the mean of a bag answers: it is right more
    often and yet less sure, since networks that disagree cancel out. Two networks that had both
    not learned from some rows show what averaging two does. What averaging does is proportional
    to 1 - 1 / networks (like the variance that it takes away), so two tell of any number.

    Args:
        first, second: Their answers to those rows, in the shape of `learning/evaluate.py`.
    """
    if len(target) < ENOUGH_ROWS:
        return 1.0
    alone = [np.log(fit_temperature(kind, target, one)) for one in (first, second)]
    together = np.log(fit_temperature(kind, target, (first + second) / 2))
    change = 2 * (1 - 1 / networks) * (together - np.mean(alone))
    return float(np.exp(min(0.0, change)))


def hedged(kind: Kind, target: np.ndarray, outputs: int) -> np.ndarray:
    """The truth as probabilities `(rows, outputs)`, short of certain by 1 / (rows + 2).

    Platt's (1999) correction: when all of 30 answers were right, the next one still need not be;
    without it the temperature would fall to its limit and every answer would be called certain.
    """
    doubt = 1 / (len(target) + 2)
    if kind == "tags":
        return np.abs(target - doubt)
    return (1 - doubt) * np.eye(outputs)[target] + doubt / outputs


def cross_entropy(kind: Kind, truth: np.ndarray, probability: np.ndarray) -> float:
    """Mean log loss of probabilities against probabilities."""
    loss = -truth * np.log(np.clip(probability, SMALLEST, 1.0))
    if kind == "tags":
        loss -= (1 - truth) * np.log(np.clip(1 - probability, SMALLEST, 1.0))
    return float(loss.sum(1).mean())


def golden_section(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function with one valley is smallest, to 1e-4."""
    shrink = (np.sqrt(5) - 1) / 2
    left, right = high - shrink * (high - low), low + shrink * (high - low)
    at_left, at_right = function(left), function(right)
    while high - low > 1e-4:
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - shrink * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + shrink * (high - low)
            at_right = function(right)
    return float((low + high) / 2)


@dataclass(frozen=True)
class ReliabilityBin:
    """Answers that were about equally sure: how sure they were, and how often right."""

    sure: float
    right: float
    rows: int


def reliability(
    kind: Kind, target: np.ndarray, probability: np.ndarray, bins: int = 15
) -> list[ReliabilityBin]:
    """Bins of equally many answers, from unsure to sure. For tags every yes or no is an answer."""
    answer = answers(kind, probability)
    if kind == "tags":
        sure = np.maximum(probability, 1 - np.asarray(probability)).ravel()
        right = (answer == target).ravel()
    else:
        sure, right = np.asarray(probability).max(1), answer == target
    order = np.argsort(sure, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return [
        ReliabilityBin(float(sure[part].mean()), float(right[part].mean()), len(part))
        for part in parts
    ]


def expected_calibration_error(
    kind: Kind, target: np.ndarray, probability: np.ndarray, bins: int = 15
) -> float:
    """Mean distance between how sure and how often right, over bins of equally many answers."""
    parts = reliability(kind, target, probability, bins)
    gaps = sum(part.rows * abs(part.sure - part.right) for part in parts)
    return float(gaps / sum(part.rows for part in parts))


# --- numbers ----------------------------------------------------------------------------------


def half_widths(target: np.ndarray, prediction: np.ndarray, alpha: float = ALPHA) -> np.ndarray:
    """`(targets,)`: the error that a share of 1 - alpha of new rows will stay within.

    The rank ceil((n + 1)(1 - alpha)) instead of n (1 - alpha) pays for the new row itself being
    one of n + 1 exchangeable ones; with fewer than 1 / alpha - 1 rows it does not exist: infinite.
    """
    errors = np.sort(np.abs(two_dimensional(target) - two_dimensional(prediction)), 0)
    # The tiny amount keeps rounding from turning an exact 9.0 into rank 10.
    rank = int(np.ceil((len(errors) + 1) * (1 - alpha) - 1e-9))
    if rank > len(errors):
        return np.full(errors.shape[1], np.inf)
    return np.asarray(errors[rank - 1])
