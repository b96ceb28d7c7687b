"""The job around a use: from a source to a model that knows how good it is.

The same steps as the main job (`recipe/job.py`), in the same order and with the same run folder:
read, plan, learn, compare, exam, verdict, bundle. What differs from use to use is asked of its
`Course`.
"""

from __future__ import annotations

import math
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pellucid import __version__
from pellucid.config import Plan, Settings
from pellucid.errors import BundleError, ConfigError
from pellucid.evidence.worth.verdict import Standing
from pellucid.learning.evaluate import higher_is_better
from pellucid.learning.learner import Learner
from pellucid.learning.loop import Step, train
from pellucid.learning.planner import SECONDS, Ingredients, build, make_plan
from pellucid.learning.threads import threads
from pellucid.recipe.job import CLASSICAL_SHARE, RESERVE, problem_of, used_by
from pellucid.recipe.pace import Pace, allowed, follow
from pellucid.recipe.record import PROBE, Recording
from pellucid.recipe.watcher import Watcher
from pellucid.recording.control import learning
from pellucid.recording.files import write_json
from pellucid.recording.recorder import RunWriter
from pellucid.recording.run import Run
from pellucid.uses.answerers import write_bundle
from pellucid.uses.card import write_card
from pellucid.uses.judge import figure_of, judge
from pellucid.uses.use import COURSES, Answerer, Course, Exam, Source

FINISH_SHARE = 0.05
"""Part of the time for thresholds and intervals, after learning."""


@dataclass
class Learned:
    """What learning brought: the plan as it was carried out, and the network in words."""

    plan: Plan
    learner: Learner
    chosen: str
    description: dict[str, Any]
    seconds: float
    interrupted: bool


def learn_use(
    kind: str,
    source: Source,
    watcher: Watcher,
    *,
    why: str,
    out: str | Path | None = None,
    plan: Plan | None = None,
    paused: bool = False,
    resumed: Run | None = None,
) -> Run:
    """Learn from a source that asks for the use `kind`.

    Args:
        why: Why this use was taken, in words.
        out, plan, paused: As in `recipe/job.py: learn`.
        resumed: Go on with this run, which was killed.
    """
    started = time.perf_counter()
    settings = source.settings
    watcher.stage("reading")
    course = COURSES[kind](source, settings, watcher)
    examples = course.examples
    examples.ledger.check(keep_going=settings.keep_going)
    for note in examples.notes:
        watcher.tell(note)
    if resumed is None:
        writer = RunWriter(Path(out) if out else default_folder(examples.name))
    else:
        if examples.fingerprint != resumed.info["fingerprint"]:
            raise BundleError(
                "the data is not the same as when the run began",
                where=str(source.given),
                fix="put the old data back, or start again with 'pellucid learn'",
            )
        writer, plan = RunWriter(resumed.path, resume=True), resumed.plan
    with learning(writer.folder):
        if resumed is None:
            _write_beginning(writer, course, settings, source, why)
        watcher.began(writer.folder)
        return _finish(course, settings, watcher, writer, plan, started, paused=paused)


def default_folder(name: str) -> Path:
    """`flowers/` -> `flowers.run` in the current folder."""
    return Path(f"{Path(name.rstrip('/')).stem or 'data'}.run")


def _finish(
    course: Course,
    settings: Settings,
    watcher: Watcher,
    writer: RunWriter,
    plan: Plan | None,
    started: float,
    *,
    paused: bool,
) -> Run:
    """From examples to the end; the run says "failed" if anything goes wrong."""
    timing = {"reading": time.perf_counter() - started}
    busy = time.process_time()
    allowed = settings.time or SECONDS[settings.effort]
    recording = Recording(
        writer, None, watcher, looks=settings.record, seconds=allowed, paused=paused
    )

    def stage(name: str) -> float:
        watcher.stage(name)
        recording.stage(name)
        return time.perf_counter()

    def spent() -> float:
        return recording.control.clock() - started

    try:
        share = 1 - CLASSICAL_SHARE - RESERVE - FINISH_SHARE
        left = max(1.0, allowed * share - timing["reading"])
        learned = teach(course, settings, left, watcher, recording, plan)
        timing["learning"] = learned.seconds
        began = stage("finding thresholds and intervals on validation examples")
        answerer = course.finish(learned.learner.model, FINISH_SHARE * allowed, watcher)
        timing["finishing"] = time.perf_counter() - began
        began = stage("comparing with classical methods")
        course.compete(CLASSICAL_SHARE * allowed, watcher)
        timing["classical methods"] = time.perf_counter() - began
        stage("exam on the sealed test examples")
        exam = course.exam(answerer, RESERVE * allowed, watcher)
        exam = replace(exam, network=replace(exam.network, seconds=learned.seconds))
        _write_end(writer, course, learned, answerer, exam, settings)
    except BaseException as error:
        writer.update(status="failed", problem=problem_of(error), seconds=spent())
        raise
    recording.forget_checkpoints()
    writer.update(
        status="interrupted" if learned.interrupted else "done",
        stage=None,
        seconds=spent(),
        timing=timing,
        used=used_by(time.process_time() - busy),
        looks_at_test=1,
    )
    write_card(Run(writer.folder))
    return Run(writer.folder)


# --- learning ---------------------------------------------------------------------------------


def teach(
    course: Course,
    settings: Settings,
    seconds: float,
    watcher: Watcher,
    recording: Recording,
    plan: Plan | None,
) -> Learned:
    """Plan (unless a plan is given), train, and keep the weights that validation prefers."""
    control = recording.control
    started = control.clock()
    data = ingredients(course)
    given = plan is not None
    recording.stage("planning")
    if plan is None:
        watcher.stage("planning")
        plan = make_plan(data, settings, seconds, watcher.tell)
    recording.planned(plan)
    watcher.planned(plan)
    watcher.stage("learning")
    recording.stage("learning")
    left = seconds - (control.clock() - started)
    pace = Pace(allowed(left, named=settings.time is not None, given=given), control.clock)
    with threads(plan.threads):
        learner, description, interrupted = _steps(course, data, plan, recording, watcher, pace)
        _, why = learner.choose(data.dataset, data.task, data.valid)
    recording.chosen(learner.number, why)
    learner.model.eval()
    spent = control.clock() - started
    return Learned(learner.plan, learner, why, description, spent, interrupted)


def ingredients(course: Course) -> Ingredients:
    """The course as planning and training take it."""
    examples = course.examples
    return Ingredients(
        dataset=examples.dataset,
        modalities=examples.modalities,
        task=course.objective,
        rows=torch.from_numpy(examples.train),
        valid=torch.from_numpy(examples.valid),
        folds=1,
        recipe=course.recipe(),
        builder=course.build,
    )


def _steps(
    course: Course,
    data: Ingredients,
    plan: Plan,
    recording: Recording,
    watcher: Watcher,
    pace: Pace,
) -> tuple[Learner, dict[str, Any], bool]:
    """Train; returns the learner, the network in words, and whether somebody ended it early."""
    model = build(plan, data)
    learner = Learner(model, plan)
    description: dict[str, Any] = model.describe()  # type: ignore[operator]  # Course.build's word
    recording.described(description)
    state = recording.unfinished(0)
    if state is not None:
        learner.load_state_dict(state)
    learner.shorten(plan.steps_at(0, learner.number))
    steps: Iterator[Step] = train(learner, data.dataset, data.task, data.rows, data.valid)
    probe = _probe(course, data, recording) if recording.looks else None
    steps = recording.record_with(steps, learner, data.task.loss, probe, course.score)
    _, interrupted = follow(steps, learner, plan, 0, pace, recording, watcher)
    return learner, description, interrupted


def _probe(course: Course, data: Ingredients, recording: Recording) -> Any:
    """The fixed examples that are watched: evenly from the training examples."""
    examples = course.examples
    places = np.linspace(0, len(examples.train) - 1, min(PROBE, len(examples.train)))
    numbers = examples.train[places.astype(np.int64)]
    probe = data.dataset.take(torch.from_numpy(numbers))
    recording.writer.probe(
        rows=[int(number) for number in numbers],
        places=[str(examples.places[number]) for number in numbers],
        drawings=[examples.draw(int(number)) for number in numbers],
        inputs=probe.inputs,
        target=probe.target,
    )
    return probe


# --- what is written --------------------------------------------------------------------------


def _write_beginning(
    writer: RunWriter, course: Course, settings: Settings, source: Source, why: str
) -> None:
    examples = course.examples
    writer.ledger(examples.ledger.table())
    writer.update(
        source={
            "name": examples.name,
            "path": str(source.path.resolve()) if source.path else None,
            "test": str(Path(source.test).resolve())
            if isinstance(source.test, str | Path)
            else None,
        },
        use=course.kind,
        task={
            "kind": course.kind,
            "title": course.title,
            "asked": course.asked,
            "target": examples.target,
            "metric": course.metric,
            "why": why,
        },
        settings=settings.as_json(),
        columns=examples.columns,
        fingerprint=examples.fingerprint,
        rows=examples.ledger.counts(),
        examples={
            "train": len(examples.train),
            "valid": len(examples.valid),
            "test": len(examples.test),
        },
        notes=examples.notes,
        set_aside=examples.ledger.set_aside_items()[:200],
        repaired=examples.ledger.repaired_items()[:200],
        versions={
            "pellucid": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "platform": sys.platform,
        },
        looks_at_test=0,
    )


def _write_end(
    writer: RunWriter,
    course: Course,
    learned: Learned,
    answerer: Answerer,
    exam: Exam,
    settings: Settings,
) -> None:
    verdict = judge(exam, course.metric, settings.seed)
    mine, answerer.kept = verdict.network, "network"
    if settings.keep == "best":
        mine = best_held(verdict.network, verdict.rival(), course.metric)
        answerer.kept = "network" if mine is verdict.network else "baseline"
        if exam.both is not None:
            both = figure_of(exam.both, exam, settings.seed)
            if best_held(mine, both, course.metric) is both:
                mine, answerer.kept = both, "both"
    write_bundle(writer.folder / "model", answerer)
    summary = {
        "metric": course.metric,
        "kept": mine.name,
        "score": mine.score,
        "low": mine.low,
        "high": mine.high,
        "figures": exam.figures,
        "rows": exam.units,
        "unit": exam.unit,
    }
    writer.save_json("summary", summary)
    writer.save_json("examples", exam.shown)
    writer.save_json("verdict", verdict.as_json())
    for finding in exam.findings:
        write_json(writer.folder / "evidence" / f"{finding.part}.json", finding.as_json())
    writer.update(
        network={**learned.description, "chosen": [learned.chosen], "networks": 1},
        findings=[finding.part for finding in exam.findings],
        kept=mine.name,
        baselines=[{"name": one.name, "why": one.why} for one in exam.classical],
    )


def best_held(network: Standing, rival: Standing | None, metric: str) -> Standing:
    """Who did better on validation examples; of equals the network. Test ones choose nothing."""
    if rival is None or math.isnan(rival.valid_score):
        return network
    sign = 1 if higher_is_better(metric) else -1
    return rival if sign * (rival.valid_score - network.valid_score) > 0 else network


def check_resumable(kind: str, run: Run) -> None:
    """A use can be resumed only if this version has it."""
    if kind not in COURSES:
        raise ConfigError(
            f"the run is about '{kind}', which this version does not know",
            where=str(run.path),
            fix="pip install --upgrade pellucid",
        )
