"""Deep learning or a classical method, asked again: five times two halves of the same rows.

The verdict rests on one set of test rows. Here both learn from one half and answer the other, ten
times over (5 x 2 cross-validation); Alpaydin's F test (Neural Computation 11, 1999) then says
whether the difference is more than the luck of the draw. Test rows are not touched.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from pellucid.config import Plan
from pellucid.evidence.finding import Chart, Finding, Line, unknown
from pellucid.evidence.retrain import FEWEST_STEPS, figure, retrain, step_seconds
from pellucid.evidence.subject import Material, part
from pellucid.evidence.worth.verdict import amount
from pellucid.learning.evaluate import higher_is_better, score

TITLE = "Deep learning or something simpler, for data like this?"
REPEATS = 5
FEWEST_ROWS = 60
SURE = 0.05
CHOOSE_BY = 0.15
"""Part of a half on which the network's weights are chosen."""
MOST_ROWS = 20_000
FEW_ROWS, MANY_ROWS = 2_000, 20_000


@dataclass(frozen=True)
class Compared:
    """Ten comparisons. network, classical: `(5, 2)` scores; better: `(5, 2)` how much better the
    network was. p: of the F test that both are equally good."""

    network: np.ndarray
    classical: np.ndarray
    better: np.ndarray
    p: float

    @property
    def winner(self) -> str:
        """ "network", "classical", or "neither" if chance explains the difference."""
        if not self.p < SURE:
            return "neither"
        return "network" if self.better.mean() > 0 else "classical"


def f_test(better: np.ndarray) -> float:
    """p of "both are equally good" from `(5, 2)` differences: Alpaydin's combined 5 x 2 cv F test.

    Of differences that are all zero p is 1; of equal ones that are not zero it is 0.
    """
    from scipy.special import fdtrc

    spread = ((better - better.mean(1, keepdims=True)) ** 2).sum()
    total = (better**2).sum()
    if spread == 0:
        return 1.0 if total == 0 else 0.0
    return float(fdtrc(2 * len(better), len(better), total / (2 * spread)))


def halves(
    labels: np.ndarray, together: np.ndarray | None, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Places `(n,)` in two halves: each label evenly, rows of one cluster on one side."""
    order = generator.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    side = np.zeros(len(labels), dtype=bool)
    side[order[int(generator.integers(2)) :: 2]] = True
    if together is not None:
        _, cluster = np.unique(together, return_inverse=True)
        first = np.full(cluster.max() + 1, -1)
        first[cluster[::-1]] = np.arange(len(labels))[::-1]
        side = side[first[cluster]]
    return np.flatnonzero(side), np.flatnonzero(~side)


def compare(material: Material, plan: Plan, rows: np.ndarray) -> Compared:
    """Both learn from each half and answer the other, `REPEATS` times."""
    task = material.task
    labels = task.labels(material.target[rows])
    together = _together(material, rows)
    rival = material.fit_rival or material.fit_cheap
    sign = 1 if higher_is_better(task.metric) else -1
    network, classical = np.zeros((REPEATS, 2)), np.zeros((REPEATS, 2))
    for repeat in range(REPEATS):
        generator = np.random.default_rng([material.seed, repeat])
        sides = [rows[side] for side in halves(labels, together, generator)]
        for turn, (learn, check) in enumerate([(sides[0], sides[1]), (sides[1], sides[0])]):
            truth = material.truth[check]
            own = replace(plan, seed=plan.seed + 2 * repeat + turn)
            network[repeat, turn] = score(
                task.kind, task.metric, truth, _network_answers(material, own, learn, check)
            )
            other = rival(learn).predict(material.take(check))
            classical[repeat, turn] = score(task.kind, task.metric, truth, other)
            material.progress(2 * repeat + turn + 1, 2 * REPEATS)
    better = sign * (network - classical)
    return Compared(network, classical, better, f_test(better))


def _together(material: Material, rows: np.ndarray) -> np.ndarray | None:
    """Which rows must stay on one side."""
    if material.groups is not None:
        return material.groups[rows]
    return None if material.clusters is None else material.clusters[rows]


def _network_answers(
    material: Material, plan: Plan, learn: np.ndarray, check: np.ndarray
) -> np.ndarray:
    """Its answers to `check`; the weights are chosen on a part of `learn`."""
    mixed = np.random.default_rng(plan.seed).permutation(learn)
    held = mixed[: max(2, int(CHOOSE_BY * len(mixed)))]
    own = np.setdiff1d(learn, held)
    data = material.ingredients(own, np.concatenate([held, check]))
    answered = data.valid[len(held) :]
    return retrain(replace(data, valid=data.valid[: len(held)]), plan).values(answered)


def affordable(material: Material, rows: int) -> Plan | None:
    """The run's plan for half of the rows in the time there is; None if that is too little."""
    plan = material.plan
    share = 0.85 * rows / 2 / max(1, len(material.folds[0][0]))
    wanted = max(FEWEST_STEPS, int(plan.steps * min(1.0, share)))
    most = int(0.7 * material.seconds / (2 * REPEATS) / max(1e-6, step_seconds(material.run)))
    if most < min(wanted, max(FEWEST_STEPS, wanted // 4)):
        return None
    batch = min(plan.batch, max(2, rows // 4))
    return replace(plan, steps=min(wanted, most), batch=batch)


@part("choice")
def study(material: Material) -> Finding:
    """Whether the network or the run's best classical method is better on data like this."""
    rows = np.sort(np.concatenate([material.train, material.valid]))
    if len(rows) > MOST_ROWS:
        rows = np.sort(np.random.default_rng(0).choice(rows, MOST_ROWS, replace=False))
    if len(rows) < FEWEST_ROWS:
        return unknown(
            "choice",
            TITLE,
            f"{len(rows)} rows are too few to be halved ten times; from {FEWEST_ROWS} on there is"
            " an answer.",
        )
    plan = affordable(material, len(rows))
    if plan is None:
        return unknown(
            "choice",
            TITLE,
            "Ten short trainings don't fit into the time given: ask again with more, such as"
            " --time 5m.",
        )
    started = time.perf_counter()
    found = compare(material, plan, rows)
    name = (material.fit_rival or material.fit_cheap)(rows).name
    return _finding(material, found, name, plan, len(rows), time.perf_counter() - started)


def _finding(
    material: Material, found: Compared, name: str, plan: Plan, rows: int, seconds: float
) -> Finding:
    metric = material.task.metric
    gap = amount(abs(float(found.better.mean())), metric)
    ours, theirs = figure(found.network.mean(), metric), figure(found.classical.mean(), metric)
    scores = f"{metric} {ours} against {theirs}"
    several = "are" if name.endswith("trees") else "is"
    sentence = {
        "network": f"A network: on halves of these rows it beats {name} by {gap} ({scores}).",
        "classical": f"Something simpler: on halves of these rows {name} {several} better than the"
        f" network by {gap} ({scores}).",
        "neither": f"Either, so take the simpler one: on halves of these rows {name} and the"
        f" network differ by {gap}, which may be chance ({scores}).",
    }[found.winner]
    notes = (
        f"Ten comparisons on {rows:,} rows that are not test rows, each learning from one half;"
        f" F test: p = {found.p:.2g}. With all rows both would do better.",
        f"One network of {plan.steps:,} steps each time, not a bag of several.",
        usual(material),
    )
    turns = tuple(float(turn + 1) for turn in range(2 * REPEATS))
    lines = (
        Line("network", turns, tuple(map(float, found.network.ravel()))),
        Line(name, turns, tuple(map(float, found.classical.ravel()))),
    )
    return Finding(
        "choice",
        TITLE,
        sentence,
        notes,
        figures={
            "winner": found.winner,
            "p": found.p,
            "difference": float(found.better.mean()),
            "network": found.network,
            "classical": found.classical,
            "method": name,
            "rows": rows,
            "steps": plan.steps,
            "seconds": seconds,
        },
        charts=(Chart("Ten halves", "comparison", metric, lines, "points"),),
    )


def usual(material: Material) -> str:
    """What is usual for data of this kind and size, and why."""
    kinds = {column.modality for column in material.subject.columns}
    rows = len(material.train) + len(material.valid)
    deep = sorted(kinds & {"image", "audio", "text", "series"})
    if not deep:
        size = "few" if rows < FEW_ROWS else "many" if rows > MANY_ROWS else "some thousand"
        return (
            f"Usual for tables of plain columns with {size} rows ({rows:,}): boosted trees and"
            " linear models are as good as networks or better, since there is no structure"
            " between columns that layers could discover (Grinsztajn et al. 2022)."
        )
    named = " and ".join(deep)
    if rows < FEW_ROWS:
        return (
            f"Usual for {named} with few examples ({rows:,}): hand-made features with a linear"
            " model are hard to beat unless a network starts from pretrained weights."
        )
    return (
        f"Usual for {named} with {rows:,} examples: layers that discover features by themselves"
        " win, the more so the more examples there are."
    )
