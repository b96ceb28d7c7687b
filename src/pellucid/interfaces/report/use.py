"""How to use what was learned."""

from __future__ import annotations

import shlex
from typing import Any

from pellucid.interfaces.report.facts import Facts
from pellucid.interfaces.report.layout import facts_list, note, section, typed_out
from pellucid.interfaces.report.markup import Html, group, tag

MOST_VALUES = 4
"""Values of a row that are typed out; more would be no example."""

INPUTS = {"image": "PICTURE.png", "audio": "RECORDING.wav", "text": "TEXT.txt", "series": "NEW.csv"}

FILES = (
    ("run.json", "the plan with its reasons, columns, settings, versions"),
    ("ledger.parquet", "every row: where it went, and why"),
    ("steps.bin", "loss, rate and gradient norm of every step"),
    ("events.jsonl", "what happened, line by line"),
    ("looks", "the inside of the network at recorded steps"),
    ("weights", "all weights at recorded steps"),
    ("probe", "the examples that were watched"),
    ("results", "every answer on test and held-out rows"),
    ("verdict.json", "the comparison with classical methods"),
    ("model", "the model: this folder is all that is needed to predict"),
)


def use_section(facts: Facts) -> Html:
    folder = facts.run.path
    there = [(tag("code", file), said) for file, said in FILES if (folder / file).exists()]
    return section(
        "use",
        "How to use it",
        _commands(facts) if (folder / "model").exists() else _no_model(facts),
        tag("h3", "Where the files are"),
        tag("p", "In the folder ", tag("code", folder.name), ":"),
        facts_list(there),
    )


def _no_model(facts: Facts) -> Html:
    run = shlex.quote(facts.run.path.name)
    return group(
        note("No model was saved: the run ended before that."),
        tag("p", "To go on from where it stopped:"),
        typed_out("Command", f"pellucid resume {run}"),
    )


def _commands(facts: Facts) -> Html:
    run = facts.run.path.name
    row = example_row(facts)
    source = new_source(facts)
    typed = [f"pellucid predict {shlex.quote(run)} {source}"]
    if row and all(_typeable(column, value) for column, value in row.items()):
        pairs = " ".join(shlex.quote(f"{column}={value}") for column, value in row.items())
        typed.append(f"pellucid predict {shlex.quote(run)} {pairs}")
    python = ["import pellucid", "", f"trained = pellucid.load({run!r})"]
    python.append(f"answers = trained.predict({source!r})")
    if row:
        python.append(f"answers = trained.predict({row!r})")
    use = facts.info.get("use")
    if use is None:
        python.append('print(answers[0]["answer"])')
    else:
        python.append("print(answers[0])")
        typed += _asked(use, run)
    return group(
        tag("p", "In a terminal, next to the folder ", tag("code", run), ":"),
        typed_out("Commands", "\n".join(typed)),
        tag("p", "In Python:"),
        typed_out("Python", "\n".join(python)),
        tag("p", "New examples need the same columns as the old ones, without the target.")
        if use is None
        else "",
    )


def _asked(use: str, run: str) -> list[str]:
    """How else a model of a use is asked: with a verb of its own."""
    from pellucid.uses import COURSES

    if use not in COURSES or COURSES[use].asked.startswith("predict"):
        return []
    return [f"pellucid {COURSES[use].asked.replace('RUN', shlex.quote(run))}"]


def new_source(facts: Facts) -> str:
    """What a person would have: one file, or a table like the one that was learned from."""
    kinds = [str(column.get("modality")) for column in facts.inputs]
    name = str((facts.info.get("source") or {}).get("name", ""))
    if len(kinds) == 1 and kinds[0] in INPUTS and "." not in name:
        return INPUTS[kinds[0]]
    ending = name.rpartition(".")[2].lower()
    return (
        f"NEW.{ending}" if ending in ("csv", "tsv", "parquet", "xlsx", "jsonl", "ts") else "NEW.csv"
    )


def example_row(facts: Facts) -> dict[str, Any]:
    """The values of a real row, if it is short enough to be typed."""
    drawn = [item.get("drawings") or {} for item in facts.examples]
    if facts.probe is not None:
        drawn += facts.probe.drawings
    if not drawn or not 0 < len(drawn[0]) <= MOST_VALUES:
        return {}
    values = {column: value.get("data") for column, value in drawn[0].items()}
    if any(value.get("kind") not in ("number", "word") for value in drawn[0].values()):
        return {}
    if any(value is None for value in values.values()):
        return {}
    return values


def _typeable(column: str, value: object) -> bool:
    return "=" not in column and "\n" not in f"{column}{value}" and not column.startswith("-")
