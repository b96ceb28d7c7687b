"""The receipt of one training step: every number from the input to the new weights, checked.

The step itself is the loop's own: `learning/loop.py` is asked for one step of a copy. Beside it the
same batch goes through another copy that is watched, so that the values between the layers and the
blame that travels back can be shown; through a copy in 64-bit floats, whose weights are turned up
and down by a hair to see whether the loss follows the gradient; and through the arithmetic of
`arithmetic.py`, by hand. A receipt carries the largest gap of each comparison.
"""

from __future__ import annotations

import copy
import math
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.data.dataset import Batch, Dataset
from pellucid.errors import ConfigError, did_you_mean
from pellucid.evidence.arithmetic import (
    Index,
    Line,
    Output,
    Passage,
    loss_by_hand,
    loudest,
    movement,
    output_by_hand,
    overhear,
    said,
    shares,
    update_lines,
    updated,
    wanted_share,
)
from pellucid.evidence.finding import plain
from pellucid.learning.augment import Augment
from pellucid.learning.learner import Learner, precision
from pellucid.learning.loop import Step, seed_step, train
from pellucid.learning.optimizer import Group
from pellucid.network.tap import watch
from pellucid.tasks import Task

SCHEMA = 1
TURNS = (1e-5, 1e-6, 1e-7)
"""How far a weight is turned up and down, in 64-bit floats. The first is the most exact (to about
1e-10), but a ReLU or a maximum that switches on the way bends the loss; nearer there are fewer."""
MOST_UNITS = 8
"""Units, weights or examples that are listed, the most telling ones."""
MOST_ANSWERS = 10
"""Outputs of the followed example that are listed."""
FIRST_VALUES = 6

TOLERANCES = {
    # 16-bit floats keep 8 bits of a number: where errors nearly cancel, as late in learning, most
    # of a gradient may be rounding (32 % measured), and learning goes on all the same.
    "bf16": {"loss": 0.03, "gradient": 0.6, "sum": 0.05},
    "fp32": {"loss": 1e-4, "gradient": 5e-3, "sum": 1e-3},
}
TURNED_TOLERANCE, TURNED_WELL = 1e-3, 1e-5
"""Of a gradient against turned weights, both in 64-bit floats; at the second no smaller turn is
tried."""
UPDATE_TOLERANCE = {"adamw": 1e-6, "muon": 1e-3}
"""Of new weights, as a share of the parameter's largest weight."""


# --- what a receipt says ----------------------------------------------------------------------


@dataclass(frozen=True)
class Memory:
    """What the optimizer remembers of earlier steps. kind: "fresh" (there were none), "replayed"
    (the run was repeated up to here), "empty" (unknown, so it starts anew). why: in words."""

    kind: Literal["fresh", "replayed", "empty"]
    why: str


FRESH = Memory("fresh", "this is the first step: there is nothing to remember")


@dataclass(frozen=True)
class Check:
    """A comparison of two ways to the same numbers. gap: the largest difference, as a share of
    the size of the numbers; tolerance: how much rounding explains; numbers: how many compared."""

    what: str
    gap: float
    tolerance: float
    numbers: int

    @property
    def passed(self) -> bool:
        return self.gap <= self.tolerance


@dataclass(frozen=True)
class Input:
    """What enters by one group. first: of the followed example. changes: random ones made to it."""

    group: str
    shape: tuple[int, ...]
    mean: float
    spread: float
    first: tuple[float, ...]
    changes: tuple[str, ...]


@dataclass(frozen=True)
class Value:
    """A watched value between the layers. shape: for one example. zeros: share that is exactly 0.
    blame: length of the loss's derivative by it; None if the loss does not depend on it."""

    name: str
    shape: tuple[int, ...]
    mean: float
    spread: float
    zeros: float
    blame: float | None


@dataclass(frozen=True)
class Answer:
    """One output for the followed example. members: how many of the network's members it is the
    mean of. predicted: probability, or number in the target's unit. wanted: likewise. blame:
    derivative of the example's loss by the output (by a probability's raw score)."""

    name: str
    output: float
    predicted: float
    wanted: float
    blame: float


@dataclass(frozen=True)
class Loss:
    """How wrong. batch, example: of the batch and of the followed example, before the update.
    lines: the example's loss by hand. examples: of each example."""

    batch: float
    example: float
    lines: tuple[Line, ...]
    examples: tuple[float, ...]


@dataclass(frozen=True)
class Weights:
    """One parameter. norm, gradient, change: lengths of it, of its gradient (before clipping) and
    of its update. ratio: change / norm, which is about 0.001 where learning is healthy."""

    name: str
    layer: str
    shape: tuple[int, ...]
    count: int
    role: str
    rule: str
    norm: float
    gradient: float
    change: float
    ratio: float | None


@dataclass(frozen=True)
class Update:
    """The step's size. rate: learning rate; gradient: length of all gradients together; shrunk:
    factor by which they were shortened to the longest length allowed (1: they were not)."""

    rate: float
    gradient: float
    shrunk: float
    clip: float | None
    rules: dict[str, str]


@dataclass(frozen=True)
class Share:
    """What one example adds to a weight's gradient."""

    example: int
    value: float


@dataclass(frozen=True)
class Turned:
    """A weight turned up and down by `turn`: the loss there, and its slope in between."""

    turn: float
    up: float
    down: float
    slope: float


@dataclass(frozen=True)
class OneWeight:
    """One weight, followed through the whole step.

    path: type it after --zoom. output: a number of its layer that it takes part in; None if no
    value of the example reaches it. gradient: before clipping; shares: the examples that add most
    to it; others: the sum of the rest. lines: the optimizer's arithmetic.
    """

    path: str
    layer: str
    kind: str
    says: str
    before: float
    after: float
    gradient: float
    clipped: float
    output: Output | None
    shares: tuple[Share, ...]
    others: float
    turned: Turned
    rule: str
    why: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Unit:
    """One unit of a layer: what it gave in this batch, and its weights with the largest gradients.

    path: type it after --zoom. mean, spread, low, high: of its outputs. weights: (path, weight,
    gradient, new weight).
    """

    path: str
    outputs: int
    mean: float | None
    spread: float | None
    low: float | None
    high: float | None
    blame: float
    output: Output | None
    weights: tuple[tuple[str, float, float, float], ...]


@dataclass(frozen=True)
class Layer:
    """One layer. says: its formula with shapes. units: (path, length of the weights, of their
    gradient, of their change), the largest gradients first; of `count` units."""

    path: str
    kind: str
    says: str
    output: Value
    weights: tuple[Weights, ...]
    units: tuple[tuple[str, float, float, float], ...]
    count: int


@dataclass(frozen=True)
class Again:
    """The same batch, with the same random changes, through the new weights. lower: examples whose
    loss fell."""

    batch: float
    example: float
    examples: tuple[float, ...]
    lower: int


@dataclass(frozen=True)
class Receipt:
    """One training step, in the order in which it happens.

    step: updates before this one, of `steps`. rows: the batch, as rows of the data set (of the
    source once the run is known). example: place in the batch of the one that is followed.
    place, drawings: how a person knows it, and its inputs as a person sees them.
    """

    step: int
    steps: int
    batch: int
    rows: tuple[int, ...]
    example: int
    why_example: str
    optimizer: str
    precision: str
    dropout: bool
    memory: Memory
    inputs: tuple[Input, ...]
    values: tuple[Value, ...]
    answers: tuple[Answer, ...]
    outputs: int
    members: int
    loss: Loss
    update: Update
    weights: tuple[Weights, ...]
    one: OneWeight
    zoom: Layer | Unit | None
    again: Again
    checks: tuple[Check, ...]
    task: str
    place: str = ""
    drawings: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def checked(self) -> bool:
        """Whether every comparison agrees."""
        return all(check.passed for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """The receipt as dicts and lists; what is not finite becomes null."""
        data: dict[str, Any] = plain({"schema": SCHEMA, **asdict(self)})
        for check, line in zip(self.checks, data["checks"], strict=True):
            line["passed"] = check.passed
        data["checked"] = self.checked
        data["zoom_kind"] = None if self.zoom is None else type(self.zoom).__name__.lower()
        return data


# --- making one -------------------------------------------------------------------------------


def receipt(
    learner: Learner,
    dataset: Dataset,
    task: Task,
    rows: Tensor,
    *,
    memory: Memory = FRESH,
    zoom: str | None = None,
    example: int | None = None,
    seconds: float = 3.0,
) -> Receipt:
    """Make the step that comes next, on copies, and account for every number in it.

    Args:
        learner: Stays as it is; its `number` says which step is next.
        rows: int64 (train,) rows of the dataset that it learns from.
        zoom: A layer, a unit `LAYER[3]` or a weight `LAYER[3, 5]`, by the names of the receipt.
        example: Place in the batch of the example to follow; by default the most wrong one.
        seconds: About how long weights may be turned up and down; one at least is.

    Raises:
        ConfigError: The zoom or the example does not exist.
        ValueError: The learner has made all its steps.
    """
    if learner.number >= learner.plan.steps:
        raise ValueError("learning is over: there is no next step")
    with torch.random.fork_rng(devices=[]):
        return _Account(learner, dataset, task, rows, memory).write(zoom, example, seconds)


class _Account:
    """All the tensors of one step, from which the receipt is written."""

    def __init__(
        self, learner: Learner, dataset: Dataset, task: Task, rows: Tensor, memory: Memory
    ) -> None:
        self.learner, self.task, self.memory = learner, task, memory
        self.plan, self.number = learner.plan, learner.number
        self.augment = Augment(self.plan.augment, dataset.entries)
        self.after = copy.deepcopy(learner)
        self.step: Step = next(train(self.after, dataset, task, rows, rows[:0]))
        self.batch: Batch = self.step.batch
        self.remembered = {
            name: value.clone() for name, value in learner.optimizer.state_dict().items()
        }
        self._watch()
        self._precisely()

    # The same batch through another copy, watched.
    def _watch(self) -> None:
        model = copy.deepcopy(self.learner.model).train()
        with watch() as values, overhear(model) as passages:
            self.inputs = self._inputs(wide=False)
            output, losses = self._losses(model, self.inputs)
        parameters = dict(model.named_parameters())
        trained = {n: p for n, p in parameters.items() if p.requires_grad}
        wanted = [("value", name, value) for name, value in values.items() if value.requires_grad]
        wanted += [("layer", n, p.output) for n, p in passages.items() if p.output.requires_grad]
        wanted += [("output", "", output)]
        wanted += [("weight", name, parameter) for name, parameter in trained.items()]
        found = torch.autograd.grad(losses.mean(), [v for *_, v in wanted], allow_unused=True)
        self.values, self.passages = values, passages
        self.value_blame: dict[str, Tensor] = {}
        self.gradients: dict[str, Tensor] = {}
        for (kind, name, value), gradient in zip(wanted, found, strict=True):
            if kind == "value" and gradient is not None:
                self.value_blame[name] = gradient
            elif kind == "layer":
                passages[name].blame = gradient
            elif kind == "weight":
                self.gradients[name] = torch.zeros_like(value) if gradient is None else gradient
            elif kind == "output":
                assert gradient is not None
                self.blame = gradient.detach().double()
        self.output, self.losses = output.detach().double(), losses.detach().double()

    # The same batch through a copy in 64-bit floats.
    def _precisely(self) -> None:
        self.model64 = copy.deepcopy(self.learner.model).double().train()
        self.inputs64 = self._inputs(wide=True)
        self.weights64 = {n: p for n, p in self.model64.named_parameters() if p.requires_grad}
        loss = self._loss64()
        found = torch.autograd.grad(loss, list(self.weights64.values()), allow_unused=True)
        self.loss64 = float(loss.detach())
        self.gradients64 = {
            name: torch.zeros_like(self.weights64[name]) if gradient is None else gradient
            for name, gradient in zip(self.weights64, found, strict=True)
        }

    def _inputs(self, *, wide: bool) -> dict[str, Tensor]:
        """The batch with the step's random changes; what is drawn next is its dropout."""
        seed_step(self.plan.seed, self.number, self.batch.rows.device)
        inputs = self.augment(self.batch.inputs)
        if not wide:
            return inputs
        return {g: v.double() if v.is_floating_point() else v for g, v in inputs.items()}

    def _losses(self, model: nn.Module, inputs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        with precision(self.plan.precision, self.batch.rows.device):
            output = model(inputs)
        losses = self.task.loss(output, self.batch.target, self.plan.label_smoothing)
        return output, losses

    def _loss64(self) -> Tensor:
        self._inputs(wide=False)  # draws what the step drew before its dropout
        output = self.model64(self.inputs64)
        target = self.batch.target
        target = target.double() if target.is_floating_point() else target
        return self.task.loss(output, target, self.plan.label_smoothing).mean()

    # --- writing it down ----------------------------------------------------------------------

    def write(self, zoom: str | None, example: int | None, seconds: float) -> Receipt:
        place, why = self._example(example)
        path = _Zoom.read(zoom, self.passages, self.gradients, self._favorite())
        one, one_checks = self._one_weight(path, place)
        view = self._view(path, place)
        again = self._again(place)
        loss, loss_checks = self._loss_note(place)
        weights = tuple(self._weights(name) for name in self.gradients)
        turned = self._turned_check(path, seconds)
        checks = (*self._loop_checks(), *loss_checks, *self._gradient_checks(), turned)
        checks += (*one_checks, *self._update_checks())
        members = self.output.shape[1] if self.output.ndim == 3 else 1
        return Receipt(
            step=self.number,
            steps=self.plan.steps,
            batch=len(self.losses),
            rows=tuple(self.batch.rows.tolist()),
            example=place,
            why_example=why,
            optimizer=self.plan.optimizer,
            precision=self.plan.precision,
            dropout=any(
                isinstance(module, nn.modules.dropout._DropoutNd) and module.p > 0
                for module in self.learner.model.modules()
            ),
            memory=self.memory,
            inputs=tuple(self._input(group, place) for group in self.inputs),
            values=tuple(self._value(name) for name in self.values),
            answers=self._answers(place),
            outputs=self.task.outputs,
            members=members,
            loss=loss,
            update=self._update(),
            weights=weights,
            one=one,
            zoom=view,
            again=again,
            checks=checks,
            task=self.task.kind,
        )

    def _example(self, asked: int | None) -> tuple[int, str]:
        count = len(self.losses)
        if asked is None:
            return int(self.losses.argmax()), "the one that the network got most wrong"
        if not 0 <= asked < count:
            raise ConfigError(
                f"the batch has no example {asked}",
                where="--example",
                fix=f"choose from 0 to {count - 1}",
            )
        return asked, "as asked"

    def _input(self, group: str, place: int) -> Input:
        values = self.inputs[group].double()
        return Input(
            group,
            tuple(values.shape[1:]),
            float(values.nanmean()),
            _spread(values[~values.isnan()]),
            tuple(values[place].flatten()[:FIRST_VALUES].tolist()),
            tuple(change.__name__ for change in self.augment.changes.get(group, [])),
        )

    def _value(self, name: str) -> Value:
        return _value_of(name, self.values[name], self.value_blame.get(name))

    def _answers(self, place: int) -> tuple[Answer, ...]:
        output = self.output[place : place + 1]
        blame = (self.blame[place] * len(self.losses)).reshape(-1, output.shape[-1]).sum(0)
        mean = output.reshape(-1, output.shape[-1]).mean(0)
        target = self.batch.target[place : place + 1]
        predicted, wanted = self._predicted(output), self._wanted(target)
        names = _output_names(self.task)
        order = np.argsort(-np.abs(predicted), kind="stable")[:MOST_ANSWERS].tolist()
        if self.task.kind == "classify" and int(target) not in order:
            order = [*order[:-1], int(target)]
        if self.task.kind != "classify":
            order = sorted(order)
        return tuple(
            Answer(
                names[index],
                float(mean[index]),
                float(predicted[index]),
                float(wanted[index]),
                float(blame[index]),
            )
            for index in order
        )

    def _predicted(self, output: Tensor) -> np.ndarray:
        if self.task.kind == "grades":  # one yes-or-no question an output, not one grade
            raised = output.sigmoid().reshape(-1, output.shape[-1]).mean(0)
            return raised.numpy()
        predicted: np.ndarray = self.task.prediction(output)[0]
        return predicted

    def _wanted(self, target: Tensor) -> np.ndarray:
        if self.task.kind == "regress":
            truth: np.ndarray = self.task.truth(target)[0]
            return truth
        return wanted_share(self.task, target.numpy(), 0.0)[0]

    def _loss_note(self, place: int) -> tuple[Loss, list[Check]]:
        smoothing = self.plan.label_smoothing
        by_hand, blame = loss_by_hand(
            self.task, self.output.numpy(), self.batch.target.numpy(), smoothing
        )
        mine = self.losses.numpy()
        blame_gap = _gap(torch.from_numpy(blame) / len(mine), self.blame)
        tolerance = TOLERANCES[self.plan.precision]
        checks = [
            Check("loss of each example, by hand", _gap_np(by_hand, mine), 1e-4, len(mine)),
            Check(
                "blame at the answers: predicted minus wanted",
                blame_gap,
                max(1e-4, tolerance["sum"] if self.plan.precision == "bf16" else 0.0),
                blame.size,
            ),
        ]
        lines = tuple(
            loss_lines(self.task, self.output[place], self.batch.target[place], smoothing)
        )
        batch = float(self.step.loss)
        return Loss(batch, float(mine[place]), lines, tuple(mine.tolist())), checks

    def _update(self) -> Update:
        norm = float(self.step.gradient_norm)
        rules = {f"{group.role}: {group.rule}": group.why for group in self._groups()}
        return Update(self.step.rate, norm, self._shrunk(), self.plan.clip, rules)

    def _shrunk(self) -> float:
        norm, clip = self.step.gradient_norm, self.plan.clip
        return 1.0 if clip is None else float((clip / (norm + 1e-6)).clamp(max=1.0))

    def _groups(self) -> list[Group]:
        return self.learner.optimizer.groups

    def _group(self, name: str) -> Group:
        return next(group for group in self._groups() if name in group.parameters)

    def _before(self, name: str) -> Tensor:
        return self.learner.model.get_parameter(name).detach()

    def _new(self, name: str) -> Tensor:
        return self.after.model.get_parameter(name).detach()

    def _clipped(self, name: str) -> Tensor:
        """The gradient that the loop's optimizer used."""
        gradient = self.after.model.get_parameter(name).grad
        return torch.zeros_like(self._before(name)) if gradient is None else gradient

    def _memory(self, name: str) -> dict[str, Tensor]:
        start = f"{name}/"
        return {
            key.removeprefix(start): value
            for key, value in self.remembered.items()
            if key.startswith(start)
        }

    def _weights(self, name: str) -> Weights:
        before, group = self._before(name), self._group(name)
        norm, change = float(before.norm()), float((self._new(name) - before).norm())
        return Weights(
            name,
            name.rpartition(".")[0],
            tuple(before.shape),
            before.numel(),
            group.role,
            group.rule,
            norm,
            float(self.gradients[name].norm()),
            change,
            change / norm if norm else None,
        )

    @torch.no_grad()
    def _again(self, place: int) -> Again:
        model = copy.deepcopy(self.after.model).train()
        _, losses = self._losses(model, self._inputs(wide=False))
        after = losses.double()
        return Again(
            float(after.mean()),
            float(after[place]),
            tuple(after.tolist()),
            int((after < self.losses).sum()),
        )

    # --- zoom ---------------------------------------------------------------------------------

    def _favorite(self) -> str:
        """The parameter whose weight is followed unless another is asked: the answer layer's."""
        for name in reversed(list(self.passages)):
            if f"{name}.weight" in self.gradients:
                return f"{name}.weight"
        return next(reversed(self.gradients))

    def _view(self, path: _Zoom, place: int) -> Layer | Unit | None:
        if path.level == "layer":
            return self._layer(path.layer, path.parameter)
        if path.level == "unit":
            return self._unit(path, place)
        return None

    def _layer(self, name: str, parameter: str) -> Layer:
        passage = self.passages[name]
        own = tuple(self._weights(key) for key in self._own(name))
        before, gradient = self._before(parameter), self.gradients[parameter]
        change = self._new(parameter) - before
        size = gradient.flatten(1).norm(dim=1) if gradient.ndim > 1 else gradient.abs()
        order = size.argsort(descending=True)[:MOST_UNITS].tolist()
        units = tuple(
            (
                f"{_shown(parameter)}[{unit}]",
                float(before[unit].norm()),
                float(gradient[unit].norm()),
                float(change[unit].norm()),
            )
            for unit in order
        )
        output = _value_of(name, passage.output, passage.blame)
        says = formula(passage)
        kind = type(passage.module).__name__
        return Layer(_shown(name), kind, says, output, own, units, len(before))

    def _own(self, layer: str) -> list[str]:
        return [name for name in self.gradients if name.rpartition(".")[0] == layer]

    def _unit(self, path: _Zoom, place: int) -> Unit:
        passage, name = self.passages[path.layer], path.parameter
        moved = movement(passage, path.own_name, path.index)
        there = moved != 0
        given = passage.output.detach().double()[there]
        some = given.numel() > 0
        gradient = self.gradients[name][path.index]
        loud = gradient.flatten().abs().argsort(descending=True)[:MOST_UNITS].tolist()
        places = [tuple(map(int, np.unravel_index(at, tuple(gradient.shape)))) for at in loud]
        full = [(*path.index, *place) for place in places]
        output = self._output(passage, path.own_name, full[0], moved, place)
        return Unit(
            f"{_shown(name)}{list(path.index)}",
            given.numel(),
            float(given.mean()) if some else None,
            _spread(given) if some else None,
            float(given.min()) if some else None,
            float(given.max()) if some else None,
            float(passage.blame64[there].norm()),
            output,
            tuple(
                (
                    f"{_shown(name)}{list(at)}",
                    float(self._before(name)[at]),
                    float(self.gradients[name][at]),
                    float(self._new(name)[at]),
                )
                for at in full
            ),
        )

    def _output(
        self, passage: Passage, own: str, index: Index, moved: Tensor, example: int
    ) -> Output | None:
        where = loudest(passage, moved, example)
        return None if where is None else output_by_hand(passage, where, own, index)

    def _one_weight(self, path: _Zoom, place: int) -> tuple[OneWeight, list[Check]]:
        name, group = path.parameter, self._group(path.parameter)
        index = path.weight(self.gradients[name])
        passage = self.passages[path.layer]
        moved = movement(passage, path.own_name, index)
        output = self._output(passage, path.own_name, index, moved, place)
        each = shares(passage, moved)
        order = each.abs().argsort(descending=True)[:MOST_UNITS].tolist()
        gradient, clipped = self.gradients[name], self._clipped(name)
        turned, _ = self._turn(name, index)
        lines = update_lines(
            self._before(name), clipped, self._memory(name), group, self.step.rate, index
        )
        before, after = float(self._before(name)[index]), float(self._new(name)[index])
        one = OneWeight(
            path=f"{_shown(name)}{list(index)}",
            layer=_shown(path.layer),
            kind=type(passage.module).__name__,
            says=formula(passage),
            before=before,
            after=after,
            gradient=float(gradient[index]),
            clipped=float(clipped[index]),
            output=output,
            shares=tuple(Share(number, float(each[number])) for number in order),
            others=float(each.sum() - each[order].sum()),
            turned=turned,
            rule=group.rule,
            why=group.why,
            lines=tuple(lines),
        )
        scale = float(gradient.double().square().mean().sqrt())
        tolerance = TOLERANCES[self.plan.precision]
        checks = [
            Check(
                "this weight's gradient as a sum over examples",
                _relative(float(each.sum()), one.gradient, scale),
                tolerance["sum"],
                len(each),
            ),
            Check(
                "this weight, updated line by line",
                _relative(lines[-1].value, after, abs(before)),
                UPDATE_TOLERANCE[group.rule],
                len(lines),
            ),
        ]
        if output is not None:
            size = sum(abs(term.product) for term in output.terms)
            checks.insert(
                0,
                Check(
                    "its layer's output as a sum of products",
                    _relative(output.by_hand, output.computed, size),
                    tolerance["sum"],
                    len(output.terms) + output.others,
                ),
            )
        return one, checks

    # --- checks -------------------------------------------------------------------------------

    def _loop_checks(self) -> Iterator[Check]:
        tolerance = TOLERANCES[self.plan.precision]
        loop = float(self.step.loss)
        yield Check(
            "loss: the loop's own step and the watched one",
            _relative(float(self.losses.mean()), loop, 0.0),
            tolerance["loss"],
            1,
        )
        yield Check(
            "loss: the step's floats and 64-bit floats",
            _relative(self.loss64, loop, 1e-3),
            tolerance["loss"],
            1,
        )

    def _gradient_checks(self) -> Iterator[Check]:
        shrunk, numbers = self._shrunk(), sum(g.numel() for g in self.gradients.values())
        whole = math.sqrt(sum(float(g.square().sum()) for g in self.gradients64.values()))
        loop = (
            max(
                float((self._clipped(n).double() - shrunk * g.double()).norm()) / (shrunk * whole)
                for n, g in self.gradients.items()
            )
            if whole
            else 0.0
        )
        exact = (
            max(
                float((g.double() - self.gradients64[n]).norm()) / whole
                for n, g in self.gradients.items()
            )
            if whole
            else 0.0
        )
        tolerance = TOLERANCES[self.plan.precision]["gradient"]
        yield Check("gradients: the loop's own and the watched ones", loop, tolerance, numbers)
        yield Check("gradients: the step's floats and 64-bit autograd", exact, tolerance, numbers)

    def _turned_check(self, path: _Zoom, seconds: float) -> Check:
        """Gradients against turned weights: the followed one, then two of each parameter."""
        until = time.perf_counter() + seconds
        gaps = []
        for name, index in self._some_weights(path):
            gaps.append(self._turn(name, index)[1])
            if time.perf_counter() > until:
                break
        what = "gradients: autograd and weights turned up and down"
        return Check(what, max(gaps), TURNED_TOLERANCE, len(gaps))

    def _some_weights(self, path: _Zoom) -> Iterator[tuple[str, Index]]:
        """The followed weight, then of each parameter that with the largest gradient, then one
        drawn by lot from each."""
        yield path.parameter, path.weight(self.gradients[path.parameter])
        for name, gradient in self.gradients64.items():
            yield name, _unravel(int(gradient.abs().argmax()), gradient)
        lot = np.random.default_rng(0)
        for name, gradient in self.gradients64.items():
            yield name, _unravel(int(lot.integers(gradient.numel())), gradient)

    def _turn(self, name: str, index: Index) -> tuple[Turned, float]:
        """One weight turned up and down, ever less until the slope meets the gradient; and the gap
        that is left. A wrong gradient is met at no distance."""
        exact = self.gradients64[name]
        floor = 1e-3 * float(exact.abs().max()) + 1e-6
        tried = []
        for turn in TURNS:
            turned = self._turn_by(turn, name, index)
            tried.append((turned, _relative(turned.slope, float(exact[index]), floor)))
            if tried[-1][1] <= TURNED_WELL:
                break
        return min(tried, key=lambda one: one[1])

    @torch.no_grad()
    def _turn_by(self, turn: float, name: str, index: Index) -> Turned:
        weight = self.weights64[name]
        before = weight[index].clone()
        losses = []
        for sign in (1, -1):
            weight[index] = before + sign * turn
            losses.append(float(self._loss64()))
        weight[index] = before
        return Turned(turn, losses[0], losses[1], (losses[0] - losses[1]) / (2 * turn))

    def _update_checks(self) -> Iterator[Check]:
        """New weights by hand against the optimizer's own, for each rule."""
        for rule in dict.fromkeys(group.rule for group in self._groups()):
            gap, numbers, equal = 0.0, 0, 0
            for group in self._groups():
                for name in group.parameters if group.rule == rule else ():
                    if self.after.model.get_parameter(name).grad is None:
                        continue
                    new = self._new(name)
                    hand = updated(
                        self._before(name),
                        self._clipped(name),
                        self._memory(name),
                        group,
                        self.step.rate,
                    )
                    gap = max(gap, _gap(hand, new))
                    numbers += new.numel()
                    equal += int((hand == new).sum())
            share = f"{equal / max(1, numbers):.1%} to the last bit"
            what = f"new weights: {rule} by hand, the optimizer ({share})"
            yield Check(what, gap, UPDATE_TOLERANCE[rule], numbers)


# --- zoom paths -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Zoom:
    """What is looked at closely. level: "network" if nothing was asked."""

    level: Literal["network", "layer", "unit", "weight"]
    layer: str
    parameter: str
    index: Index = ()

    @property
    def own_name(self) -> str:
        return self.parameter.rpartition(".")[2]

    def weight(self, gradient: Tensor) -> Index:
        """The weight that is followed: the one asked, or that with the largest gradient below."""
        if self.level == "weight":
            return self.index
        part = gradient[self.index]
        return (*self.index, *_unravel(int(part.abs().argmax()), part))

    @classmethod
    def read(
        cls,
        text: str | None,
        layers: dict[str, Passage],
        parameters: dict[str, Tensor],
        favorite: str,
    ) -> _Zoom:
        """`LAYER`, `LAYER[unit]`, `LAYER[unit, input]`, and the same with a parameter's name."""
        if text is None:
            return cls("network", favorite.rpartition(".")[0], favorite)
        found = re.fullmatch(r"(.*?)\s*(?:\[([\d\s,]+)\])?", text)
        assert found is not None
        owners = list(dict.fromkeys(name.rpartition(".")[0] for name in parameters))
        name = _named(found[1], [*(n for n in layers if n in owners), *parameters])
        layer, parameter = name, name
        if name in parameters:
            layer = name.rpartition(".")[0]
        else:
            own = [key for key in parameters if key.rpartition(".")[0] == name]
            main = f"{name}.weight"
            parameter = main if main in own else own[0]
        if found[2] is None:
            return cls("layer", layer, parameter)
        index = tuple(int(part) for part in found[2].replace(",", " ").split())
        shape = tuple(parameters[parameter].shape)
        inside = len(index) <= len(shape) and all(i < n for i, n in zip(index, shape))
        if not inside:
            raise ConfigError(
                f"'{_shown(parameter)}' has no weight {list(index)}",
                where="--zoom",
                fix=f"its shape is {' × '.join(map(str, shape))}, counted from 0",
            )
        return cls("weight" if len(index) == len(shape) else "unit", layer, parameter, index)


def _named(word: str, names: Sequence[str]) -> str:
    """The one name that is meant: itself, without "branches.", or its unique ending."""
    for way in (lambda n: n == word, lambda n: _shown(n) == word):
        if any(map(way, names)):
            return next(filter(way, names))
    endings = [name for name in names if name.endswith(f".{word}")]
    if len(endings) == 1:
        return endings[0]
    fix = did_you_mean(word, map(_shown, endings or names))
    what = "several layers or weights are" if endings else "no layer and no weights are"
    raise ConfigError(f"{what} called '{word}'", where="--zoom", fix=fix)


def _shown(name: str) -> str:
    return name.removeprefix("branches.")


# --- words ------------------------------------------------------------------------------------

FORMULAS = {
    "Linear": "output = sum of input × weight, plus a bias",
    "SharedLinear": "output = stretch out × (sum of weight × stretch in × input), plus a bias; the"
    " weights are shared by all members, stretches and biases are each member's own",
    "Heads": "output = sum of input × weight, plus a bias, for each member by itself",
    "Conv2d": "output at a place = sum of weight × input over a small window around it",
    "Norm": "output = weight × (input − mean of the batch) / spread of the batch, plus a bias",
    "Embedding": "output = the row of the table that the input's number names",
    "Numbers": "output = number × direction, plus an origin",
    "PiecewiseLinear": "output = number × weight, plus a bias, plus the sum of bends × how far the"
    " number has come through each bin",
    "Patches": "output = what the patch became, plus a vector that says where it was",
    "GRU": "memory = (1 − update gate) × candidate + update gate × old memory; gates and candidate"
    " are weighted sums of input and old memory, bent",
}
"""What a layer computes, by its kind."""


def formula(passage: Passage) -> str:
    """What a layer computes, with its shapes."""
    kind = type(passage.module).__name__
    shapes = [
        f"{name} {_times(parameter.shape)}"
        for name, parameter in passage.module.named_parameters(recurse=False)
    ]
    given = next((v for v in passage.inputs if isinstance(v, Tensor)), None)
    entering = f"input {_times(given.shape)}, " if given is not None else ""
    says = FORMULAS.get(kind, "its own arithmetic")
    return f"{says} [{entering}{', '.join(shapes)}, output {_times(passage.output.shape)}]"


def loss_lines(task: Task, output: Tensor, target: Tensor, smoothing: float) -> Iterator[Line]:
    """One example's loss, from its output `([members,] outputs)`, as a person would write it."""
    one, wanted = output[None].numpy(), target[None].numpy()
    total = float(loss_by_hand(task, one, wanted, smoothing)[0][0])
    several = output.reshape(-1, output.shape[-1])
    if task.kind == "regress":
        for name, mine, true in zip(task.names, several.mean(0), target, strict=True):
            formula = f"({said(float(mine)).strip('()')} − {said(float(true))})²"
            line = f"error of '{name}', squared; in units of its usual spread"
            yield Line(line, formula, float((mine - true) ** 2))
    elif task.kind == "classify":
        sure = several.softmax(-1)[:, int(target)]
        shown = f"−ln({said(float(sure[0]))})"
        if len(several) > 1:
            shown = f"mean over {len(several)} members of −ln(their probability for it)"
        yield Line("surprise at the truth", shown, float(-sure.log().mean()))
    else:
        share = 1 / (1 + np.exp(-one.reshape(-1, one.shape[-1]).mean(0)))
        hot = wanted_share(task, wanted, 0.0)[0]
        sure = np.where(hot > 0, share, 1 - share)
        for name, p in zip(_output_names(task)[:MOST_ANSWERS], sure, strict=False):
            yield Line(
                f"surprise at the truth about '{name}'", f"−ln({said(float(p))})", float(-np.log(p))
            )
    if smoothing and task.kind != "regress":
        how = f"{smoothing:g} of the truth is spread over all answers, so that none gets too sure"
        yield Line("loss of the example", how, total)
    elif task.kind != "classify":
        members = f", mean over {len(several)} members of their own" if len(several) > 1 else ""
        way = "sum" if task.kind == "grades" else "mean"
        yield Line("loss of the example", f"{way}{members}", total)


def _output_names(task: Task) -> list[str]:
    """What each output is about."""
    classes: list[str] = getattr(task, "classes", []) or getattr(task, "tags", [])
    if task.kind == "grades":
        return [f"above {name}" for name in classes[:-1]]
    return classes or task.names


def _times(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape)) or "1"


# --- numbers ----------------------------------------------------------------------------------


def _value_of(name: str, value: Tensor, blame: Tensor | None) -> Value:
    numbers = value.detach().double()
    return Value(
        name,
        tuple(value.shape[1:]),
        float(numbers.mean()),
        _spread(numbers),
        float((numbers == 0).double().mean()),
        None if blame is None else float(blame.double().norm()),
    )


def _spread(values: Tensor) -> float:
    return float(values.std()) if values.numel() > 1 else 0.0


def _unravel(place: int, like: Tensor) -> Index:
    return tuple(int(i) for i in np.unravel_index(place, tuple(like.shape)))


def _relative(one: float, other: float, floor: float) -> float:
    """The difference as a share of the larger of both and `floor`."""
    scale = max(abs(one), abs(other), abs(floor))
    return abs(one - other) / scale if scale else 0.0


def _gap(one: Tensor, other: Tensor) -> float:
    """The largest difference, as a share of the largest number."""
    one, other = one.detach().double(), other.detach().double()
    scale = max(float(one.abs().max()), float(other.abs().max()))
    return float((one - other).abs().max()) / scale if scale else 0.0


def _gap_np(one: np.ndarray, other: np.ndarray) -> float:
    return _gap(torch.from_numpy(one), torch.from_numpy(other))
