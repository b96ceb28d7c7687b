"""Linear models: logistic regression or a wide margin for answers, ridge regression for numbers.

With TF-IDF for texts, HOG for pictures and MFCC statistics for sounds they are the classical
method of the field. scikit-learn fits them; a matrix product predicts.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from pellucid.baselines.baseline import (
    FittedBaseline,
    Problem,
    State,
    baseline,
    judged,
    settle,
    threads_for,
    worth_sharing,
)
from pellucid.baselines.features import FOR_LINEAR, Matrix, TableFeatures, left_out
from pellucid.baselines.margin import STRENGTHS as MARGINS
from pellucid.baselines.margin import factor, margins, scaled
from pellucid.data.columns import Loaded
from pellucid.learning.evaluate import PRIMARY, Kind, score

STRENGTHS = {
    ("answers", "dense"): (0.01, 0.1, 1.0, 10.0, 100.0),
    # Spam or not (967 validation mails): C = 16 .984, 64 .985, 256 .988, 1000 .990.
    ("answers", "sparse"): (1.0, 4.0, 16.0, 64.0, 256.0, 1000.0),
    ("numbers", "dense"): (0.1, 1.0, 10.0, 100.0, 1000.0),
    ("numbers", "sparse"): (0.1, 0.3, 1.0, 3.0, 10.0),
}
"""What is tried: C for answers (large: weak regularization), alpha for numbers (large: strong)."""
SECONDS_PER_VALUE = 4e-7
"""One feature of a row, one fit: about 200 passes over a matrix larger than the caches."""
SECONDS_PER_NONZERO = 2e-7
"""The same for features that are mostly zero, of which only the others are visited."""
SECONDS_PER_TERM = 4e-6
"""Finding one n-gram in a text, which occurs several times, and counting it."""
Solution = tuple[np.ndarray, np.ndarray]
"""Weights `(features, outputs)` and bias `(outputs,)`."""
NAMES = {
    frozenset({"text"}): "TF-IDF + ",
    frozenset({"image"}): "HOG + ",
    frozenset({"audio"}): "MFCC statistics + ",
}


@dataclass
class Scaler:
    """Brings dense features to mean 0 and spread 1; sparse ones stay as they are."""

    center: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, dense: np.ndarray) -> Scaler:
        spread = dense.std(0)
        constant = spread <= 1e-7 * np.maximum(np.abs(dense).max(0, initial=0), 1e-12)
        return cls(dense.mean(0), np.where(constant, 1.0, spread))

    def matrix(self, dense: np.ndarray, sparse: Matrix | None) -> Matrix:
        scaled = (dense - self.center) / self.scale
        if worth_sharing(scaled.size):
            scaled = scaled.astype(np.float32)  # half the memory where it is much
        if sparse is None:
            return scaled
        from scipy.sparse import csr_matrix, hstack

        return hstack([csr_matrix(scaled), sparse], format="csr") if scaled.shape[1] else sparse


@baseline
@dataclass
class Linear(FittedBaseline):
    """`answer = features @ weights + bias`, through softmax or sigmoid where probabilities are due.

    weights: `(features, outputs)`. bias: `(outputs,)`; minus infinity for a class that the
    training rows lack.
    """

    method: ClassVar[str] = "linear"
    kind: Kind = "classify"
    features: TableFeatures = field(default_factory=lambda: TableFeatures([]))
    scaler: Scaler = field(default_factory=lambda: Scaler(np.zeros(0), np.ones(0)))
    weights: np.ndarray = field(default_factory=lambda: np.zeros((0, 1)))
    bias: np.ndarray = field(default_factory=lambda: np.zeros(1))

    @classmethod
    def suits(cls, problem: Problem) -> bool:
        seen = problem.modalities & set(FOR_LINEAR)
        return bool(seen) and seen != {"series"}

    @classmethod
    def fit(cls, problem: Problem) -> Linear:
        smaller = problem.at_most(costs_of(problem).affordable(problem))
        ways = ways_for(problem)
        held = [np.full((problem.rows, problem.outputs), np.nan) for _ in ways]
        sizes = np.ones((len(smaller.folds), len(ways)))
        for fold, (learn, judge) in enumerate(smaller.folds):
            fitted, matrix = fit_all(smaller, learn, ways)
            seen = fitted[0].matrix(problem.look(judge))
            for at, (way, one) in enumerate(zip(ways, fitted)):
                if way.margin:
                    sizes[fold, at] = one.size(seen, problem.target[judge])
                    one.enlarge(sizes[fold, at])
                held[at][judge] = one.answers(seen)
        best = chosen(problem, ways, held)
        size = float(np.median(sizes[:, best]))
        if len(smaller.folds) > 1:
            [final], _ = fit_all(smaller, smaller.train, (ways[best],))
            final.enlarge(size)
        elif len(problem.train) > len(problem.folds[0][0]) == len(learn):
            # There was time for all rows, so there is for one more fit, with the held rows too:
            # nothing is counted twice, the features stay as the first rows made them.
            both = np.concatenate([learn, judge])
            smaller, final = replace(smaller, train=both), fitted[best]
            final.solve(stacked(matrix, seen), problem.target[both], problem.outputs, ways[best])
            final.enlarge(size)
        else:
            smaller, final = replace(smaller, train=learn), fitted[best]
        final.name = NAMES.get(frozenset(problem.modalities), "") + ways[best].model
        final.why = explain(problem, smaller, ways, best)
        final.out_of_fold = held[best]
        return final

    def solve(self, matrix: Matrix, target: np.ndarray, outputs: int, way: Way) -> None:
        """Find weights and bias anew, of the same features."""
        with threads_for(matrix.size):
            [(weights, self.bias)] = solve(self.kind, matrix, target, outputs, (way,))
        self.weights = weights.astype(np.float32)

    def size(self, matrix: Matrix, target: np.ndarray) -> float:
        """What makes distances from a border logits, on rows that were not learned from."""
        return factor(np.asarray(matrix @ self.weights, np.float64) + self.bias, target)

    def enlarge(self, size: float) -> None:
        """Distances from a border become logits."""
        self.weights, self.bias = scaled((self.weights, self.bias), size)

    def predict_rows(self, loaded: dict[str, Loaded]) -> np.ndarray:
        return self.answers(self.matrix(loaded))

    def matrix(self, loaded: dict[str, Loaded]) -> Matrix:
        """The rows as `answers` takes them; the same for every strength of a fit."""
        return self.scaler.matrix(*self.features.blocks(loaded))

    def answers(self, matrix: Matrix) -> np.ndarray:
        return link(self.kind, np.asarray(matrix @ self.weights, dtype=np.float64) + self.bias)

    def own_state(self) -> State:
        state = self.features.state()
        own = {"weights": self.weights, "bias": self.bias}
        own |= {"center": self.scaler.center, "scale": self.scaler.scale}
        return State({"kind": self.kind, "features": state.json}, own | state.arrays, state.texts)

    @classmethod
    def own_restore(cls, state: State) -> Linear:
        arrays = state.arrays
        return cls(
            kind=state.json["kind"],
            features=TableFeatures.restore(State(state.json["features"], arrays, state.texts)),
            scaler=Scaler(arrays["center"], arrays["scale"]),
            weights=arrays["weights"],
            bias=arrays["bias"],
        )


@dataclass(frozen=True)
class Way:
    """One linear model to try. model: its name. strength: C or alpha. margin: a support vector
    machine, else logistic or ridge regression."""

    model: str
    strength: float
    margin: bool = False


def ways_for(problem: Problem) -> tuple[Way, ...]:
    """What is tried for this question and these features, the plainer model first."""
    if problem.kind == "regress":
        kind = "sparse" if "text" in problem.modalities else "dense"
        return tuple(Way("ridge regression", each) for each in STRENGTHS["numbers", kind])
    if "text" not in problem.modalities:
        return tuple(Way("logistic regression", each) for each in STRENGTHS["answers", "dense"])
    ways = [Way("logistic regression", each) for each in STRENGTHS["answers", "sparse"]]
    if problem.kind == "classify":
        ways += [Way("linear SVM", each, margin=True) for each in MARGINS]
    return tuple(ways)


def chosen(problem: Problem, ways: tuple[Way, ...], held: list[np.ndarray]) -> int:
    """The best strength of each model by its log loss, then the model by the main figure, which is
    what a support vector machine is good at; of equals the plainer one."""
    names = list(dict.fromkeys(way.model for way in ways))
    finalists = []
    for name in names:
        own = [at for at, way in enumerate(ways) if way.model == name]
        finalists.append(own[settle(problem, [held[at] for at in own])])
    if len(finalists) == 1:
        return finalists[0]
    rows, metric = judged(problem.folds), PRIMARY[problem.kind]
    target = problem.target[rows]
    return max(finalists, key=lambda at: score(problem.kind, metric, target, held[at][rows]))


def explain(problem: Problem, smaller: Problem, ways: tuple[Way, ...], best: int) -> str:
    """Why it looks as it does: the strength, where it was chosen, and what was left out."""
    symbol = "alpha" if problem.kind == "regress" else "C"
    rows = len(np.unique(judged(problem.folds)))
    text = f"{symbol} = {ways[best].strength:g} was best of {len(ways)} on {rows:,} held-out rows"
    if ways[best].margin:
        text += "; logistic regression was right less often there"
    if len(smaller.train) < len(problem.train):
        text += f"; learned from {len(smaller.train):,} of {len(problem.train):,} rows to save time"
    return text + left_out(problem.columns, FOR_LINEAR)


@dataclass(frozen=True)
class Costs:
    """Seconds that one row costs: to find its features, and in one fit."""

    features: float
    fit: float

    def affordable(self, problem: Problem) -> float:
        """How many rows to learn from so that choosing takes about `problem.seconds`; with several
        folds, learning once more from all rows is part of it."""
        folds = len(problem.folds)
        ways = 6 if "text" in problem.modalities else 4
        once_more = self.features + self.fit if folds > 1 else 0.0
        return problem.seconds / (folds * (self.features + ways * self.fit) + once_more)


def costs_of(problem: Problem) -> Costs:
    """What a row costs, by its size; the clock is never asked, so that results repeat."""
    sample = problem.look(problem.train[:200])
    rows = len(problem.train[:200])
    _, (dense, sparse) = TableFeatures.fit_blocks(problem.columns, sample, FOR_LINEAR)
    terms = 0 if sparse is None else sparse.nnz / rows
    outputs = 1 if problem.outputs == 2 else problem.outputs
    per_value = dense.shape[1] * SECONDS_PER_VALUE + terms * SECONDS_PER_NONZERO
    counting = terms * SECONDS_PER_TERM if "text" in problem.modalities else 0.0
    return Costs(counting, per_value * (1 + outputs / 8))


def fit_all(
    problem: Problem, rows: np.ndarray, ways: tuple[Way, ...]
) -> tuple[list[Linear], Matrix]:
    """One model for each way, all with the same features; and what they learned from."""
    seen, target = problem.look(rows), problem.target[rows]
    features, (dense, sparse) = TableFeatures.fit_blocks(problem.columns, seen, FOR_LINEAR)
    scaler = Scaler.fit(dense)
    matrix = scaler.matrix(dense, sparse)
    with threads_for(matrix.size):
        solved = solve(problem.kind, matrix, target, problem.outputs, ways)
    fitted = [
        Linear(
            kind=problem.kind,
            features=features,
            scaler=scaler,
            weights=weights.astype(np.float32),
            bias=bias,
        )
        for weights, bias in solved
    ]
    return fitted, matrix


def stacked(first: Matrix, second: Matrix) -> Matrix:
    """The rows of both."""
    if isinstance(first, np.ndarray):
        return np.concatenate([first, second])
    from scipy.sparse import vstack

    return vstack([first, second], format="csr")


def solve(
    kind: Kind, matrix: Matrix, target: np.ndarray, outputs: int, ways: tuple[Way, ...]
) -> list[Solution]:
    """Weights and bias for each way, in their order."""
    plain = tuple(way.strength for way in ways if not way.margin)
    if kind == "regress":
        return [ridge(matrix, target, strength) for strength in plain]
    if kind == "tags":
        paths = [logistic(matrix, target[:, tag], 2, plain) for tag in range(outputs)]
        return [tags_together([path[at] for path in paths]) for at in range(len(plain))]
    wide = [margins(matrix, target, outputs, way.strength) for way in ways if way.margin]
    return logistic(matrix, target, outputs, plain) + wide


def ridge(matrix: Matrix, target: np.ndarray, alpha: float) -> Solution:
    from sklearn.linear_model import Ridge

    fitted = Ridge(alpha=alpha).fit(matrix, target)
    return np.atleast_2d(fitted.coef_).T, np.atleast_1d(fitted.intercept_)


def logistic(
    matrix: Matrix, target: np.ndarray, classes: int, strengths: tuple[float, ...]
) -> list[Solution]:
    """One solution after the other, each starting from the last: that saves half of the time."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    present = np.unique(target)
    if len(present) == 1 or not strengths:
        bias = np.full(classes, -np.inf)
        bias[present] = 0.0
        return [(np.zeros((matrix.shape[1], classes)), bias)] * len(strengths)
    model = LogisticRegression(max_iter=300, tol=1e-5, warm_start=True)
    found = []
    for strength in strengths:
        with warnings.catch_warnings():
            # Stopping early only regularizes a little more; held-out rows judge the result.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.set_params(C=strength).fit(matrix, target)
        found.append(for_all_classes(model.coef_, model.intercept_, present, classes))
    return found


def for_all_classes(
    coefficients: np.ndarray, intercept: np.ndarray, present: np.ndarray, classes: int
) -> Solution:
    """scikit-learn's solution, with columns for classes that the rows lack."""
    weights, bias = np.zeros((coefficients.shape[1], classes)), np.full(classes, -np.inf)
    if len(present) == 2:  # scikit-learn keeps the logit of the second class alone
        weights[:, present[1]], bias[present] = coefficients[0], (0.0, intercept[0])
    else:
        weights[:, present], bias[present] = coefficients.T, intercept
    return weights, bias


def tags_together(parts: list[Solution]) -> Solution:
    """Solutions of yes or no, side by side: the logit of "yes" is the difference of the two."""
    weights = np.stack([weight[:, 1] - weight[:, 0] for weight, _ in parts], 1)
    # A tag that never or always occurred has an infinite logit.
    return weights, np.array([np.clip(bias[1] - bias[0], -30, 30) for _, bias in parts])


def link(kind: Kind, logits: np.ndarray) -> np.ndarray:
    """Numbers as they are; probabilities of tags, or of classes that exclude each other."""
    if kind == "regress":
        return logits
    if kind == "tags":
        return np.asarray(1 / (1 + np.exp(-np.clip(logits, -700, 700))))
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))
