"""Intervals against textbook formulas, and their coverage on made-up data."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pellucid.evidence.intervals import (
    bootstrap,
    clopper_pearson,
    interval,
    resamples,
    share_interval,
    wilson,
)
from pellucid.learning.evaluate import scorer


@pytest.mark.parametrize(("hits", "rows"), [(0, 50), (45, 50), (90, 100), (100, 100)])
def test_wilson_agrees_with_scipy(hits: int, rows: int) -> None:
    oracle = stats.binomtest(hits, rows).proportion_ci(0.95, method="wilson")
    assert wilson(hits, rows) == pytest.approx((oracle.low, oracle.high))


@pytest.mark.parametrize(("hits", "rows"), [(0, 9), (7, 9), (9, 9), (20, 39)])
def test_clopper_pearson_agrees_with_scipy(hits: int, rows: int) -> None:
    oracle = stats.binomtest(hits, rows).proportion_ci(0.95, method="exact")
    assert clopper_pearson(hits, rows) == pytest.approx((oracle.low, oracle.high))


def test_few_rows_get_the_exact_interval() -> None:
    assert share_interval(30, 39) == clopper_pearson(30, 39)
    assert share_interval(30, 40) == wilson(30, 40)


def test_ninety_of_a_hundred() -> None:
    """The figures that recipes and textbooks print: 82.6 to 94.5 %."""
    target = np.zeros(100, dtype=int)
    chance = np.tile([0.9, 0.1], (100, 1))
    chance[:10] = [0.1, 0.9]
    assert interval("classify", "accuracy", target, chance) == pytest.approx(
        (0.826, 0.945), abs=1e-3
    )


def test_the_bootstrap_of_a_mean_agrees_with_theory() -> None:
    errors = np.random.default_rng(0).normal(size=400)
    low, high = interval("regress", "MAE", errors, np.zeros(400), draws=4_000)
    spread = 1.96 * np.abs(errors).std() / 20
    assert (high - low) / 2 == pytest.approx(spread, rel=0.05)
    assert (high + low) / 2 == pytest.approx(np.abs(errors).mean(), rel=0.02)


def test_the_bootstrap_covers_the_truth_about_as_often_as_it_says() -> None:
    """RMSE of standard normal errors is 1; 95 % of intervals should hold it."""
    generator = np.random.default_rng(1)
    held = 0
    for seed in range(200):
        errors = generator.normal(size=150)
        low, high = interval("regress", "RMSE", errors, np.zeros(150), seed, draws=400)
        held += low <= 1 <= high
    assert 0.89 <= held / 200 <= 0.99


def test_the_same_seed_gives_the_same_interval() -> None:
    target, guess = np.arange(30.0), np.arange(30.0)[::-1].copy()
    first = interval("regress", "RMSE", target, guess, seed=3)
    assert first == interval("regress", "RMSE", target, guess, seed=3)
    assert first != interval("regress", "RMSE", target, guess, seed=4)


def test_resamples_hold_as_many_rows_and_are_split_by_memory_not_by_result() -> None:
    drawn = np.concatenate(list(resamples(7, 50, seed=0)))
    assert drawn.shape == (50, 7)
    assert (drawn.sum(1) == 7).all()


def test_strata_keep_their_counts() -> None:
    labels = np.array([0, 1, 0, 2, 1, 0])
    drawn = np.concatenate(list(resamples(6, 100, 0, strata=labels)))
    for label, count in enumerate(np.bincount(labels)):
        assert (drawn[:, labels == label].sum(1) == count).all()
    assert drawn[:, 3].tolist() == [1] * 100  # the only row of its class


def test_groups_are_drawn_whole_and_widen_the_interval() -> None:
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 10)
    target = np.repeat(generator.normal(size=20), 10)  # rows of a group are all alike
    drawn = np.concatenate(list(resamples(200, 10, 0, groups=groups)))
    assert all(len(set(row[groups == one])) == 1 for row in drawn for one in range(20))
    alone = interval("regress", "MAE", target, np.zeros(200))
    together = interval("regress", "MAE", target, np.zeros(200), groups=groups)
    assert together[1] - together[0] > 2 * (alone[1] - alone[0])


def test_auc_has_an_interval_although_one_class_is_rare() -> None:
    generator = np.random.default_rng(0)
    target = (np.arange(60) < 3).astype(int)
    positive = np.clip(generator.normal(0.4 + 0.2 * target, 0.15), 0, 1)
    chance = np.stack([1 - positive, positive], 1)
    low, high = interval("classify", "AUC", target, chance)
    assert 0 <= low < high <= 1


def test_an_undefined_metric_has_no_interval() -> None:
    low, high = interval("regress", "R2", np.ones(10), np.arange(10.0))
    assert np.isnan(low)
    assert np.isnan(high)


def test_measures_of_one_bootstrap_are_paired() -> None:
    target, guess = np.arange(50.0), np.arange(50.0) + np.random.default_rng(0).normal(size=50)
    measures = [
        scorer("regress", "MAE", target, guess),
        scorer("regress", "MAE", target, guess - 0),
    ]
    drawn = bootstrap(measures, 50, 100, seed=0)
    assert (drawn[:, 0] == drawn[:, 1]).all()
