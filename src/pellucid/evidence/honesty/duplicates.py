"""Duplicates: rows that are copies of others, above all where the copies disagree.

A copy on both sides of the exam makes it easier than it looks; copies with different answers set a
limit that no model can pass. Nothing is removed.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.duplicates import SCALAR, TOO_COARSE, row_hashes
from pellucid.data.modalities import MODALITIES
from pellucid.data.split import clusters_of
from pellucid.evidence.finding import Finding, Table
from pellucid.evidence.intervals import interval
from pellucid.evidence.subject import Material, part
from pellucid.learning.evaluate import score, two_dimensional
from pellucid.recording.files import replacing

TITLE = "Are there copies?"
LISTED = 100
FILE = "duplicates.csv"
HEADER = ("place", "row", "given", "part", "twin", "twin_row", "twin_given", "twin_part", "what")


@dataclass(frozen=True)
class Twin:
    """A row and the first one that it is a copy of. differs: whether their answers differ.
    across: whether one is a test row and the other was learned from."""

    row: int
    twin: int
    exact: bool
    differs: bool
    across: bool


@part("duplicates")
def study(material: Material) -> Finding:
    """Equal and nearly equal rows; those with different answers and those across the exam first."""
    rows = np.sort(np.concatenate([material.train, material.valid, material.test]))
    exact = _equal(material, rows)
    share = _share_with_twin(exact)
    if share > TOO_COARSE:
        return _repeating(material, rows, exact, share)
    twins = find_twins(material, rows, exact)
    if not twins:
        return Finding(
            "duplicates",
            TITLE,
            f"No row is a copy of another: all {len(rows):,} differ.",
            figures={"rows": len(rows), "copies": 0, "differing": 0, "across": 0},
        )
    path = write_list(material, twins)
    figures = _figures(material, rows, twins)
    return Finding(
        "duplicates",
        TITLE,
        _sentence(material, twins, figures),
        notes=(
            *((material.judged(),) if "score" in figures else ()),
            "Nothing was removed; copies on one side of a split do no harm.",
            f"All copies, but not the first row of each, are listed in {path}: 'pellucid learn"
            f" SOURCE --without {path}' leaves them out.",
        ),
        figures={**figures, "file": path.name},
        tables=(_table(material, twins),),
    )


# --- which rows ---------------------------------------------------------------------------------


def find_twins(material: Material, rows: np.ndarray, exact: np.ndarray) -> list[Twin]:
    """Every copy beside the first row that it is like: an equal one if there is one.

    Rows learned from come before test rows, so that the latter count as the copies.
    """
    near = clusters_of(len(rows), exact.tolist(), *_near(material, rows))
    is_test, truth = np.isin(rows, material.test), material.truth[rows]
    order = np.lexsort([rows, is_test])
    first_equal: dict[int, int] = {}
    first_near: dict[int, int] = {}
    found = []
    for place in order:
        equal = first_equal.setdefault(int(exact[place]), int(place))
        first = equal if equal != place else first_near.setdefault(int(near[place]), int(place))
        first_near.setdefault(int(near[place]), int(place))
        if first == place:
            continue
        found.append(
            Twin(
                row=int(rows[place]),
                twin=int(rows[first]),
                exact=equal != place,
                differs=bool(np.any(truth[place] != truth[first])),
                across=bool(is_test[place] and not is_test[first]),
            )
        )
    return sorted(found, key=lambda twin: (not twin.differs, not twin.across, twin.row))


def _equal(material: Material, rows: np.ndarray) -> np.ndarray:
    """int64 `(rows,)`: equal for rows whose inputs are all the same."""
    values = [material.loaded[column.name].values for column in material.subject.columns]
    hashes = row_hashes([np.asarray(one)[rows] for one in values], len(rows))
    return np.unique(np.array(hashes, dtype=np.uint64), return_inverse=True)[1]


def _near(material: Material, rows: np.ndarray) -> list[list[object]]:
    """Keys of nearly equal rows: as the split had them, and of each column of pictures, sounds,
    texts or series by itself, as one picture may stand in rows that differ otherwise."""
    found: list[list[object]] = []
    if material.clusters is not None:
        found.append([None if one < 0 else int(one) for one in material.clusters[rows]])
    media = [column for column in material.subject.columns if column.modality not in SCALAR]
    if len(material.subject.columns) > 1:
        for column in media:
            keys = MODALITIES[column.modality].keys(material.loaded[column.name].take(rows))
            if _share_with_twin(clusters_of(len(rows), keys)) <= TOO_COARSE:
                found.append(list(keys))
    return found


def _share_with_twin(groups: np.ndarray) -> float:
    _, sizes = np.unique(groups, return_counts=True)
    return float(sizes[sizes > 1].sum() / len(groups))


# --- what is said -------------------------------------------------------------------------------


def _repeating(material: Material, rows: np.ndarray, exact: np.ndarray, share: float) -> Finding:
    """The values are few: rows repeat without being copies. What remains is the limit they set."""
    kinds = len(np.unique(exact))
    limit = (
        "" if material.task.kind not in ("classify", "grades") else _limit(material, rows, exact)
    )
    return Finding(
        "duplicates",
        TITLE,
        f"The columns have few different values: {len(rows):,} rows are only {kinds:,} different"
        f" ones, so equal rows are no sign of copying.{limit}",
        figures={"rows": len(rows), "different": kinds, "share_repeated": share},
    )


def _limit(material: Material, rows: np.ndarray, exact: np.ndarray) -> str:
    truth = material.truth[rows].astype(np.int64)
    table = np.zeros((exact.max() + 1, truth.max() + 1))
    np.add.at(table, (exact, truth), 1)
    best = float(table.max(1).sum() / len(rows))
    if best == 1:
        return ""
    return f" As equal rows have different answers, at most {best:.1%} of them can be right."


def _figures(material: Material, rows: np.ndarray, twins: list[Twin]) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "rows": len(rows),
        "copies": len(twins),
        "exact": sum(twin.exact for twin in twins),
        "differing": sum(twin.differs for twin in twins),
        "across": sum(twin.across for twin in twins),
        "metric": material.task.metric,
    }
    known = np.isin(material.test, [twin.row for twin in twins if twin.across])
    if known.any() and not known.all():
        truth, values = material.truth[material.test], _answers(material)
        kind, metric = material.task.kind, material.task.metric
        figures["score"] = score(kind, metric, truth, values)
        figures["score_without"] = score(kind, metric, truth[~known], values[~known])
        low, high = interval(kind, metric, truth[~known], values[~known], material.seed)
        figures |= {"without_low": low, "without_high": high}
    return figures


def _answers(material: Material) -> np.ndarray:
    return material.kept.answer(material.take(material.test))


def _sentence(material: Material, twins: list[Twin], figures: dict[str, Any]) -> str:
    share, near = len(twins) / figures["rows"], len(twins) - figures["exact"]
    kinds = "all of them equal" if not near else f"{figures['exact']:,} equal, {near:,} nearly"
    said = [
        f"{len(twins):,} of {figures['rows']:,} rows ({share:.1%}) are copies of others: {kinds}."
    ]
    if figures["differing"]:
        first = twins[0]
        said.append(
            f"In {figures['differing']:,} the answer differs, so one of the two is wrong or the"
            f" columns can't tell: {material.places[first.row]} and {material.places[first.twin]}."
        )
    if figures["across"]:
        said.append(
            f"{figures['across']:,} test rows are copies of rows learned from, which makes the"
            " exam easier than it looks"
            + (
                f": {figures['metric']} {figures['score']:.3g} with them, "
                f"{figures['score_without']:.3g} [{figures['without_low']:.3g},"
                f" {figures['without_high']:.3g}] without."
                if "score" in figures
                else "."
            )
        )
    else:
        said.append("No copy stands on both sides of the exam.")
    return " ".join(said)


def _table(material: Material, twins: list[Twin]) -> Table:
    shown = twins[:LISTED]
    rows = tuple(
        (
            str(material.places[twin.row]),
            _given(material, twin.row),
            str(material.places[twin.twin]),
            _given(material, twin.twin),
            "equal" if twin.exact else "nearly equal",
            "test, learned" if twin.across else "",
        )
        for twin in shown
    )
    header = ("copy", "answer", "of", "its answer", "how", "across")
    return Table("Copies, those that disagree first", header, rows, tuple(t.row for t in shown))


def _given(material: Material, row: int) -> str:
    """The answer of a row as a person writes it."""
    task, truth = material.task, material.truth[row]
    if task.kind == "regress":
        return ", ".join(f"{value:.6g}" for value in two_dimensional(truth[None])[0])
    names = list(task.as_json()["classes"])
    if task.kind == "tags":
        return ", ".join(name for name, on in zip(names, truth, strict=True) if on > 0.5)
    return str(names[int(truth)])


def write_list(material: Material, twins: list[Twin]) -> Path:
    """All copies as `evidence/duplicates.csv` in the run; the path."""
    path = material.run.path / "evidence" / FILE
    parts = dict.fromkeys(material.train.tolist(), "train")
    parts |= dict.fromkeys(material.valid.tolist(), "valid")
    parts |= dict.fromkeys(material.test.tolist(), "test")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for twin in twins:
        both = [
            (str(material.places[row]), row, _given(material, row), parts[row])
            for row in (twin.row, twin.twin)
        ]
        writer.writerow([*both[0], *both[1], "equal" if twin.exact else "nearly equal"])
    with replacing(path) as beside:
        beside.write_bytes(text.getvalue().encode())
    return path
