"""Long tables: several rows a series, told apart by an id and ordered by a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.data.columns import RawColumn, RawTable, Refused
from pellucid.errors import DataError

_ID_NAMES = ("id", "case", "case_id", "series", "series_id", "sample", "sample_id", "subject")
_TIME_NAMES = ("time", "timestamp", "t", "step", "date", "datetime", "timepoint", "tick")
_LONGEST_GRID = 4
"""A series with gaps is put on a regular grid of at most this many times its length."""


@dataclass(frozen=True)
class Long:
    """Which columns make a table a long one, and the evidence."""

    id: str
    time: str
    why: str


def looks_long(table: RawTable) -> Long | None:
    """Whether a table is surely a long one: an id and a time by name, and time restarts per id.

    Only unmistakable tables are recognized; `gather_long` takes any two columns.
    """
    by_name = {name.lower().replace(" ", "_"): name for name in table.columns}
    ids = [by_name[name] for name in _ID_NAMES if name in by_name]
    times = [by_name[name] for name in _TIME_NAMES if name in by_name]
    if len(ids) != 1 or len(times) != 1 or len(table.columns) < 3:
        return None
    codes, names = _codes(table.columns[ids[0]])
    moments = _moments(table.columns[times[0]])
    if codes is None or moments is None or len(names) < 2 or len(codes) < 5 * len(names):
        return None
    order = np.lexsort((moments, codes))
    same = codes[order][1:] == codes[order][:-1]
    if (moments[order][1:] == moments[order][:-1])[same].any():
        return None
    starts = np.flatnonzero(np.concatenate([[True], ~same]))
    lengths = np.diff(np.append(starts, len(codes)))
    if lengths.min() < 2 or not _changes(table, codes, times[0]):
        return None
    why = (
        f"each of {len(names)} values of '{ids[0]}' has its own run of '{times[0]}' "
        f"({lengths.min()} to {lengths.max()} rows)"
    )
    return Long(ids[0], times[0], why)


def gather_long(table: RawTable, id: str, time: str) -> RawTable:
    """Turn a long table into one row per id.

    Columns that are constant within every id stay single values; number columns that change
    become one column of arrays (time, channels), called `series` if there are several of them.
    Series with gaps at a regular step get missing values there, which counts as a repair.

    Args:
        table: Rows of (id, time, values ...).
        id: Column that tells which series a row belongs to.
        time: Column of numbers or dates that orders the rows of a series.

    Raises:
        DataError: The time column is neither numbers nor dates, or no column changes with time.
    """
    codes, names = _codes(table.column(id))
    moments = _moments(table.column(time))
    if codes is None or moments is None:
        bad = id if codes is None else time
        raise DataError(
            f"column '{bad}' has missing values or is neither numbers, texts nor dates",
            where=table.name,
            fix="name another column, or fill in the missing values",
        )
    order = np.lexsort((moments, codes))
    groups = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    varying = [name for name in _changes(table, codes, time) if name != id]
    channels = [name for name in varying if table.columns[name].values.dtype == np.float64]
    if not channels:
        raise DataError(
            f"no column of numbers changes with '{time}' within one '{id}'",
            where=table.name,
            fix="name the columns that tell one series from another and order its rows",
        )
    return _gather(table, id, time, names, moments, groups, channels, varying)


# --- gathering long tables --------------------------------------------------------------------


def _gather(
    table: RawTable,
    id: str,
    time: str,
    names: list[str],
    moments: np.ndarray,
    groups: list[np.ndarray],
    channels: list[str],
    varying: list[str],
) -> RawTable:
    values = np.stack([table.columns[name].values for name in channels], axis=1)
    step = _step(moments, groups)
    refused, repaired, uneven = list(table.refused), dict[int, str](), []
    kept: list[tuple[str, np.ndarray, np.ndarray]] = []  # name, rows, series
    for name, rows in zip(names, groups):
        place = f"{table.name} {id} {name}"
        twice = np.flatnonzero(np.diff(moments[rows]) == 0)
        if len(twice):
            when = table.columns[time].values[rows[twice[0]]]
            refused.append(Refused(place, f"two rows at {time} {_show(when)}"))
            continue
        series, gaps = _on_grid(values[rows], moments[rows], step)
        if gaps is None:
            uneven.append(name)
        elif gaps:
            repaired[len(kept)] = f"left-out times became missing values: {gaps}"
        kept.append((name, rows, series))
    if not kept:
        raise DataError(
            f"every '{id}' has two rows at the same '{time}'",
            where=f"{refused[-1].place}: {refused[-1].why}",
            fix="name another id or time column",
        )
    return _result(table, id, time, kept, channels, varying, uneven, refused, repaired)


def _result(
    table: RawTable,
    id: str,
    time: str,
    kept: list[tuple[str, np.ndarray, np.ndarray]],
    channels: list[str],
    varying: list[str],
    uneven: list[str],
    refused: list[Refused],
    repaired: dict[int, str],
) -> RawTable:
    first = np.array([rows[0] for _, rows, _ in kept])
    title = channels[0] if len(channels) == 1 else "series"
    series = np.full(len(kept), None, dtype=object)
    for row, (_, _, array) in enumerate(kept):
        series[row] = array
    constant = [name for name in table.columns if name not in varying and name != time]
    columns = {name: table.columns[name].take(first) for name in constant}
    columns[title] = RawColumn(title, series)
    notes = [*table.notes, f"one row per '{id}'; '{title}' holds {', '.join(channels)}"]
    left = [name for name in varying if name not in channels]
    if left:
        names = ", ".join(f"'{name}'" for name in left)
        notes.append(f"columns that change with '{time}' but are no numbers, left out: {names}")
    if uneven:
        notes.append(
            f"unevenly spaced '{time}' in {len(uneven)} of {len(kept)} series, taken as they "
            f"stand: {', '.join(uneven[:5])}"
        )
    return RawTable(
        table.name,
        columns,
        [f"{table.name} {id} {name}" for name, _, _ in kept],
        target=table.target if table.target in columns else None,
        split=_split(table, kept),
        split_why=table.split_why,
        refused=refused,
        repaired=repaired,
        notes=notes,
        fingerprint=table.fingerprint,
    )


def _split(table: RawTable, kept: list[tuple[str, np.ndarray, np.ndarray]]) -> np.ndarray | None:
    if table.split is None:
        return None
    for name, rows, _ in kept:
        if len(set(table.split[rows])) > 1:
            raise DataError(
                f"the series '{name}' is in several parts of the split",
                where=table.name,
                fix="put all rows of one series into the same part",
            )
    return np.array([table.split[rows[0]] for _, rows, _ in kept], dtype=object)


# --- small pieces -----------------------------------------------------------------------------


def _codes(column: RawColumn) -> tuple[np.ndarray | None, list[str]]:
    """int64 `(rows,)` by first appearance, and the ids as text; None if some are missing."""
    if column.values.ndim > 1 or column.values.dtype.kind == "M" or column.missing().any():
        return None, []
    if column.values.dtype == object and not all(isinstance(item, str) for item in column.values):
        return None, []
    keys: dict[object, int] = {}
    codes = np.array([keys.setdefault(value, len(keys)) for value in column.values.tolist()])
    return codes, [_show(key) for key in keys]


def _moments(column: RawColumn) -> np.ndarray | None:
    """float64 `(rows,)`: numbers, or dates as seconds; None for anything else."""
    if column.values.ndim > 1 or column.values.dtype.kind not in "fM" or column.missing().any():
        return None
    if column.values.dtype.kind == "M":
        return column.values.astype("datetime64[us]").astype(np.int64) / 1e6
    return column.values


def _changes(table: RawTable, codes: np.ndarray, time: str) -> list[str]:
    """Columns (time aside) that are not constant within every id."""
    _, first = np.unique(codes, return_index=True)
    found = []
    for name, column in table.columns.items():
        values = column.values
        if name == time or values.ndim > 1:
            continue
        expected = values[first][codes]
        if values.dtype.kind == "f":
            differs = (values != expected) & ~(np.isnan(values) & np.isnan(expected))
        elif values.dtype.kind == "M":
            differs = (values != expected) & ~(np.isnat(values) & np.isnat(expected))
        else:
            differs = np.array([a is not b and a != b for a, b in zip(values, expected)])
        if differs.any():
            found.append(name)
    return found


def _step(moments: np.ndarray, groups: list[np.ndarray]) -> float:
    """The usual time between two rows of a series; 0 if there is none."""
    gaps = np.concatenate([np.diff(moments[rows]) for rows in groups])
    gaps = gaps[gaps > 0]
    return float(np.median(gaps)) if len(gaps) else 0.0


def _on_grid(values: np.ndarray, moments: np.ndarray, step: float) -> tuple[np.ndarray, int | None]:
    """float32 (time, channels) with NaN rows in gaps, and how many; None if times are uneven."""
    series = values.astype(np.float32)
    if len(moments) < 2 or step <= 0:
        return series, 0
    positions = (moments - moments[0]) / step
    whole = np.rint(positions)
    if np.abs(positions - whole).max() > 0.01 or len(set(whole)) < len(whole):
        return series, None
    length = int(whole[-1]) + 1
    if length == len(moments):
        return series, 0
    if length > _LONGEST_GRID * len(moments):
        return series, None
    grid = np.full((length, values.shape[1]), np.nan, dtype=np.float32)
    grid[whole.astype(np.int64)] = series
    return grid, length - len(moments)


def _show(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)
