"""Whose picture is it? Identities as folders, as a column, or from pairs that are said to be the
same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from pellucid.config import Settings
from pellucid.data import read
from pellucid.data.columns import RawColumn, RawTable
from pellucid.data.readers import folder
from pellucid.data.readers.arrays import SPLITS
from pellucid.data.readers.sniff import AUDIO, IMAGE
from pellucid.data.recognize import rank_readings
from pellucid.data.split import clusters_of
from pellucid.errors import DataError

FIELDS = ("image", "audio", "series")
FOLDER_NAMES = frozenset(
    {"identities", "identity", "persons", "people", "faces", "speakers", "individuals", "lfw"}
    | {"celebrities", "voices"}
)
COLUMN_NAMES = frozenset(
    {"identity", "identities", "person", "people", "individual", "speaker", "subject", "id"}
    | {"name", "who", "animal", "product"}
)
SAME_WORDS = frozenset({"same", "1", "1.0", "yes", "true", "match", "genuine", "positive"})
DIFFERENT_WORDS = frozenset(
    {"different", "0", "0.0", "no", "false", "mismatch", "impostor", "negative", "-1"}
)
MANY, FEW = 50, 15
"""So many folders with so few files each are identities rather than classes."""
LEAST = 10


@dataclass
class Found:
    """A source as read. column: of the pictures, sounds or series. modality: which of these.
    identity: object `(rows,)` of names."""

    table: RawTable
    column: str
    modality: str
    identity: np.ndarray
    notes: list[str] = field(default_factory=list)


def read_source(given: Any, settings: Settings, test: Any = None) -> Found:
    """Read a source and find what shows identities and who they are.

    Raises:
        DataError: Nothing shows or names identities.
    """
    table = read.read(
        given, test=test, missing=settings.missing, split=settings.split, target=settings.target
    )
    fields = field_columns(table)
    pairs = _as_pairs(table, fields)
    if pairs is not None:
        return pairs
    name = settings.target or table.target or _identity_column(table, fields)
    if not fields or name is None:
        what = "pictures, sounds or series" if not fields else "who is in them"
        raise DataError(
            f"nothing in '{table.name}' says {what}",
            where=f"{table.name}, columns: {', '.join(list(table.columns)[:8])}",
            fix="give a folder with one folder for each identity, or a table with a column of "
            "files and one of identities (--target)",
        )
    column, modality = next(iter((n, m) for n, m in fields if n != name))
    values = table.column(name).values
    absent = table.column(name).missing()
    identity = np.full(len(table), None, dtype=object)
    identity[:] = [None if gone else str(one) for one, gone in zip(values, absent, strict=True)]
    return Found(table, column, modality, identity, list(table.notes))


def layout_of(path: Path) -> str | None:
    """Why a folder asks for verification by its layout alone; None if it does not."""
    if not path.is_dir():
        return None
    listing = folder.list_folder(path)
    files = [PurePosixPath(file) for file in listing.files]
    media = [file for file in files if file.suffix.lower() in IMAGE | AUDIO]
    tops = {file.parts[0].lower() for file in media if len(file.parts) > 1}
    depth = 1 if tops & set(SPLITS) and "train" in {SPLITS.get(top) for top in tops} else 0
    wrapped = len(tops) == 1 and not depth and all(len(file.parts) > 2 for file in media)
    names = {path.name.lower(), *(tops if wrapped else ())}
    if wrapped:
        depth = 1
    counts = Counter(file.parts[depth] for file in media if len(file.parts) > depth + 1)
    if len(counts) < LEAST:
        return None
    usual = float(np.median(list(counts.values())))
    called = names & FOLDER_NAMES
    if called:
        return f"{len(counts):,} folders in one called '{called.pop()}'"
    if len(counts) >= MANY and usual <= FEW:
        return f"{len(counts):,} folders with {usual:g} files each: identities rather than classes"
    return None


def field_columns(table: RawTable) -> list[tuple[str, str]]:
    """Columns of pictures, sounds or series, and which they are."""
    found = []
    for name, column in table.columns.items():
        readings = rank_readings(column)
        if readings and readings[0][0] in FIELDS and readings[0][1].sure >= 0.5:
            found.append((name, readings[0][0]))
    return found


def _identity_column(table: RawTable, fields: Sequence[tuple[str, str]]) -> str | None:
    others = [name for name in table.columns if name not in dict(fields)]
    named = [name for name in others if name.strip().lower() in COLUMN_NAMES]
    return named[0] if named else others[0] if len(others) == 1 else None


# --- pairs ------------------------------------------------------------------------------------


def _as_pairs(table: RawTable, fields: Sequence[tuple[str, str]]) -> Found | None:
    """A table of pairs: files that are the same, one after the other, are one identity."""
    kinds = Counter(modality for _, modality in fields)
    kind = next((modality for modality, count in kinds.items() if count == 2), None)
    if kind is None:
        return None
    first, second = (table.columns[name] for name, modality in fields if modality == kind)
    rest = [column for name, column in table.columns.items() if name not in dict(fields)]
    said = next((one for one in map(_same, rest) if one is not None), None)
    if said is None or kind == "series":
        return None
    files = [*map(str, first.values), *map(str, second.values)]
    names = list(dict.fromkeys(files))
    place = {name: number for number, name in enumerate(names)}
    left = np.array([place[str(name)] for name in first.values])
    right = np.array([place[str(name)] for name in second.values])
    groups = clusters_of(len(names), *_links(len(names), left[said], right[said]))
    wrong = np.flatnonzero(~said & (groups[left] == groups[right]))
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"{len(wrong):,} pairs are said to be different, but other pairs make them the same",
            where=f"{table.places[row]}: {first.values[row]}, {second.values[row]}",
            fix="mend the pairs that contradict each other",
        )
    values = np.array(names, dtype=object)
    made = RawTable(
        table.name,
        {"file": RawColumn("file", values, first.folder)},
        names,
        notes=table.notes,
        fingerprint=table.fingerprint,
    )
    identity = np.array([names[group] for group in groups], dtype=object)
    note = (
        f"{len(table):,} pairs of {len(names):,} files: those said to be the same make "
        f"{len(set(identity.tolist())):,} identities, each called after its first file"
    )
    return Found(made, "file", kind, identity, [*table.notes, note])


def _links(count: int, left: np.ndarray, right: np.ndarray) -> list[list[object]]:
    """Keys that two linked files share; a file with several links has several."""
    columns: list[list[object]] = []
    for number, (one, other) in enumerate(zip(left.tolist(), right.tolist(), strict=True)):
        column = next((c for c in columns if c[one] is None and c[other] is None), None)
        if column is None:
            column = [None] * count
            columns.append(column)
        column[one] = column[other] = number
    return columns


def _same(column: RawColumn) -> np.ndarray | None:
    """bool `(rows,)` if the column says same or different; else None."""
    if column.values.ndim > 1 or column.missing().any():
        return None
    words = [str(value).strip().lower() for value in column.values.tolist()]
    if not set(words) <= SAME_WORDS | DIFFERENT_WORDS or not set(words) & SAME_WORDS:
        return None
    return np.array([word in SAME_WORDS for word in words])
