"""From any run to the step that comes next: rows of a table, or whatever one example is.

`recipe/next_step.py` is about rows. A use understands its source again as its `Course` does; from
there on both are the same: the plan is repeated, or kept weights are taken, and the receipt needs
no more than a batch, a network, an objective and an optimizer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid import recipe
from pellucid.errors import BundleError, ConfigError
from pellucid.evidence.receipt import Receipt
from pellucid.recipe import next_step as of_rows
from pellucid.recipe.next_step import REPLAY_SECONDS, Ready, Shown, receipt_of, standing_at
from pellucid.recipe.study import check_done
from pellucid.recipe.watcher import Watcher
from pellucid.recording.run import Run
from pellucid.uses.job import check_resumable, ingredients
from pellucid.uses.use import COURSES, Course, Source


def next_step(
    run_folder: str | Path,
    watcher: Watcher | None = None,
    *,
    at: int | str | None = None,
    example: int | None = None,
    zoom: str | None = None,
    source: Any = None,
    test: Any = None,
    seconds: float = REPLAY_SECONDS,
) -> Receipt:
    """The receipt of the step that any run made after `at` updates; arguments and errors as in
    `recipe/next_step.py: next_step`."""
    run, watcher = Run(run_folder), watcher or Watcher()
    if run.info.get("use") is None:
        return of_rows.next_step(
            run_folder,
            watcher,
            at=at,
            example=example,
            zoom=zoom,
            source=source,
            test=test,
            seconds=seconds,
        )
    check_done(run)
    number = of_rows.step_before(run, at)
    course = course_again(run, watcher, source, test)
    return receipt_of(stand(run, course, number, watcher, seconds), watcher, example, zoom)


def course_again(run: Run, watcher: Watcher, source: Any = None, test: Any = None) -> Course:
    """What a run of a use learned from, understood as it was.

    Raises:
        ConfigError: This version does not know the use, or the source was in memory.
        BundleError: The source is not the same any more.
    """
    kind = str(run.info["use"])
    check_resumable(kind, run)
    given = source if source is not None else run.info["source"]["path"]
    tested = test if test is not None else run.info["source"]["test"]
    looked = Source(recipe.source_of(run, given), recipe.settings_of(run), tested)
    watcher.stage("reading")
    course = COURSES[kind](looked, looked.settings, watcher)
    if course.examples.fingerprint != run.info["fingerprint"]:
        raise BundleError(
            "the data is not the same as when the run learned from it",
            where=str(given),
            fix="put the old data back, or learn again from the new data",
        )
    return course


def stand(
    run: Run,
    course: Course,
    number: int | None,
    watcher: Watcher,
    seconds: float = REPLAY_SECONDS,
) -> Ready:
    """Bring the network to where it was after `number` updates (see `step_before`)."""
    examples, data = course.examples, ingredients(course)

    def shown(example: int) -> Shown:
        return Shown(example, str(examples.places[example]), examples.draw(example))

    def final() -> dict[str, Tensor]:
        return _last_weights(run)

    standing = standing_at(run, data, run.plan, number, final, watcher, seconds)
    rows = np.arange(len(data.dataset.target))
    return Ready(run, data, number, standing, rows, shown, course.word)


def _last_weights(run: Run) -> dict[str, Tensor]:
    """The weights after the last step; what is taken away may lack what only learning needs."""
    if not run.weight_steps:
        raise ConfigError(
            "the run kept no weights of its steps (--no-record)",
            where="--at final",
            fix="choose an earlier step: --at 0 repeats the run from its beginning",
        )
    kept = run.weights(max(run.weight_steps))
    return {name: torch.from_numpy(value) for name, value in kept.items()}
