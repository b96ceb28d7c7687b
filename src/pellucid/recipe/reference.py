"""Training rows that explanations compare with, kept at the end of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pellucid.evidence.explain.reference import gather
from pellucid.evidence.subject import features_of, take
from pellucid.export.bundle import Bundle
from pellucid.recipe.prepare import Prepared
from pellucid.recipe.teach import Taught

SHARE = 0.02
"""Part of the run's time that the features of training rows may take."""
LEAST_SECONDS = 0.3


def keep_reference(
    run: Path, prepared: Prepared, taught: Taught, bundle: Bundle, seconds: float
) -> None:
    """Write the reference of a run that has just learned.

    Args:
        run: Its folder. seconds: For the whole run; a small part of it is taken.
    """
    first = bundle.members[0]

    def vectors(rows: np.ndarray) -> np.ndarray:
        given = {name: values[rows] for name, values in taught.features.items()}
        data = first.dataset(take(prepared.loaded, rows), given)
        return features_of(first.model(), data.inputs)

    gather(
        first.columns,
        prepared.loaded,
        prepared.task.truth(prepared.target),
        prepared.table.places,
        prepared.part("train"),
        vectors,
        max(LEAST_SECONDS, SHARE * seconds),
    ).save(run)
