"""Decode every file once, in parallel, and keep the result between runs.

The cache is keyed by content: the bytes of all files, and what was made of them. A file that
changes gives another key, so nothing is ever out of date; a file that moves gives the same one.
An entry is an array `KEY.npy` and its problems `KEY.json`, both written under another name and
then renamed, the array last: an entry that can be seen is complete, also with two runs at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pellucid.config import cache_folder
from pellucid.data.columns import Progress, silent

VERSION = 2
"""Part of every key: raise it when what is stored for the same files changes."""

LIMIT = 20 * 2**30
"""Bytes that the cache may hold; the entries unused for longest go first."""

IN_MEMORY = 64 * 2**20
"""Bytes up to which an array is simply read; a bigger one is mapped from the file."""

FEW = 32
"""Fewer files than this are decoded again: that costs less than keeping them."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class Unusable(Exception):
    """Raised while one file is read; its text becomes the problem of that row."""


@dataclass(frozen=True)
class Decoded:
    """values: `(files, *shape)`, zeros where there is a problem. problems: row -> what is wrong."""

    values: np.ndarray
    problems: dict[int, str]


# --- reading in parallel --------------------------------------------------------------------


def parallel(
    items: Sequence[Item], work: Callable[[Item], Result], progress: Progress = silent
) -> tuple[list[Result | None], dict[int, str]]:
    """`work` of every item, in order, and why it failed for some (`Unusable`).

    Threads are enough: the decoders let others run while they work.
    """
    results: list[Result | None] = [None] * len(items)
    problems: dict[int, str] = {}

    def block(start: int) -> int:
        stop = min(start + size, len(items))
        for row in range(start, stop):
            try:
                results[row] = work(items[row])
            except Unusable as error:
                problems[row] = str(error)
        return stop - start

    threads = _threads()
    # Small enough that the threads end together, large enough that handing over costs nothing.
    size = max(1, min(64, len(items) // (4 * threads)))
    with ThreadPoolExecutor(threads) as pool:
        blocks = [pool.submit(block, start) for start in range(0, len(items), size)]
        done = 0
        try:
            for future in as_completed(blocks):
                done += future.result()
                progress(done, len(items))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # nobody waits for the rest after Ctrl-C
    return results, dict(sorted(problems.items()))


def fingerprint(files: Sequence[Path | None], progress: Progress = silent) -> str:
    """One hash of the bytes of all files, in order; a file that can't be read counts as such."""
    digests, problems = parallel(files, _digest, progress)
    whole = hashlib.blake2b(digest_size=20)
    for row, digest in enumerate(digests):
        whole.update(digest or problems[row].encode())
    return whole.hexdigest()


def readable(path: Path | None) -> Path:
    """The path itself, or why nothing can be read from it.

    Raises:
        Unusable: There is no name, no file, nothing in the file, or no permission.
    """
    if path is None:
        raise Unusable("no file name")
    try:
        if path.is_dir():
            raise Unusable("a folder, not a file")
        size = path.stat().st_size
    except FileNotFoundError:
        raise Unusable(f"no such file: {path.name}") from None
    except (OSError, ValueError) as error:
        raise Unusable(f"can't be read: {_reason(error)}") from None
    if size == 0:
        raise Unusable("0 bytes")
    return path


def _digest(path: Path | None) -> bytes:
    try:
        with readable(path).open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=20)).digest()
    except OSError as error:
        raise Unusable(f"can't be read: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _threads() -> int:
    """The cores that this process may use, at most 8: then the disk is what one waits for."""
    if hasattr(os, "sched_getaffinity"):
        return min(8, len(os.sched_getaffinity(0)))
    return min(8, os.cpu_count() or 1)


# --- keeping --------------------------------------------------------------------------------


def decode_all(
    items: Sequence[Item],
    decode: Callable[[Item], np.ndarray],
    *,
    key: str,
    shape: tuple[int, ...],
    dtype: np.dtype[Any] | type[np.generic],
    progress: Progress = silent,
) -> Decoded:
    """Decode every item once, or take the result of an earlier run.

    Args:
        items: What to decode, usually paths; one row each.
        decode: Item -> array of `shape`; raises `Unusable` with the reason. Runs in threads.
        key: Names the content of the items and everything that decoding depends on.
        shape: Shape of one decoded item.

    Returns:
        Values `(items, *shape)` and the problems by row. Large values are mapped from the cache
        (changing them does not change the file), or lie in memory where it can't be written.
    """
    full = (len(items), *shape)
    needed = int(np.prod(full, dtype=np.int64)) * np.dtype(dtype).itemsize
    entry = _entry(key, full, dtype) if len(items) >= FEW else None
    if entry is not None:
        kept = _take(entry)
        if kept is not None:
            progress(len(items), len(items))
            return kept
    if entry is None or not _room(entry, needed):
        values = np.zeros(full, dtype=dtype)
        return Decoded(values, _fill(values, items, decode, progress))
    return _decode_to(entry, items, decode, full, dtype, progress)


def remember(key: str, make: Callable[[], Any]) -> Any:
    """`make()`, JSON-able, or what it gave in an earlier run under the same key."""
    folder = _folder()
    if folder is None:
        return make()
    path = folder / f"{_name(key)}.facts.json"
    try:
        found = json.loads(path.read_text("utf-8"))
        os.utime(path)
    except (OSError, ValueError):
        found = make()
        _write(path, found)
    return found


def content_key(values: np.ndarray) -> str:
    """One hash of what an array holds: numbers of any kind, or texts and None."""
    whole = hashlib.blake2b(f"{values.dtype} {values.shape}".encode(), digest_size=20)
    if values.dtype == object:
        whole.update(json.dumps(values.tolist()).encode())
    else:
        whole.update(np.ascontiguousarray(values).data)
    return whole.hexdigest()


def remember_array(key: str, make: Callable[[], np.ndarray]) -> np.ndarray:
    """`make()`, or the array that it gave in an earlier run under the same key."""
    folder = _folder()
    if folder is None:
        return make()
    entry = folder / f"{_name(key)}.npy"
    kept = _take(entry)
    if kept is not None:
        return kept.values
    values = make()
    if not _room(entry, values.nbytes):
        return values
    draft = entry.with_name(f"{entry.stem}.{uuid.uuid4().hex}.part")
    try:
        with draft.open("wb") as file:
            np.save(file, values, allow_pickle=False)
        _write(entry.with_suffix(".json"), {})
        os.replace(draft, entry)
    finally:
        draft.unlink(missing_ok=True)
    _prune(entry.parent, spare=entry)
    return values


def _decode_to(
    entry: Path,
    items: Sequence[Item],
    decode: Callable[[Item], np.ndarray],
    shape: tuple[int, ...],
    dtype: np.dtype[Any] | type[np.generic],
    progress: Progress,
) -> Decoded:
    draft = entry.with_name(f"{entry.stem}.{uuid.uuid4().hex}.part")
    values = np.lib.format.open_memmap(draft, mode="w+", dtype=np.dtype(dtype), shape=shape)
    try:
        problems = _fill(values, items, decode, progress)
        values.flush()
        del values  # Windows renames no file that is still mapped
        _write(entry.with_suffix(".json"), {str(row): why for row, why in problems.items()})
        os.replace(draft, entry)
    finally:
        draft.unlink(missing_ok=True)
    _prune(entry.parent, spare=entry)
    return Decoded(_open(entry), problems)


def _fill(
    values: np.ndarray,
    items: Sequence[Item],
    decode: Callable[[Item], np.ndarray],
    progress: Progress,
) -> dict[int, str]:
    def into(row: int) -> None:
        values[row] = decode(items[row])

    return parallel(range(len(items)), into, progress)[1]


def _take(entry: Path) -> Decoded | None:
    """The entry of an earlier run; None if there is none, or if it is damaged."""
    try:
        values = _open(entry)
        problems = json.loads(entry.with_suffix(".json").read_text("utf-8"))
        os.utime(entry)
    except (OSError, ValueError):
        return None
    return Decoded(values, {int(row): why for row, why in problems.items()})


def _open(entry: Path) -> np.ndarray:
    large = entry.stat().st_size > IN_MEMORY
    values: np.ndarray = np.load(entry, mmap_mode="c" if large else None, allow_pickle=False)
    return values


def _entry(
    key: str, shape: tuple[int, ...], dtype: np.dtype[Any] | type[np.generic]
) -> Path | None:
    folder = _folder()
    return folder and folder / f"{_name(key, str(shape), np.dtype(dtype).str)}.npy"


def _name(*parts: str) -> str:
    return hashlib.blake2b("\n".join((str(VERSION), *parts)).encode(), digest_size=20).hexdigest()


def _folder() -> Path | None:
    """Where entries lie; None if nothing can be written there (everything works without)."""
    try:
        folder = cache_folder() / "decoded"
        folder.mkdir(exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


def _room(entry: Path, needed: int) -> bool:
    # Writing to a mapped file on a full disk ends the process, so look before.
    free = shutil.disk_usage(entry.parent).free
    return needed < LIMIT and needed + 2**28 < free


def _write(path: Path, value: Any) -> None:
    """JSON under a name of its own, then renamed; what can't be written is found out again."""
    draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        draft.write_text(json.dumps(value), "utf-8")
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _prune(folder: Path, spare: Path) -> None:
    """Drop the entries unused for longest until `LIMIT` holds, and drafts that nobody finished."""
    entries: dict[str, tuple[float, int]] = {}  # stem -> last use, bytes
    for path in folder.iterdir():
        try:
            facts = path.stat()
        except FileNotFoundError:  # another run pruned it
            continue
        if path.suffix != ".part":
            used, size = entries.get(path.stem, (0.0, 0))
            entries[path.stem] = max(used, facts.st_mtime), size + facts.st_size
        elif time.time() - facts.st_mtime > 24 * 3600:
            _drop(path)
    total = sum(size for _, size in entries.values())
    for stem, (_, size) in sorted(entries.items(), key=lambda entry: entry[1]):
        if total <= LIMIT:
            return
        if stem != spare.stem:
            _drop(folder / f"{stem}.npy")
            _drop(folder / f"{stem}.json")
            total -= size


def _drop(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:  # Windows: another run has it open; it goes next time
        return
