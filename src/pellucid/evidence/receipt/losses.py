"""The loss by hand: of each example, and its derivative by the answers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch import Tensor

from pellucid.evidence.receipt.numbers import said
from pellucid.evidence.receipt.parts import Line
from pellucid.tasks import Task

MOST_ANSWERS = 10
"""Outputs of the followed example that are listed."""


def loss_by_hand(
    task: Task, output: np.ndarray, target: np.ndarray, smoothing: float
) -> tuple[np.ndarray, np.ndarray]:
    """The loss of each example `(batch,)`, and its derivative by the output, in float64.

    Args:
        output: `(batch, [members,] outputs)`. target: as the task encodes it.
        smoothing: Share of the truth that is spread over all answers.
    """
    several = output if output.ndim == 3 else output[:, None]
    if task.kind == "regress":
        error = several - target[:, None]
        loss, blame = np.square(error).mean(-1), 2 * error / error.shape[-1]
    elif task.kind == "classify":
        wanted = wanted_share(task, target, smoothing)[:, None]
        shifted = several - several.max(-1, keepdims=True)
        logs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
        loss, blame = -(wanted * logs).sum(-1), np.exp(logs) - wanted
    else:
        wanted = wanted_share(task, target, smoothing)[:, None]
        put = _questions(task, target)[:, None]
        each = np.logaddexp(0, several) - several * wanted
        count = several.shape[-1] if task.kind == "tags" else 1
        loss = (each * put).sum(-1) / count
        blame = (1 / (1 + np.exp(-several)) - wanted) * put / count
    members = several.shape[1]
    return loss.mean(1), (blame / members).reshape(output.shape)


def wanted_share(task: Task, target: np.ndarray, smoothing: float) -> np.ndarray:
    """What the answer should have been, between 0 and 1, `(batch, outputs)`."""
    if task.kind == "classify":
        hot = np.eye(task.outputs)[target]
        return hot * (1 - smoothing) + smoothing / task.outputs
    if task.kind == "grades":
        above = (target[:, None] > np.arange(task.outputs)).astype(np.float64)
        return above * (1 - smoothing) + smoothing / 2
    return target * (1 - smoothing) + smoothing / 2


def _questions(task: Task, target: np.ndarray) -> np.ndarray:
    """1 where an output is asked at all; a grade's question "above j?" needs "at least j"."""
    if task.kind == "grades":
        return (target[:, None] >= np.arange(task.outputs)).astype(np.float64)
    return np.ones(target.shape)


# --- the same as a person would write it ------------------------------------------------------


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
        for name, p in zip(output_names(task)[:MOST_ANSWERS], sure, strict=False):
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


def output_names(task: Task) -> list[str]:
    """What each output is about."""
    classes: list[str] = getattr(task, "classes", []) or getattr(task, "tags", [])
    if task.kind == "grades":
        return [f"above {name}" for name in classes[:-1]]
    return classes or task.names
