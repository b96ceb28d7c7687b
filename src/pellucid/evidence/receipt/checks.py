"""The comparisons: every number of a receipt by two ways.

What is compared with what: the loop's own step with the watched one; both with 64-bit floats; the
gradients with weights turned up and down; a layer, the loss and the update with the same by hand.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from pellucid.evidence.receipt.exact import Exact
from pellucid.evidence.receipt.losses import loss_by_hand
from pellucid.evidence.receipt.made import Made
from pellucid.evidence.receipt.numbers import gap, gap_np, relative, unravel
from pellucid.evidence.receipt.outputs import hand_loss, turned_outputs
from pellucid.evidence.receipt.parts import Check, Index, OneWeight
from pellucid.evidence.receipt.updates import updated
from pellucid.evidence.receipt.watched import Watched
from pellucid.evidence.receipt.zoom import Zoom
from pellucid.tasks import Task

TOLERANCES = {
    # 16-bit floats keep 8 bits of a number. Of 15 small networks at steps 0, 7 and 39, no
    # parameter's gradient was more than 2.5 % off; late in learning, a transformer's 8 %.
    "bf16": {"loss": 0.03, "gradient": 0.25, "sum": 0.05},
    "fp32": {"loss": 1e-4, "gradient": 1e-3, "sum": 1e-3},
}
BY_HAND_TOLERANCE = 1e-4
"""Of losses and their derivatives, from the same outputs."""
TURNED_TOLERANCE = 1e-3
"""Of a gradient against turned weights, both in 64-bit floats."""
UPDATE_TOLERANCE = {"adamw": 1e-6, "muon": 1e-3}
"""Of new weights, as a share of the parameter's largest weight."""
SMALL = 0.01
"""A parameter's gradient below this share of all gradients together is measured by that: where it
should be 0 (a bias before a norm), there is only rounding."""


def loss_checks(made: Made, watched: Watched, exact: Exact, place: int) -> Iterator[Check]:
    """The loss of the loop, of the watched copy and in 64-bit floats; then by hand. place: of the
    followed example."""
    tolerance, loop = TOLERANCES[made.plan.precision], float(made.step.loss)
    yield Check(
        "loss: the loop's own step and the watched one",
        relative(float(watched.losses.mean()), loop, 0.0),
        tolerance["loss"],
        1,
    )
    # 16-bit floats round every output. How much that may change a small loss (the square of a small
    # difference between large numbers) follows from the outputs, not from the loss.
    rounded = float((watched.output.double() * watched.blame.double()).abs().sum())
    yield Check(
        "loss: the step's floats and 64-bit floats",
        relative(exact.loss, loop, max(1e-3, rounded) if made.plan.precision == "bf16" else 1e-3),
        tolerance["loss"],
        1,
    )
    of_task = isinstance(made.task, Task)
    yield from _task_checks(made, watched) if of_task else _use_checks(made, watched, place)


def _task_checks(made: Made, watched: Watched) -> Iterator[Check]:
    """Of classes, grades, tags and numbers each loss is known by hand."""
    assert isinstance(made.task, Task)
    target, mine = watched.target.numpy(), watched.losses.numpy()
    smoothing = made.plan.label_smoothing
    by_hand, blame = loss_by_hand(made.task, watched.output.numpy(), target, smoothing)
    what = "loss of each example, by hand"
    yield Check(what, gap_np(by_hand, mine), BY_HAND_TOLERANCE, len(mine))
    yield Check(
        "blame at the answers: predicted minus wanted",
        gap(torch.from_numpy(blame) / len(mine), watched.blame),
        _at_answers(made),
        blame.size,
    )


def _use_checks(made: Made, watched: Watched, place: int) -> Iterator[Check]:
    """Of any other goal: outputs turned up and down; where it is simple, the loss by hand too."""
    one, target = watched.output[place], watched.target[place]
    by_hand = hand_loss(made.task, one, target, made.plan.label_smoothing)
    if by_hand is not None:
        gap_by_hand = relative(by_hand, float(watched.losses[place]), 1e-3)
        what = "loss of the followed example, by hand"
        yield Check(what, gap_by_hand, BY_HAND_TOLERANCE, 1)
    outputs, smoothing = (watched.output, watched.target, watched.blame), made.plan.label_smoothing
    pairs = turned_outputs(made.task, *outputs, place, smoothing)
    slopes, blames = torch.tensor(pairs, dtype=torch.float64).T
    what = "blame at the answers: outputs turned up and down"
    yield Check(what, gap(slopes, blames), max(_at_answers(made), TURNED_TOLERANCE), len(pairs))


def _at_answers(made: Made) -> float:
    precision = made.plan.precision
    return TOLERANCES[precision]["sum"] if precision == "bf16" else BY_HAND_TOLERANCE


def gradient_checks(made: Made, watched: Watched, exact: Exact) -> Iterator[Check]:
    """Each parameter's gradient: the loop's, the watched copy's, and in 64-bit floats."""
    tolerance = TOLERANCES[made.plan.precision]["gradient"]
    numbers = sum(gradient.numel() for gradient in watched.gradients.values())
    loop = {name: made.clipped(name).double() / made.shrunk for name in watched.gradients}
    what = "gradients: the loop's own and the watched ones"
    yield Check(what, gradient_gap(loop, watched.gradients), tolerance, numbers)
    alike = exact.gradients_at(watched.given)
    what = "gradients: the step's floats and 64-bit autograd"
    yield Check(what, gradient_gap(watched.gradients, alike), tolerance, numbers)


def gradient_gap(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> float:
    """The largest difference of a parameter's gradient, as a share of its length.

    Half as much again is 0.5, the wrong sign 2.
    """
    lengths = {name: float(gradient.double().norm()) for name, gradient in wanted.items()}
    floor = SMALL * float(np.hypot.reduce(list(lengths.values())))
    gaps = [
        float((found[name].double() - wanted[name].double()).norm()) / max(length, floor)
        for name, length in lengths.items()
        if max(length, floor) > 0
    ]
    return max(gaps, default=0.0)


def turned_check(watched: Watched, exact: Exact, zoom: Zoom, seconds: float) -> Check:
    """Gradients against turned weights: the followed one, then two of each parameter."""
    until = time.perf_counter() + seconds
    gaps: list[float] = []
    for name, index in _some_weights(watched, exact, zoom):
        missed = exact.turn(name, index)[1]
        gaps += [] if missed is None else [missed]
        if time.perf_counter() > until:
            break
    what = "gradients: autograd and weights turned up and down"
    return Check(what, max(gaps, default=0.0), TURNED_TOLERANCE, len(gaps))


def _some_weights(watched: Watched, exact: Exact, zoom: Zoom) -> Iterator[tuple[str, Index]]:
    """The followed weight, then of each parameter that with the largest gradient, then one drawn
    by lot from each."""
    yield zoom.parameter, zoom.weight(watched.gradients[zoom.parameter])
    for name, gradient in exact.gradients.items():
        yield name, unravel(int(gradient.abs().argmax()), gradient)
    lot = np.random.default_rng(0)
    for name, gradient in exact.gradients.items():
        yield name, unravel(int(lot.integers(gradient.numel())), gradient)


def weight_checks(made: Made, gradient: Tensor, one: OneWeight, each: Tensor) -> Iterator[Check]:
    """The followed weight's sums. gradient: of its parameter. each: what each example adds."""
    tolerance = TOLERANCES[made.plan.precision]["sum"]
    if one.output is not None:
        yield Check(
            "its layer's output as a sum of products",
            relative(
                one.output.by_hand,
                one.output.computed,
                sum(abs(term.product) for term in one.output.terms),
            ),
            tolerance,
            len(one.output.terms) + one.output.others,
        )
    if one.shares:
        scale = float(gradient.double().square().mean().sqrt())
        yield Check(
            "this weight's gradient as a sum over examples",
            relative(float(each.sum()), one.gradient, scale),
            tolerance,
            len(each),
        )
    yield Check(
        "this weight, updated line by line",
        relative(one.lines[-1].value, one.after, abs(one.before)),
        UPDATE_TOLERANCE[one.rule],
        len(one.lines),
    )


def update_checks(made: Made) -> Iterator[Check]:
    """New weights by hand against the optimizer's own, for each rule."""
    for rule in dict.fromkeys(group.rule for group in made.groups):
        gaps, numbers, equal = [0.0], 0, 0
        groups = [group for group in made.groups if group.rule == rule]
        for name in (name for group in groups for name in group.parameters if made.learned(name)):
            new, hand = made.new(name), _updated(made, name)
            gaps.append(gap(hand, new))
            numbers += new.numel()
            equal += int((hand == new).sum())
        share = f"{equal / max(1, numbers):.1%} to the bit"
        what = f"new weights: {rule} by hand, the optimizer ({share})"
        yield Check(what, max(gaps), UPDATE_TOLERANCE[rule], numbers)


def _updated(made: Made, name: str) -> Tensor:
    return updated(
        made.before(name),
        made.clipped(name),
        made.memory(name),
        made.group(name),
        made.step.rate,
    )
