"""Metrics against scikit-learn, with and without weights, and where they are undefined."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from pellucid.learning.evaluate import (
    METRICS,
    PRIMARY,
    answers,
    confusion,
    higher_is_better,
    metrics,
    per_target,
    score,
    scorer,
)


def probabilities(rows: int, classes: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(classes), rows)


@pytest.mark.parametrize("seed", range(3))
def test_classes_agree_with_scikit_learn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    target, chance = generator.integers(0, 4, 60), probabilities(60, 4, seed)
    found, answer = metrics("classify", target, chance), chance.argmax(1)
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(target, answer))
    assert found["balanced accuracy"] == pytest.approx(sk.balanced_accuracy_score(target, answer))
    assert found["log loss"] == pytest.approx(sk.log_loss(target, chance))
    assert found["macro F1"] == pytest.approx(sk.f1_score(target, answer, average="macro"))
    assert found["AUC"] == pytest.approx(sk.roc_auc_score(target, chance, multi_class="ovr"))
    assert (confusion("classify", target, chance) == sk.confusion_matrix(target, answer)).all()


@pytest.mark.parametrize("metric", ["accuracy", "balanced accuracy", "macro F1", "AUC", "log loss"])
def test_row_weights_agree_with_scikit_learn(metric: str) -> None:
    generator = np.random.default_rng(5)
    target, chance = generator.integers(0, 2, 80), probabilities(80, 2, 5).round(1)  # many ties
    chance = np.clip(chance, 0.05, 0.95)
    chance /= chance.sum(1, keepdims=True)
    weights = generator.integers(0, 4, (3, 80)).astype(float)
    answer = chance.argmax(1)
    oracle = {
        "accuracy": lambda w: sk.accuracy_score(target, answer, sample_weight=w),
        "balanced accuracy": lambda w: sk.balanced_accuracy_score(target, answer, sample_weight=w),
        "macro F1": lambda w: sk.f1_score(target, answer, average="macro", sample_weight=w),
        "AUC": lambda w: sk.roc_auc_score(target, chance[:, 1], sample_weight=w),
        "log loss": lambda w: sk.log_loss(target, chance, sample_weight=w),
    }[metric]
    found = scorer("classify", metric, target, chance)(weights)
    assert found == pytest.approx([oracle(row) for row in weights])


def test_a_class_that_is_absent_does_not_count() -> None:
    target = np.array([0, 0, 1, 1, 1, 0])
    chance = probabilities(6, 3, 0)
    chance[:, 2] = 0  # never answered, never true
    found = metrics("classify", target, chance)
    answer = chance.argmax(1)
    assert found["macro F1"] == pytest.approx(sk.f1_score(target, answer, average="macro"))
    assert found["balanced accuracy"] == pytest.approx(sk.balanced_accuracy_score(target, answer))
    by_hand = [sk.roc_auc_score(target == one, chance[:, one]) for one in (0, 1)]
    assert found["AUC"] == pytest.approx(np.mean(by_hand))


def test_undefined_metrics_are_left_out() -> None:
    one_class = metrics("classify", np.zeros(5, dtype=int), probabilities(5, 2, 1))
    assert "AUC" not in one_class
    assert "accuracy" in one_class
    assert "R2" not in metrics("regress", np.full(5, 3.3), np.arange(5.0))
    nothing = np.zeros((4, 3), dtype=int)
    assert set(metrics("tags", nothing, nothing + 0.1)) == {
        "subset accuracy",
        "ranking precision",
        "log loss",
    }


def test_a_certain_wrong_answer_costs_a_finite_log_loss() -> None:
    wrong = np.array([[1.0, 0.0]])
    assert score("classify", "log loss", np.array([1]), wrong) == pytest.approx(-np.log(1e-15))


@pytest.mark.parametrize("seed", range(3))
def test_tags_agree_with_scikit_learn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    target = generator.integers(0, 2, (50, 5))
    target[0] = 0  # a row without tags
    chance = generator.random((50, 5)).round(2)
    found, answer = metrics("tags", target, chance), chance >= 0.5
    assert found["micro F1"] == pytest.approx(sk.f1_score(target, answer, average="micro"))
    assert found["macro F1"] == pytest.approx(sk.f1_score(target, answer, average="macro"))
    assert found["subset accuracy"] == pytest.approx(sk.accuracy_score(target, answer))
    assert found["average precision"] == pytest.approx(sk.average_precision_score(target, chance))
    oracle = sk.label_ranking_average_precision_score(target, chance)
    assert found["ranking precision"] == pytest.approx(oracle)


def test_a_tag_that_never_occurs_and_is_never_answered_is_skipped() -> None:
    target, chance = np.array([[1, 0], [0, 0]]), np.array([[0.9, 0.1], [0.2, 0.3]])
    oracle = sk.f1_score(target, chance >= 0.5, average="macro", zero_division=np.nan)
    assert score("tags", "macro F1", target, chance) == pytest.approx(oracle) == 1


@pytest.mark.parametrize("seed", range(3))
def test_grades_agree_with_scikit_learn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    target, chance = generator.integers(0, 5, 70), probabilities(70, 5, seed)
    found, answer = metrics("grades", target, chance), answers("grades", chance)
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(target, answer))
    assert found["grade error"] == pytest.approx(sk.mean_absolute_error(target, answer))
    oracle = sk.cohen_kappa_score(target, answer, weights="quadratic")
    assert found["quadratic kappa"] == pytest.approx(oracle)


def test_the_same_grade_for_all_is_exactly_chance() -> None:
    target = np.random.default_rng(0).integers(0, 5, 61)
    assert (
        score("grades", "quadratic kappa", target, np.tile([0.1, 0.1, 0.2, 0.5, 0.1], (61, 1))) == 0
    )


def test_the_answer_on_a_scale_is_the_median_grade() -> None:
    split = np.array([[0.3, 0.3, 0.4], [0.5, 0.2, 0.3], [0.1, 0.2, 0.7]])
    assert answers("grades", split).tolist() == [1, 0, 2]
    assert answers("classify", split).tolist() == [2, 0, 2]


@pytest.mark.parametrize("targets", [1, 3])
def test_numbers_agree_with_scikit_learn(targets: int) -> None:
    generator = np.random.default_rng(0)
    target = 1e6 + generator.normal(size=(40, targets)) * [1.0, 10.0, 100.0][:targets]
    guess = target + generator.normal(size=(40, targets))
    found = metrics("regress", target, guess)
    assert found["RMSE"] == pytest.approx(sk.root_mean_squared_error(target, guess))
    assert found["MAE"] == pytest.approx(sk.mean_absolute_error(target, guess))
    assert found["R2"] == pytest.approx(sk.r2_score(target, guess))
    weights = generator.integers(0, 3, (2, 40)).astype(float)
    oracle = [sk.r2_score(target, guess, sample_weight=row) for row in weights]
    assert scorer("regress", "R2", target, guess)(weights) == pytest.approx(oracle)
    each = [one["RMSE"] for one in per_target(target, guess)]
    assert np.mean(each) == pytest.approx(found["RMSE"])
    assert len(each) == targets


def test_one_dimensional_numbers_are_one_target() -> None:
    assert metrics("regress", np.arange(4.0), np.arange(4.0) + 1)["RMSE"] == 1


def test_every_task_has_a_primary_metric_with_a_direction() -> None:
    assert all(PRIMARY[kind] in METRICS[kind] for kind in METRICS)
    assert higher_is_better("accuracy")
    assert not higher_is_better("RMSE")


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="3 targets but 2 predictions"):
        score("classify", "accuracy", np.zeros(3, dtype=int), probabilities(2, 2, 0))
