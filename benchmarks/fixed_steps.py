"""A use measured with a plan that is written down, a seed at a time.

The number of steps is fixed, so that a busy machine changes no figure. Every seed is saved as soon
as it is measured, and a measurement that was stopped goes on behind it; what was measured with
other code or another number of steps is measured again.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import fetch
from benchmarks.measured import ROOT, circumstances, code_version, save, saved
from pellucid import uses
from pellucid.config import Plan, Settings
from pellucid.learning.loop import Step
from pellucid.recipe.watcher import Watcher
from pellucid.recording.run import Run

ENOUGH = 3_600.0
"""Seconds that a run may take: far more than its steps need, so that classical methods try
everything however busy the machine is."""
TOLD_EVERY = 100
"""Steps."""


@dataclass(frozen=True)
class FixedSteps:
    """kind: the word after `--task`. source: one of `benchmarks.data.SETS`. plan: seed and steps ->
    the plan. steps, seeds: unless others are asked for. figures: what is kept of a run that is
    done. page: lines of Markdown of the result, for the file `file` in `docs/examples`."""

    kind: str
    source: str
    plan: Callable[[int, int], Plan]
    steps: int
    seeds: int
    figures: Callable[[Run], dict[str, Any]]
    page: Callable[[dict[str, Any]], list[str]]
    file: str

    @property
    def name(self) -> str:
        """Of the result."""
        return f"uses-{self.kind}"

    def run(self, seeds: int | None = None, steps: int | None = None) -> dict[str, Any]:
        """Measure the seeds that are not saved yet."""
        steps = steps or self.steps
        result = saved(self.name)
        if result is None or (result["code"], result["steps"]) != (code_version(), steps):
            result = {"steps": steps, "runs": []}
        result |= circumstances([f"benchmarks.uses_{self.kind}"])
        for seed in range(seeds or self.seeds):
            if seed not in [one["seed"] for one in result["runs"]]:
                result["runs"].append(self.measure(seed, steps))
                save(self.name, result)
        return result

    def measure(self, seed: int, steps: int) -> dict[str, Any]:
        """Learn once, and what is kept of it."""
        found = fetch(self.source)
        with tempfile.TemporaryDirectory() as folder:
            run = uses.learn(
                str(found.train),
                Settings(seed=seed, time=ENOUGH, record=False),
                _Telling(f"{self.kind}, seed {seed}"),
                test=str(found.test) if found.test else None,
                out=Path(folder) / f"{self.source}.run",
                plan=self.plan(seed, steps),
            )
            return {"seed": seed, **common(run), **self.figures(run)}

    def docs(self) -> Path:
        """Write the page from the measured result; nothing on it is typed by hand.

        Raises:
            RuntimeError: Nothing was measured yet.
        """
        result = saved(self.name)
        if result is None:
            raise RuntimeError(f"measure first: python -m benchmarks.uses_{self.kind}")
        path = ROOT / "docs" / "examples" / self.file
        lines = [*self.page(result), "", _measured_when(result)]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def main(self, arguments: Sequence[str]) -> int:
        """What is typed after the module."""
        parser = argparse.ArgumentParser(prog=f"python -m benchmarks.uses_{self.kind}")
        parser.add_argument("--docs", action="store_true", help="only write the page")
        parser.add_argument("--seeds", type=int, default=self.seeds)
        parser.add_argument("--steps", type=int, default=self.steps)
        options = parser.parse_args(arguments)
        if not options.docs:
            self.run(options.seeds, options.steps)
        print(self.docs())
        return 0


class _Telling(Watcher):
    """Says which piece is measured, and how far it is."""

    def __init__(self, piece: str) -> None:
        self.piece = piece

    def stage(self, name: str) -> None:
        print(f"{self.piece}: {name}", flush=True)

    def step(self, step: Step, fold: int, plan: Plan) -> None:
        if step.number % TOLD_EVERY == 0:
            print(f"{self.piece}: step {step.number} of {plan.steps}", flush=True)


def common(run: Run) -> dict[str, Any]:
    """What is kept of every run, whatever its use."""
    return {
        "parameters": run.info["network"]["parameters"],
        "rows": run.info["rows"],
        "network": run.verdict["network"]["score"],
        "baselines": {one["name"]: one["score"] for one in run.verdict["baselines"]},
        "sentence": verdict_of(run),
        "said": [run.finding(name)["sentence"] for name in run.info["findings"]],
    }


def verdict_of(run: Run) -> str:
    """The verdict's sentence without what it says of times: they are the machine's."""
    sentence: str = run.verdict["sentence"]
    end = sentence.find("]") + 1
    if end == 0:
        return sentence
    closing = ")" if sentence.count("(", 0, end) > sentence.count(")", 0, end) else ""
    return f"{sentence[:end]}{closing}."


def spread(values: Sequence[float], digits: int) -> str:
    """The mean, and the least and the most.

    >>> spread([1.0, 2.0], 1)
    '1.5 (1.0 to 2.0)'
    """
    middle = f"{np.mean(values):.{digits}f}"
    ends = f" ({min(values):.{digits}f} to {max(values):.{digits}f})"
    return middle + ends if len(values) > 1 else middle


def counted(values: Sequence[float]) -> str:
    """How many there are with each seed.

    >>> counted([500, 502, 500])
    '500 to 502'
    """
    least, most = min(values), max(values)
    return f"{least:,.0f} to {most:,.0f}" if most > least else f"{least:,.0f}"


def one_line(text: str) -> str:
    """A sentence for a quotation: ends of lines within it are shown as signs."""
    return text.replace("\n", "⏎")


def cell(text: object) -> str:
    """Any text as a cell of a Markdown table."""
    return " ".join(str(text).split()).replace("|", "/")


def _measured_when(result: dict[str, Any]) -> str:
    return f"Measured {result['date']} with `{result['command']}`, commit {result['commit']}."
