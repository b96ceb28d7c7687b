"""What evidence is about: a trained model, and the examples that it learned from and was tried on.

`Subject` is enough to explain an answer: it needs no data but the example itself. `Material` also
has the source, to study what the run did with it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from pellucid.config import Plan
from pellucid.data.columns import Column, Loaded, Progress, silent
from pellucid.evidence.finding import Finding
from pellucid.evidence.trust.calibrate import Calibration
from pellucid.evidence.trust.conformal import Promise
from pellucid.learning.planner import RowIngredients
from pellucid.network.assemble import Model
from pellucid.network.pretrained.frozen import Frozen
from pellucid.recording.run import Run
from pellucid.tasks import Task

Rows = dict[str, Loaded]
"""Decoded examples: input column -> its values, the same rows in each."""

FORWARD_ROWS = 512


@dataclass(frozen=True)
class Subject:
    """A trained model.

    columns: the input columns as the (first) network fitted them. answer: decoded examples ->
    calibrated probabilities or numbers `(rows, classes | tags | targets)`, of the model that is
    asked: the network (the mean of a bag), the classical method, or the mean of both. which: who
    that is; name: the same as part of a sentence.
    network: the (first) network, in eval mode. encode: decoded examples -> its inputs by group.
    frozen: column -> the frozen network in front of it, which takes most of an answer's time.
    say: decoded examples -> all that `predict` says of each. calibration, promise: what its
    percentages and its sets or intervals rest on; no promise where held rows were too few.
    """

    task: Task
    columns: list[Column]
    answer: Callable[[Rows], np.ndarray]
    network: Model
    encode: Callable[[Rows], dict[str, Tensor]]
    which: Literal["network", "baseline", "both"] = "network"
    say: Callable[[Rows], list[dict[str, Any]]] = lambda rows: []
    name: str = "the network"
    calibration: Calibration = field(default_factory=Calibration)
    promise: Promise | None = None
    frozen: Mapping[str, Frozen] = field(default_factory=dict)

    def features(self, rows: Rows) -> np.ndarray:
        """float32 `(rows, width)`: what the (first) network made of each row before it answers."""
        return features_of(self.network, self.encode(rows))


@torch.inference_mode()
def features_of(network: Model, inputs: dict[str, Tensor]) -> np.ndarray:
    """float32 `(rows, width)`: what a network makes of encoded rows before it answers."""
    parts = []
    for start in range(0, len(next(iter(inputs.values()))), FORWARD_ROWS):
        batch = {name: value[start : start + FORWARD_ROWS] for name, value in inputs.items()}
        vectors = network.features(batch).float()
        parts.append(vectors.mean(1) if vectors.ndim == 3 else vectors)
    return torch.cat(parts).numpy()


class Predictor(Protocol):
    """A classical method after fitting."""

    name: str
    seconds: float

    def predict(self, loaded: Rows) -> np.ndarray:
        """Probabilities or numbers `(rows, classes | tags | targets)`, not calibrated."""


class FitCheap(Protocol):
    """Fits a fast classical method; `rows` of the source, `truth` for all rows of the source,
    `ignore`: input columns that it does not see."""

    def __call__(
        self, rows: np.ndarray, truth: np.ndarray | None = None, ignore: Collection[str] = ()
    ) -> Predictor: ...


@dataclass(frozen=True)
class Material:
    """A run with its source, read again.

    subject: the network, which is studied as such. given: the model that is handed over, if that
    is another one: the classical method, or both together (`kept` is it in any case).
    loaded: every row of the source. target: encoded targets, all rows; truth: the same as metrics
    take them. places: how a person finds each row. train, valid, test: int64 rows; test rows may
    be looked at, never fitted to. folds: (rows learned from, rows checked by) of each network.
    held: rows that were answered by a network that had not learned from them; held_values: these
    answers, calibrated. ingredients: (rows to learn from, rows to check by) -> encoded rows for a
    network of the same plan, encoders fitted on the former alone. fit_cheap: learn from these rows
    with a fast classical method (from other targets than `truth`, if given). fit_rival: the same
    with the method that the run compared the network with. groups: label of each
    row that belongs with others; clusters: label shared by near-duplicates; order: time of each
    row. seconds: about how long a part may take.
    """

    run: Run
    subject: Subject
    plan: Plan
    loaded: Rows
    target: Tensor
    truth: np.ndarray
    places: Sequence[str]
    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    folds: list[tuple[np.ndarray, np.ndarray]]
    held: np.ndarray
    held_values: np.ndarray
    ingredients: Callable[[np.ndarray, np.ndarray], RowIngredients]
    fit_cheap: FitCheap
    fit_rival: FitCheap | None = None
    groups: np.ndarray | None = None
    clusters: np.ndarray | None = None
    order: np.ndarray | None = None
    seed: int = 0
    seconds: float = 30.0
    progress: Progress = field(default=silent)
    given: Subject | None = None

    @property
    def task(self) -> Task:
        return self.subject.task

    @property
    def kept(self) -> Subject:
        """The model that is handed over, whose answers people get: who judges answers asks it."""
        return self.given or self.subject

    def judged(self) -> str:
        """For studies of answers: whose they are, as a sentence."""
        return f"Judged is the model that this run hands over: {self.kept.name}."

    def of_network(self) -> tuple[str, ...]:
        """For studies of the network as such: a sentence that says so where another answers."""
        if self.given is None:
            return ()
        return (f"This is about the network as such; handed over was {self.given.name}.",)

    def take(self, rows: np.ndarray) -> Rows:
        """Decoded examples of these rows of the source."""
        return take(self.loaded, rows)


def take(rows: Rows, which: np.ndarray) -> Rows:
    """These rows of every column; a row may occur several times."""
    return {name: values.take(which) for name, values in rows.items()}


Part = Callable[[Material], Finding]

PARTS: dict[str, Part] = {}
"""Name on the command line -> what studies it, in the order in which a person reads them."""


def part(name: str) -> Callable[[Part], Part]:
    """Register a study under its name."""

    def register(study: Part) -> Part:
        if name in PARTS:
            raise ValueError(f"two parts are called '{name}'")
        PARTS[name] = study
        return study

    return register
