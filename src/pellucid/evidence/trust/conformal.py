"""Sets of classes and intervals of numbers that hold the truth as often as they promise.

Split conformal prediction (Vovk et al. 2005; Angelopoulos and Bates 2023): a score says how badly
an answer fits an example. On held rows the score of the truth is known. A new example is one more
of the same kind, so its truth is among the worst tenth of all these scores one time in ten; every
answer whose score is not that bad goes into the set. Nothing is assumed but that new examples
come from where the held rows came from.

Where several networks took turns, each held row is scored by the network that had not learned
from it, and a new example is compared with each row as that row's network sees it
(cross-conformal prediction, CV+: Barber et al. 2021). Promised is then a coverage of 1 - 2 alpha;
what is usually seen is 1 - alpha or a little more.

With groups (patients, speakers) the question is a new group: every group counts as one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import Any, Literal

import numpy as np

from pellucid.learning.evaluate import Kind, answers, two_dimensional

ALPHA = 0.1
"""One truth in ten may lie outside its set or interval."""
STRICTEST_FIRST, SHORT = (0.01, 0.05, ALPHA), 1.5
"""Sets promise as much as they can while they name so many answers on average: where the answer
alone is right nine times out of ten, a set that promises no more says nothing."""
BEYOND = 5
"""Held rows of every class that must lie beyond its limit for a promise of its own (50 rows where
90 % are promised, 500 where 99 % are): a limit set by the one strangest row is chance, and covers
(n + 1) (1 - alpha) rounded up, which of 123 rows is all of them."""
BIN_ROWS, MOST_BINS = 100, 5
"""Held rows that an interval's width rests on where widths differ with the size of the answer."""
MOST_ROWS = 10_000
TINY = 1e-7
"""Keeps rounding from deciding what lies exactly at the limit."""
HALVINGS = 30
Method = Literal["answer first", "lac", "aps", "raps"]
Arrays = dict[str, np.ndarray]


# --- scores: how badly each answer fits -------------------------------------------------------


def lac(probability: np.ndarray) -> np.ndarray:
    """`(rows, classes)`: 1 - p; gives the smallest sets on average (Sadinle et al. 2019)."""
    return 1 - np.asarray(probability, dtype=np.float64)


def aps(probability: np.ndarray, draw: np.ndarray | None = None) -> np.ndarray:
    """`(rows, classes)`: the probability of all likelier classes and of this one.

    Sets grow where the model is unsure (Romano et al. 2020). draw: uniform `(rows,)`; the class's
    own probability counts only so much of it, which makes the coverage exact instead of too high.
    """
    probability = np.asarray(probability, dtype=np.float64)
    order = np.argsort(-probability, 1, kind="stable")
    falling = np.take_along_axis(probability, order, 1)
    share = 1.0 if draw is None else np.asarray(draw)[:, None]
    return _back(falling.cumsum(1) - (1 - share) * falling, order)


def raps(
    probability: np.ndarray, draw: np.ndarray | None = None, penalty: float = 0.01, free: int = 5
) -> np.ndarray:
    """APS with a penalty for each class beyond the `free` likeliest, which keeps sets short where
    there are many classes (Angelopoulos et al. 2021)."""
    order = np.argsort(-np.asarray(probability), 1, kind="stable")
    places = np.broadcast_to(np.arange(order.shape[1]), order.shape)
    return aps(probability, draw) + penalty * np.maximum(0, _back(places, order) + 1 - free)


def contiguous(scores: np.ndarray) -> np.ndarray:
    """Scores of grades such that a set never has a gap.

    A grade scores as well as the worse of the best grade below and the best above it (itself
    included): just as well as it takes to be reached by a set without gaps.
    """
    below = np.minimum.accumulate(scores, 1)
    above = np.minimum.accumulate(scores[:, ::-1], 1)[:, ::-1]
    return np.maximum(below, above)


def _back(values: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Columns that were sorted by `order`, in their first order again."""
    found = np.empty(values.shape)
    np.put_along_axis(found, order, values, 1)
    return found


SCORES = {"answer first": lac, "lac": lac, "aps": aps, "raps": raps}
BEST = -1.0
"""A score that nothing is better than."""


def answer_scores(
    kind: Kind, probability: np.ndarray, method: Method = "answer first"
) -> np.ndarray:
    """float32 `(rows, classes | tags)`: how badly each possible answer fits each row.

    The answer that is given stands in every set, so with "answer first" nothing fits better; were
    it only added to sets that lack it, they would cover more than they promise.
    """
    scores = SCORES[method](probability) if kind != "tags" else lac(probability)
    if method == "answer first":
        scores = np.where(chosen(kind, probability), BEST, scores)
    return (contiguous(scores) if kind == "grades" else scores).astype(np.float32)


def truth_scores(kind: Kind, scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """`(rows,)`: the score of the truth. Of several tags the worst counts: a set holds the truth
    if it has all of them; a row without tags is always right."""
    if kind != "tags":
        return scores[np.arange(len(truth)), np.asarray(truth, dtype=np.int64)]
    return np.where(np.asarray(truth) > 0.5, scores, 0.0).max(1).astype(scores.dtype)


# --- held rows --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tail:
    """The held scores of one network and label, rising, and the weight from each one on."""

    scores: np.ndarray
    suffix: np.ndarray

    @classmethod
    def of(cls, scores: np.ndarray, weight: np.ndarray) -> Tail:
        order = np.argsort(scores, kind="stable")
        rising = weight[order].astype(np.float64)
        return cls(scores[order], np.append(rising[::-1].cumsum()[::-1], 0.0))

    @property
    def total(self) -> float:
        return float(self.suffix[0])

    def at_least(self, new: np.ndarray) -> np.ndarray:
        """For each new score the weight of the held ones that are at least as large."""
        return self.suffix[np.searchsorted(self.scores, new.astype(np.float32), side="left")]


@dataclass(frozen=True)
class Held:
    """What held rows said about one question.

    scores: float32 `(rows,)` of the truth. network: int16 `(rows,)` which network scored it.
    label: int32 `(rows,)`: rows are compared with those of their own class, or of an answer of
    about their size; all 0 where all are compared. weight: float32 `(rows,)`, 1 or one share of a
    group's 1. edges: where the size of an answer goes from one label to the next.
    """

    scores: np.ndarray
    network: np.ndarray
    label: np.ndarray
    weight: np.ndarray
    edges: np.ndarray = field(default_factory=lambda: np.empty(0, np.float32))

    @property
    def count(self) -> float:
        """How many independent rows (or groups) there are."""
        return float(self.weight.sum())

    @property
    def labels(self) -> int:
        return int(self.label.max(initial=0)) + 1

    @cached_property
    def tails(self) -> dict[tuple[int, int], Tail]:
        """(network, label) -> its scores; where there are none, none are at least as large."""
        pairs = product(range(int(self.network.max(initial=0)) + 1), range(self.labels))
        found = defaultdict(lambda: Tail(np.empty(0, np.float32), np.zeros(1)))
        for network, label in pairs:
            mine = (self.network == network) & (self.label == label)
            found[network, label] = Tail.of(self.scores[mine], self.weight[mine])
        return found

    def counted(self) -> list[Counted]:
        """For each label what its rows say of what is usually covered."""
        alone = np.all(self.weight == 1)
        found = []
        for label in range(self.labels):
            mine = self.label == label
            found.append(
                Counted(float(self.weight[mine].sum()), self.scores[mine] if alone else None)
            )
        return found

    def enough(self, alpha: float = ALPHA) -> bool:
        """Whether every label has the rows that a promise takes."""
        counts = np.bincount(self.label, self.weight, self.labels)
        return bool(counts.min() >= fewest(alpha) - 1e-4)


def fewest(alpha: float) -> int:
    """Held rows that it takes to promise anything: 9 for 90 %, 19 for 95 %."""
    return int(np.ceil(1 / alpha - 1e-9)) - 1


def group_weights(groups: np.ndarray | None, rows: int) -> np.ndarray:
    """float32 `(rows,)`: rows of one group share a weight of 1 (hierarchical conformal
    prediction, Lee et al. 2023): a new row comes from a new group."""
    if groups is None:
        return np.ones(rows, dtype=np.float32)
    _, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    return (1 / sizes[member]).astype(np.float32)


def hold_classes(
    kind: Kind,
    probability: np.ndarray,
    truth: np.ndarray,
    network: np.ndarray,
    groups: np.ndarray | None = None,
    method: Method = "answer first",
    alpha: float = ALPHA,
) -> Held:
    """Held rows of a question with classes, grades or tags.

    Every class makes its own promise where each has the rows for it (`BEYOND`): a rare class is
    then not missed more often than others.
    """
    scores = truth_scores(kind, answer_scores(kind, probability, method), truth)
    label = np.zeros(len(scores), dtype=np.int32)
    if kind == "classify" and groups is None and len(truth):
        counts = np.bincount(np.asarray(truth, dtype=np.int64), minlength=probability.shape[1])
        if counts.min() >= BEYOND / alpha - TINY:
            label = np.asarray(truth, dtype=np.int32)
    return _held(scores, network, label, group_weights(groups, len(scores)))


def hold_numbers(
    prediction: np.ndarray,
    truth: np.ndarray,
    network: np.ndarray,
    groups: np.ndarray | None = None,
) -> list[Held]:
    """Held rows of each target: the distance of the truth from the answer.

    With hundreds of rows, answers of different size get widths of their own: prices of cheap
    houses are missed by less than those of dear ones.
    """
    prediction, truth = two_dimensional(prediction), two_dimensional(truth)
    weight = group_weights(groups, len(truth))
    found = []
    for target in range(truth.shape[1]):
        bins = max(1, min(MOST_BINS, int(weight.sum()) // BIN_ROWS))
        answers = prediction[:, target].astype(np.float32)
        edges = np.unique(np.quantile(answers, np.arange(1, bins) / bins)).astype(np.float32)
        errors = np.abs(truth[:, target] - prediction[:, target]).astype(np.float32)
        found.append(_held(errors, network, size_of(answers, edges), weight, edges))
    return found


def size_of(answers: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """int32: which of the sizes between the edges each answer has."""
    return np.searchsorted(edges, answers.astype(np.float32), side="right").astype(np.int32)


def _held(
    scores: np.ndarray,
    network: np.ndarray,
    label: np.ndarray,
    weight: np.ndarray,
    edges: np.ndarray | None = None,
) -> Held:
    some = np.arange(len(scores))
    if len(some) > MOST_ROWS:  # a random part keeps the promise, and the model small
        some = np.sort(np.random.default_rng(0).choice(some, MOST_ROWS, replace=False))
    edges = np.empty(0, np.float32) if edges is None else edges
    parts = (scores[some].astype(np.float32), network[some].astype(np.int16))
    return Held(*parts, label[some].astype(np.int32), weight[some].astype(np.float32), edges)


# --- new rows ---------------------------------------------------------------------------------


def p_values(held: Held, scores: np.ndarray) -> np.ndarray:
    """float64 `(rows, classes)`: how unusual each answer would be as the truth, from 0 to 1.

    Args:
        scores: float32 `(networks, rows, classes)`, each network's view.
    """
    found = np.empty(scores.shape[1:])
    for answer in range(scores.shape[2]):
        label = answer if held.labels > 1 else 0
        tails = [held.tails[network, label] for network in range(len(scores))]
        worse = sum(t.at_least(own[:, answer]) for t, own in zip(tails, scores, strict=True))
        found[:, answer] = (1 + worse) / (1 + sum(tail.total for tail in tails))
    return found


def sets_of(
    kind: Kind,
    held: Held,
    members: np.ndarray,
    alpha: float = ALPHA,
    method: Method = "answer first",
) -> np.ndarray:
    """bool `(rows, classes | tags)`: what can't be ruled out.

    Args:
        members: `(networks, rows, classes)` probabilities of each network, as they were held out.
    """
    scores = np.stack([answer_scores(kind, one, method) for one in members])
    inside = p_values(held, scores) > alpha + TINY
    # Networks that disagree may leave a gap between grades; filling it can only add the truth.
    return hull(inside) if kind == "grades" else inside


def hull(inside: np.ndarray) -> np.ndarray:
    """bool `(rows, grades)`: all grades between the lowest and the highest that are inside."""
    after = np.logical_or.accumulate(inside, 1)
    return after & np.logical_or.accumulate(inside[:, ::-1], 1)[:, ::-1]


def limits(held: Held, alpha: float = ALPHA) -> np.ndarray:
    """`(labels,)`: the largest score that can't be ruled out; infinite without a promise.

    Without groups it is the score of rank ceil((n + 1)(1 - alpha)); the new row itself is one of
    n + 1 alike ones, which is why that is more than n (1 - alpha).
    """
    found = np.full(held.labels, np.inf)
    for label in range(held.labels):
        tail = held.tails[0, label]
        wanted = (alpha + TINY) * (1 + tail.total) - 1
        if wanted >= 0:
            # Suffix weights fall: the last place whose tail is still heavy enough.
            found[label] = tail.scores[np.flatnonzero(tail.suffix > wanted)[-1]]
    return found


def interval_of(
    held: Held, members: np.ndarray, alpha: float = ALPHA
) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest plausible number of each row; infinite where nothing can be promised.

    Args:
        members: `(networks, rows)`: each network's answers.
    """
    members = np.asarray(members, dtype=np.float64)
    if len(members) == 1:
        half = limits(held, alpha)[size_of(members[0], held.edges)]
        return members[0] - half, members[0] + half
    low = _lower_end(held, members, members, alpha)
    return low, -_lower_end(held, members, -members, alpha)


def _lower_end(held: Held, members: np.ndarray, centers: np.ndarray, alpha: float) -> np.ndarray:
    """`(rows,)`: the smallest number whose p-value is above alpha, by halving.

    Each held row puts the end of an interval at its network's center minus its error; wanted is
    the lowest number that enough of these ends lie below.
    """
    sizes = size_of(members, held.edges)
    tails = {
        (network, label): held.tails[network, label]
        for network in range(len(members))
        for label in range(len(held.edges) + 1)
    }

    def reached(numbers: np.ndarray) -> np.ndarray:
        found = np.zeros(len(numbers))
        for (network, label), tail in tails.items():
            here = sizes[network] == label
            found[here] += tail.at_least((centers[network] - numbers)[here])
        return found

    wanted = (alpha + TINY) * (1 + reached(np.full(members.shape[1], np.inf))) - 1
    low, high = centers.min(0) - 1.01 * held.scores.max() - 1e-6, centers.max(0)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        enough = reached(middle) > wanted
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.where(wanted < 0, -np.inf, high)


def usual_coverage(
    counted: Sequence[Counted], alpha: float, tried: Sequence[int]
) -> tuple[float, float]:
    """Between which shares 95 % of measured coverages lie if the promise is kept.

    A promise is made from rows that were drawn by chance: with n held rows of which
    l = floor((n + 1) alpha) may be missed, what it covers of all new rows is itself
    Beta(n + 1 - l, l) (Vovk 2012); of m rows that it is tried on it then covers a binomial number,
    so that the two together are beta-binomial. That is exact where rows are exchangeable and no
    two score alike. Where some score alike at the limit, all of them are inside: more is covered
    than promised, and the upper end follows from how many those were. Where each class has its own
    limit, the numbers of rows that they cover add up.

    Args:
        counted: For each label what its held rows say. tried: rows of each label it is tried on.
    """
    from scipy.signal import fftconvolve

    low, high = np.ones(1), np.ones(1)
    for one, rows in zip(counted, tried, strict=True):
        if rows:
            least, most = one.covered(alpha, rows)
            low = np.maximum(fftconvolve(low, least), 0.0)
            high = np.maximum(fftconvolve(high, most), 0.0)
    total = sum(tried)
    return _quantile(low, 0.025) / total, _quantile(high, 0.975) / total


def _quantile(probability: np.ndarray, share: float) -> int:
    """The smallest number up to which there is so much probability."""
    return int(np.searchsorted(probability.cumsum() / probability.sum(), share))


@dataclass(frozen=True)
class Counted:
    """What the held rows of one label say about how much a promise usually covers.

    rows: how many there are, or groups. scores: `(rows,)`, by which it is seen how many score alike
    at the limit; None: no two do.
    """

    rows: float
    scores: np.ndarray | None = None

    def covered(self, alpha: float, tried: int) -> tuple[np.ndarray, np.ndarray]:
        """`(tried + 1,)` each: how likely each number of rows is to be covered, for the lower and
        for the upper end; they differ only where several scores are equal at the limit."""
        missed = int(np.floor((self.rows + 1) * alpha + TINY))
        if missed < 1:  # too few rows to rule anything out: all is covered
            certain = np.zeros(tried + 1)
            certain[-1] = 1.0
            return certain, certain
        least = _beta_binomial(tried, self.rows + 1 - missed, missed)
        inside = self._inside(missed)
        if inside is None:
            return least, least
        return least, _beta_binomial(tried, inside + 1, max(self.rows - inside, TINY))

    def expected(self, alpha: float) -> float:
        """The share of new rows that is covered on average: as promised, or what is inside of held
        rows where several score alike at the limit."""
        missed = int(np.floor((self.rows + 1) * alpha + TINY))
        if missed < 1:
            return 1.0
        inside = self._inside(missed)
        if inside is None:
            return (self.rows + 1 - missed) / (self.rows + 1)
        return inside / self.rows

    def _inside(self, missed: int) -> int | None:
        """How many held rows score no worse than the limit that leaves `missed` of one more out;
        None where no two score alike there, so that it is all others."""
        if self.scores is None:
            return None
        rising = np.sort(self.scores)
        wanted = len(rising) + 1 - missed  # the rank of the limit
        inside = int(np.searchsorted(rising, rising[wanted - 1], side="right"))
        return None if inside == wanted else inside


def _beta_binomial(tried: int, inside: float, outside: float) -> np.ndarray:
    from scipy.stats import betabinom

    return np.asarray(betabinom(tried, inside, outside).pmf(np.arange(tried + 1)))


# --- in the model -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Promise:
    """All that is needed to give sets or intervals with a stated coverage.

    held: one for each target; a single one for classes, grades and tags. alpha: the share that may
    be wrong. refitted: whether who answers was fitted once more, on all rows, after others like it
    had answered the held ones; that is usually kept, but nothing is proven then.
    """

    kind: Kind
    held: tuple[Held, ...]
    alpha: float = ALPHA
    method: Method = "answer first"
    grouped: bool = False
    refitted: bool = False

    @property
    def crossed(self) -> bool:
        """Whether several networks took turns, which halves what is guaranteed."""
        return any(one.network.max(initial=0) > 0 for one in self.held)

    def sets(self, members: np.ndarray) -> np.ndarray:
        """bool `(rows, classes | tags)` from probabilities `(networks, rows, classes | tags)`."""
        return sets_of(self.kind, self.held[0], members, self.alpha, self.method)

    def usual(self, tried: Sequence[int], question: int = 0) -> tuple[float, float]:
        """Between which shares 95 % of measured coverages lie if it is kept, see `usual_coverage`.

        Args:
            tried: Rows of each label that it is tried on, as many as `held[question].labels`.
            question: Which target, if there are several.
        """
        return usual_coverage(self.held[question].counted(), self.alpha, tried)

    def expected(self, tried: Sequence[int], question: int = 0) -> float:
        """The share of the truths that is inside on average; arguments as of `usual`. It is more
        than promised where many answers fit equally well, as those do that are given."""
        counted = self.held[question].counted()
        shares = [one.expected(self.alpha) for one in counted]
        return float(np.average(shares, weights=tried))

    def size(self, prediction: np.ndarray) -> float:
        """How many answers a set of the held rows themselves names on average."""
        alone = replace(self.held[0], network=np.zeros_like(self.held[0].network))
        inside = sets_of(self.kind, alone, prediction[None], self.alpha, self.method)
        return float((inside | chosen(self.kind, prediction)).sum(1).mean())

    def bounds(
        self, members: np.ndarray, alpha: float | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """`(rows, targets)` each, from numbers `(networks, rows, targets)`."""
        alpha = self.alpha if alpha is None else alpha
        ends = [interval_of(one, members[..., i], alpha) for i, one in enumerate(self.held)]
        return np.stack([low for low, _ in ends], 1), np.stack([high for _, high in ends], 1)

    def guarantee(self) -> str:
        """What is promised, in words."""
        alpha = self.alpha
        new = "new groups" if self.grouped else "new rows of the same kind"
        if self.refitted:
            return f"usually {1 - alpha:.0%} of {new}; nothing is proven, as it was fitted anew"
        if not self.crossed:
            return f"{1 - alpha:.0%} of {new}, on average over held rows drawn anew"
        return f"at least {1 - 2 * alpha:.0%} of {new}; usually {1 - alpha:.0%} or a little more"

    def facts(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "alpha": self.alpha,
            "method": self.method,
            "grouped": self.grouped,
            "refitted": self.refitted,
            "questions": len(self.held),
        }

    def arrays(self) -> Arrays:
        names = ("scores", "network", "label", "weight", "edges")
        return {
            f"{number}.{name}": np.asarray(getattr(one, name))
            for number, one in enumerate(self.held)
            for name in names
        }

    @classmethod
    def restore(cls, facts: dict[str, Any], arrays: Arrays) -> Promise:
        names = ("scores", "network", "label", "weight", "edges")
        held = tuple(
            Held(*(arrays[f"{number}.{name}"] for name in names))
            for number in range(facts["questions"])
        )
        return cls(
            facts["kind"],
            held,
            facts["alpha"],
            facts["method"],
            facts["grouped"],
            facts["refitted"],
        )


def promise(
    kind: Kind,
    prediction: np.ndarray,
    truth: np.ndarray,
    network: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> Promise | None:
    """What can be promised from held rows; None if they are too few.

    Args:
        prediction: Held-out answers in the shape of `learning/evaluate.py`, not calibrated.
        network: `(rows,)` which network gave each; None: the one that will answer.
        groups: `(rows,)` labels of rows that belong together.
    """
    if len(truth) == 0:
        return None
    network = np.zeros(len(truth), dtype=np.int16) if network is None else network
    if kind == "regress":
        numbers = tuple(hold_numbers(prediction, truth, network, groups))
        enough = all(one.enough() for one in numbers)
        return Promise(kind, numbers, grouped=groups is not None) if enough else None
    for alpha in STRICTEST_FIRST:
        one = hold_classes(kind, prediction, truth, network, groups, alpha=alpha)
        made = Promise(kind, (one,), alpha, grouped=groups is not None)
        if one.enough(alpha) and (alpha == ALPHA or made.size(prediction) <= SHORT):
            return made
    return None


def chosen(kind: Kind, prediction: np.ndarray) -> np.ndarray:
    """bool `(rows, classes | tags)`: what is answered, as a set."""
    said = answers(kind, prediction)
    return said > 0 if kind == "tags" else said[:, None] == np.arange(prediction.shape[1])
