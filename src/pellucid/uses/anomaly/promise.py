"""From a score to a p-value, and from a p-value to an answer: how many false alarms to expect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEVELS = (0.01, 0.02, 0.05, 0.1)
"""Shares of normal rows that may be called anomalies; the smallest that the held rows can show."""
OUTER, OUTER_SPREADS = 0.2, 0.8416
"""Quantiles that tell how wide and how lopsided the bulk is, and where a normal law has them: up to
a fifth of the rows may be strange without moving the others much."""
STANDS_OUT, LOPSIDED, TURNS = 3.5, 0.3, 20
"""Spreads above the middle, after straightening; how lopsided scores are taken to be at least."""
AMONG_STRANGE, EVIDENT = 3.0, 0.01
"""Where so many stand out that strange rows are there for sure, from here on the others, too."""
MOST_LEFT_OUT = 0.125
"""Where more than an eighth would stand out, they are a kind of normal rows: false alarms for all
of them would be worse than anomalies that are not found."""
TAIL, RARE, AT_LEAST = (0.7, 0.9), 0.001, 2.0
"""Many strange rows make the bulk look wider and more lopsided than it is, and hide each other. So
how far normal scores reach is also told by the bulk's upper part alone: an exponential tail through
two of its quantiles, up to where one row in 1,000 would lie, and these spreads above the middle."""
FIRST_LEFT_OUT, FEWEST = (0.2, 0.1, 0.0), 50
"""Shares of the highest scores that are left out to begin with; how many scores a tail takes."""
MANY, MANY_MORE = 0.04, 1.5
"""Up to 1 % of scores with a long tail lie beyond an exponential one: it only counts where it shows
that many, and so many times as many as stand out by themselves."""


@dataclass(frozen=True)
class Promise:
    """Scores of held rows, which were not learned from, in rising order.

    A new normal row is as likely to stand at any place among them (conformal prediction: the rows
    are exchangeable), so its p-value is below `level` in at most that share of cases.

    Nobody says that all held rows are normal. Those that stand out are taken for strange and left
    out (`left_out`): with them the p-values of other strange rows would be too large. If they were
    normal after all, there would be up to `at_most` false alarms among 1,000.
    """

    held: np.ndarray
    left_out: int = 0

    @classmethod
    def of(cls, scores: np.ndarray) -> Promise:
        scores = np.sort(np.asarray(scores, dtype=np.float64))
        strange = taken_for_strange(scores)
        return cls(scores[~strange], int(strange.sum()))

    @property
    def level(self) -> float:
        """p-values up to here are called anomalies."""
        fine = 1 / (len(self.held) + 1)
        return next((level for level in LEVELS if level >= fine), fine)

    @property
    def per_thousand(self) -> float:
        """False alarms to expect among 1,000 normal rows, at most."""
        places = len(self.held) + 1
        return 1000 * np.floor(self.level * places + 1e-9) / places

    @property
    def at_most(self) -> float:
        """The same if the rows that were left out are normal, too."""
        places = len(self.held) + 1
        called = np.floor(self.level * places + 1e-9) + self.left_out
        return 1000 * called / (places + self.left_out)

    def p_values(self, scores: np.ndarray) -> np.ndarray:
        """float64 `(rows,)`: how many of the held rows, itself counted, are as strange."""
        above = len(self.held) - np.searchsorted(self.held, scores, side="left")
        return (above + 1) / (len(self.held) + 1)

    def strange(self, scores: np.ndarray) -> np.ndarray:
        """bool `(rows,)`: which are called anomalies."""
        return self.p_values(scores) <= self.level + 1e-12


def stands_out(scores: np.ndarray) -> np.ndarray:
    """bool `(rows,)`: which scores lie too far above the bulk to belong to it.

    The bulk is straightened until its halves are alike (Tukey's g distribution through three
    quantiles), so that a long tail alone is no reason. What stands out is left out, and the rest is
    looked at again. Nothing stands out where an eighth would, or where the bulk has no width.
    """
    scores = np.asarray(scores, dtype=np.float64)
    strange, limit = np.zeros(len(scores), dtype=bool), STANDS_OUT
    for _ in range(TURNS):
        found = _spreads_above(scores[~strange], scores) > limit
        if found.mean() > MOST_LEFT_OUT:
            return np.zeros(len(scores), dtype=bool)
        if (found == strange).all():
            if limit == AMONG_STRANGE or found.mean() < EVIDENT:
                break
            limit = AMONG_STRANGE
        strange = found
    return strange


def taken_for_strange(scores: np.ndarray) -> np.ndarray:
    """bool `(rows,)`: which held rows are taken for strange, by their scores: those that stand out,
    or many that lie beyond the tail of the others."""
    scores = np.asarray(scores, dtype=np.float64)
    strange = stands_out(scores)
    if len(scores) < FEWEST:
        return strange
    order = np.argsort(scores, kind="stable")
    for share in FIRST_LEFT_OUT:
        highest = np.zeros(len(scores), dtype=bool)
        highest[order[len(order) - round(share * len(order)) :]] = True
        found = _beyond_tail(scores, highest)
        if found.mean() > max(MANY, MANY_MORE * strange.mean()):
            strange = found
    return strange


def _beyond_tail(scores: np.ndarray, strange: np.ndarray) -> np.ndarray:
    """bool `(rows,)`: what lies beyond the tail of the rest, beginning with `strange` left out."""
    for _ in range(TURNS):
        bulk = scores[~strange]
        low, high = np.quantile(bulk, TAIL)
        scale = (high - low) / np.log((1 - TAIL[0]) / (1 - TAIL[1]))
        limit = low + scale * np.log((1 - TAIL[0]) / RARE)
        found = (scores > limit) & (_spreads_above(bulk, scores) > AT_LEAST)
        if found.mean() > MOST_LEFT_OUT:
            return np.zeros(len(scores), dtype=bool)
        if (found == strange).all():
            break
        strange = found
    return strange


def _spreads_above(bulk: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """float64 `(rows,)`: how far above the bulk's middle, in its straightened spread."""
    low, middle, high = np.quantile(bulk, [OUTER, 0.5, 1 - OUTER])
    if not low < middle < high:
        return np.zeros(len(scores))
    lopsided = max(np.log((high - middle) / (middle - low)) / OUTER_SPREADS, LOPSIDED)
    lopsided += 1 / np.sqrt(len(bulk))  # few rows: how lopsided they are is not known well
    spread = (high - middle) * lopsided / np.expm1(lopsided * OUTER_SPREADS)
    bent = 1 + lopsided * (scores - middle) / spread
    return np.log(np.maximum(bent, 1e-300)) / lopsided
