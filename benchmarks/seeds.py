"""A use learned with several seeds on several sets, a piece at a time.

A piece is one set learned with one seed, in a process of its own as a user starts it. It is saved
as soon as it is measured, so that a measurement that was stopped goes on where it stopped; what was
measured with another `--time` is measured again.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import DATA
from benchmarks.measured import ROOT, circumstances, pellucid, run_fresh, save, saved
from pellucid.recording.run import Run

SEEDS = 3
Source = tuple[Path, Path | None]
"""What is learned from, and the exam's source if it is another."""


@dataclass(frozen=True)
class Set:
    """what: in words. make: writes the data into an empty folder."""

    what: str
    make: Callable[[Path], Source]


@dataclass(frozen=True)
class Measured:
    """kind: the word after `--task`. name: of the result. data: the folder that sets are made in.
    time: for each piece. sets: by name. page: in `docs/examples`."""

    kind: str
    name: str
    data: str
    time: str
    sets: Mapping[str, Set]
    page: str

    def run(
        self,
        figures: Callable[[Run], dict[str, Any]],
        sets: Sequence[str] = (),
        seeds: int = SEEDS,
        time: str | None = None,
        *,
        fresh: bool = False,
    ) -> dict[str, Any]:
        """Measure what is not saved yet, the first seed of every set first.

        Args:
            figures: What is kept of a run that is done.
            fresh: Measure again what this code has saved already, too.
        """
        time = time or self.time
        result = saved(self.name) or {}
        pieces: dict[str, dict[str, Any]] = result.get("pieces", {})
        chosen = list(sets or self.sets)
        for seed in range(seeds):
            for name in chosen:
                known = pieces.setdefault(name, {})
                about = circumstances([f"benchmarks.uses_{self.kind}", "--time", time])
                before = known.get(str(seed), {})
                if not fresh and (before.get("time"), before.get("code")) == (time, about["code"]):
                    continue
                done = self.learn(name, seed, time)
                when = {key: about[key] for key in ("date", "commit", "code")}
                known[str(seed)] = {"time": time, **when, **common(done), **figures(done)}
                result = {**about, "pieces": pieces}
                save(self.name, result)
                print(f"{name:<10} seed {seed}: {known[str(seed)]['sentence']}", flush=True)
        return result

    def learn(self, name: str, seed: int, time: str) -> Run:
        """Learn one piece anew."""
        folder = self.run_folder(name, seed)
        source, test = self.source(name)
        command = [*pellucid(), "learn", str(source), "--task", self.kind, "--time", time]
        command += ["--seed", str(seed), "--out", str(folder), "--no-report"]
        command += ["--test", str(test)] if test else []
        shutil.rmtree(folder, ignore_errors=True)
        ran = run_fresh(command)
        if ran.code:
            raise RuntimeError(ran.errors)
        return Run(folder)

    def source(self, name: str) -> Source:
        """The data of a set, made if it is not there."""
        home = DATA.resolve() / self.data / name
        done = home / "made.txt"
        if not done.exists():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir(parents=True)
            made = self.sets[name].make(home)
            done.write_text("\n".join("" if one is None else one.name for one in made))
        train, _, test = done.read_text().partition("\n")
        return home / train, home / test if test else None

    def run_folder(self, name: str, seed: int) -> Path:
        return DATA.resolve() / "runs" / f"{self.kind}-{name}-{seed}"

    # --- the page ---------------------------------------------------------------------------------

    def write(self, page: Callable[[dict[str, Any]], list[str]]) -> Path:
        """Write the page from what was measured."""
        result = saved(self.name)
        if result is None or "pieces" not in result:
            raise RuntimeError(f"nothing is measured yet: python -m benchmarks.uses_{self.kind}")
        path = ROOT / "docs" / "examples" / self.page
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(page(result)).rstrip() + "\n", "utf-8")
        return path

    def told(self, name: str, commands: Sequence[Sequence[str]]) -> list[str]:
        """What a person sees: each command and what it prints, without this machine's folders."""
        folder = self.run_folder(name, 0)
        source, test = self.source(name)
        lines = []
        for words in commands:
            ran = run_fresh([*pellucid(), *words])
            text = f"$ pellucid {' '.join(words)}\n{ran.output}".rstrip()
            for path, shown in ((folder, f"{name}.run"), (source, source.name), (test, "")):
                text = text.replace(str(path), shown or path.name) if path else text
            text = text.replace(folder.name, f"{name}.run")
            lines += ["```", *text.splitlines(), "```", ""]
        return lines

    def main(
        self,
        arguments: Sequence[str],
        run: Callable[..., dict[str, Any]],
        docs: Callable[[], Path],
    ) -> int:
        """What is typed after the module."""
        parser = argparse.ArgumentParser(prog=f"python -m benchmarks.uses_{self.kind}")
        parser.add_argument("--sets", default="", help=f"of {', '.join(self.sets)}")
        parser.add_argument("--seeds", type=int, default=SEEDS)
        parser.add_argument("--time", default=self.time, help="for each piece")
        parser.add_argument("--fresh", action="store_true", help="measure again what is saved")
        parser.add_argument("--docs", action="store_true", help="only write the page")
        options = parser.parse_args(arguments)
        if not options.docs:
            sets = [name for name in options.sets.split(",") if name]
            run(sets, options.seeds, options.time, fresh=options.fresh)
        print(docs())
        return 0


def common(done: Run) -> dict[str, Any]:
    """What is kept of every run, whatever its use."""
    return {
        "steps": done.plan.steps,
        "units": done.summary["rows"],
        "network": done.verdict["network"]["score"],
        "methods": {one["name"]: one["score"] for one in done.verdict["baselines"]},
        "rival": (done.verdict["difference"] or {}).get("versus"),
        "sentence": done.verdict["sentence"],
    }


def sets_of(result: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Set -> its pieces that are measured, by seed."""
    pieces = result["pieces"].items()
    return {name: [one[seed] for seed in sorted(one)] for name, one in pieces if one}


def spread(values: Sequence[float], digits: int = 3) -> str:
    """The mean and the standard deviation.

    >>> spread([0.5, 0.6, 0.7])
    '0.600 ± 0.100'
    """
    mean = f"{np.mean(values):.{digits}f}"
    return f"{mean} ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else mean


def measured_when(result: dict[str, Any]) -> str:
    """On which machine, how long each piece, which code: a sentence for the page."""
    pieces = [one for known in result["pieces"].values() for one in known.values()]
    times = ", ".join(sorted({f"`--time {one['time']}`" for one in pieces}))
    commits = ", ".join(sorted({one["commit"] for one in pieces}))
    last = max(one["date"] for one in pieces)
    return (
        f"Mean ± standard deviation over n seeds, each with another split; {times} on "
        f"{result['machine']['cores']} cores; commit {commits}, last measured {last}."
    )


def rival_of(runs: Sequence[dict[str, Any]]) -> str:
    """The classical methods that held rows chose, and what they reach on the sealed ones."""
    values = [run["methods"][run["rival"]] for run in runs]
    names = ", ".join(sorted({run["rival"] for run in runs}))
    return f"{spread(values)} ({names})"
