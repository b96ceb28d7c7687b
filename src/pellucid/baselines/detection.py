"""Finding things without deep learning: the usual boxes everywhere, and a sliding window.

The sliding window is what detectors were before 2012 (Dalal and Triggs 2005, Felzenszwalb et al.
2010): edge directions and colors in small cells, a linear classifier for windows of a few shapes,
the picture in many sizes, windows that were wrongly taken shown again, the best of overlapping ones
kept.

Everything is in pixels of the canvas. Answers are `(pictures, MOST, 6)`: class, sureness, left,
top, right, bottom; sureness 0 where there is none.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pellucid.baselines.features import gradients

MOST = 100
SAME_THING = 0.4
"""Overlap from which on the less sure of two windows is dropped."""


@dataclass(frozen=True)
class Labelled:
    """Pictures uint8 `(n, height, width, 3)`; of each, labels int64 `(m,)` and boxes `(m, 4)`."""

    pictures: np.ndarray
    labels: list[np.ndarray]
    boxes: list[np.ndarray]
    classes: int


class Finder(ABC):
    """A fitted method. why: what it does, for people. seconds: to fit."""

    name: ClassVar[str]
    why: ClassVar[str]
    seconds: float = 0.0

    @abstractmethod
    def find(self, pictures: np.ndarray) -> np.ndarray:
        """float64 `(n, MOST, 6)`."""

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """All that it learned."""

    @classmethod
    @abstractmethod
    def restore(cls, arrays: dict[str, np.ndarray]) -> Finder:
        """From `arrays()`."""

    def bytes(self) -> int:
        return sum(values.nbytes for values in self.arrays().values())


def fit_finders(data: Labelled, seconds: float, seed: int = 0) -> list[Finder]:
    """Every method, from simple to complex, within about `seconds`."""
    fitted: list[Finder] = []
    for fit in (UsualBoxes.fit, SlidingWindow.fit):
        began = time.perf_counter()
        finder = fit(data, seconds, seed)
        finder.seconds = time.perf_counter() - began
        fitted.append(finder)
    return fitted


# --- the constant answer ------------------------------------------------------------------------


class UsualBoxes(Finder):
    """The mean boxes of the training pictures, whatever is shown. frames: `(n, 6)` as answered."""

    name = "constant answer"
    why = "the usual boxes of the training pictures, whatever it is shown"

    def __init__(self, frames: np.ndarray) -> None:
        self.frames = frames

    @classmethod
    def fit(cls, data: Labelled, seconds: float, seed: int = 0) -> UsualBoxes:
        """Of each class the middles of a few groups of boxes, as sure as they were right."""
        frames = []
        for label in range(data.classes):
            owned = [boxes[labels == label] for labels, boxes in zip(data.labels, data.boxes)]
            boxes = np.concatenate(owned)
            count = min(8, len(boxes), max(1, round(len(boxes) / max(1, sum(map(len, owned)) / 8))))
            for frame in _middles(boxes, count, seed):
                hit = np.mean([_overlap(frame[None], own).max(initial=0) >= 0.5 for own in owned])
                frames.append([label, max(float(hit), 1e-3), *frame])
        ordered = sorted(frames, key=lambda frame: -frame[1])[:MOST]
        return cls(np.array(ordered, dtype=np.float64).reshape(-1, 6))

    def find(self, pictures: np.ndarray) -> np.ndarray:
        answer = np.zeros((MOST, 6))
        answer[: len(self.frames)] = self.frames
        return np.tile(answer, (len(pictures), 1, 1))

    def arrays(self) -> dict[str, np.ndarray]:
        return {"frames": self.frames}

    @classmethod
    def restore(cls, arrays: dict[str, np.ndarray]) -> UsualBoxes:
        return cls(arrays["frames"])


def _middles(boxes: np.ndarray, count: int, seed: int) -> np.ndarray:
    """`(count, 4)`: the means of groups of alike boxes (k-means)."""
    if count < 2:
        return boxes.mean(0, keepdims=True) if len(boxes) else boxes
    from sklearn.cluster import KMeans

    middles: np.ndarray = KMeans(count, n_init=2, random_state=seed).fit(boxes).cluster_centers_
    return middles


# --- the sliding window -------------------------------------------------------------------------

CELL = 4
"""Pixels a side over which edges and colors are counted."""
CELLS = 36
"""Cells of a window, about: 6 x 6, 9 x 4."""
SHAPES = 3
"""Shapes of windows, by the shapes of the boxes."""
STEP = 2 ** (1 / 3)
"""Factor between two sizes of the pyramid."""
DIRECTIONS = 9
FEATURES = DIRECTIONS + 4
EASY, HARD = 12, 20
"""Windows of nothing learned from each picture: at random, and those taken wrongly."""
MOST_WINDOWS = 8_000
MOST_PICTURES = 300
PASSES, SHRINK = 60, 1e-4
FITS, FAR = 0.6, 0.35
"""Overlap from which on a window shows a thing, and up to which it shows nothing."""


class SlidingWindow(Finder):
    """Edge directions and colors in cells, and a linear classifier that slides over all sizes.

    shapes: `(s, 2)` cells down and across. scales: `(p,)` factors on the picture. weights: of each
    shape `(classes, cells * FEATURES)`. biases `(s, classes)`.
    """

    name = "sliding window (HOG, linear)"
    why = "edge directions and colors in cells, a linear classifier at every place and size"

    def __init__(
        self, shapes: np.ndarray, scales: np.ndarray, weights: list[np.ndarray], biases: np.ndarray
    ) -> None:
        self.shapes, self.scales, self.weights, self.biases = shapes, scales, weights, biases

    @classmethod
    def fit(cls, data: Labelled, seconds: float, seed: int = 0) -> SlidingWindow:
        """Two rounds: windows of nothing at random, then also those that the first round took.

        Big data is thinned by a rule that knows sizes only, never the clock.
        """
        boxes = np.concatenate(data.boxes)
        shapes = _shapes(boxes, seed)
        scales = _scales(boxes, shapes, data.pictures.shape[1:3])
        random = np.random.default_rng(seed)
        cells = data.pictures.shape[1] * data.pictures.shape[2] / 128**2
        most = int(np.clip(20 * seconds / cells, 20, MOST_PICTURES))
        rows = np.sort(random.permutation(len(data.pictures))[:most])
        window = cls(shapes, scales, [], np.zeros((len(shapes), data.classes)))
        shown: list[list[np.ndarray]] = [[] for _ in shapes]
        labels: list[list[np.ndarray]] = [[] for _ in shapes]
        for hard in (False, True):
            for row in rows:
                window._collect(data, int(row), random, hard, shown, labels)
            window._learn(shown, labels, data.classes, seed)
        return window

    def find(self, pictures: np.ndarray) -> np.ndarray:
        return np.stack([self._find_one(picture) for picture in pictures])

    def arrays(self) -> dict[str, np.ndarray]:
        each = {f"weights {number}": one for number, one in enumerate(self.weights)}
        return {"shapes": self.shapes, "scales": self.scales, "biases": self.biases, **each}

    @classmethod
    def restore(cls, arrays: dict[str, np.ndarray]) -> SlidingWindow:
        weights = [arrays[f"weights {number}"] for number in range(len(arrays["shapes"]))]
        return cls(arrays["shapes"], arrays["scales"], weights, arrays["biases"])

    # --- one picture --------------------------------------------------------------------------

    def _levels(self, picture: np.ndarray) -> list[tuple[int, np.ndarray, np.ndarray]]:
        """Of each size and shape: shape, cells `(down, across, FEATURES)`, boxes `(windows, 4)`."""
        found = []
        for scale in self.scales:
            cells = cell_features(_resized(picture, float(scale)))
            for number, (down, across) in enumerate(self.shapes):
                tops, lefts = cells.shape[0] - down + 1, cells.shape[1] - across + 1
                if tops < 1 or lefts < 1:
                    continue
                top, left = np.divmod(np.arange(tops * lefts), lefts)
                frame = np.stack([left, top, left + across, top + down], 1) * (CELL / scale)
                found.append((number, cells, frame))
        return found

    def _scores(self, number: int, cells: np.ndarray) -> np.ndarray:
        """How sure of each class at each window, 0 to 1 `(windows, classes)`."""
        down, across = self.shapes[number]
        tops, lefts = cells.shape[0] - down + 1, cells.shape[1] - across + 1
        weights = self.weights[number].reshape(-1, down, across, FEATURES).astype(np.float32)
        raw = np.zeros((tops, lefts, len(weights)), dtype=np.float32)
        for y in range(down):  # a window's sum, cell by cell, for all windows together
            for x in range(across):
                raw += cells[y : y + tops, x : x + lefts] @ weights[:, y, x].T
        raw = raw.reshape(tops * lefts, -1) + self.biases[number]
        return 1 / (1 + np.exp(-np.clip(raw, -30, 30)))

    def _features(self, number: int, cells: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """`(chosen, cells of a window * FEATURES)`."""
        down, across = self.shapes[number]
        top, left = np.divmod(chosen, cells.shape[1] - across + 1)
        rows = top[:, None, None] + np.arange(down)[None, :, None]
        columns = left[:, None, None] + np.arange(across)[None, None, :]
        return cells[rows, columns].reshape(len(chosen), down * across * FEATURES)

    def _find_one(self, picture: np.ndarray) -> np.ndarray:
        boxes, scores = [np.zeros((0, 4))], [np.zeros((0, self.biases.shape[1]))]
        for number, cells, frame in self._levels(picture):
            boxes.append(frame)
            scores.append(self._scores(number, cells))
        frames, sure = np.concatenate(boxes), np.concatenate(scores)
        kept = []
        for label in range(sure.shape[1]):
            best = np.argsort(-sure[:, label], kind="stable")[: 3 * MOST]
            stays = best[_suppressed(frames[best])]
            kept += [[label, sure[one, label], *frames[one]] for one in stays[:MOST]]
        answer = np.zeros((MOST, 6))
        kept = sorted(kept, key=lambda box: -box[1])[:MOST]
        answer[: len(kept)] = np.array(kept).reshape(-1, 6)
        return answer

    # --- learning -----------------------------------------------------------------------------

    def _collect(
        self,
        data: Labelled,
        row: int,
        random: np.random.Generator,
        hard: bool,
        shown: list[list[np.ndarray]],
        labels: list[list[np.ndarray]],
    ) -> None:
        """Windows of one picture to learn from: of things (first round), and of nothing."""
        boxes, own = data.boxes[row], data.labels[row]
        for number, cells, frame in self._levels(data.pictures[row]):
            fit = _overlap(frame, boxes)
            best = fit.max(1, initial=0.0)
            far = np.flatnonzero(best <= FAR)
            if hard:
                sure = self._scores(number, cells)[far].max(1, initial=0.0)
                nothing = far[np.argsort(-sure, kind="stable")[: HARD // len(self.shapes)]]
            else:
                share = max(1, EASY // len(self.shapes))
                nothing = random.permutation(far)[:share]
                near = np.flatnonzero(best >= FITS)
                shown[number].append(self._features(number, cells, near))
                labels[number].append(own[fit[near].argmax(1)] if len(near) else own[:0])
            shown[number].append(self._features(number, cells, nothing))
            labels[number].append(np.full(len(nothing), -1))

    def _learn(
        self,
        shown: list[list[np.ndarray]],
        labels: list[list[np.ndarray]],
        classes: int,
        seed: int,
    ) -> None:
        """A linear classifier for each shape and class: this class or anything else."""
        self.weights = []
        for number, (down, across) in enumerate(self.shapes):
            features = np.concatenate([*shown[number], np.zeros((0, down * across * FEATURES))])
            target = np.concatenate([*labels[number], np.zeros(0)]).astype(np.int64)
            kept = _thinned(target, seed)
            wanted = target[kept, None] == np.arange(classes)
            weights, self.biases[number] = _logistic(features[kept], wanted)
            unknown = (wanted.sum(0) < 2) | ((~wanted).sum(0) < 2)
            weights[unknown], self.biases[number, unknown] = 0.0, -30.0  # never
            self.weights.append(weights)


def cell_features(picture: np.ndarray) -> np.ndarray:
    """float32 `(down, across, FEATURES)` of float `(height, width, 3)` in 0..1.

    Of each cell: how strong edges of 9 directions are, beside its 3 x 3 surroundings; their
    strength in all; the mean color.
    """
    strength, angle = (one[0] for one in gradients(picture[None]))
    down, across = picture.shape[0] // CELL, picture.shape[1] // CELL
    strength, angle = (one[: down * CELL, : across * CELL] for one in (strength, angle))
    place = angle * (DIRECTIONS / np.pi)
    lower = place.astype(np.int64)
    share = place - lower
    y, x = np.arange(down * CELL) // CELL, np.arange(across * CELL) // CELL
    cell = (y[:, None] * across + x) * DIRECTIONS
    count = down * across * DIRECTIONS
    # Each pixel's strength goes to the two nearest directions; they wrap around.
    flat = sum(
        np.bincount((cell + direction % DIRECTIONS).ravel(), (strength * part).ravel(), count)
        for direction, part in ((lower, 1 - share), (lower + 1, share))
    )
    histogram = np.asarray(flat, dtype=np.float32).reshape(down, across, DIRECTIONS)
    energy = (histogram**2).sum(-1)
    around = sum(
        np.roll(np.pad(energy, 1, mode="edge"), (y, x), (0, 1))[1:-1, 1:-1]
        for y in (-1, 0, 1)
        for x in (-1, 0, 1)
    )
    normal = np.minimum(histogram / np.sqrt(np.asarray(around)[..., None] + 1e-2), 0.4)
    color = np.stack([_cells(picture[..., channel]) for channel in range(3)], -1) / CELL**2
    strong = np.sqrt(energy)[..., None] / CELL
    return np.concatenate([normal, strong, color], -1).astype(np.float32)


def _cells(values: np.ndarray) -> np.ndarray:
    """Sums over cells; a rest is cut off."""
    down, across = values.shape[0] // CELL, values.shape[1] // CELL
    cut = values[: down * CELL, : across * CELL]
    return np.asarray(cut.reshape(down, CELL, across, CELL).sum((1, 3)))


def _shapes(boxes: np.ndarray, seed: int) -> np.ndarray:
    """int64 `(shapes, 2)` cells down and across, by the usual proportions of the boxes."""
    aspect = np.log((boxes[:, 2] - boxes[:, 0]) / (boxes[:, 3] - boxes[:, 1]))
    count = min(SHAPES, len(np.unique(aspect.round(1))))
    middles = _middles(aspect[:, None], count, seed)[:, 0]
    down = np.clip(np.rint(np.sqrt(CELLS / np.exp(middles))), 3, 12)
    across = np.clip(np.rint(CELLS / down), 3, 12)
    return np.unique(np.stack([down, across], 1).astype(np.int64), axis=0)


def _scales(boxes: np.ndarray, shapes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Factors on the picture, so that windows are as large as the boxes are."""
    sides = np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(1))
    window = CELL * float(np.sqrt(shapes.prod(1).mean()))
    low, high = np.quantile(sides, [0.03, 0.97])
    count = int(np.clip(np.ceil(np.log(high / low) / np.log(STEP)) + 1, 1, 10))
    scales = window / np.geomspace(low, high, count)
    fits = scales * min(size) >= CELL * shapes.min()
    return np.unique(np.minimum(scales[fits], 3.0)) if fits.any() else np.ones(1)


def _resized(picture: np.ndarray, scale: float) -> np.ndarray:
    """float32 in 0..1 of another size, bilinear."""
    from scipy.ndimage import zoom

    values = picture.astype(np.float32) / 255
    if abs(scale - 1) < 0.02:
        return values
    if scale < 0.75:  # without aliasing: means of whole blocks first
        block = max(1, int(1 / scale))
        height, width = (side // block * block for side in values.shape[:2])
        cut = values[:height, :width]
        values = cut.reshape(height // block, block, width // block, block, 3).mean((1, 3))
        scale *= block
    return np.asarray(zoom(values, (scale, scale, 1), order=1, grid_mode=True, mode="nearest"))


def _thinned(target: np.ndarray, seed: int) -> np.ndarray:
    """Rows to learn from: at most so many windows of things, and as many of nothing."""
    random = np.random.default_rng(seed)
    parts = (np.flatnonzero(target >= 0), np.flatnonzero(target < 0))
    return np.sort(np.concatenate([random.permutation(part)[:MOST_WINDOWS] for part in parts]))


def _logistic(features: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights `(classes, features)` and biases `(classes,)` of one logistic regression a class, in
    which both sides count the same. wanted: bool `(rows, classes)`.

    All classes share the passes over the windows: a few dozen, seconds where a support vector
    machine takes minutes.
    """
    from scipy.optimize import minimize

    rows, size = features.shape
    classes = wanted.shape[1]
    if not rows:
        return np.zeros((classes, size)), np.zeros(classes)
    inputs = np.concatenate([features, np.ones((rows, 1))], 1).astype(np.float32)
    sign = np.where(wanted, 1.0, -1.0)
    several = np.maximum([wanted.sum(0), (~wanted).sum(0)], 1)
    count = np.where(wanted, 0.5 / several[0], 0.5 / several[1])
    shrink = np.append(np.full(size, SHRINK), 0.0)[:, None]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        both = flat.reshape(size + 1, classes)
        margin = sign * (inputs @ both.astype(np.float32))
        slope = -sign * count / (1 + np.exp(np.clip(margin, -30, 30)))
        value = float((count * np.logaddexp(0, -margin)).sum() + (shrink * both**2).sum() / 2)
        return value, (inputs.T @ slope.astype(np.float32) + shrink * both).ravel()

    start = np.zeros((size + 1) * classes)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": PASSES})
    both = np.asarray(found.x).reshape(size + 1, classes)
    return np.ascontiguousarray(both[:-1].T), both[-1]


def _suppressed(boxes: np.ndarray) -> np.ndarray:
    """Places of the boxes `(n, 4)`, surest first, that no surer one covers."""
    shared = _overlap(boxes, boxes) > SAME_THING
    keep = np.ones(len(boxes), dtype=bool)
    for place in range(len(boxes)):
        if keep[place]:
            keep[place + 1 :] &= ~shared[place, place + 1 :]
    return np.flatnonzero(keep)


def _overlap(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """IoU `(n, m)`."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(-1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (one, other)]
    return np.asarray(shared / np.maximum(areas[0][:, None] + areas[1][None] - shared, 1e-9))


FINDERS: dict[str, Any] = {one.name: one for one in (UsualBoxes, SlidingWindow)}
"""Name -> class, to read a saved one back."""
