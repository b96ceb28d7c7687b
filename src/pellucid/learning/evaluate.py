"""How good are the answers? Every metric, defined once, for rows that may count several times.

A metric is built from target and prediction and then asked for its value under row weights
`(draws, rows)`. All ones give the figure itself; the counts of a bootstrap resample give one draw
of it. So a figure and its interval can't disagree about what was measured.

    kind      target                        prediction
    classify  int (rows,)                   probabilities (rows, classes)
    grades    int (rows,), in order         probabilities (rows, grades)
    tags      0 or 1, (rows, tags)          probabilities (rows, tags)
    regress   float (rows, targets)         numbers (rows, targets)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

Kind = Literal["classify", "tags", "grades", "regress"]
Score = Callable[[np.ndarray], np.ndarray]
"""Row weights `(draws, rows)` -> the metric `(draws,)`, NaN where it is undefined."""

PRIMARY: dict[str, str] = {
    "classify": "accuracy",
    "tags": "micro F1",
    "grades": "quadratic kappa",
    "regress": "RMSE",
}
"""Kind of task -> the metric that headlines and verdicts speak of; of several numbers it is R2."""

SMALLER_IS_BETTER = frozenset(
    {"log loss", "grade error", "RMSE", "MAE", "MASE", "bits per character", "EER"}
)
SMALLEST_PROBABILITY = 1e-15


def higher_is_better(metric: str) -> bool:
    return metric not in SMALLER_IS_BETTER


def metrics(kind: Kind, target: np.ndarray, prediction: np.ndarray) -> dict[str, float]:
    """Every metric of the task; one that these rows leave undefined is left out.

    (AUC with a single class present, R2 of a constant target.)
    """
    found = {name: score(kind, name, target, prediction) for name in METRICS[kind]}
    return {name: value for name, value in found.items() if np.isfinite(value)}


def score(kind: Kind, metric: str, target: np.ndarray, prediction: np.ndarray) -> float:
    """One metric; NaN if these rows leave it undefined."""
    measure = scorer(kind, metric, target, prediction)
    return float(measure(np.ones((1, len(target))))[0])


def scorer(kind: Kind, metric: str, target: np.ndarray, prediction: np.ndarray) -> Score:
    """The metric as a function of row weights."""
    target, prediction = np.asarray(target), np.asarray(prediction, dtype=np.float64)
    if kind == "regress":
        target, prediction = two_dimensional(target), two_dimensional(prediction)
    if len(target) != len(prediction):
        raise ValueError(f"{len(target)} targets but {len(prediction)} predictions")
    return METRICS[kind][metric](target, prediction)


def answers(kind: Kind, prediction: np.ndarray) -> np.ndarray:
    """What is answered: the likeliest class, the median grade, tags from one half, the numbers."""
    if kind == "classify":
        return np.asarray(prediction).argmax(1)
    if kind == "grades":
        return median_grade(np.asarray(prediction))
    if kind == "tags":
        return (np.asarray(prediction) >= 0.5).astype(np.int64)
    return np.asarray(prediction)


def median_grade(prediction: np.ndarray) -> np.ndarray:
    """int64 `(rows,)`: the first grade with half of the probability at or below it."""
    # A sum of rounded numbers may miss one half by a hair.
    below = prediction[:, :-1].cumsum(1) < 0.5 - 1e-12
    return below.sum(1)


def confusion(kind: Kind, target: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """int64 `(classes, classes)` of classes or grades: rows are the truth, columns the answers."""
    classes = prediction.shape[1]
    pairs = np.asarray(target, dtype=np.int64) * classes + answers(kind, prediction)
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def per_target(target: np.ndarray, prediction: np.ndarray) -> list[dict[str, float]]:
    """The regression metrics of each target by itself."""
    target, prediction = two_dimensional(target), two_dimensional(prediction)
    return [
        metrics("regress", target[:, [column]], prediction[:, [column]])
        for column in range(target.shape[1])
    ]


def two_dimensional(values: np.ndarray) -> np.ndarray:
    """float64 `(rows, targets)` from `(rows,)` or `(rows, targets)`."""
    values = np.asarray(values, dtype=np.float64)
    return values[:, None] if values.ndim == 1 else values


# --- building blocks --------------------------------------------------------------------------


def mean_of(values: np.ndarray) -> Score:
    """The weighted mean of one number per row."""
    values = values.astype(np.float64)
    return lambda weights: weights @ values / weights.sum(1)


def ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Elementwise division with NaN where the bottom is zero."""
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)


def mean_where_defined(values: np.ndarray) -> np.ndarray:
    """`(draws, items)` -> `(draws,)`: the mean over the items that are not NaN."""
    there = ~np.isnan(values)
    return ratio(np.where(there, values, 0.0).sum(1), there.sum(1))


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    return np.eye(classes)[labels]


def f1_of(truth: np.ndarray, answer: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """F1 of each column `(draws, columns)`; NaN where nothing was true and nothing answered."""
    hits = weights @ (truth * answer)
    return ratio(2 * hits, weights @ truth + weights @ answer)


def tie_ends(ordered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For sorted scores: where the run of equal scores around each position starts and ends."""
    new = np.flatnonzero(np.diff(ordered)) + 1
    starts, ends = np.r_[0, new], np.r_[new, len(ordered)]
    lengths = ends - starts
    return np.repeat(starts, lengths), np.repeat(ends, lengths)


def auc_of(truth: np.ndarray, scores: np.ndarray) -> Score:
    """Area under the ROC curve: how often a positive outranks a negative, ties count half."""
    order = np.argsort(scores, kind="stable")
    starts, ends = tie_ends(scores[order])
    positive = truth[order].astype(np.float64)

    def measure(weights: np.ndarray) -> np.ndarray:
        weights = weights[:, order]
        negatives = weights * (1 - positive)
        below = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(negatives, 1)], 1)
        outranked = (weights * positive * (below[:, starts] + below[:, ends])).sum(1) / 2
        return ratio(outranked, (weights @ positive) * negatives.sum(1))

    return measure


def average_precision_of(truth: np.ndarray, scores: np.ndarray) -> Score:
    """Mean, over the positives, of the precision at their place in the ranking."""
    order = np.argsort(-scores, kind="stable")
    _, ends = tie_ends(scores[order])
    positive = truth[order].astype(np.float64)

    def measure(weights: np.ndarray) -> np.ndarray:
        weights = weights[:, order]
        hits = weights * positive
        precision = ratio(np.cumsum(hits, 1)[:, ends - 1], np.cumsum(weights, 1)[:, ends - 1])
        return ratio((hits * np.nan_to_num(precision)).sum(1), hits.sum(1))

    return measure


# --- classes ----------------------------------------------------------------------------------


def accuracy(target: np.ndarray, prediction: np.ndarray) -> Score:
    return mean_of(prediction.argmax(1) == target)


def log_loss(target: np.ndarray, prediction: np.ndarray) -> Score:
    chosen = prediction[np.arange(len(target)), target.astype(np.int64)]
    return mean_of(-np.log(np.clip(chosen, SMALLEST_PROBABILITY, 1.0)))


def balanced_accuracy(target: np.ndarray, prediction: np.ndarray) -> Score:
    """Mean over the classes present of the share of them that was recognized."""
    truth = one_hot(target, prediction.shape[1])
    right = truth * (prediction.argmax(1) == target)[:, None]
    return lambda weights: mean_where_defined(ratio(weights @ right, weights @ truth))


def macro_f1(target: np.ndarray, prediction: np.ndarray) -> Score:
    """Mean F1 over the classes that occur or were answered."""
    truth = one_hot(target, prediction.shape[1])
    answer = one_hot(prediction.argmax(1), prediction.shape[1])
    return lambda weights: mean_where_defined(f1_of(truth, answer, weights))


def auc(target: np.ndarray, prediction: np.ndarray) -> Score:
    """Two classes: of the second. More: mean of each class against the rest, where present."""
    classes = prediction.shape[1]
    asked = [1] if classes == 2 else range(classes)
    parts = [auc_of(target == one, prediction[:, one]) for one in asked]
    return lambda weights: mean_where_defined(np.stack([part(weights) for part in parts], 1))


# --- grades (ordered classes) -----------------------------------------------------------------


def grade_accuracy(target: np.ndarray, prediction: np.ndarray) -> Score:
    return mean_of(median_grade(prediction) == target)


def grade_error(target: np.ndarray, prediction: np.ndarray) -> Score:
    """How many grades off, on average."""
    return mean_of(np.abs(median_grade(prediction) - target))


def quadratic_kappa(target: np.ndarray, prediction: np.ndarray) -> Score:
    """Quadratic weighted kappa: 1 is perfect, 0 is no better than chance with the same counts.

    The expected squared distance of independent grades needs no confusion matrix:
    E(a - b)^2 = E a^2 + E b^2 - 2 E a E b.
    """
    a, b = target.astype(np.float64), median_grade(prediction).astype(np.float64)
    columns = np.stack([(a - b) ** 2, a**2 + b**2, a, b], 1)

    def measure(weights: np.ndarray) -> np.ndarray:
        # Sums of whole numbers, not means: a constant answer is exactly as good as chance.
        rows, (seen, squares, sum_a, sum_b) = weights.sum(1), (weights @ columns).T
        return 1 - ratio(seen * rows, squares * rows - 2 * sum_a * sum_b)

    return measure


# --- tags (several labels at once) ------------------------------------------------------------


def tags_micro_f1(target: np.ndarray, prediction: np.ndarray) -> Score:
    """F1 over all pairs of row and tag."""
    answer = prediction >= 0.5
    hits = mean_of((answer * target).sum(1))
    named = mean_of(answer.sum(1) + target.sum(1))
    return lambda weights: ratio(2 * hits(weights), named(weights))


def tags_macro_f1(target: np.ndarray, prediction: np.ndarray) -> Score:
    """Mean F1 over the tags that occur or were answered."""
    truth, answer = target.astype(np.float64), (prediction >= 0.5).astype(np.float64)
    return lambda weights: mean_where_defined(f1_of(truth, answer, weights))


def subset_accuracy(target: np.ndarray, prediction: np.ndarray) -> Score:
    """Share of rows whose tags are all right."""
    return mean_of(((prediction >= 0.5) == (target > 0)).all(1))


def average_precision(target: np.ndarray, prediction: np.ndarray) -> Score:
    """Mean over the tags that occur of the average precision of ranking the rows."""
    tags = range(target.shape[1])
    parts = [average_precision_of(target[:, tag] > 0, prediction[:, tag]) for tag in tags]
    return lambda weights: mean_where_defined(np.stack([part(weights) for part in parts], 1))


def ranking_precision(target: np.ndarray, prediction: np.ndarray) -> Score:
    """Label ranking average precision: do a row's own tags come first? Without tags it is 1."""
    truth = target > 0
    total = np.zeros(len(target))
    for tag in range(target.shape[1]):
        above = prediction >= prediction[:, [tag]]
        total += truth[:, tag] * (above & truth).sum(1) / above.sum(1)
    count = truth.sum(1)
    return mean_of(np.where(count > 0, total / np.maximum(count, 1), 1.0))


def tags_log_loss(target: np.ndarray, prediction: np.ndarray) -> Score:
    """Mean over rows and tags of the cross-entropy of yes or no."""
    right = np.where(target > 0, prediction, 1 - prediction)
    return mean_of(-np.log(np.clip(right, SMALLEST_PROBABILITY, 1.0)).mean(1))


# --- numbers ----------------------------------------------------------------------------------


def rmse(target: np.ndarray, prediction: np.ndarray) -> Score:
    """Root of the mean squared error; the mean over several targets."""
    squares = (target - prediction) ** 2
    return lambda weights: np.sqrt(weights @ squares / weights.sum(1, keepdims=True)).mean(1)


def mae(target: np.ndarray, prediction: np.ndarray) -> Score:
    return mean_of(np.abs(target - prediction).mean(1))


def r2(target: np.ndarray, prediction: np.ndarray) -> Score:
    """Share of the variance that is explained; the mean over the targets that vary."""
    # Centering first keeps the sums of squares exact for targets far from zero.
    centered = target - target.mean(0)
    errors, squares = (target - prediction) ** 2, centered**2

    def measure(weights: np.ndarray) -> np.ndarray:
        total = weights.sum(1, keepdims=True)
        spread = weights @ squares - (weights @ centered) ** 2 / total
        # Rounding leaves a constant target a spread that is not quite zero.
        noise = 1e-12 * (weights @ squares) + 1e-24 * (weights @ target**2)
        spread = np.where(spread > noise, spread, 0.0)
        return mean_where_defined(1 - ratio(weights @ errors, spread))

    return measure


METRICS: dict[str, dict[str, Callable[[np.ndarray, np.ndarray], Score]]] = {
    "classify": {
        "accuracy": accuracy,
        "balanced accuracy": balanced_accuracy,
        "log loss": log_loss,
        "macro F1": macro_f1,
        "AUC": auc,
    },
    "grades": {
        "accuracy": grade_accuracy,
        "grade error": grade_error,
        "quadratic kappa": quadratic_kappa,
        "log loss": log_loss,
    },
    "tags": {
        "micro F1": tags_micro_f1,
        "macro F1": tags_macro_f1,
        "subset accuracy": subset_accuracy,
        "average precision": average_precision,
        "ranking precision": ranking_precision,
        "log loss": tags_log_loss,
    },
    "regress": {"RMSE": rmse, "MAE": mae, "R2": r2},
}
"""Kind of task -> name -> metric."""
