"""What the page makes happen outside of the studio's own process: runs that learn."""

from __future__ import annotations

import time
from typing import Any

from pellucid.errors import ConfigError
from pellucid.interfaces.studio.guard import Refused
from pellucid.interfaces.studio.live import last_row
from pellucid.recording.control import alive, ask
from pellucid.recording.run import Run

HEARD_SECONDS = 2.0
"""A run that learns hears what is asked of it within a step; most steps are shorter than this."""


# --- what is asked of a run that learns ---------------------------------------------------------


def control(run: Run, order: dict[str, Any]) -> dict[str, Any]:
    """Ask the run to pause, go on, make one step or stop, and wait a moment until it did.

    Returns:
        `status`, `stage`, `step` (updates made) and `heard`: whether it did what was asked by now;
        if not, it will, after the step that it is making.

    Raises:
        Refused: Nobody is learning there, or learning is over and the rest can't be paused.
        ConfigError: It can't do that.
    """
    do = order.get("do")
    if not isinstance(do, str):
        raise ConfigError("it is not said what to do", where="do", fix="pause, go, step or stop")
    before = _standing(run)
    if not alive(run.path):
        raise Refused(
            409,
            f"nobody is learning in this run: it says '{before['status']}'",
            where=run.name,
            fix="'pellucid resume' goes on with a run that was killed",
        )
    stage = before["stage"] or ""
    if stage and not stage.startswith(("planning", "learning")):
        raise Refused(
            409,
            f"learning is over, this is the {stage}" if "exam" in stage else f"now it is {stage}",
            where=run.name,
            fix="wait: it will be done soon",
        )
    ask(run.path, do)
    end = time.monotonic() + HEARD_SECONDS
    while not (heard := _did(do, before, now := _standing(run))) and time.monotonic() < end:
        time.sleep(0.02)
    return {**now, "heard": heard}


def _standing(run: Run) -> dict[str, Any]:
    info = run.info
    step = last_row(run.path / "steps.bin")[1].get("step", 0)
    return {"status": run.status, "stage": info.get("stage"), "step": step}


def _did(do: str, before: dict[str, Any], now: dict[str, Any]) -> bool:
    if do == "pause":
        return bool(now["status"] == "paused")
    if do == "go":
        return bool(now["status"] != "paused")
    if do == "step":
        return bool(now["step"] > before["step"])
    return bool(now["status"] not in ("learning", "paused") or now["stage"] != before["stage"])
