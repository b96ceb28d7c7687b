"""What deep learning is used for, beside classes and numbers: one file, or folder, a use.

`learn` is the front door: it asks every use whether the source asks for it; if none does, the
main job (`recipe/`) takes the source. `use.py` says what a use decides, `job.py` is the job.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pellucid import recipe
from pellucid.config import Plan, Settings
from pellucid.data.target import TASK_NAMES
from pellucid.errors import ConfigError, did_you_mean
from pellucid.recipe.watcher import Watcher
from pellucid.recording.run import Run
from pellucid.uses import (
    anomaly,  # noqa: F401  (registers)
    detect,  # noqa: F401
    forecast,  # noqa: F401
    generate,  # noqa: F401
    job,
    map,  # noqa: F401
    recommend,  # noqa: F401
    translate,  # noqa: F401
    verify,  # noqa: F401
)
from pellucid.uses.use import COURSES, SURE, Course, Reading, Source

__all__ = ["COURSES", "Course", "Reading", "Source", "asked", "learn", "resume"]


def learn(
    source: Any,
    settings: Settings,
    watcher: Watcher,
    *,
    test: Any = None,
    out: str | Path | None = None,
    plan: Plan | None = None,
    paused: bool = False,
) -> Run:
    """Learn from a source, whatever it asks for; arguments as in `recipe/job.py: learn`."""
    looked = Source(source, settings, test)
    found = asked(looked)
    if found is None:
        return recipe.learn(
            source,
            settings,
            watcher,
            test=test,
            out=out,
            plan=plan,
            paused=paused,
            known=looked.known,
        )
    kind, why = found
    watcher.tell(f"{COURSES[kind].title}: {why}")
    return job.learn_use(kind, looked, watcher, why=why, out=out, plan=plan, paused=paused)


def asked(source: Source) -> tuple[str, str] | None:
    """The use that a source asks for, or that the user named, and why; None for the main job."""
    task = source.settings.task
    if task in COURSES:
        return task, "asked for with --task"
    if task in TASK_NAMES:
        return None
    if task != "auto":
        known = [*TASK_NAMES, *COURSES]
        raise ConfigError(
            f"there is no task '{task}'", where="--task", fix=did_you_mean(task, known)
        )
    readings = {kind: course.recognize(source) for kind, course in COURSES.items()}
    sure = {kind: one for kind, one in readings.items() if one is not None and one.sure >= SURE}
    if not sure:
        return None
    kind = max(sure, key=lambda name: sure[name].sure)
    return kind, sure[kind].why


def resume(run_folder: str | Path, watcher: Watcher, source: Any = None, test: Any = None) -> Run:
    """Go on with a run that was killed, whatever it is about."""
    run = Run(run_folder)
    kind = run.info.get("use")
    if kind is None:
        return recipe.resume(run_folder, watcher, source, test)
    job.check_resumable(kind, run)
    recipe.check_resumable(run)
    given = source if source is not None else run.info["source"]["path"]
    tested = test if test is not None else run.info["source"]["test"]
    looked = Source(recipe.source_of(run, given), recipe.settings_of(run), tested)
    why = run.info["task"]["why"]
    return job.learn_use(kind, looked, watcher, why=why, resumed=run)
