"""The study's notes, tables and charts."""

from __future__ import annotations

from pellucid.evidence.finding import Chart, Line, Table
from pellucid.evidence.overfitting.named import Named
from pellucid.evidence.overfitting.onset import Course, Onset
from pellucid.evidence.overfitting.twins import Twins, thin
from pellucid.evidence.retrain import figure
from pellucid.evidence.subject import Material


def notes_of(course: Course, onset: Onset, twins: Twins | None, material: Material) -> list[str]:
    notes = [*material.of_network()]
    if not course.alike:
        notes.append(
            "The run kept no weights: the training loss is the noted one, with dropout and"
            " smoothed labels, the validation loss without, so their levels can't be compared."
        )
    if not course.alike and material.plan.label_smoothing:
        notes.append(
            "As labels were smoothed, a validation loss that rises may only mean that the network"
            " became less sure, not that it is wrong more often."
        )
    if material.plan.folds > 1:
        notes.append(
            f"The curves are those of the first of {material.plan.folds} networks; each was checked"
            " by other rows."
        )
    if onset.kind == "worse":
        notes.append("What later steps spoiled need not be in the model: see 'choice of weights'.")
    if twins is None:
        notes.append("No twin was trained: it needs more --time.")
        return notes
    own, held = (
        [figure(value, twins.metric) for value in pair] for pair in (twins.own, twins.held)
    )
    notes.append(
        f"The twin learned the same {twins.rows:,} rows with their answers shuffled, where nothing"
        f" can be understood: after {twins.passes:.3g} passes {twins.metric} is {own[1]} on its own"
        f" rows and {held[1]} on others; with the real answers {own[0]} and {held[0]}."
    )
    if twins.steps < material.plan.steps:
        notes.append(
            f"For lack of time the twins made {twins.steps:,} of {material.plan.steps:,} steps."
        )
    return notes


def tables_of(
    material: Material,
    named: list[Named],
    twins: Twins | None,
    measures: list[tuple[str, str, str]],
) -> list[Table]:
    tables = []
    if named:
        tables.append(
            Table(
                "Rows that were memorized",
                ("example", "label", "said without it", "said with it"),
                tuple((material.places[row], *said) for row, *said, _ in named),
                tuple(row for row, *_ in named),
            )
        )
    if twins is not None:
        tables.append(
            Table(
                f"The twin: {twins.metric} after the same {twins.steps:,} steps",
                ("learned from", "its own rows", "unseen rows", "final loss"),
                tuple(
                    (name, twins.own[place], twins.held[place], thin(losses, twins.steps)[1][-1])
                    for place, (name, losses) in enumerate(
                        zip(("real answers", "shuffled answers"), twins.losses, strict=True)
                    )
                ),
            )
        )
    tables.append(Table("What was done about it", ("measure", "used", "why"), tuple(measures)))
    return tables


def charts_of(course: Course, onset: Onset, twins: Twins | None) -> list[Chart]:
    steps = tuple(course.steps.astype(float).tolist())
    marks = ((float(onset.step), "overfitting starts"),) if onset.step is not None else ()
    charts = [
        Chart(
            "Loss on rows it learns from and on rows it does not",
            "step",
            "loss",
            (
                Line("training", steps, tuple(course.train.tolist())),
                Line("validation", steps, tuple(course.valid.tolist())),
            ),
            marks=marks,
        )
    ]
    if twins is not None:
        lines = []
        for name, losses in zip(("real answers", "shuffled answers"), twins.losses, strict=True):
            x, y = thin(losses, twins.steps)
            lines.append(Line(name, tuple(x), tuple(y)))
        charts.append(
            Chart(f"Learning {twins.rows:,} rows: training loss", "step", "loss", tuple(lines))
        )
    return charts
