"""The whole job, top to bottom: from a source to a model that knows how good it is.

read -> recognize -> ledger + split -> encode (fitted on training rows only) -> plan
  -> train, recorded -> classical methods on the same rows -> exam on the sealed test rows, once
  -> verdict -> bundle
"""

from __future__ import annotations

import platform
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pellucid import __version__
from pellucid.config import ACROSS, LeftOut, Plan, Settings
from pellucid.data.columns import RawTable
from pellucid.data.duplicates import SCALAR
from pellucid.errors import BundleError, ConfigError, PellucidError
from pellucid.evidence.trust.calibrate import calibrate
from pellucid.export.bundle import Bundle, Kept, mean_answer
from pellucid.export.card import write_card
from pellucid.learning.evaluate import score
from pellucid.learning.planner import SECONDS
from pellucid.network.assemble import family_of
from pellucid.recipe.exam import Exam, Rival, compete, examine, summary, worth_showing
from pellucid.recipe.prepare import Prepared, ingredients, prepare
from pellucid.recipe.record import Recording
from pellucid.recipe.reference import keep_reference
from pellucid.recipe.teach import Taught, teach
from pellucid.recipe.trust import calibration_of, promise_of, unlike_of
from pellucid.recipe.watcher import Watcher
from pellucid.recipe.without import compared
from pellucid.recording.control import alive, learning
from pellucid.recording.recorder import RunWriter
from pellucid.recording.run import Run
from pellucid.tasks import Task
from pellucid.tasks.regress import Regress

CLASSICAL_SHARE, CLASSICAL_SHARE_TEXTS = 0.2, 0.27
"""Part of the time that the classical methods may take; counting words and letters takes long."""
SMALL_TABLE_SECONDS, SECONDS_PER_ROW = 1.5, 1 / 250
"""A table's default time: 3.5 s for 500 rows, so that with its start a run takes under 10 s."""
RESERVE = 0.08
"""Part of the time kept for the exam, the report and small delays."""


def learn(
    source: Any,
    settings: Settings,
    watcher: Watcher,
    *,
    test: Any = None,
    out: str | Path | None = None,
    plan: Plan | None = None,
    paused: bool = False,
    known: RawTable | None = None,
) -> Run:
    """Learn from a source; everything that happened is in the run that is returned.

    Args:
        source: A path, a frame, arrays; see `data/read.py`.
        test: A second source that is only for the exam.
        out: Folder for the run; by default the source's name with `.run`, here.
        plan: Repeat this plan instead of making one.
        paused: Wait before the first step, until a person says go on (`recording/control.py`).
        known: The source as it was read already, if it was.
    """
    started = time.perf_counter()
    if settings.network != "auto":
        family_of(settings.network)  # a misspelled name is said before anything is read
    prepared = prepare(source, settings, watcher, test, known)
    if plan is not None:
        _check_plan(plan, prepared)
    writer = RunWriter(Path(out) if out else default_folder(prepared.table, settings))
    with learning(writer.folder):
        _write_beginning(writer, prepared, settings, source, test)
        watcher.began(writer.folder)
        return _finish(prepared, settings, watcher, writer, plan, started, paused=paused)


def _check_plan(plan: Plan, prepared: Prepared) -> None:
    """A plan repeats on data of the same kind: each part of its network must find its columns."""
    data, _ = ingredients(prepared, *prepared.folds()[0])
    groups = {name for name, entry in data.dataset.entries.items() if entry.rank > 0}
    planned = set(plan.network) - {ACROSS}
    shown = [", ".join(sorted(names)) or "plain columns only" for names in (planned, groups)]
    what = ""
    if planned != groups:
        what = f"the plan has networks for {shown[0]}, and the data has {shown[1]}"
    elif plan.folds > data.folds:
        what = f"the plan has {plan.folds} folds, and the data is split into {data.folds}"
    if what:
        raise ConfigError(
            what,
            where=f"--plan, {prepared.table.name}",
            fix="leave out --plan to make a new plan for this data",
        )


def resume(run_folder: str | Path, watcher: Watcher, source: Any = None, test: Any = None) -> Run:
    """Go on with a run that was killed; on a CPU it ends with bit-identical weights.

    Args:
        source, test: Needed again only if they were frames or arrays, which have no path.
    """
    started = time.perf_counter()
    before = Run(run_folder)
    check_resumable(before)
    settings = settings_of(before)
    source = source_of(before, source if source is not None else before.info["source"]["path"])
    test = test if test is not None else before.info["source"]["test"]
    prepared = prepare(source, settings, watcher, test)
    if prepared.table.fingerprint != before.info["fingerprint"]:
        raise BundleError(
            "the data is not the same as when the run began",
            where=str(source),
            fix="put the old data back, or start again with 'pellucid learn'",
        )
    writer = RunWriter(Path(run_folder), resume=True)
    plan = Plan.from_json(before.info["plan"])
    with learning(writer.folder):
        watcher.began(writer.folder)
        return _finish(prepared, settings, watcher, writer, plan, started)


def check_resumable(run: Run) -> None:
    """Raises a ConfigError, with a way out, if there is nothing to go on with."""
    if run.status == "done":
        raise ConfigError(
            "this run is done: there is nothing to resume",
            where=str(run.path),
            fix="'pellucid show' tells what it found; to learn more, run 'pellucid learn' again",
        )
    if alive(run.path):
        raise ConfigError(
            "another process is learning in this run right now",
            where=str(run.path),
            fix="wait until it is done, or end it with Ctrl-C first",
        )
    if "plan" not in run.info:
        raise ConfigError(
            "the run stopped before it had a plan, so nothing was learned yet",
            where=str(run.path),
            fix="start again with 'pellucid learn'",
        )


def source_of(run: Run, given: Any) -> Any:
    """What a run learned from, if it can be had again."""
    if given is None:
        raise ConfigError(
            "the run learned from data in memory, which is not kept",
            where=str(run.path),
            fix="pass the same data again: pellucid.resume(run, source=...)",
        )
    return given


def _finish(
    prepared: Prepared,
    settings: Settings,
    watcher: Watcher,
    writer: RunWriter,
    plan: Plan | None,
    started: float,
    *,
    paused: bool = False,
) -> Run:
    """From prepared rows to the end; the run says "failed" if anything goes wrong."""
    timing = {"reading": time.perf_counter() - started}
    busy = time.process_time()
    allowed = settings.time or default_seconds(prepared, settings)
    recording = Recording(
        writer, prepared, watcher, looks=settings.record, seconds=allowed, paused=paused
    )

    def spent() -> float:
        return recording.control.clock() - started

    try:
        share = classical_share(prepared)
        left = max(1.0, allowed * (1 - share - RESERVE) - timing["reading"])
        taught = teach(prepared, settings, left, watcher, recording, plan)
        timing["learning"] = taught.seconds
        recording.stage("comparing with classical methods")
        began = time.perf_counter()
        rivals = compete(prepared, taught, settings, share * allowed, watcher)
        timing["classical methods"] = time.perf_counter() - began
        bundle = _bundle(prepared, taught, rivals, settings)
        watcher.stage("exam on the sealed test rows")
        recording.stage("exam on the sealed test rows")
        exam = examine(prepared, taught, bundle, rivals, settings)
        _write_end(writer, prepared, taught, bundle, rivals, exam)
        keep_reference(writer.folder, prepared, taught, bundle, allowed)
    except BaseException as error:
        writer.update(status="failed", problem=problem_of(error), seconds=spent())
        raise
    if settings.without is not None:
        writer.update(without=compared(prepared, Run(writer.folder), settings.without))
    recording.forget_checkpoints()
    writer.update(
        status="interrupted" if taught.interrupted else "done",
        stage=None,
        seconds=spent(),
        timing=timing,
        used=used_by(time.process_time() - busy),
        looks_at_test=1,
    )
    write_card(Run(writer.folder), bundle)
    return Run(writer.folder)


def problem_of(error: BaseException) -> dict[str, str]:
    """Why the run ended, for whoever looks at it later."""
    if isinstance(error, PellucidError):
        return error.as_json()
    if isinstance(error, KeyboardInterrupt):
        what, fix = "the run was ended before a model was kept", "start it again when there is time"
    elif isinstance(error, MemoryError):
        what, fix = "the memory was not enough", "give fewer rows, or try another --network"
    else:
        what, fix = (
            f"{type(error).__name__}: {error}",
            "this is a bug of Pellucid: please report it",
        )
    return {"code": "ended", "what": what, "where": "learning", "fix": fix}


def used_by(processor_seconds: float) -> dict[str, float]:
    """What the job used: processor time of all cores together after reading, and the most memory
    that this process ever had, bytes (where the system says it)."""
    try:
        import resource
    except ImportError:  # Windows
        return {"processor_seconds": processor_seconds}
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return {"processor_seconds": processor_seconds, "peak_memory_bytes": peak}


def _bundle(prepared: Prepared, taught: Taught, rivals: list[Rival], settings: Settings) -> Bundle:
    """The network and the best classical method; who is kept follows from the held rows."""
    task = prepared.task
    bundle = Bundle(
        task=task,
        members=taught.members,
        layouts={name: values.layout for name, values in prepared.loaded.items()},
        calibration=calibration_of(prepared, taught),
        gathered=prepared.gathered,
        frozen=taught.frozen,
        promise=promise_of(prepared, taught, taught.held_values, turns=True),
    )
    bundle.unlike = unlike_of(prepared, taught, bundle)
    if rivals:
        best = rivals[0]
        bundle.baseline, bundle.baseline_calibration = best.fitted, best.calibration
        bundle.baseline_promise = best.promise
        if settings.keep == "best":
            _keep_best(bundle, prepared, taught, best)
    return bundle


def _keep_best(bundle: Bundle, prepared: Prepared, taught: Taught, best: Rival) -> None:
    """Who was best on rows that neither had learned from: the network, the classical method, or
    both together; of equals the network, then the one that needs less.

    Judged by how surely the truth was said (log loss; for numbers the error): on few rows that
    chooses more steadily than the share of right answers (docs/log.md).
    """
    task: Task = prepared.task
    truth = task.truth(prepared.target[torch.from_numpy(taught.held)])
    network = bundle.calibration.apply(task.kind, taught.held_values)
    classical = bundle.baseline_calibration.apply(task.kind, best.held_values)
    both = mean_answer(network, classical)
    both_calibration = calibrate(task.kind, truth, both)
    answers: dict[Kept, np.ndarray] = {
        "network": network,
        "baseline": classical,
        "both": both_calibration.apply(task.kind, both),
    }
    losses = {name: _loss(task, truth, each) for name, each in answers.items()}
    bundle.kept = min(losses, key=lambda name: losses[name])
    if bundle.kept == "both":
        bundle.both_calibration = both_calibration
        bundle.both_promise = promise_of(prepared, taught, both, turns=False)


def _loss(task: Task, truth: np.ndarray, prediction: np.ndarray) -> float:
    """How surely the truth was said; of numbers the squared error in units of their spread."""
    if isinstance(task, Regress):
        return float(np.square((prediction - truth) / task.spread).mean())
    return score(task.kind, "log loss", truth, prediction)


def classical_share(prepared: Prepared) -> float:
    """Part of the time for classical methods on these columns."""
    texts = any(column.modality == "text" for column in prepared.inputs)
    return CLASSICAL_SHARE_TEXTS if texts else CLASSICAL_SHARE


def default_seconds(prepared: Prepared, settings: Settings) -> float:
    """Time for the whole job where the user names none: a small table is done in seconds."""
    most = SECONDS[settings.effort]
    if all(column.modality in SCALAR for column in prepared.inputs):
        return min(most, SMALL_TABLE_SECONDS + len(prepared.rows) * SECONDS_PER_ROW)
    return most


# --- what is written --------------------------------------------------------------------------


def default_folder(table: RawTable, settings: Settings) -> Path:
    """`flowers/` -> `flowers.run` in the current folder; `flowers-without.run` where rows are left
    out, so that the two are told apart by their names."""
    ending = "" if settings.without is None else "-without"
    return Path(f"{Path(table.name.rstrip('/')).stem or 'data'}{ending}.run")


def settings_of(run: Run) -> Settings:
    """The settings that a run was started with."""
    stored = dict(run.info["settings"])
    stored |= {name: tuple(stored.get(name, ())) for name in ("ignore", "missing", "known")}
    if stored.get("without"):
        stored["without"] = LeftOut.from_json(stored["without"])
    return Settings(**stored)


def _write_beginning(
    writer: RunWriter, prepared: Prepared, settings: Settings, source: Any, test: Any
) -> None:
    table, recognized = prepared.table, prepared.recognized
    writer.ledger(prepared.ledger.table())
    writer.update(
        source={"name": table.name, "path": _path(source), "test": _path(test)},
        task={**prepared.task.as_json(), "why": recognized.task_why},
        settings=settings.as_json(),
        columns=[column.as_json() for column in recognized.columns],
        fingerprint=table.fingerprint,
        rows=prepared.ledger.counts(),
        labels=prepared.label_counts(),
        notes=[*table.notes, *prepared.notes],
        set_aside=prepared.ledger.set_aside_items()[:200],
        repaired=prepared.ledger.repaired_items()[:200],
        versions={
            "pellucid": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "platform": sys.platform,
        },
        looks_at_test=0,
    )


def _path(source: Any) -> str | None:
    """The absolute path of a source that is a path; None for data in memory."""
    return str(Path(source).resolve()) if isinstance(source, str | Path) else None


def kept_answers(bundle: Bundle, rivals: list[Rival], exam: Exam) -> tuple[str, np.ndarray]:
    """The name of who is kept, and its answers on the test rows."""
    if bundle.kept == "network":
        return "network", exam.values
    name, classical = bundle.name_of(bundle.kept), exam.others[rivals[0].fitted.name]
    if bundle.kept == "baseline":
        return name, classical
    mean = mean_answer(exam.values, classical)
    return name, bundle.both_calibration.apply(bundle.task.kind, mean)


def _write_end(
    writer: RunWriter,
    prepared: Prepared,
    taught: Taught,
    bundle: Bundle,
    rivals: list[Rival],
    exam: Exam,
) -> None:
    task = prepared.task
    bundle.save(writer.folder / "model")
    kept_name, kept = kept_answers(bundle, rivals, exam)
    field = "prediction" if task.kind == "regress" else "probability"
    results = {"row": exam.rows, "target": exam.truth, field: exam.values}
    if bundle.kept == "both":
        results[f"baseline.{kept_name}.{field}"] = kept
    for name, values in exam.others.items():
        results[f"baseline.{name}.{field}"] = values
    writer.save_result("test", results)
    truth = task.truth(prepared.target[torch.from_numpy(taught.held)])
    writer.save_result("valid", {"row": taught.held, "target": truth, field: taught.held_values})
    writer.save_json("summary", summary(prepared, exam, kept, kept_name))
    writer.save_json("examples", worth_showing(prepared, exam, kept))
    verdict = exam.verdict.as_json()
    if "unlabelled" in taught.plan.why:
        verdict["unlabelled"] = taught.plan.why["unlabelled"]
    writer.save_json("verdict", verdict)
    writer.update(
        network={**taught.description, "chosen": taught.chosen, "networks": len(taught.members)},
        kept=kept_name,
        calibration=bundle.calibration.as_json(),
        kept_calibration=bundle.calibration_of(bundle.kept).as_json(),
        baselines=[{"name": r.fitted.name, "why": r.fitted.why} for r in rivals],
    )
