"""Columns of file names: where the files are, and whether a column holds such names at all.

A table that somebody uploaded, or that was in a zip archive, may be a stranger's: the names in it
must not reach anything of this machine that did not come with it. Folders for such things are
marked (`set_apart`), and every name is looked at before the file system is asked about it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from pellucid.data.columns import RawColumn, Reading
from pellucid.errors import DataError

SAMPLE = 200
"""Names that are looked at, and files that are searched for, to recognize a column."""
APART = ".pellucid-apart"
"""Name of the file that marks a folder: each folder in it is a whole that came from elsewhere."""
_ELSEWHERE = re.compile(r"/|~|[a-z]:|[a-z][a-z0-9+.-]*:/", re.IGNORECASE)
"""How names begin that start at the root (or of another machine), a home, a drive, a protocol."""


def set_apart(folder: Path) -> None:
    """Mark a folder of our own: tables in each of its folders name only files in there."""
    (folder / APART).touch()


def locate(raw: RawColumn) -> list[Path | None]:
    """The file that each row names; None where the row names none.

    Raises:
        DataError: A table that came from elsewhere names a file that did not come with it.
    """
    folder = raw.folder if raw.folder is not None else Path()
    whole = whole_of(folder)
    found: list[Path | None] = []
    for row, value in enumerate(raw.values):
        name = value if isinstance(value, str) else None
        if name is not None and whole is not None and not stays_in(whole, folder, name):
            raise DataError(
                f"'{raw.name}' names a file that was not given with the table: {name:.80}",
                where=f"row {row}, column '{raw.name}'",
                fix="put the files into one folder (or zip) with the table, and name them as they "
                "lie there",
            )
        found.append(None if name is None else _find(folder, name))
    return found


def whole_of(folder: Path) -> Path | None:
    """The upload or archive that a folder belongs to; None if it is the user's own."""
    real = folder.resolve()
    ways = zip((real, *real.parents), real.parents, strict=False)
    return next((inner for inner, outer in ways if (outer / APART).exists()), None)


def stays_in(whole: Path, folder: Path, name: str) -> bool:
    """Whether a name in `folder` means something in `whole`, by its letters and by its links."""
    plain = name.replace("\\", "/")
    if _ELSEWHERE.match(plain):
        return False
    try:
        if not Path(os.path.normpath(folder.resolve() / plain)).is_relative_to(whole):
            return False
        return _find(folder, name).resolve().is_relative_to(whole)
    except (OSError, ValueError, RuntimeError):  # too long, zeros in it, links in a circle
        return False


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
    whole = whole_of(folder)
    there = sum(names_file(folder, name, whole) for name in fitting)
    shown = ", ".join(sorted({Path(name).suffix.lower() for name in fitting}))
    if there == 0:
        # Tables often keep the names of files that stayed elsewhere; those names teach nothing.
        lacking = "no such file" if whole is None else "no such file came with the table"
        return Reading(0.1, f"names of {what} ({shown}), but {lacking}: {fitting[0]}")
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


def names_file(folder: Path, name: str, whole: Path | None) -> bool:
    """Whether a cell names a file that may be opened; what can't be a name names none.

    Args:
        whole: What `whole_of` says of the folder.
    """
    if whole is not None and not stays_in(whole, folder, name):
        return False
    try:
        return _find(folder, name).is_file()
    except (OSError, ValueError):
        return False


def _find(folder: Path, name: str) -> Path:
    """The named file; names written on Windows are read everywhere."""
    path = folder / name
    if "\\" in name and not path.is_file():
        return folder / name.replace("\\", "/")
    return path
