"""Categories: a few names that come again and again; also codes, flags and yes/no."""

from __future__ import annotations

import re
from collections import Counter
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

MOST_WORDS = 10_000
"""Beyond this many different values, those seen only once to four times are left out."""


_SIGNS_AND_DIGITS = re.compile(r"[\d\s.,'’+\-−()%$€£¥]")


@modality
class Category(Modality):
    name: ClassVar[str] = "category"

    def recognize(self, raw: RawColumn) -> Reading | None:
        values = present(raw)
        if values.ndim != 1 or not len(values):
            return None
        if values.dtype.kind in "biuf":
            return _judge_numbers(raw.name, values.astype(np.float64))
        if values.dtype != object or not all(isinstance(value, str) for value in values):
            return None
        return _judge_texts(raw.name, [value.strip() for value in values])

    def load(
        self, raw: RawColumn, layout: dict[str, Any] | None = None, progress: Progress = silent
    ) -> Loaded:
        """object `(rows,)` of str without outer spaces; None where there is nothing."""
        layout = layout or {"numbers": raw.values.dtype.kind in "biuf"}
        known: dict[Any, str | None] = {None: None}
        values = np.empty(len(raw), dtype=object)
        for row, value in enumerate(raw.values.tolist()):
            if value not in known:
                known[value] = word(value, layout["numbers"])
            values[row] = known[value]
        progress(len(raw), len(raw))
        return Loaded(values, layout)

    def fit(self, loaded: Loaded) -> dict[str, Any]:
        counts = Counter(value for value in loaded.values if value is not None)
        words = sorted(counts, key=lambda value: (-counts[value], value))
        if len(words) <= MOST_WORDS:
            return {"words": words, "why": f"{len(words):,} different values in the training rows"}
        least = next(
            (n for n in range(2, 6) if sum(c >= n for c in counts.values()) <= MOST_WORDS), 5
        )
        kept = [value for value in words if counts[value] >= least]
        why = f"{len(kept):,} of {len(words):,} values were seen at least {least} times"
        return {"words": kept, "why": why}

    def encode(self, loaded: Loaded, fitted: dict[str, Any]) -> np.ndarray:
        """int32 `(rows,)`; 0 is missing or never seen in training."""
        numbers = {value: number for number, value in enumerate(fitted["words"], start=1)}
        return np.array([numbers.get(value, 0) for value in loaded.values], dtype=np.int32)

    def entry(self, name: str, fitted: dict[str, Any]) -> Entry:
        return Entry("lookup", (), len(fitted["words"]) + 1, "categories")

    def draw(self, loaded: Loaded, row: int) -> Drawing:
        value = loaded.values[row]
        return Drawing("word", "missing" if value is None else value)

    def keys(self, loaded: Loaded) -> list[str | None]:
        return [None] * len(loaded.values)  # many rows share a category without being the same


def word(value: object, numbers: bool) -> str | None:
    """One value as a category's name; `numbers`: the column was read as numbers, so 3.0 is '3'."""
    text = str(value).strip()
    if numbers or not isinstance(value, str):
        try:
            number = float(text)
        except ValueError:
            return text or None
        if np.isnan(number):
            return None
        return str(int(number)) if number.is_integer() else repr(number)
    return text or None


# --- is it a category? ----------------------------------------------------------------------


def _judge_numbers(name: str, numbers: np.ndarray) -> Reading | None:
    different = np.unique(numbers[np.isfinite(numbers)])
    whole = bool(np.all(different == np.round(different)))
    if not len(different) or not whole:
        return Reading(0.3, _listed(different)) if 0 < len(different) <= 5 else None
    if len(different) == 2:
        small = abs(different).max() <= 2
        return Reading(0.75 if small else 0.5, _listed(different))
    if named_like_a_code(name):
        return Reading(0.85, f"{len(different):,} different codes, by the column's name")
    repeated = len(different) <= 0.5 * len(numbers)
    if len(different) <= 20:
        return Reading(0.4, _listed(different)) if repeated else Reading(0.2, _listed(different))
    return Reading(0.15, f"{len(different):,} different whole numbers") if repeated else None


def _judge_texts(name: str, texts: list[str]) -> Reading:
    counts = Counter(texts)
    why = _summary(counts, len(texts))
    ratio = len(counts) / len(texts)
    words = float(np.mean([len(text.split()) for text in counts]))
    if _amounts(list(counts)):
        return Reading(_sure_of_amounts(name, counts, ratio), why)
    if len(counts) <= 2:
        return Reading(0.9, why)
    if ratio <= 0.5 and (len(counts) <= 20 or ratio <= 0.05):
        return Reading(0.88, why)
    if ratio <= 0.5:
        return Reading(0.75 if words <= 4 else 0.45, why)
    if ratio <= 0.9 and words <= 1.5:
        return Reading(0.5, why)
    return Reading(0.4 if words <= 1.5 else 0.2, why)


def _amounts(texts: list[str]) -> bool:
    """Whether nearly all texts are digits with at most one unit behind them."""
    units = Counter(
        _SIGNS_AND_DIGITS.sub("", text).casefold()
        for text in texts
        if any(map(str.isdigit, text)) and not text[0].isalpha()
    )
    bare = units.pop("", 0)
    return bare + max(units.values(), default=0) > 0.9 * len(texts)


def _sure_of_amounts(name: str, counts: Counter[str], ratio: float) -> float:
    """Texts of digits are categories when they are padded with zeros or are named like codes."""
    padded = sum(len(text) > 1 and text[0] == "0" and text.isdigit() for text in counts)
    if padded >= 0.01 * len(counts) and padded:
        return 0.9
    if named_like_a_code(name):
        return 0.85
    if len(counts) == 2:
        return 0.75
    return 0.4 if len(counts) <= 20 and ratio <= 0.5 else 0.3


def _listed(different: np.ndarray) -> str:
    first = ", ".join(f"{value:g}" for value in different[:5])
    more = f" and {len(different) - 5} more" if len(different) > 5 else ""
    return f"{len(different)} different values: {first}{more}"


def _summary(counts: Counter[str], rows: int) -> str:
    first = ", ".join(shown(value, 24) for value, _ in counts.most_common(3))
    more = "" if len(counts) <= 3 else " ..."
    return f"{len(counts):,} different values in {rows:,} looked at: {first}{more}"
