"""Whether an explanation is true, on models whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from explaining import cells, stand_in
from scipy.stats import spearmanr

from pellucid.data.columns import Loaded
from pellucid.evidence.explain import faithfulness, occlusion
from pellucid.evidence.explain.faithfulness import rank_correlation, ranked
from pellucid.evidence.explain.occlusion import (
    Answers,
    blended,
    contributions,
    occlude,
    random_orders,
    stages,
)
from pellucid.evidence.explain.pieces import Faithfulness, Question
from pellucid.evidence.explain.series import SeriesPieces
from pellucid.evidence.explain.texts import text_pieces
from pellucid.evidence.subject import Rows, Subject

QUESTION = Question(0, "price", 0.0)


def weighed(weights: np.ndarray) -> tuple[Subject, SeriesPieces]:
    """A model that sums up 16 steps with these weights, and a series of ones over a zero.

    Each window is a step; taken away, it becomes the line between its neighbors, or the mean.
    """

    def answer(rows: Rows) -> np.ndarray:
        return 10 * np.asarray(rows["s"].values[:, :, 0], dtype=np.float64) @ weights

    subject = stand_in(answer, ("s",), kinds={"s": "series"})
    signs = np.tile([1.0, -1.0], len(weights) // 2).astype(np.float32)
    row = {"s": Loaded(signs.reshape(1, -1, 1))}
    return subject, SeriesPieces(row, "s", windows=len(weights), fill="mean")


def verdict(weights: np.ndarray, values: np.ndarray) -> Faithfulness:
    return faithfulness.test(*weighed(weights), QUESTION, values)


# --- the test -------------------------------------------------------------------------------


def test_the_truth_passes_and_its_opposite_fails() -> None:
    weights = np.random.default_rng(0).normal(size=16)
    truth = weights * np.tile([1, -1], 8)
    passed, failed = verdict(weights, truth), verdict(weights, -truth)
    assert passed.trusted
    assert passed.gain > 0.5 > passed.random_gain > 0
    assert failed.gain == pytest.approx(-passed.gain)
    assert not failed.trusted
    assert "no faster than taking away pieces at random" in failed.why


def test_random_values_seldom_pass() -> None:
    generator = np.random.default_rng(1)
    weights = generator.normal(size=16)
    found = [verdict(weights, generator.normal(size=16)).trusted for _ in range(60)]
    assert sum(found) <= 8  # 5 % of 60 are 3; 9 or more would happen once in 250 times


def test_courses_begin_with_the_whole_and_end_with_nothing() -> None:
    weights = np.array([3.0, 0, 0, 0, 1, 0, 0, 0])
    found = verdict(weights, weights)
    assert found.shares[0] == 0
    assert found.shares[-1] == 1
    assert found.first == pytest.approx((40, 10, 0, 0, 0, 0, 0, 0, 0))
    assert found.last == pytest.approx((40, 40, 40, 40, 40, 40, 40, 30, 0))
    # Areas by hand: (20 + 10 + 0 / 2) / 8 and (6 * 40 + 20 + 30) / 8 of 40.
    assert found.gain == pytest.approx(((6.5 * 40 + 30) - (20 + 10)) / 8 / 40)
    assert found.random[1] == pytest.approx(35, abs=4)


def test_an_answer_that_never_changes_is_not_explained() -> None:
    found = verdict(np.zeros(16), np.arange(16.0))
    assert not found.trusted
    assert "stays nearly the same" in found.why


def test_values_all_alike_are_tried_in_random_order() -> None:
    order = ranked(np.zeros(64), seed=3)
    assert sorted(order) == list(range(64))
    assert abs(rank_correlation(order.astype(float), np.arange(64.0))) < 0.5
    assert ranked(np.array([1.0, 3.0, 2.0])).tolist() == [1, 2, 0]


def test_few_pieces_are_compared_with_all_orders() -> None:
    weights = np.array([2.0, 1.0, 0, 0])
    truth = weights * np.tile([1, -1], 2)
    found = verdict(weights, truth)
    assert found.trusted
    assert np.mean(found.random) == pytest.approx(np.mean([found.first, found.last]), rel=0.2)


def test_one_piece_and_none() -> None:
    def answer(rows: Rows) -> np.ndarray:
        return np.asarray(rows["s"].values[:, 0, 0] * 5, dtype=np.float64)

    subject = stand_in(answer, ("s",), kinds={"s": "series"})
    row = {"s": Loaded(np.array([[[1.0], [-1.0]]], dtype=np.float32))}
    alone = SeriesPieces(row, "s", windows=1, fill="mean")
    found = occlude(subject, alone, QUESTION)
    assert found.values == pytest.approx([5.0])
    assert faithfulness.test(subject, alone, QUESTION, found.values).trusted
    nothing = text_pieces(cells(t=[""]), "t")
    silent = stand_in(lambda rows: np.ones(len(rows["t"].values)), ("t",), kinds={"t": "text"})
    found = occlude(silent, nothing, QUESTION)
    assert found.values.shape == (0,)
    assert not faithfulness.test(silent, nothing, QUESTION, found.values).trusted


@pytest.mark.parametrize(
    ("given", "words"),
    [({"completeness": 0.2}, "miss what they should add up to by 20%"),
     ({"similarity": 0.9}, "network with random weights")],
)  # fmt: skip
def test_other_tests_count_too(given: dict[str, float], words: str) -> None:
    weights = np.random.default_rng(0).normal(size=16)
    subject, pieces = weighed(weights)
    found = faithfulness.test(subject, pieces, QUESTION, weights * np.tile([1, -1], 8), **given)
    assert not found.trusted
    assert words in found.why


# --- contributions --------------------------------------------------------------------------


def test_contributions_of_a_sum_are_its_parts() -> None:
    weights = np.random.default_rng(2).normal(size=16)
    subject, pieces = weighed(weights)
    found = occlude(subject, pieces, QUESTION, orders=40)
    assert found.values == pytest.approx(10 * weights * np.tile([1, -1], 8), abs=0.8)
    assert found.alone == pytest.approx(10 * weights * np.tile([1, -1], 8))
    assert found.values.sum() == pytest.approx(found.whole - found.base)


def test_two_that_say_the_same_share() -> None:
    """Each alone may go: only mixtures show that either of them matters."""

    def either(rows: Rows) -> np.ndarray:
        series = rows["s"].values[:, :, 0]
        return np.asarray(10.0 * ((series[:, 2] > 0.5) | (series[:, 7] > 0.5)))

    series = np.zeros((1, 10, 1), dtype=np.float32)
    series[0, [2, 7]] = 1
    subject = stand_in(either, ("s",), kinds={"s": "series"})
    pieces = SeriesPieces({"s": Loaded(series)}, "s", windows=10, fill="mean")
    found = occlude(subject, pieces, QUESTION, orders=80)
    assert not found.alone.any()
    assert sorted(np.argsort(found.values)[-2:]) == [2, 7]
    assert found.values[[2, 7]] == pytest.approx([5, 5], abs=1.5)


def test_the_same_seed_gives_the_same_explanation() -> None:
    subject, pieces = weighed(np.random.default_rng(2).normal(size=16))
    first = occlude(subject, pieces, QUESTION, orders=20, seed=5)
    again = occlude(subject, pieces, QUESTION, orders=20, seed=5)
    np.testing.assert_array_equal(first.values, again.values)


def test_contributions_are_the_constrained_least_squares() -> None:
    """Against a general solver: eliminate the condition, then solve the normal equations."""
    generator = np.random.default_rng(0)
    gone, numbers = generator.random((200, 6)) < 0.5, generator.normal(size=200)
    found = contributions(gone, numbers, 2.0, 0.5)
    kept = ~gone * 1.0
    strength = occlusion.SHRINK / 200 * np.trace(kept.T @ kept)
    system = np.block([[kept.T @ kept + strength * np.eye(6), np.ones((6, 1))],
                       [np.ones((1, 6)), np.zeros((1, 1))]])  # fmt: skip
    right = np.append(kept.T @ (numbers - 0.5), 1.5)
    np.testing.assert_allclose(found, np.linalg.solve(system, right)[:6])
    assert found.sum() == pytest.approx(1.5)


def test_both_views_keep_the_sum() -> None:
    mixed = np.array([3.0, 1.0, 0.0, -1.0])
    both = blended(np.array([0.02, 0.0, 0.01, 0.0]), mixed)
    assert both.sum() == pytest.approx(mixed.sum())
    assert np.argsort(-both).tolist() == [0, 2, 1, 3]
    np.testing.assert_array_equal(blended(np.zeros(4), mixed), mixed)


def test_a_version_is_asked_once() -> None:
    subject, pieces = weighed(np.ones(16))
    answers = Answers(subject, pieces, QUESTION)
    gone = np.eye(16, dtype=bool)
    first = answers.ask(np.concatenate([gone, gone]))
    assert answers.forwards == 16
    np.testing.assert_array_equal(first[:16], answers.ask(gone))
    assert answers.forwards == 16


def test_orders_come_with_their_reverse() -> None:
    orders = random_orders(7, 4, seed=0)
    np.testing.assert_array_equal(orders[0], orders[1][::-1])
    np.testing.assert_array_equal(random_orders(7, 8, seed=0)[:4], orders)
    gone = stages(orders[0], 3)
    assert gone.sum(1).tolist() == [0, 2, 4, 7]
    assert set(np.flatnonzero(gone[1])) == set(orders[0][:2])
    assert stages(np.arange(3), 10).sum(1).tolist() == [0, 1, 2, 3]


def test_rank_correlation_as_in_scipy() -> None:
    generator = np.random.default_rng(0)
    left, right = generator.integers(0, 6, 50), generator.normal(size=50)
    expected = spearmanr(left, right).statistic
    assert rank_correlation(left.astype(float), right) == pytest.approx(expected)
    assert np.isnan(rank_correlation(np.zeros(5), np.arange(5.0)))
