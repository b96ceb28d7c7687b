"""A table of times to come, filled in: which answer belongs to which row, and which rows can't
have one.

If the table has rows to fill in (without a value) and others with a value after the last known
time, the latter continue the history. If every row has its value already, as in a table kept to
compare with, the values are not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.data.columns import RawTable
from pellucid.errors import DataError, PellucidError
from pellucid.uses.forecast.windows import Windows

if TYPE_CHECKING:
    from pellucid.uses.forecast.answerer import ForecastAnswerer, History

FEWEST_VALUES = 3
"""Values of a series that was never seen before it can be continued."""
FARTHEST = 100_000
"""Times after the last one that a table may reach, so that a typing error fills no memory."""


@dataclass(frozen=True)
class Query:
    """One number that is asked: which series, and how many steps after its last value (from 1)."""

    series: int
    step: int


@dataclass
class Asked:
    """What a table asks.

    queries: for each row one query for each column of values; or the value that is given; or why
    there is no answer. steps: ticks `(rows,)`, NaN for none.
    """

    history: History
    queries: list[list[Query | float | PellucidError]]
    ticks: np.ndarray
    keys: np.ndarray


def fill_in(answerer: ForecastAnswerer, table: RawTable, model: str) -> list[dict[str, Any]]:
    """The lines of `predict`."""
    asked = read_asked(answerer, table)
    needed = sorted({one.series for row in asked.queries for one in row if isinstance(one, Query)})
    place = {series: number for number, series in enumerate(needed)}
    windows = Windows(np.array(needed, dtype=np.int64), asked.history.last[needed])
    found = answerer.answers(asked.history, windows, model) if needed else None
    lines = []
    for row, queries in enumerate(asked.queries):
        line: dict[str, Any] = {"row": row}
        wrong = next((one for one in queries if isinstance(one, PellucidError)), None)
        if wrong is not None:
            lines.append(line | {"error": wrong.as_json()})
            continue
        said = []
        for one in queries:
            if isinstance(one, Query):
                assert found is not None
                cell = place[one.series], one.step - 1
                said.append([float(part[cell]) for part in (found.middle, found.low, found.high)])
            else:
                assert isinstance(one, float)
                said.append([one] * 3)
        lines.append(line | _line(answerer, asked, row, said))
    return lines


def _line(
    answerer: ForecastAnswerer, asked: Asked, row: int, said: list[list[float]]
) -> dict[str, Any]:
    columns = answerer.roles.values
    parts: dict[str, Any] = {}
    for place, name in enumerate(("answer", "low", "high")):
        values = [one[place] for one in said]
        parts[name] = values[0] if len(columns) == 1 else dict(zip(columns, values, strict=True))
    if asked.keys[row]:
        parts["series"] = str(asked.keys[row])
    parts["time"] = answerer.frame.spacing.text(int(asked.ticks[row]))
    if not any(isinstance(one, Query) for one in asked.queries[row]):
        parts["given"] = True
    return parts


def read_asked(answerer: ForecastAnswerer, table: RawTable) -> Asked:
    """Match a table with the series that are known, and take in what it brings that is new."""
    ticks, keys, given = answerer.ticks(table), answerer.keys(table), answerer.given(table)
    history = answerer.history
    last = {key: answerer.frame.start + int(history.last[s]) for s, (key, _) in _numbered(history)}
    ends = np.array([last.get(key, -np.inf) for key in keys])
    later = ~np.isnan(ticks) & (ticks > ends)
    continues = bool((later & np.isnan(given).any(1)).any())
    if not continues:
        given = np.full_like(given, np.nan)
    brought = _cells_brought(answerer, table)
    grown = _grow(answerer, history, ticks, keys, given, later, brought)
    which = {names: number for number, names in enumerate(grown.keys)}
    queries = [
        [
            _query(
                answerer, grown, which, table, row, ticks[row], keys[row], column, given, brought
            )
            for column in range(len(answerer.roles.values))
        ]
        for row in range(len(table))
    ]
    return Asked(grown, queries, ticks, keys)


def _numbered(history: History) -> list[tuple[int, tuple[str, str]]]:
    return list(enumerate(history.keys))


def _cells_brought(answerer: ForecastAnswerer, table: RawTable) -> list[tuple[np.ndarray, Any]]:
    """For each helper its encoded cells `(rows, width)`, and which rows have one `(rows,)`."""
    found = []
    for helper in answerer.helpers:
        if helper.name not in table.columns:
            found.append((np.zeros((len(table), helper.width)), np.zeros(len(table), dtype=bool)))
            continue
        column = table.columns[helper.name]
        found.append((helper.encode(column.values), ~column.missing()))
    return found


def _grow(
    answerer: ForecastAnswerer,
    history: History,
    ticks: np.ndarray,
    keys: np.ndarray,
    given: np.ndarray,
    later: np.ndarray,
    brought: list[tuple[np.ndarray, Any]],
) -> History:
    """The history with what the table brings: later values, new series, cells beside them."""
    start = answerer.frame.start
    columns = np.where(np.isnan(ticks), -1, np.nan_to_num(ticks) - start).astype(np.int64)
    usable = later & (columns >= 0) & (columns < history.values.shape[1] + FARTHEST)
    size = max(history.values.shape[1], int(columns[usable].max(initial=-1)) + 1)
    grown = history.longer(size)
    _add_series(answerer, grown, keys, columns, given, usable)
    which: dict[str, list[int]] = {}
    for number, (key, _) in enumerate(grown.keys):
        which.setdefault(key, []).append(number)
    place = {name: number for number, name in enumerate(answerer.roles.values)}
    edges = np.cumsum([0, *(helper.width for helper in answerer.helpers)])
    for row in np.flatnonzero(usable).tolist():
        for one in which.get(keys[row], ()):
            column = columns[row]
            for (cells, there), left, right in zip(brought, edges, edges[1:], strict=False):
                if there[row]:
                    grown.beside[one, column, left:right] = cells[row]
            value = given[row, place[grown.keys[one][1]]]
            old = one < len(history.last) and column <= history.last[one]
            if not np.isnan(value) and not old:
                grown.values[one, column] = value
                grown.last[one] = max(grown.last[one], column)
    return grown


def _add_series(
    answerer: ForecastAnswerer,
    grown: History,
    keys: np.ndarray,
    columns: np.ndarray,
    given: np.ndarray,
    usable: np.ndarray,
) -> None:
    """Room for series that were never seen but bring some values of their own."""
    known = {key for key, _ in grown.keys}
    for key in dict.fromkeys(keys[usable].tolist()):
        if key in known or key is None:
            continue
        rows = usable & (keys == key)
        for number, name in enumerate(answerer.roles.values):
            there = rows & ~np.isnan(given[:, number])
            if there.sum() < FEWEST_VALUES:
                continue
            times = columns[there]
            grown.names.append(key)
            grown.keys.append((key, name))
            grown.values = np.pad(grown.values, ((0, 1), (0, 0)), constant_values=np.nan)
            grown.beside = np.pad(grown.beside, ((0, 1), (0, 0), (0, 0)))
            grown.first = np.append(grown.first, times.min())
            grown.last = np.append(grown.last, times.max())
            positive = bool((given[there, number] >= 0).all())
            grown.nonnegative = np.append(grown.nonnegative, positive)


def _query(
    answerer: ForecastAnswerer,
    history: History,
    which: dict[tuple[str, str], int],
    table: RawTable,
    row: int,
    tick: float,
    key: str | None,
    column: int,
    given: np.ndarray,
    brought: list[tuple[np.ndarray, Any]],
) -> Query | float | PellucidError:
    """What one cell asks, the value it has, or why it can't be answered."""
    place, name = str(table.places[row]), answerer.roles.values[column]
    frame, spacing = answerer.frame, answerer.frame.spacing
    if np.isnan(tick):
        return DataError(
            f"no time that lies on the grid of this model ({spacing.words})",
            where=f"{place}, column '{answerer.roles.time}'",
            fix=f"write times like {spacing.text(frame.start + int(history.last.max()) + 1)}",
        )
    one = which.get((str(key), name)) if key is not None else None
    if one is None:
        return DataError(
            f"no series is called '{key}'" if key is not None else "the row names no series",
            where=f"{place}, column '{', '.join(answerer.roles.ids)}'",
            fix=answerer.nearest(str(key))
            + "; or bring some values of it, in rows before the ones to fill in",
        )
    stored = answerer.history
    end = frame.start + int(history.last[one])
    step = int(tick) - end
    if step < 1 and not np.isnan(given[row, column]):
        return float(given[row, column])
    if step < 1:
        known = one < len(stored.names) and int(tick) - frame.start <= int(stored.last[one])
        return DataError(
            f"{spacing.text(int(tick))} lies "
            + ("in the past that the model knows" if known else "before the last value given"),
            where=place,
            fix=f"ask for {spacing.text(end + 1)} to {spacing.text(end + frame.horizon)}",
        )
    if step > frame.horizon:
        return DataError(
            f"{spacing.text(int(tick))} is {step} steps after the last known value, and the model "
            f"looks {frame.horizon} ahead",
            where=place,
            fix=f"learn again with --horizon {step}; or bring the values up to "
            f"{spacing.text(int(tick) - frame.horizon)}",
        )
    for helper, (_, there) in zip(answerer.helpers, brought, strict=True):
        covered = int(tick) - frame.start < stored.values.shape[1]
        if helper.known and not there[row] and not covered:
            return DataError(
                f"the row has no '{helper.name}', whose future the model takes as known",
                where=place,
                fix=f"add the column '{helper.name}' with its planned or announced values",
            )
    return Query(one, step)
