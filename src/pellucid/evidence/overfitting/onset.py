"""When overfitting starts, read off the curves of the loss on learned and on unseen rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from pellucid.config import Plan
from pellucid.evidence.intervals import NORMAL_95
from pellucid.evidence.retrain import evenly, row_seconds
from pellucid.evidence.subject import Material
from pellucid.learning.learner import predict
from pellucid.learning.planner import RowIngredients
from pellucid.network.assemble import Model

FEWEST_LOOKS = 4
MOST_LOOKS = 24
FEWEST_ROWS = 50
COURSE_SHARE = 0.15
"""Part of the time in which the losses may be measured again."""
WORTH = 0.05
"""Part of its whole fall that the training loss must still fall after the moment."""


# --- the curves -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Course:
    """The losses on rows that it learns from and on validation rows, `(looks,)` each.

    train_noise, valid_noise: `(looks, looks)`: a difference between two looks up to here may be
    chance. alike: whether both losses were measured alike, on the weights that the run kept;
    otherwise they are those noted while learning.
    """

    steps: np.ndarray
    epochs: np.ndarray
    train: np.ndarray
    valid: np.ndarray
    train_noise: np.ndarray
    valid_noise: np.ndarray
    alike: bool


def course_of(material: Material, data: RowIngredients) -> Course | None:
    """The curves of the recorded network; None if there are too few looks.

    While learning, the training loss is measured with dropout, random changes and smoothed
    labels, the validation loss without. So where the run kept weights, both are measured again on
    these, alike, and on the same rows at each look, which makes differences sharper.
    """
    steps = material.run.steps
    steps = steps[steps["fold"] == 0]
    kept = [step for step in material.run.weight_steps if 0 < step <= len(steps)]
    if len(kept) >= FEWEST_LOOKS and len(data.valid) > 1:
        some = np.unique(np.linspace(0, len(kept) - 1, MOST_LOOKS).round().astype(int))
        return _measured_again(material, data, steps, [kept[place] for place in some])
    looks = np.flatnonzero(np.isfinite(steps["valid_loss"]))
    return _as_noted(material, data, steps, looks) if len(looks) >= FEWEST_LOOKS else None


def _measured_again(
    material: Material, data: RowIngredients, steps: np.ndarray, kept: list[int]
) -> Course:
    most = int(COURSE_SHARE * material.seconds / row_seconds(material) / len(kept) / 2)
    parts = [evenly(rows, max(FEWEST_ROWS, most)) for rows in (data.rows, data.valid)]
    model = Model(material.subject.network.blueprint)
    losses: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for step in kept:
        weights = material.run.weights(step)
        model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
        for found, rows in zip(losses, parts, strict=True):
            found.append(row_losses(model, data, rows, material.plan))
    train, valid = (np.stack(found) for found in losses)
    epochs = steps["epoch"][np.array(kept) - 1].astype(np.float64)
    return course(np.array(kept), epochs, train, valid)


def course(steps: np.ndarray, epochs: np.ndarray, train: np.ndarray, valid: np.ndarray) -> Course:
    """The course from the loss of every row at every look, `(looks, rows)`."""
    noise = [NORMAL_95 * _paired_errors(losses) for losses in (train, valid)]
    return Course(steps, epochs, train.mean(1), valid.mean(1), noise[0], noise[1], alike=True)


def _paired_errors(losses: np.ndarray) -> np.ndarray:
    """Standard error of the difference between any two looks, as the same rows were measured."""
    changes = losses[:, None] - losses[None]
    errors: np.ndarray = changes.std(2) / np.sqrt(losses.shape[1])
    return errors


def _as_noted(
    material: Material, data: RowIngredients, steps: np.ndarray, looks: np.ndarray
) -> Course:
    half = max(1, int(np.median(np.diff(looks, prepend=-1))) // 2)
    around = [steps["loss"][max(0, look - half) : look + half + 1] for look in looks]
    noise = np.array([part.std() / np.sqrt(len(part)) for part in around])
    own = row_losses(material.subject.network, data, data.valid, material.plan)
    error = float(own.std() / np.sqrt(len(own)))
    return Course(
        steps["step"][looks].astype(np.int64),
        steps["epoch"][looks].astype(np.float64),
        np.array([float(part.mean()) for part in around]),
        steps["valid_loss"][looks].astype(np.float64),
        NORMAL_95 * np.hypot(noise[:, None], noise),
        np.full((len(looks), len(looks)), error),
        alike=False,
    )


def row_losses(model: Model, data: RowIngredients, rows: Tensor, plan: Plan) -> np.ndarray:
    """`(rows,)`: the loss of each row as training counts it, labels smoothed, but dropout off."""
    output = predict(model, data.dataset, rows, plan.precision)
    losses = data.task.loss(output, data.dataset.target[rows], plan.label_smoothing)
    return losses.double().numpy()


# --- the moment -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Onset:
    """Whether and when overfitting started.

    kind: "worse": the validation loss rose again; "flat": it stopped improving while the training
    loss kept falling; "never". place: index of the look at which it started (-1: never). noise:
    what chance explains of the difference between the best validation loss and the last.
    """

    kind: Literal["worse", "flat", "never"]
    place: int
    step: int | None
    epoch: float | None
    best: float
    last: float
    noise: float


def find_onset(course: Course) -> Onset:
    """The first look after which the validation loss never improves beyond chance, although the
    training loss keeps falling by more than that."""
    looks, worth = len(course.steps), WORTH * (course.train[0] - course.train[-1])
    lowest = int(course.valid.argmin())
    best, last = float(course.valid[lowest]), float(course.valid[-1])
    noise = float(course.valid_noise[lowest, -1])
    if lowest == looks - 1:
        noise = float(np.median(course.valid_noise[:, -1]))
    for place in range(looks - 1):
        gains = course.valid[place] - course.valid[place + 1 :]
        improves = (gains > course.valid_noise[place, place + 1 :]).any()
        fall = course.train[place] - course.train[-1]
        # A fall too small to be told from noise on validation rows proves nothing.
        limit = max(course.train_noise[place, -1], course.valid_noise[place, -1], worth)
        if not improves and fall > limit:
            rise = last - best
            kind: Literal["worse", "flat"] = "worse" if rise > noise and lowest >= place else "flat"
            step, epoch = int(course.steps[place]), float(course.epochs[place])
            return Onset(kind, place, step, epoch, best, last, noise)
    return Onset("never", -1, None, None, best, last, noise)


def onset_sentence(onset: Onset, course: Course) -> str:
    if onset.kind == "never":
        return (
            "Overfitting never started: while the training loss fell from"
            f" {course.train[0]:.3g} to {course.train[-1]:.3g}, the validation loss fell with it"
            f" from {course.valid[0]:.3g} to {onset.last:.3g} ({onset.best:.3g} at best)."
        )
    first, last = course.train[onset.place], course.train[-1]
    start = (
        f"Overfitting started at step {onset.step:,} of {course.steps[-1]:,}"
        f" (after {onset.epoch:.3g} passes over the rows): the training loss kept falling from"
        f" there ({first:.3g} to {last:.3g}), but the validation loss"
    )
    if onset.kind == "worse":
        return (
            f"{start} got worse ({onset.best:.3g} at best, {onset.last:.3g} at the end; chance"
            f" explains {onset.noise:.2g})."
        )
    return (
        f"{start} stopped improving beyond chance ({onset.best:.3g} at best, {onset.last:.3g} at"
        f" the end, give or take {onset.noise:.2g}), so this did no measurable harm."
    )
