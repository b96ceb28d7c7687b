"""Near-duplicates: rows whose coarse pictures lie closer together than noise would put them.

A hash that must be equal misses half of all re-encoded photos, because some of its bits always
lie on an edge. So rows are compared by distance, and rows that lie together share one key.
"""

from __future__ import annotations

import hashlib

import numpy as np

NEIGHBORS = 8
"""Neighbors that each row is compared with; equal rows count as one."""

AXES = 16
"""Directions of most variation in which neighbors are searched for."""


def shared_keys(vectors: np.ndarray, radius: np.ndarray) -> list[str | None]:
    """One key a row; rows share a key if steps shorter than their radius lead from one to another.

    Args:
        vectors: Coarse contents, finite `(rows, d)`.
        radius: Distance `(rows,)` up to which another row is the same; 0: too little to say,
            the key is None.
    """
    keys: list[str | None] = [None] * len(vectors)
    usable = np.flatnonzero(radius > 0)
    if not len(usable):
        return keys
    rows = np.ascontiguousarray(vectors[usable], dtype=np.float32)
    names = [hashlib.blake2b(row.tobytes(), digest_size=10).hexdigest() for row in rows]
    distinct, first, inverse = np.unique(names, return_index=True, return_inverse=True)
    group = _linked(rows[first], radius[usable][first])
    # Names are sorted, so a group is called after the first of its names: the content decides.
    _, chosen = np.unique(group, return_index=True)
    called = distinct[chosen][group]
    for row, name in zip(usable, called[inverse]):
        keys[row] = str(name)
    return keys


def _linked(rows: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Group `(rows,)` of each of these different rows, numbered 0, 1, ..."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    if len(rows) == 1:
        return np.zeros(1, dtype=int)
    few = _project(rows)
    neighbors = min(NEIGHBORS + 1, len(rows))
    # Distances only shrink in a projection: no neighbor is lost, false ones are measured below.
    _, found = cKDTree(few).query(few, k=neighbors, distance_upper_bound=float(radius.max()))
    here, there = np.repeat(np.arange(len(rows)), neighbors), found.ravel()
    here, there = here[there < len(rows)], there[there < len(rows)]
    distance = np.linalg.norm(rows[here] - rows[there], axis=1)
    close = distance <= np.minimum(radius[here], radius[there])
    links = coo_array((np.ones(close.sum()), (here[close], there[close])), shape=(len(rows),) * 2)
    group: np.ndarray = connected_components(links, directed=False)[1]
    return group


def _project(rows: np.ndarray) -> np.ndarray:
    """The first principal components `(rows, at most AXES)`."""
    if rows.shape[1] <= AXES:
        return rows
    centered = rows - rows.mean(axis=0)
    _, axes = np.linalg.eigh(centered.T @ centered)
    return np.asarray(centered @ axes[:, -AXES:])
