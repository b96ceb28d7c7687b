"""What a person should see of a recommendation: who makes better lists, for whom it works, how much
it follows the crowd, how far off ratings are, which items lie beside each other."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.evidence.finding import Cell, Chart, Finding, Line, Picture, Table, unknown
from pellucid.uses.recommend.lists import (
    Moments,
    list_scores,
    lists_of,
    network_scores,
    qualities,
    scores_of,
)
from pellucid.uses.recommend.log import Log

if TYPE_CHECKING:
    from pellucid.uses.recommend.answerer import Recommender

ON_THE_MAP = 300
"""Items that the map shows, the most used ones."""
Lists = dict[str, list[np.ndarray]]


def all_lists(recommender: Recommender, moments: Moments) -> tuple[Lists, dict[str, float]]:
    """Every method's list at each moment, and milliseconds a list."""
    methods = {"network": network_scores(recommender)}
    methods |= {one.name: scores_of(one) for one in recommender.listers}
    methods[recommender.maker(recommender.list_by)] = list_scores(recommender)
    made, costs = {}, {}
    for name, scores in methods.items():
        began = time.perf_counter()
        made[name] = lists_of(moments, scores)
        costs[name] = 1000 * (time.perf_counter() - began) / max(1, len(moments))
    return made, costs


def list_finding(
    log: Log, recommender: Recommender, moments: Moments, made: Lists | None = None
) -> Finding:
    """How good everybody's lists are, and what they are made of."""
    title = "Lists of recommendations"
    if not len(moments):
        return unknown("lists", title, "No user has a past and new items in the test events.")
    made = made or all_lists(recommender, moments)[0]
    found = {name: qualities(moments, lists) for name, lists in made.items()}
    used = np.bincount(log.item[log.part == 0], minlength=len(log.items))
    rank = np.argsort(np.argsort(used, kind="stable"), kind="stable") / max(1, len(used) - 1)
    taken = float(np.mean([rank[truth].mean() for truth in moments.truths]))
    rows: list[tuple[str, float, float, float, float]] = []
    figures: dict[str, Any] = {}
    for name, lists in made.items():
        ndcg, recall = found[name].mean(0)
        shown = np.concatenate(lists) if lists else np.empty(0, np.int64)
        coverage = len(np.unique(shown)) / max(1, int((used > 0).sum()))
        crowd = float(rank[shown].mean())
        rows.append((name, float(ndcg), float(recall), float(coverage), crowd))
        figures |= {
            f"NDCG@10 {name}": float(ndcg),
            f"recall@10 {name}": float(recall),
            f"coverage {name}": float(coverage),
            f"popularity {name}": crowd,
        }
    maker = recommender.maker(recommender.list_by)
    named = f"{maker} name" if recommender.list_by == "both" else f"{maker} names"
    own = next(row for row in rows if row[0] == maker)
    figures |= {"popularity of what users took": taken, "moments": len(moments)}
    figures |= {"cold events": moments.cold, "users without a past": moments.without}
    best = max(rows, key=lambda row: row[1])
    sentence = (
        f"Among the ten items that {named} are {100 * own[2]:.0f}% of the next ones, ten at "
        f"most, that the user took "
        f"(NDCG@10 {own[1]:.3f}; popularity {_of(rows, 'popularity')[1]:.3f}). "
        f"It was chosen on validation events"
        + ("." if best[0] == maker else f"; on the test events {best[0]} was better.")
    )
    notes = (
        f"{len(moments):,} moments of {len(np.unique(moments.user)):,} users in the test events; "
        f"every item is a candidate but those that the user had before",
        f"{moments.cold:,} test events are of items without a training event: no list holds them, "
        "and they are not counted as truth",
        f"{moments.without:,} users had no past at their first test event, and are asked for later",
        f"popularity bias: 1 is the most used item, 0.5 the middle one; what users took lies at "
        f"{taken:.2f}",
    )
    lister = recommender.lister
    few = dict.fromkeys(["network", "popularity", *([lister.name] if lister else []), maker])
    table = Table("Lists", ("by", "NDCG@10", "recall@10", "coverage", "popularity"), tuple(rows))
    return Finding(
        "lists",
        title,
        sentence,
        notes,
        figures,
        (table,),
        (_by_past(moments, {name: found[name][:, 0] for name in few if name in found}),),
    )


def _of(rows: list[tuple[str, float, float, float, float]], name: str) -> tuple[str, float]:
    return next((row[0], row[1]) for row in rows if row[0] == name)


def _by_past(moments: Moments, ndcg: dict[str, np.ndarray]) -> Chart:
    """How the quality of lists grows with how much is known of a user."""
    past = np.array([len(history) for history in moments.histories])
    edges = np.unique(np.quantile(past, np.linspace(0, 1, 5)))
    place = np.clip(np.searchsorted(edges, past, side="right") - 1, 0, max(0, len(edges) - 2))
    groups = np.unique(place)
    x = tuple(float(np.median(past[place == group])) for group in groups)
    lines = tuple(
        Line(name, x, tuple(float(values[place == group].mean()) for group in groups))
        for name, values in ndcg.items()
    )
    return Chart("Lists of users with little and much past", "past events", "NDCG@10", lines)


def rating_finding(
    log: Log, test: np.ndarray, said: dict[str, np.ndarray], low: np.ndarray, high: np.ndarray
) -> Finding:
    """How far off ratings are, for whom, and whether the intervals hold."""
    assert log.rating is not None
    truth, mine = log.rating[test], said["network"]
    rmse = {name: float(np.sqrt(np.mean((truth - a) ** 2))) for name, a in said.items()}
    inside = float(((truth >= low - 1e-9) & (truth <= high + 1e-9)).mean())
    known = np.bincount(log.item[log.part == 0], minlength=len(log.items))
    past = (log.before - log.starts[log.user])[test] if log.dated else _trained(log)[test]
    cold = int((known[log.item[test]] == 0).sum())
    new = int((past == 0).sum())
    typical = float(np.median(np.abs(truth - mine)))
    sentence = (
        f"Half of the ratings are off by less than {typical:.2f} (RMSE {rmse['network']:.3f}; "
        f"user and item means {rmse['user and item means']:.3f}); {inside:.0%} lie within their "
        "interval of 90%."
    )
    edges = np.array([0, 1, 5, 20, 100, 10**9])
    group = np.searchsorted(edges, past, side="right") - 1
    names = ("none", "1 to 4", "5 to 19", "20 to 99", "100 and more")
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            names[one],
            int((group == one).sum()),
            *(float(np.sqrt(np.mean((truth - a)[group == one] ** 2))) for a in said.values()),
        )
        for one in np.unique(group)
    )
    notes = (
        "each rating is answered from what its user had rated before it"
        if log.dated
        else "parts are at random: a rating is answered from the user's training ratings",
        f"{new:,} of {len(test):,} are by users of whom nothing was known yet, {cold:,} of items "
        "without a training rating",
    )
    figures = {f"RMSE {name}": value for name, value in rmse.items()}
    figures |= {
        "interval coverage": inside,
        "interval width": float((high - low).mean()),
        "cold items": cold,
        "new users": new,
        "MAE": float(np.abs(truth - mine).mean()),
    }
    table = Table("RMSE by how much the user had rated", ("past", "ratings", *said), rows)
    return Finding(
        "ratings", "Ratings", sentence, notes, figures, (table,), (_spread(truth, mine),)
    )


def _trained(log: Log) -> np.ndarray:
    """int64 `(events,)`: training events of each event's user."""
    found: np.ndarray = np.bincount(log.user[log.part == 0], minlength=len(log.users))[log.user]
    return found


def _spread(truth: np.ndarray, mine: np.ndarray) -> Chart:
    """The mean answer to each true rating: how far answers are drawn to the middle."""
    values = np.unique(truth)
    middle = [float(mine[truth == value].mean()) for value in values]
    low = [float(np.quantile(mine[truth == value], 0.1)) for value in values]
    high = [float(np.quantile(mine[truth == value], 0.9)) for value in values]
    x = tuple(float(value) for value in values)
    line = Line("answer (band: middle 80%)", x, tuple(middle), tuple(low), tuple(high))
    exact = Line("exact", x, x)
    return Chart("What is answered for each true rating", "rating", "answer", (line, exact))


# --- items ------------------------------------------------------------------------------------


def items_finding(log: Log, recommender: Recommender) -> Finding:
    """A map of the items as the network sees them, and who lies beside whom."""
    vectors = item_vectors(recommender)
    used = np.bincount(log.item[log.part == 0], minlength=len(log.items))
    shown = np.argsort(-used, kind="stable")[:ON_THE_MAP]
    shown = shown[used[shown] > 0]
    if len(shown) < 10:
        return unknown("items", "A map of the items", "Too few items were used to draw a map.")
    some = vectors[shown]
    some = some / np.maximum(np.linalg.norm(some, axis=1, keepdims=True), 1e-9)
    alike = some @ some.T
    np.fill_diagonal(alike, -np.inf)
    near = np.argsort(-alike, axis=1, kind="stable")[:, :4]
    left, size, _ = np.linalg.svd(some - some.mean(0), full_matrices=False)
    flat = left[:, :2] * size[:2]
    groups = _group_names(log, shown)
    agree = [groups[a] == groups[b] for a in range(len(shown)) for b in near[a, :1]]
    chance = sum((groups.count(one) / len(groups)) ** 2 for one in set(groups))
    rows = tuple(
        (log.titles[shown[place]], ", ".join(log.titles[shown[one]] for one in near[place]))
        for place in range(min(15, len(shown)))
    )
    first = f"Beside '{rows[0][0]}' lie {rows[0][1]}."
    share = float(np.mean(agree))
    several = len(set(groups)) > 1
    about = (
        f" The nearest neighbor shares its group in {share:.0%} of the items; by chance it would "
        f"be {chance:.0%}."
        if several
        else ""
    )
    points = {
        "kind": "points",
        "data": {
            "x": flat[:, 0].tolist(),
            "y": flat[:, 1].tolist(),
            "labels": [log.titles[item] for item in shown],
            "groups": groups,
        },
    }
    notes = (
        f"the {len(shown):,} most used items; distances come from the network's vectors, the map "
        f"shows their first two principal components "
        f"({float((size[:2] ** 2).sum() / (size**2).sum()):.0%} of the spread)",
    )
    figures = {"same group as nearest": share, "by chance": float(chance)} if several else {}
    return Finding(
        "items",
        "A map of the items",
        first + about,
        notes,
        figures,
        (Table("Neighbors", ("item", "nearest"), rows),),
        (),
        pictures=(Picture("Items", {"map": points}),),
    )


def item_vectors(recommender: Recommender) -> np.ndarray:
    """float64 `(items, width)`: items as the network sees them."""
    model = recommender.model
    if recommender.asks == "next":
        found: np.ndarray = model.vectors().detach().double().numpy()
        return found
    vectors = model.item_factors.weight + model.item_features(model.of_items)
    return np.asarray(vectors.detach().double().numpy())


def _group_names(log: Log, shown: np.ndarray) -> list[str]:
    """The rarest flag of each item, as its group; '' without flags."""
    flags = [place for place, name in enumerate(log.of_items.names) if ": " in name]
    if not flags:
        return [""] * len(shown)
    values = log.of_items.values[:, flags] > 0
    rare = values.sum(0)
    names = [log.of_items.names[place].partition(": ")[2] for place in flags]
    found = []
    for item in shown:
        own = np.flatnonzero(values[item])
        found.append(names[own[rare[own].argmin()]] if len(own) else "")
    return found
