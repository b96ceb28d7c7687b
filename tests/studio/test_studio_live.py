"""Server-sent events from a folder that grows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.interfaces.studio import live
from pellucid.interfaces.studio.live import follow, last_row
from pellucid.recording.control import learning
from pellucid.recording.files import append_line, write_json
from pellucid.recording.recorder import update_run
from pellucid.recording.run import Run
from pellucid.recording.steps import STEP, append_steps


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "TICK_SECONDS", 0.001)
    monkeypatch.setattr(live, "STATUS_SECONDS", 0.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    update_run(tmp_path / "a.run", {"status": "learning", "started": "2026-11-22", "begun": "1"})
    return tmp_path / "a.run"


class Listener:
    """Reads events one by one; each is (name, data, id)."""

    def __init__(self, folder: Path, **asked: Any) -> None:
        self.closed, self.doing = False, asked.get("doing", lambda: None)
        self.events: AsyncIterator[str] = follow(Run(folder), lambda: self.closed, self.doing)

    async def next(self) -> tuple[str, Any, str | None]:
        while True:
            said = await anext(self.events)
            assert said.endswith("\n\n")
            assert len(said) < 400
            if not said.startswith(":"):
                break
        fields = dict(line.split(": ", 1) for line in said.strip().splitlines())
        return fields["event"], json.loads(fields["data"]), fields.get("id")


def listen(folder: Path, script: Callable[[Listener], Any], **asked: Any) -> None:
    asyncio.run(script(Listener(folder, **asked)))


def step(number: int, loss: float = 0.5) -> np.ndarray:
    return np.array([(number, number / 4, 0.1, 0, 0, loss, 1e-3, 1.0, np.nan, np.nan)], STEP)


def test_a_run_from_its_first_step_to_its_end(folder: Path) -> None:
    async def script(listener: Listener) -> None:
        name, status, _ = await listener.next()
        assert name == "status"
        assert (status["status"], status["alive"]) == ("learning", False)
        assert await listener.next() == ("event", {"lines": 0}, None)
        assert await listener.next() == ("tick", {"row": 0, "looks": 0}, "0")

        append_steps(folder / "steps.bin", step(1))
        tick = {"row": 1, "step": 1, "epoch": 0.25, "loss": 0.5, "looks": 0}
        assert await listener.next() == ("tick", tick, "1")

        write_json(folder / "looks" / "index.json", {"recorded": [[0, 0, 0], [1, 0, 1]]})
        assert await listener.next() == ("tick", {**tick, "looks": 2}, "1")

        append_line(folder / "events.jsonl", {"step": 1, "kind": "epoch", "message": "m"})
        assert await listener.next() == ("event", {"lines": 1}, None)

        with learning(folder):
            update_run(folder, {"status": "paused", "stage": "learning"})
            name, status, _ = await listener.next()
            if not status["alive"] or status["status"] != "paused":  # both were told one by one
                name, status, _ = await listener.next()
            assert (name, status["status"], status["alive"]) == ("status", "paused", True)
            assert status["stage"] == "learning"

        update_run(folder, {"status": "done", "begun": "2"})
        before = status["version"]
        while status["status"] != "done" or status["alive"]:
            name, status, _ = await listener.next()
            assert name == "status"
        assert status["version"] != before

        listener.closed = True
        assert await listener.next() == ("bye", {"why": "the studio was closed"}, None)
        with pytest.raises(StopAsyncIteration):
            await listener.next()

    listen(folder, script)


def test_many_steps_are_one_tick(folder: Path) -> None:
    async def script(listener: Listener) -> None:
        for number in range(1, 501):
            append_steps(folder / "steps.bin", step(number, 1 / number))
        for expected in ("status", "event"):
            assert (await listener.next())[0] == expected
        name, tick, number = await listener.next()
        assert (name, tick["row"], tick["step"], number) == ("tick", 500, 500, "500")
        assert tick["loss"] == pytest.approx(1 / 500)

    listen(folder, script)


def test_what_is_no_number_is_null(folder: Path) -> None:
    async def script(listener: Listener) -> None:
        append_steps(folder / "steps.bin", step(1, float("inf")))
        said = [await listener.next() for _ in range(3)]
        assert said[-1][1]["loss"] is None

    listen(folder, script)


def test_how_far_a_question_is(folder: Path) -> None:
    doing: list[dict[str, Any] | None] = [None]

    async def script(listener: Listener) -> None:
        for _ in range(3):
            await listener.next()
        doing[0] = {"run": str(folder), "what": "studying", "done": 3, "total": 8}
        assert await listener.next() == ("work", {"what": "studying", "done": 3, "total": 8}, None)
        doing[0] = {"run": "another", "what": "studying", "done": 3, "total": 8}
        assert await listener.next() == ("work", {"what": None}, None)

    listen(folder, script, doing=lambda: doing[0])


def test_a_quiet_connection_shows_that_it_lives(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "QUIET_SECONDS", 0.003)

    async def script(listener: Listener) -> None:
        said = [await anext(listener.events) for _ in range(5)]
        assert said[-1] == ": still here\n\n"

    listen(folder, script)


def test_a_run_that_vanishes_ends_the_events(folder: Path) -> None:
    async def script(listener: Listener) -> None:
        for _ in range(3):
            await listener.next()
        (folder / "run.json").unlink()
        name, said, _ = await listener.next()
        assert (name, said) == ("bye", {"why": "the run has no run.json"})

    listen(folder, script)


def test_a_torn_last_row_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "steps.bin"
    assert last_row(path) == (0, {})
    path.write_bytes(step(1).tobytes()[:-1])
    assert last_row(path) == (0, {})
    path.write_bytes(step(1).tobytes() + step(2).tobytes()[:30])
    assert last_row(path) == (1, {"step": 1, "epoch": 0.25, "loss": 0.5})
