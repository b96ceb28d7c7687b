"""A use: one thing that deep learning is good for, as a person asks for it.

Classes and numbers, "this row, that answer", are the main job (`recipe/`). A use is a question
whose examples or answers have another shape: the future of a series, a ranked list, a sentence,
boxes in a picture, a distance, a degree of strangeness, a map. It decides six things; the job
around them (`uses/job.py`: time, plan, loop, recording, pausing, resuming, verdict, run folder)
is the same for all:

    recognize   does this source ask for it, and what speaks for it?
    Course      what one example is, every row's fate, and the network's goal
    recipe      which network, how big, how it is trained
    compete     the field's strong classical methods, on the same examples
    exam        how good on the sealed examples; what a person should see
    Answerer    what is taken away: answers new input, explains, is saved and loaded

A new use is one file (or one folder) here with `@use("word")`, and one line in `uses/__init__.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from torch import Tensor, nn

from pellucid.config import Plan, Settings
from pellucid.data.columns import RawTable
from pellucid.data.dataset import Dataset
from pellucid.data.ledger import Ledger
from pellucid.errors import PellucidError
from pellucid.evidence.finding import Finding
from pellucid.learning.evaluate import Score
from pellucid.learning.recipes import Recipe
from pellucid.recipe.watcher import Watcher
from pellucid.tasks.task import Objective


class Source:
    """What the user pointed at, looked at only as far as somebody asks.

    given: a path, a frame, arrays. test: a second source that is only for the exam.
    """

    def __init__(self, given: Any, settings: Settings, test: Any = None) -> None:
        self.given, self.settings, self.test = given, settings, test

    @property
    def path(self) -> Path | None:
        """The file or folder; None for data in memory."""
        return Path(self.given) if isinstance(self.given, str | Path) else None

    @property
    def known(self) -> RawTable | None:
        """The table, if somebody asked for it already."""
        return self.__dict__.get("table")

    @cached_property
    def table(self) -> RawTable | None:
        """The source as a table; None if it can't be read as one."""
        from pellucid.data import read

        try:
            return read.read(
                self.given,
                test=self.test,
                missing=self.settings.missing,
                split=self.settings.split,
                target=self.settings.target,
            )
        except PellucidError:
            return None


@dataclass(frozen=True)
class Reading:
    """That a source asks for a use. sure: 0 to 1; from `SURE` on it is taken without being asked
    for by `--task`. why: the evidence, in words."""

    sure: float
    why: str


SURE = 0.5


@dataclass
class Examples:
    """All that there is to learn from, encoded, and where it came from.

    name: of the source, as said to people. fingerprint: hash of its content. target: what is
    predicted, in words. dataset: all usable examples. modalities: group of inputs -> modality.
    places: of each example, to name it. train, valid, test: int64, numbers of examples; test ones
    are looked at once, by `exam`. ledger: the fate of every row or file of the source. columns:
    how each column was understood (`Column.as_json()`). draw: number of an example -> name ->
    drawing, `{"kind", "data"}` (`recipe/drawings.py: as_json`).
    """

    name: str
    fingerprint: str
    target: str
    dataset: Dataset
    modalities: dict[str, str]
    places: Sequence[str]
    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    ledger: Ledger
    draw: Callable[[int], dict[str, Any]]
    columns: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Judged:
    """One method at the exam.

    measure: row weights `(draws, rows)` over the exam's units -> the metric `(draws,)`, so that a
    figure and its interval can't disagree (`learning/evaluate.py: mean_of`, `Score`). valid_score:
    the same metric on validation examples, which alone decides which method is compared.
    seconds: to fit. ms_per_row: to answer one unit. bytes: of the saved model.
    """

    name: str
    measure: Score
    valid_score: float
    seconds: float
    ms_per_row: float
    bytes: int
    why: str = ""


@dataclass(frozen=True)
class Exam:
    """What the sealed examples said.

    units: how many things the metric is a mean over (windows, users, pictures ...). unit: what one
    is called. network, classical: the contenders. both: the network and the classical method that
    is best on validation examples together, if a use can answer so; no contender, but it may be
    kept. constant: name of the simplest of the classical ones, the answer that needs no learning.
    groups: labels `(units,)` of units that are not independent. figures: every other figure, name
    -> value. findings: what a person should see, the first ones first; shown by terminal, report
    and JSON alike. shown: examples, as in `results/examples.json`.
    """

    units: int
    unit: str
    network: Judged
    classical: list[Judged]
    constant: str
    both: Judged | None = None
    groups: np.ndarray | None = None
    figures: dict[str, float] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    shown: list[dict[str, Any]] = field(default_factory=list)


Kept = Literal["network", "baseline", "both"]
"""Who answers: the network, the classical method that is best on validation examples, or the mean
of both."""


class Answerer(ABC):
    """A trained model of one use with all that goes before and after it.

    kept: who answers unless somebody asks for the other one.
    """

    kind: ClassVar[str]
    kept: Kept = "network"

    @abstractmethod
    def network(self) -> nn.Module:
        """The network, in eval mode."""

    @abstractmethod
    def save(self, folder: Path) -> dict[str, Any]:
        """Write tensors (safetensors) and texts into `folder`, an existing empty folder; returns
        everything else, JSON-able, for `bundle.json`."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, head: dict[str, Any]) -> Answerer:
        """Read back what `save` wrote; needs no training data."""

    @abstractmethod
    def predict(self, source: Any, model: str | None = None) -> list[dict[str, Any]]:
        """One dict a row, JSON-able: `row`, `answer` and what the use has; or `row`, `error`.

        model: "network", "baseline" or None for the one that is kept.
        """

    @abstractmethod
    def explain(self, source: Any, row: int = 0, seconds: float = 2.0) -> Finding:
        """Why it answers so for one row of a source, with how faithful that is."""

    def readable(self, line: dict[str, Any]) -> str:
        """One line of `predict` for people."""
        if "error" in line:
            return f"{begun(line)}can't answer: {line['error']['what']}"
        return f"{begun(line)}{line['answer']}"


def begun(line: dict[str, Any]) -> str:
    """What a line for people begins with: the row, and of several files the name of its own.

    >>> begun({"row": 3, "source": "a.png"}), begun({"row": 12})
    ('     3  a.png  ', '    12  ')
    """
    return f"{line['row']:>6}  " + (f"{line['source']}  " if "source" in line else "")


class Course(ABC):
    """A source understood as examples of one use, and how to learn from them.

    kind, title: the word after `--task`, and what people call it. metric: the main figure,
    which may depend on the data. asked: the verb that asks its models
    (`learning/evaluate.py: SMALLER_IS_BETTER` knows which way is better). answerer: the class that
    reads its models back.
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    metric: str
    asked: ClassVar[str] = "predict RUN INPUT"
    answerer: ClassVar[type[Answerer]]
    examples: Examples
    objective: Objective

    @classmethod
    @abstractmethod
    def recognize(cls, source: Source) -> Reading | None:
        """Whether a source asks for this use; cheap, and it never raises for what isn't its own."""

    @abstractmethod
    def __init__(self, source: Source, settings: Settings, watcher: Watcher) -> None:
        """Read the source, give every row its fate, encode.

        Raises:
            DataError: It can't be learned from, with the reason and a way out.
        """

    @abstractmethod
    def recipe(self) -> Recipe:
        """The network family, its sizes from small to large, and how it is trained."""

    @abstractmethod
    def build(self, plan: Plan) -> nn.Module:
        """A fresh network of the plan's size (`next(iter(plan.sizes.values()))`), with `describe()`
        and `tap`s; inputs by group -> output, as the objective takes it."""

    def word(self, group: str, number: int) -> str | None:
        """What a whole number of a group of inputs stands for, or (group `ANSWER` of
        `evidence/receipt/parts.py`) a place of the output's last axis; None: just a number."""
        return None

    @abstractmethod
    def score(self, output: Tensor) -> float:
        """The main figure on the validation examples, from what `objective.kept` kept of them
        `(valid, ...)`; told while it learns."""

    @abstractmethod
    def finish(self, model: nn.Module, seconds: float, watcher: Watcher) -> Answerer:
        """The trained network as an answerer: thresholds and intervals fitted on validation
        examples, never on test ones."""

    @abstractmethod
    def compete(self, seconds: float, watcher: Watcher) -> None:
        """Fit the classical methods on the training examples, within about `seconds`; kept for
        `exam`, and the best on validation examples for the answerer."""

    @abstractmethod
    def exam(self, answerer: Answerer, seconds: float, watcher: Watcher) -> Exam:
        """Ask everybody the sealed examples, once."""


COURSES: dict[str, type[Course]] = {}


def use(course: type[Course]) -> type[Course]:
    """Register a use under its word."""
    if course.kind in COURSES:
        raise ValueError(f"two uses are called '{course.kind}'")
    COURSES[course.kind] = course
    return course
