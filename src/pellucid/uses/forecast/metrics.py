"""How good is a forecast? In units of each series' usual error, so that all series count alike.

MASE: mean absolute error of the middle, divided by that of the seasonal naive forecast on the part
to learn from (Hyndman and Koehler 2006); below 1 is better than repeating the last season was.
Weighted quantile loss: twice the pinball loss of all quantiles over the sum of what came (as in
the GluonTS and M5 evaluations). Coverage: how often what came lies within the interval.
"""

from __future__ import annotations

import numpy as np

from pellucid.tasks.forecast import QUANTILES

FEWEST = 20
"""Windows that are enough to correct each step by itself, and to make intervals narrower."""


def window_errors(truth: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """float64 `(windows,)`: the mean absolute error over the known steps of scaled values, MASE."""
    return np.asarray(np.nanmean(np.abs(truth - middle), axis=1))


def step_errors(truth: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """float64 `(horizon,)`: MASE of each step ahead; NaN where nothing is known."""
    missed = np.abs(truth - middle)
    known = ~np.isnan(missed)
    return np.asarray(
        np.where(known, missed, 0.0).sum(0) / np.where(known.any(0), known.sum(0), np.nan)
    )


def weighted_quantile_loss(truth: np.ndarray, quantiles: np.ndarray) -> float:
    """Of `(windows, horizon)` and `(windows, horizon, quantiles)` in the series' own units."""
    share = np.array(QUANTILES)
    missed = truth[..., None] - quantiles
    pinball = 2 * np.maximum(share * missed, (share - 1) * missed)
    total = np.nansum(np.abs(truth))
    return float(np.nansum(pinball) / len(QUANTILES) / total) if total > 0 else float("nan")


def inside(truth: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """float64: 1 where what came lies within the interval, 0 outside, NaN where it is unknown."""
    return np.where(np.isnan(truth), np.nan, ((truth >= low) & (truth <= high)).astype(np.float64))


def conformal(scores: np.ndarray, share: float, independent: int) -> np.ndarray:
    """How far to move the ends of an interval so that `share` of such scores stays inside.

    Windows that overlap say nearly the same, so the margin for having seen only some (the
    `(n + 1) / n` of Vovk and others 2005; for quantiles Romano and others 2019) counts those side
    by side. Each step has its own correction where at least `FEWEST` windows know it, else all
    steps share one; with few windows side by side it is halfway to the shared one, and never makes
    an interval narrower.

    Args:
        scores: `(windows, horizon)`, how far the truth was outside (negative: inside); NaN is
            unknown. independent: how many of the windows lie side by side.

    Returns:
        float64 `(horizon,)`.
    """
    level = min(1.0, share * (1 + 1 / max(1, independent)))
    shared = _quantile(scores, level)
    found = np.full(scores.shape[1], shared)
    for step in range(scores.shape[1]):
        if (~np.isnan(scores[:, step])).sum() >= FEWEST:
            found[step] = _quantile(scores[:, step], level)
    return np.maximum((found + shared) / 2, 0.0) if independent < FEWEST else found


def _quantile(scores: np.ndarray, level: float) -> float:
    known = scores[~np.isnan(scores)]
    if not len(known):
        return 0.0
    return float(np.quantile(known, level, method="interpolated_inverted_cdf"))
