"""Learn first what examples look like, from rows without an answer; then learn the answers.

The network's body learns, without any answers, to give two changed copies of an example the same
vector (`tasks/map.py`), and is kept as a start only if validation rows say for sure that it helps:
pairs of networks learn the answers from the same rows, with the body and without. It sees
rows without an answer only: no row that checks or tests, whatever fold it is in. The encoders (a
mean, a vocabulary) then are fitted on the same rows, so that all networks of a bag can begin with
the same body.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from pellucid.config import Plan
from pellucid.data.dataset import encode
from pellucid.evidence.intervals import NORMAL_95
from pellucid.learning.learner import Learner, copy_state
from pellucid.learning.loop import train
from pellucid.learning.planner import RowIngredients, build_model
from pellucid.learning.threads import threads
from pellucid.network.assemble import Model
from pellucid.recipe.prepare import Prepared, ingredients
from pellucid.recipe.watcher import Watcher
from pellucid.tasks.map import SameUnderChange, changes_for

SHARE, LEFT = 0.2, 0.35
"""Parts of the time for learning that learning without answers may take, and that is left for
learning the answers; the rest is the trial's."""
MOST_PAIRS = 4
"""Of networks that the trial learns with the answers, one with the body and one without."""
MEASURED = 8
FEWEST_STEPS, MOST_PASSES = 30, 40
OUTPUTS = 64
BATCH = 256

Body = dict[str, Tensor]


def as_planned(prepared: Prepared, plan: Plan) -> None:
    """Let encoders be fitted on what the plan says: rows without an answer, if it begins there."""
    prepared.fitted_on = prepared.unlabelled if plan.unlabelled else None


def choose_start(
    prepared: Prepared,
    plan: Plan,
    seconds: float,
    watcher: Watcher,
) -> tuple[Plan, Body | None]:
    """Try a body that learned from rows without an answer against one that did not.

    Args:
        seconds: For learning, with the answers and without.

    Returns:
        The plan with `unlabelled` steps and the reason, and the body; no steps and None where it
        does not help.
    """
    watcher.tell(f"learning what {len(prepared.unlabelled):,} rows without an answer look like")
    folds = [(learn, check) for learn, check in prepared.folds() if len(check) > 1]
    if not folds:
        return _without(plan, "there are no validation rows to choose by"), None
    steps = _affordable(prepared, plan, SHARE * seconds)
    body = pretrained(prepared, replace(plan, unlabelled=steps))
    tried = Trial.of(plan, len(folds))
    watcher.tell(f"trying it: {tried.pairs} pairs of networks, {tried.steps:,} steps each")
    before, after = [], []
    for pair, (learn, check) in enumerate(folds[: tried.pairs]):
        # The same rows, steps and random numbers twice: only the start differs.
        own = replace(
            plan,
            steps=tried.steps,
            evaluate_every=max(1, tried.steps // 4),
            seed=plan.seed + pair,
        )
        scratch, _ = ingredients(prepared, learn, check)
        prepared.fitted_on = prepared.unlabelled
        started, _ = ingredients(prepared, learn, check)
        prepared.fitted_on = None
        with threads(plan.threads):
            before.append(_losses(scratch, own, None))
            after.append(_losses(started, own, body))
    helps, gain = _helps(before, after)
    said = (
        f"validation loss {float(torch.cat(after).mean()):.3g} after {steps:,} steps on "
        f"{len(prepared.unlabelled):,} rows without an answer, "
        f"{float(torch.cat(before).mean()):.3g} without them ({gain}; {tried.said}). "
        f"Finding that out took {1 - LEFT:.0%} of the time for learning"
    )
    if not helps:
        return _without(plan, said), None
    prepared.fitted_on = prepared.unlabelled
    why = plan.why | {"unlabelled": f"kept: {said}"}
    return replace(plan, unlabelled=steps, why=why), body


@dataclass(frozen=True)
class Trial:
    """How many pairs of networks learn the answers, and how many of the planned steps each.

    A network that begins with the body is ahead at first whether or not it ends better, so the
    trial goes as far as the real networks do wherever the time allows it.
    """

    pairs: int
    steps: int
    planned: int

    @classmethod
    def of(cls, plan: Plan, folds: int) -> Trial:
        """One network of the plan takes `LEFT / plan.folds` of the time for learning.

        >>> Trial.of(Plan(steps=100, batch=8, folds=5), 5), Trial.of(Plan(steps=100, batch=8), 1)
        (Trial(pairs=3, steps=100, planned=100), Trial(pairs=1, steps=64, planned=100))
        """
        pair = 2 * LEFT / plan.folds
        affordable = (1 - SHARE - LEFT) / pair
        pairs = max(1, min(int(affordable + 1e-9), folds, MOST_PAIRS))
        steps = round(min(1.0, affordable / pairs) * plan.steps)
        return cls(pairs, max(min(20, plan.steps), steps), plan.steps)

    @property
    def said(self) -> str:
        """How it was found out, for people."""
        pairs = "1 pair" if self.pairs == 1 else f"{self.pairs} pairs"
        early = "" if self.steps >= self.planned else f" of {self.planned:,} planned"
        return f"{pairs} of networks, {self.steps:,} steps{early} with answers each"


def _helps(before: list[Tensor], after: list[Tensor]) -> tuple[bool, str]:
    """Whether the body lowers the loss on validation rows for sure, and by how much, in words.

    Args:
        before, after: The losses on each pair's validation rows `(rows,)`, without the body and
            with it.
    """
    gains = [(one - other).double() for one, other in zip(before, after, strict=True)]
    gain = torch.cat(gains)
    mean = float(gain.mean())
    around = NORMAL_95 * float(gain.std()) / math.sqrt(len(gain))
    said = f"lower by {mean:.3g}, 95% interval [{mean - around:.3g}, {mean + around:.3g}]"
    agree = all(float(one.mean()) > 0 for one in gains)
    if mean > around and not agree:
        said += ", but not in every pair"
    return mean > around and agree, said


def pretrained(prepared: Prepared, plan: Plan) -> Body:
    """The weights of a network's body after `plan.unlabelled` steps without answers; the same ones
    for the same plan."""
    return _learned(prepared, plan, plan.unlabelled)


def begin_with(model: Model, body: Body) -> None:
    """Put the body into a fresh network; its head stays as it is."""
    own = model.state_dict()
    fitting = {name: value for name, value in body.items() if own[name].shape == value.shape}
    model.load_state_dict(own | fitting)


# --- learning without answers -------------------------------------------------------------------


def _learned(
    prepared: Prepared, plan: Plan, steps: int, until: Callable[[int], bool] | None = None
) -> Body:
    """The body; `until` may end learning earlier."""
    data = _without_answers(prepared)
    own = replace(
        plan,
        steps=steps,
        batch=max(8, min(BATCH, len(data.rows))),
        evaluate_every=steps,
        augment={},
        label_smoothing=0.0,
        average=0.0,
        seed=plan.seed * 101 + 97,
    )
    model = build_model(own, data)
    with threads(plan.threads):
        for step in train(Learner(model, own), data.dataset, data.task, data.rows, data.valid):
            if until is not None and until(step.number):
                break
    return {n: v for n, v in copy_state(model).items() if not n.startswith("head.")}


class _Alike(SameUnderChange):
    """As asked of rows of a table, whose networks may have several members."""

    def loss(self, output: Tensor, target: Tensor, smoothing: float = 0.0) -> Tensor:
        vectors = output.mean(1) if output.ndim == 3 else output  # of all members together
        return super().loss(vectors, target, smoothing)


def _without_answers(prepared: Prepared) -> RowIngredients:
    """The rows without an answer, encoded by encoders fitted on them."""
    rows = prepared.unlabelled
    before, prepared.fitted_on = prepared.fitted_on, rows
    data, columns = ingredients(prepared, rows[:0], rows[:0])
    prepared.fitted_on = before
    loaded = {column.name: prepared.loaded[column.name].take(rows) for column in columns}
    dataset = encode(columns, loaded, torch.zeros(len(rows)))
    changed = changes_for(dataset.entries, data.modalities)
    return replace(
        data,
        dataset=dataset,
        task=_Alike(OUTPUTS, changed),  # type: ignore[arg-type]  # an objective is all it needs
        rows=torch.arange(len(rows)),
        valid=torch.arange(0),
    )


def _affordable(prepared: Prepared, plan: Plan, seconds: float) -> int:
    """Steps that fit into the time, measured on a throw-away network."""
    times = [time.perf_counter()]

    def measured(number: int) -> bool:
        times.append(time.perf_counter())
        return number >= MEASURED

    _learned(prepared, plan, 1_000_000, measured)
    each = sorted(after - before for before, after in pairwise(times[2:]))
    per_step = each[len(each) // 2]
    most = MOST_PASSES * max(1, len(prepared.unlabelled) // BATCH)
    return max(FEWEST_STEPS, min(int(seconds / per_step), max(most, 200)))


def _losses(data: RowIngredients, plan: Plan, body: Body | None) -> Tensor:
    """The loss on each validation row `(valid,)` after the trial's steps."""
    model = build_model(plan, data)
    if body is not None:
        begin_with(model, body)
    learner = Learner(model, plan)
    for _ in train(learner, data.dataset, data.task, data.rows, data.valid):
        pass
    evaluation, _ = learner.choose(data.dataset, data.task, data.valid)
    assert evaluation is not None
    return data.task.loss(evaluation.output, data.dataset.target[data.valid])


def _without(plan: Plan, why: str) -> Plan:
    return replace(plan, why=plan.why | {"unlabelled": f"left out: {why}"})
