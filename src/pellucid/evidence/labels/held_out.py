"""Answers for every row that was learned from, by models that had not learned from it.

A run that trained all its folds has them already. Otherwise folds are made anew: a classical
method is fitted on each, and where the run's network was clearly better on its validation rows
and the time allows, networks of the same plan learn on them for a shorter time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np
import torch

from pellucid.data.split import clusters_of
from pellucid.evidence.subject import Material
from pellucid.evidence.trust.calibrate import fit_temperature, soften
from pellucid.learning.evaluate import higher_is_better, metrics, score
from pellucid.learning.learner import Learner, predict
from pellucid.learning.loop import train
from pellucid.learning.planner import build

FOLDS, FEWEST_FOLDS = 5, 3
MOST_ROWS = 20_000
"""Of more rows a sample is asked about."""
FEWEST_STEPS, SMALLEST_SHARE = 20, 0.2
"""A network that learns for less than this is not worth asking."""
SLOWER = 1.3
"""A fold's learning takes longer than its steps alone did in the run: encoding, answering."""

Fold = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class HeldOut:
    """Answers out of fold.

    rows: int64 `(n,)` of the source, rising. values: `(n, classes | tags | targets)`. how: who
    answered, in words.
    """

    rows: np.ndarray
    values: np.ndarray
    how: str


def held_out(material: Material) -> HeldOut:
    """Answers for the rows outside the test (at most `MOST_ROWS`, where the run itself has not
    answered all), within about `material.seconds`."""
    started = time.perf_counter()
    learn = np.sort(np.concatenate([material.train, material.valid]))
    if np.array_equal(np.sort(material.held), learn):
        order = np.argsort(material.held, kind="stable")
        how = f"{len(material.folds)} networks of the run, each asked about rows it never saw"
        return HeldOut(learn, material.held_values[order], how)
    if len(learn) > MOST_ROWS:
        drawn = np.random.default_rng([material.seed, 5]).choice(learn, MOST_ROWS, replace=False)
        learn = np.sort(drawn)
    cheap = _by_folds(material, learn, FOLDS, _cheap_answers(material), "a classical method")
    left = material.seconds - (time.perf_counter() - started)
    steps = _affordable_steps(material, left)
    if steps and _network_leads(material, cheap):
        answers = _network_answers(material, steps)
        cut = steps < material.plan.steps
        shown = f"networks of {steps:,}{f' of {material.plan.steps:,}' if cut else ''} steps"
        network = _by_folds(material, learn, FEWEST_FOLDS, answers, shown)
        return min((cheap, network, _mean(cheap, network)), key=lambda one: _loss(material, one))
    return cheap


def together(material: Material, rows: np.ndarray) -> np.ndarray:
    """int64 `(rows,)`: equal for rows that must stay on one side: a group, near-duplicates."""
    keys = [
        [None if label < 0 else int(label) for label in labels[rows]]
        for labels in (material.groups, material.clusters)
        if labels is not None
    ]
    return clusters_of(len(rows), *keys)


def folds_of(
    rows: np.ndarray, together: np.ndarray, labels: np.ndarray, count: int, seed: int
) -> list[Fold]:
    """(rows to learn from, rows to ask about), every row asked once; rows that belong together
    stay so, and labels are dealt out evenly."""
    generator = np.random.default_rng([seed, 7])
    names, first, member = np.unique(together, return_index=True, return_inverse=True)
    mixed = generator.permutation(len(names))
    dealt = mixed[np.argsort(labels[first][mixed], kind="stable")]
    fold_of_name = np.empty(len(names), dtype=np.int64)
    fold_of_name[dealt] = np.arange(len(names)) % count
    fold = fold_of_name[member]
    parts = [(rows[fold != number], rows[fold == number]) for number in range(count)]
    return [(learn, ask) for learn, ask in parts if len(learn) and len(ask)]


Answer = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(rows to learn from, rows to ask about) -> answers for the latter."""


def _by_folds(
    material: Material, rows: np.ndarray, count: int, answer: Answer, who: str
) -> HeldOut:
    labels = material.task.labels(material.target[torch.from_numpy(rows)])
    folds = folds_of(rows, together(material, rows), labels, count, material.seed)
    values: np.ndarray | None = None
    for number, (learn, ask) in enumerate(folds):
        said = answer(learn, ask)
        values = np.zeros((len(rows), said.shape[1])) if values is None else values
        values[np.searchsorted(rows, ask)] = said
        material.progress(number + 1, len(folds))
    if values is None:
        raise ValueError("there are no rows to make folds of")
    kind = material.task.kind
    if kind != "regress":
        values = soften(kind, values, fit_temperature(kind, material.truth[rows], values))
    return HeldOut(rows, values, f"{who} on {len(folds)} folds, asked about the rows left out")


def _cheap_answers(material: Material) -> Answer:
    def answer(learn: np.ndarray, ask: np.ndarray) -> np.ndarray:
        return material.fit_cheap(learn).predict(material.take(ask))

    return answer


def _network_answers(material: Material, steps: int) -> Answer:
    """Networks of the run's plan, with fewer steps."""
    plan = replace(material.plan, steps=steps, evaluate_every=steps, folds=1, shortened={})

    def answer(learn: np.ndarray, ask: np.ndarray) -> np.ndarray:
        data = material.ingredients(learn, ask)
        learner = Learner(build(plan, data), plan)
        # Without rows to choose by: what is asked about must not choose the weights.
        for _ in train(learner, data.dataset, data.task, data.rows, data.valid[:0]):
            pass
        averaged = learner.average.swapped() if learner.average else nullcontext()
        with averaged:
            output = predict(learner.model, data.dataset, data.valid, plan.precision)
        return data.task.prediction(output)

    return answer


def _affordable_steps(material: Material, seconds: float) -> int:
    """Steps that each of a few networks can make in so many seconds; 0 if too few to learn."""
    steps = material.run.steps
    steps = steps[steps["fold"] == 0]
    if not len(steps):
        return 0
    each = float(steps["seconds"][-1]) / len(steps)
    affordable = int(seconds / (FEWEST_FOLDS * SLOWER * max(each, 1e-6)))
    enough = max(FEWEST_STEPS, SMALLEST_SHARE * material.plan.steps)
    return min(affordable, material.plan.steps) if affordable >= enough else 0


def _network_leads(material: Material, cheap: HeldOut) -> bool:
    """Whether the run's network was better on the rows that both were asked about."""
    known = np.isin(material.held, cheap.rows)
    if not known.any():
        return False
    task, rows = material.task, material.held[known]
    truth = material.truth[rows]
    own = score(task.kind, task.metric, truth, material.held_values[known])
    others = cheap.values[np.searchsorted(cheap.rows, rows)]
    other = score(task.kind, task.metric, truth, others)
    return own > other if higher_is_better(task.metric) else own < other


def _mean(one: HeldOut, other: HeldOut) -> HeldOut:
    how = f"the mean of {one.how}, and {other.how}"
    return HeldOut(one.rows, (one.values + other.values) / 2, how)


def _loss(material: Material, one: HeldOut) -> float:
    """Smaller is better, by the given labels; no test row is among them."""
    found = metrics(material.task.kind, material.truth[one.rows], one.values)
    if "log loss" in found:
        return found["log loss"]
    metric = material.task.metric
    return -found[metric] if higher_is_better(metric) else found[metric]
