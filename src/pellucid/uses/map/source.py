"""Examples without answers: a table, or a folder of files whose subfolders mean nothing to learn
from. Names of classes, where there are some, are set apart: they are only compared with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.config import Settings
from pellucid.data import read
from pellucid.data.columns import Column, Loaded, RawTable
from pellucid.data.ledger import Ledger
from pellucid.data.readers import folder
from pellucid.data.recognize import recognize_inputs
from pellucid.errors import DataError, PellucidError
from pellucid.recipe.watcher import Watcher
from pellucid.uses.reading import load_columns

FEWEST = 30
"""Examples below which no map says anything."""


@dataclass
class Found:
    """A source as read. classes: object `(rows,)`, what somebody calls each row, or None; class_of:
    the name of that column."""

    table: RawTable
    columns: list[Column]
    loaded: dict[str, Loaded]
    classes: np.ndarray | None
    class_of: str
    ledger: Ledger
    notes: list[str]
    others: list[Column]


def read_source(given: Any, test: Any, settings: Settings, watcher: Watcher) -> Found:
    """Read, recognize and decode; rows that can't be used are set aside.

    Raises:
        DataError: It can't be read, or fewer than `FEWEST` rows are left.
    """
    table = _read(given, test, settings)
    notes = list(table.notes)
    name = settings.target or table.target
    classes = None
    if name is not None:
        classes = table.column(name).values
        del table.columns[name]
        table.target = None
        notes.append(f"'{name}' is not learned from: the map is only compared with it")
    if not table.columns:
        raise DataError(
            f"'{table.name}' has nothing beside '{name}'",
            where=table.name,
            fix="give columns that describe the rows",
        )
    recognized = recognize_inputs(table, settings)
    columns = recognized.inputs()
    ledger = Ledger(table.places, table.refused)
    for row, how in table.repaired.items():
        ledger.repair(row, how)
    watcher.stage("decoding")
    loaded = load_columns(table, columns, ledger, watcher)
    usable = len(ledger.usable())
    if usable < FEWEST:
        raise DataError(
            f"{usable} usable examples are too few for a map: "
            f"{ledger.reasons_in_words() or 'there are no more'}",
            where=table.name,
            fix=f"give at least {FEWEST} examples; hundreds are better",
        )
    others = [one for one in recognized.columns if one.role != "input"]
    notes += recognized.warnings
    return Found(table, columns, loaded, classes, name or "", ledger, notes, others)


def _read(given: Any, test: Any, settings: Settings) -> RawTable:
    try:
        return read.read(given, test=test, missing=settings.missing, split=settings.split)
    except PellucidError:
        # A folder of files without folders of classes has no answers: just what is wanted here.
        path = Path(given) if isinstance(given, str | Path) else None
        if path is None or test is not None or not path.is_dir() or not folder.has_values(path):
            raise
        return folder.read_files(path.resolve(), "file")
