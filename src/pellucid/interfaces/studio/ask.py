"""What needs the model or the data: answers, explanations, one iteration again, rows, studies.

All of it is heavy, so one thing is done at a time, in a thread of its own; models and data that
were read stay in memory for the next question. How far a long one has come is in `Asker.doing`.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from pellucid.errors import BundleError, ConfigError, DataError
from pellucid.interfaces.studio import trace, uses
from pellucid.recording.run import Run

if TYPE_CHECKING:
    from pellucid.data.columns import RawTable
    from pellucid.evidence.explain.neighbors import Neighbor
    from pellucid.evidence.explain.reference import Reference
    from pellucid.evidence.subject import Rows
    from pellucid.export.bundle import Bundle
    from pellucid.interfaces.studio.given import Given
    from pellucid.recipe.next_step import Ready
    from pellucid.recipe.prepare import Prepared
    from pellucid.recipe.watcher import Watcher
    from pellucid.uses.use import Course

Found = TypeVar("Found")
MOST_ANSWERS = 200
"""Rows of an uploaded table that are answered."""
KEPT = {"bundle": 4, "reference": 4, "prepared": 1, "course": 1, "facts": 1, "ready": 1}
"""How many of each stay in memory."""
STEP_SECONDS, STUDY_SECONDS, EXPLAIN_SECONDS = 20.0, 30.0, 2.0
MOST_SECONDS = 600.0


class Asker:
    """Answers questions about runs, one after the other.

    doing: what the studio is computing right now: `run` (name of the folder), `what`, `done`,
    `total`; None if nothing.
    """

    def __init__(self) -> None:
        self.doing: dict[str, Any] | None = None
        self._lock = Lock()
        self._kept: dict[str, OrderedDict[Hashable, Any]] = {kind: OrderedDict() for kind in KEPT}

    @contextmanager
    def turn(self, run: Run, what: str) -> Iterator[Watcher]:
        """Wait until nothing else is computed; a watcher that tells the page how far it is."""
        with self._lock:
            from pellucid.interfaces.studio.telling import Telling  # brings PyTorch along

            self.doing = {"run": str(run.path), "what": what, "done": 0, "total": 0}
            try:
                yield Telling(self.doing)
            finally:
                self.doing = None

    # --- what was read stays -------------------------------------------------------------------

    def kept(self, kind: str, run: Run, make: Callable[[], Found], more: Hashable = ()) -> Found:
        """What was made for this version of a run the last time, or made now."""
        known, key = self._kept[kind], (str(run.path), trace.version(run), more)
        if key not in known:
            while len(known) >= KEPT[kind]:
                known.popitem(last=False)
            known[key] = make()
        known.move_to_end(key)
        found: Found = known[key]
        return found

    def bundle(self, run: Run) -> Bundle:
        """The model of a run."""
        from pellucid.export.bundle import Bundle

        return self.kept("bundle", run, lambda: Bundle.load_from(run.path), run.status)

    def reference(self, run: Run) -> Reference | None:
        """The training rows that the run keeps to compare with."""
        from pellucid.evidence.explain.reference import Reference

        return self.kept("reference", run, lambda: Reference.load(run.path), run.status)

    def prepared(self, run: Run, watcher: Watcher) -> Prepared:
        """The source of a run, read and cut as it was."""
        from pellucid.recipe.job import settings_of
        from pellucid.recipe.study import prepared_again

        try:
            settings_of(run)
            run.info["source"]["path"]
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(
                "the run does not say what it learned from",
                where=str(run.path / "run.json"),
                fix="wait if it has only begun; else restore the file, or learn again",
            ) from error
        return self.kept("prepared", run, lambda: prepared_again(run, watcher))

    def course(self, run: Run, watcher: Watcher) -> Course:
        """The source of a run of a use, understood as it was."""
        from pellucid.uses.next_step import course_again

        return self.kept("course", run, lambda: course_again(run, watcher))


# --- answers ------------------------------------------------------------------------------------


def predict(asker: Asker, run: Run, given: Given) -> dict[str, Any]:
    """The answer for what was typed, drawn or uploaded; with `steps` also what the first network
    would have said at each of them.

    Returns:
        `answers`: one dict a row as `pellucid predict --json` gives them; `rows`: how many the
        source had; `model` and `by`: who answers, and what that is called; of the first row
        `received` (what the network got: drawings and tokens) and `nearest` (training examples that
        look alike to it); `through_time`.
    """
    from pellucid.interfaces.predict import table_of
    from pellucid.recipe.explain import threads_of

    if run.info.get("use"):
        return uses.answer(asker, run, given)
    with asker.turn(run, "answering") as watcher, threads_of(run.path):
        bundle = asker.bundle(run)
        table = table_of(bundle, given.source(bundle.columns))
        rows = len(table)
        _first(table, MOST_ANSWERS)
        lines = bundle.predict(table, given.model or "kept").lines(table)  # type: ignore[arg-type]
        found: dict[str, Any] = {
            "answers": lines,
            "rows": rows,
            "model": given.model or bundle.kept,
            "by": bundle.name_of(given.model or bundle.kept),
        }
        if not lines or "error" in lines[0]:
            return found
        _first(table, 1)
        example = bundle.load(table)[0]
        found["received"] = _received(bundle, example)
        found["nearest"] = _nearest(asker, run, bundle, example)
        if given.steps is not None:
            watcher.stage("going back in time")
            found["through_time"] = through_time(run, bundle, example, given.steps, watcher)
    return found


def _first(table: RawTable, count: int) -> None:
    """Keep only the first rows of a table."""
    import numpy as np

    few = np.arange(min(count, len(table)))
    table.columns = {name: column.take(few) for name, column in table.columns.items()}
    table.places = list(table.places)[: len(few)]
    table.repaired = {row: how for row, how in table.repaired.items() if row < len(few)}


def _received(bundle: Bundle, example: Rows) -> dict[str, Any]:
    """The example as the network got it, after reading and resizing."""
    from pellucid.data.modalities import MODALITIES
    from pellucid.data.modalities.text import tokens_of
    from pellucid.recipe.drawings import as_json

    columns = bundle.columns
    return {
        "drawings": {
            column.name: as_json(MODALITIES[column.modality].draw(example[column.name], 0))
            for column in columns
        },
        "tokens": {
            column.name: tokens_of(
                MODALITIES["text"].encode(example[column.name], column.fitted)[0], column.fitted
            )
            for column in columns
            if column.modality == "text" and column.name not in bundle.frozen
        },
    }


def _nearest(asker: Asker, run: Run, bundle: Bundle, example: Rows) -> list[dict[str, Any]]:
    """Training examples that look alike to the (first) network; none if the run keeps none."""
    from pellucid.evidence.explain.neighbors import neighbors

    reference = asker.reference(run)
    if reference is None:
        return []
    subject = bundle.subject()
    found = neighbors(
        reference, subject.task, subject.features(example)[0], subject.answer(example)[0]
    )
    return [_neighbor(one) for one in found.nearest]


def _neighbor(one: Neighbor) -> dict[str, Any]:
    from pellucid.recipe.drawings import as_json

    return {
        "row": one.row,
        "place": one.place,
        "target": one.target,
        "similarity": one.similarity,
        "drawings": {name: as_json(drawing) for name, drawing in one.drawing.items()},
    }


def through_time(
    run: Run, bundle: Bundle, example: Rows, steps: list[int], watcher: Watcher
) -> dict[str, Any]:
    """What the first network would have said of an example at kept steps.

    Args:
        steps: Some of the run's `weight_steps`; none: all of them.

    Returns:
        `steps` and `values` (steps, outputs): probabilities before calibration, or numbers.
    """
    import torch

    first = bundle.subject("network")
    inputs = first.encode(example)
    network = copy.deepcopy(bundle.members[0].model())  # the bundle goes on answering with its own
    kept = steps or run.weight_steps
    values = []
    for place, step in enumerate(kept):
        watcher.progress(place, len(kept))
        state = {name: torch.from_numpy(value) for name, value in run.weights(step).items()}
        network.load_state_dict(state)
        with torch.inference_mode():
            values.append(bundle.task.prediction(network(inputs).float())[0])
    return {"steps": kept, "values": values, "source": "recomputed"}


# --- explanations -------------------------------------------------------------------------------


def explain(asker: Asker, run: Run, given: Given) -> dict[str, Any]:
    """Why it answers so: what `pellucid explain --json` gives, and drawings of the example and of
    those it is compared with."""
    from pellucid.interfaces.explain import Page, explain_example, explain_source
    from pellucid.recipe.drawings import as_json

    if run.info.get("use"):
        return uses.why(asker, run, given)
    with asker.turn(run, "explaining") as watcher:
        bundle = asker.bundle(run)
        name, model = given.name, given.model
        seconds = min(given.seconds or EXPLAIN_SECONDS, MOST_SECONDS)
        if given.row is None:
            source = given.source(bundle.columns)
            page = explain_source(
                run.path, bundle, source, watcher, name=name, model=model, seconds=seconds
            )
        else:
            prepared = asker.prepared(run, watcher)
            row = existing_row(given.row, len(prepared.table), run)
            example, place = _taken(prepared, row), str(prepared.table.places[row])
            explained = explain_example(
                run.path, bundle, example, watcher, name=name, model=model, seconds=seconds
            )
            page = Page(explained, place, row, len(prepared.table))
    said, explained = page.as_json(), page.explained
    said["drawings"] = {name: as_json(drawing) for name, drawing in explained.row.items()}
    if explained.neighbors is not None:
        said["neighbors"] = [_neighbor(one) for one in explained.neighbors.nearest]
        other = explained.neighbors.other
        said["against"] = None if other is None else _neighbor(other)
    return said


def existing_row(row: int, rows: int, run: Run) -> int:
    """The number of a row of the source, if there is such a row."""
    if not 0 <= row < rows:
        raise ConfigError(
            f"there is no row {row}: the rows are 0 to {rows - 1}",
            where=run.name,
            fix="take the number of a row from the list of rows",
        )
    return row


def _taken(prepared: Prepared, row: int) -> Rows:
    import numpy as np

    from pellucid.evidence.subject import take

    if row not in prepared.rows:
        reasons = dict(prepared.ledger.set_aside_items())
        place = str(prepared.table.places[row])
        raise DataError(
            reasons.get(place, "this row was set aside"),
            where=place,
            fix="choose a row that is in use",
        )
    return take(prepared.loaded, np.array([row]))


# --- one iteration ------------------------------------------------------------------------------


def iteration(asker: Asker, run: Run, order: dict[str, Any]) -> dict[str, Any]:
    """One step of the run again: what `pellucid step --json` gives, or what would have happened
    with one thing changed.

    Args:
        order: `at` (updates before the step, "final", or by default the last kept ones),
            `example`, `zoom`, `what_if`, `seconds`.
    """
    from pellucid.recipe.next_step import receipt_of, step_before, what_if_of
    from pellucid.recipe.study import check_done

    seconds = seconds_in(order, STEP_SECONDS)
    with asker.turn(run, "making one step again") as watcher:
        check_done(run)
        at = order.get("at")
        number = step_before(run, at if at is None else str(at))

        def make() -> Ready:
            return _standing(asker, run, number, watcher, seconds)

        ready = asker.kept("ready", run, make, (number, seconds))
        name = order.get("what_if")
        if name is not None:
            return what_if_of(ready, str(name)).as_json()
        zoom, example = order.get("zoom"), order.get("example")
        if not (example is None or isinstance(example, int)):
            raise ConfigError("'example' is no place in the batch", where="example", fix="0 or 1")
        receipt = receipt_of(ready, watcher, example, None if zoom is None else str(zoom))
        return receipt.as_json()


def _standing(
    asker: Asker, run: Run, number: int | None, watcher: Watcher, seconds: float
) -> Ready:
    """The network after `number` updates, about to make the next one."""
    from pellucid.recipe import next_step as of_rows
    from pellucid.recipe.study import material_from
    from pellucid.uses import next_step as of_uses

    if run.info.get("use") is None:
        material = material_from(run, asker.prepared(run, watcher), watcher)
        return of_rows.stand(run, material, number, watcher, seconds)
    return of_uses.stand(run, asker.course(run, watcher), number, watcher, seconds)


def seconds_in(order: dict[str, Any], default: float) -> float:
    """How long it may take, from an order of the page."""
    seconds = order.get("seconds", default)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
        raise ConfigError(f"'{seconds}' are no seconds", where="seconds", fix="a number above 0")
    return min(float(seconds), MOST_SECONDS)


# --- studies ------------------------------------------------------------------------------------


def study(asker: Asker, run: Run, order: dict[str, Any]) -> dict[str, Any]:
    """The finding of one study; kept in the run, so that it is made once.

    Args:
        order: `part`, and perhaps `again` and `seconds`.
    """
    from pellucid.recipe.study import study as studies

    part = order.get("part")
    if not isinstance(part, str):
        raise ConfigError("it is not said what to study", where="part", fix='"labels", for example')
    with asker.turn(run, f"studying: {part}") as watcher:
        seconds, again = seconds_in(order, STUDY_SECONDS), order.get("again") is True
        (finding,) = studies(run.path, [part], watcher, seconds=seconds, again=again)
        return finding.as_json()
