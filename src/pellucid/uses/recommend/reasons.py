"""Why this recommendation: which past items carry it, and whether that is so.

because_finding  over many users: do the named reasons carry the recommendations?
explanation      one answer, with the past items and features that count
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from pellucid.evidence.finding import Cell, Finding, Table, unknown
from pellucid.uses.recommend.lists import Moments, top_of

if TYPE_CHECKING:
    from pellucid.uses.recommend.answerer import Recommender

TRIED = 40
"""Moments whose reasons are tested."""
TAKEN_AWAY = 3
"""Past items that are taken away in the test of reasons."""
DRAWS = 10
"""Random sets of as many past items that they are compared with."""


def because_finding(recommender: Recommender, moments: Moments, seconds: float) -> Finding:
    """Whether the past items that are named as reasons carry the recommendation."""
    title = "Are the reasons real?"
    began = time.perf_counter()
    rng = np.random.default_rng(0)
    named, chance = [], []
    for place in np.unique(np.linspace(0, len(moments) - 1, TRIED).astype(int)).tolist():
        if not len(moments) or time.perf_counter() - began > seconds:
            break
        history, user = moments.histories[place], int(moments.user[place])
        if len(history) < 2 * TAKEN_AWAY:
            continue
        pair = _taken_away(recommender, user, history, rng)
        if pair is not None:
            named.append(pair[0])
            chance.append(pair[1])
    if len(named) < 5:
        return unknown("because", title, "Too few users have a past long enough to test reasons.")
    first, second = np.array(named), np.array(chance)
    share = float((first > second).mean())
    ratio = float(first.mean() / max(abs(second.mean()), 1e-9))
    sentence = (
        f"Without the {TAKEN_AWAY} past items that it names, the score of a recommended item falls "
        f"in {share:.0%} of {len(first)} cases by more than without {TAKEN_AWAY} random ones "
        f"({first.mean():.3f} against {second.mean():.3f} on average)."
    )
    unit = "units of the rating" if recommender.asks == "rating" else "units of log-probability"
    notes = (
        f"scores of {recommender.maker(recommender.list_by)}, in "
        + (unit if recommender.list_by == "network" else "its own unit"),
        f"reasons are found one past item at a time; here {TAKEN_AWAY} are taken away together; "
        f"random: the mean of {DRAWS} draws",
    )
    figures = {"cases": len(first), "share": share, "named": float(first.mean()),
               "random": float(second.mean()), "ratio": ratio}  # fmt: skip
    return Finding("because", title, sentence, notes, figures)


def _taken_away(
    recommender: Recommender, user: int, history: np.ndarray, rng: np.random.Generator
) -> tuple[float, float] | None:
    """How much the best new item's score falls without what is named, and without random items."""
    by = recommender.list_by
    ratings = _ratings(recommender, user, history)
    scores = recommender.scores(by, user, history, ratings)
    best = top_of(scores, history, 1)
    if not len(best):
        return None
    effect = recommender.effects(by, user, history, ratings, best)[:, 0]
    counted = np.arange(max(0, len(history) - recommender.most), len(history))

    def fall(places: np.ndarray) -> float:
        keep = np.setdiff1d(np.arange(len(history)), places)
        rated = ratings[keep] if len(ratings) else ratings
        left = recommender.scores(by, user, history[keep], rated)
        return float(scores[best[0]] - left[best[0]])

    named = np.argsort(-effect, kind="stable")[:TAKEN_AWAY]
    draws = [rng.choice(counted, TAKEN_AWAY, replace=False) for _ in range(DRAWS)]
    return fall(named), float(np.mean([fall(draw) for draw in draws]))


def _ratings(recommender: Recommender, user: int, history: np.ndarray) -> np.ndarray:
    past, ratings = recommender.memory.history(user)
    if not len(ratings):
        return ratings
    if np.array_equal(past[: len(history)], history):
        return ratings[: len(history)]
    return ratings[np.isin(past, history)]


def explanation(recommender: Recommender, name: str, item: str | None, seconds: float) -> Finding:
    """Why a user gets this answer: which past items carry it, and whether that is so."""
    memory = recommender.memory
    user = memory.user_numbers.get(name, -1)
    history, ratings = memory.history(user)
    title = f"Why for user {name}"
    if not len(history):
        return unknown("explanation", title, f"Nothing is known of user '{name}': it answers as "
                       "for anybody, so nothing in the past carries the answer.")  # fmt: skip
    by = "network" if recommender.asks == "rating" else recommender.list_by
    if item is not None and item in memory.item_numbers:
        thing = memory.item_numbers[item]
    else:
        thing = int(top_of(recommender.scores(by, user, history, ratings), history, 1)[0])
    other = history != thing
    history, ratings = history[other], ratings[other] if len(ratings) else ratings
    scores = recommender.scores(by, user, history, ratings)
    effect = recommender.effects(by, user, history, ratings, np.array([thing]))[:, 0]
    order = np.argsort(-np.abs(effect), kind="stable")[:10]
    adds = [(memory.titles[history[place]], float(effect[place])) for place in order.tolist()]
    rows: tuple[tuple[Cell, ...], ...] = tuple(adds)
    if len(ratings):
        rows = tuple(
            (title, float(ratings[place]), added)
            for place, (title, added) in zip(order.tolist(), adds, strict=True)
        )
    named, chance = _deletion(recommender, by, user, history, ratings, thing, effect)
    first = memory.titles[history[order[0]]] if len(order) else "nothing"
    up = "raises" if len(order) and effect[order[0]] > 0 else "lowers"
    what = "rating" if recommender.asks == "rating" else "score"
    features, told = _features(recommender, by, user, history, ratings, thing)
    sentence = (
        f"The {what} of '{memory.titles[thing]}' for user {name} is {scores[thing]:.2f}; of the "
        f"past items '{first}' counts most: it {up} it by {abs(effect[order[0]]):.3f}."
    )
    notes = (
        "counted by leaving out one past item at a time",
        f"without the {TAKEN_AWAY} that count most it changes by {named:.3f}, without "
        f"{TAKEN_AWAY} random ones by {chance:.3f}: "
        + ("the reasons are real" if named > chance else "these reasons are no better than chance"),
        *told,
    )
    adds_to = f"adds to the {what}"
    header = ("past item", "rated", adds_to) if len(ratings) else ("past item", adds_to)
    return Finding(
        "explanation",
        title,
        sentence,
        notes,
        {"score": float(scores[thing]), "named": named, "random": chance, **features},
        (Table("Past items that count most", header, rows),),
    )


def _deletion(
    recommender: Recommender,
    by: str,
    user: int,
    history: np.ndarray,
    ratings: np.ndarray,
    thing: int,
    effect: np.ndarray,
) -> tuple[float, float]:
    """How much the answer changes without what counts most, and without as many random items."""
    whole = recommender.scores(by, user, history, ratings)[thing]
    count = min(TAKEN_AWAY, max(1, len(history) // 2))

    def change(places: np.ndarray) -> float:
        keep = np.setdiff1d(np.arange(len(history)), places)
        rated = ratings[keep] if len(ratings) else ratings
        return abs(float(whole - recommender.scores(by, user, history[keep], rated)[thing]))

    sign = 1 if effect[np.abs(effect).argmax()] >= 0 else -1
    rng = np.random.default_rng(0)
    counted = np.arange(max(0, len(history) - recommender.most), len(history))
    draws = [rng.choice(counted, min(count, len(counted)), replace=False) for _ in range(DRAWS)]
    named = change(np.argsort(-sign * effect, kind="stable")[:count])
    return named, float(np.mean([change(draw) for draw in draws]))


def _features(
    recommender: Recommender,
    by: str,
    user: int,
    history: np.ndarray,
    ratings: np.ndarray,
    thing: int,
) -> tuple[dict[str, float], tuple[str, ...]]:
    """What the item's features add to the network's answer, by taking them away."""
    memory = recommender.memory
    if by == "baseline" or not memory.of_items[thing].any():
        return {}, ()
    whole = recommender.scores(by, user, history, ratings)[thing]
    kept = recommender.model.of_items[thing].clone()
    recommender.model.of_items[thing] = 0
    without = recommender.scores(by, user, history, ratings)[thing]
    recommender.model.of_items[thing] = kept
    names = [memory.item_features[place] for place in np.flatnonzero(memory.of_items[thing])][:4]
    added = float(whole - without)
    return {"features": added}, (f"its features ({', '.join(names)}) add {added:+.3f}",)
