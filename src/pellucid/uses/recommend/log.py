"""Who did what with which thing, and when: the events that a recommendation learns from.

understand  which column is the user, the item, the rating, the time
make_log    every row its fate, events in the order of users and time, names as numbers
Log.cut     the future is the exam: earlier events to learn from, later ones sealed
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from pellucid.config import Settings
from pellucid.data.columns import MODALITIES, RawColumn, RawTable
from pellucid.data.ledger import Ledger
from pellucid.data.readers.ratings import find_layout, read_layout
from pellucid.errors import ConfigError, DataError, did_you_mean
from pellucid.uses.use import Source

USER = "user customer member visitor reader viewer client buyer listener shopper account"
ITEM = "item movie film product book song track article artist isbn asin sku game restaurant"
RATING = "rating rate ratings stars score vote grade"
TIME = "timestamp time date datetime when ts day"
TITLES = ("title", "name", "movie_title", "item_name", "product_name")
MOST_RATINGS = 21
"""Different ratings: 0 to 10 in halves."""
FEWEST_EVENTS = 200
"""So few events that nothing is taken for a recommendation by itself."""
MOST_WORDS, FEWEST_WITH_WORD = 64, 5
"""A column of features: the most words that are told apart, and in how many items each stands."""
VALID_FROM, TEST_FROM = 0.8, 0.9
"""Shares of the events, in order of time, that validation and test events begin after."""


@dataclass(frozen=True)
class Roles:
    """The columns of a table of events. rating, time: None where there is none."""

    user: str
    item: str
    rating: str | None
    time: str | None
    why: str


@dataclass
class Features:
    """What is known of each item or user. values: float32 `(items | users, features)`, 0 where
    nothing is known; names: one a feature, 'genre: Drama'."""

    values: np.ndarray
    names: list[str]


@dataclass
class Log:
    """Events in the order of users, then of time.

    user, item: int64 `(events,)`, numbers of names. rating: float64 `(events,)` or None. time:
    float64 `(events,)`, or the order in the file. row: int64 `(events,)`, in the table. part:
    int8 `(events,)`: 0 train, 1 valid, 2 test. dated: whether parts follow time, so that what was
    before an event may be known when it is answered. titles: what to call each item.
    """

    roles: Roles
    table: RawTable
    user: np.ndarray
    item: np.ndarray
    rating: np.ndarray | None
    time: np.ndarray
    row: np.ndarray
    users: list[str]
    items: list[str]
    titles: list[str]
    of_items: Features
    of_users: Features
    ledger: Ledger
    part: np.ndarray = field(default_factory=lambda: np.empty(0, np.int8))
    dated: bool = True
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.user)

    @cached_property
    def starts(self) -> np.ndarray:
        """int64 `(users + 1,)`: where each user's events begin."""
        return np.searchsorted(self.user, np.arange(len(self.users) + 1))

    @cached_property
    def before(self) -> np.ndarray:
        """int64 `(events,)`: up to where the same user's events are strictly earlier."""
        new = np.ones(len(self), dtype=bool)
        new[1:] = (np.diff(self.user) != 0) | (np.diff(self.time) != 0)
        first = np.flatnonzero(new)
        return first[np.cumsum(new) - 1]

    def events(self, part: int) -> np.ndarray:
        """int64: the events of one part."""
        return np.flatnonzero(self.part == part)


# --- recognition ------------------------------------------------------------------------------


def understand(table: RawTable, target: str | None = None) -> Roles | str:
    """The roles of the columns, or why this is no table of events."""
    user = _named(table, USER)
    item = _named(table, ITEM, but=user)
    if user is None or item is None:
        return f"no column is named like {'a user' if user is None else 'an item'}"
    rating = _named(table, RATING, but=user)
    if rating is not None and not _small_numbers(table.columns[rating]):
        rating = None
    if target == item:
        rating = None
    time = _named(table, TIME, but=user)
    said = f"'{user}' and '{item}' say who and what"
    said += f", '{rating}' how it was liked" if rating else ""
    return Roles(user, item, rating, time, said + (f", '{time}' when" if time else ""))


def looks_like_events(table: RawTable, roles: Roles) -> bool:
    """Whether users and items come back as they do in a log; conservative."""
    if len(table) < FEWEST_EVENTS:
        return False
    who, what = (_keys(table.columns[name]) for name in (roles.user, roles.item))
    users, items = len(set(who)), len(set(what))
    pairs = len(set(zip(who, what, strict=True)))
    comes_back = len(table) >= 3 * users and len(table) >= 2 * items and min(users, items) >= 10
    # A table that describes its rows by other things asks another question.
    named = {roles.user, roles.item, roles.rating, roles.time}
    others = [name for name in table.columns if name not in named]
    asks = roles.rating is not None or roles.time is not None
    return comes_back and asks and pairs > 0.5 * len(table) and len(others) <= 12


def _named(table: RawTable, words: str, but: str | None = None) -> str | None:
    """The column whose name is one of these words, alone or with 'id'; None if not exactly one."""
    choices = set(words.split())
    found = []
    for name in table.columns:
        parts = [part for part in re.split(r"[^a-z]+", _snake(name)) if part]
        core = [part.rstrip("s") if part.rstrip("s") in choices else part for part in parts]
        core = [part for part in core if part not in ("id", "no", "nr", "number", "key", "code")]
        if name != but and len(core) == 1 and core[0] in choices:
            found.append(name)
    with_id = [name for name in found if "id" in re.split(r"[^a-z]+", _snake(name))]
    found = with_id if len(with_id) == 1 else found
    return found[0] if found else None


def _snake(name: str) -> str:
    """'movieId' -> 'movie_id'."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _small_numbers(column: RawColumn) -> bool:
    values = column.values
    if values.dtype.kind != "f":
        return False
    there = values[np.isfinite(values)]
    return 2 <= len(np.unique(there)) <= MOST_RATINGS and float(np.ptp(there)) <= 100


# --- from tables to a log ---------------------------------------------------------------------


def read_log(source: Source, settings: Settings) -> Log:
    """The source as a log.

    Raises:
        DataError: It is no table of events, or has too few of them.
    """
    layout = None if source.path is None else find_layout(source.path)
    if layout is not None:
        events, items, users = read_layout(layout)
        roles = understand(events, settings.target)
        if isinstance(roles, str):
            roles = _must(roles, events)
        return make_log(events, roles, items, users, seed=settings.seed)
    table = source.table
    if table is None:
        from pellucid.data import read

        table = read.read(source.given, test=source.test, split=settings.split)
    roles = understand(table, settings.target)
    if isinstance(roles, str):
        roles = _must(roles, table)
    if settings.target not in (None, roles.item, roles.rating):
        raise ConfigError(
            f"a recommendation can't be asked for '{settings.target}'",
            where="--target",
            fix=f"leave it out, or name '{roles.item}' (what comes next?)"
            + (f" or '{roles.rating}' (how will it be liked?)" if roles.rating else ""),
        )
    return make_log(table, roles, None, None, seed=settings.seed)


def _must(why: str, table: RawTable) -> Roles:
    raise DataError(
        f"a recommendation needs a row for each event with a user and an item: {why}",
        where=f"{table.name} has: {', '.join(list(table.columns)[:8])}",
        fix="name these columns 'user' and 'item' (and 'rating', 'time' where there are some)",
    )


def make_log(
    table: RawTable,
    roles: Roles,
    items: RawTable | None,
    users: RawTable | None,
    seed: int,
) -> Log:
    """Every row of the table its fate; what is usable as a log, cut into parts.

    Raises:
        DataError: Too few events, users or items are left.
    """
    ledger = Ledger(table.places, table.refused)
    for row, how in table.repaired.items():
        ledger.repair(row, how)
    who, what = _keys(table.columns[roles.user]), _keys(table.columns[roles.item])
    for row, (one, thing) in enumerate(zip(who, what, strict=True)):
        if not one or not thing:
            ledger.set_aside(row, f"no value in '{roles.item if one else roles.user}'")
    rating = _ratings(table, roles, ledger)
    time, dated = _times(table, roles, ledger)
    if rating is not None:
        _once(who, what, time, ledger)
    rows = ledger.usable()
    user_names = sorted({who[row] for row in rows}, key=_natural)
    item_names = sorted({what[row] for row in rows}, key=_natural)
    if len(rows) < 20 or len(user_names) < 2 or len(item_names) < 3:
        raise DataError(
            f"{len(rows):,} usable events of {len(user_names):,} users with {len(item_names):,} "
            "items are too few to learn what people like",
            where=table.name,
            fix="give at least 20 events of several users; hundreds are better",
        )
    user_number = {name: place for place, name in enumerate(user_names)}
    item_number = {name: place for place, name in enumerate(item_names)}
    user = np.array([user_number[who[row]] for row in rows], dtype=np.int64)
    item = np.array([item_number[what[row]] for row in rows], dtype=np.int64)
    order = np.lexsort((rows, time[rows], user))
    own_items, own_users = _constant(table, roles, rows, item, user)
    titles, of_items = _described(items, roles.item, item_names, own_items)
    _, of_users = _described(users, roles.user, user_names, own_users)
    log = Log(
        roles=roles,
        table=table,
        user=user[order],
        item=item[order],
        rating=None if rating is None else rating[rows][order],
        time=time[rows][order],
        row=rows[order],
        users=user_names,
        items=item_names,
        titles=titles,
        of_items=of_items,
        of_users=of_users,
        ledger=ledger,
        dated=dated,
        notes=list(table.notes),
    )
    _cut(log, seed)
    return log


def _keys(column: RawColumn) -> list[str]:
    """Names of users or items; whole numbers without '.0', '' where there is none."""
    if column.values.dtype.kind == "f":
        return ["" if value != value else f"{value:.15g}" for value in column.values.tolist()]
    return ["" if value is None else str(value).strip() for value in column.values.tolist()]


def _natural(name: str) -> tuple[int, float, str]:
    """Numbers in their order, before words in theirs."""
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, name


def _ratings(table: RawTable, roles: Roles, ledger: Ledger) -> np.ndarray | None:
    if roles.rating is None:
        return None
    values = table.columns[roles.rating].values.astype(np.float64)
    for row in np.flatnonzero(~np.isfinite(values)):
        ledger.set_aside(int(row), f"no number in '{roles.rating}'")
    return values


def _times(table: RawTable, roles: Roles, ledger: Ledger) -> tuple[np.ndarray, bool]:
    """float64 `(rows,)`, and whether they are times or only the order in the file."""
    if roles.time is None:
        return np.arange(len(table), dtype=np.float64), False
    column = table.columns[roles.time]
    if column.values.dtype.kind == "f":
        times = column.values.astype(np.float64)
        known = np.isfinite(times)
    else:
        moments = MODALITIES["date"].load(column).values
        known = ~np.isnat(moments)
        times = moments.astype(np.int64).astype(np.float64)
    for row in np.flatnonzero(~known):
        ledger.set_aside(int(row), f"no time in '{roles.time}'")
    return np.where(known, times, 0.0), True


def _once(who: list[str], what: list[str], time: np.ndarray, ledger: Ledger) -> None:
    """Who rated a thing twice meant the later rating."""
    last: dict[tuple[str, str], int] = {}
    for row in np.argsort(time, kind="stable")[::-1].tolist():
        if last.setdefault((who[row], what[row]), row) != row:
            ledger.leave_out(row, "rated again later: the later rating counts")


def _cut(log: Log, seed: int) -> None:
    """Parts: as the source says; else the latest events are the exam; else at random."""
    given, rows = log.table.split, log.row
    rng = np.random.default_rng(seed)
    if given is not None:
        log.part = np.array([("train", "valid", "test").index(given[row]) for row in rows], np.int8)
        if not (log.part == 1).any():
            learn = np.flatnonzero(log.part == 0)
            log.part[rng.choice(learn, max(1, len(learn) // 10), replace=False)] = 1
        log.dated = False
        log.notes.append(f"parts as given: {log.table.split_why}; validation events at random")
    elif log.dated:
        ends = np.quantile(log.time, (VALID_FROM, TEST_FROM), method="higher")
        log.part = np.searchsorted(ends, log.time, side="right").astype(np.int8)
        log.notes.append(
            "the future is the exam: the last tenth of all events is sealed, the tenth before it "
            "is for validation"
        )
    elif log.rating is not None:
        draw = rng.permutation(len(log)) / len(log)
        log.part = np.searchsorted((VALID_FROM, TEST_FROM), draw, side="right").astype(np.int8)
        log.notes.append("there is no time column: ratings are split at random")
    else:
        counts = np.diff(log.starts)[log.user]
        place = (np.arange(len(log)) - log.starts[log.user] + 1) / (counts + 1)
        log.part = np.searchsorted((VALID_FROM, TEST_FROM), place, side="right").astype(np.int8)
        log.notes.append("there is no time column: the order in the file is taken as order in time")
        log.dated = True
    for part, name in enumerate(("train", "valid", "test")):
        chosen = log.row[log.part == part]
        if not len(chosen):
            raise DataError(
                f"nothing is left for {name}",
                where=f"{log.table.name}, {len(log):,} usable events",
                fix="give more events, at more different times",
            )
        log.ledger.assign(chosen, np.full(len(chosen), name, dtype=object))


# --- what is known of items and users ---------------------------------------------------------


def _constant(
    table: RawTable, roles: Roles, rows: np.ndarray, item: np.ndarray, user: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Other columns of the events that always say the same of an item, or of a user: as columns of
    items and users, first values first."""
    named = {roles.user, roles.item, roles.rating, roles.time}
    found: tuple[dict[str, np.ndarray], dict[str, np.ndarray]] = ({}, {})
    for name, column in table.columns.items():
        if name in named or column.values.ndim > 1:
            continue
        values = column.values[rows]
        words = np.array([str(value) for value in values.tolist()], dtype=object)
        for place, owner in enumerate((item, user)):
            first = np.unique(owner, return_index=True)[1]
            if (words == words[first][owner]).all():
                found[place][name] = values[first]
                break
    return found


def _described(
    table: RawTable | None, key: str, names: list[str], own: dict[str, np.ndarray]
) -> tuple[list[str], Features]:
    """Titles and features of items (or users) in the order of `names`."""
    columns = dict(own)
    if table is not None:
        key = key if key in table.columns else next(iter(table.columns))
        place = {name: row for row, name in enumerate(_keys(table.columns[key]))}
        rows = np.array([place.get(name, -1) for name in names])
        for column in table.columns.values():
            if column.name != key and column.values.ndim == 1:
                columns[column.name] = _pick(column.values, rows)
    titles, values, said = list(names), [np.zeros((len(names), 0), np.float32)], []
    for name, cells in columns.items():
        if _snake(name) in TITLES:
            titles = [
                str(cell) if cell == cell and cell is not None else name
                for cell, name in zip(cells.tolist(), names, strict=True)
            ]
            continue
        made, words = _features(name, cells)
        values.append(made)
        said += words
    if not said:
        values.append(np.zeros((len(names), 1), np.float32))  # a layer needs something to read
    return titles, Features(np.concatenate(values, axis=1), said)


def _pick(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """These rows; nothing where the row is -1."""
    nothing: Any = np.nan if values.dtype.kind == "f" else None
    if values.dtype.kind == "M":
        nothing = np.datetime64("NaT")
    picked = values[np.maximum(rows, 0)].copy()
    picked[rows < 0] = nothing
    return picked


def _features(name: str, cells: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Numbers in units of their spread; words (several in a cell, too) as flags."""
    if cells.dtype.kind == "f" and len(np.unique(cells[np.isfinite(cells)])) > 1:
        known = np.isfinite(cells)
        spread = cells[known].std() or 1.0
        scaled = np.where(known, (np.nan_to_num(cells) - cells[known].mean()) / spread, 0.0)
        return np.clip(scaled, -4, 4).astype(np.float32)[:, None], [name]
    if cells.dtype != object:
        return np.zeros((len(cells), 0), np.float32), []
    parts = [re.split(r"[|,; ]+", str(cell)) if cell is not None else [] for cell in cells.tolist()]
    counts: dict[str, int] = {}
    for words in parts:
        for word in set(words) - {""}:
            counts[word] = counts.get(word, 0) + 1
    common = [word for word, count in counts.items() if count >= FEWEST_WITH_WORD]
    covered = sum(bool(set(words) & set(common)) for words in parts)
    if not common or len(common) > MOST_WORDS or covered < 0.5 * len(parts):
        return np.zeros((len(cells), 0), np.float32), []  # names, codes, sentences: no features
    common.sort()
    flags = [[float(word in words) for word in common] for words in map(set, parts)]
    return np.array(flags, np.float32), [f"{name}: {word}" for word in common]


def number_of(name: Any, names: list[str], what: str, where: str) -> int:
    """The number of a user or item by its name.

    Raises:
        ConfigError: There is none of that name.
    """
    text = f"{name:.15g}" if isinstance(name, float) else str(name).strip()
    if text in names:
        return names.index(text)
    raise ConfigError(f"there is no {what} '{text}'", where=where, fix=did_you_mean(text, names))
