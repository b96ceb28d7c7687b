"""Lists of recommendations: at which moments they are asked for, and how good they are.

A moment is a user at a time: the history is all that was before it, the truth the next items that
the user takes after it. Nothing learned knows anything later than the training events; a history
may be newer, as it will be in use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pellucid.baselines.lists import (
    ListMethod,
    ease,
    item_neighbors,
    popularity,
    used_together,
    weighted_factors,
)
from pellucid.uses.recommend.log import Log

if TYPE_CHECKING:
    from pellucid.uses.recommend.answerer import Recommender

TOP = 10
"""Length of a list."""
WINDOW = 10
"""Items after a moment that count as the truth."""
MOMENTS = 5
"""Moments of one user at most, evenly over the events of a part."""
MOST_MOMENTS = 1_000
PENALTIES = (100.0, 300.0, 1000.0)
RECENT: tuple[int | None, ...] = (None, 20)
SHARES = (0.5, 0.65, 0.8, 0.9)
"""What the network may count beside the best classical method, when both make lists together."""
FEW = 100
"""Moments that the spread of scores is taken from."""

Scores = Callable[[np.ndarray, int], np.ndarray]
"""A history `(past,)` and its user -> scores of all items `(items,)`."""


@dataclass(frozen=True)
class Moments:
    """When lists are asked for.

    user: int64 `(moments,)`. histories, truths: one array of items each. ends: int64, up to where
    in the log each history reaches. cold: events of the part whose item has no training event,
    which no list can hold; without: moments of users of whom nothing was known yet.
    """

    user: np.ndarray
    histories: list[np.ndarray]
    truths: list[np.ndarray]
    ends: np.ndarray
    cold: int
    without: int

    def __len__(self) -> int:
        return len(self.user)


def moments_of(log: Log, part: int, seed: int = 0) -> Moments:
    """The moments of valid (1) or test (2) events."""
    known = np.zeros(len(log.items), dtype=bool)
    known[log.item[log.part == 0]] = True
    users, histories, truths, ends, without = [], [], [], [], 0
    for one in np.unique(log.user[log.part == part]):
        start, end = log.starts[one], log.starts[one + 1]
        mine = start + np.flatnonzero(log.part[start:end] == part)
        if log.dated:
            # Only where the time is another than just before, or the order would be by chance.
            fresh = mine[log.before[mine] == mine]
            without += int((fresh == start).any())
            fresh = fresh[fresh > start]
            some = np.unique(np.linspace(0, len(fresh) - 1, MOMENTS).astype(int))
            chosen = fresh[some] if len(fresh) else fresh
            cases = [(log.item[start:place], place, mine[mine >= place]) for place in chosen]
        else:
            learned = start + np.flatnonzero(log.part[start:end] == 0)
            without += int(not len(learned))
            cases = [(log.item[learned], int(end), mine)] if len(learned) else []
        for history, place, later in cases:
            truth = log.item[later]
            truth = truth[known[truth] & ~np.isin(truth, history)]
            truth = truth[np.sort(np.unique(truth, return_index=True)[1])]
            truth = truth[:WINDOW] if log.dated else truth
            if len(truth) and known[history].any():
                users.append(one)
                histories.append(history)
                truths.append(truth)
                ends.append(place)
    cold = int((~known[log.item[log.part == part]]).sum())
    kept = np.arange(len(users))
    if len(kept) > MOST_MOMENTS:
        kept = np.sort(np.random.default_rng(seed).choice(kept, MOST_MOMENTS, replace=False))
    return Moments(
        np.array(users, dtype=np.int64)[kept],
        [histories[place] for place in kept],
        [truths[place] for place in kept],
        np.array(ends, dtype=np.int64)[kept],
        cold,
        without,
    )


def top_of(scores: np.ndarray, history: np.ndarray, count: int = TOP) -> np.ndarray:
    """The best new items, best first; what is in the history is none of them."""
    left = np.asarray(scores, dtype=np.float64).copy()
    left[history] = -np.inf
    count = min(count, int(np.isfinite(left).sum()))
    best = np.argpartition(-left, count - 1)[:count] if count else np.empty(0, np.int64)
    return best[np.argsort(-left[best], kind="stable")]


def quality(top: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """NDCG@10 and recall@10 of one list: 1 if the first places hold nothing but what came."""
    hits = np.isin(top[:TOP], truth)
    discount = 1 / np.log2(np.arange(2, TOP + 2))
    best = discount[: min(TOP, len(truth))].sum()
    return float(hits @ discount[: len(hits)] / best), float(hits.sum() / min(TOP, len(truth)))


def lists_of(moments: Moments, scores: Scores) -> list[np.ndarray]:
    """One method's list at each moment."""
    pairs = zip(moments.histories, moments.user.tolist(), strict=True)
    return [top_of(scores(history, user), history) for history, user in pairs]


def qualities(moments: Moments, lists: list[np.ndarray]) -> np.ndarray:
    """float64 `(moments, 2)`: NDCG@10 and recall@10 of each list."""
    pairs = zip(lists, moments.truths, strict=True)
    return np.array([quality(top, truth) for top, truth in pairs]).reshape(-1, 2)


def measured(moments: Moments, scores: Scores) -> np.ndarray:
    """Quality of one method's lists `(moments, 2)`."""
    return qualities(moments, lists_of(moments, scores))


def scores_of(method: ListMethod) -> Scores:
    """A classical method as `measured` takes it."""
    return lambda history, user: method.score(history)


def classical_lists(log: Log, valid: Moments, seconds: float) -> list[tuple[ListMethod, float]]:
    """Popularity, item neighbors, EASE and iALS, each at its best on validation moments, with its
    NDCG there (NaN without validation moments); iALS is fitted for about `seconds`."""
    learn = log.events(0)
    user, item = log.user[learn], log.item[learn]
    items = len(log.items)
    together, used = used_together(user, item, len(log.users), items)
    families: list[Sequence[ListMethod]] = [
        [popularity(item, items)],
        [item_neighbors(together, used, items)],
        [ease(together, used, items, penalty) for penalty in PENALTIES],
        weighted_factors(user, item, len(log.users), items, seconds),
    ]
    found = []
    for family in families:
        tried = []
        for method in family:
            for recent in RECENT if method.personal else (None,):
                method.recent = recent
                score = (
                    float(measured(valid, scores_of(method))[:, 0].mean()) if len(valid) else 0.0
                )
                tried.append((score, method, recent))
        score, method, method.recent = max(tried, key=lambda one: one[0])
        if method.personal:
            often = "all events" if method.recent is None else f"the last {method.recent} events"
            method.why += f", from {often} of a user (chosen on validation moments)"
        found.append((method, score if len(valid) else float("nan")))
    return found


def choose_lists(log: Log, recommender: Recommender, valid: Moments, seconds: float) -> None:
    """Let whoever makes the best lists on validation moments make them from now on: the network,
    the best classical method, or both together; of equals the simpler one.

    Args:
        seconds: About how long iALS may be fitted.
    """
    classical = classical_lists(log, valid, seconds)
    recommender.listers = [method for method, _ in classical]
    recommender.lister, best = max(classical, key=lambda one: (one[1] == one[1], one[1]))
    alone = float(measured(valid, network_scores(recommender))[:, 0].mean()) if len(valid) else 0.0
    recommender.list_by = "baseline" if len(valid) and best > alone else "network"
    together, mix = _best_mix(recommender, recommender.lister, valid)
    if together > max(best, alone):
        recommender.list_by, recommender.mix = "both", mix
        recommender.figures["validation NDCG@10 of both together"] = together
    recommender.figures |= {"validation NDCG@10 of the network's lists": alone}
    recommender.figures |= {
        f"validation NDCG@10 of {method.name}": score for method, score in classical
    }


def _best_mix(
    recommender: Recommender, lister: ListMethod, valid: Moments
) -> tuple[float, tuple[float, float]]:
    """The best NDCG@10 on validation moments of both together, and what the scores of the network
    and of the classical method are multiplied with for it."""
    if not len(valid):
        return 0.0, (1.0, 0.0)
    scores, other = network_scores(recommender), scores_of(lister)
    few = np.unique(np.linspace(0, len(valid) - 1, FEW).astype(int)).tolist()
    asked = [(valid.histories[place], int(valid.user[place])) for place in few]
    units = [float(np.mean([one(*given).std() for given in asked])) or 1.0
             for one in (scores, other)]  # fmt: skip
    mixes = [(share / units[0], (1 - share) / units[1]) for share in SHARES]
    found: list[list[float]] = [[] for _ in mixes]
    for history, user, truth in zip(valid.histories, valid.user, valid.truths, strict=True):
        mine, theirs = scores(history, int(user)), other(history, int(user))
        for (first, second), each in zip(mixes, found, strict=True):
            each.append(quality(top_of(first * mine + second * theirs, history), truth)[0])
    return max((float(np.mean(each)), mix) for each, mix in zip(found, mixes, strict=True))


def network_scores(recommender: Recommender) -> Scores:
    """The network as `measured` takes it."""
    memory = recommender.memory

    def scores(history: np.ndarray, user: int) -> np.ndarray:
        past, ratings = memory.history(user)
        rated = ratings[: len(history)] if len(ratings) else ratings
        if len(ratings) and not np.array_equal(past[: len(history)], history):
            rated = ratings[np.isin(past, history)]  # parts at random: only some are known
        found: np.ndarray = recommender.network_scores([user], [history], [rated])[0]
        return found

    return scores


def list_scores(recommender: Recommender) -> Scores:
    """Whoever makes lists, as `measured` takes it."""
    mine = network_scores(recommender)
    if recommender.list_by == "network" or recommender.lister is None:
        return mine
    other = scores_of(recommender.lister)
    if recommender.list_by == "baseline":
        return other
    first, second = recommender.mix
    return lambda history, user: first * mine(history, user) + second * other(history, user)


def start_vectors(log: Log, width: int) -> np.ndarray:
    """float32 `(items, width)`: items that the same people used lie in the same direction: the
    largest eigenvectors of their cosines. From training events only."""
    learn = log.events(0)
    together, used = used_together(log.user[learn], log.item[learn], len(log.users), len(log.items))
    length = np.sqrt(together.diagonal() + 20.0)
    values, vectors = np.linalg.eigh(together / length[:, None] / length)
    kept = min(width, len(used))
    largest = vectors[:, ::-1][:, :kept] * np.sqrt(np.maximum(values[::-1][:kept], 0.0))
    largest *= np.sign(largest[np.abs(largest).argmax(0), np.arange(kept)])
    found = np.zeros((len(log.items), width), np.float32)
    found[used, :kept] = largest
    return found
