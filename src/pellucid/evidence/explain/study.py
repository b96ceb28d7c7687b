"""Why did it answer so? A few test rows explained: right ones, unsure ones and wrong ones.

Each explanation is tested on its own (`faithfulness.py`); together they tell whether
explanations of this model can be trusted at all.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.evidence.explain.explain import Explained, explain
from pellucid.evidence.explain.neighbors import said_target
from pellucid.evidence.explain.pieces import Explanation
from pellucid.evidence.explain.randomization import similarity_of
from pellucid.evidence.explain.reference import Reference, gather_again
from pellucid.evidence.finding import Cell, Finding, Table, unknown
from pellucid.evidence.subject import Material, part

TITLE = "Why did it answer so?"
EACH = 2
"""Rows of each sort: right, unsure and wrong."""
MOST_ASKED = 2_000
"""Test rows that are looked through."""
STRONGEST = 3
MOST_SECONDS = 2.0


@part("explanations")
def study(material: Material) -> Finding:
    """Some answers to test rows, explained and tested; of the model that is handed over."""
    if not len(material.test):
        return unknown("explanations", TITLE, "There are no test rows to explain.")
    reference = Reference.load(material.run.path) or gather_again(material, material.seconds / 4)
    chosen = _chosen(material)
    seconds = min(MOST_SECONDS, 0.8 * material.seconds / len(chosen))
    similarity = None
    if material.kept.which != "baseline":
        rows = material.take(np.array([row for _, row in chosen]))
        similarity = similarity_of(material.run.path, material.subject, rows, reference)
    explained = []
    for done, (sort, row) in enumerate(chosen):
        material.progress(done, len(chosen))
        example = material.take(np.array([row]))
        found = explain(material.kept, example, reference, seconds=seconds, similarity=similarity)
        explained.append((sort, row, found))
    return _finding(material, explained)


def _chosen(material: Material) -> list[tuple[str, int]]:
    """Rows worth explaining, each with its sort: the surest right ones, the least sure, and the
    surest wrong ones; for numbers those that are nearest to the truth and farthest from it."""
    rows = material.test[:MOST_ASKED]
    values = material.kept.answer(material.take(rows))
    wrong, sure = _judged(material.task.kind, values, material.truth[rows])
    order = np.argsort(-sure, kind="stable")
    sorts = [("right", order[~wrong[order]]), ("wrong", order[wrong[order]])]
    if material.task.kind == "regress":
        sorts = [("near the truth", order), ("far from it", order[::-1])]
    else:
        sorts.insert(1, ("unsure", order[::-1]))
    chosen: dict[int, str] = {}
    for sort, places in sorts:
        new = [int(rows[place]) for place in places if int(rows[place]) not in chosen]
        chosen |= dict.fromkeys(new[:EACH], sort)
    return [(sort, row) for row, sort in chosen.items()]


def _judged(kind: str, values: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which answers are wrong, and how sure each is (for numbers: how near the truth)."""
    if kind == "regress":
        return np.zeros(len(values), dtype=bool), -np.abs(values - truth).max(1)
    if kind == "tags":
        wrong = ((values >= 0.5) != (truth > 0.5)).any(1)
        return wrong, np.abs(values - 0.5).min(1)
    said = values.argmax(1) if kind == "classify" else (values.cumsum(1) >= 0.5).argmax(1)
    return said != truth, values.max(1)


# --- what it says ---------------------------------------------------------------------------


def _finding(material: Material, explained: list[tuple[str, int, Explained]]) -> Finding:
    tested = [one for _, _, found in explained for one in found.explanations]
    passed = sum(one.faithful.trusted for one in tested)
    gain = float(np.mean([one.faithful.gain for one in tested]))
    chance = float(np.mean([one.faithful.random_gain for one in tested]))
    who = material.kept.name
    verdict = (
        f"they say what {who} goes by"
        if passed == len(tested)
        else "those that failed are marked, and not to be trusted"
        if passed
        else f"explanations of {who} are not to be trusted"
    )
    return Finding(
        "explanations",
        TITLE,
        f"{passed} of {len(tested)} explanations of {len(explained)} test rows passed their test:"
        f" {verdict}.",
        notes=(
            *_whose(material),
            "The test takes away what an explanation calls important, and watches whether the"
            " answer changes faster than in random order.",
            "'pellucid explain' shows one example in full, with alike training examples and what"
            " would change the answer.",
        ),
        figures={
            "model": who,
            "explanations": len(tested),
            "passed": passed,
            "mean_gain": gain,
            "mean_random_gain": chance,
            "rows": [
                {"row": row, "sort": sort, "place": str(material.places[row]), **found.as_json()}
                for sort, row, found in explained
            ],
        },
        tables=(
            Table(
                "Some test rows, and what weighed most in their answers",
                ("sort", "answer", "truth", "what weighed most", "tested", "row"),
                tuple(_line(material, sort, row, found) for sort, row, found in explained),
                tuple(row for _, row, _ in explained),
            ),
        ),
    )


def _whose(material: Material) -> tuple[str, ...]:
    """Who is explained, and what nevertheless is about the network alone."""
    explained = f"Explained is the model that this run hands over: {material.kept.name}."
    if material.given is None:
        return (explained,)
    weights = (
        "random weights were tried in it alone, and " if material.given.which == "both" else ""
    )
    return (explained, f"About the network: {weights}alike examples are alike to it.")


def _line(material: Material, sort: str, row: int, found: Explained) -> tuple[Cell, ...]:
    truth = said_target(material.task, material.truth[row])
    return (
        sort,
        _said(found.answer["answer"]),
        _said(truth),
        _strongest(found.explanations[0]),
        "yes" if all(one.faithful.trusted for one in found.explanations) else "don't trust it",
        str(material.places[row]),
    )  # fmt: skip


def _strongest(one: Explanation) -> str:
    order = np.argsort(-np.abs(one.values), kind="stable")[:STRONGEST]
    return "; ".join(
        f"{one.names[place]} {'+' if one.values[place] > 0 else '−'}" for place in order
    )


def _said(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.6g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {number:,.6g}" for name, number in value.items())
    return ", ".join(map(str, value)) or "(none)" if isinstance(value, list) else str(value)
