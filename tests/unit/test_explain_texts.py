"""Texts in words, and what is left of a text without some of them."""

from __future__ import annotations

import numpy as np
import pytest
from explaining import cells, stand_in
from hypothesis import given
from hypothesis import strategies as st

from pellucid.evidence.explain.counterfactual import another_class, removal_of_pieces
from pellucid.evidence.explain.inside import explain_inside
from pellucid.evidence.explain.pieces import Question
from pellucid.evidence.explain.texts import MOST_PIECES, phrases, text_pieces, without, words_of
from pellucid.evidence.subject import Rows
from pellucid.tasks.classify import Classify

REVIEW = "A great film, really great; only the end is dull (but short)."


def pieces(text: str) -> list[str]:
    return [text[start:end] for start, end in words_of(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't go, e-mail me!", ["Don't", "go", ",", "e-mail", "me", "!"]),
        ('He said: "no".', ["He", "said", ":", '"', "no", '".']),
        ("costs 3.50 $", ["costs", "3.50", "$"]),
        ("我喜欢", ["我", "喜", "欢"]),
        ("हिन्दी पाठ", ["हिन्दी", "पाठ"]),
        ("", []),
        ("\n\t ", []),
        ("C" * 30, ["C"] * 30),
    ],
)
def test_words_are_what_a_person_would_take_out(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


@pytest.mark.parametrize(
    ("gone", "left"),
    [
        ({"great"}, "A film, really; only the end is dull (but short)."),
        ({"film", ","}, "A great really great; only the end is dull (but short)."),
        ({"but"}, "A great film, really great; only the end is dull (short)."),
        ({"A"}, "great film, really great; only the end is dull (but short)."),
        ({"short", ").", "(", "but"}, "A great film, really great; only the end is dull"),
        (set(), REVIEW),
    ],
)
def test_what_is_left_reads_as_if_nobody_had_cut(gone: set[str], left: str) -> None:
    places = tuple(words_of(REVIEW))
    out = np.array([REVIEW[start:end] in gone for start, end in places])
    assert without(REVIEW, places, out) == left


def test_lines_stay_lines() -> None:
    text = "one two\nthree"
    assert without(text, tuple(words_of(text)), np.array([False, True, False])) == "one\nthree"


@given(st.text(max_size=60), st.randoms(use_true_random=False))
def test_words_lie_in_order_and_what_stays_is_left_in_order(text: str, random: object) -> None:
    places = words_of(text)
    ends = [0, *(end for _, end in places)]
    assert all(before <= start < end for before, (start, end) in zip(ends, places, strict=False))
    gone = np.array([random.random() < 0.5 for _ in places], dtype=bool)  # type: ignore[attr-defined]
    left = without(text, tuple(places), gone)
    kept = [text[s:e] for (s, e), out in zip(places, gone, strict=True) if not out]
    assert "".join(left.split()) == (
        "".join("".join(kept).split()) if gone.any() else "".join(text.split())
    )
    if gone.any():
        assert left == left.strip()


def test_long_texts_are_cut_into_phrases_of_equally_many_words() -> None:
    text = " ".join(f"word{number}" for number in range(1000))
    found = text_pieces(cells(text=[text]), "text")
    assert len(found.names) <= MOST_PIECES
    assert found.names[0] == "word0 word1 word2 word3"
    assert " ".join(found.names) == text


SPEECH = (
    "It rained all day. Nobody came to the house on the hill, and nobody wrote; we had expected"
    " that. In the evening the lamp was lit! Did you see it? We did\nand then we went to bed"
)


@pytest.mark.parametrize("most", [1, 2, 3, 5, 8, 12, 40, 100])
def test_phrases_hold_every_word_once_and_are_no_more_than_asked(most: int) -> None:
    words = words_of(SPEECH)
    found = phrases(SPEECH, words, most)
    assert len(found) <= most
    assert [start for start, _ in found] == [0, *(end for _, end in found[:-1])]
    assert found[-1][1] == len(words)
    assert all(start < end for start, end in found)
    if most >= len(words):
        assert len(found) == len(words)


def test_phrases_end_where_sentences_do() -> None:
    names = text_pieces(cells(text=[SPEECH]), "text", 6).names
    ends = [name[-1] in ".,;!?" or name.endswith("We did") for name in names[:-1]]
    assert sum(ends) >= len(ends) - 1
    assert "It rained all day." in names
    assert not any("all day. Nobody" in name for name in names)


def test_other_columns_stay_as_they_are() -> None:
    found = text_pieces(cells(text=["a b"], size=[7.0]), "text").removed(np.eye(2, dtype=bool))
    assert found["text"].values.tolist() == ["b", "a"]
    assert found["size"].values.tolist() == [7.0, 7.0]


def test_a_missing_text_has_no_words() -> None:
    assert text_pieces(cells(text=[None]), "text").names == ()


# --- explained -------------------------------------------------------------------------------


def likes(rows: Rows) -> np.ndarray:
    """A model that counts: 'great' is worth 0.2, 'dull' -0.3."""
    texts = [text.lower() for text in rows["text"].values]
    likes_it = np.array([0.5 + 0.2 * t.count("great") - 0.3 * t.count("dull") for t in texts])
    return np.stack([1 - likes_it, likes_it], axis=1)


TASK = Classify("liked", ["no", "yes"])
SUBJECT = stand_in(likes, ("text",), TASK, {"text": "text"})


def test_words_get_what_they_are_worth_and_the_test_is_passed() -> None:
    row = cells(text=[REVIEW])
    found, _ = explain_inside(SUBJECT, row, "text", Question(1, "yes", 0.6), seconds=0.2)
    worth = {"great": 0.2, "dull": -0.3}
    expected = [worth.get(name, 0.0) for name in found.names]
    assert found.values == pytest.approx(expected, abs=0.02)
    assert found.base == pytest.approx(0.5)
    assert found.faithful.trusted
    assert found.modality == "text"


def test_what_answers_slowly_is_asked_about_phrases() -> None:
    """So few answers fit into the time that words can't be told apart; cut by the same rule."""
    text = " ".join(["good bad so so"] * 40)
    row = cells(text=[text])
    question = Question(1, "yes", 0.5)
    few, pieces = explain_inside(SUBJECT, row, "text", question, seconds=0.5, pace=0.01)
    assert len(few.names) == len(pieces.places) == 16
    assert few.names == text_pieces(row, "text", 16).names
    many, _ = explain_inside(SUBJECT, row, "text", question, seconds=0.5, pace=1e-5)
    assert len(many.names) == 160


def test_a_model_that_reads_nothing_is_not_to_be_trusted() -> None:
    deaf = stand_in(lambda rows: np.full((len(rows["text"].values), 2), 0.5), ("text",), TASK,
                    {"text": "text"})  # fmt: skip
    found, _ = explain_inside(
        deaf, cells(text=[REVIEW]), "text", Question(0, "no", 0.5), seconds=0.1
    )
    assert not found.faithful.trusted


def test_the_fewest_words_that_change_the_answer() -> None:
    row = cells(text=["great great great dull film"])
    cut = text_pieces(row, "text")
    values = np.array([0.2, 0.2, 0.2, -0.3, 0.0])
    found = removal_of_pieces(SUBJECT, cut, values, another_class(TASK, 1), "another answer")
    assert found.answer is None  # both would be needed, and a fifth of five words is one
    long = cells(text=["great dull film " + "with a plot " * 4])
    cut = text_pieces(long, "text")
    values = np.array([0.2, -0.3, *[0.0] * 13])
    aim = another_class(TASK, 0)
    found = removal_of_pieces(SUBJECT, cut, -values, aim, "another answer")
    assert found.removed == ("dull",)
    assert found.answer is not None
    assert found.answer["answer"] == "yes"
