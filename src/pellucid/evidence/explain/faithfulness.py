"""Is an explanation true? Take away what it calls important and see whether the answer falls.

If it does, and falls faster than in random order, and slower if the unimportant goes first, the
explanation says what the model uses. A picture that looks convincing is no evidence: an edge
detector makes convincing pictures too, even for a network with random weights (Adebayo et al.
2018). So this test belongs to every explanation, and one that fails is labelled.
"""

# ruff: noqa: PT028 - `test` tests an explanation; it is not one of pytest's.

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from hashlib import blake2b
from itertools import permutations
from math import factorial

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.evidence.explain.occlusion import Answers, random_orders, stage_counts, stages
from pellucid.evidence.explain.pieces import Faithfulness, Pieces, Question
from pellucid.evidence.subject import Rows, Subject, take
from pellucid.network.cnn import Norm
from pellucid.tasks import Task
from pellucid.tasks.regress import Regress

ORDERS = 40
"""Random orders: 20 and their reverses."""
ENOUGH_ORDERS = 20
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
    orders: int | None = None,
    steps: int | None = None,
    seed: int = 0,
) -> Faithfulness:
    """Whether `values` `(pieces,)` say what the model uses.

    Args:
        completeness: How far the values miss what they should add up to, as a share.
        similarity: Rank correlation with the explanations of a network with random weights, as
            `similarity` measures it once for a model.
        answers: Those that were asked already, so that they aren't asked again.
        orders: Random orders to compare with, by default those that were asked already, at most 40
            and 40 if none were; with up to 4 pieces, all orders.
        steps: Stages in which everything is taken away, by default 10 or as was asked already.
    """
    answers = answers or Answers(subject, pieces, question)
    orders, steps = orders or min(answers.orders, ORDERS), steps or answers.steps
    count = answers.count
    shares = stage_counts(count, steps) / max(count, 1)
    order, chance = ranked(values, seed), _orders(count, orders, seed)
    first, last = _courses(answers, np.array([order, order[::-1]]), steps)
    random = _courses(answers, chance, steps)
    reverse = _courses(answers, chance[:, ::-1], steps)  # mostly asked already, in pairs
    change = float(np.ptp(np.concatenate([random, reverse, [first], [last]])))
    gains = _area(np.array([last - first, *(reverse - random)]), shares) / max(change, 1e-12)
    gain, limit = float(gains[0]), _limit(gains[1:], count)
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
        why=" ".join(problems) if problems else _passed(gain, limit, count, completeness),
    )


def _limit(gains: np.ndarray, count: int) -> float:
    """What 95 % of random orders stay under.

    Of few ones the largest would be too little to compare with. As each comes with its reverse,
    whose gain is the same with the other sign, they spread around 0: Student's limit for that.
    """
    if len(gains) >= ENOUGH_ORDERS or factorial(min(count, 10)) <= len(gains):
        return float(np.quantile(gains, 0.95))
    from scipy.special import stdtrit

    pairs = max(1, len(gains) // 2)
    return float(stdtrit(pairs, 0.95) * np.sqrt((gains**2).mean()))


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
    return answers.ask(np.concatenate(gone)).reshape(gone.shape[:2])


def _area(courses: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Under each course `(..., stages)`, by trapezoids."""
    return np.trapezoid(courses, shares, axis=-1)


# --- a network that has learned nothing -----------------------------------------------------


def randomized(subject: Subject, rows: Rows, seed: int = 0) -> Subject:
    """The same network with every weight drawn anew, and nothing before or after it learned.

    Each tensor keeps its values in random order, so that no layer becomes louder or quieter than
    it was. Means and variances that layers remember are taken anew from `rows`, a few examples;
    with the old ones all answers would be alike. A frozen network in front stays: it is not what
    was learned here.
    """
    network = deepcopy(subject.network)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            order = torch.randperm(parameter.numel(), generator=generator)
            parameter.copy_(parameter.flatten()[order].view_as(parameter))
        _remember_anew(network, subject.encode(rows))

    def answer(asked: Rows) -> np.ndarray:
        with torch.inference_mode():
            return subject.task.prediction(network(subject.encode(asked)).float())

    return replace(subject, answer=answer, network=network)


def similarity(
    subject: Subject,
    explain: Callable[[Subject, Rows, Question], np.ndarray],
    rows: Rows,
    draws: int = 3,
    seed: int = 0,
) -> float:
    """How alike explanations stay when everything learned is taken from the network, -1 to 1.

    The rank correlation of the values with those for a network with random weights, in the mean
    over examples and draws: a single pair tells little, as both see the same example (Hedström et
    al. 2024 average likewise). All weights are drawn at once; which layer comes first does not
    matter then.

    Args:
        explain: Values of the pieces `(pieces,)` for one example and question; quick is enough.
        rows: A few examples, held-out or test rows.

    Returns:
        NaN if no explanation varied at all.
    """
    if subject.frozen:
        subject = _remembering(subject)
    count = len(next(iter(rows.values())).values)
    each = [take(rows, np.array([row])) for row in range(count)]
    questions = [likeliest(subject, row) for row in each]
    learned = [explain(subject, *pair) for pair in zip(each, questions, strict=True)]
    found = []
    for draw in range(draws):
        other = randomized(subject, rows, seed + draw)
        for row, question, values in zip(each, questions, learned, strict=True):
            found.append(rank_correlation(values, explain(other, row, question)))
    finite = [one for one in found if np.isfinite(one)]
    return float(np.mean(finite)) if finite else float("nan")


def _remembering(subject: Subject) -> Subject:
    """The (first) network alone, for which every version of an example is encoded once: the frozen
    network in front takes most of the time, and is the same whatever the weights behind it."""
    known: dict[bytes, dict[str, Tensor]] = {}

    def encode(asked: Rows) -> dict[str, Tensor]:
        key = _digest(asked)
        if key not in known:
            known[key] = subject.encode(asked)
        return known[key]

    def answer(asked: Rows) -> np.ndarray:
        with torch.inference_mode():
            return subject.task.prediction(subject.network(encode(asked)).float())

    return replace(subject, answer=answer, encode=encode)


def _digest(rows: Rows) -> bytes:
    """The same for equal rows."""
    found = blake2b(digest_size=16)
    for loaded in rows.values():
        values = np.asarray(getattr(loaded.values, "mel", loaded.values))
        plain = values.dtype != object
        found.update(values.tobytes() if plain else repr(values.tolist()).encode())
    return found.digest()


def rank_correlation(left: np.ndarray, right: np.ndarray) -> float:
    """Spearman's; NaN if one of them is all the same."""
    first, second = _ranks(left), _ranks(right)
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 0; equal values share the mean of theirs."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = counts.cumsum()
    return (ends - (counts + 1) / 2)[which]


def likeliest(subject: Subject, row: Rows) -> Question:
    """The largest number of the answer to one example, or the only one."""
    values = subject.answer(row)[0]
    output = 0 if subject.task.kind == "regress" else int(values.argmax())
    return Question(output, "", float(values[output]))


def _remember_anew(network: nn.Module, inputs: dict[str, Tensor]) -> None:
    """One pass in which normalizations use, and keep, the statistics of these examples."""
    norms = [part for part in network.modules() if isinstance(part, Norm)]
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
    network(inputs)
    for norm in norms:
        norm.eval()


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


def _passed(gain: float, limit: float, count: int, completeness: float | None) -> str:
    if count < 2:
        return "There is only one piece: it is what it changes when it is taken away."
    complete = (
        ""
        if completeness is None
        else " The values add up to the whole change of the answer, as the method promises (they"
        f" miss it by {completeness:.1%})."
    )
    return (
        "Taking away what it calls important first changes the answer faster than random orders"
        f" do, and what it calls unimportant slower (gain {gain:.2f}; chance alone reaches"
        f" {limit:.2f}).{complete}"
    )
