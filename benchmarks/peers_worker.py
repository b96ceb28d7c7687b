"""One peer learns and answers, in an environment of its own: no part of Pellucid is imported.

    PYTHON benchmarks/peers_worker.py                 which peers can be run here, one a line
    PYTHON benchmarks/peers_worker.py PEER IN OUT SEED SECONDS

IN is an .npz with x, y, test_x and regress, see `Rows`; OUT gets `answers`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Rows:
    """Numbers `(rows, columns)` and targets `(rows,)` to learn from, and rows to answer; classes
    are numbered from 0."""

    x: np.ndarray
    y: np.ndarray
    test_x: np.ndarray
    regress: bool


Peer = Callable[[Rows, int, float], np.ndarray]
"""Learns with a seed, in about so many seconds if it can be told, and answers `(test,)`."""


def hist_gradient_boosting(rows: Rows, seed: int, seconds: float) -> np.ndarray:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingRegressor if rows.regress else HistGradientBoostingClassifier
    return np.asarray(kind(random_state=seed).fit(rows.x, rows.y).predict(rows.test_x))


def lightgbm(rows: Rows, seed: int, seconds: float) -> np.ndarray:
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = LGBMRegressor if rows.regress else LGBMClassifier
    model = kind(random_state=seed, verbose=-1).fit(rows.x, rows.y)
    return np.asarray(model.predict(rows.test_x))


def skorch(rows: Rows, seed: int, seconds: float) -> np.ndarray:
    """Its documentation's network: two layers, Adam, scaled inputs, 20 passes."""
    import torch
    from skorch import NeuralNetClassifier, NeuralNetRegressor  # type: ignore[import-not-found]
    from torch import nn

    torch.manual_seed(seed)
    center, scale = rows.x.mean(0), rows.x.std(0) + 1e-9
    outputs = 1 if rows.regress else int(rows.y.max()) + 1
    network = nn.Sequential(nn.Linear(rows.x.shape[1], 128), nn.ReLU(), nn.Linear(128, outputs))
    options: dict[str, Any] = {"max_epochs": 20, "optimizer": torch.optim.Adam, "verbose": 0}
    if rows.regress:
        model = NeuralNetRegressor(network, **options)
        model.fit(
            ((rows.x - center) / scale).astype(np.float32), rows.y.astype(np.float32)[:, None]
        )
    else:
        model = NeuralNetClassifier(network, criterion=nn.CrossEntropyLoss, **options)
        model.fit(((rows.x - center) / scale).astype(np.float32), rows.y.astype(np.int64))
    return np.asarray(model.predict(((rows.test_x - center) / scale).astype(np.float32))).ravel()


def autogluon(rows: Rows, seed: int, seconds: float) -> np.ndarray:
    """Its tables' part, with what is installed of its models, for as long as Pellucid may learn."""
    import tempfile

    import pandas as pd
    from autogluon.tabular import TabularPredictor  # type: ignore[import-not-found]

    def frame(x: np.ndarray) -> Any:
        return pd.DataFrame(x, columns=[f"x{place}" for place in range(x.shape[1])])

    kind = "regression" if rows.regress else "binary" if rows.y.max() == 1 else "multiclass"
    with tempfile.TemporaryDirectory() as folder:
        found = TabularPredictor("y", problem_type=kind, path=folder, verbosity=0)
        found.fit(frame(rows.x).assign(y=rows.y), time_limit=seconds)
        return np.asarray(found.predict(frame(rows.test_x)))


PEERS: dict[str, tuple[str, Peer]] = {
    "HistGradientBoosting": ("sklearn", hist_gradient_boosting),
    "LightGBM": ("lightgbm", lightgbm),
    "skorch": ("skorch", skorch),
    "AutoGluon (tables)": ("autogluon.tabular", autogluon),
}
"""Name -> the module it needs, and what it does."""


def there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even the package that it would be a part of
        return False


def main(words: list[str]) -> None:
    if not words:
        print("\n".join(name for name, (module, _) in PEERS.items() if there(module)))
        return
    name, given, out, seed, seconds = words
    with np.load(given) as arrays:
        rows = Rows(arrays["x"], arrays["y"], arrays["test_x"], bool(arrays["regress"]))
    np.savez(out, answers=PEERS[name][1](rows, int(seed), float(seconds)))


if __name__ == "__main__":
    main(sys.argv[1:])
