"""Learning curves: a planted law is recovered, and what follows no law is called unknown."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import curve_fit

from benchmarks.evidence_growth import Answer, summary
from pellucid.evidence.worth.growth import (
    AHEAD,
    SIZES,
    Curve,
    fit_law,
    look_ahead,
    measure_curve,
    nested,
    noise_of,
    sentence_of,
    sizes_for,
    why_unknown,
)

ROWS = np.array([50, 100, 200, 400, 800])


def curve(
    floor: float, scale: float, exponent: float, noise: float, seed: int = 0, metric: str = "RMSE"
) -> Curve:
    """Five repeats of error = floor + scale * rows ** -exponent. Each row is a little better or
    worse than others to learn from; a part of the rows is as good as its mean (`noise` at 50)."""
    generator = np.random.default_rng(seed)
    quality = noise * np.sqrt(ROWS[0]) * generator.standard_normal(ROWS[-1])
    orders = [generator.permutation(ROWS[-1]) for _ in range(5)]
    drawn = np.array([[quality[order[:size]].mean() for size in ROWS] for order in orders])
    errors = floor + scale * ROWS**-exponent + drawn
    return Curve(metric, ROWS, errors if metric == "RMSE" else 1 - errors)


# --- the law ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("floor", "scale", "exponent"), [(0.1, 2.0, 0.5), (0.0, 1.0, 0.3)])
def test_an_exact_law_is_recovered(floor: float, scale: float, exponent: float) -> None:
    errors = floor + scale * ROWS**-exponent
    law = fit_law(ROWS, errors[None], np.ones(len(ROWS)))
    ahead = np.array([1_600, 3_200])
    assert law.at(ahead)[0] == pytest.approx(floor + scale * ahead**-exponent, rel=0.02)
    assert law.exponent[0] == pytest.approx(exponent, rel=0.06)  # the grid's step


def test_the_fit_is_the_one_that_scipy_finds() -> None:
    noisy = curve(0.1, 2.0, 0.6, 0.02).errors.mean(0)
    variance = 1.0 / ROWS

    def power(rows, floor, scale, exponent):  # type: ignore[no-untyped-def]
        return floor + scale * rows**-exponent

    found, _ = curve_fit(
        power, ROWS, noisy, (0.1, 1.0, 0.5), np.sqrt(variance), bounds=([0, 0, 0.05], [1, 99, 1.5])
    )
    law = fit_law(ROWS, noisy[None], 1 / variance)
    assert law.at(ROWS)[0] == pytest.approx(power(ROWS, *found), abs=2e-3)
    assert law.at(np.array([3_200]))[0] == pytest.approx(power(3_200, *found), abs=5e-3)


def test_errors_never_fall_below_zero() -> None:
    law = fit_law(ROWS, (1.0 - 0.15 * np.arange(5))[None], np.ones(5))
    assert law.floor[0] >= 0
    assert (law.at(np.array([10_000]))[0] >= 0).all()


def test_the_noise_is_estimated_from_overlapping_parts() -> None:
    found = [noise_of(curve(1.0, 0.0, 0.5, 0.02, seed).errors, ROWS) for seed in range(200)]
    assert np.mean([one.rows for one in found]) == pytest.approx(0.02**2 * ROWS[0], rel=0.2)
    assert np.mean([one.start for one in found]) < 0.1 * 0.02**2


def test_the_noise_of_the_random_start_is_told_apart() -> None:
    starts = np.random.default_rng(0).normal(0, 0.02, (200, 5, len(ROWS)))
    found = [noise_of(1 + each, ROWS) for each in starts]
    assert np.mean([one.start for one in found]) == pytest.approx(0.02**2, rel=0.35)


# --- the look ahead ---------------------------------------------------------------------------


def test_the_band_holds_the_planted_truth() -> None:
    hits = []
    for seed in range(60):
        ahead = look_ahead(curve(0.1, 2.0, 0.5, 0.02, seed), seed)
        truth = [0.1 + 2.0 * one.rows**-0.5 for one in ahead]
        hits.append([one.low <= value <= one.high for one, value in zip(ahead, truth)])
    assert (np.mean(hits, 0) >= 0.8).all()
    assert [one.times for one in ahead] == list(AHEAD)


def test_a_steep_curve_promises_more_and_says_so() -> None:
    steep = curve(0.02, 2.0, 0.5, 0.005, metric="accuracy")
    said = sentence_of("network", steep, look_ahead(steep))
    assert said.startswith("Twice as many examples would probably raise accuracy from 9")
    assert " four times as many to 9" in said
    assert why_unknown(steep, look_ahead(steep)) is None


def test_errors_are_lowered() -> None:
    steep = curve(1.0, 20.0, 0.5, 0.05)
    assert "would probably lower RMSE of boosted trees from 1.7" in sentence_of(
        "boosted trees", steep, look_ahead(steep)
    )


@pytest.mark.parametrize("seed", range(10))
def test_where_there_is_only_noise_more_data_is_not_promised(seed: int) -> None:
    flat = curve(0.5, 0.0, 0.5, 0.02, seed, metric="accuracy")
    ahead = look_ahead(flat, seed)
    said = sentence_of("network", flat, ahead)
    assert why_unknown(flat, ahead) or "hardly help" in said or "may or may not" in said
    assert "would probably" not in said


def test_a_curve_that_turns_around_is_unknown() -> None:
    errors = np.array([0.5, 0.4, 0.3, 0.35, 0.45])
    turned = Curve("RMSE", ROWS, errors + 0.001 * np.random.default_rng(0).normal(size=(5, 5)))
    why = why_unknown(turned, look_ahead(turned))
    assert why is not None
    assert "with all 800 rows it did worse than with 200" in why


def test_a_band_that_says_nothing_is_unknown() -> None:
    noisy = curve(0.0, 1.0, 0.5, 0.5)
    assert why_unknown(noisy, look_ahead(noisy)) is not None


# --- the parts --------------------------------------------------------------------------------


def test_parts_grow_by_the_same_factor() -> None:
    sizes = sizes_for(1_600, 2)
    assert len(sizes) == SIZES
    assert sizes[-1] == 1_600
    assert np.allclose(np.diff(np.log(sizes)), np.log(2), atol=0.01)


@pytest.mark.parametrize(("rows", "classes"), [(95, 0), (95, 2), (500, 26)])
def test_too_few_rows_have_no_curve(rows: int, classes: int) -> None:
    assert len(sizes_for(rows, classes)) == 0


def test_every_beginning_of_the_order_keeps_the_proportions() -> None:
    labels = np.array([0] * 300 + [1] * 90 + [2] * 10)
    order = nested(labels, 0)
    assert sorted(order) == list(range(400))
    for size in (40, 100, 200):
        counts = np.bincount(labels[order[:size]], minlength=3)
        assert counts == pytest.approx(np.array([300, 90, 10]) * size / 400, abs=2.1)
    assert not np.array_equal(order, nested(labels, 1))


def test_parts_are_nested_and_held_rows_stay_the_same() -> None:
    seen: list[tuple[set[int], tuple[int, ...]]] = []

    def measure(learn: np.ndarray, held: np.ndarray, repeat: int) -> float:
        seen.append((set(learn.tolist()), tuple(held)))
        return float(len(learn) + repeat)

    labels = np.arange(300) % 2
    parts = [(np.arange(200), np.arange(200, 300)), (np.arange(100, 300), np.arange(100))]
    found = measure_curve("accuracy", parts, labels, np.array([20, 60, 200]), measure, 0)
    assert found.scores.tolist() == [[20, 60, 200], [21, 61, 201]]
    for repeat in (0, 3):
        small, middle, large = (rows for rows, _ in seen[repeat : repeat + 3])
        assert small < middle < large == set(parts[repeat // 3][0].tolist())
        assert len({held for _, held in seen[repeat : repeat + 3]}) == 1


# --- the benchmark ----------------------------------------------------------------------------


def test_the_benchmark_counts_truths_inside_the_band() -> None:
    def answer(truth: float, times: float, *, unknown: bool = False) -> Answer:
        held = 0.9 <= truth <= 0.94
        return Answer("x", "m", "accuracy", 100, times, 0.9, 0.9, 0.92, 0.94, truth, held, unknown)

    found = summary([answer(0.93, 2.0), answer(0.96, 2.0), answer(0.5, 2.0, unknown=True)])
    assert found["2 times"]["in_band"] == 0.5
    assert (found["2 times"]["forecasts"], found["2 times"]["unknown"]) == (2, 1)
    assert found["2 times"]["off"] == pytest.approx(
        0.25
    )  # medians of .1 and .4, over an error of .1
    assert found["2 times"]["no_more_gain_off"] == pytest.approx(0.45)
