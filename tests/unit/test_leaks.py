"""Planted leaks are found, honest columns are left alone."""

from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pellucid.data.leaks import Leak, _auc, find_leaks

ROWS = 400
RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=ROWS)


def words(values: list[object] | np.ndarray) -> np.ndarray:
    boxed = np.empty(len(values), dtype=object)
    boxed[:] = list(values)
    return boxed


CLASSES = words(["b" if value > 0.3 else "a" for value in NUMBERS])
THREE = words(["abc"[int(index)] for index in RNG.integers(0, 3, ROWS)])


def only(values: np.ndarray, target: np.ndarray, *, classes: bool) -> Leak | None:
    found = find_leaks({"x": values}, target, classes=classes)
    assert len(found) <= 1
    return found[0] if found else None


def test_copy_of_a_number() -> None:
    assert only(NUMBERS.copy(), NUMBERS, classes=False) == Leak("x", "a copy of the target", True)


def test_copy_of_a_class() -> None:
    assert only(CLASSES.copy(), CLASSES, classes=True) == Leak("x", "a copy of the target", True)


@pytest.mark.parametrize(
    "values",
    [
        words([{"a": "no", "b": "yes"}[value] for value in CLASSES]),
        np.array([{"a": 0.0, "b": 1.0}[value] for value in CLASSES]),
    ],
)
def test_renamed_classes(values: np.ndarray) -> None:
    leak = only(values, CLASSES, classes=True)
    assert leak is not None
    assert leak.copy
    assert "each of its 2 values belongs to one class" in leak.why


def test_one_exception_makes_it_no_copy_but_still_suspicious() -> None:
    values = np.array([{"a": 0.0, "b": 1.0}[value] for value in CLASSES])
    values[0] = 1 - values[0]
    leak = only(values, CLASSES, classes=True)
    assert leak is not None
    assert not leak.copy
    assert "alone tells the two classes apart" in leak.why


def test_number_behind_the_class() -> None:
    leak = only(NUMBERS, CLASSES, classes=True)
    assert leak is not None
    assert leak.why == "alone tells the two classes apart (AUC 1.000)"
    assert only(NUMBERS + RNG.normal(size=ROWS), CLASSES, classes=True) is None


def test_word_behind_three_classes() -> None:
    codes = words([f"{value}{index % 4}" for index, value in enumerate(THREE)])
    leak = only(codes, THREE, classes=True)
    assert leak is not None
    assert "alone gives the class in 100.0% of the cases" in leak.why


def test_different_words_prove_nothing() -> None:
    # Every value occurs once or twice: a perfect match in sight, but nothing that generalizes.
    assert only(words([f"id{index // 2}" for index in range(ROWS)]), THREE, classes=True) is None


def test_filled_for_one_class_only() -> None:
    values = words(["late" if value == "b" else None for value in CLASSES])
    leak = only(values, CLASSES, classes=True)
    assert leak is not None
    assert leak.why.startswith("filled in ")
    assert leak.why.endswith("all of them have the class 'b'")


def test_filled_at_random_is_fine() -> None:
    values = np.where(RNG.random(ROWS) < 0.5, RNG.normal(size=ROWS), np.nan)
    assert only(values, CLASSES, classes=True) is None


@pytest.mark.parametrize(
    ("values", "part"),
    [
        (3 * NUMBERS + 7, "correlation 1.00000"),
        (np.exp(NUMBERS), "rank correlation 1.00000"),
        (-NUMBERS, "correlation 1.00000"),
        (words([f"{value:.0f}" for value in NUMBERS]), ""),
    ],
)
def test_columns_that_follow_a_number(values: np.ndarray, part: str) -> None:
    leak = only(values, NUMBERS, classes=False)
    assert (part in leak.why and not leak.copy) if leak else not part


def test_word_that_fixes_the_number() -> None:
    target = RNG.integers(0, 10, ROWS) * 10.0
    leak = only(words([f"code {value}" for value in target]), target, classes=False)
    assert leak is not None
    assert "alone explains 100.00% of the target" in leak.why


def test_rows_without_target_are_not_compared() -> None:
    target = NUMBERS.copy()
    target[:10] = np.nan
    assert only(np.where(np.isnan(target), 5.0, target), target, classes=False) is not None


def test_few_rows_prove_nothing() -> None:
    few = words(["x", "y"] * 10)
    renamed = words([{"x": "1", "y": "2"}[value] for value in few])
    assert only(renamed, few, classes=True) is None


def test_auc_agrees_with_scikit_learn() -> None:
    values = np.round(NUMBERS + RNG.normal(size=ROWS), 1)  # with ties
    positive = CLASSES == "b"
    assert _auc(values, positive) == pytest.approx(roc_auc_score(positive, values), abs=1e-12)


def test_a_million_rows_are_looked_at_in_passing() -> None:
    many = RNG.normal(size=1_000_000)
    columns = {f"x{index}": many for index in range(20)}
    start = time.perf_counter()
    find_leaks(columns, RNG.normal(size=1_000_000), classes=False)
    assert time.perf_counter() - start < 5
