"""How good are boxes? Average precision, counted as COCO counts it (pycocotools' COCOeval).

Boxes are taken surest first. Each takes the thing of its class that it fits best, if they overlap
enough and nobody took it before; else it is a false alarm. Precision at every recall, averaged, is
the average precision; the mean over classes and over ten degrees of overlap, .50 to .95, is the
figure that papers report. Everything is counted for pictures that may weigh differently, so that a
figure and its bootstrap interval can't disagree: a picture of weight 2 counts as if it were there
twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_matrix

from pellucid.learning.evaluate import Score, mean_where_defined

OVERLAPS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
MOST = 100
"""Boxes of one picture and class that count: the surest ones."""
SIZES: dict[str, tuple[float, float]] = {
    "all": (0.0, 1e10),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e10),
}
"""COCO's size ranges: area of the box in pixels of the picture."""


@dataclass(frozen=True)
class Things:
    """What is in one picture. labels: int64 `(n,)`. boxes: float64 `(n, 4)` left, top, right,
    bottom. crowd: bool `(n,)`, neither right nor wrong; any number of boxes may lie in it."""

    labels: np.ndarray
    boxes: np.ndarray
    crowd: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))

    def __post_init__(self) -> None:
        if not len(self.crowd):
            object.__setattr__(self, "crowd", np.zeros(len(self.labels), dtype=bool))


@dataclass(frozen=True)
class Boxes:
    """What was found in one picture, in any order: labels `(n,)`, scores `(n,)`, boxes `(n, 4)`."""

    labels: np.ndarray
    scores: np.ndarray
    boxes: np.ndarray


@dataclass(frozen=True)
class Matched:
    """One class and range of sizes, all pictures. scores `(n,)`, surest first; picture `(n,)`;
    right, ignored: bool `(overlaps, n)`. things: `(pictures,)` how many there are to be found."""

    scores: np.ndarray
    picture: np.ndarray
    right: np.ndarray
    ignored: np.ndarray
    things: np.ndarray


def mean_average_precision(
    truth: Sequence[Things],
    found: Sequence[Boxes],
    classes: int,
    *,
    overlaps: np.ndarray = OVERLAPS,
    size: str = "all",
) -> Score:
    """Picture weights `(draws, pictures)` -> mean average precision `(draws,)`.

    The mean over classes with at least one thing, and over `overlaps`; NaN without any thing.
    """
    parts = [match(truth, found, one, overlaps, size) for one in range(classes)]
    measures = [average_precision(part) for part in parts if part.things.any()]

    def measure(weights: np.ndarray) -> np.ndarray:
        if not measures:
            return np.full(len(weights), np.nan)
        return mean_where_defined(np.stack([one(weights) for one in measures], 1))

    return measure


def average_precision(matched: Matched) -> Score:
    """Picture weights -> the average precision of one class, the mean over its overlaps.

    Only right boxes move recall, and precision is highest at them; so it is enough to know how
    many false alarms of each picture stand before each right box.
    """
    pictures = len(matched.things)
    courses = []
    for right, ignored in zip(matched.right, matched.ignored):
        counted = ~ignored
        places = np.flatnonzero(right & counted)
        wrong = np.flatnonzero(~right & counted)
        before = np.searchsorted(places, wrong)  # which right box comes next
        wrong, before = wrong[before < len(places)], before[before < len(places)]
        shape = (pictures, len(places))
        ones = np.ones(len(wrong))
        alarms = csr_matrix((ones, (matched.picture[wrong], before)), shape=shape)
        courses.append((matched.picture[places], alarms))

    def measure(weights: np.ndarray) -> np.ndarray:
        total = weights @ matched.things
        each = [_area(weights, picture, alarms, total) for picture, alarms in courses]
        found: np.ndarray = np.mean(each, axis=0)
        return np.where(total > 0, found, np.nan)

    return measure


def _area(
    weights: np.ndarray, picture: np.ndarray, alarms: csr_matrix, total: np.ndarray
) -> np.ndarray:
    """Mean of the best precision at or beyond each of 101 recalls `(draws,)`."""
    if not len(picture):
        return np.zeros(len(weights))
    hits = np.cumsum(weights[:, picture], 1)  # (draws, right boxes)
    wrong = np.cumsum((alarms.T @ weights.T).T, 1)
    # COCOeval adds the smallest step of a float below the line; the sums are whole numbers here.
    precision = np.divide(hits, hits + wrong, out=np.zeros_like(hits), where=hits > 0)
    best = np.maximum.accumulate(precision[:, ::-1], 1)[:, ::-1]
    recall = np.divide(hits, total[:, None], out=np.zeros_like(hits), where=total[:, None] > 0)
    reached = np.searchsorted(RECALLS, recall.ravel(), side="right").reshape(recall.shape)
    steps = np.diff(reached, axis=1, prepend=0)
    return (steps * best).sum(1) / len(RECALLS)


# --- matching ---------------------------------------------------------------------------------


def match(
    truth: Sequence[Things],
    found: Sequence[Boxes],
    label: int,
    overlaps: np.ndarray = OVERLAPS,
    size: str = "all",
) -> Matched:
    """Which boxes of one class are right, at each degree of overlap."""
    scores, pictures, right, ignored, things = [], [], [], [], []
    for number, (real, boxes) in enumerate(zip(truth, found, strict=True)):
        asked, said = real.labels == label, boxes.labels == label
        order = np.argsort(-boxes.scores[said], kind="stable")[:MOST]
        own = boxes.boxes[said][order]
        hits, neither, count = match_picture(
            own, real.boxes[asked], real.crowd[asked], overlaps, SIZES[size]
        )
        scores.append(boxes.scores[said][order])
        pictures.append(np.full(len(own), number))
        right.append(hits)
        ignored.append(neither)
        things.append(count)
    score = np.concatenate(scores) if scores else np.zeros(0)
    order = np.argsort(-score, kind="stable")
    return Matched(
        score[order],
        np.concatenate(pictures)[order].astype(np.int64),
        np.concatenate(right, 1)[:, order],
        np.concatenate(ignored, 1)[:, order],
        np.array(things, dtype=np.float64),
    )


def match_picture(
    boxes: np.ndarray,
    things: np.ndarray,
    crowd: np.ndarray,
    overlaps: np.ndarray,
    limits: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray, int]:
    """One picture and class; boxes `(n, 4)` surest first.

    Returns:
        Right and neither right nor wrong, bool `(overlaps, n)`; how many things count.
    """
    sizes = _area_of(things)
    outside = crowd | (sizes < limits[0]) | (sizes > limits[1])
    order = np.argsort(outside, kind="stable")  # things that count come first
    things, crowd, outside = things[order], crowd[order], outside[order]
    shared = overlap(boxes, things, crowd)
    hits = np.zeros((len(overlaps), len(boxes)), dtype=bool)
    neither = np.zeros_like(hits)
    near = np.flatnonzero(shared.max(1, initial=0.0) >= overlaps.min() - 1e-9)
    for level, least in enumerate(overlaps):
        taken = np.zeros(len(things), dtype=bool)
        for number in near:  # all others are far from everything
            mine = _best(shared[number], least, taken, crowd, outside)
            if mine is None:
                continue
            hits[level, number], neither[level, number] = True, outside[mine]
            taken[mine] = True
    size = _area_of(boxes)
    unasked = (size < limits[0]) | (size > limits[1])
    neither |= ~hits & unasked
    return hits, neither, int((~outside).sum())


def _best(
    shared: np.ndarray, least: float, taken: np.ndarray, crowd: np.ndarray, outside: np.ndarray
) -> int | None:
    """The thing that a box takes: the best fitting free one that counts, else one that does not."""
    best, mine = min(least, 1 - 1e-10), None
    for thing in range(len(shared)):
        if taken[thing] and not crowd[thing]:
            continue
        if mine is not None and not outside[mine] and outside[thing]:
            break
        if shared[thing] < best:
            continue
        best, mine = shared[thing], thing
    return mine


def overlap(boxes: np.ndarray, things: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """IoU `(boxes, things)`; with a crowd the share of the box that lies in it."""
    low = np.maximum(boxes[:, None, :2], things[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], things[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(-1)
    own, theirs = _area_of(boxes)[:, None], _area_of(things)[None]
    whole = np.where(crowd[None], own, own + theirs - shared)
    return np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)


def _area_of(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
