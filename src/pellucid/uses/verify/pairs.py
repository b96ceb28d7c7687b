"""Pairs, and how well a likeness tells the same from different ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.learning.evaluate import Score, ratio

MOST_SAME, MOST_DIFFERENT = 3_000, 6_000
DRAWS_AT_ONCE = 512
"""Resamples measured together: each has a weight for every pair of identities."""
THRESHOLDS = 400
"""At most so many are tried where identities are drawn anew."""


@dataclass(frozen=True)
class Pairs:
    """left, right: int64 `(pairs,)`, numbers of examples. same: bool `(pairs,)`."""

    left: np.ndarray
    right: np.ndarray
    same: np.ndarray

    def __len__(self) -> int:
        return len(self.left)

    def likeness(self, points: np.ndarray) -> np.ndarray:
        """Cosines `(pairs,)` of points of length 1 `(examples, width)`."""
        return np.asarray((points[self.left] * points[self.right]).sum(1))


def pairs_of(identity: np.ndarray, seed: int = 0) -> Pairs:
    """All pairs of the same identity and as many different ones, at most some thousands of each;
    drawn at random where there are more."""
    rng = np.random.default_rng([seed, 11])
    left, right = np.triu_indices(len(identity), 1)
    if len(left) > 4_000_000:
        chosen = rng.choice(len(left), 4_000_000, replace=False)
        left, right = left[chosen], right[chosen]
    same = identity[left] == identity[right]
    kept = []
    for wanted, most in ((True, MOST_SAME), (False, MOST_DIFFERENT)):
        places = np.flatnonzero(same == wanted)
        if len(places) > most:
            places = np.sort(rng.choice(places, most, replace=False))
        kept.append(places)
    chosen = np.concatenate(kept)
    return Pairs(left[chosen], right[chosen], same[chosen])


# --- figures ----------------------------------------------------------------------------------


def equal_error_rate(same: np.ndarray, scores: np.ndarray) -> float:
    """EER: where as many different pairs are accepted as same ones are refused.

    >>> equal_error_rate(np.array([True, True, False, False]), np.array([0.9, 0.8, 0.2, 0.1]))
    0.0
    """
    return float(_equal_error(*_rates(same, scores, np.ones((1, len(same)))))[0])


def accepted_at(same: np.ndarray, scores: np.ndarray, false: float) -> float:
    """TAR at FAR: same pairs accepted where at most a share `false` of different ones are."""
    wrong, right = _rates(same, scores, np.ones((1, len(same))))
    return float(_at(wrong, right, false)[0])


def course(same: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ROC: shares of different and of same pairs accepted, as the threshold falls."""
    wrong, right = _rates(same, scores, np.ones((1, len(same))))
    return wrong[0], right[0]


def over_identities(
    pairs: Pairs, unit: np.ndarray, scores: np.ndarray, measure: str, false: float = 0.01
) -> Score:
    """EER or TAR as a function of how often each identity was drawn `(draws, identities)`.

    unit: int64 `(examples,)`, the identity of each example as a column of the weights. A pair of
    two identities counts as often as both were drawn. Of very many different scores, 400 are tried
    as thresholds.
    """
    first, second = unit[pairs.left], unit[pairs.right]
    grid = np.unique(scores)[::-1]
    if len(grid) > THRESHOLDS:
        grid = grid[np.linspace(0, len(grid) - 1, THRESHOLDS).round().astype(int)]
    accepted = scores[:, None] >= grid
    # Added up over identities, and over pairs of them, once: a draw is then a product of matrices.
    same, different = pairs.same, ~pairs.same
    own = _summed(accepted[same], first[same], int(unit.max()) + 1)
    couples, member = np.unique(
        np.stack([first[different], second[different]], 1), axis=0, return_inverse=True
    )
    others = _summed(accepted[different], member.ravel(), len(couples))

    def of(weights: np.ndarray) -> np.ndarray:
        parts = []
        for at in range(0, len(weights), DRAWS_AT_ONCE):
            some = weights[at : at + DRAWS_AT_ONCE]
            right, wrong = some @ own, (some[:, couples[:, 0]] * some[:, couples[:, 1]]) @ others
            far, tar = (_with_none(ratio(total, total[:, -1:])) for total in (wrong, right))
            parts.append(_equal_error(far, tar) if measure == "EER" else _at(far, tar, false))
        return np.concatenate(parts)

    return of


def _summed(rows: np.ndarray, member: np.ndarray, count: int) -> np.ndarray:
    """float64 `(count, columns)`: the sums of the rows of each member."""
    from scipy.sparse import csr_array

    ones = np.ones(len(rows))
    which = csr_array((ones, (member, np.arange(len(rows)))), shape=(count, len(rows)))
    return np.asarray(which @ rows.astype(np.float64))


def _rates(
    same: np.ndarray, scores: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Shares of different and of same pairs accepted `(draws, thresholds)`, beginning with none."""
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    ordered, truth = weights[:, order], same[order]
    found = []
    for wanted in (~truth, truth):
        total = np.cumsum(ordered * wanted, 1)[:, ends]
        found.append(_with_none(ratio(total, total[:, -1:])))
    return found[0], found[1]


def _with_none(share: np.ndarray) -> np.ndarray:
    """Beginning with the threshold that accepts nothing."""
    return np.concatenate([np.zeros((len(share), 1)), share], 1)


def _equal_error(wrong: np.ndarray, right: np.ndarray) -> np.ndarray:
    refused = 1 - right
    apart = np.abs(wrong - refused)
    undefined = np.isnan(apart).any(1)
    place = np.argmin(np.where(np.isnan(apart), np.inf, apart), 1)[:, None]
    middle = (np.take_along_axis(wrong, place, 1) + np.take_along_axis(refused, place, 1))[:, 0] / 2
    return np.where(undefined, np.nan, middle)


def _at(wrong: np.ndarray, right: np.ndarray, false: float) -> np.ndarray:
    undefined = np.isnan(wrong).any(1) | np.isnan(right).any(1)
    best = np.where(wrong <= false + 1e-12, right, 0.0).max(1)
    return np.where(undefined, np.nan, best)


def found_first(points: np.ndarray, identity: np.ndarray) -> float:
    """R@1: how often the nearest other example is of the same identity, among those that have
    another; NaN if none has."""
    names, counts = np.unique(identity, return_counts=True)
    asked = np.isin(identity, names[counts > 1])
    if not asked.any():
        return float("nan")
    near = points @ points.T
    np.fill_diagonal(near, -np.inf)
    return float((identity[near.argmax(1)] == identity)[asked].mean())


# --- how sure ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sureness:
    """From a likeness to the probability that a pair is the same, where both were as likely
    before: 1 / (1 + exp(-(slope * likeness + start)))."""

    slope: float
    start: float

    @classmethod
    def fit(cls, same: np.ndarray, scores: np.ndarray) -> Sureness:
        """Logistic regression on held pairs, both kinds counting alike (Platt's smoothed truths,
        so that pairs told apart without fault don't make it infinitely sure)."""
        ones, zeros = int(same.sum()), int((~same).sum())
        truth = np.where(same, (ones + 1) / (ones + 2), 1 / (zeros + 2))
        weight = np.where(same, 0.5 / max(ones, 1), 0.5 / max(zeros, 1))
        design = np.stack([scores, np.ones(len(scores))], 1)
        found = np.array([1.0, 0.0])
        for _ in range(100):
            chance = _squashed(design @ found)
            gradient = design.T @ (weight * (chance - truth))
            bend = (design * (weight * chance * (1 - chance))[:, None]).T @ design
            step = np.linalg.solve(bend + 1e-8 * np.eye(2), gradient)
            # Steps are bounded: far out the curve is so flat that Newton would jump away.
            found = found - step * min(1.0, 10.0 / max(float(np.abs(step).max()), 1e-12))
            if np.abs(step).max() < 1e-8:
                break
        return cls(float(found[0]), float(found[1]))

    def odds(self, scores: np.ndarray) -> np.ndarray:
        """How much likelier such a likeness is for the same than for different ones."""
        return np.exp(np.clip(self.slope * scores + self.start, -50, 50))

    def probability(self, scores: np.ndarray) -> np.ndarray:
        return _squashed(self.slope * np.asarray(scores) + self.start)

    @property
    def threshold(self) -> float:
        """The likeness at which both are as likely."""
        return -self.start / self.slope if self.slope else 0.0


def _squashed(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(values, -50, 50)))
