"""Long texts: which words are read, and what each adds on the way from nothing to the text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from explaining import cells, untrained
from torch import Tensor

from pellucid.data.modalities.text import spans_of, tokens_of
from pellucid.evidence.explain.gradients import integrated_gradients, score
from pellucid.evidence.explain.inside import explain_inside
from pellucid.evidence.explain.pieces import Question
from pellucid.evidence.explain.texts import MOST_PIECES, read_pieces, words_of
from pellucid.evidence.subject import Rows, Subject, take
from pellucid.network.assemble import Branch
from pellucid.network.embed import Lookup
from pellucid.tasks.classify import Classify
from pellucid.tasks.regress import Regress

LINE = "the film was slow, its end (though short) surprised me: a story about people we know"
WORDS = LINE.split()
TASK = Classify("y", ["a", "b", "c"])


def texts(*lengths: int) -> Rows:
    """Texts of so many words."""
    random = np.random.default_rng(0)
    return cells(x=[" ".join(random.choice(WORDS, length)) for length in lengths])


def subject_of(family: str, task: Classify | Regress = TASK) -> Subject:
    return untrained(texts(*[400] * 6), "text", task, family)


def fitted_of(subject: Subject) -> dict[str, Any]:
    return subject.columns[0].fitted


# --- which words are read ---------------------------------------------------------------------


@pytest.mark.parametrize("words", [60, 400, 3000])
def test_spans_are_where_the_tokens_that_are_read_stand(words: int) -> None:
    subject, row = subject_of("ngrams"), texts(words)
    text = row["x"].values[0]
    spans, tokens = spans_of(text, fitted_of(subject)), subject.encode(row)["x"][0].numpy()
    read = tokens_of(tokens, fitted_of(subject))
    assert len(spans) == len(read) <= 256
    for (start, end), token in zip(spans, read, strict=True):
        assert text[start:end].strip() == token.strip()
    if words > 400:  # the tail is the text's own
        assert len(text) > 8_000
        assert spans[-1][1] == len(text)


def test_each_token_belongs_to_its_words_and_the_rest_is_never_read() -> None:
    subject, row = subject_of("ngrams"), texts(400)
    spans = spans_of(row["x"].values[0], fitted_of(subject))
    pieces, shares = read_pieces(row, "x", spans)
    assert shares.sum(1) == pytest.approx(np.ones(len(spans)))
    assert (shares.sum(0) > 0).all()
    assert len(pieces.places) + len(pieces.unread) == len(words_of(row["x"].values[0]))
    assert len(pieces.unread) > 100
    alone = pieces.removed(np.array([[False] * len(pieces.places), [True] * len(pieces.places)]))
    whole, nothing = subject.encode(alone)["x"]
    assert nothing.sum() == 0
    # The unread words are left out, so none of them moves up.
    same = (whole == subject.encode(row)["x"][0]).float().mean()
    assert same > 0.95
    spread = read_pieces(cells(x=["\u6211\u559c\u6b22"]), "x", [(0, 2), (2, 3)])[1]
    assert spread.tolist() == [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]


# --- what each word adds ----------------------------------------------------------------------


@pytest.mark.parametrize("family", ["ngrams", "rnn", "transformer"])
def test_words_get_what_captum_says(family: str) -> None:
    """Captum's integrated gradients of the vectors, added up over each word's letters."""
    subject, row = subject_of(family), texts(300)
    branch = subject.network.part("x")
    assert isinstance(branch, Branch)
    assert isinstance(branch.embed, Lookup)
    vectors, mask = branch.embed(subject.encode(row)["x"])
    start = torch.zeros_like(vectors)
    if family == "transformer":
        start += branch.embed.table.weight[1:].mean(0)

    def forward(given: Tensor) -> Tensor:
        shown = None if mask is None else mask.expand(len(given), *mask.shape[1:])
        return score(TASK, subject.network.head(branch.pool(*branch.network(given, shown))), 1)

    ours = integrated_gradients(subject, row, "x", 1, steps=100)
    assert ours is not None
    theirs = IntegratedGradients(forward).attribute(
        vectors.detach(),
        baselines=start.detach(),
        n_steps=ours.steps,
        method="riemann_middle",
        internal_batch_size=50,
    )
    each = theirs[0].sum(-1).numpy()
    np.testing.assert_allclose(ours.values.sum(-1), each, atol=1e-4)
    text = row["x"].values[0]
    spans = spans_of(text, fitted_of(subject))
    letters = np.zeros(len(text))
    for (first, last), value in zip(spans, each, strict=False):
        bare = first + (len(text[first:last]) - len(text[first:last].lstrip()))
        letters[bare:last] += value / (last - bare)
    pieces, shares = read_pieces(row, "x", spans)
    expected = [letters[first:last].sum() for first, last in pieces.places]
    np.testing.assert_allclose(ours.values[: len(shares)].sum(-1) @ shares, expected, atol=1e-4)


@pytest.mark.parametrize("task", [TASK, Regress(["price"], [3.0], [10.0], [-1e9], [1e9])])
def test_a_long_text_is_explained_word_by_word_and_adds_up(task: Classify | Regress) -> None:
    subject, row = subject_of("ngrams", task), texts(400)
    value = subject.answer(row)[0]
    question = Question(0, "first", float(value[0]))
    found, pieces = explain_inside(subject, row, "x", question, seconds=0.2, similarity=0.1)
    assert found.method.startswith("integrated gradients on the way from no words to this text")
    assert len(found.values) == len(pieces.places) > 100
    gap = found.faithful.completeness
    assert gap is not None
    assert gap < 0.05
    whole = subject.answer(pieces.removed(np.zeros((1, len(pieces.places)), dtype=bool)))[0, 0]
    change = whole - found.base
    assert found.values.sum() == pytest.approx(change, abs=gap * abs(change) + 1e-6)
    assert f"(they miss it by {gap:.1%})" in found.faithful.why or not found.faithful.trusted
    assert "words between them can't matter" in " ".join(found.notes)


def test_the_words_that_count_are_found() -> None:
    subject, row = subject_of("ngrams"), texts(400)
    branch = subject.network.part("x")
    assert isinstance(branch, Branch)
    spans = spans_of(row["x"].values[0], fitted_of(subject))
    tokens = subject.encode(row)["x"][0]
    slow = next(int(t) for t, (a, b) in zip(tokens, spans) if row["x"].values[0][a:b] == " slow")
    with torch.no_grad():  # only 'slow' has a vector, and it speaks for the second class
        for table in (branch.embed.table.weight, branch.embed.pairs.weight):
            table.zero_()
        branch.embed.table.weight[slow] = 1.0
        head = subject.network.head[1]
        head.weight.zero_()
        head.weight[1] = 1.0
    question = Question(1, "b", float(subject.answer(row)[0, 1]))
    found, _ = explain_inside(subject, row, "x", question, seconds=0.2)
    top = [name for name, value in zip(found.names, found.values, strict=True) if value > 1e-6]
    assert set(top) == {"slow"}
    assert found.faithful.trusted, found.faithful.why


def test_who_else_answers_is_explained_by_phrases() -> None:
    from dataclasses import replace

    subject, row = subject_of("ngrams"), texts(400)
    question = Question(0, "a", float(subject.answer(row)[0, 0]))
    for which in ("baseline", "both"):
        other = replace(subject, which=which)
        found, pieces = explain_inside(other, row, "x", question, seconds=0.1)
        assert len(pieces.places) <= MOST_PIECES
        assert found.method.startswith("leaving out pieces")
        assert " " in found.names[0]
    short, _ = explain_inside(subject, take(texts(40), np.array([0])), "x", question, seconds=0.1)
    assert short.method.startswith("leaving out pieces")
