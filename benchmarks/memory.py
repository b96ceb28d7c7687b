"""How much memory does learning from large data take at its peak?

    python -m benchmarks memory [--sets table,pictures,files]

Each source is learned from in a process of its own, with a minute of time. Its memory is sampled
while it runs, so that the page can say in which stage the peak was. The goal is four times the
size of the encoded data plus 1.5 GB.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.data import DATA, fetch
from benchmarks.measured import Load, circumstances, pellucid, save, saved

HOME = DATA / "memory"
TIME = "60s"
GB = 1e9
SAMPLE_SECONDS = 0.1
TABLE_ROWS, TABLE_COLUMNS = 1_000_000, 50
PICTURES, SIDE = 60_000, 28


@dataclass(frozen=True)
class Big:
    """A large source.

    make: writes it below a folder unless it is there, and returns its path. target: its column.
    encoded: bytes of the tensors that it becomes (docs/architecture.md, the rank contract).
    """

    words: str
    make: Callable[[Path], Path]
    encoded: int
    target: str | None = None

    @property
    def goal(self) -> float:
        """Bytes."""
        return 4 * self.encoded + 1.5 * GB


def _table(home: Path) -> Path:
    """1,000,000 rows of 50 numbers with three digits, two classes, as CSV."""
    path = home / "table.csv"
    if path.exists():
        return path
    import numpy as np

    random = np.random.default_rng(0)
    direction = random.normal(size=TABLE_COLUMNS)
    unfinished = path.with_suffix(".part")
    with unfinished.open("w", encoding="ascii") as file:
        file.write(",".join([*(f"x{number}" for number in range(TABLE_COLUMNS)), "kind"]) + "\n")
        for _ in range(TABLE_ROWS // 10_000):
            values = random.normal(size=(10_000, TABLE_COLUMNS))
            kinds = np.where(values @ direction + random.normal(size=10_000) > 0, "high", "low")
            for row, kind in zip(values, kinds, strict=True):
                file.write(",".join(map("{:.3f}".format, row)) + f",{kind}\n")
    unfinished.rename(path)
    return path


def _pictures(home: Path) -> Path:
    return fetch("fashion").train


def _files(home: Path) -> Path:
    """The same pictures as 60,000 PNG files in folders named after their classes."""
    folder = home / "clothes"
    if folder.exists():
        return folder
    import numpy as np
    from PIL import Image

    unfinished = home / "clothes.part"
    shutil.rmtree(unfinished, ignore_errors=True)
    with np.load(fetch("fashion").train) as arrays:
        for number, (picture, label) in enumerate(zip(arrays["x"], arrays["y"], strict=True)):
            place = unfinished / str(label)
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(place / f"{number:05}.png")
    unfinished.rename(folder)
    return folder


SOURCES: dict[str, Big] = {
    "table": Big(
        f"{TABLE_ROWS:,} x {TABLE_COLUMNS} table (CSV)",
        _table,
        TABLE_ROWS * (TABLE_COLUMNS * 4 + 8),  # float32 values, an int64 target
        "kind",
    ),
    "pictures": Big(
        f"{PICTURES:,} pictures of {SIDE}x{SIDE} (.npz)", _pictures, PICTURES * (SIDE * SIDE + 8)
    ),
    "files": Big(
        f"{PICTURES:,} pictures of {SIDE}x{SIDE} (PNG files)", _files, PICTURES * (SIDE * SIDE + 8)
    ),
}


def run(names: Sequence[str] = (), limit: str = TIME) -> dict[str, Any]:
    """Measure sources one after the other; each is saved as soon as it has ended.

    Raises:
        KeyError: There is no such source.
        RuntimeError: Learning failed.
    """
    unknown = [name for name in names if name not in SOURCES]
    if unknown:
        raise KeyError(f"no source is called '{unknown[0]}'; there are {', '.join(SOURCES)}")
    result: dict[str, Any] = {}
    HOME.mkdir(parents=True, exist_ok=True)
    for name in names or SOURCES:
        _make(name)
        found = measure(SOURCES[name], SOURCES[name].make(HOME), limit)
        around = circumstances(["benchmarks", "memory", "--sets", name, "--time", limit])
        before = saved("memory") or {"measured": {}}
        result = {"measured": {**before["measured"], name: {**around, **found}}}
        save("memory", result)
        print(
            f"{found['words']:<44} peak {found['peak_mb'] / 1000:.2f} GB while "
            f"{found['peak_stage']}, allowed {found['goal_mb'] / 1000:.2f} GB",
            flush=True,
        )
    return result


def _make(name: str) -> None:
    """Write the source in another process: what it takes must not count as ours."""
    code = f"from benchmarks import memory; memory.SOURCES[{name!r}].make(memory.HOME)"
    subprocess.run([sys.executable, "-c", code], cwd=HOME.parents[2], check=True)


def measure(big: Big, source: Path, limit: str) -> dict[str, Any]:
    """Learn from a source, watching the memory of the process."""
    out = HOME / "big.run"
    shutil.rmtree(out, ignore_errors=True)
    command = [*pellucid(), "learn", str(source), "--time", limit, "--json", "--out", str(out)]
    if big.target:
        command += ["--target", big.target]
    environment = os.environ | {"PELLUCID_CACHE": str(HOME / "cache")}
    shutil.rmtree(HOME / "cache", ignore_errors=True)  # decoding is part of the work
    load = Load.now()
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    watched = Watched(child)
    output, peak = watched.until_end()
    if child.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n" + "\n".join(watched.lines[-20:]))
    answer = json.loads(output.splitlines()[-1])
    return {
        "words": big.words,
        "encoded_mb": round(big.encoded / 1e6, 1),
        "goal_mb": round(big.goal / 1e6),
        "peak_mb": round(peak / 1e6),
        "peak_stage": watched.stage_at_peak(),
        "stages": watched.stages(),
        "score": answer["score"],
        "rows": answer["rows"],
        "seconds": answer["seconds"],
        "foreign": load.foreign(),
    }


class Watched:
    """Follows a child's memory, and the stage that it says it is in.

    samples: (seconds, stage, bytes of it in memory). lines: what it said.
    """

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self.child = child
        self.samples: list[tuple[float, str, int]] = []
        self.lines: list[str] = []
        self.stage = "starting"
        self._began = time.perf_counter()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def until_end(self) -> tuple[str, float]:
        """What it wrote, and its largest memory in bytes as the system counted it."""
        while True:
            pid, status, usage = os.wait4(self.child.pid, os.WNOHANG)
            if pid:
                break
            self._sample()
            time.sleep(SAMPLE_SECONDS)
        self.child.returncode = os.waitstatus_to_exitcode(status)
        self._listener.join()
        assert self.child.stdout is not None
        peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return self.child.stdout.read(), float(peak)

    def stage_at_peak(self) -> str:
        return max(self.samples, key=lambda sample: sample[2])[1] if self.samples else "unknown"

    def stages(self) -> dict[str, dict[str, float]]:
        """Stage -> seconds in it, and its peak in MB."""
        found: dict[str, dict[str, float]] = {}
        for seconds, stage, size in self.samples:
            part = found.setdefault(stage, {"from": round(seconds, 1), "peak_mb": 0})
            part["until"] = round(seconds, 1)
            part["peak_mb"] = max(part["peak_mb"], round(size / 1e6))
        return found

    def _listen(self) -> None:
        assert self.child.stderr is not None
        for line in self.child.stderr:
            self.lines.append(line.rstrip())
            if line.strip() and not line.startswith(" "):
                self.stage = line.strip()

    def _sample(self) -> None:
        try:
            status = Path(f"/proc/{self.child.pid}/statm").read_text().split()
        except OSError:  # it has just ended, or this system has no /proc
            return
        size = int(status[1]) * os.sysconf("SC_PAGE_SIZE")
        self.samples.append((time.perf_counter() - self._began, self.stage, size))
