"""Excel workbooks (.xlsx): the first sheet that holds anything."""

from __future__ import annotations

import hashlib
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.columns import RawColumn, RawTable
from pellucid.data.readers.dialect import has_header, unique_names
from pellucid.data.readers.narrow import as_text, from_values
from pellucid.data.readers.places import Numbered
from pellucid.data.readers.sniff import first_bytes, magic, not_this, unreadable
from pellucid.errors import DataError, require

_ERRORS = frozenset(("#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!"))
UNPACKED_LIMIT = 4 << 30


def read_excel(path: Path, words: frozenset[str]) -> RawTable:
    """Read the first sheet of a workbook that is not empty; the others are named in a note.

    Raises:
        DataError: It is no workbook, is broken, or has no rows.
        MissingExtra: openpyxl is not installed.
    """
    _check(path)
    sheet, rows, notes = _rows(path)
    numbers, cells = _without_blank(rows)
    if not cells:
        raise _empty(path, "no sheet holds anything")
    names, cells, numbers = _header(cells, numbers, notes)
    if not cells:
        raise _empty(path, f"sheet '{sheet}' has a header but no rows")
    repaired: dict[int, str] = {}
    columns: dict[str, RawColumn] = {}
    for position, name in enumerate(names):
        values = [_cell(row, position) for row in cells]
        for row, value in enumerate(values):
            if value in _ERRORS:
                values[row] = None
                repaired[row] = f"'{name}' holds the error {value}: taken as missing"
        column, note = from_values(name, values, words, f"{path.name}, sheet '{sheet}'")
        columns[name] = RawColumn(name, column, path.parent if column.dtype == object else None)
        if note:
            notes.append(f"'{name}': {note}")
    with path.open("rb") as file:
        fingerprint = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    places = Numbered(f"{path.name} row ", np.array(numbers))
    return RawTable(
        path.name, columns, places, repaired=repaired, notes=notes, fingerprint=fingerprint
    )


def _check(path: Path) -> None:
    """A workbook is a zip of XML files; refuse other files and those that unpack to gigabytes."""
    found = magic(first_bytes(path))
    if found == "an old Office document":
        raise DataError(
            f"'{path.name}' is in the old Excel format, or locked with a password",
            where=str(path),
            fix="save it without a password as .xlsx",
        )
    if found != "a zip archive":
        start = first_bytes(path, 40).decode("latin-1")
        raise not_this(path, "an Excel workbook", found or f"text that starts with {start!r}")
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            size = sum(member.file_size for member in archive.infolist())
    except zipfile.BadZipFile as error:
        raise _broken(path, error) from error
    except OSError as error:
        raise unreadable(path, error) from error
    if not any(name.startswith("xl/") for name in names):
        raise not_this(path, "an Excel workbook", "another zip archive")
    if size > UNPACKED_LIMIT:
        raise DataError(
            f"'{path.name}' unpacks to {size / 2**30:.1f} GB",
            where=str(path),
            fix="save the sheet as CSV or Parquet",
        )


def _rows(path: Path) -> tuple[str, list[tuple[Any, ...]], list[str]]:
    """Name and rows of the first sheet with anything in it, and what was left aside."""
    openpyxl = require("openpyxl", extra="excel", purpose="reading Excel workbooks")
    try:
        with warnings.catch_warnings():
            # openpyxl warns about styles and drop-down lists, which hold no data.
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
            chosen, rows = "", []
            for sheet in book.worksheets:
                chosen, rows = sheet.title, list(sheet.iter_rows(values_only=True))
                if any(value is not None for row in rows for value in row):
                    break
            names = [sheet.title for sheet in book.worksheets]
            book.close()
    except Exception as error:  # a broken workbook fails anywhere in openpyxl, with any error
        raise _broken(path, error) from error
    notes = [f"sheet '{chosen}'"]
    others = [name for name in names if name != chosen]
    if others:
        notes.append(f"1 sheet of {len(names)} read; not read: {', '.join(others)}")
    return chosen, rows, notes


def _without_blank(rows: list[tuple[Any, ...]]) -> tuple[list[int], list[tuple[Any, ...]]]:
    """Numbers (from 1) and cells of the rows that hold anything."""
    kept = [
        (number, row)
        for number, row in enumerate(rows, start=1)
        if any(value is not None and value != "" for value in row)
    ]
    return [number for number, _ in kept], [row for _, row in kept]


def _header(
    rows: list[tuple[Any, ...]], numbers: list[int], notes: list[str]
) -> tuple[list[str], list[tuple[Any, ...]], list[int]]:
    """Column names, and the rows below them; empty columns at the edge are dropped."""
    used = [index for row in rows for index, value in enumerate(row) if value not in (None, "")]
    width = max(used) + 1
    texts = [_texts(row, width) for row in rows[:200]]
    if has_header(texts[0], texts[1:]):
        return unique_names(texts[0], notes), rows[1:], numbers[1:]
    notes.append(f"no header: columns are called column_1 to column_{width}")
    return unique_names([""] * width, []), rows, numbers


def _texts(row: Sequence[Any], width: int) -> list[str]:
    return [as_text(_cell(row, position)) or "" for position in range(width)]


def _cell(row: Sequence[Any], position: int) -> Any:
    value = row[position] if position < len(row) else None
    return None if value == "" else value


def _broken(path: Path, error: Exception) -> DataError:
    return DataError(
        f"'{path.name}' is a broken workbook: {error}",
        where=str(path),
        fix="open it in a spreadsheet program and save it again as .xlsx, or as CSV",
    )


def _empty(path: Path, why: str) -> DataError:
    return DataError(
        f"'{path.name}' is empty: {why}",
        where=str(path),
        fix="give a sheet with a header and at least two rows",
    )
