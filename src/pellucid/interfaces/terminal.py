"""What a person sees in the terminal: how far it is, how it goes, and what came out."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from pellucid.interfaces.seconds import in_words
from pellucid.interfaces.show import bar, sparkline
from pellucid.recipe.watcher import Watcher

if TYPE_CHECKING:
    from pellucid.config import Plan
    from pellucid.learning.loop import Step

REDRAW_SECONDS = 0.1
PLAIN_SECONDS = 10.0
"""Where the output is no terminal (a log file), a line this often is enough."""


class Terminal(Watcher):
    """Shows a job on standard error; a first Ctrl-C while learning ends it with the best so far.

    Use as a context manager: the handler for Ctrl-C is put back at the end.

    Args:
        began: Called with the run's folder as soon as there is one.
    """

    def __init__(
        self, stream: TextIO | None = None, began: Callable[[Path], None] | None = None
    ) -> None:
        self.stream = stream or sys.stderr
        self._began_run = began or (lambda folder: None)
        self.live = self.stream.isatty() and os.environ.get("TERM") != "dumb"
        self._stage = ""
        self._began = self._drawn = self._paused_at = time.perf_counter()
        self._losses: deque[float] = deque(maxlen=400)
        self._valid = ""
        self._first_step = (0, 0.0)
        self._learning = False
        self._stop = False

    def __enter__(self) -> Terminal:
        try:
            self._before: Any = signal.signal(signal.SIGINT, self._interrupted)
        except ValueError:  # not in the main thread: whoever is there handles Ctrl-C
            self._before = None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
        self._clear()

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        if not self._learning or self._stop:
            raise KeyboardInterrupt
        self._stop = True
        self._line("stopping after this step; the best so far is kept (Ctrl-C again: at once)")

    # --- told by the job ----------------------------------------------------------------------

    def began(self, folder: Path) -> None:
        self._clear()
        self._began_run(folder)

    def stage(self, name: str) -> None:
        self._clear()
        self._stage = name
        self._learning = name == "learning"
        self._began = time.perf_counter()
        self._line(name)

    def tell(self, text: str) -> None:
        self._line(f"  {text}")

    def progress(self, done: int, total: int) -> None:
        if done == total or not self._due():
            return
        self._draw(f"  {bar(done / max(total, 1))} {done:,} of {total:,}{self._left(done, total)}")

    def planned(self, plan: Plan) -> None:
        families = ", ".join(f"{part}: {family}" for part, family in plan.network.items())
        self._line(f"  {families}; {plan.steps:,} steps of {plan.batch} rows, {plan.precision}")
        for name in ("network", "pretrained", "steps", "precision", "augment", "folds"):
            if name in plan.why:
                self._line(f"    {name}: {plan.why[name]}")

    def step(self, step: Step, fold: int, plan: Plan) -> None:
        if step.number == 1:
            self._losses.clear()
            self._first_step = (fold, time.perf_counter())
        if step.evaluation is not None:
            self._valid = f"  on unseen rows {step.evaluation.loss:.4f}"
        if not self._due():
            return
        self._losses.append(float(step.loss))
        done, total = fold * plan.steps + step.number, plan.folds * plan.steps
        network = f"network {fold + 1} of {plan.folds}, " if plan.folds > 1 else ""
        self._draw(
            f"  {bar(done / total)} {network}step {step.number:,} of {plan.steps:,}  "
            f"loss {float(step.loss):.4f} {sparkline(list(self._losses), 16)}"
            f"{self._valid}{self._left(done, total)}"
        )

    def paused(self, begins: bool) -> None:
        now = time.perf_counter()
        if begins:
            self._paused_at = now
            self._line("  paused; the studio can let it go on, Ctrl-C ends it here")
        else:
            self._began += now - self._paused_at
            self._line("  going on")

    def stop_asked(self) -> bool:
        return self._stop

    # --- drawing ------------------------------------------------------------------------------

    def _due(self) -> bool:
        now = time.perf_counter()
        if now - self._drawn < (REDRAW_SECONDS if self.live else PLAIN_SECONDS):
            return False
        self._drawn = now
        return True

    def _left(self, done: int, total: int) -> str:
        spent = time.perf_counter() - self._began
        if done == 0 or spent < 1:
            return ""
        return f"  {in_words(spent * (total - done) / done)} left"

    def _draw(self, text: str) -> None:
        if not self.live:
            print(text, file=self.stream, flush=True)
            return
        width = shutil.get_terminal_size().columns
        self.stream.write("\r\x1b[K" + text[: width - 1])
        self.stream.flush()

    def _clear(self) -> None:
        if self.live:
            self.stream.write("\r\x1b[K")
            self.stream.flush()

    def _line(self, text: str) -> None:
        self._clear()
        print(text, file=self.stream, flush=True)
