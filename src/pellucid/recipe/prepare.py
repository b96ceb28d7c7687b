"""From a source to rows that can be learned from: read, recognized, decoded, split, encoded."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.config import Settings
from pellucid.data import read
from pellucid.data.columns import Column, Loaded, RawTable
from pellucid.data.dataset import encode, entry_of
from pellucid.data.duplicates import find_duplicates
from pellucid.data.ledger import Ledger
from pellucid.data.left_out import rows_of
from pellucid.data.modalities import MODALITIES
from pellucid.data.readers.gather import Gathering, find_gathering
from pellucid.data.recognize import Recognized, recognize, target_values
from pellucid.data.split import SplitRows, clusters_of, split_rows
from pellucid.data.unlabelled import WITHOUT, worth_trying
from pellucid.errors import DataError
from pellucid.learning.planner import RowIngredients
from pellucid.recipe.watcher import Watcher
from pellucid.tasks import TASKS, Task
from pellucid.tasks.grades import Grades


@dataclass
class Prepared:
    """A source, understood, checked and cut into parts; nothing is learned yet.

    inputs: the input columns, not yet fitted. loaded: their decoded values, all rows.
    target: encoded targets, all rows. split: of the usable rows `rows`. gathered: how cells
    that only together make an example were put together. clusters: int64, all rows, equal for
    near-duplicates (-1: not usable). unlabelled: rows without an answer that may be learned from
    first; fitted_on: what encoders are fitted on, in place of the rows that a network learns from
    (`recipe/unlabelled.py`). order: float64, all rows: times, if their order matters.
    """

    table: RawTable
    recognized: Recognized
    loaded: dict[str, Loaded]
    task: Task
    target: Tensor
    ledger: Ledger
    split: SplitRows
    rows: np.ndarray
    clusters: np.ndarray
    order: np.ndarray | None = None
    gathered: Gathering | None = None
    notes: list[str] = field(default_factory=list)
    unlabelled: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    fitted_on: np.ndarray | None = None

    @property
    def inputs(self) -> list[Column]:
        return [column for column in self.recognized.columns if column.role == "input"]

    def part(self, name: str) -> np.ndarray:
        """int64: rows of the table in 'train', 'valid' or 'test'."""
        return self.ledger.rows(name)

    def label_counts(self) -> dict[str, int]:
        """Usable rows of each class, the most frequent first, or of each grade, the lowest first;
        empty without classes."""
        classes = getattr(self.task, "classes", [])
        labels = self.task.labels(self.target)[self.rows] if classes else []
        counts = {name: int(np.sum(labels == number)) for number, name in enumerate(classes)}
        if self.task.kind == "grades":
            return counts
        return dict(sorted(counts.items(), key=lambda item: -item[1]))

    def groups(self, rows: np.ndarray) -> np.ndarray | None:
        """int64 (rows,): which rows belong together by the group column; None without one."""
        if self.recognized.group is None:
            return None
        return clusters_of(len(rows), _group_keys(self.table, self.recognized, rows))

    def folds(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """(rows to learn from, rows to check by) for each network to train.

        With classes or tags the second network does not learn from the first one's check rows
        either: where two networks are held out, it shows what averaging does to sureness
        (`evidence/trust/calibrate.py: averaging`).
        """
        if not self.split.folds:
            return [(self.part("train"), self.part("valid"))]
        learn = self.part("train")
        held = [self.rows[fold] for fold in self.split.folds]
        unseen = list(held)
        if self.task.kind != "regress" and len(held) > 2:
            unseen[1] = np.concatenate(held[:2])
        return [
            (np.setdiff1d(learn, hidden), fold) for hidden, fold in zip(unseen, held, strict=True)
        ]


def prepare(
    source: Any,
    settings: Settings,
    watcher: Watcher,
    test: Any = None,
    known: RawTable | None = None,
) -> Prepared:
    """Read, recognize, decode and split a source; every row gets its fate.

    Args:
        known: The source as it was read already, if it was.

    Raises:
        DataError: The source can't be learned from, with the reason and a way out.
    """
    watcher.stage("reading")
    table, gathered = _read(source, settings, test, known)
    for note in table.notes:
        watcher.tell(note)
    recognized = recognize(table, settings)
    order = _order(table, settings)
    ledger = Ledger(table.places, table.refused)
    for row, how in table.repaired.items():
        ledger.repair(row, how)
    inputs = [column for column in recognized.columns if column.role == "input"]
    tried, unlabelled_why = _worth_trying(table, recognized, inputs, settings)
    if not tried:
        _set_aside_unlabelled(table, recognized, ledger, settings)
    watcher.stage("decoding")
    loaded = _load(table, inputs, ledger, watcher, _answers(table, recognized))
    without = _without_answer(table, recognized, ledger) if tried else np.empty(0, np.int64)
    task, target = _question(table, recognized, ledger)
    rows = ledger.usable()
    if len(rows) < 2:
        raise DataError(
            f"only {len(rows)} of {len(table):,} rows can be used: {ledger.reasons_in_words()}",
            where=table.name,
            fix="mend the rows named in the ledger, or give more examples",
        )
    usable = {name: values.take(rows) for name, values in loaded.items()}
    duplicates = find_duplicates(inputs, usable, len(rows))
    groups = _group_keys(table, recognized, rows)
    split = split_rows(
        task.labels(target[rows]),
        clusters=clusters_of(len(rows), duplicates.keys, groups),
        given=None if table.split is None else table.split[rows],
        order=None if order is None else order[rows],
        seed=settings.seed,
    )
    if len(without):
        without = _unlike_test(inputs, loaded, rows[split.split != "train"], without)
    clusters = np.full(len(table), -1)
    clusters[rows] = clusters_of(len(rows), duplicates.keys)
    notes = [*split.why, *([duplicates.why] if duplicates.why else []), *recognized.warnings]
    notes += [unlabelled_why] if unlabelled_why else []
    if settings.without is not None:
        left = np.intersect1d(rows_of(settings.without, table), rows)
        notes.append(_leave_out(left, settings.without.file, ledger, rows, split))
        rows, split = _others(rows, split, left)
        clusters[left] = -1
    ledger.assign(rows, split.split)
    ledger.check(keep_going=settings.keep_going)
    if recognized.group is not None:
        notes.append(
            f"rows of equal '{recognized.group.value}' stay together: {recognized.group.why}"
        )
    prepared = Prepared(
        table=table,
        recognized=recognized,
        loaded=loaded,
        task=task,
        target=target,
        ledger=ledger,
        split=split,
        rows=rows,
        clusters=clusters,
        order=order,
        gathered=gathered,
        notes=notes,
        unlabelled=without,
    )
    _check_parts(prepared)
    return prepared


def _read(
    source: Any, settings: Settings, test: Any, known: RawTable | None
) -> tuple[RawTable, Gathering | None]:
    """The source as a table of examples; cells that only together are one are gathered."""
    table = known or read.read(
        source, test=test, missing=settings.missing, split=settings.split, target=settings.target
    )
    if settings.order is not None:
        return table, None  # rows in the order of time are examples of their own
    keep = {*settings.kinds, *settings.ignore}
    gathering = find_gathering(table, target=settings.target, keep=keep)
    return (gathering.apply(table), gathering) if gathering else (table, None)


def _answers(table: RawTable, recognized: Recognized) -> np.ndarray | None:
    """object `(rows,)`: the class of each row; None where the task has none."""
    if recognized.task != "classify":
        return None
    return table.column(recognized.targets[0]).values.astype(object)


def _worth_trying(
    table: RawTable, recognized: Recognized, inputs: list[Column], settings: Settings
) -> tuple[bool, str]:
    """Whether rows without an answer are learned from first, and why."""
    count = len(recognized.unlabeled)
    kinds = [column.modality for column in inputs]
    return worth_trying(len(table) - count, count, kinds, settings.unlabelled)


UNANSWERED = (
    "pass --unlabelled use to learn first what rows without an answer look like, --unlabelled "
    "ignore to leave them out"
)


def _set_aside_unlabelled(
    table: RawTable, recognized: Recognized, ledger: Ledger, settings: Settings
) -> None:
    """Rows without an answer are not used; that is a fault unless somebody meant it."""
    meant = table.unlabelled or settings.unlabelled != "auto"
    for row, why in recognized.unlabeled.items():
        if meant:
            ledger.leave_out(row, f"{why}: left out")
        else:
            ledger.set_aside(row, why, UNANSWERED)


def _without_answer(table: RawTable, recognized: Recognized, ledger: Ledger) -> np.ndarray:
    """int64: rows without an answer that can be learned from, none of them given as valid or test;
    each is set aside as such, which is no sign that something is wrong."""
    rows = np.intersect1d(np.array(list(recognized.unlabeled), np.int64), ledger.usable())
    sealed = np.zeros(len(table), dtype=bool) if table.split is None else table.split != "train"
    for row in rows.tolist():
        ledger.leave_out(row, "no answer, and not for learning" if sealed[row] else WITHOUT)
    return rows[~sealed[rows]]


def _unlike_test(
    inputs: list[Column], loaded: dict[str, Loaded], held: np.ndarray, without: np.ndarray
) -> np.ndarray:
    """The rows without an answer that are no copies of validation or test rows."""
    both = np.concatenate([held, without])
    values = {name: one.take(both) for name, one in loaded.items()}
    clusters = clusters_of(len(both), find_duplicates(inputs, values, len(both)).keys)
    return without[~np.isin(clusters[len(held) :], clusters[: len(held)])]


def _load(
    table: RawTable,
    inputs: list[Column],
    ledger: Ledger,
    watcher: Watcher,
    answers: np.ndarray | None,
) -> dict[str, Loaded]:
    loaded = {}
    for column in inputs:
        modality = MODALITIES[column.modality]
        values = modality.load_beside(
            table.columns[column.name], progress=watcher.progress, others=len(inputs) - 1
        )
        if answers is not None:
            values = modality.on_purpose(values, answers)
        for row, why in values.problems.items():
            ledger.set_aside(row, why if len(inputs) == 1 else f"{column.name}: {why}")
        for row, how in values.repairs.items():
            ledger.repair(row, how)
        loaded[column.name] = values
    return loaded


def _question(table: RawTable, recognized: Recognized, ledger: Ledger) -> tuple[Task, Tensor]:
    """The task, its possible answers taken from the rows that are not given as test."""
    targets = [
        target_values(column, table.column(column.name)) for column in recognized.target_columns()
    ]
    rows = ledger.usable()
    if table.split is not None:
        rows = rows[table.split[rows] != "test"]
    if len(rows) == 0:
        raise DataError(
            f"no row can be used: {ledger.reasons_in_words() or 'there are none'}",
            where=f"{table.name}; first: {ledger.set_aside_items()[0][0]}" if len(table) else "",
            fix="mend or replace these; 'pellucid check' shows how each column was understood",
        )
    task = TASKS[recognized.task].fit([target.take(rows) for target in targets])
    if isinstance(task, Grades):
        task.order(recognized.scale)
    target, problems = task.encode(targets)
    for row, why in problems.items():
        ledger.set_aside(row, why)
    return task, target


def _leave_out(
    left: np.ndarray, file: str, ledger: Ledger, rows: np.ndarray, split: SplitRows
) -> str:
    """Set rows aside as the user asks; what is said of it."""
    for row in left:
        ledger.leave_out(int(row), f"left out by --without {file}")
    said = f"{len(left):,} rows left out by --without {file}; all others stay in their part"
    tested = int(np.isin(rows[split.split == "test"], left).sum())
    if not tested:
        return said
    return f"{said}; {tested:,} of them were test rows, so the exam is another one"


def _others(rows: np.ndarray, split: SplitRows, left: np.ndarray) -> tuple[np.ndarray, SplitRows]:
    """Rows and parts without those left out. The split was made with them, so that each other row
    is where it would be had none been left out, and two such runs can be compared."""
    keep = ~np.isin(rows, left)
    number = np.cumsum(keep) - 1
    folds = [number[fold[keep[fold]]] for fold in split.folds]
    folds = [fold for fold in folds if len(fold)]
    return rows[keep], SplitRows(split.split[keep], folds, split.why)


def _group_keys(table: RawTable, recognized: Recognized, rows: np.ndarray) -> list[object]:
    if recognized.group is None:
        return [None] * len(rows)
    values = table.column(recognized.group.value).values[rows]
    return [None if value != value else value for value in values]


def _order(table: RawTable, settings: Settings) -> np.ndarray | None:
    """float64 (rows,): the time of each row, if the order of time matters."""
    if settings.order is None:
        return None
    column = table.column(settings.order)
    if column.values.dtype.kind == "f":
        times, known = column.values, np.isfinite(column.values)
    else:
        moments = MODALITIES["date"].load(column).values
        times, known = moments.astype(np.int64).astype(np.float64), ~np.isnat(moments)
    if not known.all():
        row = int(np.argmin(known))
        shown = "no value" if column.missing()[row] else f"'{column.values[row]}'"
        raise DataError(
            f"{(~known).sum():,} of {len(table):,} rows have no time in '{settings.order}': "
            f"the first has {shown}",
            where=f"--order {settings.order}, {table.places[row]}",
            fix="mend these times, or leave out --order",
        )
    return times


def _check_parts(prepared: Prepared) -> None:
    counts = {name: len(prepared.part(name)) for name in ("train", "valid", "test")}
    empty = [name for name in ("train", "test") if counts[name] == 0]
    group = prepared.recognized.group
    if empty and group is not None:
        values = prepared.table.column(group.value).values[prepared.rows]
        raise DataError(
            f"rows of equal '{group.value}' stay together, and its different values are only "
            f"{len(set(values.tolist()))}: nothing is left for {empty[0]}",
            where=f"{prepared.table.name}, column '{group.value}'",
            fix="name a column with more different values with --group, or leave --group out",
        )
    if empty:
        raise DataError(
            f"there are too few rows: nothing is left for {' and '.join(empty)}",
            where=f"{prepared.table.name}, {len(prepared.rows):,} usable rows",
            fix="give more examples: ten of each kind is a bare minimum",
        )


def ingredients(
    prepared: Prepared, learn: np.ndarray, check: np.ndarray
) -> tuple[RowIngredients, list[Column]]:
    """Everything for one network; its encoders are fitted on the rows it learns from, no others.

    Returns:
        The encoded rows, `learn` before `check`, and the fitted input columns.
    """
    columns = []
    base = learn if prepared.fitted_on is None else prepared.fitted_on
    for column in prepared.inputs:
        fitted = MODALITIES[column.modality].fit(prepared.loaded[column.name].take(base))
        columns.append(replace(column, fitted=fitted))
    used = np.concatenate([learn, check])
    loaded = {column.name: prepared.loaded[column.name].take(used) for column in columns}
    data = RowIngredients(
        dataset=encode(columns, loaded, prepared.target[torch.from_numpy(used)]),
        modalities={entry_of(column).group: column.modality for column in columns},
        task=prepared.task,
        rows=torch.arange(len(learn)),
        valid=torch.arange(len(learn), len(used)),
        folds=max(1, len(prepared.split.folds)),
    )
    return data, columns
