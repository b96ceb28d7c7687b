"""Texts to go on with: a .txt file, a folder of texts without classes, dialogues in JSON lines or
in a table.

novel.txt            one long text
novels/*.txt         texts that have no classes
chat.jsonl           {"messages": [{"role": "user", "content": "..."}, ...]}
                     {"prompt": "...", "response": "..."}, {"text": "..."}
chat.csv             columns prompt and response (or answer), or a column text
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pellucid.data.columns import RawTable, Refused
from pellucid.data.readers.delimited import read_delimited
from pellucid.data.readers.encoding import decode
from pellucid.data.readers.folder import LARGEST_TEXT, list_folder
from pellucid.data.readers.sniff import TEXT, suffix
from pellucid.errors import DataError

TEXT_ROLE = "text"
ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
}
"""How dialogues name who speaks -> how we do."""
QUESTIONS = ("prompt", "instruction")
ANSWERS = ("response", "completion", "output", "answer")
LINES = frozenset((".jsonl", ".ndjson", ".json"))
TABLES = frozenset((".csv", ".tsv"))


@dataclass(frozen=True)
class Turn:
    """What one speaker says; role: "system", "user", "assistant", or "text" of a plain text."""

    role: str
    text: str


@dataclass(frozen=True)
class Document:
    """One text or dialogue. place: how a person finds it. part: "train" or "test" where the source
    says so. begins, ends: whether its own start and end are those of the whole text, and not of a
    section of it."""

    place: str
    turns: tuple[Turn, ...]
    part: str = ""
    begins: bool = True
    ends: bool = True

    @property
    def text(self) -> str:
        """All that is said, one turn after the other."""
        return "\n".join(turn.text for turn in self.turns)

    @property
    def asked(self) -> int:
        """Characters that are to be predicted: of a dialogue, what the assistant says."""
        return sum(len(turn.text) for turn in self.turns if turn.role in (TEXT_ROLE, "assistant"))


@dataclass
class Corpus:
    """Documents as read. dialogues: whether they have turns."""

    name: str
    documents: list[Document]
    refused: list[Refused] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def dialogues(self) -> bool:
        return any(turn.role != TEXT_ROLE for one in self.documents for turn in one.turns)

    @property
    def fingerprint(self) -> str:
        """Hash of the content, to know the same data again."""
        digest = hashlib.blake2b(digest_size=10)
        for document in self.documents:
            for turn in document.turns:
                digest.update(f"{document.part}\0{turn.role}\0{turn.text}\0".encode())
        return digest.hexdigest()


def read_corpus(source: Any) -> Corpus:
    """Texts or dialogues of a path, of a list of texts, or of a list of dialogues as dicts.

    Raises:
        DataError: There is nothing to read, or nothing in it is a text.
    """
    if isinstance(source, str | Path):
        path = Path(source).expanduser()
        if not path.exists():
            raise DataError(
                f"there is no file or folder '{path.name}'",
                where=str(path.parent),
                fix="give a .txt file, a folder of .txt files, or dialogues as .jsonl",
            )
        found = _folder(path) if path.is_dir() else _file(path)
    elif isinstance(source, Sequence) or hasattr(source, "tolist"):
        items = source if isinstance(source, Sequence) else source.tolist()
        found = _records("list", _placed("list item", enumerate(items, start=1)))
    else:
        raise DataError(
            f"a {type(source).__name__} is no source of texts",
            where=f"{source!r:.60}",
            fix="give a path, a list of texts, or a list of dialogues as dicts",
        )
    if not found.documents:
        first = f": {found.refused[0].place}: {found.refused[0].why}" if found.refused else ""
        raise DataError(
            f"'{found.name}' holds no text{first}",
            where=found.name,
            fix="give texts that other programs can open, such as .txt in UTF-8",
        )
    return found


def _folder(path: Path) -> Corpus:
    """Every .txt below a folder, one document a file; folders named train and test are parts."""
    listing = list_folder(path)
    found = Corpus(listing.name, [], list(listing.refused))
    for file in listing.files:
        place = listing.place(file)
        if file.suffix.lower() not in TEXT:
            why = f"unknown kind of file ({file.suffix or 'no extension'})"
            found.refused.append(Refused(place, why))
            continue
        part = file.parts[0].lower() if len(file.parts) > 1 else ""
        text = _text(path / file, place, found)
        if text is not None:
            found.documents.append(Document(place, (Turn(TEXT_ROLE, text),), _part(part)))
    return found


def _part(folder: str) -> str:
    """The part that a folder's name stands for; "" if it stands for none."""
    return {"train": "train", "test": "test", "valid": "valid", "val": "valid"}.get(folder, "")


def _file(path: Path) -> Corpus:
    if suffix(path) in LINES:
        return _lines(path)
    if suffix(path) in TABLES:
        return _table(path)
    found = Corpus(path.name, [])
    text = _text(path, path.name, found)
    if text is not None:
        found.documents.append(Document(path.name, (Turn(TEXT_ROLE, text),)))
    return found


def _text(path: Path, place: str, found: Corpus) -> str | None:
    """The text of a file; None if it is none, which `found` then knows."""
    try:
        if path.stat().st_size > LARGEST_TEXT:
            raise ValueError(f"it is larger than {LARGEST_TEXT >> 20} MB: split it")
        text, encoding = decode(path.read_bytes())
    except (ValueError, OSError) as error:
        found.refused.append(Refused(place, str(error)))
        return None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        found.refused.append(Refused(place, "empty"))
        return None
    if not encoding.startswith("utf-8"):
        found.notes.append(f"{place} was read as {encoding}")
    return text


def _lines(path: Path) -> Corpus:
    """Dialogues and texts of a file with one JSON object a line, or one list of them."""
    broken = Corpus(path.name, [])
    content = _text(path, path.name, broken)
    if content is None:
        return broken
    if content.lstrip().startswith("["):
        try:
            items = json.loads(content)
        except ValueError as error:
            raise DataError(
                f"'{path.name}' is no JSON: {error}",
                where=str(path),
                fix="write one JSON object a line, or a list of them",
            ) from error
        return _records(path.name, _placed(f"{path.name} item", enumerate(items, start=1)))
    rows = [(number, line) for number, line in enumerate(content.split("\n"), 1) if line.strip()]
    parsed: list[tuple[int, Any]] = []
    refused = []
    for number, line in rows:
        try:
            parsed.append((number, json.loads(line)))
        except ValueError as error:
            refused.append(Refused(f"{path.name} line {number}", f"no JSON: {error}"))
    found = _records(path.name, _placed(f"{path.name} line", parsed))
    found.refused = refused + found.refused
    return found


def _table(path: Path) -> Corpus:
    """Dialogues and texts of a table, one a row."""
    table = read_delimited(path, frozenset())
    found = _records(path.name, zip(table.places, rows_of(table), strict=True))
    found.refused = table.refused + found.refused
    return found


def rows_of(table: RawTable) -> list[dict[str, str]]:
    """Each row as texts by column, without what is missing or blank; capitals in the names of
    columns don't count."""
    columns = {name.strip().lower(): column.values for name, column in table.columns.items()}
    texts = {name: ["" if one is None else str(one) for one in values]
             for name, values in columns.items()}  # fmt: skip
    return [
        {name: own[row] for name, own in texts.items() if own[row].strip()}
        for row in range(len(table))
    ]


def _placed(unit: str, items: Iterable[tuple[int, Any]]) -> Iterable[tuple[str, Any]]:
    return ((f"{unit} {number}", item) for number, item in items)


def _records(name: str, items: Iterable[tuple[str, Any]]) -> Corpus:
    """Dialogues and texts, each behind its place."""
    found = Corpus(name, [])
    for place, item in items:
        try:
            found.documents.append(Document(place, turns_of(item)))
        except ValueError as error:
            found.refused.append(Refused(place, str(error)))
    return found


def turns_of(item: Any) -> tuple[Turn, ...]:
    """The turns of one text or dialogue.

    Raises:
        ValueError: It is neither, with the reason.
    """
    if isinstance(item, str):
        turns: tuple[Turn, ...] = (Turn(TEXT_ROLE, item),)
    elif isinstance(item, Mapping):
        turns = _dialogue(item)
    else:
        raise ValueError(f"neither a text nor a dialogue but a {type(item).__name__}")
    if not any(turn.text.strip() for turn in turns):
        raise ValueError("empty")
    return turns


def _dialogue(item: Mapping[str, Any]) -> tuple[Turn, ...]:
    said = item.get("messages", item.get("conversations"))
    if said is not None:
        turns = tuple(_turn(one) for one in said)
        if not any(turn.role == "assistant" for turn in turns):
            raise ValueError("nobody answers in it: a turn of the role 'assistant' is missing")
        return turns
    asked, answered = question_of(item)
    if asked and answered:
        more = str(item.get("input") or "")
        question = str(item[asked]) + ("\n" + more if more else "")
        return (Turn("user", question), Turn("assistant", str(item[answered])))
    if isinstance(item.get("text"), str):
        return (Turn(TEXT_ROLE, item["text"]),)
    raise ValueError("no 'messages', no 'prompt' with a 'response', and no 'text'")


def question_of(item: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The names of the fields that ask and that answer."""
    asked = next((name for name in QUESTIONS if isinstance(item.get(name), str)), None)
    answered = next((name for name in ANSWERS if isinstance(item.get(name), str)), None)
    return asked, answered


def _turn(one: Any) -> Turn:
    if not isinstance(one, Mapping):
        raise ValueError("a message is no object with 'role' and 'content'")
    role = str(one.get("role", one.get("from", ""))).lower()
    if role not in ROLES:
        raise ValueError(f"nobody is called '{role}' in a dialogue: use user and assistant")
    content = one.get("content", one.get("value"))
    if not isinstance(content, str):
        raise ValueError(f"what the {role} says is no text")
    return Turn(ROLES[role], content)
