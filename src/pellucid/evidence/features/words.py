"""What a network without layers goes by: the words, and pairs of neighbors, that speak for a class.

A bag of words and pairs (`network/ngrams.py`) has no units to look into: each word and each pair
adds its part to the answer. So words are taken out of real texts and the answer is asked again. A
word's score is how much its being there raises the log-odds of a class (or the number), on average;
a pair's is what the two say only by standing together, beyond what each says alone. They are chosen
on texts that were learned from and judged on texts that were not, against what the best of as many
random words of these texts reaches.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from pellucid.data.columns import Loaded
from pellucid.evidence.explain.texts import without, words_of
from pellucid.evidence.finding import Table
from pellucid.evidence.subject import Rows, Subject, take

FAMILY = "ngrams"
FEWEST = 5
"""Texts of each sort that a word must occur in."""
MOST_WORDS, MOST_PAIRS, LEAST_WORDS = 400, 150, 40
"""Words and pairs that are tried, the commonest first; fewer words if each answer is slow."""
TRIED, JUDGED_ON = 6, 16
"""Texts that a word is chosen on and judged on, at most."""
CHOSEN, SHOWN = 8, 4
"""Words (and as many pairs) of each outcome that are judged, and of each sort that are shown."""
RANDOM, DRAWS, LEVEL = 300, 400, 0.95
FLOOR = 0.1
"""A part that no reader would notice: a tenth more of the odds, a tenth of the usual spread."""
CONTEXT = 5
"""Words of a real text that are shown before and after."""
AT_ONCE, MEASURED = 256, 64
SURE = 1e-6

Spot = tuple[int, tuple[int, ...]]
"""A text, and the places of its words that are taken out."""


@dataclass(frozen=True)
class Telling:
    """A word or pair that was judged.

    kind: "word" or "pair". outcome: the class, tag or direction that it speaks for. score: mean
    change of its log-odds (or of the number, in its usual spread); limit: what the best of as many
    random ones reaches, 95 times in 100. texts: how many it was judged on. example: a real text
    with it in brackets; row: of the source.
    """

    said: str
    kind: str
    outcome: str
    score: float
    limit: float
    texts: int
    example: str
    row: int

    @property
    def passed(self) -> bool:
        return self.score > self.limit


@dataclass(frozen=True)
class Texts:
    """Texts cut into words. numbers: rows of the source. places: where each word of each text
    lies. words: the same in small letters, '' for signs."""

    rows: Rows
    numbers: np.ndarray
    column: str
    places: list[tuple[tuple[int, int], ...]]
    words: list[tuple[str, ...]]

    @classmethod
    def of(cls, rows: Rows, numbers: np.ndarray, column: str) -> Texts:
        texts = [value or "" for value in rows[column].values]
        places = [tuple(words_of(text)) for text in texts]
        words = [
            tuple(_plain(text[start:end]) for start, end in each)
            for text, each in zip(texts, places, strict=True)
        ]
        return cls(rows, numbers, column, places, words)

    def text(self, number: int) -> str:
        return str(self.rows[self.column].values[number] or "")

    @cached_property
    def spots(self) -> dict[str, list[Spot]]:
        """Word -> the texts with it, and all its places there."""
        found: dict[str, list[Spot]] = {}
        for number, words in enumerate(self.words):
            for word in sorted(set(words) - {""}):
                where = tuple(place for place, other in enumerate(words) if other == word)
                found.setdefault(word, []).append((number, where))
        return found

    @cached_property
    def pairs(self) -> dict[str, list[Spot]]:
        """Two neighboring words -> the texts with them, and their first places there."""
        found: dict[str, list[Spot]] = {}
        for number, words in enumerate(self.words):
            seen: set[str] = set()
            for place, (left, right) in enumerate(pairwise(words)):
                both = f"{left} {right}"
                if left and right and both not in seen:
                    seen.add(both)
                    found.setdefault(both, []).append((number, (place, place + 1)))
        return found

    def shown(self, spot: Spot) -> str:
        """The text around a spot, with its first words in brackets."""
        number, (first, *more) = spot
        last = first + 1 if more == [first + 1] else first
        text, places = self.text(number), self.places[number]
        start, end = max(0, first - CONTEXT), min(len(places), last + 1 + CONTEXT)
        before = text[places[start][0] : places[first][0]]
        middle = text[places[first][0] : places[last][1]]
        after = text[places[last][1] : places[end - 1][1]]
        said = f"{'…' if start else ''}{before}[{middle}]{after}{'…' if end < len(places) else ''}"
        return " ".join(said.split())


def _plain(word: str) -> str:
    return word.lower() if any(map(str.isalnum, word)) else ""


# --- what words change ------------------------------------------------------------------------


@dataclass(frozen=True)
class Voice:
    """The (first) network, asked about texts of one column."""

    subject: Subject
    column: str

    @property
    def outcomes(self) -> list[str]:
        """Classes or tags; of a number whether it is higher or lower."""
        task = self.subject.task
        if task.kind == "regress":
            names: list[str] = getattr(task, "names", [])
            return [f"{name} {way}" for name in names for way in ("higher", "lower")]
        return list(getattr(task, "classes", None) or getattr(task, "tags", []))

    @torch.inference_mode()
    def of(self, rows: Rows) -> np.ndarray:
        """float64 `(rows, outcomes)`: log-odds, or numbers in units of their spread."""
        task = self.subject.task
        values = task.prediction(self.subject.network(self.subject.encode(rows)).float())
        if task.kind == "regress":
            numbers = values / np.asarray(getattr(task, "spread", 1.0))
            return np.stack([numbers, -numbers], 2).reshape(len(numbers), -1)
        sure = np.clip(np.asarray(values, dtype=np.float64), SURE, 1 - SURE)
        return np.log(sure) - np.log(1 - sure)

    def changes(self, texts: Texts, spots: list[Spot]) -> np.ndarray:
        """float64 `(spots, outcomes)`: what the words there add to each outcome."""
        parts = [np.empty((0, len(self.outcomes)))]
        for start in range(0, len(spots), AT_ONCE):
            some = spots[start : start + AT_ONCE]
            numbers = np.array([number for number, _ in some])
            whole = take(texts.rows, numbers)
            less = np.empty(len(some), dtype=object)
            for version, (number, gone) in enumerate(some):
                out = np.isin(np.arange(len(texts.places[number])), gone)
                less[version] = without(texts.text(number), texts.places[number], out)
            rest = {**whole, self.column: Loaded(less, whole[self.column].layout)}
            parts.append(self.of(whole) - self.of(rest))
        return np.concatenate(parts)

    def together(self, texts: Texts, spots: list[Spot]) -> np.ndarray:
        """The same for pairs: what both say alone, counted twice if they say it together, less
        what taking out both changes."""
        left = self.changes(texts, [(number, where[:1]) for number, where in spots])
        right = self.changes(texts, [(number, where[1:]) for number, where in spots])
        return left + right - self.changes(texts, spots)

    def ask(self, kind: str, texts: Texts, spots: list[Spot]) -> np.ndarray:
        return (self.changes if kind == "word" else self.together)(texts, spots)


# --- chosen on some texts, judged on others ---------------------------------------------------


def telling_words(
    subject: Subject,
    column: str,
    learned: tuple[Rows, np.ndarray],
    unseen: tuple[Rows, np.ndarray],
    seconds: float,
    seed: int = 0,
) -> list[Telling]:
    """Every word and pair that was judged, by outcome, the most telling first.

    Args:
        learned, unseen: Decoded examples that the network learned from and did not, with their
            rows in the source.
        seconds: About how long it may take.
    """
    voice, random = Voice(subject, column), np.random.default_rng(seed)
    known, new = Texts.of(*learned, column), Texts.of(*unseen, column)
    words = _affordable(voice, known, seconds)
    found: list[Telling] = []
    for kind, most in (("word", words), ("pair", MOST_PAIRS * words // MOST_WORDS)):
        here, there = _spots(kind, known), _spots(kind, new)
        common = [said for said, spots in here.items() if len(spots) >= FEWEST]
        common = [said for said in common if len(there.get(said, [])) >= FEWEST]
        common = sorted(common, key=lambda said: (-len(here[said]), said))[:most]
        if common:
            means = _means(voice, kind, known, {said: here[said] for said in common}, TRIED, random)
            found += _judged(voice, kind, new, common, means, random)
    order = {name: place for place, name in enumerate(voice.outcomes)}
    return sorted(found, key=lambda one: (order[one.outcome], -one.score))


def _spots(kind: str, texts: Texts) -> dict[str, list[Spot]]:
    return texts.spots if kind == "word" else texts.pairs


def _affordable(voice: Voice, texts: Texts, seconds: float) -> int:
    """How many words there is time for."""
    count = min(MEASURED, len(texts.numbers))
    some = take(texts.rows, np.arange(count))
    voice.of(some)  # the first time is slower than all others
    started = time.perf_counter()
    voice.of(some)
    pace = (time.perf_counter() - started) / count
    return int(np.clip(seconds / (4 * TRIED * max(pace, 1e-7)), LEAST_WORDS, MOST_WORDS))


def _means(
    voice: Voice,
    kind: str,
    texts: Texts,
    spots: dict[str, list[Spot]],
    most: int,
    random: np.random.Generator,
) -> np.ndarray:
    """float64 `(words, outcomes)`: mean change over some of each word's texts."""
    some = [_some(each, most, random) for each in spots.values()]
    changes = voice.ask(kind, texts, [spot for each in some for spot in each])
    ends = np.cumsum([len(each) for each in some])
    return np.stack([part.mean(0) for part in np.split(changes, ends[:-1])])


def _some(spots: list[Spot], most: int, random: np.random.Generator) -> list[Spot]:
    if len(spots) <= most:
        return spots
    return [spots[place] for place in random.choice(len(spots), most, replace=False)]


def _judged(
    voice: Voice,
    kind: str,
    texts: Texts,
    common: list[str],
    means: np.ndarray,
    random: np.random.Generator,
) -> Iterator[Telling]:
    """The best of each outcome, on other texts."""
    spots = _spots(kind, texts)
    every = [spot for each in spots.values() for spot in each]
    chance = voice.ask(kind, texts, _some(every, RANDOM, random))
    for outcome, name in enumerate(voice.outcomes):
        order = np.argsort(-means[:, outcome], kind="stable")[:CHOSEN]
        chosen = [common[place] for place in order if means[place, outcome] > 0]
        for said in chosen:
            some = _some(spots[said], JUDGED_ON, random)
            changes = voice.ask(kind, texts, some)[:, outcome]
            limit = _limit(chance[:, outcome], len(some), len(chosen), random)
            best = some[int(changes.argmax())]
            yield Telling(
                said, kind, name, float(changes.mean()), limit, len(some),
                texts.shown(best), int(texts.numbers[best[0]]),
            )  # fmt: skip


def _limit(chance: np.ndarray, texts: int, candidates: int, random: np.random.Generator) -> float:
    """What the best of so many random words reaches in the mean over so many texts."""
    drawn = random.choice(chance, (DRAWS, candidates, texts)).mean(2).max(1)
    return max(FLOOR, float(np.quantile(drawn, LEVEL)))


# --- what it says -----------------------------------------------------------------------------


def shown(judged: list[Telling]) -> list[Telling]:
    """The most telling words, and pairs, of each outcome; only those that passed."""
    found: list[Telling] = []
    for outcome in dict.fromkeys(one.outcome for one in judged):
        for kind in ("word", "pair"):
            mine = [one for one in judged if (one.outcome, one.kind) == (outcome, kind)]
            found += [one for one in mine if one.passed][:SHOWN]
    return found


def sentence_of(judged: list[Telling]) -> str:
    passed = [one for one in judged if one.passed]
    start = "A bag of words and pairs has no units to name: each word adds its part to the answer."
    if not passed:
        return (
            f"{start} None of the {len(judged)} that seemed most telling says more, on texts that"
            " it did not learn from, than random words do."
        )
    clear = sorted(passed, key=lambda one: one.limit - one.score)
    first = list({one.outcome: one for one in reversed(clear)}.values())[:3]
    examples = ", ".join(f"'{one.said}' for {one.outcome}" for one in first)
    return (
        f"{start} {len(passed)} of the {len(judged)} that seemed most telling hold on texts that it"
        f" did not learn from, such as {examples}."
    )


def table_of(judged: list[Telling], *, numbers: bool) -> Table:
    """The most telling ones beside real texts with them.

    Args:
        numbers: Whether a number is answered, which moves, instead of odds, which multiply.
    """
    rows = tuple(
        (
            one.outcome,
            one.said,
            "word" if one.kind == "word" else "only together",
            *(value if numbers else float(np.exp(value)) for value in (one.score, one.limit)),
            one.texts,
            one.example,
        )
        for one in shown(judged)
    )
    what = "moves it by (usual spreads)" if numbers else "odds times"
    header = ("for", "word or pair", "", what, "random words", "texts", "a real one")
    numbered = tuple(one.row for one in shown(judged))
    return Table("Words and pairs that tell most", header, rows, numbered)


NOTE = (
    "A word's part is how much the answer changes when it is taken out of real texts; a pair's is"
    " what its words say only by standing together. 'random words' is what the best of as many"
    " random ones reaches, 95 times in 100, and never less than a tenth."
)


def figures_of(column: str, judged: list[Telling]) -> dict[str, Any]:
    """Everything, for machines and for the report."""
    outcomes = list(dict.fromkeys(one.outcome for one in judged))
    return {
        "column": column,
        "judged": len(judged),
        "passed": sum(one.passed for one in judged),
        "outcomes": [
            {"outcome": name, "words": [vars(one) | {"passed": one.passed} for one in mine]}
            for name in outcomes
            for mine in [[one for one in judged if one.outcome == name]]
        ],
    }
