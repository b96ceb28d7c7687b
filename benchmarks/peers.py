"""Beside other libraries' defaults, on the same rows, in one run of the script.

    python -m benchmarks peers [--sets wine,letter] [--seeds 3] [--time 60s]

Pellucid learns in a process of its own; its ledger then says which rows were for the test, and the
peers learn from all the others. Peers that are not installed are listed as not run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks.data import Source, fetch
from benchmarks.measured import circumstances, save
from benchmarks.quality import RUNS, learn, lower_is_better

SETS = ("wine", "diabetes", "cancer", "satimage", "letter", "fashion")
CANNOT = {
    "AutoGluon multimodal, Ludwig": "they import torchvision, which does not fit a CPU build of "
    "PyTorch from PyPI",
    "TabPFN": "its weights come from a hub",
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


Peer = Callable[[Rows, int], np.ndarray]
"""Learns with a seed, answers the test rows `(test,)`."""


def hist_gradient_boosting(rows: Rows, seed: int) -> np.ndarray:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingRegressor if rows.regress else HistGradientBoostingClassifier
    return np.asarray(kind(random_state=seed).fit(rows.x, rows.y).predict(rows.test_x))


def lightgbm(rows: Rows, seed: int) -> np.ndarray:
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = LGBMRegressor if rows.regress else LGBMClassifier
    model = kind(random_state=seed, verbose=-1).fit(rows.x, rows.y)
    return np.asarray(model.predict(rows.test_x))


def skorch(rows: Rows, seed: int) -> np.ndarray:
    """Its documentation's network: two layers, Adam, scaled inputs, 20 passes."""
    import torch
    from skorch import NeuralNetClassifier, NeuralNetRegressor  # type: ignore[import-not-found]
    from torch import nn

    torch.manual_seed(seed)
    center, scale = rows.x.mean(0), rows.x.std(0) + 1e-9
    outputs = 1 if rows.regress else len(np.unique(rows.y))
    network = nn.Sequential(nn.Linear(rows.x.shape[1], 128), nn.ReLU(), nn.Linear(128, outputs))
    options: dict[str, Any] = {"max_epochs": 20, "optimizer": torch.optim.Adam, "verbose": 0}
    y: np.ndarray
    if rows.regress:
        model, y = NeuralNetRegressor(network, **options), rows.y.astype(np.float32)[:, None]
    else:
        model = NeuralNetClassifier(network, criterion=nn.CrossEntropyLoss, **options)
        y = np.unique(rows.y, return_inverse=True)[1]
    model.fit(((rows.x - center) / scale).astype(np.float32), y)
    answers = model.predict(((rows.test_x - center) / scale).astype(np.float32))
    return np.asarray(answers).ravel() if rows.regress else np.unique(rows.y)[answers]


PEERS: dict[str, tuple[str, Peer]] = {
    "HistGradientBoosting": ("sklearn", hist_gradient_boosting),
    "LightGBM": ("lightgbm", lightgbm),
    "skorch": ("skorch", skorch),
}
"""Name -> the module it needs, and what it does."""


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
    for name in sets or SETS:
        for seed in range(seeds):
            result["raw"].append(side_by_side(fetch(name), seed, limit))
    result["ratios"] = ratios(result["raw"])
    absent = {name: "not installed" for name, (module, _) in PEERS.items() if not find_spec(module)}
    result["not_run"] = {**CANNOT, **absent}
    save("peers", result)
    return result


def side_by_side(source: Source, seed: int, limit: str) -> dict[str, Any]:
    """One set and seed: error and seconds of everybody, learned from the same rows."""
    ours = learn(source, seed, limit)
    if "failed" in ours:
        raise RuntimeError(f"{source.name}: {ours['failed']}")
    error = ours["score"] if lower_is_better(ours) else 1 - ours["score"]
    found = {"pellucid": {"error": error, "seconds": ours["process_seconds"]}}
    rows = same_rows(source, seed, regress=lower_is_better(ours))
    for name, (module, peer) in PEERS.items():
        if find_spec(module) is None:
            continue
        started = time.perf_counter()
        answers = peer(rows, seed)
        seconds = time.perf_counter() - started
        found[name] = {"error": wrong(rows, answers), "seconds": seconds}
        print(f"{source.name:<10} seed {seed} {name:<22} error {found[name]['error']:.4g}, "
              f"ours {error:.4g}", flush=True)  # fmt: skip
    return {"set": source.name, "seed": seed, "test": len(rows.test_y), "found": found}


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
        for peer in (peer for peer in runs[0]["found"] if peer != "pellucid"):
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
