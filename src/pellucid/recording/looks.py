"""Looks on disk: what the inside of the network was at recorded steps.

`looks/index.json` says which steps were recorded and where: `recorded` [[step, chunk, row]], and
what recording the run has cost so far (`cost_seconds`).
A chunk `looks/00003.safetensors` holds up to 16 looks, looks first:

    steps u32 (looks,)   loss f32 (looks,): on the watched examples
    GROUP/NAME f16 (looks, *kept)           values times 2^-exponent; groups see `GROUPS`
    exponents i16 (looks, parts)            f16 alone would lose gradients below 6e-8
    statistics f32 (looks, parts, 4)        of the whole tensor: see `Statistics`

The header's note `parts` lists [{"group", "name", "shape", "strides"}]. A tensor that is too large
is kept as a sample: `strides` has one number for each axis, or a single one that runs over the
flattened tensor. A look without an update (the first one, for instance) has NaN there.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pellucid.errors import ConfigError
from pellucid.recording.files import Arrays, opened, read_json, write_arrays, write_json

GROUPS = ("activation", "activation_gradient", "weight", "weight_gradient", "update")
CHUNK = 16
"""Looks in a sealed chunk; a sealed chunk never changes again."""


class Statistics(NamedTuple):
    """Of all values of a tensor, however few of them are kept. norm: Euclidean."""

    mean: float
    std: float
    zeros: float
    """Share of values that are exactly zero."""
    norm: float


@dataclass(frozen=True)
class Part:
    """One tensor of a look: which, how large, and which of its values are kept."""

    group: str
    name: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def key(self) -> str:
        return f"{self.group}/{self.name}"

    @property
    def kept(self) -> tuple[int, ...]:
        """The shape of what is kept."""
        if len(self.strides) == len(self.shape):
            return tuple(-(-size // stride) for size, stride in zip(self.shape, self.strides))
        return (-(-math.prod(self.shape) // self.strides[0]),)


@dataclass(frozen=True)
class Row:
    """One look, ready to be written. values: f16 (all kept values of all parts, side by side)."""

    step: int
    loss: float
    values: np.ndarray
    exponents: np.ndarray
    statistics: np.ndarray


# --- writing --------------------------------------------------------------------------------


def pack(values: np.ndarray, sizes: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Scale each part by a power of two so that its largest value fills the range of f16.

    Args:
        values: float32 (sum of sizes,), the parts side by side, none of them empty.

    Returns:
        float16 values and int16 exponents (parts,); value = stored * 2^exponent.
    """
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    peaks = np.maximum.reduceat(np.where(np.isfinite(values), np.abs(values), 0), starts)
    # frexp: peak = m * 2^e with m in [0.5, 1), so the scaled peak is in [2^14, 2^15).
    exponents = np.where(peaks > 0, np.frexp(peaks)[1] - 15, 0)
    stored = np.ldexp(values, -np.repeat(exponents, sizes)).astype(np.float16)
    return stored, exponents.astype(np.int16)


class LooksWriter:
    """Writes looks; the chunk that is still growing is rewritten when `flush` is called.

    Args:
        folder: `looks/` of a run.
        fold: Which network of a bag is watched.
        keep: Looks after this step are forgotten (the run is resumed there); -1: all.

    cost_seconds: s that recording took so far, a resumed run's earlier part included.
    """

    def __init__(self, folder: Path, *, fold: int, keep: int) -> None:
        self.folder, self.fold = folder, fold
        self.cost_seconds = 0.0
        self.recorded: list[list[int]] = []
        if keep >= 0 and (folder / "index.json").exists():
            index = read_json(folder / "index.json")
            self.cost_seconds = index["cost_seconds"]
            self.recorded = [entry for entry in index["recorded"] if entry[0] <= keep]
        self._chunk = max((entry[1] for entry in self.recorded), default=-1) + 1
        self._parts: list[Part] = []
        self._rows: list[Row] = []
        self.flush()  # before removing what the old index still points to
        for path in folder.glob("[0-9]*.safetensors"):
            if int(path.stem) >= self._chunk:
                path.unlink()

    def bytes(self) -> int:
        """What the looks take on the disk."""
        return sum(path.stat().st_size for path in self.folder.glob("[0-9]*.safetensors"))

    def __contains__(self, step: int) -> bool:
        return any(entry[0] == step for entry in self.recorded)

    def add(self, parts: list[Part], row: Row) -> None:
        """Take in one more look; seals the chunk if it is full or the parts are other ones."""
        if self._rows and parts != self._parts:
            self._seal()
        self._parts = parts
        self.recorded.append([row.step, self._chunk, len(self._rows)])
        self._rows.append(row)
        if len(self._rows) == CHUNK:
            self._seal()

    def flush(self) -> None:
        """Bring everything so far to disk."""
        if self._rows:
            self._write_chunk(durable=False)
        index = {
            "schema": 1,
            "fold": self.fold,
            "recorded": sorted(self.recorded),
            "cost_seconds": round(self.cost_seconds, 3),
        }
        write_json(self.folder / "index.json", index, durable=False)

    def _seal(self) -> None:
        self._write_chunk(durable=True)
        self._chunk, self._rows = self._chunk + 1, []

    def _write_chunk(self, *, durable: bool) -> None:
        values = np.stack([row.values for row in self._rows])
        arrays: Arrays = {
            "steps": np.array([row.step for row in self._rows], np.uint32),
            "loss": np.array([row.loss for row in self._rows], np.float32),
            "exponents": np.stack([row.exponents for row in self._rows]),
            "statistics": np.stack([row.statistics for row in self._rows]),
        }
        start = 0
        for part in self._parts:
            end = start + math.prod(part.kept)
            arrays[part.key] = values[:, start:end].reshape(-1, *part.kept)
            start = end
        notes = {"schema": "1", "parts": json.dumps([asdict(part) for part in self._parts])}
        write_arrays(self.folder / f"{self._chunk:05d}.safetensors", arrays, notes, durable=durable)


# --- reading --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """One tensor at one step, float32 with the shape of what is kept.

    value: the activations `(examples, ...)` or the weights. gradient: of the loss with respect to
    them; None where the loss does not depend on them. update: weights minus the weights before
    this step's update; None for activations, and where it was not recorded.
    shape, strides: of the whole tensor, and how it was sampled (see the top of this file).
    statistics: "value", "gradient", "update" -> statistics of the whole tensor.
    """

    name: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    value: np.ndarray
    gradient: np.ndarray | None
    update: np.ndarray | None
    statistics: dict[str, Statistics]

    @property
    def whole(self) -> bool:
        """Whether every value was kept."""
        return all(stride == 1 for stride in self.strides)


@dataclass(frozen=True)
class Look:
    """The inside of the network at one step. loss: mean over the watched examples."""

    step: int
    loss: float
    activations: dict[str, Seen]
    parameters: dict[str, Seen]


class Looks:
    """The recorded looks of a run; nothing is read before it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / "index.json"
        recorded = read_json(path)["recorded"] if path.exists() else []
        self._places = {step: (chunk, row) for step, chunk, row in recorded}

    @property
    def steps(self) -> list[int]:
        """Steps that were recorded, rising."""
        return sorted(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, step: int) -> bool:
        return step in self._places

    def nearest(self, step: int) -> int:
        """The last recorded step that is not after `step`, or the first one."""
        self._some()
        return max((known for known in self._places if known <= step), default=self.steps[0])

    def at(self, step: int) -> Look:
        """The look at a recorded step; ConfigError if there was none."""
        self._some()
        if step not in self._places:
            raise ConfigError(
                f"step {step} was not recorded",
                where=str(self.folder),
                fix=f"the nearest recorded step before it is {self.nearest(step)}",
            )
        chunk, row = self._places[step]
        with opened(self._path(chunk)) as file:
            parts = _parts(file)
            rows = {name: file.get_slice(name)[row : row + 1][0] for name in file.keys()}  # noqa: SIM118
        return _look(step, parts, rows)

    def history(self, group: str, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Steps `(looks,)` and statistics `(looks, 4)` (mean, std, zeros, norm) of one tensor.

        Args:
            group: One of `GROUPS`. name: a watched value or a parameter.
        """
        found: dict[int, np.ndarray] = {}
        for chunk in sorted({chunk for chunk, _ in self._places.values()}):
            with opened(self._path(chunk)) as file:
                keys = [part.key for part in _parts(file)]
                if f"{group}/{name}" in keys:
                    statistics = file.get_tensor("statistics")[:, keys.index(f"{group}/{name}")]
                    found.update(zip(file.get_tensor("steps").tolist(), statistics))
        steps = [step for step in self.steps if step in found]
        return np.array(steps, np.int64), np.array([found[step] for step in steps]).reshape(-1, 4)

    def _path(self, chunk: int) -> Path:
        return self.folder / f"{chunk:05d}.safetensors"

    def _some(self) -> None:
        if not self._places:
            raise ConfigError(
                "no looks at the inside were recorded",
                where=str(self.folder),
                fix="learn again without --no-record",
            )


def _parts(file: Any) -> list[Part]:
    return [
        Part(part["group"], part["name"], tuple(part["shape"]), tuple(part["strides"]))
        for part in json.loads(file.metadata()["parts"])
    ]


def _look(step: int, parts: list[Part], rows: Arrays) -> Look:
    arrays: Arrays = {}
    statistics: dict[str, Statistics] = {}
    for index, part in enumerate(parts):
        stored = rows[part.key].astype(np.float32)
        arrays[part.key] = np.ldexp(stored, int(rows["exponents"][index]))
        statistics[part.key] = Statistics(*rows["statistics"][index].tolist())
    return Look(
        step,
        float(rows["loss"]),
        {part.name: _seen(part, arrays, statistics) for part in parts if part.group == GROUPS[0]},
        {part.name: _seen(part, arrays, statistics) for part in parts if part.group == GROUPS[2]},
    )


def _seen(part: Part, arrays: Arrays, statistics: dict[str, Statistics]) -> Seen:
    gradient = f"{part.group}_gradient/{part.name}"
    update = f"update/{part.name}"
    changed = part.group == "weight" and not np.isnan(statistics[update].norm)
    kinds = {"value": part.key, "gradient": gradient, **({"update": update} if changed else {})}
    return Seen(
        part.name,
        part.shape,
        part.strides,
        arrays[part.key],
        arrays.get(gradient),
        arrays[update] if changed else None,
        {kind: statistics[key] for kind, key in kinds.items() if key in statistics},
    )
