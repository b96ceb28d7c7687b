"""What every kind of value promises; a new one is tested as soon as it is registered."""

from __future__ import annotations

import json
import wave
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from PIL import Image

from pellucid.data.columns import Drawing, DrawingKind, Loaded, Modality, RawColumn
from pellucid.data.modalities import MODALITIES

ROWS = 24
TRAIN = np.arange(16)
"""Rows that are fitted; the others hold values that these do not."""


def boxed(name: str, values: list[object], folder: Path | None = None) -> RawColumn:
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return RawColumn(name, made, folder)


def numbers(folder: Path) -> RawColumn:
    values = np.linspace(-3.25, 40.5, ROWS)
    values[[3, 20]] = np.nan
    values[[21, 22]] = [1e9, -np.inf]
    return RawColumn("x", values)


def categories(folder: Path) -> RawColumn:
    return boxed("c", [*["red", "green", None, "blue"] * 4, *["new", "red", None, "other"] * 2])


def dates(folder: Path) -> RawColumn:
    days: list[object] = [f"2024-{1 + row % 12:02d}-{1 + row:02d} 08:{row}0" for row in range(6)]
    return boxed("d", [*days * 2, *["2024-05-05 11:30", None] * 2, *["1901-01-01 10:00", None] * 4])


def texts(folder: Path) -> RawColumn:
    lines: list[object] = [f"a line of text about thing number {row} or so" for row in range(ROWS)]
    lines[2], lines[18], lines[19] = None, "完全に新しい言葉 that nobody saw", None
    return boxed("t", lines)


def lists(folder: Path) -> RawColumn:
    rows: list[object] = ["red;round", "red", "big;red", "round;big;red", None, "big"]
    return boxed("w", [*rows * 3, *["new;red", "new"] * 3])


def pictures(folder: Path) -> RawColumn:
    rng = np.random.default_rng(0)
    for row in range(ROWS):
        pixels = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"p{row}.png")
    return boxed("p", [f"p{row}.png" for row in range(ROWS)], folder)


def sounds(folder: Path) -> RawColumn:
    rng = np.random.default_rng(0)
    for row in range(ROWS):
        with wave.open(str(folder / f"s{row}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            samples = rng.normal(scale=8000, size=4000 + 10 * row).clip(-32768, 32767)
            file.writeframes(samples.astype("<i2").tobytes())
    return boxed("s", [f"s{row}.wav" for row in range(ROWS)], folder)


def series(folder: Path) -> RawColumn:
    rng = np.random.default_rng(0)
    return boxed("v", [rng.normal(size=(30 + row % 5, 2)).cumsum(0) for row in range(ROWS)])


EXAMPLES: dict[str, Callable[[Path], RawColumn]] = {
    "number": numbers,
    "category": categories,
    "date": dates,
    "text": texts,
    "words": lists,
    "image": pictures,
    "audio": sounds,
    "series": series,
}

each = pytest.mark.parametrize("name", sorted(MODALITIES))


@pytest.fixture
def example(name: str, tmp_path: Path) -> tuple[Modality, RawColumn, Loaded]:
    kind, raw = MODALITIES[name], EXAMPLES[name](tmp_path)
    return kind, raw, kind.load(raw)


Example = tuple[Modality, RawColumn, Loaded]


@each
def test_is_recognized_by_its_own_kind(name: str, example: Example) -> None:
    _, raw, _ = example
    claims = {key: kind.recognize(raw) for key, kind in MODALITIES.items()}
    sure = {key: reading.sure for key, reading in claims.items() if reading}
    assert max(sure, key=lambda key: sure[key]) == name
    assert 0 < sure[name] <= 1
    assert all(reading.why for reading in claims.values() if reading)


@each
def test_encoded_as_the_entry_says(name: str, example: Example) -> None:
    kind, _, loaded = example
    fitted = kind.fit(loaded.take(TRAIN))
    entry, encoded = kind.entry("col", fitted), kind.encode(loaded, fitted)
    assert entry.rank <= 2
    assert entry.group == ("scalars", "categories")[entry.way == "lookup"] or entry.rank > 0
    if entry.way == "lookup":
        assert encoded.shape == (ROWS, *entry.positions)
        assert encoded.dtype == np.int32
        assert encoded.min() >= 0
        assert encoded.max() < entry.size
    else:
        assert encoded.shape == (ROWS, *entry.positions, entry.size)
        assert encoded.dtype in (np.float32, np.float16, np.uint8)
    if entry.rank == 0:
        assert np.isfinite(encoded).all()


@each
def test_rows_do_not_influence_each_other(name: str, example: Example) -> None:
    kind, _, loaded = example
    fitted = kind.fit(loaded.take(TRAIN))
    encoded = kind.encode(loaded, fitted)
    for row in (0, 3, ROWS - 1):
        alone = kind.encode(loaded.take(np.array([row])), fitted)
        np.testing.assert_allclose(alone[0], encoded[row], rtol=1e-5, atol=1e-6)


@each
def test_fit_sees_training_rows_only(name: str, example: Example) -> None:
    kind, raw, loaded = example
    alone = kind.load(raw.take(TRAIN), loaded.layout)
    assert kind.fit(loaded.take(TRAIN)) == kind.fit(alone)
    assert kind.fit(loaded.take(TRAIN)) != kind.fit(loaded)


@each
def test_fitted_and_layout_are_json(name: str, example: Example) -> None:
    kind, _, loaded = example
    fitted = kind.fit(loaded.take(TRAIN))
    again = json.loads(json.dumps(fitted))
    assert again == fitted
    assert json.loads(json.dumps(loaded.layout)) == loaded.layout
    np.testing.assert_array_equal(kind.encode(loaded, again), kind.encode(loaded, fitted))


@each
def test_prediction_loads_with_the_layout_of_training(name: str, example: Example) -> None:
    kind, raw, loaded = example
    fitted = kind.fit(loaded.take(TRAIN))
    rows = np.array([ROWS - 1, 0])
    later = kind.load(raw.take(rows), json.loads(json.dumps(loaded.layout)))
    assert later.layout == loaded.layout
    np.testing.assert_allclose(
        kind.encode(later, fitted), kind.encode(loaded, fitted)[rows], rtol=1e-3, atol=1e-3
    )


@each
def test_nothing_is_changed_in_passing(name: str, example: Example) -> None:
    kind, raw, loaded = example
    fitted = kind.fit(loaded.take(TRAIN))
    before = kind.encode(loaded, fitted).copy()
    words = str(raw.values.tolist())
    kind.keys(loaded)
    kind.draw(loaded, 0)
    kind.encode(loaded, fitted)
    np.testing.assert_array_equal(kind.encode(loaded, fitted), before)
    assert str(raw.values.tolist()) == words


@each
def test_every_row_can_be_drawn(name: str, example: Example) -> None:
    kind, _, loaded = example
    for row in range(ROWS):
        drawing = kind.draw(loaded, row)
        assert isinstance(drawing, Drawing)
        assert drawing.kind in get_args(DrawingKind)
    shuffled = loaded.take(np.array([5, 0]))
    assert repr(kind.draw(shuffled, 1)) == repr(kind.draw(loaded, 0))


@each
def test_equal_rows_have_equal_keys(name: str, example: Example) -> None:
    kind, _, loaded = example
    twice = loaded.take(np.array([0, 1, 0]))
    keys = kind.keys(twice)
    assert len(keys) == 3
    assert all(key is None or isinstance(key, str) for key in keys)
    assert keys[0] == keys[2]
    assert keys[0] is None or keys[0] != keys[1]


@each
def test_progress_reaches_the_end(name: str, tmp_path: Path) -> None:
    raw = EXAMPLES[name](tmp_path)
    seen: list[tuple[int, int]] = []
    MODALITIES[name].load(raw, None, lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] > 0
    assert all(0 <= done <= total for done, total in seen)


@pytest.mark.parametrize("name", ["number", "category", "date", "text", "words"])
def test_a_column_of_nothing_is_survived(name: str) -> None:
    kind = MODALITIES[name]
    raw = RawColumn("x", np.full(4, np.nan)) if name == "number" else boxed("x", [None] * 4)
    loaded = kind.load(raw)
    fitted = kind.fit(loaded)
    assert len(kind.encode(loaded, fitted)) == 4
    assert kind.keys(loaded) == [None] * 4


def test_every_kind_has_an_example() -> None:
    assert set(EXAMPLES) == set(MODALITIES)
