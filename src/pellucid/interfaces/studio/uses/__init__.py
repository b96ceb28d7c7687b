"""Models of uses in the studio: which form the page shows, the answer to it, and why.

A new use is one file here with a `Desk`, and one line in `DESKS`.
"""

from __future__ import annotations

import importlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pellucid.errors import ConfigError, did_you_mean
from pellucid.recording.run import Run

if TYPE_CHECKING:
    from pellucid.interfaces.studio.ask import Asker
    from pellucid.interfaces.studio.given import Given
    from pellucid.interfaces.studio.uses.desk import Asked, Desk

DESKS = {
    "forecast": "ForecastDesk",
    "recommend": "RecommendDesk",
    "generate": "GenerateDesk",
    "translate": "TranslateDesk",
    "detect": "DetectDesk",
    "verify": "VerifyDesk",
    "anomaly": "AnomalyDesk",
    "map": "MapDesk",
}
"""Word of the use -> its desk in the file of the same name; names, so that nothing heavy is read
before somebody asks."""
SECONDS, MOST_SECONDS = 2.0, 30.0


def form(asker: Asker, run: Run, asked: Any = None) -> dict[str, Any]:
    """What can be asked: `{"use", "ways": [{"name", "title", "do", "why", "fields": [...]}]}`."""
    with asker.turn(run, "reading the model"):
        desk = _desk(asker, run)
        return {"use": desk.model.kind, "ways": [asdict(way) for way in desk.ways()]}


def answer(asker: Asker, run: Run, given: Given) -> dict[str, Any]:
    """`answers` as `pellucid predict --json` gives them, `rows`, `model`, and `shown`: a finding
    that says the same to people."""
    from pellucid.recipe.explain import threads_of

    with asker.turn(run, "answering"), threads_of(run.path):
        desk = _desk(asker, run)
        reply = desk.answer(_asked(desk, given))
        return {
            "answers": reply.lines,
            "rows": reply.rows,
            "model": given.model or desk.model.kept,
            "shown": reply.shown.as_json(),
        }


def why(asker: Asker, run: Run, given: Given) -> dict[str, Any]:
    """`shown`: a finding that says what the answer rests on."""
    from pellucid.recipe.explain import threads_of

    with asker.turn(run, "explaining"), threads_of(run.path):
        desk = _desk(asker, run)
        asked = _asked(desk, given)
        if not next(way for way in desk.ways() if way.name == asked.way).why:
            raise ConfigError(
                "such answers are not explained", where=asked.way, fix="ask in another way"
            )
        return {"shown": desk.why(asked).as_json()}


def _desk(asker: Asker, run: Run) -> Desk[Any]:
    from pellucid.uses.answerers import load_answerer, use_of

    kind = use_of(run.path)
    if kind not in DESKS:
        raise ConfigError(
            "this run has no form: its model answers rows"
            if kind is None
            else f"there is no form for '{kind}'",
            where=run.name,
            fix="POST predict with a value" if kind is None else "pellucid predict RUN INPUT",
        )
    model = asker.kept("bundle", run, lambda: load_answerer(run.path), run.status)
    desk = getattr(importlib.import_module(f"{__name__}.{kind}"), DESKS[kind])
    found: Desk[Any] = desk(model)
    return found


def _asked(desk: Desk[Any], given: Given) -> Asked:
    """What was entered, if there is such a way to ask."""
    from pellucid.interfaces.studio.uses.desk import Asked

    value = {} if given.value is None else given.value
    if not isinstance(value, dict):
        raise ConfigError(
            "what was entered is no object", where="value", fix='send {"value": {FIELD: ...}}'
        )
    ways = {way.name: way for way in desk.ways()}
    name = given.name or next(iter(ways))
    if name not in ways:
        raise ConfigError(
            f"it can't be asked by '{name:.40}'", where="name", fix=did_you_mean(name, ways)
        )
    fields = [field.name for field in ways[name].fields]
    for other in (*value, *given.files):
        if other not in fields:
            raise ConfigError(
                f"there is no field '{other:.40}'", where=name, fix=did_you_mean(other, fields)
            )
    seconds = min(given.seconds or SECONDS, MOST_SECONDS)
    return Asked(name, value, given.files, given.model, seconds, given.tell)
