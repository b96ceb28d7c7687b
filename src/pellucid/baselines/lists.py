"""The strong classical methods for lists, in NumPy: popularity; neighbors among items; EASE (Steck
2019), one closed-form matrix; iALS (Hu, Koren & Volinsky 2008), factors of who used what.

All answer from a history, int64 `(past,)`, the latest last, so that a user who came after they were
fitted can be answered too.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from pellucid.baselines.ratings import most_used

KEPT_PAIRS = 200
"""Other items that are kept for each item, the most telling ones."""
WIDTH = 64
DOUBTS, PENALTIES = (1.0, 0.3), (0.01, 0.003)
"""What iALS is tried with: the weight of what was not used, the ridge penalty for each event."""
FIRST_SWEEPS, MORE_SWEEPS = 8, 4


class ListMethod(Protocol):
    """Scores every item from a history.

    name, why: for people. recent: only so many of the latest events count; None: all. bytes: of
    what it keeps. personal: whether it looks at the history at all.
    """

    name: str
    why: str
    recent: int | None

    @property
    def bytes(self) -> int: ...

    @property
    def personal(self) -> bool: ...

    def score(self, history: np.ndarray) -> np.ndarray:
        """float64 `(items,)`."""
        ...

    def parts(self, history: np.ndarray, items: np.ndarray) -> np.ndarray:
        """float64 `(past, some items)`: by how much each item's score falls without each past
        item."""
        ...


@dataclass
class Additive:
    """Scores are sums: `start` for everybody, and what each past item adds.

    start: float32 `(items,)`. other, weight: `(items, kept)`: past item -> the items it speaks
    for or against, and how much.
    """

    name: str
    why: str
    start: np.ndarray
    other: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.int32))
    weight: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    recent: int | None = None

    @property
    def bytes(self) -> int:
        return self.start.nbytes + self.other.nbytes + self.weight.nbytes

    @property
    def personal(self) -> bool:
        return len(self.other) > 0

    def score(self, history: np.ndarray) -> np.ndarray:
        found = self.start.astype(np.float64)
        if self.personal:
            past = _counted(history, self.recent)
            np.add.at(found, self.other[past].ravel(), self.weight[past].ravel())
        return found

    def parts(self, history: np.ndarray, items: np.ndarray) -> np.ndarray:
        found = np.zeros((len(history), len(items)))
        if self.personal:
            for place, item in enumerate(items.tolist()):
                mine = self.other[history] == item
                found[:, place] = np.where(mine, self.weight[history], 0.0).sum(1)
        if self.recent is not None:
            found[: -self.recent] = 0.0
        return found


@dataclass
class WeightedFactors:
    """iALS: a vector for each item, and the user's is the one that fits the history best, when all
    items that are not in it count `doubt` and should be near 0.

    vectors: float64 `(items, width)`. penalty: for each event and `doubt` (Rendle et al. 2022:
    well tuned, it is hard to beat).
    """

    vectors: np.ndarray
    doubt: float
    penalty: float
    why: str
    recent: int | None = None
    name: str = "iALS"
    personal: bool = True

    @property
    def bytes(self) -> int:
        return self.vectors.nbytes

    def score(self, history: np.ndarray) -> np.ndarray:
        past = np.unique(_counted(history, self.recent))
        found: np.ndarray = self.vectors @ self._taste(past, self._everything())
        return found

    def parts(self, history: np.ndarray, items: np.ndarray) -> np.ndarray:
        found = np.zeros((len(history), len(items)))
        everything, some = self._everything(), self.vectors[items]
        past = np.unique(_counted(history, self.recent))
        whole = some @ self._taste(past, everything)
        for item in past.tolist():
            left = some @ self._taste(past[past != item], everything)
            found[history == item] = whole - left
        return found

    def _everything(self) -> np.ndarray:
        return self.doubt * (self.vectors.T @ self.vectors)

    def _taste(self, past: np.ndarray, everything: np.ndarray) -> np.ndarray:
        """float64 `(width,)`: the user's vector."""
        return _fitted(self.vectors[past], everything, self._ridge(len(past)))

    def _ridge(self, events: int) -> float:
        return self.penalty * (events + self.doubt * len(self.vectors))


def weighted_factors(
    user: np.ndarray, item: np.ndarray, users: int, items: int, seconds: float, seed: int = 0
) -> list[WeightedFactors]:
    """iALS with several doubts and penalties, as many as about `seconds` allow, at least one."""
    from scipy.sparse import csr_matrix

    ends = time.perf_counter() + seconds
    used = csr_matrix((np.ones(len(user)), (user, item)), (users, items))
    by_user, by_item = used, used.T.tocsr()
    width = min(WIDTH, items)
    made: list[WeightedFactors] = []
    for doubt in DOUBTS:
        vectors = np.random.default_rng(seed).normal(0, 0.1 / width**0.5, (items, width))
        for place, penalty in enumerate(PENALTIES):
            for sweep in range(MORE_SWEEPS if place else FIRST_SWEEPS):
                if time.perf_counter() > ends and (made or sweep):
                    break
                people = _half(by_user, vectors, doubt, penalty)
                vectors = _half(by_item, people, doubt, penalty)
            why = f"{width} factors, what was not used counts {doubt:g}, penalty {penalty:g}"
            made.append(WeightedFactors(vectors, doubt, penalty, why))
            if time.perf_counter() > ends:
                return made
    return made


def _half(used: Any, vectors: np.ndarray, doubt: float, penalty: float) -> np.ndarray:
    """The vectors of all rows of `used` (sparse) that fit best, given those of its columns."""
    found = np.zeros((used.shape[0], vectors.shape[1]))
    everything = doubt * (vectors.T @ vectors)
    for row in range(used.shape[0]):
        past = used.indices[used.indptr[row] : used.indptr[row + 1]]
        if len(past):
            ridge = penalty * (len(past) + doubt * used.shape[1])
            found[row] = _fitted(vectors[past], everything, ridge)
    return found


def _fitted(past: np.ndarray, everything: np.ndarray, ridge: float) -> np.ndarray:
    inner = everything + past.T @ past + ridge * np.eye(past.shape[1])
    return np.linalg.solve(inner, past.sum(0))


def _counted(history: np.ndarray, recent: int | None) -> np.ndarray:
    """The events of a history that count."""
    return history if recent is None else history[-recent:]


def popularity(item: np.ndarray, items: int) -> Additive:
    """The most used items, for everybody."""
    counts = np.bincount(item, minlength=items).astype(np.float32)
    return Additive("popularity", "the most used items, for everybody", counts)


def item_neighbors(together: np.ndarray, used: np.ndarray, items: int) -> Additive:
    """Items whose users are the same: cosine, held back for rare items."""
    counts = together.diagonal()
    length = np.sqrt(counts + 20.0)
    alike = together / length[:, None] / length
    np.fill_diagonal(alike, 0.0)
    return Additive(
        "item neighbors",
        "items that the same people used",
        np.zeros(items, np.float32),
        *_strongest(alike, used, items),
    )


def ease(together: np.ndarray, used: np.ndarray, items: int, penalty: float) -> Additive:
    """The linear map from histories to themselves that leaves each item itself out: with
    P = (X'X + penalty I)^-1 it is B = -P / diag(P), the diagonal 0 (Steck 2019, eq. 8)."""
    inverse = np.linalg.inv(together + penalty * np.eye(len(together)))
    weights = -inverse / inverse.diagonal()
    np.fill_diagonal(weights, 0.0)
    start = np.zeros(items, np.float32)
    return Additive("EASE", f"penalty {penalty:g}", start, *_strongest(weights, used, items))


def used_together(
    user: np.ndarray, item: np.ndarray, users: int, items: int
) -> tuple[np.ndarray, np.ndarray]:
    """X'X float64 `(used, used)` of who used what at all, and which items these are `(used,)`."""
    from scipy.sparse import csr_matrix

    used = most_used(item, items)
    place = np.full(items, -1)
    place[used] = np.arange(len(used))
    inside = place[item] >= 0
    x = csr_matrix((np.ones(inside.sum()), (user[inside], place[item[inside]])), (users, len(used)))
    x.data[:] = 1.0  # used twice counts once
    return (x.T @ x).toarray(), used


def _strongest(weights: np.ndarray, used: np.ndarray, items: int) -> tuple[np.ndarray, np.ndarray]:
    """For each past item the other items with the largest weights, of either sign."""
    kept = min(KEPT_PAIRS, len(used))
    place = np.argpartition(-np.abs(weights), kept - 1, axis=1)[:, :kept]
    other = np.zeros((items, kept), np.int32)
    value = np.zeros((items, kept), np.float32)
    other[used] = used[place]
    value[used] = np.take_along_axis(weights, place, axis=1)
    return other, value
