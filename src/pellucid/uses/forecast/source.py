"""From what the user pointed at to parts by time: the table, the exam's begin, every row's fate."""

from __future__ import annotations

import numpy as np

from pellucid.config import Choice, Settings
from pellucid.data import read
from pellucid.data.columns import RawTable
from pellucid.data.glance import present
from pellucid.data.ledger import Ledger
from pellucid.data.modalities.date import find_layout as find_dates
from pellucid.errors import DataError
from pellucid.uses.forecast.layout import Layout
from pellucid.uses.forecast.panel import Panel
from pellucid.uses.forecast.season import choose_horizon
from pellucid.uses.forecast.windows import Cut
from pellucid.uses.use import Source


def table_of(source: Source, settings: Settings) -> RawTable:
    """The source as a table, or the reason why it is none."""
    if source.table is not None:
        return source.table
    table = read.read(
        source.given,
        test=source.test,
        missing=settings.missing,
        split=settings.split,
        target=settings.target,
    )
    return table


def dates_of(table: RawTable, layout: Layout) -> dict[str, str] | None:
    """How the times are written, to read others the same way; None if they are numbers."""
    if layout.time is None or layout.found.spacing.kind in ("number", "rows"):
        return None
    return find_dates(layout.time, present(table.columns[layout.time]))


def horizon_of(panel: Panel, settings: Settings, season: int) -> Choice:
    """Times after the last value that the source leaves open count as a wish."""
    ahead = np.arange(panel.times)[None, :] > panel.last[:, None]
    future = int(np.median((ahead & (panel.row >= 0)).sum(1)))
    return choose_horizon(panel, settings.horizon, future, season)


def begins_of(panel: Panel, table: RawTable) -> np.ndarray | None:
    """Column of each series from which on rows are for the exam, where the source says so.

    Raises:
        DataError: Rows to learn from come after rows of the exam.
    """
    if table.split is None:
        return None
    test = (panel.row >= 0) & (table.split == "test")[panel.row]
    if not test.any():
        return None
    begins = np.where(test.any(1), test.argmax(1), panel.last + 1)
    later = np.arange(panel.times)[None, :] >= begins[:, None]
    mixed = later & (panel.row >= 0) & ~test
    if mixed.any():
        one, column = np.argwhere(mixed)[0]
        raise DataError(
            "rows to learn from come after rows of the exam: the past would be asked for",
            where=f"{table.places[int(panel.row[one, column])]} ({panel.text(int(column))})",
            fix="give an exam later than everything else, or none: the latest part is taken",
        )
    return begins


def fates_of(panel: Panel, cut: Cut, ledger: Ledger) -> None:
    """Every row on the grid belongs to the part that its time lies in."""
    columns = np.arange(panel.times)
    fate = np.full(len(ledger.places), "", dtype=object)
    for one in range(len(panel.names)):
        rows = panel.row[one]
        there = rows >= 0
        part = np.where(
            columns < cut.valid[one], "train", np.where(columns < cut.test[one], "valid", "test")
        )
        part = np.where(columns > panel.last[one], "", part)
        known = there & (part != "")
        fate[rows[known]] = part[known]
    for row in ledger.usable().tolist():
        if not fate[row]:
            ledger.leave_out(row, "its value is still to come: what it says beside it may help")
    rows = ledger.usable()
    ledger.assign(rows, fate[rows])
