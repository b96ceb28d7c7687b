"""How far a long computation of the studio is, told to the page."""

from __future__ import annotations

from typing import Any

from pellucid.recipe.watcher import Watcher


class Telling(Watcher):
    """Writes what it is told into `doing`, which the live events repeat."""

    def __init__(self, doing: dict[str, Any]) -> None:
        self._doing = doing

    def stage(self, name: str) -> None:
        self._doing.update(what=name, done=0, total=0)

    def progress(self, done: int, total: int) -> None:
        self._doing.update(done=done, total=total)
