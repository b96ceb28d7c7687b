"""Was deep learning needed? One sentence, and the figures behind it.

The network is compared with one classical method: the one that did best on the validation rows.
Choosing it on the test rows would be choosing by luck. All methods are listed with their figures.
Both answer the same test rows, so the difference is measured on the same resampled rows (paired
bootstrap); with the share of right answers an exact McNemar test must agree. "Better" is said
only if the 95 % interval of the difference leaves out zero; else the simpler model is enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.evidence.intervals import CLASS_WISE, bootstrap, interval, middle
from pellucid.learning.evaluate import Kind, answers, higher_is_better, score, scorer

CONSTANT = "constant answer"
DRAWS = 10_000
FEW_ROWS = 30
MOST_CELLS = 400_000_000
"""Rows times draws; beyond 40,000 test rows fewer draws are as good, the interval is narrow."""
IN_POINTS = frozenset(
    {
        "accuracy",
        "balanced accuracy",
        "macro F1",
        "micro F1",
        "AUC",
        "subset accuracy",
        "quadratic kappa",
        "average precision",
        "ranking precision",
    }
)
"""Metrics between 0 and 1, of which people speak in percentage points."""


@dataclass(frozen=True)
class Contender:
    """One method: what it answered on the test rows, and what it cost.

    prediction: on the test rows, in the shape of `learning/evaluate.py`. valid_score: the primary
    metric on the validation rows (or out of fold), which alone decides who is compared.
    seconds: to train. ms_per_row: to answer one row. bytes: size of the saved model.
    """

    name: str
    prediction: np.ndarray
    valid_score: float
    seconds: float
    ms_per_row: float
    bytes: int


@dataclass(frozen=True)
class Standing:
    """A contender's figure on the test rows with its 95 % interval."""

    name: str
    score: float
    low: float
    high: float
    valid_score: float
    seconds: float
    ms_per_row: float
    bytes: int

    def as_json(self) -> dict[str, Any]:
        return {key: plain(value) for key, value in vars(self).items()}


@dataclass(frozen=True)
class Difference:
    """How much better the network is (below zero: worse), in the metric's own unit.

    p: of the exact McNemar test on right and wrong answers; None for other metrics.
    """

    value: float
    low: float
    high: float
    versus: str
    p: float | None = None

    @property
    def real(self) -> bool:
        """Whether chance in picking the test rows can't explain it."""
        apart = self.low > 0 or self.high < 0
        return apart and (self.p is None or self.p < 0.05)

    def as_json(self) -> dict[str, Any]:
        return {key: plain(value) for key, value in vars(self).items()}


@dataclass(frozen=True)
class Verdict:
    """The answer in one sentence, who to use, and everything it rests on."""

    sentence: str
    winner: str
    metric: str
    rows: int
    network: Standing
    baselines: tuple[Standing, ...]
    difference: Difference | None
    chosen: str = "the best classical method on the validation rows"

    def as_json(self) -> dict[str, Any]:
        return {
            "sentence": self.sentence,
            "winner": self.winner,
            "metric": self.metric,
            "rows": self.rows,
            "network": self.network.as_json(),
            "baselines": [baseline.as_json() for baseline in self.baselines],
            "difference": self.difference.as_json() if self.difference else None,
            "chosen": self.chosen,
        }


def verdict(
    kind: Kind,
    metric: str,
    target: np.ndarray,
    network: Contender,
    baselines: list[Contender],
    seed: int = 0,
    groups: np.ndarray | None = None,
) -> Verdict:
    """Compare the network with the classical methods on the test rows.

    groups: labels `(rows,)` of test rows that belong together and are resampled together.
    """
    target = np.asarray(target)

    def standing(one: Contender) -> Standing:
        low, high = interval(kind, metric, target, one.prediction, seed, groups)
        value = score(kind, metric, target, one.prediction)
        cost = (one.valid_score, one.seconds, one.ms_per_row, one.bytes)
        return Standing(one.name, value, low, high, *cost)

    ours, theirs = standing(network), tuple(standing(one) for one in baselines)
    if not baselines:
        sentence = (
            f"Not compared: there is no classical method for this data; {ours_only(ours, metric)}."
        )
        return Verdict(sentence, network.name, metric, len(target), ours, theirs, None)
    rival = best_on_validation(baselines, metric)
    compared = difference(kind, metric, target, network, rival, seed, groups)
    constant = next((one for one in baselines if one.name == CONSTANT), None)
    learned = constant is None or (
        difference(kind, metric, target, network, constant, seed, groups).low > 0
    )
    winner, sentence = decide(compared, learned, metric, len(target), network, rival)
    return Verdict(sentence, winner, metric, len(target), ours, theirs, compared)


def best_on_validation(contenders: Iterable[Contender], metric: str) -> Contender:
    """The best on validation rows; of equals the first, and lists go from simple to complex."""
    sign = 1 if higher_is_better(metric) else -1
    return max(
        contenders, key=lambda one: -np.inf if np.isnan(one.valid_score) else sign * one.valid_score
    )


def difference(
    kind: Kind,
    metric: str,
    target: np.ndarray,
    network: Contender,
    rival: Contender,
    seed: int,
    groups: np.ndarray | None = None,
) -> Difference:
    """How much better the network is than the rival on the same rows, with its 95 % interval."""
    measures = [scorer(kind, metric, target, one.prediction) for one in (network, rival)]
    sign = 1 if higher_is_better(metric) else -1
    once = np.ones((1, len(target)))
    value = sign * float(measures[0](once)[0] - measures[1](once)[0])
    strata = target if metric in CLASS_WISE and kind == "classify" else None
    draws = int(min(DRAWS, max(1_000, MOST_CELLS // len(target))))
    values = bootstrap(measures, len(target), draws, seed, strata, groups)
    low, high = middle(sign * (values[:, 0] - values[:, 1]))
    p = mcnemar(kind, target, network, rival) if metric == "accuracy" and groups is None else None
    return Difference(value, low, high, rival.name, p)


def mcnemar(kind: Kind, target: np.ndarray, one: Contender, other: Contender) -> float:
    """Exact two-sided p: of the rows that only one of them got right, are they split like coins?"""
    from scipy.special import bdtr

    first = answers(kind, one.prediction) == target
    second = answers(kind, other.prediction) == target
    fewer, more = sorted([int((first & ~second).sum()), int((~first & second).sum())])
    return min(1.0, 2 * float(bdtr(fewer, fewer + more, 0.5))) if fewer + more else 1.0


# --- the sentence -----------------------------------------------------------------------------


def decide(
    compared: Difference,
    learned: bool,
    metric: str,
    rows: int,
    network: Contender,
    rival: Contender,
) -> tuple[str, str]:
    """The winner's name and the sentence."""
    if compared.real and compared.value > 0:
        gap = better_by(compared, metric, rows)
        return (
            network.name,
            f"Yes: the network is better than {the(rival)} by {gap}{costs(network, rival)}.",
        )
    if compared.real:
        gap = better_by(compared, metric, rows)
        return (
            rival.name,
            f"No: {the(rival)} {is_are(rival)} better by {gap}{costs(rival, network)}.",
        )
    if not learned:
        return CONSTANT, (
            f"No: nothing was learned that shows on {rows:,} test rows; always giving the same"
            f" answer is as good (difference to {the(rival)}: {span(compared, metric)})."
        )
    if rows < FEW_ROWS:
        reason = f"{rows:,} test rows are too few to tell them apart"
    else:
        reason = "no measurable difference"
    return rival.name, (
        f"No: {reason} ({span(compared, metric)}), so the simpler model, {the(rival)}, is enough"
        f"{costs(rival, network)}."
    )


def ours_only(ours: Standing, metric: str) -> str:
    return f"{metric} {ours.score:.3g} [{ours.low:.3g}, {ours.high:.3g}]"


def the(one: Contender) -> str:
    """The name inside a sentence: 'the constant answer', 'boosted trees'."""
    return f"the {one.name}" if one.name == CONSTANT else one.name


def is_are(one: Contender) -> str:
    return "are" if one.name.endswith("trees") else "is"


def better_by(compared: Difference, metric: str, rows: int) -> str:
    """'2.1 points [0.8, 3.4]', or '3.2 in RMSE [1.1, 5.0]' for other units; always positive."""
    value, low, high = abs(compared.value), compared.low, compared.high
    if compared.value < 0:
        low, high = -compared.high, -compared.low
    return f"{amount(value, metric)} [{bare(low, metric)}, {bare(high, metric)}]"


def span(compared: Difference, metric: str) -> str:
    """The signed difference with its interval: '+0.4 points [-1.2, 2.0]'."""
    sign = "+" if compared.value > 0 else ""
    limits = f"[{bare(compared.low, metric)}, {bare(compared.high, metric)}]"
    return f"{sign}{amount(compared.value, metric)} {limits}"


def amount(value: float, metric: str) -> str:
    if metric in IN_POINTS:
        unit = "points" if metric == "accuracy" else f"points of {metric}"
        return f"{bare(value, metric)} {unit}"
    return f"{bare(value, metric)} in {metric}"


def bare(value: float, metric: str) -> str:
    """A number without its unit; points with one decimal, else three significant digits."""
    text = f"{100 * value:.1f}" if metric in IN_POINTS else f"{value:.3g}"
    return "0.0" if text == "-0.0" else text


def costs(one: Contender, other: Contender) -> str:
    """What `one` costs beside `other`, where they differ by half or more; '' if nowhere."""
    plural = "" if is_are(one) == "are" else "s"
    parts = [
        compare(one.seconds, other.seconds, f"train{plural}", "faster", "slower"),
        compare(one.ms_per_row, other.ms_per_row, f"answer{plural}", "faster", "slower"),
        compare(one.bytes, other.bytes, is_are(one), "smaller", "larger"),
    ]
    said = [part for part in parts if part]
    if not said:
        return ""
    return " and " + (said[0] if len(said) == 1 else ", ".join(said[:-1]) + " and " + said[-1])


def compare(mine: float, other: float, verb: str, less: str, more: str) -> str:
    """'train 40 times faster'; '' where the two are within half of each other."""
    if not (mine > 0 and other > 0) or 1 / 1.5 < mine / other < 1.5:
        return ""
    ratio, word = (other / mine, less) if mine < other else (mine / other, more)
    return f"{verb} {ratio:.2g} times {word}" if ratio < 10 else f"{verb} {ratio:,.0f} times {word}"


def plain(value: Any) -> Any:
    """JSON has no NaN: an undefined figure is null."""
    return None if isinstance(value, float) and not np.isfinite(value) else value
