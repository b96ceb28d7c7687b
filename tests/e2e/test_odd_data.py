"""Odd but legal data: whatever people have, it is learned from or refused in plain words."""

from __future__ import annotations

import io
import math
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid

Maker = Callable[[Path, np.random.Generator], tuple[Any, dict[str, Any]]]
"""Writes files into a folder if need be; returns a source and arguments for `learn`."""

ROWS = 40


def two(rows: int = ROWS) -> np.ndarray:
    """Names of two classes in turn."""
    return np.array(["no", "yes"], dtype=object)[np.arange(rows) % 2]


def shift(rng: np.random.Generator, rows: int = ROWS) -> np.ndarray:
    """A number that tells the two classes apart."""
    return 3.0 * (np.arange(rows) % 2) + rng.normal(size=rows)


def png(pixels: np.ndarray) -> bytes:
    from PIL import Image

    sink = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(sink, "PNG")
    return sink.getvalue()


def wav(samples: np.ndarray) -> bytes:
    sink = io.BytesIO()
    with wave.open(sink, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(samples.astype("<i2").tobytes())
    return sink.getvalue()


def class_folders(root: Path, ending: str, content: Callable[[int], bytes], each: int = 15) -> Path:
    for kind in range(2):
        folder = root / "data" / "ab"[kind]
        folder.mkdir(parents=True)
        for number in range(each):
            (folder / f"{number:02}{ending}").write_bytes(content(2 * number + kind))
    return root / "data"


# --- pictures, sounds, texts, series --------------------------------------------------------------


def pictures_of_one_pixel(folder: Path, rng: np.random.Generator) -> tuple[Any, dict[str, Any]]:
    def one(n: int) -> bytes:
        return png(np.full((1, 1), 200 * (n % 2) + n // 2))

    return class_folders(folder, ".png", one), {}


def pictures_of_all_sizes(folder: Path, rng: np.random.Generator) -> tuple[Any, dict[str, Any]]:
    def one(n: int) -> bytes:
        return png(rng.integers(0, 100, (3 + 7 * n, 90 - 2 * n)) + 100 * (n % 2))

    return class_folders(folder, ".png", one), {}


def sounds_of_five_samples(folder: Path, rng: np.random.Generator) -> tuple[Any, dict[str, Any]]:
    return class_folders(folder, ".wav", lambda n: wav(rng.integers(-99, 99, 5))), {}


def one_very_long_text(folder: Path, rng: np.random.Generator) -> tuple[Any, dict[str, Any]]:
    words = np.array(["sun", "rain", "snow", "wind", "hail", "fog"])
    texts = [f"{'dull' if n % 2 else 'bright'} {' '.join(rng.choice(words, 9))}" for n in range(40)]
    texts[7] = "dull " + "rain " * 200_000
    return {"text": texts, "label": two()}, {"target": "label"}


def texts_of_one_letter(folder: Path, rng: np.random.Generator) -> tuple[Any, dict[str, Any]]:
    return class_folders(folder, ".txt", lambda n: b"yn"[n % 2 : n % 2 + 1]), {}


def texts_in_many_scripts(folder: Path, rng: np.random.Generator) -> tuple[Any, dict[str, Any]]:
    lines = ["天気がいい %d", "погода плохая %d"]
    return class_folders(folder, ".txt", lambda n: (lines[n % 2] % n).encode()), {}


def series_of_one_step(folder: Path, rng: np.random.Generator) -> tuple[Any, dict[str, Any]]:
    series = np.empty(ROWS, dtype=object)
    series[:] = [np.array([value]) for value in shift(rng)]
    return {"series": series, "label": two()}, {"target": "label"}


def series_of_all_lengths(folder: Path, rng: np.random.Generator) -> tuple[Any, dict[str, Any]]:
    series = np.empty(ROWS, dtype=object)
    series[:] = [rng.normal(size=1 + 9 * n) + 2 * (n % 2) for n in range(ROWS)]
    return {"series": series, "label": two()}, {"target": "label"}


# --- tables ---------------------------------------------------------------------------------------


def odd_names(folder: Path, rng: np.random.Generator) -> tuple[Any, dict[str, Any]]:
    names = ["a.b.c", "x/y", "two words", "🙂", "n" * 300, "", "weight", "0", "self", "__class__"]
    return {name: shift(rng) for name in names} | {"out": two()}, {"target": "out"}


def names_that_the_network_uses(
    folder: Path, rng: np.random.Generator
) -> tuple[Any, dict[str, Any]]:
    names = ["scalars", "categories", "columns", "row", "output", "answer", "file", "label"]
    series = rng.normal(size=(ROWS, 12)) + (np.arange(ROWS) % 2)[:, None]
    text = [f"{'good' if n % 2 else 'bad'} number {n} of all" for n in range(ROWS)]
    table: dict[str, Any] = {name: shift(rng) for name in names}
    return table | {"columns": series, "scalars": text, "target": two()}, {"target": "target"}


def names_of_series_with_dots(folder: Path, rng: np.random.Generator) -> tuple[Any, dict[str, Any]]:
    series = rng.normal(size=(ROWS, 12)) + (np.arange(ROWS) % 2)[:, None]
    texts = [f"{'good' if n % 2 else 'bad'} number {n} of all" for n in range(ROWS)]
    return {"sensor.left/1": series, "note. 🙂": texts, "out": two()}, {"target": "out"}


def classes_that_are_numbers(folder: Path, rng: np.random.Generator) -> tuple[Any, dict[str, Any]]:
    return {"x": shift(rng), "class": np.arange(ROWS) % 2 * 7.0}, {}


def classes_with_odd_names(folder: Path, rng: np.random.Generator) -> tuple[Any, dict[str, Any]]:
    names = np.array(["-1", "ja, nein", '"', "🙂", "a\nb"], dtype=object)
    return {"x": np.arange(60) % 5 + 0.1 * rng.normal(size=60), "kind": names[np.arange(60) % 5]}, {
        "target": "kind"
    }


def one_rare_class(folder: Path, rng: np.random.Generator) -> tuple[Any, dict[str, Any]]:
    kinds = two()
    kinds[5] = "rare"
    return {"x": shift(rng), "kind": kinds}, {"target": "kind"}


def ten_rows(folder: Path, rng: np.random.Generator) -> tuple[Any, dict[str, Any]]:
    return {"x": shift(rng, 10), "kind": two(10)}, {"target": "kind"}


def two_hundred_columns(folder: Path, rng: np.random.Generator) -> tuple[Any, dict[str, Any]]:
    return {f"c{n}": shift(rng) for n in range(200)} | {"kind": two()}, {"target": "kind"}


def constant_and_empty_columns(
    folder: Path, rng: np.random.Generator
) -> tuple[Any, dict[str, Any]]:
    table = {"x": shift(rng), "same": np.ones(ROWS), "none": np.full(ROWS, np.nan)}
    return table | {"word": ["a"] * ROWS, "kind": two()}, {"target": "kind"}


def duplicates_everywhere(folder: Path, rng: np.random.Generator) -> tuple[Any, dict[str, Any]]:
    return {"x": np.arange(ROWS) % 2 * 1.0, "y": np.zeros(ROWS), "kind": two()}, {"target": "kind"}


def dates_in_many_formats(folder: Path, rng: np.random.Generator) -> tuple[Any, dict[str, Any]]:
    formats = ["2024-{m:02}-{d:02}", "{d:02}.{m:02}.2024", "{d} March 2024", "2024/{m:02}/{d:02}"]
    days = [formats[n % 4].format(m=n % 12 + 1, d=n % 28 + 1) for n in range(ROWS)]
    return {"day": days, "x": shift(rng), "kind": two()}, {"target": "kind"}


def huge_and_tiny_numbers(folder: Path, rng: np.random.Generator) -> tuple[Any, dict[str, Any]]:
    table = {"huge": shift(rng) * 1e300, "tiny": shift(rng) * 1e-300, "price": shift(rng) * 1e12}
    return table, {"target": "price"}


def answers_nearly_constant(folder: Path, rng: np.random.Generator) -> tuple[Any, dict[str, Any]]:
    price = np.full(ROWS, 5.0)
    price[3] = 6.0
    return {"x": shift(rng), "y": shift(rng), "price": price}, {
        "target": "price",
        "task": "regress",
    }


def mostly_missing(folder: Path, rng: np.random.Generator) -> tuple[Any, dict[str, Any]]:
    x, y = shift(rng), shift(rng)
    x[4:], y[rng.random(ROWS) < 0.5] = np.nan, np.nan
    return {"x": x, "y": y, "kind": two()}, {"target": "kind"}


def yes_and_no_in_many_ways(folder: Path, rng: np.random.Generator) -> tuple[Any, dict[str, Any]]:
    flags = np.array([True, False])[np.arange(ROWS) % 2]
    return {"flag": flags, "x": shift(rng), "kind": flags}, {"target": "kind"}


CLEAR: list[Maker] = [
    pictures_of_one_pixel,
    pictures_of_all_sizes,
    sounds_of_five_samples,
    one_very_long_text,
    texts_of_one_letter,
    texts_in_many_scripts,
    series_of_one_step,
    series_of_all_lengths,
    odd_names,
    names_that_the_network_uses,
    names_of_series_with_dots,
    classes_that_are_numbers,
    classes_with_odd_names,
    one_rare_class,
    ten_rows,
    two_hundred_columns,
    constant_and_empty_columns,
    duplicates_everywhere,
    dates_in_many_formats,
    huge_and_tiny_numbers,
    answers_nearly_constant,
    mostly_missing,
    yes_and_no_in_many_ways,
]


@pytest.mark.parametrize("make", CLEAR, ids=lambda make: make.__name__)
def test_odd_data_is_learned_and_answered(make: Maker, tmp_path: Path) -> None:
    source, settings = make(tmp_path, np.random.default_rng(0))
    run = pellucid.learn(
        source,
        **settings,
        out=tmp_path / "run",
        time=1,
        quiet=True,
        pretrained=False,
    )
    assert run.status == "done"
    assert (run.path / "report.html").stat().st_size > 1000
    rows = run.result()["rows"]
    answers = run.predict(source)
    assert len(answers) == sum(rows.values())
    assert [line["row"] for line in answers] == list(range(len(answers)))
    for line in answers:
        if "error" not in line:
            check_answer(line)
    assert sum("error" in line for line in answers) <= rows["set_aside"]


def check_answer(line: dict[str, Any]) -> None:
    if "probabilities" in line:
        shares = list(line["probabilities"].values())
        assert all(math.isfinite(share) and 0 <= share <= 1 for share in shares)
        assert sum(shares) == pytest.approx(1, abs=1e-4)
        assert line["answer"] in line["probabilities"]
    else:
        assert math.isfinite(line["answer"])
