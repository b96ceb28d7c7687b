"""Forecasts of real series: one and many, monthly, daily and yearly.

    python -m benchmarks.uses_forecast            measure; goes on where it was stopped
    python -m benchmarks.uses_forecast --docs     write docs/examples/forecasting.md

Each set is learned with several seeds; the sealed windows are the latest part and the same for
all seeds, so that the spread over seeds is that of the network alone. Every run is saved as soon as
it is done. What other code measured is not mixed in: it is measured again. On one quiet core it
takes about 10 minutes.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.data import fetch
from benchmarks.measured import ROOT, circumstances, code_version, save, saved
from pellucid.config import Settings
from pellucid.recipe import Watcher
from pellucid.recording.run import Run
from pellucid.uses import learn

NAME = "uses-forecast"
SEEDS = 3
ENOUGH = 600.0
"""Seconds that a run may take, far more than its steps need (under a minute on an idle core), so
that figures do not follow from how busy the machine was."""
SETS = {
    "airline": "passengers of airlines, 144 months (Box and Jenkins)",
    "sunspots": "yearly sunspots, 309 years",
    "seattle-weather": "the day's highest temperature in Seattle, 1,461 days",
    "employment": "US employment by 23 branches, 120 months each",
    "m1-yearly": "the 181 yearly series of the M1 contest",
}
"""Carried by aeon, statsmodels and vega-datasets."""
METHODS = ("network", "seasonal naive", "drift", "Theta", "exponential smoothing", "mean of three")


def run(seeds: int = SEEDS, seconds: float = ENOUGH) -> dict[str, Any]:
    """Measure what is not saved yet; each run is saved as soon as it is done."""
    found = saved(NAME)
    if found is None or found["code"] != code_version():
        found = {"sets": {}}
    found |= circumstances(["benchmarks.uses_forecast"])
    with tempfile.TemporaryDirectory() as home:
        for seed in range(seeds):
            for name in SETS:
                runs = found["sets"].setdefault(name, {})
                if str(seed) in runs:
                    continue
                source = fetch(name)
                settings = Settings(
                    task="forecast",
                    target=source.target,
                    time=seconds,
                    seed=seed,
                    keep="best",
                    record=False,
                )
                done = learn(source.train, settings, Watcher(), out=Path(home) / f"{name}{seed}")
                runs[str(seed)] = _of(done)
                save(NAME, found)
                print(name, seed, runs[str(seed)]["scores"], flush=True)
    return found


def _of(done: Run) -> dict[str, Any]:
    verdict = done.verdict
    everyone = [verdict["network"], *verdict["baselines"]]
    return {
        "scores": {one["name"]: one["score"] for one in everyone},
        "sentence": verdict["sentence"],
        "versus": verdict["difference"]["versus"],
        "steps": done.plan.steps,
        "figures": done.summary["figures"],
        "windows": verdict["rows"],
        "kept": {name: done.summary[name] for name in ("kept", "score", "low", "high")},
        "explanations": done.finding("explanations")["figures"],
        "notes": done.info["notes"][:5],
    }


# --- the page ---------------------------------------------------------------------------------


def docs() -> Path:
    """Write the page from what was measured and from a short real run."""
    found = saved(NAME)
    if found is None:
        raise RuntimeError("nothing is measured yet: python -m benchmarks.uses_forecast")
    path = ROOT / "docs" / "examples" / "forecasting.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_page(found, _session()), encoding="utf-8")
    return path


def _page(found: dict[str, Any], session: str) -> str:
    sets = "\n".join(f"- **{name}**: {SETS[name]}" for name in found["sets"])
    said = "\n".join(
        f"- **{name}**: {_kept(runs)} {next(iter(runs.values()))['sentence']}"
        for name, runs in found["sets"].items()
    )
    return f"""# Forecasting: what comes next

Written by `python -m benchmarks.uses_forecast --docs` from measured results ({found["date"]},
commit {found["commit"]}). The series are those that open packages carry:

{sets}

```
{session}
```

## How good

MASE on the sealed windows, the latest part of each set: 1 is the usual error of repeating the last
season, smaller is better. The network, and who is kept with `--keep best` because validation
windows prefer it (the network, the classical method that is best there, or the mean of both): mean
± standard deviation over seeds; the classical methods have no seed. {_steps(found["sets"])}

{_scores(found["sets"])}

What the first seed's verdict says; the intervals of few windows are stretched as Student's t asks,
and overlapping windows count as one:

{said}

How these figures came about: steps, rate, where learning begins and how intervals are corrected
were chosen by validation windows and on series that are not on this page (`docs/log.md`), but
sealed figures of all of these sets had been seen before: the first four while the first version was
made, M1 yearly once after it, all of them again with every later measurement.

## Do the intervals hold, and are the explanations true?

The 80 % intervals are corrected on validation windows; each explanation is tested by taking away
what it says raised the answer most, and compared with random orders. Means over seeds:

{_trust(found["sets"])}
"""


def _kept(runs: dict[str, Any]) -> str:
    """Who was kept, with how many of the seeds."""
    names = [one["kept"]["kept"] for one in runs.values()]
    said = [f"{name} ({names.count(name)})" for name in dict.fromkeys(names)]
    return f"Kept, of {len(names)} seeds: {', '.join(said)}."


def _scores(sets: dict[str, Any]) -> str:
    lines = ["| set | windows | seeds | kept | " + " | ".join(METHODS) + " |"]
    lines.append("|---" * (4 + len(METHODS)) + "|")
    for name, runs in sets.items():
        cells = [_spread([one["kept"]["score"] for one in runs.values()])]
        for method in METHODS:
            values = [one["scores"][method] for one in runs.values()]
            cells.append(_spread(values) if method == "network" else f"{values[0]:.3f}")
        first = next(iter(runs.values()))
        lines.append(f"| {name} | {first['windows']} | {len(runs)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _spread(values: list[float]) -> str:
    """`0.812 ± 0.013`: mean and standard deviation over seeds."""
    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3f}{spread}"


def _steps(sets: dict[str, Any]) -> str:
    steps = {one["steps"] for runs in sets.values() for one in runs.values()}
    return f"{', '.join(f'{count:,}' for count in sorted(steps))} steps each."


def _trust(sets: dict[str, Any]) -> str:
    lines = ["| set | inside the 80 % interval | weighted quantile loss | explanations confirmed |"]
    lines.append("|---|---|---|---|")
    for name, runs in sets.items():
        held = [one["figures"]["coverage of the 80 % interval"] for one in runs.values()]
        inside = f"{statistics.mean(held):.0%}"
        inside += f" ({min(held):.0%} to {max(held):.0%})" if len(held) > 1 else ""
        loss = _spread([one["figures"]["weighted quantile loss"] for one in runs.values()])
        trusted = sum(one["explanations"]["trusted"] for one in runs.values())
        asked = sum(one["explanations"]["windows"] for one in runs.values())
        lines.append(f"| {name} | {inside} | {loss} | {trusted} of {asked} |")
    return "\n".join(lines)


def _session() -> str:
    """A short real run on the command line, and what it printed."""
    told = []
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "airline.csv").write_bytes(fetch("airline").train.read_bytes())
        (Path(home) / "next.csv").write_text("Date\n1961-01\n1961-07\n1963-01\n", "utf-8")
        for words in (
            ["learn", "airline.csv", "--time", "30s", "--no-report"],
            ["predict", "airline.run", "next.csv"],
            ["predict", "airline.run", "next.csv", "--json"],
            ["explain", "airline.run", "next.csv", "--row", "1"],
        ):
            command = [sys.executable, "-m", "pellucid", *words]
            done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise RuntimeError(f"pellucid {' '.join(words)} failed:\n{done.stderr}")
            told.append(f"$ pellucid {' '.join(words)}\n{done.stdout.rstrip()}")
    return "\n\n".join(told)


def main(words: Sequence[str]) -> int:
    if "--docs" in words:
        print(docs())
    else:
        run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
