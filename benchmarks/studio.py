"""Does a studio that watches slow learning down, and how old is a step when it is on the screen?

    python -m benchmarks studio

The same run learns alone and with a studio and a browser open on it, in turn. What is compared is
the processor time of the process that learns, which others on the machine change little. While
the page is open, it notes when the number of the newest step changes; what is told is how long ago
that step was made, and how long after the first step there was anything to see. And it notes how
long a run that is done takes from its address to a time bar that can be moved.
"""

from __future__ import annotations

import csv
import json
import os
import random
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.measured import Load, circumstances, pellucid, percent, quiet, save

if TYPE_CHECKING:
    from playwright.sync_api import Page

TICK_GOAL_MS, SHARE_GOAL, SECONDS_GOAL, FIRST_GOAL, OPEN_GOAL = 300, 0.01, 3.0, 2.0, 1.0
ROUNDS, LEARNING_SECONDS, ROWS, COLUMNS = 3, 16.0, 4_000, 20
TRIAL_STEPS = 300
"""Of the warm-up run, which tells how many steps this machine makes in `LEARNING_SECONDS`: long
enough for a page to follow, and short enough for three rounds within a few minutes."""
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
LOOK_SECONDS, TURN_MS, OPENINGS = 0.01, 200, 5


def run(*, anyway: bool = False, rounds: int = ROUNDS, seconds: float = LEARNING_SECONDS) -> None:
    """Measure and save.

    Raises:
        Disturbed: Other programs took too much of the processor.
        RuntimeError: A program that should work failed, or there is no browser.
    """
    result = circumstances(["benchmarks", "studio"])
    save("studio", {**result, **quiet(partial(measure, rounds, seconds), anyway=anyway)})


def measure(rounds: int, learning: float = LEARNING_SECONDS) -> dict[str, Any]:
    """Processor seconds of learning alone and watched, and the age in ms of what was shown.

    Args:
        learning: About how many seconds each run learns.
    """
    load = Load.now()
    seconds: dict[str, list[float]] = {"alone": [], "watched": []}
    ages: list[float] = []
    first: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        job = Job(Path(folder))
        job.learn("warm-up")
        opened = job.opened("warm-up", OPENINGS)
        steps = max(TRIAL_STEPS, round(learning / job.step_seconds("warm-up")))
        job.plan(steps)
        for number in range(rounds):
            for way in ("alone", "watched") if number % 2 == 0 else ("watched", "alone"):
                if way == "alone":
                    seconds[way].append(job.learn(f"alone-{number}"))
                else:
                    spent, more, until = job.watched(f"watched-{number}")
                    seconds[way].append(spent)
                    ages += more
                    first += until
    if not ages:
        raise RuntimeError(f"{steps} steps were over before the page had shown one: take more")
    foreign = load.foreign()
    print(f"studio: {median(ages):.0f} ms, others took {percent(foreign)}", flush=True)
    return {
        "steps": steps,
        "seconds": {way: [round(one, 3) for one in found] for way, found in seconds.items()},
        "ages_ms": [round(age, 1) for age in ages],
        "first_s": [round(one, 2) for one in first],
        "opened_s": [round(one, 2) for one in opened],
        "foreign": foreign,
    }


# --- learning, alone and watched --------------------------------------------------------------


@dataclass
class Job:
    """One table and one plan, learned again and again in the same steps."""

    folder: Path

    def __post_init__(self) -> None:
        (self.folder / "plan").mkdir()
        (self.folder / "runs").mkdir()
        self.plan(TRIAL_STEPS)
        write_table(self.folder / "rows.csv")

    def plan(self, steps: int) -> None:
        """From now on, learn in so many steps."""
        from pellucid.config import ACROSS, Plan, Size

        plan = Plan(
            steps=steps, batch=256, evaluate_every=250, numbers="plain",
            network={ACROSS: "mlp"}, sizes={ACROSS: Size(128, 3)},
        )  # fmt: skip
        head = {"schema": 1, "plan": plan.as_json()}
        (self.folder / "plan" / "run.json").write_text(json.dumps(head), "utf-8")

    def step_seconds(self, name: str) -> float:
        """What a step of a run took, on average, its first ones apart."""
        from pellucid.recording.run import Run

        steps = Run(self.run(name)).steps
        begun = len(steps) // 3
        return float(steps["seconds"][-1] - steps["seconds"][begun]) / (len(steps) - 1 - begun)

    def run(self, name: str) -> Path:
        return self.folder / "runs" / f"{name}.run"

    def start(self, name: str) -> subprocess.Popen[bytes]:
        words = ["learn", "rows.csv", "--target", "kind", "--plan", "plan", "--no-report"]
        return subprocess.Popen(
            [*pellucid(), *words, "--out", str(self.run(name))],
            cwd=self.folder,
            env={**os.environ, "PELLUCID_CACHE": str(self.folder / "cache")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def learn(self, name: str) -> float:
        """Learn without anybody looking; processor seconds of the process."""
        return _ended(self.start(name), wait=True) or 0.0

    def opened(self, name: str, times: int) -> list[float]:
        """Seconds from the address of a run that is done to a time bar that can be moved, each time
        in a browser that has seen nothing yet."""
        found = []
        with _studio(self.folder / "runs") as address:
            for _ in range(times):
                with _browser() as page:
                    page.add_init_script(READY)
                    page.goto(f"{address}#/{name}.run/prediction")
                    page.wait_for_function("() => window.ready")
                    found.append(page.evaluate("() => window.ready") / 1000)
        return found

    def watched(self, name: str) -> tuple[float, list[float], list[float]]:
        """The same with a studio and a browser that follow the run; the ages of steps; and the
        seconds from the first step to the first view, if there was one."""
        with _studio(self.folder / "runs") as address, _browser() as page:
            page.goto(address)
            process = self.start(name)
            with Rows(self.run(name)) as rows:
                spent = None
                watching = False
                while spent is None:
                    spent = _ended(process)
                    if not watching and (self.run(name) / "looks" / "index.json").exists():
                        page.evaluate(WATCH, f"#/{name}.run/prediction")
                        watching = True
                    page.wait_for_timeout(TURN_MS)
            seen = page.evaluate("() => window.seen") if watching else []
        first = [seen[0][0] / 1000 - rows.written[0][0]] if seen and rows.written else []
        return spent, ages(seen, rows.written, self.run(name)), first


READY = """new MutationObserver(() => {
  const bar = document.querySelector("section.bar input[type=range]");
  if (bar && !bar.disabled) window.ready ??= performance.now();
}).observe(document, { subtree: true, childList: true });"""
WATCH = """hash => {
  window.seen = [];
  location.hash = hash;
  new MutationObserver(() => {
    const said = document.querySelector("section.bar .step")?.textContent ?? "";
    if (said && said !== window.seen.at(-1)?.[1]) window.seen.push([Date.now(), said]);
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""


def _ended(process: subprocess.Popen[bytes], *, wait: bool = False) -> float | None:
    """Processor seconds of a process that ended; None while it runs."""
    pid, status, usage = os.wait4(process.pid, 0 if wait else os.WNOHANG)
    if pid == 0:
        return None
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"learning ended with code {process.returncode}")
    return usage.ru_utime + usage.ru_stime


@contextmanager
def _studio(folder: Path) -> Iterator[str]:
    """The address of a studio that shows the runs of this folder."""
    words = ["studio", str(folder), "--no-browser", "--port", "0"]
    process = subprocess.Popen(
        [*pellucid(), *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[1]
    finally:
        process.terminate()
        with process:  # closes its pipe, and waits
            pass


@contextmanager
def _browser() -> Iterator[Page]:
    """An empty page of the Chromium of this machine, or of the one that PELLUCID_CHROMIUM names."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = os.environ.get("PELLUCID_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise RuntimeError("Playwright is needed: pip install playwright") from error
    if path is None:
        raise RuntimeError("no Chromium on this machine; PELLUCID_CHROMIUM may name one")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser.new_page()
        browser.close()


# --- how old a step is on the screen ----------------------------------------------------------


@dataclass
class Rows:
    """Notes when rows of `steps.bin` came to the disk: (s since 1970, rows by then)."""

    run: Path
    written: list[tuple[float, int]] = field(default_factory=list)

    def __enter__(self) -> Rows:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        from pellucid.recording.steps import STEP

        path = self.run / "steps.bin"
        while not self._over.wait(LOOK_SECONDS):
            rows = path.stat().st_size // STEP.itemsize if path.exists() else 0
            if rows > (self.written[-1][1] if self.written else 0):
                self.written.append((time.time(), rows))


def ages(seen: list[list[Any]], written: list[tuple[float, int]], run: Path) -> list[float]:
    """ms from the end of each step that was the newest on the screen to its being there.

    Rows come to the disk together, right after the last of them; the run's own clock tells how
    long before that the others were made.

    Args:
        seen: (ms since 1970, "step 12 of 345").
        written: (s since 1970, rows by then).
    """
    from pellucid.recording.run import Run

    clock = Run(run).steps["seconds"]
    counts = np.array([rows for _, rows in written])
    found = []
    for moment, words in seen[1:]:  # the first one had to be loaded
        newest = int(re.findall(r"\d+", words)[-1])
        place = int(np.searchsorted(counts, newest))
        if newest < 1 or place == len(counts):
            continue
        made = written[place][0] - float(clock[counts[place] - 1] - clock[newest - 1])
        found.append(moment - 1000 * made)
    return found


# --- figures ----------------------------------------------------------------------------------


def slowed(found: dict[str, Any]) -> tuple[float, float]:
    """Seconds that watching adds to learning, and how many it may add."""
    alone, watched = (median(found["seconds"][way]) for way in ("alone", "watched"))
    return watched - alone, max(SHARE_GOAL * alone, SECONDS_GOAL)


def usual_age(found: dict[str, Any]) -> tuple[float, float]:
    """The middle of the ages in ms, and what 95 % of them stay below."""
    return median(found["ages_ms"]), quantiles(found["ages_ms"], n=20)[-1]


def write_table(path: Path) -> None:
    """A table whose two kinds lie inside and outside of a ball."""
    draw = random.Random(0)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*(f"x{number}" for number in range(COLUMNS)), "kind"])
        for _ in range(ROWS):
            cells = [draw.gauss(0, 1) for _ in range(COLUMNS)]
            inside = sum(cell**2 for cell in cells[:6]) < 5.3
            writer.writerow([*(f"{cell:.4f}" for cell in cells), "inside" if inside else "outside"])
