"""Numbers as people write them, and their scaling."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import norm

from pellucid.data.columns import Loaded, RawColumn
from pellucid.data.modalities.number import Number, find_format, parse

NUMBER = Number()


def texts(*values: str | None) -> RawColumn:
    boxed = np.empty(len(values), dtype=object)
    boxed[:] = values
    return RawColumn("price", boxed)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (["1", "-2", "+3.5", "4e2", ".5", "6."], [1, -2, 3.5, 400, 0.5, 6]),
        (["1,5", "22,75", "3"], [1.5, 22.75, 3]),
        (["1.234,5", "1.234.567", "8"], [1234.5, 1234567, 8]),
        (["1,234.5", "1,234,567", "8"], [1234.5, 1234567, 8]),
        (["1,234", "22,000"], [1234, 22000]),
        (["1.234", "0.500"], [1.234, 0.5]),
        (["0,123", "1,234"], [0.123, 1.234]),
        (["1 234,5", "22 000"], [1234.5, 22000]),
        (["1\u00a0234", "5"], [1234, 5]),
        (["1'234.50", "7"], [1234.5, 7]),
        (["12,34,567", "1,00,000"], [1234567, 100000]),
        (["$5", "$1,200.50", "-$3"], [5, 1200.5, -3]),
        (["5 €", "6,5 €"], [5, 6.5]),
        (["EUR 5", "EUR 6"], [5, 6]),
        (["12%", "13.5 %", "9"], [12, 13.5, 9]),
        (["5 kg", "7.5kg"], [5, 7.5]),
        (["(1,200)", "5", "−7"], [-1200, 5, -7]),
    ],
)
def test_reads_numbers_as_the_column_writes_them(written: list[str], meant: list[float]) -> None:
    loaded = NUMBER.load(texts(*written))
    assert loaded.values.tolist() == meant
    assert loaded.repairs == {}


@pytest.mark.parametrize(
    "written",
    ["12:30", "2024-01-31", "1.2.3", "12 Main Street 5", "12-15", "A1", "<5", "", "1,23,4"],
)
def test_other_things_are_no_numbers(written: str) -> None:
    assert parse(written, {"decimal": ".", "thousands": ",", "unit": ""}) is None


def test_odd_values_become_missing_and_are_named() -> None:
    loaded = NUMBER.load(texts("1.5", "n/a", None, "inf", "5 kg", "2"))
    assert loaded.repairs == {
        1: "price 'n/a' is not a number, read as missing",
        3: "price is infinite, read as missing",
        4: "price '5 kg' is not a number, read as missing",
    }
    np.testing.assert_array_equal(loaded.values, [1.5, np.nan, np.nan, np.nan, np.nan, 2])


def test_one_cell_that_is_no_number_spoils_no_others() -> None:
    """Learned from a file whose decimal commas the reader understood; new cells come as text."""
    layout = NUMBER.load(RawColumn("x", np.array([1.5, 2.5]))).layout
    found = NUMBER.load(texts("4.321,50", "120,00", "abc"), layout)
    np.testing.assert_array_equal(found.values, [4321.5, 120.0, np.nan])
    assert list(found.repairs) == [2]
    assert NUMBER.load(texts("1.234", "abc"), layout).values[0] == 1.234
    euros = NUMBER.load(texts("1,50 €", "2,25 €")).layout
    assert np.isnan(NUMBER.load(texts("$1.50", "$2.25"), euros).values).all()


def test_infinities_in_numbers_are_named() -> None:
    loaded = NUMBER.load(RawColumn("x", np.array([1.0, np.inf, -np.inf, np.nan])))
    assert set(loaded.repairs) == {1, 2}
    assert np.isnan(loaded.values[1:]).all()


def test_the_source_is_not_changed() -> None:
    values = np.array([1.0, np.inf])
    NUMBER.load(RawColumn("x", values))
    assert values[1] == np.inf


def test_prediction_reads_with_the_layout_of_training() -> None:
    layout = NUMBER.load(texts("1.234,5 €", "2,25 €")).layout
    assert NUMBER.load(texts("1.234"), layout).values.tolist() == [1234]


@pytest.mark.parametrize("codes", [["007", "013"], ["+4917012345", "+1555010020"], ["1" * 17] * 3])
def test_codes_are_not_claimed(codes: list[str]) -> None:
    assert NUMBER.recognize(texts(*codes)) is None


def test_robust_scaling_by_hand() -> None:
    values = np.array([0.0, 1.0, 2.0, 3.0, 4.0])  # median 2, quartiles 1 and 3
    fitted = NUMBER.fit(Loaded(values))
    assert (fitted["way"], fitted["center"], fitted["scale"]) == ("robust", 2.0, 0.5)
    z = (values - 2) / 2
    expected = z / np.sqrt(1 + (z / 3) ** 2)
    np.testing.assert_allclose(NUMBER.encode(Loaded(values), fitted)[:, 0], expected, rtol=1e-6)


def test_range_where_the_quartiles_are_equal() -> None:
    assert NUMBER.fit(Loaded(np.array([0.0] * 9 + [10.0])))["scale"] == pytest.approx(0.2)


def test_constant_has_no_scale() -> None:
    fitted = NUMBER.fit(Loaded(np.full(5, 3.0)))
    assert fitted["scale"] == 0
    assert NUMBER.encode(Loaded(np.array([3.0, 99.0])), fitted).tolist() == [[0.0], [0.0]]


def test_missing_flag_only_where_training_lacked_values() -> None:
    full = NUMBER.fit(Loaded(np.array([1.0, 2.0, 3.0])))
    lacking = NUMBER.fit(Loaded(np.array([1.0, np.nan, 3.0])))
    new = Loaded(np.array([2.0, np.nan]))
    assert NUMBER.encode(new, full).tolist() == [[0.0], [0.0]]
    assert NUMBER.encode(new, lacking).tolist() == [[0.0, 0.0], [0.0, 1.0]]
    assert NUMBER.entry("x", lacking).size == 2


@pytest.mark.parametrize(
    "values", [[1e308, -1e308, 0.0], [1e308, -1e308], [5e-324, 0.0, 1e-323], [np.nan] * 3, []]
)
def test_extreme_numbers_stay_finite(values: list[float]) -> None:
    loaded = Loaded(np.array(values))
    encoded = NUMBER.encode(loaded, NUMBER.fit(loaded))
    assert np.isfinite(encoded).all()
    assert encoded.shape[0] == len(values)


def test_heavy_tails_are_ranked() -> None:
    values = np.random.default_rng(0).lognormal(sigma=2, size=5000)
    fitted = NUMBER.fit(Loaded(values))
    assert fitted["way"] == "quantile"
    assert "heavy tails" in fitted["why"]
    encoded = NUMBER.encode(Loaded(np.sort(values)), fitted)[:, 0]
    assert np.all(np.diff(encoded) >= 0)
    np.testing.assert_allclose(
        np.quantile(encoded, [0.1, 0.5, 0.9]), norm.ppf([0.1, 0.5, 0.9]), atol=0.02
    )
    assert np.isfinite(NUMBER.encode(Loaded(np.array([1e300, -1e300])), fitted)).all()


def test_many_zeros_share_the_middle_of_their_ranks() -> None:
    values = np.concatenate([np.zeros(800), np.random.default_rng(0).gamma(2, 10, 200)])
    fitted = NUMBER.fit(Loaded(values))
    assert fitted["way"] == "quantile"
    at_zero = NUMBER.encode(Loaded(np.array([0.0])), fitted)[0, 0]
    assert at_zero == pytest.approx(norm.ppf(0.4), abs=0.02)


def test_normal_and_uniform_are_not_ranked() -> None:
    rng = np.random.default_rng(0)
    for values in (rng.normal(size=5000), rng.random(5000), rng.exponential(size=5000)):
        assert NUMBER.fit(Loaded(values))["way"] == "robust"


def test_fitted_is_plain_json() -> None:
    fitted = NUMBER.fit(Loaded(np.random.default_rng(0).lognormal(sigma=2, size=500)))
    assert json.loads(json.dumps(fitted)) == fitted


def test_format_of_the_majority() -> None:
    assert find_format(["5 kg", "6 kg", "7 g"])["unit"] == "kg"
    assert find_format([]) == {"decimal": ".", "thousands": "", "unit": ""}
