"""Unlabelled data: a map of digits that nobody named, and what few labels gain from many pictures.

python -m benchmarks.uses_map            measure what is missing, then write the page
python -m benchmarks.uses_map --docs     only write docs/examples/unlabelled.md
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import fetch
from benchmarks.measured import ROOT, circumstances, save, saved
from benchmarks.seeds import SEEDS, spread
from pellucid import recipe
from pellucid.config import Settings
from pellucid.recipe import Watcher
from pellucid.recording.run import Run
from pellucid.uses import learn

NAME = "uses-map"
LABELLED = 100
SECONDS = 30.0
"""For each of the three runs of a seed; what was measured with another time is measured again."""


def run(seeds: int = SEEDS, seconds: float = SECONDS) -> dict[str, Any]:
    """Measure what is not saved yet; each run is saved as soon as it is done."""
    found = saved(NAME) or {"map": {}, "few labels": {}}
    found |= circumstances(["benchmarks.uses_map"]) | {"labelled": LABELLED}
    source = fetch("digits").train
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for seed in range(seeds):
            if found["map"].get(str(seed), {}).get("seconds") != seconds:
                settings = Settings(task="map", time=seconds, seed=seed)
                done = learn(source, settings, Watcher(), out=home / f"map{seed}")
                found["map"][str(seed)] = _mapped(done)
                save(NAME, found)
                print("map", seed, found["map"][str(seed)]["figures"], flush=True)
            if found["few labels"].get(str(seed), {}).get("seconds") != seconds:
                few = _few(source, home / f"few{seed}", seed)
                found["few labels"][str(seed)] = _compared(few, home, seed, seconds)
                save(NAME, found)
                print("few labels", seed, found["few labels"][str(seed)], flush=True)
    return found


def _mapped(done: Run) -> dict[str, Any]:
    parts = ("clusters", "map", "compared", "recognized")
    findings = {part: done.finding(part) for part in parts}
    return {
        "figures": {k: v for one in findings.values() for k, v in one["figures"].items()},
        "sentences": {part: one["sentence"] for part, one in findings.items()},
        "verdict": done.verdict["sentence"],
        "seconds": done.info["settings"]["time"],
    }


def _few(source: Path, folder: Path, seed: int) -> Path:
    """The pictures again: a fifth for the exam, `LABELLED` in folders of their class, the others in
    a folder 'unlabelled'."""
    files = sorted(file for file in source.rglob("*") if file.suffix == ".png")
    order = np.random.default_rng(seed).permutation(len(files))
    for place, number in enumerate(order.tolist()):
        file = files[number]
        part = f"test/{file.parent.name}"
        if place >= len(files) // 5:
            labelled = place < len(files) // 5 + LABELLED
            part = f"train/{file.parent.name}" if labelled else "unlabelled"
        (folder / part).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / part / f"{file.parent.name}-{file.name}")
    return folder


def _compared(source: Path, home: Path, seed: int, seconds: float) -> dict[str, Any]:
    scores: dict[str, Any] = {"seconds": seconds}
    for asked in ("ignore", "use"):
        settings = Settings(unlabelled=asked, time=seconds, seed=seed, pretrained=False)
        done = recipe.learn(source, settings, Watcher(), out=home / f"{asked}{seed}")
        scores[asked] = done.verdict["network"]["score"]
        scores[f"{asked}: best classical"] = max(b["score"] for b in done.verdict["baselines"])
        scores[f"{asked}: steps"] = done.plan.steps * done.plan.folds
        scores["why"] = done.plan.why.get("unlabelled", "")
    return scores


# --- the page ---------------------------------------------------------------------------------


def docs() -> Path:
    """Write the page from what was measured."""
    found = saved(NAME)
    if found is None or not found["map"]:
        raise RuntimeError("nothing is measured yet: python -m benchmarks.uses_map")
    path = ROOT / "docs" / "examples" / "unlabelled.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_page(found), encoding="utf-8")
    return path


def _page(found: dict[str, Any]) -> str:
    one = next(iter(found["map"].values()))
    said = "\n\n".join(one["sentences"].values())
    return f"""# Unlabelled data: digits that nobody named

Written by `python -m benchmarks.uses_map --docs` from measured results ({found["date"]}, commit
{found["commit"]}), {_seconds(found["map"])} a run. The data is scikit-learn's 1,797 digits of 8 x 8
pixels; their names are set apart.

```
pellucid learn digits --task map
pellucid predict digits.run NEW_FOLDER --json
```

The network learns to give two changed copies of a picture the same vector. In the space of these
vectors clusters are looked for; they are believed in only if they stand further apart than those
cut out of one cloud without clusters, and if two halves of the data give the same ones. What a run
(seed {next(iter(found["map"]))}) said:

{said}

Verdict: {one["verdict"]}

{_figures(found["map"])}

{_few_labels(found)}"""


def _figures(runs: dict[str, Any]) -> str:
    lines = ["| figure | mean ± standard deviation | n |", "|---|---|---|"]
    first = next(iter(runs.values()))["figures"]
    for name in (name for name, value in first.items() if isinstance(value, int | float)):
        values = [one["figures"][name] for one in runs.values() if name in one["figures"]]
        lines.append(f"| {name} | {spread(values)} | {len(values)} |")
    return "\n".join(lines)


def _few_labels(found: dict[str, Any]) -> str:
    runs = found["few labels"]
    if not runs:
        return ""
    lines = ["| pictures without a name | accuracy | n |", "|---|---|---|"]
    for asked in ("ignore", "use"):
        values = [one[asked] for one in runs.values()]
        lines.append(f"| {asked} | {spread(values)} | {len(values)} |")
    values = [one["use: best classical"] for one in runs.values()]
    lines.append(f"| best classical method, without them | {spread(values)} | {len(values)} |")
    gains = [one["use"] - one["ignore"] for one in runs.values()]
    lines.append(f"| gained by using them, paired | {spread(gains)} | {len(gains)} |")
    reasons = "\n".join(f"- seed {seed}: {one['why']}" for seed, one in runs.items())
    return f"""## Few names, many pictures

A folder `unlabelled` beside those of classes holds pictures without a name. With
`--unlabelled use` the network's body learns from them first. It is kept only if pairs of networks
that learn the names from the same rows, with the body and without, say so: the 95 % interval of
what their validation rows gain lies above zero, and no pair says otherwise. Finding that out takes
about two thirds of the time, which the answers then lack, whether the body is kept or not; by
itself it is tried only from 50,000 pictures on. {found["labelled"]} digits with a name,
{_seconds(runs)} a run, the same test rows for all of a seed:

{chr(10).join(lines)}

What validation rows said:

{reasons}
"""


def _seconds(runs: dict[str, Any]) -> str:
    """How long each run was allowed to take."""
    return " or ".join(sorted({f"{one['seconds']:.0f} s" for one in runs.values()}))


def main(arguments: Sequence[str]) -> int:
    if "--docs" not in arguments:
        run()
    print(docs())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
