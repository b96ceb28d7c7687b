"""Texts as tokens, and dialogues too: pieces of words, and signs for who speaks and where it ends.

Byte-level BPE (Sennrich et al. 2016): pieces that occur often become one token, and every byte is
a token, so nothing is ever unknown. The signs lie behind the vocabulary, where no text reaches
them: whoever types "<|end|>" has typed seven letters and two bars.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pellucid.data.readers.texts import TEXT_ROLE, Document, Turn
from pellucid.errors import require

SIGNS = ("end", "user", "assistant", "system")
LEARNED_FROM = 10_000_000
"""Characters that the vocabulary is learned from, at most."""
AT_ONCE = 1_000
"""Texts that are cut into tokens in one call."""


def vocabulary_size(letters: int) -> int:
    """More text supports more and longer tokens (recipes 5.3; fewer for very little text)."""
    for limit, size in (
        (50_000, 400),
        (200_000, 600),
        (1_000_000, 1_000),
        (4_000_000, 2_000),
        (20_000_000, 4_000),
    ):
        if letters < limit:
            return size
    return 8_000


@dataclass(frozen=True)
class Tokens:
    """How texts become numbers. JSON-able by `as_json`.

    learned: the JSON of the `tokenizers` package. signs: "end" -> the token behind a text;
    "user", "assistant", "system" -> the tokens that say who speaks next. size: how many numbers
    there are. own: whether the signs are tokens of their own, which no text holds.
    """

    learned: str
    signs: dict[str, tuple[int, ...]]
    size: int
    own: bool = True

    @classmethod
    def learn(cls, texts: Sequence[str], size: int) -> Tokens:
        """Learn which pieces occur often, capitals and blanks as they are."""
        tokenizers = require("tokenizers", extra="text", purpose="reading texts")
        tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = tokenizers.decoders.ByteLevel()
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=size,
            min_frequency=2,
            initial_alphabet=sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        tokenizer.train_from_iterator(_some(texts), trainer)
        known = tokenizer.get_vocab_size()
        signs: dict[str, tuple[int, ...]] = {
            name: (known + place,) for place, name in enumerate(SIGNS)
        }
        return cls(tokenizer.to_str(), signs, known + len(SIGNS))

    @classmethod
    def of_start(cls, learned: str, end: int, size: int) -> Tokens:
        """The vocabulary of a published model, where who speaks is written in words.

        end: its token behind a text; -1: it has none, and a line feed ends an answer.
        """
        plain = cls(learned, {}, size, own=False)
        said = {"user": "\nUser: ", "assistant": "\nAssistant:", "system": "\nSystem: "}
        signs = {role: tuple(plain.of(words)) for role, words in said.items()}
        last = (end,) if end >= 0 else tuple(plain.of("\n"))[-1:]
        return cls(learned, {"end": last, **signs}, size, own=False)

    @property
    def end(self) -> int:
        """The token behind a text; also what stands before one."""
        return self.signs["end"][0]

    @cached_property
    def _tokenizer(self) -> Any:
        tokenizers = require("tokenizers", extra="text", purpose="reading texts")
        return tokenizers.Tokenizer.from_str(self.learned)

    def of(self, text: str) -> list[int]:
        """The tokens of one text, without signs."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def of_all(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of many texts."""
        found: list[list[int]] = []
        for start in range(0, len(texts), AT_ONCE):
            part = list(texts[start : start + AT_ONCE])
            encoded = self._tokenizer.encode_batch_fast(part, add_special_tokens=False)
            found += [one.ids for one in encoded]
        return found

    def said(self, ids: Iterable[int]) -> str:
        """The text of tokens; signs say nothing."""
        signs = {sign[0] for sign in self.signs.values()} if self.own else {self.end}
        text: str = self._tokenizer.decode([int(one) for one in ids if int(one) not in signs])
        return text

    def pieces(self, ids: Iterable[int]) -> list[str]:
        """Each token as a person would read it; signs in angle brackets."""
        names = {sign[0]: f"<{name}>" for name, sign in self.signs.items() if len(sign) == 1}
        return [names.get(int(one)) or self.said([one]) for one in ids]

    def streams(self, documents: Sequence[Document]) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each document its tokens int32 `(tokens,)`, signs among them, and which of them are
        to be predicted, bool: of a dialogue only what the assistant says."""
        turns = [turn for document in documents for turn in document.turns]
        encoded = iter(self.of_all([_spoken(turn, self.own) for turn in turns]))
        return [self._stream(document, [next(encoded) for _ in document.turns])
                for document in documents]  # fmt: skip

    def prompt(self, turns: Sequence[Turn]) -> list[int]:
        """The tokens behind which an answer begins: of a dialogue, the assistant's sign comes last;
        of a plain text, its own last token."""
        document = Document("", tuple(turns), ends=False)
        (ids, _), *_ = self.streams([document])
        found = [int(one) for one in ids]
        if turns and turns[-1].role != TEXT_ROLE:
            found += self.signs["assistant"]
        return found

    def _stream(
        self, document: Document, encoded: list[list[int]]
    ) -> tuple[np.ndarray, np.ndarray]:
        ids: list[int] = [self.end] if document.begins else []
        asked: list[bool] = [document.turns[0].role == TEXT_ROLE] * len(ids)
        for turn, own in zip(document.turns, encoded, strict=True):
            sign = list(self.signs[turn.role]) if turn.role != TEXT_ROLE else []
            counted = turn.role in (TEXT_ROLE, "assistant")
            closing = [self.end] if turn.role == "assistant" and document.ends else []
            ids += sign + own + closing
            asked += [False] * len(sign) + [counted] * (len(own) + len(closing))
        return np.array(ids, np.int32), np.array(asked, bool)

    def as_json(self) -> dict[str, Any]:
        return {
            "learned": self.learned,
            "signs": self.signs,
            "size": self.size,
            "own": self.own,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Tokens:
        signs = {name: tuple(sign) for name, sign in data["signs"].items()}
        return cls(data["learned"], signs, data["size"], data["own"])


def visible(piece: str) -> str:
    """A piece of text with signs for what can't be seen at its place: line feeds and tabs."""
    return piece.replace("\r", "").replace("\n", "⏎").replace("\t", "⇥")


def _spoken(turn: Turn, own: bool) -> str:
    """A turn as it is cut into tokens: after words that say who speaks comes a blank."""
    return f" {turn.text.strip()}" if turn.role == "assistant" and not own else turn.text


def _some(texts: Sequence[str]) -> Iterable[str]:
    """Evenly spread texts of together at most about `LEARNED_FROM` characters."""
    letters = sum(map(len, texts))
    return texts[:: max(1, round(letters / LEARNED_FROM))]
