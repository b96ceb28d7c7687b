"""Who did what with which thing, and when: the events that a recommendation learns from.

read_log    a source as a log
make_log    every row its fate, events in the order of users and time, names as numbers; the future
            is the exam: earlier events to learn from, later ones sealed
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from pellucid.config import LeftOut, Settings
from pellucid.data.columns import MODALITIES, RawTable
from pellucid.data.ledger import Ledger
from pellucid.data.left_out import rows_of
from pellucid.errors import ConfigError, DataError, did_you_mean
from pellucid.uses.recommend.features import Features, constant, described
from pellucid.uses.recommend.roles import (
    Roles,
    how_to_name,
    keys_of,
    left_out,
    numbers_of,
    roles_typed,
    understand,
)
from pellucid.uses.recommend.tables import tables_of
from pellucid.uses.use import Source

VALID_FROM, TEST_FROM = 0.8, 0.9
"""Shares of the events, in order of time, that validation and test events begin after."""


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


# --- from tables to a log ---------------------------------------------------------------------


def read_log(source: Source, settings: Settings) -> Log:
    """The source as a log.

    Raises:
        DataError: It is no table of events, or has too few of them.
        ConfigError: A setting names what a recommendation can't use.
    """
    events, items, users = tables_of(source, settings)
    roles = understand(events, settings, by_shape=True)
    if isinstance(roles, str):
        raise DataError(
            f"a recommendation needs a row for each event with a user and an item: {roles}",
            where=f"{events.name} has: {', '.join(list(events.columns)[:8])}",
            fix=how_to_name(events),
        )
    if settings.target not in (None, roles.item, roles.rating):
        raise ConfigError(
            f"a recommendation can't be asked for '{settings.target}'",
            where="--target",
            fix=f"leave it out, or name '{roles.item}' (what comes next?)"
            + (f" or '{roles.rating}' (how will it be liked?)" if roles.rating else ""),
        )
    if settings.group is not None:
        raise ConfigError(
            "a recommendation has no groups of rows: a user's events follow each other in time",
            where=f"--group {settings.group}",
            fix="leave it out; a column of parts is named with --split",
        )
    out = left_out(settings)
    kept = {name: column for name, column in events.columns.items() if name not in out}
    log = make_log(
        replace(events, columns=kept), roles, items, users, settings.seed, settings.without
    )
    if settings.task == "recommend" or roles_typed(settings):
        log.notes.insert(0, roles.why)
    return log


def make_log(
    table: RawTable,
    roles: Roles,
    items: RawTable | None,
    users: RawTable | None,
    seed: int,
    without: LeftOut | None = None,
) -> Log:
    """Every row of the table its fate; what is usable as a log, cut into parts.

    Raises:
        DataError: Too few events, users or items are left.
    """
    ledger = Ledger(table.places, table.refused)
    for row, how in table.repaired.items():
        ledger.repair(row, how)
    if without is not None:
        for row in rows_of(without, table).tolist():
            ledger.leave_out(row, f"left out by --without {without.file}")
    who, what = keys_of(table.columns[roles.user]), keys_of(table.columns[roles.item])
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
    own_items, own_users = constant(table, roles, rows, item, user)
    titles, of_items = described(items, roles.item, item_names, own_items)
    _, of_users = described(users, roles.user, user_names, own_users)
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
    silent = 0 if roles.rating is None else int(table.columns[roles.rating].missing().sum())
    if silent:
        log.notes.append(
            f"{silent:,} events without a rating are left out; --target {roles.item} asks what "
            "comes next, and learns from all"
        )
    _cut(log, seed)
    return log


def _natural(name: str) -> tuple[int, float, str]:
    """Numbers in their order, before words in theirs."""
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, name


def _ratings(table: RawTable, roles: Roles, ledger: Ledger) -> np.ndarray | None:
    if roles.rating is None:
        return None
    column = table.columns[roles.rating]
    values, empty = numbers_of(column), column.missing()
    for row in np.flatnonzero(~np.isfinite(values)).tolist():
        if empty[row]:  # nothing is wrong with the row: somebody did not say how it was
            ledger.leave_out(row, f"no rating in '{roles.rating}'")
        else:
            ledger.set_aside(row, f"no number in '{roles.rating}'")
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


def number_of(name: Any, names: list[str], what: str, where: str) -> int:
    """The number of a user or item by its name.

    Raises:
        ConfigError: There is none of that name.
    """
    text = f"{name:.15g}" if isinstance(name, float) else str(name).strip()
    if text in names:
        return names.index(text)
    raise ConfigError(f"there is no {what} '{text}'", where=where, fix=did_you_mean(text, names))
