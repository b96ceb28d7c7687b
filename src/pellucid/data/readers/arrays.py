"""NumPy: arrays in memory, (X, y), .npy and .npz files."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.columns import RawColumn, RawTable
from pellucid.data.readers.frames import column_values, content_hash, from_columns
from pellucid.data.readers.places import Numbered
from pellucid.data.readers.sniff import first_bytes, magic, not_this, unreadable
from pellucid.errors import DataError

MOST_COLUMNS = 10_000
"""A wider matrix is refused: its columns could not be looked at one by one."""

SMOOTH_ROWS = 64
"""Rows of an array that are looked at to tell time from channels."""
CLEARLY = 0.8
"""An axis along which values are smoother than along another by this factor is time."""
FEW_CHANNELS, MUCH_LONGER = 16, 4
"""Where smoothness says nothing, at most so few values are channels if the other axis has so many
times as many."""

SPLITS = {
    "train": "train",
    "training": "train",
    "val": "valid",
    "valid": "valid",
    "validation": "valid",
    "dev": "valid",
    "test": "test",
    "testing": "test",
}
"""Words for a part of the data -> which part it is."""

_INPUTS = frozenset(("x", "data", "images", "inputs", "features", "input", "image"))
_TARGETS = frozenset(("y", "target", "targets", "labels", "label", "output"))

_ABOUT = frozenset(("feature_names", "target_names", "DESCR", "filename", "frame", "images"))
"""What scikit-learn's data sets carry beside data and target."""


def read_numpy(path: Path, words: frozenset[str]) -> RawTable:
    """Read .npy or .npz; never unpickles.

    Raises:
        DataError: The file is broken, holds Python objects, or arrays that do not fit together.
    """
    arrays = _load(path)
    if path.suffix.lower() == ".npy":
        raw = from_array(arrays[""], words, path.name)
    else:
        raw = from_named(arrays, words, path.name)
    with path.open("rb") as file:
        raw.fingerprint = hashlib.file_digest(file, _hash).hexdigest()
    return raw


def read_numpy_folder(folder: Path, names: Sequence[str], words: frozenset[str]) -> RawTable:
    """Read x_train.npy, y_train.npy ... beside each other, or one .npz.

    Raises:
        DataError: As `read_numpy`.
    """
    if len(names) == 1:
        return read_numpy(folder / names[0], words)
    arrays = {}
    for name in names:
        for key, array in _load(folder / name).items():
            arrays[key or Path(name).stem] = array
    return from_named(arrays, words, folder.name)


def _hash() -> Any:
    return hashlib.blake2b(digest_size=16)


def _load(path: Path) -> dict[str, np.ndarray]:
    found = magic(first_bytes(path))
    expected = "a zip archive" if path.suffix.lower() == ".npz" else "a NumPy array"
    if found != expected:
        raise not_this(path, f"a NumPy file ({path.suffix})", found or "something else")
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return {"": loaded}
            return {name: loaded[name] for name in loaded.files}
    except ValueError as error:
        if "pickle" in str(error).lower():
            raise DataError(
                f"'{path.name}' holds pickled Python objects, which can run code when opened",
                where=str(path),
                fix="save plain arrays: numbers, or texts with dtype str instead of object",
            ) from error
        raise _broken(path, error) from error
    except (EOFError, zipfile.BadZipFile, KeyError, TypeError) as error:
        raise _broken(path, error) from error
    except OSError as error:
        raise unreadable(path, error) from error


def _broken(path: Path, error: Exception) -> DataError:
    return DataError(
        f"'{path.name}' is broken: {error}",
        where=str(path),
        fix="it may be cut off: copy or save it again",
    )


# --- one array --------------------------------------------------------------------------------


def from_array(
    array: np.ndarray,
    words: frozenset[str],
    name: str = "array",
    names: Sequence[str] | None = None,
) -> RawTable:
    """X -> RawTable: (n, d) becomes d columns, more axes one column of images or series.

    Args:
        names: For (n, d): what the d columns are called, instead of x1 to xd.
    """
    notes: list[str] = []
    if array.dtype.names:
        return from_columns({field: array[field] for field in array.dtype.names}, words, name)
    if isinstance(array, np.ma.MaskedArray):
        array = np.ma.filled(array.astype(np.float64), np.nan)
    _check_array(array, name)
    if array.ndim <= 2:
        matrix = array.reshape(len(array), -1)
        width = matrix.shape[1]
        titles = names if names is not None and len(names) == width else _numbered("x", width)
        columns = {}
        for position, title in enumerate(titles):
            values, note = column_values(str(title), matrix[:, position], words, name)
            columns[str(title)] = RawColumn(str(title), values)
            notes += [f"'{title}': {note}"] if note else []
    else:
        values, kind, note = _axes(array)
        turned = kind == "series" and values is not array
        columns = {kind: RawColumn(kind, values, turned=turned)}
        notes.append(note)
    places = Numbered(f"{name} row ", range(len(array)))
    return RawTable(name, columns, places, notes=notes, fingerprint=content_hash(columns))


def _check_array(array: np.ndarray, name: str) -> None:
    shape = " x ".join(map(str, array.shape)) or "a single number"
    if array.ndim == 0 or array.ndim > 4 or array.size == 0:
        raise DataError(
            f"an array of shape ({shape}) can't be learned from",
            where=name,
            fix="give rows first: (rows, columns), (rows, time, channels), "
            "(rows, height, width) or (rows, height, width, channels)",
        )
    if array.dtype.kind not in "biufMmUSO" or (array.ndim > 2 and array.dtype.kind not in "biuf"):
        raise DataError(
            f"an array of type {array.dtype} can't be learned from",
            where=name,
            fix="convert it to real numbers first",
        )
    if array.ndim == 2 and array.shape[1] > MOST_COLUMNS:
        raise DataError(
            f"an array of {array.shape[1]} columns is too wide (limit {MOST_COLUMNS})",
            where=name,
            fix="if each row is a picture or a series, reshape it to (rows, height, width) "
            "or (rows, time, channels)",
        )


def _numbered(letter: str, count: int) -> list[str]:
    return [f"{letter}{position}" for position in range(1, count + 1)]


def _axes(array: np.ndarray) -> tuple[np.ndarray, str, str]:
    """The array with channels last, "image" or "series", and why."""
    shape = array.shape
    if array.ndim == 4:
        if shape[1] in (1, 3, 4) and shape[3] not in (1, 3, 4):
            note = f"shape {shape} is read as images with channels first"
            return np.moveaxis(array, 1, 3), "image", note
        return array, "image", f"shape {shape} is read as (rows, height, width, channels)"
    square = shape[1] == shape[2] >= 8
    if array.dtype in (np.uint8, np.bool_, np.uint16) or square:
        why = "its pictures are square" if square else f"its values are {array.dtype}"
        return array, "image", f"shape {shape} is read as images because {why}"
    if why := channels_first(array):
        note = f"shape {shape} is read as (rows, channels, time): {why}"
        note += "; --as series=series reads it as (rows, time, channels)"
        return np.moveaxis(array, 1, 2), "series", note
    return array, "series", f"shape {shape} is read as (rows, time, channels)"


def channels_first(array: np.ndarray) -> str:
    """Why the second axis of a `(rows, ..., ...)` array holds channels and the last one time; '' if
    the second one is time, as it is where nothing speaks against it.

    >>> waves = np.sin(np.arange(50) / 5) + np.arange(6).reshape(2, 3, 1) % 4
    >>> channels_first(waves), channels_first(waves.transpose(0, 2, 1))
    ('along the last axis values follow each other more smoothly', '')
    """
    first, last = array.shape[1:]
    if first == 1 or last == 1:
        return "a series has more than one value" if first == 1 < last else ""
    rows = np.unique(np.linspace(0, len(array) - 1, SMOOTH_ROWS).astype(np.int64))
    some = array[rows].astype(np.float64)
    across, along = _roughness(some, 1), _roughness(some, 2)
    if along < CLEARLY * across:
        return "along the last axis values follow each other more smoothly"
    undecided = not across < CLEARLY * along
    if undecided and first <= FEW_CHANNELS and last >= MUCH_LONGER * first:
        return f"{first} is few for time, and {last} is many for channels"
    return ""


def _roughness(array: np.ndarray, axis: int) -> float:
    """How far neighbors along an axis are apart, as a share of those half of the axis apart.

    About 1 where their order means nothing, near 0 along time.
    """
    half = array.shape[axis] // 2

    def apart(steps: int) -> float:
        there = np.moveaxis(array, axis, 0)
        gaps = np.abs(there[steps:] - there[:-steps])
        known = gaps[np.isfinite(gaps)]
        return float(known.mean()) if known.size else 0.0

    far = apart(half)
    return apart(1) / far if far else 1.0


# --- X and y ----------------------------------------------------------------------------------


def from_pair(inputs: Any, answers: Any, words: frozenset[str], name: str = "(X, y)") -> RawTable:
    """(X, y) -> RawTable with the target named.

    Raises:
        DataError: The two have different lengths or shapes that can't be used.
    """
    raw = from_array(as_array(inputs, name), words, name)
    return _with_target(raw, as_array(answers, name), words)


def as_array(values: Any, where: str) -> np.ndarray:
    """Lists, tensors and the like as an array.

    Raises:
        DataError: They can't be put into one array.
    """
    try:
        return np.ma.asarray(values) if np.ma.isMaskedArray(values) else np.asarray(values)
    except (ValueError, TypeError) as error:
        raise DataError(
            f"the values can't be put into one array: {error}",
            where=where,
            fix="give an array whose rows are all of one length",
        ) from error


def _with_target(raw: RawTable, answers: np.ndarray, words: frozenset[str]) -> RawTable:
    if answers.ndim == 0 or len(answers) != len(raw):
        count = 0 if answers.ndim == 0 else len(answers)
        raise DataError(
            f"X has {len(raw)} rows and y has {count}",
            where=raw.name,
            fix="give one answer for each row of X",
        )
    answers = answers[:, 0] if answers.ndim == 2 and answers.shape[1] == 1 else answers
    if answers.ndim > 2:
        raise DataError(
            f"y has {answers.ndim} axes",
            where=raw.name,
            fix="give one answer a row (rows,) or several numbers a row (rows, k)",
        )
    if answers.ndim == 1:
        parts = {"y": answers}
    else:
        parts = {f"y{index + 1}": answers[:, index] for index in range(answers.shape[1])}
    for title, part in parts.items():
        values, note = column_values(title, part, words, raw.name)
        raw.columns[title] = RawColumn(title, values)
        raw.notes += [f"'{title}': {note}"] if note else []
    raw.target = ",".join(parts)
    raw.fingerprint = content_hash(raw.columns)
    return raw


# --- named arrays -----------------------------------------------------------------------------


def from_named(data: Mapping[str, Any], words: frozenset[str], name: str) -> RawTable:
    """Arrays by name -> RawTable: X and y, x_train ... y_test, or one column a name.

    Raises:
        DataError: The arrays do not fit together.
    """
    parts = _parts(data)
    if parts:
        tables = [_part(data, part, found, words, name) for part, found in parts.items()]
        raw = tables[0] if len(tables) == 1 else _stack(tables, list(parts), name)
        used = {key for found in parts.values() for key in found.values()}
        others = [str(key) for key in data if key not in used and key not in _ABOUT]
        raw.notes += [f"arrays not read: {', '.join(others)}"] if others else []
        return raw
    arrays = {
        key: np.asarray(value) if not isinstance(value, (list, tuple)) else value
        for key, value in data.items()
    }
    if not arrays:
        raise DataError(f"'{name}' holds no arrays", where=name, fix="save X and y into it")
    return from_columns(arrays, words, name)


def _parts(data: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """'' or a split -> {"x": key, "y": key}, where the names follow one of the usual patterns."""
    parts: dict[str, dict[str, str]] = {}
    for key in data:
        pieces = str(key).lower().replace("-", "_").split("_")
        splits = [SPLITS[piece] for piece in pieces if piece in SPLITS]
        rest = [piece for piece in pieces if piece not in SPLITS]
        if len(rest) != 1 or len(splits) > 1:
            continue
        role = "x" if rest[0] in _INPUTS else "y" if rest[0] in _TARGETS else None
        if role:
            parts.setdefault(splits[0] if splits else "", {})[role] = key
    order = ("train", "valid", "test") if "train" in parts else ("",)
    chosen = {part: parts[part] for part in order if "x" in parts.get(part, {})}
    used = {key for found in chosen.values() for key in found.values()}
    whole = [data[found["x"]] for found in chosen.values()]
    if not chosen or not all(_depth(values) > 1 for values in whole):
        return {}
    rows = {len(values) for values in whole}
    # One more column beside "x" and "y": then these are the names of columns like any others.
    others = [key for key in data if key not in used and key not in _ABOUT]
    if any(len(data[key]) in rows for key in others if _depth(data[key]) == 1):
        return {}
    return chosen


def _depth(values: Any) -> int:
    """How many axes the values have; lists of different lengths have one."""
    try:
        return np.ndim(values)
    except ValueError:
        return 1


def _part(
    data: Mapping[str, Any], part: str, found: dict[str, str], words: frozenset[str], name: str
) -> RawTable:
    label = f"{name} {part}".strip()
    inputs = as_array(data[found["x"]], label)
    names = data.get("feature_names")
    raw = from_array(inputs, words, label, None if names is None else list(names))
    if "y" in found:
        raw = _with_target(raw, as_array(data[found["y"]], label), words)
    return raw


def _stack(tables: list[RawTable], parts: list[str], name: str) -> RawTable:
    from pellucid.data.readers.join import join

    return join(tables, parts, name, why=f"the arrays of {name} are named so")
