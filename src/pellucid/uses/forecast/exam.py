"""The exam of a forecast: everybody is asked the sealed windows, once."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.learning.evaluate import mean_of
from pellucid.tasks.forecast import MEDIAN
from pellucid.uses.forecast import findings
from pellucid.uses.forecast.answerer import ForecastAnswerer, joined
from pellucid.uses.forecast.metrics import inside, weighted_quantile_loss, window_errors
from pellucid.uses.forecast.windows import truth_of
from pellucid.uses.use import Exam, Judged

if TYPE_CHECKING:
    from pellucid.uses.forecast.course import ForecastCourse

MANY_SERIES = 10
"""From so many series on, the exam's windows are resampled by series; below, one by one."""


def examine(course: ForecastCourse, answerer: ForecastAnswerer) -> Exam:
    """The network, the classical methods, and the best of these together with the network."""
    sealed, truth = course.sealed, course.scaled_truth(course.sealed)
    began = time.perf_counter()
    quantiles = answerer.quantiles(course.inputs, sealed)
    each = 1000 * (time.perf_counter() - began) / len(sealed)
    size = sum(one.nbytes for one in answerer.model.state_dict().values())
    middle = quantiles[..., MEDIAN]
    errors = window_errors(truth, middle)
    network = Judged("network", mean_of(errors), course.valid, 0.0, each, size, course.recipe().why)
    classical, others = _classical(course, truth)
    best = next(one for one in classical if one.name == course.rivals.best.method.name)
    together = joined(quantiles, others[best.name])
    both = Judged(
        f"network and {best.name} together",
        mean_of(window_errors(truth, together[..., MEDIAN])),
        course.both_valid,
        best.seconds,
        each + best.ms_per_row,
        size + best.bytes,
        "the mean of two that err differently",
    )
    own = truth_of(course.panel, sealed, course.frame.horizon)
    history, frame, moved = answerer.history, course.frame, answerer.intervals
    asked = findings.Sealed(
        sealed,
        truth,
        middle,
        others,
        answerer.unscaled(history, frame, sealed, quantiles, moved.network),
        own,
        inside(truth, quantiles[..., 0], quantiles[..., -1]),
    )
    many = len(set(sealed.series.tolist())) >= MANY_SERIES
    return Exam(
        units=len(sealed),
        unit="windows",
        network=network,
        classical=classical,
        constant="constant answer",
        both=both,
        # Windows that overlap, or lie at one time, say nearly the same.
        groups=sealed.series if many else sealed.origin // frame.horizon,
        figures=_figures(course, asked, quantiles),
        findings=findings.all_findings(answerer, asked, best.name, _began(course)),
        shown=_shown(course, asked, errors),
    )


def _began(course: ForecastCourse) -> str:
    """What the network began with, and whether learning improved on it, in words."""
    bent = "" if math.isinf(course.begin.penalty) else ", bent by ridge regression"
    began = f"Learning began with {course.begin.name} as a weighted sum of the past{bent}"
    if course.bent:
        return f"{began}."
    return f"{began}; it did not get better on validation windows by learning, so that was kept."


def _classical(
    course: ForecastCourse, truth: np.ndarray
) -> tuple[list[Judged], dict[str, np.ndarray]]:
    """Everybody's standing, and what they said: name -> `(windows, horizon)` in usual errors."""
    judged, said = [], {}
    for one in course.rivals.fitted:
        began = time.perf_counter()
        answers = course.rivals.ask(one, course.sealed)
        each = 1000 * (time.perf_counter() - began) / len(course.sealed)
        name, why = one.method.name, one.method.why
        said[name] = answers
        size = len(json.dumps(one.method.as_json()))
        measure = mean_of(window_errors(truth, answers))
        valid = course.rivals.valid[name]
        judged.append(Judged(name, measure, valid, one.seconds, each, size, why))
    return judged, said


def _figures(
    course: ForecastCourse, asked: findings.Sealed, quantiles: np.ndarray
) -> dict[str, float]:
    frame, series = course.frame, asked.windows.series
    unit, center = frame.unit[series][:, None, None], frame.center[series][:, None, None]
    mase = float(window_errors(asked.truth, asked.network).mean())
    naive = float(window_errors(asked.truth, asked.others["seasonal naive"]).mean())
    hits = inside(asked.own, asked.answers.low, asked.answers.high)
    return {
        "MASE": mase,
        "weighted quantile loss": weighted_quantile_loss(asked.own, quantiles * unit + center),
        "coverage of the 80 % interval": float(np.nanmean(hits)),
        "skill against seasonal naive": 1 - mase / naive if naive > 0 else float("nan"),
        "horizon": float(frame.horizon),
        "season": float(frame.season),
    }


def _shown(
    course: ForecastCourse, asked: findings.Sealed, errors: np.ndarray
) -> list[dict[str, Any]]:
    """The farthest and the nearest windows of the exam."""
    order = np.argsort(-errors)
    some = dict.fromkeys([*order[:4].tolist(), *order[-4:].tolist()])
    examples = course.examples
    return [
        {
            "row": int(examples.test[index]),
            "place": str(examples.places[int(examples.test[index])]),
            "split": "test",
            "group": "wrong" if rank < 4 else "right",
            "target": float(np.nanmean(asked.own[index])),
            "answer": float(np.nanmean(asked.answers.middle[index])),
            "probability": None,
            "drawings": course.draw(int(examples.test[index])),
        }
        for rank, index in enumerate(some)
    ]
