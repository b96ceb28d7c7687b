"""5 x 2 cross-validation: the test, the halves, and who is said to win."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pellucid.evidence.worth.choice import Compared, f_test, halves


def test_the_f_statistic_is_alpaydins() -> None:
    better = np.random.default_rng(0).normal(0.02, 0.01, (5, 2))
    means = better.mean(1)
    variances = (better[:, 0] - means) ** 2 + (better[:, 1] - means) ** 2
    f = (better**2).sum() / (2 * variances.sum())
    assert f_test(better) == pytest.approx(stats.f.sf(f, 10, 5))


def test_false_alarms_are_at_most_as_often_as_promised() -> None:
    generator = np.random.default_rng(1)
    alarms = [f_test(generator.normal(0, 1, (5, 2))) < 0.05 for _ in range(2_000)]
    assert np.mean(alarms) < 0.065  # 0.05 and three standard errors


def test_equal_answers_are_no_difference_and_a_constant_lead_is_one() -> None:
    assert f_test(np.zeros((5, 2))) == 1.0
    assert f_test(np.full((5, 2), 0.1)) == 0.0


@pytest.mark.parametrize(("lead", "winner"), [(0.1, "network"), (-0.1, "classical")])
def test_who_wins(lead: float, winner: str) -> None:
    better = lead + np.random.default_rng(2).normal(0, 0.01, (5, 2))
    scores = np.full((5, 2), 0.8)
    assert Compared(scores + better, scores, better, f_test(better)).winner == winner


def test_halves_are_even_in_labels_and_hold_every_row_once() -> None:
    labels = np.repeat([0, 1, 2], [50, 30, 7])
    one, other = halves(labels, None, np.random.default_rng(3))
    assert sorted([*one, *other]) == list(range(87))
    assert np.abs(np.bincount(labels[one]) - np.bincount(labels[other])).max() <= 1


def test_clusters_stay_on_one_side() -> None:
    labels = np.zeros(200, dtype=int)
    together = np.random.default_rng(4).integers(0, 40, 200)
    one, other = halves(labels, together, np.random.default_rng(5))
    assert not set(together[one]) & set(together[other])
    assert 50 < len(one) < 150
