"""Anomaly detection without labels on open data: `python -m benchmarks.uses_anomaly [--docs]`.

Labels are only used by the exam. Each set is learned with several seeds; the network and the
classical methods see the same rows. `--docs` writes `docs/examples/anomalies.md` from what was
measured and from what the program prints.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import shutil
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import DATA, _from_pip, _write_csv, fetch
from benchmarks.measured import ROOT, circumstances, pellucid, run_fresh, save, saved

NAME = "uses-anomaly"
FIGURES = (
    "AUROC",
    "average precision",
    "recall",
    "false alarms per 1,000",
    "promised false alarms per 1,000",
    "AUC on planted anomalies",
)


@dataclass(frozen=True)
class Set:
    """what: in words. make: writes the data into a folder; the source and the exam's source."""

    what: str
    make: Callable[[Path], tuple[Path, Path | None]]


def shuttle(home: Path) -> tuple[Path, Path | None]:
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


def satimage(home: Path) -> tuple[Path, Path | None]:
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


def digits(home: Path) -> tuple[Path, Path | None]:
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


def gunpoint(home: Path) -> tuple[Path, Path | None]:
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


SETS: dict[str, Set] = {
    "shuttle": Set("table, 22,793 normal rows to learn from", shuttle),
    "satimage": Set("table, anomalies among the rows to learn from", satimage),
    "digits": Set("pictures, one digit never shown", digits),
    "gunpoint": Set("series, one movement never shown", gunpoint),
}


def source_of(name: str, folder: Path = DATA) -> tuple[Path, Path | None]:
    """The data of a set, made if it is not there."""
    home = folder.resolve() / "anomalies" / name
    done = home / "made.txt"
    if not done.exists():
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        made = SETS[name].make(home)
        done.write_text("\n".join("" if one is None else one.name for one in made))
    train, test = done.read_text().split("\n")
    return home / train, home / test if test else None


def run(
    sets: Sequence[str] = (), seeds: int = 3, time: str = "60s", *, fresh: bool = False
) -> dict[str, Any]:
    """Learn every set with every seed; print and save the figures."""
    result = saved(NAME) or {"sets": {}}
    result |= circumstances(["benchmarks.uses_anomaly", "--seeds", str(seeds), "--time", time])
    result["time"] = time
    for name in sets or SETS:
        runs = [_learned(name, seed, time, fresh) for seed in range(seeds)]
        result["sets"][name] = {"what": SETS[name].what, "runs": runs}
        save(NAME, result)
        print(_line(name, result["sets"][name]))
    return result


def _learned(name: str, seed: int, time: str, fresh: bool) -> dict[str, Any]:
    """One run's figures, of all methods."""
    from pellucid.recording.run import Run

    folder = _run_folder(name, seed)
    source, test = source_of(name)
    command = [*pellucid(), "learn", str(source), "--task", "anomaly", "--time", time]
    command += ["--seed", str(seed), "--out", str(folder), "--no-report"]
    command += ["--test", str(test)] if test else []
    if fresh or not (folder / "model" / "README.md").exists():
        shutil.rmtree(folder, ignore_errors=True)
        ran = run_fresh(command)
        if ran.code:
            raise RuntimeError(ran.errors)
    done = Run(folder)
    figures = done.summary["figures"]
    methods = {one["name"]: one["score"] for one in done.verdict["baselines"]}
    return {
        "seed": seed,
        "steps": done.plan.steps,
        "network": done.verdict["network"]["score"],
        "methods": methods,
        "rival": (done.verdict["difference"] or {}).get("versus"),
        "sentence": done.verdict["sentence"],
        **{key: figures[key] for key in FIGURES if key in figures},
    }


def _run_folder(name: str, seed: int) -> Path:
    return DATA.resolve() / "runs" / f"anomaly-{name}-{seed}"


def _line(name: str, one: dict[str, Any]) -> str:
    return f"{name:<10} network {_spread(one['runs'], 'network')}"


def _spread(runs: list[dict[str, Any]], key: str) -> str:
    """'.996 (.995 to .997)', the mean and the range over seeds."""
    values = [run[key] for run in runs]
    return f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


# --- the page ---------------------------------------------------------------------------------


def docs() -> Path:
    """Write the example from the measured figures and from what the program prints."""
    result = saved(NAME)
    if result is None:
        raise RuntimeError("nothing is measured yet: python -m benchmarks.uses_anomaly")
    page = ROOT / "docs" / "examples" / "anomalies.md"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join(_page(result)) + "\n", "utf-8")
    return page


def _page(result: dict[str, Any]) -> list[str]:
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
        "## Measured",
        "",
        f"Mean over n seeds (lowest to highest), `--time {result['time']}` each, on",
        f"{result['machine']['cores']} cores shared with much other work, {result['date']}.",
        "AUROC: how often an anomaly is stranger than a normal row. Chosen is the classical method",
        "that planted anomalies chose without labels, the one that the verdict compares with.",
        "",
        *_table(result),
        "",
        "## Shuttle, as the program tells it" if "shuttle" in result["sets"] else "",
        "",
        *_told("shuttle" if "shuttle" in result["sets"] else next(iter(result["sets"]))),
    ]


def _table(result: dict[str, Any]) -> list[str]:
    lines = [
        "| set | network AUROC | chosen classical | best classical in hindsight | found "
        "| false alarms per 1,000 (promised) |",
        "|---|---|---|---|---|---|",
    ]
    for name, one in result["sets"].items():
        runs = one["runs"]
        rival = np.mean([run["methods"][run["rival"]] for run in runs])
        rivals = ", ".join(sorted({run["rival"] for run in runs}))
        means = {key: np.mean([run["methods"][key] for run in runs]) for key in runs[0]["methods"]}
        best = max(means, key=means.__getitem__)
        seen = np.mean([run["false alarms per 1,000"] for run in runs])
        promised = np.mean([run["promised false alarms per 1,000"] for run in runs])
        found = np.mean([run["recall"] for run in runs])
        lines.append(
            f"| {name}: {one['what']} (n = {len(runs)}) | {_spread(runs, 'network')} "
            f"| {rival:.3f} ({rivals}) | {means[best]:.3f} ({best}) | {found:.0%} "
            f"| {seen:.1f} ({promised:.1f}) |"
        )
    return lines


def _told(name: str) -> list[str]:
    """What a person sees of the first run: the result, answers, and an explanation."""
    run_folder = _run_folder(name, 0)
    source, test = source_of(name)
    asked = test or source
    commands = [
        (["show", str(run_folder)], f"pellucid show {name}.run"),
        (
            ["explain", str(run_folder), str(asked), "--row", "0"],
            f"pellucid explain {name}.run {asked.name} --row 0",
        ),
    ]
    lines = []
    for words, shown in commands:
        ran = run_fresh([*pellucid(), *words])
        text = ran.output.replace(str(run_folder), f"{name}.run").replace(str(asked), asked.name)
        text = text.replace(run_folder.name, f"{name}.run")
        lines += ["```", f"$ {shown}", *text.rstrip().splitlines(), "```", ""]
    return lines


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.uses_anomaly", description=__doc__)
    parser.add_argument("--sets", default="")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--time", default="60s")
    parser.add_argument("--fresh", action="store_true", help="learn again what is there already")
    parser.add_argument("--docs", action="store_true", help="only write the page")
    options = parser.parse_args(arguments)
    if not options.docs:
        sets = [name for name in options.sets.split(",") if name]
        run(sets, options.seeds, options.time, fresh=options.fresh)
    print(docs())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
