"""Clusters, components and flat maps, by scikit-learn, and how far they can be trusted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COUNTS = (2, 3, 4, 5, 6, 8, 10, 12)
"""Numbers of clusters that are tried."""
PAIRS, CLOUDS = 3, 3
"""Pairs of halves that each number of clusters is tried on, and clouds without clusters."""
MOST_TRIED, MOST_DRAWN = 1_000, 600
CLEAR, STEADY = 0.05, 0.6
"""Clusters are believed in if they stand apart (silhouette) by so much more than those that are
cut out of a single cloud of the same extent, and two halves agree on them (adjusted Rand index)."""
TURNS = 40
NEIGHBORS = 10


@dataclass(frozen=True)
class Components:
    """Principal components: `(values - mean) @ axes`, the largest first."""

    mean: np.ndarray
    axes: np.ndarray
    explained: float

    @classmethod
    def fit(cls, values: np.ndarray, most: int) -> Components:
        """The components of rows `(rows, floats)`; of many rows or floats by a random method."""
        from sklearn.decomposition import PCA

        count = max(1, min(most, len(values) - 1, values.shape[1]))
        fitted = PCA(count, random_state=0).fit(values.astype(np.float64))
        return cls(
            fitted.mean_.astype(np.float32),
            np.ascontiguousarray(fitted.components_.T, dtype=np.float32),
            float(fitted.explained_variance_ratio_.sum()),
        )

    def apply(self, values: np.ndarray) -> np.ndarray:
        """float32 `(rows, components)`."""
        found: np.ndarray = ((values - self.mean) @ self.axes).astype(np.float32)
        return found


@dataclass(frozen=True)
class Grouping:
    """How many clusters there are, and how sure that is.

    count: 0 if there are none. centers: float32 `(count, floats)`. apart, in_a_cloud: number tried
    -> how far clusters stand apart (silhouette, -1 to 1) here, and in clouds without clusters;
    agreement: number tried -> adjusted Rand index between halves. as_good: numbers that are nearly
    as good as the chosen one.
    """

    count: int
    centers: np.ndarray
    apart: dict[int, float]
    in_a_cloud: dict[int, float]
    agreement: dict[int, float]
    as_good: tuple[int, ...]


def group(vectors: np.ndarray, seed: int) -> Grouping:
    """Find clusters, if they stand further apart than in one round or long cloud, and if halves of
    the rows agree on them."""
    rng = np.random.default_rng(seed)
    some = vectors[_some(len(vectors), MOST_TRIED, rng)].astype(np.float64)
    tried = [count for count in COUNTS if count * 5 <= len(some)]
    clouds = [_cloud(some, rng) for _ in range(CLOUDS)]
    apart = {count: _apart(some, count, rng) for count in tried}
    chance = {count: [_apart(one, count, rng) for one in clouds] for count in tried}
    agree = {count: _agreement(some, count, rng) for count in tried}
    gain = {count: apart[count] - float(np.mean(chance[count])) for count in tried}
    noise = {count: float(np.std(chance[count])) for count in tried}
    believed = [n for n in tried if gain[n] > CLEAR + 2 * noise[n] and agree[n] > STEADY]
    best = max(believed, key=lambda count: gain[count], default=0)
    centers = np.zeros((0, vectors.shape[1]), np.float32)
    if best:
        most = vectors[_some(len(vectors), 20_000, rng)].astype(np.float64)
        centers = means(most, best, rng, tries=5).astype(np.float32)
    as_good = tuple(n for n in believed if n != best and gain[n] > gain[best] - 2 * noise[best])
    in_a_cloud = {count: float(np.mean(values)) for count, values in chance.items()}
    return Grouping(best, centers, apart, in_a_cloud, agree, as_good)


def means(vectors: np.ndarray, count: int, rng: np.random.Generator, tries: int = 2) -> np.ndarray:
    """float64 `(count, floats)`: centers of clusters by k-means, started far apart (k-means++,
    Arthur & Vassilvitskii 2007); the best of some tries."""
    best, least = vectors[:count], np.inf
    for _ in range(tries):
        centers = vectors[[rng.integers(len(vectors))]]
        for _ in range(count - 1):
            far = distances(vectors, centers).min(1)
            total = far.sum()
            share = far / total if total > 0 else None
            centers = np.concatenate([centers, vectors[[rng.choice(len(vectors), p=share)]]])
        before = None
        for _ in range(TURNS):
            labels = nearest(vectors, centers)
            if before is not None and (labels == before).all():
                break
            before = labels
            mine = np.eye(count)[labels]  # (rows, count)
            sizes = mine.sum(0)[:, None]
            centers = np.where(sizes > 0, mine.T @ vectors / np.maximum(sizes, 1), centers)
        lost = float(distances(vectors, centers).min(1).sum())
        if lost < least:
            best, least = centers, lost
    return best


def nearest(vectors: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """int64 `(rows,)`: the nearest center of each row."""
    found: np.ndarray = distances(vectors, centers).argmin(1)
    return found


def distances(vectors: np.ndarray, others: np.ndarray) -> np.ndarray:
    """float64 `(rows, others)`: squared distances."""
    first, second = vectors.astype(np.float64), others.astype(np.float64)
    product = first @ second.T
    found = (first**2).sum(1)[:, None] + (second**2).sum(1) - 2 * product
    return np.maximum(found, 0.0)


def agreement(first: np.ndarray, second: np.ndarray) -> float:
    """Adjusted Rand index of two groupings of the same rows: 1 the same, 0 as by chance."""
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(first, second))


def flat_map(vectors: np.ndarray, seed: int) -> np.ndarray:
    """float32 `(rows, 2)`: neighbors stay neighbors (t-SNE, van der Maaten & Hinton 2008)."""
    from sklearn.manifold import TSNE

    if len(vectors) < 30:
        return Components.fit(vectors, 2).apply(vectors)[:, :2]
    perplexity = min(30.0, len(vectors) / 4)
    found = TSNE(perplexity=perplexity, init="pca", random_state=seed, max_iter=300)
    flat: np.ndarray = found.fit_transform(vectors.astype(np.float32))
    return flat.astype(np.float32)


def trusted(values: np.ndarray, flat: np.ndarray) -> tuple[float, float]:
    """Trustworthiness of a map of these values (Venna & Kaski 2001), and the share of the nearest
    neighbors that are nearest on the map, too."""
    from sklearn.manifold import trustworthiness

    count = max(1, min(NEIGHBORS, (len(values) - 2) // 2))
    near, far = (_neighbors(one, count) for one in (values, flat))
    kept = [len(np.intersect1d(a, b)) / count for a, b in zip(near, far, strict=True)]
    return float(trustworthiness(values, flat, n_neighbors=count)), float(np.mean(kept))


def _neighbors(values: np.ndarray, count: int) -> np.ndarray:
    apart = distances(values, values)
    np.fill_diagonal(apart, np.inf)
    return np.argpartition(apart, count - 1, axis=1)[:, :count]


def _some(rows: int, most: int, rng: np.random.Generator) -> np.ndarray:
    return np.sort(rng.choice(rows, min(rows, most), replace=False))


def _cloud(vectors: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As many rows of one cloud of the same extent: normal, with the same covariance."""
    covariance = np.atleast_2d(np.cov(vectors.T))
    return rng.multivariate_normal(vectors.mean(0), covariance, len(vectors), method="eigh")


def _apart(vectors: np.ndarray, count: int, rng: np.random.Generator) -> float:
    """Simplified silhouette (Hruschka et al. 2004): how much nearer rows are to their own center
    than to the next one, as a share, the mean over rows."""
    far = np.sqrt(np.sort(distances(vectors, means(vectors, count, rng)), axis=1)[:, :2])
    return float(((far[:, 1] - far[:, 0]) / np.maximum(far[:, 1], 1e-12)).mean())


def _agreement(vectors: np.ndarray, count: int, rng: np.random.Generator) -> float:
    """How far clusters of two disjoint halves agree on all rows, the mean over pairs of halves."""
    found = []
    for _ in range(PAIRS):
        order = rng.permutation(len(vectors))
        halves = order[: len(order) // 2], order[len(order) // 2 :]
        said = [nearest(vectors, means(vectors[half], count, rng)) for half in halves]
        found.append(agreement(said[0], said[1]))
    return float(np.mean(found))
