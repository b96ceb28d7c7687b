"""Learning itself: one network, or a bag of folds, each trained by the same loop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from pellucid.config import Plan, Settings
from pellucid.data.columns import Column
from pellucid.evidence.trust.calibrate import Calibration, calibrate
from pellucid.export.bundle import Member
from pellucid.learning.learner import Learner, copy_state
from pellucid.learning.loop import Step, train
from pellucid.learning.planner import RowIngredients, build_model, make_plan
from pellucid.learning.threads import threads
from pellucid.network.assemble import Model
from pellucid.network.pretrained.frozen import Frozen
from pellucid.recipe import unlabelled
from pellucid.recipe.pace import Pace, allowed, follow
from pellucid.recipe.prepare import Prepared, ingredients
from pellucid.recipe.record import Recording
from pellucid.recipe.starts import choose_starts, planned_starts
from pellucid.recipe.watcher import Watcher

LEARNING_SHARE = 0.25
"""Part of the time that learning has in any case, however long everything before it took."""


@dataclass
class Taught:
    """What learning brought.

    held: rows that were checked by a network that had not learned from them; held_values: its
    answers there, `(held, classes | tags | targets)`. chosen: which weights were kept and why.
    interrupted: whether somebody asked to stop early. frozen: column -> the pretrained network
    in front of it; features: column -> what it made of every row of the table that was learned
    from or checked by, `(rows, width)`.
    """

    plan: Plan
    members: list[Member]
    held: np.ndarray
    held_values: np.ndarray
    chosen: list[str]
    description: dict[str, Any]
    seconds: float
    interrupted: bool
    frozen: dict[str, Frozen] = field(default_factory=dict)
    features: dict[str, np.ndarray] = field(default_factory=dict)

    def calibration(self, prepared: Prepared) -> Calibration:
        """Fitted on the held rows."""
        task = prepared.task
        truth = task.truth(prepared.target[torch.from_numpy(self.held)])
        return calibrate(task.kind, truth, self.held_values)


def teach(
    prepared: Prepared,
    settings: Settings,
    seconds: float,
    watcher: Watcher,
    recording: Recording,
    plan: Plan | None = None,
) -> Taught:
    """Plan (unless a plan is given), train every fold, and keep what validation prefers.

    Args:
        seconds: Time for planning and training together; only the plan depends on it.
        recording: Writes what happens; also knows what an earlier, killed process had done.
    """
    control = recording.control
    started = control.clock()
    folds = prepared.folds()
    first, columns = ingredients(prepared, *folds[0])
    given, body = plan is not None, None
    recording.stage("planning")
    if plan is None:
        watcher.stage("planning")
        starts, why = choose_starts(prepared, first, columns, settings, seconds, watcher)
        first = starts.instead(first, *folds[0], watcher.progress)
        left = left_of(seconds, control.clock() - started)
        tried = len(prepared.unlabelled) > 0 and not starts.by_column
        # What is spent on rows without an answer and on the trial is not there for the answers.
        plan = make_plan(first, settings, left * (unlabelled.LEFT if tried else 1.0), watcher.tell)
        plan = replace(plan, why=plan.why | ({"pretrained": why} if why else {}))
        if tried:
            plan, body = unlabelled.choose_start(prepared, plan, left, watcher)
            if body is not None:
                first, columns = ingredients(prepared, *folds[0])
    else:
        if plan.unlabelled:
            unlabelled.as_planned(prepared, plan)
            first, columns = ingredients(prepared, *folds[0])
            body = unlabelled.pretrained(prepared, plan)
        starts = planned_starts(prepared, columns, plan)
        first = starts.instead(first, *folds[0], watcher.progress)
    recording.planned(plan)
    watcher.planned(plan)
    watcher.stage("learning")
    taught = Taught(plan, [], np.empty(0, np.int64), np.empty((0, 0)), [], {}, 0.0, False)
    taught.frozen = starts.by_column
    taught.features = {starts.columns[group]: found for group, found in starts.features.items()}
    held, values = [], []
    left = left_of(seconds, control.clock() - started)
    pace = Pace(allowed(left, named=settings.time is not None, given=given), control.clock)
    with threads(plan.threads):
        for fold, (learn, check) in enumerate(folds):
            if fold >= taught.plan.folds:
                break
            several = f" network {fold + 1} of {taught.plan.folds}" if taught.plan.folds > 1 else ""
            recording.stage(f"learning{several}")
            data = first
            if fold:
                data, columns = ingredients(prepared, learn, check)
                data = starts.instead(data, learn, check)
            model, learner = _learn_fold(
                fold, data, columns, recording, watcher, taught, pace, body
            )
            evaluation, why = learner.choose(data.dataset, data.task, data.valid)
            taught.members.append(Member(columns, model.blueprint, copy_state(model)))
            taught.chosen.append(why)
            if fold == 0:
                recording.chosen(learner.number, why)
            if evaluation is not None:
                held.append(check)
                values.append(data.task.prediction(evaluation.output))
            if taught.interrupted:
                break
    if held:
        order = np.argsort(np.concatenate(held), kind="stable")
        taught.held = np.concatenate(held)[order]
        taught.held_values = np.concatenate(values)[order]
    taught.seconds = control.clock() - started
    return taught


def left_of(seconds: float, spent: float) -> float:
    """Seconds for learning. A network that had no time to learn is worth none of what was spent on
    encoding and planning, so a late run ends a little later instead.

    >>> left_of(20.0, 8.0), left_of(20.0, 30.0)
    (12.0, 5.0)
    """
    return max(seconds - spent, LEARNING_SHARE * seconds)


def _learn_fold(
    fold: int,
    data: RowIngredients,
    columns: list[Column],
    recording: Recording,
    watcher: Watcher,
    taught: Taught,
    pace: Pace,
    body: unlabelled.Body | None = None,
) -> tuple[Model, Learner]:
    own = fold_plan(taught.plan, fold)
    model = build_model(own, data)
    if body is not None:
        unlabelled.begin_with(model, body)
    learner = Learner(model, own)
    state = recording.unfinished(fold)
    if state is not None:
        learner.load_state_dict(state)
    learner.shorten(taught.plan.steps_at(fold, learner.number))
    steps: Iterator[Step] = train(learner, data.dataset, data.task, data.rows, data.valid)
    if fold == 0:
        taught.description = model.describe()
        recording.described(taught.description)
        steps = recording.record(steps, learner, data, columns, own)
    else:
        steps = recording.control.over(steps)
    taught.plan, taught.interrupted = follow(
        steps, learner, taught.plan, fold, pace, recording, watcher
    )
    return model, learner


def fold_plan(plan: Plan, fold: int) -> Plan:
    """The same plan with random numbers of its own."""
    return replace(plan, seed=plan.seed * 101 + fold)
