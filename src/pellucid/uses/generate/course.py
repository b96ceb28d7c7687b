"""A language model: from texts or dialogues to a network that goes on with them.

    texts -> tokens -> windows of them; at every place: which token comes next?

It learns from texts alone, or starts from the weights of a published model in a local folder
(`--start FOLDER`) and learns a small change to them. What it is measured by is how many bits the
sealed texts take, beside what counting and a compressor need.
"""

from __future__ import annotations

import math
import time
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.baselines.language import Ngrams, best_order
from pellucid.config import Plan, Settings, Size
from pellucid.data.columns import Entry
from pellucid.data.dataset import Dataset
from pellucid.data.ledger import Ledger
from pellucid.data.readers.texts import Document, read_corpus
from pellucid.learning.recipes import Recipe
from pellucid.learning.text_metrics import BITS, bits_per_character
from pellucid.network.decoder import GROUP, Decoder
from pellucid.network.pretrained.causal import Pretrained, Start, read_start
from pellucid.recipe.watcher import Watcher
from pellucid.tasks.generate import NextToken
from pellucid.uses.affordable import affordable
from pellucid.uses.generate.answerer import LanguageModel
from pellucid.uses.generate.documents import in_sections, seal, windows
from pellucid.uses.generate.exam import hold_exam
from pellucid.uses.generate.layout import read_layout
from pellucid.uses.generate.spelled import spelled
from pellucid.uses.generate.tokens import Tokens, visible, vocabulary_size
from pellucid.uses.use import Answerer, Course, Exam, Examples, Reading, Source, use

CONTEXTS = ((20_000, 64), (2_000_000, 128))
"""Tokens to learn from below which so many places are looked back on; above, `LONG`."""
LONG = 256
FEWEST_PAIRS, MOST_PAIRS = 10, 15
"""Powers of two."""
DECODER = Recipe(
    family="decoder",
    sizes=(Size(96, 2), Size(128, 3), Size(192, 4, 0.05), Size(256, 6, 0.1)),
    epochs=(2, 12),
    steps=(150, 400),
    # 250 steps of 16 windows against 500 of 8, the same tokens, Austen's novels, 1 seed: 1.843
    # and 1.783 bits per validation character.
    batch=8,
    rate=0.02,
    optimizer="muon",
    weight_decay=0.01,
    warm=0.02,
    flat=0.4,
    average=0.0,
    weights_a_row=30,
    why="a Transformer that reads from left to right: the network of all language models",
)


@use
class Generate(Course):
    """Texts and dialogues, and how to learn to go on with them."""

    kind: ClassVar[str] = "generate"
    title: ClassVar[str] = "language model"
    metric: str = BITS
    asked: ClassVar[str] = "chat RUN"
    answerer: ClassVar[type[Answerer]] = LanguageModel

    @classmethod
    def recognize(cls, source: Source) -> Reading | None:
        return read_layout(source)

    def __init__(self, source: Source, settings: Settings, watcher: Watcher) -> None:
        corpus = read_corpus(source.given)
        if source.test is not None:
            more = read_corpus(source.test)
            corpus.documents = [_in_part(one, "train") for one in corpus.documents]
            corpus.documents += [_in_part(one, "test") for one in more.documents]
            corpus.refused += more.refused
        documents, cut = in_sections(corpus)
        ledger = Ledger([document.place for document in documents], corpus.refused)
        split = seal(documents, ledger, settings.seed)
        self.dialogues = corpus.dialogues
        self.parts = {
            name: [documents[row] for row in ledger.rows(name)]
            for name in ("train", "valid", "test")
        }
        self.start: Start | None = read_start(settings.start) if settings.start else None
        self.tokens = self._tokens()
        self.settings = settings
        notes = [*corpus.notes, *([cut] if cut else []), *split, self._said_tokens()]
        if self.dialogues:
            notes.append("only what the assistant says is learned and counted")
        self.examples = self._examples(corpus.name, corpus.fingerprint, ledger, notes)
        self.objective = NextToken(self.tokens.size)
        self.ngrams: Ngrams | None = None
        self.frequencies: Ngrams | None = None
        self.counted_seconds = self.learned_seconds = self.built = 0.0

    # --- examples -----------------------------------------------------------------------------

    def _tokens(self) -> Tokens:
        if self.start is not None:
            shape = self.start.shape
            return Tokens.of_start(self.start.tokenizer, shape.end, shape.vocabulary)
        texts = [turn.text for document in self.parts["train"] for turn in document.turns]
        return Tokens.learn(texts, vocabulary_size(sum(map(len, texts))))

    def _said_tokens(self) -> str:
        letters = sum(document.asked for document in self.parts["train"])
        if self.start is not None:
            return (
                f"starts from {self.start.folder.name} ({self.start.shape.family}), whose own"
                f" {self.tokens.size:,} tokens are used; a change of rank 8 (LoRA) is learned"
            )
        return f"{letters:,} characters to learn from: {self.tokens.size:,} tokens"

    def _examples(self, name: str, fingerprint: str, ledger: Ledger, notes: list[str]) -> Examples:
        streams = {part: self.tokens.streams(found) for part, found in self.parts.items()}
        self.learned = sum(len(ids) for ids, _ in streams["train"])
        self.context = next((n for most, n in CONTEXTS if self.learned < most), LONG)
        if self.start is not None:
            self.context = min(self.context, self.start.shape.longest)
        cut = {
            part: windows(found, self.context, self.tokens.end) for part, found in streams.items()
        }
        tokens, following = (
            np.concatenate([one[place] for one in cut.values()]) for place in (0, 1)
        )
        places = [
            self.parts[part][int(number)].place for part, one in cut.items() for number in one[2]
        ]
        counts = np.cumsum([0, *(len(one[0]) for one in cut.values())])
        train, valid, test = (np.arange(first, last) for first, last in pairwise(counts))
        entry = Entry("lookup", (self.context,), self.tokens.size, GROUP)
        dataset = Dataset({GROUP: entry}, {GROUP: torch.from_numpy(tokens)},
                          torch.from_numpy(following))  # fmt: skip

        def draw(number: int) -> dict[str, Any]:
            return {"text": {"kind": "text", "data": self.tokens.said(tokens[number])}}

        what = "what the assistant says" if self.dialogues else "the next token"
        column = {"name": "text", "modality": "text", "role": "input", "fitted": {},
                  "why": "texts to go on with"}  # fmt: skip
        return Examples(
            name, fingerprint, what, dataset, {GROUP: "text"}, places, train, valid, test, ledger,
            draw, columns=[column], notes=notes,
        )  # fmt: skip

    # --- the network --------------------------------------------------------------------------

    def recipe(self) -> Recipe:
        if self.start is None:
            return affordable(DECODER, self.settings, self._operations)
        shape = self.start.shape
        return Recipe(
            family=f"{shape.family} with LoRA",
            sizes=(Size(shape.width, shape.depth),),
            epochs=(1, 3),
            steps=(20, 60),
            batch=8,
            rate=1e-3,
            optimizer="adamw",
            weight_decay=0.0,
            warm=0.05,
            average=0.0,
            why=f"starts from {self.start.folder.name}: a small change to each frozen matrix",
        )

    def _operations(self, size: Size) -> float:
        """What a pass over the texts takes."""
        weights = 12 * size.width**2 * size.depth + self.tokens.size * size.width
        return 6.0 * weights * len(self.examples.train) * self.context

    def build(self, plan: Plan) -> nn.Module:
        self.built = time.perf_counter()  # the last network that is built is the one that learns
        if self.start is not None:
            return Pretrained(self.start.shape, self.start.weights, self.context)
        size = next(iter(plan.sizes.values()))
        return Decoder(self.tokens.size, size, self.context, pairs_for(self.learned))

    def score(self, output: Tensor) -> float:
        """Bits per character of the validation texts, each window read by itself."""
        characters = np.array([sum(document.asked for document in self.parts["valid"])])
        measure = bits_per_character(output[:, :1].sum(0).double().cpu().numpy(), characters)
        return float(measure(np.ones((1, 1)))[0])

    def finish(self, model: nn.Module, seconds: float, watcher: Watcher) -> LanguageModel:
        self.learned_seconds = time.perf_counter() - self.built
        return LanguageModel(
            model,
            self.tokens,
            self.context,
            dialogues=self.dialogues,
            base=None if self.start is None else self.start.weights,
        )

    def word(self, group: str, number: int) -> str | None:
        return visible(self.tokens.pieces([number])[0])

    # --- the comparison -----------------------------------------------------------------------

    def compete(self, seconds: float, watcher: Watcher) -> None:
        """Count what follows what in the texts to learn from."""
        started = time.perf_counter()
        train, valid = (
            [spelled(document)[0] for document in self.parts[part]] for part in ("train", "valid")
        )
        watcher.tell("counting which bytes follow which")
        self.frequencies = Ngrams.fit(train, 1)
        self.ngrams, _ = best_order(train, valid, seconds / 2)
        self.counted_seconds = time.perf_counter() - started

    def exam(self, answerer: Answerer, seconds: float, watcher: Watcher) -> Exam:
        assert isinstance(answerer, LanguageModel)
        assert self.ngrams is not None
        assert self.frequencies is not None
        answerer.ngrams = self.ngrams
        return hold_exam(
            answerer,
            self.parts,
            self.ngrams,
            self.frequencies,
            learned_seconds=self.learned_seconds,
            counted_seconds=self.counted_seconds,
            seconds=seconds,
            seed=self.settings.seed,
            watcher=watcher,
        )


def pairs_for(tokens: int) -> int:
    """Vectors for pairs of neighboring tokens, by how many tokens there are to learn from: a power
    of two.

    >>> pairs_for(10_000), pairs_for(1_000_000)
    (1024, 32768)
    """
    # Validation bits per character of Austen's novels, 250 steps, 1 seed: 1.756 with 32,768 of
    # them, 1.843 without.
    fit = int(math.log2(max(1, tokens // 8)))
    return int(2 ** min(MOST_PAIRS, max(FEWEST_PAIRS, fit)))


def _in_part(document: Document, part: str) -> Document:
    return Document(document.place, document.turns, part, document.begins, document.ends)
