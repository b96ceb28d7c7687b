"""Beside other libraries' defaults, on the same rows, in one run of the script.

    python -m benchmarks peers --sets wine,satimage,letter [--seeds 3] [--time 60s]

Everybody learns in a process of his own. Pellucid's ledger says which rows were for the test; the
peers learn from all the others. Without `--sets` all of them are asked, with it only those named.

Peers live in an environment of their own, so that nothing of theirs changes what Pellucid runs on:

    python3 -m venv ../peers
    ../peers/bin/pip install scikit-learn lightgbm skorch "torch==2.13.0+cpu" autogluon.tabular
    PELLUCID_PEERS=../peers/bin/python python -m benchmarks peers --sets wine,satimage,letter

(a CPU build of PyTorch as `run.py` finds it; 1.6 GB in all; AutoGluon uses what it finds of
scikit-learn and LightGBM, and learns for `--time`, as Pellucid does). Without `PELLUCID_PEERS`
those are asked that Pellucid's own environment has: scikit-learn and LightGBM.
Peers that are not installed are listed as not run. Nothing is downloaded but the sets themselves,
which `benchmarks/data.py` keeps.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import Source, fetch
from benchmarks.measured import circumstances, run_fresh, save
from benchmarks.peers_worker import PEERS
from benchmarks.quality import RUNS, learn, lower_is_better
from pellucid.interfaces.seconds import seconds_of

SETS = ("wine", "diabetes", "cancer", "satimage", "letter", "fashion")
PYTHON = os.environ.get("PELLUCID_PEERS", sys.executable)
"""Of the environment that the peers live in."""
WORKER = Path(__file__).with_name("peers_worker.py")
CANNOT = {
    "fastai, AutoGluon multimodal, Ludwig": "they import torchvision, which does not fit a CPU "
    "build of PyTorch from PyPI",
    "TabPFN": "its weights come from a hub",
    "FLAML": "its search for models needs XGBoost, whose package brings CUDA libraries",
}
"""Peers that can't be measured here, and why."""


@dataclass(frozen=True)
class Rows:
    """Numbers `(rows, columns)` and targets `(rows,)` to learn from and to be judged by."""

    x: np.ndarray
    y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    regress: bool


def there() -> list[str]:
    """The peers that can be run here, asked of their own environment."""
    found = run_fresh([PYTHON, str(WORKER)])
    if found.code != 0:
        raise RuntimeError(f"{PYTHON} can't run the peers:\n{found.errors[-2000:]}")
    return found.output.split("\n")[:-1]


def run(sets: Sequence[str], seeds: int, limit: str) -> dict[str, Any]:
    """Measure and save.

    Raises:
        KeyError: A set is no table of numbers.
    """
    unknown = [name for name in sets if name not in SETS]
    if unknown:
        raise KeyError(f"'{unknown[0]}' is none of: {', '.join(SETS)}")
    words = ["benchmarks", "peers", "--seeds", str(seeds), "--time", limit]
    result = {**circumstances(words), "time": limit, "raw": []}
    peers = there()
    for name in sets or SETS:
        for seed in range(seeds):
            result["raw"].append(side_by_side(fetch(name), seed, limit, peers))
    result["ratios"] = ratios(result["raw"])
    absent = {name: "not installed" for name in PEERS if name not in peers}
    result["not_run"] = {**CANNOT, **absent}
    save("peers", result)
    return result


def side_by_side(source: Source, seed: int, limit: str, peers: Sequence[str]) -> dict[str, Any]:
    """One set and seed: error and seconds of everybody, learned from the same rows."""
    ours = learn(source, seed, limit)
    if "failed" in ours:
        raise RuntimeError(f"{source.name}: {ours['failed']}")
    error = ours["score"] if lower_is_better(ours) else 1 - ours["score"]
    found = {"pellucid": {"error": error, "seconds": ours["process_seconds"]}}
    failed = {}
    rows = same_rows(source, seed, regress=lower_is_better(ours))
    for name in peers:
        try:
            answers, seconds = answered(name, rows, seed, seconds_of(limit))
        except RuntimeError as problem:
            failed[name] = str(problem)
            print(f"{source.name:<10} seed {seed} {name:<22} failed", flush=True)
            continue
        found[name] = {"error": wrong(rows, answers), "seconds": seconds}
        print(f"{source.name:<10} seed {seed} {name:<22} error {found[name]['error']:.4g}, "
              f"ours {error:.4g}", flush=True)  # fmt: skip
    one = {"set": source.name, "seed": seed, "test": len(rows.test_y), "found": found}
    return {**one, "failed": failed}


def answered(peer: str, rows: Rows, seed: int, seconds: float) -> tuple[np.ndarray, float]:
    """The answers of a peer `(test,)`, and the seconds of its process, start included, as ours.

    Raises:
        RuntimeError: It ended with an error.
    """
    classes, y = np.empty(0), rows.y
    if not rows.regress:
        classes, y = np.unique(rows.y, return_inverse=True)
    with tempfile.TemporaryDirectory() as folder:
        given, out = Path(folder) / "rows.npz", Path(folder) / "answers.npz"
        np.savez(given, x=rows.x, y=y, test_x=rows.test_x, regress=rows.regress)
        words = [PYTHON, str(WORKER), peer, str(given), str(out), str(seed), str(seconds)]
        ran = run_fresh(words)
        if ran.code != 0:
            raise RuntimeError(f"{peer}: {ran.errors[-2000:]}")
        with np.load(out) as arrays:
            found = arrays["answers"]
    return (found if rows.regress else classes[found.astype(np.int64)]), ran.seconds


def wrong(rows: Rows, answers: np.ndarray) -> float:
    """Share of wrong classes, or root mean square error."""
    if rows.regress:
        return float(np.sqrt(np.mean((answers - rows.test_y) ** 2)))
    return float(np.mean(answers != rows.test_y))


def same_rows(source: Source, seed: int, *, regress: bool) -> Rows:
    """The rows of Pellucid's run of this set and seed, cut as its ledger says."""
    import pyarrow.parquet as pq

    ledger = pq.read_table(RUNS / f"{source.name}-{seed}" / "ledger.parquet")
    place = np.asarray(ledger["row"].to_numpy())
    split = np.asarray(ledger["split"].to_pylist(), dtype=object)
    x, y = numbers(source, regress=regress)
    test = place[(split == "test") & (place >= 0)]
    learned = place[((split == "train") | (split == "valid")) & (place >= 0)]
    return Rows(x[learned], y[learned], x[test], y[test], regress)


def numbers(source: Source, *, regress: bool) -> tuple[np.ndarray, np.ndarray]:
    """All rows of a set in Pellucid's order: those of the train file, then those of the test."""
    parts = [_part(path, source.target) for path in (source.train, source.test) if path]
    x = np.concatenate([part[0] for part in parts])
    y = np.concatenate([part[1] for part in parts])
    return x, y.astype(float) if regress else y


def _part(path: Any, target: str | None) -> tuple[np.ndarray, np.ndarray]:
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return arrays["x"].reshape(len(arrays["x"]), -1).astype(np.float32), arrays["y"]
    from pyarrow import csv

    table = csv.read_csv(path)
    inputs = [name for name in table.column_names if name != target]
    columns = [table[name].to_numpy().astype(float) for name in inputs]
    return np.stack(columns, axis=1), np.asarray(table[target].to_pylist())


def ratios(raw: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each set and peer: its error and time as multiples of ours, summed over seeds."""
    found = []
    for name in dict.fromkeys(one["set"] for one in raw):
        runs = [one for one in raw if one["set"] == name]
        everywhere = set.intersection(*(set(one["found"]) for one in runs)) - {"pellucid"}
        for peer in (peer for peer in PEERS if peer in everywhere):
            # Half a wrong row each, so that a set without any error has a ratio too.
            least = sum(0.5 / one["test"] for one in runs)
            sums = {
                key: [sum(one["found"][who][key] for one in runs) for who in (peer, "pellucid")]
                for key in ("error", "seconds")
            }
            found.append(
                {
                    "set": name,
                    "peer": peer,
                    "error_ratio": (sums["error"][0] + least) / (sums["error"][1] + least),
                    "time_ratio": sums["seconds"][0] / sums["seconds"][1],
                    "seeds": len(runs),
                }
            )
    return found
