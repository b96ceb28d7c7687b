"""How good is a text that was written? Bits per character, chrF and BLEU.

As in `evaluate.py`, a metric is a function of row weights `(draws, rows)`, so that a figure and its
interval can't disagree. All three are ratios of sums over rows (a corpus figure, as the field
reports it), never means of figures of single rows.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from pellucid.learning.evaluate import Score, ratio

BITS = "bits per character"
CHRF = "chrF"
ORDER, BETA = 6, 2
"""chrF2 (Popovic 2015 and 2016): letters in groups of 1 to 6, recall counts twice as much."""
WORDS = 4
"""BLEU (Papineni et al. 2002): words in groups of 1 to 4."""


def bits_per_character(nats: np.ndarray, characters: np.ndarray) -> Score:
    """What it takes to write each text down, by how surprising it was.

    Args:
        nats: float `(rows,)`: -log of the probability of each text.
        characters: `(rows,)`: its length.
    """
    bits = nats.astype(np.float64) / math.log(2)
    length = characters.astype(np.float64)
    return lambda weights: ratio(weights @ bits, weights @ length)


# --- chrF -------------------------------------------------------------------------------------


def chrf(answers: Sequence[str], references: Sequence[str]) -> Score:
    """chrF2 from 0 to 100: the groups of letters that answer and reference share."""
    found = np.array(
        [_letters_shared(*pair) for pair in zip(answers, references, strict=True)]
    ).reshape(len(references), 3 * ORDER)

    def measure(weights: np.ndarray) -> np.ndarray:
        said, wanted, shared = (weights @ found).reshape(-1, ORDER, 3).transpose(2, 0, 1)
        there = (said > 0) & (wanted > 0)
        counted = np.maximum(1, there.sum(1))
        precision = np.divide(shared, said, out=np.zeros_like(said), where=there).sum(1) / counted
        recall = np.divide(shared, wanted, out=np.zeros_like(said), where=there).sum(1) / counted
        below = BETA**2 * precision + recall
        top = (1 + BETA**2) * precision * recall
        return 100 * np.divide(top, below, out=np.zeros_like(top), where=below > 0)

    return measure


def chrf_of(answer: str, reference: str) -> float:
    """chrF2 of a single answer.

    >>> chrf_of("Datei öffnen", "Datei öffnen")
    100.0
    """
    return float(chrf([answer], [reference])(np.ones((1, 1)))[0])


def _letters_shared(answer: str, reference: str) -> list[int]:
    """For groups of 1 to 6 letters: how many the answer has, the reference has, both have."""
    said, wanted = "".join(answer.split()), "".join(reference.split())
    found = []
    for order in range(1, ORDER + 1):
        mine, theirs = _groups(said, order), _groups(wanted, order)
        shared = sum((mine & theirs).values())
        found += [mine.total() if theirs else 0, theirs.total(), shared]
    return found


# --- BLEU -------------------------------------------------------------------------------------


def bleu(answers: Sequence[str], references: Sequence[str]) -> Score:
    """BLEU from 0 to 100: the groups of words of an answer that its reference has; an answer that
    is too short pays for it. An order without a hit counts as half, a quarter ... of one hit."""
    found = np.array(
        [_words_shared(*pair) for pair in zip(answers, references, strict=True)]
    ).reshape(len(references), 2 * WORDS + 2)

    def measure(weights: np.ndarray) -> np.ndarray:
        sums = weights @ found
        hits, said = sums[:, :WORDS].copy(), sums[:, WORDS : 2 * WORDS]
        none = (hits == 0) & (said > 0)
        halves = np.cumsum(none, 1)
        hits[none] = 1.0 / 2.0 ** halves[none]
        precision = np.divide(hits, said, out=np.zeros_like(hits), where=said > 0)
        mean = np.exp(np.log(np.maximum(precision, 1e-300)).mean(1))
        mine, theirs = sums[:, -2], sums[:, -1]
        short = np.exp(np.minimum(0.0, 1 - theirs / np.maximum(mine, 1e-9)))
        return np.where((precision > 0).all(1), 100 * short * mean, 0.0)

    return measure


def words_of(text: str) -> list[str]:
    """Words and signs as BLEU has counted them since mteval-v13a.

    >>> words_of("It costs 1,50, right?")
    ['It', 'costs', '1,50', ',', 'right', '?']
    """
    text = text.replace("-\n", "").replace("\n", " ")
    for name, sign in (("&quot;", '"'), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(name, sign)
    text = re.sub(r"([{-~\[-` -&(-+:-@/])", r" \1 ", f" {text} ")
    text = re.sub(r"([^0-9])([.,])", r"\1 \2 ", text)  # signs inside of numbers stay
    text = re.sub(r"([.,])([^0-9])", r" \1 \2", text)
    return re.sub(r"([0-9])(-)", r"\1 \2 ", text).split()


def _words_shared(answer: str, reference: str) -> list[int]:
    """Hits and groups for 1 to 4 words, then the lengths of both in words."""
    mine, theirs = words_of(answer), words_of(reference)
    hits, said = [], []
    for order in range(1, WORDS + 1):
        groups = _groups(tuple(mine), order)
        hits.append(sum((groups & _groups(tuple(theirs), order)).values()))
        said.append(groups.total())
    return [*hits, *said, len(mine), len(theirs)]


def _groups(parts: Sequence[str], order: int) -> Counter[Sequence[str]]:
    """How often each run of `order` neighbors occurs."""
    return Counter(parts[start : start + order] for start in range(len(parts) - order + 1))
