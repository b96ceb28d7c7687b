"""Pairs of texts: a table with two of them, two aligned files, catalogs of translated programs.

pairs.tsv              two columns of text, named by languages or as source and target
train.en, train.de     the same number of lines; also valid.* and test.*
app.po, app.mo         gettext catalogs, one file or a folder of them
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pellucid.data.columns import RawTable, Refused
from pellucid.data.readers.encoding import decode
from pellucid.errors import DataError

_NAMED = """
ar bg bn ca cs da de el en es et eu fa fi fr ga gl gu he hi hr hu hy id is it ja ka kk ko lt lv mk
ml mr ms nb nl nn no pa pl pt ro ru sk sl sq sr sv sw ta te th tl tr uk ur uz vi zh
arabic bulgarian catalan chinese croatian czech danish dutch english estonian finnish french german
greek hebrew hindi hungarian icelandic indonesian irish italian japanese korean latin latvian
lithuanian norwegian persian polish portuguese romanian russian serbian slovak slovenian spanish
swahili swedish turkish ukrainian vietnamese welsh
deutsch englisch französisch spanisch italienisch niederländisch polnisch russisch türkisch
français anglais allemand espagnol italien español inglés alemán italiano português nederlands
polski čeština magyar svenska dansk norsk suomi türkçe русский українська 日本語 中文 한국어
"""
LANGUAGES = frozenset(_NAMED.split())
ROLES = (
    ("source", "target"),
    ("src", "tgt"),
    ("src", "trg"),
    ("source", "translation"),
    ("original", "translation"),
    ("question", "answer"),
    ("input", "output"),
)
"""Names of two columns of which the second says the first in another way."""
PARTS = {"train": "train", "valid": "valid", "val": "valid", "dev": "valid", "test": "test"}
ORDER = ("", "train", "valid", "test")
ENDS = (".", "!", "?", "…", "。", "！", "？")
"""What sentences end with, and names of columns do not."""
CATALOGS = frozenset((".po", ".mo"))
MO_MAGIC = 0x950412DE


@dataclass
class Pairs:
    """Sources with their answers, as read. names: what the two sides are called. part: of each
    pair, "" where the source does not say."""

    name: str
    names: tuple[str, str]
    sources: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    part: list[str] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.sources)

    def add(self, source: str, answer: str, place: str, part: str = "") -> None:
        """One more pair; one without a source or an answer is refused."""
        if not source.strip() or not answer.strip():
            which = "source" if not source.strip() else "answer"
            self.refused.append(Refused(place, f"no {which}"))
            return
        self.sources.append(source)
        self.answers.append(answer)
        self.places.append(place)
        self.part.append(part)

    def extend(self, other: Pairs, part: str) -> None:
        """Add all pairs of another source as one part."""
        for source, answer, place in zip(other.sources, other.answers, other.places, strict=True):
            self.add(source, answer, place, part)
        self.refused += other.refused

    @property
    def fingerprint(self) -> str:
        """Hash of the content, to know the same data again."""
        digest = hashlib.blake2b(digest_size=10)
        for row in zip(self.part, self.sources, self.answers, strict=True):
            digest.update("\0".join(row).encode())
        return digest.hexdigest()


# --- tables -----------------------------------------------------------------------------------


def named_pair(table: RawTable) -> tuple[str, str] | None:
    """The two columns of a table that are pairs by their names: languages, or source and target.

    Other columns mean that it is a table about something else.
    """
    names = list(table.columns)
    if len(names) != 2 or not all(_is_text(table, name) for name in names):
        return None
    plain = [re.split(r"[_\-. ]", name.strip().lower())[0] for name in names]
    if all(name in LANGUAGES for name in plain) and plain[0] != plain[1]:
        return names[0], names[1]
    lower = [name.strip().lower() for name in names]
    for first, second in ROLES:
        if set(lower) == {first, second}:
            return (names[0], names[1]) if lower[0] == first else (names[1], names[0])
    return None


def begins_with_a_pair(table: RawTable, columns: tuple[str, str]) -> bool:
    """Whether a table of two columns has no header, so that sentences were taken for names."""
    return len(table.columns) == 2 and all(name.rstrip().endswith(ENDS) for name in columns)


def text_columns(table: RawTable) -> list[str]:
    """The columns of a table that hold texts."""
    return [name for name in table.columns if _is_text(table, name)]


def _is_text(table: RawTable, name: str) -> bool:
    values = table.columns[name].values
    return (
        values.ndim == 1
        and values.dtype == object
        and all(value is None or isinstance(value, str) for value in values[:1000])
    )


def pairs_of_table(table: RawTable, columns: tuple[str, str]) -> Pairs:
    """The pairs of two columns."""
    found = Pairs(table.name, columns, refused=list(table.refused), notes=list(table.notes))
    if begins_with_a_pair(table, columns):
        found.names = ROLES[0]
        found.notes.append("no header: the first line is a pair as well")
        found.add(*columns, f"{table.name} line 1", "" if table.split is None else "train")
    first, second = (table.columns[name].values for name in columns)
    parts: Sequence[str] = [""] * len(table) if table.split is None else list(table.split)
    for row, place in enumerate(table.places):
        found.add(str(first[row] or ""), str(second[row] or ""), str(place), parts[row])
    return found


# --- aligned files ----------------------------------------------------------------------------


def aligned_files(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Part -> the two files of a folder that are aligned line by line, source first; empty if
    there are none. Of two languages, English is the source, else the first of the alphabet."""
    found: dict[str, list[Path]] = {}
    for file in sorted(folder.iterdir()):
        language = file.suffix[1:].lower()
        if file.is_file() and language in LANGUAGES:
            found.setdefault(file.stem.lower(), []).append(file)
    pairs = {stem: files for stem, files in found.items() if len(files) == 2}
    chosen = {PARTS[stem]: files for stem, files in pairs.items() if stem in PARTS}
    if "train" not in chosen:
        chosen = {"": next(iter(pairs.values()))} if len(pairs) == 1 else {}
    return {
        part: (files[0], files[1]) if files[1].suffix.lower() != ".en" else (files[1], files[0])
        for part, files in sorted(chosen.items(), key=lambda one: ORDER.index(one[0]))
    }


def read_aligned(folder: Path) -> Pairs:
    """The lines of two files, side by side.

    Raises:
        DataError: They have different numbers of lines, or are no texts.
    """
    files = aligned_files(folder)
    first = next(iter(files.values()))
    found = Pairs(folder.name, (first[0].suffix[1:], first[1].suffix[1:]))
    for part, (ours, theirs) in files.items():
        left, right = _lines(ours), _lines(theirs)
        if len(left) != len(right):
            raise DataError(
                f"'{ours.name}' has {len(left):,} lines and '{theirs.name}' {len(right):,}",
                where=str(folder),
                fix="align them line by line, with an empty line where a sentence is missing",
            )
        for number, (source, answer) in enumerate(zip(left, right, strict=True), start=1):
            found.add(source, answer, f"{folder.name}/{ours.name} line {number}", part)
    return found


def _lines(path: Path) -> list[str]:
    return _text(path).rstrip("\n").split("\n")


def _text(path: Path) -> str:
    try:
        return decode(path.read_bytes())[0].replace("\r\n", "\n")
    except (OSError, ValueError) as error:
        raise DataError(
            f"'{path.name}' can't be read: {error}",
            where=str(path),
            fix="give a text in UTF-8",
        ) from error


# --- gettext ----------------------------------------------------------------------------------


def catalogs(path: Path) -> list[Path]:
    """The gettext catalogs that a path names or a folder holds; of equal names the .po."""
    if path.is_file():
        return [path] if path.suffix.lower() in CATALOGS else []
    files = [file for file in sorted(path.rglob("*")) if file.suffix.lower() in CATALOGS]
    written = {file.with_suffix("") for file in files if file.suffix.lower() == ".po"}
    return [
        file
        for file in files
        if file.suffix.lower() == ".po" or file.with_suffix("") not in written
    ]


def read_catalogs(path: Path) -> Pairs:
    """What programs say, and how it was translated; what is not translated is refused.

    Raises:
        DataError: A catalog is damaged.
    """
    found = Pairs(path.name, ("original", "translation"))
    for file in catalogs(path):
        entries = _po(_text(file)) if file.suffix.lower() == ".po" else _mo(file)
        for number, (source, answer) in enumerate(entries, start=1):
            found.add(source, answer, f"{file.name} entry {number}")
    return found


def _mo(path: Path) -> Iterable[tuple[str, str]]:
    """The entries of a compiled catalog (GNU gettext manual, "The Format of GNU MO Files")."""
    try:
        data = path.read_bytes()
        order = "<" if struct.unpack("<I", data[:4])[0] == MO_MAGIC else ">"
        magic, _, count, ours, theirs = struct.unpack(f"{order}5I", data[:20])
        if magic != MO_MAGIC:
            raise ValueError("it does not begin as a catalog does")
        entries = []
        for number in range(count):
            pair = []
            for table in (ours, theirs):
                place = table + 8 * number
                length, start = struct.unpack(f"{order}2I", data[place : place + 8])
                pair.append(data[start : start + length].decode("utf-8"))
            entries.append((pair[0], pair[1]))
    except (OSError, ValueError, struct.error) as error:
        raise DataError(
            f"'{path.name}' is no readable catalog: {error}",
            where=str(path),
            fix="compile it again with msgfmt, or give the .po file",
        ) from error
    # A context stands before \x04, plural forms behind \0; the header translates nothing.
    plain = ((ours.rpartition("\x04")[2].split("\0")[0], theirs.split("\0")[0])
             for ours, theirs in entries)  # fmt: skip
    return [(source, answer) for source, answer in plain if source]


def _po(text: str) -> Iterable[tuple[str, str]]:
    """The entries of a written catalog that are translated and not marked as doubtful."""
    entries = []
    for block in re.split(r"\n\s*\n", text):
        if re.search(r"^#,.*\bfuzzy\b", block, re.MULTILINE):
            continue
        source = _said(block, "msgid")
        answer = _said(block, r"msgstr(?:\[0\])?")
        if source:
            entries.append((source, answer))
    return entries


def _said(block: str, keyword: str) -> str:
    """The strings behind a keyword of an entry, put together."""
    match = re.search(rf'^{keyword}\s+((?:"(?:[^"\\]|\\.)*"\s*)+)', block, re.MULTILINE)
    if match is None:
        return ""
    parts = re.findall(r'"((?:[^"\\]|\\.)*)"', match[1])
    signs = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}
    return re.sub(r"\\(.)", lambda one: signs.get(one[1], one[1]), "".join(parts))


def distinct(values: Sequence[str]) -> float:
    """Share of the texts that are different."""
    return len(set(values)) / max(1, len(values))


def words_each(values: Sequence[str]) -> float:
    """Words of a text on average."""
    return float(np.mean([len(value.split()) for value in values])) if values else 0.0
