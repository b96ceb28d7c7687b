"""Columns of texts that are written like numbers, such as '1.234,50 €', as numbers.

How a column writes its numbers is kept, so that a table to be filled in is read the same way.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pellucid.config import Settings
from pellucid.data.columns import Loaded, RawColumn, RawTable
from pellucid.data.modalities import MODALITIES

SURE = 0.8
"""How surely a text must be a number to be read as one."""


def read_numbers(table: RawTable, settings: Settings) -> tuple[RawTable, dict[str, dict[str, Any]]]:
    """The table with such columns as numbers, and how each of them writes its numbers; columns that
    the user calls times or names of series stay as they are."""
    named = {settings.order, *(settings.group or "").split(",")}
    written = {}
    for name, column in table.columns.items():
        if column.values.dtype != object or column.values.ndim != 1 or name in named:
            continue
        reading = MODALITIES["number"].recognize(column)
        date = MODALITIES["date"].recognize(column)
        if reading is None or reading.sure < SURE or (date is not None and date.sure >= SURE):
            continue
        written[name] = MODALITIES["number"].load(column).layout
    return (read_as(table, written) if written else table), written


def read_as(table: RawTable, written: dict[str, dict[str, Any]]) -> RawTable:
    """The table with these columns as numbers, written as is known of them."""
    columns, repaired = dict(table.columns), dict(table.repaired)
    for name, layout in written.items():
        column = columns.get(name)
        if column is None or column.values.dtype != object:
            continue
        loaded: Loaded = MODALITIES["number"].load(column, layout)
        columns[name] = RawColumn(name, loaded.values, column.folder)
        for row, how in loaded.repairs.items():
            repaired[row] = f"{repaired[row]}; {how}" if row in repaired else how
    return replace(table, columns=columns, repaired=repaired)
