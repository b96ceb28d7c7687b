"""Was deep learning needed? One sentence, and the figures behind it.

The network is compared with one classical method: the one that did best on the validation rows.
Choosing it on the test rows would be choosing by luck. All methods are listed with their figures.
Both answer the same test rows, so the difference is measured on the same resampled rows (paired
bootstrap); with the share of right answers an exact McNemar test must agree. "Better" is said
only if the 95 % interval of the difference leaves out zero; else the simpler model is enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.evidence.intervals import CLASS_WISE, bootstrap, interval, middle
from pellucid.learning.evaluate import Kind, answers, higher_is_better, score, scorer

CONSTANT = "constant answer"
DRAWS = 10_000
MANY_TIMES = 1_000
FEW_ROWS = 30
FEWEST_DRAWS = 1_000
MOST_CELLS = 50_000_000
"""Rows times draws: some seconds. With more test rows fewer draws do, the interval is narrow."""
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
        "R2",
    }
)
"""Metrics that are perfect at 1, of which people speak in percentage points."""


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
    def leaves_out_zero(self) -> bool:
        return self.low > 0 or self.high < 0

    @property
    def real(self) -> bool:
        """Whether chance in picking the test rows can't explain it."""
        return self.leaves_out_zero and (self.p is None or self.p < 0.05)

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

    def rival(self) -> Standing | None:
        """The classical method that the network was compared with."""
        versus = self.difference.versus if self.difference else None
        return next((one for one in self.baselines if one.name == versus), None)

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
            f"Not compared: no classical method suits this data; {metric} {ours.score:.3g}"
            f" [{ours.low:.3g}, {ours.high:.3g}]."
        )
        return Verdict(sentence, network.name, metric, len(target), ours, theirs, None)
    rival = best_on_validation(baselines, metric)
    against = [rival, *(one for one in baselines if one is not rival)]
    compared, *others = differences(kind, metric, target, network, against, seed, groups)
    learned = all(one.low > 0 for one in (compared, *others) if one.versus == CONSTANT)
    winner, sentence = decide(compared, learned, metric, len(target), network, rival)
    if winner == network.name:
        sentence += reservation(others, metric, rival)
    return Verdict(sentence, winner, metric, len(target), ours, theirs, compared)


def best_on_validation(contenders: list[Contender], metric: str) -> Contender:
    """The best on validation rows; of equals the first, and lists go from simple to complex."""
    sign = 1 if higher_is_better(metric) else -1
    defined = [one for one in contenders if not np.isnan(one.valid_score)]
    return max(defined or contenders, key=lambda one: sign * one.valid_score)


def differences(
    kind: Kind,
    metric: str,
    target: np.ndarray,
    network: Contender,
    rivals: list[Contender],
    seed: int,
    groups: np.ndarray | None = None,
) -> list[Difference]:
    """How much better the network is than each rival on the same rows, with 95 % intervals."""
    measures = [scorer(kind, metric, target, one.prediction) for one in (network, *rivals)]
    sign = 1 if higher_is_better(metric) else -1
    once = np.ones((1, len(target)))
    values = [sign * float(measure(once)[0]) for measure in measures]
    strata = target if metric in CLASS_WISE and kind == "classify" else None
    draws = int(min(DRAWS, max(FEWEST_DRAWS, MOST_CELLS // len(target))))
    drawn = sign * bootstrap(measures, len(target), draws, seed, strata, groups)
    found = []
    for number, rival in enumerate(rivals, start=1):
        low, high = middle(drawn[:, 0] - drawn[:, number])
        exact = metric == "accuracy" and groups is None
        p = mcnemar(kind, target, network, rival) if exact else None
        found.append(Difference(values[0] - values[number], low, high, rival.name, p))
    return found


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
    unit: str = "test rows",
    simplest: str = CONSTANT,
) -> tuple[str, str]:
    """The winner's name and the sentence. unit: what the figure is a mean over. simplest: the
    method that needs no learning; `learned` says whether the network is better than that."""
    if compared.real and compared.value > 0:
        gap = better_by(compared, metric)
        return network.name, (
            f"Yes: the network is better than {the(rival)} by {gap}{costs(network, rival)}."
        )
    if compared.real:
        gap = better_by(compared, metric)
        verb = "are" if plural(rival) else "is"
        return rival.name, f"No: {the(rival)} {verb} better by {gap}{costs(rival, network)}."
    if not learned:
        return simplest, f"No: {nothing_learned(compared, metric, rows, rival, unit, simplest)}."
    enough = (
        "so far the simpler model is enough" if rows < FEW_ROWS else "the simpler model is enough"
    )
    return rival.name, (
        f"No: {why_open(compared, metric, rows, unit)}, {enough}:"
        f" {the(rival)}{costs(rival, network, ', which ')}."
    )


def reservation(
    others: list[Difference], metric: str, rival: Contender, simplest: str = CONSTANT
) -> str:
    """Where the network won, a classical method that it is not measurably better than: the one it
    was compared with was chosen on other rows, which may have erred. '' if there is none."""
    beaten = (simplest, rival.name, *(one.versus for one in others if one.real and one.value > 0))
    as_good = [one for one in others if one.versus not in beaten]
    if not as_good:
        return ""
    closest = min(as_good, key=lambda one: one.value)
    return (
        f" But it is not measurably better than {closest.versus} ({span(closest, metric)}), which"
        f" validation put behind {the(rival)}."
    )


def nothing_learned(
    compared: Difference, metric: str, rows: int, rival: Contender, unit: str, simplest: str
) -> str:
    """The network is not measurably better than what needs no learning."""
    difference = f"(difference to {the(rival)}: {span(compared, metric)})"
    if rows < FEW_ROWS:
        return f"{rows:,} {unit} are too few to show that anything was learned {difference}"
    same = "always giving the same answer" if simplest == CONSTANT else f"'{simplest}' alone"
    return f"nothing was learned that shows on {rows:,} {unit}, {same} is as good {difference}"


def why_open(compared: Difference, metric: str, rows: int, unit: str) -> str:
    """Why neither can be called better."""
    measured = span(compared, metric)
    if compared.p is not None and compared.leaves_out_zero:
        measured += f", but exact p = {compared.p:.2g}"
    if rows < FEW_ROWS:
        return f"{rows:,} {unit} are too few to tell them apart ({measured})"
    return f"no measurable difference ({measured})"


def the(one: Contender) -> str:
    """The name inside a sentence: 'the constant answer', 'boosted trees'."""
    return f"the {one.name}" if one.name == CONSTANT else one.name


def plural(one: Contender) -> bool:
    return one.name.endswith("trees")


def better_by(compared: Difference, metric: str) -> str:
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
    return text.removeprefix("-") if float(text) == 0 else text


def costs(one: Contender, other: Contender, joint: str = " and ") -> str:
    """What `one` costs beside `other`: ' and trains 40 times faster, but is 3 times larger'.

    Only where the two differ by half or more; '' if nowhere. joint: how the gains begin.
    """
    ending = "" if plural(one) else "s"
    compared = [
        (other.seconds, one.seconds, f"train{ending}", "faster", "slower"),
        (other.ms_per_row, one.ms_per_row, f"answer{ending}", "faster", "slower"),
        (other.bytes, one.bytes, "are" if plural(one) else "is", "smaller", "larger"),
    ]
    gains = [f"{verb} {times(a / b)} {good}" for a, b, verb, good, _ in compared if apart(a, b)]
    pains = [f"{verb} {times(b / a)} {bad}" for a, b, verb, _, bad in compared if apart(b, a)]
    but = ", but " if gains or joint == " and " else joint
    return (joint + listed(gains) if gains else "") + (but + listed(pains) if pains else "")


def apart(larger: float, smaller: float) -> bool:
    """Whether the first is at least half as large again."""
    return smaller > 0 and larger >= 1.5 * smaller


def times(ratio: float) -> str:
    """How many times, as exactly as it matters.

    >>> times(2.345), times(23.45), times(2345678.0)
    ('2.3 times', '23 times', 'over 1,000 times')
    """
    if ratio > MANY_TIMES:
        return f"over {MANY_TIMES:,} times"
    return f"{ratio:.2g} times" if ratio < 10 else f"{ratio:.0f} times"


def listed(parts: list[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def plain(value: Any) -> Any:
    """JSON has no NaN: an undefined figure is null."""
    return None if isinstance(value, float) and not np.isfinite(value) else value
