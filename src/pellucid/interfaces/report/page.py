"""The page around the sections, and its head: the question, the verdict, the score."""

from __future__ import annotations

from typing import Any

from pellucid import __version__
from pellucid.interfaces.report import pictures
from pellucid.interfaces.report.answers import answers_section
from pellucid.interfaces.report.comparison import comparison_section
from pellucid.interfaces.report.data import data_section
from pellucid.interfaces.report.facts import Facts
from pellucid.interfaces.report.features import features_section
from pellucid.interfaces.report.found import found_section
from pellucid.interfaces.report.inside import inside_section
from pellucid.interfaces.report.layout import document
from pellucid.interfaces.report.learning import learning_section
from pellucid.interfaces.report.markup import Html, group, lines, tag
from pellucid.interfaces.report.network import network_section
from pellucid.interfaces.report.plan import plan_section
from pellucid.interfaces.report.trust import trust_section
from pellucid.interfaces.report.use import use_section
from pellucid.interfaces.report.watched import watched
from pellucid.interfaces.report.words import (
    MEANINGS,
    counted,
    cut,
    figure,
    interval,
    listed,
    name,
)
from pellucid.interfaces.seconds import in_words

PICTURE_BYTES = 2_400_000
"""Of all pictures together, so that the page stays below 5 MB."""

CONTENTS = (
    ("data", "The data"),
    ("network", "The network"),
    ("learning", "Learning"),
    ("inside", "What happened inside"),
    ("features", "What excites its units"),
    ("found", "What it can do"),
    ("answers", "Right and wrong"),
    ("verdict", "Was deep learning needed?"),
    ("trust", "How far to trust it"),
    ("use", "How to use it"),
    ("plan", "Settings and plan"),
)

STATUS = {
    "interrupted": "This run was interrupted: what follows is what had been learned by then.",
    "failed": "This run failed before its end: what follows is as far as it came.",
    "learning": "This run is not done: it is still learning, or it was killed. "
    "'pellucid resume' goes on with it.",
    "paused": "This run is not done: somebody paused it in the studio.",
}


def page(facts: Facts) -> Html:
    """The whole document."""
    budget = pictures.Budget(PICTURE_BYTES)
    main = tag(
        "main",
        lines(
            "",
            data_section(facts, budget),
            network_section(facts),
            learning_section(facts),
            inside_section(facts, budget),
            *_middle(facts, budget),
            use_section(facts),
            plan_section(facts),
            "",
        ),
        id="content",
    )
    moving = watched(facts.run, written=len(main.encode()))
    body = lines(
        tag("a", "Skip to the content", href="#content", class_="skip"),
        _head(facts, moving.link if moving else None),
        main,
        tag("footer", tag("p", f"Written by Pellucid {__version__} from the files of this run.")),
    )
    sheets = ("style.css", "found.css") if facts.use else ("style.css",)
    return document(f"{facts.run.name}: report", sheets, body, moving)


def _middle(facts: Facts, budget: pictures.Budget) -> list[Html | None]:
    """What it answers and how good it is; a use says itself what should be seen."""
    if facts.use:
        return [found_section(facts, budget), comparison_section(facts)]
    return [
        features_section(facts, budget),
        answers_section(facts, budget),
        comparison_section(facts),
        trust_section(facts),
    ]


def _there(facts: Facts, place: str) -> bool:
    """Whether the page has this section."""
    if facts.use:
        return place not in ("features", "answers", "trust")
    if place == "features":
        return any(one.part == "features" and one.known for one in facts.findings)
    return place != "found"


# --- the head -------------------------------------------------------------------------------


def _head(facts: Facts, watch: Html | None) -> Html:
    status = STATUS.get(str(facts.info.get("status")))
    contents = [
        tag("li", tag("a", title, href=f"#{place}"))
        for place, title in CONTENTS
        if _there(facts, place)
    ]
    return tag(
        "header",
        lines(
            tag("p", name(facts.run.name), class_="run"),
            tag("h1", _question(facts)),
            tag("p", status, class_="status", role="status") if status else None,
            _score(facts),
            tag("p", name(facts.verdict["sentence"]), class_="sentence") if facts.verdict else None,
            _short(facts),
            watch,
            tag("nav", tag("ol", contents), aria_label="Contents"),
        ),
    )


def _question(facts: Facts) -> Html:
    """What was learned from what."""
    if not facts.kind:
        return group("Nothing was learned")
    if facts.use:
        return group(
            str(facts.task.get("title", facts.use)).capitalize(),
            ": ",
            name(cut(str(facts.task.get("target", "")), 80)),
        )
    known = counted(len(facts.inputs), "column")
    sources: Html | str = known
    if 0 < len(facts.inputs) <= 3 and sum(len(one["name"]) for one in facts.inputs) <= 60:
        parts = [_input(one["name"], one["modality"]) for one in facts.inputs]
        sources = group(parts[0], *(group(" and ", part) for part in parts[1:]))
    what = {
        "classify": f", one of {counted(len(facts.classes), 'class', 'classes')}",
        "grades": f", one of {counted(len(facts.classes), 'grade')} in order",
        "tags": f", any of {counted(len(facts.classes), 'tag')}",
    }.get(facts.kind, "")
    targets = name(listed([cut(target, 60) for target in facts.targets]))
    return group("Predicting ", targets, what, ", from ", sources)


def _input(column: str, modality: str) -> Html:
    return group(name(column), f" ({modality})" if modality != column else "")


def _score(facts: Facts) -> Html:
    summary = facts.summary
    if summary is None:
        return tag("p", "There is no score: the run did not reach its exam.", class_="note")
    metric = summary["metric"]
    kept = summary.get("kept", "network")
    meaning = f": {MEANINGS[metric]}" if metric in MEANINGS else ""
    return tag(
        "div",
        tag("p", figure(summary["score"], metric), class_="score"),
        tag(
            "div",
            tag(
                "p",
                tag("b", metric),
                f" on {_sealed(summary)}{meaning}.",
            ),
            tag(
                "p",
                f"95% interval {interval(summary['low'], summary['high'], metric)}",
                group(", answered by ", name(kept)) if kept != "network" else None,
                ".",
            ),
            _beside(facts, summary),
        ),
        class_="scored",
    )


def _sealed(summary: dict[str, Any]) -> str:
    """'200 sealed test rows', or what a use is judged on: '40 sealed windows'."""
    if "unit" in summary:
        return f"{summary['rows']:,} sealed {summary['unit']}"
    return counted(summary["rows"], "sealed test row")


def _beside(facts: Facts, summary: dict[str, Any]) -> Html | None:
    """The score on a scale with what it must be compared with."""
    if facts.verdict is None:
        return None
    metric = facts.verdict["metric"]
    constant = [one for one in facts.verdict["baselines"] if one["name"] == "constant answer"]
    if not constant or constant[0]["score"] is None:
        return None
    return tag(
        "p", f"Always giving the same answer would score {figure(constant[0]['score'], metric)}."
    )


def _short(facts: Facts) -> Html | None:
    info, rows = facts.info, facts.rows
    said = []
    if rows.get("train"):
        said.append(counted(rows["train"], "training row"))
    if facts.network:
        said.append(counted(facts.network["parameters"], "weight"))
    if facts.last_step:
        said.append(counted(facts.last_step, "step"))
    if info.get("seconds"):
        said.append(in_words(info["seconds"]))
    return tag("p", " · ".join(said), class_="short") if said else None
