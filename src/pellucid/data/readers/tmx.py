"""Translation memories: what translators keep of their work, as TMX (Translation Memory eXchange).

    <tu>                                      a unit: one text in several languages
      <tuv xml:lang="en-US"><seg>Open</seg></tuv>
      <tuv xml:lang="de"><seg>Öffnen</seg></tuv>
    </tu>

Written after "TMX 1.4b Specification" (LISA 2005); version 1.1 says `lang` where later ones say
`xml:lang`. A segment may hold codes of the format that it stood in: they are no text and are
dropped (`CODES`), with the flow of text that may stand inside of a code, such as a footnote. What
is highlighted (`<hi>`) is text.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from pellucid.data.columns import Refused
from pellucid.data.readers.encoding import marked
from pellucid.data.readers.pairs import Pairs
from pellucid.errors import ConfigError, DataError, did_you_mean

ENDING = ".tmx"
CODES = frozenset(("bpt", "ept", "ph", "it", "ut"))
"""Elements of a segment that hold codes: begun, ended, standing alone, torn apart, unknown."""
BREAKS = frozenset(("lb", "pb", "cb"))
"""Types of codes that part what stands around them: the end of a line, a page, a column."""
ANY = "*all*"
"""What a memory says that was written in no one language."""
PIECE = 1 << 20
"""Bytes that are read at once."""
GLANCE = 200
_DECLARED = re.compile(r"""^\s*<\?xml[^>]*?\sencoding\s*=\s*["']([\w.:-]+)["']""")


@dataclass(frozen=True)
class Unit:
    """One text in several languages. texts: code of a language, such as "en-US" -> the text, in the
    order of the file; the first one where it says a language twice."""

    place: str
    texts: dict[str, str]


@dataclass
class Memory:
    """The units of one or several files. written_in: the language that they were translated from,
    if a file says so."""

    name: str
    units: list[Unit] = field(default_factory=list)
    written_in: str = ""


def memories(path: Path) -> list[Path]:
    """The translation memories that a path names or a folder holds."""
    if path.is_file():
        return [path] if path.suffix.lower() == ENDING else []
    return [file for file in sorted(path.rglob("*")) if file.suffix.lower() == ENDING]


def read_memories(
    path: Path, target: str | None = None, languages: tuple[str, str] | None = None
) -> Pairs:
    """The pairs of a file, or of a folder of them; units that lack a side are refused.

    Args:
        target: The language to translate into, such as "de" or "de-AT"; needed where there are more
            than two. languages: the two sides, where they are known already.

    Raises:
        ConfigError: It has more than two languages, or not the one asked for.
        DataError: A file is damaged, or has only one language.
    """
    memory = _read(path)
    ours, theirs = languages or _sides(memory, target)
    found = Pairs(memory.name, (ours, theirs))
    for unit in memory.units:
        sides = [_side(unit, ours, memory.written_in), _side(unit, theirs)]
        lacking = [name for name, said in zip((ours, theirs), sides, strict=True) if said is None]
        if lacking:
            has = ", ".join(unit.texts) or "nothing"
            why = f"no text in {_quoted(*lacking)}: it has {has}"
            found.refused.append(Refused(unit.place, why))
            continue
        found.add(sides[0] or "", sides[1] or "", unit.place)
    found.notes += _variants(memory, (ours, theirs))
    return found


def sources_of(path: Path, language: str) -> list[str | None]:
    """What each unit says in one language, to be translated; None where it does not."""
    memory = _read(path)
    return [_side(unit, language, memory.written_in) or None for unit in memory.units]


# --- languages --------------------------------------------------------------------------------


def code_of(said: str) -> str:
    """A code of a language as the standard writes it (BCP 47), however a program wrote it.

    >>> code_of("EN-us"), code_of("pt_BR"), code_of("zh-hant"), code_of("DE")
    ('en-US', 'pt-BR', 'zh-Hant', 'de')
    """
    first, *rest = said.strip().replace("_", "-").split("-")
    written = {2: str.upper, 4: str.title}
    return "-".join([first.lower(), *(written.get(len(one), str.lower)(one) for one in rest)])


def _language(code: str) -> str:
    """Without country or script."""
    return code.partition("-")[0]


def _is(code: str, asked: str) -> bool:
    """Whether a code is the language asked for; "en" is any English, "en-US" only that one."""
    return asked in (code, _language(code))


def _side(unit: Unit, asked: str, preferred: str = "") -> str | None:
    """What a unit says in a language; of several variants the preferred one, else the first."""
    if preferred in unit.texts and _is(preferred, asked):
        return unit.texts[preferred]
    return next((text for code, text in unit.texts.items() if _is(code, asked)), None)


def _sides(memory: Memory, target: str | None) -> tuple[str, str]:
    """The language to translate from and the one to translate into.

    Variants of a language are one language, unless there is no other. Of two languages the one that
    the file was written in comes first, else English, else the first of the alphabet.
    """
    codes = Counter(code for unit in memory.units for code in unit.texts)
    found = Counter(_language(code) for unit in memory.units for code in unit.texts)
    if len(found) == 1 and len(codes) > 1:
        found = codes
    if len(found) < 2:
        raise DataError(
            f"'{memory.name}' has texts in {_quoted(*found) if found else 'no language'}; pairs"
            " need two languages",
            where=f"{memory.name}, {len(memory.units):,} units",
            fix='give units with a <tuv xml:lang="..."> of each language',
        )
    into = _into(memory, target, found, codes)
    others = [name for name, _ in found.most_common() if into is None or not _is(into, name)]
    told = [name for name in others if _is(memory.written_in, name)]
    english = [name for name in others if _language(name) == "en"]
    ours = [*told, *english, min(others) if into is None else others[0]][0]
    return ours, into or next(name for name in others if name != ours)


def _into(
    memory: Memory, target: str | None, found: Counter[str], codes: Counter[str]
) -> str | None:
    """The language to translate into where it was named; None where there are two anyway."""
    listed = ", ".join(f"{name} {count:,}" for name, count in found.most_common())
    if target is not None:
        known = list(dict.fromkeys([*found, *codes]))
        if code_of(target) in known:
            return code_of(target)
        raise ConfigError(
            f"no text is in '{target}'",
            where=f"{memory.name} has {listed}",
            fix=did_you_mean(target, known),
        )
    if len(found) == 2:
        return None
    raise ConfigError(
        f"'{memory.name}' has {len(found)} languages: into which one is to be translated?",
        where=listed,
        fix=f"name it, such as --target {found.most_common(2)[1][0]}",
    )


def _variants(memory: Memory, names: tuple[str, str]) -> list[str]:
    """What is to be said about languages that are written in several ways."""
    codes = dict.fromkeys(code for unit in memory.units for code in unit.texts)
    found = {name: [code for code in codes if _is(code, name)] for name in names}
    return [
        f"'{name}' is {' and '.join(variants)}: of a unit with several, "
        + (f"{memory.written_in} counts" if memory.written_in in variants else "the first counts")
        for name, variants in found.items()
        if len(variants) > 1
    ]


def _quoted(*names: str) -> str:
    return " and ".join(f"'{name}'" for name in names)


# --- the file ---------------------------------------------------------------------------------


def _read(path: Path) -> Memory:
    memory = Memory(path.name)
    for file in memories(path):
        one = _Reader(file)
        try:
            one.read()
        except OSError as error:
            raise DataError(
                f"'{file.name}' can't be read: {error.strerror or error}",
                where=str(file),
                fix="give a file that may be read",
            ) from error
        memory.units += one.units
        memory.written_in = memory.written_in or one.written_in
    return memory


class _Reader:
    """Reads one file piece by piece, so that a large memory needs no tree of its XML."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.units: list[Unit] = []
        self.written_in = ""
        self.open: list[str] = []
        self.texts: dict[str, str] = {}
        self.line = 0
        self.language = ""
        self.said: list[str] = []
        self.codes = 0  # how many codes are open around this place
        self.dropped = False
        # What is fed is UTF-8, whatever the file's first line says.
        self.parser = expat.ParserCreate("utf-8")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._begin
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.EntityDeclHandler = self._entity
        self.parser.SkippedEntityHandler = self._entity

    def read(self) -> None:
        try:
            for text in _texts(self.path):
                self.parser.Parse(text.encode("utf-8", "surrogatepass"), False)
            self.parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise DataError(
                f"'{self.path.name}' is no readable XML: {expat.ErrorString(error.code)}",
                where=f"{self.path} line {error.lineno}, column {error.offset + 1}",
                fix="mend that place, or export the memory again",
            ) from error

    def _entity(self, name: str, *_: object) -> None:
        """Entities are refused before they are read: they can open files, or grow without end."""
        raise DataError(
            f"'{self.path.name}' has an entity of its own, '{name}', which is not read",
            where=f"{self.path} line {self.parser.CurrentLineNumber}, "
            f"column {self.parser.CurrentColumnNumber + 1}",
            fix="export the memory again without a document type; the signs of XML "
            "(&amp; &lt; &#228;) are fine",
        )

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2].lower()
        said = {key.lower(): value for key, value in attributes.items()}
        if not self.open and name != "tmx":
            raise DataError(
                f"'{self.path.name}' is no translation memory: it begins with <{name}>",
                where=f"{self.path} line {self.parser.CurrentLineNumber}",
                fix="give a TMX file, which begins with <tmx>",
            )
        inside = "seg" in self.open
        self.open.append(name)
        if inside:
            self.codes += name in CODES
            self.dropped |= name in CODES
            if name in CODES and said.get("type", "").lower().removeprefix("x-") in BREAKS:
                self.said.append(" ")
        elif name == "header":
            written_in = said.get("srclang", "").strip()
            self.written_in = "" if written_in.lower() == ANY else code_of(written_in)
        elif name == "tu":
            self.texts, self.line = {}, self.parser.CurrentLineNumber
        elif name == "tuv":
            self.language = code_of(said.get("xml:lang", said.get("lang", "")))
        elif name == "seg":
            self.said, self.dropped = [], False

    def _end(self, name: str) -> None:
        name = self.open.pop()
        if "seg" in self.open:
            self.codes -= name in CODES
        elif name == "seg" and "tuv" in self.open:
            text = "".join(self.said).strip()
            # A blank on both sides of a code that is gone is one blank.
            text = re.sub(r"(?<=\S) {2,}(?=\S)", " ", text) if self.dropped else text
            if self.language:
                self.texts.setdefault(self.language, text)
        elif name == "tu":
            place = f"{self.path.name} unit {len(self.units) + 1} (line {self.line})"
            self.units.append(Unit(place, self.texts))

    def _text(self, text: str) -> None:
        if not self.codes and "seg" in self.open:
            self.said.append(text)


def _texts(path: Path) -> Iterator[str]:
    """A file piece by piece, decoded as its first bytes or its first line say.

    Raises:
        DataError: It is not in the encoding that it claims.
    """
    with path.open("rb") as file:
        start = file.read(GLANCE)
        file.seek(0)
        encoding = _encoding(start, path)
        decoder = codecs.getincrementaldecoder(encoding)()
        line = 1
        while True:
            piece = file.read(PIECE)
            try:
                text = decoder.decode(piece, final=not piece)
            except UnicodeError as error:
                raise _undecodable(path, encoding, error, line) from error
            line += text.count("\n")
            yield text
            if not piece:
                return


def _encoding(start: bytes, path: Path) -> str:
    """By the mark in front, by the zeros of UTF-16, by the XML declaration, else UTF-8."""
    found = marked(start)
    if found is not None:
        return found
    declared = _DECLARED.match(start.decode("latin-1"))
    name = declared[1] if declared else "utf-8"
    # What can be read byte by byte is not UTF-16, whatever it says: it was converted since.
    name = "utf-8" if name.lower().startswith(("utf-16", "utf-32", "ucs-")) else name
    try:
        "".encode(name)
    except LookupError as error:
        raise DataError(
            f"'{path.name}' says that it is in '{name}', which is not known",
            where=f"{path} line 1",
            fix="save it in UTF-8",
        ) from error
    return name


def _undecodable(path: Path, encoding: str, error: UnicodeError, line: int) -> DataError:
    where = f"{path} line {line} or later"
    if isinstance(error, UnicodeDecodeError):
        before = error.object[: error.start].decode(encoding, "replace")
        line += before.count("\n")
        column = len(before) - before.rfind("\n")
        where = f"{path} line {line}, column {column}"
    return DataError(
        f"'{path.name}' is not in {encoding.removesuffix('-sig').upper()} throughout",
        where=where,
        fix="save it again in the encoding that its first line names, best in UTF-8",
    )
