"""Study a run that is done: read its source again, and ask one question after the other.

Each part is one file in `evidence/`. What it finds is kept in the run as `evidence/PART.json`, so
that it is computed once and every interface shows the same.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.baselines import fit_fast
from pellucid.errors import BundleError, ConfigError, did_you_mean
from pellucid.evidence.finding import LOOKS_AT_TEST, Finding
from pellucid.evidence.studies import PARTS
from pellucid.evidence.subject import FitCheap, Material, Predictor
from pellucid.export.bundle import Bundle
from pellucid.export.card import write_card
from pellucid.learning.planner import RowIngredients
from pellucid.recipe.job import settings_of
from pellucid.recipe.prepare import Prepared, ingredients, prepare
from pellucid.recipe.starts import planned_starts
from pellucid.recipe.unlabelled import as_planned
from pellucid.recipe.watcher import Watcher
from pellucid.recording.files import write_json
from pellucid.recording.recorder import count_look
from pellucid.recording.run import Run

SECONDS_A_PART = 30.0


def study(
    run_folder: str | Path,
    parts: Sequence[str] = (),
    watcher: Watcher | None = None,
    *,
    source: Any = None,
    test: Any = None,
    seconds: float = SECONDS_A_PART,
    again: bool = False,
) -> Iterator[Finding]:
    """Findings of these parts (by default all), each as soon as it is there.

    Args:
        source, test: Needed only if the run learned from data in memory.
        seconds: About how long a part may take.
        again: Compute also what the run has already.

    Raises:
        ConfigError: There is no such part, or the source is needed again.
        BundleError: The source is not the one that the run learned from.
    """
    watcher = watcher or Watcher()
    asked = list(parts) or list(PARTS)
    for name in asked:
        if name not in PARTS:
            raise ConfigError(
                f"there is nothing to study called '{name}'",
                where="pellucid study",
                fix=did_you_mean(name, PARTS),
            )
    run, material = Run(run_folder), None
    for name in asked:
        if not again and name in run.findings():
            yield Finding.from_json(run.finding(name))
            continue
        if material is None:
            material = material_of(run, watcher, source, test, seconds)
        watcher.stage(f"studying: {name}")
        started = time.perf_counter()
        finding = PARTS[name](material)
        finding = replace(finding, seconds=round(time.perf_counter() - started, 3))
        write_json(run.path / "evidence" / f"{name}.json", finding.as_json())
        if name in LOOKS_AT_TEST and finding.known:
            count_look(run.path)
        yield finding
    if material is not None:
        write_card(run, Bundle.load_from(run.path))  # it tells what was found


def material_of(
    run: Run, watcher: Watcher, source: Any = None, test: Any = None, seconds: float = 30.0
) -> Material:
    """The run's source, read and cut as it was, beside the model that came of it."""
    check_done(run)
    return material_from(run, prepared_again(run, watcher, source, test), watcher, seconds)


def check_done(run: Run) -> None:
    """ConfigError if there is no model yet."""
    if run.status not in ("done", "interrupted"):
        raise ConfigError(
            f"the run is not done: it says '{run.status}'",
            where=str(run.path),
            fix="wait, or 'pellucid resume' if it was killed",
        )


def material_from(
    run: Run, prepared: Prepared, watcher: Watcher, seconds: float = 30.0
) -> Material:
    """The same from a source that was read again already."""
    settings = settings_of(run)
    bundle = Bundle.load_from(run.path)
    plan = run.plan
    as_planned(prepared, plan)
    starts = planned_starts(prepared, bundle.columns, plan)

    def encoded(learn: np.ndarray, check: np.ndarray) -> RowIngredients:
        return starts.instead(ingredients(prepared, learn, check)[0], learn, check)

    held = run.results("valid")
    field = "prediction" if prepared.task.kind == "regress" else "probability"
    return Material(
        run=run,
        subject=bundle.subject("network"),
        given=None if bundle.kept == "network" else bundle.subject("kept"),
        plan=plan,
        loaded=prepared.loaded,
        target=prepared.target,
        truth=prepared.task.truth(prepared.target),
        places=prepared.table.places,
        train=prepared.part("train"),
        valid=prepared.part("valid"),
        test=prepared.part("test"),
        folds=prepared.folds()[: plan.folds],
        held=held["row"],
        held_values=bundle.calibration.apply(prepared.task.kind, held[field]),
        ingredients=encoded,
        fit_cheap=_fit_cheap(prepared, settings.seed),
        fit_rival=_fit_cheap(
            prepared, settings.seed, bundle.baseline.method if bundle.baseline else None
        ),
        groups=prepared.groups(np.arange(len(prepared.table)))
        if prepared.recognized.group is not None
        else None,
        clusters=prepared.clusters,
        order=prepared.order,
        seed=settings.seed,
        seconds=seconds,
        progress=watcher.progress,
    )


def prepared_again(run: Run, watcher: Watcher, source: Any = None, test: Any = None) -> Prepared:
    """The source of a run, which must still be the same."""
    known = run.info["source"]
    source = source if source is not None else known["path"]
    test = test if test is not None else known["test"]
    if source is None:
        raise ConfigError(
            "the run learned from data in memory, which is not kept",
            where=str(run.path),
            fix="pass the same data again: run.study(source=...)",
        )
    prepared = prepare(source, settings_of(run), watcher, test)
    if prepared.table.fingerprint != run.info["fingerprint"]:
        raise BundleError(
            "the data is not the same as when the run learned from it",
            where=str(source),
            fix="put the old data back, or learn again from the new data",
        )
    return prepared


def _fit_cheap(prepared: Prepared, seed: int, method: str | None = None) -> FitCheap:
    """A fast classical method, or the one named, that can be fitted again on parts of the rows."""
    task = prepared.task
    known = task.truth(prepared.target)
    outputs = len(getattr(task, "classes", [])) or task.outputs

    def fit(
        rows: np.ndarray, truth: np.ndarray | None = None, ignore: Collection[str] = ()
    ) -> Predictor:
        target = known if truth is None else truth
        inputs = [column for column in prepared.inputs if column.name not in ignore]
        return fit_fast(
            inputs, prepared.loaded, target, task.kind, outputs, rows, seed, method=method
        )

    return fit
