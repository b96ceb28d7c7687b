"""Made-up houses: a picture, a description, numbers, a town and a date decide the price.

The price follows a formula that is saved beside the table, with the noise that nobody can predict:
the best error any model can reach is known.
"""

from __future__ import annotations

import csv
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.errors import require

ROWS = 1500
SIDE = 32
SEED = 0
NOISE = 8_000  # standard deviation of what no column explains

TOWNS = {"Ashford": 2100, "Brookfield": 1500, "Carlow": 1150, "Dunmore": 1750, "Elmgate": 1350}
"""Price of a square meter."""

WALLS = ((168, 84, 66), (226, 214, 186), (139, 100, 60))  # brick, plaster, timber
WINDOWS = (2, 4, 6)
PER_WINDOW = 9_000

CONDITION = {
    "Freshly renovated from cellar to roof.": 30_000,
    "Everything inside is new.": 30_000,
    "Well kept and ready to move in.": 0,
    "In good order throughout.": 0,
    "Needs some work before winter.": -35_000,
    "A project for people with tools and patience.": -35_000,
}
VIEW = {
    "The windows look out over the lake.": 25_000,
    "From the terrace you see the mountains.": 25_000,
    "The garden faces south.": 8_000,
    "The street is quiet at night.": 0,
    "The railway passes behind the garden.": -15_000,
}
OPENING = (
    "A house for a family.",
    "For sale by the owner.",
    "Seldom on the market.",
    "See it soon.",
)
CLOSING = ("Call us for a visit.", "Visits on Saturdays.", "Keys at the town hall.", "")

FIRST_DAY = date(2021, 1, 4)
DAYS = 1400
PER_DAY = 25  # prices rise with the date


def write(folder: Path, rows: int = ROWS) -> Path:
    """`houses.csv`, its pictures in `houses-pictures/`, and how prices are made in
    `houses-truth.json`."""
    random = np.random.default_rng(SEED)
    (folder / "houses-pictures").mkdir()
    path = folder / "houses.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        for index in range(rows):
            house = _house(index, random, folder)
            if index == 0:
                writer.writerow(house)
            writer.writerow(house.values())
    (folder / "houses-truth.json").write_text(json.dumps(_truth(), indent=1) + "\n", "utf-8")
    return path


def _house(index: int, random: np.random.Generator, folder: Path) -> dict[str, Any]:
    town = str(random.choice(list(TOWNS)))
    area = int(np.clip(random.normal(125, 35), 45, 280))
    listed = int(random.integers(DAYS))
    windows = int(random.choice(WINDOWS))
    condition, view = str(random.choice(list(CONDITION))), str(random.choice(list(VIEW)))
    sentences = [str(random.choice(OPENING)), condition, view, str(random.choice(CLOSING))]
    sentences[1:3] = random.permutation(sentences[1:3]).tolist()
    price = (
        area * TOWNS[town]
        + windows * PER_WINDOW
        + CONDITION[condition]
        + VIEW[view]
        + listed * PER_DAY
        + random.normal(0, NOISE)
    )
    picture = f"houses-pictures/{index:04d}.png"
    _save_picture(folder / picture, windows, random)
    return {
        "picture": picture,
        "description": " ".join(filter(None, sentences)),
        "town": town,
        "area": area,
        "rooms": max(1, round(area / 28 + random.normal(0, 0.8))),
        "listed": (FIRST_DAY + timedelta(days=listed)).isoformat(),
        "price": round(price),
    }


def _truth() -> dict[str, Any]:
    return {
        "price": "area * per_square_meter[town] + windows * per_window + condition + view "
        f"+ days since {FIRST_DAY.isoformat()} * per_day + noise",
        "per_square_meter": TOWNS,
        "per_window": PER_WINDOW,
        "windows": "2, 4 or 6, to be seen in the picture only",
        "condition": CONDITION,
        "view": VIEW,
        "per_day": PER_DAY,
        "noise": {"standard_deviation": NOISE, "meaning": "no model can have a smaller RMSE"},
        "without_influence": ["rooms (follows the area)", "color of walls and roof", "time of day"],
    }


def _save_picture(path: Path, windows: int, random: np.random.Generator) -> None:
    """A house under a sky, 32x32, with its windows in one row or two."""
    image = require("PIL.Image", extra="image", purpose="drawing houses")
    draw = require("PIL.ImageDraw", extra="image", purpose="drawing houses")
    daylight = random.uniform(0.6, 1.0)
    picture = image.new("RGB", (SIDE, SIDE), (150, 195, 235))
    pencil = draw.Draw(picture)
    ground, left = int(random.integers(26, 30)), int(random.integers(2, 7))
    right, eaves = left + 22, ground - 15
    pencil.rectangle([0, ground, SIDE, SIDE], fill=(96, 140, 70))
    pencil.rectangle([left, eaves, right, ground], fill=WALLS[random.integers(len(WALLS))])
    roof = tuple(int(value) for value in random.integers(40, 140, 3))
    pencil.polygon([(left - 2, eaves), (right + 2, eaves), ((left + right) / 2, 4)], fill=roof)
    for number in range(windows):
        x, y = left + 3 + 7 * (number % 3), eaves + 2 + 6 * (number // 3)
        pencil.rectangle([x, y, x + 3, y + 3], fill=(44, 58, 84))
    pixels = np.asarray(picture) * daylight + random.normal(0, 6, (SIDE, SIDE, 3))
    image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path, compress_level=1)
