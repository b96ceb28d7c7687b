"""What a person would want to look at in a column before anything learns from it.

Nothing is changed: -99 may be a temperature, and "US" and "us" may be two things. Each is named
with the option or the change that would mend it.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np

from pellucid.data.columns import Column, RawColumn, RawTable
from pellucid.data.glance import LOOK, present, shown
from pellucid.data.modalities import MODALITIES

_NINES = (99, 999, 9999, 99999, 999999)
_CODES = frozenset({*_NINES, *(-code for code in _NINES), -1, -9, -88, -888, -77, -777})
"""Numbers that people write where they have none."""
_OTHERS = 20
"""Different other values from which on a column is an amount and no scale."""
_TIMES, _SHARE = 3, 0.003
_MOST_SHOWN = 3


def oddities(table: RawTable, columns: list[Column]) -> list[str]:
    """One sentence for each thing that looks like a slip, in the order of the columns."""
    found = []
    looked = np.sort(np.random.default_rng(0).permutation(len(table))[:LOOK])
    for column in columns:
        raw = table.columns[column.name]
        if column.role == "ignored" or raw.values.ndim > 1:
            continue
        if column.modality == "number":
            found += _codes_for_missing(raw.take(looked))
        elif column.modality == "category" and column.role == "input":  # classes: target.py
            found += _spellings(raw)
    return found


def _codes_for_missing(raw: RawColumn) -> list[str]:
    """Numbers like -99 or 999 that come often and lie far from all others."""
    values = MODALITIES["number"].load(raw).values
    values = values[np.isfinite(values)]
    different, counts = np.unique(values, return_counts=True)
    for at in (0, -1):
        code, others = different[at] if len(different) else 0.0, np.delete(different, at)
        if code not in _CODES or counts[at] < max(_TIMES, _SHARE * len(values)):
            continue
        if len(others) >= _OTHERS and _far(code, others):
            return [
                f"'{raw.name}': {counts[at]:,} values are {code:g}, all others lie between"
                f" {others[0]:.6g} and {others[-1]:.6g}; if that means 'no value', say"
                f" --missing={code:g}"
            ]
    return []


def _far(code: float, others: np.ndarray) -> bool:
    """The only negative number, or further away than all others lie from each other."""
    if code < 0:
        return bool(others[0] >= 0) or others[0] - code > others[-1] - others[0]
    return bool(code - others[-1] > others[-1] - others[0])


def _spellings(raw: RawColumn) -> list[str]:
    """Words that differ only in case, spaces or signs between words."""
    counts = Counter(str(value).strip() for value in present(raw))
    alike = defaultdict(list)
    for word, _ in counts.most_common():
        alike[" ".join(word.casefold().replace("_", " ").replace("-", " ").split())].append(word)
    several = [words for words in alike.values() if len(words) > 1]
    if not several:
        return []
    pairs = "; ".join(" and ".join(map(shown, words)) for words in several[:_MOST_SHOWN])
    more = f" and {len(several) - _MOST_SHOWN:,} more" if len(several) > _MOST_SHOWN else ""
    return [
        f"'{raw.name}': {pairs}{more} count as different values; write them alike if they mean"
        " the same"
    ]
