"""The strong classical methods for ratings, in NumPy: user and item means; neighbors among items;
matrix factorization by alternating least squares.

All answer from a history, so that a user who came after they were fitted can be answered too.
Histories are int64 `(rows, past)` with `there`, bool of the same shape, and ratings float64.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np

MOST_ITEMS = 5_000
"""Items that a matrix of all pairs is made of, the most used ones: 100 MB, seconds to invert."""
ITEM_CAUTION, USER_CAUTION = 10.0, 15.0
"""Ratings' worth of doubt that an item or user is not like all others (Koren 2010)."""
NEIGHBORS, PAIR_CAUTION = 40, 50.0


class RatingMethod(Protocol):
    """Answers ratings. name, why: for people. bytes: of what it keeps."""

    name: str
    why: str

    @property
    def bytes(self) -> int: ...

    def rate(
        self, item: np.ndarray, history: np.ndarray, ratings: np.ndarray, there: np.ndarray
    ) -> np.ndarray:
        """float64 `(rows,)`: the rating of each item by who has this history."""
        ...


@dataclass
class Means:
    """How high all rate, how much higher this user, how much higher this item."""

    center: float
    item_bias: np.ndarray
    name: str = "user and item means"
    why: str = "the answer that knows no tastes"

    @classmethod
    def fit(cls, item: np.ndarray, rating: np.ndarray, items: int) -> Means:
        center = float(rating.mean())
        total = np.bincount(item, rating - center, items)
        return cls(center, total / (np.bincount(item, minlength=items) + ITEM_CAUTION))

    @property
    def bytes(self) -> int:
        return self.item_bias.nbytes

    def habit(self, history: np.ndarray, ratings: np.ndarray, there: np.ndarray) -> np.ndarray:
        """float64 `(rows,)`: how much higher than others this user rates."""
        surprise = (ratings - self.center - self.item_bias[history]) * there
        found: np.ndarray = surprise.sum(1) / (there.sum(1) + USER_CAUTION)
        return found

    def surprises(self, history: np.ndarray, ratings: np.ndarray, there: np.ndarray) -> np.ndarray:
        """float64 `(rows, past)`: how much better than expected each past item was liked."""
        expected = (
            self.center + self.item_bias[history] + self.habit(history, ratings, there)[:, None]
        )
        return (ratings - expected) * there

    def rate(
        self, item: np.ndarray, history: np.ndarray, ratings: np.ndarray, there: np.ndarray
    ) -> np.ndarray:
        return self.center + self.item_bias[item] + self.habit(history, ratings, there)


@dataclass
class ItemNeighbors:
    """What the user thought of the items whose ratings go together with this one's."""

    means: Means
    alike: np.ndarray
    name: str = "item neighbors"
    why: str = "the 40 most alike items that the user rated"

    @classmethod
    def fit(
        cls, means: Means, user: np.ndarray, item: np.ndarray, rating: np.ndarray, users: int
    ) -> ItemNeighbors:
        from scipy.sparse import csr_matrix

        items = len(means.item_bias)
        residual = rating - means.center - means.item_bias[item]
        count = np.bincount(user, minlength=users)
        residual = residual - (np.bincount(user, residual, users) / (count + USER_CAUTION))[user]
        used = most_used(item, items)
        inside = np.isin(item, used)
        rows = (user[inside], item[inside])
        values = csr_matrix((residual[inside], rows), (users, items))
        flags = csr_matrix((np.ones(inside.sum()), rows), (users, items))
        product, common = (values.T @ values).toarray(), (flags.T @ flags).toarray()
        length = np.sqrt(np.maximum(product.diagonal(), 1e-9))
        alike = product / length[:, None] / length * (common / (common + PAIR_CAUTION))
        np.fill_diagonal(alike, 0.0)
        return cls(means, alike.astype(np.float32))

    @property
    def bytes(self) -> int:
        return self.alike.nbytes

    def vectors(self, width: int) -> np.ndarray:
        """float32 `(items, width)` whose products are nearly `alike`: its largest eigenvectors."""
        values, vectors = np.linalg.eigh(self.alike.astype(np.float64))
        kept = min(width, len(values))
        found = vectors[:, ::-1][:, :kept] * np.sqrt(np.maximum(values[::-1][:kept], 0.0))
        largest = np.abs(found).argmax(0)
        signed: np.ndarray = found * np.sign(found[largest, np.arange(kept)])
        return signed.astype(np.float32)

    def rate(
        self, item: np.ndarray, history: np.ndarray, ratings: np.ndarray, there: np.ndarray
    ) -> np.ndarray:
        weight = np.maximum(self.alike[item[:, None], history], 0.0) * there
        if weight.shape[1] > NEIGHBORS:
            least = np.partition(weight, -NEIGHBORS, axis=1)[:, [-NEIGHBORS]]
            weight = np.where(weight >= least, weight, 0.0)
        surprise = self.means.surprises(history, ratings, there)
        shift = (weight * surprise).sum(1) / np.maximum(weight.sum(1), 1e-9)
        return self.means.rate(item, history, ratings, there) + shift


@dataclass
class LeastSquares:
    """Matrix factorization: vectors of items by alternating least squares; a user's vector is the
    one that fits the history best."""

    means: Means
    vectors: np.ndarray
    penalty: float
    name: str = "matrix factorization"
    why: str = ""

    @classmethod
    def fit(
        cls,
        means: Means,
        user: np.ndarray,
        item: np.ndarray,
        rating: np.ndarray,
        users: int,
        seconds: float,
        width: int = 16,
        penalty: float = 8.0,
        seed: int = 0,
    ) -> LeastSquares:
        ends = time.perf_counter() + seconds
        items = len(means.item_bias)
        residual = rating - means.center - means.item_bias[item]
        count = np.bincount(user, minlength=users)
        residual = residual - (np.bincount(user, residual, users) / (count + USER_CAUTION))[user]
        vectors = np.random.default_rng(seed).normal(0, 0.1, (items, width))
        by_user, by_item = (np.argsort(one, kind="stable") for one in (user, item))
        sweeps = 0
        while sweeps < 10 and (time.perf_counter() < ends or not sweeps):
            people = _solved(user, item, residual, by_user, vectors, users, penalty)
            vectors = _solved(item, user, residual, by_item, people, items, penalty)
            sweeps += 1
        return cls(means, vectors, penalty, why=f"{width} factors, {sweeps} sweeps")

    @property
    def bytes(self) -> int:
        return self.vectors.nbytes

    def rate(
        self, item: np.ndarray, history: np.ndarray, ratings: np.ndarray, there: np.ndarray
    ) -> np.ndarray:
        surprise = self.means.surprises(history, ratings, there)
        found = self.means.rate(item, history, ratings, there)
        ridge = self.penalty * np.eye(self.vectors.shape[1])
        for part in np.array_split(np.arange(len(item)), len(item) // 512 + 1):
            past = self.vectors[history[part]] * there[part][..., None]  # (rows, past, width)
            inner = past.transpose(0, 2, 1) @ past + ridge
            outer = past.transpose(0, 2, 1) @ surprise[part][..., None]
            taste = np.linalg.solve(inner, outer)[..., 0]
            found[part] += (taste * self.vectors[item[part]]).sum(1)
        return found


def _solved(
    owner: np.ndarray,
    other: np.ndarray,
    residual: np.ndarray,
    order: np.ndarray,
    vectors: np.ndarray,
    owners: int,
    penalty: float,
) -> np.ndarray:
    """The vectors of all owners that fit their residuals best, given the others' vectors."""
    found = np.zeros((owners, vectors.shape[1]))
    ridge = penalty * np.eye(vectors.shape[1])
    ends = np.searchsorted(owner[order], np.arange(owners + 1))
    for one in range(owners):
        mine = order[ends[one] : ends[one + 1]]
        if len(mine):
            side = vectors[other[mine]]
            found[one] = np.linalg.solve(side.T @ side + ridge, side.T @ residual[mine])
    return found


def most_used(item: np.ndarray, items: int) -> np.ndarray:
    """int64: the items that are used, the most used `MOST_ITEMS` of them."""
    counts = np.bincount(item, minlength=items)
    used = np.argsort(-counts, kind="stable")[:MOST_ITEMS]
    return np.sort(used[counts[used] > 0])
