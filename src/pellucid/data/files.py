"""Columns of file names: where the files are, and whether a column holds such names at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pellucid.data.columns import RawColumn, Reading

SAMPLE = 200
"""Names that are looked at, and files that are searched for, to recognize a column."""


def locate(raw: RawColumn) -> list[Path | None]:
    """The file that each row names; None where the row names none."""
    folder = raw.folder if raw.folder is not None else Path()
    return [_find(folder, value) if isinstance(value, str) else None for value in raw.values]


def recognize_files(raw: RawColumn, endings: frozenset[str], what: str) -> Reading | None:
    """Whether the column names files that end like `what` ("pictures") and that exist.

    Args:
        endings: Lower-case endings with their dot.
    """
    names = _sample(raw)
    fitting = [name for name in names if Path(name).suffix.lower() in endings]
    if not fitting or len(fitting) < 0.9 * len(names):
        return None
    folder = raw.folder if raw.folder is not None else Path()
    there = sum(_find(folder, name).is_file() for name in fitting)
    shown = ", ".join(sorted({Path(name).suffix.lower() for name in fitting}))
    if there == 0:
        # Tables often keep the names of files that stayed elsewhere; those names teach nothing.
        return Reading(0.1, f"names of {what} ({shown}), but no such file: {fitting[0]}")
    sure = 0.99 if there == len(names) else 0.9
    return Reading(sure, f"names of {what} ({shown}); {there} of {len(names)} looked for exist")


def _sample(raw: RawColumn) -> list[str]:
    """Up to `SAMPLE` texts, evenly spread over the rows; none if the column holds other things."""
    if raw.values.ndim != 1 or raw.values.dtype != object:
        return []
    present = np.flatnonzero(~raw.missing())
    if not len(present):
        return []
    values = raw.values[present[np.unique(np.linspace(0, len(present) - 1, SAMPLE, dtype=int))]]
    return list(values) if all(isinstance(v, str) for v in values) else []


def _find(folder: Path, name: str) -> Path:
    """The named file; names written on Windows are read everywhere."""
    path = folder / name
    if "\\" in name and not path.is_file():
        return folder / name.replace("\\", "/")
    return path
