"""Object detection, measured: tree crowns from above, and generated shapes.

    python -m benchmarks.uses_detect            measure; goes on where it was stopped
    python -m benchmarks.uses_detect --docs     write docs/examples/detection.md from what is saved

The number of steps is fixed, so that a busy machine changes times but no figure. Every run is saved
as soon as it is done. What other code measured is not mixed in: it is measured again. On one quiet
core it takes about 12 minutes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import fetch
from benchmarks.measured import ROOT, circumstances, code_version, save, saved
from pellucid import uses
from pellucid.config import Plan, Settings, Size
from pellucid.examples.scenes import PICTURES, write
from pellucid.recipe.watcher import Watcher
from pellucid.recording.run import Run

NAME = "uses-detect"
DOCS = ROOT / "docs" / "examples" / "detection.md"
SEEDS = 3
FRESH = 1_000


@dataclass(frozen=True)
class Part:
    """One data set, and how long is learned from it. group: column of what belongs together."""

    name: str
    what: str
    steps: int
    group: str | None = None


PARTS = (
    Part(
        "shapes",
        f"{PICTURES} generated pictures, 128 x 128, 0 to 6 of 5 shapes in each",
        steps=400,
    ),
    Part(
        "crowns",
        "tiles of 4 aerial scenes (DeepForest), tree crowns; whole scenes held out",
        steps=300,
    ),
)


def plan_of(part: Part, seed: int) -> Plan:
    """About what fits into a minute on two idle cores, written down. One thread: several that wait
    for each other on a busy machine take far more of the processor."""
    return Plan(
        seed=seed,
        steps=part.steps,
        batch=12,
        evaluate_every=part.steps // 4,
        optimizer="muon",
        rate=0.06,
        weight_decay=0.01,
        clip=None,
        warm=0.1,
        average=0.1,
        threads=1,
        network={"picture": "heat map"},
        sizes={"picture": Size(32, 1)},
    )


def source_of(part: Part, folder: Path) -> Path:
    """Where the pictures are. The shapes are other ones than those that the loss was chosen on."""
    return write(folder, seed=FRESH) if part.name == "shapes" else fetch("crowns").train


def measure(part: Part, seed: int) -> dict[str, Any]:
    """One run; figures of everybody."""
    with tempfile.TemporaryDirectory() as folder:
        source = source_of(part, Path(folder))
        settings = Settings(time=60, seed=seed, group=part.group, task="detect", record=False)
        began = time.process_time()
        run = uses.learn(
            str(source), settings, Watcher(), out=Path(folder) / "run", plan=plan_of(part, seed)
        )
        spent = time.process_time() - began
        found = {
            "seed": seed,
            "pictures": run.info["examples"],
            "processor_seconds": spent,
            "figures": run.summary["figures"],
            "sentence": run.verdict["sentence"],
            "network": run.verdict["network"],
            "baselines": run.verdict["baselines"],
            "said": [run.finding(name)["sentence"] for name in run.info["findings"]],
        }
        if seed == 0:
            found["terminal"] = _terminal(run, source)
        return found


def _terminal(run: Run, source: Path) -> list[str]:
    """What a person sees of a few pictures, and of one box explained."""
    from pellucid.uses.answerers import load_answerer

    answerer = load_answerer(run.path)
    lines = answerer.predict(str(source))
    told = [line for line in lines if line.get("boxes")]
    shown = [answerer.readable(line) for line in lines[:5]]
    if told:
        shown += ["", answerer.explain(str(source), row=told[0]["row"]).sentence]
    return shown


def run(seeds: int = SEEDS, only: str | None = None) -> dict[str, Any]:
    """Measure what is not saved yet, seed by seed; each run is saved as soon as it is done."""
    result = saved(NAME)
    if result is None or result["code"] != code_version():
        result = {"parts": {}}
    result |= circumstances(["benchmarks.uses_detect"])
    for seed in range(seeds):
        for part in PARTS:
            if only not in (None, part.name):
                continue
            kept = result["parts"].setdefault(part.name, {"runs": []})
            kept |= {"what": part.what, "steps": part.steps}
            if seed in [one["seed"] for one in kept["runs"]]:
                continue
            kept["runs"].append(measure(part, seed))
            save(NAME, result)
            print(part.name, seed, kept["runs"][-1]["figures"], flush=True)
    print("\n".join(table(result)))
    return result


def table(result: dict[str, Any]) -> list[str]:
    """The figures as Markdown."""
    lines = ["| data | method | mAP | AP50 | n | seeds |", "|---|---|---|---|---|---|"]
    for name, part in result["parts"].items():
        runs = part["runs"]
        n = f"{runs[0]['pictures']['test']} pictures"
        fifty = spread([one["figures"]["AP50"] for one in runs])
        mine = spread([one["network"]["score"] for one in runs])
        lines.append(f"| {name} | network | {mine} | {fifty} | {n} | {len(runs)} |")
        for place, baseline in enumerate(runs[0]["baselines"]):
            values = spread([one["baselines"][place]["score"] for one in runs])
            lines.append(f"| {name} | {baseline['name']} | {values} | | {n} | {len(runs)} |")
    return lines


def spread(values: list[float]) -> str:
    """`.412 (.401 to .423)`."""
    middle = f"{np.mean(values):.3f}"
    return middle if len(values) < 2 else f"{middle} ({min(values):.3f} to {max(values):.3f})"


def docs() -> Path:
    """Write the page from the measured result; nothing on it is typed by hand.

    Raises:
        RuntimeError: Nothing was measured yet.
    """
    result = saved(NAME)
    if result is None:
        raise RuntimeError("measure first: python -m benchmarks.uses_detect")
    lines = [
        "# Object detection",
        "",
        "What is where: boxes around things in pictures, with a probability for each.",
        "",
        "    pellucid learn pictures/ --task detect",
        "    pellucid predict pictures.run new/ --json",
        "",
        "Read are COCO JSON, Pascal VOC XML, YOLO text files with `data.yaml` or `classes.txt`, "
        "and a CSV with `image, xmin, ymin, xmax, ymax, label`. A folder where annotations and "
        "pictures are found is taken by itself. Subfolders `train`, `val`, `test` are respected; "
        "pictures without boxes teach what nothing looks like. Boxes are answered in pixels of the "
        "picture as it is shown, a photo that the camera marked as turned included.",
        "",
        "## How good",
        "",
        *table(result),
        "",
        "mAP counts as COCO does (overlaps .50 to .95), on sealed pictures; the spread is over "
        "seeds, each with a split of its own where none is given. Measured "
        f"{result['date']} with `{result['command']}`.",
        "",
    ]
    for name, part in result["parts"].items():
        first = part["runs"][0]
        lines += [
            f"### {name.capitalize()}",
            "",
            f"{part['what'][0].upper()}{part['what'][1:]}. {part['steps']} steps.",
            "",
            *(f"> {said}\n" for said in [verdict_of(first), *first["said"]]),
            "```",
            *first["terminal"],
            "```",
            "",
        ]
    DOCS.parent.mkdir(parents=True, exist_ok=True)
    DOCS.write_text("\n".join(lines).rstrip() + "\n", "utf-8")
    return DOCS


def verdict_of(found: dict[str, Any]) -> str:
    """The verdict's sentence without what it says of times: they are the machine's."""
    sentence: str = found["sentence"]
    end = sentence.find("]") + 1
    if end == 0:
        return sentence
    closing = ")" if sentence.count("(", 0, end) > sentence.count(")", 0, end) else ""
    return f"{sentence[:end]}{closing}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docs", action="store_true", help="write the page from what is saved")
    parser.add_argument("--only", choices=[part.name for part in PARTS], help="one data set")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many seeds")
    asked = parser.parse_args()
    if asked.docs:
        print(docs())
    else:
        run(asked.seeds, asked.only)


if __name__ == "__main__":
    main()
