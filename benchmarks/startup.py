"""How long until something happens: `--help`, `import pellucid`, a whole run on a small table.

    python -m benchmarks startup

Every figure is the median of fresh processes; the first, cold one is left out. Files that Python
compiled are kept from one to the next, as on a user's machine.
"""

from __future__ import annotations

import csv
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measured import Load, Ran, circumstances, pellucid, percent, quiet, run_fresh, save

START_GOAL, TABLE_GOAL = 0.15, 10.0
"""Seconds."""
PROCESSES = 7
ROWS = 500


def run(*, anyway: bool = False, processes: int = PROCESSES) -> None:
    """Measure and save.

    Raises:
        Disturbed: Other programs took too much of the processor.
        RuntimeError: A program that should work failed.
    """
    python = [sys.executable, "-c"]
    commands = {
        "python alone": [*python, "pass"],
        "import pellucid": [*python, "import pellucid"],
        "pellucid --help": [*pellucid(), "--help"],
    }
    result = {**circumstances(["benchmarks", "startup"]), "torch_imported": imports_torch()}
    # They are so short that several are needed to see what others did meanwhile.
    starts = [
        quiet(partial(_many, name, 10 * processes, partial(_succeed, command)), anyway=anyway)
        for name, command in commands.items()
    ]
    result["measured"] = [*starts, quiet(partial(table_run, processes), anyway=anyway)]
    save("startup", result)


def table_run(processes: int) -> dict[str, Any]:
    """From the start of the process to its end with a report written, on a table of 500 rows."""
    parts: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "customers.csv"
        write_table(table, ROWS)
        out = Path(folder) / "customers.run"

        def learn() -> Ran:
            shutil.rmtree(out, ignore_errors=True)
            words = ["learn", str(table), "--target", "stays", "--out", str(out), "--json"]
            ran = _succeed([*pellucid(), *words])
            if not (out / "report.html").exists():
                raise RuntimeError("the run wrote no report")
            answer = json.loads(ran.output.splitlines()[-1])
            timing = json.loads((out / "run.json").read_text("utf-8"))["timing"]
            parts.append({"score": answer["score"], "timing": timing})
            return ran

        found = _many(f"a table of {ROWS} rows, start to report", processes, learn)
    return {**found, "runs": parts[1:]}


def _many(name: str, processes: int, start: Callable[[], Ran]) -> dict[str, Any]:
    start()  # cold
    load = Load.now()
    runs = [start() for _ in range(processes)]
    seconds = [round(ran.seconds, 4) for ran in runs]
    foreign = load.foreign()
    print(f"{name:<36} {median(seconds):.3f} s, others took {percent(foreign)}", flush=True)
    memory = [round(ran.peak_mb) for ran in runs]
    return {"name": name, "seconds": seconds, "peak_mb": memory, "foreign": foreign}


def imports_torch() -> bool:
    """Whether `import pellucid` or `pellucid --help` loads PyTorch."""
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('\\n', 'torch' in sys.modules))\n"
        "from pellucid.interfaces.cli import main\n"
        "main(['--help'])\n"
    )
    return _succeed([sys.executable, "-c", code]).output.split()[-1] == "True"


def _succeed(command: list[str]) -> Ran:
    ran = run_fresh(command)
    if ran.code != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{ran.errors}")
    return ran


def goal(name: str) -> float | None:
    """Seconds that it may take; None: only there to compare with."""
    if name == "python alone":
        return None
    return TABLE_GOAL if name.startswith("a table") else START_GOAL


def write_table(path: Path, rows: int) -> None:
    """A table as offices have them: numbers with gaps, categories, dates, a yes or no to predict.

    Who stays follows from months, calls and plan, with some chance in it.
    """
    chance = random.Random(0)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["joined", "months", "plan", "calls", "bill", "city", "discount", "age", "stays"]
        )
        for _ in range(rows):
            joined = (chance.randint(2015, 2024), chance.randint(1, 12), chance.randint(1, 28))
            months, calls = chance.randint(1, 60), chance.randint(0, 9)
            plan = chance.choice(["basic", "plus", "family"])
            bill = round(20 + 15 * (plan != "basic") + chance.gauss(0, 4), 2)
            liking = months / 20 - calls / 3 + (plan == "family") + chance.gauss(0, 0.7)
            writer.writerow(
                [
                    "{}-{:02}-{:02}".format(*joined),
                    months,
                    plan,
                    calls,
                    bill,
                    chance.choice(["Bonn", "Lyon", "Porto", "Turin", "Graz"]),
                    chance.choice([0, 5, 10]),
                    "" if chance.random() < 0.1 else chance.randint(18, 80),
                    "yes" if liking > 0 else "no",
                ]
            )
