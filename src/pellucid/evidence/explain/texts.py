"""A text in words: what would the answer be without this one?

Words are taken out of the text itself, as a person would do it, and the rest is read anew; so this
works for any model that reads texts. Of a long text a network reads the beginning and the end: then
only the words that it reads are its pieces.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import numpy as np

from pellucid.data.columns import Loaded
from pellucid.evidence.subject import Rows, take

MOST_PIECES = 256
"""Beyond so many words a text is cut into phrases; sooner where each answer takes long."""
LONGEST_WORD = 24
"""Letters without a space beyond which they are cut: formulas, sequences, addresses."""
NOTHING = "nothing; the rest is read as it then stands"

_RUN = re.compile(r"\S+")
_NO_SPACES = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0e7f]")
"""Scripts that put no spaces between words: Japanese, Chinese, Thai."""


@dataclass(frozen=True)
class TextPieces:
    """The words (or phrases) of one text; `row` is one row of all columns.

    unread: places of words that are never read, and left out of every version, so that they don't
    move up where others are taken away.
    """

    row: Rows
    column: str
    text: str
    places: tuple[tuple[int, ...], ...]
    filled: str = NOTHING
    unread: tuple[tuple[int, ...], ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(" ".join(self.text[start:end].split()) for start, end in self.places)

    def removed(self, gone: np.ndarray) -> Rows:
        """The row in so many versions, its text without these words."""
        texts = np.empty(len(gone), dtype=object)
        places = tuple(sorted((*self.places, *self.unread)))
        read = np.isin([start for start, _ in places], [start for start, _ in self.places])
        out = np.ones(len(places), dtype=bool)
        for version, these in enumerate(gone):
            out[read] = these
            texts[version] = without(self.text, places, out)
        rows = take(self.row, np.zeros(len(gone), dtype=np.int64))
        rows[self.column] = Loaded(texts, self.row[self.column].layout)
        return rows


def text_pieces(row: Rows, column: str, most: int = MOST_PIECES) -> TextPieces:
    """A text's words; phrases, if there are more than `most`: see `phrases`."""
    text = row[column].values[0] or ""
    words = words_of(text)
    groups = [words[start:end] for start, end in phrases(text, words, most)]
    return TextPieces(row, column, text, tuple((group[0][0], group[-1][1]) for group in groups))


def phrases(text: str, words: list[tuple[int, int]], most: int) -> list[tuple[int, int]]:
    """At most so many stretches of words, of about equal length, `(first, behind the last)`.

    They end with a sentence where one ends nearby, else with a part of one, else where they must:
    half a sentence and half of the next say nothing together.

    >>> text = "It rained. We stayed at home, and nobody came."
    >>> [text[words[a][0]:words[b - 1][1]] for words in [words_of(text)]
    ...  for a, b in phrases(text, words, 3)]
    ['It rained.', 'We stayed at home,', 'and nobody came.']
    """
    found: list[tuple[int, int]] = []
    start = 0
    while start < len(words):
        left = most - len(found)
        size = -(-(len(words) - start) // left) if left > 1 else len(words) - start
        ends = range(start + -(-size // 2), min(len(words), start + size + size // 2) + 1)
        end = max(ends, key=lambda one: (_pause(text, words, one), -abs(one - start - size)))
        end = end if left > 1 else len(words)
        found.append((start, end))
        start = end
    return found


def _pause(text: str, words: list[tuple[int, int]], place: int) -> int:
    """How much of a pause there is before the word at `place`: 2 between sentences or lines, 1
    between their parts, 0 within."""
    if place == len(words) or "\n" in text[words[place - 1][1] : words[place][0]]:
        return 2
    last = text[words[place - 1][1] - 1]
    return 2 if last in ".!?…。！？" else 1 if last in ",;:，；：、" else 0


def read_pieces(
    row: Rows, column: str, spans: list[tuple[int, int]]
) -> tuple[TextPieces, np.ndarray]:
    """The words that are read of a text.

    Args:
        spans: Where the tokens that are read lie in the text.

    Returns:
        The words, and `(tokens, words)` which part of each token lies in which word, 1 for each
        token; spaces between words belong to the next one.
    """
    text = row[column].values[0] or ""
    words = words_of(text)
    shares = np.zeros((len(spans), len(words)))
    starts = np.array([start for start, _ in words])
    for token, (start, end) in enumerate(spans):
        first = max(0, int(np.searchsorted(starts, start, side="right")) - 1)
        for place in range(first, len(words)):
            if words[place][0] >= end:
                break
            shares[token, place] = max(0, min(end, words[place][1]) - max(start, words[place][0]))
        if not shares[token].any():
            shares[token, min(int(np.searchsorted(starts, start)), len(words) - 1)] = 1.0
    shares /= shares.sum(1, keepdims=True)
    read, unread = (np.flatnonzero(shares.any(0) == seen) for seen in (True, False))
    pieces = TextPieces(
        row,
        column,
        text,
        tuple(words[place] for place in read),
        unread=tuple(words[place] for place in unread),
    )
    return pieces, shares[:, read]


def words_of(text: str) -> list[tuple[int, int]]:
    """Where each word lies, `(start, end)`; signs before and after a word are pieces of their own.

    >>> [text[a:b] for text in ["Don't go (yet)!"] for a, b in words_of(text)]
    ["Don't", 'go', '(', 'yet', ')!']
    """
    found: list[tuple[int, int]] = []
    for run in _RUN.finditer(text):
        start, end = run.span()
        first, last = start, end
        while first < end and _is_sign(text[first]):
            first += 1
        while last > first and _is_sign(text[last - 1]):
            last -= 1
        if first > start:
            found.append((start, first))
        found += _cut(text, first, last)
        if last < end and first < end:
            found.append((last, end))
    return found


def without(text: str, places: tuple[tuple[int, ...], ...], gone: np.ndarray) -> str:
    """The text with these pieces taken out, no double spaces and no space before a comma left.

    >>> text = "It is good, really good."
    >>> without(text, tuple(words_of(text)), np.array([0, 0, 1, 0, 1, 0, 0], bool))
    'It is, good.'
    """
    if not gone.any():
        return text
    parts: list[str] = []
    gaps: list[str] = []  # between the last piece that stays and this one
    before = 0
    for (start, end), out in zip(places, gone, strict=True):
        gaps.append(text[before:start])
        before = end
        if out:
            continue
        parts.append(_joint(parts[-1], gaps, text[start]) if parts else "")
        parts.append(text[start:end])
        gaps = []
    return "".join(parts)


def _joint(previous: str, gaps: list[str], following: str) -> str:
    """What stands between two pieces that stay when those between them are gone."""
    closes = not gaps[-1] and _is_sign(following)
    opens = not gaps[0] and _is_sign(previous[-1])
    if len(gaps) == 1 or closes or opens:
        return gaps[-1] if len(gaps) == 1 else ""
    spaces = [gap for gap in gaps if gap]
    return next((gap for gap in spaces if "\n" in gap), spaces[0] if spaces else "")


def _is_sign(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"


def _cut(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """One word as it is; letter by letter where nothing shows where words end."""
    if start == end:
        return []
    if end - start > LONGEST_WORD or _NO_SPACES.search(text, start, end):
        return [(place, place + 1) for place in range(start, end)]
    return [(start, end)]
