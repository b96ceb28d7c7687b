"""The two ways in: look up a row of a table, or project floats linearly.

Encoded columns become values `(batch, *positions, width)` and a mask that says where there is
something. After this file no network knows whether it reads words, pixels, sound or samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.data.columns import Entry
from pellucid.network.family import Masked, Network
from pellucid.network.tap import tap

EXAMPLES = 5_000  # rows that statistics are taken from; their mean is then known to about 1 %
MOST_FLOATS = 20_000_000  # of them at most, 160 MB: fewer rows if each is large
PAIRS, HASH = 2**16, (1_000_003, 7_919)  # vectors for pairs of tokens; primes that scatter them
LONGEST = 144  # positions that an RNN or Transformer reads at most, before it reads windows


def everywhere(mask: Tensor) -> Tensor | None:
    """None if `mask` is True at every position, as networks have a faster path for that."""
    return None if bool(mask.all()) else mask


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of each of an entry's floats over the training rows.

    mean, std: one number for each of `Entry.size`, in the units that arrive (0 to 255 for pixels).
    pixels: whether the encoded values are whole numbers (a picture) rather than measured floats.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    pixels: bool = False

    @classmethod
    def of(cls, values: Tensor, alike: bool = False) -> Statistics:
        """Measure encoded training values `(rows, *positions, size)`; NaN is left out.

        Args:
            alike: Measure all floats by one deviation, where they are features of one network: a
                feature that hardly any of a few training rows has would otherwise be blown up
                beyond all others by the first new row that has it.
        """
        step = max(1, math.ceil(len(values) / EXAMPLES), math.ceil(values.numel() / MOST_FLOATS))
        flat = values[::step].reshape(-1, values.shape[-1]).double()
        mean = flat.nanmean(0)
        spread = (flat - mean).square().nanmean(0).sqrt()
        mean, spread = mean.nan_to_num(0.0), spread.nan_to_num(1.0)
        if alike:
            spread[:] = spread.square().mean().sqrt()
        spread[spread == 0] = 1.0  # a constant feature: any scale does
        return cls(tuple(mean.tolist()), tuple(spread.tolist()), pixels=values.dtype == torch.uint8)


class Lookup(nn.Module):
    """Whole numbers -> learned vectors.

    Rank 0, the group "categories": ids `(batch, columns)` -> `(batch, columns, width)`. The tables
    of the columns lie below each other in one, as the data set has shifted each column's ids.
    Rank 1, tokens: ids `(batch, tokens)` -> `(batch, tokens, width)`; id 0 is padding.
    """

    def __init__(self, entry: Entry, width: int) -> None:
        super().__init__()
        self.width = width
        self.padded = entry.rank > 0
        self.table = nn.Embedding(entry.size, width, padding_idx=0 if self.padded else None)
        # Small first vectors: a rare word's random start must not outweigh what is learned.
        nn.init.normal_(self.table.weight, std=0.1)
        if self.padded:
            nn.init.zeros_(self.table.weight[0])

    def forward(self, ids: Tensor) -> Masked:
        vectors = tap("embedding", self.table(ids))
        return vectors, everywhere(ids != 0) if self.padded else None


class Pairs(Lookup):
    """Tokens with their right neighbors: `(batch, tokens)` -> `(batch, tokens, width)`.

    The vector of a pair is found by a hash of its two tokens, so that no list of pairs is needed;
    pairs that fall on the same of `PAIRS` vectors share it.
    """

    roles: ClassVar[dict[str, str]] = {"pairs": "embedding"}

    def __init__(self, entry: Entry, width: int) -> None:
        super().__init__(entry, width)
        self.pairs = nn.Embedding(PAIRS, width)
        nn.init.normal_(self.pairs.weight, std=0.1)

    def forward(self, ids: Tensor) -> Masked:
        vectors, mask = super().forward(ids)
        right = F.pad(ids[:, 1:], (0, 1)).long()
        there = (ids != 0) & (right != 0)
        found = self.pairs((ids.long() * HASH[0] + right * HASH[1]) % PAIRS)
        return vectors + tap("pairs", found * there[..., None]), mask


class Numbers(nn.Module):
    """Each number gets a vector of its own: `(batch, features)` -> `(batch, features, width)`.

    A value moves along its feature's direction from its feature's origin (the feature tokenizer
    of Gorishniy et al. 2021, FT-Transformer), so that columns can be positions of a Transformer.
    """

    roles: ClassVar[dict[str, str]] = {"direction": "embedding", "origin": "embedding"}

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.width = width
        bound = 1 / math.sqrt(width)
        self.direction = nn.Parameter(torch.empty(features, width).uniform_(-bound, bound))
        self.origin = nn.Parameter(torch.empty(features, width).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Masked:
        x = x.float()
        return tap("embedding", x[..., None] * self.direction + self.origin), None


class Pixels(nn.Module):
    """Encoded values themselves, normalized: `(batch, *positions, size)` -> the same shape, float.

    uint8 pixels have no mask. In floats NaN is padding or missing: it becomes 0, which is the mean,
    and a position where all values are NaN is masked.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.width = len(mean)
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32))

    def forward(self, x: Tensor) -> Masked:
        values = (x.float() - self.mean) / self.std
        if not x.is_floating_point():
            return values, None
        absent = values.isnan()
        return values.masked_fill(absent, 0.0), everywhere(~absent.all(-1))


class Project(nn.Module):
    """A learned linear map at each position.

    `(batch, *positions, size)` -> `(batch, *positions, width)`; NaN as in `Pixels`.
    """

    def __init__(self, entry: Entry, width: int, statistics: Statistics) -> None:
        super().__init__()
        self.width = width
        self.normalize = Pixels(statistics.mean, statistics.std)
        self.linear = nn.Linear(entry.size, width)

    def forward(self, x: Tensor) -> Masked:
        x, mask = self.normalize(x)
        return tap("embedding", self.linear(x)), mask


class Patches(nn.Module):
    """Neighboring positions taken together as one: a shorter sequence of richer values.

    Pictures `(batch, height, width, channels)` become the sequence of their `patch` = (p, p)
    squares, row by row, each with a learned vector that says where it was (Dosovitskiy et al.
    2021).
    Spectrograms `(batch, frames, bands, 1)` become their frames, long series windows of time; a
    network that reads line by line gets the lines of a picture.
    A patch that is partly outside is filled with 0; it is masked if all of it is masked.
    """

    roles: ClassVar[dict[str, str]] = {"places": "embedding"}

    def __init__(
        self, entry: Entry, width: int, statistics: Statistics, patch: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.width = width
        self.patch = patch
        self.normalize = Pixels(statistics.mean, statistics.std)
        self.linear = nn.Linear(math.prod(patch) * entry.size, width)
        counts = [math.ceil(n / p) for n, p in zip(entry.positions, patch, strict=True)]
        self.count = math.prod(counts)
        # In a flattened picture the next position may lie on the next row: say where each one is.
        two_dimensional = sum(count > 1 for count in counts) == 2
        self.places = (
            nn.Parameter(torch.randn(self.count, width) * 0.02) if two_dimensional else None
        )

    def forward(self, x: Tensor) -> Masked:
        x, mask = self.normalize(x)
        vectors = self.linear(cut(x, self.patch))
        if self.places is not None:
            vectors = vectors + self.places
        if mask is not None:
            mask = everywhere(cut(mask[..., None], self.patch).any(-1))
        return tap("embedding", vectors), mask


def cut(x: Tensor, patch: tuple[int, ...]) -> Tensor:
    """`(batch, *positions, size)` -> `(batch, patches, prod(patch) * size)`, filled up with 0."""
    missing = [-n % p for n, p in zip(x.shape[1:-1], patch, strict=True)]
    x = F.pad(x, (0, 0, *(pad for n in reversed(missing) for pad in (0, n))))
    if len(patch) == 1:
        return x.unflatten(1, (-1, patch[0])).flatten(2)
    x = x.unflatten(2, (-1, patch[1])).unflatten(1, (-1, patch[0]))  # (batch, i, p, j, q, size)
    return x.transpose(2, 3).flatten(1, 2).flatten(2)


def embed_for(
    entry: Entry,
    family: type[Network],
    width: int,
    statistics: Statistics | None = None,
    *,
    lines: bool = True,
) -> tuple[nn.Module, tuple[int, ...], int]:
    """The way in for one group of columns: the module, the positions it yields, and their width.

    Columns of rank 0 become positions: categories as many as there are columns, numbers as many as
    there are features (for categories the entry does not say, and `()` is returned).

    Args:
        entry: How the group was encoded.
        family: The network that will read it; a raw one gets the normalized floats themselves, and
            so does one that reads examples as a whole (the caller takes their positions away).
        width: Width of the vectors otherwise.
        statistics: Of the training values; needed for floats with positions and for raw families.
        lines: Whether pictures come line by line to a network that reads lines.
    """
    if entry.way == "lookup":
        paired = family.pairs and entry.rank == 1
        return (Pairs if paired else Lookup)(entry, width), entry.positions, width
    raw = (family.raw and entry.rank in family.ranks) or (family.whole() and entry.rank > 0)
    if entry.rank == 0 and not raw:
        return Numbers(entry.size, width), (entry.size,), width
    if statistics is None:
        raise ValueError(f"the group '{entry.group}' needs the statistics of its training values")
    if raw:
        return Pixels(statistics.mean, statistics.std), entry.positions, entry.size
    patch = patch_for(entry, statistics.pixels, lines=lines and family.lines)
    if patch == (1,):
        return Project(entry, width, statistics), entry.positions, width
    patches = Patches(entry, width, statistics, patch)
    return patches, (patches.count,), width


def patch_for(entry: Entry, pixels: bool, *, lines: bool = False) -> tuple[int, ...]:
    """How many neighbors make one position, so that at most `LONGEST` positions remain.

    Args:
        pixels: Whether it is a picture rather than a spectrogram, which is read frame by frame.
        lines: Whether a picture is read line by line too.
    """
    if entry.rank == 2 and (lines or not pixels):
        frames, bands = entry.positions
        return (math.ceil(frames / LONGEST), bands)
    side = 1
    while math.prod(math.ceil(n / side) for n in entry.positions) > LONGEST:
        side *= 2
    return (side,) * entry.rank
