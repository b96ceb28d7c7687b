"""Overfitting as a story: when it starts, what was memorized, what memorizing looks like.

A network that goes on learning its own rows after it stopped getting better on others learns them
by heart. The moment is read off the recorded curves; how much was memorized is the difference
between rows that it learned from and rows that it never saw; and a twin that learns shuffled
labels, where nothing but memorizing is possible, shows what that looks like.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from pellucid.config import Plan
from pellucid.data.dataset import Dataset
from pellucid.evidence.finding import Chart, Finding, Line, Table, unknown
from pellucid.evidence.intervals import NORMAL_95
from pellucid.evidence.retrain import (
    FEWEST_STEPS,
    Retrained,
    evenly,
    figure,
    parted,
    retrain,
    row_seconds,
    step_seconds,
)
from pellucid.evidence.subject import Material, part
from pellucid.learning.evaluate import answers, score, two_dimensional
from pellucid.learning.learner import predict
from pellucid.learning.planner import Ingredients
from pellucid.network.assemble import Model
from pellucid.tasks import Task

TITLE = "Did it learn by heart?"
FEWEST_LOOKS = 4
TWIN_PASSES = 40
"""Passes after which shuffled labels are usually known by heart."""
TWIN_ROWS = (60, 1_000)
TWIN_SHARE, HALF_SHARE, COURSE_SHARE, OWN_SHARE = 0.35, 0.25, 0.15, 0.1
"""Parts of the time: for the twins, for the network that names memorized rows, for the curves,
and for the answers to rows that were learned from."""
MOST_LOOKS = 24
FEWEST_ROWS = 50
MOST_ROWS = 4_000
"""Rows that are answered to compare learned with unseen ones."""
SURE = 0.5
"""A row counts as memorized if having learned from it raised its true answer's probability by so
much: surely right with it, surely wrong without."""
WORTH = 0.05
"""Part of its whole fall that the training loss must still fall after the moment."""
POINTS = 60


@part("overfitting")
def study(material: Material) -> Finding:
    """The moment, the memorized rows, the twin, and what was done about it."""
    data = material.ingredients(*material.folds[0])
    course = course_of(material, data) if len(material.folds[0][1]) else None
    if course is None:
        return unknown(
            "overfitting",
            TITLE,
            "The validation rows were hardly looked at while it learned; to see when it stopped"
            f" getting better takes at least {FEWEST_LOOKS} looks: let it learn longer, or give"
            " more examples.",
        )
    answered = answer_own(material, data)
    onset = find_onset(course)
    memory = memory_of(answered)
    named, how = name_memorized(material, answered, memory)
    twins = train_twins(material)
    measures = measures_of(material)
    return Finding(
        "overfitting",
        TITLE,
        " ".join([_onset_sentence(onset, course), _memory_sentence(memory, onset)]),
        notes=(*_notes(course, onset, twins, material), *how),
        figures={
            "onset": vars(onset),
            "curves": {
                name: getattr(course, name).tolist()
                for name in ("steps", "epochs", "train", "valid")
            },
            "memory": vars(memory),
            "memorized_rows": [row for row, *_ in named],
            "twins": twins.figures() if twins else None,
            "measures": [list(row) for row in measures],
        },
        tables=tuple(_tables(material, named, twins, measures)),
        charts=tuple(_charts(course, onset, twins)),
    )


# --- when it starts ---------------------------------------------------------------------------


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


def course_of(material: Material, data: Ingredients) -> Course | None:
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
    material: Material, data: Ingredients, steps: np.ndarray, kept: list[int]
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
    material: Material, data: Ingredients, steps: np.ndarray, looks: np.ndarray
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


def row_losses(model: Model, data: Ingredients, rows: Tensor, plan: Plan) -> np.ndarray:
    """`(rows,)`: the loss of each row as training counts it, labels smoothed, but dropout off."""
    output = predict(model, data.dataset, rows, plan.precision)
    losses = data.task.loss(output, data.dataset.target[rows], plan.label_smoothing)
    return losses.double().numpy()


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


def _onset_sentence(onset: Onset, course: Course) -> str:
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


# --- what was memorized -----------------------------------------------------------------------


@dataclass(frozen=True)
class Answered:
    """What the first network says of rows that it learned from, beside answers to unseen rows.

    rows, values: of (a sample of) the rows it learned from. learned: how many these were.
    held, held_values: rows that were answered by networks that had not learned from them.
    truth: of all rows. tolerance: for numbers: an error up to here counts as right.
    """

    task: Task
    rows: np.ndarray
    values: np.ndarray
    learned: int
    held: np.ndarray
    held_values: np.ndarray
    truth: np.ndarray
    tolerance: float


def answer_own(material: Material, data: Ingredients) -> Answered:
    """Ask the first network (a sample of) the rows that it learned from."""
    learn = material.folds[0][0]
    most = int(OWN_SHARE * material.seconds / row_seconds(material))
    some = evenly(data.rows, max(FEWEST_ROWS, min(MOST_ROWS, most)))
    own = predict(material.subject.network, data.dataset, some, material.plan.precision)
    errors = distances(material.truth[material.held], material.held_values, material.task)
    return Answered(
        material.task,
        learn[some.numpy()],
        material.task.prediction(own),
        len(learn),
        material.held,
        material.held_values,
        material.truth,
        float(np.median(errors)) if len(errors) else 0.0,
    )


def distances(truth: np.ndarray, values: np.ndarray, task: Task) -> np.ndarray:
    """`(rows,)`: how far off each answer is: an error in units of the target's spread, or the
    probability that was not given to the truth (for tags: to the worst of them)."""
    if task.kind == "regress":
        spread = np.asarray(task.spread)  # type: ignore[attr-defined]
        return (np.abs(two_dimensional(truth) - two_dimensional(values)) / spread).mean(1)
    if task.kind == "tags":
        return np.where(truth > 0, 1 - values, values).max(1)
    return 1 - values[np.arange(len(values)), truth.astype(np.int64)]


def is_right(
    truth: np.ndarray, values: np.ndarray, task: Task, tolerance: float = 0.0
) -> np.ndarray:
    """bool `(rows,)`: whether each answer is right; for numbers: within the tolerance."""
    if task.kind == "regress":
        return distances(truth, values, task) <= tolerance
    right = answers(task.kind, values) == truth
    return right.all(1) if right.ndim == 2 else right


@dataclass(frozen=True)
class Memory:
    """How many right answers rest on having seen the very row.

    right_learned, right_unseen: shares of right answers, among so many rows. estimate, low, high:
    how many of all `learned` rows are right only because they were learned from, with a 95 %
    interval. tolerance: for numbers: how close counts as right, in units of the target's spread.
    """

    right_learned: float
    right_unseen: float
    rows_learned: int
    rows_unseen: int
    learned: int
    estimate: float
    low: float
    high: float
    tolerance: float | None


def memory_of(answered: Answered) -> Memory:
    """The difference between learned and unseen rows, times the rows.

    Where every row was answered by a network that had not seen it (a bag), the same rows are
    compared, which is sharper.
    """
    task, tolerance = answered.task, answered.tolerance
    own = is_right(answered.truth[answered.rows], answered.values, task, tolerance)
    held = is_right(answered.truth[answered.held], answered.held_values, task, tolerance)
    both, here, there = np.intersect1d(answered.rows, answered.held, return_indices=True)
    if len(both) >= len(answered.rows) / 2:
        gains = own[here].astype(float) - held[there]
        share, error = gains.mean(), gains.std() / np.sqrt(len(gains))
        rights, unseen = (own[here].mean(), held[there].mean()), len(both)
        rows = len(both)
    else:
        rights, unseen, rows = (own.mean(), held.mean()), len(held), len(own)
        share = rights[0] - rights[1]
        error = np.sqrt(own.var() / len(own) + held.var() / len(held))
    limits = (share - NORMAL_95 * error, share + NORMAL_95 * error)
    low, high = (float(np.clip(limit, 0, 1)) * answered.learned for limit in limits)
    return Memory(
        float(rights[0]),
        float(rights[1]),
        rows,
        unseen,
        answered.learned,
        max(0.0, float(share)) * answered.learned,
        low,
        high,
        tolerance if task.kind == "regress" else None,
    )


def _memory_sentence(memory: Memory, onset: Onset) -> str:
    verb = (
        "is right"
        if memory.tolerance is None
        else "comes close (within the usual error on unseen rows)"
    )
    start = (
        f"It {verb} on {memory.right_learned:.1%} of the rows that it learned from and on"
        f" {memory.right_unseen:.1%} of rows that it had never seen"
    )
    if memory.low < 0.5:
        return f"{start}: too small a difference to say that any row was memorized."
    return (
        f"{start}: about {memory.estimate:,.0f} [{memory.low:,.0f}, {memory.high:,.0f}] of its"
        f" {memory.learned:,} rows are answered from memory only"
        + (", but that did not make it worse on others." if onset.kind == "never" else ".")
    )


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


Named = tuple[int, str, str, str, float]


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


# --- what memorizing looks like ---------------------------------------------------------------


@dataclass(frozen=True)
class Twins:
    """Two networks of the same plan on the same rows: with their labels, and with them shuffled.

    rows, steps, passes: what both learned. own, held: the task's metric on these rows and on
    unseen ones, each (real, shuffled).
    """

    metric: str
    rows: int
    steps: int
    passes: float
    losses: tuple[np.ndarray, np.ndarray]
    own: tuple[float, float]
    held: tuple[float, float]

    def figures(self) -> dict[str, Any]:
        rest = {name: value for name, value in vars(self).items() if name != "losses"}
        return rest | {"losses": [thin(losses, self.steps)[1] for losses in self.losses]}


def train_twins(material: Material) -> Twins | None:
    """Train both, on a subsample and within a part of the time; None if that is too short."""
    plan, (learn, check) = material.plan, material.folds[0]
    affordable = int(TWIN_SHARE * material.seconds / 2 / max(step_seconds(material.run), 1e-6))
    steps = min(plan.steps, affordable)
    if steps < FEWEST_STEPS:
        return None
    count = int(np.clip(steps * plan.batch // TWIN_PASSES, *TWIN_ROWS))
    generator = np.random.default_rng(material.seed)
    rows = np.sort(generator.permutation(learn)[:count])
    return twins_of(
        material.ingredients(rows, check[:MOST_ROWS]), replace(plan, steps=steps), material.seed
    )


def twins_of(data: Ingredients, plan: Plan, seed: int) -> Twins:
    """Train a network on `data.rows`, and its twin on the same rows with their labels shuffled."""
    real = retrain(data, plan)
    shuffled = retrain(shuffle_labels(data, seed), plan)
    batch = min(plan.batch, len(data.rows))
    return Twins(
        data.task.metric,
        len(data.rows),
        plan.steps,
        plan.steps * batch / len(data.rows),
        (real.losses, shuffled.losses),
        (_metric(real, own=True), _metric(shuffled, own=True)),
        (_metric(real, own=False), _metric(shuffled, own=False)),
    )


def shuffle_labels(data: Ingredients, seed: int) -> Ingredients:
    """The same rows, each with the answer of another; unseen rows keep theirs."""
    order = torch.randperm(len(data.rows), generator=torch.Generator().manual_seed(seed))
    target = data.dataset.target.clone()
    target[data.rows] = target[data.rows[order]]
    dataset = Dataset(data.dataset.entries, data.dataset.inputs, target)
    return replace(data, dataset=dataset)


def _metric(network: Retrained, *, own: bool) -> float:
    rows = network.data.rows if own else network.data.valid
    if not len(rows):
        return float("nan")
    task = network.data.task
    truth = task.truth(network.data.dataset.target[rows])
    return score(task.kind, task.metric, truth, network.values(rows))


def thin(losses: np.ndarray, steps: int) -> tuple[list[float], list[float]]:
    """A curve of many steps as at most `POINTS` means: (last step of each part, mean)."""
    parts = np.array_split(losses, min(POINTS, len(losses)))
    ends = np.cumsum([len(part) for part in parts])
    return ends.astype(float).tolist(), [float(part.mean()) for part in parts]


# --- what was done about it -------------------------------------------------------------------


def measures_of(material: Material) -> list[tuple[str, str, str]]:
    """(measure, what was used, why) for everything in the plan that keeps a network from
    memorizing; also what was not used."""
    plan, run = material.plan, material.run
    kept = [str(event["message"]) for event in run.events if event["kind"] == "chosen"]
    chosen = kept[-1].removeprefix("kept ") if kept else "the last weights"
    which, _, reason = chosen.partition(": ")
    changes = sorted({change for names in plan.augment.values() for change in names})
    dropout = sorted({size.dropout for size in plan.sizes.values()})
    return [
        (
            "choice of weights",
            which,
            reason or "no others were clearly better on validation rows",
        ),
        (
            "averaging",
            f"over the last {plan.average:.0%} of the steps" if plan.average else "none",
            "a mean of noisy weights is steadier",
        ),
        (
            "bagging",
            f"{plan.folds} networks" if plan.folds > 1 else "none",
            plan.why.get("folds", ""),
        ),
        (
            "random changes",
            ", ".join(changes) or "none",
            plan.why.get("augment", "not tried: none for this data, or too few passes"),
        ),
        (
            "label smoothing",
            f"{plan.label_smoothing:g}" if plan.label_smoothing else "none",
            "it is not asked to be surer than it can be",
        ),
        (
            "dropout",
            ", ".join(f"{share:.0%}" for share in dropout if share) or "none",
            "no value may be relied on alone",
        ),
        (
            "weight decay",
            f"{plan.weight_decay:g}" if plan.weight_decay else "none",
            "weights that nothing needs shrink",
        ),
    ]


# --- how it is shown --------------------------------------------------------------------------


def _notes(course: Course, onset: Onset, twins: Twins | None, material: Material) -> list[str]:
    notes = []
    if not course.alike:
        notes.append(
            "The run kept no weights: the training loss is the noted one, with dropout and"
            " smoothed labels, the validation loss without, so their levels can't be compared."
        )
    if not course.alike and material.plan.label_smoothing:
        notes.append(
            "As labels were smoothed, a validation loss that rises may only mean that the network"
            " became less sure, not that it is wrong more often."
        )
    if material.plan.folds > 1:
        notes.append(
            f"The curves are those of the first of {material.plan.folds} networks; each was checked"
            " by other rows."
        )
    if onset.kind == "worse":
        notes.append("What later steps spoiled need not be in the model: see 'choice of weights'.")
    if twins is None:
        notes.append("No twin was trained: it needs more --time.")
        return notes
    own, held = (
        [figure(value, twins.metric) for value in pair] for pair in (twins.own, twins.held)
    )
    notes.append(
        f"The twin learned the same {twins.rows:,} rows with their answers shuffled, where nothing"
        f" can be understood: after {twins.passes:.3g} passes {twins.metric} is {own[1]} on its own"
        f" rows and {held[1]} on others; with the real answers {own[0]} and {held[0]}."
    )
    if twins.steps < material.plan.steps:
        notes.append(
            f"For lack of time the twins made {twins.steps:,} of {material.plan.steps:,} steps."
        )
    return notes


def _tables(
    material: Material,
    named: list[Named],
    twins: Twins | None,
    measures: list[tuple[str, str, str]],
) -> list[Table]:
    tables = []
    if named:
        tables.append(
            Table(
                "Rows that were memorized",
                ("example", "label", "said without it", "said with it"),
                tuple((material.places[row], *said) for row, *said, _ in named),
                tuple(row for row, *_ in named),
            )
        )
    if twins is not None:
        tables.append(
            Table(
                f"The twin: {twins.metric} after the same {twins.steps:,} steps",
                ("learned from", "its own rows", "unseen rows", "final loss"),
                tuple(
                    (name, twins.own[place], twins.held[place], thin(losses, twins.steps)[1][-1])
                    for place, (name, losses) in enumerate(
                        zip(("real answers", "shuffled answers"), twins.losses, strict=True)
                    )
                ),
            )
        )
    tables.append(Table("What was done about it", ("measure", "used", "why"), tuple(measures)))
    return tables


def _charts(course: Course, onset: Onset, twins: Twins | None) -> list[Chart]:
    steps = tuple(course.steps.astype(float).tolist())
    marks = ((float(onset.step), "overfitting starts"),) if onset.step is not None else ()
    charts = [
        Chart(
            "Loss on rows it learns from and on rows it does not",
            "step",
            "loss",
            (
                Line("training", steps, tuple(course.train.tolist())),
                Line("validation", steps, tuple(course.valid.tolist())),
            ),
            marks=marks,
        )
    ]
    if twins is not None:
        lines = []
        for name, losses in zip(("real answers", "shuffled answers"), twins.losses, strict=True):
            x, y = thin(losses, twins.steps)
            lines.append(Line(name, tuple(x), tuple(y)))
        charts.append(
            Chart(f"Learning {twins.rows:,} rows: training loss", "step", "loss", tuple(lines))
        )
    return charts
