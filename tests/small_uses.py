"""One small run of each use, learned within seconds: that it answers matters, not how well."""

from __future__ import annotations

import csv
import itertools
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pellucid import uses
from pellucid.config import Plan, Settings, Size
from pellucid.recipe.watcher import Watcher

Made = tuple[Any, Settings, Plan | None]
SHOPS, DAYS = ("north", "south"), 120
PEOPLE, ITEMS = 30, 20
WORDS = {"red": "rot", "blue": "blau", "cat": "Katze", "dog": "Hund", "sees": "sieht"}


def plan(steps: int, network: dict[str, str], size: Size, batch: int = 16) -> Plan:
    """No planning, so no clock."""
    sizes = dict.fromkeys(network, size)
    return Plan(
        steps=steps, batch=batch, evaluate_every=steps // 2, rate=3e-3, network=network, sizes=sizes
    )


def day(number: int) -> str:
    return str(np.datetime64("2024-01-01") + number)


def sold(shop: int, number: int) -> float:
    return [10, 12, 11, 14, 20, 25, 5][number % 7] * (1 + shop) + 0.1 * float(np.sin(3.7 * number))


def forecast(folder: Path) -> Made:
    rows = [
        f"{name},{day(number)},{sold(shop, number):.3f}"
        for shop, name in enumerate(SHOPS)
        for number in range(DAYS)
    ]
    path = folder / "sales.csv"
    path.write_text("\n".join(["shop,day,sales", *rows]) + "\n")
    return path, Settings(task="forecast", target="sales", horizon=5, time=3.0), None


def recommend(folder: Path) -> Made:
    rng = np.random.default_rng(0)
    rows = ["user_id,item_id,rating,timestamp"]
    for user in range(PEOPLE):
        for place, item in enumerate(rng.permutation(ITEMS)[:12].tolist()):
            rating = 5 - 3 * ((user + item) % 2)
            rows.append(f"u{user},i{item},{rating},{10 * place + user % 7}")
    path = folder / "ratings.csv"
    path.write_text("\n".join(rows) + "\n")
    return path, Settings(task="recommend", effort="quick", seed=1), None


def generate(folder: Path) -> Made:
    draw = random.Random(0)
    told = [
        " ".join(
            f"The {draw.choice(['red', 'blue'])} {draw.choice(['cat', 'dog'])} sleeps here."
            for _ in range(12)
        )
        for _ in range(40)
    ]
    path = folder / "tale.txt"
    path.write_text("\n\n".join(told))
    return path, Settings(), plan(60, {"tokens": "decoder"}, Size(32, 1), 8)


def translate(folder: Path) -> Made:
    nouns, colors = ("cat", "dog"), ("red", "blue")
    pairs = []
    for number in range(20):
        for color, one, two in itertools.product(colors, nouns, nouns):
            source = f"The {color} {one} sees a {two} {number}"
            said = f"{WORDS[one]} {WORDS[color]} sieht {WORDS[two]} {number}"
            pairs.append(f"{source}\t{said}")
    random.Random(0).shuffle(pairs)
    path = folder / "pairs.tsv"
    path.write_text("en\tde\n" + "\n".join(pairs) + "\n")
    return path, Settings(), plan(80, {"source": "encoder-decoder"}, Size(32, 1), 32)


def detect(folder: Path) -> Made:
    from PIL import Image

    from pellucid.examples.scenes import draw

    rng = np.random.default_rng(0)
    lines: list[list[Any]] = [["image", "xmin", "ymin", "xmax", "ymax", "label"]]
    (folder / "pictures").mkdir()
    for number in range(48):
        pixels, found = draw(rng, 64, ("circle", "cross"))
        name = f"pictures/{number:02}.png"
        Image.fromarray(pixels).save(folder / name)
        lines += [[name, *(round(edge, 2) for edge in box), label] for label, box in found]
    with (folder / "boxes.csv").open("w", newline="") as file:
        csv.writer(file).writerows(lines)
    return folder / "boxes.csv", Settings(), plan(40, {"picture": "heat map"}, Size(16, 1), 8)


def verify(folder: Path) -> Made:
    from pellucid.examples import faces

    source = faces.write(folder, 24, 6)
    return source, Settings(task="verify"), plan(60, {"file": "cnn"}, Size(16, 1), 48)


def anomaly(folder: Path) -> Made:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 240))
    town = rng.choice(["Aa", "Bb"], 240)
    lines = ["a,b,c,town"]
    lines += [f"{x:.3f},{y:.3f},{x + y:.3f},{place}" for x, y, place in zip(a, b, town)]
    path = folder / "rows.csv"
    path.write_text("\n".join(lines) + "\n")
    settings = Settings(task="anomaly")
    return path, settings, plan(60, {"scalars": "autoencoder"}, Size(32, 2), 64)


def map_(folder: Path) -> Made:
    rng = np.random.default_rng(0)
    lines = ["a,b,c,color"]
    for row in range(150):
        center = 4.0 * np.eye(3)[row % 3]
        cells = ",".join(f"{value:.3f}" for value in center + rng.normal(size=3))
        lines.append(f"{cells},{('red', 'green', 'blue')[row % 3]}")
    path = folder / "kinds.csv"
    path.write_text("\n".join(lines) + "\n")
    return path, Settings(task="map", effort="quick", time=4.0), None


MAKERS: dict[str, Callable[[Path], Made]] = {
    "forecast": forecast,
    "recommend": recommend,
    "generate": generate,
    "translate": translate,
    "detect": detect,
    "verify": verify,
    "anomaly": anomaly,
    "map": map_,
}


def learn(kind: str, home: Path, data: Path) -> Path:
    """Learn `home/KIND.run` from what is written into `data`."""
    source, settings, chosen = MAKERS[kind](data)
    out = home / f"{kind}.run"
    uses.learn(str(source), settings, Watcher(), out=out, plan=chosen)
    return out
