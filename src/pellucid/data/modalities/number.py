"""Numbers: prices, lengths, counts, ratings.

Text that is written like numbers ("1.234,50 €", "12 %") is read as such when the whole column
agrees on how; a value that is no number becomes missing and is named.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
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
from pellucid.data.glance import named_like_a_code, present, shown

PLAIN = {"decimal": ".", "thousands": "", "unit": ""}
"""The layout of numbers that need no interpretation."""

_WRITTEN = re.compile(
    r"(?P<open>\()?(?P<sign>[+\-−]?)\s*"
    r"(?P<before>[$€£¥₹₽₩]|(?:usd|eur|gbp|chf|jpy|cny|inr|us\$)(?=[\s\d]))?\s*(?P<sign2>[+\-−]?)"
    r"(?P<digits>\d[\d.,'’\u00a0\u202f ]*|[.,]\d+)(?P<power>e[+\-]?\d+)?"
    r"\s*(?P<after>[^\d\s.,+\-−()][^\d()]{0,11})?\)?",
    re.IGNORECASE,
)
_PLAIN_NUMBER = re.compile(r"[+\-]?\d*\.?\d*(e[+\-]?\d+)?", re.IGNORECASE)
_LEADING_ZERO = re.compile(r"0\d+")
_INFINITE = re.compile(r"[+\-−]?(inf|infinity|∞)", re.IGNORECASE)
_SPACES_IN_NUMBERS = "'’\u00a0\u202f "
_DIGITS_A_FLOAT_HOLDS = 15
_HEAVY = 8.0  # (99.5 % - 0.5 %) / (75 % - 25 %) is 3.8 for a normal, 4.8 for an exponential law
_QUANTILES = 300
_COUNTED = 100_000  # rows in which different values are counted


@modality
class Number(Modality):
    name: ClassVar[str] = "number"

    def recognize(self, raw: RawColumn) -> Reading | None:
        values = present(raw)
        if values.ndim != 1 or not len(values):
            return None
        if values.dtype.kind in "biuf":
            numbers = values.astype(np.float64)
            return _judge(raw.name, numbers[np.isfinite(numbers)], "")
        if values.dtype != object or not all(isinstance(value, str) for value in values):
            return None
        return _judge_text(raw.name, [value.strip() for value in values])

    def load(
        self, raw: RawColumn, layout: dict[str, Any] | None = None, progress: Progress = silent
    ) -> Loaded:
        """float64 `(rows,)`, NaN where there is no (finite) number."""
        repairs: dict[int, str] = {}
        if raw.values.dtype.kind in "biuf":
            layout = layout or PLAIN
            numbers = raw.values.astype(np.float64)
        else:
            own = find_format([str(value).strip() for value in present(raw)])
            layout = own if layout is None else _better_read(raw, layout, own)
            numbers = _parse_all(raw, layout, repairs)
        for row in np.flatnonzero(np.isinf(numbers)):
            repairs[int(row)] = f"{raw.name} is infinite, read as missing"
            numbers[row] = np.nan
        progress(len(raw), len(raw))
        return Loaded(numbers, dict(layout), repairs=repairs)

    def fit(self, loaded: Loaded) -> dict[str, Any]:
        there = loaded.values[np.isfinite(loaded.values)]
        fitted: dict[str, Any] = {"missing": len(there) < len(loaded.values)}
        why = _heavy_tailed(there)
        if why:
            quantiles = np.quantile(there, np.linspace(0, 1, _QUANTILES))
            return fitted | {"way": "quantile", "quantiles": quantiles.tolist(), "why": why}
        center, scale = _center_and_scale(there)
        why = "median and quartiles, smoothly clipped" if scale else "constant in training rows"
        return fitted | {"way": "robust", "center": center, "scale": scale, "why": why}

    def encode(self, loaded: Loaded, fitted: dict[str, Any]) -> np.ndarray:
        """float32 `(rows, 1)`, or `(rows, 2)` with a flag where training rows lacked values."""
        values = np.asarray(loaded.values, dtype=np.float64)
        absent = ~np.isfinite(values)
        if fitted["way"] == "quantile":
            scaled = _to_normal(values, np.asarray(fitted["quantiles"]))
        else:
            scaled = smooth_clip(values, fitted["center"], fitted["scale"])
        scaled[absent] = 0.0  # the middle of the training rows
        features = [scaled, absent] if fitted["missing"] else [scaled]
        return np.stack(features, axis=1).astype(np.float32)

    def entry(self, name: str, fitted: dict[str, Any]) -> Entry:
        return Entry("project", (), 2 if fitted["missing"] else 1, "scalars")

    def numbers(self, fitted: dict[str, Any]) -> list[str]:
        return ["", "missing"] if fitted["missing"] else [""]

    def draw(self, loaded: Loaded, row: int) -> Drawing:
        return Drawing("number", float(loaded.values[row]))

    def keys(self, loaded: Loaded) -> list[str | None]:
        return [None] * len(loaded.values)  # many rows share a number without being the same


# --- is it a number? ------------------------------------------------------------------------


def _judge_text(name: str, texts: list[str]) -> Reading | None:
    """How sure texts are numbers; None for codes, where the digits are only a name."""
    first = texts[:500]
    if sum(any(map(str.isdigit, text)) for text in first) < 0.3 * len(first):
        return None
    padded = sum(bool(_LEADING_ZERO.fullmatch(text)) for text in texts)
    long = sum(sum(map(str.isdigit, text)) > _DIGITS_A_FLOAT_HOLDS for text in texts)
    phones = sum(text.startswith("+") and len(text) > 8 for text in texts)
    if padded > 0.01 * len(texts) or max(long, phones) >= 0.5 * len(texts):
        return None
    layout = find_format(texts)
    parsed = [parse(text, layout) for text in texts]
    numbers = np.array([number for number in parsed if number is not None])
    share = len(numbers) / len(texts)
    if share < 0.5:
        return None
    reading = _judge(name, numbers[np.isfinite(numbers)], _describe_format(texts, layout))
    odd = [text for text, number in zip(texts, parsed) if number is None]
    if not odd:
        return Reading(min(reading.sure, 0.93), reading.why)
    why = f"{share:.0%} are numbers ({reading.why}); others such as {shown(odd[0])} become missing"
    return Reading(min(reading.sure, 0.85) if share >= 0.9 else 0.3, why)


def _judge(name: str, numbers: np.ndarray, written: str) -> Reading:
    different = np.unique(numbers)
    why = describe(different) + written
    whole = bool(len(different)) and bool(np.all(different == np.round(different)))
    if whole and named_like_a_code(name):
        return Reading(0.4, why)
    if whole and len(different) == 2:
        return Reading(0.55, why)
    if whole and len(different) <= 20:
        return Reading(0.7, why)
    return Reading(0.95, why)


def describe(different: np.ndarray) -> str:
    """The sorted, different numbers of a column, in words."""
    if not len(different):
        return "no numbers"
    low, high = different[0], different[-1]
    if np.all(different == np.round(different)) and abs(high) < 1e15:
        ordered = ", ordered" if 2 < len(different) <= 20 else ""
        return f"{len(different):,} whole numbers {low:.0f}..{high:.0f}{ordered}"
    return f"{len(different):,} different numbers {low:.6g}..{high:.6g}"


def _describe_format(texts: Sequence[str], layout: dict[str, str]) -> str:
    """An example of what a plain reader of numbers would not understand; '' if there is none."""
    for text in texts:
        number = None if _PLAIN_NUMBER.fullmatch(text) else parse(text, layout)
        if number is not None:
            return f", written like {shown(text)} = {number:.15g}"
    return ""


# --- how are numbers written? ---------------------------------------------------------------


def find_format(texts: Sequence[str]) -> dict[str, str]:
    """Decimal and thousands signs and the unit, as the whole column uses them."""
    matches = [match for text in texts if (match := _WRITTEN.fullmatch(text))]
    votes: Counter[str] = Counter()
    units: Counter[str] = Counter()
    for match in matches:
        votes.update(_votes(match["digits"].strip()))
        units[_unit(match)] += 1
    comma = votes["decimal ,"] > votes["decimal ."] or (
        votes["groups ."] > 0 and not votes["decimal ."]
    )
    decimal, other = (",", ".") if comma else (".", ",")
    thousands = other if votes[f"groups {other}"] or votes[f"unclear {other}"] else ""
    thousands = next((sign for sign in _SPACES_IN_NUMBERS if votes[f"groups {sign}"]), thousands)
    unit, count = max(units.items(), key=lambda item: (item[1], item[0]), default=("", 0))
    if not unit or count < 0.5 * len(matches):
        unit = ""
    return {"decimal": decimal, "thousands": thousands, "unit": unit}


def _votes(digits: str) -> list[str]:
    """What one number says about the signs: '1.234,5' says decimal comma, '1,234' is unclear."""
    votes = [f"groups {sign}" for sign in _SPACES_IN_NUMBERS if sign in digits]
    comma, point = digits.count(","), digits.count(".")
    if comma and point:
        last, first = (",", ".") if digits.rfind(",") > digits.rfind(".") else (".", ",")
        return [*votes, f"decimal {last}", f"groups {first}"]
    if not comma and not point:
        return votes
    sign = "," if comma else "."
    if comma + point > 1:
        return [*votes, f"groups {sign}"]
    head, _, tail = digits.partition(sign)
    clear = len(tail) != 3 or head in ("", "0") or len(head) > 3 or bool(votes)
    return [*votes, f"{'decimal' if clear else 'unclear'} {sign}"]


def _unit(match: re.Match[str]) -> str:
    return " ".join(filter(None, (match["before"], match["after"]))).strip().casefold()


@lru_cache(maxsize=64)
def _digits_pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    groups = rf"\d{{1,3}}(?:{re.escape(thousands)}\d{{2,3}})*{re.escape(thousands)}\d{{3}}|"
    whole = rf"(?:{groups if thousands else ''}\d*)"
    return re.compile(rf"{whole}(?:{re.escape(decimal)}\d*)?")


def parse(text: str, layout: dict[str, str]) -> float | None:
    """The number that `text` means under this layout; None if it is no such number."""
    match = _WRITTEN.fullmatch(text)
    if match is None:
        sign = -1.0 if text[:1] in ("-", "−") else 1.0
        return sign * np.inf if _INFINITE.fullmatch(text) else None
    if _unit(match) not in ("", layout["unit"]):
        return None
    digits = match["digits"].strip()
    if not _digits_pattern(layout["decimal"], layout["thousands"]).fullmatch(digits):
        return None
    if layout["thousands"]:
        digits = digits.replace(layout["thousands"], "")
    number = float(digits.replace(layout["decimal"], ".") + (match["power"] or ""))
    negative = (match["sign"] + match["sign2"]) in ("-", "−") or match["open"] is not None
    return -number if negative else number


def _better_read(raw: RawColumn, known: dict[str, Any], own: dict[str, str]) -> dict[str, Any]:
    """How numbers were written in what was learned from, unless these cells say otherwise: a file
    with decimal commas is read as numbers, but one cell that is none leaves its column as text.
    Numbers in another unit are other numbers, and not taken for these."""
    if own == known or own["unit"] != known["unit"]:
        return known
    read = [np.isfinite(_parse_all(raw, layout, {})).sum() for layout in (known, own)]
    return own if read[1] > read[0] else known


def _parse_all(raw: RawColumn, layout: dict[str, Any], repairs: dict[int, str]) -> np.ndarray:
    """float64 `(rows,)`; each different text is parsed once, odd ones are noted in `repairs`."""
    known: dict[Any, float | None] = {None: np.nan}
    numbers = np.empty(len(raw))
    for row, value in enumerate(raw.values):
        if value not in known:
            known[value] = _value(value, layout)
        number = known[value]
        if number is None:
            repairs[row] = f"{raw.name} {shown(value)} is not a number, read as missing"
            number = np.nan
        numbers[row] = number
    return numbers


def _value(value: object, layout: dict[str, Any]) -> float | None:
    text = str(value).strip()
    return parse(text, layout) if text else np.nan


# --- scaling --------------------------------------------------------------------------------


def _center_and_scale(there: np.ndarray) -> tuple[float, float]:
    """Median and 1 / interquartile range; 2 / range where half the values are equal; else 0."""
    if not len(there):
        return 0.0, 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        low, first, center, third, high = np.quantile(there, [0, 0.25, 0.5, 0.75, 1])
        for spread in (third - first, 0.5 * (high - low)):
            if 1e-300 < spread < np.inf and np.isfinite(center):
                return float(center), float(1.0 / spread)
    return float(there[0]), 0.0


def smooth_clip(values: np.ndarray, center: float, scale: float) -> np.ndarray:
    """Scaled values, bent so that nothing leaves -3..3 (RealMLP's numeric preprocessing)."""
    if not scale:
        return np.zeros(len(values))
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = np.clip((values - center) * scale, -1e6, 1e6)
    return scaled / np.sqrt(1.0 + (scaled / 3.0) ** 2)


def _heavy_tailed(there: np.ndarray) -> str:
    """Why the values need ranks rather than distances; '' if they don't."""
    if len(there) < 200 or len(np.unique(there[:_COUNTED])) < 50:
        return ""
    with np.errstate(over="ignore", invalid="ignore"):
        lowest, first, third, highest = np.quantile(there, [0.005, 0.25, 0.75, 0.995])
        inner, outer = third - first, highest - lowest
    if inner == 0:
        return "half the values are equal and the others spread: ranks instead of distances"
    if outer > _HEAVY * inner:
        return f"heavy tails: 99% of values span {outer / inner:.0f} times the middle half"
    return ""


def _to_normal(values: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """Each value's rank among the training rows, laid out like a normal distribution.

    Equal quantiles (many zeros) have a range of ranks; the mean of its two ends is taken.
    """
    from scipy.special import ndtri

    ranks = np.linspace(0, 1, len(quantiles))
    filled = np.nan_to_num(values, nan=float(quantiles[0]))
    upper = np.interp(filled, quantiles, ranks)
    lower = -np.interp(-filled, -quantiles[::-1], -ranks[::-1])
    edge = 0.5 / len(quantiles)
    normal: np.ndarray = ndtri(np.clip(0.5 * (upper + lower), edge, 1 - edge))
    return normal
