"""Does a source hold texts to go on with? Looked at by its layout and its first lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pellucid.data.columns import RawTable
from pellucid.data.readers.encoding import decode
from pellucid.data.readers.folder import list_folder
from pellucid.data.readers.pairs import distinct, words_each
from pellucid.data.readers.sniff import TEXT, media_kind, suffix
from pellucid.data.readers.texts import ANSWERS, LINES, QUESTIONS, TABLES, question_of
from pellucid.errors import PellucidError
from pellucid.uses.use import Reading, Source

LOOKED_AT = 100_000
"""Bytes of a file that are looked at."""
ENOUGH = 2_000
"""Characters without which a text is not taken for one to go on with."""
WORDS_A_LINE = 4
FEW_ANSWERS, WORDS_AN_ANSWER = 0.3, 2
"""With fewer different answers than this share, or fewer words each, answers are classes."""
DELIMITERS = "\t;|,"


def read_layout(source: Source) -> Reading | None:
    """What speaks for texts to go on with; None if nothing does."""
    if source.settings.target is not None:
        return None  # a column is to be predicted: rows of a table
    if isinstance(source.given, list):
        return _records(source.given[:100], "the list")
    path = source.path
    try:
        if path is None or not path.exists():
            return None
        if path.is_dir():
            return _folder(path)
        if suffix(path) in LINES:
            return _records(_first_objects(path), "the file")
        if suffix(path) in TABLES and source.table is not None:
            return _dialogues(source.table)
        if path.suffix.lower() in TEXT:
            return _prose(_start_of(path))
    except (OSError, ValueError, PellucidError):
        return None
    return None


def _start_of(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(LOOKED_AT)
    # The last bytes may be half a letter.
    cut = start[: max(start.rfind(b"\n"), start.rfind(b" "))] if len(start) == LOOKED_AT else start
    return decode(cut)[0]


def _prose(text: str) -> Reading | None:
    """One file is a text if it reads like one, and not like a table."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(text) < ENOUGH or not lines:
        return None
    words = sum(len(line.split()) for line in lines) / len(lines)
    letters = sum(letter.isalpha() or letter.isspace() for letter in text) / len(text)
    if words < WORDS_A_LINE or letters < 0.8:
        return None
    for sign in DELIMITERS:
        # Lines of a table all have the same number of separators; sentences don't.
        counts = [line.count(sign) for line in lines]
        usual = max(set(counts), key=counts.count)
        if usual > 0 and counts.count(usual) >= 0.6 * len(lines):
            return None
    return Reading(0.8, f"one text: {words:.0f} words a line, and no columns")


def _folder(path: Path) -> Reading | None:
    """Texts that lie side by side, without class folders and without a table."""
    listing = list_folder(path)
    kinds = {file: media_kind(path / file) for file in listing.files}
    texts = [file for file in listing.files if file.suffix.lower() in TEXT]
    if not texts or len(texts) < 0.9 * len(kinds):
        return None
    parts = ("train", "test", "valid", "val")
    inside = [file for file in texts if len(file.parts) > 1 and file.parts[0].lower() not in parts]
    classes = [file for file in texts if len(file.parts) > 2]
    if inside or classes:
        return None  # the names of its folders are answers
    letters = sum((path / file).stat().st_size for file in texts)
    if letters < ENOUGH:
        return None
    if len(texts) == 1:
        found = _prose(_start_of(path / texts[0]))
        return found and Reading(found.sure, f"a folder with one text; {found.why}")
    return Reading(0.7, f"a folder of {len(texts):,} texts without classes")


def _first_objects(path: Path) -> list[Any]:
    start = _start_of(path)
    if start.lstrip().startswith("["):
        found = json.loads(start) if path.stat().st_size < LOOKED_AT else []
        return list(found)[:100]
    lines = [line for line in start.splitlines() if line.strip()]
    if path.stat().st_size >= LOOKED_AT:
        lines = lines[:-1]
    return [json.loads(line) for line in lines[:100]]


def _dialogues(table: RawTable) -> Reading | None:
    """A column of prompts, a column of answers, and nothing else."""
    plain = {name.strip().lower(): name for name in table.columns}
    asked = next((plain[name] for name in QUESTIONS if name in plain), None)
    answered = next((plain[name] for name in ANSWERS if name in plain), None)
    if len(plain) != 2 or asked is None or answered is None:
        return None
    said = [str(value) for value in table.columns[answered].values[:2000] if value is not None]
    if distinct(said) < FEW_ANSWERS or words_each(said) < WORDS_AN_ANSWER:
        return None  # its answers are classes
    return Reading(0.85, f"two columns and nothing else, '{asked}' and '{answered}'")


def _records(items: list[Any], what: str) -> Reading | None:
    if not items or not all(isinstance(item, Mapping) for item in items):
        return None
    if all(isinstance(item.get("messages", item.get("conversations")), list) for item in items):
        return Reading(0.95, f"every row of {what} is a dialogue of messages")
    if all(None not in question_of(item) for item in items):
        asked, answered = question_of(items[0])
        return Reading(0.9, f"every row of {what} has a '{asked}' and a '{answered}'")
    if all(set(item) == {"text"} and isinstance(item["text"], str) for item in items):
        return Reading(0.6, f"{what} has texts and nothing else")
    return None
