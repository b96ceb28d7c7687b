"""What it cost: time, electricity, memory, size, arithmetic; and what less would have given.

All of it is measured but the electricity, which is an estimate and says from what. What a smaller
budget would have given is tried: the network learns again in an eighth, a quarter and half of the
steps, each with a whole schedule of its own, as far as there is time.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.evidence.finding import Chart, Finding, Line, Table
from pellucid.evidence.intervals import bootstrap, interval, middle
from pellucid.evidence.retrain import FEWEST_STEPS, figure, retrain, step_seconds
from pellucid.evidence.subject import Material, part
from pellucid.evidence.worth.operations import multiply_adds
from pellucid.learning.evaluate import higher_is_better, score, scorer
from pellucid.learning.learner import predict
from pellucid.learning.threads import threads
from pellucid.recording.run import Run

PART, TITLE = "cost", "What did it cost?"
WATTS_PER_CORE = 10.0
"""Of a busy core with its part of memory, fans and power supply. Processors of desktops and
servers draw 4 to 15 W a core; a laptop's less."""
COUNTED_ROWS = 8
TIMED_ANSWERS = 7
SHARES = (1 / 8, 1 / 4, 1 / 2)
IN_WORDS = {1 / 8: "an eighth", 1 / 4: "a quarter", 1 / 2: "half"}
SHORT_SHARE = 0.7
"""Part of the time for the shorter trainings."""
DRAWS = 1_000


@part(PART)
def study(material: Material) -> Finding:
    """What learning used, what an answer takes, what fewer steps would have given."""
    run = material.run
    used = used_by(run)
    answer = answer_of(material)
    less = smaller_budgets(material)
    metric = material.task.metric
    return Finding(
        PART,
        TITLE,
        " ".join([_used_sentence(used), _answer_sentence(answer), _less_sentence(less, metric)]),
        notes=(*_of_network(material), *_notes(used, answer, less)),
        figures={
            "learning": vars(used),
            "answer": vars(answer),
            "smaller_budgets": [vars(one) for one in less],
            "watts_per_core": WATTS_PER_CORE,
        },
        tables=(_stages(used), _methods(run, answer), _budgets(less, metric)),
        charts=(_course(run, metric),),
    )


# --- what learning used -----------------------------------------------------------------------


@dataclass(frozen=True)
class Used:
    """What the whole job used. stages: name -> seconds. processor_seconds: of all cores together;
    measured: whether that was measured, or follows from seconds and threads. watt_hours: an
    estimate. peak_memory: bytes, None if unknown. threads: cores that training used."""

    seconds: float
    stages: dict[str, float]
    threads: int
    processor_seconds: float
    measured: bool
    watt_hours: float
    peak_memory: int | None
    model_bytes: int
    run_bytes: int


def used_by(run: Run) -> Used:
    """Read what the run noted, and the sizes of its files."""
    info = run.info
    stages = {name: float(seconds) for name, seconds in info["timing"].items()}
    seconds = float(info["seconds"])
    stages["exam and saving"] = max(0.0, seconds - sum(stages.values()))
    noted = info.get("used", {})
    busy = noted.get("processor_seconds")
    processor = float(busy) if busy is not None else seconds * run.plan.threads
    return Used(
        seconds,
        stages,
        run.plan.threads,
        processor,
        busy is not None,
        processor * WATTS_PER_CORE / 3600,
        noted.get("peak_memory_bytes"),
        size_of(run.path / "model"),
        size_of(run.path),
    )


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _used_sentence(used: Used) -> str:
    learning = used.stages.get("learning", 0.0)
    return (
        f"It took {_seconds(used.seconds)}, {_seconds(learning)} of them to train the network, and"
        f" about {used.watt_hours:.2g} Wh of electricity (an estimate; a {WATTS_PER_CORE:.0f} W"
        f" lamp uses that in {_seconds(used.processor_seconds)})."
    )


# --- what an answer takes ---------------------------------------------------------------------


@dataclass(frozen=True)
class Answering:
    """What one answer of the model takes.

    networks: of a bag; parameters: of all of them. operations: multiply-adds. milliseconds: for a
    row among many, as the exam measured it; alone: for a single decoded row, on one core.
    """

    networks: int
    parameters: int
    operations: int
    milliseconds: float
    alone: float


def answer_of(material: Material) -> Answering:
    """Count and time some answers to test rows (or to training rows, if there are none)."""
    rows = material.test if len(material.test) else material.train
    some = material.take(rows[:COUNTED_ROWS])
    counted = multiply_adds(lambda: material.subject.answer(some))
    times = []
    one = material.take(rows[:1])
    with threads(1):  # for a single row, threads would wait for each other more than they compute
        for _ in range(TIMED_ANSWERS):
            started = time.perf_counter()
            material.subject.answer(one)
            times.append(1000 * (time.perf_counter() - started))
    network = material.run.info["network"]
    return Answering(
        int(network["networks"]),
        int(network["networks"]) * int(network["parameters"]),
        round(counted / len(rows[:COUNTED_ROWS])),
        float(material.run.verdict["network"]["ms_per_row"]),
        statistics.median(times),
    )


def _answer_sentence(answer: Answering) -> str:
    bag = f" (a bag of {answer.networks} networks)" if answer.networks > 1 else ""
    return (
        f"The model has {in_words(answer.parameters)} weights{bag}; an answer takes"
        f" {in_words(answer.operations)} multiply-adds, {_time(answer.milliseconds)} among many"
        f" and {_time(answer.alone)} alone."
    )


def _time(milliseconds: float) -> str:
    return f"{milliseconds:.2g} ms" if milliseconds < 100 else f"{milliseconds:,.0f} ms"


def in_words(count: float) -> str:
    """A large number as people say it.

    >>> in_words(950), in_words(12_656), in_words(1_340_000)
    ('950', '12,656', '1.34 million')
    """
    for name, unit in (("billion", 1e9), ("million", 1e6)):
        if count >= unit:
            return f"{count / unit:.3g} {name}"
    return f"{count:,.0f}"


# --- what less would have given ---------------------------------------------------------------


@dataclass(frozen=True)
class Budget:
    """The first network after so many steps, on its validation rows.

    share: of the steps. how: "tried" again with a schedule of its own, "noted" in passing while it
    learned, or "kept": the network as it is. low, high: 95 % interval of the score; of "tried"
    also whether the difference to the kept one is more than chance (None: not comparable).
    """

    share: float
    steps: int
    score: float
    low: float | None
    high: float | None
    how: str
    different: bool | None
    rows: int


def smaller_budgets(material: Material) -> list[Budget]:
    """What an eighth, a quarter and half of the steps would have given, and what all gave."""
    learn, check = material.folds[0]
    if not len(check):
        return []
    steps = material.run.steps
    steps = steps[steps["fold"] == 0]
    data = material.ingredients(learn, check)
    output = predict(material.subject.network, data.dataset, data.valid, material.plan.precision)
    whole = material.task.prediction(output)
    left, each = SHORT_SHARE * material.seconds, max(step_seconds(material.run), 1e-6)
    found = []
    for share in SHARES:
        count = round(share * len(steps))
        if FEWEST_STEPS <= count <= left / each:
            plan = replace(material.plan, steps=count, seed=material.plan.seed * 101)
            started = time.perf_counter()
            values = retrain(data, plan).values(data.valid)
            taken = time.perf_counter() - started
            left, each = left - taken, max(each, taken / count)
            found.append(_judged(material, check, values, whole, share, count, "tried"))
        else:
            found += _noted(steps, share, count, len(check))
    return [*found, _judged(material, check, whole, whole, 1.0, len(steps), "kept")]


def _judged(
    material: Material,
    rows: np.ndarray,
    values: np.ndarray,
    whole: np.ndarray,
    share: float,
    steps: int,
    how: str,
) -> Budget:
    kind, metric, truth = material.task.kind, material.task.metric, material.truth[rows]
    low, high = interval(kind, metric, truth, values, material.seed)
    measures = [scorer(kind, metric, truth, one) for one in (whole, values)]
    drawn = bootstrap(measures, len(truth), DRAWS, material.seed)
    least, most = middle(drawn[:, 0] - drawn[:, 1])
    different = None if how == "kept" else bool(least > 0 or most < 0)
    value = score(kind, metric, truth, values)
    return Budget(share, steps, value, low, high, how, different, len(truth))


def _noted(steps: np.ndarray, share: float, count: int, rows: int) -> list[Budget]:
    """The last look at the validation rows up to there, if there was one."""
    looks = np.flatnonzero(np.isfinite(steps["valid_metric"]) & (steps["step"] <= count))
    if not len(looks):
        return []
    look = steps[looks[-1]]
    value = float(look["valid_metric"])
    return [Budget(share, int(look["step"]), value, None, None, "noted", None, rows)]


def _less_sentence(less: list[Budget], metric: str) -> str:
    tried = [one for one in less if one.how == "tried"]
    if not less or less[:-1] == []:
        return "What fewer steps would have given is unknown: there was no look at validation rows."
    kept = less[-1]
    enough = next((one for one in tried if not _worse(one, kept, metric)), None)
    if enough is not None:
        return (
            f"With {IN_WORDS[enough.share]} of the steps it would have been as good, as far as"
            f" {kept.rows:,} validation rows can tell ({metric} {figure(enough.score, metric)}"
            f" instead of {figure(kept.score, metric)})."
        )
    half = less[-2]
    verb = "would have reached" if half.how == "tried" else "had reached"
    return (
        f"With {IN_WORDS[half.share]} of the steps it {verb} {metric} {figure(half.score, metric)}"
        f" instead of {figure(kept.score, metric)} on {kept.rows:,} validation rows."
    )


def _worse(one: Budget, kept: Budget, metric: str) -> bool:
    sign = 1 if higher_is_better(metric) else -1
    return bool(one.different) and sign * one.score < sign * kept.score


# --- how it is shown --------------------------------------------------------------------------


def _seconds(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:,.0f} s"


def _megabytes(size: float) -> str:
    return f"{size / 2**20:.3g} MB"


def _of_network(material: Material) -> tuple[str, ...]:
    """Who else answers, where it is not the network alone; the table has its cost."""
    if material.given is None:
        return ()
    who = material.given.name
    more = ", so its cost comes on top" if material.given.which == "both" else " instead"
    return (f"Weights, arithmetic and time of an answer are the network's; {who} answers{more}.",)


def _notes(used: Used, answer: Answering, less: list[Budget]) -> list[str]:
    source = (
        "processor time after reading, as measured"
        if used.measured
        else f"the run's seconds on {used.threads} threads, as it noted no processor time"
    )
    notes = [
        f"Electricity is estimated as {WATTS_PER_CORE:.0f} W for each busy core"
        f" ({used.processor_seconds:,.0f} core-seconds: {source}); real processors draw 4 to 15 W.",
        f"On disk the model takes {_megabytes(used.model_bytes)}, the whole run with its recording"
        f" {_megabytes(used.run_bytes)}.",
    ]
    if used.peak_memory is not None:
        notes.append(
            f"At most {_megabytes(used.peak_memory)} of memory were in use, Python and PyTorch"
            " included."
        )
    notes.append(
        "Counted are the multiply-adds of matrix products, convolutions and attention, of all"
        " networks, for a real example."
    )
    if any(one.how == "noted" for one in less):
        notes.append(
            "'noted' figures were seen in passing: the learning rate was still high, so a run"
            " planned that short would have been better."
        )
    return notes


def _stages(used: Used) -> Table:
    rows = tuple((name, round(seconds, 2)) for name, seconds in used.stages.items())
    return Table("Where the time went", ("stage", "seconds"), rows)


def _methods(run: Run, answer: Answering) -> Table:
    verdict = run.verdict
    rows = [
        (
            str(one["name"]),
            _number(one["score"]),
            round(float(one["seconds"]), 2),
            float(one["ms_per_row"]),
            round(float(one["bytes"]) / 2**20, 3),
        )
        for one in (verdict["network"], *verdict["baselines"])
    ]
    header = (
        "method",
        f"{verdict['metric']}, {verdict['rows']:,} test rows",
        "s to learn",
        "ms a row",
        "MB",
    )
    return Table("Beside the classical methods", header, tuple(rows))


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _budgets(less: list[Budget], metric: str) -> Table:
    rows = tuple(
        (f"{one.share:.3g}", one.steps, one.score, one.low, one.high, one.how) for one in less
    )
    header = ("part of the steps", "steps", metric, "low", "high", "how")
    return Table("With a smaller budget (first network, validation rows)", header, rows)


def _course(run: Run, metric: str) -> Chart:
    steps = run.steps
    looks = steps[(steps["fold"] == 0) & np.isfinite(steps["valid_metric"])]
    line = Line(
        "validation rows",
        tuple(looks["step"].astype(float).tolist()),
        tuple(looks["valid_metric"].astype(float).tolist()),
    )
    return Chart("While it learned", "step", metric, (line,))
