"""A wide margin: the linear support vector machine, for features that are mostly zero.

Logistic regression listens to every example; a support vector machine only to those near the
border, and is often the better one for texts with their many words that occur once (Joachims
1998, "Text categorization with support vector machines"; mails, 2 x 2 folds: .991 against .989).
Its answers are distances from the border. One factor, found on held-out rows, makes them logits,
so that a solution here is used like one of logistic regression (Platt 1999).
"""

from __future__ import annotations

import warnings

import numpy as np

from pellucid.baselines.features import Matrix

STRENGTHS = (0.25, 1.0, 4.0)
"""C: how much an example on the wrong side costs."""
FACTORS = np.geomspace(0.25, 16.0, 25)
Solution = tuple[np.ndarray, np.ndarray]


def margins(matrix: Matrix, target: np.ndarray, classes: int, strength: float) -> Solution:
    """Weights `(features, classes)` and bias `(classes,)` whose largest output is the answer.

    A class that the rows lack has a bias of minus infinity.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    present = np.unique(target)
    weights, bias = np.zeros((matrix.shape[1], classes)), np.full(classes, -np.inf)
    if len(present) == 1:
        bias[present] = 0.0
        return weights, bias
    # The dual visits examples in an order of its own, which this number fixes.
    model = LinearSVC(C=strength, random_state=0)
    with warnings.catch_warnings():
        # Stopping early only regularizes a little more; held-out rows judge the result.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(matrix, target)
    if len(present) == 2:  # scikit-learn keeps the distance of the second class alone
        weights[:, present[1]], bias[present] = model.coef_[0], (0.0, model.intercept_[0])
    else:
        weights[:, present], bias[present] = model.coef_.T, model.intercept_
    return weights, bias


def factor(outputs: np.ndarray, target: np.ndarray) -> float:
    """What makes distances `(rows, classes)` logits: the factor of the smallest log loss."""
    losses = [_log_loss(size * outputs, target) for size in FACTORS]
    return float(FACTORS[int(np.argmin(losses))])


def _log_loss(logits: np.ndarray, target: np.ndarray) -> float:
    highest = logits.max(1, keepdims=True)
    total = highest[:, 0] + np.log(np.exp(logits - highest).sum(1))
    chosen = logits[np.arange(len(target)), target]
    # A class that was never learned has no logit: as wrong as can be, for every factor.
    return float(np.mean(np.minimum(total - chosen, 35.0)))


def scaled(solution: Solution, size: float) -> Solution:
    """The same answers, as logits."""
    weights, bias = solution
    return size * weights, size * bias
