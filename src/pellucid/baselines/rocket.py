"""Random convolutions and a ridge classifier: the classical method for series.

MultiROCKET (Tan, Dempster, Bergmeir, Webb 2022, arXiv:2102.00457) on the kernels of MiniROCKET
(Dempster, Schmidt, Webb 2021, arXiv:2012.08791): all 84 kernels of length 9 with six weights -1
and three weights 2, stretched by dilations, over the series and its steps from moment to moment.
What each kernel gives is cut at thresholds that are quantiles of its own output on training
series, and four numbers are kept of each cut: how often it lies above, by how much, when on
average, and for how long at a stretch. No labels are used up to here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, ClassVar, Self

import numpy as np

from pellucid.baselines.baseline import FittedBaseline, Problem, State, baseline, scatter
from pellucid.baselines.features import strip
from pellucid.data.columns import Loaded
from pellucid.learning.evaluate import Kind

KERNEL = 9
KERNELS = 84
THRESHOLDS = 74
"""For each kernel, over all dilations: 84 * 74 * 4 * 2 = 49,728 numbers, the published default."""
FEWEST_THRESHOLDS = 4
MOST_DILATIONS = 32
GOLDEN = (np.sqrt(5) + 1) / 2
ALPHAS = np.logspace(-3, 3, 10)
MOST_ROWS = 4_000
"""Ridge regression solves a system of rows x rows."""
MOST_VALUES = 100_000_000
"""Rows times features while fitting: 0.4 GB."""
ROWS_AT_A_TIME = 500
CELLS = 32_000
"""Cuts times kernels times rows that are pooled at a time: they stay in the processor's cache."""
SECONDS_PER_VALUE = 8e-9
"""One moment of one channel-summed output cut at one threshold, pooled in all four ways."""


def kernels() -> np.ndarray:
    """float32 `(84, 9)`."""
    weights = np.full((KERNELS, KERNEL), -1.0, dtype=np.float32)
    for number, places in enumerate(combinations(range(KERNEL), 3)):
        weights[number, places] = 2.0
    return weights


# --- series as arrays -------------------------------------------------------------------------


def clean(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """float32 `(rows, channels, time)` without gaps, and the lengths int64 `(rows,)`.

    What is missing at the end is padding; gaps inside are filled by straight lines.
    """
    series = np.ascontiguousarray(np.moveaxis(values, 1, 2), dtype=np.float32)
    there = ~np.isnan(series)
    time = series.shape[2]
    lengths = time - np.flip(there.any(1), 1).argmax(1)
    lengths[~there.any((1, 2))] = 0
    within = np.arange(time) < lengths[:, None, None]
    for row, channel in np.argwhere((within & ~there).any(2)):
        known = there[row, channel]
        moments = np.arange(lengths[row])
        filled = (
            np.interp(moments, np.flatnonzero(known), series[row, channel, known])
            if known.any()
            else 0
        )
        series[row, channel, : lengths[row]] = filled
    return np.where(within, series, 0), lengths


def steps_of(series: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The differences from moment to moment; one moment shorter, padded with zeros."""
    steps = np.diff(series, axis=2)
    lengths = np.maximum(lengths - 1, 0)
    return np.where(np.arange(steps.shape[2]) < lengths[:, None, None], steps, 0), lengths


# --- the plan: dilations, channels, thresholds ------------------------------------------------


@dataclass
class Layer:
    """The kernels at one dilation.

    weights: float32 `(84, channels, 9)`, zero at channels that a kernel does not look at.
    thresholds: float32 `(84, cuts)`. padded: bool `(84,)`, whether a kernel also looks beyond the
    ends of the series, where there are zeros.
    """

    dilation: int
    weights: np.ndarray
    thresholds: np.ndarray
    padded: np.ndarray

    def outputs(self, series: np.ndarray, which: np.ndarray, padded: bool) -> np.ndarray:
        """The chosen kernels slid over series `(rows, channels, time)`.

        float32 `(time, rows, kernels)`: with time first, sums over it run through whole rows.
        """
        ends = KERNEL // 2 * self.dilation if padded else 0
        wide = np.pad(np.moveaxis(series, 2, 0), ((ends, ends), (0, 0), (0, 0)))
        time = len(wide) - (KERNEL - 1) * self.dilation
        shifted = [wide[at * self.dilation :][:time] for at in range(KERNEL)]
        seen = np.stack(shifted, -1).reshape(time, len(series), -1)  # channels x 9 places
        return np.asarray(seen @ self.weights[which].reshape(len(which), -1).T)

    def halves(self) -> Iterator[tuple[np.ndarray, bool]]:
        """The kernels that look beyond the ends, then those that do not."""
        for padded in (True, False):
            which = np.flatnonzero(self.padded == padded)
            if len(which):
                yield which, padded


def dilations_and_cuts(length: int, thresholds: int) -> list[tuple[int, int]]:
    """MiniROCKET's dilations, exponentially spaced up to the length, with cuts for each."""
    most = min(thresholds, MOST_DILATIONS)
    largest = np.log2(max((length - 1) / (KERNEL - 1), 1.0))
    spaced = np.logspace(0, largest, most, base=2).astype(np.int64)
    dilations, counts = np.unique(spaced, return_counts=True)
    cuts = (counts * (thresholds / most)).astype(np.int64)
    for number in range(thresholds - int(cuts.sum())):
        cuts[number % len(cuts)] += 1
    return [(int(dilation), int(cut)) for dilation, cut in zip(dilations, cuts)]


def plan_layers(
    series: np.ndarray, lengths: np.ndarray, thresholds: int, generator: np.random.Generator
) -> list[Layer]:
    """Layers for training series `(rows, channels, time)`."""
    even = bool((lengths == series.shape[2]).all())
    layers, used = [], 0
    for number, (dilation, cuts) in enumerate(dilations_and_cuts(series.shape[2], thresholds)):
        chosen = choose_channels(series.shape[1], generator)
        weights = kernels()[:, None, :] * chosen[:, :, None].astype(np.float32)
        # Padding blurs where short series end, so half of the kernels do without where all are
        # equally long; others would have nothing left to look at.
        padded = (np.arange(KERNELS) + number) % 2 == 0 if even else np.ones(KERNELS, dtype=bool)
        layer = Layer(dilation, weights, np.zeros((KERNELS, cuts), dtype=np.float32), padded)
        places = (np.arange(used, used + KERNELS * cuts) + 1) * GOLDEN % 1
        find_thresholds(layer, series, lengths, places.reshape(KERNELS, cuts), generator)
        used += KERNELS * cuts
        layers.append(layer)
    return layers


def choose_channels(channels: int, generator: np.random.Generator) -> np.ndarray:
    """bool `(84, channels)`: the one to nine channels whose sum each kernel sees."""
    chosen = np.zeros((KERNELS, channels), dtype=bool)
    limit = np.log2(min(channels, KERNEL) + 1)
    for kernel in range(KERNELS):
        count = int(2 ** generator.uniform(0, limit))
        chosen[kernel, generator.choice(channels, min(count, channels), replace=False)] = True
    return chosen


def find_thresholds(
    layer: Layer,
    series: np.ndarray,
    lengths: np.ndarray,
    places: np.ndarray,
    generator: np.random.Generator,
) -> None:
    """Each kernel's cuts are quantiles of its output on one random training series."""
    rows = generator.integers(0, len(series), KERNELS)
    for which, padded in layer.halves():
        outputs = layer.outputs(series[rows[which]], which, padded)
        for at, kernel in enumerate(which):
            end = max(1, lengths[rows[kernel]]) if padded else len(outputs)
            layer.thresholds[kernel] = np.quantile(outputs[:end, at, at], places[kernel])


# --- pooling ----------------------------------------------------------------------------------


def pool(outputs: np.ndarray, thresholds: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """float32 `(rows, kernels, cuts, 4)` of outputs `(time, rows, kernels)`.

    Of the moments above each threshold: their share, mean excess, mean moment (-1 without any)
    and longest unbroken stretch. Moments from `lengths` on do not count.
    """
    time, rows, count = outputs.shape
    flat = outputs.reshape(time, rows * count)
    cuts = np.tile(thresholds.T, (1, rows))  # (cuts, rows * kernels)
    ends = np.repeat(lengths, count)
    uneven = bool((lengths < time).any())
    excess, above, number, gain, later, stretch, longest = np.zeros((7, *cuts.shape), np.float32)
    yes = np.zeros(cuts.shape, dtype=bool)
    # One pass through time over arrays that stay in the cache: whole-array operations would be
    # several times slower, they wait for memory.
    for moment in range(time):
        np.subtract(flat[moment], cuts, out=excess)
        np.maximum(excess, 0, out=excess)
        if uneven:
            np.multiply(excess, moment < ends, out=excess)
        np.greater(excess, 0, out=yes)
        np.copyto(above, yes)
        number += above
        gain += excess
        later += number  # in the end: the sum over the moments above of (time - moment)
        stretch += 1
        stretch *= above
        np.maximum(longest, stretch, out=longest)
    some = np.maximum(number, 1)
    when = np.where(number > 0, (time * number - later) / some, -1)
    found = np.stack([number / np.maximum(ends, 1), gain / some, when, longest], -1)
    return np.moveaxis(found.reshape(-1, rows, count, 4), 0, 2).astype(np.float32)


def transform(layers: list[Layer], series: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """float32 `(rows, features)`."""
    import os
    from concurrent.futures import ThreadPoolExecutor

    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    # One thread a layer: products of this size are too small to be shared between cores.
    with threadpool_limits(1), ThreadPoolExecutor(os.cpu_count()) as workers:
        parts = workers.map(lambda layer: pooled(layer, series, lengths), layers)
        return np.concatenate(list(parts), 1)


def pooled(layer: Layer, series: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """float32 `(rows, features)` of one layer, for as many rows as fit the cache at a time."""
    chunk = max(1, CELLS // layer.thresholds.size)
    parts = []
    for start in range(0, len(series), chunk):
        some, ends = series[start : start + chunk], lengths[start : start + chunk]
        halves = []
        for which, padded in layer.halves():
            outputs = layer.outputs(some, which, padded)
            counted = ends if padded else np.full(len(some), len(outputs))
            halves.append(pool(outputs, layer.thresholds[which], counted).reshape(len(some), -1))
        parts.append(np.concatenate(halves, 1))
    return np.concatenate(parts)


@dataclass
class Convolutions:
    """Series of one column as features: standardized channels, their steps, and both pooled.

    length: time steps that all series are padded or cut to, the longest of training.
    """

    center: np.ndarray
    scale: np.ndarray
    length: int
    layers: list[list[Layer]]

    @classmethod
    def fit(cls, values: np.ndarray, thresholds: int, seed: int) -> Self:
        """From training series `(rows, time, channels)`, NaN where there is nothing."""
        generator = np.random.default_rng(seed)
        series, lengths = clean(values)
        length = max(int(lengths.max(initial=1)), KERNEL + 1)
        within = np.arange(series.shape[2]) < lengths[:, None, None]
        total = max(int(lengths.sum()), 1)
        center = (series * within).sum((0, 2), dtype=np.float64) / total
        spread = np.sqrt((((series - center[:, None]) * within) ** 2).sum((0, 2)) / total)
        fitted = cls(center, np.where(spread > 1e-9, spread, 1.0), length, [])
        for part, ends in fitted.views(values):
            fitted.layers.append(plan_layers(part, ends, thresholds, generator))
        return fitted

    def views(self, values: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """The standardized series and their steps, `(rows, channels, time)` with lengths."""
        values = np.asarray(values, dtype=np.float32)[:, : self.length]
        missing = self.length - values.shape[1]
        padding = ((0, 0), (0, max(0, missing)), (0, 0))
        series, lengths = clean(np.pad(values, padding, constant_values=np.nan))
        scaled = (series - self.center[:, None]) / self.scale[:, None]
        within = np.arange(self.length) < lengths[:, None, None]
        series = np.where(within, scaled, 0).astype(np.float32)
        return [(series, lengths), steps_of(series, lengths)]

    def matrix(self, values: np.ndarray) -> np.ndarray:
        """float32 `(rows, features)`."""
        views = self.views(values)
        parts = [transform(layers, *view) for layers, view in zip(self.layers, views)]
        return np.concatenate(parts, 1)

    def state(self) -> State:
        arrays = {"center": self.center, "scale": self.scale}
        for view, layers in enumerate(self.layers):
            for number, layer in enumerate(layers):
                start = f"{view}.{number}."
                arrays[start + "weights"] = layer.weights
                arrays[start + "thresholds"] = layer.thresholds
                arrays[start + "padded"] = layer.padded
        dilations = [[layer.dilation for layer in layers] for layers in self.layers]
        return State({"length": self.length, "dilations": dilations}, arrays, {})

    @classmethod
    def restore(cls, state: State) -> Self:
        def layer(view: int, number: int, dilation: int) -> Layer:
            own = strip(state.arrays, f"{view}.{number}.")
            return Layer(dilation, own["weights"], own["thresholds"], own["padded"])

        layers = [
            [layer(view, number, dilation) for number, dilation in enumerate(dilations)]
            for view, dilations in enumerate(state.json["dilations"])
        ]
        arrays = state.arrays
        return cls(arrays["center"], arrays["scale"], state.json["length"], layers)


# --- ridge ------------------------------------------------------------------------------------


@dataclass
class Ridge:
    """Ridge regression on standardized features.

    weights: float32 `(features, outputs)`. sharpness: what scores are multiplied by before they
    become probabilities. alpha: strength of the regularization, chosen by leaving out one row.
    """

    center: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    alpha: float
    sharpness: float = 1.0

    def scores(self, matrix: np.ndarray) -> np.ndarray:
        """float64 `(rows, outputs)`."""
        scaled = (matrix - self.center) / self.scale
        return np.asarray(scaled @ self.weights, dtype=np.float64) + self.bias


def fit_ridge(matrix: np.ndarray, target: np.ndarray) -> tuple[Ridge, np.ndarray]:
    """The model, and its predictions `(rows, outputs)` of each row without that row.

    With the eigenvectors of rows x rows, every alpha costs one product; leaving out row i changes
    its residual by the factor 1 / (1 - h_i), where h is the diagonal of the hat matrix.
    """
    center = matrix.mean(0)
    spread = matrix.std(0)
    scale = np.where(spread > 1e-8, spread, 1.0).astype(np.float32)
    scaled = (matrix - center) / scale
    mean = target.mean(0)
    values, vectors = np.linalg.eigh((scaled @ scaled.T).astype(np.float64))
    values = np.maximum(values, 0)
    rotated = vectors.T @ (target - mean)

    def left_out(alpha: float) -> np.ndarray:
        kept = values / (values + alpha)
        smooth = mean + vectors @ (kept[:, None] * rotated)
        leverage = 1 / len(target) + (vectors**2) @ kept
        rest = np.maximum(1 - leverage, 1e-6)[:, None]
        return np.asarray(target - (target - smooth) / rest)

    tries = [left_out(alpha) for alpha in ALPHAS]
    best = int(np.argmin([((target - one) ** 2).mean() for one in tries]))
    dual = vectors @ (rotated / (values + ALPHAS[best])[:, None])
    weights = (scaled.T @ dual.astype(np.float32)).astype(np.float32)
    return Ridge(center, scale, weights, mean, float(ALPHAS[best])), tries[best]


def signs(kind: Kind, target: np.ndarray, outputs: int) -> np.ndarray:
    """What ridge regression aims at: +1 for the class or tag and -1 else; numbers as they are."""
    if kind == "regress":
        return np.asarray(target, dtype=np.float64)
    if kind == "tags":
        return 2.0 * target - 1
    return 2.0 * np.eye(outputs)[target] - 1


def probabilities(kind: Kind, scores: np.ndarray, sharpness: float) -> np.ndarray:
    """Scores as probabilities; numbers as they are."""
    if kind == "regress":
        return scores
    logits = np.clip(scores * sharpness, -300, 300)
    if kind == "tags":
        return np.asarray(1 / (1 + np.exp(-logits)))
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def find_sharpness(kind: Kind, scores: np.ndarray, target: np.ndarray) -> float:
    """The factor with the smallest log loss on left-out scores, as with a temperature."""
    from scipy.optimize import minimize_scalar

    # As many rows in doubt as Platt's (1999) rule: perfect scores on 20 rows are not certainty.
    doubt = 1 / (len(target) + 2)
    truth = (signs(kind, target, scores.shape[1]) > 0) * 1.0
    share = 0.5 if kind == "tags" else 1 / scores.shape[1]
    truth = truth * (1 - doubt) + doubt * share

    def loss(log_sharpness: float) -> float:
        chance = np.clip(probabilities(kind, scores, np.exp(log_sharpness)), 1e-15, 1 - 1e-15)
        gained = truth * np.log(chance)
        if kind == "tags":
            gained += (1 - truth) * np.log(1 - chance)
        return -float(gained.mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-2, 4), method="bounded").x))


# --- the baseline -----------------------------------------------------------------------------


@baseline
@dataclass
class RandomConvolutions(FittedBaseline):
    """Random convolutions of every series column, side by side, and one ridge regression."""

    method: ClassVar[str] = "random convolutions"
    kind: Kind = "classify"
    columns: dict[str, Convolutions] = field(default_factory=dict)
    ridge: Ridge | None = None

    @classmethod
    def suits(cls, problem: Problem) -> bool:
        return problem.modalities == {"series"}

    @classmethod
    def fit(cls, problem: Problem) -> RandomConvolutions:
        smaller = problem.at_most(MOST_ROWS)
        thresholds = affordable_thresholds(smaller)
        columns = {
            name: Convolutions.fit(loaded.values, thresholds, problem.seed)
            for name, loaded in smaller.look(smaller.train).items()
        }
        fitted = cls(kind=problem.kind, columns=columns)
        # The features know no labels, so they may be shared by all folds.
        needed = np.unique(np.concatenate([smaller.train, *map(np.concatenate, smaller.folds)]))
        place = np.zeros(problem.rows, dtype=np.int64)
        place[needed] = np.arange(len(needed))
        matrix = fitted.matrix(smaller.look(needed))
        target = signs(problem.kind, problem.target[needed], problem.outputs)

        def learn(rows: np.ndarray) -> Ridge:
            at = place[rows]
            ridge, left_out = fit_ridge(matrix[at], target[at])
            if problem.kind != "regress":
                ridge.sharpness = find_sharpness(problem.kind, left_out, problem.target[rows])
            return ridge

        def judge() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for rows, held_out in smaller.folds:
                ridge = learn(rows)
                yield held_out, answer(problem.kind, ridge, matrix[place[held_out]])

        fitted.out_of_fold = scatter(problem.rows, problem.outputs, judge())
        fitted.ridge = learn(smaller.train)
        fitted.name = "random convolutions + ridge"
        fitted.why = explain(problem, smaller, matrix.shape[1], fitted.ridge.alpha)
        return fitted

    def matrix(self, loaded: dict[str, Loaded]) -> np.ndarray:
        parts = [part.matrix(loaded[name].values) for name, part in self.columns.items()]
        return np.concatenate(parts, 1)

    def predict_rows(self, loaded: dict[str, Loaded]) -> np.ndarray:
        assert self.ridge is not None, "fitted or restored"
        rows = len(next(iter(loaded.values())).values)
        parts = []
        for start in range(0, rows, ROWS_AT_A_TIME):
            some = np.arange(start, min(start + ROWS_AT_A_TIME, rows))
            matrix = self.matrix({name: loaded[name].take(some) for name in self.columns})
            parts.append(answer(self.kind, self.ridge, matrix))
        return np.concatenate(parts)

    def own_state(self) -> State:
        assert self.ridge is not None, "fitted or restored"
        about: dict[str, Any] = {"kind": self.kind, "columns": []}
        about |= {"alpha": self.ridge.alpha, "sharpness": self.ridge.sharpness}
        names = ("center", "scale", "weights", "bias")
        arrays = {f"ridge.{name}": np.asarray(getattr(self.ridge, name)) for name in names}
        for number, (name, part) in enumerate(self.columns.items()):
            own = part.state()
            about["columns"].append({"name": name, "own": own.json})
            arrays |= {f"{number}.{key}": value for key, value in own.arrays.items()}
        return State(about, arrays, {})

    @classmethod
    def own_restore(cls, state: State) -> RandomConvolutions:
        columns = {
            item["name"]: Convolutions.restore(
                State(item["own"], strip(state.arrays, f"{number}."), {})
            )
            for number, item in enumerate(state.json["columns"])
        }
        own = strip(state.arrays, "ridge.")
        ridge = Ridge(**own, alpha=state.json["alpha"], sharpness=state.json["sharpness"])
        return cls(kind=state.json["kind"], columns=columns, ridge=ridge)


def answer(kind: Kind, ridge: Ridge, matrix: np.ndarray) -> np.ndarray:
    return probabilities(kind, ridge.scores(matrix), ridge.sharpness)


def affordable_thresholds(problem: Problem) -> int:
    """Cuts for each kernel so that transforming the rows takes about `problem.seconds`."""
    moments = sum(loaded.values.shape[1] for loaded in problem.loaded.values())
    rows = len(problem.train) + sum(len(judge) for _, judge in problem.folds[:1])
    per_cut = rows * moments * KERNELS * 2 * SECONDS_PER_VALUE
    in_memory = MOST_VALUES / (rows * KERNELS * 4 * 2 * len(problem.loaded))
    cuts = min(problem.seconds / per_cut, in_memory)
    return int(np.clip(cuts, FEWEST_THRESHOLDS, THRESHOLDS))


def explain(problem: Problem, smaller: Problem, features: int, alpha: float) -> str:
    """What it is made of, and what was left out."""
    text = f"{features:,} features of 84 fixed kernels; alpha = {alpha:.2g} by leaving out one row"
    if len(smaller.train) < len(problem.train):
        text += f"; learned from {len(smaller.train):,} of {len(problem.train):,} rows"
    return text
