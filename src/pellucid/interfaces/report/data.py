"""What there was to learn from, and what became of every row."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.interfaces.report import pictures
from pellucid.interfaces.report.facts import Facts
from pellucid.interfaces.report.layout import note, section, table
from pellucid.interfaces.report.markup import Child, Html, group, tag
from pellucid.interfaces.report.words import counted, name, percent

MOST_COLUMNS = 30
MOST_CLASSES = 30
MOST_ITEMS = 20

PARTS = {
    "train": ("train", "learned from"),
    "valid": ("valid", "used to choose weights and settings"),
    "test": ("test", "sealed until the end, for the exam"),
    "repaired": ("repaired", "used, with something mended"),
    "set_aside": ("set aside", "not used"),
}


def data_section(facts: Facts, budget: pictures.Budget) -> Html:
    return section(
        "data",
        "The data",
        _lead(facts),
        tag("h3", "What became of every row"),
        _ledger(facts),
        _items(facts, "set_aside", "Set aside", "why"),
        _items(facts, "repaired", "Repaired", "how"),
        _classes(facts),
        tag("h3", "The columns, as understood"),
        _columns(facts),
        _notes(facts),
        _watched(facts, budget),
    )


def _lead(facts: Facts) -> Html:
    source = (facts.info.get("source") or {}).get("name")
    total = sum(facts.rows.values())
    if not facts.columns:
        return note("The run ended before its columns were written down.")
    of = [counted(total, "row"), counted(len(facts.inputs), "input column")]
    why = facts.task.get("why")
    return group(
        tag(
            "p",
            name(source) if source else "The source",
            f": {' with '.join(of)}. A model can only learn what its examples show, so this is the "
            "place to look first.",
        ),
        tag("p", "The question: ", name(why), ".") if why else None,
    )


# --- rows -----------------------------------------------------------------------------------


def _ledger(facts: Facts) -> Html:
    total = sum(facts.rows.values())
    if not total:
        return note("The run ended before the rows were counted.")
    parts = [(PARTS[key], count) for key, count in facts.rows.items() if key in PARTS]
    if not facts.rows.get("valid") and facts.valid is not None:
        said = "learned from; each network was checked on a part of them that it had not seen"
        parts = [((key, said if key == "train" else old), count) for (key, old), count in parts]
    bar = [
        tag("span", class_=f"part part-{key.replace(' ', '-')}", style=f"flex-grow:{count}")
        for (key, _), count in parts
        if count
    ]
    rows: list[list[Child]] = [
        [
            group(tag("span", class_=f"swatch part-{key.replace(' ', '-')}"), key),
            f"{count:,}",
            percent(count / total),
            meaning,
        ]
        for (key, meaning), count in parts
    ]
    rows.append([tag("b", "all"), tag("b", f"{total:,}"), "100%", "every row has one fate"])
    return group(
        tag("div", bar, class_="rows-bar", aria_hidden="true"),
        table(
            "Rows by what became of them",
            ["rows", "count", "share", "what for"],
            rows,
            numbers=(1, 2),
        ),
    )


def _items(facts: Facts, field: str, title: str, word: str) -> Html | None:
    """Rows that were set aside or repaired, with the reasons."""
    items = facts.info.get(field) or []
    if not items:
        return None
    count = facts.rows.get(field, len(items))
    rows: list[list[Child]] = [[name(place), name(why)] for place, why in items[:MOST_ITEMS]]
    more = count - len(rows)
    return group(
        tag("h4", f"{title} ({count:,})"),
        table(title, ["row", word], rows),
        note(f"and {more:,} more; all are in ledger.parquet") if more > 0 else None,
    )


WORDS = {"tags": ("tag", "tags"), "grades": ("grade", "grades"), "classify": ("class", "classes")}
"""What the possible answers of a task are called: one, several."""


def _classes(facts: Facts) -> Html | None:
    """How often each class occurs, in all usable rows if the run says so, and in the test rows;
    grades from the lowest to the highest, others by how many there are."""
    if not facts.classes:
        return None
    everywhere = facts.info.get("labels") or None
    whole = everywhere and np.array([everywhere.get(label, 0) for label in facts.classes])
    counts = {"all": whole, "test": _counts(facts, facts.test)}
    if whole is None:
        counts["held-out"] = _counts(facts, facts.valid)
    known = {part: found for part, found in counts.items() if found is not None}
    word, words = WORDS.get(facts.kind, WORDS["classify"])
    title = tag("h3", f"The {counted(len(facts.classes), word, words)}")
    if not known:
        shown = ", ".join(facts.classes[:MOST_CLASSES])
        more = len(facts.classes) - MOST_CLASSES
        return group(title, tag("p", name(shown), f" and {more:,} more" if more > 0 else ""))
    total = known["all"] if "all" in known else np.sum(list(known.values()), axis=0)
    graded = facts.kind == "grades"
    order = np.arange(len(total)) if graded else np.argsort(-total, kind="stable")
    most = max(1, int(total.max()))
    rows: list[list[Child]] = [
        [
            name(facts.classes[index]),
            *(f"{found[index]:,}" for found in known.values()),
            tag("span", class_="share", style=f"width:{100 * total[index] / most:.1f}%"),
        ]
        for index in order[:MOST_CLASSES].tolist()
    ]
    more = len(facts.classes) - len(rows)
    heads = [word, *(f"{part} rows" for part in known), "share"]
    return group(
        title,
        table(
            words.capitalize(), heads, rows, numbers=tuple(range(1, 1 + len(known))), look="classes"
        ),
        note(f"and {more:,} {'higher' if graded else 'rarer'} ones") if more > 0 else None,
    )


def _counts(facts: Facts, results: dict[str, np.ndarray] | None) -> np.ndarray | None:
    if results is None or "target" not in results:
        return None
    target = results["target"]
    if target.ndim == 2:
        return (target > 0).sum(0).astype(np.int64)
    return np.bincount(target.astype(np.int64), minlength=len(facts.classes))


# --- columns --------------------------------------------------------------------------------

ORDER = {"target": 0, "input": 1, "ignored": 2}


def _columns(facts: Facts) -> Html:
    columns = sorted(facts.columns, key=lambda column: ORDER.get(column.get("role", ""), 3))
    if not columns:
        return note("No columns were written down.")
    rows: list[list[Child]] = [
        [name(c["name"]), c.get("role", ""), c.get("modality", ""), name(c.get("why", ""))]
        for c in columns[:MOST_COLUMNS]
    ]
    more = columns[MOST_COLUMNS:]
    return group(
        table("Columns", ["column", "role", "read as", "because"], rows, look="columns"),
        note(f"and {_kinds(more)} more, listed in run.json") if more else None,
    )


def _kinds(columns: list[dict[str, Any]]) -> str:
    """'470 number columns, 3 ignored columns'."""
    counts: dict[str, int] = {}
    for column in columns:
        kind = column.get("modality", "?") if column.get("role") != "ignored" else "ignored"
        counts[kind] = counts.get(kind, 0) + 1
    return ", ".join(counted(count, f"{kind} column") for kind, count in counts.items())


def _notes(facts: Facts) -> Html | None:
    warnings, notes = facts.info.get("warnings") or [], facts.info.get("notes") or []
    if not notes and not warnings:
        return None
    return group(
        tag("h3", "Noticed on the way"),
        tag(
            "ul",
            [tag("li", tag("b", "Warning: "), name(text)) for text in warnings],
            [tag("li", name(text)) for text in notes[:MOST_ITEMS]],
            tag("li", f"and {len(notes) - MOST_ITEMS:,} more, in run.json")
            if len(notes) > MOST_ITEMS
            else None,
        ),
    )


def _watched(facts: Facts, budget: pictures.Budget) -> Html | None:
    if facts.probe is None:
        return None
    cards = [
        tag(
            "li",
            pictures.example(drawings, budget, f"training example {number}"),
            tag("p", name(place), class_="place"),
            class_="card",
        )
        for number, (place, drawings) in enumerate(
            zip(facts.probe.places, facts.probe.drawings), start=1
        )
    ]
    return group(
        tag("h3", "Some of the training examples"),
        tag("ul", cards, class_="cards"),
    )
