"""Rows that are the same, or nearly: they must not stand on both sides of a split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.data.columns import Column, Loaded
from pellucid.data.modalities import MODALITIES
from pellucid.data.split import clusters_of

TOO_COARSE = 0.3
"""If more of the rows than this look like copies, the values are few and repeat by nature."""
LARGEST = 0.02
"""No set of true near-duplicates is a larger share of the rows than this."""
SCALAR = ("number", "category", "date", "words")


@dataclass(frozen=True)
class Duplicates:
    """keys: for `clusters_of`, one a row, None where a row is alone. rows: how many have a twin.
    why: what was found, in words; empty if nothing."""

    keys: list[object]
    rows: int
    why: str


def find_duplicates(columns: list[Column], loaded: dict[str, Loaded], count: int) -> Duplicates:
    """Rows with equal inputs, or with a picture, recording, text or series nearly equal."""
    media = [column for column in columns if column.modality not in SCALAR]
    if len(columns) == 1 and media:
        near: list[object] = list(MODALITIES[media[0].modality].keys(loaded[media[0].name]))
        found = _judged(near, f"nearly equal {media[0].modality}s")
        if found.rows or not _repeats(near):
            return found
    exact = row_hashes([loaded[column.name].values for column in columns], count)
    return _judged(list(exact), "equal rows")


def row_hashes(columns: list[np.ndarray], count: int) -> list[int]:
    """One number a row; rows with equal values in all columns have equal numbers."""
    mixed = np.zeros(count, dtype=np.uint64)
    for values in columns:
        mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + _hashes(np.asarray(values))
    return [int(value) for value in mixed]


def _hashes(values: np.ndarray) -> np.ndarray:
    """uint64 (rows,) of one column."""
    if values.ndim == 1 and values.dtype.kind in "fiuM":
        wide = values.astype(np.float64) if values.dtype.kind != "M" else values.astype(np.int64)
        return np.ascontiguousarray(wide).view(np.uint64)
    if values.ndim == 1:
        raw = [
            hash(value.tobytes() if isinstance(value, np.ndarray) else str(value))
            for value in values
        ]
    else:
        raw = [hash(np.ascontiguousarray(row).tobytes()) for row in values]
    return np.array(raw, dtype=np.int64).view(np.uint64)


def _repeats(keys: list[object]) -> bool:
    present = [key for key in keys if key is not None]
    return len(set(present)) < len(present)


def _judged(keys: list[object], what: str) -> Duplicates:
    """Believe the keys only if what they call copies is rare enough to be copies."""
    clusters = clusters_of(len(keys), keys)
    _, sizes = np.unique(clusters, return_counts=True)
    twins = int(sizes[sizes > 1].sum())
    if not twins or twins > TOO_COARSE * len(keys) or sizes.max() > max(10, LARGEST * len(keys)):
        return Duplicates([None] * len(keys), 0, "")
    return Duplicates(keys, twins, f"{twins:,} rows have a twin ({what}); twins stay on one side")
