"""From what the user pointed at to parts by time: the table, parts it names, every row's fate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.config import Choice, Settings
from pellucid.data import read
from pellucid.data.columns import RawTable
from pellucid.data.glance import present
from pellucid.data.ledger import Ledger
from pellucid.data.modalities.date import find_layout as find_dates
from pellucid.errors import DataError
from pellucid.uses.forecast.layout import Layout, codes_of, moments_of
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


@dataclass(frozen=True)
class Given:
    """Where parts begin that the source itself names, as columns of each series: int64 `(series,)`.

    valid: None where the source leaves that open. steps: times of a usual exam.
    """

    test: np.ndarray
    valid: np.ndarray | None
    steps: int


def given_parts(panel: Panel, table: RawTable, layout: Layout, notes: list[str]) -> Given | None:
    """The parts that `--test` or `--split` name; None without any.

    Raises:
        DataError: They don't follow each other in time, or share times.
    """
    if table.split is None:
        return None
    _check_apart(table, layout)
    there = (panel.row >= 0) & ~np.isnan(panel.values)
    said = np.where(there, table.split[panel.row], "")
    test, valid = said == "test", said == "valid"
    if not test.any() and not valid.any():
        notes.append(
            "the rows of the exam have no values, they are times to come: the exam is "
            "the latest part that has some"
        )
        return None
    if not test.any():
        notes.append("the source holds out one part: its first half chooses, its second is sealed")
        begin = np.where(valid.any(1), valid.argmax(1), panel.last + 1)
        half = begin + (panel.last + 1 - begin) // 2
        _check_order(panel, table, begin, there & ~valid, "choose by")
        return Given(half, begin, _usual(panel, half))
    begin = np.where(test.any(1), test.argmax(1), panel.last + 1)
    _check_order(panel, table, begin, there & ~test, "be asked at the exam")
    if not valid.any():
        return Given(begin, None, _usual(panel, begin))
    chooses = np.where(valid.any(1), valid.argmax(1), begin)
    _check_order(panel, table, chooses, said == "train", "choose by")
    return Given(begin, chooses, _usual(panel, begin))


def _usual(panel: Panel, begin: np.ndarray) -> int:
    return int(np.median((panel.last + 1 - begin)[begin <= panel.last]))


def _check_apart(table: RawTable, layout: Layout) -> None:
    """No time of a series may be in the exam and in the past."""
    assert table.split is not None
    moments = moments_of(table, layout.time)
    ticks = np.unique(moments, return_inverse=True)[1]
    cells = codes_of(layout.keys(table))[0] * (len(table) + 1) + ticks
    test = table.split == "test"
    twice = np.flatnonzero(test & np.isin(cells, cells[~test]))
    if len(twice):
        raise DataError(
            f"{len(twice):,} rows of the exam have times that are there to learn from as well",
            where=str(table.places[twice[0]]),
            fix="take them out of one of the two; the exam asks what comes after the rest",
        )


def _check_order(
    panel: Panel, table: RawTable, begin: np.ndarray, earlier: np.ndarray, purpose: str
) -> None:
    mixed = (np.arange(panel.times)[None, :] >= begin[:, None]) & earlier
    if mixed.any():
        one, column = np.argwhere(mixed)[0]
        raise DataError(
            f"rows to learn from come after rows to {purpose}: the past would be asked for",
            where=f"{table.places[int(panel.row[one, column])]} ({panel.text(int(column))})",
            fix="name parts that follow each other in time, or none: the latest part is the exam",
        )


def horizon_of(panel: Panel, settings: Settings, season: int, given: Given | None) -> Choice:
    """Times after the last value that the source leaves open count as a wish; an exam that the
    source gives must be as long.

    Raises:
        DataError: It is shorter than what is asked for.
    """
    ahead = np.arange(panel.times)[None, :] > panel.last[:, None]
    future = int(np.median((ahead & (panel.row >= 0)).sum(1)))
    chosen = choose_horizon(panel, settings.horizon, future, season)
    if given is None or int(chosen.value) <= given.steps:
        return chosen
    if settings.horizon is None:
        return Choice(given.steps, "as long as the exam that the source gives")
    raise DataError(
        f"the exam has {given.steps} times, and {settings.horizon} steps ahead are asked for",
        where=f"--horizon {settings.horizon}",
        fix=f"give a longer exam, or look --horizon {given.steps} ahead",
    )


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
