"""Which column says who, which says with what: as the user types it, by names, by shape.

understand          the roles of the columns, with reasons, or why this is no table of events
looks_like_events   whether users and items come back as they do in a log; conservative
"""

from __future__ import annotations

import itertools
import shlex
from dataclasses import dataclass

import numpy as np

from pellucid.config import Settings
from pellucid.data.columns import MODALITIES, RawColumn, RawTable
from pellucid.data.glance import named_like_a_code
from pellucid.errors import ConfigError, did_you_mean
from pellucid.tasks.regress import as_numbers
from pellucid.uses.recommend.words import (
    ENDINGS_OF_TIMES,
    ITEM,
    RATING,
    TIME,
    USER,
    named,
    stem_of,
    words_of,
)

ROLES = ("user", "item", "rating", "time")
"""What `--as COLUMN=ROLE` may say of a column, besides 'ignore'."""
MOST_RATINGS = 21
"""Different ratings: 0 to 10 in halves."""
FEWEST_EVENTS = 200
"""So few events that nothing is taken for a recommendation by itself."""
SURE_DATE = 0.9
ONCE = 0.8
"""Share of the rows whose pair of user and item is new, for the pair to be seen by its shape."""
MOST_CANDIDATES = 12


@dataclass(frozen=True)
class Roles:
    """The columns of a table of events. rating, time: None where there is none."""

    user: str
    item: str
    rating: str | None
    time: str | None
    why: str


def understand(table: RawTable, settings: Settings, *, by_shape: bool = False) -> Roles | str:
    """The roles of the columns, or why this is no table of events.

    Args:
        by_shape: Look at the values where names say nothing, as the user asked for it.

    Raises:
        ConfigError: A setting names a column that is not there, or what no column can be.
    """
    said = _as_typed(table, settings)
    out = {*said.values(), *left_out(settings)}
    free = [name for name in table.columns if name not in out]
    user = said.get("user") or named(free, USER)
    item = said.get("item") or named([name for name in free if name != user], ITEM)
    seen = ""
    if by_shape and (user is None or item is None):
        user, item, seen = _pair_by_shape(table, free, user, item)
    if user is None or item is None:
        return f"no column is named like {'a user' if user is None else 'an item'}" + (
            ", and no two columns look like who and with what" if by_shape else ""
        )
    free = [name for name in free if name not in (user, item)]
    owners = [codes_of(table.columns[name]) for name in (user, item)]
    time = said.get("time") or _time(table, free, owners)
    rating = said.get("rating")
    free = [name for name in free if name != time]
    asked = settings.target
    if rating is None and asked in free and _usable_as("rating", table.columns[asked]):
        rating = asked
    elif rating is None and asked != item:
        rating = _rating(table, free, owners, by_shape=by_shape)
    why = f"'{user}' says who, '{item}' with what"
    why += f", '{rating}' how it was liked" if rating else ""
    why += f", '{time}' when" if time else ""
    return Roles(user, item, rating, time, f"{why}{seen}")


def looks_like_events(table: RawTable, roles: Roles) -> bool:
    """Whether users and items come back as they do in a log; conservative."""
    if len(table) < FEWEST_EVENTS:
        return False
    who, what = (keys_of(table.columns[name]) for name in (roles.user, roles.item))
    users, items = len(set(who)), len(set(what))
    pairs = len(set(zip(who, what, strict=True)))
    comes_back = len(table) >= 3 * users and len(table) >= 2 * items and min(users, items) >= 10
    # A table that describes its rows by other things asks another question.
    named = {roles.user, roles.item, roles.rating, roles.time}
    others = [name for name in table.columns if name not in named]
    asks = roles.rating is not None or roles.time is not None
    return comes_back and asks and pairs > 0.5 * len(table) and len(others) <= 12


def keys_of(column: RawColumn) -> list[str]:
    """Names of users or items; whole numbers without '.0', '' where there is none."""
    if column.values.dtype.kind == "f":
        return ["" if value != value else f"{value:.15g}" for value in column.values.tolist()]
    return ["" if value is None else str(value).strip() for value in column.values.tolist()]


def codes_of(column: RawColumn) -> np.ndarray:
    """int64 `(rows,)`: equal numbers for equal names."""
    if column.values.ndim > 1:
        return np.arange(len(column))
    codes: np.ndarray = np.unique(np.array(keys_of(column), dtype=str), return_inverse=True)[1]
    return codes


# --- as the user types it ---------------------------------------------------------------------


def roles_typed(settings: Settings) -> bool:
    """Whether `--as` names a user, an item or a rating: nothing else is read so."""
    return bool(set(settings.kinds.values()) & {"user", "item", "rating"})


def left_out(settings: Settings) -> set[str]:
    """Columns that are not to be looked at."""
    return {*settings.ignore, *(name for name, kind in settings.kinds.items() if kind == "ignore")}


def _as_typed(table: RawTable, settings: Settings) -> dict[str, str]:
    """Role -> column, as `--as`, `--target` and `--order` say."""
    found: dict[str, str] = {}
    for name in settings.ignore:
        table.column(name)
    for name, kind in settings.kinds.items():
        typed = f"--as {name}={kind}"
        table.column(name)
        if kind not in (*ROLES, "ignore"):
            raise ConfigError(
                f"a recommendation reads no column as '{kind}'",
                where=typed,
                fix=did_you_mean(kind, (*ROLES, "ignore")),
            )
        if name in settings.ignore and kind != "ignore":
            raise ConfigError(
                f"'{name}' is named as the {kind}, and left out too",
                where=f"{typed} and --ignore {name}",
                fix="leave out one of the two",
            )
        if kind in found:
            raise ConfigError(
                f"two columns are named as the {kind}",
                where=f"{typed} and --as {found[kind]}={kind}",
                fix="leave out one of them",
            )
        if kind != "ignore":
            found[kind] = name
    if settings.order is not None and "time" not in found:
        found["time"] = table.column(settings.order).name
    for role in ("rating", "time"):
        if role in found and not _usable_as(role, table.columns[found[role]]):
            holds = "numbers" if role == "rating" else "numbers or dates"
            raise ConfigError(
                f"'{found[role]}' can't be the {role}: it holds no {holds}",
                where=f"column '{found[role]}' of {table.name}",
                fix=f"name a column of {holds}, or leave it out",
            )
    return found


def _usable_as(role: str, column: RawColumn) -> bool:
    if column.values.ndim > 1:
        return False
    if np.isfinite(numbers_of(column)).sum() > 0.5 * (~column.missing()).sum():
        return True
    return role == "time" and _is_date(column)


def how_to_name(table: RawTable) -> str:
    """What to type so that the roles are clear, with columns of this table."""
    names = [shlex.quote(name) for name in list(table.columns)[:2]]
    typed = " ".join(f"--as {name}={role}" for name, role in zip(names, ROLES, strict=False))
    return f"say which columns they are, such as {typed} (also: rating, time)"


# --- by shape ---------------------------------------------------------------------------------


def _pair_by_shape(
    table: RawTable, free: list[str], user: str | None, item: str | None
) -> tuple[str | None, str | None, str]:
    """Two columns whose names come back while their pairs are nearly all new; and why, in words.
    A role that is known already is one of the two."""
    codes = {}
    for name in free:
        if name in (user, item) or _like_names(table.columns[name]):
            codes[name] = codes_of(table.columns[name])
    known = [name for name in (user, item) if name is not None]
    for name in known:
        codes[name] = codes_of(table.columns[name])
    said = {
        name: table.columns[name].values.dtype == object or named_like_a_code(name)
        for name in codes
    }  # words before numbers, which may be times
    found: list[tuple[int, float, int, str, str]] = []
    for one, other in itertools.combinations(list(codes)[:MOST_CANDIDATES], 2):
        if not set(known) <= {one, other}:
            continue
        different = [int(codes[name].max()) + 1 for name in (one, other)]
        pairs = len(np.unique(codes[one] * different[1] + codes[other]))
        if pairs >= ONCE * len(table) and pairs >= 1.5 * max(different):
            words = said[one] + said[other]
            found.append((words, pairs / len(table), sum(different), one, other))
    if not found:
        return user, item, ""
    _, share, _, first, second = max(found, key=lambda one: one[:3])
    if first == item or second == user or (not known and _like_titles(table, first, second)):
        first, second = second, first
    times = [len(table) / (int(codes[name].max()) + 1) for name in (first, second)]
    why = (
        f" (by their shape: each '{first}' comes back {times[0]:.0f} times and each '{second}' "
        f"{times[1]:.0f} times, but {share:.0%} of the pairs are new; if it is the other way "
        f"round, --as {shlex.quote(second)}=user says so)"
    )
    return first, second, why


def _like_names(column: RawColumn) -> bool:
    """Whether values are names that come back: words, or whole numbers that are no small scale."""
    values = column.values
    if values.ndim > 1 or values.dtype.kind == "M" or _is_date(column):
        return False
    if values.dtype.kind == "f":
        there = values[np.isfinite(values)]
        if small_numbers(column) or not len(there) or (there != np.round(there)).any():
            return False
    different = len(set(keys_of(column)))
    return 3 <= different <= len(column) / 2


def _like_titles(table: RawTable, one: str, other: str) -> bool:
    """Whether `one` holds titles of several words, and `other` does not."""
    blanks = [
        np.mean([" " in name for name in keys_of(table.columns[column])]) for column in (one, other)
    ]
    return bool(blanks[0] > 0.5 > blanks[1])


def _time(table: RawTable, free: list[str], owners: list[np.ndarray]) -> str | None:
    """Times: by name; else dates that differ among the events of a user, and of an item."""
    fit = [name for name in free if _usable_as("time", table.columns[name])]
    called = named(fit, TIME)
    if called is not None:
        return called
    dates = [
        name
        for name in fit
        if _is_date(table.columns[name]) and not _constant(table.columns[name], owners)
    ]
    like = [name for name in dates if "".join(words_of(name)).endswith(ENDINGS_OF_TIMES)]
    return next(iter(like or dates), None)


def _rating(
    table: RawTable, free: list[str], owners: list[np.ndarray], *, by_shape: bool
) -> str | None:
    """Ratings: by name ('Book-Rating' too); else the only scale that is no fact of a user."""
    scales = [name for name in free if small_numbers(table.columns[name])]
    called = named(scales, RATING)
    if called is not None:
        return called
    ratings, others = set(RATING.split()), {*USER.split(), *ITEM.split(), *RATING.split()}
    for name in scales:
        stems = [stem_of(word, others) for word in words_of(name)]
        if stems and stems[-1] in ratings and set(stems) <= others:
            return name
    if not by_shape:
        return None
    like = [
        name
        for name in scales
        if _like_a_scale(table.columns[name]) and not _constant(table.columns[name], owners)
    ]
    return like[0] if len(like) == 1 else None


def numbers_of(column: RawColumn) -> np.ndarray:
    """float64 `(rows,)`: a column as numbers, '4,5' too where some cells hold words; else NaN."""
    if column.values.dtype != object or column.values.ndim > 1:
        return as_numbers(column)
    plain = [value.replace(",", ".") if isinstance(value, str) else None for value in column.values]
    return as_numbers(RawColumn(column.name, np.array(plain, dtype=object)))


def small_numbers(column: RawColumn) -> bool:
    """Whether nearly all values are numbers, a few different ones of small range."""
    if column.values.ndim > 1 or column.values.dtype.kind == "M":
        return False
    numbers = numbers_of(column)
    there = numbers[np.isfinite(numbers)]
    if len(there) < 0.9 * (~column.missing()).sum():
        return False
    return 2 <= len(np.unique(there)) <= MOST_RATINGS and float(np.ptp(there)) <= 100


def _like_a_scale(column: RawColumn) -> bool:
    """From 0 or 1 up to a usual end, all of it used, and not mostly its lowest value: how many
    were bought is no rating."""
    numbers = numbers_of(column)
    there = numbers[np.isfinite(numbers)]
    different, counts = np.unique(there, return_counts=True)
    usual = different[0] in (0, 0.5, 1) and different[-1] in (3, 4, 5, 6, 7, 10, 20, 100)
    return bool(usual and len(different) >= 3 and counts[0] < 0.5 * len(there))


def _constant(column: RawColumn, owners: list[np.ndarray]) -> bool:
    """Whether values say the same in all events of a user, or of an item."""
    codes = codes_of(column)
    different = int(codes.max()) + 1
    return any(len(np.unique(one * different + codes)) == len(np.unique(one)) for one in owners)


def _is_date(column: RawColumn) -> bool:
    if column.values.ndim > 1:
        return False
    reading = MODALITIES["date"].recognize(column)
    return reading is not None and reading.sure >= SURE_DATE
