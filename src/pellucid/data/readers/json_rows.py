"""JSON: one object a line, a list of objects, or one object of columns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.columns import RawColumn, RawTable, Refused
from pellucid.data.readers.dialect import unique_names
from pellucid.data.readers.encoding import decode
from pellucid.data.readers.frames import from_columns
from pellucid.data.readers.narrow import from_values
from pellucid.data.readers.places import Numbered
from pellucid.data.readers.sniff import magic, not_this, unreadable
from pellucid.errors import DataError


def read_json(path: Path, words: frozenset[str]) -> RawTable:
    """Read .jsonl, .ndjson or .json; objects inside objects become columns, one level deep.

    Raises:
        DataError: It is no JSON, holds no objects, or most of its lines are broken.
    """
    content = _bytes(path)
    text = _text(path, content)
    fingerprint = hashlib.blake2b(content, digest_size=16).hexdigest()
    del content
    if path.suffix.lower() == ".json" and not _is_lines(text):
        raw = _read_document(path, text, words)
    else:
        raw = _read_lines(path, text, words)
    raw.fingerprint = fingerprint
    for column in raw.columns.values():
        column.folder = path.parent if column.values.dtype == object else None
    return raw


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error


def _text(path: Path, content: bytes) -> str:
    found = magic(content[:4096])
    if found:
        raise not_this(path, "a JSON file", found)
    try:
        text, _ = decode(content)
    except ValueError as error:
        raise not_this(path, "a JSON file", str(error)) from error
    if not text.strip():
        raise DataError(
            f"'{path.name}' is empty",
            where=str(path),
            fix='give one object a line, such as {"rooms": 3, "price": 120}',
        )
    return text


def _is_lines(text: str) -> bool:
    """Whether a .json file really holds one object a line."""
    first = text.lstrip().split("\n", 1)[0]
    try:
        return isinstance(json.loads(first), dict) and bool(text.lstrip()[len(first) :].strip())
    except ValueError:
        return False


# --- a document -------------------------------------------------------------------------------


def _read_document(path: Path, text: str, words: frozenset[str]) -> RawTable:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise DataError(
            f"'{path.name}' is no JSON: {error}",
            where=str(path),
            fix="it may be cut off: save it again, or write one object a line as .jsonl",
        ) from error
    if isinstance(data, dict) and data and all(isinstance(value, list) for value in data.values()):
        return from_columns(data, words, path.name)
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        found = "an object" if isinstance(data, dict) else type(data).__name__
        raise DataError(
            f"'{path.name}' holds {found}, not a list of objects",
            where=str(path),
            fix='write [{"rooms": 3, "price": 120}, ...] or one object a line',
        )
    items = [(number, item) for number, item in enumerate(data, start=1)]
    return _to_table(path, items, [], words, "item")


# --- lines ------------------------------------------------------------------------------------


def _read_lines(path: Path, text: str, words: frozenset[str]) -> RawTable:
    items: list[tuple[int, dict[str, Any]]] = []
    refused: list[Refused] = []
    for number, line in _lines(text):
        try:
            item = json.loads(line, object_pairs_hook=_object)
        except ValueError as error:
            refused.append(Refused(f"{path.name} line {number}", f"no JSON: {error}"))
            continue
        if isinstance(item, dict):
            items.append((number, item))
        else:
            why = f"{type(item).__name__} instead of an object"
            refused.append(Refused(f"{path.name} line {number}", why))
    if len(refused) > len(items):
        raise DataError(
            f"{len(refused)} of {len(refused) + len(items)} lines of '{path.name}' "
            "are no JSON objects",
            where=f"{refused[0].place}: {refused[0].why}",
            fix='write one object a line, such as {"rooms": 3, "price": 120}',
        )
    return _to_table(path, items, refused, words, "line")


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Numbered lines that are not blank; only real line feeds count, as JSON has them."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    item = dict(pairs)
    if len(item) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"'{twice}' stands twice in one object")
    return item


def _to_table(
    path: Path,
    items: list[tuple[int, dict[str, Any]]],
    refused: list[Refused],
    words: frozenset[str],
    unit: str,
) -> RawTable:
    cells: dict[str, list[Any]] = {}
    for row, (number, item) in enumerate(items):
        for name, value in _flat(item, f"{path.name} {unit} {number}"):
            cells.setdefault(name, [None] * len(items))[row] = value
    notes: list[str] = []
    columns: dict[str, RawColumn] = {}
    for name, given in zip(unique_names(list(cells), notes), list(cells)):
        values, note = from_values(name, cells.pop(given), words, path.name)
        columns[name] = RawColumn(name, values)
        if note:
            notes.append(f"'{name}': {note}")
    numbers = np.array([number for number, _ in items], dtype=np.int64)
    places = Numbered(f"{path.name} {unit} ", numbers)
    return RawTable(path.name, columns, places, refused=refused, notes=notes)


def _flat(item: dict[str, Any], where: str) -> Iterator[tuple[str, Any]]:
    """(column, value) of an object; {"size": {"x": 1}} gives "size.x"."""
    for name, value in item.items():
        if not isinstance(value, dict):
            yield name, value
            continue
        for inner, deeper in value.items():
            if isinstance(deeper, dict):
                raise DataError(
                    f"'{name}.{inner}' is an object inside an object inside an object",
                    where=where,
                    fix="flatten it: only one level of objects can become columns",
                )
            yield f"{name}.{inner}", deeper
