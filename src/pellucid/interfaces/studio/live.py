"""What happens in a run's folder, told as it grows: server-sent events.

Only cursors and a figure or two travel here; the page fetches what is new with plain GETs.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from pellucid.errors import PellucidError
from pellucid.interfaces.studio import trace
from pellucid.interfaces.studio.runs import as_list
from pellucid.recording.control import alive
from pellucid.recording.files import plain
from pellucid.recording.run import Run
from pellucid.recording.steps import STEP

TICK_SECONDS = 0.05
STATUS_SECONDS = 1.0
"""How often the files are looked at, and how often whether somebody learns. Rows come to the disk
every 0.15 s, so that a step is told within 0.3 s, five times a second and less than ten."""
QUIET_SECONDS = 15.0
"""After so long without news an empty line shows that the connection lives."""


@dataclass(frozen=True)
class Snapshot:
    """Where a run's folder stands: rows of `steps.bin` and the last of them, lines of
    `events.jsonl`, looks that were recorded."""

    rows: int
    last: dict[str, Any]
    events: int
    looks: int


class Follower:
    """Looks at one run's folder; what did not change is not read again."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._stamps: dict[str, tuple[int, int]] = {}
        self._events = self._looks = self._rows = 0
        self._last: dict[str, Any] = {}

    def snapshot(self) -> Snapshot:
        """The folder as it is now."""
        if self._changed("events.jsonl"):
            path = self.run.path / "events.jsonl"
            self._events = path.read_bytes().count(b"\n") if path.exists() else 0
        if self._changed("looks/index.json"):
            self._looks = len(as_list(trace.looks(self.run).get("recorded")))
        if self._changed("steps.bin"):
            self._rows, self._last = last_row(self.run.path / "steps.bin")
        return Snapshot(self._rows, self._last, self._events, self._looks)

    def status(self) -> dict[str, Any]:
        """How the run stands, and whether somebody learns."""
        return {
            "status": self.run.status,
            "stage": self.run.info.get("stage"),
            "alive": alive(self.run.path),
            "version": trace.version(self.run),
        }

    def _changed(self, name: str) -> bool:
        try:
            about = (self.run.path / name).stat()
            stamp = (about.st_mtime_ns, about.st_size)
        except OSError:
            stamp = (0, 0)
        before, self._stamps[name] = self._stamps.get(name), stamp
        return before != stamp


def last_row(path: Path) -> tuple[int, dict[str, Any]]:
    """How many whole rows `steps.bin` has, and what the last one says."""
    try:
        with open(path, "rb") as file:
            rows = file.seek(0, 2) // STEP.itemsize
            if not rows:
                return 0, {}
            file.seek((rows - 1) * STEP.itemsize)
            data = file.read(STEP.itemsize)
    except OSError:
        return 0, {}
    if len(data) < STEP.itemsize:
        return 0, {}
    row = np.frombuffer(data, STEP)[0]
    return rows, {name: row[name].item() for name in ("step", "epoch", "loss")}


Doing = Callable[[], dict[str, Any] | None]


async def follow(run: Run, closing: Callable[[], bool], doing: Doing) -> AsyncIterator[str]:
    """Events until the page goes away or the studio is closed: "status" and "tick" at once, then
    whenever something is new.

    Args:
        doing: What the studio itself computes for a page right now (`ask.py`).
    """
    follower = Follower(run)
    status: dict[str, Any] = {}
    told: Snapshot | None = None
    told_work: dict[str, Any] | None = None
    quiet = until_status = 0.0
    while not closing():
        try:
            if until_status <= 0:
                now = await run_in_threadpool(follower.status)
                until_status = STATUS_SECONDS
                if now != status:
                    status, quiet = now, 0.0
                    yield event("status", status)
            seen = follower.snapshot()  # three looks at the clock of a file: no thread is worth it
        except (PellucidError, OSError, ValueError) as error:
            yield event("bye", {"why": str(error).partition("\n")[0]})
            return
        if (at_work := _of(doing(), run)) != told_work:
            told_work, quiet = at_work, 0.0
            yield event("work", at_work or {"what": None})
        if told is None or seen.events != told.events:
            yield event("event", {"lines": seen.events})
        if told is None or (seen.rows, seen.looks) != (told.rows, told.looks):
            tick = {"row": seen.rows, **seen.last, "looks": seen.looks}
            yield event("tick", tick, seen.rows)
        quiet = 0.0 if seen != told else quiet + TICK_SECONDS
        told = seen
        if quiet > QUIET_SECONDS:
            quiet = 0.0
            yield ": still here\n\n"
        await asyncio.sleep(TICK_SECONDS)
        until_status -= TICK_SECONDS
    yield event("bye", {"why": "the studio was closed"})


def _of(doing: dict[str, Any] | None, run: Run) -> dict[str, Any] | None:
    """What is computed for this run; None if nothing is."""
    if doing is None or doing["run"] != str(run.path):
        return None
    return {name: doing[name] for name in ("what", "done", "total")}


def event(name: str, data: dict[str, Any], number: int | None = None) -> str:
    """One event as it goes over the wire."""
    mark = "" if number is None else f"id: {number}\n"
    return f"{mark}event: {name}\ndata: {json.dumps(plain(data))}\n\n"


def stream(run: Run, closing: Callable[[], bool], doing: Doing) -> StreamingResponse:
    """The events as an answer."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        follow(run, closing, doing), headers=headers, media_type="text/event-stream; charset=utf-8"
    )
