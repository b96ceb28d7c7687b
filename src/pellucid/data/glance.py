"""A quick look at a column: enough values to judge it, never all of a million."""

from __future__ import annotations

import re

import numpy as np

from pellucid.data.columns import RawColumn

LOOK = 10_000
"""Rows that are looked at to recognize a column: what one row in a thousand does is seen."""

_CODES = (
    "zip zipcode postal postcode plz code codes phone telephone tel fax mobile sku isbn iban type "
    "kind category cluster label labels id ids uuid guid gender sex color colour"
)
_CODE_NAMES = frozenset(_CODES.split())


def present(raw: RawColumn, limit: int = LOOK) -> np.ndarray:
    """The values that are there, in row order, from at most `limit` rows drawn once and for all."""
    if len(raw) <= limit:
        return raw.values[~raw.missing()]
    rows = np.sort(np.random.default_rng(0).choice(len(raw), limit, replace=False))
    looked = raw.take(rows)
    found = looked.values[~looked.missing()]
    if len(found):
        return found
    return raw.values[~raw.missing()][:limit]  # a column so sparse that the draw missed it


def name_words(name: str) -> frozenset[str]:
    """The words a column's name is made of, in lower case.

    >>> sorted(name_words("customerID_Type"))
    ['customer', 'id', 'type']
    """
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return frozenset(re.findall(r"[^\W\d_]+", parted.lower()))


def named_like_a_code(name: str) -> bool:
    """Whether the name says that numbers in this column are names of things: zip, phone, type."""
    return bool(name_words(name) & _CODE_NAMES)


def shown(value: object, limit: int = 40) -> str:
    """A value as it appears inside a sentence, shortened."""
    text = str(value).replace("\n", " ")
    return f"'{text if len(text) <= limit else text[: limit - 1] + '…'}'"
