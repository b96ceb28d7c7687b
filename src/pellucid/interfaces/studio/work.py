"""Runs that are started from the page: processes of their own, which outlive the studio.

What they write goes into the folder of runs, as if `pellucid learn` had been typed there. Uploads
and what the processes say lie in `pellucid-studio/` beside the runs; nothing of the user's is ever
overwritten.
"""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from pellucid.data.files import set_apart
from pellucid.errors import ConfigError, PellucidError, did_you_mean
from pellucid.examples import EXAMPLES
from pellucid.interfaces.studio import upload
from pellucid.interfaces.studio.guard import Refused
from pellucid.interfaces.studio.live import last_row
from pellucid.interfaces.studio.orders import order_of, text_in, words_in
from pellucid.interfaces.studio.runs import NOTHING_KNOWN, Shelf
from pellucid.recording.control import alive, ask
from pellucid.recording.layout import is_run
from pellucid.recording.run import Run

OWN = "pellucid-studio"
"""Our folder beside the runs."""
LOG_BYTES = 64 * 1024
"""The end of what a process said that the page is shown."""
HEARD_SECONDS = 2.0
"""A run that learns hears what is asked of it within a step; most steps are shorter than this."""


@dataclass
class Job:
    """A process that learns. run: name of its folder. log: what it says on standard error; said:
    its answer or error, as JSON on standard output."""

    run: str
    process: subprocess.Popen[bytes]
    folder: Path
    source: str
    log: Path
    said: Path
    started: str = field(
        default_factory=lambda: datetime.now().astimezone().isoformat(timespec="seconds")
    )

    def error(self) -> dict[str, str] | None:
        """Why it ended without a run, if it did."""
        code = self.process.poll()
        if code in (None, 0, 130):
            return None
        with suppress(OSError, ValueError, KeyError, IndexError, TypeError):
            found: dict[str, str] = json.loads(_end(self.said).splitlines()[-1])["error"]
            return found
        last = (_end(self.log).strip().splitlines() or ["it said nothing"])[-1]
        return {
            "code": "ended",
            "what": f"learning ended by itself (exit code {code}): {last}",
            "where": self.source,
            "fix": f"{self.log} has all that it said",
        }


class Workshop:
    """Starts processes that learn, and knows those that it started."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.jobs: dict[str, Job] = {}

    def lines(self) -> list[dict[str, Any]]:
        """A line on the first page for each job whose run has no folder yet."""
        return [self._line(job) for job in self.jobs.values() if not is_run(job.folder)]

    def _line(self, job: Job) -> dict[str, Any]:
        problem = job.error()
        running = job.process.poll() is None
        return {
            **NOTHING_KNOWN,
            "run": job.run,
            "folder": str(job.folder),
            "name": job.run,
            "status": "starting" if running else "failed",
            "alive": running,
            "started": job.started,
            "source": job.source,
            "problem": problem,
        }

    def log(self, name: str) -> dict[str, Any]:
        """What the process of a run says: `text` (the end of it), `running`, `code` (exit code, or
        null), `error` (why it ended, or null)."""
        job = self._job(name)
        code = job.process.poll()
        return {
            "text": _end(job.log),
            "running": code is None,
            "code": code,
            "error": job.error(),
        }

    def control(self, name: str, order: Mapping[str, Any]) -> dict[str, Any]:
        """End a process that has no run yet: it is still reading, and can do nothing else."""
        if order.get("do") != "stop":
            raise Refused(
                409,
                "the data is still being read",
                where=name,
                fix="wait for the first step, or stop",
            )
        self._job(name).process.terminate()
        return {"status": "failed", "stage": None, "step": 0, "heard": True}

    def is_starting(self, name: str) -> bool:
        """Whether this name belongs to a job without a run."""
        return name in self.jobs and not is_run(self.jobs[name].folder)

    def _job(self, name: str) -> Job:
        if name not in self.jobs:
            raise Refused(
                404,
                f"'{name}' was not started by this studio",
                where=str(self.shelf.folder),
                fix="look at the terminal in which it was started",
            )
        return self.jobs[name]

    # --- starting ------------------------------------------------------------------------------

    def learn(self, source: Source, order: Mapping[str, Any]) -> dict[str, Any]:
        """Start learning; returns `run`, the name under which it will be found."""
        words = words_in(order, source.target, self.shelf)
        name = self._free_name(source.name)
        folder, logs = self.shelf.folder / name, self._own("logs")
        log, said = logs / f"{name}.txt", logs / f"{name}.json"
        command = [*_pellucid("learn", source.path), f"--out={folder}", "--json", *words]
        if order.get("paused") is True:
            command.append("--paused")
        if source.plan is not None:
            command.append(f"--plan={source.plan}")
        with open(log, "wb") as err, open(said, "wb") as out:
            # A session of its own: closing the studio does not end it.
            process = subprocess.Popen(
                command,
                cwd=self.shelf.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        self.jobs[name] = Job(name, process, folder, source.name, log, said)
        return {"run": name}

    def check(self, source: Source, order: Mapping[str, Any]) -> dict[str, Any]:
        """What would be learned: what `pellucid check --json` says, and `path`, with which learning
        can be started without another upload."""
        command = [
            *_pellucid("check", source.path),
            "--json",
            *words_in(order, source.target, self.shelf),
        ]
        done = subprocess.run(
            command, cwd=self.shelf.folder, stdin=subprocess.DEVNULL, capture_output=True
        )
        try:
            found = json.loads(done.stdout.splitlines()[-1])
        except (ValueError, IndexError) as error:
            last = (done.stderr.decode(errors="replace").strip().splitlines() or ["nothing"])[-1]
            raise ConfigError(
                f"the data could not be checked: {last}",
                where=source.name,
                fix=f"try it in a terminal: pellucid check {source.path}",
            ) from error
        if "error" in found:
            told = found["error"]
            raise Refused(400, told["what"], where=told["where"], fix=told["fix"])
        return {"path": str(source.path), "name": source.name, "check": found}

    def _free_name(self, name: str) -> str:
        """ "flowers" -> "flowers.run", "flowers-2.run", ...: neither a run nor anything else."""
        stem = Path(name).stem or "data"
        taken = {*self.shelf.folders(), *self.jobs}
        for number in itertools.count(1):
            free = f"{stem}.run" if number == 1 else f"{stem}-{number}.run"
            if free not in taken and not (self.shelf.folder / free).exists():
                return free
        raise AssertionError("numbers do not end")

    def _own(self, part: str) -> Path:
        folder = self.shelf.folder / OWN / part
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Refused(
                507,
                f"nothing can be written beside the runs: {error.strerror}",
                where=str(folder),
                fix="start the studio in a folder that you may write to",
            ) from error
        return folder

    def new_upload(self) -> Path:
        """An empty folder for an upload."""
        uploads = self._own("uploads")
        set_apart(uploads)
        stamp = datetime.now().strftime("%Y-%m-%d-%H%M%S")
        for number in itertools.count(1):
            folder = uploads / (stamp if number == 1 else f"{stamp}-{number}")
            with suppress(FileExistsError):
                folder.mkdir()
                return folder
        raise AssertionError("numbers do not end")


@dataclass(frozen=True)
class Source:
    """What to learn from. name: as a person calls it. target, plan: what an example asks for, and
    the plan that it brings."""

    path: Path
    name: str
    target: str | None = None
    plan: Path | None = None


async def start(workshop: Workshop, request: Request) -> tuple[dict[str, Any], int]:
    """POST /api/runs: learn from an upload, an example or a path, or only check it.

    Returns:
        The answer, and the status: 201 if a run was started.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        order, source = await _uploaded(workshop, request)
    else:
        order = order_of(await request.body())
        source = await run_in_threadpool(_named, workshop, order)
    if order.get("check") is True:
        return await run_in_threadpool(workshop.check, source, order), 200
    return await run_in_threadpool(workshop.learn, source, order), 201


async def _uploaded(workshop: Workshop, request: Request) -> tuple[dict[str, Any], Source]:
    folder = await run_in_threadpool(workshop.new_upload)
    try:
        form = await upload.receive(request, folder)
        order = order_of(form.fields.get("order", "{}"))
        if not form.files:
            raise ConfigError(
                "the upload has no file", where="upload", fix="choose a table, a zip or a folder"
            )
    except PellucidError:
        shutil.rmtree(folder, ignore_errors=True)  # our own, made a moment ago
        raise
    return order, _source_of([path for _, path in form.files], folder)


def _source_of(paths: list[Path], folder: Path) -> Source:
    """A single file, or the folder that holds all of them."""
    if len(paths) == 1 and paths[0].parent == folder:
        return Source(paths[0], paths[0].name)
    tops = {path.relative_to(folder).parts[0] for path in paths}
    only = folder / next(iter(tops))
    if len(tops) == 1 and only.is_dir():
        return Source(only, only.name)
    return Source(folder, "upload")


def _named(workshop: Workshop, order: Mapping[str, Any]) -> Source:
    """A built-in example, or a path on this machine."""
    from pellucid.interfaces.demo import plan_of, source_of

    example = order.get("example")
    if example is not None:
        if example not in EXAMPLES:
            raise ConfigError(
                f"there is no example '{example}'",
                where="example",
                fix=did_you_mean(str(example), EXAMPLES),
            )
        path, target = source_of(example)
        return Source(path, example, target, plan_of(example, path))
    typed = text_in(order, "path")
    if typed is None:
        raise ConfigError(
            "there is nothing to learn from",
            where="request",
            fix='send {"example": NAME} or {"path": PATH}, or upload files',
        )
    path = workshop.shelf.folder / Path(typed).expanduser()
    if not path.exists():
        near = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        raise ConfigError(
            f"'{typed}' does not exist",
            where=str(workshop.shelf.folder),
            fix=did_you_mean(path.name, near) if near else "write the whole path",
        )
    return Source(path, path.name)


def _pellucid(verb: str, source: Path) -> list[str]:
    return [sys.executable, "-m", "pellucid", verb, str(source)]


def _end(path: Path) -> str:
    """The end of a file, whole lines."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - LOG_BYTES))
            data = file.read()
    except OSError:
        return ""
    whole = data if size <= LOG_BYTES else data[data.find(b"\n") + 1 :]
    return whole.decode(errors="replace")


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
