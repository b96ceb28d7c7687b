"""Files that come with a request, written to a folder as they arrive.

A folder of pictures may hold thousands of files: none is kept in memory, and none stays open.
Names are the browser's word and mean nothing until they are cleaned: an upload never leaves its
folder and never overwrites. Hidden files (".DS_Store") are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from starlette.requests import Request

from pellucid.errors import ConfigError
from pellucid.interfaces.studio.guard import Refused

MOST_FILES = 200_000
FIELD_BYTES = 2**20
DEEPEST, LONGEST = 12, 120
"""Folders inside each other, and characters of a name."""
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
_SIGNS = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\/]')


@dataclass
class Form:
    """What a form brought. fields: name -> text. files: (name of the field, path) in order."""

    fields: dict[str, str] = field(default_factory=dict)
    files: list[tuple[str, Path]] = field(default_factory=list)

    def by_name(self) -> dict[str, Path]:
        """Name of the field -> its (last) file."""
        return dict(self.files)


def cleaned(name: str) -> Path:
    """A relative path that is safe on every system; folders of the name are kept.

    >>> cleaned("../../etc/passwd").as_posix(), cleaned("C:\\\\a\\\\b?.png").as_posix()
    ('etc/passwd', 'C_/a/b_.png')
    >>> cleaned("..").as_posix(), cleaned("pets/cat/.hidden").as_posix()
    ('file', 'pets/cat/_hidden')
    """
    parts = []
    for part in re.split(r"[/\\]", name):
        part = _SIGNS.sub("_", part).strip(" ")
        if part.strip(".") == "":
            continue
        part = re.sub(r"^\.", "_", part).rstrip(".")
        part = f"_{part}" if _RESERVED.match(part) else part
        stem, dot, suffix = part.rpartition(".")
        parts.append(part if len(part) <= LONGEST else stem[: LONGEST - 12] + dot + suffix[:10])
    return Path(*parts[-DEEPEST:]) if parts else Path("file")


async def receive(request: Request, folder: Path) -> Form:
    """Read a form (multipart/form-data) and write its files into `folder`, under their own names.

    Raises:
        ConfigError: It is broken. Refused: It holds too many files, or a field is too long.
    """
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser, parse_options_header

    _, options = parse_options_header(request.headers.get("content-type", ""))
    writer = _Writer(folder)
    try:
        parser = MultipartParser(options.get(b"boundary", b""), writer.callbacks())  # type: ignore[arg-type]
        async for data in request.stream():
            parser.write(data)
        parser.finalize()
    except FormParserError as error:
        raise ConfigError(
            f"the upload is broken: {error}", where="upload", fix="try again"
        ) from error
    except OSError as error:
        raise Refused(
            507, f"the upload can't be kept: {error.strerror}", where=str(folder), fix="make room"
        ) from error
    finally:
        writer.close()
    if not writer.whole:
        raise ConfigError("the upload ended too early", where="upload", fix="try again")
    return writer.form


class _Writer:
    """Is told by the parser what it finds, and writes files as they come."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.form = folder, Form()
        self.whole = self._hidden = False
        self._header = self._value = b""
        self._headers: dict[str, bytes] = {}
        self._name = ""
        self._file: IO[bytes] | None = None
        self._text = b""

    def callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._all,
        }

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _begin(self) -> None:
        self._headers, self._text, self._file, self._hidden = {}, b"", None, False

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._header.decode("latin-1").lower()] = self._value
        self._header = self._value = b""

    def _headers_finished(self) -> None:
        from python_multipart.multipart import parse_options_header

        said = self._headers.get("content-disposition", b"")
        _, options = parse_options_header(said)
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if b"filename" in options:
            name = options[b"filename"].decode("utf-8", "replace")
            self._hidden = any(part.startswith(".") for part in re.split(r"[/\\]", name))
            if not self._hidden:
                self._file = self._created(name)

    def _created(self, name: str) -> IO[bytes]:
        if len(self.form.files) >= MOST_FILES:
            raise Refused(
                413,
                f"the upload has more than {MOST_FILES:,} files",
                where="upload",
                fix="give the folder's path instead: pellucid learn FOLDER",
            )
        path = self.folder / cleaned(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        for number in range(2, MOST_FILES):
            try:
                file = open(path, "xb")  # noqa: SIM115  # closed at the part's end
            except FileExistsError:
                path = path.with_name(f"{Path(cleaned(name)).stem}-{number}{path.suffix}")
            else:
                self.form.files.append((self._name, path))
                return file
        raise Refused(413, "too many files of one name", where=name, fix="give them other names")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file.write(data[start:end])
        if self._file is not None or self._hidden:
            return
        self._text += data[start:end]
        if len(self._text) > FIELD_BYTES:
            raise Refused(413, f"'{self._name}' is too long", where="upload", fix="send a file")

    def _end(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        elif not self._hidden:
            self.form.fields[self._name] = self._text.decode("utf-8", "replace")

    def _all(self) -> None:
        self.whole = True
