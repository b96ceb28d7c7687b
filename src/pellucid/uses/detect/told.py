"""What a detector tells of a picture, and how right that is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.uses.detect.pictures import onto
from pellucid.uses.detect.precision import SIZES, Boxes, Things, match_picture, overlap
from pellucid.uses.detect.prepared import Pictures
from pellucid.uses.detect.sureness import RIGHT, Sureness

Drawer = Callable[[int, list[dict[str, Any]]], dict[str, Any]]
"""Number of a picture and boxes on the canvas -> drawing."""

NEAR = 0.1
"""Overlap from which on a false alarm is a thing that was badly placed."""
KINDS = ("nothing there", "wrong class", "badly placed", "twice the same")


@dataclass(frozen=True)
class Told:
    """What was told of one picture: boxes that are likely enough, surest first, each right,
    ignored or a false alarm of some kind; and the things that none of them found."""

    boxes: Boxes
    chances: np.ndarray
    right: np.ndarray
    ignored: np.ndarray
    kinds: list[str]
    missed: np.ndarray

    @property
    def alarms(self) -> np.ndarray:
        """bool `(n,)`: neither right nor ignored."""
        return ~self.right & ~self.ignored


def tell(truth: Things, found: Boxes, sureness: Sureness) -> Told:
    """What is told of one picture, and how right it is."""
    chance = sureness.probability(found.scores)
    order = sureness.told(found)
    boxes = Boxes(found.labels[order], found.scores[order], found.boxes[order])
    right, ignored = np.zeros(len(order), dtype=bool), np.zeros(len(order), dtype=bool)
    for label in np.unique(boxes.labels):
        own, asked = boxes.labels == label, truth.labels == label
        hits, neither, _ = match_picture(
            boxes.boxes[own],
            truth.boxes[asked],
            truth.crowd[asked],
            np.array([RIGHT]),
            SIZES["all"],
        )
        right[own], ignored[own] = hits[0] & ~neither[0], neither[0]
    fit = overlap(boxes.boxes, truth.boxes, truth.crowd)
    same = boxes.labels[:, None] == truth.labels[None]
    kinds = [_kind(fit[one], same[one]) for one in range(len(order))]
    reached = ((fit >= RIGHT) & same).any(0) if len(order) else np.zeros(len(truth.labels), bool)
    return Told(boxes, chance[order], right, ignored, kinds, ~reached & ~truth.crowd)


def _kind(fit: np.ndarray, same: np.ndarray) -> str:
    """What kind of mistake a box is, if it is one."""
    if (fit[same] >= RIGHT).any():
        return "twice the same"
    if (fit[~same] >= RIGHT).any():
        return "wrong class"
    return "badly placed" if (fit[same] >= NEAR).any() else "nothing there"


def on_canvas(pictures: Pictures, row: int, told: Told) -> list[dict[str, Any]]:
    """What was told of a picture, to be drawn on the canvas."""
    boxes = onto(told.boxes.boxes, pictures.fits[row])
    return [
        {
            "label": pictures.classes[label],
            "x": round(float(box[0]), 1),
            "y": round(float(box[1]), 1),
            "width": round(float(box[2] - box[0]), 1),
            "height": round(float(box[3] - box[1]), 1),
            "probability": round(float(chance), 3),
        }
        for label, chance, box in zip(told.boxes.labels, told.chances, boxes)
    ]
