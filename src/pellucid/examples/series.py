"""Cylinder, bell and funnel: the classic made-up series (Saito 1994), as one long table."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

STEPS = 128
EACH = 300
SEED = 0
SHAPES = ("bell", "cylinder", "funnel")


def write(folder: Path) -> Path:
    """`series.csv`: 900 series of 128 rows each, in the columns `id`, `time`, `value`, `shape`."""
    random = np.random.default_rng(SEED)
    shapes = random.permutation(np.repeat(SHAPES, EACH))
    path = folder / "series.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "time", "value", "shape"])
        for number, shape in enumerate(shapes.tolist()):
            for step, value in enumerate(one(shape, random)):
                writer.writerow([number, step, f"{value:.4f}", shape])
    return path


def one(shape: str, random: np.random.Generator) -> np.ndarray:
    """float64 (128,): unit noise, and between two random times a plateau or a ramp of about 6."""
    start = int(random.integers(16, 33))
    length = int(random.integers(32, 97))
    ramp = np.arange(length) / (length - 1)
    form = {"cylinder": np.ones(length), "bell": ramp, "funnel": 1 - ramp}[shape]
    values = random.standard_normal(STEPS)
    end = min(start + length, STEPS)
    values[start:end] += (6 + random.standard_normal()) * form[: end - start]
    return values
