"""How good are the models on open data, within three minutes each?

    python -m benchmarks quality                      all sets, seeds 0 to 2, 3 minutes each
    python -m benchmarks quality --sets letter,wine --seeds 1 --time 60s

Every run is `pellucid learn` in a process of its own, as a user starts it. A run that was saved is
not made again unless the code, the time or the command changed (or with --fresh), so that this can
be interrupted and gone on with. Test rows are looked at by `learn` alone, once, at its end.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from benchmarks.data import DATA, Source, fetch
from benchmarks.measured import Load, circumstances, pellucid, percent, run_fresh, save, saved

RUNS = DATA / "runs"
TIME, SEEDS = "3m", 3
PLANNED = ("network", "sizes", "steps", "batch", "precision", "folds", "augment", "optimizer")


@dataclass(frozen=True)
class Goal:
    """What a set must reach, of the mean over seeds.

    figure: at least so much. beats: or at least as good as the best of these classical methods on
    the same rows. within: as good up to the interval of the score. alone: the network by itself.
    """

    figure: float | None = None
    beats: tuple[str, ...] = ()
    within: bool = False
    alone: bool = False
    words: str = ""


LINEAR, TREES = "regression", "boosted trees"
GOALS: dict[str, Goal] = {
    # Cheapest first.
    "wine": Goal(beats=(LINEAR, TREES), within=True, words=">= linear and trees, within interval"),
    "diabetes": Goal(beats=(LINEAR,), words="<= RMSE of ridge"),
    "cancer": Goal(
        beats=(LINEAR, TREES), within=True, words=">= linear and trees, within interval"
    ),
    "italypower": Goal(0.96),
    "gunpoint": Goal(0.97),
    "basicmotions": Goal(1.0),
    "osuleaf": Goal(0.90),
    "vowels": Goal(0.985),
    "drums": Goal(beats=("MFCC",), alone=True, words="network > MFCC statistics"),
    "digits": Goal(0.985),
    "satimage": Goal(0.91),
    "letter": Goal(0.965),
    "movies": Goal(0.78),
    "spam": Goal(0.99),
    "spam-at-random": Goal(0.99, words=">= 0.99, copies on both sides"),
    "fashion": Goal(0.925),
}


def run(
    sets: Sequence[str] = (), seeds: int = SEEDS, limit: str = TIME, *, fresh: bool = False
) -> None:
    """Measure sets one after the other; each run is saved as soon as it has ended.

    Raises:
        KeyError: There is no such set.
    """
    unknown = [name for name in sets if name not in GOALS]
    if unknown:
        raise KeyError(f"no set is called '{unknown[0]}'; there are {', '.join(GOALS)}")
    for name in sets or GOALS:
        for seed in range(seeds):
            _run_one(name, seed, limit, fresh=fresh)


def _run_one(name: str, seed: int, limit: str, *, fresh: bool) -> None:
    around = circumstances(["benchmarks", "quality", "--sets", name, "--time", limit])
    before = known_runs(name, around, limit)
    if not fresh and any(run["seed"] == seed for run in before):
        print(f"{name:<14} seed {seed}: there already", flush=True)
        return
    found = learn(fetch(name), seed, limit)
    print(f"{name:<14} seed {seed}: {in_words(found)}", flush=True)
    if "failed" in found:
        return
    runs = [run for run in before if run["seed"] != seed] + [found | {"date": around["date"]}]
    runs.sort(key=lambda run: int(run["seed"]))
    save(f"quality-{name}", {**around, "set": name, "time": limit, "runs": runs})


def known_runs(name: str, around: dict[str, Any], limit: str) -> list[dict[str, Any]]:
    """Runs of the very same code, time and machine; others can't stand beside new ones."""
    result = saved(f"quality-{name}")
    same = result is not None and all(
        result[key] == around[key] for key in ("code", "machine", "versions")
    )
    return list(result["runs"]) if result and same and result["time"] == limit else []


def learn(source: Source, seed: int, limit: str) -> dict[str, Any]:
    """One run; what it found, or the error if it failed."""
    out = RUNS / f"{source.name}-{seed}"
    shutil.rmtree(out, ignore_errors=True)
    out.parent.mkdir(exist_ok=True)
    words = ["learn", str(source.train), "--time", limit, "--seed", str(seed), "--keep", "best"]
    words += ["--json", "--out", str(out)]
    for option in ("test", "target", "group"):
        if getattr(source, option):
            words += [f"--{option}", str(getattr(source, option))]
    load = Load.now()
    ran = run_fresh([*pellucid(), *words])
    foreign = load.foreign()
    if ran.code != 0:
        return {"seed": seed, "failed": ran.errors[-2000:], "code": ran.code}
    answer = json.loads(ran.output.splitlines()[-1])
    measured = {"foreign": foreign, "process_seconds": round(ran.seconds, 1)}
    return {"seed": seed, **measured, "peak_mb": round(ran.peak_mb), **what_happened(answer, out)}


def what_happened(answer: dict[str, Any], out: Path) -> dict[str, Any]:
    """The figures of a run, from its answer and its folder."""
    info = json.loads((out / "run.json").read_text("utf-8"))
    judged = json.loads((out / "verdict.json").read_text("utf-8"))
    methods = {one["name"]: one for one in (judged["network"], *judged["baselines"])}
    figures = ("score", "low", "high", "valid_score", "seconds")
    return {
        "metric": answer["metric"],
        "score": answer["score"],
        "low": answer["low"],
        "high": answer["high"],
        "kept": info["kept"],
        "methods": {
            name: {figure: one[figure] for figure in figures} for name, one in methods.items()
        },
        "verdict": answer["verdict"],
        "rows": answer["rows"],
        "seconds": answer["seconds"],
        "timing": info["timing"],
        "recording": info["recording"],
        "plan": {name: info["plan"][name] for name in (*PLANNED, "why", "shortened")},
        "parameters": info["network"]["parameters"],
        "chosen": info["network"]["chosen"],
    }


def in_words(found: dict[str, Any]) -> str:
    if "failed" in found:
        return f"failed with exit code {found['code']}\n{found['failed']}"
    network = found["methods"]["network"]["score"]
    rival = best_rival(found)
    return (
        f"{found['metric']} {found['score']:.4g} kept ({found['kept']}), network {network:.4g}, "
        f"{rival} {found['methods'][rival]['score']:.4g}, {found['process_seconds']:.0f} s, "
        f"others took {percent(found['foreign'])}"
    )


def best_rival(found: dict[str, Any]) -> str:
    """The classical method that validation rows (never test rows) speak for."""
    rivals = {n: one for n, one in found["methods"].items() if n != "network"}
    sign = -1 if lower_is_better(found) else 1
    return max(rivals, key=lambda name: sign * float(rivals[name]["valid_score"]))


def lower_is_better(found: dict[str, Any]) -> bool:
    return found["metric"] in ("RMSE", "MAE")


# --- against the goal -------------------------------------------------------------------------


def reached(goal: Goal, runs: list[dict[str, Any]]) -> bool:
    """Whether the mean over seeds reaches the goal."""
    sign = -1 if lower_is_better(runs[0]) else 1
    score = mean(_own(goal, run) for run in runs)
    if goal.figure is not None:
        return score >= goal.figure
    rival = mean(sign * _best_of(goal.beats, run) for run in runs)
    if goal.within:
        ends = mean(float(run["low" if sign < 0 else "high"]) for run in runs)
        return sign * ends >= rival
    return sign * score > rival if goal.alone else sign * score >= rival


def _own(goal: Goal, run: dict[str, Any]) -> float:
    return float(run["methods"]["network"]["score"] if goal.alone else run["score"])


def _best_of(names: tuple[str, ...], run: dict[str, Any]) -> float:
    """The best score on test rows of the methods whose names contain one of these words."""
    scores = [
        float(one["score"])
        for name, one in run["methods"].items()
        if name != "network" and any(word in name for word in names)
    ]
    return min(scores) if lower_is_better(run) else max(scores)


def spread(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and standard deviation; None of a single value."""
    return mean(values), stdev(values) if len(values) > 1 else None
