"""Training examples that look alike to the network: the nearest, and the nearest of another kind.

Alike means: what the network makes of two examples before it answers points in nearly the same
direction (cosine). This is the plainest explanation by example, and hard to beat by costlier ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.data.columns import Drawing
from pellucid.evidence.explain.reference import Reference
from pellucid.tasks import Task

COUNT = 5
AROUND = 25
"""For numbers: the most disagreeing of so many nearest examples is shown."""


@dataclass(frozen=True)
class Neighbor:
    """One training example. row: its number in the source; place: how a person finds it. target:
    its true answer, as people say it. similarity: cosine, 1 is the same to the network.
    drawing: column -> the example itself; empty where it was not kept."""

    row: int
    place: str
    target: Any
    similarity: float
    drawing: dict[str, Drawing] = field(compare=False)


@dataclass(frozen=True)
class Neighbors:
    """The nearest training examples, nearest first, and the one that speaks against the answer:
    the nearest with another label, or for numbers the most different among the nearest."""

    nearest: tuple[Neighbor, ...]
    other: Neighbor | None
    searched: int


def neighbors(
    reference: Reference, task: Task, features: np.ndarray, prediction: np.ndarray
) -> Neighbors:
    """The training examples nearest to one example.

    Args:
        features: float32 `(width,)`, what the network made of the example.
        prediction: `(classes | tags | targets,)`, its answer.
    """
    similarity = cosine(reference.features.astype(np.float32), features)
    order = np.argsort(-similarity, kind="stable")
    against = _against(task, reference.target, prediction, order)

    def one(place: int) -> Neighbor:
        return Neighbor(
            int(reference.row_numbers[place]),
            reference.places[place],
            said_target(task, reference.target[place]),
            float(similarity[place]),
            reference.drawing(place),
        )

    return Neighbors(
        tuple(one(int(place)) for place in order[:COUNT]),
        None if against is None else one(against),
        len(reference),
    )


def cosine(many: np.ndarray, one: np.ndarray) -> np.ndarray:
    """float32 `(rows,)`: cosine of each row of `(rows, width)` with one vector `(width,)`."""
    lengths = np.linalg.norm(many, axis=1) * np.linalg.norm(one)
    found: np.ndarray = many @ one / np.maximum(lengths, 1e-12)
    return np.clip(found, -1.0, 1.0)


def said_target(task: Task, truth: Any) -> Any:
    """A true target as people say it: a class, a list of tags, a number or several by name."""
    if task.kind in ("classify", "grades"):
        return getattr(task, "classes", [])[int(truth)]
    if task.kind == "tags":
        return [tag for tag, on in zip(getattr(task, "tags", []), truth, strict=True) if on]
    if task.outputs == 1:
        return float(np.ravel(truth)[0])
    return dict(zip(task.names, map(float, truth), strict=True))


def _against(
    task: Task, target: np.ndarray, prediction: np.ndarray, order: np.ndarray
) -> int | None:
    """Place of the example that speaks most against the answer; None if all agree."""
    if task.kind == "regress":
        near = order[:AROUND]
        away = np.abs(target[near] - prediction) / getattr(task, "spread", 1.0)
        return int(near[away.reshape(len(near), -1).max(1).argmax()])
    if task.kind == "tags":
        differs = ((target > 0.5) != (prediction >= 0.5)).any(1)
    else:
        said = getattr(task, "classes", []).index(task.answers(prediction[None])[0]["answer"])
        differs = target != said
    places = order[differs[order]]
    return int(places[0]) if len(places) else None
