"""Which column is what: the time, the names of series, what is forecast, what helps.

long     store, date, promo, sales      one row for each series and time
wide     date, milk, bread, eggs        one row for each time, several series side by side
single   date, sales                    one series; or one column of numbers in order
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from pellucid.config import Settings
from pellucid.data.columns import RawColumn, RawTable
from pellucid.data.glance import name_words, present
from pellucid.data.modalities import MODALITIES
from pellucid.errors import ConfigError, DataError, did_you_mean
from pellucid.tasks.regress import as_numbers
from pellucid.uses.forecast.spacing import Found, by_rows, find_spacing

_TIME_WORDS = frozenset({"time", "date", "datetime", "timestamp", "step", "tick", "t"})
_PERIOD_WORDS = _TIME_WORDS | {"year", "month", "week", "day", "hour", "period", "quarter"}
_ID_WORDS = frozenset(
    {"id", "series", "store", "shop", "item", "product", "sku", "symbol", "city", "region"}
    | {"country", "station", "sensor", "site", "key", "name", "unit"}
)
SURE_DATE = 0.9
MOST_SERIES_SHARE = 0.34
"""Names of series must come back: more different ones than this share of the rows are no names."""
NUMBERS = 0.5
"""Share of a column's values that must be numbers for it to be forecast."""


@dataclass(frozen=True)
class Layout:
    """The roles of the columns.

    time: None if the rows just stand in order. ids: columns that together name a series. values:
    what is forecast; several ones are several series. others: columns that may help. found: the
    grid of times.
    """

    time: str | None
    ids: tuple[str, ...]
    values: tuple[str, ...]
    others: tuple[str, ...]
    found: Found

    @property
    def wide(self) -> bool:
        return len(self.values) > 1

    def keys(self, table: RawTable) -> np.ndarray:
        """object `(rows,)`: the name of each row's series, '' where there is only one."""
        return keys_of(table, self.ids)


def find_layout(table: RawTable, settings: Settings) -> Layout:
    """Give every column its role.

    Raises:
        DataError: There is nothing to forecast, or it can't be seen which column is what.
        ConfigError: A setting names a column that is not there.
    """
    for name in [settings.order, *_named(settings.target), *_named(settings.group)]:
        if name is not None:
            table.column(name)
    for name in settings.known:
        table.column(name)
    left = [name for name in table.columns if name not in settings.ignore]
    time = settings.order or _time_column(table, left, settings)
    named = _named(settings.target)
    free = [name for name in left if name not in (time, *named)]
    moments = moments_of(table, time)
    ids = tuple(_named(settings.group)) or _ids(table, free, moments)
    free = [name for name in free if name not in ids]
    values = tuple(named) or _values(table, free, ids, settings)
    _check_numbers(table, values)
    keys = keys_of(table, ids)
    found = _spacing(table, time, moments, keys, ids)
    others = tuple(name for name in free if name not in values)
    missing = [name for name in settings.known if name not in others]
    if missing:
        raise ConfigError(
            f"'{missing[0]}' is not beside what is forecast: it is the time, a name or the value",
            where=f"--known {missing[0]}",
            fix=did_you_mean(missing[0], others) if others else "leave out --known",
        )
    return Layout(time, ids, values, others, found)


def moments_of(table: RawTable, time: str | None) -> np.ndarray:
    """The times of all rows: datetime64[us], or float64 where they are numbers or row numbers."""
    if time is None:
        return np.arange(len(table), dtype=np.float64)
    return read_moments(table.column(time))


def read_moments(raw: RawColumn, layout: dict[str, str] | None = None) -> np.ndarray:
    """A column as times; as numbers if it holds numbers that are no dates."""
    date = MODALITIES["date"]
    reading = date.recognize(raw)
    is_date = layout is not None or (reading is not None and reading.sure >= SURE_DATE)
    if not is_date and raw.values.dtype.kind == "f":
        return raw.values.astype(np.float64)
    return np.asarray(date.load(raw, layout).values)


def keys_of(table: RawTable, ids: Iterable[str]) -> np.ndarray:
    """object `(rows,)` of str: the words of the name columns, joined; None if one is missing."""
    columns = [_words(table.column(name)) for name in ids]
    if not columns:
        return np.full(len(table), "", dtype=object)
    joined = [
        None if any(word is None for word in words) else " / ".join(map(str, words))
        for words in zip(*columns, strict=True)
    ]
    return np.array(joined, dtype=object)


# --- recognition ------------------------------------------------------------------------------


def judge(table: RawTable, settings: Settings) -> tuple[float, str] | None:
    """How surely a table asks for its future, and why; None if it does not look like it at all.

    Sure only if it holds nothing but times, perhaps names of series, and one column of numbers:
    with more columns "what will it be" and "what is it, given these" can't be told apart, so
    the main job takes the table unless `--task forecast` asks.
    """
    names = [name for name in table.columns if name not in settings.ignore]
    if not 2 <= len(names) <= 200:
        return None
    time = settings.order or _time_column(table, names, settings)
    if time is None or time not in table.columns or time == settings.target:
        return None
    moments = moments_of(table, time)
    if moments.dtype.kind != "M" or not _exam_last(moments, table.split):
        return None
    try:
        layout = find_layout(table, settings)
    except (DataError, ConfigError):
        return None
    counts = np.unique(codes_of(layout.keys(table))[0], return_counts=True)[1]
    distinct = len(np.unique(present(table.columns[layout.values[0]])))
    if layout.wide or layout.others or np.median(counts) < 24 or distinct < 10:
        return 0.3, "regular times, but other columns as well"
    named = f" for each of {len(counts):,} in '{layout.ids[0]}'" if layout.ids else ""
    why = (
        f"nothing but '{time}', {layout.found.spacing.words}, and the number "
        f"'{layout.values[0]}'{named}"
    )
    return 0.8, why


def _exam_last(moments: np.ndarray, split: np.ndarray | None) -> bool:
    """Whether an exam that the source names comes after everything else."""
    if split is None or not (split == "test").any():
        return split is None
    return bool(moments[split == "test"].min() > moments[split != "test"].max())


# --- roles ------------------------------------------------------------------------------------


def _named(words: str | None) -> list[str]:
    return [word.strip() for word in words.split(",") if word.strip()] if words else []


def _time_column(table: RawTable, names: list[str], settings: Settings) -> str | None:
    """The column of times: surely dates; else numbers that are called like times and rise."""
    free = [name for name in names if name not in _named(settings.target)]
    asked = [name for name in free if settings.kinds.get(name) == "date"]
    if asked:
        return asked[0]
    dates = []
    for name in free:
        reading = MODALITIES["date"].recognize(table.columns[name])
        if reading is not None and reading.sure >= SURE_DATE:
            dates.append(name)
    if dates:
        called = [name for name in dates if name_words(name) & _TIME_WORDS]
        return (called or dates)[0]
    for name in free:
        values = table.columns[name].values
        rises = values.dtype.kind == "f" and values.ndim == 1 and len(np.unique(values)) > 2
        if rises and name_words(name) & _PERIOD_WORDS and not np.isnan(values).any():
            return name
    return None


def _ids(table: RawTable, free: list[str], moments: np.ndarray) -> tuple[str, ...]:
    """The columns that tell series apart: with them, no time comes twice.

    None if the times are unique without them.
    """
    dates = moments.dtype.kind == "M"
    there = ~(np.isnat(moments) if dates else np.isnan(moments))
    if not there.any():
        return ()
    repeated = 1 - len(np.unique(moments[there])) / there.sum()
    if repeated < 0.1:
        return ()
    candidates: dict[str, np.ndarray] = {}
    for name in free:
        column = table.columns[name]
        if column.values.ndim > 1 or column.values.dtype.kind == "M":
            continue
        words = _words(column)
        codes, distinct = codes_of(words)
        whole = column.values.dtype == object or named_whole(name, column.values)
        if whole and 1 < len(distinct) <= max(2, MOST_SERIES_SHARE * len(words)):
            candidates[name] = codes
    numbers = np.unique(moments.astype(np.int64) if dates else moments, return_inverse=True)[1]
    few = sorted(candidates, key=lambda name: (_id_rank(name), len(np.unique(candidates[name]))))
    for count in (1, 2, 3):
        for names in combinations(few[:6], count):
            if _repeats([numbers, *(candidates[name] for name in names)]) < 0.02:
                return names
    return ()


def named_whole(name: str, values: np.ndarray) -> bool:
    """Whether numbers are names: whole ones in a column called like one."""
    called = bool(name_words(name) & _ID_WORDS)
    return called and bool(np.all(np.isnan(values) | (values == np.round(values))))


def _id_rank(name: str) -> int:
    return 0 if name_words(name) & _ID_WORDS else 1


def _repeats(columns: list[np.ndarray]) -> float:
    """Share of rows whose combination came before."""
    rows = np.stack(columns, axis=1)
    return 1 - len(np.unique(rows, axis=0)) / len(rows)


def _values(
    table: RawTable, free: list[str], ids: tuple[str, ...], settings: Settings
) -> tuple[str, ...]:
    """What is forecast, if nobody said it: the only numbers there are, or all of a wide table."""
    if table.target is not None and table.target in free:
        return (table.target,)
    numbers = [
        name
        for name in free
        if table.columns[name].values.dtype.kind == "f"
        and table.columns[name].values.ndim == 1
        and name not in settings.known
        and not (name_words(name) & {"id", "index", "unnamed"})
    ]
    if not numbers:
        raise DataError(
            "there is no column of numbers to forecast",
            where=f"{table.name} has: {', '.join(list(table.columns)[:8])}",
            fix="name one with --target, or mend how its numbers are written",
        )
    if len(numbers) == 1 or (not ids and len(numbers) == len(free)):
        return tuple(numbers)
    raise DataError(
        f"{len(numbers)} columns of numbers could be forecast: {', '.join(numbers[:6])}",
        where=table.name,
        fix=f"say which: --target {numbers[-1]}; several with commas",
    )


def _check_numbers(table: RawTable, values: tuple[str, ...]) -> None:
    for name in values:
        column = table.column(name)
        numbers = as_numbers(column) if column.values.ndim == 1 else np.empty(0)
        if np.isfinite(numbers).sum() < NUMBERS * max(1, (~column.missing()).sum()) or not len(
            numbers
        ):
            raise DataError(
                f"'{name}' can't be forecast: most of its values are no numbers",
                where=f"column '{name}' of {table.name}",
                fix="name a column of numbers with --target; for classes leave out --task forecast",
            )


def _spacing(
    table: RawTable, time: str | None, moments: np.ndarray, keys: np.ndarray, ids: tuple[str, ...]
) -> Found:
    if time is None:
        return by_rows(len(table))
    series = codes_of(keys)[0]
    found = find_spacing(moments, series)
    rows = np.stack([series, np.unique(moments, return_inverse=True)[1]], axis=1)
    twice = 1 - len(np.unique(rows, axis=0)) / max(1, len(rows))
    if twice > 0.1:
        raise DataError(
            f"{twice:.0%} of the rows have a time that their series has already",
            where=f"column '{time}' of {table.name}"
            + (f", series by {', '.join(ids)}" * bool(ids)),
            fix="name what tells the series apart with --group COLUMN (several with commas), "
            "or add the rows of one time together first",
        )
    if found is None:
        raise DataError(
            "the times have no regular spacing: no step from one to the next is usual",
            where=f"column '{time}' of {table.name}",
            fix="bring them to regular times first (a sum or mean for each hour, day or month)",
        )
    return found


def codes_of(words: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """int64 `(rows,)` numbers by first appearance (-1: no word), and the words."""
    known: dict[str, int] = {}
    codes = [-1 if word is None else known.setdefault(str(word), len(known)) for word in words]
    return np.array(codes, dtype=np.int64), list(known)


def _words(column: RawColumn) -> np.ndarray:
    """object `(rows,)`: values as a person writes them (3 and not 3.0); None is missing."""
    if column.values.dtype.kind == "f":
        shown = [
            None if value != value else f"{value:.0f}" if value.is_integer() else f"{value:g}"
            for value in column.values.tolist()
        ]
    else:
        absent = column.missing()
        shown = [
            None if gone else str(value).strip()
            for value, gone in zip(column.values.tolist(), absent, strict=True)
        ]
    return np.array(shown, dtype=object)
