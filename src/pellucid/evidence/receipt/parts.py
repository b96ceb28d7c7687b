"""What a receipt says: each part of it, as data, in the order of the step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pellucid.evidence.finding import plain

SCHEMA = 1

Index = tuple[int, ...]
"""Where a number stands in a tensor."""


# --- the parts, in the order of the step ------------------------------------------------------


@dataclass(frozen=True)
class Memory:
    """What the optimizer remembers of earlier steps. kind: "fresh" (there were none), "replayed"
    (the run was repeated up to here), "empty" (unknown, so it starts anew). why: in words."""

    kind: Literal["fresh", "replayed", "empty"]
    why: str


FRESH = Memory("fresh", "this is the first step: there is nothing to remember")


Words = Callable[[str, int], str | None]
"""What a whole number stands for, by its group of inputs or `ANSWER`; None: it is just a number."""
ANSWER = "the answer"
"""The group of outputs."""


def no_words(group: str, number: int) -> None:
    """Numbers that stand for nothing."""


@dataclass(frozen=True)
class Input:
    """What enters by one group. first: of the followed example. changes: random ones made to it.
    words: what its first numbers stand for, where they are numbers of words, items or names."""

    group: str
    shape: tuple[int, ...]
    mean: float
    spread: float
    first: tuple[float, ...]
    changes: tuple[str, ...]
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Value:
    """A watched value between the layers. shape: for one example. zeros: share that is exactly 0.
    blame: length of the loss's derivative by it; None if the loss does not depend on it."""

    name: str
    shape: tuple[int, ...]
    mean: float
    spread: float
    zeros: float
    blame: float | None


@dataclass(frozen=True)
class Line:
    """One line of arithmetic: what it is, the calculation with its numbers, what comes out."""

    name: str
    formula: str
    value: float


@dataclass(frozen=True)
class Answer:
    """One output for the followed example. predicted: probability, or number in the target's unit;
    None where an output by itself says neither. wanted: likewise. blame: derivative of the
    example's loss by the output (by a probability's raw score)."""

    name: str
    output: float
    predicted: float | None
    wanted: float | None
    blame: float


@dataclass(frozen=True)
class Loss:
    """How wrong. batch, example: of the batch and of the followed example, before the update.
    lines: the example's loss by hand. examples: of each example."""

    batch: float
    example: float
    lines: tuple[Line, ...]
    examples: tuple[float, ...]


@dataclass(frozen=True)
class Weights:
    """One parameter. norm, gradient, change: lengths of it, of its gradient (before clipping) and
    of its update. ratio: change / norm, which is about 0.001 where learning is healthy."""

    name: str
    layer: str
    shape: tuple[int, ...]
    count: int
    role: str
    rule: str
    norm: float
    gradient: float
    change: float
    ratio: float | None


@dataclass(frozen=True)
class Update:
    """The step's size. rate: learning rate; gradient: length of all gradients together; shrunk:
    factor by which they were shortened to the longest length allowed (1: they were not)."""

    rate: float
    gradient: float
    shrunk: float
    clip: float | None
    rules: dict[str, str]


@dataclass(frozen=True)
class Again:
    """The same batch, with the same random changes, through the new weights. lower: examples whose
    loss fell."""

    batch: float
    example: float
    examples: tuple[float, ...]
    lower: int


@dataclass(frozen=True)
class Check:
    """A comparison of two ways to the same numbers. gap: the largest difference, as a share of
    the size of the numbers; tolerance: how much rounding explains; numbers: how many compared."""

    what: str
    gap: float
    tolerance: float
    numbers: int

    @property
    def passed(self) -> bool:
        return self.gap <= self.tolerance


# --- a closer look ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Term:
    """One product of a sum: a weight and what it is multiplied by."""

    weight_name: str
    weight: float
    factor: float

    @property
    def product(self) -> float:
        return self.weight * self.factor


@dataclass(frozen=True)
class Output:
    """One number that a layer gave, and everything that was added up for it.

    example: in the batch. place: where it stands in that example's output: positions or member,
    then unit (a convolution's units come first).
    terms: the weight that is followed, then the largest products; rest: the sum of the `others`
    remaining ones. lines: what is done with sums afterwards, where a layer does more than add.
    by_hand: the result of this page; computed: what the network had.
    """

    example: int
    place: Index
    terms: tuple[Term, ...]
    rest: float
    others: int
    lines: tuple[Line, ...]
    by_hand: float
    computed: float


@dataclass(frozen=True)
class Share:
    """What one example adds to a weight's gradient."""

    example: int
    value: float


@dataclass(frozen=True)
class Turned:
    """A weight turned up and down by `turn`: the loss there, and its slope in between."""

    turn: float
    up: float
    down: float
    slope: float


@dataclass(frozen=True)
class OneWeight:
    """One weight, followed through the whole step.

    path: type it after --zoom. output: a number of its layer that it takes part in; None if no
    value of the example reaches it. gradient: before clipping; shares: the examples that add most
    to it; others: the sum of the rest; elsewhere: what it gets from other places of the network
    where it is used too. lines: the optimizer's arithmetic.
    """

    path: str
    layer: str
    kind: str
    says: str
    before: float
    after: float
    gradient: float
    clipped: float
    output: Output | None
    shares: tuple[Share, ...]
    others: float
    elsewhere: float
    turned: Turned
    rule: str
    why: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Unit:
    """One unit of a layer: what it gave in this batch, and its weights with the largest gradients.

    path: type it after --zoom. mean, spread, low, high: of its outputs. weights: (path, weight,
    gradient, new weight).
    """

    path: str
    outputs: int
    mean: float | None
    spread: float | None
    low: float | None
    high: float | None
    blame: float
    output: Output | None
    weights: tuple[tuple[str, float, float, float], ...]


@dataclass(frozen=True)
class Layer:
    """One layer. says: its formula with shapes. output: None if it could not be followed by itself.
    units: (path, length of the weights, of their gradient, of their change), the largest gradients
    first; of `count` units."""

    path: str
    kind: str
    says: str
    output: Value | None
    weights: tuple[Weights, ...]
    units: tuple[tuple[str, float, float, float], ...]
    count: int


# --- the whole --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Receipt:
    """One training step, in the order in which it happens.

    step: updates before this one, of `steps`. rows: the batch, as rows of the data set (of the
    source once the run is known). example: place in the batch of the one that is followed.
    place, drawings: how a person knows it, and its inputs as a person sees them.
    """

    step: int
    steps: int
    batch: int
    rows: tuple[int, ...]
    example: int
    why_example: str
    optimizer: str
    precision: str
    dropout: bool
    memory: Memory
    inputs: tuple[Input, ...]
    values: tuple[Value, ...]
    answers: tuple[Answer, ...]
    outputs: int
    members: int
    loss: Loss
    update: Update
    weights: tuple[Weights, ...]
    one: OneWeight
    zoom: Layer | Unit | None
    again: Again
    checks: tuple[Check, ...]
    task: str
    place: str = ""
    drawings: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def checked(self) -> bool:
        """Whether every comparison agrees."""
        return all(check.passed for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """The receipt as dicts and lists; what is not finite becomes null."""
        data: dict[str, Any] = plain({"schema": SCHEMA, **asdict(self)})
        for check, line in zip(self.checks, data["checks"], strict=True):
            line["passed"] = check.passed
        data["checked"] = self.checked
        data["zoom_kind"] = None if self.zoom is None else type(self.zoom).__name__.lower()
        return data
