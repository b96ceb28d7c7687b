"""Texts that are nearly equal: they must not stand on both sides of a split.

Two texts are near when most of their runs of letters are the same (Jaccard). Comparing all pairs
would take too long, so each text is summed up by the smallest hashes of its runs (MinHash, Broder
1997): two texts agree in one of them as often as their runs agree.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from pellucid.data.split import clusters_of

RUN = 5
"""Letters of a run; shorter texts are compared as a whole."""
BANDS, HASHES = 8, 8
"""Texts are near if all 8 hashes of one of 8 bands agree: 3 of 100 pairs of which half of the runs
agree, 77 of those of which four fifths do, 99 of those of which nine tenths do."""
MOST_RUNS = 4_000
"""Of a longer text, about so many runs are looked at, chosen by what they are."""
LARGEST = 0.02
"""A larger share of all texts is no set of copies but a habit of the language: of those, only equal
texts belong together."""


def near_clusters(texts: Sequence[str]) -> np.ndarray:
    """int64 `(texts,)`: texts that are equal or nearly so get the same number."""
    plain = [plain_text(text) for text in texts]
    equal = clusters_of(len(texts), [text or None for text in plain])
    long = [row for row, text in enumerate(plain) if len(text) >= RUN]
    if not long:
        return equal
    signs = _signatures([plain[row] for row in long])
    keys: list[list[int | None]] = [[None] * len(texts) for _ in range(BANDS)]
    for column, part in zip(keys, np.split(signs, BANDS, 1), strict=True):
        for row, band in zip(long, part, strict=True):
            column[row] = hash(band.tobytes())
    near = clusters_of(len(texts), equal.tolist(), *keys)
    most = max(10, LARGEST * len(texts))
    huge = np.isin(near, [number for number, size in Counter(near.tolist()).items() if size > most])
    return np.where(huge, equal, near)


def plain_text(text: str) -> str:
    """Only letters, digits and single spaces, in lower case; numbers are all the same.

    >>> plain_text("Open _File 12…")
    'open file 0'
    """
    return re.sub(r"\d+", "0", " ".join(re.findall(r"[^\W_]+", text.casefold())))


def _signatures(texts: Sequence[str]) -> np.ndarray:
    """uint64 `(texts, BANDS * HASHES)`: the smallest value of each hash over the runs."""
    found = [_runs(text) for text in texts]
    starts = np.cumsum([0, *map(len, found[:-1])])
    runs = np.concatenate(found)
    return np.stack([np.minimum.reduceat(_mixed(runs ^ seed), starts) for seed in _SEEDS], 1)


def _runs(text: str) -> np.ndarray:
    """uint64: one number for each run of letters, at least one."""
    letters = np.frombuffer(text.encode("utf-32-le"), np.uint32).astype(np.uint64)
    runs = np.zeros(len(letters) - RUN + 1, np.uint64)
    for place, power in enumerate(_POWERS):
        runs += letters[place : place + len(runs)] * power
    runs = _mixed(runs)
    every = len(runs) // MOST_RUNS + 1
    # By content, not by place: a text with one more word at its start keeps its runs.
    chosen = runs[runs % np.uint64(every) == 0] if every > 1 else runs
    return chosen if len(chosen) else runs[:1]


def _mixed(values: np.ndarray) -> np.ndarray:
    """Spread values evenly over 64 bits (the finalizer of SplitMix64, Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


_POWERS = np.array([0x9E3779B97F4A7C15 ** (i + 1) % 2**64 for i in range(RUN)], np.uint64)
_SEEDS = np.random.default_rng(0).integers(1, 2**63, BANDS * HASHES).astype(np.uint64)
