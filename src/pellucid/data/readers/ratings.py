"""Ratings as recommendation data is usually kept: a file of events beside files of items and users.

RecBole          NAME.inter, NAME.item, NAME.user      a header 'user_id:token', tabs
MovieLens 100k   u.data, u.item, u.user                no header; tabs and '|'
MovieLens 1M     ratings.dat, movies.dat, users.dat    no header; '::'
plain tables     ratings.csv (or events, clicks, purchases ...) beside items.csv, users.csv
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pellucid.data.columns import RawColumn, RawTable, Refused
from pellucid.errors import DataError

EVENTS = ("ratings", "interactions", "events", "clicks", "purchases", "transactions", "views")
ITEMS = ("items", "movies", "films", "products", "books", "songs", "tracks", "articles")
USERS = ("users", "customers", "members", "readers")
TABLES = (".csv", ".tsv", ".parquet", ".jsonl", ".csv.gz", ".tsv.gz", ".xlsx")
GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children", "Comedy", "Crime", "Documentary",
    "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi",
    "Thriller", "War", "Western",
)  # fmt: skip
"""The flags at the end of a line of MovieLens' u.item, in their order."""


@dataclass(frozen=True)
class Layout:
    """Where events, and what is known of items and users, stand. why: what was seen, in words."""

    events: Path
    items: Path | None
    users: Path | None
    why: str


def find_layout(path: Path) -> Layout | None:
    """The layout of a folder, or of the file of events in it; None if it is none of these."""
    if path.is_file():
        return _beside(path) if _is_events(path) else None
    if not path.is_dir():
        return None
    files = sorted(file for file in path.iterdir() if file.is_file())
    found = [file for file in files if _is_events(file)]
    return _beside(found[0]) if len(found) == 1 else None


def _is_events(file: Path) -> bool:
    if file.suffix == ".inter" or file.name in ("u.data", "ratings.dat"):
        return True
    stem, ending = _parted(file)
    return stem in EVENTS and ending in TABLES and file.parent.is_dir()


def _beside(events: Path) -> Layout | None:
    folder = events.parent
    if events.suffix == ".inter":
        items, users = events.with_suffix(".item"), events.with_suffix(".user")
        why = f"'{events.name}' is a file of events as RecBole keeps them"
    elif events.name == "u.data":
        items, users = folder / "u.item", folder / "u.user"
        why = "'u.data' is MovieLens 100k's file of ratings"
    elif events.name == "ratings.dat":
        items, users = folder / "movies.dat", folder / "users.dat"
        why = "'ratings.dat' is MovieLens 1M's file of ratings"
    else:
        named = {_parted(file)[0]: file for file in sorted(folder.iterdir()) if file.is_file()}
        items = next((named[word] for word in ITEMS if word in named), folder / "no items")
        users = next((named[word] for word in USERS if word in named), folder / "no users")
        if not items.is_file() and not users.is_file():
            return None  # an ordinary table
        why = f"'{events.name}' stands beside what is known of " + " and of ".join(
            word for word, file in (("items", items), ("users", users)) if file.is_file()
        )
    return Layout(
        events, items if items.is_file() else None, users if users.is_file() else None, why
    )


def read_layout(
    layout: Layout, missing: Sequence[str] = (), split: str | None = None
) -> tuple[RawTable, RawTable | None, RawTable | None]:
    """Events, items and users as tables; the latter two None where there is no such file.

    Args:
        missing, split: As in `data/read.py: read`; for files with a header.

    Raises:
        DataError: A file can't be read as what it is.
        ConfigError: `split` names no column of the events.
    """
    events = _read(layout.events, missing, split)
    items = _read(layout.items, missing) if layout.items else None
    users = _read(layout.users, missing) if layout.users else None
    return together(events, items, users, layout.why)


def tables_in(folder: Path) -> list[Path]:
    """The tables of a folder, by name."""
    return sorted(
        file for file in folder.iterdir() if file.is_file() and _parted(file)[1] in TABLES
    )


def together(
    events: RawTable, items: RawTable | None, users: RawTable | None, why: str
) -> tuple[RawTable, RawTable | None, RawTable | None]:
    """Tables that are one source: known again only if none of them changed."""
    digest = hashlib.blake2b(digest_size=16)
    for table in (events, items, users):
        digest.update(b"-" if table is None else table.fingerprint.encode())
    events.fingerprint = digest.hexdigest()
    events.notes.insert(0, why)
    return events, items, users


def _read(path: Path, missing: Sequence[str] = (), split: str | None = None) -> RawTable:
    if path.suffix in (".inter", ".item", ".user") and path.stem != "u":
        return _recbole(path)
    if path.name == "u.data":
        return _plain(path, "\t", ["user_id", "item_id", "rating", "timestamp"])
    if path.name == "u.item":
        names = ["item_id", "title", "release_date", "video_release_date", "url", *GENRES]
        return _plain(path, "|", names)
    if path.name == "u.user":
        return _plain(path, "|", ["user_id", "age", "gender", "occupation", "zip_code"])
    if path.suffix == ".dat":
        names = {
            "ratings": ["user_id", "item_id", "rating", "timestamp"],
            "movies": ["item_id", "title", "genres"],
            "users": ["user_id", "gender", "age", "occupation", "zip_code"],
        }[path.stem]
        return _plain(path, "::", names)
    from pellucid.data import read

    return read.read(path, missing=missing, split=split)


def _recbole(path: Path) -> RawTable:
    with path.open(encoding="utf-8", errors="replace") as file:
        header = file.readline().rstrip("\r\n").split("\t")
    return _plain(path, "\t", [cell.partition(":")[0] for cell in header], skip=1)


def _plain(path: Path, separator: str, names: Sequence[str], skip: int = 0) -> RawTable:
    """Lines of cells without quotes; a line with another number of cells is refused."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("latin-1")  # as MovieLens has it
    cells: list[list[str]] = []
    places: list[str] = []
    refused: list[Refused] = []
    for number, line in enumerate(text.splitlines()[skip:], start=skip + 1):
        if not line:
            continue
        parts = line.split(separator)
        place = f"{path.name} line {number}"
        if len(parts) != len(names):
            refused.append(Refused(place, f"{len(parts)} cells instead of {len(names)}"))
            continue
        cells.append(parts)
        places.append(place)
    if not cells:
        raise DataError(
            f"'{path.name}' has no line of {len(names)} cells",
            where=str(path),
            fix="give a file with a line for each event, or a table with a header",
        )
    columns = {
        name: RawColumn(name, _typed([row[place] for row in cells]))
        for place, name in enumerate(names)
    }
    print_of = hashlib.blake2b(content, digest_size=16).hexdigest()
    return RawTable(path.name, columns, places, refused=refused, fingerprint=print_of)


def _typed(cells: list[str]) -> np.ndarray:
    """float64 where every cell that says something is a number; else words, None for nothing."""
    try:
        return np.array([float(cell) if cell else np.nan for cell in cells])
    except ValueError:
        return np.array([cell or None for cell in cells], dtype=object)


def _parted(file: Path) -> tuple[str, str]:
    """'Ratings.csv.gz' -> ('ratings', '.csv.gz')."""
    stem, dot, ending = file.name.lower().partition(".")
    return stem, dot + ending
