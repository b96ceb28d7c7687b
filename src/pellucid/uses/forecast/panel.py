"""All series on one grid of times, and the fate of every row that did not fit.

Duplicates, gaps, odd times and missing values are mended here in ways that never look ahead: a
gap is filled with what stood there a season before (or last), only where it is an input; it is
never asked for and never counts at the exam.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pellucid.config import Settings
from pellucid.data.columns import RawColumn, RawTable
from pellucid.data.ledger import Ledger
from pellucid.data.left_out import rows_of
from pellucid.errors import DataError
from pellucid.tasks.regress import as_numbers
from pellucid.uses.forecast.layout import Layout, codes_of, moments_of
from pellucid.uses.forecast.spacing import OFF_GRID, Spacing

MOST_CELLS = 100_000_000
FEWEST_FILLED = 0.3
"""Share of the times between a series' first and last value that must have one."""
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
Cells = dict[str, np.ndarray]


@dataclass
class Panel:
    """Series side by side on one grid.

    names: of the series. values: float64 `(series, times)`, NaN outside a series and in its gaps.
    start: tick of the first column. first, last: int64 `(series,)`, columns of each series' first
    and last value. row: int64 `(series, times)`, the row of the source, -1 for none. others: name
    -> object or float64 `(series, times)`, columns beside the values, as they stand.
    """

    names: list[str]
    spacing: Spacing
    start: int
    values: np.ndarray
    first: np.ndarray
    last: np.ndarray
    row: np.ndarray
    others: Cells = field(default_factory=dict)

    @property
    def times(self) -> int:
        return int(self.values.shape[1])

    def text(self, column: int) -> str:
        """The time of a column as a person writes it."""
        return self.spacing.text(self.start + int(column))


def make_panel(
    table: RawTable, layout: Layout, settings: Settings, ledger: Ledger, notes: list[str]
) -> Panel:
    """Put every row of the table on the grid.

    Raises:
        DataError: The grid would be mostly empty or too large.
    """
    for row, how in table.repaired.items():
        ledger.repair(row, how)
    if settings.without is not None:
        for row in rows_of(settings.without, table).tolist():
            ledger.leave_out(row, f"left out by --without {settings.without.file}")
    ticks = _ticks(table, layout, ledger)
    series, names = codes_of(layout.keys(table))
    for row in np.flatnonzero(series < 0).tolist():
        ledger.set_aside(row, f"no name of a series in '{', '.join(layout.ids)}'")
    rows = ledger.usable()
    if len(rows) < 2:
        raise DataError(
            f"{len(rows)} of {len(table):,} rows have a time and a series",
            where=table.name,
            fix="name the column of times with --order and the names of series with --group",
        )
    start, end = int(ticks[rows].min()), int(ticks[rows].max())
    if len(names) * len(layout.values) * (end - start + 1) > MOST_CELLS:
        raise DataError(
            f"{len(names):,} series over {end - start + 1:,} times are too many at once",
            where=table.name,
            fix="give fewer series, or coarser times (days instead of minutes)",
        )
    place = _unique(table, layout, ledger, rows, series, ticks - start)
    shape = (len(names), end - start + 1)
    where = np.full(shape, -1, dtype=np.int64)
    for (one, column), group in place.items():
        where[one, column] = group[0]
    values = _values(table, layout, ledger, place, shape)
    return _panel(table, layout, ledger, values, where, names, start, notes)


def fill(values: np.ndarray, first: np.ndarray, season: int) -> np.ndarray:
    """The same with gaps filled from the past alone: the value a season before, else the last one.

    Before a series begins, and where nothing is known, it stays NaN. Everything after a series'
    last value counts as a gap as well.
    """
    found = values.copy()
    for one, column in zip(*np.nonzero(np.isnan(values)), strict=True):
        if column <= first[one]:
            continue
        before = column - season
        there = before >= first[one] and not np.isnan(found[one, before])
        found[one, column] = found[one, before if there else column - 1]
    return found


# --- cells ------------------------------------------------------------------------------------


def _ticks(table: RawTable, layout: Layout, ledger: Ledger) -> np.ndarray:
    """int64 `(rows,)`; rows without a time, or beside the grid, are set aside."""
    exact = layout.found.spacing.ticks(moments_of(table, layout.time))
    for row in np.flatnonzero(np.isnan(exact)):
        ledger.set_aside(int(row), f"no time in '{layout.time}'")
    whole = np.rint(np.nan_to_num(exact))
    for row in np.flatnonzero(np.abs(exact - whole) > OFF_GRID):
        shown = table.columns[layout.time].values[row] if layout.time else row
        ledger.set_aside(
            int(row), f"'{shown}' lies beside the grid of times ({layout.found.spacing.words})"
        )
    return whole.astype(np.int64)


def _unique(
    table: RawTable,
    layout: Layout,
    ledger: Ledger,
    rows: np.ndarray,
    series: np.ndarray,
    columns: np.ndarray,
) -> dict[tuple[int, int], list[int]]:
    """(series, column) -> its rows; of several, all but the first are set aside."""
    place: dict[tuple[int, int], list[int]] = {}
    for row in rows.tolist():
        place.setdefault((int(series[row]), int(columns[row])), []).append(row)
    for group in place.values():
        for row in group[1:]:
            ledger.set_aside(
                row, f"its time is there already ({table.places[group[0]]}): their mean is used"
            )
        if len(group) > 1:
            ledger.repair(group[0], f"the mean of {len(group)} rows at the same time is used")
    return place


def _values(
    table: RawTable,
    layout: Layout,
    ledger: Ledger,
    place: dict[tuple[int, int], list[int]],
    shape: tuple[int, int],
) -> np.ndarray:
    """float64 `(series * value columns, times)`, value columns of one name side by side."""
    count = len(layout.values)
    values = np.full((shape[0], count, shape[1]), np.nan)
    for number, name in enumerate(layout.values):
        column = table.columns[name]
        numbers = as_numbers(column)
        odd = ~np.isfinite(numbers) & ~column.missing()
        for row in np.flatnonzero(odd).tolist():
            shown = column.values[row]
            ledger.repair(row, f"{name} '{shown}' is no number, read as missing")
        numbers[~np.isfinite(numbers)] = np.nan
        for (one, when), group in place.items():
            there = [numbers[row] for row in group if not np.isnan(numbers[row])]
            if there:
                values[one, number, when] = float(np.mean(there))
    return values.reshape(shape[0] * count, shape[1])


def _panel(
    table: RawTable,
    layout: Layout,
    ledger: Ledger,
    values: np.ndarray,
    where: np.ndarray,
    names: list[str],
    start: int,
    notes: list[str],
) -> Panel:
    there = ~np.isnan(values)
    known = there.any(1)
    if not known.any():
        raise DataError(
            "no row has a value to learn from",
            where=f"'{', '.join(layout.values)}' of {table.name}",
            fix="name another column with --target",
        )
    first = np.where(known, there.argmax(1), 0)
    last = np.where(known, values.shape[1] - 1 - there[:, ::-1].argmax(1), 0)
    count = len(layout.values)
    row = np.repeat(where, count, axis=0)
    title = [
        " / ".join(part for part in (name, column) if part)
        if layout.wide
        else (name or layout.values[0])
        for name in names
        for column in layout.values
    ]
    others = {
        name: np.repeat(_cells(table.columns[name], where), count, axis=0) for name in layout.others
    }
    keep = np.flatnonzero(known)
    panel = Panel(
        [title[index] for index in keep],
        layout.found.spacing,
        start,
        values[keep],
        first[keep],
        last[keep],
        row[keep],
        {name: cells[keep] for name, cells in others.items()},
    )
    dropped = [title[index] for index in np.flatnonzero(~known)]
    if dropped:
        notes.append(f"series without any value, left out: {', '.join(dropped[:5])}")
        for index in np.flatnonzero(~known):
            for source in row[index][row[index] >= 0].tolist():
                if not layout.wide:
                    ledger.set_aside(source, f"its series '{title[index]}' has no value at all")
    _tell_gaps(panel, layout, ledger, notes)
    return panel


def _cells(column: RawColumn, where: np.ndarray) -> np.ndarray:
    """A column on the grid: float64 with NaN, or object with None."""
    number = column.values.dtype.kind == "f"
    cells = np.full(where.shape, np.nan if number else None, dtype=float if number else object)
    cells[where >= 0] = column.values[where[where >= 0]]
    return cells


def _tell_gaps(panel: Panel, layout: Layout, ledger: Ledger, notes: list[str]) -> None:
    """Say of each gap, at the row after it, how it is bridged; refuse mostly empty series."""
    bridged = "the value a season before stands in, as an input only"
    lacking = total = 0
    told: set[int] = set()
    for one in range(len(panel.names)):
        inside = slice(panel.first[one], panel.last[one] + 1)
        gone = np.isnan(panel.values[one, inside])
        total += len(gone)
        lacking += int(gone.sum())
        rows = panel.row[one, inside]
        run = 0
        for column in range(len(gone)):
            row = int(rows[column])
            if gone[column]:
                run += row < 0
                if row >= 0 and not layout.wide:
                    ledger.repair(row, f"no value: {bridged}")
            elif run:
                steps = f"{run} time{'s' if run > 1 else ''} before it missing"
                if row not in told:  # one row ends the gaps of several columns of values
                    ledger.repair(row, f"{steps}: {bridged}")
                told.add(row)
                run = 0
    if total and 1 - lacking / total < FEWEST_FILLED:
        raise DataError(
            f"only {1 - lacking / total:.0%} of the times ({layout.found.spacing.words}) have a "
            "value",
            where=f"column '{layout.time}'",
            fix="bring the values to coarser times first (a sum or mean for each day or month)",
        )
    if lacking:
        notes.append(
            f"{lacking:,} of {total:,} times have no value: bridged with what stood there a "
            "season before, as an input only"
        )
        never = _days_without(panel)
        if never:
            notes.append(
                f"no value on any {' or '.join(never)}: what is forecast there, nothing has checked"
            )


def _days_without(panel: Panel) -> list[str]:
    """Days of the week on which no series ever has a value, if times come daily."""
    if panel.spacing.kind != "seconds" or panel.spacing.size != 86_400:
        return []
    moments = panel.spacing.moments(panel.start + np.arange(panel.times))
    # Day 0 of NumPy was a Thursday.
    weekday = (moments.astype("datetime64[D]").astype(np.int64) + 3) % 7
    known = set(weekday[~np.isnan(panel.values).all(0)].tolist())
    return [name for day, name in enumerate(WEEKDAYS) if day not in known]
