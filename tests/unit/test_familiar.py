"""How familiar texts are: counted pairs by hand, honest scores, what is noticed."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from math import log

import numpy as np
import pytest

from pellucid.data.columns import Loaded
from pellucid.data.modalities import MODALITIES
from pellucid.data.modalities.text import begins_word
from pellucid.evidence.trust.familiar import BELIEF, Familiar, Pairs, become_familiar
from pellucid.evidence.trust.foreign import language, random_letters
from pellucid.evidence.trust.unlike import LEVEL, Cells, Unlike, know_facts, token_facts

SIZE, LENGTH = 41, 24
BEGINS = np.arange(SIZE) % 2 == 0


def texts(generator: np.random.Generator, rows: int) -> np.ndarray:
    """Texts of 8 to 24 tokens; each token is followed by one of four of its own."""
    following = np.random.default_rng(7).integers(1, SIZE, (SIZE, 4))
    ids = np.zeros((rows, LENGTH), dtype=np.int32)
    ids[:, 0] = generator.integers(1, SIZE, rows)
    for place in range(1, LENGTH):
        ids[:, place] = following[ids[:, place - 1], generator.integers(0, 4, rows)]
    lengths = generator.integers(8, LENGTH + 1, rows)
    ids[np.arange(LENGTH) >= lengths[:, None]] = 0
    return ids


def shuffled(generator: np.random.Generator, ids: np.ndarray) -> np.ndarray:
    mixed = ids.copy()
    for row in mixed:
        there = row > 0
        row[there] = generator.permutation(row[there])
    return mixed


def by_hand(rows: list[list[int]], text: list[int], *, beginning: bool) -> float:
    """The mean surprise of one text's pairs, counted with dictionaries."""
    tokens = Counter(token for row in rows for token in row)
    pairs = Counter(pair for row in rows for pair in pairwise(row))
    lefts = Counter(left for row in rows for left in row[:-1])
    total, found = tokens.total(), []
    for left, right in pairwise(text):
        usual = (tokens[right] + 0.5) / (total + 0.5 * SIZE)
        after = (pairs[left, right] + BELIEF * usual) / (lefts[left] + BELIEF)
        if BEGINS[right] or not beginning:
            found.append(-log(after / usual))
    return sum(found) / max(1, len(found))


def plain(ids: np.ndarray) -> list[list[int]]:
    return [[int(one) for one in row if one > 0] for row in ids]


def test_surprise_is_what_counting_by_hand_says() -> None:
    generator = np.random.default_rng(0)
    learned, new = texts(generator, 30), texts(generator, 5)
    found = Pairs.of(learned, BEGINS).measure(new)
    for row, text in enumerate(plain(new)):
        for kind in (0, 1):
            expected = by_hand(plain(learned), text, beginning=kind == 1)
            assert found.means[kind, row] == pytest.approx(expected)
        assert found.lengths[0, row] == len(text) - 1


def test_what_is_left_out_is_as_if_never_counted() -> None:
    learned = texts(np.random.default_rng(1), 40)
    labels = np.arange(40) // 2  # each row has a twin
    every = Pairs.of(learned, BEGINS)
    own = [Pairs.of(learned[labels == label], BEGINS) for label in labels[:6]]
    found = every.measure(learned[:6], own)
    for row in range(6):
        others = Pairs.of(learned[labels != labels[row]], BEGINS)
        assert found.means[:, [row]] == pytest.approx(others.measure(learned[[row]]).means)
    familiar, scores = become_familiar(learned, BEGINS, labels, np.arange(6))
    assert scores == pytest.approx(familiar.of(found))


def judged(ids: np.ndarray) -> tuple[Unlike, Familiar]:
    """What a model keeps of these texts alone."""
    familiar, scores = become_familiar(ids, BEGINS, np.arange(len(ids)), np.arange(len(ids)))
    known = know_facts(cells(ids), np.arange(len(ids)), {"said": (familiar, scores)})
    return Unlike(known), familiar


def cells(ids: np.ndarray) -> Cells:
    return Cells(token_facts(ids).astype(np.float32), np.empty((len(ids), 0)), {"said": ids})


def test_usual_texts_are_called_strange_as_often_as_is_said() -> None:
    shares = []
    for seed in range(12):
        generator = np.random.default_rng(seed)
        made, _ = judged(texts(generator, 300))
        shares.append(made.p_values(cells(texts(generator, 200)), []))
    found = np.concatenate(shares)
    for level in (0.05, 0.2):
        assert level / 3 < (found <= level).mean() < 1.25 * level
    assert (found < LEVEL).mean() < 1.5 * LEVEL


def test_mixed_order_and_unknown_tokens_are_noticed() -> None:
    generator = np.random.default_rng(3)
    made, familiar = judged(texts(generator, 400))
    new = texts(generator, 200)
    foreign = np.where(new > 0, (new * 17) % (SIZE - 1) + 1, 0)
    for strange in (shuffled(generator, new), foreign):
        assert (made.p_values(cells(strange), []) < LEVEL).mean() > 0.9
    assert (made.p_values(cells(new), []) < LEVEL).mean() < 0.05
    empty = np.zeros((1, LENGTH), dtype=np.int32)
    assert familiar.scores(empty).tolist() == [0.0]


def test_long_texts_vary_less_than_short_ones() -> None:
    generator = np.random.default_rng(4)
    _, familiar = judged(texts(generator, 400))
    new = texts(generator, 400)
    scores, lengths = familiar.scores(new), (new > 0).sum(1)
    short, long = scores[lengths < 12], scores[lengths > 20]
    assert long.std() == pytest.approx(short.std(), rel=0.4)


def test_what_is_kept_survives_the_disk() -> None:
    generator = np.random.default_rng(5)
    made, _ = judged(texts(generator, 100))
    new = cells(texts(generator, 40))
    again = Unlike.restore(made.as_json(), made.arrays())
    assert (again.p_values(new, []) == made.p_values(new, [])).all()


# --- real tokens --------------------------------------------------------------------------------


def column(*rows: str) -> Loaded:
    values = np.empty(len(rows), dtype=object)
    values[:] = rows
    return Loaded(values)


def test_tokens_that_begin_a_word_are_those_behind_a_space() -> None:
    text = MODALITIES["text"]
    loaded = column(*["the cat sat on the mat"] * 3)
    fitted = text.fit(loaded)
    begins = begins_word(fitted)
    ids = text.encode(loaded, fitted)[0]
    assert not begins[0]
    assert begins[ids[ids > 0]].sum() == 6  # one for each word


def test_made_up_texts_keep_spaces_and_signs() -> None:
    random = np.random.default_rng(0)
    loaded = column("To be, or not to be!", "that is it")
    drawn = random_letters(loaded, random).values[0]
    assert [len(word) for word in drawn.split()] == [2, 3, 2, 3, 2, 3]
    assert drawn.endswith("!")
    invented = language(loaded, random).values[0]
    assert invented.split()[0] == invented.split()[4]  # "to", the same everywhere
    assert invented.split()[1][:2] == invented.split()[5][:2]
    assert len(set(invented)) == len(set(loaded.values[0].lower()))
