"""The model card: what the model is, how good it is, where it is weak, and how to use it.

`model/README.md`, with the front matter that model hubs read (Hugging Face's model card format).
Everything in it is taken from the run; nothing is measured here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from pellucid import __version__
from pellucid.data.columns import Column
from pellucid.evidence.trust.unlike import LEVEL
from pellucid.export.bundle import Bundle
from pellucid.recording.files import replacing
from pellucid.recording.run import Run

PIPELINES = {
    ("table", "classify"): "tabular-classification",
    ("table", "regress"): "tabular-regression",
    ("image", "classify"): "image-classification",
    ("text", "classify"): "text-classification",
    ("audio", "classify"): "audio-classification",
}
"""What kind of inputs, which question -> how model hubs call that."""
METRICS = {
    "micro F1": "f1",
    "quadratic kappa": "cohen_kappa",
    "RMSE": "rmse",
    "MAE": "mae",
    "R2": "r_squared",
    "AUC": "roc_auc",
    "log loss": "log_loss",
    "macro F1": "f1",
}
PLAIN = frozenset({"number", "category", "date", "words"})
MOST_SHOWN = 12
FEW_COLUMNS = 4
"""So many are typed out in the example of use."""


def write_card(run: Run, bundle: Bundle) -> None:
    """Write (or write again) `model/README.md` of a run that is done."""
    with replacing(run.path / "model" / "README.md") as beside:
        beside.write_text(card(run, bundle), encoding="utf-8")


def card(run: Run, bundle: Bundle) -> str:
    """The whole card: front matter and sections."""
    sections = [
        f"# {_name(run)}",
        run.verdict["sentence"],
        *_what(run, bundle),
        *_data(run),
        *_figures(run),
        *_weak(run),
        *_trust(run, bundle),
        *_limits(run, bundle),
        *_use(run, bundle),
    ]
    return front_matter(run, bundle) + "\n" + "\n\n".join(sections) + "\n"


# --- front matter -----------------------------------------------------------------------------


def front_matter(run: Run, bundle: Bundle) -> str:
    """YAML between two lines of dashes. Texts are written as JSON has them, which YAML reads."""
    summary, kind = run.summary, run.task["kind"]
    inputs = _kind_of_inputs(bundle.columns)
    pipeline = PIPELINES.get((inputs, "classify" if kind in ("grades", "tags") else kind))
    interval = {"low": summary["low"], "high": summary["high"], "rows": summary["rows"]}
    metrics = [
        {
            "type": METRICS.get(name, name.replace(" ", "_")),
            "name": name,
            "value": value,
            **({"args": interval} if name == summary["metric"] else {}),
        }
        for name, value in _first(summary["metric"], summary["figures"]).items()
    ]
    result = {
        "task": {"type": pipeline or f"{inputs}-{kind}", "name": f"{kind} {run.task['target']}"},
        "dataset": {"name": run.info["source"]["name"], "type": run.info["fingerprint"]},
        "metrics": metrics,
    }
    head: dict[str, Any] = {"library_name": "pellucid"}
    if pipeline:
        head["pipeline_tag"] = pipeline
    head["tags"] = list(dict.fromkeys(["pellucid", inputs, kind, *_families(run)]))
    head["metrics"] = list(dict.fromkeys(metric["type"] for metric in metrics))
    head["model-index"] = [{"name": _name(run), "results": [result]}]
    return "\n".join(["---", *yaml_lines(head), "---", ""])


def yaml_lines(value: Any, indent: str = "") -> Iterator[str]:
    """The lines of dicts (of plain keys), lists, texts and numbers as YAML.

    >>> print(*yaml_lines({"a": [{"b": 1, "c": ["d: e"]}]}), sep=chr(10))
    a:
    - b: 1
      c:
      - "d: e"
    """
    pairs = value.items() if isinstance(value, dict) else ((None, item) for item in value)
    for key, item in pairs:
        start = f"{indent}-" if key is None else f"{indent}{key}:"
        if not isinstance(item, dict | list):
            yield f"{start} {_scalar(item)}"
        elif not item:
            yield f"{start} {'{}' if isinstance(item, dict) else '[]'}"
        elif key is None:
            first, *rest = yaml_lines(item, indent + "  ")
            yield f"{start} {first.lstrip()}"
            yield from rest
        else:
            yield start
            yield from yaml_lines(item, indent + ("  " if isinstance(item, dict) else ""))


def _scalar(value: Any) -> str:
    """A text, number or nothing, such that YAML reads the same."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return "null"
        return repr(value) if "." in repr(value) else repr(value).replace("e", ".0e")
    text = json.dumps(value, ensure_ascii=False)
    # These end a line in YAML, not in JSON.
    return text.translate({0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"})


def _first(name: str, figures: dict[str, float]) -> dict[str, float]:
    """The headline first."""
    return {name: figures[name], **figures} if name in figures else figures


def _kind_of_inputs(columns: list[Column]) -> str:
    kinds = {column.modality for column in columns}
    if kinds <= PLAIN:
        return "table"
    return next(iter(kinds)) if len(kinds) == 1 else "mixed"


def _families(run: Run) -> list[str]:
    return sorted(set(run.plan.network.values()))


def _name(run: Run) -> str:
    return run.name.removesuffix(".run")


# --- sections ---------------------------------------------------------------------------------


def _what(run: Run, bundle: Bundle) -> Iterator[str]:
    task, info = run.task, run.info
    yield "## What it does"
    question = {
        "classify": "which class",
        "grades": "which grade",
        "tags": "which tags",
        "regress": "how much",
    }
    lines = [f"- Question: {question[task['kind']]}, of `{task['target']}`."]
    if task.get("classes"):
        lines.append(f"- Possible answers: {_listed([f'`{name}`' for name in task['classes']])}.")
    inputs = [f"`{column.name}` ({column.modality})" for column in bundle.columns]
    lines.append(f"- It needs: {_listed(inputs)}.")
    network = info["network"]
    kept = info["kept"]
    who = {
        "network": "The network answers",
        "baseline": f"A classical method answers ({kept})",
        "both": f"Two answer: the {kept}",
    }[bundle.kept]
    lines.append(
        f"- {who}. Network: {_counted(network['networks'], 'network')} of"
        f" {network['parameters']:,} weights ({', '.join(_families(run))}), learned in"
        f" {info['seconds']:.0f} s with seed {info['plan']['seed']}, Pellucid {__version__}."
    )
    yield "\n".join(lines)


def _data(run: Run) -> Iterator[str]:
    info, rows = run.info, run.rows
    yield "## Data"
    lines = [
        f"- Source: `{info['source']['name']}`, fingerprint `{info['fingerprint']}`.",
        f"- Rows: {rows['train']:,} to learn from, {rows['valid']:,} to choose by,"
        f" {rows['test']:,} sealed for the exam; {rows['repaired']:,} were repaired,"
        f" {rows['set_aside']:,} set aside.",
    ]
    if info.get("labels"):
        counts = [f"`{name}` {count:,}" for name, count in info["labels"].items()]
        lines.append(f"- Classes: {_listed(counts)}.")
    lines += [f"- {note}" for note in info["notes"][:MOST_SHOWN]]
    yield "\n".join(lines)


def _figures(run: Run) -> Iterator[str]:
    verdict, summary = run.verdict, run.summary
    metric = summary["metric"]
    yield "## Figures"
    yield (f"On {summary['rows']:,} sealed test rows, with 95% intervals. Kept: {summary['kept']}.")
    rows = [
        f"| {one['name']} | {_said(one['score'])} | {_said(one['low'])} to {_said(one['high'])} |"
        f" {one['ms_per_row']:.3g} ms | {one['bytes'] / 1e6:.3g} MB |"
        for one in (verdict["network"], *verdict["baselines"])
    ]
    head = f"| method | {metric} | 95% | a row | size |\n|---|---|---|---|---|"
    yield "\n".join([head, *rows])
    others = [f"{name} {_said(value)}" for name, value in summary["figures"].items()]
    yield f"All figures of {summary['kept']}: {', '.join(others)}."


def _weak(run: Run) -> Iterator[str]:
    found = run.summary.get("slices")
    if not found:
        return
    yield "## Where it is better or worse"
    whose = run.summary["kept"]
    tried = f"{found['tried']} parts of the test rows, answered by {whose}, were looked at"
    if not found["found"]:
        yield f"{tried}; none differs measurably from all rows ({_said(found['total'])})."
        return
    rows = [
        f"| {_cell(one['name'])} | {one['rows']:,} | {_said(one['value'])} |"
        f" {_said(one['low'])} to {_said(one['high'])} |"
        for one in found["found"][:MOST_SHOWN]
    ]
    head = f"| rows | count | {found['metric']} | 95% |\n|---|---|---|---|"
    yield "\n".join([head, *rows])
    yield (
        f"All rows: {_said(found['total'])}. {tried} (classes, categories, thirds of numbers);"
        f" listed are those whose interval leaves out the figure of all rows. About"
        f" {max(1, round(0.05 * found['tried']))} would do so by chance."
    )


def _trust(run: Run, bundle: Bundle) -> Iterator[str]:
    yield "## How far to trust an answer"
    kept = bundle.kept
    calibration, promise = bundle.calibration_of(kept), bundle.promise_of(kept)
    lines = []
    if bundle.task.kind != "regress":
        lines.append(
            f"- Percentages were calibrated on held rows (temperature"
            f" {calibration.temperature:.3g}; above 1: the model was too sure)."
        )
    if promise is None:
        lines.append("- There were too few held rows to promise sets or intervals.")
    elif len(promise.held) > 1:
        numbers = _listed([f"`{name}`" for name in bundle.task.as_json()["names"]])
        lines.append(
            f"- Each number ({numbers}) has an interval of its own, which holds the truth in"
            f" {promise.guarantee()}. That is promised for each alone, not for all at once."
        )
    else:
        thing = "An interval" if bundle.task.kind == "regress" else "A set"
        lines.append(f"- {thing} holds the truth in {promise.guarantee()}.")
    if bundle.unlike is not None:
        least = bundle.unlike.least
        lines.append(
            f"- Rows unlike anything it learned from are called so below p = {LEVEL:g}"
            + (
                "."
                if least < LEVEL
                else f"; with so few rows no p-value is below {least:.2g}, so only numbers far"
                " outside of their range are noticed."
            )
        )
    yield "\n".join(lines)


def _limits(run: Run, bundle: Bundle) -> Iterator[str]:
    info, rows = run.info, run.rows
    yield "## Limits"
    looks = int(info["looks_at_test"])
    lines = [
        f"- The test rows were looked at {'once' if looks == 1 else f'{looks} times'}, after"
        " everything was chosen.",
        "- It knows rows like those it learned from. Where the world differs or has changed, none"
        " of these figures hold.",
        "- What goes with an answer need not be its cause.",
    ]
    if info["status"] == "interrupted":
        lines.append("- Learning was interrupted: it is the best that was there.")
    if rows["test"] < 100:
        lines.append(f"- {rows['test']} test rows are few: mind the intervals.")
    lines += [f"- {warning}" for warning in info.get("warnings", [])[:MOST_SHOWN]]
    for part in run.findings():
        lines.append(f"- {part}: {run.finding(part)['sentence']}")
    yield "\n".join(lines)


def _use(run: Run, bundle: Bundle) -> Iterator[str]:
    yield "## How to use it"
    names = json.dumps({column.name: "..." for column in bundle.columns}, ensure_ascii=False)
    given = names if len(bundle.columns) <= FEW_COLUMNS else '"NEW.csv"'
    yield (
        "```python\nimport pellucid\n\n"
        'model = pellucid.load("model")  # this folder\n'
        f"print(model.predict({given}))\n```"
    )
    yield "Or `pellucid predict model NEW.csv`. The folder holds tensors and JSON, and no code."


def _said(value: float | None) -> str:
    return "?" if value is None else f"{value:.4g}"


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}" + ("" if count == 1 else "s")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_SHOWN:,} more" if len(names) > MOST_SHOWN else ""
    return ", ".join(names[:MOST_SHOWN]) + more
