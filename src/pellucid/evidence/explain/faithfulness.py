"""Is an explanation true? Take away what it calls important and see whether the answer falls.

If it does, and falls faster than in random order, and slower if the unimportant goes first, the
explanation says what the model uses. A picture that looks convincing is no evidence: an edge
detector makes convincing pictures too, even for a network with random weights (Adebayo et al.
2018). So this test belongs to every explanation, and one that fails is labelled.
"""

# ruff: noqa: PT028 - `test` tests an explanation; it is not one of pytest's.

from __future__ import annotations

from itertools import permutations
from math import factorial

import numpy as np

from pellucid.evidence.explain.occlusion import Answers, random_orders, stage_counts, stages
from pellucid.evidence.explain.pieces import Faithfulness, Pieces, Question
from pellucid.evidence.subject import Subject
from pellucid.tasks import Task
from pellucid.tasks.regress import Regress

ORDERS, STEPS = 40, 10
"""Random orders (20 and their reverses), and stages in which everything is taken away."""
LARGEST_GAP = 0.05
"""Share that the values may miss what they should add up to."""
MOST_SIMILAR = 0.5
"""Rank correlation with the explanation of a network that has learned nothing."""
SMALLEST_CHANGE = 0.005
"""Of a probability, or in units of the target's spread: less is no change worth explaining."""


def test(
    subject: Subject,
    pieces: Pieces,
    question: Question,
    values: np.ndarray,
    *,
    completeness: float | None = None,
    similarity: float | None = None,
    answers: Answers | None = None,
    orders: int = ORDERS,
    steps: int = STEPS,
    seed: int = 0,
) -> Faithfulness:
    """Whether `values` `(pieces,)` say what the model uses.

    Args:
        completeness: How far the values miss what they should add up to, as a share.
        similarity: Rank correlation with the explanations of a network with random weights, as
            `randomization.similarity` measures it once for a model.
        answers: Those that were asked already, so that they aren't asked again.
        orders: Random orders to compare with, at least 20; with up to 4 pieces, all orders.
        steps: Stages in which everything is taken away.
    """
    answers = answers or Answers(subject, pieces, question)
    count = answers.count
    shares = stage_counts(count, steps) / max(count, 1)
    order, chance = ranked(values, seed), _orders(count, orders, seed)
    first, last = _courses(answers, np.array([order, order[::-1]]), steps)
    random = _courses(answers, chance, steps)
    reverse = _courses(answers, chance[:, ::-1], steps)  # mostly asked already, in pairs
    change = float(np.ptp(np.concatenate([random, reverse, [first], [last]])))
    gains = _area(np.array([last - first, *(reverse - random)]), shares) / max(change, 1e-12)
    gain, limit = float(gains[0]), float(np.quantile(gains[1:], 0.95))
    problems = [
        *_no_change(change, subject.task, question.output),
        *_no_better(gain, limit, count),
        *_incomplete(completeness),
        *_indifferent(similarity),
    ]
    return Faithfulness(
        shares=tuple(shares.tolist()),
        first=tuple(first.tolist()),
        random=tuple(random.mean(0).tolist()),
        last=tuple(last.tolist()),
        gain=gain,
        random_gain=limit,
        completeness=completeness,
        similarity=similarity,
        trusted=not problems,
        why=" ".join(problems) if problems else _passed(gain, limit, count),
    )


def ranked(values: np.ndarray, seed: int = 0) -> np.ndarray:
    """int64 `(pieces,)`: what speaks most for the number first; ties in random order.

    Without that, an explanation that says nothing would be tried in reading order, which is not
    nothing: the middle of a picture is where things are.
    """
    chance = np.random.default_rng(seed).random(len(values))
    return np.lexsort((chance, -np.asarray(values, dtype=np.float64)))


def _orders(count: int, orders: int, seed: int) -> np.ndarray:
    """Random orders; with few pieces all that there are."""
    if factorial(min(count, 10)) <= orders:
        return np.array(list(permutations(range(count))), dtype=np.int64)
    return random_orders(count, orders, seed)


def _courses(answers: Answers, orders: np.ndarray, steps: int) -> np.ndarray:
    """float64 `(orders, stages)`: the number as everything is taken away in these orders."""
    gone = np.stack([stages(order, steps) for order in orders])
    return answers.ask(gone.reshape(-1, gone.shape[2])).reshape(gone.shape[:2])


def _area(courses: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Under each course `(..., stages)`, by trapezoids."""
    return np.trapezoid(courses, shares, axis=-1)


# --- in words -------------------------------------------------------------------------------


def _no_change(change: float, task: Task, output: int) -> list[str]:
    unit = float(task.spread[output]) if isinstance(task, Regress) else 1.0
    if change >= SMALLEST_CHANGE * unit:
        return []
    return [
        "Whatever is taken away, the answer stays nearly the same: there is nothing in this"
        " example that it could be traced to."
    ]


def _no_better(gain: float, limit: float, count: int) -> list[str]:
    if count < 2 or (gain > 0 and gain >= limit - 1e-9):
        return []
    return [
        "Taking away what it calls important changes the answer no faster than taking away"
        f" pieces at random (gain {gain:.2f}; chance alone reaches {limit:.2f})."
    ]


def _incomplete(gap: float | None) -> list[str]:
    if gap is None or gap < LARGEST_GAP:
        return []
    return [f"The values miss what they should add up to by {gap:.0%}."]


def _indifferent(similarity: float | None) -> list[str]:
    if similarity is None or similarity < MOST_SIMILAR:
        return []
    return [
        "A network with random weights gets nearly the same explanations (rank correlation"
        f" {similarity:.2f}): they show the example more than what was learned."
    ]


def _passed(gain: float, limit: float, count: int) -> str:
    if count < 2:
        return "There is only one piece: it is what it changes when it is taken away."
    return (
        "Taking away what it calls important first changes the answer faster than random orders"
        f" do, and what it calls unimportant slower (gain {gain:.2f}; chance alone reaches"
        f" {limit:.2f})."
    )
