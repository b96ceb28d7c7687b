"""The whole network: a way in and a network for each column, pooled, joined, and a head.

    scalars    -> vectors ----------------------------------+
    categories -> vectors ----------------------------------+-> network across columns -> head
    picture    -> pixels -> CNN         -> pool ------------+
    text       -> vectors -> Transformer -> pool -----------+

With a single picture, text or series there is nothing to join, and the head sits on its pool. A
plain network reads no positions: what would be pooled behind it is put side by side before it.

    picture    -> pixels side by side -> MLP
    text       -> vectors -> pool -> MLP
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.config import ACROSS, Plan, Size
from pellucid.data.columns import Entry
from pellucid.errors import ConfigError, did_you_mean
from pellucid.network import cnn, mlp, ngrams, rnn, tabm, transformer  # noqa: F401  (register)
from pellucid.network.embed import EXAMPLES, Lookup, Numbers, Pixels, Statistics, embed_for
from pellucid.network.family import NETWORKS, Network
from pellucid.network.flat import Flat
from pellucid.network.numbers import PiecewiseLinear, Plain
from pellucid.network.pool import PitchPool, Pool
from pellucid.network.tabm import Heads, TabM
from pellucid.network.tap import scope, tap

NUMBER_WIDTH = 16
"""Floats that describe one number before columns are joined (TabM's default)."""
CATEGORY_WIDTH = 16


@dataclass(frozen=True)
class Blueprint:
    """All that is needed to build the same empty network again; JSON-able.

    entries, statistics: group -> how it enters, and its training values' mean and spread.
    columns: group of rank 0 -> how many columns or features stand side by side.
    numbers: "plain" or "bins", see `config.Plan`.
    families, sizes: group -> network family and size; the key "columns" is the part across columns.
    lines: whether a recurrent network reads pictures line by line; in small squares, if not.
    pitch: whether what convolutions see in sounds is pooled over time only, in areas of pitch.
    """

    entries: dict[str, Entry]
    statistics: dict[str, Statistics]
    families: dict[str, str]
    sizes: dict[str, Size]
    outputs: int
    columns: dict[str, int] = field(default_factory=dict)
    numbers: str = "bins"
    pretrained: dict[str, str] = field(default_factory=dict)
    lines: bool = True
    pitch: bool = False

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Blueprint:
        return cls(
            {
                group: Entry(**{**entry, "positions": tuple(entry["positions"])})
                for group, entry in data["entries"].items()
            },
            {
                group: Statistics(tuple(item["mean"]), tuple(item["std"]), item["pixels"])
                for group, item in data["statistics"].items()
            },
            data["families"],
            {key: Size(**size) for key, size in data["sizes"].items()},
            data["outputs"],
            data["columns"],
            data["numbers"],
            data["pretrained"],
            data.get("lines", False),  # models of before know squares only
            data.get("pitch", False),
        )


def blueprint(
    entries: Mapping[str, Entry],
    inputs: Mapping[str, Tensor],
    rows: Tensor,
    plan: Plan,
    outputs: int,
) -> Blueprint:
    """Measure what the ways in need to know on the training rows, and write the whole plan down."""
    sample = rows[:: max(1, len(rows) // EXAMPLES)]
    statistics = {
        group: Statistics.of(inputs[group][sample], alike=group in plan.pretrained)
        for group, entry in entries.items()
        if entry.way == "project"
    }
    columns = {group: inputs[group].shape[1] for group, entry in entries.items() if entry.rank == 0}
    return Blueprint(
        dict(entries),
        statistics,
        dict(plan.network),
        dict(plan.sizes),
        outputs,
        columns,
        plan.numbers,
        dict(plan.pretrained),
    )


def family_of(name: str) -> type[Network]:
    """The registered family of that name, or an error that names the nearest one."""
    if name not in NETWORKS:
        raise ConfigError(
            f"there is no network '{name}'", where="--network", fix=did_you_mean(name, NETWORKS)
        )
    return NETWORKS[name]


class Model(nn.Module):
    """Inputs by group `(batch, ...)` -> output `(batch, [members,] outputs)`."""

    def __init__(self, plan: Blueprint) -> None:
        super().__init__()
        self.blueprint = plan
        self.branches = nn.ModuleDict()
        # Without anything to join, a branch's pooled vector goes straight to the head.
        alone = ACROSS not in plan.families
        across = Network if alone else family_of(plan.families[ACROSS])
        as_positions = not alone and 1 in across.ranks
        joined = 0
        for group, entry in plan.entries.items():
            branch = _branch(group, entry, plan, as_positions)
            self.branches[_key(group)] = branch
            joined += branch.width
        if alone:
            self.across: nn.Module | None = None
            width, size = joined, next(iter(plan.sizes.values()))
            self.head: nn.Module = nn.Sequential(
                nn.Dropout(size.dropout), nn.Linear(width, plan.outputs)
            )
            return
        size = plan.sizes[ACROSS]
        if as_positions:
            self.across = across(size.width, size, ())
            self.pool = Pool(self.across.width)
            self.head = nn.Linear(self.pool.width, plan.outputs)
            return
        self.across = across(joined, size, ())
        if isinstance(self.across, TabM):
            self.head = Heads(self.across.members, self.across.width, plan.outputs)
        else:
            self.head = nn.Linear(self.across.width, plan.outputs)

    def part(self, group: str) -> Part:
        """The part that reads one group."""
        part = self.branches[_key(group)]
        assert isinstance(part, Part)
        return part

    @torch.no_grad()
    def prepare(self, inputs: Mapping[str, Tensor]) -> None:
        """See some training rows once, for starts that depend on data (bins, whitening)."""
        for group in self.blueprint.entries:
            self.part(group).prepare(inputs[group])

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        return tap("output", self.head(self.features(inputs)))

    def features(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """What the network made of each row before it answers: `(batch, [members,] width)`."""
        vectors = []
        for group in self.blueprint.entries:
            with scope(group):
                vectors.append(self.branches[_key(group)](inputs[group]))
        if self.across is None:
            return vectors[0]
        with scope(ACROSS):
            if hasattr(self, "pool"):
                positions = torch.cat([_as_positions(v) for v in vectors], dim=1)
                values, mask = self.across(positions, None)
                return self.pool(values, mask)
            values, _ = self.across(torch.cat([v.flatten(1) for v in vectors], dim=1), None)
            return values

    def describe(self) -> dict[str, Any]:
        """The network as a person would list it: parts in order, their families and sizes."""
        parts = []
        for group, entry in self.blueprint.entries.items():
            branch = self.branches[_key(group)]
            parts.append(
                {
                    "part": group,
                    "way": entry.way,
                    "positions": list(entry.positions),
                    "family": self.blueprint.families.get(group, "vectors"),
                    "layers": layers_of(branch),
                    "parameters": count_parameters(branch),
                    **_seen(branch),
                }
            )
        if self.across is not None:
            parts.append(
                {
                    "part": ACROSS,
                    "way": "",
                    "positions": [],
                    "family": self.blueprint.families[ACROSS],
                    "layers": layers_of(self.across),
                    "parameters": count_parameters(self.across),
                }
            )
        parts.append(
            {
                "part": "head",
                "way": "",
                "positions": [],
                "family": "answer",
                "layers": layers_of(self.head),
                "parameters": count_parameters(self.head),
            }
        )
        return {"parts": parts, "parameters": count_parameters(self)}


class Part(nn.Module):
    """One group's way to a vector; `width` floats of it are joined."""

    width: int

    def prepare(self, examples: Tensor) -> None:
        """See some training rows once; most parts start at random and need none."""


class Scalars(Part):
    """Numbers `(batch, features)` -> vectors `(batch, features, width)`."""

    def __init__(self, vectors: Plain | PiecewiseLinear | Numbers, features: int) -> None:
        super().__init__()
        self.vectors = vectors
        self.width = features * vectors.width

    def prepare(self, examples: Tensor) -> None:
        if isinstance(self.vectors, PiecewiseLinear):
            self.vectors.prepare(examples)

    def forward(self, x: Tensor) -> Tensor:
        vectors = self.vectors(x)
        return vectors[0] if isinstance(vectors, tuple) else vectors


class Given(Part):
    """What a frozen network made of a column `(batch, features)` -> the same, or `width` floats.

    Args:
        width: Floats to map it to; 0 leaves the features to the head as they are, normalized.
    """

    def __init__(self, statistics: Statistics, width: int) -> None:
        super().__init__()
        self.normalize = Pixels(statistics.mean, statistics.std)
        features = self.normalize.width
        self.linear = nn.Linear(features, width) if width else None
        self.width = width or features

    def forward(self, x: Tensor) -> Tensor:
        vector = tap("features", self.normalize(x)[0])
        return vector if self.linear is None else tap("embedding", self.linear(vector))


class Categories(Part):
    """Category numbers `(batch, columns)` -> vectors `(batch, columns, width)`."""

    def __init__(self, entry: Entry, columns: int, width: int) -> None:
        super().__init__()
        self.lookup = Lookup(entry, width)
        self.width = columns * width

    def forward(self, x: Tensor) -> Tensor:
        vectors: Tensor = self.lookup(x)[0]
        return vectors


class Branch(Part):
    """One column with positions: way in -> network -> pool, `(batch, width)`.

    A network that reads an example as a whole stands behind the pool: the pool then takes what
    comes in, words as their mean and maximum, measured values side by side.
    """

    def __init__(
        self,
        entry: Entry,
        family: type[Network],
        size: Size,
        statistics: Statistics | None,
        *,
        lines: bool = True,
        pitch: bool = False,
    ) -> None:
        super().__init__()
        way_in = embed_for(entry, family, size.width, statistics, lines=lines)
        self.embed, positions, in_width = way_in
        self.whole = family.whole()
        if self.whole:
            words = entry.way == "lookup"
            self.pool: Pool | PitchPool | Flat
            self.pool = Pool(in_width) if words else Flat(positions, in_width)
            self.network = family(self.pool.width, size, ())
            self.width = self.network.width
        else:
            self.network = family(in_width, size, positions)
            self.pool = (PitchPool if pitch else Pool)(self.network.width)
            self.width = self.pool.width

    @torch.no_grad()
    def prepare(self, examples: Tensor) -> None:
        values, mask = self.embed(examples)
        self.network.prepare(self.pool(values, mask) if self.whole else values)

    def forward(self, x: Tensor) -> Tensor:
        values, mask = self.embed(x)
        if self.whole:
            vector, _ = self.network(self.pool(values, mask))
            return vector
        values, mask = self.network(values, mask)
        pooled: Tensor = self.pool(values, mask)
        return pooled


class Joined(Part):
    """A branch whose pooled vector becomes one position of the network across columns."""

    def __init__(self, branch: Part, width: int) -> None:
        super().__init__()
        self.branch, self.width = branch, width
        self.to_position = nn.Linear(branch.width, width)

    def prepare(self, examples: Tensor) -> None:
        self.branch.prepare(examples)

    def forward(self, x: Tensor) -> Tensor:
        vector: Tensor = self.to_position(self.branch(x))
        return vector


def count_parameters(module: nn.Module) -> int:
    """Numbers that learning changes."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def _branch(group: str, entry: Entry, plan: Blueprint, as_positions: bool) -> Part:
    width = plan.sizes[ACROSS].width if as_positions else 0
    if group == "scalars":
        return Scalars(_number_vectors(entry.size, width, plan.numbers), entry.size)
    if group == "categories":
        return Categories(entry, plan.columns[group], width or CATEGORY_WIDTH)
    if group in plan.pretrained:
        alone = len(plan.entries) == 1
        branch: Part = Given(plan.statistics[group], 0 if alone else plan.sizes[group].width)
    else:
        family, size = family_of(plan.families[group]), plan.sizes[group]
        statistics = plan.statistics.get(group)
        branch = Branch(entry, family, size, statistics, lines=plan.lines, pitch=plan.pitch)
    return Joined(branch, width) if as_positions else branch


def _seen(part: nn.Module) -> dict[str, Any]:
    """How the numbers lie that every neuron of the first layer has a weight for: each neuron's
    weights are a picture of this shape. Nothing where they are no picture."""
    branch = part.branch if isinstance(part, Joined) else part
    pool = branch.pool if isinstance(branch, Branch) else None
    return {"seen": list(pool.seen)} if isinstance(pool, Flat) else {}


def _number_vectors(features: int, width: int, way: str) -> Plain | PiecewiseLinear | Numbers:
    if width:  # each number is a position of the network across columns
        return Numbers(features, width)
    return Plain() if way == "plain" else PiecewiseLinear(features, NUMBER_WIDTH)


def _as_positions(vectors: Tensor) -> Tensor:
    """`(batch, width)` or `(batch, columns, width)` -> `(batch, columns, width)`."""
    return vectors if vectors.ndim == 3 else vectors.unsqueeze(1)


def _key(group: str) -> str:
    """A column's name as PyTorch accepts it for a module."""
    return group.replace(".", "∙") or "∙"


def layers_of(module: nn.Module) -> list[dict[str, Any]]:
    """The modules that hold weights themselves, in order."""
    layers = []
    for name, part in module.named_modules():
        own = list(part.parameters(recurse=False))
        if own:
            layers.append(
                {
                    "name": name or "all",
                    "kind": type(part).__name__,
                    "shape": list(max(own, key=torch.numel).shape),
                    "parameters": sum(p.numel() for p in own),
                }
            )
    return layers
