"""Why is this box there? What in the picture, around it, makes the detector see it.

Patches of the picture in and around the box are blurred one at a time; the more of the box is lost
with a patch, the more it counts (as D-RISE, Petsiuk et al. 2021, asks: how much of the same box, of
the same class, is still found?). Whether that is true is tested as in all uses (`uses/taken.py`).
"""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.evidence.explain.pictures import edges, weights
from pellucid.evidence.finding import Chart, Finding, Line, Picture, unknown
from pellucid.recipe.drawings import png
from pellucid.uses.detect.pictures import Fit, fit, on_canvas
from pellucid.uses.detect.precision import overlap
from pellucid.uses.taken import Taken, take_away

if TYPE_CHECKING:
    from pellucid.uses.detect.answerer import DetectAnswerer

MARGIN = 0.6
"""How far around the box patches are taken away, as a share of its sides."""
FEWEST_CELLS, MOST_CELLS = 4, 9
AT_ONCE = 16
TITLE = "What makes this box"


def explain(answerer: DetectAnswerer, picture: Any, place: str, seconds: float) -> Finding:
    """The surest box of a picture (Pillow), within about `seconds`."""
    who = answerer.kept
    canvas = on_canvas(picture, answerer.canvas)
    began = time.perf_counter()
    found = answerer.find(canvas[None], who)[0]
    each = max(time.perf_counter() - began, 1e-3)
    told = answerer.told(found[:1], picture.size, who)
    if not told:
        best = answerer.surenesses[who].probability(found[:1, 1])[0]
        why = (
            f"Nothing was found in {place}: the likeliest box has a probability of {best:.2f}, "
            f"told are those from {answerer.surenesses[who].threshold:.2f} on."
        )
        return unknown("explanation", TITLE, why)
    cells = int(np.clip(np.sqrt(seconds / each / 4), FEWEST_CELLS, MOST_CELLS))
    pieces = Pieces(canvas, found[0, 2:], cells)
    left = Left(answerer, who, found[0], pieces)
    taken = take_away(left.of, cells**2, seconds)
    lies = fit(picture.size, answerer.canvas)
    return _finding(place, told[0], canvas, found[0], pieces, taken, lies)


class Pieces:
    """Patches in and around a box `(4,)` on the canvas, `cells` down and across.

    places: `(cells * cells, 4)` left, top, right, bottom of each.
    """

    def __init__(self, canvas: np.ndarray, box: np.ndarray, cells: int) -> None:
        from scipy.ndimage import gaussian_filter

        self.canvas, self.cells = canvas.astype(np.float32), cells
        height, width = canvas.shape[:2]
        grow = MARGIN * (box[2:] - box[:2])
        low = np.floor(np.maximum(box[:2] - grow, 0)).astype(int)
        high = np.ceil(np.minimum(box[2:] + grow, [width, height])).astype(int)
        high = np.minimum(np.maximum(high, low + cells), [width, height])
        low = np.maximum(np.minimum(low, high - cells), 0)
        self.low, self.high = low, high
        across, down = (edges(int(high[i] - low[i]), cells) for i in (0, 1))
        self._across, self._down = weights(across, True), weights(down, True)
        self.places = np.array(
            [
                (low[0] + left, low[1] + top, low[0] + right, low[1] + bottom)
                for top, bottom in pairwise(down)
                for left, right in pairwise(across)
            ]
        )
        # As wide as half the box: neither its edges nor its color can be made out.
        spread = float((box[2:] - box[:2]).max() / 2)
        self.blurred = gaussian_filter(self.canvas, (spread, spread, 0), mode="nearest")

    def without(self, gone: np.ndarray) -> np.ndarray:
        """The canvas without some patches: bool `(versions, cells * cells)` -> uint8 pictures."""
        grid = gone.reshape(-1, self.cells, self.cells).astype(np.float32)
        share = np.einsum("vij,ih,jw->vhw", grid, self._down, self._across)[..., None]
        (left, top), (right, bottom) = self.low, self.high
        versions = np.tile(self.canvas, (len(gone), 1, 1, 1))
        part = versions[:, top:bottom, left:right]
        part += share * (self.blurred[top:bottom, left:right] - part)
        return np.clip(np.rint(versions), 0, 255).astype(np.uint8)


class Left:
    """How much of a box is still found: sureness x overlap of the box of its class that fits it
    best, 0 to 1."""

    def __init__(self, answerer: DetectAnswerer, who: str, box: np.ndarray, pieces: Pieces) -> None:
        self.answerer, self.who, self.box, self.pieces = answerer, who, box, pieces

    def of(self, gone: np.ndarray) -> np.ndarray:
        """bool `(versions, patches)` -> `(versions,)`."""
        parts = [gone[start : start + AT_ONCE] for start in range(0, len(gone), AT_ONCE)]
        return np.array([self._kept(boxes) for part in parts for boxes in self._found(part)])

    def _found(self, gone: np.ndarray) -> np.ndarray:
        return self.answerer.find(self.pieces.without(gone), self.who)

    def _kept(self, found: np.ndarray) -> float:
        own = found[(found[:, 0] == self.box[0]) & (found[:, 1] > 0)]
        shared = overlap(own[:, 2:], self.box[None, 2:], np.zeros(1, dtype=bool))[:, 0]
        chance = self.answerer.surenesses[self.who].probability(own[:, 1])
        return float((chance * shared).max(initial=0.0))


def _finding(
    place: str,
    told: dict[str, Any],
    canvas: np.ndarray,
    box: np.ndarray,
    pieces: Pieces,
    taken: Taken,
    lies: Fit,
) -> Finding:
    values = taken.values
    inside = _share_inside(pieces, values, box[2:])
    name = f"the {told['label']} at ({told['x']:.0f}, {told['y']:.0f})"
    where = "on the thing itself" if inside >= 0.5 else "on the thing, the rest around it"
    sentence = (
        f"{name[0].upper()}{name[1:]}, {100 * told['probability']:.0f}% likely: "
        f"{100 * inside:.0f}% of what the box rests on is {where}. "
        + taken.tested("blurring the patches that count most makes the box go")
    )
    drawn = {
        "label": told["label"],
        "probability": told["probability"],
        "x": round(float(box[2]), 1),
        "y": round(float(box[3]), 1),
        "width": round(float(box[4] - box[2]), 1),
        "height": round(float(box[5] - box[3]), 1),
    }
    height, width = canvas.shape[:2]
    drawing = {"png": png(canvas), "width": width, "height": height, "boxes": [drawn]}
    warm = png(heated(canvas, pieces, values))
    heat = {"png": warm, "width": width, "height": height, "boxes": [drawn]}
    shares = tuple(taken.shares.tolist())
    return Finding(
        part="explanation",
        title=TITLE,
        sentence=sentence,
        notes=(
            f"{len(values)} patches in and around the box were blurred, alone and together; what "
            "counts is how much of the same box, of the same class, is still found.",
        ),
        figures={
            "box": told,
            "inside": inside,
            "values": np.round(values, 4).tolist(),
            "patches": [_in_picture(one, lies) for one in pieces.places],
            "gain": taken.gain,
            "chance": taken.chance,
            "faithful": taken.faithful,
        },
        charts=(
            Chart(
                "How much of the box is left",
                "share of patches taken away",
                "sureness x overlap",
                (
                    Line("important first", shares, tuple(taken.guided.tolist())),
                    Line("random order", shares, tuple(taken.random.tolist())),
                ),
            ),
        ),
        pictures=(
            Picture(place, {"picture": {"kind": "boxes", "data": drawing}}),
            Picture("what the box rests on", {"picture": {"kind": "boxes", "data": heat}}),
        ),
    )


def _in_picture(patch: np.ndarray, lies: Fit) -> list[float]:
    """A patch of the canvas in pixels of the picture."""
    left, top, right, bottom = (float(edge) for edge in patch)
    return [
        round((left - lies.left) / lies.across, 1),
        round((top - lies.top) / lies.down, 1),
        round((right - lies.left) / lies.across, 1),
        round((bottom - lies.top) / lies.down, 1),
    ]


def _share_inside(pieces: Pieces, values: np.ndarray, box: np.ndarray) -> float:
    """Share of the importance that lies within the box; a patch counts by how much of it does."""
    places = pieces.places.astype(np.float64)
    low, high = np.maximum(places[:, :2], box[:2]), np.minimum(places[:, 2:], box[2:])
    within = np.clip(high - low, 0, None).prod(1) / (places[:, 2:] - places[:, :2]).prod(1)
    weight = np.maximum(values, 0)
    return float((weight * within).sum() / max(weight.sum(), 1e-9))


def heated(canvas: np.ndarray, pieces: Pieces, values: np.ndarray) -> np.ndarray:
    """The picture in gray, with red where patches are important: uint8 like `canvas`."""
    gray = canvas.mean(2, keepdims=True).repeat(3, 2) * 0.6 + 50
    (left, top), (right, bottom) = pieces.low, pieces.high
    grid = np.clip(values / max(values.max(), 1e-9), 0, 1).reshape(pieces.cells, pieces.cells)
    share = np.einsum("ij,ih,jw->hw", grid, pieces._down, pieces._across)[..., None]
    part = gray[top:bottom, left:right]
    part += 0.7 * share * (np.array([230.0, 40.0, 30.0]) - part)
    return np.clip(np.rint(gray), 0, 255).astype(np.uint8)
