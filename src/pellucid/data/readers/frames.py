"""Tables whose columns have declared types: Parquet, Arrow, pandas, polars, dictionaries."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.data.columns import RawColumn, RawTable
from pellucid.data.readers.dialect import unique_names
from pellucid.data.readers.narrow import EXACT, drop_numbers, from_values, lists, narrow
from pellucid.data.readers.places import Numbered
from pellucid.data.readers.sniff import unreadable
from pellucid.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def read_parquet(path: Path, words: frozenset[str]) -> RawTable:
    """Read a Parquet or Arrow (Feather) file.

    Raises:
        DataError: The file is broken, or has a column of a kind that can't be used.
    """
    import pyarrow as pa
    from pyarrow import feather, parquet

    try:
        with path.open("rb") as file:
            fingerprint = hashlib.file_digest(file, _hash).hexdigest()
        if path.suffix.lower() in (".parquet", ".pq"):
            table = parquet.ParquetFile(path).read()
        else:
            table = feather.read_table(path)
    except pa.ArrowException as error:
        raise DataError(
            f"'{path.name}' is no readable Parquet or Arrow file: {_first_line(error)}",
            where=str(path),
            fix="it may be cut off or of another format: copy or save it again",
        ) from error
    except OSError as error:
        if error.errno is not None:
            raise unreadable(path, error) from error
        raise DataError(
            f"'{path.name}' is broken: {_first_line(error)}",
            where=str(path),
            fix="it may be cut off: copy or save it again",
        ) from error
    raw = from_arrow(table, path.name, words, folder=path.parent)
    raw.places, raw.fingerprint = Numbered(f"{path.name} row ", range(1, len(raw) + 1)), fingerprint
    return raw


def from_arrow(
    table: pa.Table, name: str, words: frozenset[str], folder: Path | None = None
) -> RawTable:
    """A pyarrow Table -> RawTable; structs become columns of their own, one level deep."""
    import pyarrow as pa

    if any(pa.types.is_struct(kind) for kind in table.schema.types):
        table = table.flatten()
    notes: list[str] = []
    names = unique_names(table.column_names, notes)
    columns: dict[str, RawColumn] = {}
    for position, column_name in enumerate(names):
        values, note = _from_arrow(column_name, table.column(position), words, name)
        if note:
            notes.append(f"'{column_name}': {note}")
        if values is not None:
            here = folder if values.dtype == object else None
            columns[column_name] = RawColumn(column_name, values, here)
    return _in_memory(name, columns, table.num_rows, notes)


def _from_arrow(
    name: str, column: pa.ChunkedArray, words: frozenset[str], where: str
) -> tuple[np.ndarray | None, str]:
    """The values of one column and a note; None if the column can't be used."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type)
        kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_boolean(kind):
        column, kind = column.cast(pa.string()), pa.string()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return narrow(column.cast(pa.large_string()), words)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _numbers(column, words)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        dates = column.cast(pa.timestamp("us", getattr(kind, "tz", None)), safe=False)
        note = "times are kept in UTC" if getattr(kind, "tz", None) else ""
        return np.asarray(dates.to_numpy(), dtype="datetime64[us]"), note
    if pa.types.is_duration(kind):
        seconds = pc.divide(column.cast(pa.duration("us")).cast(pa.int64()).cast(pa.float64()), 1e6)
        return np.array(seconds.to_numpy()), "durations are read in seconds"
    if pa.types.is_time(kind):
        return narrow(column.cast(pa.string()), words)
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan), ""
    if _is_list(kind):
        return lists(name, _arrays(column), where), ""
    return None, f"values of type {kind} can't be learned from: left out"


def _numbers(column: pa.ChunkedArray, words: frozenset[str]) -> tuple[np.ndarray, str]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_integer(column.type) and len(column) > column.null_count:
        ends = pc.min_max(column).as_py()
        if max(-ends["min"], ends["max"]) > EXACT:
            values, _ = narrow(column.cast(pa.string()), words)
            return values, "long whole numbers are kept as text" * (values.dtype == object)
    values = np.array(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
    return drop_numbers(values, words), ""


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _arrays(column: pa.ChunkedArray) -> list[Any]:
    """Each row's list; flat lists of numbers without a round trip through Python numbers."""
    import pyarrow as pa

    inner = column.type.value_type
    if not (pa.types.is_integer(inner) or pa.types.is_floating(inner)):
        return list(column.to_pylist())
    return [
        scalar.values.to_numpy(zero_copy_only=False) if scalar.is_valid else None
        for scalar in column
    ]


# --- frames and dictionaries ------------------------------------------------------------------


def from_pandas(frame: pd.DataFrame, words: frozenset[str]) -> RawTable:
    """A pandas DataFrame -> RawTable; the index is not a column.

    Raises:
        DataError: Its columns are of several levels, or hold objects that can't be used.
    """
    import pyarrow as pa

    if frame.columns.nlevels > 1:
        raise DataError(
            f"the columns of the frame have {frame.columns.nlevels} levels",
            where="DataFrame",
            fix="join their names first: frame.columns = ['_'.join(names) for names in frame]",
        )
    notes: list[str] = []
    names = unique_names([str(name) for name in frame.columns], notes)
    columns: dict[str, RawColumn] = {}
    for position, name in enumerate(names):
        series = frame.iloc[:, position]
        try:
            array = pa.chunked_array([pa.array(series, from_pandas=True)])
            values, note = _from_arrow(name, array, words, "DataFrame")
        except (pa.ArrowException, TypeError):
            present = [None if _is_missing(value) else value for value in series]
            values, note = from_values(name, present, words, "DataFrame")
        if note:
            notes.append(f"'{name}': {note}")
        if values is not None:
            columns[name] = RawColumn(name, values)
    if frame.index.name is not None or frame.index.nlevels > 1:
        notes.append("the frame's index is not read: frame.reset_index() makes it a column")
    return _in_memory("DataFrame", columns, len(frame), notes)


def _is_missing(value: Any) -> bool:
    """None, NaN, NaT and pandas' NA; each is the one thing that is not equal to itself."""
    import pandas as pd

    return value is None or value is pd.NA or (np.ndim(value) == 0 and bool(pd.isna(value)))


def from_columns(
    data: Mapping[str, Sequence[Any] | np.ndarray], words: frozenset[str], name: str = "dictionary"
) -> RawTable:
    """Column name -> values (lists, tuples, arrays) -> RawTable.

    Raises:
        DataError: The columns are not equally long, or hold objects that can't be used.
    """
    lengths = {str(key): len(values) for key, values in data.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"'{key}' {length}" for key, length in list(lengths.items())[:6])
        raise DataError(
            f"the columns are not equally long: {shown}",
            where=name,
            fix="give every column one value a row; use None where there is none",
        )
    notes: list[str] = []
    columns: dict[str, RawColumn] = {}
    for column_name, values in zip(unique_names(list(data), notes), data.values()):
        array, note = column_values(column_name, values, words, name)
        if note:
            notes.append(f"'{column_name}': {note}")
        columns[column_name] = RawColumn(column_name, array)
    return _in_memory(name, columns, next(iter(lengths.values()), 0), notes)


def column_values(
    name: str, values: Sequence[Any] | np.ndarray, words: frozenset[str], where: str
) -> tuple[np.ndarray, str]:
    """Any sequence -> the values of a RawColumn, and a note.

    Raises:
        DataError: The values are of a kind that no column can hold.
    """
    import pyarrow as pa

    if not isinstance(values, np.ndarray):
        return from_values(name, list(values), words, where)
    kind = values.dtype.kind
    if kind in "biuf" and values.ndim > 1:
        return values, ""
    if values.ndim > 1:
        return lists(name, list(values), where), ""
    if kind in "iuf" and not (kind in "iu" and len(values) and np.abs(values).max() > EXACT):
        return drop_numbers(values.astype(np.float64), words), ""
    if kind == "M":
        return values.astype("datetime64[us]"), ""
    if kind == "m":
        return values / np.timedelta64(1, "s"), "durations are read in seconds"
    if kind in "US":
        texts = np.char.decode(values, "utf-8") if kind == "S" else values
        return narrow(pa.array(texts.tolist(), pa.string()), words)
    if kind in "biuO":
        present = [None if _is_nan(value) else value for value in values.tolist()]
        return from_values(name, present, words, where)
    raise DataError(
        f"'{name}' is an array of type {values.dtype}",
        where=where,
        fix="give numbers, texts or dates",
    )


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and value != value


# --- common -----------------------------------------------------------------------------------


def _in_memory(name: str, columns: dict[str, RawColumn], rows: int, notes: list[str]) -> RawTable:
    """A table that is no file: rows are numbered from 0, as the frame itself numbers them."""
    places = Numbered(f"{name} row ", range(rows))
    return RawTable(name, columns, places, notes=notes, fingerprint=content_hash(columns))


def content_hash(columns: Mapping[str, RawColumn]) -> str:
    """A hash of names and values, to know the same data again."""
    digest = _hash()
    for name, column in columns.items():
        digest.update(f"{name}:{column.values.dtype}:{column.values.shape}".encode())
        if column.values.dtype == object:
            for value in column.values:
                part = value.tobytes() if isinstance(value, np.ndarray) else str(value).encode()
                digest.update(len(part).to_bytes(8, "little") + part)
        else:
            digest.update(np.ascontiguousarray(column.values).view(np.uint8).data)
    return digest.hexdigest()


def _hash() -> Any:
    return hashlib.blake2b(digest_size=16)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
