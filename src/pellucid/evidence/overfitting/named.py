"""Which rows were memorized: those that a network gets right only if it learned from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pellucid.evidence.overfitting.memory import Answered, Memory, distances, is_right
from pellucid.evidence.retrain import FEWEST_STEPS, parted, retrain, step_seconds
from pellucid.evidence.subject import Material
from pellucid.tasks import Task

HALF_SHARE = 0.25
"""Part of the time for the network that learns only half of the rows."""
SURE = 0.5
"""A row counts as memorized if having learned from it raised its true answer's probability by so
much: surely right with it, surely wrong without."""

Named = tuple[int, str, str, str, float]
"""Row, its label, what was said without and with having learned from it, and the gain."""


def name_memorized(
    material: Material, answered: Answered, memory: Memory
) -> tuple[list[Named], list[str]]:
    """Memorized rows with what was said of them without having seen them, and how it was found."""
    if memory.low < 0.5:
        return [], []
    both, here, there = np.intersect1d(answered.rows, answered.held, return_indices=True)
    if len(both) >= len(answered.rows) / 2:
        with_it, without = answered.values[here], answered.held_values[there]
        how = "Memorized rows are named where a network of the bag that had not learned from them"
    else:
        half = _half_network(material, answered)
        if half is None:
            why = "To name memorized rows, half of them must be learned again: give it more --time."
            return [], [why]
        both, with_it, without, steps = half
        how = (
            "Memorized rows are named where a network that learned only the other half of the rows"
            f" ({steps:,} steps)"
        )
    most = round(memory.high * len(both) / memory.learned)
    truth = material.truth[both]
    places, gains = memorized(truth, with_it, without, material.task, answered.tolerance, most)
    said = [_said(values, material.task) for values in (without, with_it)]
    known = _said_truth(truth, material.task)
    named = [
        (int(both[place]), known[place], said[0][place], said[1][place], float(gain))
        for place, gain in zip(places, gains, strict=True)
    ]
    how += " is wrong, the one that had is right, and the truth came much closer by it; no more"
    return named, [f"{how} of them than the estimate allows. Look at them: some may be mislabeled."]


def _half_network(
    material: Material, answered: Answered
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int] | None:
    """Rows, answers with and without having learned from them, and steps; None: no time."""
    plan, learn = material.plan, material.folds[0][0]
    affordable = int(HALF_SHARE * material.seconds / max(step_seconds(material.run), 1e-6))
    steps = min(plan.steps // 2, affordable)
    if steps < max(FEWEST_STEPS, plan.steps // 10):
        return None
    half = learn[parted(material, learn, 2) == 0]
    asked, places = np.setdiff1d(answered.rows, half), np.flatnonzero(~np.isin(answered.rows, half))
    data = material.ingredients(half, asked)
    network = retrain(replace(data, valid=data.valid[:0]), replace(plan, steps=steps))
    return asked, answered.values[places], network.values(data.valid), steps


def memorized(
    truth: np.ndarray,
    with_it: np.ndarray,
    without: np.ndarray,
    task: Task,
    tolerance: float,
    most: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Which rows are right only because they were learned from: the clearest first.

    Args:
        truth: `(rows, ...)`. with_it, without: answers of networks that had and had not learned
            from the row. most: no more than are there by the estimate.

    Returns:
        Places among the rows, and for each how much closer the truth came by having learned it.
    """
    before, after = distances(truth, without, task), distances(truth, with_it, task)
    gain = before - after
    flipped = is_right(truth, with_it, task, tolerance) & ~is_right(truth, without, task, tolerance)
    clear = gain >= (SURE if task.kind != "regress" else 2 * tolerance)
    places = np.flatnonzero(flipped & clear)
    places = places[np.argsort(-gain[places], kind="stable")][:most]
    return places, gain[places]


def _said(values: np.ndarray, task: Task) -> list[str]:
    shown = []
    for answer in task.answers(values):
        sure = (
            f" {answer['probability']:.0%}" if isinstance(answer.get("probability"), float) else ""
        )
        value = answer["answer"]
        shown.append((f"{value:.4g}" if isinstance(value, float) else str(value)) + sure)
    return shown


def _said_truth(truth: np.ndarray, task: Task) -> list[str]:
    classes = getattr(task, "classes", None)
    if classes is not None and truth.ndim == 1:
        return [str(classes[int(label)]) for label in truth]
    if task.kind == "regress":
        return [", ".join(f"{value:.4g}" for value in np.atleast_1d(row)) for row in truth]
    return [str(answer["answer"]) for answer in task.answers(truth.astype(np.float64))]
