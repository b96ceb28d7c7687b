"""Parts that the source itself names: an exam of its own, a column that says who is what."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pellucid.config import Settings
from pellucid.data.columns import RawColumn, RawTable
from pellucid.errors import PellucidError
from pellucid.recipe.watcher import Watcher
from pellucid.uses import asked
from pellucid.uses.forecast.course import ForecastCourse
from pellucid.uses.forecast.written import read_as
from pellucid.uses.use import Source

MONTHS = [str(np.datetime64("2015-01", "M") + number) for number in range(84)]


def sold(number: int) -> str:
    return f"{100 + number + 20 * np.sin(number * np.pi / 6):.2f}"


def written(path: Path, rows: list[str], head: str = "month,sold") -> Path:
    path.write_text("\n".join([head, *rows]) + "\n", "utf-8")
    return path


def months(start: int, stop: int, *more: str) -> list[str]:
    return [",".join((MONTHS[n], sold(n), *more)) for n in range(start, stop)]


def course_of(path: Path, test: Path | None = None, **words: object) -> ForecastCourse:
    settings = Settings(task="forecast", record=False, **words)  # type: ignore[arg-type]
    return ForecastCourse(Source(path, settings, test), settings, Watcher())


def test_a_second_file_that_is_later_is_the_exam(tmp_path: Path) -> None:
    early = written(tmp_path / "early.csv", months(0, 66))
    late = written(tmp_path / "late.csv", months(66, 84))
    course = course_of(early, late)
    assert course.horizon.value == 10  # an eighth of 84; the exam has 18
    assert course.sealed.origin.min() >= 65
    assert course.sealed.origin.max() + course.frame.horizon == 83
    assert course.check.origin.max() + course.frame.horizon <= 65
    assert course.learn.origin.max() + course.frame.horizon < course.cut.valid[0]
    assert course.examples.ledger.counts()["test"] == 18
    plain = Settings(record=False)
    assert asked(Source(early, plain, late)) is not None  # taken by itself, as without --test
    other = written(tmp_path / "other.csv", months(10, 20))
    assert asked(Source(early, plain, other)) is None


def test_a_short_exam_says_how_far_to_look(tmp_path: Path) -> None:
    early = written(tmp_path / "early.csv", months(0, 80))
    late = written(tmp_path / "late.csv", months(80, 84))
    course = course_of(early, late)
    assert (course.horizon.value, course.horizon.why) == (
        4,
        "as long as the exam that the source gives",
    )
    assert course.sealed.origin.tolist() == [79]
    with pytest.raises(PellucidError, match="the exam has 4 times, and 6 steps") as caught:
        course_of(early, late, horizon=6)
    assert caught.value.where == "--horizon 6"
    assert "--horizon 4" in caught.value.fix


def test_an_exam_without_values_is_a_future_to_fill_in(tmp_path: Path) -> None:
    early = written(tmp_path / "early.csv", months(0, 80))
    late = written(tmp_path / "late.csv", [f"{MONTHS[n]}," for n in range(80, 84)])
    course = course_of(early, late)
    assert any("times to come" in note for note in course.examples.notes)
    assert course.horizon.value == 4
    assert course.sealed.origin.max() + 4 == 79


def test_times_in_both_and_a_past_exam_are_refused(tmp_path: Path) -> None:
    early = written(tmp_path / "early.csv", months(0, 70))
    with pytest.raises(PellucidError, match="5 rows of the exam have times") as caught:
        course_of(early, written(tmp_path / "late.csv", months(65, 84)))
    assert "late.csv" in caught.value.where
    assert caught.value.fix
    later = written(tmp_path / "later.csv", months(20, 84))
    with pytest.raises(PellucidError, match="come after rows to be asked at the exam"):
        course_of(later, written(tmp_path / "first.csv", months(0, 20)))


def test_a_column_may_name_the_parts(tmp_path: Path) -> None:
    rows = [
        *months(0, 56, "train"),
        *months(56, 70, "valid"),
        *months(70, 84, "test"),
    ]
    path = written(tmp_path / "said.csv", rows, "month,sold,part")
    course = course_of(path, split="part", horizon=6)
    assert (course.cut.valid.tolist(), course.cut.test.tolist()) == ([56], [70])
    counts = course.examples.ledger.counts()
    assert (counts["train"], counts["valid"], counts["test"]) == (56, 14, 14)
    assert course.layout.others == ()
    # A part to choose by that is shorter than what is looked ahead begins earlier.
    rows[56:70] = months(56, 66, "train") + months(66, 70, "valid")
    course = course_of(written(path, rows, "month,sold,part"), split="part", horizon=6)
    assert course.cut.valid.tolist() == [64]


def test_one_part_held_out_chooses_and_is_sealed(tmp_path: Path) -> None:
    rows = [*months(0, 64, "train"), *months(64, 84, "valid")]
    path = written(tmp_path / "said.csv", rows, "month,sold,part")
    course = course_of(path, split="part", horizon=5)
    assert (course.cut.valid.tolist(), course.cut.test.tolist()) == ([64], [74])
    assert any("first half chooses" in note for note in course.examples.notes)


def test_parts_at_random_are_refused(tmp_path: Path) -> None:
    parts = np.random.default_rng(0).permutation(["train"] * 60 + ["test"] * 24)
    rows = [f"{row},{part}" for row, part in zip(months(0, 84), parts, strict=True)]
    path = written(tmp_path / "said.csv", rows, "month,sold,part")
    with pytest.raises(PellucidError, match="the past would be asked for") as caught:
        course_of(path, split="part")
    assert "the latest part is the exam" in caught.value.fix


def test_numbers_with_commas_and_a_currency_are_what_is_forecast(tmp_path: Path) -> None:
    amounts = [f"{float(sold(n)) * 1000:,.2f}".translate({44: ".", 46: ","}) for n in range(84)]
    rows = [f"{MONTHS[n]};{amounts[n]} €" for n in range(84)]
    rows[30] = f"{MONTHS[30]};k.A."
    path = tmp_path / "umsatz.csv"
    path.write_text("\n".join(["Monat;Umsatz", *rows]) + "\n", "utf-8")
    settings = Settings(record=False)
    assert (asked(Source(path, settings)) or ("",))[0] == "forecast"
    course = course_of(path)
    assert course.layout.values == ("Umsatz",)
    assert course.panel.values[0, 5] == pytest.approx(float(sold(5)) * 1000)
    assert np.isnan(course.panel.values[0, 30])
    assert "k.A.' is not a number, read as missing" in str(course.examples.ledger.repaired_items())
    # A table to be filled in writes its numbers in the same way.
    roles = course._roles()
    later = RawTable(
        "next",
        {"Umsatz": RawColumn("Umsatz", np.array(["1.234,50 €", None], dtype=object))},
        ["row 1", "row 2"],
    )
    read = read_as(later, roles.written).columns["Umsatz"].values
    assert read[0] == 1234.5
    assert np.isnan(read[1])


def test_a_series_that_begins_late_is_in_no_exam_and_has_a_scale(tmp_path: Path) -> None:
    rows = [f"old,{row}" for row in months(0, 84)]
    rows += [f"new,{MONTHS[n]},{10 * float(sold(n)):.1f}" for n in range(60, 84)]
    path = written(tmp_path / "shops.csv", rows, "shop,month,sold")
    course = course_of(path, horizon=6)
    new = course.panel.names.index("new")
    assert new not in course.sealed.series
    assert new not in course.check.series
    # Ten times as much is sold there: so is the usual error, twelve months apart.
    assert course.frame.unit[new] / course.frame.unit[1 - new] == pytest.approx(10, rel=0.1)
    assert any("1 series are not in the exam" in note for note in course.examples.notes)
