"""Settings and plan with their reasons, and what else would be needed to repeat the run."""

from __future__ import annotations

import json
from typing import Any

from pellucid.config import Settings
from pellucid.interfaces.report.facts import Facts
from pellucid.interfaces.report.layout import facts_list, note, section, table
from pellucid.interfaces.report.markup import Child, Html, group, tag
from pellucid.interfaces.report.words import counted, name, number
from pellucid.interfaces.seconds import in_words

UNITS = {"time": " s"}
MOST_ITEMS = 20


def plan_section(facts: Facts) -> Html:
    return section(
        "plan",
        "Settings and plan",
        _settings(facts),
        tag("h3", "The plan"),
        _plan(facts),
        tag("h3", "Time"),
        _timing(facts),
        tag("h3", "To repeat it"),
        _circumstances(facts),
    )


def _settings(facts: Facts) -> Html:
    settings = facts.info.get("settings")
    if settings is None:
        return note("The run ended before its settings were written down.")
    usual = Settings().as_json()
    chosen = {
        key: value for key, value in settings.items() if _plain(value) != _plain(usual.get(key))
    }
    if not chosen:
        return tag("p", "Nothing was set by hand; everything below was chosen automatically.")
    return group(
        tag("p", "Set by hand; everything else was chosen automatically."),
        facts_list([(key, group(_value(value), UNITS.get(key))) for key, value in chosen.items()]),
    )


def _plan(facts: Facts) -> Html:
    if not facts.plan:
        return note("The run ended before it had a plan.")
    why = facts.plan.get("why") or {}
    fields = {
        key: value for key, value in facts.plan.items() if key != "why" and value not in ({}, None)
    }
    order = sorted(fields, key=lambda key: key not in why)
    rows: list[list[Child]] = [
        [key.replace("_", " "), _value(fields[key]), name(why.get(key, ""))] for key in order
    ]
    others = [[key, "", name(text)] for key, text in why.items() if key not in fields]
    return table("Plan", ["what", "value", "because"], [*rows, *others], look="columns")


def _value(value: Any) -> Html:
    """A setting as a person would write it."""
    if isinstance(value, dict):
        if all(not isinstance(item, dict | list | tuple) for item in value.values()):
            return name(", ".join(f"{key} {_plain_word(item)}" for key, item in value.items()))
        return group([tag("div", name(key), ": ", _value(item)) for key, item in value.items()])
    if isinstance(value, list | tuple):
        more = f" and {len(value) - MOST_ITEMS:,} more" if len(value) > MOST_ITEMS else ""
        return name((", ".join(map(str, value[:MOST_ITEMS])) or "none") + more)
    return name(_plain_word(value))


def _plain_word(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return number(value) if isinstance(value, int | float) else str(value)


def _plain(value: Any) -> str:
    """The same text for a tuple and the list that JSON made of it."""
    return json.dumps(value, sort_keys=True)


def _timing(facts: Facts) -> Html:
    timing, total = facts.info.get("timing") or {}, facts.info.get("seconds")
    recording = facts.info.get("recording") or {}
    pairs: list[tuple[Child, Child]] = [(stage, in_words(value)) for stage, value in timing.items()]
    if total is not None:
        pairs.append(("in all", in_words(total)))
    cost, trained = recording.get("cost_seconds"), recording.get("training_seconds")
    if cost is not None:
        share = f" for {in_words(trained)} of steps" if trained else ""
        looks = counted(recording.get("looks", 0), "look")
        pairs.append(("of it for recording", f"{in_words(cost)}{share}, {looks}"))
    return facts_list(pairs) if pairs else note("No times were written down.")


def _circumstances(facts: Facts) -> Html:
    info = facts.info
    pairs: list[tuple[Child, Child]] = [
        ("started", info.get("started", "")),
        ("seed", str(info.get("seed", facts.plan.get("seed", "")))),
        ("threads", str(info.get("threads", facts.plan.get("threads", "")))),
        ("fingerprint of the data", tag("code", str(info.get("fingerprint", "")))),
        *((program, str(version)) for program, version in (info.get("versions") or {}).items()),
    ]
    run = facts.run.path.name
    return group(
        facts_list([pair for pair in pairs if pair[1] not in ("", Html("<code></code>"))]),
        tag(
            "p",
            "The same data, plan and versions give the same weights: ",
            tag("code", f"pellucid learn SOURCE --plan {run}"),
        )
        if facts.plan
        else None,
    )
