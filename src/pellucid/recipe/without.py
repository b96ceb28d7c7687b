"""What leaving rows out changed: the new run beside the earlier one, on the same test rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pellucid.config import LeftOut
from pellucid.errors import ConfigError, PellucidError
from pellucid.evidence.worth.verdict import Contender, Difference, differences, span
from pellucid.recipe.prepare import Prepared
from pellucid.recording.run import Run

OTHER_PLAN = " The two also learned for different numbers of steps; --plan RUN repeats a plan."


def compared(prepared: Prepared, run: Run, left: LeftOut) -> dict[str, Any]:
    """`run.json: without`: how many rows were left out, and the paired difference.

    run: the new one, with its results. The difference is above zero where leaving them out helped;
    its interval covers which test rows there happen to be, not the luck of learning twice.
    """
    reasons = run.ledger().column("reason").to_pylist()
    said: dict[str, Any] = {
        "file": left.file,
        "rows": sum(one == f"left out by --without {left.file}" for one in reasons),
        "run": left.run,
    }
    if left.run is None:
        return said | {"sentence": "Not compared: the list does not lie in the run it is from."}
    try:
        before = _earlier(run, left.run)
    except PellucidError as error:
        return said | {"sentence": f"Not compared with {Path(left.run).name}: {error.what}."}
    mine, theirs, rows = _same_rows(run, before)
    if not len(rows):
        return said | {"sentence": f"Not compared with {before.name}: no test row is in both."}
    truth = run.results("test")["target"][mine]
    new, old = _answers(run)[mine], _answers(before)[theirs]
    task = prepared.task
    found = differences(
        task.kind,
        task.metric,
        truth,
        Contender("without them", new, np.nan, 0.0, 0.0, 0),
        [Contender("with them", old, np.nan, 0.0, 0.0, 0)],
        run.plan.seed,
        prepared.groups(rows),
    )[0]
    same_plan = _steps(run) == _steps(before)
    sentence = _sentence(said["rows"], before.name, len(rows), found, task.metric)
    return said | {
        "test_rows": len(rows),
        "metric": task.metric,
        "difference": found.as_json(),
        "same_plan": same_plan,
        "sentence": sentence if same_plan else sentence + OTHER_PLAN,
    }


def _earlier(run: Run, folder: str) -> Run:
    """The run that the list comes from, if it asked the same question of the same data."""
    before = Run(folder)
    for what, ours, theirs in (
        ("data", run.info["fingerprint"], before.info.get("fingerprint")),
        ("question", _question(run), _question(before)),
    ):
        if ours != theirs:
            raise ConfigError(f"its {what} is not the same", where=folder, fix="compare by hand")
    before.results("test")
    return before


def _question(run: Run) -> dict[str, Any]:
    return {name: run.task.get(name) for name in ("kind", "target", "classes", "metric")}


def _same_rows(run: Run, before: Run) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the test rows of both lie in the results of each, and which rows they are."""
    rows, mine, theirs = np.intersect1d(
        run.results("test")["row"], before.results("test")["row"], return_indices=True
    )
    return mine, theirs, rows


def _answers(run: Run) -> np.ndarray:
    """What the model that the run kept answered on the test rows."""
    results, kept = run.results("test"), run.info["kept"]
    field = "prediction" if "prediction" in results else "probability"
    return results[field if kept == "network" else f"baseline.{kept}.{field}"]


def _steps(run: Run) -> tuple[int, int, int]:
    return run.plan.seed, run.plan.steps, run.plan.folds


def _sentence(left: int, before: str, rows: int, found: Difference, metric: str) -> str:
    if found.real:
        said = "better" if found.value > 0 else "worse"
        opening = f"Leaving out {left:,} rows made it {said} than {before}"
    else:
        opening = f"Leaving out {left:,} rows made no measurable difference to {before}"
    return f"{opening}, on the same {rows:,} test rows: {span(found, metric)}."
