"""Rows that the user leaves out, by a list in a file: `--without rows.csv`.

The list is a table with a column `place`, `row`, or both, such as a run's `evidence/labels.csv`.
It is read once and kept in the settings, so that a run can be repeated after the list has changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pellucid.config import LeftOut
from pellucid.data.columns import RawTable
from pellucid.data.readers.delimited import read_delimited
from pellucid.data.readers.narrow import missing_words
from pellucid.errors import ConfigError, did_you_mean

PLACE, ROW = "place", "row"


def read_left_out(path: str | Path, run: str | Path | None = None) -> LeftOut:
    """Read a list of rows to leave out.

    Args:
        path: Any delimited table with a column `place` or `row`.
        run: A run to compare with, if the list itself does not lie in one (`RUN/evidence/...`).

    Raises:
        DataError: The file can't be read, or names no rows.
        ConfigError: It has neither column, or a value that is no row.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError(
            f"there is no file '{path}'",
            where="--without",
            fix="give a table of rows, such as RUN/evidence/labels.csv of 'pellucid study RUN'",
        )
    table = read_delimited(path, missing_words())
    places = [""] * len(table)
    if PLACE in table.columns:
        values = table.columns[PLACE].values.tolist()
        places = ["" if value is None or value != value else _text(value) for value in values]
    elif ROW not in table.columns:
        raise ConfigError(
            f"{path.name} does not say which rows: it has no column '{PLACE}' or '{ROW}'",
            where=f"--without {path}, columns: {', '.join(table.columns)}",
            fix=f"call the column of row numbers (from 0) '{ROW}', or that of places '{PLACE}'",
        )
    rows = _numbers(table, path) if ROW in table.columns else [-1] * len(table)
    for number, (row, place) in enumerate(zip(rows, places, strict=True)):
        if row < 0 and not place:
            raise ConfigError(
                "a line names no row",
                where=f"--without {path}, {table.places[number]}",
                fix="fill in its row or place, or delete the line",
            )
    own = path.resolve().parent.parent
    found = own if (own / "run.json").exists() else run and Path(run).resolve()
    return LeftOut(path.name, tuple(rows), tuple(places), str(found) if found else None)


def rows_of(left: LeftOut, table: RawTable) -> np.ndarray:
    """int64: the rows of the source that are named, rising.

    Raises:
        ConfigError: A row does not exist, or is another one than the list says.
    """
    numbers = (
        {str(place): row for row, place in enumerate(table.places)} if any(left.places) else {}
    )
    found: list[int] = []
    strangers: list[tuple[int, str]] = []
    for row, place in zip(left.rows, left.places, strict=True):
        if row < 0 and place in numbers:
            found.append(numbers[place])
        elif 0 <= row < len(table) and place in ("", str(table.places[row])):
            found.append(row)
        else:
            strangers.append((row, place))
    if strangers:
        raise _no_such_rows(left, table, strangers)
    return np.unique(np.array(found, dtype=np.int64))


def _no_such_rows(
    left: LeftOut, table: RawTable, strangers: Sequence[tuple[int, str]]
) -> ConfigError:
    row, place = strangers[0]
    known = [str(name) for name in table.places]
    if place and 0 <= row < len(table):
        what = f"row {row} is '{known[row]}', not '{place}'"
        fix = "make the list anew for this source: 'pellucid study RUN labels'"
    elif place:
        what, fix = f"there is no '{place}'", did_you_mean(place, known)
    else:
        what, fix = f"there is no row {row}", f"rows are numbered from 0 to {len(table) - 1:,}"
    count, total = len(strangers), len(left.rows)
    return ConfigError(
        f"{count:,} of the {total:,} rows in {left.file} are not in {table.name}: {what}",
        where=f"--without {left.file}",
        fix=fix,
    )


def _numbers(table: RawTable, path: Path) -> list[int]:
    """Row numbers; -1 where there is none."""
    rows = []
    for line, value in zip(table.places, table.columns[ROW].values.tolist(), strict=True):
        if value is None or value != value:
            rows.append(-1)
            continue
        if not isinstance(value, float) or value < 0 or not value.is_integer():
            raise ConfigError(
                f"'{_text(value)}' is no row number",
                where=f"--without {path}, {line}",
                fix="rows are whole numbers from 0",
            )
        rows.append(int(value))
    return rows


def _text(value: object) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else str(value)  # type: ignore[call-overload]
