from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pellucid.errors import BundleError
from pellucid.recording.answers import MOST_BYTES, AnswersWriter, read_answers, rows_kept

ROWS = np.array([3, 7, 8])


def writer(folder: Path, *, number: str = "<f2") -> AnswersWriter:
    return AnswersWriter(folder, ROWS, np.array([0, 1, 1]), outputs=2, number=number)


def values(step: int) -> np.ndarray:
    yes = np.array([0.25, 0.5, 0.75]) / step
    return np.stack([1 - yes, yes], axis=1)


def filled(folder: Path, *steps: int) -> AnswersWriter:
    made = writer(folder)
    made.begin(0)
    for step in steps:
        made.add(step, values(step))
    return made


def test_what_is_added_is_read(tmp_path: Path) -> None:
    filled(tmp_path, 5, 10)
    found = read_answers(tmp_path)
    assert found.rows.tolist() == [3, 7, 8]
    assert found.target.tolist() == [0, 1, 1]
    assert found.target.dtype == np.int64
    assert found.steps.tolist() == [5, 10]
    np.testing.assert_array_equal(found.values, np.float16([values(5), values(10)]))


def test_before_the_first_evaluation_there_are_rows_and_no_answers(tmp_path: Path) -> None:
    writer(tmp_path).begin(0)
    found = read_answers(tmp_path)
    assert found.values.shape == (0, 3, 2)
    assert found.steps.tolist() == []


def test_a_record_cut_short_is_left_out(tmp_path: Path) -> None:
    filled(tmp_path, 5, 10)
    path = tmp_path / "answers" / "values.bin"
    path.write_bytes(path.read_bytes()[:-1])
    assert read_answers(tmp_path).steps.tolist() == [5]


def test_resuming_forgets_what_came_later(tmp_path: Path) -> None:
    filled(tmp_path, 5, 10, 15)
    path = tmp_path / "answers" / "values.bin"
    path.write_bytes(path.read_bytes()[:-1])
    again = writer(tmp_path)
    again.begin(7)
    again.add(12, values(12))
    found = read_answers(tmp_path)
    assert found.steps.tolist() == [5, 12]
    np.testing.assert_array_equal(found.values[0], np.float16(values(5)))


def test_numbers_keep_32_bits(tmp_path: Path) -> None:
    prices = np.array([[250_000.0], [1e9], [-3.0]])
    made = AnswersWriter(tmp_path, ROWS, prices, outputs=1, number="<f4")
    made.begin(0)
    made.add(1, prices)
    found = read_answers(tmp_path)
    np.testing.assert_array_equal(found.values[0], prices)
    np.testing.assert_array_equal(found.target, prices)


@pytest.mark.parametrize(
    "about", ["{", "[]", "{}", '{"rows": [1], "target": [0], "target_type": "?!", "outputs": 1}']
)
def test_a_damaged_beginning_says_so(tmp_path: Path, about: str) -> None:
    filled(tmp_path, 5)
    (tmp_path / "answers" / "about.json").write_text(about)
    with pytest.raises(BundleError, match=r"about\.json is damaged"):
        read_answers(tmp_path)


def test_the_beginning_is_plain_json(tmp_path: Path) -> None:
    filled(tmp_path)
    about = json.loads((tmp_path / "answers" / "about.json").read_text())
    assert about["rows"] == [3, 7, 8]
    assert about["number"] == "<f2"


def test_rows_are_spread_evenly_and_fit_on_the_disk() -> None:
    kept = rows_kept(10_000, 3, 50)
    assert len(kept) == 1000
    assert (kept[0], kept[-1]) == (0, 9_999)
    assert set(np.diff(kept).tolist()) == {10, 11}
    many = rows_kept(10_000, 1000, 60)
    assert 50 < len(many) < 1000
    assert 2 * len(many) * 1000 * 60 <= MOST_BYTES
