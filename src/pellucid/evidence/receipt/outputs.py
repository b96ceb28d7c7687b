"""Outputs of any goal: what each is called, how its loss comes about, and whether blame is right.

The losses of classes and numbers are known by hand (`losses.py`). A use has a loss of its own, of
outputs of any shape: boxes, quantiles of a future, a score for every token. Here its outputs are
named by their places, those that the loss hangs on most come first, and blame is checked by turning
outputs up and down. Where the loss is a plain formula, it is calculated by hand as well.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from pellucid.evidence.receipt.numbers import InDoubles, Still, said, unravel
from pellucid.evidence.receipt.parts import ANSWER, Answer, Index, Line, Words, no_words
from pellucid.evidence.receipt.passages import doubled
from pellucid.tasks.forecast import MEDIAN, QUANTILES, Forecast
from pellucid.tasks.generate import UNCOUNTED, NextToken
from pellucid.tasks.recommend import Rating
from pellucid.tasks.task import Objective

TURN = 1e-5
"""How far an output is turned up and down, in units of the largest output or 1."""
TURNED = 12
"""Outputs that are turned: those with the most blame, and as many by lot."""
MOST_PLACES = 6
"""Places of an answer whose part of the loss is written down, the most wrong ones."""

AXES: dict[str, tuple[str, ...]] = {
    "forecast": ("step", "quantile"),
    "generate": ("place", "token"),
    "translate": ("place", "token"),
    "detect": ("place", "number"),
    "map": ("number",),
    "recommend": ("place", "item"),
    "verify": ("number",),
}
"""Kind -> what the last axes of its output are called."""

GOALS = {
    "detect": "how far its sureness is from where things are, plus 1 − overlap of its boxes",
    "verify": "how far it is from its own kind, and how near to others, by angles",
    "map": "how far its two changed copies are apart, plus how still and how alike the numbers are",
    "anomaly": "how improbable what was hidden is under the guess: −ln of a normal density",
    "recommend": "−ln(the share given to what came next), mean over places",
}
"""Kind -> its loss in words, where it is no formula that fits on a line."""


def name_of(task: Objective, index: Index, shape: tuple[int, ...], words: Words = no_words) -> str:
    """What an output of one example is called: `place 3, token 57 'house'`."""
    known = AXES.get(task.kind, ())
    axes = ("member", *known) if known and len(shape) == len(known) + 1 else known
    if len(axes) != len(shape) or not axes:
        return f"output {list(index)}" if index else "output"
    return ", ".join(_said_place(axis, at, words) for axis, at in zip(axes, index, strict=True))


def _said_place(axis: str, at: int, words: Words) -> str:
    """One place of an output: steps count from 1, as elsewhere in a forecast."""
    if axis == "step":
        return f"step {at + 1}"
    if axis == "quantile":
        return f"{100 * QUANTILES[at]:.0f}% quantile"
    return f"{axis} {at}{_meant(axis, at, words)}"


def _meant(axis: str, at: int, words: Words) -> str:
    """What a token, an item or a number of the answer stands for, behind its number."""
    word = words(ANSWER, at) if axis in ("token", "item", "number") else None
    return "" if word is None else f" '{word}'"


def loudest_outputs(
    task: Objective, output: Tensor, blame: Tensor, most: int, words: Words
) -> tuple[Answer, ...]:
    """One example's outputs that its loss hangs on most. output, blame: `(...)` of the example."""
    order = blame.flatten().abs().argsort(descending=True, stable=True)[:most].tolist()
    places = [unravel(at, blame) for at in order]
    return tuple(
        Answer(
            name_of(task, place, tuple(output.shape), words),
            float(output[place]),
            None,
            None,
            float(blame[place]),
        )
        for place in places
    )


# --- blame at the outputs -----------------------------------------------------------------------


@torch.no_grad()
def turned_outputs(
    task: Objective, output: Tensor, target: Tensor, blame: Tensor, place: int, smoothing: float
) -> list[tuple[float, float]]:
    """(slope, blame) of some outputs of the followed example: the mean loss with the output a hair
    larger and smaller, and the derivative that backpropagation found.

    Where the loss has a bend (a limit that is just met), every slope between those on its two sides
    is right: the nearest one to the blame is taken.
    """
    own, target = blame[place], doubled(target)
    lot = np.random.default_rng(0).integers(own.numel(), size=TURNED)
    some = own.flatten().abs().argsort(descending=True)[:TURNED].tolist()
    found = []
    for at in dict.fromkeys([*some, *lot.tolist()]):
        index = (place, *unravel(at, own))
        turn = TURN * max(1.0, float(output[index].abs()))
        before = output[index].clone()
        losses = {}
        still = Still()
        for sign in (0, -1, 1):  # as it is first: what the loss holds still keeps its value
            output[index] = before + sign * turn
            with InDoubles(), still:
                losses[sign] = float(task.loss(output, target, smoothing).mean())
        output[index] = before
        low, high = sorted([(losses[0] - losses[-1]) / turn, (losses[1] - losses[0]) / turn])
        found.append((min(max(float(blame[index]), low), high), float(blame[index])))
    return found


# --- by hand ------------------------------------------------------------------------------------


def hand_loss(task: Objective, output: Tensor, target: Tensor, smoothing: float) -> float | None:
    """The loss of one example, in NumPy; None where it is no plain formula of its own output."""
    if isinstance(task, Rating):
        return float((output.numpy() - target.numpy()) ** 2)
    if isinstance(task, Forecast):
        return float(np.mean(list(_pinballs(output, target).values())))
    if isinstance(task, NextToken):
        surprises = _surprises(output, target, smoothing)
        return float(np.mean(list(surprises.values()))) if surprises else 0.0
    return None


def goal_lines(
    task: Objective,
    output: Tensor,
    target: Tensor,
    smoothing: float,
    loss: float,
    words: Words = no_words,
) -> Iterator[Line]:
    """How one example's loss comes about, as far as it is a plain formula; then the loss."""
    if isinstance(task, Rating):
        shown = f"({said(float(output)).strip('()')} − {said(float(target))})²"
        yield Line("error, squared; in units of the usual spread", shown, loss)
        return
    if isinstance(task, Forecast):
        median = output[..., MEDIAN].reshape(-1, output.shape[-2]).mean(0)
        for step, part in _most(_pinballs(output, target)):
            shown = f"median {said(float(median[step]))}, in truth {said(float(target[step]))}"
            yield Line(f"step {step + 1}, mean over {len(QUANTILES)} quantiles", shown, part)
        yield Line("loss of the example", "mean over all steps", loss)
        return
    if isinstance(task, NextToken):
        logs = output.double().log_softmax(-1)
        for place, part in _most(_surprises(output, target, smoothing)):
            token = int(target[place])
            shown = f"−ln({said(float(logs[place, token].exp()))})"
            shown += f", {smoothing:g} of the truth spread over all tokens" if smoothing else ""
            meant = _meant("token", token, words)
            yield Line(f"place {place}: surprise at token {token}{meant}", shown, part)
        yield Line("loss of the example", "mean over all places that are asked", loss)
        return
    yield Line("loss of the example", GOALS.get(task.kind) or _first_line(task), loss)


def _most(parts: dict[int, float]) -> list[tuple[int, float]]:
    order = sorted(parts, key=lambda place: -parts[place])[:MOST_PLACES]
    return [(place, parts[place]) for place in sorted(order)]


def _pinballs(output: Tensor, target: Tensor) -> dict[int, float]:
    """Step -> twice the pinball loss, mean over members and quantiles; asked steps only."""
    quantiles, truth = output.double().numpy(), target.double().numpy()
    share = np.array(QUANTILES)
    found = {}
    for step in np.flatnonzero(~np.isnan(truth)).tolist():
        missed = truth[step] - quantiles[..., step, :]
        found[step] = float(
            np.where(missed > 0, 2 * share * missed, 2 * (share - 1) * missed).mean()
        )
    return found


def _surprises(output: Tensor, target: Tensor, smoothing: float) -> dict[int, float]:
    """Place -> minus the logarithm of the true token's probability, where one is asked."""
    found = {}
    for place in np.flatnonzero(target.numpy() != UNCOUNTED).tolist():
        scores = output[place].double().numpy()
        logs = scores - scores.max()
        logs -= np.log(np.exp(logs).sum())
        found[place] = float(-(1 - smoothing) * logs[int(target[place])] - smoothing * logs.mean())
    return found


def _first_line(task: Objective) -> str:
    """What the goal says of itself."""
    words = (type(task).__doc__ or task.kind).strip().partition("\n\n")[0]
    return " ".join(words.split()).rstrip(".")
