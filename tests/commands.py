"""The command line in a fresh process, and how it ended."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ended:
    """How a process ended: exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The last line of standard output."""
        return json.loads(self.out.strip().splitlines()[-1])

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.strip().splitlines()]


Pellucid = Callable[..., Ended]


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "pellucid", *map(str, words)]
