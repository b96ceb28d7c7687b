"""Which rows are learned from, which are held back for p-values, and which are sealed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pellucid.data.columns import Column, Loaded
from pellucid.data.duplicates import find_duplicates
from pellucid.data.ledger import Ledger
from pellucid.data.split import clusters_of, split_rows
from pellucid.errors import DataError
from pellucid.uses.anomaly.source import Found


def split_parts(
    found: Found,
    columns: Sequence[Column],
    loaded: dict[str, Loaded],
    ledger: Ledger,
    seed: int,
) -> list[str]:
    """Give every usable row its part, and say how. Labels decide nothing, except where folders hold
    what is only for the exam.

    Raises:
        DataError: There are too few rows.
    """
    rows = ledger.usable()
    if len(rows) < 10:
        raise DataError(
            f"only {len(rows)} of {len(found.table):,} examples can be used: "
            f"{ledger.reasons_in_words() or 'there are no more'}",
            where=found.table.name,
            fix="give at least ten normal examples; a hundred before p-values mean much",
        )
    given = None if found.table.split is None else found.table.split[rows].copy()
    sealed = np.zeros(len(rows), dtype=bool)
    if found.kinds is not None:
        sealed = found.strange[rows] == 1
    usable = {name: values.take(rows) for name, values in loaded.items()}
    duplicates = find_duplicates(list(columns), usable, len(rows))
    clusters = clusters_of(len(rows), duplicates.keys)
    rest = np.flatnonzero(~sealed)
    if not len(rest):
        raise DataError(
            "no normal example can be used",
            where=found.table.name,
            fix="give examples of what is normal",
        )
    split = split_rows(
        np.zeros(len(rest), dtype=np.int64),
        clusters=clusters[rest],
        given=None if given is None else given[rest],
        seed=seed,
    )
    parts = np.full(len(rows), "test", dtype=object)
    parts[rest] = split.split
    if split.folds:
        # One network, so no turns: a fifth or a fourth of the rows checks it.
        for fold in split.folds[: max(1, len(split.folds) // 4)]:
            parts[rest[fold]] = "valid"
    ledger.assign(rows, parts)
    for name in ("train", "valid", "test"):
        if not (parts == name).any():
            raise DataError(
                f"there are too few examples: nothing is left for {name}",
                where=f"{found.table.name}, {len(rows):,} usable examples",
                fix="give more normal examples",
            )
    held = int((parts == "valid").sum())
    return [
        *(why for why in split.why if "networks take turns" not in why),
        f"{held:,} rows that are not learned from are held back: p-values rest on them",
        *([duplicates.why] if duplicates.why else []),
        *([f"{int(sealed.sum()):,} examples of other folders: exam only"] if sealed.any() else []),
    ]
