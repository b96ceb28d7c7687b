"""How familiar is a text: are its tokens next to each other as in the texts learned from?

Words in mixed order, another language and random letters are made of known tokens; what gives them
away is which follows which. That is counted: how much more often a token came after its left
neighbor than it comes anyway (pointwise mutual information, Church and Hanks 1990). Two means of it
tell of a text, over all pairs and over those that begin a word; the latter sees words in mixed
order, whose letters stand as they should. Each counts in units of how much texts of its length
usually vary, and the stranger of the two is the text's score.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

Arrays = dict[str, np.ndarray]

BELIEF = 5.0
"""So many times a token is believed to follow another as often as it comes anyway, before any pair
was counted: one pair seen once is no rule."""
LONGEST_KEY = 2**31


@dataclass(frozen=True)
class Pairs:
    """Counted tokens and pairs of neighbors.

    keys: int64 `(pairs,)`, rising: left token * size + right token. counts: int64 `(pairs,)`.
    tokens: int64 `(size,)`, how often each came. begins: bool `(size,)`, which begin a word.
    """

    keys: np.ndarray
    counts: np.ndarray
    tokens: np.ndarray
    begins: np.ndarray

    @classmethod
    def of(cls, ids: np.ndarray, begins: np.ndarray) -> Pairs:
        """Count in texts int `(rows, tokens)`, 0 behind their end."""
        left, right, there = _neighbors(ids)
        keys, counts = np.unique((left * len(begins) + right)[there], return_counts=True)
        tokens = np.bincount(ids[ids > 0], minlength=len(begins))
        return cls(keys, counts, tokens, begins)

    @cached_property
    def lefts(self) -> np.ndarray:
        """int64 `(size,)`: how often each token had a right neighbor."""
        return np.bincount(self.keys // len(self.begins), self.counts, len(self.begins))

    def count(self, keys: np.ndarray) -> np.ndarray:
        """How often each of these pairs was counted, in their shape."""
        if not len(self.keys):
            return np.zeros(keys.shape)
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[places] == keys, self.counts[places], 0)

    def measure(self, ids: np.ndarray, without: list[Pairs] | None = None) -> Measured:
        """How well the neighbors in texts `(rows, tokens)` are known.

        Args:
            without: For each row, what was counted in rows that are to be left out.
        """
        left, right, there = _neighbors(ids)
        size = len(self.begins)
        keys = left * size + right
        both, lefts, rights = self.count(keys), self.lefts[left], self.tokens[right]
        total = np.full((len(ids), 1), self.tokens.sum())
        for row, own in enumerate(without or []):
            both[row] -= own.count(keys[row])
            lefts[row] -= own.lefts[left[row]]
            rights[row] -= own.tokens[right[row]]
            total[row] -= own.tokens.sum()
        usual = (rights + 0.5) / (total + 0.5 * size)
        surprise = -np.log((both + BELIEF * usual) / (lefts + BELIEF) / usual)
        kinds = np.stack([there, there & self.begins[right]])  # (2, rows, pairs)
        lengths = kinds.sum(2)
        means = np.where(kinds, surprise, 0.0).sum(2) / np.maximum(lengths, 1)
        return Measured(means, lengths)

    def arrays(self) -> Arrays:
        """As they are kept: no more bits than needed."""
        small = np.int32 if len(self.begins) ** 2 < LONGEST_KEY else np.int64
        return {
            "keys": self.keys.astype(small),
            "counts": self.counts.astype(np.int32),
            "tokens": self.tokens.astype(np.int32),
            "begins": self.begins.astype(np.uint8),
        }


@dataclass(frozen=True)
class Measured:
    """means: float `(2, rows)`, how unfamiliar the pairs of each text are, all of them and those
    that begin a word. lengths: int `(2, rows)`, how many pairs that were."""

    means: np.ndarray
    lengths: np.ndarray


def _neighbors(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each token, its right neighbor, and whether there are both; `(rows, tokens - 1)` each."""
    ids = ids.astype(np.int64)
    left, right = ids[:, :-1], ids[:, 1:]
    return left, right, (left > 0) & (right > 0)


@dataclass(frozen=True)
class Familiar:
    """What tells familiar texts of one column from strange ones.

    center: float `(2,)`, the usual means. between, within: float `(2,)`, the variance of texts
    however long they are, and of single pairs, which shrinks with the length.
    """

    pairs: Pairs
    center: np.ndarray
    between: np.ndarray
    within: np.ndarray

    def scores(self, ids: np.ndarray) -> np.ndarray:
        """float `(rows,)`: how strange each text is; 0 is usual, and so is one without pairs."""
        return self.of(self.pairs.measure(ids))

    def of(self, measured: Measured) -> np.ndarray:
        spread = self.between[:, None] + self.within[:, None] / np.maximum(measured.lengths, 1)
        apart = (measured.means - self.center[:, None]) / np.sqrt(spread)
        return np.where(measured.lengths > 0, apart, 0.0).max(0)

    def arrays(self) -> Arrays:
        scale = np.stack([self.center, self.between, self.within]).astype(np.float64)
        return {**self.pairs.arrays(), "scale": scale}

    @classmethod
    def restore(cls, arrays: Arrays) -> Familiar:
        keys, counts, tokens = (arrays[name].astype(np.int64) for name in PLAIN)
        pairs = Pairs(keys, counts, tokens, arrays["begins"].astype(bool))
        return cls(pairs, *arrays["scale"])


PLAIN = ("keys", "counts", "tokens")


def become_familiar(
    ids: np.ndarray, begins: np.ndarray, labels: np.ndarray, judged: np.ndarray
) -> tuple[Familiar, np.ndarray]:
    """Count the pairs of texts that were learned from, and see how strange such texts are to each
    other.

    Args:
        ids: int `(rows, tokens)`, 0 behind the end of each text.
        begins: bool `(size,)`: which tokens begin a word.
        labels: int `(rows,)`; rows of equal label (twins, or one author's) don't tell of each
            other.
        judged: int `(judged,)`: places of the rows that say what is usual.

    Returns:
        What was learned, and the score of each judged row, had it and its like not been counted.
    """
    pairs = Pairs.of(ids, begins)
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], labels[judged], side="left")
    ends = np.searchsorted(labels[order], labels[judged], side="right")
    own = [Pairs.of(ids[order[a:b]], begins) for a, b in zip(starts, ends, strict=True)]
    measured = pairs.measure(ids[judged], own)
    fitted = [_spread(means, lengths) for means, lengths in zip(measured.means, measured.lengths)]
    center, between, within = np.array(fitted).T
    familiar = Familiar(pairs, center, between, within)
    return familiar, familiar.of(measured)


def _spread(means: np.ndarray, lengths: np.ndarray) -> tuple[float, float, float]:
    """Center, and the two variances that squared distances from it are made of: one of texts and
    one of pairs, which shrinks with the length."""
    from scipy.optimize import nnls

    there = lengths > 0
    if there.sum() < 2:
        return 0.0, 1.0, 0.0
    center = float(means[there].mean())
    causes = np.stack([np.ones(there.sum()), 1 / lengths[there]], 1)
    (between, within), _ = nnls(causes, (means[there] - center) ** 2)
    smallest = 1e-6
    return center, float(between) + smallest, float(within)
