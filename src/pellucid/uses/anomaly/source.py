"""What there is to learn from, where nothing says what is strange; and labels, for the exam only.

A source is a table without target, or a folder: all files in it are examples of what is normal,
or it has folders `good` or `normal` for that and others for the exam (the layout of MVTec AD:
`train/good`, `test/good`, `test/scratch` ..., `ground_truth`).
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from pellucid.config import Settings
from pellucid.data import read
from pellucid.data.columns import RawColumn, RawTable
from pellucid.data.readers import folder
from pellucid.data.readers.arrays import SPLITS
from pellucid.data.readers.sniff import AUDIO, IMAGE
from pellucid.errors import ConfigError, DataError

CLEARLY_NORMAL = frozenset(
    {"normal", "good", "ok", "okay", "healthy", "inlier", "nominal", "benign", "fine", "usual"}
    | {"gut", "unauffällig", "fehlerfrei", "in ordnung", "i.o.", "bon", "sain", "bueno", "buono"}
)
"""Beside one of these, any other word of a column of answers says what is strange."""
NORMAL_WORDS = CLEARLY_NORMAL | {
    "0", "0.0", "no", "false", "negative", "regular", "legit", "background", "nein", "non"
}  # fmt: skip
STRANGE_WORDS = frozenset(
    {"anomaly", "anomalous", "abnormal", "outlier", "bad", "defect", "defective", "broken"}
    | {"1", "1.0", "yes", "true", "positive", "fault", "faulty", "fraud", "attack", "ng", "nok"}
    | {"unusual", "strange", "failure", "-1", "error", "alarm"}
    | {"anomalie", "ausreißer", "auffällig", "störung", "fehler", "fehlerhaft", "defekt", "kaputt"}
    | {"n.i.o.", "nio", "ja", "schlecht", "oui", "défaut", "panne", "mauvais", "anomalía"}
)
FOLDER_WORDS = frozenset({"good", "normal", "ok", "nominal", "healthy", "gut", "fehlerfrei"})
"""Names of folders that hold what is normal."""
LABEL_NAMES = frozenset(
    {"anomaly", "is_anomaly", "anomalous", "is_anomalous", "outlier", "is_outlier", "label"}
    | {"is_fraud", "abnormal", "is_abnormal", "y", "class", "target"}
    | {"anomalie", "ausreißer", "auffällig", "klasse", "classe", "clase"}
)
STATE_NAMES = frozenset(
    {"status", "state", "condition", "quality", "result", "verdict", "diagnosis"}
    | {"zustand", "qualität", "ergebnis", "befund", "diagnose", "état", "estado", "stato"}
)
"""Names of columns that may say what is normal, or just whether something was switched on: they are
taken at their word only if one of theirs is clearly normal."""
MASKS = "ground_truth"
MOST_WORDS = 6
"""With more different words a column is hardly about what is normal."""
LOOKED_AT = 1_000
"""Rows that are looked at for such words."""


@dataclass
class Found:
    """A source as read. strange: float `(rows,)`, 1 for anomalies, 0 for normal rows, NaN where
    nothing says so; only the exam may look at it. kinds: what each row's folder is called, if
    folders say what is normal; then rows of other folders are only for the exam."""

    table: RawTable
    strange: np.ndarray
    kinds: np.ndarray | None
    label: str | None
    notes: list[str] = field(default_factory=list)


def read_source(given: Any, settings: Settings, test: Any = None) -> Found:
    """Read a source and set its labels apart.

    Raises:
        DataError: It can't be read, or nothing in it is normal.
        ConfigError: `--target` names a column that does not mark anomalies.
    """
    table = _read(given, settings, test)
    notes = [*table.notes, *_without_masks(table)]
    name = settings.target or table.target or _label_column(table)
    if name is None:
        notes += _perhaps_labels(table)
        notes.append(
            "no column says which rows are anomalies: how many are found can't be known from "
            "this data; anomalies are planted to see what would be found"
        )
        return Found(table, np.full(len(table), np.nan), None, None, notes)
    column = table.column(name)
    del table.columns[name]
    if not table.columns:
        raise DataError(
            f"'{table.name}' has no column beside '{name}'",
            where=table.name,
            fix="give columns that describe the rows",
        )
    if table.target == name and settings.target is None:
        if isinstance(given, str | Path) and Path(given).is_dir():
            return _by_folders(replace(table, target=None), column, notes)
        if not _says(column):
            notes.append(f"the classes of '{name}' say nothing of anomalies: not looked at")
            return Found(
                replace(table, target=None), np.full(len(table), np.nan), None, None, notes
            )
    strange = _marked(column, table)
    notes.append(
        f"'{name}' marks {int(np.nansum(strange)):,} of {len(table):,} rows as anomalies"
        f" ({', '.join(sorted(_strange_words(_words(column))))}): it is "
        "only looked at in the exam, never to learn or to set thresholds"
    )
    return Found(table, strange, None, name, notes)


def layout_of(path: Path) -> str | None:
    """Why a folder asks for anomaly detection by its layout alone; None if it does not.

    Only where there is a single folder to learn from, named for what is normal; `normal` beside
    `pneumonia` is a question with two classes.
    """
    if not path.is_dir():
        return None
    listing = folder.list_folder(path)
    files = [PurePosixPath(file) for file in listing.files]
    media = [file for file in files if file.suffix.lower() in IMAGE | AUDIO]
    inside = [file for file in media if MASKS not in file.parts]
    parts = {file.parts[0] for file in inside if len(file.parts) > 1}
    train = next((part for part in parts if SPLITS.get(part.lower()) == "train"), None)
    if train is None:
        classes = {file.parts[0] for file in inside if len(file.parts) > 1}
        if len(classes) == 1 and (only := classes.pop()).lower() in FOLDER_WORDS:
            return f"the only folder to learn from is called '{only}'"
        return None
    classes = {file.parts[1] for file in inside if file.parts[0] == train and len(file.parts) > 2}
    if len(classes) == 1 and (only := classes.pop()).lower() in FOLDER_WORDS:
        return f"'{train}' has one folder, '{only}': only what is normal can be learned"
    return None


# --- reading ----------------------------------------------------------------------------------


def _read(given: Any, settings: Settings, test: Any) -> RawTable:
    """The source as a table; a folder of files without class folders is one row a file."""
    path = Path(given) if isinstance(given, str | Path) else None
    if path is not None and test is None and _is_flat(path):
        return folder.read_files(path.resolve(), "file")
    if test is None:
        return read.read(given, missing=settings.missing, split=settings.split)
    # The second source may have labels that the first one lacks.
    first = read.read(given, missing=settings.missing)
    second = read.read(test, missing=settings.missing)
    label = settings.target or second.target or _label_column(second)
    if label is not None and label in second.columns and label not in first.columns:
        nothing = np.full(len(first), None, dtype=object)
        first.columns[label] = RawColumn(label, nothing)
    return read.read(first, test=second, missing=settings.missing)


def _is_flat(path: Path) -> bool:
    """Whether a folder holds pictures or sounds directly, and no folders with more."""
    if not path.is_dir():
        return False
    listing = folder.list_folder(path)
    media = [file for file in listing.files if file.suffix.lower() in IMAGE | AUDIO]
    return bool(media) and len(media) == len(listing.files) and not listing.folders


def _without_masks(table: RawTable) -> list[str]:
    """Pictures of where defects are, as MVTec has them, are no examples: said, not used."""
    masks = [item for item in table.refused if f"/{MASKS}/" in f"/{item.place}"]
    if not masks:
        return []
    table.refused = [item for item in table.refused if item not in masks]
    return [f"{len(masks):,} files in '{MASKS}' show where defects are: not used, not counted"]


def _by_folders(table: RawTable, column: RawColumn, notes: list[str]) -> Found:
    """Folder names say what is normal; what is not is only for the exam."""
    kinds = np.array([str(value) for value in column.values], dtype=object)
    names = sorted(set(kinds.tolist()))
    normal = [name for name in names if name.lower() in NORMAL_WORDS]
    if not normal:
        if len(names) == 1:
            normal = names
        else:
            raise DataError(
                f"none of the folders is named for what is normal: {', '.join(names[:6])}",
                where=table.name,
                fix="call the folder to learn from 'good' or 'normal', or give that folder alone",
            )
    strange = (~np.isin(kinds, normal)).astype(np.float64)
    others = [name for name in names if name not in normal]
    if others:
        notes.append(
            f"learned from: {', '.join(normal)}; only in the exam: {', '.join(others[:8])}"
        )
    else:
        notes.append("all files are taken as normal; anomalies are planted for the exam")
        strange[:] = np.nan
    return Found(table, strange, kinds, column.name, notes)


# --- labels -----------------------------------------------------------------------------------


def _label_column(table: RawTable) -> str | None:
    """A column named for anomalies that holds nothing but words for normal and strange."""
    for name, column in table.columns.items():
        plain = name.strip().lower().replace(" ", "_")
        clear = plain in STATE_NAMES and bool(_words(column) & CLEARLY_NORMAL)
        if (plain in LABEL_NAMES or clear) and _says(column):
            return name
    return None


def _perhaps_labels(table: RawTable) -> list[str]:
    """Columns that may mark anomalies in words which are not known: said, and learned from like all
    others, since they may as well describe the rows."""
    first = np.arange(min(len(table), LOOKED_AT))
    found = {
        name: words
        for name, column in table.columns.items()
        if 2 <= len(words := _words(column.take(first))) <= MOST_WORDS and words & CLEARLY_NORMAL
    }
    return [
        f"'{name}' says {' and '.join(sorted(words))}, and is learned from: if it marks anomalies,"
        f" say --target {shlex.quote(name)}"
        for name, words in found.items()
    ]


def _says(column: RawColumn) -> bool:
    """Whether a column holds nothing but words for normal and strange."""
    words = _words(column)
    return bool(words & STRANGE_WORDS) and words <= NORMAL_WORDS | STRANGE_WORDS


def _words(column: RawColumn) -> set[str]:
    if column.values.ndim > 1 or column.values.dtype.kind == "M":
        return set()
    there = column.values[~column.missing()]
    return {_word(value) for value in there.tolist()}


def _word(value: object) -> str:
    text = str(value).strip().lower()
    return text.removesuffix(".0") if text not in ("0.0", "1.0") else text[0]


def _strange_words(words: set[str]) -> set[str]:
    return words - NORMAL_WORDS if words & CLEARLY_NORMAL else words & STRANGE_WORDS


def _marked(column: RawColumn, table: RawTable) -> np.ndarray:
    """float `(rows,)`: 1 anomaly, 0 normal, NaN unknown."""
    words = _words(column)
    strange_words = _strange_words(words)
    if words and words <= NORMAL_WORDS:
        raise ConfigError(
            f"'{column.name}' marks no anomaly: it says {' and '.join(sorted(words))} only",
            where=f"--target {column.name}, {table.name}",
            fix=f"use --ignore {column.name} instead: anomalies are then planted for the exam",
        )
    unclear = len(words) > 2 and not words & CLEARLY_NORMAL
    if not words <= NORMAL_WORDS | strange_words or unclear or not strange_words:
        shown = ", ".join(sorted(words)[:6])
        raise ConfigError(
            f"'{column.name}' does not say normal or anomaly; it says: {shown or 'nothing'}",
            where=f"--target {column.name}, {table.name}",
            fix="use the words normal and anomaly (or 0 and 1), or leave out --target",
        )
    missing = column.missing()
    return np.array(
        [
            np.nan if absent else float(_word(value) in strange_words)
            for value, absent in zip(column.values.tolist(), missing, strict=True)
        ]
    )
