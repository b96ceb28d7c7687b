"""Translation, measured: what GIMP says, from English into German.

    python -m benchmarks.uses_translate           measure, save, print
    python -m benchmarks.uses_translate --docs    write docs/examples/translation.md from what is
                                                  saved

The number of steps is fixed, so that a busy machine changes times but no figure.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import fetch
from benchmarks.measured import ROOT, circumstances, save, saved
from pellucid import uses
from pellucid.config import Plan, Settings, Size
from pellucid.network.encoder_decoder import SOURCE
from pellucid.recipe.watcher import Watcher
from pellucid.uses.answerers import load_answerer

NAME = "uses-translate"
DOCS = ROOT / "docs" / "examples" / "translation.md"
SEEDS, STEPS = (0, 1), 1_500
SIZE = Size(128, 2, 0.2)
ASKED = ("Open image", "New layer", "Could not open the file", "Select the color", "Undo")


def plan_of(seed: int, steps: int) -> Plan:
    """What the planner chooses within a few minutes on two idle cores, written down."""
    return Plan(
        seed=seed,
        steps=steps,
        batch=64,
        evaluate_every=max(1, steps // 5),
        optimizer="muon",
        rate=0.01,
        weight_decay=0.01,
        warm=0.05,
        flat=0.3,
        average=0.1,
        label_smoothing=0.1,
        threads=2,
        network={SOURCE: "encoder-decoder"},
        sizes={SOURCE: SIZE},
    )


def measure(seed: int, steps: int) -> dict[str, Any]:
    """One run; figures of everybody."""
    source = fetch("gimp")
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        run = uses.learn(
            str(source.train), Settings(seed=seed, record=False), Watcher(),
            out=Path(folder) / "gimp.run", plan=plan_of(seed, steps),
        )  # fmt: skip
        spent = time.process_time() - began
        model = load_answerer(run.path)
        lines = model.predict(list(ASKED))
        examples = run.finding("answers")["tables"][0]
        return {
            "seed": seed,
            "processor_seconds": spent,
            "parameters": run.info["network"]["parameters"],
            "notes": run.info["notes"],
            "rows": run.info["rows"],
            "pairs": run.summary["rows"],
            "figures": run.summary["figures"],
            "network": run.verdict["network"],
            "baselines": run.verdict["baselines"],
            "sentence": run.verdict["sentence"],
            "said": [run.finding(name)["sentence"] for name in run.info["findings"]],
            "examples": examples["rows"],
            "terminal": [f"{one}\n{model.readable(line)}" for one, line in zip(ASKED, lines)],
            "explained": model.explain("Could not open the file").sentence,
        }


def run(seeds: tuple[int, ...] = SEEDS, steps: int = STEPS) -> dict[str, Any]:
    """Measure with every seed; saved after each, printed at the end."""
    result: dict[str, Any] = {**circumstances(["benchmarks.uses_translate"]), "steps": steps}
    result["runs"] = []
    for seed in seeds:
        result["runs"].append(measure(seed, steps))
        save(NAME, result)
    print("\n".join(table(result)))
    return result


def table(result: dict[str, Any]) -> list[str]:
    """The figures as Markdown."""
    runs = result["runs"]
    n = f"{runs[0]['pairs']:,}"
    lines = ["| method | chrF | BLEU | sealed pairs | seeds |", "|---|---|---|---|---|"]
    mine = spread([one["network"]["score"] for one in runs])
    blue = spread([one["figures"]["BLEU"] for one in runs])
    lines.append(f"| network | {mine} | {blue} | {n} | {len(runs)} |")
    for place, baseline in enumerate(runs[0]["baselines"]):
        values = spread([one["baselines"][place]["score"] for one in runs])
        blue = spread([one["figures"][f"BLEU of {baseline['name']}"] for one in runs])
        lines.append(f"| {baseline['name']} | {values} | {blue} | {n} | {len(runs)} |")
    return lines


def spread(values: list[float]) -> str:
    """`41.2 (40.1 to 42.3)`."""
    middle = f"{np.mean(values):.1f}"
    return middle if len(values) < 2 else f"{middle} ({min(values):.1f} to {max(values):.1f})"


def docs() -> Path:
    """Write the page from the measured result; nothing on it is typed by hand.

    Raises:
        RuntimeError: Nothing was measured yet.
    """
    result = saved(NAME)
    if result is None:
        raise RuntimeError("measure first: python -m benchmarks.uses_translate")
    first = result["runs"][0]
    seconds = np.mean([one["processor_seconds"] for one in result["runs"]])
    cells = [
        "| " + " | ".join(str(cell).replace("\n", " ").replace("|", "/") for cell in row) + " |"
        for row in first["examples"]
    ]
    lines = [
        "# Translation and text-to-text",
        "",
        "Pairs of texts -> a network that says one as the other.",
        "",
        "```",
        "pellucid learn pairs.tsv         # two columns: two languages, or source and target",
        "pellucid learn corpus/           # train.en and train.de, line by line",
        "pellucid learn app.po            # gettext catalogs: .po, .mo, or a folder of them",
        "pellucid learn table.csv --task translate    # any table with two texts",
        "pellucid predict pairs.run new.txt --json    # one source a line",
        "pellucid explain pairs.run 'Open image'      # which words the answer rests on",
        "```",
        "",
        "Pairs with nearly the same source stay on one side of the seal. Answers are searched with"
        " a beam; `probability` is the chance that an answer is word for word what a person would"
        " write, learned on validation pairs.",
        "",
        "## What GIMP says, in German",
        "",
        f"{first['rows']['train']:,} pairs to learn from. {first['parameters']:,} parameters,"
        f" {result['steps']:,} steps; with everything around it {seconds:.0f} seconds of one"
        " processor core.",
        "",
        *table(result),
        "",
        "The spread is over seeds, each with a split of its own. The verdict of the first:",
        "",
        *(f"> {said}\n" for said in [first["sentence"], *first["said"]]),
        "The first sealed pairs, as they come:",
        "",
        "| source | a person | network | chrF | nearest neighbor |",
        "|---|---|---|---|---|",
        *cells,
        "",
        "New ones:",
        "",
        "```",
        *first["terminal"],
        "```",
        "",
        f"> {first['explained']}",
        "",
        f"Measured {result['date']} with `{result['command']}`.",
    ]
    DOCS.parent.mkdir(parents=True, exist_ok=True)
    DOCS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return DOCS


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--docs", action="store_true", help="write the page and end")
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args()
    if options.docs:
        print(docs())
    else:
        run(tuple(range(options.seeds)), options.steps)
