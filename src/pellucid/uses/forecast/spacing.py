"""How far apart the times of a series are: hourly, daily, monthly, every 15 minutes.

A moment becomes a tick, a whole number that grows by one from each time to the next; everything
after this file counts in ticks. Months, quarters, years and working days are no fixed stretch of
time, so they are counted by the calendar.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

Kind = Literal["seconds", "months", "workdays", "number", "rows"]

_DAY = 86_400
_NAMES = {1: "every second", 60: "every minute", 3600: "hourly", _DAY: "daily", 7 * _DAY: "weekly"}
_MONTHS = {1: "monthly", 3: "quarterly", 12: "yearly"}
_UNITS = {_DAY: "days", 3600: "hours", 60: "minutes", 1: "seconds"}
_STEPS = {"hourly": "hour", "daily": "day", "weekly": "week", "monthly": "month"}
_STEPS |= {"quarterly": "quarter", "yearly": "year", "every minute": "minute"}
OFF_GRID = 0.1
"""A time may miss its tick by this share of a step."""
REGULAR = 0.9
"""Share of the steps between neighbors that must be whole multiples of the usual one."""


@dataclass(frozen=True)
class Spacing:
    """A grid of times.

    kind: what is counted. size: seconds, months or numbers between two ticks (1 for working days
    and rows). origin: the moment of tick 0: seconds since 1970, months since year 0, a number.
    day: day of the month on which months begin here, 0 for the last day of each month.
    """

    kind: Kind
    size: float
    origin: float = 0.0
    day: int = 1

    def ticks(self, moments: np.ndarray) -> np.ndarray:
        """float64 `(rows,)`: whole numbers on the grid, others beside it; NaN for no time.

        moments: datetime64[us], or float64 for `number` and `rows`.
        """
        if self.kind in ("number", "rows"):
            return (np.asarray(moments, dtype=np.float64) - self.origin) / self.size
        absent = np.isnat(moments)
        there = np.where(absent, np.datetime64("1970-01-01", "us"), moments)
        if self.kind == "months":
            months = there.astype("datetime64[M]").astype(np.int64)
            found = (months - self.origin) / self.size
        elif self.kind == "workdays":
            days = there.astype("datetime64[D]")
            found = np.busday_count("1970-01-05", days).astype(np.float64) - self.origin
            found[~np.is_busday(days)] += 0.5  # a weekend lies beside the grid
        else:
            found = (there.astype(np.int64) / 1e6 - self.origin) / self.size
        found = found.astype(np.float64)
        found[absent] = np.nan
        return found

    def moments(self, ticks: np.ndarray) -> np.ndarray:
        """The moment of each tick: datetime64[us], or float64 for `number` and `rows`."""
        ticks = np.asarray(ticks, dtype=np.int64)
        if self.kind in ("number", "rows"):
            return ticks * self.size + self.origin
        if self.kind == "months":
            months = (ticks * int(self.size) + int(self.origin)).astype("datetime64[M]")
            last = (months + 1).astype("datetime64[D]") - 1
            if self.day == 0:
                return last.astype("datetime64[us]")
            wanted = months.astype("datetime64[D]") + (self.day - 1)
            return np.minimum(wanted, last).astype("datetime64[us]")
        if self.kind == "workdays":
            days = np.busday_offset(np.datetime64("1970-01-05"), ticks + int(self.origin))
            return days.astype("datetime64[us]")
        return ((ticks * self.size + self.origin) * 1e6).round().astype("datetime64[us]")

    def text(self, tick: int) -> str:
        """A tick as a person writes it: '2024-01-31', '2024-01-31 14:00', '1984'."""
        moment = self.moments(np.array([tick]))[0]
        if self.kind in ("number", "rows"):
            return f"{moment:g}"
        if self.kind == "months" and self.size == 12:
            return str(moment.astype("datetime64[Y]"))
        if self.kind == "months" and self.day <= 1:
            return str(moment.astype("datetime64[M]"))
        words = str(moment.astype("datetime64[s]")).replace("T", " ")
        words = words.removesuffix(":00") if self.size % 60 == 0 else words
        whole_days = self.kind != "seconds" or self.size % _DAY == 0
        return words.removesuffix(" 00:00") if whole_days else words

    @property
    def words(self) -> str:
        """'hourly', 'monthly', 'every 15 minutes', 'on working days', 'in steps of 5'."""
        if self.kind == "rows":
            return "one row after the other"
        if self.kind == "number":
            return f"in steps of {self.size:g}"
        if self.kind == "workdays":
            return "on working days"
        if self.kind == "months":
            return _MONTHS.get(int(self.size), f"every {self.size:g} months")
        if self.size in _NAMES:
            return _NAMES[int(self.size)]
        unit = next(unit for unit in _UNITS if self.size % unit == 0 or unit == 1)
        return f"every {self.size / unit:g} {_UNITS[unit]}"

    @property
    def step(self) -> str:
        """What one step is called: 'hour', 'month', or 'step'."""
        return "working day" if self.kind == "workdays" else _STEPS.get(self.words, "step")

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Found:
    """A grid that fits, the share of steps that lie on it, and the evidence in words."""

    spacing: Spacing
    regular: float
    why: str


def find_spacing(moments: np.ndarray, series: np.ndarray) -> Found | None:
    """The grid of the times of one or many series; None if there is none to be seen.

    Args:
        moments: datetime64[us] or float64 `(rows,)`; missing ones are left out.
        series: int64 `(rows,)`, which series each row belongs to.
    """
    dates = moments.dtype.kind == "M"
    there = ~(np.isnat(moments) if dates else np.isnan(moments))
    moments, series = moments[there], series[there]
    numbers = moments.astype(np.int64) / 1e6 if dates else moments.astype(np.float64)
    gaps = _gaps(numbers, series)
    if not len(gaps):
        return None
    usual, count = Counter(np.round(gaps, 6).tolist()).most_common(1)[0]
    tries = [_by_calendar(moments, series)] if dates else []
    if dates and 0.5 * _DAY < usual < 1.5 * _DAY:
        tries.append(_by_working_days(moments))
    fixed = Spacing("seconds" if dates else "number", float(usual), _origin(numbers, usual))
    tries.append(fixed)
    for spacing in tries:
        if spacing is None:
            continue
        share = _regular(_gaps(spacing.ticks(moments), series))
        if share >= REGULAR:
            name = spacing.words
            why = f"{name}: {count:,} of {len(gaps):,} steps are the same"
            if spacing.kind != fixed.kind:
                why = f"{name}: {share:.0%} of {len(gaps):,} steps fit"
            return Found(spacing, share, why)
    return None


def by_rows(counts: int) -> Found:
    """No time is given: the rows stand in order."""
    return Found(Spacing("rows", 1.0), 1.0, f"no column of times: {counts:,} rows taken in order")


def _gaps(numbers: np.ndarray, series: np.ndarray) -> np.ndarray:
    """Steps between neighbors of one series, those of size 0 (duplicates) left out."""
    order = np.lexsort((numbers, series))
    apart = np.diff(numbers[order])
    same = series[order][1:] == series[order][:-1]
    return apart[same & (apart > 0)]


def _regular(gaps: np.ndarray) -> float:
    """Share of steps that are whole numbers of ticks."""
    if not len(gaps):
        return 0.0
    whole = np.abs(gaps - np.rint(gaps)) <= OFF_GRID
    return float((whole & (gaps > 0.5)).mean())


def _origin(numbers: np.ndarray, size: float) -> float:
    """The phase that most times share, so that tick 0 lies on the grid near the first time."""
    phase = Counter(np.round(numbers % size, 6).tolist()).most_common(1)[0][0]
    first = float(numbers.min())
    return float(phase + np.round((first - phase) / size) * size)


def _by_calendar(moments: np.ndarray, series: np.ndarray) -> Spacing | None:
    """Months, quarters or years, if all times fall on one day of the month, or on its last."""
    months = moments.astype("datetime64[M]").astype(np.int64)
    day = (moments.astype("datetime64[D]") - moments.astype("datetime64[M]")).astype(np.int64) + 1
    gaps = _gaps(months.astype(np.float64), series)
    if not len(gaps) or moments.astype("datetime64[D]").size < 2:
        return None
    size = int(Counter(gaps.tolist()).most_common(1)[0][0])
    last = (moments.astype("datetime64[M]") + 1).astype("datetime64[D]") - 1
    ends = bool((moments.astype("datetime64[D]") == last).mean() >= REGULAR)
    common, count = Counter(day.tolist()).most_common(1)[0]
    short = day.max() - day.min() <= 3 and day.max() >= 28  # the 30th, in February the 28th
    if size < 1 or not (ends or short or count >= REGULAR * len(day)):
        return None
    if np.median(_gaps(moments.astype(np.int64) / 1e6, series)) < 27 * _DAY:
        return None
    return Spacing("months", float(size), float(months.min()), 0 if ends else int(common))


def _by_working_days(moments: np.ndarray) -> Spacing | None:
    """Monday to Friday, if two weeks or more have no weekend in them."""
    days = np.unique(moments.astype("datetime64[D]"))
    whole = bool((moments == moments.astype("datetime64[D]")).all())
    if not whole or len(days) < 10 or not np.is_busday(days).all():
        return None
    return Spacing("workdays", 1.0, float(np.busday_count("1970-01-05", days[0])))
