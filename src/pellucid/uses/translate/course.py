"""Translation: from pairs of texts to a network that says one as the other.

    source -> tokens -> encoder -> decoder -> the answer, token by token

Any pairs will do: two languages, a question and its answer, a long text and its short form.
"""

from __future__ import annotations

import time
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.baselines.translation import Nearest
from pellucid.config import Plan, Settings, Size
from pellucid.data.columns import Entry
from pellucid.data.ledger import Ledger
from pellucid.data.near_texts import near_clusters
from pellucid.data.readers.pairs import Pairs
from pellucid.errors import DataError
from pellucid.learning.recipes import Recipe
from pellucid.learning.text_metrics import CHRF, chrf
from pellucid.network.encoder_decoder import ANSWER, PADDING, SOURCE, EncoderDecoder
from pellucid.recipe.watcher import Watcher
from pellucid.tasks.generate import UNCOUNTED
from pellucid.tasks.translate import NextOfAnswer
from pellucid.uses.affordable import affordable
from pellucid.uses.generate.tokens import Tokens, visible
from pellucid.uses.translate.answerer import SHIFT, Translator
from pellucid.uses.translate.batches import PairDataset
from pellucid.uses.translate.exam import hold_exam
from pellucid.uses.translate.layout import read_layout, read_pairs
from pellucid.uses.translate.sureness import fit, same
from pellucid.uses.use import Answerer, Course, Exam, Examples, Reading, Source, use

LONGEST = 64
"""Tokens of a source and of an answer that are learned from, at most."""
FEWEST = 30
"""Pairs without which nothing can be learned."""
RATIO, SHORT = 4.0, 20
"""A text of at least 20 characters that is 4 times as long as its other side is no translation."""
WATCHED = 40
"""Validation pairs whose answers are looked at while it learns."""
SHARE, MOST_VALID, MOST_TEST = 0.1, 200, 500
PAIRS = Recipe(
    family="encoder-decoder",
    sizes=(Size(96, 2, 0.1), Size(128, 2, 0.2), Size(192, 3, 0.3), Size(256, 3, 0.3)),
    epochs=(6, 40),
    steps=(300, 1_500),
    # 300 steps of 64 pairs against 600 of 32, GIMP's strings, 200 validation pairs, 1 seed: loss
    # 2.82 and 2.64.
    batch=32,
    rate=0.01,
    optimizer="muon",
    weight_decay=0.01,
    smoothing=0.1,
    warm=0.05,
    flat=0.3,
    average=0.1,
    why="one part reads the whole source, the other looks at it and writes (Vaswani et al. 2017)",
)


@use
class Translate(Course):
    """Pairs of texts, and how to learn to say one as the other."""

    kind: ClassVar[str] = "translate"
    title: ClassVar[str] = "translation"
    metric: str = CHRF
    answerer: ClassVar[type[Answerer]] = Translator

    @classmethod
    def recognize(cls, source: Source) -> Reading | None:
        return read_layout(source)

    def __init__(self, source: Source, settings: Settings, watcher: Watcher) -> None:
        pairs = read_pairs(source)
        if len(pairs) < FEWEST:
            raise DataError(
                f"'{pairs.name}' holds {len(pairs)} pairs; too few to learn from",
                where=pairs.name,
                fix=f"give at least {FEWEST}; a few thousand before answers are of use",
            )
        self.pairs, self.settings = pairs, settings
        ledger = Ledger(pairs.places, pairs.refused)
        notes = [*pairs.notes, f"from '{pairs.names[0]}' to '{pairs.names[1]}'"]
        notes += _leave_out(pairs, ledger)
        notes += _seal(pairs, ledger, settings.seed)
        train = ledger.rows("train")
        texts = [text for row in train for text in (pairs.sources[row], pairs.answers[row])]
        letters = sum(map(len, texts))
        self.tokens = Tokens.learn(texts, _vocabulary(letters))
        notes.append(f"{letters:,} characters to learn from: {self.tokens.size:,} tokens for both")
        self.examples = self._examples(ledger, notes)
        self.objective = NextOfAnswer(self.tokens.size + SHIFT)
        self.watched = self._watched()
        self.nearest: Nearest | None = None
        self.nearest_seconds = self.learned_seconds = self.built = 0.0

    def _examples(self, ledger: Ledger, notes: list[str]) -> Examples:
        pairs, usable = self.pairs, ledger.usable()
        sources = self.tokens.of_all([pairs.sources[row] for row in usable])
        answers = self.tokens.of_all([pairs.answers[row] for row in usable])
        train = np.isin(usable, ledger.rows("train"))
        self.places = (_longest(sources, train), _longest(answers, train))
        start, end = self.tokens.signs["assistant"][0], self.tokens.end
        fed = np.full((len(usable), self.places[0]), PADDING, np.int32)
        so_far = np.full((len(usable), self.places[1]), PADDING, np.int32)
        following = np.full((len(usable), self.places[1]), UNCOUNTED, np.int32)
        for row, (source, answer) in enumerate(zip(sources, answers, strict=True)):
            _fill(fed, row, [*source[: self.places[0] - 1], end])
            _fill(so_far, row, [start, *answer])
            _fill(following, row, [*answer, end])
        self.lengths = (fed != PADDING).sum(1) + (so_far != PADDING).sum(1)
        size = self.tokens.size + SHIFT
        entries = {
            SOURCE: Entry("lookup", (self.places[0],), size, SOURCE),
            ANSWER: Entry("lookup", (self.places[1],), size, ANSWER),
        }
        inputs = {SOURCE: torch.from_numpy(fed), ANSWER: torch.from_numpy(so_far)}
        self.rows = usable

        def draw(number: int) -> dict[str, Any]:
            row = int(usable[number])
            return {
                name: {"kind": "text", "data": text}
                for name, text in zip(pairs.names, (pairs.sources[row], pairs.answers[row]))
            }

        columns = [
            {"name": name, "modality": "text", "role": role, "why": "pairs of texts", "fitted": {}}
            for name, role in zip(pairs.names, ("input", "target"))
        ]
        numbers = {
            part: np.flatnonzero(np.isin(usable, ledger.rows(part)))
            for part in ("train", "valid", "test")
        }
        return Examples(
            pairs.name,
            pairs.fingerprint,
            pairs.names[1],
            PairDataset(entries, inputs, torch.from_numpy(following), self.lengths),
            {SOURCE: "text", ANSWER: "text"},
            [str(pairs.places[row]) for row in usable],
            numbers["train"],
            numbers["valid"],
            numbers["test"],
            ledger,
            draw,
            columns=columns,
            notes=notes,
        )

    def texts(self, part: str) -> tuple[list[str], list[str]]:
        """Sources and answers of one part."""
        rows = self.rows[getattr(self.examples, part)]
        return [self.pairs.sources[row] for row in rows], [self.pairs.answers[row] for row in rows]

    def _watched(self) -> tuple[list[str], list[str]]:
        """Some validation pairs, evenly from short to long."""
        sources, answers = self.texts("valid")
        order = np.argsort([len(source) for source in sources], kind="stable")
        few = min(WATCHED, len(order))
        chosen = order[np.linspace(0, len(order) - 1, few).astype(np.int64)]
        return [sources[row] for row in chosen], [answers[row] for row in chosen]

    # --- the network --------------------------------------------------------------------------

    def recipe(self) -> Recipe:
        return affordable(PAIRS, self.settings, self._operations)

    def _operations(self, size: Size) -> float:
        """What the fewest passes over the pairs take."""
        tokens = self.lengths[self.examples.train].sum()
        weights = 12 * size.width**2 * size.depth + self.tokens.size * size.width / 2
        return float(6 * PAIRS.epochs[0] * weights * tokens)

    def word(self, group: str, number: int) -> str | None:
        return visible(self.tokens.pieces([number - SHIFT])[0]) if number >= SHIFT else None

    def build(self, plan: Plan) -> nn.Module:
        self.built = time.perf_counter()  # the last network that is built is the one that learns
        size = next(iter(plan.sizes.values()))
        self.learning = EncoderDecoder(self.tokens.size + SHIFT, size, self.places)
        return self.learning

    def score(self, output: Tensor) -> float:
        """chrF of what it says by now to some validation sources; written greedily, since a beam
        takes as long as many steps. The output only says how surprising true answers are."""
        sources, references = self.watched
        translator = Translator(self.learning, self.tokens, self.pairs.names)
        try:
            said = translator.answer(sources, width=1)
        finally:
            self.learning.train()  # answering switched dropout off
        return float(chrf(said, references)(np.ones((1, len(references))))[0])

    def finish(self, model: nn.Module, seconds: float, watcher: Watcher) -> Translator:
        """Fit on validation pairs how sure an answer is."""
        assert isinstance(model, EncoderDecoder)
        self.learned_seconds = time.perf_counter() - self.built
        translator = Translator(model, self.tokens, self.pairs.names)
        sources, answers = self.texts("valid")
        written = translator.write(sources)
        said = [translator.decode(one.tokens) for one in written]
        right = np.array([same(mine, other) for mine, other in zip(said, answers, strict=True)])
        translator.curve = fit(written, right)
        self.said_valid = said
        return translator

    # --- the comparison -----------------------------------------------------------------------

    def compete(self, seconds: float, watcher: Watcher) -> None:
        began = time.perf_counter()
        self.nearest = Nearest(*self.texts("train"))
        self.nearest_seconds = time.perf_counter() - began

    def exam(self, answerer: Answerer, seconds: float, watcher: Watcher) -> Exam:
        assert isinstance(answerer, Translator)
        assert self.nearest is not None
        answerer.nearest = self.nearest
        return hold_exam(
            answerer,
            self.nearest,
            valid=self.texts("valid"),
            test=self.texts("test"),
            said_valid=self.said_valid,
            learned_seconds=self.learned_seconds,
            nearest_seconds=self.nearest_seconds,
            rows=self.rows[self.examples.test],
            places=[str(self.examples.places[number]) for number in self.examples.test],
        )


def _vocabulary(letters: int) -> int:
    """Few pairs want few merges (recipes 5.3): a token must be seen often to be learned."""
    for limit, size in ((100_000, 500), (400_000, 1_000), (2_000_000, 2_000), (10_000_000, 4_000)):
        if letters < limit:
            return size
    return 8_000


def _leave_out(pairs: Pairs, ledger: Ledger) -> list[str]:
    """Leave out repeated pairs, and pairs whose sides can't belong together."""
    seen: set[tuple[str, str]] = set()
    repeated = uneven = long = 0
    for row, pair in enumerate(zip(pairs.sources, pairs.answers, strict=True)):
        lengths = sorted(map(len, pair))
        if pair in seen:
            ledger.leave_out(row, "the same pair again")
            repeated += 1
        elif lengths[1] >= SHORT and lengths[1] > RATIO * lengths[0]:
            ledger.leave_out(row, f"one side is more than {RATIO:g} times as long as the other")
            uneven += 1
        elif lengths[1] > 8 * LONGEST and pairs.part[row] != "test":
            ledger.leave_out(row, f"longer than {8 * LONGEST} characters")
            long += 1
        seen.add(pair)
    told = ((repeated, "repeated"), (uneven, "uneven"), (long, "very long"))
    return [f"{count:,} {what} pairs left out" for count, what in told if count]


def _seal(pairs: Pairs, ledger: Ledger, seed: int) -> list[str]:
    """Give every pair its part. Pairs with nearly the same source stay on one side; a pair to learn
    from whose source is nearly that of a given test pair is left out."""
    clusters = near_clusters(pairs.sources)
    part = np.array(pairs.part, dtype=object)
    said = []
    if (part == "test").any():
        known = np.isin(clusters, clusters[part == "test"]) & (part != "test")
        for row in np.flatnonzero(known):
            ledger.leave_out(int(row), "its source is nearly that of a test pair")
        said.append(f"{known.sum():,} pairs left out: their source is nearly that of a test pair")
    usable = ledger.usable()
    free = np.isin(np.arange(len(part)), usable) & ((part == "") | (part == "train"))
    groups = np.random.default_rng([seed, 1]).permutation(np.unique(clusters[free]))
    members: dict[int, list[int]] = {}
    for row in np.flatnonzero(free):
        members.setdefault(int(clusters[row]), []).append(int(row))
    part[free] = "train"
    wanted = [("test", MOST_TEST)] if not (part == "test").any() else []
    wanted += [("valid", MOST_VALID)] if not (part == "valid").any() else []
    queue = iter(groups.tolist())
    for name, most in wanted:
        taken = 0
        while taken < min(most, SHARE * free.sum()):
            group = next(queue, None)
            if group is None:
                raise _too_alike(int(free.sum()), pairs.name)
            part[members[group]] = name
            taken += len(members[group])
    if not (part[free] == "train").any():
        raise _too_alike(int(free.sum()), pairs.name)
    ledger.assign(usable, part[usable])
    copies = int(free.sum()) - len(groups)
    said.append(
        f"{(part[usable] == 'test').sum():,} pairs sealed as test, "
        f"{(part[usable] == 'valid').sum():,} choose (validation)"
    )
    if copies:
        said.append(f"{copies:,} pairs have a source nearly equal to another: kept on one side")
    return said


def _too_alike(count: int, name: str) -> DataError:
    return DataError(
        f"the {count:,} sources are nearly all the same: too few differ to learn and to examine",
        where=name,
        fix="give sources that differ in more than numbers and signs",
    )


def _longest(texts: list[list[int]], train: np.ndarray) -> int:
    """Places that hold 99 of 100 texts to learn from, in steps of 8, with one for a sign."""
    lengths = [len(text) + 1 for text, chosen in zip(texts, train, strict=True) if chosen]
    return int(min(LONGEST, 8 * np.ceil(np.quantile(lengths, 0.99) / 8)))


def _fill(table: np.ndarray, row: int, ids: list[int]) -> None:
    """Write tokens into a row, behind the padding's number where it is an input."""
    kept = ids[: table.shape[1]]
    table[row, : len(kept)] = kept
    table[row, : len(kept)] += SHIFT
