"""From any source to a RawTable: columns as they stand, and a name for every row.

The first step of the story. What the columns mean is decided later (`recognize`); here nothing
is guessed that can't be undone, nothing is replaced silently, and what can't become a row is
named in `refused`.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.columns import RawColumn, RawTable
from pellucid.data.readers.arrays import SPLITS, as_array, from_array, from_named, from_pair
from pellucid.data.readers.join import join
from pellucid.data.readers.narrow import missing_words
from pellucid.data.readers.sniff import (
    AUDIO,
    DECLARED,
    DELIMITED,
    EXCEL,
    IMAGE,
    JSON,
    TABLE,
    TEXT,
    first_bytes,
    magic,
    suffix,
)
from pellucid.errors import ConfigError, DataError, did_you_mean

_HINTS = {
    ".pkl": "pickles can run code when opened: save it with frame.to_parquet or numpy.savez",
    ".pickle": "pickles can run code when opened: save it with frame.to_parquet or numpy.savez",
    ".xls": "open it in a spreadsheet program and save it as .xlsx or .csv",
    ".ods": "open it in a spreadsheet program and save it as .xlsx or .csv",
    ".h5": "save the arrays with numpy.savez, or the table as Parquet",
    ".hdf5": "save the arrays with numpy.savez, or the table as Parquet",
    ".mat": "load it with scipy.io.loadmat and save the arrays with numpy.savez",
    ".db": "export the table as .csv",
    ".sqlite": "export the table as .csv",
    ".arff": "save it as .csv, or series as .ts",
    ".tar": "unpack it and give the folder, or zip it",
    ".tar.gz": "unpack it and give the folder, or zip it",
    ".tgz": "unpack it and give the folder, or zip it",
    ".7z": "unpack it and give the folder, or zip it",
    ".rar": "unpack it and give the folder, or zip it",
    ".pdf": "copy its texts into .txt files, or its tables into a .csv",
}
ENDINGS = IMAGE | AUDIO | TEXT | TABLE | {".npy", ".npz", ".ts", ".tmx", ".zip", *_HINTS}
"""How the names of files end that somebody may mean to be read."""
NO_PATH = "there is no file or folder"
_KINDS = (
    "a folder, .csv .tsv .txt (also .gz), .parquet, .jsonl .json, .xlsx, .npy .npz, .ts, or a .zip"
)


def read(
    source: Any,
    *,
    test: Any = None,
    missing: Sequence[str] = (),
    split: str | None = None,
    target: str | None = None,
) -> RawTable:
    """Read examples to learn from.

    Args:
        source: A path (folder, table, array, zip), a pandas or polars DataFrame, a pyarrow Table,
            a NumPy array, a tuple (X, y), or a dictionary of columns.
        test: A second source with the same columns, whose rows are for testing only.
        missing: Words that mean "no value", besides the usual ones (NA, null, ? ...).
        split: Column that says train, valid or test for each row; it is then no column any more.
        target: Column to predict, as far as known: the one that `test` may lack.

    Raises:
        DataError: The source can't be read, or holds fewer than two rows.
        ConfigError: `split` names no column, or comes with `test`.
    """
    words = missing_words(missing)
    raw = _read(source, words)
    if test is not None:
        if split is not None:
            raise ConfigError(
                "both test rows and a split column are given",
                where=f"--test and --split {split}",
                fix="leave out one of them",
            )
        tables = [raw, _read(test, words)]
        why = f"'{tables[1].name}' is given as test"
        raw = join(tables, ["train", "test"], raw.name, why=why, target=target)
    if split is not None:
        raw = _take_split(raw, split)
    _check_rows(raw)
    return raw


def read_for_prediction(
    source: Any, columns: Sequence[str], missing: Sequence[str] = ()
) -> RawTable:
    """Read values to predict: as `read`, but one row is enough and no answers are needed.

    A single image, sound or text file is one row; a folder is one row a file, in the order of the
    sorted paths.

    Args:
        source: As for `read`, or a single image, sound or text file.
        columns: The model's input columns; they must be there, others are kept.
        missing: Words that mean "no value", besides the usual ones.

    Raises:
        DataError: The source can't be read, or lacks a column.
    """
    raw = _read(source, missing_words(missing), columns)
    lacking = [name for name in columns if name not in raw.columns]
    if lacking and len(columns) == 1 and len(raw.columns) == 1:
        # One column is all there is and all that is asked for: its name does not matter.
        only = next(iter(raw.columns.values()))
        raw.columns = {columns[0]: RawColumn(columns[0], only.values, only.folder)}
    elif lacking:
        raise DataError(
            f"the model needs the column '{lacking[0]}', which '{raw.name}' does not have",
            where=f"{raw.name} has: {', '.join(list(raw.columns)[:8])}",
            fix=_add_or_rename(lacking[0], [name for name in raw.columns if name not in columns]),
        )
    return raw


def _add_or_rename(lacking: str, others: list[str]) -> str:
    hint = did_you_mean(lacking, others)
    return hint if hint.startswith("did you mean") else f"add the column '{lacking}'"


def _read(source: Any, words: frozenset[str], columns: Sequence[str] | None = None) -> RawTable:
    """Any source; `columns` are given at prediction."""
    if isinstance(source, (str, os.PathLike)):
        return _read_path(_find(source), words, columns)
    if isinstance(source, RawTable):
        return source
    module = type(source).__module__.partition(".")[0]
    if module in ("pandas", "polars", "pyarrow"):
        return _read_frame(source, module, words)
    if isinstance(source, tuple) and len(source) == 2:
        return from_pair(source[0], source[1], words)
    if isinstance(source, Mapping):
        return from_named(source, words, "dictionary")
    if isinstance(source, np.ndarray) or hasattr(source, "__array__"):
        return from_array(as_array(source, "array"), words)
    if isinstance(source, list) and source and all(isinstance(item, dict) for item in source):
        return _read_records(source, words)
    raise DataError(
        f"a {type(source).__name__} is no source of examples",
        where=f"{source!r:.60}",
        fix="give a path, a DataFrame, an array, (X, y) or a dictionary of columns",
    )


def _read_frame(source: Any, module: str, words: frozenset[str]) -> RawTable:
    from pellucid.data.readers import frames

    if module == "pandas" and hasattr(source, "columns"):
        return frames.from_pandas(source, words)
    if module == "polars":
        source = source.collect() if hasattr(source, "collect") else source
        if hasattr(source, "to_frame"):
            source = source.to_frame()
        return frames.from_arrow(source.to_arrow(), "DataFrame", words)
    if module == "pyarrow" and hasattr(source, "column_names"):
        import pyarrow as pa

        table = source if isinstance(source, pa.Table) else pa.Table.from_batches([source])
        return frames.from_arrow(table, "Table", words)
    raise DataError(
        f"a {module} {type(source).__name__} is no table",
        where=type(source).__name__,
        fix="give a DataFrame or a pyarrow Table; series.to_frame() makes one of a Series",
    )


def _read_records(source: Sequence[Mapping[str, Any]], words: frozenset[str]) -> RawTable:
    names = dict.fromkeys(name for item in source for name in item)
    columns = {name: [item.get(name) for item in source] for name in names}
    from pellucid.data.readers.frames import from_columns

    return from_columns(columns, words, "list")


# --- paths ------------------------------------------------------------------------------------


def names_a_path(item: object) -> bool:
    """Whether what was given is a path rather than a text itself: something is there, or would be
    but for a slip, since it ends like a file, lies in a folder that is there, or is an address.

    >>> names_a_path("flowers/rose 1.jpg"), names_a_path("I want my money back.")
    (True, False)
    """
    if not isinstance(item, str):
        return isinstance(item, Path)
    if "\n" in item:
        return False
    try:
        path = Path(item).expanduser()
        inside = path.parent != Path() and path.parent.is_dir()
        return "://" in item or path.exists() or inside or suffix(path) in ENDINGS
    except (OSError, ValueError):  # too long for a path, or zeros in it
        return False


def _find(source: str | os.PathLike[str]) -> Path:
    """The path, if there is something there.

    Raises:
        DataError: There is nothing; the nearest name in the folder is suggested.
    """
    text = os.fspath(source)
    if "://" in text:
        raise DataError(
            f"'{text}' is an address on the network; Pellucid reads files only",
            where=text,
            fix="download it first and give the path of the file",
        )
    path = Path(text).expanduser()
    try:
        if text.strip() and path.exists():
            return path
    except (OSError, ValueError):
        pass  # too long for a path, or zeros in it: it is certainly none
    raise _not_there(path, text)


def _not_there(path: Path, text: str) -> DataError:
    if not text.strip():
        return DataError("the path is empty", where="the source", fix=f"give {_KINDS}")
    if path.is_symlink() if len(text) < 1000 and "\0" not in text else False:
        return DataError(
            f"'{path.name}' is a link that leads nowhere",
            where=text,
            fix="give the path of the data itself",
        )
    parent = path.parent
    while len(text) < 1000 and "\0" not in text and not parent.is_dir() and parent != parent.parent:
        parent = parent.parent
    names = sorted(os.listdir(parent)) if parent.is_dir() and os.access(parent, os.R_OK) else []
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.6)
    if not near:
        near = [name for name in names if Path(name).stem.lower() == path.stem.lower()][:1]
    fix = f"did you mean '{parent / near[0]}'?" if near else f"give the path of {_KINDS}"
    shown = text if len(text) <= 80 else text[:77] + "..."
    where = "this folder (.)" if parent == Path() else str(parent)
    return DataError(f"{NO_PATH} '{shown}'", where=where, fix=fix)


def _read_path(path: Path, words: frozenset[str], columns: Sequence[str] | None) -> RawTable:
    if path.is_dir():
        return _read_folder(path, words, columns)
    ending = suffix(path)
    if ending == ".zip":
        return _read_zip(path, words, columns)
    one_value = ending in IMAGE | AUDIO or (ending == ".txt" and columns and len(columns) == 1)
    if columns is not None and one_value:
        return _read_value(path, columns)
    return read_file(path, words)


def _read_folder(path: Path, words: frozenset[str], columns: Sequence[str] | None) -> RawTable:
    from pellucid.data.readers import folder

    path = Path(os.path.abspath(path))
    if columns is not None and len(columns) == 1 and folder.has_values(path):
        return folder.read_files(path, columns[0])
    return folder.read_folder(path, words, read_file)


def _read_zip(path: Path, words: frozenset[str], columns: Sequence[str] | None) -> RawTable:
    from pellucid.data.readers.archive import unpack

    unpacked, key = unpack(path)
    inside = [name for name in os.listdir(unpacked) if not name.startswith((".", "__MACOSX"))]
    inner = unpacked / inside[0] if len(inside) == 1 else unpacked
    single = inner.is_file()
    raw = _read_path(inner if single else unpacked, words, columns)
    raw.name, raw.fingerprint = path.name, key
    raw.notes.insert(0, f"unpacked from {path.name}")
    return raw


def _read_value(path: Path, columns: Sequence[str]) -> RawTable:
    """One file, one row."""
    from pellucid.data.readers import folder

    if len(columns) != 1:
        raise DataError(
            f"'{path.name}' is one value, and the model needs {len(columns)} columns",
            where=str(path),
            fix=f"give a table with the columns {', '.join(columns[:8])}",
        )
    return folder.read_one(path, columns[0])


def read_file(path: Path, words: frozenset[str]) -> RawTable:
    """One file that holds many examples, by its extension; its content is checked by each reader.

    Raises:
        DataError: No reader is for this kind of file, or the file is not what its name says.
    """
    ending = suffix(path)
    start = first_bytes(path)
    if not start:
        raise DataError(
            f"'{path.name}' is empty (0 bytes)",
            where=str(path),
            fix="give a file with a header and at least two rows",
        )
    if start.startswith(b"version https://git-lfs"):
        raise DataError(
            f"'{path.name}' is a Git LFS pointer, not the data itself",
            where=str(path),
            fix="fetch the data with: git lfs pull",
        )
    if ending in DECLARED:
        from pellucid.data.readers.frames import read_parquet

        return read_parquet(path, words)
    if ending in JSON:
        from pellucid.data.readers.json_rows import read_json

        return read_json(path, words)
    if ending in EXCEL:
        from pellucid.data.readers.excel import read_excel

        return read_excel(path, words)
    if ending in (".npy", ".npz"):
        from pellucid.data.readers.arrays import read_numpy

        return read_numpy(path, words)
    if ending == ".ts":
        from pellucid.data.readers.ts import read_ts

        return read_ts(path, words)
    if ending in DELIMITED or ending in (".txt", ".data", ".dat") or not (ending or magic(start)):
        from pellucid.data.readers.delimited import read_delimited

        return read_delimited(path, words)
    raise _unknown(path, ending, magic(start))


def _unknown(path: Path, ending: str, found: str) -> DataError:
    if ending in IMAGE | AUDIO:
        return DataError(
            f"'{path.name}' is a single file; there is nothing to compare it with",
            where=str(path),
            fix="give a folder with one folder per class, or a table with a column of file names",
        )
    kind = found or f"a file with the extension '{ending or 'none'}'"
    return DataError(
        f"'{path.name}' can't be read: {kind} holds no examples that Pellucid knows",
        where=str(path),
        fix=_HINTS.get(ending, f"give {_KINDS}"),
    )


# --- split and checks -------------------------------------------------------------------------


def _take_split(raw: RawTable, name: str) -> RawTable:
    """Use a column of words such as train and test as the split, and drop it."""
    if name not in raw.columns:
        raise ConfigError(
            f"there is no column '{name}'",
            where=f"--split {name}, {raw.name}",
            fix=did_you_mean(name, raw.columns),
        )
    column = raw.columns[name]
    words = [None if value is None else str(value).strip().lower() for value in column.values]
    unknown = [(row, word) for row, word in enumerate(words) if word is None or word not in SPLITS]
    if unknown or column.values.dtype != object:
        row, word = unknown[0] if unknown else (0, words[0])
        raise DataError(
            f"column '{name}' says {word!r} where it must say train, valid or test "
            f"({len(unknown)} rows)",
            where=raw.places[row],
            fix="use the words train, valid and test; or name another column with --split",
        )
    raw.split = np.array([SPLITS[word] for word in words if word is not None], dtype=object)
    raw.split_why = f"column '{name}' says so"
    if not (raw.split == "train").any():
        raise DataError(
            f"column '{name}' puts no row into train",
            where=raw.name,
            fix="mark the rows to learn from with the word train",
        )
    del raw.columns[name]
    return raw


def _check_rows(raw: RawTable) -> None:
    count = len(raw) if raw.split is None else int((raw.split == "train").sum())
    if count < 2:
        refused = "".join(
            f"; {len(raw.refused)} refused, first: {item.place}: {item.why}"
            for item in raw.refused[:1]
        )
        raise DataError(
            f"'{raw.name}' has {count} {'row' if count == 1 else 'rows'} to learn from",
            where=f"{raw.name}{refused}",
            fix="give at least two; a few dozen for each class before figures mean much",
        )
    if not raw.columns:
        raise DataError(
            f"'{raw.name}' has no columns to learn from",
            where=raw.name,
            fix="give columns of numbers, texts, dates or file names",
        )
