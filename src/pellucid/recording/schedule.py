"""When to look: dense while learning is fastest, then evenly, and never at a noticeable cost.

Looking changes nothing about learning, so unlike everything else in a run the schedule may
depend on the clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median

CAP = 500
"""Looks a run keeps at most."""
EPOCHS = 96
"""Of these, looks at the ends of epochs beyond the planned ones."""
PLANNED = 400


def look_schedule(steps: int, cap: int = PLANNED) -> list[int]:
    """Steps to look at in a run of `steps` updates: rising, at most `cap` (4 or more), always with
    0, 1, 2 and the last.

    >>> look_schedule(5)
    [0, 1, 2, 3, 4, 5]
    >>> [step for step in look_schedule(10_000) if 200 < step < 300]
    [206, 218, 231, 245, 260, 276, 293]
    """
    evenly = max(1, steps // 192)
    chosen, step = [], 0
    while step < steps:
        chosen.append(step)
        step += max(1, min(step // 16, evenly))
    chosen.append(steps)
    while len(chosen) > cap:
        chosen = thin(chosen)
    return chosen


def thin(chosen: list[int]) -> list[int]:
    """Every second step; 0, 1, 2 and the last stay."""
    always = {0, 1, 2, chosen[-1]}
    return [step for index, step in enumerate(chosen) if index % 2 == 0 or step in always]


def power_of_two(ratio: float) -> int:
    """The smallest power of two that is at least `ratio` (and at least 1).

    >>> [power_of_two(ratio) for ratio in (0.3, 1, 1.01, 5)]
    [1, 1, 2, 8]
    """
    power = 1
    while power < ratio:
        power *= 2
    return power


def ended_epoch(step: int, epochs: float) -> int:
    """The epoch (1, 2, ...) that the step ended, 0 if none; `epochs` were seen by its end.

    >>> [ended_epoch(step, step * 0.4) for step in range(1, 6)]
    [0, 0, 1, 0, 2]
    """
    tiny = 1e-6  # 0.1 * 3 * 10 / 3 may fall just short of 1
    before = int(epochs * (step - 1) / step + tiny)
    return int(epochs + tiny) if int(epochs + tiny) > before else 0


def epoch_counts(step: int, epoch: int, steps: int) -> bool:
    """Whether the end of this epoch is among the at most about `EPOCHS` of a run worth noting."""
    return epoch > 0 and epoch % power_of_two(epoch / step * steps / EPOCHS) == 0


@dataclass
class Clock:
    """Seconds so far: `trained` for training itself, `spent` for everything recording did."""

    trained: float = 0.0
    spent: float = 0.0


class Pace:
    """Thins a schedule to what time and disk allow: at most 1 % of the training time or `floor`.

    The schedule is thinned by powers of two, each a subset of the one before; it becomes denser
    again if looks turn out to be cheaper.

    Args:
        schedule: Steps that would be looked at if looks were free.
        clock: What training and recording took so far.
        floor: Seconds that may always be spent.
        disk: Bytes that the looks to come may take.
    """

    def __init__(self, schedule: list[int], clock: Clock, *, floor: float, disk: int) -> None:
        self.index = {step: index for index, step in enumerate(schedule)}
        self.last = schedule[-1]
        self.clock, self.floor, self.disk = clock, floor, disk
        self.stride = 1
        self._size = 0
        self.costs: deque[float] = deque(maxlen=7)

    def end_at(self, last: int) -> None:
        """The run was shortened (or not, after all): it will end after `last` steps."""
        kept = {step: index for step, index in self.index.items() if step < last}
        self.index, self.last = {**kept, last: self.index.get(last, len(kept))}, last

    @property
    def allowed(self) -> float:
        """Seconds that recording may have cost by now."""
        return max(self.floor, 0.01 * self.clock.trained)

    def affordable(self) -> bool:
        """Whether one more look leaves enough time and disk for the last and the best one."""
        in_time = self.clock.spent + 3 * self._cost <= self.allowed
        return in_time and 3 * self._size <= self.disk

    def due(self, step: int) -> bool:
        """Whether this step is to be looked at by plan."""
        if step in (0, 1, 2, self.last):
            return True
        index = self.index.get(step)
        return index is not None and index % self.stride == 0 and self.affordable()

    def epoch_due(self, step: int, epoch: int) -> bool:
        """Whether `step`, which ends this epoch (0: it ends none), is to be looked at."""
        return epoch_counts(step, epoch, self.last) and self.affordable()

    def looked(self, step: int, seconds: float, size: int) -> None:
        """A look at `step` took so long and so many bytes: choose how dense the next ones are."""
        self.costs.append(seconds)
        self.disk, self._size = self.disk - size, size
        if step < 2:  # the first look warms caches up and says little about the next
            return
        left = [index for known, index in self.index.items() if known > step]
        seconds_left = 0.8 * (self._allowed_in_all(step) - self.clock.spent)
        self.stride = power_of_two(
            max(
                len(left) * self._cost / max(seconds_left, 1e-3),
                len(left) * size / max(self.disk, 1),
            )
        )
        self.stride = min(self.stride, 256)

    @property
    def _cost(self) -> float:
        return median(self.costs) if self.costs else 0.0

    def _allowed_in_all(self, step: int) -> float:
        return max(self.floor, 0.01 * self.clock.trained * self.last / step)
