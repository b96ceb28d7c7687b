"""From cells as text to numbers, where every cell agrees; otherwise they stay text.

The rule is all or nothing: a column becomes float64 only if each present cell is a number and
nothing is lost by it. "007" and 19-digit ids stay text, and so does a column with one odd word:
what to do about that word is the number modality's business, and the user's.
"""

from __future__ import annotations

import datetime
import decimal
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pellucid.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

Comma = Literal["decimal", "thousands"] | None
"""What a comma inside a number means in this source, as far as the rest of the source tells."""

# fmt: off
USUAL_MISSING = frozenset((
    "", "na", "n/a", "n.a.", "#n/a", "<na>", "nan", "nat", "null", "(null)", "none", "nil",
    "?", "-", "--", "missing",
))
# fmt: on

EXACT = 2.0**53
"""Up to here float64 holds every whole number."""

_WHOLE = r"(?:\d{1,3}(?:%s\d{3})+|\d+)"
_EXPONENT = r"(?:[eE][+-]?\d+)?"
_INFINITE = r"(?i:inf|infinity)"
POINT_NUMBER = rf"^[+-]?(?:(?:{_WHOLE % ','}(?:\.\d*)?|\.\d+){_EXPONENT}|{_INFINITE})$"
COMMA_NUMBER = rf"^[+-]?(?:(?:{_WHOLE % '[.]'}(?:,\d*)?|,\d+){_EXPONENT}|{_INFINITE})$"


def missing_words(extra: Iterable[str] = ()) -> frozenset[str]:
    """The usual words for "no value" and these, in lower case."""
    return USUAL_MISSING | {str(word).strip().lower() for word in extra}


def narrow(
    cells: pa.Array | pa.ChunkedArray, words: frozenset[str], comma: Comma = None
) -> tuple[np.ndarray, str]:
    """Cells as text -> float64 `(rows,)` if all are numbers, else object `(rows,)` of str or None.

    Returns:
        The values, and a note where they had to be interpreted ("decimal comma"), else "".
    """
    numbers = None
    if not (comma == "decimal" and _dotted_thousands(cells)):
        numbers = plain_numbers(cells)
    if numbers is not None:
        return drop_numbers(numbers, words), ""
    return _narrow_distinct(cells, words, comma)


def _narrow_distinct(
    cells: pa.Array | pa.ChunkedArray, words: frozenset[str], comma: Comma
) -> tuple[np.ndarray, str]:
    """Look at every different cell once; equal texts then share one Python object."""
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = cells.dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    distinct = encoded.dictionary
    # Position len(distinct) of every look-up table below stands for "missing".
    codes = encoded.indices.fill_null(len(distinct)).to_numpy(zero_copy_only=False)
    trimmed = pc.utf8_trim_whitespace(distinct)
    usual = pa.array(sorted(words), trimmed.type)
    present = ~np.asarray(pc.is_in(pc.utf8_lower(trimmed), value_set=usual))
    if not present.any():
        return np.full(len(cells), np.nan), ""
    numbers, note = to_numbers(trimmed.filter(pa.array(present)), comma)
    if numbers is not None:
        values = np.full(len(distinct) + 1, np.nan)
        values[:-1][present] = drop_numbers(numbers, words)
    else:
        values = np.full(len(distinct) + 1, None, dtype=object)
        values[:-1][present] = distinct.to_numpy(zero_copy_only=False)[present]
    return values[codes], note


def to_numbers(cells: pa.Array, comma: Comma = None) -> tuple[np.ndarray | None, str]:
    """Trimmed, present cells -> float64, or None if some cell is no number; and a note."""
    import pyarrow.compute as pc

    if not (comma == "decimal" and _dotted_thousands(cells)):
        plain = plain_numbers(cells)
        if plain is not None:
            return plain, ""
    with_point = _all_match(cells, POINT_NUMBER)
    with_comma = _all_match(cells, COMMA_NUMBER)
    if not with_point and not with_comma:
        return None, ""
    if with_point and with_comma and comma is None:
        with_comma_in = cells.filter(pc.match_substring(cells, ","))
        if len(with_comma_in) == 0:
            return None, ""
        example = with_comma_in[0].as_py()
        return None, f"a comma may mean thousands or decimals in cells such as '{example}': text"
    if with_comma and not (with_point and comma == "thousands"):
        cells = pc.replace_substring(pc.replace_substring(cells, ".", ""), ",", ".")
        return plain_numbers(cells), "decimal comma"
    return plain_numbers(pc.replace_substring(cells, ",", "")), "comma between thousands"


def plain_numbers(cells: pa.Array | pa.ChunkedArray) -> np.ndarray | None:
    """float64 if every cell is a number such as 12, -0.5, 1e-3, inf; None if one is not.

    Leading zeros ("007") and whole numbers too long for float64 are ids, not numbers.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        numbers = pc.cast(cells, pa.float64())
    except pa.ArrowInvalid:
        return None
    if pc.any(pc.match_substring_regex(cells, r"^[+-]?0[0-9]")).as_py():
        return None
    values = _floats(numbers)
    with np.errstate(invalid="ignore"):
        long = np.flatnonzero(np.isfinite(values) & (np.abs(values) > EXACT))
    texts = cells.take(pa.array(long)).to_pylist() if len(long) else []
    if any(text.lstrip("+-").isdigit() and int(text) != int(float(text)) for text in texts):
        return None
    return values


def drop_numbers(values: np.ndarray, words: frozenset[str]) -> np.ndarray:
    """Missing words that are numbers ("-999") hold for columns of numbers too."""
    codes = [float(word) for word in words - USUAL_MISSING if _is_number(word)]
    if codes:
        values = np.where(np.isin(values, codes), np.nan, values)
    return values


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _floats(numbers: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """float64 that may be written to; null becomes NaN."""
    import pyarrow as pa

    if isinstance(numbers, pa.ChunkedArray):
        values = numbers.to_numpy()
    else:
        values = numbers.to_numpy(zero_copy_only=False)
    return np.array(values, dtype=np.float64)


def _all_match(cells: pa.Array, pattern: str) -> bool:
    import pyarrow.compute as pc

    return bool(pc.all(pc.match_substring_regex(cells, pattern)).as_py())


def _dotted_thousands(cells: pa.Array | pa.ChunkedArray) -> bool:
    """Whether each cell with a point could be one like 1.234 (one thousand ...)."""
    import pyarrow.compute as pc

    dotted = cells.filter(pc.fill_null(pc.match_substring(cells, "."), False))
    return len(dotted) > 0 and _all_match(dotted, r"^\s*[+-]?\d{1,3}(\.\d{3})+\s*$")


# --- Python values --------------------------------------------------------------------------


def from_values(
    name: str, values: Sequence[Any], words: frozenset[str], where: str
) -> tuple[np.ndarray, str]:
    """A column of Python objects (JSON, Excel, lists) -> the values of a RawColumn, and a note.

    Raises:
        DataError: A value is of a kind that no column can hold.
    """
    import pyarrow as pa

    present = [value for value in values if value is not None]
    kinds = {_kind(value, name, where) for value in present}
    if kinds == {"list"}:
        return lists(name, values, where), ""
    if kinds == {"date"}:
        return _dates(values), ""
    if kinds <= {"number"} and all(_fits(value) for value in present):
        numbers = np.array([np.nan if value is None else float(value) for value in values])
        return drop_numbers(numbers, words), ""
    if "list" in kinds:
        raise DataError(
            f"column '{name}' mixes lists with single values",
            where=where,
            fix="write every value of the column as a list, or none",
        )
    return narrow(pa.array([as_text(value) for value in values], pa.string()), words)


def _fits(value: float) -> bool:
    """Whether float64 holds this number; long whole numbers (ids) lose their last digits."""
    return not isinstance(value, (int, np.integer)) or abs(value) <= EXACT


def _kind(value: Any, name: str, where: str) -> str:
    if isinstance(value, (bool, np.bool_, str, datetime.time, os.PathLike)):
        return "text"
    if isinstance(value, (int, float, np.integer, np.floating, decimal.Decimal)):
        return "number"
    if isinstance(value, (datetime.date, np.datetime64)):
        return "date"
    if isinstance(value, (list, tuple, np.ndarray)):
        return "list"
    raise DataError(
        f"column '{name}' holds a value of type {type(value).__name__}",
        where=where,
        fix="use numbers, texts, dates or lists of them",
    )


def as_text(value: Any) -> str | None:
    """A value as a person would write it: 3 and not 3.0, true and not True."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)):
        return str(int(value)) if float(value).is_integer() else repr(float(value))
    return str(value)


def _dates(values: Sequence[Any]) -> np.ndarray:
    """datetime64[us] in UTC where a time zone is given."""
    dates = np.full(len(values), np.datetime64("NaT"), dtype="datetime64[us]")
    for row, value in enumerate(values):
        if isinstance(value, datetime.datetime) and value.tzinfo is not None:
            value = value.astimezone(datetime.UTC).replace(tzinfo=None)
        if value is not None:
            dates[row] = np.datetime64(value, "us")
    return dates


def lists(name: str, values: Sequence[Any], where: str) -> np.ndarray:
    """object `(rows,)`: lists of words stay lists, lists of numbers become arrays, None stays."""
    column = np.full(len(values), None, dtype=object)
    present = [value for value in values if value is not None and len(value)]
    of_words = any(isinstance(item, (str, bool)) for value in present for item in value)
    for row, value in enumerate(values):
        if value is None:
            continue
        column[row] = (
            [as_text(item) for item in value if item is not None]
            if of_words
            else _numbers(name, value, f"{where}, value {row + 1}")
        )
    return column


def _numbers(name: str, value: Any, where: str) -> np.ndarray:
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return value
    try:
        return np.array(value, dtype=np.float64)  # None becomes NaN
    except (TypeError, ValueError) as error:
        raise DataError(
            f"column '{name}' holds a list that is no array of numbers ({error})",
            where=where,
            fix="give lists of numbers, all rows of one list equally long, or lists of words",
        ) from error
