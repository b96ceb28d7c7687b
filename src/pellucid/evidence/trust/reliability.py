"""Calibration: when the model says 90 %, is it right nine times out of ten?

Checked on the sealed test rows; the temperature was fitted on others (`calibrate.py`).
"""

from __future__ import annotations

import numpy as np

from pellucid.evidence.finding import Chart, Finding, Line, unknown
from pellucid.evidence.intervals import wilson
from pellucid.evidence.subject import Material, part
from pellucid.evidence.trust.calibrate import expected_calibration_error, reliability

TITLE = "Does it know how sure it is?"
FEWEST = 30


@part("calibration")
def study(material: Material) -> Finding:
    """How sure the answers are beside how often they are right, on the test rows."""
    kind = material.task.kind
    if kind == "regress":
        return unknown(
            "calibration",
            TITLE,
            "For numbers the question is how often the truth lies inside the interval: see 'sets'.",
        )
    if len(material.test) < FEWEST:
        return unknown(
            "calibration",
            TITLE,
            f"{len(material.test)} test rows are too few to say how honest the percentages are;"
            f" it takes at least {FEWEST}.",
        )
    values = material.kept.answer(material.take(material.test))
    truth = material.truth[material.test]
    bins = reliability(kind, truth, values, min(15, max(3, len(truth) // 25)))
    error = expected_calibration_error(kind, truth, values, len(bins))
    ends = [wilson(round(one.right * one.rows), one.rows) for one in bins]
    sure = float(np.average([one.sure for one in bins], weights=[one.rows for one in bins]))
    right = float(np.average([one.right for one in bins], weights=[one.rows for one in bins]))
    curve = Line(
        "how often right",
        tuple(one.sure for one in bins),
        tuple(one.right for one in bins),
        tuple(low for low, _ in ends),
        tuple(high for _, high in ends),
    )
    ideal = Line("perfectly honest", (bins[0].sure, 1.0), (bins[0].sure, 1.0))
    return Finding(
        "calibration",
        TITLE,
        f"On {len(truth):,} test rows it was {sure:.0%} sure on average and right in {right:.0%};"
        f" the two differ by {100 * error:.1f} points at a typical answer.",
        notes=(
            material.judged(),
            "The bands are 95% intervals of each group of equally many answers.",
        ),
        figures={
            "model": material.kept.name,
            "rows": len(truth),
            "mean_confidence": sure,
            "accuracy": right,
            "expected_calibration_error": error,
            "temperature": material.kept.calibration.temperature,
            "bins": [vars(one) for one in bins],
        },
        charts=(Chart("Sureness", "how sure", "how often right", (curve, ideal)),),
    )
