"""Classical methods on the same rows: what deep learning has to beat.

The only folder that uses scikit-learn and LightGBM. Every method gets the rows, the split and
about the time that the network gets.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pellucid.baselines import texts
from pellucid.baselines.baseline import (
    BASELINES,
    FittedBaseline,
    Fold,
    Problem,
    baseline,
    choose_folds,
)
from pellucid.baselines.constant import Constant
from pellucid.baselines.linear import Linear
from pellucid.baselines.rocket import RandomConvolutions
from pellucid.baselines.trees import Trees
from pellucid.data.columns import Column, Loaded, Progress, silent
from pellucid.learning.evaluate import Kind

__all__ = ["BASELINES", "FittedBaseline", "baseline", "fit_baselines", "fit_fast", "texts"]

FROM_SIMPLE_TO_COMPLEX = (Constant, Linear, RandomConvolutions, Trees)
MEASURED_ROWS = 256


MOST_JUDGED = 2_000
"""Validation rows that settings are chosen on; more would cost time and change little."""


def fit_baselines(
    columns: Sequence[Column],
    loaded: dict[str, Loaded],
    target: np.ndarray,
    kind: Kind,
    outputs: int,
    train: np.ndarray,
    valid: np.ndarray,
    budget_seconds: float,
    seed: int = 0,
    progress: Progress = silent,
    folds: list[Fold] | None = None,
) -> list[FittedBaseline]:
    """Every classical method that suits the data, from simple to complex.

    Args:
        columns: Understood columns; those with the role "input" are used.
        loaded: Name -> decoded values of all rows.
        target: `(rows,)` classes or grades from 0; `(rows, tags)` 0 or 1; numbers
            `(rows,)` or `(rows, targets)`.
        outputs: Classes, grades, tags or targets.
        train: Rows to learn from; with `folds`, all rows that any fold uses.
        valid: Rows on which settings are chosen; not learned from. May be empty.
        budget_seconds: About how long all methods together may take. Big data is thinned by a
            rule that knows sizes only, never the clock, so that results repeat.
        folds: (rows to learn from, rows to judge by) pairs; settings are then chosen on these, and
            each method carries `out_of_fold` predictions.

    Raises:
        ValueError: If there is no input column or no row to learn from.
    """
    inputs = [column for column in columns if column.role == "input"]
    if not inputs or not len(train):
        raise ValueError("baselines need an input column and rows to learn from")
    if len(valid) > MOST_JUDGED:
        valid = np.sort(np.random.default_rng(seed).choice(valid, MOST_JUDGED, replace=False))
    found = choose_folds(train, valid, folds, seed)
    if kind == "regress" and target.ndim == 1:
        target = target[:, None]
    if kind != "regress":
        target = np.asarray(target).astype(np.int64)
    used = {column.name: loaded[column.name] for column in inputs}
    problem = Problem(
        inputs, used, np.asarray(target), kind, outputs, train, found, budget_seconds, seed
    )
    methods = [method for method in in_order() if method.suits(problem)]
    share = budget_seconds / max(1, len(methods) - 1)  # the constant answer costs nothing
    problem = replace(problem, seconds=share)
    fitted = []
    for number, method in enumerate(methods):
        fitted.append(fit_one(method, problem))
        if folds is None:
            fitted[-1].out_of_fold = None
        progress(number + 1, len(methods))
    return fitted


def fit_fast(
    columns: Sequence[Column],
    loaded: dict[str, Loaded],
    target: np.ndarray,
    kind: Kind,
    outputs: int,
    train: np.ndarray,
    seed: int = 0,
    budget_seconds: float = 3.0,
    method: str | None = None,
) -> FittedBaseline:
    """One classical method that is fitted in seconds: trees for plain columns, else a linear one.

    The arguments are those of `fit_baselines`; settings are chosen on a fifth of the rows.
    method: the registered name of another one to fit.
    """
    mixed = np.random.default_rng(seed).permutation(train)
    judge = np.sort(mixed[: len(mixed) // 5])
    fold = [(np.setdiff1d(train, judge), judge)]
    if kind == "regress" and target.ndim == 1:
        target = target[:, None]
    used = {column.name: loaded[column.name] for column in columns}
    problem = Problem(
        list(columns), used, np.asarray(target), kind, outputs, train, fold, budget_seconds, seed
    )
    plain = problem.modalities <= {"number", "category", "date"}
    order = (Trees, Linear) if plain else (Linear, RandomConvolutions, Trees)
    chosen = BASELINES[method] if method else next(one for one in order if one.suits(problem))
    return fit_one(chosen, problem)


def in_order() -> list[type[FittedBaseline]]:
    """Registered methods, ours from simple to complex and then those of extensions."""
    others = [method for method in BASELINES.values() if method not in FROM_SIMPLE_TO_COMPLEX]
    return [*FROM_SIMPLE_TO_COMPLEX, *others]


def fit_one(method: type[FittedBaseline], problem: Problem) -> FittedBaseline:
    """Fit, and measure how long fitting and answering take."""
    start = time.perf_counter()
    fitted = method.fit(problem)
    fitted.seconds = time.perf_counter() - start
    fitted.outputs = problem.outputs
    rows = problem.look(problem.train[:MEASURED_ROWS])
    start = time.perf_counter()
    fitted.predict(rows)
    taken = time.perf_counter() - start
    fitted.ms_per_row = 1_000 * taken / min(MEASURED_ROWS, len(problem.train))
    return fitted
