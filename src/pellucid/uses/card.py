"""The model card of a use: `model/README.md`, with the front matter that model hubs read."""

from __future__ import annotations

import json

from pellucid import __version__
from pellucid.recording.files import replacing
from pellucid.recording.run import Run


def write_card(run: Run) -> None:
    """Write (or write again) the card of a run that is done."""
    with replacing(run.path / "model" / "README.md") as beside:
        beside.write_text(card(run), encoding="utf-8")


def card(run: Run) -> str:
    """Everything in it is taken from the run; nothing is measured here."""
    info, summary = run.info, run.summary
    task = info["task"]
    rows = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in info["rows"].items())
    findings = [run.finding(part) for part in info.get("findings", [])]
    said = [f"## {one['title']}\n\n{one['sentence']}" for one in findings]
    parts = [
        "---",
        "library_name: pellucid",
        f"tags: [pellucid, {task['kind']}]",
        "metrics:",
        f"- {json.dumps(summary['metric'])}",
        "---",
        f"# {run.name}",
        run.verdict["sentence"],
        "## What it is for",
        f"{task['title'].capitalize()}: {task['target']}. {task['why'].capitalize()}.",
        "## What it learned from",
        f"{info['source']['name']}: {rows}. Fingerprint `{info['fingerprint']}`.",
        *info["notes"],
        "## How good it is",
        f"{summary['metric']} {summary['score']:.4g}, 95% interval [{summary['low']:.4g}, "
        f"{summary['high']:.4g}], on {summary['rows']:,} sealed {summary['unit']}, "
        f"answered by: {summary['kept']}. Looks at the sealed examples: {info['looks_at_test']}.",
        *said,
        "## How to use it",
        "```\npellucid predict MODEL_FOLDER INPUT\n```",
        f"Made with Pellucid {__version__}.",
    ]
    head, body = parts[:6], parts[6:]
    return "\n".join(head) + "\n\n" + "\n\n".join(body) + "\n"
