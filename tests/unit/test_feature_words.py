"""The words that a bag of words and pairs goes by: planted ones are found, others are not named."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from explaining import cells, untrained

from pellucid.evidence.features.words import (
    Telling,
    Texts,
    Voice,
    figures_of,
    sentence_of,
    shown,
    table_of,
    telling_words,
)
from pellucid.evidence.subject import Rows, Subject, take
from pellucid.network.assemble import Branch
from pellucid.network.embed import HASH, PAIRS, Pairs
from pellucid.tasks.classify import Classify
from pellucid.tasks.regress import Regress

WORDS = "film plot the a story actor music end was long rain day old new blue".split()  # noqa: SIM905
TASK = Classify("y", ["low", "high", "other"])


def texts(count: int, seed: int) -> Rows:
    """Texts of which each third has 'good', each fourth of these behind 'not'."""
    random, rows = np.random.default_rng(seed), []
    for number in range(count):
        said = list(random.choice(WORDS, 9))
        if number % 3 == 0:
            said[4:4] = ["not", "good"] if number % 12 == 0 else ["good"]
        rows.append(" ".join(map(str, said)) + ".")
    return cells(x=rows)


@pytest.fixture(scope="module")
def planted() -> Subject:
    """A network for which 'good' speaks for 'high', unless 'not' stands before it."""
    subject = untrained(texts(200, 9), "text", TASK, "ngrams")
    branch = subject.network.part("x")
    assert isinstance(branch, Branch)
    assert isinstance(branch.embed, Pairs)
    good = word(subject, "a good a", 2)
    with torch.no_grad():
        for parameter in subject.network.parameters():
            parameter.zero_()
        branch.embed.table.weight[good] = 1.0
        pair = (word(subject, "a not a", 2) * HASH[0] + good * HASH[1]) % PAIRS
        branch.embed.pairs.weight[pair] = -2.0
        # The pair's vector stands with 'not', so that only the mean sees both.
        width = branch.network.width
        subject.network.head[1].weight[1, :width] = 1.0
    return subject


def word(subject: Subject, text: str, place: int) -> int:
    """The token of a word in a text, counted from 1."""
    return int(subject.encode(cells(x=[text]))["x"][0, place - 1])


@pytest.fixture(scope="module")
def judged(planted: Subject) -> list[Telling]:
    learned, unseen = texts(300, 1), texts(300, 2)
    return telling_words(
        planted, "x", (learned, np.arange(300)), (unseen, np.arange(300, 600)), 5.0
    )


def test_the_words_that_were_planted_are_found(judged: list[Telling]) -> None:
    top = {(one.outcome, one.kind): one for one in reversed(judged)}
    assert top["high", "word"].said == "good"
    assert top["high", "word"].passed
    assert top["low", "pair"].said == "not good"
    assert top["low", "pair"].passed
    named = {one.said for one in judged if one.passed}
    assert named <= {"good", "not", "not good"}
    assert all(one.texts >= 5 for one in judged)


def test_what_a_word_adds_is_the_change_of_the_log_odds(planted: Subject) -> None:
    rows = cells(x=["the good film", "a not good day"])
    read, voice = Texts.of(rows, np.arange(2), "x"), Voice(planted, "x")
    found = voice.changes(read, read.spots["good"])

    def odds(text: str) -> np.ndarray:
        share = planted.answer(cells(x=[text]))[0]
        return np.log(share / (1 - share))

    assert found[0] == pytest.approx(odds("the good film") - odds("the film"), abs=1e-4)
    assert found[1] == pytest.approx(odds("a not good day") - odds("a not day"), abs=1e-4)
    both = voice.together(read, read.pairs["not good"])[0]
    alone = [odds("a not good day") - odds(rest) for rest in ("a good day", "a not day")]
    gone = odds("a not good day") - odds("a day")
    assert both == pytest.approx(alone[0] + alone[1] - gone, abs=1e-4)


def test_real_texts_are_shown_with_the_word_in_brackets() -> None:
    line = "One two three four five six Seven, eight nine ten eleven twelve thirteen."
    read = Texts.of(cells(x=[line]), np.array([7]), "x")
    assert read.shown(read.spots["seven"][0]) == (
        "…two three four five six [Seven], eight nine ten eleven…"
    )
    assert read.shown(read.pairs["one two"][0]) == "[One two] three four five six Seven…"
    assert "seven eight" not in read.pairs  # a comma stands between them
    assert "," not in read.spots


def test_numbers_are_raised_and_lowered() -> None:
    task = Regress(["price"], [10.0], [2.0], [-1e9], [1e9])
    subject = untrained(texts(200, 9), "text", task, "ngrams")
    voice = Voice(subject, "x")
    rows = texts(4, 0)
    assert voice.outcomes == ["price higher", "price lower"]
    found = voice.of(rows)
    assert found[:, 0] == pytest.approx(subject.answer(rows)[:, 0] / 2.0, rel=1e-5)
    assert found[:, 1] == pytest.approx(-found[:, 0])


def test_a_network_that_has_learned_nothing_names_no_word() -> None:
    subject = untrained(texts(200, 9), "text", TASK, "ngrams")
    with torch.no_grad():
        for parameter in subject.network.parameters():
            parameter.zero_()
    some = (texts(200, 1), np.arange(200))
    found = telling_words(subject, "x", some, (take(some[0], np.arange(200)), some[1]), 1.0)
    assert not any(one.passed for one in found)


def test_it_is_said_in_words_figures_and_a_table(judged: list[Telling]) -> None:
    said = sentence_of(judged)
    assert "'good' for high" in said
    figures = figures_of("x", judged)
    assert figures["passed"] == sum(one.passed for one in judged)
    table = table_of(judged, numbers=False)
    first = shown(judged)[0]
    assert table.rows[0][:2] == (first.outcome, first.said)
    assert table.rows[0][3] == pytest.approx(np.exp(first.score))
    assert "[" in str(table.rows[0][-1])
    assert table.row_numbers[0] >= 300  # a text that was not learned from
    assert "None of the 0" in sentence_of([])
