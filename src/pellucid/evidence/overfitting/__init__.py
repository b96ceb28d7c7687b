"""Overfitting as a story: when it starts, what was memorized, what memorizing looks like.

A network that goes on learning its own rows after it stopped getting better on others learns them
by heart. The moment is read off the recorded curves; how much was memorized is the difference
between rows that it learned from and rows that it never saw; and a twin that learns shuffled
labels, where nothing but memorizing is possible, shows what that looks like.

`onset.py`: when it starts. `memory.py`, `named.py`: how much and which rows were memorized.
`twins.py`: what memorizing looks like. `measures.py`: what was done about it. `shown.py`: notes,
tables and charts.
"""

from __future__ import annotations

from pellucid.evidence.finding import Finding, unknown
from pellucid.evidence.overfitting.measures import measures_of
from pellucid.evidence.overfitting.memory import answer_own, memory_of, memory_sentence
from pellucid.evidence.overfitting.named import name_memorized
from pellucid.evidence.overfitting.onset import (
    FEWEST_LOOKS,
    course_of,
    find_onset,
    onset_sentence,
)
from pellucid.evidence.overfitting.shown import charts_of, notes_of, tables_of
from pellucid.evidence.overfitting.twins import train_twins
from pellucid.evidence.subject import Material, part

TITLE = "Did it learn by heart?"


@part("overfitting")
def study(material: Material) -> Finding:
    """The moment, the memorized rows, the twin, and what was done about it."""
    data = material.ingredients(*material.folds[0])
    course = course_of(material, data) if len(material.folds[0][1]) else None
    if course is None:
        return unknown(
            "overfitting",
            TITLE,
            "The validation rows were hardly looked at while it learned; to see when it stopped"
            f" getting better takes at least {FEWEST_LOOKS} looks: let it learn longer, or give"
            " more examples.",
        )
    answered = answer_own(material, data)
    onset = find_onset(course)
    memory = memory_of(answered)
    named, how = name_memorized(material, answered, memory)
    twins = train_twins(material)
    measures = measures_of(material)
    return Finding(
        "overfitting",
        TITLE,
        " ".join([onset_sentence(onset, course), memory_sentence(memory, onset)]),
        notes=(*notes_of(course, onset, twins, material), *how),
        figures={
            "onset": vars(onset),
            "curves": {
                name: getattr(course, name).tolist()
                for name in ("steps", "epochs", "train", "valid")
            },
            "memory": vars(memory),
            "memorized_rows": [row for row, *_ in named],
            "twins": twins.figures() if twins else None,
            "measures": [list(row) for row in measures],
        },
        tables=tuple(tables_of(material, named, twins, measures)),
        charts=tuple(charts_of(course, onset, twins)),
    )
