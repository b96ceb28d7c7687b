"""Few rows, a network far too large for them, and nothing that holds it back: overfitting to watch.

The data is real: 150 of the 442 patients of the diabetes example. What is made for the purpose is
the plan: a wide and deep network, a high rate, no weight decay, no averaging, no bag, and steps
enough to learn every row by heart. An ordinary run on the same table is `pellucid demo diabetes`.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

from pellucid.config import ACROSS, Plan, Size
from pellucid.examples import tables

ROWS = 150
PLAN = Plan(
    steps=500, batch=32, evaluate_every=5, rate=0.0005, weight_decay=0.0, average=0.0,
    network={ACROSS: "mlp"}, sizes={ACROSS: Size(256, 3, 0.0)}, numbers="plain",
    why={
        "network": "a plain network far larger than 150 rows call for: it can learn them by heart",
        "weight_decay": "none: nothing holds it back, so that overfitting can be watched",
        "average": "none: the weights are what the last step made of them",
        "steps": "far more than it needs, so that overfitting can be watched",
    },
)  # fmt: skip


def write(folder: Path) -> Path:
    """`by-heart.csv`, 150 rows in random order with a fixed seed, and the plan in a folder as
    `--plan` takes it."""
    import numpy as np

    whole = tables.diabetes(folder)
    with whole.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    whole.unlink()
    chosen = np.random.default_rng(0).permutation(len(rows))[:ROWS]
    path = folder / "by-heart.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows[row] for row in chosen.tolist())
    plan = folder / "by-heart.plan"
    plan.mkdir()
    about = {"schema": 1, "plan": PLAN.as_json()}
    (plan / "run.json").write_text(json.dumps(about), encoding="utf-8")
    return path
