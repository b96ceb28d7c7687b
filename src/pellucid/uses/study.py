"""Studies of a run of a use: those that need no more than what the run wrote down.

Most studies ask about rows, their classes and their columns (`recipe/study.py`). What a use found
out at its exam is kept in its run. Two questions make sense for every network: did it learn by
heart, and what did it cost?
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.errors import ConfigError, did_you_mean
from pellucid.evidence.finding import ORDER, Chart, Finding, Line, Table, unknown
from pellucid.evidence.intervals import NORMAL_95
from pellucid.evidence.overfitting.onset import FEWEST_LOOKS, Course, find_onset, onset_sentence
from pellucid.evidence.overfitting.shown import charts_of
from pellucid.evidence.worth.cost import WATTS_PER_CORE, in_words, used_by
from pellucid.recipe import study as of_rows
from pellucid.recipe.study import SECONDS_A_PART, check_done
from pellucid.recipe.watcher import Watcher
from pellucid.recording.files import write_json
from pellucid.recording.run import Run

MEASURED_OTHERWISE = (
    "While it learned, the training loss was measured with dropout and random changes, the"
    " validation loss without, so their levels can't be compared."
)


def study(
    run_folder: str | Path,
    parts: Sequence[str] = (),
    watcher: Watcher | None = None,
    *,
    source: Any = None,
    test: Any = None,
    seconds: float = SECONDS_A_PART,
    again: bool = False,
) -> Iterator[Finding]:
    """Findings of any run; arguments and errors as in `recipe/study.py: study`."""
    run = Run(run_folder)
    if run.info.get("use") is None:
        yield from of_rows.study(
            run_folder, parts, watcher, source=source, test=test, seconds=seconds, again=again
        )
        return
    check_done(run)
    known = set(run.findings())
    for name in parts:
        if name not in PARTS and name not in known:
            raise _refused(run, name, known)
    for name in parts or PARTS:
        if name not in PARTS or (name in known and not again):
            yield Finding.from_json(run.finding(name))
            continue
        started = time.perf_counter()
        found = PARTS[name](run)
        found = replace(found, seconds=round(time.perf_counter() - started, 3))
        write_json(run.path / "evidence" / f"{name}.json", found.as_json())
        yield found


def _refused(run: Run, name: str, known: set[str]) -> ConfigError:
    """Why there is no such study, and what there is."""
    there = [*PARTS, *sorted(known - set(PARTS))]
    if name not in ORDER:
        return ConfigError(
            f"there is nothing to study called '{name}'",
            where="pellucid study",
            fix=did_you_mean(name, there),
        )
    title = run.info["task"].get("title", run.info["use"])
    return ConfigError(
        f"'{name}' is a study of rows with a class or a number; this run is about {title}",
        where="pellucid study",
        fix=f"there is {', '.join(there)}; 'pellucid step' shows how it learns, and 'pellucid"
        " explain' why it answers so",
    )


# --- did it learn by heart? -------------------------------------------------------------------


def overfitting(run: Run) -> Finding:
    """The moment, read off the losses that the run wrote down."""
    title = "Did it learn by heart?"
    course = noted(run.steps)
    if course is None:
        return unknown(
            "overfitting",
            title,
            "The validation examples were hardly looked at while it learned; to see when it"
            f" stopped getting better takes at least {FEWEST_LOOKS} looks: let it learn longer.",
        )
    onset = find_onset(course)
    return Finding(
        "overfitting",
        title,
        onset_sentence(onset, course),
        notes=(MEASURED_OTHERWISE,),
        figures={"onset": vars(onset)},
        charts=tuple(charts_of(course, onset, None)),
    )


def noted(steps: np.ndarray) -> Course | None:
    """The losses as noted while learning; None if there are too few looks.

    How much of a change is chance is told from how the looks scatter around their own course: the
    second differences of steady curves are noise alone, of sqrt(6) times its spread.
    """
    looks = np.flatnonzero(np.isfinite(steps["valid_loss"]))
    if len(looks) < FEWEST_LOOKS:
        return None
    half = max(1, int(np.median(np.diff(looks, prepend=-1))) // 2)
    around = [steps["loss"][max(0, look - half) : look + half + 1] for look in looks]
    errors = np.array([part.std() / np.sqrt(len(part)) for part in around])
    valid = steps["valid_loss"][looks].astype(np.float64)
    scatter = float(np.median(np.abs(np.diff(valid, 2)))) / 0.6745 / np.sqrt(6)
    return Course(
        steps["step"][looks].astype(np.int64),
        steps["epoch"][looks].astype(np.float64),
        np.array([float(part.mean()) for part in around]),
        valid,
        NORMAL_95 * np.hypot(errors[:, None], errors),
        np.full((len(looks), len(looks)), NORMAL_95 * np.sqrt(2) * scatter),
        alike=False,
    )


# --- what did it cost? ------------------------------------------------------------------------


def cost(run: Run) -> Finding:
    """Seconds, electricity, memory and size, as the run noted them."""
    used, network, verdict = used_by(run), run.info["network"], run.verdict
    learning = used.stages.get("learning", 0.0)
    sentence = (
        f"It took {used.seconds:,.3g} s, {learning:,.3g} of them to train the network, and about"
        f" {used.watt_hours:.2g} Wh of electricity (an estimate). The network has"
        f" {in_words(network['parameters'])} weights; the model takes"
        f" {used.model_bytes / 2**20:.3g} MB."
    )
    notes = [
        f"Electricity is estimated as {WATTS_PER_CORE:.0f} W for each busy core"
        f" ({used.processor_seconds:,.0f} core-seconds); real processors draw 4 to 15 W."
    ]
    if used.peak_memory is not None:
        notes.append(f"At most {used.peak_memory / 2**20:,.0f} MB of memory were in use.")
    stages = tuple((name, round(seconds, 2)) for name, seconds in used.stages.items())
    methods = tuple(
        (str(one["name"]), one["score"], one["seconds"], one["ms_per_row"], one["bytes"] / 2**20)
        for one in (verdict["network"], *verdict["baselines"])
    )
    looks = run.steps[np.isfinite(run.steps["valid_metric"])]
    line = Line(
        "validation examples",
        tuple(looks["step"].astype(float).tolist()),
        tuple(looks["valid_metric"].astype(float).tolist()),
    )
    return Finding(
        "cost",
        "What did it cost?",
        sentence,
        notes=tuple(notes),
        figures={"learning": vars(used), "watts_per_core": WATTS_PER_CORE},
        tables=(
            Table("Where the time went", ("stage", "seconds"), stages),
            Table(
                "Beside the classical methods",
                ("method", str(verdict["metric"]), "s to learn", "ms an example", "MB"),
                methods,
            ),
        ),
        charts=(Chart("While it learned", "step", str(verdict["metric"]), (line,)),),
    )


PARTS: dict[str, Callable[[Run], Finding]] = {"overfitting": overfitting, "cost": cost}
"""Name on the command line -> study."""
