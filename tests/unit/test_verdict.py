"""The verdict's sentence in every situation, word for word, and what it may rest on."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from pellucid.evidence.worth.verdict import (
    Contender,
    Difference,
    Verdict,
    bare,
    best_on_validation,
    decide,
    mcnemar,
    verdict,
)

ROWS = 1_000
TARGET = np.arange(ROWS) % 2


def classifier(name: str, right: np.ndarray, valid_score: float, costly: bool) -> Contender:
    """Right on the rows that are marked; a costly one takes 60 s, 2 ms a row and 3 MB."""
    target = TARGET[: len(right)]
    chance = np.full((len(right), 2), 0.1)
    chance[np.arange(len(right)), np.where(right, target, 1 - target)] = 0.9
    cost = (60.0, 2.0, 3_000_000) if costly else (1.5, 0.02, 400_000)
    return Contender(name, chance, valid_score, *cost)


def constant(rows: int = ROWS) -> Contender:
    one = classifier("constant answer", TARGET[:rows] == 0, 0.5, costly=False)
    return replace(one, seconds=0.001, ms_per_row=0.0001, bytes=16)


def right(share: float, seed: int, rows: int = ROWS) -> np.ndarray:
    return np.random.default_rng(seed).permutation(rows) < round(share * rows)


def compare(network: np.ndarray, trees: np.ndarray, seed: int = 0) -> Verdict:
    rivals = [constant(len(network)), classifier("boosted trees", trees, 0.9, costly=False)]
    target = TARGET[: len(network)]
    ours = classifier("network", network, 0.9, costly=True)
    return verdict("classify", "accuracy", target, ours, rivals, seed)


GOOD = right(0.9, 0)
WORSE = GOOD.copy()
WORSE[np.flatnonzero(GOOD)[:25]] = False


def test_the_network_wins() -> None:
    found = compare(GOOD, WORSE)
    assert found.winner == "network"
    assert found.sentence == (
        "Yes: the network is better than boosted trees by 2.5 points [1.6, 3.5], but trains 40"
        " times slower, answers 100 times slower and is 7.5 times larger."
    )


def test_a_method_that_validation_rows_misjudged_is_named() -> None:
    trees = classifier("boosted trees", WORSE, 0.9, costly=False)
    linear = classifier("logistic regression", GOOD, 0.8, costly=False)
    worst = classifier("nearest neighbor", right(0.6, 1), 0.7, costly=False)
    ours = classifier("network", GOOD, 0.9, costly=True)
    for rivals, named in (([constant(), trees, worst], False), ([trees, linear, worst], True)):
        found = verdict("classify", "accuracy", TARGET, ours, rivals)
        assert found.winner == "network"
        assert found.sentence.startswith("Yes: the network is better than boosted trees by 2.5")
        said = " But it is not measurably better than logistic regression (0.0 points [0.0, 0.0]),"
        said += " which validation put behind boosted trees."
        assert found.sentence.endswith(said) == named
        assert "nearest" not in found.sentence


def test_the_network_loses() -> None:
    found = compare(WORSE, GOOD)
    assert found.winner == "boosted trees"
    assert found.sentence == (
        "No: boosted trees are better by 2.5 points [1.6, 3.5] and train 40 times faster, answer"
        " 100 times faster and are 7.5 times smaller."
    )


def test_a_tie_goes_to_the_simpler_model() -> None:
    other = GOOD.copy()
    other[np.flatnonzero(GOOD)[:10]] = False
    other[np.flatnonzero(~GOOD)[:8]] = True
    found = compare(GOOD, other)
    assert found.winner == "boosted trees"
    assert found.sentence == (
        "No: no measurable difference (+0.2 points [-0.6, 1.0]), the simpler model is enough:"
        " boosted trees, which train 40 times faster, answer 100 times faster and are 7.5 times"
        " smaller."
    )


def test_few_test_rows_can_not_tell() -> None:
    found = compare(right(1.0, 0, 12), right(0.75, 1, 12))
    assert found.sentence.startswith(
        "No: 12 test rows are too few to tell them apart (+25.0 points [0.0, 50.0]), so far the"
        " simpler model is enough: boosted trees, which train 40 times faster"
    )


def test_few_test_rows_say_why_although_the_interval_leaves_out_zero() -> None:
    network, trees = np.ones(25, dtype=bool), np.ones(25, dtype=bool)
    trees[:4] = False
    found = compare(network, trees)
    assert "25 test rows are too few to tell them apart (+16.0 points [" in found.sentence
    assert "], but exact p = 0.12), so far the simpler model is enough" in found.sentence


def test_the_exact_test_must_agree_with_the_interval() -> None:
    """Five of 40 rows differ, all one way: the bootstrap is sure, coins do that 6 % of the time."""
    network, trees = np.ones(40, dtype=bool), np.ones(40, dtype=bool)
    trees[:5] = False
    found = compare(network, trees)
    assert found.difference is not None
    assert found.difference.low > 0
    assert found.difference.p == pytest.approx(0.0625)
    assert "no measurable difference (+12.5 points" in found.sentence
    assert "but exact p = 0.062)" in found.sentence


def test_nothing_was_learned() -> None:
    found = compare(right(0.51, 3), right(0.5, 4))
    assert found.winner == "constant answer"
    assert found.sentence == (
        "No: nothing was learned that shows on 1,000 test rows, always giving the same answer is"
        " as good (difference to boosted trees: +1.0 points [-3.3, 5.4])."
    )


def test_the_simplest_method_is_named_where_it_is_no_constant_answer() -> None:
    network, rival = (classifier(name, GOOD, 0.9, costly=False) for name in ("network", "PCA"))
    difference = Difference(0.01, -0.02, 0.04, "PCA")
    winner, sentence = decide(
        difference, False, "recognized again", 60, network, rival, "sealed examples", "raw numbers"
    )
    assert winner == "raw numbers"
    assert "on 60 sealed examples, 'raw numbers' alone is as good (difference to PCA" in sentence


def test_nothing_has_no_sign() -> None:
    assert bare(-0.0, "EER") == bare(0.0, "EER") == "0"
    assert bare(-0.0001, "accuracy") == "0.0"
    assert bare(-0.0001, "EER") == "-0.0001"


def test_nothing_can_be_shown_on_a_handful_of_rows() -> None:
    found = compare(right(0.6, 0, 10), right(0.6, 1, 10))
    assert found.winner == "constant answer"
    assert "10 test rows are too few to show that anything was learned" in found.sentence


def numbers(name: str, spread: float, seed: int, valid_score: float) -> Contender:
    guess = NUMBERS + np.random.default_rng(seed).normal(size=NUMBERS.shape) * spread
    cost = (60.0, 2.0, 3_000_000) if name == "network" else (0.2, 0.0002, 400)
    return Contender(name, guess, valid_score, *cost)


NUMBERS = np.random.default_rng(0).normal(size=(300, 1)) * 100
MEAN = Contender("constant answer", np.zeros_like(NUMBERS), 100.0, 0.001, 0.0001, 8)


def test_regression_names_the_metric_and_its_unit() -> None:
    rivals = [MEAN, numbers("ridge regression", 60, 2, 60)]
    won = verdict("regress", "RMSE", NUMBERS, numbers("network", 40, 1, 40), rivals)
    assert won.sentence.startswith(
        "Yes: the network is better than ridge regression by 24 in RMSE [18"
    )
    assert won.difference is not None
    assert won.difference.value == pytest.approx(rivals_minus_ours(won))
    assert won.difference.p is None
    lost = verdict("regress", "RMSE", NUMBERS, numbers("network", 80, 1, 40), rivals)
    assert lost.sentence.startswith("No: ridge regression is better by ")
    assert lost.sentence.endswith(
        "and trains 300 times faster, answers over 1,000 times faster and is over 1,000 times"
        " smaller."
    )
    tied = verdict("regress", "RMSE", NUMBERS, numbers("network", 60, 1, 40), rivals)
    assert "no measurable difference" in tied.sentence


def rivals_minus_ours(found: Verdict) -> float:
    return found.baselines[1].score - found.network.score


def test_the_rival_is_chosen_on_validation_rows_and_all_are_listed() -> None:
    lucky = replace(classifier("logistic regression", GOOD, 0.85, False))
    steady = classifier("boosted trees", WORSE, 0.88, False)
    ours = classifier("network", GOOD, 0.9, True)
    found = verdict("classify", "accuracy", TARGET, ours, [constant(), lucky, steady])
    assert found.difference is not None
    assert found.difference.versus == "boosted trees"
    assert "validation" in found.chosen
    assert [one.name for one in found.baselines] == [
        "constant answer",
        "logistic regression",
        "boosted trees",
    ]


def test_small_errors_win_on_validation_and_equals_go_to_the_simpler() -> None:
    first, second = numbers("a", 1, 0, 3.0), numbers("b", 1, 0, 2.0)
    assert best_on_validation([first, second], "RMSE").name == "b"
    assert best_on_validation([first, second], "R2").name == "a"
    undefined = replace(first, valid_score=float("nan"))
    assert best_on_validation([undefined, second], "R2").name == "b"
    assert best_on_validation([first, replace(second, valid_score=3.0)], "RMSE").name == "a"


def test_a_dearer_winner_says_so() -> None:
    dear = replace(classifier("random convolutions + ridge", GOOD, 0.9, True), seconds=0.5)
    ours = classifier("network", WORSE, 0.9, False)
    found = verdict("classify", "accuracy", TARGET, ours, [constant(), dear])
    assert found.sentence == (
        "No: random convolutions + ridge is better by 2.5 points [1.6, 3.5] and trains 3 times"
        " faster, but answers 100 times slower and is 7.5 times larger."
    )


def test_without_baselines_nothing_is_claimed() -> None:
    found = verdict("classify", "accuracy", TARGET, classifier("network", GOOD, 0.9, True), [])
    assert found.sentence == (
        "Not compared: no classical method suits this data; accuracy 0.9 [0.88, 0.917]."
    )
    assert found.difference is None


def test_mcnemar_agrees_with_the_binomial_test() -> None:
    one, other = right(0.8, 1), right(0.78, 2)
    b, c = int((one & ~other).sum()), int((~one & other).sum())
    oracle = stats.binomtest(b, b + c).pvalue
    contenders = (classifier(name, hit, 0, True) for name, hit in (("a", one), ("b", other)))
    assert mcnemar("classify", TARGET, *contenders) == pytest.approx(oracle)


def test_a_network_that_is_no_better_is_rarely_called_better() -> None:
    """Two equally good methods: about one verdict in twenty may be wrong, either way."""
    wrong = 0
    for seed in range(30):
        generator = np.random.default_rng(seed)
        network, trees = generator.random(300) < 0.8, generator.random(300) < 0.8
        wrong += not compare(network, trees, seed).sentence.startswith("No: no measurable")
    assert wrong <= 4


def test_the_json_is_the_contract_and_has_no_nan() -> None:
    ours = replace(classifier("network", GOOD, 0.9, True), valid_score=float("nan"))
    trees = classifier("boosted trees", WORSE, 0.9, False)
    found = verdict("classify", "accuracy", TARGET, ours, [constant(), trees]).as_json()
    assert set(found) >= {"sentence", "winner", "metric", "network", "baselines", "difference"}
    assert set(found["network"]) >= {
        "name",
        "score",
        "low",
        "high",
        "seconds",
        "ms_per_row",
        "bytes",
    }
    assert set(found["difference"]) >= {"value", "low", "high", "versus"}
    assert found["network"]["valid_score"] is None
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_groups_that_belong_together_make_it_less_sure() -> None:
    """All 25 rows that differ come from one patient: that is one case, not 25."""
    patients = np.arange(ROWS)
    patients[GOOD != WORSE] = -1
    ours, trees = (
        classifier("network", GOOD, 0.9, True),
        classifier("boosted trees", WORSE, 0.9, False),
    )
    found = verdict("classify", "accuracy", TARGET, ours, [constant(), trees], groups=patients)
    assert found.sentence.startswith("No: no measurable difference")
