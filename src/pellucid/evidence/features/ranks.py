"""How well a unit's answers rank the examples: by a class, by a word, by a number.

Only the order of the answers counts, so that no unit's scale or bend matters. Chance is measured,
not assumed: the same is done with the examples' properties shuffled.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

FEWEST = 5
"""Examples that must have a property, and that must lack it, to judge a name by."""
SHUFFLES = 200
LIMIT = 0.95
"""Share of shuffles that stay below the limit, taken over all units of a layer together."""


@dataclass(frozen=True)
class Properties:
    """What examples may have, one column each.

    names: in words. values: `(rows, properties)`, bool (has it or not) or float (how much of it;
    NaN is unknown and counts as the middle). low_names: what to call a unit that answers to little
    of it; empty where only "more" makes sense.
    """

    names: tuple[str, ...]
    values: np.ndarray
    low_names: tuple[str, ...] = ()

    @property
    def binary(self) -> bool:
        return self.values.dtype == bool


@dataclass(frozen=True)
class Name:
    """What a unit is called, and why. score: how well its answers follow the property, from 0
    (chance) to 1, on examples that the name was not chosen on. limit: what it had to pass."""

    said: str
    score: float
    limit: float
    kind: str


def ranked(values: np.ndarray) -> np.ndarray:
    """float64 `(rows, units)`: each column's ranks from 1 on, equal values share their mean."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(values, axis=0), dtype=np.float64)


def areas(ranks: np.ndarray, having: np.ndarray) -> np.ndarray:
    """`(properties, units)`: area under ROC, how often one that has it outranks one that has not.

    Args:
        ranks: `(rows, units)`, see `ranked`.
        having: bool `(rows, properties)`; NaN results where all or none have it.
    """
    members = having.T.astype(np.float64)
    count = members.sum(1, keepdims=True)
    pairs = count * (having.shape[0] - count)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (members @ ranks - count * (count + 1) / 2) / np.where(pairs > 0, pairs, np.nan)


def correlations(ranks: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """`(properties, units)`: Spearman's rank correlations; NaN for what never changes."""
    filled = np.where(np.isnan(amounts), np.nanmedian(amounts, axis=0), amounts)
    one, other = _standard(ranks), _standard(ranked(filled))
    return other.T @ one / len(ranks)


def strengths(ranks: np.ndarray, properties: Properties) -> np.ndarray:
    """`(properties, units)` from -1 to 1, 0 is chance: 2 * area - 1, or the rank correlation."""
    if properties.binary:
        return 2 * areas(ranks, properties.values) - 1
    return correlations(ranks, properties.values)


def _standard(values: np.ndarray) -> np.ndarray:
    spread = values.std(0)
    return (values - values.mean(0)) / np.where(spread > 0, spread, np.nan)


def _product(ranks: np.ndarray, properties: Properties) -> tuple[np.ndarray, np.ndarray]:
    """`(rows, properties)` and `(rows, units)` whose product is `strengths`: to shuffle the
    examples' properties is then to shuffle the rows of the first."""
    if properties.binary:
        count = properties.values.sum(0)
        pairs = count * (len(ranks) - count)
        return 2 * properties.values / np.maximum(pairs, 1), ranks - ranks.mean(0)
    amounts = properties.values
    filled = np.where(np.isnan(amounts), np.nanmedian(amounts, axis=0), amounts)
    one, other = np.nan_to_num(_standard(ranked(filled))), np.nan_to_num(_standard(ranks))
    return one / len(ranks), other


# --- chance -----------------------------------------------------------------------------------


def chance(ranks: np.ndarray, properties: Properties, seed: int, *, signed: bool) -> float:
    """What the best unit of a layer reaches for its best property where there is no connection:
    the `LIMIT` quantile, over shuffles, of the largest strength of any unit for any property."""
    one, other = _product(ranks, properties)
    most = []
    for order in _orders(seed, len(ranks)):
        found = one[order].T @ other
        most.append(float((found if signed else np.abs(found)).max()))
    return float(np.quantile(most, LIMIT))


def chance_of(
    ranks: np.ndarray, properties: Properties, best: np.ndarray, seed: int, block: int
) -> float:
    """The same where each unit is judged by one property, `best` `(units,)`, in size.

    block: so many neighboring rows are of one example and stay together.
    """
    one, other = _product(ranks, properties)
    most = [
        float(np.abs(np.einsum("nu,nu->u", one[order][:, best], other)).max())
        for order in _orders(seed, len(ranks), block)
    ]
    return float(np.quantile(most, LIMIT))


def _orders(seed: int, rows: int, block: int = 1) -> Iterator[np.ndarray]:
    generator = np.random.default_rng(seed)
    places = np.arange(rows).reshape(-1, block)
    for _ in range(SHUFFLES):
        yield places[generator.permutation(len(places))].ravel()


# --- names ------------------------------------------------------------------------------------


def names(
    chosen_on: tuple[np.ndarray, Properties],
    judged_on: tuple[np.ndarray, Properties],
    *,
    kind: str,
    floor: float,
    seed: int,
    block: int = 1,
) -> list[Name | None]:
    """A name for each unit whose answers follow a property.

    The property is chosen on some examples and judged on others, so that trying many properties
    flatters none. The name stands if the score there is at least `floor` and beyond what any unit
    of the layer reaches when the examples' properties are shuffled.

    Args:
        chosen_on, judged_on: answers `(rows, units)` and the same properties of these rows.
    """
    found = np.nan_to_num(strengths(ranked(chosen_on[0]), chosen_on[1]))
    rare = _too_rare(judged_on[1])
    found[rare] = 0.0
    signed = not chosen_on[1].low_names
    best = (found if signed else np.abs(found)).argmax(0)
    sign = np.where(signed, 1.0, np.sign(np.take_along_axis(found, best[None], 0)[0]))
    ranks, (_, properties) = ranked(judged_on[0]), judged_on
    score = _of(strengths(ranks, properties), best) * sign
    bar = chance_of(ranks, properties, best, seed, block)
    return [
        Name(_said(properties, int(place), direction), float(value), max(bar, floor), kind)
        if value > bar and value >= floor and not rare[place]
        else None
        for place, direction, value in zip(best, sign, np.nan_to_num(score, nan=-1.0), strict=True)
    ]


def _too_rare(properties: Properties) -> np.ndarray:
    """bool `(properties,)`: too few examples have it, or lack it, to judge a name by."""
    if not properties.binary:
        return np.zeros(properties.values.shape[1], dtype=bool)
    count = properties.values.sum(0)
    return np.minimum(count, len(properties.values) - count) < FEWEST


def _of(found: np.ndarray, best: np.ndarray) -> np.ndarray:
    return np.take_along_axis(found, best[None], 0)[0]


def _said(properties: Properties, place: int, direction: float) -> str:
    return properties.names[place] if direction > 0 else properties.low_names[place]
