"""Five shops' sales a day for two years: made up, with a week, a year, a slow course and noise."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

SHOPS = ("harbor", "market", "station", "hill", "garden")
DAYS = 730
FIRST = "2023-01-02"
SEED = 0


def write(folder: Path) -> Path:
    """`sales.csv`: 3,650 rows in the columns `shop`, `date`, `sales`."""
    random = np.random.default_rng(SEED)
    path = folder / "sales.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["shop", "date", "sales"])
        for shop in SHOPS:
            for day, value in zip(days(), one(random), strict=True):
                writer.writerow([shop, day, round(float(value))])
    return path


def days() -> list[str]:
    """The dates, one a row."""
    return [str(np.datetime64(FIRST) + number) for number in range(DAYS)]


def one(random: np.random.Generator) -> np.ndarray:
    """float64 (730,): a level times week, year and slow course, and noise of about a tenth that
    lasts for some days."""
    number = np.arange(DAYS)
    week = np.array([0.9, 0.85, 0.9, 1.0, 1.2, 1.5, 0.65]) * random.uniform(0.9, 1.1, 7)
    year = 1 + 0.2 * np.sin(2 * np.pi * (number - random.integers(365)) / 365.25)
    course = 1 + random.uniform(-0.1, 0.4) * number / DAYS
    noise = np.zeros(DAYS)
    for day in range(1, DAYS):
        noise[day] = 0.7 * noise[day - 1] + 0.07 * random.standard_normal()
    level = random.uniform(100, 400)
    return np.asarray(np.maximum(0, level * week[number % 7] * year * course * (1 + noise)))
