"""What every measurement says about itself: when, where, of which code, how much disturbed.

A part of the benchmarks is saved as one JSON file in `benchmarks/results/`, so that parts can be
measured one at a time and the page made of them always says what was measured when.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PACKAGES = ("pellucid", "torch", "numpy", "scikit-learn", "lightgbm")
MOST_FOREIGN = 0.15
"""Times measured while others took more of the processor than this are not saved."""


TRIES, PATIENCE, QUIET_SECONDS = 3, 120.0, 3.0


class Disturbed(Exception):
    """Other programs took too much of the processor for a time to mean anything."""


# --- a result ---------------------------------------------------------------------------------


def circumstances(command: Sequence[str]) -> dict[str, Any]:
    """When, where and of which code something is measured; `command`: words after `-m`."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "command": f"python -m {shlex.join(command)}",
        "versions": versions(),
        "machine": machine(),
        "code": code_version(),
        "commit": _git("rev-parse", "--short", "HEAD"),
    }


def save(name: str, result: dict[str, Any], folder: Path = RESULTS) -> Path:
    """Write `NAME.json`; a reader never sees half of it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    beside = path.with_suffix(".tmp")
    beside.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8")
    beside.replace(path)
    return path


def saved(name: str, folder: Path = RESULTS) -> dict[str, Any] | None:
    """A result as it was saved, or None."""
    path = folder / f"{name}.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else None


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # run from a checkout that was not installed
            found[package] = "not installed"
    return found


def machine() -> dict[str, Any]:
    """The processor and what is around it; nothing that names the machine."""
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count() or 1,
        "memory_gb": _memory_gb(),
        "system": platform.system(),
    }


def code_version(source: Path = ROOT / "src" / "pellucid") -> str:
    """Hash of the package's source: equal if nothing that changes a model has changed.

    Comments, layout and what only shows results (`interfaces/`) don't count.
    """
    digest = hashlib.sha256()
    for path in sorted(source.rglob("*.py")):
        name = path.relative_to(source)
        if name.parts[0] != "interfaces":
            digest.update(name.as_posix().encode() + b"\0" + _meaning(path).encode())
    return digest.hexdigest()[:12]


def _meaning(path: Path) -> str:
    """A module without comments, docstrings and layout."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory_gb() -> int | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    except (ValueError, OSError, AttributeError):  # no such question on this system
        return None


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip()


# --- how much others disturbed ----------------------------------------------------------------


@dataclass(frozen=True)
class Load:
    """Processor time so far: of all programs, of this one and its finished children, and in all.

    Seconds summed over cores; `busy` is None where the system does not say.
    """

    busy: float | None
    own: float
    capacity: float

    @classmethod
    def now(cls) -> Load:
        times = os.times()
        busy, capacity = _processor_seconds()
        own = times.user + times.system + times.children_user + times.children_system
        return cls(busy, own, capacity)

    def foreign(self) -> float | None:
        """Share of all cores that other programs took since this was made."""
        return foreign_share(self, Load.now())


def foreign_share(before: Load, after: Load) -> float | None:
    """Share of the processor, 0 to 1, that programs other than ours took in between."""
    if before.busy is None or after.busy is None:
        return None
    others = (after.busy - before.busy) - (after.own - before.own)
    return round(max(0.0, others) / max(after.capacity - before.capacity, 1e-9), 3)


def quiet(
    measure: Callable[[], dict[str, Any]], *, anyway: bool, patience: float = PATIENCE
) -> dict[str, Any]:
    """Measure until others took little of the processor meanwhile (`foreign` of what is found).

    Args:
        anyway: Measure once, whatever others do.
        patience: Seconds to wait for quiet before each try.

    Raises:
        Disturbed: Not in `TRIES` tries; the times would say more about the neighbors than about us.
    """
    for _ in range(TRIES):
        if not anyway:
            _settle(patience)
        found = measure()
        if anyway or found["foreign"] is None or found["foreign"] <= MOST_FOREIGN:
            return found
    raise Disturbed(
        f"other programs took {found['foreign']:.0%} of the processor in the last of {TRIES} tries "
        f"(at most {MOST_FOREIGN:.0%} is fine): nothing is saved; wait for quiet, or add --anyway"
    )


def _settle(seconds: float) -> None:
    """Return as soon as others are quiet, or after so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        load = Load.now()
        time.sleep(QUIET_SECONDS)
        if (load.foreign() or 0.0) <= MOST_FOREIGN:
            return


def percent(share: float | None) -> str:
    """'12%', or '?' where the system does not say."""
    return "?" if share is None else f"{share:.0%}"


def _processor_seconds() -> tuple[float | None, float]:
    """Seconds all cores were busy (time taken by other virtual machines included), and in all."""
    try:
        words = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    except OSError:
        return None, 0.0
    ticks = os.sysconf("SC_CLK_TCK")
    user, nice, system, idle, waiting, *interrupts = (int(word) / ticks for word in words)
    busy = user + nice + system + sum(interrupts)
    return busy, busy + idle + waiting


# --- fresh processes --------------------------------------------------------------------------


@dataclass(frozen=True)
class Ran:
    """A program that ended: seconds from start to end, its largest memory, what it said."""

    code: int
    seconds: float
    peak_mb: float
    output: str
    errors: str


def run_fresh(command: Sequence[str]) -> Ran:
    """Run a program to its end in a process of its own.

    Its peak memory is never below this process's own size, so measure from a small one.
    """
    # As on a user's machine: what Python compiled is kept for the next start.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        started = time.perf_counter()
        child = subprocess.Popen(
            command, stdout=output, stderr=errors, cwd=ROOT, env=environment, text=True
        )
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        # Kilobytes on Linux, bytes on macOS.
        unit = 2**20 if sys.platform == "darwin" else 2**10
        return Ran(child.returncode, seconds, usage.ru_maxrss / unit, output.read(), errors.read())


def pellucid() -> list[str]:
    """The command line as a user starts it."""
    script = Path(sys.executable).with_name("pellucid")
    return [str(script)] if script.exists() else [sys.executable, "-m", "pellucid"]
