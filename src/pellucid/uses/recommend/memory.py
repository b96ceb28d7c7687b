"""What a recommender keeps of users and items, and which of them a row asks about."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data import read
from pellucid.data.columns import RawTable
from pellucid.data.readers.ratings import find_layout, read_layout
from pellucid.errors import DataError
from pellucid.uses.recommend.roles import keys_of
from pellucid.uses.typed import as_source


@dataclass
class Memory:
    """What the model knows of users and items, and what users did.

    users, items, titles: names; columns: what user, item and rating are called. item, rating:
    `(events,)` of users in the order of time, a user's from starts[user] to starts[user + 1];
    rating is empty without ratings. seen: bool `(items,)`: with training events. of_items,
    of_users: float32 `(items | users, features)`, item_features: their names.
    """

    columns: dict[str, str | None]
    users: list[str]
    items: list[str]
    titles: list[str]
    item: np.ndarray
    rating: np.ndarray
    starts: np.ndarray
    seen: np.ndarray
    of_items: np.ndarray
    of_users: np.ndarray
    item_features: list[str]

    @cached_property
    def user_numbers(self) -> dict[str, int]:
        """Name -> number."""
        return {name: number for number, name in enumerate(self.users)}

    @cached_property
    def item_numbers(self) -> dict[str, int]:
        """Name -> number."""
        return {name: number for number, name in enumerate(self.items)}

    def history(self, user: int) -> tuple[np.ndarray, np.ndarray]:
        """Items and ratings of a user, the latest last; nothing for user -1."""
        if user < 0:
            return np.empty(0, np.int64), np.empty(0)
        mine = slice(self.starts[user], self.starts[user + 1])
        return self.item[mine], self.rating[mine]


def latest(history: np.ndarray, most: int, memory: Memory) -> np.ndarray:
    """int64 `(most,)`: a history as the network over sequences takes it; items without training
    events say nothing and are left out."""
    known = history[memory.seen[history]][-most:]
    row = np.zeros(most, np.int64)
    row[: len(known)] = known + 1
    return row


# --- rows -------------------------------------------------------------------------------------

Names = list[str | None]


def asked_for(source: Any, memory: Memory, *, items: bool) -> tuple[Names, Names]:
    """Users and items of each row; None where there is none.

    Args:
        items: Whether each row must name an item.

    Raises:
        DataError: The source has no column of users (or of items).
    """
    user, item = memory.columns["user"], memory.columns["item"]
    assert user is not None
    assert item is not None
    table = _table(source)
    if len(table.columns) == 1 and user not in table.columns:
        table.columns = {user: next(iter(table.columns.values()))}
    lacking = user if user not in table.columns else item
    if lacking not in table.columns and (lacking == user or items):
        raise DataError(
            f"the model needs the column '{lacking}', which '{table.name}' does not have",
            where=f"{table.name} has: {', '.join(list(table.columns)[:8])}",
            fix=f"add the column '{lacking}': it was called so in the data that was learned from",
        )
    people = [name or None for name in keys_of(table.columns[user])]
    if item not in table.columns:
        return people, [None] * len(people)
    return people, [name or None for name in keys_of(table.columns[item])]


def _table(source: Any) -> RawTable:
    source = as_source(source)
    if isinstance(source, str | Path):
        layout = find_layout(Path(source))
        if layout is not None:
            return read_layout(layout)[0]
    return read.read_for_prediction(source, [])
