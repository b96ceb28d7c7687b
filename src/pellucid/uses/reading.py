"""Rows of a source as decoded columns, for uses whose examples are rows: when they are learned
from, and again when they are answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.columns import Column, Loaded, RawTable
from pellucid.data.ledger import Ledger
from pellucid.data.modalities import MODALITIES
from pellucid.errors import ConfigError, DataError
from pellucid.recipe.watcher import Watcher


def load_columns(
    table: RawTable, columns: Sequence[Column], ledger: Ledger, watcher: Watcher
) -> dict[str, Loaded]:
    """Decode the input columns to learn from; the ledger says what became of rows that can't be
    used or were mended."""
    loaded: dict[str, Loaded] = {}
    for column in columns:
        values = MODALITIES[column.modality].load_beside(
            table.columns[column.name], progress=watcher.progress, others=len(columns) - 1
        )
        for row, why in values.problems.items():
            ledger.set_aside(row, why if len(columns) == 1 else f"{column.name}: {why}")
        for row, how in values.repairs.items():
            ledger.repair(row, how)
        loaded[column.name] = values
    return loaded


def load_again(
    table: RawTable, columns: Sequence[Column], layouts: Mapping[str, dict[str, Any]]
) -> tuple[dict[str, Loaded], dict[int, str]]:
    """Decode the input columns of rows to be answered, and why some of these can't be."""
    loaded: dict[str, Loaded] = {}
    problems: dict[int, str] = {}
    for column in columns:
        values = MODALITIES[column.modality].load_beside(
            table.column(column.name), layouts[column.name], others=len(columns) - 1
        )
        loaded[column.name] = values
        problems = values.problems | problems
    return loaded, problems


def usable_rows(count: int, problems: Mapping[int, str]) -> np.ndarray:
    """int64: the rows that can be answered."""
    return np.array([row for row in range(count) if row not in problems], dtype=np.int64)


def problem(why: str, place: object) -> dict[str, Any]:
    """What stands in the line of a row that can't be answered."""
    fix = "mend or leave out this row and predict again"
    return DataError(why, where=str(place), fix=fix).as_json()


def with_sources(
    lines: list[dict[str, Any]], source: Any, places: Sequence[object]
) -> list[dict[str, Any]]:
    """Of a folder each line says as `source` which file it is about; rows of any other source are
    known by their number."""
    if not isinstance(source, str | Path) or not Path(source).is_dir():
        return lines
    return [{**line, "source": str(places[line["row"]])} for line in lines]


def check_row(row: int, count: int, name: str, what: str = "rows") -> None:
    """Refuse to explain a row that isn't there.

    Raises:
        ConfigError: With the rows that there are.
    """
    if not 0 <= row < count:
        raise ConfigError(
            f"there is no row {row}",
            where=f"{name} has {count:,} {what}",
            fix=f"choose a row from 0 to {count - 1}",
        )
