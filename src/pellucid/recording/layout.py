"""Where things lie in a run's folder; docs/architecture.md says what they hold."""

from __future__ import annotations

from pathlib import Path

SCHEMA = 1
"""Version of the layout, in `run.json`. A reader refuses newer ones."""

JSON_FILES = {
    "verdict": "verdict.json",
    "summary": "results/summary.json",
    "examples": "results/examples.json",
}

OWN = (
    "ledger.parquet",
    "steps.bin",
    "events.jsonl",
    "verdict.json",
    "report.html",
    "looks/index.json",
    "looks/[0-9]*.safetensors",
    "weights/[0-9]*.safetensors",
    "probe/probe.json",
    "probe/inputs.safetensors",
    "answers/about.json",
    "answers/values.bin",
    "control.json",
    "decisions.json",
    "learning.lock",
    "checkpoint/state.*",
    "checkpoint/fold-*/state.*",
    "evidence/*.json",
    "evidence/*.csv",
    "evidence/*.safetensors",
    "results/*.safetensors",
    "results/summary.json",
    "results/examples.json",
    "model/bundle.json",
    "model/README.md",
    "model/*.safetensors",
    "model/*.txt",
)
"""What a run writes besides `run.json`; nothing else is ever removed."""


def is_run(folder: Path) -> bool:
    return (folder / "run.json").is_file()
