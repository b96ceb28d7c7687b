"""Settings: what the user asked for, what was planned, and why.

Every automatic choice is a `Choice`: the value, and the reason that is printed beside it. After
planning nothing depends on the clock: a plan and a seed give the same weights.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from pellucid.errors import ConfigError, did_you_mean

Effort = Literal["quick", "normal", "thorough"]
Unlabelled = Literal["auto", "use", "ignore"]

ACROSS = "columns"
"""The name of the network part that works across columns, in plans and in watched values."""
RESERVED = ("scalars", "categories", ACROSS)
"""Groups that are not named after one column."""


@dataclass(frozen=True)
class Choice:
    """A value that Pellucid chose by itself, with its reason."""

    value: Any
    why: str


@dataclass(frozen=True)
class LeftOut:
    """Rows of the source that are not to be used, as a list of the user names them.

    file: the list. rows: numbers of rows from 0, -1 where only the place is given. places: as the
    source calls them, '' where only the number is given. run: the run that wrote the list, to be
    compared with.
    """

    file: str
    rows: tuple[int, ...]
    places: tuple[str, ...]
    run: str | None = None

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> LeftOut:
        return cls(data["file"], tuple(data["rows"]), tuple(data["places"]), data["run"])


@dataclass(frozen=True)
class Settings:
    """What the user asked for; everything has a default that needs no tuning.

    Args:
        target: Name of the column to predict; several, joined by commas, for several numbers.
        time: Seconds for the whole job; None lets `effort` and the size of the data decide.
        effort: "quick", "normal" or "thorough".
        seed: One number from which every random choice follows.
        network: "auto", or the family to use: "mlp", "tabm", "cnn", "ngrams", "rnn",
            "transformer".
        kinds: Column name -> modality, overriding what was recognized (`--as rating=category`); or
            the target's grades, the lowest first ("calm<alert<alarm"); or its role in a
            recommendation: user, item, rating or time.
        task: "auto", or "classify", "tags", "grades", "regress".
        group: Column whose equal values must stay on one side of every split.
        order: Column of times; test rows are then the latest.
        split: Column that already says train, valid or test for each row.
        ignore: Columns to leave out.
        keep: "network" keeps the network; "best" whoever answers held rows best: the network, the
            best classical method, or both together.
        keep_going: Go on although more than a tenth of the rows had to be set aside.
        record: Write looks at the inside while learning.
        missing: Words that mean "no value", besides the usual ones.
        pretrained: Let installed pretrained weights compete (kept only if validation says so).
        without: Rows to leave out; all others stay in the part that they would be in with them.
        unlabelled: Rows without an answer: "auto" learns from them first where they are very many
            and validation says that it helps, "use" tries it in any case, "ignore" does not.
        start: Folder of a published language model, in Hugging Face's layout, to start from.
        horizon: Steps into the future that a forecast is asked for; None lets the data decide.
        known: Columns whose future is known when a forecast is made (holidays, planned prices).
    """

    target: str | None = None
    time: float | None = None
    effort: Effort = "normal"
    seed: int = 0
    network: str = "auto"
    kinds: dict[str, str] = field(default_factory=dict)
    task: str = "auto"
    group: str | None = None
    order: str | None = None
    split: str | None = None
    ignore: tuple[str, ...] = ()
    keep: Literal["network", "best"] = "network"
    keep_going: bool = False
    record: bool = True
    missing: tuple[str, ...] = ()
    pretrained: bool = True
    without: LeftOut | None = None
    unlabelled: Unlabelled = "auto"
    start: str | None = None
    horizon: int | None = None
    known: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.time is not None and not self.time > 0:
            raise ConfigError(
                f"the time must be positive, not {self.time:g} s",
                where="--time",
                fix="give seconds or minutes, such as --time 90s or --time 3m",
            )
        if self.seed < 0:
            raise ConfigError(
                f"the seed must not be negative, it is {self.seed}",
                where="--seed",
                fix="give 0 or any larger whole number, such as --seed 1",
            )
        if self.horizon is not None and self.horizon < 1:
            raise ConfigError(
                f"a forecast looks at least one step ahead, not {self.horizon}",
                where="--horizon",
                fix="give a number of steps, such as --horizon 12",
            )
        for name, allowed in (
            ("effort", ("quick", "normal", "thorough")),
            ("keep", ("network", "best")),
            ("unlabelled", ("auto", "use", "ignore")),
        ):
            if getattr(self, name) not in allowed:
                raise ConfigError(
                    f"--{name} can't be '{getattr(self, name)}'",
                    where=f"--{name}",
                    fix=did_you_mean(str(getattr(self, name)), allowed),
                )

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Size:
    """How big one network is; follows from one dial.

    width: numbers that describe one position. depth: blocks. dropout: share of values zeroed.
    """

    width: int
    depth: int
    dropout: float = 0.0


@dataclass(frozen=True)
class Plan:
    """Everything that the loop needs to know; made before the first step, fixed from then on.

    steps: weight updates in all. batch: rows an update sees. evaluate_every: steps between looks
    at the validation rows. rate: highest learning rate of the main optimizer. warm: share of the
    steps over which the rate rises; flat: share of the steps after that on which it stays.
    average: share of the run over which the weights are averaged at the end (0: no average).
    folds: networks that are trained on different parts of the rows and answer together (1: none).
    """

    seed: int = 0
    steps: int = 100
    batch: int = 256
    evaluate_every: int = 50
    optimizer: Literal["adamw", "muon"] = "adamw"
    rate: float = 2e-3
    weight_decay: float = 0.01
    clip: float | None = 1.0
    warm: float = 0.05
    flat: float = 0.0
    average: float = 0.0
    label_smoothing: float = 0.0
    precision: Literal["fp32", "bf16"] = "fp32"
    folds: int = 1
    threads: int = 1
    network: dict[str, str] = field(default_factory=dict)
    """Group -> family; the key "columns" is the family that works across columns."""
    sizes: dict[str, Size] = field(default_factory=dict)
    numbers: Literal["plain", "bins"] = "bins"
    """How numbers of a table enter: as they are, or each as a vector by the bin it falls in."""
    augment: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Group -> names of the random changes made to its training examples."""
    pretrained: dict[str, str] = field(default_factory=dict)
    """Group -> name of the weights it starts from."""
    unlabelled: int = 0
    """Steps of learning from rows without an answer, before those with answers (0: none)."""
    shortened: dict[str, int] = field(default_factory=dict)
    """If the machine was slower than planned: from `step` of `fold` on, a run has `steps` steps."""
    why: dict[str, str] = field(default_factory=dict)
    """Field -> the reason for its value."""

    def steps_at(self, fold: int, number: int) -> int:
        """How many steps the network of `fold` makes, as known after `number` of them."""
        cut = self.shortened
        if cut and (fold, number) >= (cut["fold"], cut["step"]):
            return cut["steps"]
        return self.steps

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Plan:
        """Read a plan back; unknown fields of a later version are an error, not a guess."""
        known = {item.name for item in fields(cls)}
        unknown = sorted(set(data) - known)
        if unknown:
            raise ConfigError(
                f"the plan has fields that this version does not know: {', '.join(unknown)}",
                where="run.json",
                fix="update Pellucid, or plan anew without --plan",
            )
        data = dict(data)
        data["sizes"] = {key: Size(**value) for key, value in data.get("sizes", {}).items()}
        data["augment"] = {key: tuple(value) for key, value in data.get("augment", {}).items()}
        return cls(**data)


def cache_folder() -> Path:
    """Where decoded data is kept between runs; `PELLUCID_CACHE` moves it."""
    import os

    chosen = os.environ.get("PELLUCID_CACHE")
    base = os.environ.get("XDG_CACHE_HOME")
    folder = Path(chosen) if chosen else Path(base or Path.home() / ".cache") / "pellucid"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
