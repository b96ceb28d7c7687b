"""Where events, and what is known of items and users, stand: one table, a known layout, or a folder
of tables whose contents fit each other."""

from __future__ import annotations

from pathlib import Path

from pellucid.config import Settings
from pellucid.data import read
from pellucid.data.columns import RawTable
from pellucid.data.readers.ratings import find_layout, read_layout, tables_in, together
from pellucid.errors import ConfigError
from pellucid.uses.recommend.features import key_of
from pellucid.uses.recommend.roles import Roles, keys_of, understand
from pellucid.uses.use import Source

Tables = tuple[RawTable, RawTable | None, RawTable | None]
MOST_TABLES = 8
FITS = 0.5
"""Share of the items (or users) that a table must name to be the one that describes them."""


def tables_of(source: Source, settings: Settings) -> Tables:
    """Events, items, users; the latter two None where nothing describes them.

    Raises:
        DataError: The source can't be read.
        ConfigError: A second source for the exam is given beside several files.
    """
    path = source.path
    layout = None if path is None else find_layout(path)
    files = tables_in(path) if path is not None and path.is_dir() else []
    if (layout is not None or len(files) > 1) and source.test is not None:
        raise ConfigError(
            "events in a folder of several files take no second source for the exam",
            where=f"--test {source.test}",
            fix="mark the events of the exam in a column, and name it with --split",
        )
    if layout is not None:
        return read_layout(layout, settings.missing, settings.split)
    if 1 < len(files) <= MOST_TABLES:
        return _by_content(files, settings)
    table = source.table
    if table is None:  # read again, for its error
        table = read.read(
            source.given, test=source.test, missing=settings.missing, split=settings.split
        )
    return table, None, None


def _by_content(files: list[Path], settings: Settings) -> Tables:
    """The longest table with users and items has the events; the others describe what they name."""
    tables = {file: read.read(file, missing=settings.missing) for file in files}
    found = {file: _roles(table, settings) for file, table in tables.items()}
    able = {file: roles for file, roles in found.items() if roles is not None}
    events = max(able or tables, key=lambda file: len(tables[file]))
    if not able:
        return tables[events], None, None
    roles = able[events]
    if settings.split is not None:
        tables[events] = read.read(events, missing=settings.missing, split=settings.split)
    beside: dict[str, tuple[float, Path]] = {}
    for column in (roles.item, roles.user):
        names = sorted({*keys_of(tables[events].columns[column])} - {""})
        for file, table in tables.items():
            key, share = key_of(table, column, names)
            once = len(set(keys_of(table.columns[key]))) == len(table)
            if file != events and once and share > max(FITS, beside.get(column, (0.0,))[0]):
                beside[column] = share, file
    why = f"'{events.name}' has the events"
    for column, (share, file) in beside.items():
        why += f", '{file.name}' describes {share:.0%} of '{column}'"
    items, users = (
        tables[beside[column][1]] if column in beside else None
        for column in (roles.item, roles.user)
    )
    return together(tables[events], items, users, why)


def _roles(table: RawTable, settings: Settings) -> Roles | None:
    """The roles of the columns of a table that has all columns that are named."""
    if not set(settings.kinds) <= set(table.columns):
        return None
    found = understand(table, settings, by_shape=True)
    return found if isinstance(found, Roles) else None
