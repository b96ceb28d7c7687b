"""Columns: what there is to learn from, before and after we know what it means.

A source is read into a `RawTable` of `RawColumn`s (values as they stand in the file). Each
modality then says whether it recognizes a column, and why. The winner turns the column's values
into tensors in four small steps:

    recognize   is this column mine, and what is the evidence?
    load        decode every value once (files are opened here); nothing is learned yet
    fit         learn what encoding needs (a mean, a vocabulary) from the training rows only
    encode      values -> one array, rows first, ready to become a tensor

A new kind of value is one file in `data/modalities/` with one line of registration.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from pellucid.errors import ConfigError, did_you_mean

Role = Literal["input", "target", "ignored"]
Split = Literal["train", "valid", "test"]
Progress = Callable[[int, int], None]
"""Called with (done, total) during long work; must be cheap and must not raise."""


def silent(done: int, total: int) -> None:
    """A `Progress` that shows nothing."""


# --- as read --------------------------------------------------------------------------------


@dataclass
class RawColumn:
    """One column as it was read; a missing value is NaN, NaT or None.

    values: rows first, one of
        float64 `(rows,)`            numbers (whole numbers too)
        object `(rows,)` of str      anything written as text, file names included
        datetime64[us] `(rows,)`     dates that the file itself declares (Parquet, Excel, frames)
        object `(rows,)` of ndarray  one array a row, of any length: series, lists of numbers
        object `(rows,)` of list     lists of words (several labels at once)
        any dtype `(rows, ...)`      one array a row, all of one shape: images, series
    folder: where relative file names in this column start; None if the source has no folder.
    turned: whether the last two axes of an array were swapped to read it as series.
    """

    name: str
    values: np.ndarray
    folder: Path | None = None
    turned: bool = False

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: np.ndarray) -> RawColumn:
        """The same column with only these rows, in this order."""
        return RawColumn(self.name, self.values[rows], self.folder, self.turned)

    def missing(self) -> np.ndarray:
        """bool `(rows,)`: which values are not there."""
        if self.values.ndim > 1:
            return np.zeros(len(self.values), dtype=bool)
        if self.values.dtype == object:
            return np.array([value is None for value in self.values], dtype=bool)
        if self.values.dtype.kind == "M":
            return np.isnat(self.values)
        if self.values.dtype.kind == "f":
            return np.isnan(self.values)
        return np.zeros(len(self.values), dtype=bool)


@dataclass
class Refused:
    """A line or file of the source that could not even become a row."""

    place: str
    why: str


@dataclass
class RawTable:
    """A source as read: equally long columns and how to name each row to a person."""

    name: str
    columns: dict[str, RawColumn]
    places: Sequence[str]
    """`places[row]` names a row to a person: 'houses.csv line 41', 'flowers/rose/03.jpg'."""
    target: str | None = None
    """The target where the layout itself says so: the names of class folders, `y` of an .npz."""
    split: np.ndarray | None = None
    """object `(rows,)` of 'train' | 'valid' | 'test' where the source gives the split."""
    split_why: str = ""
    refused: list[Refused] = field(default_factory=list)
    repaired: dict[int, str] = field(default_factory=dict)
    """Rows that the reader itself had to mend, and how."""
    notes: list[str] = field(default_factory=list)
    """What the reader found out: 'delimiter ";"', 'encoding cp1252', '1 sheet of 3 read'."""
    fingerprint: str = ""
    """Hash of the content, to know the same data again."""
    unlabelled: bool = False
    """Whether the layout itself says which rows have no answer: a folder of that name."""

    def __len__(self) -> int:
        return len(self.places)

    def column(self, name: str) -> RawColumn:
        """The column of that name, or an error that names the nearest one."""
        if name not in self.columns:
            raise ConfigError(
                f"there is no column '{name}'",
                where=self.name,
                fix=did_you_mean(name, self.columns),
            )
        return self.columns[name]


# --- as understood --------------------------------------------------------------------------


@dataclass(frozen=True)
class Reading:
    """A modality's claim on a column: how sure (0 to 1), and the evidence in words."""

    sure: float
    why: str


@dataclass(frozen=True)
class Entry:
    """How a column's values enter a network: the rank contract.

    way: "lookup" turns whole numbers into rows of a table, "project" maps floats linearly.
    positions: the axes between batch and width: () a value, (time,) a sequence, (height, width)
        a picture. The length of `positions` is the rank: 0, 1 or 2.
    size: lookup: how many different numbers there are; project: floats at each position.
    group: columns of one group travel in one tensor, side by side along the last axis. Rank-0
        columns share the groups "scalars" (project) and "categories" (lookup); every other
        column is a group of its own, named after it.
    """

    way: Literal["lookup", "project"]
    positions: tuple[int, ...]
    size: int
    group: str

    @property
    def rank(self) -> int:
        return len(self.positions)


DrawingKind = Literal["number", "word", "text", "image", "audio", "series", "list"]


@dataclass(frozen=True)
class Drawing:
    """A value as a person would see it; interfaces decide how to render each kind.

    kind and data:
        number: float                  word: str (a category, a date)
        text: str                      list: list[str]
        image: uint8 (height, width, 1 | 3)
        audio: {"rate": int, "wave": float32 (samples,) or None, "picture": float32 (frames, bands)}
        series: float32 (time, channels)
    """

    kind: DrawingKind
    data: Any


@dataclass
class Loaded:
    """A column's values after decoding; the same rows as the raw column.

    values: rows first, whatever `fit` and `encode` of the same modality take.
    layout: JSON-able geometry read off the files themselves (side, channels, sample rate,
        length): no statistics of the values, so that it may be found on all rows.
    problems: row -> why this row can't be used (a broken file); it will be set aside.
    repairs: row -> what was mended (a value that was no number became "missing").
    """

    values: Any
    layout: dict[str, Any] = field(default_factory=dict)
    problems: dict[int, str] = field(default_factory=dict)
    repairs: dict[int, str] = field(default_factory=dict)

    def take(self, rows: np.ndarray) -> Loaded:
        """Only these rows; problems and repairs are dropped, the ledger has them by now."""
        return Loaded(self.values[rows], self.layout)


class Modality:
    """One kind of value. Stateless: what it learned travels as the JSON-able dict `fitted`."""

    name: ClassVar[str]

    def recognize(self, raw: RawColumn) -> Reading | None:
        """Whether these values are of this kind; looks at values, not only at the name."""
        raise NotImplementedError

    def load(
        self, raw: RawColumn, layout: dict[str, Any] | None = None, progress: Progress = silent
    ) -> Loaded:
        """Decode every value once. `layout` is given at prediction, found at training."""
        raise NotImplementedError

    def load_beside(
        self,
        raw: RawColumn,
        layout: dict[str, Any] | None = None,
        progress: Progress = silent,
        *,
        others: int,
    ) -> Loaded:
        """`load`; a row may lack this value if `others` columns describe it as well."""
        loaded = self.load(raw, layout, progress)
        if not others:
            return loaded
        lacking = np.flatnonzero(raw.missing()).tolist()
        problems = {row: why for row, why in loaded.problems.items() if row not in set(lacking)}
        stands = f"{raw.name}: no {self.name}: the other columns speak for the row"
        repairs = {row: stands for row in lacking if row in loaded.problems}
        return replace(loaded, problems=problems, repairs=loaded.repairs | repairs)

    def on_purpose(self, loaded: Loaded, answers: np.ndarray) -> Loaded:
        """What looked broken and is meant to be so, as what they are to tell apart shows.

        Args:
            answers: object `(rows,)`: the class of each row, as it was read.
        """
        return loaded

    def fit(self, loaded: Loaded) -> dict[str, Any]:
        """Learn what `encode` needs from these (training) rows; JSON-able."""
        raise NotImplementedError

    def encode(self, loaded: Loaded, fitted: dict[str, Any]) -> np.ndarray:
        """`(rows, *positions[, size])`: float32 or uint8 to project, int32 to look up."""
        raise NotImplementedError

    def entry(self, name: str, fitted: dict[str, Any]) -> Entry:
        """How the encoded column `name` enters a network."""
        raise NotImplementedError

    def numbers(self, fitted: dict[str, Any]) -> list[str]:
        """What each number of an encoded value without positions says; '' is the value itself."""
        return [""]

    def draw(self, loaded: Loaded, row: int) -> Drawing:
        """Row `row` as a person would see it."""
        raise NotImplementedError

    def keys(self, loaded: Loaded) -> list[str | None]:
        """One string a row; rows with equal keys are near-duplicates. None: too little to say."""
        raise NotImplementedError


MODALITIES: dict[str, Modality] = {}


def modality(kind: type[Modality]) -> type[Modality]:
    """Register a kind of value under its name."""
    if kind.name in MODALITIES:
        raise ValueError(f"two modalities are called '{kind.name}'")
    MODALITIES[kind.name] = kind()
    return kind


@dataclass
class Column:
    """A column as understood: what it is, what it is for, and why we think so."""

    name: str
    modality: str
    role: Role
    why: str
    fitted: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "modality": self.modality,
            "role": self.role,
            "why": self.why,
            "fitted": self.fitted,
        }
