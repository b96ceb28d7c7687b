"""The verdict on a use: the network beside the field's classical methods, on the same units."""

from __future__ import annotations

import math

import numpy as np

from pellucid.evidence.intervals import NORMAL_95, Interval, bootstrap, middle
from pellucid.evidence.worth.verdict import (
    DRAWS,
    FEWEST_DRAWS,
    MOST_CELLS,
    Contender,
    Difference,
    Standing,
    Verdict,
    best_on_validation,
    decide,
    reservation,
)
from pellucid.learning.evaluate import higher_is_better
from pellucid.uses.use import Exam, Judged

MANY = 30
"""Independent units from which on resampling them is taken at its word."""


def judge(exam: Exam, metric: str, seed: int) -> Verdict:
    """Compare on the same resampled units (paired bootstrap), as `evidence/worth/verdict.py` does;
    the rival is the classical method that was best on validation examples."""
    everyone = [exam.network, *exam.classical]
    draws = int(min(DRAWS, max(FEWEST_DRAWS, MOST_CELLS // max(1, exam.units))))
    measures = [one.measure for one in everyone]
    drawn = bootstrap(measures, exam.units, draws, seed, groups=exam.groups)
    values = [float(measure(np.ones((1, exam.units)))[0]) for measure in measures]
    standings = [
        _standing(one, value, middle(column))
        for one, value, column in zip(everyone, values, drawn.T, strict=True)
    ]
    contenders = [_contender(one) for one in everyone]
    network, others = contenders[0], contenders[1:]
    sign = 1 if higher_is_better(metric) else -1
    independent = exam.units if exam.groups is None else len(np.unique(exam.groups))

    def against(name: str) -> Difference:
        place = next(i for i, one in enumerate(everyone) if one.name == name)
        apart = middle(sign * (drawn[:, 0] - drawn[:, place]))
        value = sign * (values[0] - values[place])
        return Difference(value, *_as_students(value, apart, independent), name)

    rival = best_on_validation(others, metric)
    compared, constant = against(rival.name), against(exam.constant)
    winner, sentence = decide(
        compared,
        constant.low > 0,
        metric,
        exam.units,
        network,
        rival,
        f"sealed {exam.unit}",
        exam.constant,
    )
    if winner == network.name:
        everybody = [against(one.name) for one in others]
        sentence += reservation(everybody, metric, rival, exam.constant)
    return Verdict(
        sentence, winner, metric, exam.units, standings[0], tuple(standings[1:]), compared
    )


def figure_of(one: Judged, exam: Exam, seed: int) -> Standing:
    """The figure of somebody who is no contender, with its interval."""
    draws = int(min(DRAWS, max(FEWEST_DRAWS, MOST_CELLS // max(1, exam.units))))
    drawn = bootstrap([one.measure], exam.units, draws, seed, groups=exam.groups)
    value = float(one.measure(np.ones((1, exam.units)))[0])
    return _standing(one, value, middle(drawn[:, 0]))


def _as_students(value: float, ends: Interval, independent: int) -> Interval:
    """The interval stretched as Student's t asks: resampling a handful of units makes it too
    narrow, and of three windows nothing should be called proven."""
    if independent >= MANY:
        return ends
    if independent < 2:
        return -math.inf, math.inf
    from scipy.special import stdtrit

    wider = float(stdtrit(independent - 1, 0.975)) / NORMAL_95
    wider *= math.sqrt(independent / (independent - 1))
    return value - wider * (value - ends[0]), value + wider * (ends[1] - value)


def _standing(one: Judged, value: float, ends: tuple[float, float]) -> Standing:
    return Standing(
        one.name,
        value,
        *ends,
        valid_score=one.valid_score,
        seconds=one.seconds,
        ms_per_row=one.ms_per_row,
        bytes=one.bytes,
    )


def _contender(one: Judged) -> Contender:
    cost = (one.valid_score, one.seconds, one.ms_per_row, one.bytes)
    return Contender(one.name, np.empty(0), *cost)
