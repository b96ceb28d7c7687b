"""Rows of a run's source, a page at a time, as a person would see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.errors import ConfigError, PellucidError, did_you_mean
from pellucid.interfaces.studio.ask import Asker
from pellucid.recording.run import Run

if TYPE_CHECKING:
    from pellucid.recipe.prepare import Prepared
    from pellucid.uses.use import Course

MOST, USUAL = 200, 60
"""Rows of one page: at most, and where nothing is said."""
SIDE = 96
"""Pictures have at most so many pixels each way; `explain` has them whole."""
SPLITS = ("train", "valid", "test")
STATES = (*SPLITS, "repaired", "set aside")


@dataclass(frozen=True)
class Facts:
    """Every row of the ledger, in its order; -1 is a line or file that never became a row.

    targets: what is right, as people say it. answers: what was said by networks that had not
    learned from the row. prepared: the source, if it can be read again; else `problem` says why.
    """

    rows: np.ndarray
    places: list[str]
    states: np.ndarray
    splits: np.ndarray
    reasons: list[str]
    targets: Mapping[int, Any]
    answers: Mapping[int, dict[str, Any]]
    prepared: Prepared | None
    problem: dict[str, str] | None


def rows(asker: Asker, run: Run, asked: Mapping[str, str]) -> dict[str, Any]:
    """A page of rows.

    Args:
        asked: `split` (train, valid, test, repaired, "set aside"), `label` and `answer` (a class or
            tag), `rows` (numbers joined by commas, instead of all), `from`, `limit`.

    Returns:
        `total`: how many fit; `rows`: of each `row`, `place`, `split`, `state`, `target`, `answer`,
        `probability`, `reason`, `drawings`; `problem`: why there are no drawings.
    """
    with asker.turn(run, "reading the data") as watcher:
        if run.info.get("use") is not None:
            return _examples(asker.course(run, watcher), asked)
        facts = asker.kept("facts", run, lambda: _facts(asker, run, watcher), run.status)
        fitting = _fitting(facts, asked)
        start, limit = _number(asked, "from", 0), min(_number(asked, "limit", USUAL), MOST)
        page = [_said(facts, int(place)) for place in fitting[start : start + limit]]
    return {"total": len(fitting), "rows": page, "problem": facts.problem}


def _examples(course: Course, asked: Mapping[str, str]) -> dict[str, Any]:
    """The same of a use, whose examples need not be rows: they are counted as its receipts count
    them, and what is right of them is no word."""
    examples = course.examples
    splits = {number: split for split in SPLITS for number in getattr(examples, split).tolist()}
    wanted: Sequence[int] = range(len(examples.dataset.target))
    if asked.get("rows"):
        wanted = [number for number in _numbers(asked["rows"]) if number in wanted]
    start, limit = _number(asked, "from", 0), min(_number(asked, "limit", USUAL), MOST)
    page = [
        {
            "row": number,
            "place": str(examples.places[number]),
            "split": splits.get(number),
            "state": splits.get(number),
            "reason": "",
            "target": None,
            "answer": None,
            "probability": None,
            "drawings": examples.draw(number),
        }
        for number in wanted[start : start + limit]
    ]
    return {"total": len(wanted), "rows": page, "problem": None}


def _facts(asker: Asker, run: Run, watcher: Any) -> Facts:
    from pellucid.tasks import task_from_json

    ledger = run.ledger()
    prepared, problem = None, None
    try:
        prepared = asker.prepared(run, watcher)
    except PellucidError as error:
        problem = error.as_json()
    task = task_from_json(run.task) if prepared is None else prepared.task
    targets, answers = _results(run, task)
    if prepared is not None:
        truth = task.truth(prepared.target)
        targets = {int(row): _target(task, truth[row]) for row in prepared.rows}
    return Facts(
        rows=ledger["row"].to_numpy(),
        places=ledger["item"].to_pylist(),
        states=np.array(ledger["state"].to_pylist(), dtype=object),
        splits=np.array(ledger["split"].to_pylist(), dtype=object),
        reasons=ledger["reason"].to_pylist(),
        targets=targets,
        answers=answers,
        prepared=prepared,
        problem=problem,
    )


def _results(run: Run, task: Any) -> tuple[dict[int, Any], dict[int, dict[str, Any]]]:
    """Targets and answers of the rows that were held back, once the run has them."""
    targets: dict[int, Any] = {}
    answers: dict[int, dict[str, Any]] = {}
    for name in ("valid", "test"):
        try:
            found = run.results(name)
        except PellucidError:
            continue
        values = found["prediction" if task.kind == "regress" else "probability"]
        said = task.answers(values)
        for row, target, answer in zip(found["row"].tolist(), found["target"], said, strict=True):
            targets[row] = _target(task, target)
            answers[row] = {key: answer.get(key) for key in ("answer", "probability")}
    return targets, answers


def _target(task: Any, truth: Any) -> Any:
    from pellucid.evidence.explain.neighbors import said_target

    return said_target(task, truth)


def _fitting(facts: Facts, asked: Mapping[str, str]) -> np.ndarray:
    """Places in the ledger of the rows that are asked for."""
    keep = np.ones(len(facts.rows), dtype=bool)
    split = asked.get("split", "")
    if split:
        if split not in STATES:
            raise ConfigError(
                f"there is no part '{split}'", where="split", fix=did_you_mean(split, STATES)
            )
        keep &= (facts.splits if split in SPLITS else facts.states) == split
    if asked.get("rows"):
        keep &= np.isin(facts.rows, _numbers(asked["rows"]))
    for name, known in (("label", facts.targets), ("answer", facts.answers)):
        if asked.get(name):
            keep &= _names(facts, known, asked[name])
    return np.flatnonzero(keep)


def _names(facts: Facts, known: Mapping[int, Any], name: str) -> np.ndarray:
    """bool (rows,): whose target or answer is, or has among its tags, this one."""

    def is_it(row: int) -> bool:
        said = known.get(row)
        said = said["answer"] if isinstance(said, dict) and "answer" in said else said
        return name in said if isinstance(said, list) else str(said) == name

    return np.array([is_it(row) for row in facts.rows.tolist()], dtype=bool)


def _said(facts: Facts, place: int) -> dict[str, Any]:
    row = int(facts.rows[place])
    return {
        "row": row,
        "place": facts.places[place],
        "split": facts.splits[place],
        "state": facts.states[place],
        "reason": facts.reasons[place],
        "target": facts.targets.get(row),
        **facts.answers.get(row, {"answer": None, "probability": None}),
        "drawings": _drawings(facts, row),
    }


def _drawings(facts: Facts, row: int) -> dict[str, Any]:
    """Column -> drawing, pictures small; empty for what can't be read."""
    from pellucid.data.columns import Drawing
    from pellucid.data.modalities import MODALITIES
    from pellucid.recipe.drawings import as_json

    prepared = facts.prepared
    if prepared is None or row < 0 or facts.targets.get(row) is None:
        return {}
    found = {}
    for column in prepared.inputs:
        drawing = MODALITIES[column.modality].draw(prepared.loaded[column.name], row)
        if drawing.kind == "image":
            steps = [max(1, -(-size // SIDE)) for size in drawing.data.shape[:2]]
            drawing = Drawing("image", drawing.data[:: steps[0], :: steps[1]])
        found[column.name] = as_json(drawing)
    return found


def _number(asked: Mapping[str, str], name: str, default: int) -> int:
    (found,) = _numbers(asked.get(name) or str(default)) or [default]
    return found


def _numbers(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.isascii() and part.isdigit() and len(part) <= 12 for part in parts):
        raise ConfigError(
            f"'{text:.40}' is no row number",
            where="rows",
            fix="write whole numbers from 0, such as 3,7,9",
        )
    return [int(part) for part in parts]
