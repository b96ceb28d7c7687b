"""How a run touches the disk, so that a kill at any moment leaves something readable.

A file that changes is written beside its place and renamed over it; a file that grows is only
appended to, and what a kill left of its last row or line is cut before the next one.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as safetensors_bytes

from pellucid.errors import BundleError

Arrays = dict[str, np.ndarray]


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary name to write to; it takes the place of `path` if the block succeeds.

    durable: wait until the disk has it. Without that a kill loses nothing either; only a power
    cut may.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    try:
        yield beside
        if durable:
            _sync(beside)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    if durable:
        _sync(path.parent)


def _sync(path: Path) -> None:
    if path.is_dir() and os.name == "nt":  # Windows can't open a folder; its renames are journaled
        return
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# --- JSON -----------------------------------------------------------------------------------


def write_json(path: Path, data: Any, *, durable: bool = True) -> None:
    """Write `data`; NumPy numbers and arrays become plain ones, NaN and infinities null."""
    text = json.dumps(plain(data), indent=1, ensure_ascii=False, allow_nan=False)
    with replacing(path, durable=durable) as beside:
        beside.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file of a run; BundleError if it is damaged or gone."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _gone(path) from None
    except (ValueError, OSError) as error:
        raise _damaged(path, error) from error


def plain(data: Any) -> Any:
    """The same data as dicts, lists, strings and finite numbers; None where there is no number."""
    if isinstance(data, Mapping):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, np.ndarray):
        return plain(data.tolist())
    if isinstance(data, list | tuple | set | frozenset):
        return [plain(value) for value in data]
    if isinstance(data, np.generic):
        return plain(data.item())
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, Path):
        return str(data)
    return data


# --- tensors --------------------------------------------------------------------------------


def write_arrays(
    path: Path, arrays: Arrays, notes: dict[str, str] | None = None, *, durable: bool = True
) -> int:
    """Write named arrays as safetensors, with `notes` in the header; returns the bytes written."""
    data = arrays_as_bytes(arrays, notes)
    with replacing(path, durable=durable) as beside:
        beside.write_bytes(data)
    return len(data)


def arrays_as_bytes(arrays: Arrays, notes: dict[str, str] | None = None) -> bytes:
    """Named arrays as a safetensors file, with `notes` in its header."""
    whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    data: bytes = safetensors_bytes(whole, notes)
    return data


def read_arrays(path: Path) -> Arrays:
    """Read all arrays of a safetensors file; BundleError if it is damaged or gone."""
    with opened(path) as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A safetensors file, to read some of its arrays; BundleError if it is damaged or gone."""
    if not path.exists():
        raise _gone(path)
    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error) from error


def read_arrays_header(path: Path) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """What a safetensors file says of its arrays, without reading one: name -> "dtype", "shape" and
    "data_offsets"; and its notes. BundleError if it is damaged or gone."""
    if not path.exists():
        raise _gone(path)
    with open(path, "rb") as file:
        return _header(path, file)[:2]


def cut_arrays(path: Path, names: Collection[str], rows: Mapping[str, int] | None = None) -> bytes:
    """A safetensors file with only these arrays of another, byte for byte; names that it does not
    have are left out.

    Args:
        rows: Name -> the only place along axis 1 that is kept of it; axis 1 then has length 1.

    Raises:
        BundleError: The file is damaged or gone.
    """
    if not path.exists():
        raise _gone(path)
    rows = rows or {}
    with open(path, "rb") as file:
        known, notes, start = _header(path, file)
        head: dict[str, Any] = {"__metadata__": notes} if notes else {}
        parts, end = [], 0
        kept = [name for name in known if name in names]
        # In their order: widest numbers first, so that all stay aligned.
        for name in sorted(kept, key=lambda name: int(known[name]["data_offsets"][0])):
            about = known[name]
            first, last = about["data_offsets"]
            file.seek(start + first)
            part = file.read(last - first)
            if len(part) < last - first:
                raise _damaged(path, ValueError(f"it ends within '{name}'"))
            if name in rows:
                part = _one_of_axis_1(part, about["shape"], rows[name])
                about = {**about, "shape": [about["shape"][0], 1, *about["shape"][2:]]}
            parts.append(part)
            head[name] = {**about, "data_offsets": [end, end + len(part)]}
            end += len(part)
    text = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *parts])


def _one_of_axis_1(part: bytes, shape: list[int], place: int) -> bytes:
    """Of an array's bytes those at one place along axis 1."""
    whole = np.frombuffer(part, np.uint8).reshape(shape[0], shape[1], -1)
    return whole[:, place].tobytes()


def _header(path: Path, file: BinaryIO) -> tuple[dict[str, dict[str, Any]], dict[str, str], int]:
    """Arrays, notes, and the byte at which the values start."""
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    try:
        if not 2 <= length <= size - 8:
            raise ValueError("its header is not whole")
        head = json.loads(file.read(length))
        notes = head.pop("__metadata__", {})
        for about in head.values():
            first, last = about["data_offsets"]
            if not 0 <= first <= last:
                raise ValueError("its offsets make no sense")
        return head, notes, 8 + length
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path, error) from error


# --- files that grow ------------------------------------------------------------------------


def append(path: Path, data: bytes) -> None:
    """Add to the end of a file, in one write."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab") as file:
        file.write(data)


def append_line(path: Path, data: Mapping[str, Any]) -> None:
    """Add one JSON object on a line of its own."""
    text = json.dumps(plain(data), ensure_ascii=False, allow_nan=False)
    append(path, text.encode() + b"\n")


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a file that grows; a last line that a kill cut short is left out."""
    data = path.read_bytes() if path.exists() else b""
    try:
        return [json.loads(line) for line in data[: data.rfind(b"\n") + 1].splitlines()]
    except ValueError as error:
        raise _damaged(path, error) from error


def read_rows(path: Path, dtype: np.dtype[Any]) -> np.ndarray:
    """The rows of a binary file that grows; a last row that a kill cut short is left out."""
    data = path.read_bytes() if path.exists() else b""
    return np.frombuffer(data, dtype, count=len(data) // dtype.itemsize).copy()


def cut_torn_line(path: Path) -> None:
    """Make a file of lines ready to grow again after a kill."""
    if path.exists():
        data = path.read_bytes()
        os.truncate(path, data.rfind(b"\n") + 1)


def _gone(path: Path) -> BundleError:
    return BundleError(
        f"the run has no {path.name}",
        where=str(path),
        fix="restore the file from a backup, or learn again",
    )


def _damaged(path: Path, error: Exception) -> BundleError:
    return BundleError(
        f"{path.name} is damaged and can't be read",
        where=f"{path}: {error}",
        fix="restore the file from a backup, or learn again",
    )
