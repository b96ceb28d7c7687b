"""What would be learned from this data, without learning: `pellucid check`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pellucid.config import Settings
from pellucid.data.columns import RawTable
from pellucid.data.ledger import Ledger
from pellucid.learning.planner import SECONDS, make_plan
from pellucid.recipe.prepare import ingredients, prepare
from pellucid.recipe.watcher import Watcher
from pellucid.uses import COURSES, Source, asked
from pellucid.uses.job import ingredients as ingredients_of_use

QUICK_LOOK = 5.0
"""Seconds of training that the plan is measured for at least."""


def check(source: Any, settings: Settings, test: Any = None) -> dict[str, Any]:
    """Everything that can be said before learning, as JSON-able data."""
    looked = Source(source, replace(settings, keep_going=True), test)
    found = asked(looked)
    return (
        _rows(source, settings, test, looked.known)
        if found is None
        else _use(*found, looked, settings)
    )


def _stops(ledger: Ledger, settings: Settings) -> dict[str, str] | None:
    """What `pellucid learn` would end with because too few rows can be used; None if it would
    not."""
    problem = None if settings.keep_going else ledger.too_many()
    return problem.as_json() if problem else None


def _use(kind: str, why: str, source: Source, settings: Settings) -> dict[str, Any]:
    """What a use makes of the source."""
    course = COURSES[kind](source, source.settings, Watcher())
    examples, ledger = course.examples, course.examples.ledger
    allowed = settings.time or SECONDS[settings.effort]
    data = ingredients_of_use(course)
    plan = make_plan(data, settings, max(QUICK_LOOK, 0.6 * allowed), lambda text: None)
    return {
        "source": examples.name,
        "task": kind,
        "task_why": why,
        "targets": [examples.target],
        "columns": [
            {key: column[key] for key in ("name", "modality", "role", "why")}
            for column in examples.columns
        ],
        "rows": ledger.counts(),
        "stops": _stops(ledger, settings),
        "set_aside": [{"place": place, "why": why} for place, why in ledger.set_aside_items()],
        "repaired": [{"place": place, "how": how} for place, how in ledger.repaired_items()],
        "notes": examples.notes,
        "labels": {},
        "plan": plan.as_json(),
    }


def _rows(source: Any, settings: Settings, test: Any, known: RawTable | None) -> dict[str, Any]:
    """What the main job makes of the source."""
    prepared = prepare(source, replace(settings, keep_going=True), Watcher(), test, known)
    ledger, recognized = prepared.ledger, prepared.recognized
    first, _ = ingredients(prepared, *prepared.folds()[0])
    allowed = settings.time or SECONDS[settings.effort]
    plan = make_plan(first, settings, max(QUICK_LOOK, 0.75 * allowed), lambda text: None)
    return {
        "source": prepared.table.name,
        "task": recognized.task,
        "task_why": recognized.task_why,
        "targets": recognized.targets,
        "columns": [
            {"name": c.name, "modality": c.modality, "role": c.role, "why": c.why}
            for c in recognized.columns
        ],
        "rows": ledger.counts(),
        "stops": _stops(ledger, settings),
        "set_aside": [{"place": place, "why": why} for place, why in ledger.set_aside_items()],
        "repaired": [{"place": place, "how": how} for place, how in ledger.repaired_items()],
        "notes": [*prepared.table.notes, *prepared.notes],
        "labels": prepared.label_counts(),
        "plan": plan.as_json(),
    }


def show_check(found: dict[str, Any]) -> None:
    """The same for people."""
    print(f"{found['source']}: {found['task']} {', '.join(found['targets'])}")
    print(f"  {found['task_why']}")
    print("\ncolumns")
    width = max((len(column["name"]) for column in found["columns"]), default=0)
    for column in found["columns"]:
        kind = column["modality"] if column["role"] != "ignored" else "ignored"
        role = " (target)" if column["role"] == "target" else ""
        print(f"  {column['name']:<{width}}  {kind}{role}: {column['why']}")
    print(
        "\nrows     "
        + ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in found["rows"].items())
    )
    if found["labels"]:
        word = "grades" if found["task"] == "grades" else "classes"
        counts = (f"{name} {count:,}" for name, count in found["labels"].items())
        print(f"{word:<9}{', '.join(counts)}")
    for title, items, word in (
        ("set aside", found["set_aside"], "why"),
        ("repaired", found["repaired"], "how"),
    ):
        if items:
            print(f"\n{title}")
        for item in items[:10]:
            print(f"  {item['place']}: {item[word]}")
        if len(items) > 10:
            print(f"  and {len(items) - 10:,} more")
    if found["stops"]:
        print(f"\nlearning would stop: {found['stops']['what']}")
        print(f"  where: {found['stops']['where']}")
        print(f"  fix:   {found['stops']['fix']}")
    if found["notes"]:
        print("\nnoticed")
    for note in found["notes"]:
        print(f"  {note}")
    plan = found["plan"]
    families = ", ".join(f"{part}: {family}" for part, family in plan["network"].items())
    print(f"\nwould train {families}: {plan['steps']:,} steps of {plan['batch']} rows")
    for name, why in plan["why"].items():
        print(f"  {name}: {why}")
