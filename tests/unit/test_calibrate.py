"""Temperature, calibration error and error bars, on data whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.evidence.trust.calibrate import (
    Calibration,
    averaging,
    calibrate,
    expected_calibration_error,
    fit_temperature,
    golden_section,
    half_widths,
    reliability,
    soften,
)
from pellucid.learning.evaluate import Kind, score


def drawn(rows: int, classes: int, sharpness: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Targets drawn from known probabilities, and what a model says that is too sure of them."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(rows, classes)) * 1.5
    honest = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    target = (honest.cumsum(1) > generator.random((rows, 1))).argmax(1)
    said = np.exp(sharpness * logits)
    return target, said / said.sum(1, keepdims=True)


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("kind", ["classify", "grades"])
def test_the_temperature_is_found(kind: Kind, sharpness: float) -> None:
    target, said = drawn(4_000, 4, sharpness, 0)
    assert fit_temperature(kind, target, said) == pytest.approx(sharpness, rel=0.08)


def test_the_temperature_of_tags_is_shared() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(3_000, 4)) * 1.5
    target = (generator.random((3_000, 4)) < 1 / (1 + np.exp(-logits))).astype(int)
    said = 1 / (1 + np.exp(-2.5 * logits))
    assert fit_temperature("tags", target, said) == pytest.approx(2.5, rel=0.08)


def test_calibration_lowers_the_loss_and_the_calibration_error() -> None:
    target, said = drawn(3_000, 3, 3.0, 1)
    fitted = calibrate("classify", target[:1_500], said[:1_500])
    softened = fitted.apply("classify", said[1_500:])
    rest = target[1_500:]
    assert score("classify", "log loss", rest, softened) < score(
        "classify", "log loss", rest, said[1_500:]
    )
    before = expected_calibration_error("classify", rest, said[1_500:])
    after = expected_calibration_error("classify", rest, softened)
    assert after < 0.06 < 0.1 < before
    assert (softened.argmax(1) == said[1_500:].argmax(1)).all()


def test_too_few_rows_leave_probabilities_alone() -> None:
    target, said = drawn(19, 3, 5.0, 0)
    assert fit_temperature("classify", target, said) == 1
    assert calibrate("classify", target, said).apply("classify", said) == pytest.approx(said)


def test_thirty_right_answers_are_not_certainty() -> None:
    said = np.tile([0.9, 0.1], (30, 1))
    softened = calibrate("classify", np.zeros(30, dtype=int), said).apply("classify", said)
    assert 0.9 < softened[0, 0] < 0.99


def test_impossible_answers_do_not_break_it() -> None:
    said = np.array([[1.0, 0.0]] * 30)
    target = np.zeros(30, dtype=int)
    target[:3] = 1
    softened = calibrate("classify", target, said).apply("classify", said)
    assert np.isfinite(softened).all()
    assert softened.sum(1) == pytest.approx(1)


def test_soften_of_one_is_the_identity_and_large_is_even() -> None:
    said = np.array([[0.7, 0.2, 0.1]])
    assert soften("classify", said, 1.0) == pytest.approx(said)
    assert soften("classify", said, 1e6) == pytest.approx(np.full((1, 3), 1 / 3), abs=1e-5)
    assert soften("tags", said, 1.0) == pytest.approx(said)


def test_golden_section_finds_a_valley() -> None:
    assert golden_section(lambda x: (x - 0.7) ** 2, -3, 3) == pytest.approx(0.7, abs=1e-3)


def test_calibration_error_by_hand() -> None:
    """Two bins: 60 % sure and half right, 90 % sure and all right: (0.1 + 0.1) / 2."""
    said = np.array([[0.6, 0.4]] * 2 + [[0.9, 0.1]] * 2)
    target = np.array([0, 1, 0, 0])
    assert expected_calibration_error("classify", target, said, bins=2) == pytest.approx(0.1)
    bins = reliability("classify", target, said, bins=2)
    assert [(one.right, one.rows) for one in bins] == [(0.5, 2), (1.0, 2)]


def test_the_rank_of_the_error_bar_by_hand() -> None:
    """19 errors: rank ceil(20 * 0.9) = 18; with 9 it is the largest; with 8 there is none."""
    errors = np.arange(1.0, 20.0)
    assert half_widths(errors, np.zeros(19)) == pytest.approx([18])
    assert half_widths(errors[:9], np.zeros(9)) == pytest.approx([9])
    assert np.isinf(half_widths(errors[:8], np.zeros(8))).all()


def test_error_bars_hold_nine_new_rows_in_ten() -> None:
    generator = np.random.default_rng(0)
    held = []
    for _ in range(400):
        errors = generator.standard_t(3, size=60)
        half = half_widths(errors[:40], np.zeros(40))[0]
        held.append(np.mean(np.abs(errors[40:]) <= half))
    assert np.mean(held) + 2 * np.std(held) / 20 >= 0.9
    assert np.mean(held) < 0.94


def test_bounds_of_several_targets_and_the_round_trip() -> None:
    errors = np.stack([np.arange(1.0, 20.0), 10 * np.arange(1.0, 20.0)], 1)
    fitted = calibrate("regress", errors, np.zeros_like(errors))
    assert Calibration.from_json(fitted.as_json()) == fitted
    low, high = fitted.bounds(np.array([[0.0, 100.0]]))
    assert low.tolist() == [[-18.0, -80.0]]
    assert high.tolist() == [[18.0, 280.0]]
    few = calibrate("regress", errors[:5], np.zeros((5, 2)))
    assert few.half_widths == (None, None)
    assert np.isnan(few.bounds(np.zeros((1, 2)))[0]).all()


def test_averaging_makes_less_sure_and_is_measured_with_two_networks() -> None:
    """Networks that each add noise of their own to honest logits."""
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(4_000, 5)) * 2
    honest = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    target = (honest.cumsum(1) > generator.random((4_000, 1))).argmax(1)
    noisy = np.exp(logits + generator.normal(size=(8, 4_000, 5)))
    answers = noisy / noisy.sum(2, keepdims=True)
    alone = fit_temperature("classify", target, answers[0])
    for networks in (2, 8):
        truly = fit_temperature("classify", target, answers[:networks].mean(0)) / alone
        found = averaging("classify", target, answers[0], answers[1], networks)
        assert truly < 0.95
        assert found == pytest.approx(truly, rel=0.06)


def test_alike_networks_and_few_rows_change_nothing() -> None:
    target, said = drawn(500, 3, 1.0, 0)
    assert averaging("classify", target, said, said, 8) == pytest.approx(1.0, abs=1e-3)
    assert averaging("classify", target[:19], said[:19], said[::-1][:19], 8) == 1.0
