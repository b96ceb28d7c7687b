"""A language model, measured: Jane Austen's novels, the sixth of them sealed.

python -m benchmarks.uses_generate            measure; goes on where it was stopped
python -m benchmarks.uses_generate --docs     write docs/examples/chat.md from what is saved
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from benchmarks.fixed_steps import FixedSteps, counted, one_line, spread
from pellucid.config import Plan, Size
from pellucid.network.decoder import GROUP
from pellucid.recording.run import Run
from pellucid.uses.answerers import load_answerer
from pellucid.uses.generate.answerer import LanguageModel
from pellucid.uses.generate.course import DECODER
from pellucid.uses.generate.sampling import Manner

SIZE = Size(128, 3)
PROMPTS = ("It is a truth", "Anne was", "He could not")
ASKED = "She had been so happy with her sister, and the"


def plan_of(seed: int, steps: int) -> Plan:
    """Written down, with one thread: two wait for each other where something else runs beside."""
    return Plan(
        seed=seed,
        steps=steps,
        batch=DECODER.batch,
        evaluate_every=max(1, steps // 5),
        optimizer=DECODER.optimizer,
        rate=DECODER.rate,
        weight_decay=DECODER.weight_decay,
        warm=DECODER.warm,
        flat=DECODER.flat,
        average=DECODER.average,
        precision="bf16",
        threads=1,
        network={GROUP: DECODER.family},
        sizes={GROUP: SIZE},
    )


def figures(run: Run) -> dict[str, Any]:
    """What is kept beside the verdict."""
    model = load_answerer(run.path)
    assert isinstance(model, LanguageModel)
    manner = Manner(tokens=60, temperature=0.8, seed=0)
    return {
        "notes": run.info["notes"],
        "characters": run.summary["figures"]["characters"],
        "explained": model.explain([ASKED]).sentence,
        "written": [
            {"prompt": prompt, "answer": "".join(model.answer(prompt, manner))}
            for prompt in PROMPTS
        ],
    }


def page(result: dict[str, Any]) -> list[str]:
    """`docs/examples/chat.md`."""
    first = result["runs"][0]
    learned = next(note for note in first["notes"] if "to learn from" in note)
    return [
        "# Language model and chat",
        "",
        "Texts or dialogues -> a network that goes on with them.",
        "",
        "```",
        "pellucid learn novels/                        # a folder of .txt, without classes",
        "pellucid learn chat.jsonl                     # dialogues, or prompts with responses",
        "pellucid chat novels.run                      # talk with it; also piped in"
        "; Ctrl-C stops an answer, Ctrl-D ends",
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
        f"Five novels to learn from, *Persuasion* sealed ({learned}). {first['parameters']:,}"
        f" parameters, {result['steps']:,} steps.",
        "",
        *table(result["runs"]),
        "",
        "Bits that each character of the sealed novel takes: fewer are better. In brackets, least"
        " and most of the seeds, each with other validation texts. What the first run says:",
        "",
        *(f"> {one_line(said)}\n" for said in [first["sentence"], *first["said"]]),
        "What it wrote at temperature 0.8; none was chosen:",
        "",
        *(f"> **{one['prompt']}** {' '.join(one['answer'].split())}\n" for one in first["written"]),
        f"Why the next word behind *{ASKED}* is what it is:",
        "",
        f"> {one_line(first['explained'])}",
    ]


def table(runs: list[dict[str, Any]]) -> list[str]:
    """The figures as Markdown."""
    n = counted([one["characters"] for one in runs])
    lines = ["| method | bits per character | sealed characters | seeds |", "|---|---|---|---|"]
    methods = {"network": [one["network"] for one in runs]}
    for name in runs[0]["baselines"]:
        methods[name] = [one["baselines"][name] for one in runs if name in one["baselines"]]
    lines += [
        f"| {name} | {spread(values, 3)} | {n} | {len(values)} |"
        for name, values in methods.items()
    ]
    return lines


MEASURED = FixedSteps(
    kind="generate",
    source="austen",
    plan=plan_of,
    steps=3_000,
    seeds=3,
    figures=figures,
    page=page,
    file="chat.md",
)


def run() -> dict[str, Any]:
    """Measure with every seed; saved after each."""
    return MEASURED.run()


def docs() -> Path:
    """Write the page from the measured result."""
    return MEASURED.docs()


if __name__ == "__main__":
    sys.exit(MEASURED.main(sys.argv[1:]))
