"""What comes next in a text, without a network: counts of what came before, and a compressor.

An n-gram model looks up how often each byte followed the last few bytes. Rare contexts borrow
from shorter ones by interpolated Kneser-Ney smoothing with three discounts (Chen & Goodman 1999,
section 4.1.6): for forty years the best that counting can do. `xz -9` is what everybody has at
hand: it writes down repetitions, and the bits it needs are bits per character too.
"""

from __future__ import annotations

import lzma
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pellucid.recording.files import read_arrays, write_arrays

SYMBOLS = 256
ORDERS = (6, 7, 8, 5, 4)
"""Tried in this order; each on validation texts, as long as there is time and it gets better."""
LONGEST_ORDER = 8
"""Eight bytes fit into one 64-bit number."""
MOST_BYTES = 20_000_000
"""Longer texts are counted from their first bytes only."""
PACKED = 60_000_000
"""Bytes that a compressor looks at, at most: its window is 64 MB."""


@dataclass
class Grams:
    """All n-grams of one length.

    keys: uint64, sorted: the bytes of each, the last one lowest. counts: int64, how often (or after
    how many different bytes) each occurs. contexts: uint64, sorted: the n-grams without their last
    byte. totals, kept: float64 a context: the sum of its counts, and the share that discounts leave
    to shorter contexts. discounts: of counts 0, 1, 2, and 3 or more.
    """

    keys: np.ndarray
    counts: np.ndarray
    contexts: np.ndarray
    totals: np.ndarray
    kept: np.ndarray
    discounts: np.ndarray


class Ngrams:
    """Probabilities of the next byte by Kneser-Ney. levels: n-grams of length 1, 2 ... order."""

    def __init__(self, levels: Sequence[Grams]) -> None:
        self.levels = list(levels)

    @property
    def order(self) -> int:
        return len(self.levels)

    @property
    def stored(self) -> int:
        """Of the saved model."""
        arrays = [(one.keys, one.counts) for one in self.levels]
        return sum(array.nbytes for pair in arrays for array in pair)

    @classmethod
    def fit(cls, texts: Sequence[bytes], order: int) -> Ngrams:
        """Count the texts, each from its own start.

        Raises:
            ValueError: `order` is not 1 to 8.
        """
        if not 1 <= order <= LONGEST_ORDER:
            raise ValueError(f"an n-gram has 1 to {LONGEST_ORDER} bytes, not {order}")
        histories = histories_of(texts)
        keys, counts = np.unique(_last(histories, order), return_counts=True)
        levels = [_grams(keys, counts)]
        for length in range(order - 1, 0, -1):
            # How many different bytes stand before it: of how many longer n-grams is it the end?
            longer = np.unique(_last(histories, length + 1))
            levels.append(_grams(*np.unique(_last(longer, length), return_counts=True)))
        return cls(levels[::-1])

    def surprises(self, text: bytes) -> np.ndarray:
        """float64 `(bytes,)`: -log of the probability of each byte, given those before it, nats."""
        return -np.log(self.probabilities(histories_of([text])))

    def probabilities(self, histories: np.ndarray) -> np.ndarray:
        """float64: the probability of the last byte of each history (`histories_of`)."""
        found = np.full(len(histories), 1 / SYMBOLS)
        for length, level in enumerate(self.levels, start=1):
            key = _last(histories, length)
            context, known = _find(level.contexts, key >> np.uint64(8))
            place, counted = _find(level.keys, key)
            counts = np.where(counted, level.counts[place], 0)
            left = np.maximum(counts - level.discounts[np.minimum(counts, 3)], 0)
            here = left / level.totals[context] + level.kept[context] * found
            found = np.where(known, here, found)
        return found

    def save(self, file: Path) -> None:
        arrays = {}
        for length, level in enumerate(self.levels, start=1):
            arrays[f"{length}/keys"] = level.keys.view(np.int64)
            arrays[f"{length}/counts"] = level.counts.astype(np.int32)
        write_arrays(file, arrays)

    @classmethod
    def load(cls, file: Path) -> Ngrams:
        arrays = read_arrays(file)
        order = len(arrays) // 2
        return cls(
            [
                _grams(arrays[f"{n}/keys"].view(np.uint64), arrays[f"{n}/counts"].astype(np.int64))
                for n in range(1, order + 1)
            ]
        )


def histories_of(texts: Sequence[bytes]) -> np.ndarray:
    """uint64 `(bytes,)`: each byte of the texts with the seven before it, itself lowest; before a
    text stand zeros."""
    parts = []
    for text in texts:
        own = np.frombuffer(text, np.uint8).astype(np.uint64)
        history = own.copy()
        for back in range(1, min(LONGEST_ORDER, len(own))):
            history[back:] |= own[: len(own) - back] << np.uint64(8 * back)
        parts.append(history)
    return np.concatenate(parts) if parts else np.zeros(0, np.uint64)


def best_order(
    train: Sequence[bytes], valid: Sequence[bytes], seconds: float
) -> tuple[Ngrams, dict[int, float]]:
    """The n-gram model whose length the validation texts like best, and the mean nats of each."""
    started = time.perf_counter()
    train = _first_bytes(train)
    best: Ngrams | None = None
    tried: dict[int, float] = {}
    for order in ORDERS:
        if best is not None and time.perf_counter() - started > seconds:
            break
        if order < 6 and best is not None and best.order > 6:
            break  # longer ones were better already
        if order == 8 and tried[7] > tried[6]:
            continue
        model = Ngrams.fit(train, order)
        tried[order] = _mean_surprise(model, valid)
        if best is None or tried[order] < tried[best.order]:
            best = model
        elif order < 6:
            break
    assert best is not None
    return best, tried


def packed_bits(train: bytes, more: bytes) -> float:
    """Bits that `xz -9` needs to write down `more` behind `train`."""
    before = train[-PACKED:]
    preset = 9 | lzma.PRESET_EXTREME
    alone = len(lzma.compress(before, preset=preset))
    return 8.0 * (len(lzma.compress(before + more, preset=preset)) - alone)


def _mean_surprise(model: Ngrams, texts: Sequence[bytes]) -> float:
    return float(np.mean(np.concatenate([model.surprises(text) for text in texts if text])))


def _first_bytes(texts: Sequence[bytes]) -> list[bytes]:
    chosen, total = [], 0
    for text in texts:
        chosen.append(text[: MOST_BYTES - total])
        total += len(chosen[-1])
        if total >= MOST_BYTES:
            break
    return chosen


def _last(histories: np.ndarray, length: int) -> np.ndarray:
    """The last `length` bytes of each history."""
    if length == LONGEST_ORDER:
        return histories
    return histories & np.uint64((1 << (8 * length)) - 1)


def _grams(keys: np.ndarray, counts: np.ndarray) -> Grams:
    """The n-grams with what their contexts need."""
    discounts = _discounts(counts)
    prefix = keys >> np.uint64(8)
    starts = np.flatnonzero(np.diff(prefix, prepend=prefix[:1] - np.uint64(1)))
    totals = np.add.reduceat(counts, starts).astype(np.float64)
    left = np.add.reduceat(discounts[np.minimum(counts, 3)], starts)
    return Grams(keys, counts, prefix[starts], totals, left / totals, discounts)


def _discounts(counts: np.ndarray) -> np.ndarray:
    """What is taken from counts of 0, 1, 2, and 3 or more (Chen & Goodman, equation 26)."""
    one, two, three, four = (max(1, int((counts == n).sum())) for n in (1, 2, 3, 4))
    share = one / (one + 2 * two)
    found = [1 - 2 * share * two / one, 2 - 3 * share * three / two, 3 - 4 * share * four / three]
    # Few counts may give a nonsense; what is taken must be less than what is there.
    return np.array([0.0, *(min(max(d, 0.1), n - 0.1) for n, d in enumerate(found, start=1))])


def _find(known: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each wanted number its place among the known, sorted ones, and whether it is there."""
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return place, known[place] == wanted
