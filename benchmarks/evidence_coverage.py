"""Do sets and intervals hold the truth as often as they promise, on open data?

    python -m benchmarks.evidence_coverage [SET ...]

Each set is learned by `pellucid learn --time 20s` with three seeds, which also draw the test rows
where a set has none of its own, and its sealed test rows are asked, as a user would: `pellucid
study RUN sets unlike`. A promise is kept exactly if the coverage lies where 19 of 20 would lie
(beta-binomial: over held rows and test rows drawn anew); above it more is kept than was promised,
as networks that took turns may. The stricter question, whether the binomial interval of the test
rows alone holds what was expected, is answered beside it (`binomial`); it takes that as exact,
which it nearly is only from some hundred held rows on, so the sets with fewer are counted apart in
the table. Expected is what was promised, or more where held rows show it (answers that are given
stand in every set). What the same code measured before stays in the result.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.data import fetch
from benchmarks.measured import circumstances, pellucid, run_fresh, save, saved

SETS = (
    *("cancer", "diabetes", "digits", "letter", "satimage", "movies", "spam", "fashion"),
    *("wine", "vowels", "italypower"),  # fewer than 300 held rows
)
TIME, SEEDS = "20s", (0, 1, 2)
FIGURES = (
    *("rows", "held", "promised", "expected", "guaranteed", "coverage", "low", "high"),
    *("usual_low", "usual_high", "mean_size"),
)
PART, KEPT = "evidence-coverage", ("exactly", "more", "less")


def coverage(sets: Sequence[str] = SETS) -> dict[str, Any]:
    """Measure what is missing and save; returns the result with an entry for each set and seed."""
    around = circumstances(["benchmarks.evidence_coverage", *sets])
    before = saved(PART)
    same = before is not None and before["code"] == around["code"]
    found = dict(before["sets"]) if before is not None and same else {}
    result = {**around, "time": TIME, "sets": found}
    for seed, name in product(SEEDS, sets):
        key = f"{name}, seed {seed}"
        if key in found:
            continue
        found[key] = measure(name, seed)
        print(in_words(key, found[key]), flush=True)
        counts = {how: sum(one["kept"] == how for one in found.values()) for how in KEPT}
        strictly = sum(one["binomial"] for one in found.values())
        save(PART, {**result, "kept": counts, "binomial": strictly})
    return result


def measure(name: str, seed: int) -> dict[str, Any]:
    """Learn one set for twenty seconds, and study what it promises."""
    source = fetch(name)
    with tempfile.TemporaryDirectory() as folder:
        run = str(Path(folder) / f"{name}.run")
        words = ["learn", str(source.train), "--time", TIME, "--seed", str(seed), "--out", run]
        for option in ("test", "target", "group"):
            if getattr(source, option):
                words += [f"--{option}", str(getattr(source, option))]
        learned = run_fresh([*pellucid(), *words, "--no-report", "--json"])
        if learned.code:
            raise RuntimeError(f"{name}: {learned.errors[-2000:]}")
        answer = json.loads(learned.output.splitlines()[-1])
        studied = run_fresh([*pellucid(), "study", run, "sets", "unlike", "--json"])
        if studied.code:
            raise RuntimeError(f"{name}: {studied.errors[-2000:]}")
        sets, unlike = (json.loads(line) for line in studied.output.splitlines())
    figures = sets["figures"]
    return {
        **{key: figures[key] for key in FIGURES},
        "kept": _kept(figures),
        "binomial": figures["low"] <= figures["expected"] <= figures["high"],
        "metric": answer["metric"],
        "score": answer["network_score"],
        "unlike": {"alarms": unlike["figures"]["false_alarms"], **_noticed(unlike)},
        "study_seconds": {one["part"]: one["seconds"] for one in (sets, unlike)},
    }


def _kept(figures: dict[str, Any]) -> str:
    if figures["coverage"] < figures["usual_low"]:
        return "less"
    return "exactly" if figures["coverage"] <= figures["usual_high"] else "more"


def _noticed(unlike: dict[str, Any]) -> dict[str, Any]:
    return {one["rows"]: one["share"] for one in unlike["figures"]["made_up"]}


def in_words(name: str, one: dict[str, Any]) -> str:
    inside = "inside" if one["binomial"] else "OUTSIDE"
    return (
        f"{name:<20} {one['coverage']:.1%} of {one['rows']:,}"
        f" [{one['low']:.1%}, {one['high']:.1%}], promised {one['promised']:.0%},"
        f" expected {one['expected']:.1%}: {inside};"
        f" kept {one['kept']} ({one['usual_low']:.1%} to {one['usual_high']:.1%} are usual);"
        f" size {one['mean_size']:.3g}; {one['metric']} {one['score']:.4g};"
        f" false alarms {one['unlike']['alarms']['share']:.1%}"
    )


if __name__ == "__main__":
    coverage(sys.argv[1:] or SETS)
