"""What a run holds, read once; what is not there is None, so that a report can say so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from pellucid.errors import PellucidError
from pellucid.evidence.finding import ORDER, Finding
from pellucid.recording.files import Arrays
from pellucid.recording.looks import Looks
from pellucid.recording.run import Probe, Run

T = TypeVar("T")


@dataclass(frozen=True)
class Facts:
    """Everything a report speaks of.

    info: `run.json`. steps: of the network that is shown (fold 0). test, valid: answers by row.
    """

    run: Run
    info: dict[str, Any]
    steps: np.ndarray
    events: list[dict[str, Any]]
    looks: Looks | None
    probe: Probe | None
    test: Arrays | None
    valid: Arrays | None
    summary: dict[str, Any] | None
    verdict: dict[str, Any] | None
    examples: list[dict[str, Any]]
    findings: list[Finding]

    @property
    def task(self) -> dict[str, Any]:
        return self.info.get("task") or {}

    @property
    def kind(self) -> str:
        """ "classify", "tags", "grades", "regress"; "" if the run ended before that was known."""
        return str(self.task.get("kind", ""))

    @property
    def use(self) -> str | None:
        """Which use the run is about (`pellucid/uses/`); None for the main job."""
        return self.info.get("use")

    @property
    def plan(self) -> dict[str, Any]:
        return self.info.get("plan") or {}

    @property
    def network(self) -> dict[str, Any]:
        return self.info.get("network") or {}

    @property
    def columns(self) -> list[dict[str, Any]]:
        return self.info.get("columns") or []

    @property
    def rows(self) -> dict[str, int]:
        return self.info.get("rows") or {}

    @property
    def classes(self) -> list[str]:
        return [str(label) for label in self.task.get("classes", [])]

    @property
    def targets(self) -> list[str]:
        """The names of the columns to predict."""
        names = self.task.get("names") or [self.task.get("target", "")]
        return [str(name) for name in names]

    @property
    def inputs(self) -> list[dict[str, Any]]:
        return [column for column in self.columns if column.get("role") == "input"]

    @property
    def kept(self) -> str:
        """Who answers unless told otherwise: "network", or the name of another."""
        return str((self.summary or {}).get("kept", "network"))

    @property
    def network_answers(self) -> np.ndarray | None:
        """The network's answers on the test rows, float64 `(rows, outputs)`."""
        return None if self.test is None else self.test.get(self._field)

    @property
    def answers(self) -> np.ndarray | None:
        """The answers of the one that was kept, in the same shape; None if they are not there."""
        if self.kept == "network" or self.test is None:
            return self.network_answers
        return self.test.get(f"baseline.{self.kept}.{self._field}")

    @property
    def calibration(self) -> dict[str, Any]:
        """What makes the answers of the one that was kept honest; empty if it is not known."""
        if self.kept == "network":
            return self.info.get("calibration") or {}
        return self.info.get("kept_calibration") or {}

    @property
    def _field(self) -> str:
        return "prediction" if self.kind == "regress" else "probability"

    @property
    def last_step(self) -> int:
        return int(self.steps["step"].max(initial=0))


def gather(run: Run) -> Facts:
    """Read what there is."""
    steps = run.steps
    looks = _if_there(run.looks)
    return Facts(
        run=run,
        info=run.info,
        steps=steps[steps["fold"] == 0],
        events=_if_there(lambda: run.events) or [],
        looks=looks if looks is not None and len(looks) else None,
        probe=_if_there(run.probe),
        test=_if_there(lambda: run.results("test")),
        valid=_if_there(lambda: run.results("valid")),
        summary=_if_there(lambda: run.summary),
        verdict=_if_there(lambda: run.verdict),
        examples=_if_there(lambda: run.examples) or [],
        findings=_findings(run),
    )


def _findings(run: Run) -> list[Finding]:
    """What a use found, then what was studied, in reading order."""
    there = run.findings()
    order = dict.fromkeys([*run.info.get("findings", []), *ORDER])
    return [Finding.from_json(run.finding(part)) for part in order if part in there]


def _if_there(read: Callable[[], T]) -> T | None:
    """None for what an interrupted or unrecorded run never wrote."""
    try:
        return read()
    except PellucidError:
        return None
