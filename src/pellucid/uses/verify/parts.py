"""Which identities are learned from, which choose, and which are sealed: never one on two sides."""

from __future__ import annotations

import numpy as np

from pellucid.data.columns import Column, Loaded
from pellucid.data.duplicates import find_duplicates
from pellucid.data.ledger import Ledger
from pellucid.data.split import clusters_of
from pellucid.errors import DataError
from pellucid.uses.verify.source import Found

TEST_SHARE, VALID_SHARE = 0.25, 0.2
"""Of the identities."""
LEAST_HELD = 3
"""Identities with two pictures or more that validation and exam need each."""


def split_identities(
    found: Found, column: Column, loaded: Loaded, ledger: Ledger, seed: int
) -> list[str]:
    """Whole identities to each part; near-copies in two identities keep these together.

    Args:
        loaded: The decoded examples, all rows.

    Raises:
        DataError: There are too few identities with two examples.
    """
    rows = ledger.usable()
    usable = {found.column: loaded.take(rows)}
    duplicates = find_duplicates([column], usable, len(rows))
    identity = found.identity[rows]
    clusters = clusters_of(len(rows), duplicates.keys, identity.tolist())
    names, member = np.unique(clusters, return_inverse=True)
    most = np.zeros(len(names), dtype=np.int64)
    for one in set(identity.tolist()):
        chosen = identity == one
        cluster = member[chosen][0]
        most[cluster] = max(most[cluster], int(chosen.sum()))
    pairable = int((most > 1).sum())
    if pairable < 4 * LEAST_HELD:
        raise DataError(
            f"too few identities have two examples or more ({pairable}), and those that are "
            "learned from can't be asked about",
            where=f"{found.table.name}, usable examples: {len(rows):,}, identities: "
            f"{len(set(identity.tolist())):,}",
            fix=f"give at least {4 * LEAST_HELD} identities with two examples each",
        )
    given = None if found.table.split is None else found.table.split[rows]
    parts = np.full(len(names), "train", dtype=object)
    why = []
    if given is not None and _is_disjoint(given, member):
        for cluster in range(len(names)):
            parts[cluster] = given[member == cluster][0]
        why.append("identities as the source splits them")
    elif given is not None:
        why.append("the split of the source has identities on both sides: it is not used")
    rng = np.random.default_rng([seed, 1])
    for part, share in (("test", TEST_SHARE), ("valid", VALID_SHARE)):
        if (parts == part).any():
            continue
        # Single pictures make no pair: they are only learned from.
        able = np.flatnonzero((parts == "train") & (most > 1))
        count = max(LEAST_HELD, round(share * len(able)))
        parts[rng.choice(able, count, replace=False)] = part
    ledger.assign(rows, parts[member])
    counted = {
        part: len(set(identity[parts[member] == part].tolist()))
        for part in ("train", "valid", "test")
    }
    why.append(
        f"no identity is on two sides: {counted['train']:,} to learn from, "
        f"{counted['valid']:,} to choose by, {counted['test']:,} sealed for the exam"
    )
    if duplicates.why:
        why.append(duplicates.why)
    return why


def _is_disjoint(given: np.ndarray, member: np.ndarray) -> bool:
    """Whether a split has every identity on one side."""
    return all(
        len(set(given[member == cluster].tolist())) == 1 for cluster in range(int(member.max()) + 1)
    )
