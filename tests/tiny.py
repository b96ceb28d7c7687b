"""Tiny data of every kind, learned within a second or two. Each maker writes it into a folder and
returns the source, something to ask about, and the target's name if it has to be said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

WORDS = {"good": "great lovely fine warm", "bad": "dull awful cold grim"}


def texts(rng: np.random.Generator, label: str) -> str:
    plain = ["the", "and", "a", "of", "with", "it", "was", "seen", "here"]
    return " ".join(
        [*rng.choice(plain, 4), rng.choice(WORDS[label].split()), *rng.choice(plain, 3)]
    )


def table(folder: Path, kind: str) -> tuple[Path, str, str]:
    rng = np.random.default_rng(0)
    lines = []
    for number in range(120):
        x, y, town = rng.normal(), rng.normal(), rng.choice(["Aa", "Bb", "Cc"])
        label = "good" if x + (town == "Aa") > 0.3 else "bad"
        cells: dict[str, Any] = {"x": round(x, 3), "y": round(y, 3), "town": town}
        if kind == "mixed":
            cells["note"] = texts(rng, label)
        if kind in ("numbers", "mixed"):
            cells["price"] = round(100 + 20 * x + 30 * (label == "good"), 2)
        elif kind == "tags":
            cells["tags"] = [name for name, on in (("big", x > 0), ("red", y > 0)) if on]
        else:
            cells["label"] = label
        if number == 0:
            cells["x"] = None  # a missing number is no reason to stop
        lines.append(cells)
    path = folder / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    target = {"numbers": "price", "mixed": "price", "tags": "tags"}.get(kind, "label")
    return path, str(path), target


def text_folder(folder: Path) -> tuple[Path, str, None]:
    rng = np.random.default_rng(0)
    for label in WORDS:
        (folder / "data" / label).mkdir(parents=True)
        for number in range(40):
            path = folder / "data" / label / f"{number:02}.txt"
            path.write_text(texts(rng, label))
    return folder / "data", str(folder / "data"), None


def pictures(folder: Path) -> tuple[Path, str, None]:
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    for label in ("left", "right"):
        (folder / "data" / label).mkdir(parents=True)
        for number in range(30):
            pixels = rng.integers(0, 60, (12, 12), dtype=np.uint8)
            pixels[4:8, slice(1, 4) if label == "left" else slice(8, 11)] = 220
            image.fromarray(pixels).save(folder / "data" / label / f"{number:02}.png")
    return folder / "data", str(folder / "data" / "left" / "00.png"), None


def sounds(folder: Path) -> tuple[Path, str, None]:
    soundfile = pytest.importorskip("soundfile")
    rng = np.random.default_rng(0)
    time = np.arange(2000) / 8000
    for label, pitch in (("high", 2000), ("low", 300)):
        (folder / "data" / label).mkdir(parents=True)
        for number in range(20):
            wave = 0.3 * np.sin(2 * np.pi * pitch * time) + 0.02 * rng.normal(size=len(time))
            soundfile.write(folder / "data" / label / f"{number:02}.wav", wave, 8000)
    return folder / "data", str(folder / "data" / "low"), None


def waves(folder: Path) -> tuple[Path, str, None]:
    rng = np.random.default_rng(0)
    x = rng.normal(0, 0.3, (80, 40, 1)).astype(np.float32)
    y = np.arange(80) % 2
    x[y == 1, 10:20] += 2.0
    np.savez(folder / "waves.npz", x=x, y=y)
    return folder / "waves.npz", str(folder / "waves.npz"), None


MAKERS: dict[str, Callable[[Path], tuple[Path, str, str | None]]] = {
    "table": lambda folder: table(folder, "table"),
    "numbers": lambda folder: table(folder, "numbers"),
    "tags": lambda folder: table(folder, "tags"),
    "mixed": lambda folder: table(folder, "mixed"),
    "text": text_folder,
    "image": pictures,
    "audio": sounds,
    "series": waves,
}
