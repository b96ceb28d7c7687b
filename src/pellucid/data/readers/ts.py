"""Series in .ts files, as sktime, aeon and the UEA/UCR archives write them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pellucid.data.columns import RawColumn, RawTable, Refused
from pellucid.data.readers.arrays import SPLITS
from pellucid.data.readers.encoding import decode
from pellucid.data.readers.join import join
from pellucid.data.readers.places import Numbered
from pellucid.data.readers.sniff import not_this, unreadable
from pellucid.errors import DataError


@dataclass
class _Header:
    """What the lines before @data say."""

    answer: str = ""
    """ "class", "number" or "" (no answers in this file)."""
    classes: list[str] = field(default_factory=list)
    timestamps: bool = False


@dataclass
class _Cases:
    """The parsed lines: one entry a row."""

    series: list[np.ndarray] = field(default_factory=list)
    answers: list[str | float | None] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    repaired: dict[int, str] = field(default_factory=dict)


def read_ts(path: Path, words: frozenset[str]) -> RawTable:
    """Read one .ts file: `series`, float32 (time, channels) a row, and `label` or `target`.

    Raises:
        DataError: It is no .ts file, or has no usable case.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    try:
        lines = decode(content)[0].splitlines()
    except ValueError as error:
        raise not_this(path, "a .ts file", str(error)) from error
    header, start = _header(path, lines)
    cases = _cases(path, lines, start, header)
    if not cases.series:
        first = f"; first: {cases.refused[0].why}" if cases.refused else ""
        raise DataError(
            f"'{path.name}' has no usable series below @data{first}",
            where=f"{path} line {start}",
            fix="give one series a line: channels separated by ':', values by ',', the class last",
        )
    return _to_table(path, content, header, cases)


def read_ts_folder(folder: Path, names: Iterable[str], words: frozenset[str]) -> RawTable:
    """Read NAME_TRAIN.ts and NAME_TEST.ts as one table with the given split.

    Raises:
        DataError: The files belong to several problems.
    """
    found: dict[str, dict[str, Path]] = {}
    for name in sorted(names):
        match = re.match(r"^(.*?)[_-]?([A-Za-z]+)$", Path(name).stem)
        part = SPLITS.get(match[2].lower(), "") if match else ""
        problem = match[1] if match and part else Path(name).stem
        found.setdefault(problem, {})[part] = folder / name
    notes = []
    if folder.name in found and len(found) > 1:
        others = [problem for problem in found if problem != folder.name]
        notes.append(f"named like the folder: {folder.name}; not read: {', '.join(others)}")
        found = {folder.name: found[folder.name]}
    if len(found) > 1:
        raise DataError(
            f"the folder '{folder.name}' holds {len(found)} problems: {', '.join(list(found)[:6])}",
            where=str(folder),
            fix="give the folder of one of them, with NAME_TRAIN.ts and NAME_TEST.ts, or one file",
        )
    files = next(iter(found.values()))
    parts = [part for part in ("train", "valid", "test") if part in files]
    tables = [read_ts(files[part], words) for part in parts or files]
    raw = tables[0]
    if len(tables) > 1:
        raw = join(tables, parts, folder.name, why="the files are named so")
    raw.notes += notes
    return raw


# --- header -----------------------------------------------------------------------------------


def _header(path: Path, lines: list[str]) -> tuple[_Header, int]:
    """The header, and the index of the first line below @data."""
    header = _Header()
    for index, line in enumerate(lines):
        words = line.strip().split()
        if not words or words[0].startswith(("#", "%")):
            continue
        tag = words[0].lower()
        if tag == "@data":
            if header.timestamps:
                raise DataError(
                    f"'{path.name}' gives a time with every value (@timeStamps true)",
                    where=str(path),
                    fix="write a long table with the columns id, time, value",
                )
            return header, index + 1
        if not tag.startswith("@"):
            break
        _tag(header, tag, words[1:])
    raise DataError(
        f"'{path.name}' is no .ts file: it has no line '@data'",
        where=str(path),
        fix="the format is described at timeseriesclassification.com; or give a table as .csv",
    )


def _tag(header: _Header, tag: str, words: list[str]) -> None:
    yes = bool(words) and words[0].lower() == "true"
    if tag == "@timestamps":
        header.timestamps = yes
    elif tag == "@classlabel" and yes:
        header.answer, header.classes = "class", words[1:]
    elif tag == "@targetlabel" and yes:
        header.answer = "number"


# --- cases ------------------------------------------------------------------------------------


def _cases(path: Path, lines: list[str], start: int, header: _Header) -> _Cases:
    cases = _Cases()
    channels = 0
    for number, line in enumerate(lines[start:], start=start + 1):
        if not line.strip() or line.startswith(("#", "%")):
            continue
        try:
            series, answer, repair = _case(line.strip(), header)
            if channels and series.shape[1] != channels:
                raise ValueError(f"{series.shape[1]} channels instead of {channels}")
        except ValueError as error:
            cases.refused.append(Refused(f"{path.name} line {number}", str(error)))
            continue
        channels = series.shape[1]
        if repair:
            cases.repaired[len(cases.series)] = repair
        cases.series.append(series)
        cases.answers.append(answer)
        cases.lines.append(number)
    return cases


def _case(line: str, header: _Header) -> tuple[np.ndarray, str | float | None, str]:
    """One line: float32 (time, channels), the answer, what was mended; ValueError says why not."""
    parts = line.split(":")
    answer: str | float | None = None
    if header.answer:
        answer = parts.pop().strip()
        if not parts:
            raise ValueError("no series, only one part without ':'")
        if header.answer == "number":
            answer = None if answer == "?" else float(answer)
        elif answer == "?":
            answer = None
        elif header.classes and answer not in header.classes:
            raise ValueError(f"class '{answer}' is not among {', '.join(header.classes)}")
    channels = [_values(part) for part in parts]
    longest = max(len(channel) for channel in channels)
    series = np.full((longest, len(channels)), np.nan, dtype=np.float32)
    for position, channel in enumerate(channels):
        series[: len(channel), position] = channel
    short = sum(len(channel) < longest for channel in channels)
    return series, answer, f"{short} shorter channels padded with missing values" * bool(short)


def _values(part: str) -> list[float]:
    words = part.strip().strip(",").split(",")
    return [np.nan if word.strip() in ("?", "NaN", "nan", "") else float(word) for word in words]


def _to_table(path: Path, content: bytes, header: _Header, cases: _Cases) -> RawTable:
    series = np.full(len(cases.series), None, dtype=object)
    for row, values in enumerate(cases.series):
        series[row] = values
    columns = {"series": RawColumn("series", series)}
    target = None
    if header.answer == "class":
        labels = np.full(len(series), None, dtype=object)
        labels[:] = cases.answers
        columns["label"], target = RawColumn("label", labels), "label"
    elif header.answer == "number":
        numbers = np.array([np.nan if item is None else item for item in cases.answers], float)
        columns["target"], target = RawColumn("target", numbers), "target"
    return RawTable(
        path.name,
        columns,
        Numbered(f"{path.name} line ", np.array(cases.lines)),
        target=target,
        refused=cases.refused,
        repaired=cases.repaired,
        fingerprint=hashlib.blake2b(content, digest_size=16).hexdigest(),
    )
