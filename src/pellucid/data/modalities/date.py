"""Dates and times: when something happened.

Day-first or month-first is decided by the whole column ("13/02" settles it for every row); a
column that does not settle it says so.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

import numpy as np

from pellucid.data.columns import (
    Drawing,
    Entry,
    Loaded,
    Modality,
    Progress,
    RawColumn,
    Reading,
    modality,
    silent,
)
from pellucid.data.glance import name_words, present, shown

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_TIME = re.compile(
    r"(?:^|[T\s,]+)(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d(?:[.,]\d+)?))?"
    r"\s*(?P<half>[ap]\.?m\.?)?\s*(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d)?$",
    re.IGNORECASE,
)
_YEAR_FIRST = re.compile(r"(?P<a>\d{4})([-/.])(?P<b>\d{1,2})(?:\2(?P<c>\d{1,2}))?")
_YEAR_LAST = re.compile(r"(?P<a>\d{1,2})([-/.])(?P<b>\d{1,2})\2(?P<c>\d{4}|\d{2})")
_NAMED = re.compile(
    r"(?:[a-z]{3,9},?\s+)?(?:(?P<day>\d{1,2})(?:st|nd|rd|th)?\.?[-\s])?"
    r"(?P<month>[a-z]{3,9})\.?[-\s,]+(?:(?P<after>\d{1,2})(?:st|nd|rd|th)?,?[-\s]+)?"
    r"(?P<year>\d{4}|\d{2})",
    re.IGNORECASE,
)
_STAMP_NAMES = frozenset(
    {"time", "timestamp", "date", "datetime", "epoch", "unix", "created", "ts"}
)
_SECONDS = (631_152_000, 4_102_444_800)  # 1990 to 2100
_EPOCH = datetime(1970, 1, 1)
Parts = tuple[int, int, int]


@modality
class Date(Modality):
    name: ClassVar[str] = "date"

    def recognize(self, raw: RawColumn) -> Reading | None:
        values = present(raw)
        if values.ndim != 1 or not len(values):
            return None
        if values.dtype.kind == "M":
            return Reading(0.98, f"dates by the file itself, {_span(values)}")
        if values.dtype.kind in "iuf":
            return _judge_numbers(raw.name, values.astype(np.float64))
        if values.dtype != object or not all(isinstance(value, str) for value in values):
            return None
        return _judge_texts(raw.name, [value.strip() for value in values])

    def load(
        self, raw: RawColumn, layout: dict[str, Any] | None = None, progress: Progress = silent
    ) -> Loaded:
        """datetime64[us] `(rows,)`, in UTC where the values name their zone; NaT is missing."""
        repairs: dict[int, str] = {}
        layout = layout or find_layout(raw.name, present(raw))
        moments: np.ndarray | None = None
        if raw.values.dtype.kind == "M":
            moments = raw.values.astype("datetime64[us]")
        elif _all_iso(raw.values) and not layout["unit"]:
            moments = _read_iso(raw.values)
        if moments is None:
            moments = _read_all(raw, layout, repairs)
        progress(len(raw), len(raw))
        return Loaded(moments, layout, repairs=repairs)

    def fit(self, loaded: Loaded) -> dict[str, Any]:
        there = loaded.values[~np.isnat(loaded.values)]
        features = _features(there)
        parts = [part for part in _WAVES if len(there) and np.ptp(features[part]) > 0]
        fitted: dict[str, Any] = {"missing": len(there) < len(loaded.values), "waves": parts}
        for part in ("year", "elapsed"):
            varies = len(there) > 0 and np.ptp(features[part]) > 0
            if varies:
                fitted[part] = [float(features[part].mean()), float(features[part].std())]
        found = [part for part in ("year", "elapsed") if part in fitted] + parts
        return fitted | {"why": "varies: " + (", ".join(found) or "nothing")}

    def encode(self, loaded: Loaded, fitted: dict[str, Any]) -> np.ndarray:
        """float32 `(rows, features)`: standardized year and elapsed days; sine and cosine of
        what returns (month, weekday, hour), as far as it varied in the training rows."""
        absent = np.isnat(loaded.values)
        features = _features(np.where(absent, np.datetime64("1970-01-01", "us"), loaded.values))
        found: list[np.ndarray] = []
        for part in ("year", "elapsed"):
            if part in fitted:
                mean, spread = fitted[part]
                scaled = (features[part] - mean) / spread
                found.append(scaled / np.sqrt(1 + (scaled / 3) ** 2))  # no date is far outside
        for part in fitted["waves"]:
            angle = 2 * np.pi * features[part] / _WAVES[part]
            found += [np.sin(angle), np.cos(angle)]
        for feature in found:
            feature[absent] = 0.0
        if fitted["missing"] or not found:
            found.append(absent.astype(np.float64))
        return np.stack(found, axis=1).astype(np.float32)

    def entry(self, name: str, fitted: dict[str, Any]) -> Entry:
        count = sum(part in fitted for part in ("year", "elapsed")) + 2 * len(fitted["waves"])
        return Entry("project", (), count + (1 if fitted["missing"] or not count else 0), "scalars")

    def numbers(self, fitted: dict[str, Any]) -> list[str]:
        spans = [said for part, said in (("year", "year"), ("elapsed", "days")) if part in fitted]
        waves = [f"{part}, {wave}" for part in fitted["waves"] for wave in ("sine", "cosine")]
        found = spans + waves
        return [*found, "missing"] if fitted["missing"] or not found else found

    def draw(self, loaded: Loaded, row: int) -> Drawing:
        moment = loaded.values[row]
        if np.isnat(moment):
            return Drawing("word", "missing")
        text = str(moment.astype("datetime64[s]"))
        return Drawing("word", text.removesuffix("T00:00:00").replace("T", " "))

    def keys(self, loaded: Loaded) -> list[str | None]:
        return [None] * len(loaded.values)  # many rows share a date without being the same


# --- features -------------------------------------------------------------------------------

_WAVES = {"month": 12.0, "weekday": 7.0, "hour": 24.0}
"""What returns, and after how many of its own units."""


def _features(moments: np.ndarray) -> dict[str, np.ndarray]:
    """float64 arrays `(rows,)` of everything that may be encoded; no NaT allowed."""
    days = moments.astype("datetime64[D]").astype(np.int64)
    months = moments.astype("datetime64[M]").astype(np.int64)
    micros = moments.astype("datetime64[us]").astype(np.int64) - days * 86_400_000_000
    return {
        "year": (1970 + months // 12).astype(np.float64),
        "month": (months % 12).astype(np.float64),
        "weekday": ((days + 3) % 7).astype(np.float64),  # 1970-01-01 was a Thursday; 0 is Monday
        "hour": micros / 3.6e9,
        "elapsed": days + micros / 8.64e10,
    }


def _span(moments: np.ndarray) -> str:
    low, high = moments.min().astype("datetime64[D]"), moments.max().astype("datetime64[D]")
    return f"{low} to {high}"


# --- is it a date? --------------------------------------------------------------------------


def _judge_numbers(name: str, numbers: np.ndarray) -> Reading | None:
    unit = _unit_of(name, numbers)
    if not unit:
        return None
    if unit == "digits":
        return Reading(0.96 if len(np.unique(numbers)) > 2 else 0.3, "dates written like 20240131")
    return Reading(0.97, f"moments counted in {'milli' if unit == 'ms' else ''}seconds since 1970")


def _judge_texts(name: str, texts: list[str]) -> Reading | None:
    if all(text.isdigit() for text in texts):
        return _judge_numbers(name, np.array([float(text[:17]) for text in texts]))
    if sum(_scan(text) is not None for text in texts[:50]) < 0.3 * len(texts[:50]):
        return None
    layout = find_layout(name, np.array(texts, dtype=object))
    read = [_read(text, layout) for text in texts]
    share = sum(moment is not None for moment in read) / len(texts)
    if share < 0.5:
        return None
    odd = next((text for text, moment in zip(texts, read) if moment is None), None)
    moments = np.array([moment for moment in read if moment is not None], dtype="datetime64[us]")
    why = f"dates {_span(moments)}, written like {shown(texts[0])}"
    why += f" ({layout['why']})" if layout["why"] else ""
    if odd is not None:
        why += f"; {share:.1%} can be read, others such as {shown(odd)} become missing"
    return Reading(0.96 if odd is None else 0.91 if share >= 0.9 else 0.3, why)


def _unit_of(name: str, numbers: np.ndarray) -> str:
    """'s' or 'ms' since 1970, 'digits' for 20240131, '' for plain numbers."""
    if not len(numbers) or not np.all(np.isfinite(numbers)):
        return ""
    low, high = numbers.min(), numbers.max()
    whole = bool(np.all(numbers == np.round(numbers)))
    if whole and low >= 19_000_101 and high <= 21_001_231:
        years, months, days = numbers // 10_000, numbers // 100 % 100, numbers % 100
        valid = (years >= 1900) & (months >= 1) & (months <= 12) & (days >= 1) & (days <= 31)
        return "digits" if valid.mean() >= 0.95 else ""
    if not name_words(name) & _STAMP_NAMES:
        return ""
    for unit, factor in (("s", 1), ("ms", 1000)):
        if _SECONDS[0] * factor <= low and high <= _SECONDS[1] * factor:
            return unit
    return ""


# --- how are dates written? -----------------------------------------------------------------


def find_layout(name: str, values: np.ndarray) -> dict[str, str]:
    """How this column writes dates: `unit` of plain numbers, `order` of day and month, and why."""
    if values.dtype.kind == "M" or not len(values):
        return {"unit": "", "order": "dmy", "why": ""}
    if values.dtype.kind in "iuf":
        return {"unit": _unit_of(name, values.astype(np.float64)), "order": "dmy", "why": ""}
    texts = [str(value).strip() for value in values]
    if all(text.isdigit() for text in texts):
        numbers = np.array([float(text[:17]) for text in texts])
        return {"unit": _unit_of(name, numbers), "order": "dmy", "why": ""}
    order, why = _order([match for text in texts if (match := _year_last(text))])
    return {"unit": "", "order": order, "why": why}


def _year_last(text: str) -> re.Match[str] | None:
    return _YEAR_LAST.fullmatch(_TIME.sub("", text).strip())


def _order(matches: Sequence[re.Match[str]]) -> tuple[str, str]:
    """'dmy' or 'mdy' by the evidence of all values, and the evidence in words."""
    if not matches:
        return "dmy", ""
    pairs = Counter((int(match["a"]), int(match["b"])) for match in matches)
    first = sum(count for (a, b), count in pairs.items() if a > 12 >= b)
    second = sum(count for (a, b), count in pairs.items() if b > 12 >= a)
    if first != second:
        example = next(m.group() for m in matches if int(m["a" if first > second else "b"]) > 12)
        return (
            ("dmy", f"day first, by {example}")
            if first > second
            else (
                "mdy",
                f"month first, by {example}",
            )
        )
    firsts, seconds = {a for a, _ in pairs}, {b for _, b in pairs}
    if firsts == {1} and len(seconds) > 1:
        return "dmy", "day first: the first part is always 1"
    # With dots nobody writes the month first: these are days of a January.
    if seconds == {1} and len(firsts) > 1 and matches[0].group(2) != ".":
        return "mdy", "month first: the second part is always 1"
    order, words = ("mdy", "month") if matches[0].group(2) == "/" else ("dmy", "day")
    example = matches[0].group()
    return order, f"ambiguous: {example} could be either, read with the {words} first"


def _scan(text: str) -> re.Match[str] | None:
    """A match if the text has the form of a date or time at all."""
    date = _TIME.sub("", text).strip()
    if not date:
        return _TIME.search(text)
    named = _NAMED.fullmatch(date)
    if named and named["month"][:3].lower() not in _MONTHS:
        named = None
    return _YEAR_FIRST.fullmatch(date) or _YEAR_LAST.fullmatch(date) or named


def _all_iso(values: np.ndarray) -> bool:
    """Whether all values look like 2024-01-31, alone or with a time, and without a zone."""
    return values.dtype == object and all(
        value is None
        or (
            isinstance(value, str)
            and len(value) in (10, 19, 23, 26)
            and value[4:5] == value[7:8] == "-"
            and value.count("-") == 2
            and "+" not in value
        )
        for value in values
    )


def _read_iso(values: np.ndarray) -> np.ndarray | None:
    """datetime64[us] `(rows,)` ten times faster than one by one; None if a value is no date."""
    try:
        return np.array(values.tolist(), dtype="datetime64[us]")
    except ValueError:
        return None


def _read_all(raw: RawColumn, layout: dict[str, Any], repairs: dict[int, str]) -> np.ndarray:
    """datetime64[us] `(rows,)`; each different value is read once."""
    known: dict[Any, np.datetime64 | None] = {None: np.datetime64("NaT"), "": np.datetime64("NaT")}
    moments = np.empty(len(raw), dtype="datetime64[us]")
    for row, value in enumerate(raw.values.tolist()):
        if value != value:
            value = None
        if value not in known:
            moment = _read(str(value).strip(), layout)
            known[value] = None if moment is None else np.datetime64(moment, "us")
        found = known[value]
        if found is None:
            repairs[row] = f"{raw.name} {shown(value)} is not a date, read as missing"
            found = known[None]
        moments[row] = found
    return moments


def _read(text: str, layout: dict[str, Any]) -> datetime | None:
    """One value as a moment; None if it is no date under this layout."""
    try:
        if layout["unit"]:
            return _from_number(text, layout["unit"])
        time = _TIME.search(text)
        date = (text[: time.start()] if time else text).strip().rstrip(",")
        parts = (1970, 1, 1) if time and not date else _date_parts(date, layout["order"])
        if parts is None:
            return None
        return datetime(*parts) + (_time_of_day(time) if time else timedelta())
    except (ValueError, OverflowError):  # 31 February, hour 25, year 0
        return None


def _from_number(text: str, unit: str) -> datetime | None:
    number = float(text)
    if unit == "digits":
        digits = str(int(number))
        return datetime(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    return _EPOCH + timedelta(seconds=number / (1000 if unit == "ms" else 1))


def _date_parts(date: str, order: str) -> Parts | None:
    if match := _YEAR_FIRST.fullmatch(date):
        return int(match["a"]), int(match["b"]), int(match["c"] or 1)
    if match := _YEAR_LAST.fullmatch(date):
        a, b = int(match["a"]), int(match["b"])
        day, month = (a, b) if order == "dmy" else (b, a)
        return _full_year(match["c"]), month, day
    match = _NAMED.fullmatch(date)
    if match is None or match["month"][:3].lower() not in _MONTHS:
        return None
    month = 1 + _MONTHS.index(match["month"][:3].lower())
    return _full_year(match["year"]), month, int(match["day"] or match["after"] or 1)


def _full_year(text: str) -> int:
    year = int(text)
    return year if len(text) == 4 else year + (1900 if year >= 69 else 2000)


def _time_of_day(time: re.Match[str]) -> timedelta:
    hour, minute = int(time["hour"]), int(time["minute"])
    half = (time["half"] or "").lower()[:1]
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    if hour > 24 or minute > 59:
        raise ValueError("no time of day")
    seconds = float((time["second"] or "0").replace(",", "."))
    zone = (time["zone"] or "").replace(":", "")
    offset = 0
    if zone[:1] in ("+", "-"):
        offset = int(zone[0] + "1") * (60 * int(zone[1:3]) + int(zone[3:5]))
    return timedelta(hours=hour, minutes=minute - offset, seconds=seconds)
