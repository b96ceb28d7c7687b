"""What would the answer be without this piece? Asked one by one, and in many mixtures.

Leaving out one piece alone misses what several pieces say alike: without one eye the other is
still there. So pieces are also taken away in random mixtures (as RISE does with pictures,
arXiv 1806.07421), and a line through all these answers gives each piece its part. Each view sees
what the other misses: their mean is the value.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from pellucid.evidence.explain.pieces import Pieces, Question, asked
from pellucid.evidence.subject import Subject

BATCH = 64
"""Versions of an example that are answered at once."""
STEPS, FEWEST_STEPS = 10, 5
"""Stages in which a random order takes everything away; fewer if the model is slow."""
FEWEST_ORDERS, MOST_ORDERS = 20, 160
SLOW_ORDERS, FEWEST_PIECES = 8, 16
"""Random orders and pieces that are tried at least where each answer takes long."""
SECONDS = 1.0
SHRINK = 0.3
"""How strongly pieces are held back that few answers speak of."""


class Answers:
    """The explained number for versions of one example; each version is asked once.

    forwards: versions answered so far. seconds: what that took. pace: seconds for one version, by
    the quickest batch (a first one is slow, and so is a busy moment). orders, steps: random orders
    of taking everything away that are asked for anyway, each in so many stages.
    """

    orders, steps = MOST_ORDERS // 4, STEPS

    def __init__(self, subject: Subject, pieces: Pieces, question: Question) -> None:
        self.subject, self.pieces, self.question = subject, pieces, question
        self.forwards, self.seconds, self.pace = 0, 0.0, 0.0
        self._known: dict[bytes, float] = {}

    @property
    def count(self) -> int:
        """How many pieces there are."""
        return len(self.pieces.names)

    def ask(self, gone: np.ndarray) -> np.ndarray:
        """float64 `(versions,)`: the number without these pieces, bool `(versions, pieces)`."""
        gone = np.ascontiguousarray(gone, dtype=bool)
        keys = [row.tobytes() for row in np.packbits(gone, axis=1)]
        places = {key: place for place, key in enumerate(keys) if key not in self._known}
        new = gone[list(places.values())]
        for start in range(0, len(new), BATCH):
            part, names = new[start : start + BATCH], list(places)[start : start + BATCH]
            started = time.perf_counter()
            found = asked(self.subject, self.pieces, part, self.question.output)
            self._count(len(part), time.perf_counter() - started)
            self._known |= dict(zip(names, found.tolist(), strict=True))
        return np.array([self._known[key] for key in keys])

    def _count(self, versions: int, seconds: float) -> None:
        self.pace = min(self.pace or np.inf, seconds / versions)
        self.forwards += versions
        self.seconds += seconds


@dataclass(frozen=True)
class Occlusion:
    """How much each piece speaks for the explained number.

    values: float64 `(pieces,)`; they add up to whole - base. whole: the number with all pieces.
    base: without any. alone: float64 `(pieces,)`, what leaving out each piece alone changes.
    orders: random orders of taking everything away that were tried. forwards: versions answered.
    answers: all of them, so that the test of the explanation need not ask again.
    """

    values: np.ndarray
    whole: float
    base: float
    alone: np.ndarray
    orders: int
    forwards: int
    answers: Answers = field(repr=False)


def occlude(
    subject: Subject,
    pieces: Pieces,
    question: Question,
    *,
    seconds: float = SECONDS,
    fewest: int = FEWEST_ORDERS,
    orders: int | None = None,
    steps: int = STEPS,
    seed: int = 0,
) -> Occlusion:
    """Contributions of all pieces, from versions of the example without some of them.

    Args:
        seconds: About how long it may take; how many orders that allows is measured.
        fewest: So many random orders however long they take.
        orders, steps: So many random orders in so many stages instead: the same explanation on
            any machine.
    """
    answers = Answers(subject, pieces, question)
    count = answers.count
    whole, base = answers.ask(np.stack([np.zeros(count, bool), np.ones(count, bool)]))
    alone = whole - answers.ask(np.eye(count, dtype=bool))
    answers.orders, answers.steps = (
        affordable(seconds, answers, fewest) if orders is None else (orders, steps)
    )
    mixtures = [
        stages(order, answers.steps)[1:-1] for order in random_orders(count, answers.orders, seed)
    ]
    gone = np.concatenate([np.eye(count, dtype=bool), *mixtures])
    mixed = contributions(gone, answers.ask(gone), whole, base)
    values = blended(alone, mixed)
    return Occlusion(values, whole, base, alone, answers.orders, answers.forwards, answers)


def affordable(seconds: float, answers: Answers, fewest: int = FEWEST_ORDERS) -> tuple[int, int]:
    """Random orders and stages that fit into the time, by the pace of the answers so far.

    Orders come in doublings, so that a busy moment changes little; at least `fewest`, in fewer
    stages.
    """
    left = max(seconds - answers.seconds, 0.0) / max(answers.pace, 1e-9)
    each = max(1, min(STEPS, answers.count) - 1)
    orders = fewest
    while 2 * orders * each <= left and orders < MOST_ORDERS:
        orders *= 2
    return orders, STEPS if orders * each <= left else FEWEST_STEPS


def versions_of(count: int, orders: int, steps: int) -> int:
    """Answers that so many pieces take, in so many orders and stages; the test's own included."""
    between = min(steps, count) - 1
    return 2 + count + (orders + 2) * max(0, between)


def tellable(count: int, most: float) -> int:
    """How many pieces can be told apart by about so many answers: all `count`, or so many that
    there are two mixtures of each; at least 16."""
    if versions_of(count, FEWEST_ORDERS, FEWEST_STEPS) <= most:
        return count
    return min(count, max(FEWEST_PIECES, int(most / 3)))


def random_orders(count: int, orders: int, seed: int) -> np.ndarray:
    """int64 `(orders, count)`: in pairs, each with its reverse.

    What one takes away first the other takes away last, so that chance cancels out; and what a
    random explanation would reach from both ends can be read off the same answers.
    """
    generator = np.random.default_rng(seed)
    half = [generator.permutation(count) for _ in range((orders + 1) // 2)]
    return np.array([order for one in half for order in (one, one[::-1])])[:orders]


def stages(order: np.ndarray, steps: int) -> np.ndarray:
    """bool `(min(steps, pieces) + 1, pieces)`: gone at each stage, from none to all, in order."""
    count = len(order)
    ranks = np.empty(count, dtype=np.int64)
    ranks[order] = np.arange(count)
    return ranks < stage_counts(count, steps)[:, None]


def stage_counts(count: int, steps: int) -> np.ndarray:
    """int64: pieces that are gone at each stage, from none to all."""
    steps = max(1, min(steps, count))
    return np.arange(steps + 1) * count // steps


def contributions(gone: np.ndarray, numbers: np.ndarray, whole: float, base: float) -> np.ndarray:
    """float64 `(pieces,)`: the line through all answers that meets both ends.

    Least squares of `numbers` on which pieces were kept, under the condition that all pieces
    together make up whole - base. The fewer answers there are for each piece, the more evidence it
    takes until a piece may weigh much.
    """
    versions, count = gone.shape
    if count < 2:
        return np.full(count, whole - base)
    kept = ~gone * 1.0
    square = kept.T @ kept
    square += SHRINK * count / versions * np.trace(square) / count * np.eye(count)
    inverse = np.linalg.inv(square)
    free = inverse @ (kept.T @ (numbers - base))
    weight = inverse.sum(1)
    return free + weight * ((whole - base) - free.sum()) / weight.sum()


def blended(alone: np.ndarray, mixed: np.ndarray) -> np.ndarray:
    """The mean of two views of the same pieces, with the sum of `mixed`.

    Leaving out a single piece of a sure answer changes little: the size of `alone` says nothing,
    its proportions do.
    """
    # Measured as faithfulness (symmetric gain) on 20 test pictures each, before SHRINK depended on
    # the number of answers; alone, mixed, both: digits .76, .73, .77; shapes .64, .67, .67 with 40
    # orders; digits .76, .51, .73; shapes .64, .55, .62 with 10.
    size = np.abs(alone).sum()
    if size == 0:
        return mixed
    both = (mixed + alone * (np.abs(mixed).sum() / size)) / 2
    sizes = np.abs(both)
    lacking = (mixed.sum() - both.sum()) / max(sizes.sum(), 1e-300)
    # What lacks of the sum is spread by size. Too much of it would turn signs around.
    return both + lacking * sizes if abs(lacking) < 1 else mixed
