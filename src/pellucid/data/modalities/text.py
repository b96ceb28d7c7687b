"""Texts: sentences, mails, descriptions.

A text becomes a row of token numbers. The tokens are pieces of words learned from the training
rows (byte-level BPE); every byte is a token too, so nothing is ever unknown.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any, ClassVar, TypeVar

import numpy as np

from pellucid.data.columns import (
    Drawing,
    Entry,
    Loaded,
    Modality,
    Progress,
    RawColumn,
    Reading,
    modality,
    silent,
)
from pellucid.data.glance import present, shown
from pellucid.errors import require

LONGEST = 256
"""Tokens of a text that are read at most: 75 % from its head, 25 % from its tail."""

_HEAD, _TAIL = 6_000, 2_000  # characters; 192 and 64 tokens rarely need more
_LEARNED_FROM = 5_000_000  # characters the tokenizer is learned from at most: a few seconds
_MEASURED = 1_000  # texts whose lengths are measured at most: a second for long mails
_AT_ONCE = 4_096  # texts encoded in one call, which bounds memory

SPACE = "Ġ"
"""How byte-level tokens write a space."""

Item = TypeVar("Item")


@modality
class Text(Modality):
    name: ClassVar[str] = "text"

    def recognize(self, raw: RawColumn) -> Reading | None:
        values = present(raw)
        if values.ndim != 1 or values.dtype != object or not len(values):
            return None
        if not all(isinstance(value, str) for value in values):
            return None
        return _judge(list(values))

    def load(
        self, raw: RawColumn, layout: dict[str, Any] | None = None, progress: Progress = silent
    ) -> Loaded:
        """object `(rows,)` of str, untouched; None where there is no text."""
        values = np.empty(len(raw), dtype=object)
        for row, value in enumerate(raw.values.tolist()):
            values[row] = None if value is None or value != value else str(value)
        progress(len(raw), len(raw))
        return Loaded(values, layout or {})

    def fit(self, loaded: Loaded) -> dict[str, Any]:
        texts = [value for value in loaded.values if value]
        letters = sum(map(len, texts))
        lower, case_why = _lower_case(texts, letters)
        size = _vocabulary_size(letters)
        learned = _learn_tokenizer(_some(texts, letters), size, lower)
        measured = texts[:: -(-len(texts) // _MEASURED) or 1]
        lengths = [len(tokens) for tokens in _tokenize(learned, measured)]
        longest = np.quantile(lengths, 0.95) if lengths else 1
        length = int(min(LONGEST, 8 * np.ceil(max(longest, 1) / 8)))
        return {
            "tokenizer": learned,
            "size": _tokenizer(learned).get_vocab_size() + 1,
            "length": length,
            "why": f"{letters:,} characters: at most {size:,} tokens; {case_why}; "
            f"95% of the texts fit into {length} tokens"
            + (" or are cut to them" if length == LONGEST else ""),
        }

    def encode(self, loaded: Loaded, fitted: dict[str, Any]) -> np.ndarray:
        """int32 `(rows, length)`; 0 is padding, token numbers start at 1."""
        length = fitted["length"]
        ids = np.zeros((len(loaded.values), length), dtype=np.int32)
        for row, tokens in enumerate(
            _tokenize(fitted["tokenizer"], [value or "" for value in loaded.values])
        ):
            read = _read(tokens, length)
            ids[row, : len(read)] = read
        return ids

    def entry(self, name: str, fitted: dict[str, Any]) -> Entry:
        return Entry("lookup", (fitted["length"],), fitted["size"], name)

    def draw(self, loaded: Loaded, row: int) -> Drawing:
        return Drawing("text", loaded.values[row] or "")

    def keys(self, loaded: Loaded) -> list[str | None]:
        """Equal for texts that differ only in case, spaces, punctuation and long numbers."""
        return [_key(value) for value in loaded.values]


# --- is it text? ----------------------------------------------------------------------------


def _judge(texts: list[str]) -> Reading:
    different = set(texts)
    ratio = len(different) / len(texts)
    words = float(np.mean([len(text.split()) for text in different]))
    letters = float(np.mean([len(text) for text in different]))
    why = (
        f"{len(different):,} different texts in {len(texts):,} looked at, "
        f"{words:.1f} words each: {shown(texts[0])}"
    )
    return Reading(_sure(ratio, words, letters, texts), why)


def _sure(ratio: float, words: float, letters: float, texts: list[str]) -> float:
    if sum(any(map(str.isalpha, text)) for text in texts) < 0.5 * len(texts):
        return 0.1  # digits and signs only
    if words >= 4:
        return 0.87 if ratio > 0.5 else 0.6 if ratio > 0.2 else 0.3
    if ratio <= 0.5:
        return 0.2
    if words >= 1.5:
        return 0.55
    if letters >= 20:
        return 0.6  # formulas, sequences, addresses
    return 0.55 if ratio > 0.9 else 0.45


# --- tokens ---------------------------------------------------------------------------------


def _vocabulary_size(letters: int) -> int:
    """More text supports more and longer tokens."""
    for limit, size in ((1_000_000, 2_000), (10_000_000, 6_000)):
        if letters < limit:
            return size
    return 8_000


def _lower_case(texts: list[str], letters: int) -> tuple[bool, str]:
    """Whether capitals are worth keeping apart, and why."""
    some = "".join(text[:1000] for text in texts[:2000])
    alphabetic = sum(map(str.isalpha, some))
    capitals = sum(map(str.isupper, some)) / max(1, alphabetic)
    spaces = sum(map(str.isspace, some)) / max(1, len(some))
    if spaces < 0.02:
        return False, "capitals kept: no spaces, so these are codes or formulas"
    if capitals > 0.3:
        return False, f"capitals kept: {capitals:.0%} of the letters are capitals"
    if letters >= 50_000_000:
        return False, "capitals kept: enough text to learn both"
    return True, "in lower case"


def _some(texts: list[str], letters: int) -> list[str]:
    """Evenly spread texts of together at most about `_LEARNED_FROM` characters."""
    stride = max(1, round(letters / _LEARNED_FROM))
    return [_clip(text) for text in texts[::stride]]


def _learn_tokenizer(texts: Iterable[str], size: int, lower: bool) -> str:
    """Byte-level BPE (Sennrich et al. 2016) as the JSON of the `tokenizers` package."""
    tokenizers = require("tokenizers", extra="text", purpose="reading texts")
    bytes_ = tokenizers.pre_tokenizers.ByteLevel
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    steps = [tokenizers.normalizers.NFC()]
    if lower:
        steps.append(tokenizers.normalizers.Lowercase())
    tokenizer.normalizer = tokenizers.normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = bytes_(add_prefix_space=True)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        initial_alphabet=sorted(bytes_.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    learned: str = tokenizer.to_str()
    return learned


def _tokenizer(learned: str) -> Any:
    tokenizers = require("tokenizers", extra="text", purpose="reading texts")
    return tokenizers.Tokenizer.from_str(learned)


def _tokenize(learned: str, texts: list[str]) -> Iterable[list[int]]:
    """Token numbers from 1 on (0 is padding), text by text."""
    tokenizer = _tokenizer(learned)
    for start in range(0, len(texts), _AT_ONCE):
        batch = [_clip(text) for text in texts[start : start + _AT_ONCE]]
        for encoding in tokenizer.encode_batch_fast(batch):
            yield [number + 1 for number in encoding.ids]


def _read(tokens: list[Item], length: int) -> list[Item]:
    """The head and the tail of more tokens than are read."""
    head = length * 3 // 4
    return tokens if len(tokens) <= length else tokens[:head] + tokens[head - length :]


def _clip(text: str) -> str:
    """The parts of a very long text that its first and last tokens come from."""
    return text if len(text) <= _HEAD + _TAIL else text[:_HEAD] + text[-_TAIL:]


def spans_of(text: str, fitted: dict[str, Any]) -> list[tuple[int, int]]:
    """Where the tokens that are read of a text lie in it, `(start, end)`, in their order."""
    spans = _tokenizer(fitted["tokenizer"]).encode(_clip(text)).offsets
    left_out = max(0, len(text) - _HEAD - _TAIL)  # characters between the two parts of a long text
    placed = [(start + left_out * (start >= _HEAD), end + left_out * (start >= _HEAD))
              for start, end in spans]  # fmt: skip
    return _read(placed, fitted["length"])


def begins_word(fitted: dict[str, Any]) -> np.ndarray:
    """bool `(size,)`: whether each token begins a word, that is, whether a space is its start."""
    found = np.zeros(fitted["size"], dtype=bool)
    for token, number in _tokenizer(fitted["tokenizer"]).get_vocab().items():
        found[number + 1] = token.startswith(SPACE)
    return found


def tokens_of(row: np.ndarray, fitted: dict[str, Any]) -> list[str]:
    """The tokens of one encoded text as readable pieces, padding left out."""
    tokenizer = _tokenizer(fitted["tokenizer"])
    return [tokenizer.decode([int(number) - 1]) for number in row if number > 0]


def _key(text: str | None) -> str | None:
    words = re.findall(r"[^\W_]+", (text or "").casefold())
    # Long numbers are ids and telephone numbers, which differ in copies of one mail.
    plain = " ".join("#" if len(word) > 4 and word.isdigit() else word for word in words)
    if plain.count(" ") < 3:
        return None  # short texts are equal by chance
    return hashlib.blake2b(plain.encode(), digest_size=12).hexdigest()
