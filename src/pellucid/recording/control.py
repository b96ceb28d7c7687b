"""What a person asks of a run that learns, and whether anybody is there to hear it.

Whoever asks writes `control.json` into the run's folder; the process that learns looks at it a few
times a second, between steps. To pause is not to ask the loop for the next step, to stop is to
close it, to step once is to ask once. The steps are the same ones, whenever they are made.

The process that learns holds a lock on `learning.lock` for as long as it lives, however it ends;
whoever wants to know tries the lock.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter, sleep
from typing import IO, Literal, TypeVar

from pellucid.errors import ConfigError, PellucidError, did_you_mean
from pellucid.recording.files import read_json, write_json

FILE, LOCK = "control.json", "learning.lock"
LOOK_SECONDS, PAUSED_SECONDS = 0.2, 0.03
"""How often the file is looked at while steps are made, and while they are not."""

Do = Literal["pause", "go", "step", "stop"]
Paused = Literal["paused", "learning"]
Step = TypeVar("Step")


@dataclass(frozen=True)
class Asked:
    """What a person wants. paused: no step, but for `steps` single ones, counted since the run
    began. stop: end now, with the best so far."""

    paused: bool = False
    steps: int = 0
    stop: bool = False


def asked_of(folder: Path) -> Asked:
    """What is wanted of the run in this folder; nothing if nobody asked."""
    try:
        said = read_json(folder / FILE)
        return Asked(bool(said["paused"]), int(said["steps"]), bool(said["stop"]))
    except (PellucidError, KeyError, TypeError, ValueError):
        return Asked()


def ask(folder: Path, do: str) -> Asked:
    """Ask the run that learns in this folder to pause, go on, make one step or stop.

    Raises:
        ConfigError: It can't do that.
    """
    before = asked_of(folder)
    changes = {
        "pause": replace(before, paused=True),
        "go": replace(before, paused=False),
        "step": replace(before, paused=True, steps=before.steps + 1),
        "stop": replace(before, stop=True),
    }
    if do not in changes:
        raise ConfigError(f"a run can't '{do}'", where="do", fix=did_you_mean(do, changes))
    write_json(folder / FILE, vars(changes[do]), durable=False)
    return changes[do]


class Control:
    """The listener, in the process that learns.

    Args:
        folder: The run's folder; what was asked there of an earlier process is forgotten.
        told: Called with "paused" when a pause begins and with "learning" when it ends.
        stop_asked: Whether somebody else asks to stop (Ctrl-C).
        paused: Wait before the first step.

    paused_seconds: how long nothing was done because a person asked. stopped: whether the steps
    ended because a person asked.
    """

    def __init__(
        self,
        folder: Path,
        told: Callable[[Paused], None],
        stop_asked: Callable[[], bool],
        *,
        paused: bool = False,
    ) -> None:
        self.folder, self._told, self._stop_asked = folder, told, stop_asked
        self.paused_seconds = 0.0
        self.stopped = False
        self._asked = Asked(paused)
        self._looked = perf_counter()
        self._single = 0
        self._paused = False
        if paused:
            write_json(folder / FILE, vars(self._asked), durable=False)
        else:
            (folder / FILE).unlink(missing_ok=True)

    def clock(self) -> float:
        """Seconds that pass, pauses left out."""
        return perf_counter() - self.paused_seconds

    def over(
        self, steps: Iterator[Step], before: Callable[[], None] = lambda: None
    ) -> Iterator[Step]:
        """The same steps, asked for one by one unless a person wants to pause or stop; one at
        least is made.

        Args:
            before: Called when a pause begins, to bring everything to disk.
        """
        for number in itertools.count():
            if not self._goes_on(number, before):
                return
            step = next(steps, None)
            if step is None:
                self._unpause()
                return
            yield step

    def _goes_on(self, number: int, before: Callable[[], None]) -> bool:
        asked = self._look(LOOK_SECONDS)
        if asked.paused and not self._one_more(asked):
            asked = self._pause(before)
        if not asked.paused:
            self._single = asked.steps
        self.stopped = number > 0 and self._ends(asked)
        return not self.stopped

    def _pause(self, before: Callable[[], None]) -> Asked:
        before()
        if not self._paused:
            self._told("paused")
            self._paused = True
        began = perf_counter()
        asked = self._look(0)
        while asked.paused and not self._ends(asked) and not self._one_more(asked):
            sleep(PAUSED_SECONDS)
            asked = self._look(0)
        self.paused_seconds += perf_counter() - began
        if not asked.paused or self._ends(asked):
            self._unpause()
        return asked

    def _unpause(self) -> None:
        if self._paused:
            self._told("learning")
            self._paused = False

    def _one_more(self, asked: Asked) -> bool:
        """Whether a single step was asked for that was not made yet; it counts as made now."""
        more = self._single < asked.steps
        self._single += more
        return more

    def _ends(self, asked: Asked) -> bool:
        return asked.stop or self._stop_asked()

    def _look(self, apart: float) -> Asked:
        """What is asked, not older than so many seconds."""
        if perf_counter() - self._looked >= apart:
            self._asked, self._looked = asked_of(self.folder), perf_counter()
        return self._asked


@contextmanager
def learning(folder: Path) -> Iterator[None]:
    """While this block runs, and not after the process was killed, `alive(folder)` is true."""
    path = folder / LOCK
    with open(path, "ab") as file:
        _hold(file)
        yield
        path.unlink(missing_ok=True)


def alive(folder: Path) -> bool:
    """Whether a process of this machine is learning in this run's folder."""
    try:
        with open(folder / LOCK, "r+b") as file:
            return _is_held(file)
    except OSError:
        return False


# A lock ends when its file is closed, which the system sees to where nobody else does.

if os.name == "nt":
    import msvcrt

    def _hold(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined,unused-ignore]

    def _is_held(file: IO[bytes]) -> bool:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return True
        return False

else:
    import fcntl

    def _hold(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX)

    def _is_held(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # many may ask at once
        except OSError:
            return True
        return False
