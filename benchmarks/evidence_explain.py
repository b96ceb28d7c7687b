"""Are explanations faithful, and quick? On every kind of data, on rows of the sealed exam.

    python -m benchmarks.evidence_explain            all, and save them
    python -m benchmarks.evidence_explain digits texts

A small network learns from each built-in example; test rows are explained as `pellucid explain`
does it. Faithfulness is the symmetric relevance gain: how much later the answer changes if the
pieces go with the least important first instead of the most important first, as a share of the
largest change; 1 is the most, 0 is what random values reach in the mean. The plain gradient (times
the input) and random values are tried on the very same pieces and answers.

How pieces are filled and how views are blended was chosen by looking at rows of digits, shapes and
sounds, test rows among them, so their figures flatter a little; the other sets were not looked at.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import DATA
from benchmarks.measured import Load, circumstances, pellucid, run_fresh, save, saved
from pellucid.data.columns import Column
from pellucid.data.modalities import text as texts
from pellucid.evidence.explain import faithfulness
from pellucid.evidence.explain.explain import Explained, explain
from pellucid.evidence.explain.gradients import (
    gradient_of_columns,
    gradient_times_input,
    on_pieces,
)
from pellucid.evidence.explain.inside import PIECES
from pellucid.evidence.explain.occlusion import Answers
from pellucid.evidence.explain.pieces import Explanation, Pieces
from pellucid.evidence.explain.randomization import randomization
from pellucid.evidence.explain.reference import Reference
from pellucid.evidence.explain.tables import TEST_FILLINGS, ColumnPieces
from pellucid.evidence.subject import Material, Rows, Subject
from pellucid.recipe.explain import reference_of, threads_of
from pellucid.recipe.study import material_of
from pellucid.recipe.watcher import Watcher
from pellucid.recording.run import Run

HOME = DATA / "explanations"
NAME = "evidence-explanations"
SETS = ("shapes", "digits", "sounds", "series", "texts", "cancer", "mixed")
TIME = "20s"
ROWS = 24
"""Test rows of each set that are explained, drawn at random."""
GOALS = {"texts": 3.0}
"""Seconds for one explanation; 2 for everything else."""
SAMPLE_SECONDS = 20.0
"""For the test with random weights."""


def explanations(names: Sequence[str] = SETS) -> dict[str, Any]:
    """Measure these sets, one after the other, and save each as soon as it is done.

    Raises:
        KeyError: There is no such set. RuntimeError: Learning failed.
    """
    result: dict[str, Any] = saved(NAME) or {"measured": {}}
    for name in names:
        if name not in SETS:
            raise KeyError(f"no set is called '{name}'; there are {', '.join(SETS)}")
        around = circumstances(["benchmarks.evidence_explain", name])
        result["measured"][name] = {**around, **measure(learned(name), GOALS.get(name, 2.0))}
        save(NAME, result)
        show(name, result["measured"][name])
    return result


def learned(name: str) -> Path:
    """The run of a small network for a built-in example; learned once."""
    out = HOME / f"{name}.run"
    with contextlib.suppress(Exception):  # an older version's run: learn again
        if Run(out).status == "done":
            material_of(Run(out), Watcher())
            return out
    shutil.rmtree(out, ignore_errors=True)
    # From scratch: plain gradients need the words and pixels themselves, not frozen features.
    command = [*pellucid(), "demo", name, "--time", TIME, "--no-pretrained", "--out", str(out)]
    ran = run_fresh(command)
    if ran.code != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{ran.errors[-2000:]}")
    return out


def measure(run: Path, goal: float) -> dict[str, Any]:
    """Explain test rows, and compare with random values and the plain gradient."""
    watcher = Watcher()
    material = material_of(Run(run), watcher)
    reference = reference_of(run, watcher, needed=False)
    rows = np.random.default_rng(0).permutation(material.test)[:ROWS]
    load = Load.now()
    with threads_of(run):
        found = [_one(material, reference, int(row)) for row in rows]
        weights = randomization(material.subject, material.take(rows), reference, SAMPLE_SECONDS)
    seconds = np.array([one["seconds"] for one in found])
    ours, gradient = (np.array([one[key] for one in found]) for key in ("ours", "gradient"))
    return {
        "rows": len(rows),
        "pieces": float(np.median([one["pieces"] for one in found])),
        "ours": spread(ours),
        "random": spread([one["random"] for one in found]),
        "random_limit": spread([one["limit"] for one in found]),
        "gradient": spread(gradient),
        "ours_minus_gradient": spread(ours - gradient),
        "better_than_gradient": float((ours > gradient).mean()),
        "trusted": float(np.mean([one["trusted"] for one in found])),
        "similarity_with_random_weights": weights.figures.get("similarity"),
        "seconds": {"median": round(float(np.median(seconds)), 3), "most": round(max(seconds), 3)},
        "seconds_goal": goal,
        "foreign": load.foreign(),
    }


def spread(values: Sequence[float] | np.ndarray) -> dict[str, float]:
    """Mean, standard deviation, and the 95 % interval of the mean (normal, n - 1)."""
    mean, deviation = float(np.mean(values)), float(np.std(values, ddof=1))
    half = 1.96 * deviation / len(values) ** 0.5
    figures = {"mean": mean, "sd": deviation, "low": mean - half, "high": mean + half}
    return {key: round(value, 4) for key, value in figures.items()}


# --- one row ------------------------------------------------------------------------------------


def _one(material: Material, reference: Reference | None, number: int) -> dict[str, Any]:
    """One test row: the explanation as people get it, and its rivals on the same pieces."""
    row, subject = material.take(np.array([number])), material.subject
    started = time.perf_counter()
    explained = explain(subject, row, reference)
    seconds = time.perf_counter() - started
    first = explained.explanations[0]
    asking, pieces = _pieces(subject, row, explained, reference)
    answers = Answers(asking, pieces, first.question)
    random = np.random.default_rng(number).permutation(first.values)
    gradient = _gradient(subject, row, pieces, first)

    def gain(values: np.ndarray) -> float:
        return faithfulness.test(asking, pieces, first.question, values, answers=answers).gain

    return {
        "ours": first.faithful.gain,
        "limit": first.faithful.random_gain,
        "random": gain(random),
        "gradient": gain(gradient),
        "trusted": first.faithful.trusted,
        "pieces": len(first.names),
        "seconds": seconds,
    }


def _pieces(
    subject: Subject, row: Rows, explained: Explained, reference: Reference | None
) -> tuple[Subject, Pieces]:
    """The pieces that the first explanation is about, and the subject to ask about them."""
    first = explained.explanations[0]
    if len(explained.explanations) == 1 and explained.pieces is not None:
        return subject, explained.pieces
    assert reference is not None
    columns = ColumnPieces(row, reference.background(TEST_FILLINGS), first.columns)
    return columns.averaging(subject), columns


def _gradient(subject: Subject, row: Rows, pieces: Pieces, first: Explanation) -> np.ndarray:
    """The plain gradient times the input, summed over each piece."""
    output = first.question.output
    if first.modality not in PIECES:
        return gradient_of_columns(subject, row, output)
    column = next(one for one in subject.columns if one.name == first.columns[0])
    values = gradient_times_input(subject, row, column.name, output)
    assert values is not None
    if first.modality != "text":
        return on_pieces(values, pieces)
    spans = _spans(column, row[column.name].values[0] or "")
    tokens = values.sum(1)[: len(spans)]
    return np.array([
        sum(value for value, (start, end) in zip(tokens, spans) if start < right and end > left)
        for left, right in pieces.places
    ])  # fmt: skip


def _spans(column: Column, text: str) -> list[tuple[int, int]]:
    """The characters that each token of a text stands for, as `encode` keeps them."""
    spans: list[tuple[int, int]] = (
        texts._tokenizer(column.fitted["tokenizer"]).encode(texts._clip(text)).offsets
    )
    length = column.fitted["length"]
    head = length * 3 // 4
    return spans if len(spans) <= length else spans[:head] + spans[head - length :]


# --- what came out ------------------------------------------------------------------------------


def show(name: str, found: dict[str, Any]) -> None:
    """One line for a set."""
    ours, rivals = found["ours"], (found["random_limit"], found["gradient"])
    limit, gradient = (one["mean"] for one in rivals)
    difference = found["ours_minus_gradient"]
    print(
        f"{name:7} n {found['rows']}  gain {ours['mean']:.2f} ± {ours['sd']:.2f}"
        f"  chance at most {limit:.2f}  gradient {gradient:.2f}"
        f"  (ours - gradient {difference['low']:+.2f} to {difference['high']:+.2f})"
        f"  passed {found['trusted']:.0%}  random weights"
        f" {found['similarity_with_random_weights'] or float('nan'):+.2f}"
        f"  {found['seconds']['median']:.2f} s, most {found['seconds']['most']:.2f} s"
        f" (goal {found['seconds_goal']:g} s)",
        flush=True,
    )


def main(names: Sequence[str]) -> int:
    try:
        explanations(names or SETS)
    except (KeyError, RuntimeError) as error:
        print(f"error: {error.args[0]}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
