"""Early layers find edges, later ones shapes, then objects: is it so here?

Where the truth about every pixel is known, it is asked of each layer's answers by the simplest
reader there is, a linear one: which way does the edge run here, is there a corner here, and which
object is the picture? "Here" is a square of 8 x 8 pixels for every layer, so that a layer with
many small places has no advantage over one with few. Readers learn from training pictures and are
judged on pictures that the network did not learn from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pellucid.evidence.features.known import ACROSS, Cells, Outlines, cells
from pellucid.evidence.features.units import UnitLayer, answers, batches
from pellucid.evidence.intervals import middle, resamples
from pellucid.examples.shapes import SIDE
from pellucid.learning.evaluate import Score
from pellucid.network.assemble import Model

DRAWS = 400
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)
"""Of a reader's weights, as shares of the examples; the best on a third of them is taken."""

QUESTIONS = ("edges", "parts", "objects")
WORDS = {
    "edges": "which way an edge runs (R², squares with one straight edge)",
    "parts": "where the corners are (share of pairs of squares of a picture put in order)",
    "objects": "which object it is (share right, whole pictures)",
}


@dataclass(frozen=True)
class Read:
    """How well each question can be read from each layer.

    score: question -> `(layers,)`; draws: question -> `(DRAWS, layers)`, the same for pictures
    drawn anew. rows: (pictures learned from, pictures judged on).
    """

    score: dict[str, np.ndarray]
    draws: dict[str, np.ndarray]
    rows: tuple[int, int]

    def best(self, question: str) -> int:
        """The layer from which it is read best."""
        return int(self.score[question].argmax())

    def interval(self, question: str) -> list[tuple[float, float]]:
        return [middle(column) for column in self.draws[question].T]

    @property
    def order(self) -> float:
        """Share of the draws in which edges come first, then parts, then objects: no question is
        read best earlier than the one before it, and objects later than edges."""
        edges, parts, objects = (self.draws[one].argmax(1) for one in QUESTIONS)
        return float(((edges <= parts) & (parts <= objects) & (edges < objects)).mean())

    @property
    def holds(self) -> bool:
        edges, parts, objects = (self.best(one) for one in QUESTIONS)
        return edges <= parts <= objects and edges < objects


@dataclass(frozen=True)
class Seen:
    """What the layers answered: in each square, and to whole pictures; one array a layer."""

    local: list[np.ndarray]
    whole: list[np.ndarray]
    cells: Cells


def read(
    model: Model,
    layers: list[UnitLayer],
    learn: Mapping[str, Tensor],
    judge: Mapping[str, Tensor],
    truth: tuple[Outlines, np.ndarray, np.ndarray],
    labels: tuple[np.ndarray, np.ndarray],
    seed: int = 0,
) -> Read:
    """Ask the questions of every layer.

    Args:
        learn, judge: Encoded pictures.
        truth: Of all rows of the source, and which rows `learn` and `judge` are.
        labels: Class of each picture in `learn` and in `judge`, int64.
    """
    known, learn_rows, judge_rows = truth
    one = _seen(model, layers, learn, cells(known, learn_rows))
    two = _seen(model, layers, judge, cells(known, judge_rows))
    weights = np.concatenate(list(resamples(len(judge_rows), DRAWS, seed)))
    found: dict[str, list[tuple[float, np.ndarray]]] = {name: [] for name in QUESTIONS}
    for layer in range(len(layers)):
        found["edges"].append(_directions(one, two, layer, weights))
        found["parts"].append(_parts(one, two, layer, weights))
        found["objects"].append(_objects(one, two, layer, weights, labels))
    return Read(
        {name: np.array([score for score, _ in columns]) for name, columns in found.items()},
        {name: np.stack([draws for _, draws in columns], 1) for name, columns in found.items()},
        (len(learn_rows), len(judge_rows)),
    )


# --- what the layers answer -----------------------------------------------------------------------


def _seen(
    model: Model, layers: list[UnitLayer], inputs: Mapping[str, Tensor], asked: Cells
) -> Seen:
    local: list[list[np.ndarray]] = [[] for _ in layers]
    whole: list[list[np.ndarray]] = [[] for _ in layers]
    squares = [torch.from_numpy(places(layer)) for layer in layers]
    start = 0
    for part in batches(layers, inputs):
        count = len(next(iter(part.values())))
        here = (asked.row >= start) & (asked.row < start + count)
        at = (torch.from_numpy(asked.row[here] - start), torch.from_numpy(asked.cell[here]))
        for number, value in enumerate(answers(model, layers, part)):
            means, most = pooled(value, squares[number])
            local[number].append(torch.cat([means[at], most[at]], 1).numpy())
            whole[number].append(torch.cat([value.mean(1), value.amax(1)], 1).numpy())
        start += count
    return Seen([np.concatenate(o) for o in local], [np.concatenate(o) for o in whole], asked)


def pooled(value: Tensor, square: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and maximum `(rows, squares, units)` of `(rows, positions, units)` in each square.

    Args:
        square: int64 `(positions,)`, or `(squares, 1)` where squares are smaller than places.
    """
    if square.ndim == 2:
        only = value[:, square[:, 0]]
        return only, only
    index = square[None, :, None].expand_as(value)
    empty = value.new_zeros(len(value), ACROSS**2, value.shape[2])
    return (
        empty.scatter_reduce(1, index, value, "mean", include_self=False),
        empty.scatter_reduce(1, index, value, "amax", include_self=False),
    )


def places(layer: UnitLayer) -> np.ndarray:
    """The square in which each place of a layer has the middle of its field, `(positions,)`; if
    there are squares without any, the place nearest to each of them, `(squares, 1)`."""
    assert layer.field is not None
    side = SIDE / ACROSS
    middles = [
        start + (size - 1) / 2 + np.arange(count) * step
        for start, size, step, count in zip(
            layer.field.start, layer.field.size, layer.field.step, layer.positions, strict=True
        )
    ]
    square = [np.clip(middle // side, 0, ACROSS - 1).astype(np.int64) for middle in middles]
    if all(len(np.unique(one)) == ACROSS for one in square):
        return np.asarray((square[0][:, None] * ACROSS + square[1]).ravel())
    wanted = (np.arange(ACROSS) + 0.5) * side
    near = [np.abs(middle - wanted[:, None]).argmin(1) for middle in middles]
    flat = near[0][:, None] * layer.positions[1] + near[1]
    return np.asarray(flat.reshape(-1, 1))


# --- questions ------------------------------------------------------------------------------------


def _directions(one: Seen, two: Seen, layer: int, weights: np.ndarray) -> tuple[float, np.ndarray]:
    """R² of the direction as a point on a circle that is run through twice a turn."""
    learn, judge = (~np.isnan(seen.cells.direction) for seen in (one, two))
    truth = [_circle(seen.cells.direction[at]) for seen, at in ((one, learn), (two, judge))]
    said = linear(one.local[layer][learn], truth[0], one.cells.row[learn], two.local[layer][judge])
    wrong = ((truth[1] - said) ** 2).sum(1)
    spread = ((truth[1] - truth[0].mean(0)) ** 2).sum(1)

    def score(weights: np.ndarray) -> np.ndarray:
        return np.asarray(1 - weights @ wrong / (weights @ spread))

    return _judged(score, two.cells.row[judge], weights)


def _circle(degrees: np.ndarray) -> np.ndarray:
    turn = np.deg2rad(2 * degrees.astype(np.float64))
    return np.stack([np.cos(turn), np.sin(turn)], 1)


def _parts(one: Seen, two: Seen, layer: int, weights: np.ndarray) -> tuple[float, np.ndarray]:
    """How often a square with a corner outranks one with an outline alone, in the same picture.

    They are compared within a picture, for learning too: a layer that knows the object also knows
    whether it has corners at all, but that is not to see one.
    """
    row = one.cells.row
    said = linear(
        _centered(one.local[layer], row),
        _centered(one.cells.corner.astype(float)[:, None], row),
        row,
        two.local[layer],
    )[:, 0]
    rows, shares = within(two.cells.corner, said, two.cells.row)

    def score(weights: np.ndarray) -> np.ndarray:
        return np.asarray(weights @ shares / weights.sum(1))

    return _judged(score, rows, weights)


def within(
    having: np.ndarray, said: np.ndarray, group: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Groups that hold both kinds, and for each the share of pairs in which the one that has it
    was said to be higher (ties count half)."""
    rows, shares = [], []
    order = np.argsort(group, kind="stable")
    names, starts = np.unique(group[order], return_index=True)
    for name, part in zip(names, np.split(order, starts[1:]), strict=True):
        yes, no = said[part][having[part]], said[part][~having[part]]
        if len(yes) and len(no):
            gap = yes[:, None] - no[None, :]
            rows.append(name)
            shares.append(float(((gap > 0) + 0.5 * (gap == 0)).mean()))
    return np.array(rows, dtype=np.int64), np.array(shares)


def _centered(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Each group's mean taken away; `group` counts from 0."""
    count = np.bincount(group, minlength=group.max() + 1)
    sums = np.zeros((len(count), values.shape[1]))
    np.add.at(sums, group, values)
    return np.asarray(values - (sums / np.maximum(count, 1)[:, None])[group])


def _objects(
    one: Seen, two: Seen, layer: int, weights: np.ndarray, labels: tuple[np.ndarray, np.ndarray]
) -> tuple[float, np.ndarray]:
    learn = np.eye(int(labels[0].max()) + 1)[labels[0]]
    rows = np.arange(len(learn))
    right = linear(one.whole[layer], learn, rows, two.whole[layer]).argmax(1) == labels[1]

    def score(weights: np.ndarray) -> np.ndarray:
        return np.asarray(weights @ right / weights.sum(1))

    return _judged(score, np.arange(len(right)), weights)


def _judged(score: Score, row: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray]:
    """A score, and what it is when pictures count as often as they were drawn."""
    parts = [score(some[:, row]) for some in np.array_split(weights, 8)]
    return float(score(np.ones((1, len(row))))[0]), np.concatenate(parts)


# --- the reader -----------------------------------------------------------------------------------


def linear(x: np.ndarray, y: np.ndarray, group: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Ridge regression: learn `y` `(n, outputs)` from `x` `(n, features)`, answer for `asked`.

    group: examples of one picture share a number; the penalty is chosen on every third picture.
    """
    check = group % 3 == 0
    best = min(PENALTIES, key=_error(x[~check], y[~check], x[check], y[check]))
    return ridge(x, y)(asked, best)


def _error(
    x: np.ndarray, y: np.ndarray, x_check: np.ndarray, y_check: np.ndarray
) -> Callable[[float], float]:
    answer = ridge(x, y)
    return lambda penalty: float(((answer(x_check, penalty) - y_check) ** 2).mean())


def ridge(x: np.ndarray, y: np.ndarray) -> Callable[[np.ndarray, float], np.ndarray]:
    """(new inputs, penalty) -> answers; all penalties share one decomposition."""
    center, spread = x.mean(0), x.std(0)
    keep = spread > 1e-6 * max(1.0, float(spread.max(initial=0)))
    one = ((x - center)[:, keep] / spread[keep]).astype(np.float64)
    level = y.mean(0)
    values, vectors = np.linalg.eigh(one.T @ one / len(one))
    toward = vectors.T @ (one.T @ (y - level) / len(one))

    def answer(new: np.ndarray, penalty: float) -> np.ndarray:
        weights = vectors @ (toward / (values.clip(0) + penalty)[:, None])
        return ((new - center)[:, keep] / spread[keep]) @ weights + level

    return answer
