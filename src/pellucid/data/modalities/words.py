"""Lists of words: several at once, as in "red; round" or ["comedy", "drama"]."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, ClassVar

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

MOST_WORDS = 64
"""Words that become a number of their own; the commonest ones of the training rows."""

_DELIMITERS = (";", "|", ",")


@modality
class Words(Modality):
    name: ClassVar[str] = "words"

    def recognize(self, raw: RawColumn) -> Reading | None:
        values = present(raw)
        if values.ndim != 1 or values.dtype != object or not len(values):
            return None
        if all(isinstance(value, list | tuple | set) for value in values):
            return Reading(0.95, _summary([split(value, "") for value in values]))
        if not all(isinstance(value, str) for value in values):
            return None
        return _judge(list(values))

    def load(
        self, raw: RawColumn, layout: dict[str, Any] | None = None, progress: Progress = silent
    ) -> Loaded:
        """object `(rows,)` of lists of str; None where the cell is missing."""
        layout = layout or {
            "delimiter": _delimiter([v for v in present(raw) if isinstance(v, str)])
        }
        values = np.empty(len(raw), dtype=object)
        missing = raw.missing()
        for row, value in enumerate(raw.values):
            values[row] = None if missing[row] else split(value, layout["delimiter"])
        progress(len(raw), len(raw))
        return Loaded(values, layout)

    def fit(self, loaded: Loaded) -> dict[str, Any]:
        counts = Counter(word for words in loaded.values for word in set(words or ()))
        words = sorted(counts, key=lambda word: (-counts[word], word))[:MOST_WORDS]
        return {"words": words, "why": f"the {len(words)} commonest of {len(counts):,} words"}

    def encode(self, loaded: Loaded, fitted: dict[str, Any]) -> np.ndarray:
        """float32 `(rows, words)`: 1 where the row has the word."""
        number = {word: index for index, word in enumerate(fitted["words"])}
        hot = np.zeros((len(loaded.values), max(1, len(number))), dtype=np.float32)
        for row, words in enumerate(loaded.values):
            hot[row, [number[word] for word in words or () if word in number]] = 1.0
        return hot

    def entry(self, name: str, fitted: dict[str, Any]) -> Entry:
        return Entry("project", (), max(1, len(fitted["words"])), "scalars")

    def numbers(self, fitted: dict[str, Any]) -> list[str]:
        return list(fitted["words"]) or [""]

    def draw(self, loaded: Loaded, row: int) -> Drawing:
        return Drawing("list", list(loaded.values[row] or ()))

    def keys(self, loaded: Loaded) -> list[str | None]:
        return [None] * len(loaded.values)  # many rows share their words without being the same


def split(value: object, delimiter: str) -> list[str]:
    """A cell as its words; brackets and quotes of a written list are taken off.

    >>> split("['red', 'round']", ",")
    ['red', 'round']
    """
    if not isinstance(value, list | tuple | set):
        text = str(value).strip()
        if text[:1] + text[-1:] in ("[]", "{}", "()"):
            text, delimiter = text[1:-1], ","
        value = text.split(delimiter) if delimiter else [text]
    words = (str(word).strip().strip("'\"").strip() for word in value)
    return [word for word in words if word]


# --- is it a list? --------------------------------------------------------------------------


def _judge(texts: list[str]) -> Reading | None:
    delimiter = _delimiter(texts)
    if not delimiter or sum(delimiter in text for text in texts) < 0.1 * len(texts):
        return None
    lists = [split(text, delimiter) for text in texts]
    parts = Counter(word for words in lists for word in words)
    several = sum(len(words) > 1 for words in lists) / len(texts)
    if several < 0.1 or not parts:
        return None
    lettered = sum(bool(re.search(r"[^\W\d_]", part)) for part in parts) / len(parts)
    short = sum(len(part.split()) <= 3 for part in parts) / len(parts)
    bracketed = sum(text.strip()[:1] in ("[", "{") for text in texts) > 0.9 * len(texts)
    again = sum(parts.values()) / len(parts)
    if bracketed and lettered > 0.9:
        return Reading(0.93, _summary(lists))
    # "Paris, France" has two parts with fixed places; words of a list come in any number or order.
    lengths = Counter(map(len, lists))
    free = lengths.most_common(1)[0][1] < 0.95 * len(lists) or _places_vary(lists)
    if lettered < 0.9 or short < 0.9 or again < 3 or not free:
        return None
    sure = 0.92 if delimiter != "," else 0.9
    fewer = len(parts) < len(set(texts))
    return Reading(sure if fewer else 0.5, _summary(lists))


def _delimiter(texts: list[str]) -> str:
    """The sign that stands between words in most cells; '' if there is none."""
    counts = {sign: sum(sign in text for text in texts) for sign in _DELIMITERS}
    best = max(_DELIMITERS, key=lambda sign: counts[sign])
    return best if counts[best] else ""


def _places_vary(lists: list[list[str]]) -> bool:
    """Whether most parts that occur often stand at several places of their lists."""
    places: dict[str, set[int]] = {}
    for words in lists:
        for place, word in enumerate(words):
            places.setdefault(word, set()).add(place)
    return sum(len(found) > 1 for found in places.values()) > 0.5 * len(places)


def _summary(lists: list[list[str]]) -> str:
    counts = Counter(word for words in lists for word in words)
    first = ", ".join(shown(word, 24) for word, _ in counts.most_common(3))
    most = max(map(len, lists), default=0)
    return f"lists of up to {most} words, {len(counts):,} different: {first} ..."
