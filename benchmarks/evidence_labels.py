"""Planted label errors and planted leaks: how many are found, and how often for nothing?

    python -m benchmarks.evidence_labels            both, and save them
    python -m benchmarks.evidence_labels labels

Labels are compared with cleanlab on the very same probabilities. Leaks are planted into six open
sets and looked for with the studies `honesty` and `duplicates`; the sets as they are, in random
order, count false alarms. All models are the fast classical ones, so no network is trained here.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import fetch
from benchmarks.measured import Load, circumstances, save
from pellucid.baselines import fit_fast
from pellucid.config import Plan, Settings
from pellucid.evidence.honesty import duplicates
from pellucid.evidence.honesty import study as honesty
from pellucid.evidence.labels import confident
from pellucid.evidence.labels.held_out import held_out
from pellucid.evidence.subject import Material, Predictor, Subject
from pellucid.recipe.prepare import Prepared, prepare
from pellucid.recipe.watcher import Watcher
from pellucid.recording.recorder import RunWriter
from pellucid.recording.run import Run

Columns = dict[str, np.ndarray]

LABEL_SETS = ("wine", "cancer", "digits", "letter")
SHARES, SEEDS = (0.02, 0.05, 0.10), 2
LEAK_SETS = ("iris", "wine", "cancer", "diabetes", "coarse digits", "satimage")
"""Coarse digits are those of scikit-learn with 4 x 4 instead of 8 x 8 pixels."""
MOST_ROWS = {"letter": 1_300, "digits": 600, "coarse digits": 300, "satimage": 500}
"""Larger sets are thinned, so that all takes minutes."""
STUDY_SECONDS = 1.5
ANSWER = "answer"


# --- data and material --------------------------------------------------------------------------


def table(name: str) -> Columns:
    """An open set as columns, numbers as float64 and the target called `answer`; rows shuffled."""
    import pandas as pd
    from sklearn import datasets

    if name in ("letter", "satimage"):
        source = fetch(name)
        frame = pd.read_csv(source.train).rename(columns={source.target: ANSWER})
    else:
        plain = name.split()[-1]
        load = {"cancer": "load_breast_cancer"}.get(plain, f"load_{plain}")
        frame = getattr(datasets, load)(as_frame=True).frame.rename(columns={"target": ANSWER})
    frame = frame.sample(frac=1, random_state=0)[: MOST_ROWS.get(name)]
    columns = {key: frame[key].to_numpy(dtype=np.float64) for key in frame if key != ANSWER}
    if name == "coarse digits":
        pixels = np.stack(list(columns.values()), 1).reshape(-1, 4, 2, 4, 2).mean((2, 4))
        columns = {f"pixel {n}": one for n, one in enumerate(pixels.reshape(len(frame), 16).T)}
    if name == "diabetes":
        return columns | {ANSWER: frame[ANSWER].to_numpy(dtype=np.float64)}
    return columns | {ANSWER: np.array([f"kind {one}" for one in frame[ANSWER]], dtype=object)}


def material(columns: Columns, folder: Path, seconds: float, **settings: Any) -> Material:
    """A table as studies take it, without a network: only the fast method answers."""
    chosen = Settings(target=ANSWER, **settings)
    prepared = prepare(columns, chosen, Watcher())
    writer = RunWriter(folder)
    writer.update(
        status="done",
        settings=chosen.as_json(),
        columns=[column.as_json() for column in prepared.recognized.columns],
        notes=prepared.notes,
    )
    task, nothing = prepared.task, np.empty(0, dtype=np.int64)
    learn = prepared.part("train")

    def fit(rows: np.ndarray, truth: np.ndarray | None = None, ignore: Any = ()) -> Predictor:
        target = task.truth(prepared.target) if truth is None else truth
        inputs = [column for column in prepared.inputs if column.name not in ignore]
        outputs = len(getattr(task, "classes", [])) or task.outputs
        return fit_fast(inputs, prepared.loaded, target, task.kind, outputs, rows, 0)

    def answer(rows: Any) -> np.ndarray:
        return fit(learn).predict(rows)

    return Material(
        run=Run(folder),
        subject=Subject(task, prepared.inputs, answer, None, None, "baseline"),  # type: ignore[arg-type]
        plan=Plan(),
        loaded=prepared.loaded,
        target=prepared.target,
        truth=task.truth(prepared.target),
        places=prepared.table.places,
        train=learn,
        valid=prepared.part("valid"),
        test=prepared.part("test"),
        folds=prepared.folds(),
        held=nothing,
        held_values=np.empty((0, 0)),
        ingredients=None,  # type: ignore[arg-type]
        fit_cheap=fit,
        groups=_groups(prepared),
        clusters=prepared.clusters,
        order=prepared.order,
        seconds=seconds,
    )


def _groups(prepared: Prepared) -> np.ndarray | None:
    if prepared.recognized.group is None:
        return None
    return prepared.groups(np.arange(len(prepared.table)))


# --- label errors -------------------------------------------------------------------------------


def labels() -> dict[str, Any]:
    """Planted label errors: precision and recall, ours beside cleanlab's."""
    started, before = time.perf_counter(), Load.now()
    rows = [row for name in LABEL_SETS for row in _planted_labels(name)]
    result = {
        **circumstances(["benchmarks.evidence_labels", "labels"]),
        "foreign": before.foreign(),
        "seconds": round(time.perf_counter() - started, 1),
        "seeds": SEEDS,
        "rows": rows,
        "mean": {
            key: float(np.mean([row[key] for row in rows]))
            for key in rows[0]
            if key.endswith(("precision", "recall"))
        },
    }
    save("evidence-labels", result)
    return result


def _planted_labels(name: str) -> Iterator[dict[str, Any]]:
    columns = table(name)
    with tempfile.TemporaryDirectory() as folder:
        found = material(columns, Path(folder) / "x.run", 30.0)
    # Every row is learned from: the exam has no part in this.
    every = np.arange(len(columns[ANSWER]))
    found = replace(found, train=every, test=every[:0], held=every[:0], clusters=None)
    for share in SHARES:
        for seed in range(SEEDS):
            yield _once(name, found, share, seed)


def _once(name: str, clean: Material, share: float, seed: int) -> dict[str, Any]:
    from cleanlab.filter import find_label_issues

    rng = np.random.default_rng(seed)
    given, classes = clean.truth.copy(), int(clean.truth.max()) + 1
    wrong = np.zeros(len(given), dtype=bool)
    wrong[rng.choice(len(given), round(share * len(given)), replace=False)] = True
    given[wrong] = (given[wrong] + rng.integers(1, classes, wrong.sum())) % classes

    def fit(rows: np.ndarray, truth: Any = None, ignore: Any = ()) -> Predictor:
        return clean.fit_cheap(rows, given, ignore)

    noisy = replace(clean, truth=given, fit_cheap=fit, run=_NoSteps(), seed=seed)  # type: ignore[arg-type]
    probability = held_out(noisy).values
    ours = confident.wrong_labels(given, probability)
    theirs = find_label_issues(given, probability, n_jobs=1)
    return {
        "set": name,
        "rows": len(given),
        "share": share,
        "seed": seed,
        "planted": int(wrong.sum()),
        "estimated": confident.estimated_errors(confident.joint_counts(given, probability)),
        **_figures("ours", ours, wrong),
        **_figures("cleanlab", theirs, wrong),
        **_figures("both", confident.wrong_labels(given, probability, "both"), wrong),
    }


class _NoSteps:
    """A run in which no network learned."""

    steps = np.empty(0, dtype=[("fold", int), ("seconds", float)])


def _figures(who: str, listed: np.ndarray, wrong: np.ndarray) -> dict[str, float]:
    hits = int((listed & wrong).sum())
    return {
        f"{who} listed": int(listed.sum()),
        f"{who} precision": hits / max(1, int(listed.sum())),
        f"{who} recall": hits / int(wrong.sum()),
    }


# --- leaks --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plant:
    """A leak: how it is put into a table, and how to know that it was found.

    put: (columns, random numbers) -> columns with the leak. found: whether a study of the planted
    table names it. settings: what the user would have said.
    """

    put: Callable[[Columns, np.random.Generator], Columns]
    found: Callable[[Material], bool]
    settings: dict[str, Any]


def honest_studies() -> dict[str, Any]:
    """Planted leaks: caught and missed; alarms in the sets as they are."""
    started, before = time.perf_counter(), Load.now()
    rows = []
    for name in LEAK_SETS:
        columns = table(name)
        rows.append({"set": name, "plant": "none", **_alarms(columns)})
        for plant in PLANTS:
            rows.append({"set": name, "plant": plant, "caught": _caught(columns, PLANTS[plant])})
        print(name, rows[-1 - len(PLANTS) :], flush=True)
    planted = [row for row in rows if row["plant"] != "none"]
    result = {
        **circumstances(["benchmarks.evidence_labels", "honesty"]),
        "foreign": before.foreign(),
        "seconds": round(time.perf_counter() - started, 1),
        "planted": len(planted),
        "caught": sum(row["caught"] for row in planted),
        "missed": [f"{row['plant']} in {row['set']}" for row in planted if not row["caught"]],
        "sets_without_plant": len(LEAK_SETS),
        "false_alarms": [
            f"{alarm} in {row['set']}"
            for row in rows
            if row["plant"] == "none"
            for alarm in row["alarms"]
        ],
        "rows": rows,
    }
    save("evidence-honesty", result)
    return result


def _alarms(columns: Columns) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        found = material(columns, Path(folder) / "x.run", STUDY_SECONDS)
        alarms = list(honesty.study(found).figures.get("alarms", []))
        if duplicates.study(found).figures.get("across"):
            alarms.append("copies across")
    return {"alarms": alarms, "rows": len(columns[ANSWER])}


def _caught(columns: Columns, plant: Plant) -> bool:
    planted = plant.put(columns, np.random.default_rng(1))
    with tempfile.TemporaryDirectory() as folder:
        return plant.found(
            material(planted, Path(folder) / "x.run", STUDY_SECONDS, **plant.settings)
        )


def _taken(columns: Columns, rows: np.ndarray) -> Columns:
    return {name: values[rows] for name, values in columns.items()}


def _codes(columns: Columns) -> np.ndarray:
    """The target as whole numbers from 0: classes, or tenths of the numbers."""
    answer = columns[ANSWER]
    if answer.dtype == object:
        return np.unique(answer, return_inverse=True)[1]
    return np.searchsorted(np.quantile(answer, np.linspace(0, 1, 11)[1:-1]), answer)


def _noisy_copy(columns: Columns, rng: np.random.Generator) -> Columns:
    """The target again: one class in twenty is another one, numbers are a tenth off."""
    answer = columns[ANSWER]
    if answer.dtype != object:
        return {
            "outcome": answer + rng.normal(scale=0.1 * answer.std(), size=len(answer))
        } | columns
    names = np.unique(answer)
    codes = _codes(columns)
    wrong = rng.random(len(codes)) < 0.05
    codes = np.where(wrong, rng.integers(0, len(names), len(codes)), codes)
    return {"outcome": np.array([f"group {code}" for code in codes], dtype=object)} | columns


def _id_order(columns: Columns, rng: np.random.Generator) -> Columns:
    """Rows were collected by target, and a number tells when."""
    order = np.argsort(_codes(columns) if columns[ANSWER].dtype == object else columns[ANSWER])
    rising = np.cumsum(rng.integers(1, 9, len(order))).astype(np.float64)
    mixed = rng.permutation(len(order))
    return _taken({"record": rising} | _taken(columns, order), mixed)


def _in_groups(columns: Columns, rng: np.random.Generator) -> tuple[Columns, np.ndarray]:
    """Six rows of about the same answer become one patient's: each patient has a way of being."""
    order = np.argsort(columns[ANSWER] if columns[ANSWER].dtype != object else _codes(columns))
    group = np.empty(len(order), dtype=np.int64)
    group[order] = np.arange(len(order)) // 6
    found = dict(columns)
    for name, values in columns.items():
        if name != ANSWER:
            found[name] = values + 2 * values.std() * rng.normal(size=group.max() + 1)[group]
    return found, group


def _group_column(columns: Columns, rng: np.random.Generator) -> Columns:
    found, group = _in_groups(columns, rng)
    return found | {"patient": np.array([f"p{number}" for number in group], dtype=object)}


def _group_neighbors(columns: Columns, rng: np.random.Generator) -> Columns:
    """No column tells the groups, but their rows follow each other."""
    found, group = _in_groups(columns, rng)
    return _taken(found, np.argsort(rng.permutation(group.max() + 1)[group], kind="stable"))


def _copies_across(columns: Columns, rng: np.random.Generator) -> Columns:
    """The given test part holds rows of the training part: a tenth of it."""
    count = len(columns[ANSWER])
    part = np.full(count, "train", dtype=object)
    part[rng.choice(count, count // 5, replace=False)] = "test"
    copied = rng.choice(np.flatnonzero(part == "train"), count // 50 + 1, replace=False)
    found = _taken(columns, np.concatenate([np.arange(count), copied]))
    return found | {"part": np.concatenate([part, np.full(len(copied), "test", dtype=object)])}


def _names(word: str) -> Callable[[Material], bool]:
    """Whether a study, or what was noticed when reading, names this column."""

    def found(planted: Material) -> bool:
        if any(f"'{word}'" in note for note in planted.run.info["notes"]):
            return True
        return f"column {word}" in honesty.study(planted).figures["alarms"]

    return found


def _alarmed(word: str) -> Callable[[Material], bool]:
    def found(planted: Material) -> bool:
        return any(word in alarm for alarm in honesty.study(planted).figures["alarms"])

    return found


def _all_copies(planted: Material) -> bool:
    count = len(planted.places) - round(len(planted.places) * 50 / 51)
    return int(duplicates.study(planted).figures["across"]) >= 0.9 * count


PLANTS = {
    "noisy copy of the target": Plant(_noisy_copy, _names("outcome"), {}),
    "order of collection": Plant(_id_order, _names("record"), {}),
    "groups, with a column": Plant(_group_column, _alarmed("'patient'"), {}),
    "groups, neighbors only": Plant(_group_neighbors, _alarmed(honesty.NEIGHBORS), {}),
    "copies across the split": Plant(_copies_across, _all_copies, {"split": "part"}),
}


# --- shown --------------------------------------------------------------------------------------


def main(parts: list[str]) -> int:
    for part in parts or ["labels", "honesty"]:
        if part == "labels":
            _show_labels(labels())
        else:
            found = honest_studies()
            print(f"planted {found['planted']}, caught {found['caught']}; {found['seconds']} s")
            print("missed:", ", ".join(found["missed"]) or "none")
            print("false alarms:", ", ".join(found["false_alarms"]) or "none")
    return 0


def _show_labels(found: dict[str, Any]) -> None:
    print("set      share  planted  estimated  ours (precision, recall)  cleanlab's  both's")
    for name in LABEL_SETS:
        for share in SHARES:
            rows = [one for one in found["rows"] if (one["set"], one["share"]) == (name, share)]
            mean = {key: np.mean([row[key] for row in rows]) for key in rows[0] if key != "set"}
            figures = " ".join(
                f"{mean[f'{who} precision']:.3f} {mean[f'{who} recall']:.3f} "
                for who in ("ours", "cleanlab", "both")
            )
            print(
                f"{name:8} {share:.0%} {mean['planted']:8.0f} {mean['estimated']:8.0f}  {figures}"
            )
    print(found["mean"], found["seconds"], "s")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
