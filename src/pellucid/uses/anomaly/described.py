"""A text, a list of words, a picture, a sound or a series beside other columns, as a few numbers.

What is normal is learned by guessing every column from the others. A remark or a photo can't be
guessed word by word from a temperature; where it lies among all remarks can. So such a column
becomes the main directions in which its training rows differ, what these leave over, and for a
text how many of its words are new. Together they are one piece: hidden, guessed and planted at
once, and named by the column.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.baselines.baseline import State, threads_for
from pellucid.baselines.features import FEATURES, Features, strip
from pellucid.baselines.texts import TextTopics
from pellucid.data.columns import Column, Loaded

VIEWS = {
    "text": "text topics",
    "words": "text topics",
    "image": "HOG",
    "audio": "MFCC statistics",
    "series": "series statistics",
}
"""Modality -> the hand-made features whose main directions describe it."""
DIRECTIONS = 6
OF = "describes"
"""In `Column.fitted`: the column of the source that a number was made of."""


@dataclass
class Described:
    """One column of the source and how it becomes numbers, learned from training rows.

    middle, spread: of its features. axes: `(features, directions)`.
    """

    column: Column
    features: Features
    middle: np.ndarray
    spread: np.ndarray
    axes: np.ndarray

    @classmethod
    def fit(cls, column: Column, loaded: Loaded) -> Described:
        """loaded: the decoded training rows."""
        loaded = _as_text(column, loaded)
        features = FEATURES[VIEWS[column.modality]].fit(loaded)
        raw = _dense(features, loaded)
        apart = raw.std(0)
        spread = apart + 0.5 * max(float(apart.mean()), 1e-9)
        scaled = (raw - raw.mean(0)) / spread
        with threads_for(scaled.size):
            _, sizes, axes = np.linalg.svd(scaled, full_matrices=False)
        count = max(1, min(DIRECTIONS, int((sizes > 1e-6 * max(sizes[0], 1e-12)).sum())))
        return cls(column, features, raw.mean(0), spread, np.ascontiguousarray(axes[:count].T))

    @property
    def names(self) -> list[str]:
        """Of the numbers that `of` makes."""
        name = self.column.name
        directions = [f"{name}: direction {n}" for n in range(1, self.axes.shape[1] + 1)]
        new = [f"{name}: new words"] if isinstance(self.features, TextTopics) else []
        return [*directions, f"{name}: what is left over", *new]

    def of(self, loaded: Loaded) -> dict[str, Loaded]:
        """Name -> a number for each row."""
        loaded = _as_text(self.column, loaded)
        scaled = (_dense(self.features, loaded) - self.middle) / self.spread
        along = scaled @ self.axes
        left = np.log(1e-6 + np.square(scaled - along @ self.axes.T).mean(1))
        values = [*along.T, left]
        if isinstance(self.features, TextTopics):
            values.append(_new_words(self.features, loaded))
        return {name: Loaded(one) for name, one in zip(self.names, values, strict=True)}

    # --- on disk ------------------------------------------------------------------------------

    def state(self) -> State:
        own = self.features.state()
        arrays = {f"own.{name}": value for name, value in own.arrays.items()}
        arrays |= {"middle": self.middle, "spread": self.spread, "axes": self.axes}
        json = {"column": self.column.as_json(), "features": self.features.name, "own": own.json}
        return State(json, arrays, own.texts)

    @classmethod
    def restore(cls, json: dict[str, Any], arrays: dict[str, np.ndarray], texts: Any) -> Described:
        own = State(json["own"], strip(arrays, "own."), texts)
        features = FEATURES[json["features"]].restore(own)
        column = Column(**json["column"])
        return cls(column, features, arrays["middle"], arrays["spread"], arrays["axes"])


def _new_words(features: TextTopics, loaded: Loaded) -> np.ndarray:
    """float64 `(rows,)`: the share of each text's words that hardly any training text has."""
    known, shares = set(features.words.terms), []
    for text in loaded.values:
        words = re.findall(r"\b\w\w+\b", "" if text is None else str(text).lower())
        shares.append(sum(word not in known for word in words) / max(1, len(words)))
    return np.array(shares, dtype=np.float64)


def _as_text(column: Column, loaded: Loaded) -> Loaded:
    """A list of words is read as the text that they make."""
    if column.modality != "words":
        return loaded
    texts = np.empty(len(loaded.values), dtype=object)
    texts[:] = [None if words is None else ", ".join(words) for words in loaded.values]
    return Loaded(texts)


def _dense(features: Features, loaded: Loaded) -> np.ndarray:
    return np.nan_to_num(np.asarray(features.matrix(loaded), dtype=np.float64))


# --- pieces: what is hidden, guessed, planted and named as one ----------------------------------


def piece_of(column: Column) -> str:
    """The column of the source that a column the network sees belongs to."""
    return str(column.fitted.get(OF, column.name))


def pieces_of(columns: Sequence[Column]) -> dict[str, list[int]]:
    """Piece -> its columns, in their order. A source of one text alone falls into its numbers:
    there would be nothing else to guess them from."""
    found: dict[str, list[int]] = {}
    for place, column in enumerate(columns):
        found.setdefault(piece_of(column), []).append(place)
    if len(found) == 1:
        return {column.name: [place] for place, column in enumerate(columns)}
    return found
