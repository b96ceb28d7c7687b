"""What the gradient says of an answer: where the network looked, and how much each input adds.

Gradients cost one or a few passes instead of hundreds, but say what a tiny change would do, not
what the answer would be without a piece. So Grad-CAM gives the overview, a picture for the eye;
the numbers come from taking pieces away (`occlusion.py`), or, where there are too many pieces,
from integrated gradients, which add up the gradient on the whole way from nothing to the example.

All of it is about the first network and the column's values as that network takes them in.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.data.columns import Column
from pellucid.data.dataset import entry_of
from pellucid.evidence.explain.pieces import Pieces
from pellucid.evidence.subject import Rows, Subject
from pellucid.network.assemble import Branch, Joined
from pellucid.network.embed import Lookup, Patches, Pixels, Project
from pellucid.network.tap import watch
from pellucid.network.transformer import Transformer
from pellucid.tasks import Task
from pellucid.tasks.regress import Regress

STEPS, MOST_STEPS = 32, 288
"""Points on the way from nothing to the example: to begin with, and at most."""
LARGEST_GAP = 0.05
"""Share that integrated gradients may miss their sum by; beyond it three times as many points are
taken: the old ones, the middles of equal steps, are then the middles of every third."""
SURE = 1e-12


# --- where it looked --------------------------------------------------------------------------


def grad_cam(subject: Subject, row: Rows, column: str, output: int) -> np.ndarray | None:
    """float32 `(height, width)`, `(frames, bands)` or `(time,)`, 0 to 1: where the network looked.

    The last map of a convolutional network, each feature weighed with the mean gradient of the
    explained number (Selvaraju et al. 2017), enlarged to the size of what it looked at. None if
    no convolutional network reads this column, frozen or not.
    """
    if column in subject.frozen:
        return _frozen_cam(subject, row, column, output)
    inputs, group = subject.encode(row), _group(subject, column)
    with torch.enable_grad(), watch() as seen:
        number = score(subject.task, subject.network(inputs), output).sum()
    maps = [
        value
        for name, value in seen.items()
        if name.startswith(f"{group} / ") and name.endswith("activation") and value.ndim == 4
    ]
    if not maps:
        return None
    (slope,) = torch.autograd.grad(number, maps[-1])
    weights = slope.mean((1, 2), keepdim=True)  # (1, 1, 1, features)
    looked = F.relu((weights * maps[-1]).sum(-1)).detach()  # (1, height', width')
    size = subject.network.blueprint.entries[group].positions
    return _enlarged(looked / looked.max().clamp(min=1e-30), size)


def _frozen_cam(subject: Subject, row: Rows, column: str, output: int) -> np.ndarray | None:
    """The same for a frozen network, of whose last map the features are the mean."""
    last = subject.frozen[column].last_map(row[column].values)
    if last is None:
        return None
    inputs, group = subject.encode(row), _group(subject, column)
    features = inputs[group].detach().requires_grad_()
    with torch.enable_grad():
        outputs = subject.network({**inputs, group: features})
        (slope,) = torch.autograd.grad(score(subject.task, outputs, output).sum(), features)
    looked = F.relu((slope[..., None, None] * last).sum(1))  # (1, height', width')
    size = np.shape(row[column].values)[1:3]
    return _enlarged(looked / looked.max().clamp(min=1e-30), size)


def _enlarged(small: Tensor, size: tuple[int, ...]) -> np.ndarray:
    """`(1, h, w)` -> float32 of this size, smoothly; a sequence's map has h = 1."""
    flat = (1, *size) if len(size) == 1 else size
    large = F.interpolate(small[None], flat, mode="bilinear", align_corners=False)[0, 0]
    return large.reshape(size).float().numpy()


# --- how much each input adds -----------------------------------------------------------------


@dataclass(frozen=True)
class Integrated:
    """What each number that comes in adds to the explained one.

    values: float64 `(*positions, width)`. whole, base: the number (log-odds, or in the target's
    unit) of the example and of nothing. gap: what lacks between the values' sum and whole - base,
    as a share of it. steps: points on the way that it took. start: what nothing is, in words.
    """

    values: np.ndarray
    whole: float
    base: float
    gap: float
    steps: int
    start: str


def integrated_gradients(
    subject: Subject, row: Rows, column: str, output: int, steps: int = STEPS
) -> Integrated | None:
    """Integrated gradients (Sundararajan et al. 2017) on the way from nothing to the example.

    Nothing is padding for words and the mean of the training rows for measured values: both are
    zeros where the network takes them in. A Transformer sees only the direction of a token's
    vector, which zeros have not: for its words nothing is the mean of all tokens. None if a
    frozen network reads this column, whose values are no positions.
    """
    entrance = _entrance(subject, row, column, output)
    if entrance is None:
        return None
    start, words = _nothing(subject, column, entrance)
    way = entrance.vectors - start
    with torch.no_grad():
        base, whole = entrance.scores(torch.stack([start, entrance.vectors])).tolist()
    places = [(place + 0.5) / steps for place in range(steps)]
    total = torch.zeros_like(way, dtype=torch.float64)
    while True:
        for part in torch.tensor(places).split(STEPS):
            points = start + part.view(-1, *[1] * way.ndim) * way
            total += entrance.slopes(points).double().sum(0)
        values = total / steps * way
        gap = abs(float(values.sum()) - (whole - base)) / max(abs(whole - base), SURE)
        if gap < LARGEST_GAP or 3 * steps > MOST_STEPS:
            return Integrated(values.numpy(), whole, base, gap, steps, words)
        steps *= 3
        places = [(place + 0.5) / steps for place in range(steps) if place % 3 != 1]


def _nothing(subject: Subject, column: str, entrance: _Entrance) -> tuple[Tensor, str]:
    """Where the way to the example starts, in the shape of its vectors, and what that means."""
    door, zeros = entrance.door, torch.zeros_like(entrance.vectors)
    if not isinstance(door, Lookup):
        return zeros, "the mean of the training rows"
    if not isinstance(_branch(subject, column).network, Transformer):
        return zeros, "no words"
    mean = door.table.weight[1:].detach().mean(0)  # without the padding's
    there = entrance.vectors.any(-1, keepdim=True)
    return torch.where(there, mean, zeros), "average words"


def gradient_times_input(
    subject: Subject, row: Rows, column: str, output: int
) -> np.ndarray | None:
    """float64 `(*positions, width)`: the plain gradient times what comes in, which explanations
    must beat. None as with integrated gradients."""
    entrance = _entrance(subject, row, column, output)
    if entrance is None:
        return None
    slope = entrance.slopes(entrance.vectors[None])[0]
    return (slope * entrance.vectors).double().numpy()


def gradient_of_columns(subject: Subject, row: Rows, output: int) -> np.ndarray:
    """float64 `(columns,)`: the same for whole columns, each with all that comes in of it.

    Numbers count from their mean, where the network takes them in; words and categories from a
    vector of zeros.
    """
    inputs = subject.encode(row)
    leaves = {
        group: value.detach().requires_grad_()
        for group, value in inputs.items()
        if value.is_floating_point() and value.ndim == 2
    }
    with torch.enable_grad(), watch() as seen:
        number = score(subject.task, subject.network({**inputs, **leaves}), output).sum()
    if "categories" in inputs:
        leaves["categories"] = seen["categories / embedding"]  # (1, columns, width)
    added = {}
    for group, value in leaves.items():
        (slope,) = torch.autograd.grad(number, value, retain_graph=True)
        added[group] = (slope * value).detach().double()[0]
    return np.array([_of_column(subject, row, output, added, one) for one in subject.columns])


def _of_column(
    subject: Subject, row: Rows, output: int, added: dict[str, Tensor], column: Column
) -> float:
    entry = entry_of(column)
    if entry.group not in added:
        values = gradient_times_input(subject, row, column.name, output)
        return 0.0 if values is None else float(values.sum())
    entries = [(one.name, entry_of(one)) for one in subject.columns]
    mates = [(name, one.size) for name, one in entries if one.group == entry.group]
    before = [name for name, _ in mates].index(column.name)
    if entry.group == "categories":
        return float(added["categories"][before].sum())
    start = sum(size for _, size in mates[:before])
    return float(added[entry.group][start : start + entry.size].sum())


def on_pieces(values: np.ndarray, pieces: Pieces) -> np.ndarray:
    """float64 `(pieces,)`: the sum of `(*positions, width)` over each piece of a picture, a sound
    or a series."""
    return np.array([values[_inside(place, pieces)].sum() for place in pieces.places])


def _inside(place: tuple[int, ...], pieces: Pieces) -> tuple[slice, ...]:
    if len(place) == 4:  # (top, left, bottom, right), or (start, low, end, high)
        return slice(place[0], place[2]), slice(place[1], place[3])
    if len(place) == 2:
        return (slice(*place),)
    # Level and spread of a channel, where each series is normalized by itself, come in behind.
    channels = 1 + max(channel for *_, channel in pieces.places)
    return slice(place[0], place[1]), slice(place[2], None, channels)


def score(task: Task, outputs: Tensor, index: int) -> Tensor:
    """`(rows,)`: log-odds of a class or tag, or a number in the target's unit, with gradient.

    Log-odds rather than the probability: where an answer is sure the probability is flat, and its
    gradient says nothing. Members of one network are averaged as `Task.prediction` does.
    """
    outputs = outputs.double()
    members = outputs if outputs.ndim == 3 else outputs[:, None]  # (rows, members, outputs)
    if isinstance(task, Regress):
        return members[..., index].mean(1) * float(task.spread[index]) + float(task.center[index])
    if task.kind == "classify":
        logs = members.log_softmax(-1).logsumexp(1)  # (rows, classes), up to a constant
        others = torch.cat([logs[:, :index], logs[:, index + 1 :]], dim=1)
        return logs[:, index] - others.logsumexp(1)
    if task.kind == "tags":
        yes = F.logsigmoid(members[..., index]).logsumexp(1)
        return yes - F.logsigmoid(-members[..., index]).logsumexp(1)
    above = members.sigmoid().cumprod(-1)  # P(grade > j)
    one = torch.ones_like(above[..., :1])
    bounds = torch.cat([one, above, torch.zeros_like(one)], dim=-1)
    probability = (bounds[..., :-1] - bounds[..., 1:]).mean(1)[:, index]
    return probability.clamp(SURE, 1 - SURE).logit()


# --- the way in -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Entrance:
    """Where one column's values come into the network as vectors.

    vectors: `(*positions, width)` of the example. inputs: the example, encoded, one row.
    """

    subject: Subject
    inputs: dict[str, Tensor]
    door: nn.Module
    vectors: Tensor
    output: int

    def scores(self, vectors: Tensor) -> Tensor:
        """`(versions,)`: the explained number if these `(versions, *positions, width)` came in."""
        rows = {name: value.expand(len(vectors), *value.shape[1:]) for name, value in
                self.inputs.items()}  # fmt: skip
        with _instead(self.door, vectors):
            return score(self.subject.task, self.subject.network(rows), self.output)

    def slopes(self, vectors: Tensor) -> Tensor:
        """The gradient of each version's number, in the shape of `vectors`."""
        leaf = vectors.detach().requires_grad_()
        with torch.enable_grad():
            (slope,) = torch.autograd.grad(self.scores(leaf).sum(), leaf)
        return slope


def _entrance(subject: Subject, row: Rows, column: str, output: int) -> _Entrance | None:
    branch = _branch(subject, column)
    if not isinstance(branch, Branch):
        return None
    embed = branch.embed
    # Before the linear map of a projection, where each pixel, sample or band is still by itself.
    door = embed.normalize if isinstance(embed, Project | Patches) else embed
    if not isinstance(door, Pixels | Lookup):
        return None
    inputs = subject.encode(row)
    with torch.no_grad():
        vectors = door(inputs[_group(subject, column)])[0][0]
    return _Entrance(subject, inputs, door, vectors, output)


def _branch(subject: Subject, column: str) -> nn.Module:
    part = subject.network.part(_group(subject, column))
    return part.branch if isinstance(part, Joined) else part


@contextmanager
def _instead(door: nn.Module, vectors: Tensor) -> Iterator[None]:
    """Inside the block these vectors come in, with the mask of what would have."""

    def replace(module: nn.Module, given: Any, came: tuple[Tensor, Tensor | None]) -> Any:
        return vectors, came[1]

    handle = door.register_forward_hook(replace)
    try:
        yield
    finally:
        handle.remove()


def _group(subject: Subject, column: str) -> str:
    """The group that a column with positions is by itself."""
    return entry_of(next(one for one in subject.columns if one.name == column)).group
