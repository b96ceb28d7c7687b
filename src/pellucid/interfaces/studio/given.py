"""One example that came from the page: a row as JSON, or files with it, and what is asked of it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from starlette.requests import Request

from pellucid.data.files import set_apart
from pellucid.data.readers.sniff import AUDIO, IMAGE, TABLE, TEXT
from pellucid.errors import ConfigError, PellucidError, did_you_mean
from pellucid.interfaces.studio import upload
from pellucid.interfaces.studio.guard import Refused
from pellucid.interfaces.studio.orders import order_of

if TYPE_CHECKING:
    from pellucid.data.columns import Column

FILES = ("image", "audio")
"""Kinds of columns whose values are files: they have to be uploaded."""
SUFFIXES = {"image": IMAGE, "audio": AUDIO}
NAMES = {"image": "a picture", "audio": "a recording"}
USUAL = {"image": ".png or .jpg", "audio": ".wav or .mp3"}
WHOLE = "file"
"""Name of an upload that is not meant for one column."""


@dataclass(frozen=True)
class Given:
    """An example and what is asked.

    value: one row, column -> value; or the value of the only column. files: column, or "file" ->
    what was uploaded. row: instead of all that, a row of the source. steps: of the weights to go
    back to; an empty list: all kept ones. name: class, tag or target to explain. model: who
    answers; by default the one that was kept. pieces: whether an answer that is written is wanted
    piece by piece; tell: then takes each piece, as soon as it is there.
    """

    value: Any = None
    files: dict[str, Path] = field(default_factory=dict)
    row: int | None = None
    steps: list[int] | None = None
    name: str | None = None
    model: str | None = None
    seconds: float | None = None
    pieces: bool = False
    tell: Callable[[str], None] | None = None

    def source(self, columns: list[Column]) -> Any:
        """What `predict` takes: the path of an upload, or one row as a dict.

        Raises:
            ConfigError: Nothing was given, or not what the columns take.
        """
        for path in self.files.values():
            _check_kind(path, columns)
        if self.value is None and len(self.files) == 1:
            ((name, path),) = self.files.items()
            names = [column.name for column in columns]
            # Beside other columns a picture is only one cell of the row.
            cell = len(names) > 1 and path.suffix.lower() in (*IMAGE, *AUDIO)
            if names == [name] or (name == WHOLE and not cell):
                return path
        if self.value is None and not self.files:
            raise ConfigError(
                "there is no example to answer",
                where="value",
                fix='send {"value": {"COLUMN": ...}}, or upload a file',
            )
        return self._row(columns)

    def _row(self, columns: list[Column]) -> dict[str, Any]:
        """One value for each column; a missing one is None."""
        kinds = {column.name: column.modality for column in columns}
        files = {self._column(name, kinds): path for name, path in self.files.items()}
        value = {} if self.value is None else self.value
        if not isinstance(value, Mapping):
            if len(kinds) > 1:
                raise ConfigError(
                    f"the model has {len(kinds)} inputs, and one value was given",
                    where="value",
                    fix='send {"value": {"COLUMN": ...}} with: ' + ", ".join(list(kinds)[:8]),
                )
            value = {next(iter(kinds)): value}
        for name in value:
            if name not in kinds:
                raise ConfigError(
                    f"the model has no input '{name}'", where="value", fix=did_you_mean(name, kinds)
                )
        row: dict[str, Any] = {name: _cell(name, kinds[name], value.get(name)) for name in kinds}
        row |= {name: str(path) for name, path in files.items()}
        if any(isinstance(cell, np.ndarray | list) for cell in row.values()):
            # A series has many numbers, which must not be taken for many rows.
            return {name: [cell] for name, cell in row.items()}
        return row

    def _column(self, name: str, kinds: dict[str, str]) -> str:
        """The column that an upload is for; "file" is for the only one that takes files."""
        takes = [column for column, kind in kinds.items() if kind in FILES]
        if name in takes:
            return name
        if name == WHOLE and len(takes) == 1:
            return takes[0]
        raise ConfigError(
            f"no input called '{name}' takes a file",
            where="upload",
            fix=did_you_mean(name, takes) if takes else "send its value as JSON instead",
        )


def _check_kind(path: Path, columns: list[Column]) -> None:
    """ConfigError if no input takes such a file, as far as its name says what it is."""
    kinds = {column.modality for column in columns}
    suffix = path.suffix.lower()
    found = next((kind for kind, known in SUFFIXES.items() if suffix in known), None)
    (only,) = kinds if len(columns) == 1 else ("",)
    if found is None and only in NAMES and suffix in TABLE | TEXT:
        # Its lines would be taken for names of files on this machine.
        what = f"'{path.name}' is not {NAMES[only]}, which is what the model takes"
    elif found is not None and found not in kinds:
        names = [NAMES[kind] for kind in FILES if kind in kinds]
        if not names:
            names = ["a text"] if only == "text" else ["a row of " + _listed(columns)]
        what = f"'{path.name}' is {NAMES[found]}, and the model takes {' and '.join(names)}"
    else:
        return
    fix = f"choose a file such as {USUAL[only]}" if only in USUAL else "fill in the fields instead"
    raise ConfigError(what, where=path.name, fix=fix)


def _listed(columns: list[Column]) -> str:
    names = [column.name for column in columns]
    return ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")


def _cell(name: str, kind: str, value: Any) -> Any:
    if value is None or value == "":
        return None
    if kind in FILES:
        # A name of a file on this machine would be read from there.
        raise ConfigError(
            f"'{name}' takes a file, not {value!r:.40}",
            where="value",
            fix=f"upload the file under the name '{name}'",
        )
    if kind == "series":
        return _series(name, value)
    if kind == "words":
        return list(map(str, value)) if isinstance(value, list) else str(value)
    if isinstance(value, bool | list | dict):
        raise ConfigError(f"'{name}' can't be {value!r:.40}", where="value", fix="send one value")
    return str(value) if kind in ("text", "category", "date") else value


def _series(name: str, value: Any) -> np.ndarray:
    try:
        found = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.empty(())
    if found.ndim not in (1, 2) or not found.size:
        raise ConfigError(
            f"'{name}' is a series, and what was sent is none",
            where="value",
            fix="send a list of numbers, or a list of such lists, one for each time",
        )
    return found


# --- from a request -----------------------------------------------------------------------------


@asynccontextmanager
async def given(request: Request) -> AsyncIterator[Given]:
    """The example that a request brings, as JSON or as a form of files and a part "order" with that
    JSON; uploads are gone when the block ends.

    Raises:
        ConfigError, Refused: It can't be read.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    with tempfile.TemporaryDirectory(prefix="pellucid-studio-") as made:
        if kind == "multipart/form-data":
            set_apart(Path(made))
            folder = Path(made) / "upload"
            folder.mkdir()
            form = await upload.receive(request, folder)
            try:
                _no_archives(form.by_name().values())
                yield _read(order_of(form.fields.get("order", "{}")), form.by_name())
            except PellucidError as error:
                # Where an upload lay for a moment helps nobody.
                error.where = error.where.replace(f"{folder}{os.sep}", "")
                raise
        elif kind in ("", "application/json", "text/plain"):
            yield _read(order_of(await request.body()), {})
        else:
            raise Refused(
                415,
                f"'{kind}' can't be read",
                where="Content-Type",
                fix="send JSON, or a form with files (multipart/form-data)",
            )


def _no_archives(paths: Iterable[Path]) -> None:
    """A zip archive would be unpacked for good, and may be far larger than what may be uploaded."""
    for path in paths:
        if path.suffix.lower() == ".zip":
            raise ConfigError(
                f"'{path.name}' is an archive, and one example is answered here",
                where=path.name,
                fix="unpack it and choose one file; for all of it: pellucid predict RUN FOLDER",
            )


def _read(order: dict[str, Any], files: dict[str, Path]) -> Given:
    row, steps, seconds = order.get("row"), order.get("steps"), order.get("seconds")
    model = order.get("model")
    wrong = None
    if not (row is None or _whole(row)):
        wrong = ("row", "the number of a row, from 0")
    elif not (
        steps is None or steps == "all" or (isinstance(steps, list) and all(map(_whole, steps)))
    ):
        wrong = ("steps", '"all", or a list of kept steps such as [0, 40]')
    elif not (seconds is None or (isinstance(seconds, int | float) and seconds > 0)):
        wrong = ("seconds", "a number above 0")
    elif model not in (None, "network", "baseline"):
        wrong = ("model", '"network" or "baseline"')
    if wrong is not None:
        raise ConfigError(
            f"'{wrong[0]}' can't be {order[wrong[0]]!r:.60}", where=wrong[0], fix=f"send {wrong[1]}"
        )
    name = order.get("name")
    return Given(
        value=order.get("value"),
        files=files,
        row=row,
        steps=[] if steps == "all" else steps,
        name=None if name is None else str(name),
        model=model,
        seconds=seconds,
        pieces=order.get("pieces") is True,
    )


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
