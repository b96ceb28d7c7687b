"""Series of any length and number of channels."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pellucid.data.columns import RawColumn
from pellucid.data.modalities import series
from pellucid.data.modalities.series import SeriesModality

SERIES = SeriesModality()


def column(rows: list[object]) -> RawColumn:
    values = np.empty(len(rows), dtype=object)
    for number, row in enumerate(rows):
        values[number] = row
    return RawColumn("ecg", values)


def walks(count: int = 30, level: float = 0.0, seed: int = 0) -> list[object]:
    rng = np.random.default_rng(seed)
    return [
        rng.normal(size=(20 + n % 7, 2)).cumsum(axis=0) + level * rng.normal() for n in range(count)
    ]


def test_recognizes_numbers_in_order_only() -> None:
    assert SERIES.recognize(column([np.arange(3.0), np.arange(5)])).why.startswith("3 to 5")
    assert SERIES.recognize(RawColumn("x", np.zeros((4, 50)))).sure > 0.8
    assert SERIES.recognize(RawColumn("x", np.zeros((4, 50, 3)))).sure > 0.5
    for other in (
        column(["a", "b"]),
        column([["a"], ["b"]]),
        column([None, None]),
        column([np.array(["a"])]),
        column([np.zeros((2, 2, 2))]),
        RawColumn("x", np.arange(5.0)),
        RawColumn("x", np.zeros((4, 1))),
    ):
        assert SERIES.recognize(other) is None


def test_short_rows_are_padded_with_nan() -> None:
    loaded = SERIES.load(column([np.array([1, 2, 3]), np.array([4.0, np.nan]), np.array([5.0])]))
    expected = [[1, 2, 3], [4, np.nan, np.nan], [5, np.nan, np.nan]]
    np.testing.assert_array_equal(loaded.values[..., 0], expected)
    assert loaded.values.dtype == np.float32
    assert loaded.layout["why"] == "1 to 3 steps, 1 channel"
    assert SERIES.draw(loaded, 2).data.tolist() == [[5.0]]


def test_dense_arrays_are_taken_as_they_are() -> None:
    values = np.random.default_rng(0).normal(size=(6, 9, 4))
    np.testing.assert_allclose(SERIES.load(RawColumn("x", values)).values, values, rtol=1e-6)
    flat = SERIES.load(RawColumn("x", values[:, :, 0]))
    assert flat.values.shape == (6, 9, 1)


def test_what_does_not_fit_is_a_problem_by_row() -> None:
    rows = [
        *walks(5),
        np.zeros((9, 3)),
        np.zeros((0, 2)),
        np.full((4, 2), np.nan),
        None,
        np.zeros((2, 2, 2)),
        np.array(["a", "b"]),
        np.full((4, 2), np.inf),
    ]
    loaded = SERIES.load(column(rows))
    assert loaded.problems == {
        5: "3 channels; the others have 2",
        6: "a series of 0 steps",
        7: "every value is missing",
        8: "no series",
        9: "an array with 3 axes; a series has time and channels",
        10: "not all values are numbers",
        11: "every value is missing or infinite",
    }
    assert loaded.repairs == {}


def test_infinite_values_become_missing_and_are_reported() -> None:
    loaded = SERIES.load(column([np.array([1.0, np.inf, 3.0, -np.inf, 1e300])]))
    np.testing.assert_array_equal(loaded.values[0, :, 0], [1, np.nan, 3, np.nan, np.nan])
    assert loaded.repairs == {0: "3 infinite values became missing"}


def test_long_series_are_averaged_down() -> None:
    long = np.arange(10_000.0)
    long[:3] = np.nan
    loaded = SERIES.load(column([long, long[:100], long[:4000]]))
    assert loaded.layout["every"] == 3
    assert loaded.values.shape[1] <= 4096
    assert "the mean of every 3 steps is kept" in loaded.layout["why"]
    np.testing.assert_array_equal(loaded.values[0, :3, 0], [np.nan, 4, 7])
    assert (~np.isnan(loaded.values[1, :, 0])).sum() == 33  # 100 steps: 34 means, one missing


def test_one_endless_series_is_cut_instead_of_blurring_all() -> None:
    rows = [np.arange(50.0) for _ in range(300)]
    rows[7] = np.arange(50_000.0)
    loaded = SERIES.load(column(list(rows)))
    assert (loaded.layout["length"], loaded.layout["every"]) == (50, 1)
    assert loaded.repairs == {7: "cut from 50,000 to 50 steps"}


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "LARGEST", 4 * 10 * 25)
    loaded = SERIES.load(RawColumn("x", np.random.default_rng(0).normal(size=(10, 100))))
    assert loaded.values.shape == (10, 25, 1)


def test_prediction_uses_the_layout_of_training() -> None:
    layout = SERIES.load(column(walks())).layout
    later = SERIES.load(column([np.zeros((40, 2)), np.ones((3, 2))]), layout)
    assert later.values.shape == (2, 26, 2)
    assert later.repairs == {0: "cut from 40 to 26 steps"}


def test_alike_series_are_normalized_by_the_training_rows() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(60, 40, 2)) * [1, 100] + [0, 1000]
    loaded = SERIES.load(RawColumn("x", values))
    train = np.arange(30)
    fitted = SERIES.fit(loaded.take(train))
    assert not fitted["per_row"]
    np.testing.assert_allclose(fitted["mean"], values[:30].mean(axis=(0, 1)), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(fitted["std"], values[:30].std(axis=(0, 1)), rtol=1e-4)
    encoded = SERIES.encode(loaded, json.loads(json.dumps(fitted)))
    assert encoded.dtype == np.float32
    np.testing.assert_allclose(encoded[train].mean(axis=(0, 1)), 0, atol=1e-3)
    np.testing.assert_allclose(encoded[train].std(axis=(0, 1)), 1, atol=1e-3)
    assert SERIES.entry("x", fitted).size == 2


def test_series_on_different_levels_are_normalized_by_themselves() -> None:
    loaded = SERIES.load(column(walks(level=500.0)))
    fitted = SERIES.fit(loaded)
    assert fitted["per_row"]
    assert "normalized by itself" in fitted["why"]
    encoded = SERIES.encode(loaded, fitted)
    assert encoded.shape == (30, 26, 6)
    assert SERIES.entry("x", fitted).size == 6
    np.testing.assert_array_equal(np.isnan(encoded[..., 0]), np.isnan(loaded.values[..., 0]))
    np.testing.assert_allclose(np.nanmean(encoded[..., :2], axis=1), 0, atol=1e-3)
    np.testing.assert_allclose(np.nanstd(encoded[..., :2], axis=1), 1, atol=1e-3)
    # Level and spread are the same at every step, and standardized over the training rows.
    assert np.nanmax(np.nanstd(encoded[..., 2:], axis=1)) < 1e-5
    sides = np.nanmean(encoded[..., 2:], axis=1)
    np.testing.assert_allclose(sides.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(sides.std(axis=0), 1, atol=1e-4)


def test_series_that_vary_very_differently_are_normalized_by_themselves() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 30)) * 10.0 ** rng.uniform(-2, 2, size=(40, 1))
    fitted = SERIES.fit(SERIES.load(RawColumn("x", values)))
    assert fitted["per_row"]


def test_constant_series_encode_to_finite_numbers() -> None:
    values = np.full((10, 20), 7.0)
    loaded = SERIES.load(RawColumn("x", values))
    fitted = SERIES.fit(loaded)
    assert not fitted["per_row"]
    np.testing.assert_array_equal(SERIES.encode(loaded, fitted), 0)
    mixed = SERIES.load(column([*walks(level=500.0), np.full((9, 2), 3.0)]))
    encoded = SERIES.encode(mixed, SERIES.fit(mixed))
    assert np.isfinite(encoded[30, :9]).all()


def test_near_duplicates_share_a_key_and_others_do_not() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(500, 60)).cumsum(axis=1)
    spread = values.std(axis=1, keepdims=True)
    noisy = values + 0.01 * spread * rng.normal(size=values.shape)
    keys = SERIES.keys(SERIES.load(RawColumn("x", np.concatenate([values, values, noisy]))))
    assert len(set(keys[:500])) == 500
    assert keys[:500] == keys[500:1000] == keys[1000:]


def test_too_little_has_no_key() -> None:
    rows = [np.zeros(20), np.arange(3.0), np.arange(20.0), np.arange(20.0)]
    keys = SERIES.keys(SERIES.load(column(list(rows))))
    assert keys[:2] == [None, None]
    assert keys[2] == keys[3] is not None
