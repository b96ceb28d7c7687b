"""Several sources with the same columns, one below the other, each with its part of the data."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pellucid.data.columns import RawColumn, RawTable
from pellucid.data.files import names_file, whole_of
from pellucid.data.readers.narrow import as_text
from pellucid.data.readers.places import Joined, Numbered
from pellucid.errors import DataError, did_you_mean


def join(
    tables: Sequence[RawTable],
    parts: Sequence[str],
    name: str,
    *,
    why: str,
    target: str | None = None,
) -> RawTable:
    """Put tables below each other; the columns of the first one count.

    Args:
        tables: Tables with the same columns; more columns than the first one has are left out.
        parts: "train", "valid" or "test" for each table.
        name: Name of the result.
        why: Where the split comes from.
        target: A column that later tables may lack; their rows then have no answer.

    Raises:
        DataError: A later table lacks a column, or holds it in another form.
    """
    first = tables[0]
    target = target or first.target
    optional = set(target.split(",")) if target else set()
    notes = list(first.notes)
    for table in tables[1:]:
        notes += _check_columns(first, table, optional)
    return RawTable(
        name,
        {title: _column(title, tables) for title in first.columns},
        Joined(_places(tables, parts)),
        target=first.target,
        split=_split(tables, parts),
        split_why=why,
        refused=[item for table in tables for item in table.refused],
        repaired=_repaired(tables),
        notes=notes,
        fingerprint=hashlib.blake2b(
            "".join(table.fingerprint for table in tables).encode(), digest_size=16
        ).hexdigest(),
    )


def _check_columns(first: RawTable, table: RawTable, optional: set[str]) -> list[str]:
    """Notes on differences that can be lived with.

    Raises:
        DataError: A column is missing.
    """
    lacking = [title for title in first.columns if title not in table.columns]
    extra = [title for title in table.columns if title not in first.columns]
    needed = [title for title in lacking if title not in optional]
    if needed:
        raise DataError(
            f"'{table.name}' lacks columns that '{first.name}' has: {_some(needed)}",
            where=table.name,
            fix="give it the same columns"
            + (f"; {did_you_mean(needed[0], extra)}" if extra else ""),
        )
    notes = [f"{table.name}: {note}" for note in table.notes if note not in first.notes]
    if lacking:
        notes.append(f"{table.name} has no answers: no column '{lacking[0]}'")
    if extra:
        notes.append(f"{table.name} has more columns, left out: {_some(extra)}")
    return notes


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:6])
    return shown + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _column(title: str, tables: Sequence[RawTable]) -> RawColumn:
    """One column of all tables; file names are made to start in one common folder."""
    columns = [table.columns.get(title) for table in tables]
    pieces = [
        np.full(len(table), np.nan) if column is None else column.values
        for table, column in zip(tables, columns)
    ]
    folder = tables[0].columns[title].folder
    folders = {column.folder for column in columns if column is not None and column.folder}
    if len(folders) > 1 and all(column is None or holds_paths(column) for column in columns):
        folder = Path(os.path.commonpath([item.resolve() for item in folders]))
        pieces = [
            piece if column is None else _moved(column, folder)
            for piece, column in zip(pieces, columns)
        ]
    return RawColumn(title, _stack(title, pieces, tables), folder)


def holds_paths(column: RawColumn) -> bool:
    """Whether the first values of a column of text name files below the column's folder."""
    if column.folder is None or column.values.dtype != object:
        return False
    words = [value for value in column.values[:1000] if isinstance(value, str)][:20]
    whole = whole_of(column.folder)
    return sum(names_file(column.folder, word, whole) for word in words) * 2 > len(words)


def _moved(column: RawColumn, folder: Path) -> np.ndarray:
    """The same files, named from `folder`, which is above the column's own."""
    assert column.folder is not None
    prefix = column.folder.resolve().relative_to(folder)
    values = np.full(len(column), None, dtype=object)
    values[:] = [None if word is None else (prefix / word).as_posix() for word in column.values]
    return values


def _stack(title: str, pieces: list[np.ndarray], tables: Sequence[RawTable]) -> np.ndarray:
    """One array of all pieces; numbers become text where another piece of the column is text."""
    filled = [piece for piece in pieces if not _nothing(piece)] or pieces[:1]
    kinds = {_form(piece) for piece in filled}
    if len(kinds) == 1 or kinds <= {"number", "text"}:
        form = "text" if "text" in kinds else kinds.pop()
        return np.concatenate([_as(form, piece, filled[0]) for piece in pieces])
    shown = ", ".join(f"{_form(piece)} in '{table.name}'" for piece, table in zip(pieces, tables))
    raise DataError(
        f"column '{title}' holds different kinds of values: {shown}",
        where=tables[-1].name,
        fix="give both sources the same columns in the same form",
    )


def _nothing(piece: np.ndarray) -> bool:
    return bool(RawColumn("", piece).missing().all())


def _form(piece: np.ndarray) -> str:
    if piece.ndim > 1:
        return f"array {piece.shape[1:]}"
    if piece.dtype.kind == "M":
        return "date"
    if piece.dtype != object:
        return "number"
    value = next((value for value in piece if value is not None), "")
    return "text" if isinstance(value, str) else type(value).__name__


def _as(form: str, piece: np.ndarray, like: np.ndarray) -> np.ndarray:
    """The piece in the form that the whole column takes."""
    if _form(piece) == form:
        return piece
    result = np.full(len(piece), None, dtype=object)
    if form == "text":
        result[:] = [None if value != value else as_text(value) for value in piece]
        return result
    if form == "date":
        return np.full(len(piece), np.datetime64("NaT"), dtype="datetime64[us]")
    if form == "number":
        return np.full(len(piece), np.nan)
    if form.startswith("array"):
        return np.full((len(piece), *like.shape[1:]), np.nan)
    return result


def _places(tables: Sequence[RawTable], parts: Sequence[str]) -> list[Sequence[str]]:
    """Names of rows; two tables of the same name are told apart by their part."""
    places = [table.places for table in tables]
    for index, part in enumerate(parts[1:], start=1):
        names = places[index]
        if isinstance(names, Numbered) and tables[index].name == tables[0].name:
            places[index] = Numbered(f"{part} {names.before}", names.numbers)
    return places


def _split(tables: Sequence[RawTable], parts: Sequence[str]) -> np.ndarray:
    """Each table's part for its rows; a table that brings its own split keeps it."""
    pieces = []
    for table, part in zip(tables, parts):
        own = table.split if table.split is not None and part == "train" else None
        pieces.append(own if own is not None else np.full(len(table), part, dtype=object))
    return np.concatenate(pieces)


def _repaired(tables: Sequence[RawTable]) -> dict[int, str]:
    repaired: dict[int, str] = {}
    start = 0
    for table in tables:
        repaired.update({start + row: how for row, how in table.repaired.items()})
        start += len(table)
    return repaired
