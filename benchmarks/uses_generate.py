"""A language model, measured: Jane Austen's novels, the sixth of them sealed.

    python -m benchmarks.uses_generate            measure, save, print
    python -m benchmarks.uses_generate --docs     write docs/examples/chat.md from what is saved

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
from pellucid.network.decoder import GROUP
from pellucid.recipe.watcher import Watcher
from pellucid.uses.answerers import load_answerer
from pellucid.uses.generate.answerer import LanguageModel
from pellucid.uses.generate.sampling import Manner

NAME = "uses-generate"
DOCS = ROOT / "docs" / "examples" / "chat.md"
SEEDS, STEPS = (0, 1), 400
SIZE = Size(128, 3)
PROMPTS = ("It is a truth", "Anne was", "He could not")


def plan_of(seed: int, steps: int) -> Plan:
    """What the planner chooses within a few minutes on two idle cores, written down."""
    return Plan(
        seed=seed,
        steps=steps,
        batch=16,
        evaluate_every=max(1, steps // 4),
        optimizer="muon",
        rate=0.02,
        weight_decay=0.01,
        warm=0.02,
        flat=0.4,
        threads=2,
        network={GROUP: "decoder"},
        sizes={GROUP: SIZE},
    )


def measure(seed: int, steps: int) -> dict[str, Any]:
    """One run; figures of everybody."""
    source = fetch("austen")
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        run = uses.learn(
            str(source.train), Settings(seed=seed, record=False), Watcher(), test=str(source.test),
            out=Path(folder) / "austen.run", plan=plan_of(seed, steps),
        )  # fmt: skip
        spent = time.process_time() - began
        model = load_answerer(run.path)
        assert isinstance(model, LanguageModel)
        manner = Manner(tokens=60, temperature=0.8, seed=seed)
        return {
            "seed": seed,
            "processor_seconds": spent,
            "parameters": run.info["network"]["parameters"],
            "notes": run.info["notes"],
            "rows": run.info["rows"],
            "characters": run.summary["figures"]["characters"],
            "network": run.verdict["network"],
            "baselines": run.verdict["baselines"],
            "sentence": run.verdict["sentence"],
            "said": [run.finding(name)["sentence"] for name in run.info["findings"]],
            "explained": model.explain(["She had been so happy with her sister, and the"]).sentence,
            "written": [
                {"prompt": prompt, "answer": "".join(model.answer(prompt, manner))}
                for prompt in PROMPTS
            ],
        }


def run(seeds: tuple[int, ...] = SEEDS, steps: int = STEPS) -> dict[str, Any]:
    """Measure with every seed; saved after each, printed at the end."""
    result: dict[str, Any] = {**circumstances(["benchmarks.uses_generate"]), "steps": steps}
    result["runs"] = []
    for seed in seeds:
        result["runs"].append(measure(seed, steps))
        save(NAME, result)
    print("\n".join(table(result)))
    return result


def table(result: dict[str, Any]) -> list[str]:
    """The figures as Markdown."""
    runs = result["runs"]
    n = f"{runs[0]['characters']:,.0f}"
    lines = ["| method | bits per character | sealed characters | seeds |", "|---|---|---|---|"]
    mine = spread([one["network"]["score"] for one in runs])
    lines.append(f"| network | {mine} | {n} | {len(runs)} |")
    for place, baseline in enumerate(runs[0]["baselines"]):
        values = spread([one["baselines"][place]["score"] for one in runs])
        lines.append(f"| {baseline['name']} | {values} | {n} | {len(runs)} |")
    return lines


def spread(values: list[float]) -> str:
    """`2.412 (2.401 to 2.423)`."""
    middle = f"{np.mean(values):.3f}"
    return middle if len(values) < 2 else f"{middle} ({min(values):.3f} to {max(values):.3f})"


def docs() -> Path:
    """Write the page from the measured result; nothing on it is typed by hand.

    Raises:
        RuntimeError: Nothing was measured yet.
    """
    result = saved(NAME)
    if result is None:
        raise RuntimeError("measure first: python -m benchmarks.uses_generate")
    first = result["runs"][0]
    seconds = np.mean([one["processor_seconds"] for one in result["runs"]])
    lines = [
        "# Language model and chat",
        "",
        "Texts or dialogues -> a network that goes on with them.",
        "",
        "```",
        "pellucid learn novels/                        # a folder of .txt, without classes",
        "pellucid learn chat.jsonl                     # dialogues, or prompts with responses",
        "pellucid chat novels.run                      # talk with it; also piped in",
        'pellucid chat novels.run --prompt "It was" --tokens 60 --temperature 0.8 --json',
        "pellucid predict novels.run new.txt --json    # bits per character of a text",
        "pellucid explain novels.run 'She had been so' # which words moved the next one",
        "pellucid learn chat.jsonl --start FOLDER      # from a model in Hugging Face's layout",
        "```",
        "",
        'Dialogues are lines such as `{"messages": [{"role": "user", "content": "..."}, {"role":'
        ' "assistant", "content": "..."}]}` or `{"prompt": "...", "response": "..."}`; only what'
        " the assistant says is learned. A folder to start from holds `config.json`,"
        " `tokenizer.json` and `*.safetensors` of a Llama, Qwen2, Mistral or GPT-2 model; a small"
        " change (LoRA) is learned beside its frozen matrices.",
        "",
        "A small model that learned from your texts alone goes on in their manner. It knows nothing"
        " of the world and can't answer general questions.",
        "",
        "## Jane Austen",
        "",
        f"Five novels to learn from, Persuasion sealed. {first['parameters']:,} parameters,"
        f" {result['steps']} steps; with everything around it {seconds:.0f} seconds of one"
        " processor core.",
        "",
        *table(result),
        "",
        "Fewer bits are better; the spread is over seeds. The verdict of the first:",
        "",
        *(f"> {said}\n" for said in [first["sentence"], *first["said"]]),
        "What it wrote, unselected:",
        "",
        "```",
        *(f"{one['prompt']}{one['answer'].rstrip()}\n" for one in first["written"]),
        "```",
        "",
        "Why a next token is what it is:",
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
