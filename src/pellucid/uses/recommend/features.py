"""What is known of items and users: columns of the events that never change for one of them, and
tables of their own; as numbers and flags."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.data.columns import RawTable
from pellucid.uses.recommend.roles import Roles, keys_of
from pellucid.uses.recommend.words import says_titles

MOST_WORDS, FEWEST_WITH_WORD = 64, 5
"""A column of features: the most words that are told apart, and in how many items each stands."""


@dataclass
class Features:
    """What is known of each item or user. values: float32 `(items | users, features)`, 0 where
    nothing is known; names: one a feature, 'genre: Drama'."""

    values: np.ndarray
    names: list[str]


def constant(
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


def described(
    table: RawTable | None, key: str, names: list[str], own: dict[str, np.ndarray]
) -> tuple[list[str], Features]:
    """Titles and features of items (or users) in the order of `names`."""
    columns = dict(own)
    if table is not None:
        key = key_of(table, key, names)[0]
        place = {name: row for row, name in enumerate(keys_of(table.columns[key]))}
        rows = np.array([place.get(name, -1) for name in names])
        for column in table.columns.values():
            if column.name != key and column.values.ndim == 1:
                columns[column.name] = _pick(column.values, rows)
    titles, values, said = list(names), [np.zeros((len(names), 0), np.float32)], []
    for name, cells in columns.items():
        if says_titles(name):
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


def key_of(table: RawTable, name: str, names: list[str]) -> tuple[str, float]:
    """The column of a table of items (or users) that holds their names: the one of that name, else
    the one that holds most of them; and how large a share of them it holds."""
    wanted = set(names)
    share = {
        column.name: len(wanted & set(keys_of(column))) / max(1, len(wanted))
        for column in table.columns.values()
        if column.values.ndim == 1
    }
    key = name if share.get(name, 0.0) > 0 else max(share, key=lambda one: share[one])
    return key, share[key]


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
