"""From a run to the step that comes next: its weights, its optimizer's memory, its real batch.

A run keeps weights, not what the optimizer remembers. So the run is repeated from its first step
where that is quick: a plan and a seed give the same weights bit for bit, which is checked against
those that were kept. Otherwise the kept weights are taken and the memory starts empty, and the
receipt says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.config import Plan
from pellucid.data.modalities import MODALITIES
from pellucid.errors import ConfigError
from pellucid.evidence.receipt import FRESH, Check, Memory, Receipt, WhatIf, receipt, what_if
from pellucid.evidence.receipt.parts import Words, no_words
from pellucid.evidence.subject import Material
from pellucid.learning.learner import Learner
from pellucid.learning.loop import train
from pellucid.learning.planner import Ingredients, build
from pellucid.learning.threads import threads
from pellucid.recipe.drawings import as_json
from pellucid.recipe.study import material_of
from pellucid.recipe.teach import fold_plan
from pellucid.recipe.watcher import Watcher
from pellucid.recording.run import Run

REPLAY_SECONDS = 20.0
FINAL = "final"


@dataclass(frozen=True)
class Standing:
    """A learner that is about to make the step. notes: what a reader must know about it.
    exact: whether its weights are those of the run to the last bit, or were kept in 16 bits."""

    learner: Learner
    memory: Memory
    notes: tuple[str, ...] = ()
    exact: bool = True


def next_step(
    run_folder: str | Path,
    watcher: Watcher | None = None,
    *,
    at: int | str | None = None,
    example: int | None = None,
    zoom: str | None = None,
    source: Any = None,
    test: Any = None,
    seconds: float = REPLAY_SECONDS,
) -> Receipt:
    """The receipt of the step that the run made after `at` updates; nothing is written.

    Args:
        at: Updates before the step; by default the last kept weights that another step followed.
            "final": one more step from the weights that were kept in the end.
        example, zoom: See `evidence/receipt/make.py: receipt`.
        source, test: Needed only if the run learned from data in memory.
        seconds: How long repeating the run may take, to know what the optimizer remembered.

    Raises:
        ConfigError: There is no such step, example or layer.
        BundleError: The source is not the one that the run learned from.
    """
    watcher = watcher or Watcher()
    run = Run(run_folder)
    number = step_before(run, at)
    material = material_of(run, watcher, source, test)
    return receipt_of(stand(run, material, number, watcher, seconds), watcher, example, zoom)


@dataclass(frozen=True)
class Shown:
    """An example as a person knows it. row: of the source. drawings: as `recipe/drawings.py` has
    them."""

    row: int
    place: str
    drawings: dict[str, Any]


@dataclass(frozen=True)
class Ready:
    """A run that is about to make a step again, on copies. number: updates before it; None: more
    than the run made. data: what the first network learns from. rows: int64, the source's row of
    each example of the data set. shown: an example of the data set as a person knows it. words:
    what numbers of inputs and outputs stand for."""

    run: Run
    data: Ingredients
    number: int | None
    standing: Standing
    rows: np.ndarray
    shown: Callable[[int], Shown]
    words: Words = no_words


def stand(
    run: Run,
    material: Material,
    number: int | None,
    watcher: Watcher,
    seconds: float = REPLAY_SECONDS,
) -> Ready:
    """Bring the first network to where it was after `number` updates (see `step_before`)."""
    from pellucid.export.bundle import Bundle

    learn = material.folds[0][0]
    data = material.ingredients(*material.folds[0])

    def final() -> dict[str, Tensor]:
        return Bundle.load_from(run.path).members[0].state

    def shown(example: int) -> Shown:
        row = int(learn[example])
        drawings = {
            column.name: as_json(
                MODALITIES[column.modality].draw(material.loaded[column.name], row)
            )
            for column in material.subject.columns
        }
        return Shown(row, str(material.places[row]), drawings)

    standing = standing_at(run, data, fold_plan(run.plan, 0), number, final, watcher, seconds)
    return Ready(run, data, number, standing, learn, shown)


def standing_at(
    run: Run,
    data: Ingredients,
    plan: Plan,
    number: int | None,
    final: Callable[[], dict[str, Tensor]],
    watcher: Watcher,
    seconds: float = REPLAY_SECONDS,
) -> Standing:
    """The learner after `number` updates; after all, with the `final` weights, if that is None."""
    with threads(plan.threads), torch.random.fork_rng(devices=[]):
        if number is None:
            return _final(run, data, plan, final())
        return _at(run, data, plan, number, seconds, watcher)


def receipt_of(
    ready: Ready, watcher: Watcher, example: int | None = None, zoom: str | None = None
) -> Receipt:
    """The receipt of the step that comes next."""
    standing, data = ready.standing, ready.data
    watcher.stage("making the step and checking every number")
    with threads(ready.run.plan.threads), torch.random.fork_rng(devices=[]):
        written = receipt(
            standing.learner,
            data.dataset,
            data.task,
            data.rows,
            memory=standing.memory,
            zoom=zoom,
            example=example,
            words=ready.words,
        )
    checks = list(written.checks)
    if ready.number is not None:
        checks += _against_record(ready.run, written, standing)
    return _placed(written, ready, tuple(checks))


def what_if_of(ready: Ready, name: str) -> WhatIf:
    """The step that comes next, with one thing changed; on copies, like everything here."""
    data = ready.data
    with threads(ready.run.plan.threads), torch.random.fork_rng(devices=[]):
        return what_if(ready.standing.learner, data.dataset, data.task, data.rows, name)


def step_before(run: Run, at: int | str | None) -> int | None:
    """Updates before the step that is asked for; None for the final weights."""
    steps = _steps(run)
    if at is None:
        before = [step for step in run.weight_steps if step < steps]
        return max(before, default=0)
    if at == FINAL:
        return None
    try:
        number = int(at)
    except ValueError:
        number = -1
    if not 0 <= number < steps:
        raise ConfigError(
            f"no step follows '{at}': the run made {steps:,} steps",
            where="--at",
            fix=f"choose a number from 0 to {steps - 1}, or 'final'",
        )
    return number


def _steps(run: Run) -> int:
    """Steps that the first network made."""
    return int(run.steps["step"][run.steps["fold"] == 0].max(initial=0))


# --- the weights, and what the optimizer remembers --------------------------------------------


def _final(run: Run, data: Ingredients, plan: Plan, state: dict[str, Tensor]) -> Standing:
    """One more step at the rate of the run's last one: by plan the rate would be 0."""
    rates = run.steps["rate"][run.steps["fold"] == 0]
    rate, number = float(rates[-1]), _steps(run)
    plan = replace(plan, steps=number + 1, rate=rate, warm=0.0, flat=1.0)
    learner = Learner(build(plan, data), plan)
    learner.model.load_state_dict(state)
    learner.number = number
    memory = Memory("empty", "the kept weights have no optimizer any more, so it starts anew")
    note = (
        f"The run ended here. This is one more step, at the rate of its last one, {rate:.3g};"
        " by plan the rate would now be 0."
    )
    return Standing(learner, memory, (note,))


def _at(
    run: Run, data: Ingredients, plan: Plan, number: int, seconds: float, watcher: Watcher
) -> Standing:
    """The learner after `number` updates: begun anew, repeated, or from kept weights."""
    learner = Learner(build(plan, data), plan)
    learner.shorten(run.plan.steps_at(0, 0))
    if number == 0 and _as_kept(run, 0, learner):
        return Standing(learner, FRESH)
    took = _seconds(run, number)
    reason = f"repeating {number:,} steps would take about {took:.0f} s; --time allows more"
    if took <= seconds:
        watcher.stage("repeating the run up to this step")
        _repeat(learner, data, run.plan, number, watcher)
        if _as_kept(run, number, learner):
            why = f"the run was repeated from its first step: all {number:,} updates"
            return Standing(learner, Memory("replayed", why))
        reason = "repeating the run did not give the same weights on this machine"
    return _from_kept(run, data, plan, number, reason)


def _repeat(learner: Learner, data: Ingredients, plan: Plan, number: int, watcher: Watcher) -> None:
    """Make the first `number` updates again, as `recipe/teach.py` made them."""
    if number == 0:
        return
    for step in train(learner, data.dataset, data.task, data.rows, data.valid):
        watcher.progress(step.number, number)
        if learner.plan.steps != plan.steps_at(0, step.number):
            learner.shorten(plan.steps_at(0, step.number))
        if step.number == number:
            return


def _from_kept(run: Run, data: Ingredients, plan: Plan, number: int, reason: str) -> Standing:
    """The weights that the run kept of this step; the optimizer starts anew."""
    state = {name: torch.from_numpy(value) for name, value in run.weights(number).items()}
    learner = Learner(build(plan, data), plan)
    learner.model.load_state_dict(state)
    learner.number = number
    learner.shorten(run.plan.steps_at(0, number))
    note = (
        "What the optimizer remembered of earlier steps is not kept in a run"
        f" ({reason}). It starts with an empty memory here, so the update is not quite the one"
        " that the run made; input, prediction, loss and gradients are."
    )
    memory = Memory("empty", f"it starts anew: {reason}")
    return Standing(learner, memory, (note,), exact=False)


def _seconds(run: Run, number: int) -> float:
    """About how long repeating the first `number` steps takes."""
    steps = run.steps[run.steps["fold"] == 0]
    before = steps["seconds"][steps["step"] <= max(1, number)]
    return float(before.max(initial=0.0))


def _as_kept(run: Run, step: int, learner: Learner) -> bool:
    """Whether these are the weights that the run kept of this step, to the last bit of what was
    kept (matrices in 16 bits); True if it kept none."""
    if step not in run.weight_steps:
        return True
    own = learner.model.state_dict()
    return all(_same(own[name], kept) for name, kept in run.weights(step).items())


def _same(own: Tensor, kept: np.ndarray) -> bool:
    mine: np.ndarray = own.detach().cpu().numpy()
    with np.errstate(over="ignore"):  # bins without an end are infinite
        rounded = mine.astype(np.float16).astype(np.float32)
    return bool(((mine == kept) | (rounded == kept)).all())


# --- against what the run wrote down ----------------------------------------------------------


def _against_record(run: Run, written: Receipt, standing: Standing) -> list[Check]:
    """The run's own figures of this very step, where the receipt should meet them."""
    steps = run.steps
    mine = steps[(steps["fold"] == 0) & (steps["step"] == written.step + 1)]
    if len(mine) == 0:
        return []
    tolerance = 1e-6 if standing.exact else 0.05
    pairs = (
        (float(mine["loss"][0]), written.loss.batch),
        (float(mine["gradient_norm"][0]), written.update.gradient),
        (float(mine["rate"][0]), written.update.rate),
    )
    gap = max(abs(one - other) / max(abs(one), abs(other), 1e-12) for one, other in pairs)
    checks = [Check("loss, gradient and rate: the run's own record", gap, tolerance, len(pairs))]
    return checks


def _placed(written: Receipt, ready: Ready, checks: tuple[Check, ...]) -> Receipt:
    """The receipt with the source's rows in place of the data set's, and the example drawn."""
    # Some goals look at changed copies of each example, side by side.
    copies = max(1, written.batch // len(written.rows))
    shown = ready.shown(written.rows[written.example // copies])
    return replace(
        written,
        rows=tuple(int(ready.rows[example]) for example in written.rows),
        place=shown.place,
        drawings=shown.drawings,
        checks=checks,
        notes=(*written.notes, *ready.standing.notes),
    )
