"""Writes the small bundles of earlier layouts in `bundles/`, each with the code of its time.

    python tests/golden/make_bundles.py          all of them, from the history of the repository
    python tests/golden/make_bundles.py --build NAME FOLDER      one, with the pellucid on the path

Every bundle comes with `asked.json`: rows, what the old code answered to them, and the old head's
own words. Weights are random and nothing is learned: what matters is that they are read right.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
ROWS, ASKED = 60, 4
LAYOUTS = {
    "first-table": "b507828",  # no promises, nothing unlike; a baseline without its outputs
    "first-long": "b507828",  # series gathered from a long table: a pair of names
    "promises-table": "8a2aff7",  # sets, and strange rows by one list of known rows
    "promises-series": "8a2aff7",  # intervals, and strange rows as the network sees them
    "facts-table": "db0efda",  # strange rows by plain facts
    "texts": "46128a6",  # strange texts by their pairs of tokens; the last that says format 1
}
"""Name of a layout that called itself format 1 -> a commit that wrote it."""


def make_all() -> None:
    root = HERE.parent.parent
    for name, commit in LAYOUTS.items():
        with tempfile.TemporaryDirectory() as folder:
            packed = subprocess.check_output(["git", "archive", commit, "src"], cwd=root)
            with tarfile.open(fileobj=BytesIO(packed)) as files:
                files.extractall(folder, filter="data")
            words = [sys.executable, __file__, "--build", name, str(HERE / "bundles" / name)]
            there = {**os.environ, "PYTHONPATH": str(Path(folder) / "src")}
            subprocess.run(words, check=True, env=there)
            print(f"{name:16} {commit}")


# --- with the code of then --------------------------------------------------------------------


def columns_of(name: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """What is learned from, and the target."""
    rng = np.random.default_rng(0)
    x, y = np.round(rng.normal(size=(2, ROWS)), 3)
    if name in ("first-long", "promises-series"):
        return {"course": np.round(rng.normal(size=(ROWS, 8, 1)), 2).astype(np.float32)}, 20 + 3 * x
    label = np.array([("bad", "good")[int(one > 0)] for one in x], dtype=object)
    if name == "texts":
        words = ["the", "cold", "rain", "came", "back", "at", "night", "and", "it", "was", "warm"]
        notes = [" ".join(rng.choice(words, 6)) for _ in range(ROWS)]
        return {"note": np.array(notes, dtype=object)}, label
    towns = np.array([("Aa", "Bb")[int(one > 0)] for one in y], dtype=object)
    return {"x": x, "y": y, "town": towns}, label


MODALITY = {"course": "series", "note": "text", "town": "category"}


def build(name: str, folder: Path) -> None:
    import torch

    from pellucid.config import ACROSS, Plan, Size
    from pellucid.data.columns import Column, RawColumn, RawTable
    from pellucid.data.dataset import encode, entry_of
    from pellucid.data.modalities import MODALITIES
    from pellucid.export.bundle import Bundle, Member
    from pellucid.network.assemble import Model, blueprint
    from pellucid.tasks.classify import Classify
    from pellucid.tasks.regress import Regress

    values, target = columns_of(name)
    raw = {key: RawColumn(key, value) for key, value in values.items()}
    kinds = {key: MODALITIES[MODALITY.get(key, "number")] for key in raw}
    loaded = {key: kinds[key].load(column) for key, column in raw.items()}
    columns = [
        Column(key, kinds[key].name, "input", "given", kinds[key].fit(loaded[key])) for key in raw
    ]
    goal = RawColumn("goal", target)
    numbers = target.dtype.kind == "f"
    task = Regress.fit([goal]) if numbers else Classify.fit([goal])
    encoded, _ = task.encode([goal])
    data = encode(columns, loaded, encoded)
    families = {entry_of(column).group: "rnn" for column in columns if entry_of(column).rank} or {
        ACROSS: "mlp"
    }
    plan = Plan(network=families, sizes={**dict.fromkeys(families, Size(4, 1)), ACROSS: Size(4, 1)})
    drawn = blueprint(data.entries, data.inputs, torch.arange(ROWS), plan, task.outputs)
    torch.manual_seed(0)
    model = Model(drawn)
    model.prepare(data.inputs)
    member = Member(columns, drawn, dict(model.state_dict()))
    layouts = {key: column.layout for key, column in loaded.items()}
    bundle = Bundle(task, [member], layouts, calibration(numbers))
    if name.endswith("table"):
        bundle.baseline = classical(columns, loaded, encoded.numpy())
    if name == "first-long":
        bundle.gathered = ("series", "moment")
    if not name.startswith("first"):
        trust(bundle, loaded, task.truth(encoded))
    bundle.save(folder)
    some = np.arange(ASKED)
    table = RawTable("asked", {key: one.take(some) for key, one in raw.items()}, ["row"] * ASKED)
    write_asked(folder, bundle, table)


def calibration(numbers: bool) -> Any:
    try:
        from pellucid.evidence.calibrate import Calibration
    except ImportError:  # moved later
        from pellucid.evidence.trust.calibrate import Calibration

    return Calibration(half_widths=(2.5,)) if numbers else Calibration(temperature=1.3)


def classical(columns: Any, loaded: Any, target: np.ndarray) -> Any:
    from pellucid.baselines.baseline import Problem
    from pellucid.baselines.linear import Linear

    rows = np.arange(ROWS)
    folds = [(rows[::2], rows[1::2])]
    fitted = Linear.fit(Problem(columns, loaded, target, "classify", 2, rows, folds, 5.0, 0))
    fitted.outputs = 2  # as whoever compares methods says; the first versions did not keep it
    return fitted


def trust(bundle: Any, loaded: Any, truth: np.ndarray) -> None:
    """Held rows for promises, and rows to know strange ones by, as that version kept them."""
    import torch

    from pellucid.data.dataset import encode

    try:
        from pellucid.evidence import conformal, unlike
    except ImportError:  # moved later
        from pellucid.evidence.trust import conformal, unlike  # type: ignore[no-redef]

    said = bundle.task.kind
    views = bundle.views(loaded) if hasattr(bundle, "views") else None
    held = bundle.task.prediction(views[0].output) if views else bundle.values(loaded, "network")
    bundle.promise = conformal.promise(said, held, truth)
    ranges = unlike.ranges_of(bundle.columns, loaded)
    member, labels = bundle.members[0], np.arange(ROWS)
    data = encode(member.columns, loaded, torch.empty(0))
    inputs = {key: value.numpy() for key, value in data.inputs.items()}
    if hasattr(unlike, "know_table"):
        table = member.blueprint.entries.keys() <= {"scalars", "categories"}
        if table:
            known = unlike.know_table(unlike.cells(inputs), 2, labels)
        else:
            known = unlike.know_features(views[0].features[:30], views[0].features[30:])
        bundle.unlike = unlike.Unlike((known,), table, ranges)
        return
    cells = unlike.cells(data.entries, inputs, ROWS)
    texts = [{"note": familiar(member, loaded, labels)}] if "note" in loaded else []
    bundle.unlike = unlike.Unlike(unlike.know_facts(cells, labels, *texts), (), ranges)


def familiar(member: Any, loaded: Any, labels: np.ndarray) -> Any:
    from pellucid.data.modalities import MODALITIES
    from pellucid.data.modalities.text import begins_word
    from pellucid.evidence.trust.familiar import become_familiar

    fitted = member.columns[0].fitted
    ids = MODALITIES["text"].encode(loaded["note"], fitted)
    return become_familiar(ids, begins_word(fitted), labels, labels)


def write_asked(folder: Path, bundle: Any, table: Any) -> None:
    network = bundle.predict(table, "network")
    about = {
        "rows": {key: column.values.tolist() for key, column in table.columns.items()},
        "network": {"values": network.values.tolist(), "answers": network.answers},
    }
    if bundle.baseline is not None:
        about["baseline"] = {"values": bundle.predict(table, "baseline").values.tolist()}
    text = json.dumps(about, indent=1, ensure_ascii=False)
    (folder / "asked.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--build"]:
        build(sys.argv[2], Path(sys.argv[3]))
    else:
        make_all()
