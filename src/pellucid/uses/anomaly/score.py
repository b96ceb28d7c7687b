"""How strange is a row, and where: everything is hidden once, and guessed from the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.baselines.detectors import Neighbors
from pellucid.config import Size
from pellucid.data.columns import Column, Loaded
from pellucid.data.dataset import Dataset, encode, entry_of
from pellucid.network.autoencoder import FieldAutoencoder, RowAutoencoder
from pellucid.network.embed import Statistics
from pellucid.tasks.anomaly import (
    Cells,
    HiddenCells,
    HiddenPatches,
    every_fourth,
)
from pellucid.uses.anomaly.described import pieces_of
from pellucid.uses.anomaly.promise import stands_out

FIELDS = ("image", "audio", "series")
PLAIN = ("number", "date", "category")
WORST = 0.1
"""Part of a picture, sound or series that decides together with the whole: a defect is small."""
BEYOND = 4.0
"""Strangeness of a value that lies about as far outside as the middle half is wide (1.7 times)."""
MOST_TURNS = 16
"""Groups of columns that are hidden one after the other."""
MOST_SIZED = 300
"""Training examples from which the usual size of scores is taken."""
ROWS_AT_ONCE = {"fields": 64, "rows": 2048}
GUESSED = 1 / 3
"""How much what can't be guessed counts beside what was never seen. Of three digits kept from
networks (not the one of the benchmark, one seed each), AUC .62, .93 and .68 by the guess alone,
.98, .99 and .95 by the five nearest features, .90, .97 and .88 by both alike, .95, .99 and .92 with
a fourth for the guess; but a defect of a few pixels is noticed by the guess alone.
"""


@dataclass(frozen=True)
class Beyond:
    """How far numbers lie outside of what was learned from. Encoded values are bent so that none
    is extreme; what is far out would otherwise look like the largest value that was seen.

    names: columns of numbers. low, high: between which 998 of 1,000 training values lie; spread:
    of the middle half, or of all; each `(names,)`.
    """

    names: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, columns: Sequence[Column], loaded: dict[str, Loaded]) -> Beyond:
        """Learn from these (training) rows; values that stand out among them are no measure."""
        names = tuple(column.name for column in columns if column.modality == "number")
        ends = []
        for name in names:
            values = np.asarray(loaded[name].values, dtype=np.float64)
            there = values[np.isfinite(values)]
            if not len(there):
                ends.append([-np.inf, np.inf, 1.0])
                continue
            first, third = np.quantile(there, [0.25, 0.75])
            usual = there[~(stands_out(there) | stands_out(-there))]
            low, high = np.quantile(usual, [0.001, 0.999])
            ends.append([low, high, (third - first) or (high - low) or max(1.0, abs(low))])
        low, high, spread = np.array(ends, dtype=np.float64).reshape(-1, 3).T
        return cls(names, low, high, spread)

    def of_rows(self, loaded: dict[str, Loaded]) -> np.ndarray:
        """float64 `(rows, names)`: 0 inside, growing like the logarithm outside."""
        values = np.stack(
            [np.asarray(loaded[name].values, dtype=np.float64) for name in self.names], 1
        )
        out = np.maximum(np.maximum(self.low - values, values - self.high), 0.0) / self.spread
        return BEYOND * np.log1p(np.where(np.isnan(out), 0.0, out))

    def as_json(self) -> dict[str, Any]:
        return {name: np.asarray(value).tolist() for name, value in vars(self).items()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Beyond:
        rest = {name: np.array(data[name]) for name in ("low", "high", "spread")}
        return cls(tuple(data["names"]), **rest)


@dataclass(frozen=True)
class Memory:
    """What the network saw in training examples: something that can be guessed patch by patch may
    still be like nothing that was seen before.

    known: features of training examples. sizes: (middle, spread) of what can't be guessed and of
    the distance to the nearest, over training examples; both count in these units.
    """

    known: Neighbors
    sizes: tuple[tuple[float, float], tuple[float, float]]

    @classmethod
    def of(cls, features: np.ndarray, guessed: np.ndarray, some: np.ndarray) -> Memory:
        """Learn from training rows: features of all `(rows, d)`, the score of what can't be guessed
        and the features of some of them."""
        known = Neighbors.fit(features, np.random.default_rng(0))
        assert isinstance(known, Neighbors)
        return cls(known, (_size(guessed), _size(known.score(some))))

    def joined(self, guessed: np.ndarray, features: np.ndarray) -> np.ndarray:
        """float64 `(rows,)`: both kinds of strangeness together."""
        parts = [
            np.arcsinh((values - middle) / spread)
            for values, (middle, spread) in zip(
                (guessed, self.known.score(features)), self.sizes, strict=True
            )
        ]
        return np.asarray(GUESSED * parts[0] + (1 - GUESSED) * parts[1])


def _size(scores: np.ndarray) -> tuple[float, float]:
    middle = float(np.median(scores))
    return middle, max(float(np.quantile(scores, 0.9)) - middle, 1e-9)


@dataclass
class Scorer:
    """A network and what stands before and after it.

    columns: fitted input columns, numbers and dates first. beyond: for tables with numbers.
    memory: for pictures, sounds and series.
    """

    columns: list[Column]
    network: nn.Module
    objective: HiddenCells | HiddenPatches
    size: Size
    beyond: Beyond | None = None
    memory: Memory | None = None

    @property
    def is_field(self) -> bool:
        return isinstance(self.objective, HiddenPatches)

    def encode(self, loaded: dict[str, Loaded]) -> dict[str, Tensor]:
        """Values as the network takes them."""
        return encode(self.columns, loaded, torch.empty(0)).inputs

    def cells(self, loaded: dict[str, Loaded]) -> np.ndarray:
        """How improbable every cell `(rows, columns)` or position `(rows, *positions)` is, given
        the others; NaN where nothing is."""
        inputs = self.encode(loaded)
        rows = len(next(iter(inputs.values())))
        step = ROWS_AT_ONCE["fields" if self.is_field else "rows"]
        parts = [
            self._cells({name: value[at : at + step] for name, value in inputs.items()})
            for at in range(0, rows, step)
        ]
        if not parts:
            return np.zeros((0, 1))
        found = torch.cat(parts).double().cpu().numpy()
        if self.beyond is not None and self.beyond.names:
            found += self._beyond(loaded)
        return found

    def _beyond(self, loaded: dict[str, Loaded]) -> np.ndarray:
        """float64 `(rows, pieces)`: what each number adds to its piece, the largest of several."""
        assert self.beyond is not None
        own = dict(zip(self.beyond.names, self.beyond.of_rows(loaded).T, strict=True))
        rows = len(next(iter(own.values())))
        nothing = np.zeros(rows)
        parts = [
            np.max([own.get(self.columns[place].name, nothing) for place in places], axis=0)
            for places in pieces_of(self.columns).values()
        ]
        return np.stack(parts, 1)

    @torch.inference_mode()
    def _cells(self, inputs: dict[str, Tensor]) -> Tensor:
        target = target_of(inputs, self.objective)
        total = count = torch.zeros(())
        for hidden in self.turns(inputs):
            output = self.network(inputs | {"hidden": hidden})
            if isinstance(self.objective, HiddenCells):
                each, there = self.objective.surprise(output, target), torch.ones(())
            else:
                each, there = self.objective.surprise(output, target)
            asked = hidden.to(each.dtype) * there
            total, count = total + each * asked, count + asked
        return torch.where(count > 0, total / count.clamp(min=1.0), torch.nan)

    def turns(self, inputs: dict[str, Tensor]) -> list[Tensor]:
        """Masks, bool `(batch, ...)`, that together hide everything at least once."""
        some = next(iter(inputs.values()))
        objective = self.objective
        if isinstance(objective, HiddenCells):
            patterns = torch.from_numpy(column_turns(objective.cells.columns)).to(some.device)
            return [pattern.expand(len(some), -1) for pattern in patterns]
        masks = []
        for scale in (1, 2):
            sides = tuple(scale * side for side in objective.patch)
            for number in range(4):
                mask = every_fourth(objective.positions, sides, number, some.device)
                if mask.any():
                    masks.append(mask.expand(len(some), *mask.shape))
        return masks

    def score(self, loaded: dict[str, Loaded]) -> np.ndarray:
        """float64 `(rows,)`: the stranger, the larger."""
        guessed = self.total(self.cells(loaded))
        if self.memory is None or not len(guessed):
            return guessed
        return self.memory.joined(guessed, self.features(loaded))

    @torch.inference_mode()
    def features(self, loaded: dict[str, Loaded]) -> np.ndarray:
        """What the network sees in whole examples, float64 `(rows, d)`; fields only."""
        assert isinstance(self.network, FieldAutoencoder)
        inputs, step = self.encode(loaded), ROWS_AT_ONCE["fields"]
        rows = len(next(iter(inputs.values())))
        parts = [
            self.network.features({name: value[at : at + step] for name, value in inputs.items()})
            for at in range(0, rows, step)
        ]
        return torch.cat(parts).double().cpu().numpy()

    def remember(self, loaded: dict[str, Loaded]) -> None:
        """Keep what the network sees in training examples; not of those that stand out, which may
        be strange themselves."""
        seen = self.features(loaded)
        far = Neighbors.fit(seen, np.random.default_rng(0)).score(seen)
        usual = np.flatnonzero(~stands_out(far))
        features = seen[usual]
        some = np.linspace(0, len(usual) - 1, min(len(usual), MOST_SIZED)).astype(np.int64)
        few = {name: values.take(usual[some]) for name, values in loaded.items()}
        self.memory = Memory.of(features, self.total(self.cells(few)), features[some])

    def total(self, cells: np.ndarray) -> np.ndarray:
        """One number a row: of a table the mean over its columns; else the mean of the whole and
        of the strangest tenth, on a map smoothed over a patch."""
        if not self.is_field:
            return np.asarray(cells.mean(1)) if len(cells) else np.zeros(0)
        assert isinstance(self.objective, HiddenPatches)
        return np.array([_field_total(one, self.objective.patch) for one in cells])

    @torch.inference_mode()
    def expected(self, loaded: dict[str, Loaded]) -> np.ndarray:
        """What the network would put at each position `(rows, *positions, channels)`, each hidden
        once, in encoded units; fields only."""
        assert isinstance(self.objective, HiddenPatches)
        inputs = self.encode(loaded)
        channels = self.objective.channels
        total = count = torch.zeros(())
        for hidden in self.turns(inputs):
            output = self.network(inputs | {"hidden": hidden})
            asked = hidden[..., None].to(output.dtype)
            total, count = total + output[..., :channels] * asked, count + asked
        mean, std = torch.tensor(self.objective.mean), torch.tensor(self.objective.std)
        return (total / count.clamp(min=1.0) * std + mean).double().cpu().numpy()


def _field_total(cells: np.ndarray, patch: tuple[int, ...]) -> float:
    smooth = smoothed(cells, patch)
    there = np.sort(smooth[np.isfinite(smooth)])
    if not len(there):
        return 0.0
    worst = there[-max(1, round(WORST * len(there))) :]
    return float(0.5 * there.mean() + 0.5 * worst.mean())


def smoothed(cells: np.ndarray, patch: tuple[int, ...]) -> np.ndarray:
    """Means over a patch around each position; NaN stays and counts nothing."""
    from scipy.ndimage import uniform_filter

    there = np.isfinite(cells)
    sums = uniform_filter(np.where(there, cells, 0.0), patch, mode="constant")
    counts = uniform_filter(there.astype(np.float64), patch, mode="constant")
    return np.where(there, sums / np.maximum(counts, 1e-9), np.nan)


def column_turns(columns: int) -> np.ndarray:
    """bool `(turns, columns)`: each column hidden alone or with a few, then by halves."""
    if columns == 1:
        return np.ones((1, 1), dtype=bool)
    rng = np.random.default_rng(0)
    turns = min(columns, MOST_TURNS)
    alone = np.arange(columns) % turns == np.arange(turns)[:, None]
    if columns < 4:
        return alone
    halves = []
    for _ in range(2):
        chosen = np.zeros(columns, dtype=bool)
        chosen[rng.permutation(columns)[: columns // 2]] = True
        halves += [chosen, ~chosen]
    return np.concatenate([alone, halves])


# --- building ---------------------------------------------------------------------------------


def objective_of(columns: Sequence[Column], dataset: Dataset, rows: Tensor) -> Any:
    """What is asked of rows encoded like this; sizes are taken from the training rows."""
    first = columns[0]
    if first.modality in FIELDS:
        group = entry_of(first).group
        known = Statistics.of(dataset.inputs[group][rows])
        return HiddenPatches(dataset.entries[group].positions, known.mean, known.std)
    return HiddenCells(cells_of(columns))


def cells_of(columns: Sequence[Column]) -> Cells:
    """Where each piece (a plain column, or the numbers that describe another one) lies in the
    groups that `encode` makes."""
    numbers, words = [], []
    features = names = 0
    for places in pieces_of(columns).values():
        entries = [entry_of(columns[place]) for place in places]
        size = sum(entry.size for entry in entries)
        if entries[0].way == "project":
            numbers.append((features, features + size))
            features += size
        else:
            words.append((names, names + size))
            names += size
    return Cells(tuple(numbers), tuple(words))


def in_order(columns: Sequence[Column]) -> list[Column]:
    """Numbers and dates before categories, as cells are counted."""
    return sorted(columns, key=lambda column: column.modality == "category")


def target_of(inputs: dict[str, Tensor], objective: HiddenCells | HiddenPatches) -> Tensor:
    """What is to be guessed: the values themselves."""
    if isinstance(objective, HiddenPatches):
        return next(iter(inputs.values()))
    parts = [inputs[name].float() for name in ("scalars", "categories") if name in inputs]
    return torch.cat(parts, 1)


def network_of(columns: Sequence[Column], objective: Any, size: Size) -> nn.Module:
    """An empty network for this question."""
    if isinstance(objective, HiddenCells):
        return RowAutoencoder(objective.cells, size)
    group = entry_of(columns[0]).group
    return FieldAutoencoder(group, objective.positions, objective.mean, objective.std, size)
