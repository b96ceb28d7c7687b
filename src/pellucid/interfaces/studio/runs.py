"""Which runs there are, and one name for each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pellucid.errors import PellucidError, did_you_mean
from pellucid.interfaces.studio.guard import Refused
from pellucid.recording.control import alive
from pellucid.recording.layout import is_run
from pellucid.recording.run import Run


@dataclass(frozen=True)
class Shelf:
    """The runs that the studio shows. folder: the one whose runs are shown, and into which new ones
    are written. named: runs from elsewhere."""

    folder: Path
    named: tuple[Path, ...] = ()

    def folders(self) -> dict[str, Path]:
        """Name -> folder of each run. Of two with one name the later one is "flowers.run~2"."""
        found: dict[str, Path] = {}
        for path in self._paths():
            name, number = path.name, 1
            while name in found:
                number += 1
                name = f"{path.name}~{number}"
            found[name] = path
        return found

    def run(self, name: str) -> Run:
        """The run of that name.

        Raises:
            Refused: There is none. BundleError: It can't be read.
        """
        path = self._quickly(name) or self.folders().get(name)
        if path is None:
            known = self.folders()
            raise Refused(
                404,
                f"there is no run '{name:.120}' here",
                where=str(self.folder),
                fix=did_you_mean(name, known) if known else "start one on the first page",
            )
        return Run(path)

    def _quickly(self, name: str) -> Path | None:
        """The run of that name, if it is found without looking through the whole folder."""
        for path in self.named:
            if path.name == name:
                return path
        try:
            path = self.folder / name
            return path if path.name == name and name != ".." and is_run(path) else None
        except OSError:  # a name that the system does not take
            return None

    def name_of(self, folder: Path) -> str | None:
        """The name under which a folder is shown; None if it is not."""
        wanted = folder.resolve()
        names = (name for name, path in self.folders().items() if path.resolve() == wanted)
        return next(names, None)

    def lines(self) -> list[dict[str, Any]]:
        """One dict a run: `run_line`."""
        return [run_line(name, path) for name, path in self.folders().items()]

    def _paths(self) -> Iterator[Path]:
        known = set()
        for path in self.named:
            known.add(path.resolve())
            yield path
        try:
            inside = sorted(self.folder.iterdir())
        except OSError:  # the folder is gone, or may not be read
            return
        for path in inside:
            if is_run(path) and path.resolve() not in known:
                yield path


NOTHING_KNOWN: dict[str, Any] = {
    "run": None,
    "folder": None,
    "name": None,
    "status": "damaged",
    "alive": False,
    "stage": None,
    "started": None,
    "seconds": None,
    "source": None,
    "path": None,
    "task": None,
    "target": None,
    "modalities": [],
    "network": [],
    "rows": None,
    "metric": None,
    "score": None,
    "low": None,
    "high": None,
    "verdict": None,
    "problem": None,
}
"""A line on the first page, before anything is known."""


def run_line(name: str, folder: Path) -> dict[str, Any]:
    """A run on the first page; one that can't be read says why in `problem`."""
    line = {**NOTHING_KNOWN, "run": name, "folder": str(folder), "name": name}
    try:
        run = Run(folder)
        return line | _told(run) | _judged(run)
    except PellucidError as error:
        return line | {"problem": error.as_json()}


def _told(run: Run) -> dict[str, Any]:
    info = run.info
    task, plan = as_dict(info.get("task")), as_dict(info.get("plan"))
    columns = [as_dict(column) for column in as_list(info.get("columns"))]
    kinds = [column.get("modality") for column in columns if column.get("role") == "input"]
    return {
        "name": run.name,
        "status": run.status,
        "alive": alive(run.path),
        "started": info.get("started"),
        "seconds": info.get("seconds"),
        "stage": info.get("stage"),
        "problem": info.get("problem"),
        "source": as_dict(info.get("source")).get("name"),
        "path": as_dict(info.get("source")).get("path"),
        "task": task.get("kind"),
        "target": task.get("target"),
        "modalities": sorted({kind for kind in kinds if isinstance(kind, str)}),
        "network": list(dict.fromkeys(as_dict(plan.get("network")).values())),
        "rows": info.get("rows"),
    }


def _judged(run: Run) -> dict[str, Any]:
    """How good it is, if that is known already."""
    try:
        summary, verdict = run.summary, run.verdict
    except (PellucidError, TypeError, ValueError):  # not there yet, or damaged
        return {}
    figures = {key: summary.get(key) for key in ("metric", "score", "low", "high")}
    return figures | {"verdict": verdict.get("sentence")}


def as_dict(value: Any) -> dict[str, Any]:
    """The value if it is a dict, else an empty one: a damaged file holds anything."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []
