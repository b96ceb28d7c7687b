"""Translation, measured: what GIMP says, from English into German.

python -m benchmarks.uses_translate           measure; goes on where it was stopped
python -m benchmarks.uses_translate --docs    write docs/examples/translation.md from what is
                                              saved
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from benchmarks.fixed_steps import FixedSteps, cell, counted, one_line, spread
from pellucid.config import Plan, Size
from pellucid.network.encoder_decoder import SOURCE
from pellucid.recording.run import Run
from pellucid.uses.answerers import load_answerer
from pellucid.uses.translate.course import PAIRS

SIZE = Size(128, 2, 0.2)
ASKED = ("Open image", "New layer", "Could not open the file", "Select the color", "Undo")


def plan_of(seed: int, steps: int) -> Plan:
    """Written down, with one thread: two wait for each other where something else runs beside."""
    return Plan(
        seed=seed,
        steps=steps,
        batch=PAIRS.batch,
        evaluate_every=max(1, steps // 10),
        optimizer=PAIRS.optimizer,
        rate=PAIRS.rate,
        weight_decay=PAIRS.weight_decay,
        warm=PAIRS.warm,
        flat=PAIRS.flat,
        average=PAIRS.average,
        label_smoothing=PAIRS.smoothing,
        precision="bf16",
        threads=1,
        network={SOURCE: PAIRS.family},
        sizes={SOURCE: SIZE},
    )


def figures(run: Run) -> dict[str, Any]:
    """What is kept beside the verdict."""
    model = load_answerer(run.path)
    lines = model.predict(list(ASKED))
    return {
        "pairs": run.summary["rows"],
        "figures": run.summary["figures"],
        "examples": run.finding("answers")["tables"][0]["rows"],
        "terminal": [f"{one}\n{model.readable(line)}" for one, line in zip(ASKED, lines)],
        "explained": model.explain(ASKED[2]).sentence,
    }


MEMORIES = (
    "A translation memory (TMX) says itself which languages it has (`xml:lang`, in old files"
    " `lang`). Variants such as en-US and en-GB are one language unless there is no other; of a"
    " unit with several, the one that the memory was written in (`srclang`) counts, else the first;"
    " `--target de-AT` takes that variant alone. The source is what the memory was written in, else"
    " English. Codes of the format that a text stood in (`<bpt>`, `<ept>`, `<ph>`, `<it>`, `<ut>`)"
    " are dropped, with footnotes inside of them; what is highlighted (`<hi>`) stays. A unit that"
    " lacks one of the two languages is set aside, and the ledger says which ones it has. A memory"
    " that declares entities is refused, and in a broken one the error names line and column."
    " `pellucid predict RUN memory.tmx` says every unit's source in the other language."
)


def page(result: dict[str, Any]) -> list[str]:
    """`docs/examples/translation.md`."""
    first = result["runs"][0]
    return [
        "# Translation and text-to-text",
        "",
        "Pairs of texts -> a network that says one as the other.",
        "",
        "```",
        "pellucid learn pairs.tsv         # two columns: two languages, or source and target",
        "pellucid learn corpus/           # train.en and train.de, line by line",
        "pellucid learn app.po            # gettext catalogs: .po, .mo, or a folder of them",
        "pellucid learn memory.tmx        # what translators keep: a TMX file, or a folder of them",
        "pellucid learn memory.tmx --target de        # of three languages or more, into German",
        "pellucid learn table.csv --task translate    # any table with two texts",
        "pellucid predict pairs.run new.txt --json    # one source a line",
        "pellucid explain pairs.run 'Open image'      # which words the answer rests on",
        "```",
        "",
        "Pairs with nearly the same source stay on one side of the seal. Answers are searched with"
        " a beam; `probability` is the chance that an answer is word for word what a person would"
        " write, learned on validation pairs.",
        "",
        MEMORIES,
        "",
        "## What GIMP says, in German",
        "",
        f"{first['rows']['train']:,} pairs to learn from. {first['parameters']:,} parameters,"
        f" {result['steps']:,} steps.",
        "",
        *table(result["runs"]),
        "",
        "In brackets the least and the most of the seeds, each with a split of its own. What the"
        " first run says:",
        "",
        *(f"> {one_line(said)}\n" for said in [first["sentence"], *first["said"]]),
        "Its first sealed pairs, as they come:",
        "",
        "| source | a person | network | chrF | nearest neighbor |",
        "|---|---|---|---|---|",
        *("| " + " | ".join(map(cell, row)) + " |" for row in first["examples"]),
        "",
        "New ones:",
        "",
        "```",
        *first["terminal"],
        "```",
        "",
        f"Why it answers *{ASKED[2]}* as it does:",
        "",
        f"> {one_line(first['explained'])}",
    ]


def table(runs: list[dict[str, Any]]) -> list[str]:
    """The figures as Markdown."""
    n = counted([one["pairs"] for one in runs])
    lines = ["| method | chrF | BLEU | sealed pairs | seeds |", "|---|---|---|---|---|"]
    scores = {"network": [one["network"] for one in runs]}
    scores |= {name: [one["baselines"][name] for one in runs] for name in runs[0]["baselines"]}
    for name, values in scores.items():
        key = "BLEU" if name == "network" else f"BLEU of {name}"
        blue = spread([one["figures"][key] for one in runs], 1)
        lines.append(f"| {name} | {spread(values, 1)} | {blue} | {n} | {len(runs)} |")
    return lines


MEASURED = FixedSteps(
    kind="translate",
    source="gimp",
    plan=plan_of,
    steps=4_000,
    seeds=3,
    figures=figures,
    page=page,
    file="translation.md",
)


def run() -> dict[str, Any]:
    """Measure with every seed; saved after each."""
    return MEASURED.run()


def docs() -> Path:
    """Write the page from the measured result."""
    return MEASURED.docs()


if __name__ == "__main__":
    sys.exit(MEASURED.main(sys.argv[1:]))
