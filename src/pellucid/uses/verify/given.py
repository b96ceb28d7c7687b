"""What is given to be compared: pairs, or people with their pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pellucid.data import read
from pellucid.data.columns import Column, RawColumn, RawTable
from pellucid.data.modalities import MODALITIES
from pellucid.data.readers import folder as folders
from pellucid.data.readers.narrow import missing_words
from pellucid.data.readers.sniff import AUDIO, IMAGE
from pellucid.errors import ConfigError, DataError


def pairs_in(source: Any, column: Column) -> tuple[RawTable, RawTable] | None:
    """Both sides of the pairs that a source holds; None if it holds single examples.

    Args:
        column: What the model looks at.

    Raises:
        ConfigError, DataError: It is neither.
    """
    if isinstance(source, list | tuple) and len(source) == 2:
        sides = [read.read_for_prediction(one, [column.name]) for one in source]
        if len(sides[0]) != len(sides[1]):
            raise DataError(
                f"the two sources have {len(sides[0]):,} and {len(sides[1]):,} examples",
                where=f"{sides[0].name} and {sides[1].name}",
                fix="give two files, or two folders with as many files",
            )
        return sides[0], sides[1]
    if isinstance(source, list | tuple):
        raise ConfigError(
            f"{len(source)} inputs are given, and a pair has two",
            where=" ".join(map(str, source[:4])),
            fix="give two files, or a table with two columns of file names",
        )
    path = Path(source) if isinstance(source, str | Path) else None
    if path is not None and (path.is_dir() or path.suffix.lower() in IMAGE | AUDIO):
        return None
    table = read.read_for_prediction(source, [])
    names = [
        name
        for name, raw in table.columns.items()
        if (claim := MODALITIES[column.modality].recognize(raw)) and claim.sure >= 0.5
    ]
    if len(names) < 2:
        return None
    return one_side(table, names[0], column.name), one_side(table, names[1], column.name)


def one_side(table: RawTable, name: str, called: str) -> RawTable:
    """One column of a table of pairs, as the model takes it."""
    column = table.columns[name]
    places = [str(value) for value in column.values.tolist()]
    plain = column.values.ndim == 1 and column.values.dtype == object
    return RawTable(
        table.name,
        {called: RawColumn(called, column.values, column.folder)},
        places if plain and len(places[0]) < 300 else table.places,
    )


def people_in(path: Path, called: str) -> tuple[RawTable, list[str]]:
    """Files and whose they are: by the folder they lie in, or by their own names."""
    listing = folders.list_folder(path.resolve())
    if any(len(file.parts) > 1 for file in listing.files):
        table = folders.read_folder(path.resolve(), missing_words(()), read.read_file)
        names = [str(value) for value in table.column(table.target or "label").values]
        files = next(column for name, column in table.columns.items() if name != table.target)
        table.columns = {called: RawColumn(called, files.values, files.folder)}
        return table, names
    table = folders.read_files(path.resolve(), called)
    return table, [Path(str(value)).stem for value in table.column(called).values]
