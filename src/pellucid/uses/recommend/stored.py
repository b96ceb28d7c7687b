"""A recommender as arrays and JSON, and back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.baselines.lists import Additive, ListMethod, WeightedFactors
from pellucid.baselines.ratings import ItemNeighbors, LeastSquares, Means, RatingMethod
from pellucid.config import Size
from pellucid.evidence.trust.conformal import Promise
from pellucid.network.factors import Factors
from pellucid.network.sequential import NextItem
from pellucid.uses.recommend.answerer import Recommender
from pellucid.uses.recommend.memory import Memory

Arrays = dict[str, np.ndarray]
ARRAYS_OF_MEMORY = ("item", "rating", "starts", "seen", "of_items", "of_users")
WORDS_OF_MEMORY = ("columns", "users", "items", "titles", "item_features")
FACTS = ("asks", "most", "center", "spread", "lowest", "highest", "list_by", "figures")


def arrays_of(model: Recommender) -> Arrays:
    """Everything that is an array, by name."""
    state = model.network().state_dict()
    found = {f"model.{name}": value.cpu().numpy() for name, value in state.items()}
    for name in ARRAYS_OF_MEMORY:
        found[f"memory.{name}"] = np.ascontiguousarray(getattr(model.memory, name))
    if model.means is not None:
        found["means.item_bias"] = model.means.item_bias
    if isinstance(model.rater, ItemNeighbors):
        found["rater.alike"] = model.rater.alike
    if isinstance(model.rater, LeastSquares):
        found["rater.vectors"] = model.rater.vectors
    if isinstance(model.lister, Additive):
        for name in ("start", "other", "weight"):
            found[f"lister.{name}"] = getattr(model.lister, name)
    if isinstance(model.lister, WeightedFactors):
        found["lister.vectors"] = model.lister.vectors
    for name, promise in (("promise", model.promise), ("rater_promise", model.rater_promise)):
        if promise is not None:
            found |= {f"{name}.{key}": value for key, value in promise.arrays().items()}
    return found


def head_of(model: Recommender) -> dict[str, Any]:
    """Everything else, JSON-able."""
    head: dict[str, Any] = {name: getattr(model, name) for name in FACTS}
    head["size"], head["mix"] = asdict(model.size), list(model.mix)
    head["memory"] = {name: getattr(model.memory, name) for name in WORDS_OF_MEMORY}
    if model.means is not None:
        head["means"] = {"center": model.means.center}
    if model.rater is not None:
        head["rater"] = {"name": model.rater.name, "why": model.rater.why}
    if isinstance(model.rater, LeastSquares):
        head["rater"]["penalty"] = model.rater.penalty
    if model.lister is not None:
        kept = ("name", "why", "recent")
        head["lister"] = {name: getattr(model.lister, name) for name in kept}
    if isinstance(model.lister, WeightedFactors):
        head["lister"] |= {"doubt": model.lister.doubt, "penalty": model.lister.penalty}
    for name, promise in (("promise", model.promise), ("rater_promise", model.rater_promise)):
        head[name] = None if promise is None else promise.facts()
    return head


def restored(head: dict[str, Any], arrays: Arrays) -> Recommender:
    """The recommender of a head and arrays."""
    kept: dict[str, Any] = {name: arrays[f"memory.{name}"] for name in ARRAYS_OF_MEMORY}
    memory = Memory(**head["memory"], **kept)
    size = Size(**head["size"])
    network = empty_network(head["asks"], size, memory, head["most"])
    network.load_state_dict({k: torch.from_numpy(v) for k, v in _below("model", arrays).items()})
    network.eval()
    means = Means(head["means"]["center"], arrays["means.item_bias"]) if "means" in head else None
    return Recommender(
        model=network,
        size=size,
        mix=tuple(head.get("mix", (1.0, 0.0))),  # runs from before lists were made together
        memory=memory,
        means=means,
        rater=_rater(head.get("rater"), means, arrays),
        lister=_lister(head.get("lister"), arrays),
        promise=_promise("promise", head, arrays),
        rater_promise=_promise("rater_promise", head, arrays),
        **{name: head[name] for name in FACTS},
    )


def empty_network(asks: str, size: Size, memory: Memory, most: int) -> nn.Module:
    """A network that has learned nothing, for these users and items."""
    of_items = torch.from_numpy(memory.of_items)
    if asks == "next":
        nothing = torch.zeros(len(memory.items))
        return NextItem(size, of_items, nothing, torch.zeros(len(memory.items), 0))
    empty = torch.zeros(1, dtype=torch.int64), torch.zeros(1)
    seen: Tensor = torch.from_numpy(memory.seen)
    start = torch.zeros(len(memory.items)), torch.zeros(len(memory.items), 0)
    of_users = torch.from_numpy(memory.of_users)
    return Factors(size, of_items, of_users, *empty, seen, most, *start)


def _rater(head: dict[str, Any] | None, means: Means | None, arrays: Arrays) -> RatingMethod | None:
    if head is None or means is None:
        return None
    if "rater.alike" in arrays:
        return ItemNeighbors(means, arrays["rater.alike"])
    if "rater.vectors" in arrays:
        return LeastSquares(means, arrays["rater.vectors"], head["penalty"], why=head["why"])
    return means


def _lister(head: dict[str, Any] | None, arrays: Arrays) -> ListMethod | None:
    if head is None:
        return None
    if "lister.vectors" in arrays:
        settings = head["doubt"], head["penalty"], head["why"], head["recent"]
        return WeightedFactors(arrays["lister.vectors"], *settings)
    kept = {name: arrays[f"lister.{name}"] for name in ("start", "other", "weight")}
    return Additive(head["name"], head["why"], **kept, recent=head["recent"])


def _promise(name: str, head: dict[str, Any], arrays: Arrays) -> Promise | None:
    facts = head.get(name)
    return None if facts is None else Promise.restore(facts, _below(name, arrays))


def _below(name: str, arrays: Arrays) -> Arrays:
    start = f"{name}."
    return {key.removeprefix(start): v for key, v in arrays.items() if key.startswith(start)}
