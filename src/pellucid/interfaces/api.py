"""The same verbs in Python: `pellucid.learn(...)`, `pellucid.resume(...)`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pellucid.config import Effort, Plan, Settings, Unlabelled
from pellucid.interfaces.patience import wait_asleep_if_busy
from pellucid.interfaces.seconds import seconds_of

if TYPE_CHECKING:
    from pellucid.interfaces.trained import Trained
    from pellucid.recipe import Watcher


def learn(
    source: Any,
    target: str | None = None,
    *,
    test: Any = None,
    out: str | Path | None = None,
    time: float | str | None = None,
    effort: Effort = "normal",
    seed: int = 0,
    network: str = "auto",
    task: str = "auto",
    kinds: dict[str, str] | None = None,
    ignore: tuple[str, ...] = (),
    group: str | None = None,
    order: str | None = None,
    split: str | None = None,
    missing: tuple[str, ...] = (),
    keep: Literal["network", "best"] = "network",
    keep_going: bool = False,
    record: bool = True,
    pretrained: bool = True,
    unlabelled: Unlabelled = "auto",
    without: str | Path | None = None,
    start: str | Path | None = None,
    horizon: int | None = None,
    known: tuple[str, ...] = (),
    plan: str | Path | None = None,
    report: bool = True,
    quiet: bool = False,
) -> Trained:
    """Learn from examples, and return the run with its model.

    Args:
        source: A folder, a table file, a zip, arrays, or a pandas or polars frame.
        target: Column to predict; found by itself if left out.
        test: A second source that is only used for the exam at the end.
        out: Folder for the run.
        time: Seconds, or text such as "3m", for the whole job.
        unlabelled: Whether rows without an answer are learned from first: "use", "ignore", or
            "auto", where they are very many.
        without: A table of rows to leave out, such as RUN/evidence/labels.csv.
        plan: A run whose plan is to be repeated exactly.
        quiet: Show no progress.

    The other arguments are those of `pellucid.config.Settings`.

    Raises:
        PellucidError: Something that you can mend; it says what, where and how.
    """
    from pellucid.data.left_out import read_left_out
    from pellucid.recipe import Watcher

    settings = Settings(
        target=target,
        time=seconds_of(time) if isinstance(time, str) else time,
        effort=effort,
        seed=seed,
        network=network,
        task=task,
        kinds=dict(kinds or {}),
        ignore=tuple(ignore),
        group=group,
        order=order,
        split=split,
        missing=tuple(missing),
        keep=keep,
        keep_going=keep_going,
        record=record,
        pretrained=pretrained,
        unlabelled=unlabelled,
        without=None if without is None else read_left_out(without, plan),
        start=None if start is None else str(start),
        horizon=horizon,
        known=tuple(known),
    )
    if quiet:
        return learn_with(
            source, settings, Watcher(), test=test, out=out, plan_of=plan, report=report
        )
    from pellucid.interfaces.terminal import Terminal

    with Terminal() as watcher:
        return learn_with(
            source, settings, watcher, test=test, out=out, plan_of=plan, report=report
        )


def resume(
    run: str | Path, source: Any = None, *, test: Any = None, quiet: bool = False
) -> Trained:
    """Go on with a run that was interrupted or killed."""
    from pellucid.recipe import Watcher

    if quiet:
        return resume_with(run, Watcher(), source, test)
    from pellucid.interfaces.terminal import Terminal

    with Terminal() as watcher:
        return resume_with(run, watcher, source, test)


def load(run: str | Path) -> Trained:
    """Open a run, or a folder with a model, to predict with it."""
    from pellucid.interfaces.trained import Trained

    return Trained(run)


def learn_with(
    source: Any,
    settings: Settings,
    watcher: Watcher,
    *,
    test: Any = None,
    out: str | Path | None = None,
    plan_of: str | Path | None = None,
    report: bool = True,
    paused: bool = False,
) -> Trained:
    """Learn, tell `watcher` what happens, and write the report."""
    wait_asleep_if_busy()
    from pellucid import uses
    from pellucid.recording.run import Run

    plan = Plan.from_json(Run(plan_of).info["plan"]) if plan_of else None
    run = uses.learn(source, settings, watcher, test=test, out=out, plan=plan, paused=paused)
    return _with_report(run.path, watcher, report)


def resume_with(run: str | Path, watcher: Watcher, source: Any = None, test: Any = None) -> Trained:
    """Go on with a run, tell `watcher` what happens, and write the report."""
    wait_asleep_if_busy()
    from pellucid import uses

    return _with_report(uses.resume(run, watcher, source, test).path, watcher, True)


def _with_report(path: Path, watcher: Watcher, report: bool) -> Trained:
    from pellucid.interfaces.trained import Trained

    trained = Trained(path)
    if report:
        from pellucid.interfaces.report import write_report

        watcher.stage("writing the report")
        write_report(trained)
    return trained
