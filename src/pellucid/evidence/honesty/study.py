"""The honesty gap: would a careless split have made the score look better, and does ours?

Rows that belong together (copies, one patient's pictures, neighbors in time or in the file) make
an exam easy if they stand on both sides of the split. How much, a cheap method tells
(`leakage.py`). Columns that know the answer before it is known, and test rows that are of another
kind than the rest, are looked for as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from pellucid.data.leaks import alone, find_leaks, separation
from pellucid.data.split import clusters_of
from pellucid.evidence.finding import Finding, Table, unknown
from pellucid.evidence.honesty.leakage import (
    STRETCH,
    Apart,
    Gap,
    Scores,
    at_random,
    from_any_time,
    from_the_past,
    gap,
    in_stretches,
    kept_together,
    some,
    told_apart,
)
from pellucid.evidence.subject import Material, part
from pellucid.evidence.worth.verdict import amount, bare
from pellucid.learning.evaluate import two_dimensional

TITLE = "Is the score honest?"
FEWEST, FEWEST_TEST = 60, 20
APART = 0.6
"""Test rows that can be told from the others better than this (AUC, surely) are of another kind."""
KNOWS_MUCH, KNOWS_TARGET = 0.75, 0.9
"""A column that alone knows so much is looked at; one that agrees so often is the target itself."""
MOST_SUSPECTS = 2
REPEATS_SHARE, ALL_SHARE = 0.5, 0.7
"""Parts of the time after which splits are no longer repeated, and after which none is begun."""
MOST_NAMED = 8


@dataclass(frozen=True)
class Giveaway:
    """A column that may know the target before it should. why: what was found."""

    column: str
    alone: float
    why: str


@part("honesty")
def study(material: Material) -> Finding:
    """Leaks between the parts and from single columns, with what each adds to the score."""
    learn = np.sort(np.concatenate([material.train, material.valid]))
    if len(learn) < FEWEST:
        why = (
            f"{len(learn)} rows to learn from are too few to compare ways to split them;"
            f" it takes {FEWEST}."
        )
        return unknown("honesty", TITLE, why)
    started = time.perf_counter()
    scores = Scores(material, started + REPEATS_SHARE * material.seconds)
    gaps: list[Gap] = []
    skipped: list[str] = []
    for name, measured in _ways(material, scores, learn).items():
        if not gaps or time.perf_counter() < started + ALL_SHARE * material.seconds:
            gaps.append(measured())
        else:
            skipped.append(name)
    apart = _told_apart(material)
    known = _columns_alone(material, learn)
    giveaways = _giveaways(material, scores, learn, known)
    return Finding(
        "honesty",
        TITLE,
        _sentence(material, gaps, apart, giveaways),
        notes=tuple(_notes(material, apart, skipped)),
        figures={
            "rows": len(learn),
            "metric": material.task.metric,
            "gaps": [vars(one) for one in gaps],
            "told_apart": None if apart is None else vars(apart),
            "columns_alone": known,
            "giveaways": [vars(one) for one in giveaways],
            "alarms": alarms(gaps, apart, giveaways),
        },
        tables=tuple(_tables(gaps, known)),
    )


def alarms(gaps: list[Gap], apart: Apart | None, giveaways: list[Giveaway]) -> list[str]:
    """What was found, by name."""
    found = [one.name for one in gaps if one.real]
    if apart is not None and apart.low > APART:
        found.append("test rows are different")
    return found + [f"column {one.column}" for one in giveaways]


# --- ways to split ------------------------------------------------------------------------------

COPIES, NEIGHBORS, PAST = "copies together", "neighbors in the file together", "past to future"


def grouped(name: str) -> str:
    return f"equal '{name}' together"


def _ways(material: Material, scores: Scores, learn: np.ndarray) -> dict[str, Callable[[], Gap]]:
    """Name -> what measures the random split beside it, for each way that fits this data."""
    every = np.arange(len(material.places))
    clusters = material.clusters
    copies = (
        every if clusters is None else np.where(clusters < 0, every.max() + 1 + every, clusters)
    )
    ways: dict[str, Callable[[], Gap]] = {}
    if material.groups is not None:
        name = grouped(_group_name(material))
        together = clusters_of(len(every), copies.tolist(), material.groups.tolist())
        ways[name] = partial(_kept, material, scores, learn, name, together)
    if len(np.unique(copies[learn])) < len(learn):
        ways[COPIES] = partial(_kept, material, scores, learn, COPIES, copies)
    if material.order is not None:
        rows = some(learn, learn, material.seed)
        past, any_time = from_the_past(material.order), from_any_time(material.order)
        ways[PAST] = partial(gap, scores, PAST, rows, any_time, past)
    elif material.groups is None:  # else the groups say what belongs together
        rows = some(learn, every[learn] // STRETCH, material.seed)
        # Copies are kept together on both sides, so that they are not blamed on the order.
        apart, stretches = kept_together(material, copies), in_stretches(material)
        ways[NEIGHBORS] = partial(gap, scores, NEIGHBORS, rows, apart, stretches)
    return ways


def _kept(
    material: Material, scores: Scores, learn: np.ndarray, name: str, together: np.ndarray
) -> Gap:
    rows = some(learn, together[learn], material.seed)
    aware = kept_together(material, together)
    return gap(scores, name, rows, at_random(material), aware, together[rows])


def _told_apart(material: Material) -> Apart | None:
    """Whether test rows are of another kind; None where that can't be asked."""
    columns = [column.name for column in material.subject.columns]
    if len(material.test) < FEWEST_TEST or columns == [_order_name(material)]:
        return None
    return told_apart(material, _relatives(material), {_order_name(material)} & set(columns))


def _order_name(material: Material) -> str:
    """The column by which the exam is the latest part; '' without one."""
    return str(material.run.info["settings"]["order"] or "")


def _relatives(material: Material) -> np.ndarray:
    """int64, all rows: equal for copies and for rows of one group."""
    every = len(material.places)
    keys = [
        [None if label < 0 else int(label) for label in labels]
        for labels in (material.clusters, material.groups)
        if labels is not None
    ]
    return clusters_of(every, *keys)


def _group_name(material: Material) -> str:
    settings = material.run.info["settings"]
    if settings["group"]:
        return str(settings["group"])
    named = [one.name for one in material.run.columns if one.why.startswith("names whom a row is")]
    return named[0] if named else "group"


# --- single columns -----------------------------------------------------------------------------


def _values(material: Material, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Plain columns as leaks are looked for: float64, or object of str or None."""
    found = {}
    for column in material.subject.columns:
        if column.modality not in ("number", "category", "date"):
            continue
        values = np.asarray(material.loaded[column.name].values)[rows]
        if values.dtype.kind == "M":
            missing = np.isnat(values)
            values = values.astype(np.int64).astype(np.float64)
            values[missing] = np.nan
        found[column.name] = values
    return found


def _columns_alone(material: Material, learn: np.ndarray) -> dict[str, float]:
    """Column -> how much of the target it knows alone (0 to 1), the most first."""
    kind, truth = material.task.kind, material.truth[learn]
    if kind == "tags":
        return {}
    classes = kind != "regress"
    targets = [truth] if classes else list(two_dimensional(truth).T)
    known = {
        name: max(alone(values, target, classes=classes) for target in targets)
        for name, values in _values(material, learn).items()
    }
    return dict(sorted(known.items(), key=lambda item: -item[1]))


def _giveaways(
    material: Material, scores: Scores, learn: np.ndarray, known: dict[str, float]
) -> list[Giveaway]:
    """Columns that know more than is plausible."""
    if not known:
        return []
    kind, truth = material.task.kind, material.truth[learn]
    values = _values(material, learn)
    target = truth.astype(np.int64) if kind != "regress" else two_dimensional(truth)[:, 0]
    words = np.array([str(one) for one in target], dtype=object) if kind != "regress" else target
    leaks = find_leaks(values, words, classes=kind != "regress")
    found = {leak.column: leak.why for leak in leaks}
    if kind != "regress":
        for name in values:
            if name not in found and in_order(values[name], target):
                found[name] = "rises from class to class, as if rows had been collected so"
    for name in list(known)[:MOST_SUSPECTS]:
        if name in found or known[name] < KNOWS_MUCH:
            continue
        agreed = in_disguise(values[name], target) if kind != "regress" else 0.0
        if agreed > KNOWS_TARGET:
            found[name] = f"is the target under other names in {agreed:.1%} of the rows"
        elif len(material.subject.columns) > 1:
            why = _beyond_all_others(material, scores, learn, name)
            if why:
                found[name] = why
    return [Giveaway(name, known[name], why) for name, why in found.items()]


def in_order(values: np.ndarray, target: np.ndarray) -> bool:
    """Whether numbers that hardly repeat, in rising order, have (nearly) one class after the
    other: a serial number or a time of rows that were collected class by class."""
    if values.dtype == object or not np.isfinite(values).all():
        return False
    if len(np.unique(values)) < 0.9 * len(values):
        return False
    changes = np.count_nonzero(np.diff(target[np.argsort(values, kind="stable")]))
    return bool(changes <= len(np.unique(target)) - 1 + 0.01 * len(values))


def in_disguise(values: np.ndarray, target: np.ndarray) -> float:
    """Share of rows in which a column with as many values as there are classes says the class, each
    value standing for one; 0 if there are more or fewer values."""
    there = np.array([value is not None and value == value for value in values])
    names, own = np.unique(values[there].astype(str), return_inverse=True)
    classes = int(target.max()) + 1
    if len(names) != classes:
        return 0.0
    table = np.zeros((classes, classes))
    np.add.at(table, (own, target[there]), 1)
    meant = table.argmax(1)
    if len(set(meant.tolist())) < classes:
        return 0.0
    return float(table[np.arange(classes), meant].sum() / len(values))


def _beyond_all_others(material: Material, scores: Scores, learn: np.ndarray, name: str) -> str:
    """Whether this column alone does better than all the others together; '' if not."""
    others = [column.name for column in material.subject.columns if column.name != name]
    cut = at_random(material)
    rows = some(learn, learn, material.seed)
    found = gap(scores, name, rows, cut, cut, ignore=(others, (name,)))
    if not found.real:
        return ""
    metric = material.task.metric
    return (
        f"alone does better ({metric} {found.random:.3g}) than all other columns together"
        f" ({found.aware:.3g})"
    )


# --- what is said -------------------------------------------------------------------------------


def _sentence(
    material: Material, gaps: list[Gap], apart: Apart | None, giveaways: list[Giveaway]
) -> str:
    said = [_gap_in_words(material, one) for one in gaps if one.real]
    if giveaways:
        first = giveaways[0]
        others = len(giveaways) - 1
        more = f" (like {others} more)" if others else ""
        said.append(
            f"The column '{first.column}'{more} {first.why}: if it is not known before the answer"
            " is, the score is worth nothing; leave it out with --ignore."
        )
    if apart is not None and apart.low > APART:
        test = "Test rows" if material.order is None else "The latest rows, which are the exam,"
        said.append(
            f"{test} can be told from the others (AUC {apart.auc:.2f}, 0.5 would be not at all):"
            f" they are of another kind{_by_columns(material)}."
        )
    if said:
        return " ".join(said)
    checked = "; ".join(_span(material, one) for one in gaps)
    test = "" if apart is None else " Test rows look like all others."
    if any(one.low > 0 for one in gaps):
        return (
            f"No sure leak was found, but a doubt remains: {checked}. A leak is called sure here if"
            f" chance makes such a difference once in 100 times, and if it is large enough to"
            f" matter; an interval that leaves out 0 says once in 20.{test}"
        )
    return f"No leak was found: {checked}.{test}"


def _span(material: Material, one: Gap) -> str:
    metric = material.task.metric
    return (
        f"with {one.name} the score is {one.aware:.3g} instead of {one.random:.3g} (difference"
        f" {amount(one.value, metric)} [{bare(one.low, metric)}, {bare(one.high, metric)}])"
    )


def _gap_in_words(material: Material, one: Gap) -> str:
    """What a difference means, and whether the run's own score contains it."""
    metric = material.task.metric
    limits = f"[{bare(one.low, metric)}, {bare(one.high, metric)}]"
    flatters = f"{amount(one.value, metric)} {limits}"
    if one.name == COPIES:
        return (
            f"A random split would flatter the score by {flatters}: copies of test rows would have"
            " been learned. Ours keeps copies on one side."
        )
    if one.name == PAST:
        return (
            f"Asked about the future, it does worse by {flatters} than about a random time: things"
            " change. Our exam is the latest part."
        )
    if one.name == NEIGHBORS:
        return (
            f"Rows that follow each other in the source are alike: asked about a stretch of which"
            f" it has seen nothing, the score is lower by {flatters}. Our score may contain this:"
            " if a column says where a row is from (a person, a place, a recording), name it with"
            " --group; if time matters, with --order."
        )
    return (
        f"A random split would flatter the score by {flatters}: rows with {one.name.split(' t')[0]}"
        " would have been recognized. Ours keeps them on one side."
    )


def _by_columns(material: Material) -> str:
    """' most of all by 'year' and 'place'': the columns that tell test rows apart."""
    rows = np.sort(np.concatenate([material.train, material.valid, material.test]))
    is_test = np.isin(rows, material.test)
    found = {
        name: separation(values, is_test)
        for name, values in _values(material, rows).items()
        if values.dtype != object and name != _order_name(material)
    }
    best = sorted((name for name in found if found[name] > APART), key=lambda name: -found[name])
    return f", most of all by {' and '.join(repr(name) for name in best[:2])}" if best else ""


def _notes(material: Material, apart: Apart | None, skipped: list[str]) -> list[str]:
    notes = [
        "Scores here are those of a fast classical method, out of fold on the rows learned from:"
        " they compare ways to split, and are not the run's own score. Intervals are 95%."
    ]
    if apart is not None:
        notes.append(
            f"Telling test rows from the others: AUC {apart.auc:.2f} [{apart.low:.2f},"
            f" {apart.high:.2f}] on {apart.rows:,} rows; 0.5 is not at all, 1 always."
        )
    if skipped:
        notes.append(f"No time was left for: {', '.join(skipped)}; --time gives more.")
    if material.groups is None:
        notes.append(
            "No column says which rows belong together (one person, one place), so only neighbors"
            " in the file were tried; if there is one, name it with --group."
        )
    if material.order is None:
        notes.append("Time was not looked at; if the future is to be predicted, use --order.")
    noticed = [one for one in material.run.info.get("notes", []) if one.startswith("column '")]
    return [*notes, *(f"Noticed when reading: {one}." for one in noticed)]


def _tables(gaps: list[Gap], known: dict[str, float]) -> Iterator[Table]:
    header = ("split", "at random", "this way", "difference", "low", "high", "rows")
    rows = tuple(
        (one.name, one.random, one.aware, one.value, one.low, one.high, one.rows) for one in gaps
    )
    yield Table("The score under other ways to split", header, rows)
    most = tuple(list(known.items())[:MOST_NAMED])
    if most:
        yield Table("How much a column knows alone (1: all)", ("column", "knows"), most)
