"""Where a person asks a model of a use: what can be entered, and the answer as something to see.

Each use has a `Desk` of its own. The page knows no use: it draws the fields that a desk names, and
shows the finding that comes back, as it shows every other one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import numpy as np

from pellucid.data.columns import Column, Loaded, RawTable
from pellucid.data.readers.sniff import AUDIO, IMAGE, TABLE
from pellucid.errors import ConfigError, did_you_mean
from pellucid.evidence.finding import Cell, Finding, Table
from pellucid.interfaces.studio.given import Given
from pellucid.uses.use import Answerer

Kind = Literal["text", "line", "choice", "number", "picture", "recording", "table"]
MOST_NAMES = 500
"""Names that are suggested; any other one can be typed."""
LONGEST = 20_000
"""Characters of a text."""
ENDINGS = {"picture": IMAGE, "recording": AUDIO, "table": TABLE}
USUAL = {"picture": ".png or .jpg", "recording": ".wav or .mp3", "table": ".csv or .jsonl"}
SAID = {"picture": "a picture", "recording": "a recording", "table": "a table"}
READS = {"image": "picture", "audio": "recording"}

Model = TypeVar("Model", bound=Answerer)


@dataclass(frozen=True)
class Field:
    """One thing that can be entered.

    kind: "text" (several lines), "line", "choice" (a line with names to choose from), "number" (a
    slider from low to high), or a file: "picture", "recording", "table". watched: the part of a
    watched example that may stand there. needed: whether nothing can be asked without it.
    """

    name: str
    kind: Kind
    label: str
    value: str | float | None = None
    options: Sequence[str] = ()
    low: float = 0.0
    high: float = 1.0
    step: float = 1.0
    needed: bool = True
    watched: str | None = None


@dataclass(frozen=True)
class Way:
    """One way to ask. do: the words on its button. why: whether an answer can be explained."""

    name: str
    title: str
    do: str
    fields: list[Field]
    why: bool = True


@dataclass(frozen=True)
class Asked:
    """What somebody entered: `values` of fields, and `files`.

    tell: takes each piece of an answer that is written, as soon as it is there.
    """

    way: str
    values: dict[str, Any]
    files: dict[str, Path]
    model: str | None = None
    seconds: float = 2.0
    tell: Callable[[str], None] | None = None

    def text(self, name: str) -> str:
        """What was typed, without blanks around it; "" for nothing.

        Raises:
            ConfigError: It is too long, or no text.
        """
        value = self.values.get(name)
        if value is not None and not isinstance(value, str | int | float):
            raise ConfigError(f"'{name}' is no text", where=name, fix="send a text")
        text = "" if value is None else str(value).strip()
        if len(text) > LONGEST:
            raise ConfigError(
                f"the text has {len(text):,} characters, and at most {LONGEST:,} are read here",
                where=name,
                fix="give a shorter one; for all of it: pellucid predict RUN FILE",
            )
        return text

    def needed(self, name: str, what: str) -> str:
        """The same where nothing can be said without it."""
        text = self.text(name)
        if not text:
            raise ConfigError(f"there is no {what}", where=name, fix=f"type a {what}")
        return text

    def number(self, field: Field) -> float:
        """What a slider says, within its ends."""
        value = self.values.get(field.name, field.value)
        try:
            found = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            found = float("nan")
        if not field.low <= found <= field.high:
            raise ConfigError(
                f"'{field.name}' can't be {value!r:.40}",
                where=field.name,
                fix=f"give a number from {field.low:g} to {field.high:g}",
            )
        return found

    def file(self, name: str, kind: str) -> Path:
        """An upload.

        Raises:
            ConfigError: It is not there, or of another kind.
        """
        path = self.files.get(name)
        if path is None:
            raise ConfigError(
                f"there is no {SAID[kind].split()[1]}",
                where=name,
                fix=f"choose a file such as {USUAL[kind]}",
            )
        if path.suffix.lower() not in ENDINGS[kind]:
            raise ConfigError(
                f"'{path.name}' is not {SAID[kind]}",
                where=path.name,
                fix=f"choose a file such as {USUAL[kind]}",
            )
        return path


@dataclass(frozen=True)
class Reply:
    """lines: as `pellucid predict --json` gives them. rows: that the source had. shown: the same
    for people."""

    lines: list[dict[str, Any]]
    shown: Finding
    rows: int = field(default=1)


class Desk(ABC, Generic[Model]):
    """The questions that one use answers."""

    def __init__(self, model: Model) -> None:
        self.model = model

    @abstractmethod
    def ways(self) -> list[Way]:
        """How it can be asked, the usual way first."""

    @abstractmethod
    def answer(self, asked: Asked) -> Reply:
        """The answer to what was entered."""

    @abstractmethod
    def why(self, asked: Asked) -> Finding:
        """What the answer rests on."""


# --- what several uses have in common ---------------------------------------------------------


def known(name: str, names: Sequence[str], what: str) -> int:
    """Place of a name that was typed, whatever its case.

    Raises:
        ConfigError: There is none; the nearest one is suggested.
    """
    if name in names:
        return list(names).index(name)
    folded = [one.casefold() for one in names]
    if name.casefold() in folded:
        return folded.index(name.casefold())
    raise ConfigError(f"there is no {what} '{name:.60}'", where=what, fix=did_you_mean(name, names))


def column_fields(columns: Sequence[Column]) -> list[Field]:
    """A field for every input column; several make a row."""
    few = len(columns) == 1
    return [
        Field(
            column.name,
            _kind_of(column),
            SAID[READS[column.modality]].capitalize()
            if few and column.modality in READS
            else column.name,
            needed=few,
            watched=column.name,
        )
        for column in columns
    ]


def _kind_of(column: Column) -> Kind:
    if column.modality == "image":
        return "picture"
    if column.modality == "audio":
        return "recording"
    return "text" if column.modality in ("text", "series") else "line"


def row_of(asked: Asked, columns: list[Column]) -> Any:
    """The example that was entered, as a source: the path of a file, or a row as a dict."""
    for column in columns:
        if column.name in asked.files:
            asked.file(column.name, READS.get(column.modality, "table"))
    cells: dict[str, Any] = {}
    for column in columns:
        if column.modality in READS:
            continue
        text = asked.text(column.name)
        if column.modality == "series" and text:
            cells[column.name] = _numbers(column.name, text)
        else:
            cells[column.name] = text or None
    files = {name: path for name, path in asked.files.items() if name != "table"}
    if not files and not any(value is not None for value in cells.values()):
        raise ConfigError(
            "nothing was entered", where=columns[0].name, fix="fill in a field, or choose a file"
        )
    return Given(value=cells or None, files=files).source(columns)


def _numbers(name: str, text: str) -> list[Any]:
    """A series as it is typed: numbers with blanks between; one line a time if a line has several.

    >>> _numbers("x", "1 2, 3")
    [1.0, 2.0, 3.0]
    >>> _numbers("x", "1 2\\n3 4")
    [[1.0, 2.0], [3.0, 4.0]]
    """
    try:
        lines = [
            [float(word) for word in line.replace(",", " ").replace(";", " ").split()]
            for line in text.splitlines()
            if line.strip()
        ]
    except ValueError:
        raise ConfigError(
            f"'{name}' is a series of numbers", where=name, fix="type numbers with blanks between"
        ) from None
    return lines[0] if len(lines) == 1 else lines


def few_rows(path: Path, most: int) -> tuple[RawTable, int]:
    """The first rows of an uploaded table, and how many it has."""
    from pellucid.data.read import read_for_prediction

    table = read_for_prediction(path, [])
    rows = len(table)
    if rows > most:
        kept = np.arange(most)
        table.columns = {name: column.take(kept) for name, column in table.columns.items()}
        table.places = list(table.places)[:most]
    return table, rows


def table_of(lines: Sequence[dict[str, Any]], title: str, keys: Sequence[str]) -> Table:
    """Lines of `predict` as a table for people, rows counted from 1."""

    def cell(line: dict[str, Any], key: str) -> Cell:
        if "error" in line:
            return f"can't answer: {line['error']['what']}" if key == keys[0] else None
        value = line.get(key)
        return value if value is None or isinstance(value, str | int | float) else str(value)

    return Table(
        title,
        ("row", *keys),
        tuple((int(line["row"]) + 1, *(cell(line, key) for key in keys)) for line in lines),
    )


def drawn(column: Column, loaded: Loaded, row: int = 0) -> dict[str, Any]:
    """A decoded example as a drawing."""
    from pellucid.data.modalities import MODALITIES
    from pellucid.recipe.drawings import as_json

    return as_json(MODALITIES[column.modality].draw(loaded, row))
