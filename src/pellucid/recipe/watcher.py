"""Who is told what happens during a job."""

from __future__ import annotations

from pathlib import Path

from pellucid.config import Plan
from pellucid.learning.loop import Step


class Watcher:
    """Told what happens; this one shows nothing and never asks to stop."""

    def began(self, folder: Path) -> None:
        """The run has a folder from now on, and can be looked at."""

    def stage(self, name: str) -> None:
        """A new part of the job begins."""

    def tell(self, text: str) -> None:
        """Something that a person should know."""

    def progress(self, done: int, total: int) -> None:
        """How far the present part has come."""

    def planned(self, plan: Plan) -> None:
        """The plan is made; nothing depends on the clock from here on."""

    def step(self, step: Step, fold: int, plan: Plan) -> None:
        """One step of learning was made."""

    def paused(self, begins: bool) -> None:
        """Learning stands still because a person asked (in the studio), or goes on."""

    def stop_asked(self) -> bool:
        """Whether learning should end now, with the best so far."""
        return False
