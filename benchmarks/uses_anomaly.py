"""Anomaly detection without labels on open data: `python -m benchmarks.uses_anomaly [--docs]`.

Labels are only used by the exam. Each set is learned with several seeds; the network and the
classical methods see the same rows. `docs/examples/anomalies.md` is written from what was measured
and from what the program prints.
"""

from __future__ import annotations

import csv
import gzip
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import seeds as pieces
from benchmarks.data import _from_pip, _write_csv, fetch
from benchmarks.seeds import Measured, Set, Source, measured_when, rival_of, sets_of, spread
from pellucid.recording.run import Run

FIGURES = (
    "AUROC",
    "average precision",
    "recall",
    "false alarms per 1,000",
    "promised false alarms per 1,000",
    "at most, if those left out are normal",
    "held rows left out",
    "AUC on planted anomalies",
)


def shuttle(home: Path) -> Source:
    """Space shuttle radiators: 9 numbers. Half of the normal rows to learn from, without labels;
    the others and all 3,511 anomalies for the exam."""
    wheel = _from_pip("river==0.26.1", home)
    with zipfile.ZipFile(wheel) as archive:
        text = gzip.decompress(archive.read("river/datasets/shuttle.csv.gz")).decode()
    wheel.unlink()
    header, *rows = list(csv.reader(text.splitlines()))
    label = np.array([row[-1] for row in rows]).astype(float) == 1
    normal = np.random.default_rng(0).permutation(np.flatnonzero(~label))
    learn, ask = normal[: len(normal) // 2], normal[len(normal) // 2 :]
    _write_csv(home / "train.csv", header[:-1], [rows[row][:-1] for row in learn])
    exam = np.sort(np.concatenate([ask, np.flatnonzero(label)]))
    words = {True: "anomaly", False: "normal"}
    marked = [[*rows[row][:-1], words[bool(label[row])]] for row in exam]
    _write_csv(home / "test.csv", [*header[:-1], "label"], marked)
    return home / "train.csv", home / "test.csv"


def satimage(home: Path) -> Source:
    """Satellite pixels: 36 numbers; 71 of the 703 cotton fields are the anomalies, and they stand
    among the rows that are learned from, too."""
    source = fetch("satimage")
    rows: list[list[str]] = []
    for part in (source.train, source.test):
        assert part is not None
        with part.open(newline="") as file:
            header, *some = list(csv.reader(file))
            rows += some
    cotton = np.array([row[-1] for row in rows]) == "2"
    rng = np.random.default_rng(0)
    kept = rng.permutation(np.flatnonzero(cotton))[:71]
    chosen = np.sort(np.concatenate([np.flatnonzero(~cotton), kept]))
    marked = [[*rows[row][:-1], "anomaly" if cotton[row] else "normal"] for row in chosen]
    _write_csv(home / "fields.csv", [*header[:-1], "label"], marked)
    return home / "fields.csv", None


def digits(home: Path) -> Source:
    """Handwritten digits, 8 x 8 pixels: nobody ever showed it an 8."""
    from PIL import Image
    from sklearn.datasets import load_digits

    data = load_digits()
    rng = np.random.default_rng(0)
    for number, (picture, digit) in enumerate(zip(data.images, data.target, strict=True)):
        part = "test/eight" if digit == 8 else "test/good" if rng.random() < 0.25 else "train/good"
        folder = home / "digits-without-8" / part
        folder.mkdir(parents=True, exist_ok=True)
        pixels = (picture * 15.9).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:04}.png")
    return home / "digits-without-8", None


def gunpoint(home: Path) -> Source:
    """Movements of a hand, 150 steps: learned from pointing, asked about drawing a gun too."""
    source = fetch("gunpoint")
    rows: list[list[float]] = []
    kinds: list[str] = []
    for part in (source.train, source.test):
        assert part is not None
        _, _, cases = part.read_text("utf-8").partition("@data")
        for line in cases.splitlines():
            if line.strip():
                values, _, kind = line.strip().rpartition(":")
                rows.append([float(value) for value in values.split(",")])
                kinds.append(kind)
    x, gun = np.array(rows, dtype=np.float32)[..., None], np.array(kinds) == "1"
    points = np.random.default_rng(0).permutation(np.flatnonzero(~gun))
    learn = points[:70]
    ask = np.concatenate([points[70:], np.flatnonzero(gun)])
    for name, chosen in (("train", learn), ("test", ask)):
        label = np.where(gun[chosen], "anomaly", "normal")
        np.savez(home / f"{name}.npz", x=x[chosen], y=label)
    return home / "train.npz", home / "test.npz"


SETS = {
    "shuttle": Set("table, 22,793 normal rows to learn from", shuttle),
    "satimage": Set("table, anomalies among the rows to learn from", satimage),
    "digits": Set("pictures, one digit never shown", digits),
    "gunpoint": Set("series, one movement never shown", gunpoint),
}


MEASURED = Measured("anomaly", "uses-anomaly", "anomalies", "40s", SETS, "anomalies.md")


def run(
    sets: Sequence[str] = (),
    seeds: int = pieces.SEEDS,
    time: str | None = None,
    *,
    fresh: bool = False,
) -> dict[str, Any]:
    """Learn every set with every seed; print and save the figures."""
    return MEASURED.run(_figures, sets, seeds, time, fresh=fresh)


def docs() -> Path:
    """Write the example from the measured figures and from what the program prints."""
    return MEASURED.write(_page)


def _figures(done: Run) -> dict[str, Any]:
    figures = done.summary["figures"]
    return {name: figures[name] for name in FIGURES if name in figures}


# --- the page ---------------------------------------------------------------------------------


def _page(result: dict[str, Any]) -> list[str]:
    first = next(iter(sets_of(result)))
    folder = str(MEASURED.run_folder(first, 0))
    source, test = MEASURED.source(first)
    commands = [["show", folder], ["explain", folder, str(test or source), "--row", "0"]]
    return [
        "# Anomalies, without labels",
        "",
        "*Made by `python -m benchmarks.uses_anomaly --docs`; no figure is written by hand.*",
        "",
        "Pellucid learns what is normal and says of new examples how rare such strangeness is",
        "among normal ones, and where it is. Labels, where a column or a folder has some, are only",
        "for the exam. Without any, anomalies are planted to compare methods, and it says so.",
        "",
        "```",
        "pellucid learn machines.csv --task anomaly       # a table: all of it is taken as normal",
        "pellucid learn parts/                            # train/good, test/good, test/hole ...",
        "pellucid predict parts.run new.png --json        # normal or anomaly, with a p-value",
        "pellucid explain parts.run new.png               # where, tested by repairing it",
        "```",
        "",
        "Remarks, pictures, sounds and series beside plain columns are looked at, too: as a few",
        "numbers that say where each lies among those of training rows.",
        "",
        "Some of the rows to learn from may be strange themselves. Held rows that stand out far",
        "from the others are taken for such and left out of what p-values rest on; how many, and",
        "how many false alarms there would be if they were normal, is said. Many rows that are all",
        "strange in the same way are guessed from each other, and pass for another kind of normal.",
        "",
        "## Measured",
        "",
        measured_when(result),
        "AUROC: how often an anomaly is stranger than a normal row. Chosen is the classical method",
        "that planted anomalies chose without labels, the one that the verdict compares with.",
        "",
        *_table(result),
        "",
        f"## {first.capitalize()}, as the program tells it",
        "",
        *MEASURED.told(first, commands),
    ]


def _table(result: dict[str, Any]) -> list[str]:
    lines = [
        "| set | network AUROC | chosen classical | best classical in hindsight | found "
        "| false alarms per 1,000 (promised; if held rows that stand out are normal) |",
        "|---|---|---|---|---|---|",
    ]
    for name, runs in sets_of(result).items():
        reached = {key: [run["methods"][key] for run in runs] for key in runs[0]["methods"]}
        best = max(reached, key=lambda key: float(np.mean(reached[key])))
        found, seen, promised, most = (
            [run[key] for run in runs]
            for key in (
                "recall",
                "false alarms per 1,000",
                "promised false alarms per 1,000",
                "at most, if those left out are normal",
            )
        )
        lines.append(
            f"| {name}: {SETS[name].what} (n = {len(runs)}) "
            f"| {spread([run['network'] for run in runs])} | {rival_of(runs)} "
            f"| {spread(reached[best])} ({best}) | {spread(found, 2)} "
            f"| {spread(seen, 1)} ({np.mean(promised):.1f}; {np.mean(most):.1f}) |"
        )
    return lines


if __name__ == "__main__":
    sys.exit(MEASURED.main(sys.argv[1:], run, docs))
