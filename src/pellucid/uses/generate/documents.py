"""What one example is: a window of tokens. Which texts are sealed: whole ones, with their copies.

A few long texts are cut into sections at the ends of paragraphs, which are then sealed whole; a
window of tokens never reaches from a text to learn from into a sealed one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pellucid.data.ledger import Ledger
from pellucid.data.near_texts import near_clusters
from pellucid.data.readers.texts import TEXT_ROLE, Corpus, Document, Turn
from pellucid.errors import DataError
from pellucid.tasks.generate import UNCOUNTED

FEW = 50
"""With fewer texts than this, texts are cut into sections: otherwise the exam would be one text."""
SECTION = (400, 4_000)
"""Characters of a section: fewest and most; in between, a hundredth of all."""
LEAST = 1_000
"""Characters to learn from without which nothing can be learned."""
SHARE = 0.1
MOST_VALID, MOST_TEST = 60_000, 200_000
"""Characters that choose, and that examine, at most: more only cost time."""


def in_sections(corpus: Corpus) -> tuple[list[Document], str]:
    """The documents that are split, and what was done, in words."""
    documents = corpus.documents
    # A dialogue is never cut: an answer needs its question.
    if len(documents) >= FEW or corpus.dialogues:
        return documents, ""
    total = sum(document.asked for document in documents)
    size = min(SECTION[1], max(SECTION[0], total // 100))
    cut = [part for document in documents for part in _sections(document, size)]
    why = (
        f"few texts ({len(documents)}): cut into {len(cut)} sections of about"
        f" {size:,} characters at the ends of paragraphs"
    )
    return cut, why


def _sections(document: Document, size: int) -> list[Document]:
    text = document.turns[0].text
    starts = [0]
    while len(text) - starts[-1] > 1.5 * size:
        starts.append(_cut_near(text, starts[-1] + size, starts[-1] + round(1.5 * size)))
    ends = [*starts[1:], len(text)]
    return [
        replace(
            document,
            place=f"{document.place} from character {start:,}" if len(starts) > 1
            else document.place,
            turns=(Turn(TEXT_ROLE, text[start:end]),),
            begins=start == 0,
            ends=end == len(text),
        )
        for start, end in zip(starts, ends, strict=True)
    ]  # fmt: skip


def _cut_near(text: str, soonest: int, latest: int) -> int:
    """Where to cut: behind the first paragraph, line, sentence or word that ends in between."""
    for end in ("\n\n", "\n", ". ", " "):
        place = text.find(end, soonest, latest)
        if place >= 0:
            return place + len(end)
    return soonest


def seal(documents: Sequence[Document], ledger: Ledger, seed: int) -> list[str]:
    """Give every document its part; near-copies stay on one side. Returns what was done, in words.

    Raises:
        DataError: What is left to learn from is too little.
    """
    sizes = np.array([document.asked for document in documents])
    part = np.array([document.part for document in documents], dtype=object)
    given = (part == "test").any()
    clusters = near_clusters([document.text for document in documents])
    copies = len(documents) - len(np.unique(clusters))
    if sizes.sum() < LEAST:
        raise _too_little(int(sizes.sum()), documents)
    if len(np.unique(clusters)) < 3:
        raise DataError(
            f"the {len(documents)} texts are nearly all the same: nothing is left for an exam",
            where=documents[0].place,
            fix="give texts that differ in more than numbers and signs",
        )
    open_ = (part == "") | (part == "train")
    if given:
        # What is nearly the same as a sealed text is no text to learn from.
        spoiled = open_ & np.isin(clusters, clusters[part == "test"])
        for row in np.flatnonzero(spoiled):
            ledger.leave_out(int(row), "nearly the same as a sealed text")
        open_ &= ~spoiled
    wanted = [("test", MOST_TEST)] if not given else []
    if not (part == "valid").any():
        wanted.append(("valid", MOST_VALID))
    rng = np.random.default_rng([seed, 1])
    groups = rng.permutation(np.unique(clusters[open_]))
    total = int(sizes[open_].sum())
    part[open_] = "train"
    for name, most in wanted:
        groups = _take(groups, clusters, sizes, open_, part, name, min(most, SHARE * total))
    left = int(sizes[(part == "train") & open_].sum())
    usable = ledger.usable()
    ledger.assign(usable, part[usable])
    if left < LEAST or any(not (part == name).any() for name in ("test", "valid")):
        raise _too_little(left, documents)
    said = [f"{(part == 'test').sum():,} texts or sections sealed as test, "
            f"{(part == 'valid').sum():,} choose (validation)"]  # fmt: skip
    if copies:
        said.append(f"nearly equal to other texts: {copies:,}; copies stay on one side")
    return said


def _too_little(letters: int, documents: Sequence[Document]) -> DataError:
    return DataError(
        f"there are {letters:,} characters to learn from; too few for any model",
        where=f"{len(documents)} texts",
        fix=f"give at least {10 * LEAST:,} characters, in several texts or dialogues",
    )


def _take(
    groups: np.ndarray,
    clusters: np.ndarray,
    sizes: np.ndarray,
    free: np.ndarray,
    part: np.ndarray,
    name: str,
    wanted: float,
) -> np.ndarray:
    """Give whole groups of copies to a part until it is large enough; the groups that are left."""
    taken = 0.0
    for place, group in enumerate(groups):
        if taken >= wanted:
            return groups[place:]
        members = free & (clusters == group)
        part[members] = name
        taken += float(sizes[members].sum())
    return groups[:0]


def windows(
    streams: Sequence[tuple[np.ndarray, np.ndarray]], context: int, end: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Documents one after the other, cut into windows.

    Args:
        streams: Tokens and which of them are asked (`Tokens.streams`).
        end: What fills up the last window.

    Returns:
        tokens int32 and what comes next int32, both `(windows, context)`, with `UNCOUNTED` where
        nothing is asked; and the number of the document in which each window begins.
    """
    ids = np.concatenate([ids for ids, _ in streams])
    asked = np.concatenate([asked for _, asked in streams])
    starts = np.cumsum([0, *(len(ids) for ids, _ in streams)])
    count = max(1, -(-(len(ids) - 1) // context))
    tokens = np.full(count * context + 1, end, np.int32)
    tokens[: len(ids)] = ids
    following = np.full(count * context, UNCOUNTED, np.int32)
    following[: len(ids) - 1] = np.where(asked[1:], ids[1:], UNCOUNTED)
    begins = np.searchsorted(starts, np.arange(count) * context, side="right") - 1
    shaped = following.reshape(count, context)
    something = (shaped != UNCOUNTED).any(1)
    return tokens[:-1].reshape(count, context)[something], shaped[something], begins[something]
