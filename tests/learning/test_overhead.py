"""What recording says that it costs is what it costs, and costs no bit of the weights.

The processor time of this one thread is compared, not the time on the wall: a machine that is busy
with something else takes from both sides alike.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from test_watching import ROWS, TASK, VALID, assert_equal, copies, dataset, learner, plan

from pellucid.interfaces.studio import trace
from pellucid.learning.learner import Learner
from pellucid.learning.loop import Step, train
from pellucid.recording.recorder import RunWriter, record
from pellucid.recording.run import Run

AGREES = 0.3
STEPS = 600


@dataclass
class Timed:
    """Seconds of this thread that were spent within the steps themselves."""

    seconds: float = 0.0

    def over(self, steps: Iterator[Step]) -> Iterator[Step]:
        while True:
            began = time.thread_time()
            step = next(steps, None)
            self.seconds += time.thread_time() - began
            if step is None:
                return
            yield step


def steps_of(who: Learner) -> Iterator[Step]:
    return train(who, dataset(), TASK, ROWS, VALID)


def recorded(who: Learner, folder: Path, inside: Timed) -> float:
    """Learn with the recorder looking on; seconds of this thread that all of it took."""
    began = time.thread_time()
    looking = record(
        inside.over(steps_of(who)),
        folder=folder,
        model=who.model,
        loss=TASK.loss,
        probe=dataset().take(ROWS[:6]),
        plan=who.plan,
        now=time.thread_time,
    )
    for _ in looking:
        pass
    return time.thread_time() - began


def test_the_manifest_tells_what_recording_costs(tmp_path: Path) -> None:
    alone, watched, warm = learner(plan(STEPS)), learner(plan(STEPS)), learner(plan(20))
    recorded(warm, RunWriter(tmp_path / "warm").folder, Timed())  # what only the first run pays
    for _ in steps_of(alone):
        pass
    folder, inside = RunWriter(tmp_path / "watched").folder, Timed()
    cost = recorded(watched, folder, inside) - inside.seconds
    said = trace.manifest(Run(folder))["recording"]
    assert said["cost_seconds"] == pytest.approx(cost, rel=AGREES)
    assert said["training_seconds"] == pytest.approx(inside.seconds, rel=AGREES)
    assert said["cost_seconds"] <= said["budget_seconds"] == 3.0
    assert said["looks"] == len(Run(folder).recorded_steps) > 100
    assert_equal(copies(alone.model), copies(watched.model))
