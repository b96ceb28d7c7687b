"""Following the loop: the clock is watched for the plan, and a killed run loses little.

If the machine turns out slower than planned, less is done, and what was cut is written into the
plan, so that repeating or resuming it gives the same weights.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace

from pellucid.config import Plan
from pellucid.learning.learner import Learner
from pellucid.learning.loop import Step
from pellucid.recipe.record import Recording
from pellucid.recipe.watcher import Watcher

FIRST_CHECKPOINT, CHECKPOINTS_APART = 0.5, 5.0
"""Seconds; a killed run loses at most about this much work."""
TOO_SLOW = 1.06
"""Learning that would take longer than planned by this factor is shortened, once."""
UNPROMISED, UNPROMISED_SECONDS = 2.0, 30.0
"""Where the user named no time, learning may take twice as long as planned, and half a minute in
any case: a network that was stopped before it learned anything is worth less than those seconds."""
JUDGED_AFTER = 0.4
"""Part of the time that passes first: a machine that was busy for a moment is not a slow one."""
JUDGED_STEPS = 64
"""Steps whose median time tells the pace; looks at the inside are among them, but few."""


def allowed(left: float, *, named: bool, given: bool) -> float:
    """Seconds that learning may take before it is shortened; a given plan is repeated as it is.

    >>> allowed(8.0, named=True, given=False), allowed(8.0, named=False, given=False)
    (8.0, 30.0)
    """
    if given:
        return math.inf
    return left if named else max(UNPROMISED * left, UNPROMISED_SECONDS)


class Pace:
    """Watches the clock for the plan: if the machine turns out slower, less is done.

    Networks of the bag that were not begun are left out, as often as need be; if there are none,
    steps are cut, once. What was cut is written into the plan, so that repeating or resuming it
    gives the same weights.
    """

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self.seconds, self.clock = seconds, clock
        self.began = self.before = clock()
        self.times: deque[float] = deque(maxlen=JUDGED_STEPS)

    def shorter(self, plan: Plan, fold: int, number: int) -> Plan | None:
        """A shorter plan, if what is left would not fit; asked after each step."""
        now = self.clock()
        self.times.append(now - self.before)
        self.before, spent = now, now - self.began
        if spent < JUDGED_AFTER * self.seconds or len(self.times) < JUDGED_STEPS // 4:
            return None
        steps = plan.steps_at(fold, number)
        if plan.folds == fold + 1 and plan.shortened:
            return None
        each = sorted(self.times)[len(self.times) // 2]
        left = (plan.folds - fold) * steps - number
        if spent + each * left <= TOO_SLOW * self.seconds:
            return None
        affordable = max(1, int((self.seconds - spent) / each))
        whole = (number + affordable) // steps  # networks that can still be finished
        if not whole and not plan.shortened:
            cut = {"fold": fold, "step": number, "steps": number + affordable}
            return replace(plan, folds=fold + 1, shortened=cut)
        folds = fold + max(1, whole)
        return replace(plan, folds=folds) if folds < plan.folds else None


def follow(
    steps: Iterator[Step],
    learner: Learner,
    plan: Plan,
    fold: int,
    pace: Pace,
    recording: Recording,
    watcher: Watcher,
) -> tuple[Plan, bool]:
    """Make all steps of one network: keep the pace, save what a killed run goes on from, show them.

    Returns:
        The plan as it is by then, and whether somebody ended learning early.
    """
    apart, saved = FIRST_CHECKPOINT, time.perf_counter()
    try:
        for step in steps:
            cut = pace.shorter(plan, fold, step.number)
            if cut is not None:
                plan = cut
                recording.shortened(cut)
                watcher.tell("this machine is slower than planned: learning is shortened")
            if learner.plan.steps != plan.steps_at(fold, step.number):
                learner.shorten(plan.steps_at(fold, step.number))
            watcher.step(step, fold, plan)
            if time.perf_counter() - saved > apart:
                recording.checkpoint(fold, learner.state_dict())
                apart, saved = min(2 * apart, CHECKPOINTS_APART), time.perf_counter()
        interrupted = recording.control.stopped
    except KeyboardInterrupt:
        interrupted = True
    finally:
        steps.close()  # type: ignore[attr-defined]  # a generator: its recording is sealed now
    recording.checkpoint(fold, learner.state_dict())
    return plan, interrupted
