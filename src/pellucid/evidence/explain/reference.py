"""What explaining needs of the training rows, kept in the run: the source may be gone by then.

    features     what the (first) network makes of up to 10,000 training rows, evenly drawn
    values       their plain columns (numbers, categories, dates)
    small        their pictures, sounds, series and texts, shrunk to what is needed to draw them;
                 of the first ones only, if they are many
    whole        a few rows with all columns as they were, to stand in for what is taken away

All of it is one file, `evidence/reference.safetensors`; texts are in it as JSON.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.columns import Column, Drawing, Loaded
from pellucid.data.duplicates import SCALAR
from pellucid.data.modalities import MODALITIES
from pellucid.data.modalities.audio import Clips
from pellucid.evidence.subject import Material, Rows, take
from pellucid.recording.files import read_arrays, write_arrays

FILE = "evidence/reference.safetensors"
MOST, WHOLE = 10_000, 64
DRAWN_BYTES = 8_000_000
"""Of all shrunk values together; rows that don't fit can't be drawn."""
CHUNK = 256
"""Rows whose features are computed together, between two looks at the clock."""
SIDE, POINTS, CHANNELS, LETTERS = 40, 96, 4, 300
"""Pixels, points of a series, its channels and characters of a text that are kept to be drawn."""


@dataclass(frozen=True)
class Reference:
    """Some training rows; all arrays in the same order, in which the first ones have more.

    features: float16 `(rows, width)`. row_numbers: int64 `(rows,)` in the source. places: how a
    person finds them. target: as metrics take it, `(rows,)` or `(rows, tags | targets)`.
    values: plain columns. small: column -> shrunk values of the first rows.
    whole: every column of the first few rows. modalities: column -> modality.
    """

    features: np.ndarray
    row_numbers: np.ndarray
    places: list[str]
    target: np.ndarray
    values: Rows
    small: dict[str, Any]
    whole: Rows
    modalities: dict[str, str]

    def __len__(self) -> int:
        return len(self.row_numbers)

    @property
    def shown(self) -> int:
        """How many rows can be drawn: the first ones."""
        kept = [len(column.values) for column in self.values.values()]
        return min([*kept, *map(len, self.small.values())], default=0)

    def drawing(self, place: int) -> dict[str, Drawing]:
        """A row as a person would see it; empty if it was not kept to be drawn."""
        if place >= self.shown:
            return {}
        return {
            name: MODALITIES[kind].draw(self.values[name], place)
            if name in self.values
            else _drawn(kind, self.small[name][place])
            for name, kind in self.modalities.items()
            if name in self.values or name in self.small
        }

    def background(self, count: int) -> Rows:
        """At most `count` rows with every column, to stand in for what is taken away."""
        kept = self.values if set(self.values) == set(self.modalities) else self.whole
        there = min((len(column.values) for column in kept.values()), default=0)
        return take(kept, np.arange(min(count, there)))

    # --- disk ---------------------------------------------------------------------------------

    def save(self, run: Path) -> None:
        """Write it into a run's folder."""
        arrays = {
            "features": self.features,
            "rows": self.row_numbers,
            "target": self.target,
        }
        words: dict[str, Any] = {
            "places": self.places,
            "modalities": self.modalities,
            "layouts": {},
        }
        for part, rows in (("values", self.values), ("whole", self.whole)):
            words["layouts"][part] = {name: column.layout for name, column in rows.items()}
            for name, column in rows.items():
                _store(f"{part} {name}", column.values, arrays, words)
        for name, kept in self.small.items():
            _store(f"small {name}", kept, arrays, words)
        arrays["words"] = np.frombuffer(json.dumps(words).encode(), dtype=np.uint8)
        write_arrays(run / FILE, arrays, durable=False)

    @classmethod
    def load(cls, run: Path) -> Reference | None:
        """Read it from a run's folder; None where there is none.

        Raises:
            BundleError: The file is damaged.
        """
        if not (run / FILE).exists():
            return None
        arrays = read_arrays(run / FILE)
        words = json.loads(arrays.pop("words").tobytes())
        kinds: dict[str, str] = words["modalities"]

        def part(key: str) -> Rows:
            return {
                name: Loaded(_restored(f"{key} {name}", kinds[name], arrays, words), layout)
                for name, layout in words["layouts"][key].items()
            }

        small = {
            name: _restored(f"small {name}", "", arrays, words)
            for name in kinds
            if f"small {name}" in arrays or f"small {name}" in words
        }
        return cls(
            arrays["features"],
            arrays["rows"],
            words["places"],
            arrays["target"],
            part("values"),
            small,
            part("whole"),
            kinds,
        )


def gather_again(material: Material, seconds: float) -> Reference:
    """The reference of a run that kept none, from its source."""
    return gather(
        material.subject.columns,
        material.loaded,
        material.truth,
        material.places,
        material.train,
        lambda rows: material.subject.features(material.take(rows)),
        seconds,
    )


def gather(
    columns: Sequence[Column],
    loaded: Rows,
    truth: np.ndarray,
    places: Sequence[str],
    train: np.ndarray,
    vectors: Callable[[np.ndarray], np.ndarray],
    seconds: float,
) -> Reference:
    """Draw training rows evenly and keep what explaining needs of them.

    Args:
        loaded, truth, places: Of all rows of the source.
        train: int64 rows that were learned from.
        vectors: Row numbers -> float32 `(rows, width)`, the network's features.
        seconds: Stops after about so long; a slow network then has fewer rows to compare with.
    """
    order = np.random.default_rng(0).permutation(train)[:MOST]
    started = time.perf_counter()
    parts: list[np.ndarray] = []
    for start in range(0, len(order), CHUNK):
        parts.append(_halved(vectors(order[start : start + CHUNK])))
        if time.perf_counter() - started > seconds:
            break
    features = np.concatenate(parts)
    order = order[: len(features)]
    modalities = {column.name: column.modality for column in columns}
    plain = {name: loaded[name] for name, kind in modalities.items() if kind in SCALAR}
    rich = {name: kind for name, kind in modalities.items() if kind in SHRINK}
    each = sum(_bytes(kind, _shrunk(kind, loaded[name], order[:1])) for name, kind in rich.items())
    drawn = order[: DRAWN_BYTES // max(each, 1)]
    small = {name: _shrunk(kind, loaded[name], drawn) for name, kind in rich.items()}
    mixed = len(columns) > 1 and len(plain) < len(columns)
    return Reference(
        features,
        order,
        [str(places[row]) for row in order],
        truth[order],
        take(plain, order),
        small,
        take(loaded, order[:WHOLE]) if mixed else {},
        modalities,
    )


# --- small enough to keep -------------------------------------------------------------------

SHRINK = frozenset({"text", "image", "audio", "series"})


def _shrunk(kind: str, loaded: Loaded, rows: np.ndarray) -> Any:
    """These rows' values, small: a list of texts, or one array."""
    if kind == "text":
        return [_short(loaded.values[row] or "") for row in rows]
    values = np.asarray(loaded.values)
    steps = [max(1, -(-size // SIDE)) for size in values.shape[1:3]]
    if kind == "image":
        return values[rows][:, :: steps[0], :: steps[1]]
    if kind == "audio":
        return values[rows][:, :: steps[0], :: steps[1], 0]
    return values[rows][:, :: max(1, -(-values.shape[1] // POINTS)), :CHANNELS]


def _bytes(kind: str, kept: Any) -> int:
    return LETTERS if kind == "text" else int(kept.nbytes)


def _short(text: str) -> str:
    return text if len(text) <= LETTERS else text[: LETTERS - 1] + "…"


def _drawn(kind: str, kept: Any) -> Drawing:
    if kind == "text":
        return Drawing("text", kept)
    if kind == "image":
        return Drawing("image", kept)
    there = ~np.isnan(kept).all(axis=1)
    whole = np.asarray(kept, dtype=np.float32)[: int(np.flatnonzero(there)[-1]) + 1 if
                                               there.any() else 0]  # fmt: skip
    if kind == "audio":
        return Drawing("audio", {"rate": 0, "wave": None, "picture": whole})
    return Drawing("series", whole)


# --- arrays and words -----------------------------------------------------------------------


def _halved(values: np.ndarray) -> np.ndarray:
    largest = float(np.finfo(np.float16).max)
    return np.clip(values, -largest, largest).astype(np.float16)


def _store(key: str, values: Any, arrays: dict[str, np.ndarray], words: dict[str, Any]) -> None:
    if isinstance(values, Clips):
        arrays[key] = values.mel
        words[key] = [None if file is None else str(file) for file in values.files]
    elif isinstance(values, list) or values.dtype == object:
        words[key] = list(values)
    else:
        arrays[key] = values.astype(np.int64) if values.dtype.kind == "M" else values


def _restored(key: str, kind: str, arrays: dict[str, np.ndarray], words: dict[str, Any]) -> Any:
    if kind == "audio":
        files = np.empty(len(words[key]), dtype=object)
        files[:] = [None if file is None else Path(file) for file in words[key]]
        return Clips(arrays[key], files)
    if key in arrays:
        return arrays[key].view("datetime64[us]") if kind == "date" else arrays[key]
    if not kind:
        return words[key]
    values = np.empty(len(words[key]), dtype=object)
    for place, value in enumerate(words[key]):
        values[place] = value
    return values
