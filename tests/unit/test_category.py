"""Categories, flags and lists of words."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.data.columns import Loaded, RawColumn
from pellucid.data.modalities.category import MOST_WORDS, Category
from pellucid.data.modalities.words import MOST_WORDS as MOST_LISTED
from pellucid.data.modalities.words import Words

CATEGORY, WORDS = Category(), Words()


def boxed(*values: object) -> np.ndarray:
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made


def loaded(*values: object) -> Loaded:
    return CATEGORY.load(RawColumn("c", boxed(*values)))


def test_vocabulary_by_frequency_then_name() -> None:
    fitted = CATEGORY.fit(loaded("b", "a", "c", "c", None))
    assert fitted["words"] == ["c", "a", "b"]
    assert CATEGORY.encode(loaded("a", "c", "new", None), fitted).tolist() == [2, 1, 0, 0]
    assert CATEGORY.entry("c", fitted).size == 4


def test_outer_spaces_do_not_count() -> None:
    assert loaded(" red", "red ", "", "  ").values.tolist() == ["red", "red", None, None]


def test_numbers_are_the_same_however_they_are_read() -> None:
    from_numbers = CATEGORY.load(RawColumn("c", np.array([1.0, 2.5, np.nan])))
    assert from_numbers.values.tolist() == ["1", "2.5", None]
    later = CATEGORY.load(RawColumn("c", boxed("1", "1.0", "x")), from_numbers.layout)
    assert later.values.tolist() == ["1", "1", "x"]
    from_text = loaded("007", "1")
    later = CATEGORY.load(RawColumn("c", np.array([1.0])), from_text.layout)
    assert (from_text.values.tolist(), later.values.tolist()) == (["007", "1"], ["1"])


def test_rare_words_stay_unless_there_are_very_many() -> None:
    assert len(CATEGORY.fit(loaded("a", "b", "b"))["words"]) == 2
    many = [f"w{index}" for index in range(MOST_WORDS + 5)]
    fitted = CATEGORY.fit(loaded(*many, *many[:100]))
    assert len(fitted["words"]) == 100
    assert "100 of 10,005 values were seen at least 2 times" in fitted["why"]


def test_an_empty_column_has_one_number() -> None:
    fitted = CATEGORY.fit(loaded(None, None))
    assert CATEGORY.encode(loaded("a"), fitted).tolist() == [0]
    assert CATEGORY.entry("c", fitted).size == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("red; round", ["red", "round"]),
        ("red;", ["red"]),
        ("['red', \"big\"]", ["red", "big"]),
        ("[]", []),
        (["red", " big "], ["red", "big"]),
        (None, None),
    ],
)
def test_lists_are_taken_apart(value: object, text: list[str] | None) -> None:
    raw = RawColumn("tags", boxed(value, "a;b", "c;d"))
    assert WORDS.load(raw).values[0] == text


def test_multi_hot() -> None:
    listed = WORDS.load(RawColumn("tags", boxed("a;b", "b", "b;c;b", None)))
    fitted = WORDS.fit(listed)
    assert fitted["words"] == ["b", "a", "c"]
    expected = [[1, 1, 0], [1, 0, 0], [1, 0, 1], [0, 0, 0]]
    assert WORDS.encode(listed, fitted).tolist() == expected
    unseen = WORDS.load(RawColumn("tags", boxed("z;c")), listed.layout)
    assert WORDS.encode(unseen, fitted).tolist() == [[0, 0, 1]]


def test_only_the_commonest_words() -> None:
    rows = [";".join(f"w{index}" for index in range(row, 100)) for row in range(100)]
    fitted = WORDS.fit(WORDS.load(RawColumn("tags", boxed(*rows))))
    assert len(fitted["words"]) == MOST_LISTED
    assert "w99" in fitted["words"]
    assert "w0" not in fitted["words"]


@pytest.mark.parametrize(
    "values",
    [
        ["Braund, Mr. Owen", "Cumings, Mrs. John", "Heikkinen, Miss. Laina"] * 5,
        ["Paris, France", "Lyon, France", "Rome, Italy", "Bari, Italy"] * 5,
        ["1,5", "2,5", "3,25"] * 5,
        ["one", "two"] * 5,
    ],
)
def test_not_every_comma_makes_a_list(values: list[str]) -> None:
    reading = WORDS.recognize(RawColumn("x", boxed(*values)))
    assert reading is None or reading.sure < 0.88
