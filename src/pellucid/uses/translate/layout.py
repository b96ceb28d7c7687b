"""Does a source hold pairs of texts? Looked at by names and layout, never by the mere fact that a
table has two texts: most such tables are about something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pellucid.data import read
from pellucid.data.columns import RawTable
from pellucid.data.readers.pairs import (
    Pairs,
    aligned_files,
    begins_with_a_pair,
    catalogs,
    distinct,
    named_pair,
    pairs_of_table,
    read_aligned,
    read_catalogs,
    text_columns,
    words_each,
)
from pellucid.data.readers.tmx import memories, read_memories
from pellucid.errors import ConfigError, DataError, PellucidError
from pellucid.uses.use import Reading, Source

FEW_ANSWERS = 0.3
"""With fewer different answers than this share, answers are classes."""


def read_layout(source: Source) -> Reading | None:
    """What speaks for pairs; None if nothing does."""
    path = source.path
    try:
        if path is not None and path.is_file() and memories(path):
            return Reading(0.95, "a translation memory (TMX): texts in several languages")
        if source.settings.target is not None:
            return None  # a column is to be predicted: rows of a table
        if path is not None and path.is_dir():
            return _folder(path)
        if path is not None and path.is_file() and catalogs(path):
            return Reading(0.95, "a gettext catalog: what a program says, and its translation")
        if path is not None and path.suffix.lower() in (".txt", ".ts"):
            return None
        table = source.table
    except (OSError, PellucidError):
        return None
    return None if table is None else _table(table)


def _folder(path: Path) -> Reading | None:
    files = aligned_files(path)
    if files:
        first, second = next(iter(files.values()))
        return Reading(
            0.95, f"'{first.name}' and '{second.name}' are aligned files of two languages"
        )
    found = catalogs(path)
    if found and all(file.suffix.lower() in (".po", ".mo") for file in _files(path)):
        return Reading(0.9, f"{len(found)} gettext catalogs")
    kept = memories(path)
    if kept and len(kept) == len(_files(path)):
        return Reading(0.9, f"{len(kept)} translation memories (TMX)")
    return None


def _files(path: Path) -> list[Path]:
    return [file for file in path.rglob("*") if file.is_file() and not file.name.startswith(".")]


def _table(table: RawTable) -> Reading | None:
    names, sure, why = named_pair(table), 0.85, "two columns of text and nothing else"
    if names is None:
        names, sure, why = sentences_of(table), 0.6, "pairs of sentences, without a header"
    if names is None:
        return None
    answers = [str(value) for value in table.columns[names[1]].values[:2000] if value]
    sources = [str(value) for value in table.columns[names[0]].values[:2000] if value]
    if distinct(answers) < FEW_ANSWERS or words_each(sources) < 1:
        return None
    named = f", '{names[0]}' and '{names[1]}'" if sure > 0.8 else ""
    return Reading(sure, why + named)


def sentences_of(table: RawTable) -> tuple[str, str] | None:
    """The two columns of a table of sentences whose first line is no header."""
    names = text_columns(table)
    if len(names) != 2 or not begins_with_a_pair(table, (names[0], names[1])):
        return None
    return names[0], names[1]


def read_pairs(source: Source) -> Pairs:
    """The pairs of a source and of its test part.

    Raises:
        DataError: It holds none.
    """
    found = _read(source.given, source)
    if source.test is not None:
        found.part = ["train"] * len(found)
        found.extend(_read(source.test, source, found.names), "test")
    return found


def _read(given: Any, source: Source, names: tuple[str, str] | None = None) -> Pairs:
    """names: What the two sides are called, where other pairs said so before."""
    path = Path(given).expanduser() if isinstance(given, str | Path) else None
    if path is not None and path.is_dir() and aligned_files(path):
        return read_aligned(path)
    if path is not None and path.exists() and catalogs(path):
        return read_catalogs(path)
    settings = source.settings
    if path is not None and path.exists() and memories(path):
        return read_memories(path, settings.target, names)
    table = read.read(given, missing=settings.missing, split=settings.split)
    return pairs_of_table(table, _columns(table, settings.target))


def _columns(table: RawTable, target: str | None) -> tuple[str, str]:
    """Which column is the source and which the answer."""
    named = named_pair(table)
    texts = text_columns(table)
    if target is not None:
        table.column(target)  # raises if there is none
        others = [name for name in texts if name != target]
        if len(others) == 1:
            return others[0], target
    elif named is not None:
        return named
    elif len(texts) == 2:
        return texts[0], texts[1]
    if len(texts) < 2:
        raise DataError(
            f"'{table.name}' has {len(texts)} columns of text; pairs need two",
            where=f"{table.name} has: {', '.join(list(table.columns)[:8])}",
            fix="give a table with a source and its answer in each row",
        )
    raise ConfigError(
        f"'{table.name}' has {len(texts)} columns of text: which are the pairs?",
        where=", ".join(texts[:8]),
        fix="leave two of them: call them source and target, and drop the others",
    )
