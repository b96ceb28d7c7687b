"""Dates in many hands, and what is learned from them."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.data.columns import Loaded, RawColumn
from pellucid.data.modalities.date import Date

DATE = Date()


def texts(*values: str | None) -> RawColumn:
    boxed = np.empty(len(values), dtype=object)
    boxed[:] = values
    return RawColumn("when", boxed)


def moments(*values: str) -> Loaded:
    return Loaded(np.array(values, dtype="datetime64[us]"))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2024-01-31", "2024-01-31"),
        ("2024/1/5", "2024-01-05"),
        ("2024-03", "2024-03-01"),
        ("31.01.2024", "2024-01-31"),
        ("31/1/24", "2024-01-31"),
        ("1/31/1999", "1999-01-31"),
        ("31-12-69", "1969-12-31"),
        ("2024-01-31 10:20", "2024-01-31T10:20"),
        ("2024-01-31T10:20:30.5", "2024-01-31T10:20:30.5"),
        ("2024-01-31T10:20:30Z", "2024-01-31T10:20:30"),
        ("2024-01-31T00:20:30+02:00", "2024-01-30T22:20:30"),
        ("2024-01-31 23:00 -0500", "2024-02-01T04:00"),
        ("1/31/2024 1:05 PM", "2024-01-31T13:05"),
        ("12:30 am", "1970-01-01T00:30"),
        ("Jan 5, 2024", "2024-01-05"),
        ("5 January 2024", "2024-01-05"),
        ("05-Mar-99", "1999-03-05"),
        ("March 1st, 2024", "2024-03-01"),
        ("Mon, 12 Feb 2024 10:00:00 +0000", "2024-02-12T10:00"),
        ("20240131", "2024-01-31"),
    ],
)
def test_reads_dates(written: str, meant: str) -> None:
    loaded = DATE.load(texts(written, written))
    assert loaded.values[0] == np.datetime64(meant, "us")
    assert loaded.repairs == {}


def test_the_whole_column_decides_on_day_or_month_first() -> None:
    assert DATE.load(texts("03/04/2024", "13/04/2024")).values[0] == np.datetime64("2024-04-03")
    assert DATE.load(texts("03/04/2024", "04/13/2024")).values[0] == np.datetime64("2024-03-04")
    first_of_month = DATE.load(texts("1/1/2024", "1/2/2024", "1/3/2024"))
    assert "first part is always 1" in first_of_month.layout["why"]
    # Days of a January; with dots nobody writes the month first.
    days = DATE.load(texts("01.01.2025", "02.01.2025", "03.01.2025"))
    assert days.values[2] == np.datetime64("2025-01-03")
    months = DATE.load(texts("1/1/2024", "2/1/2024", "3/1/2024"))
    assert months.values[2] == np.datetime64("2024-03-01")
    assert DATE.load(texts("03/04/2024")).layout["why"].startswith("ambiguous: 03/04/2024")


def test_impossible_dates_become_missing_and_are_named() -> None:
    loaded = DATE.load(texts("2024-02-30", "2024-01-01", "soon", None))
    assert np.isnat(loaded.values).tolist() == [True, False, True, True]
    assert loaded.repairs == {
        0: "when '2024-02-30' is not a date, read as missing",
        2: "when 'soon' is not a date, read as missing",
    }


def test_the_fast_and_the_careful_way_agree() -> None:
    plain = ["2024-01-31", "1999-12-01T10:20:30", "2024-01-31 00:00:01.250000"]
    fast = DATE.load(texts(*plain, None)).values
    careful = DATE.load(texts(*plain, None, "31 Jan 2024")).values
    np.testing.assert_array_equal(fast, careful[:-1])


def test_seconds_since_1970_need_a_name() -> None:
    stamps = np.array([1.6e9, 1.65e9, 1.7e9])
    assert DATE.recognize(RawColumn("price", stamps)) is None
    reading = DATE.recognize(RawColumn("created_at", stamps))
    assert reading is not None
    loaded = DATE.load(RawColumn("timestamp", stamps * 1000))
    assert loaded.values[0] == np.datetime64("2020-09-13T12:26:40")


@pytest.mark.parametrize(
    "values", [["1.5", "2.5"], ["12-34", "13-35"], ["may", "june"], ["10", "11"]]
)
def test_other_things_are_not_claimed(values: list[str]) -> None:
    reading = DATE.recognize(texts(*values))
    assert reading is None or reading.sure < 0.5


def test_features_by_hand() -> None:
    loaded = moments("2024-01-01T06:00", "2025-04-02T18:00")  # a Monday and a Wednesday
    fitted = DATE.fit(loaded)
    encoded = DATE.encode(loaded, fitted)
    assert fitted["waves"] == ["month", "weekday", "hour"]
    assert encoded.shape == (2, 8) == (2, DATE.entry("when", fitted).size)
    one = 1 / np.sqrt(1 + 1 / 9)  # one standard deviation, bent a little
    np.testing.assert_allclose(encoded[0, :2], [-one, -one], rtol=1e-5)
    np.testing.assert_allclose(encoded[0, 2:], [0, 1, 0, 1, 1, 0], atol=1e-6)
    np.testing.assert_allclose(encoded[1, 2:4], [1, 0], atol=1e-6)  # April: a quarter of the year
    np.testing.assert_allclose(encoded[1, 6:], [-1, 0], atol=1e-6)  # 18 o'clock


def test_only_what_varies_is_encoded() -> None:
    assert DATE.fit(moments("2024-01-01", "2024-01-08"))["waves"] == []
    fitted = DATE.fit(moments("2024-01-01", "2024-01-01"))
    encoded = DATE.encode(moments("2024-01-01", "2030-05-05"), fitted)
    assert encoded.shape == (2, 1)
    assert not encoded.any()


def test_missing_dates_are_flagged() -> None:
    loaded = moments("2024-01-01", "NaT", "2024-06-01")
    encoded = DATE.encode(loaded, DATE.fit(loaded))
    assert encoded[:, -1].tolist() == [0, 1, 0]
    assert not encoded[1, :-1].any()


def test_far_away_dates_stay_near() -> None:
    fitted = DATE.fit(moments("2024-01-01", "2024-02-01"))
    assert np.abs(DATE.encode(moments("0001-01-01", "9999-12-31"), fitted)).max() <= 3


def test_drawn_as_a_person_writes_it() -> None:
    loaded = moments("2024-01-31", "2024-01-31T10:20", "NaT")
    drawn = [DATE.draw(loaded, row).data for row in range(3)]
    assert drawn == ["2024-01-31", "2024-01-31 10:20:00", "missing"]
