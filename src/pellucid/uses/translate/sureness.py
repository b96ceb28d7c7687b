"""How sure is an answer? The chance that it is word for word what a person wrote.

A network's own probability of a whole answer is not that chance. A logistic curve over two of its
figures is fitted on validation pairs (Platt 1999); with too few right or wrong ones there is no
honest probability, and none is said.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pellucid.uses.translate.beam import Written

FEWEST = 8
"""Right answers, and wrong ones, that a curve needs."""
RIDGE = 1.0


def features(written: Sequence[Written]) -> np.ndarray:
    """float64 `(answers, 3)`: 1, the log probability for each token, and that of the whole."""
    return np.array(
        [[1.0, one.likely / (len(one.tokens) + 1), one.likely / 10] for one in written]
    ).reshape(-1, 3)


def fit(written: Sequence[Written], right: np.ndarray) -> list[float] | None:
    """The curve's three weights; None if there is too little to fit one.

    Args:
        right: bool `(answers,)`: whether each is word for word what a person wrote.
    """
    if min(right.sum(), (~right).sum()) < FEWEST:
        return None
    x, y = features(written), right.astype(np.float64)
    weights = np.zeros(3)
    for _ in range(50):
        chance = 1 / (1 + np.exp(-x @ weights))
        slope = x.T @ (y - chance) - RIDGE * np.array([0, 1, 1]) * weights
        curve = (x * (chance * (1 - chance))[:, None]).T @ x + RIDGE * np.diag([1e-9, 1, 1])
        step = np.linalg.solve(curve, slope)
        weights += step
        if np.abs(step).max() < 1e-8:
            break
    return [float(one) for one in weights]


def chances(written: Sequence[Written], weights: Sequence[float]) -> np.ndarray:
    """float64 `(answers,)`: the chance that each is word for word right."""
    found: np.ndarray = 1 / (1 + np.exp(-features(written) @ np.array(weights)))
    return found


def same(answer: str, reference: str) -> bool:
    """Word for word the same; how many blanks stand between words does not matter."""
    return answer.split() == reference.split()
