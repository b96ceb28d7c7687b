"""CSV and its relatives, in any dialect and encoding."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np

from pellucid.data.columns import RawColumn, RawTable, Refused
from pellucid.data.readers.dialect import BLANKS, Dialect, sniff, squeeze
from pellucid.data.readers.encoding import guess, is_binary, marked
from pellucid.data.readers.narrow import narrow
from pellucid.data.readers.places import Numbered
from pellucid.data.readers.sniff import magic, not_this, unreadable
from pellucid.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLE = 1 << 18
"""Bytes from which the dialect is found."""

LONGEST_ROW = 1 << 24
"""Bytes; a longer row is nearly always a quote that was never closed."""

MEMORY_SHARE = 0.6
"""Share of the machine's memory that the text of a table may take."""


def read_delimited(path: Path, words: frozenset[str]) -> RawTable:
    """Read a table of delimited text (.csv, .tsv, .txt, also .gz).

    Args:
        path: The file.
        words: Words that mean "no value", in lower case (`narrow.missing_words`).

    Raises:
        DataError: It is no table of text, is empty, or most of its lines have another length.
    """
    scan = _scan(path)
    dialect = _dialect(path, scan)
    cells, odd = _parse(path, scan, dialect)
    rows = _sort_out(path, scan, dialect, cells, odd)
    notes = [f"encoding {scan.encoding}", *dialect.notes, *rows.notes]
    columns, repaired = _columns(path, scan, dialect, cells, rows, words, notes)
    return RawTable(
        path.name,
        columns,
        Numbered(f"{path.name} line ", rows.lines),
        refused=rows.refused,
        repaired=repaired,
        notes=notes,
        fingerprint=scan.fingerprint,
    )


def _dialect(path: Path, scan: _Scan) -> Dialect:
    with _open(path) as file:
        start = file.read(SAMPLE)
        if b"\n" not in start and b"\r" not in start:
            start += file.read(LONGEST_ROW)
    text = codecs.getincrementaldecoder(scan.encoding)().decode(start)
    dialect = sniff(text, whole=len(start) == scan.size)
    if dialect is None:
        raise _empty(path, "it has no line with anything in it")
    return dialect


# --- one pass over the bytes ------------------------------------------------------------------


@dataclass
class _Scan:
    """What one pass over the bytes tells."""

    encoding: str
    size: int
    lines: int | None
    """Lines in the file; None where bytes do not tell."""
    zeros: bool
    fingerprint: str
    closed: bool
    """Whether the last line ends with a quote."""


def _open(path: Path) -> BinaryIO:
    try:
        if path.suffix.lower() == ".gz":
            return cast(BinaryIO, gzip.open(path, "rb"))
        return path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from error


def _blocks(path: Path) -> Iterator[bytes]:
    """The decompressed bytes, block by block.

    Raises:
        DataError: The file can't be read, or its compressed data is broken.
    """
    try:
        with _open(path) as file:
            while block := file.read(1 << 22):
                yield block
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"'{path.name}' is broken: {error}",
            where=str(path),
            fix="the file may be cut off or no gzip file: copy or download it again",
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error


def _scan(path: Path) -> _Scan:
    digest = hashlib.blake2b(digest_size=16)
    utf8 = codecs.getincrementaldecoder("utf-8")()
    encoding, fallback = "", ""
    size, lines, zeros, tail = 0, 0, False, b""
    limit = _memory_limit()
    for block in _blocks(path):
        if size == 0:
            encoding = _declared(path, block)
        if not encoding:
            try:
                utf8.decode(block)
            except UnicodeDecodeError:
                encoding = "western"
        if fallback in ("", "cp1252") and not block.isascii():
            fallback = guess(block)
        digest.update(block)
        size, lines = size + len(block), lines + _line_ends(block)
        zeros, tail = zeros or b"\0" in block, (tail + block)[-64:]
        if size > limit:
            raise _too_large(path, limit)
    if size == 0:
        raise _empty(path, "it has no bytes")
    if encoding == "western" or (not encoding and _cut_character(utf8)):
        encoding = fallback or "cp1252"
    encoding = encoding or "utf-8"
    wide = encoding.startswith(("utf-16", "utf-32"))
    lines += not tail.endswith((b"\n", b"\r"))
    closed = wide or tail.rstrip(b" \t\r\n;,|")[-1:] in (b'"', b"'")
    return _Scan(
        encoding, size, None if wide else lines, zeros and not wide, digest.hexdigest(), closed
    )


def _declared(path: Path, block: bytes) -> str:
    """The encoding that the start tells, "" if it must be found; binary files are refused here."""
    found = magic(block)
    if found == "a Git LFS pointer":
        raise DataError(
            f"'{path.name}' is a Git LFS pointer, not the data itself",
            where=str(path),
            fix="fetch the data with: git lfs pull",
        )
    if found:
        raise not_this(path, "a table of text", found)
    encoding = marked(block[:4096])
    if encoding is None and is_binary(block[:65536]):
        raise not_this(path, "a table of text", "binary data of an unknown kind")
    return encoding or ""


def _line_ends(block: bytes) -> int:
    """Line ends of any kind; one that is cut in two by the end of the block counts twice."""
    count = block.count(b"\n")
    if b"\r" in block:
        count += block.count(b"\r") - block.count(b"\r\n")
    return count


def _cut_character(utf8: codecs.IncrementalDecoder) -> bool:
    """Whether the bytes ended in the middle of a character, so that they were not UTF-8."""
    try:
        utf8.decode(b"", final=True)
    except UnicodeDecodeError:
        return True
    return False


def _memory_limit() -> int:
    try:
        return int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * MEMORY_SHARE)
    except (AttributeError, OSError, ValueError):
        return 16 << 30


def _too_large(path: Path, limit: int) -> DataError:
    return DataError(
        f"'{path.name}' is too large for this machine: more than {limit / 2**30:.1f} GB of text",
        where=str(path),
        fix="give a sample of its rows, or fewer columns, or save it as Parquet",
    )


def _empty(path: Path, why: str) -> DataError:
    return DataError(
        f"'{path.name}' is empty: {why}",
        where=str(path),
        fix="give a table with a header and at least two rows",
    )


# --- parsing ----------------------------------------------------------------------------------


def _parse(
    path: Path, scan: _Scan, dialect: Dialect
) -> tuple[list[pa.ChunkedArray], dict[int, tuple[int, str]]]:
    """All cells as text, column by column; and the records of another length.

    The latter as record (from 0) -> (number of cells, text).
    """
    import pyarrow as pa
    from pyarrow import csv

    odd: dict[int, tuple[int, str]] = {}

    def remember(row: csv.InvalidRow) -> str:
        odd[row.number - 1 - dialect.skip] = (row.actual_columns, row.text or "")
        return "skip"

    names = [f"c{position}" for position in range(dialect.width)]
    try:
        with _open(path) as file:
            table = csv.read_csv(
                _as_utf8(file, scan.encoding, dialect),
                csv.ReadOptions(
                    # Row numbers are known only to one thread.
                    use_threads=False,
                    column_names=names,
                    skip_rows=dialect.skip,
                    block_size=LONGEST_ROW,
                ),
                csv.ParseOptions(
                    delimiter=dialect.delimiter,
                    quote_char=dialect.quote,
                    escape_char=dialect.escape or False,
                    newlines_in_values=True,
                    ignore_empty_lines=False,
                    invalid_row_handler=remember,
                ),
                csv.ConvertOptions(
                    column_types={name: pa.string() for name in names},
                    strings_can_be_null=False,
                ),
            )
    except UnicodeDecodeError as error:
        raise DataError(
            f"'{path.name}' starts like {scan.encoding} but is broken at byte {error.start}",
            where=str(path),
            fix="save it as UTF-8",
        ) from error
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            raise _only_header(path, dialect) from error
        raise _unclosed(path, dialect.skip + 1, str(error).splitlines()[0]) from error
    if table.num_rows == 0 and not odd:
        raise _only_header(path, dialect)
    return table.columns, odd


def _as_utf8(file: BinaryIO, encoding: str, dialect: Dialect) -> pa.NativeFile:
    """A stream that pyarrow can read: UTF-8 bytes, and one blank where blanks are delimiters."""
    import pyarrow as pa

    if dialect.delimiter == BLANKS:
        return pa.BufferReader(squeeze(file.read().decode(encoding)).encode())
    stream = pa.PythonFile(file, mode="r")
    if encoding in ("utf-8", "utf-8-sig"):
        return stream
    return pa.transcoding_input_stream(stream, encoding, "utf-8")


def _only_header(path: Path, dialect: Dialect) -> DataError:
    shown = ", ".join(dialect.names[:6])
    return DataError(
        f"'{path.name}' has a header ({shown}) but no rows",
        where=f"{path} line {dialect.skip}",
        fix="give a table with at least two rows below the header",
    )


def _unclosed(path: Path, line: int, why: str) -> DataError:
    return DataError(
        f"a quote that opens in '{path.name}' is probably never closed ({why})",
        where=f"{path} line {line}",
        fix='close the quote, or write a quote inside a quoted cell twice: ""',
    )


# --- rows and their lines ---------------------------------------------------------------------


@dataclass
class _Rows:
    """Which parsed records are rows of the table, and where each starts in the file.

    keep: bool `(records,)`, None if all are. lines: the first line of each kept row, from 1.
    """

    keep: np.ndarray | None
    lines: np.ndarray
    refused: list[Refused] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _sort_out(
    path: Path,
    scan: _Scan,
    dialect: Dialect,
    cells: list[pa.ChunkedArray],
    odd: dict[int, tuple[int, str]],
) -> _Rows:
    """Tell rows from blank lines, comments, repeated headers and lines of another length."""
    count = len(cells[0])
    records = np.setdiff1d(np.arange(count + len(odd)), np.fromiter(odd, int), assume_unique=True)
    lines = _line_numbers(scan, dialect, cells, odd, records)
    rows = _Rows(None, lines[records])
    _check_closed(path, scan, cells, odd, lines)
    blank = _rows_equal(cells, [""] * len(cells))
    again = np.array([], dtype=np.int64)
    if dialect.header and len(dialect.header) == len(cells) > 1:
        again = _rows_equal(cells, dialect.header)
    blanks, comments = len(blank), 0
    for record, (width, text) in sorted(odd.items()):
        if not text.strip():
            blanks += 1
        elif text.startswith("#"):
            comments += 1
        else:
            why = f"{width} cells instead of {dialect.width}: {_short(text)}"
            rows.refused.append(Refused(f"{path.name} line {lines[record]}", why))
    for row in again:
        place = f"{path.name} line {rows.lines[row]}"
        rows.refused.append(Refused(place, "it repeats the header"))
    if blanks:
        rows.notes.append(f"blank lines skipped: {blanks}")
    if comments:
        rows.notes.append(f"comment lines skipped: {comments}")
    _check_share(path, dialect, rows.refused, count)
    dropped = np.concatenate([blank, again])
    if len(dropped):
        rows.keep = np.ones(count, dtype=bool)
        rows.keep[dropped] = False
        rows.lines = rows.lines[rows.keep]
    if len(rows.lines) == 0:
        raise _only_header(path, dialect)
    return rows


def _line_numbers(
    scan: _Scan,
    dialect: Dialect,
    cells: list[pa.ChunkedArray],
    odd: dict[int, tuple[int, str]],
    records: np.ndarray,
) -> np.ndarray:
    """int64 `(records,)`: the line on which each record starts, from 1."""
    breaks = np.zeros(len(records) + len(odd), dtype=np.int64)
    if scan.lines != dialect.skip + len(breaks):  # else every record is one line
        for column in cells:
            breaks[records] += _breaks(column)
    for record, (_, text) in odd.items():
        breaks[record] = len(re.findall("\r\n|\r|\n", text.strip()))
    return dialect.skip + 1 + np.arange(len(breaks)) + np.cumsum(breaks) - breaks


def _breaks(column: pa.ChunkedArray) -> np.ndarray | int:
    """How many line breaks each cell holds."""
    import pyarrow.compute as pc

    total: np.ndarray | int = 0
    for mark, sign in (("\n", 1), ("\r", 1), ("\r\n", -1)):
        if pc.any(pc.match_substring(column, mark)).as_py():
            total = total + sign * pc.count_substring(column, mark).to_numpy()
    return total


def _check_closed(
    path: Path,
    scan: _Scan,
    cells: list[pa.ChunkedArray],
    odd: dict[int, tuple[int, str]],
    lines: np.ndarray,
) -> None:
    """A quote that is never closed swallows the rest of the file: say so instead."""
    for record, (_, text) in odd.items():
        if "\n" in text and (text.count('"') % 2 or text.count("\n") > 50):
            raise _unclosed(path, int(lines[record]), f"the cell starts with {_short(text)}")
    last = cells[-1][-1].as_py() if len(cells[-1]) else ""
    if "\n" in last.rstrip("\r\n") and not scan.closed and len(lines) - 1 not in odd:
        raise _unclosed(path, int(lines[-1]), f"the cell starts with {_short(last)}")


def _check_share(path: Path, dialect: Dialect, refused: list[Refused], count: int) -> None:
    if len(refused) <= 0.5 * (count + len(refused)):
        return
    first = refused[0]
    raise DataError(
        f"{len(refused)} of {count + len(refused)} lines of '{path.name}' do not have "
        f"{dialect.width} cells like the first ones",
        where=f"{first.place}: {first.why}",
        fix="save it with one delimiter throughout, and with quotes around cells that hold it",
    )


def _rows_equal(cells: list[pa.ChunkedArray], values: list[str]) -> np.ndarray:
    """Which rows hold exactly these cells."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = np.flatnonzero(pc.equal(cells[0], values[0]).to_numpy())
    for column, value in zip(cells[1:], values[1:]):
        if len(rows):
            rows = rows[pc.equal(column.take(pa.array(rows)), value).to_numpy()]
    return rows


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


# --- columns ----------------------------------------------------------------------------------


def _columns(
    path: Path,
    scan: _Scan,
    dialect: Dialect,
    cells: list[pa.ChunkedArray],
    rows: _Rows,
    words: frozenset[str],
    notes: list[str],
) -> tuple[dict[str, RawColumn], dict[int, str]]:
    """Narrow column by column; each column's text is freed before the next one is looked at."""
    columns: dict[str, RawColumn] = {}
    repaired: dict[int, str] = {}
    for name in dialect.names:
        column = cells.pop(0)
        if rows.keep is not None:
            column = column.filter(rows.keep)
        if scan.zeros:
            column = _without_zeros(name, column, repaired)
        values, note = narrow(column, words, dialect.comma)
        if note:
            notes.append(f"'{name}': {note}")
        folder = path.parent if values.dtype == object else None
        columns[name] = RawColumn(name, values, folder)
    for position, name in enumerate(dialect.names):
        unnamed = dialect.header is not None and name == f"column_{position + 1}"
        if unnamed and len(columns) > 1 and columns[name].missing().all():
            notes.append(f"'{name}' has neither a name nor a value: left out")
            del columns[name]
    return columns, repaired


def _without_zeros(name: str, column: pa.ChunkedArray, repaired: dict[int, str]) -> pa.ChunkedArray:
    """Zero bytes are no text: take them out, and say in which rows."""
    import pyarrow.compute as pc

    for row in np.flatnonzero(pc.match_substring(column, "\0").to_numpy()):
        repaired[int(row)] = f"zero bytes taken out of '{name}'"
    return pc.replace_substring(column, "\0", "")
