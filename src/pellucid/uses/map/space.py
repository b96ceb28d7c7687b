"""A space that examples lie in: vectors, clusters in it, and a flat map of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from torch import Tensor

from pellucid.baselines.clusters import (
    MOST_DRAWN,
    Components,
    Grouping,
    distances,
    flat_map,
    group,
    nearest,
)
from pellucid.data.columns import Entry

FLOATS = 16
"""Principal components of vectors that distances are taken in."""
MOST_FLOATS = 4_096
"""Raw numbers of an example that are looked at; larger pictures are thinned out."""
NEAR = 5


def raw_values(inputs: Mapping[str, Tensor], entries: Mapping[str, Entry]) -> np.ndarray:
    """float32 `(rows, floats)`: the numbers of each example as they stand: pixels and samples side
    by side, words counted, categories as flags; what is missing is 0."""
    found = []
    for name, values in inputs.items():
        entry, plain = entries[name], values.cpu().numpy()
        if entry.way == "project":
            flat = np.nan_to_num(plain.reshape(len(plain), -1).astype(np.float32))
            flat = flat[:, :: max(1, flat.shape[1] // MOST_FLOATS)]
            found.append(flat / 255 if values.dtype.itemsize == 1 else flat)
        else:
            size = min(entry.size, MOST_FLOATS)
            counts = np.zeros((len(plain), size), np.float32)
            rows = np.repeat(np.arange(len(plain)), plain.shape[1])
            tokens = plain.ravel().astype(np.int64)
            said = (tokens > 0) | (entry.rank == 0)
            np.add.at(counts, (rows[said], tokens[said] % size), 1.0)
            found.append(np.log1p(counts))
    return np.concatenate(found, axis=1)


@dataclass
class Space:
    """What was learned of where training examples lie.

    components: from vectors (or raw numbers) to the floats that distances are taken in. scale:
    squared distance within a cluster; sharpness: how probabilities follow from distances. anchors,
    flat: examples that the map was drawn of, and where they lie on it `(anchors, 2)`; names, rows:
    which they are.
    """

    components: Components
    spread: np.ndarray
    grouping: Grouping
    sharpness: float
    anchors: np.ndarray
    flat: np.ndarray
    rows: np.ndarray

    @classmethod
    def fit(cls, vectors: np.ndarray, seed: int, floats: int = FLOATS) -> Space:
        """From training examples' vectors `(rows, width)`."""
        spread = np.maximum(vectors.std(0), 1e-6)
        spread = spread if spread.max() > 20 * np.median(spread) else np.ones_like(spread)
        components = Components.fit(vectors / spread, floats)
        inside = components.apply(vectors / spread)
        grouping = group(inside, seed)
        rng = np.random.default_rng(seed)
        rows = np.sort(rng.choice(len(inside), min(len(inside), MOST_DRAWN), replace=False))
        flat = flat_map(inside[rows], seed)
        return cls(components, spread.astype(np.float32), grouping, 1.0, inside[rows], flat, rows)

    def place(self, vectors: np.ndarray) -> np.ndarray:
        """float32 `(rows, floats)`: where vectors lie."""
        return self.components.apply(vectors / self.spread)

    def clusters(self, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cluster of each row, from 0, and the probabilities `(rows, clusters)`."""
        apart = distances(inside, self.grouping.centers)
        logits = -apart * self.sharpness / max(float(apart.min(1).mean()), 1e-9)
        logits -= logits.max(1, keepdims=True)
        likely = np.exp(logits)
        return apart.argmin(1), likely / likely.sum(1, keepdims=True)

    def sharpen(self, first: np.ndarray, second: np.ndarray) -> None:
        """Let the probability be the share of changed copies that fall into the same cluster.

        first, second: `(rows, floats)`, two changed copies of held examples.
        """
        if not self.grouping.count:
            return
        same = nearest(first, self.grouping.centers) == nearest(second, self.grouping.centers)
        wanted = float(np.clip(same.mean(), 1 / self.grouping.count + 0.01, 0.995))
        low, high = 1e-3, 1e3
        for _ in range(30):
            self.sharpness = float(np.sqrt(low * high))
            mean = float(self.clusters(first)[1].max(1).mean())
            low, high = (self.sharpness, high) if mean < wanted else (low, self.sharpness)

    def on_map(self, inside: np.ndarray) -> np.ndarray:
        """float64 `(rows, 2)`: between the nearest examples that are on the map."""
        apart = distances(inside, self.anchors)
        count = min(NEAR, len(self.anchors))
        near = np.argpartition(apart, count - 1, axis=1)[:, :count]
        weight = 1 / (np.take_along_axis(apart, near, 1) + 1e-9)
        weight /= weight.sum(1, keepdims=True)
        found: np.ndarray = (self.flat[near] * weight[..., None]).sum(1)
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        return {
            "mean": self.components.mean,
            "axes": self.components.axes,
            "spread": self.spread,
            "centers": self.grouping.centers,
            "anchors": self.anchors,
            "flat": self.flat,
            "rows": self.rows,
        }

    def facts(self) -> dict[str, Any]:
        grouping = {k: v for k, v in asdict(self.grouping).items() if k != "centers"}
        return {
            "grouping": grouping,
            "sharpness": self.sharpness,
            "explained": self.components.explained,
        }

    @classmethod
    def restore(cls, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> Space:
        said = facts["grouping"]
        by_count = {
            name: {int(count): value for count, value in said[name].items()}
            for name in ("apart", "in_a_cloud", "agreement")
        }
        grouping = Grouping(
            count=said["count"],
            centers=arrays["centers"],
            as_good=tuple(said["as_good"]),
            **by_count,
        )
        components = Components(arrays["mean"], arrays["axes"], facts["explained"])
        rest = (arrays["anchors"], arrays["flat"], arrays["rows"])
        return cls(components, arrays["spread"], grouping, facts["sharpness"], *rest)


def recognized_again(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """bool `(examples,)`: whether each example's other copy lies nearest of all examples' other
    copies (cosine)."""
    vectors = [
        one / np.maximum(np.linalg.norm(one, axis=1, keepdims=True), 1e-9)
        for one in (first.astype(np.float64), second.astype(np.float64))
    ]
    found: np.ndarray = (vectors[0] @ vectors[1].T).argmax(1) == np.arange(len(first))
    return found
