"""Explain an answer of a run: its model, the training rows that it keeps, and one example."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from pellucid.errors import BundleError, PellucidError
from pellucid.evidence.explain.reference import Reference, gather_again
from pellucid.learning.threads import threads
from pellucid.recipe.study import material_of
from pellucid.recipe.watcher import Watcher
from pellucid.recording.layout import is_run
from pellucid.recording.run import Run

GATHERING_SECONDS = 20.0


def reference_of(folder: Path, watcher: Watcher, *, needed: bool) -> Reference | None:
    """Training rows to explain with: those that the run keeps, or drawn from its source again.

    Args:
        folder: Of a run, or of a model alone, of whose training rows nothing is known.
        needed: Whether nothing can be explained without.

    Raises:
        BundleError: They are needed, the run keeps none, and its source is not there any more.
    """
    kept = Reference.load(folder)
    if kept is not None or not is_run(folder):
        return kept
    try:
        found = _from_source(Run(folder), watcher)
    except PellucidError as error:
        if not needed:
            return None
        raise BundleError(
            "to explain a row, training rows are needed; this run keeps none, and its source"
            f" can't be read again: {error.what}",
            where=error.where,
            fix=f"{error.fix}; or learn again: a new run keeps what it needs",
        ) from error
    found.save(folder)
    return found


def threads_of(folder: Path) -> AbstractContextManager[None]:
    """Compute with as many threads as were best when the run learned: small networks are slower
    with more."""
    if not is_run(folder):
        return nullcontext()
    return threads(Run(folder).plan.threads)


def _from_source(run: Run, watcher: Watcher) -> Reference:
    watcher.tell("this run keeps no training rows yet: they are read from its source, once")
    return gather_again(material_of(run, watcher), GATHERING_SECONDS)
