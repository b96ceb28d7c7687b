"""What a model needs to say how far to trust an answer, gathered from held rows at the end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from pellucid.data.dataset import entry_of
from pellucid.data.modalities import MODALITIES
from pellucid.data.modalities.text import begins_word
from pellucid.evidence.subject import take
from pellucid.evidence.trust.calibrate import Calibration, averaging
from pellucid.evidence.trust.conformal import Promise, promise
from pellucid.evidence.trust.familiar import Familiar, become_familiar
from pellucid.evidence.trust.unlike import (
    FEWEST_KNOWN,
    MOST_HELD,
    MOST_KNOWN,
    Known,
    Plain,
    Unlike,
    is_table,
    know_facts,
    know_features,
    ranges_of,
)
from pellucid.export.bundle import Bundle, Member, View
from pellucid.recipe.prepare import Prepared
from pellucid.recipe.teach import Taught

MOST_TOKENS = 500_000
"""Tokens whose neighbors are counted at most, which bounds time and the model's size."""


def calibration_of(prepared: Prepared, taught: Taught) -> Calibration:
    """Fitted on the held rows; for a bag, on what two networks say together of rows that neither
    had learned from."""
    fitted, task, folds = taught.calibration(prepared), prepared.task, prepared.folds()
    rows = np.intersect1d(folds[0][1], taught.held)
    if task.kind == "regress" or len(taught.members) < 2 or np.isin(rows, folds[1][0]).any():
        return fitted
    truth = task.truth(prepared.target[torch.from_numpy(rows)])
    first = taught.held_values[np.isin(taught.held, rows)]
    second = task.prediction(_view(prepared, taught, taught.members[1], rows).output)
    factor = averaging(task.kind, truth, first, second, len(taught.members))
    return replace(fitted, temperature=fitted.temperature * factor)


def promise_of(
    prepared: Prepared, taught: Taught, held_values: np.ndarray, *, turns: bool
) -> Promise | None:
    """Sets or intervals with a stated coverage, from answers to the held rows.

    Args:
        turns: Whether the networks that took turns will answer together; a classical method is
            fitted once more on all rows, and answers alone.
    """
    task, held = prepared.task, taught.held
    truth = task.truth(prepared.target[torch.from_numpy(held)])
    network = networks_of(prepared, taught) if turns else None
    made = promise(task.kind, held_values, truth, network, prepared.groups(held))
    refitted = not turns and len(prepared.folds()) > 1
    return made and replace(made, refitted=refitted)


def networks_of(prepared: Prepared, taught: Taught) -> np.ndarray:
    """int16 (held,): which network had not learned from each held row."""
    found = np.zeros(len(taught.held), dtype=np.int16)
    for number, (_, check) in enumerate(prepared.folds()[: len(taught.members)]):
        found[np.isin(taught.held, check)] = number
    return found


def unlike_of(prepared: Prepared, taught: Taught, bundle: Bundle) -> Unlike:
    """Rows that were learned from, and how far off new rows usually are."""
    train = prepared.part("train")
    table = is_table(entry_of(column) for column in bundle.columns)
    networks = () if table else _features(prepared, taught, bundle)
    ranges = ranges_of(bundle.columns, take(prepared.loaded, train))
    return Unlike(_facts(prepared, taught, bundle, train), networks, ranges)


def _facts(prepared: Prepared, taught: Taught, bundle: Bundle, train: np.ndarray) -> Plain | None:
    first = bundle.members[0]
    counted = some(train, _most_counted(first))
    rows = some(counted, MOST_KNOWN)
    given = {name: values[rows] for name, values in taught.features.items()}
    loaded = take(prepared.loaded, rows)
    seen = first.cells(first.dataset(loaded, given), loaded)
    if not seen.width:
        return None
    return know_facts(seen, _alike(prepared, rows), _familiar(prepared, first, counted, rows))


def _alike(prepared: Prepared, rows: np.ndarray) -> np.ndarray:
    """Equal for rows of one group, or for twins."""
    groups = prepared.groups(rows)
    return prepared.clusters[rows] if groups is None else groups


def _most_counted(member: Member) -> int:
    """Rows whose pairs of tokens are counted."""
    longest = [one.fitted["length"] for one in member.columns if one.modality == "text"]
    return max(MOST_KNOWN, MOST_TOKENS // max(longest, default=MOST_TOKENS))


def _familiar(
    prepared: Prepared, member: Member, counted: np.ndarray, rows: np.ndarray
) -> dict[str, tuple[Familiar, np.ndarray]]:
    """Group of texts -> how familiar a text is, and how familiar those of `rows` are to others."""
    found = {}
    for column in member.columns:
        if column.modality == "text":
            texts = prepared.loaded[column.name].take(counted)
            ids = MODALITIES["text"].encode(texts, column.fitted)
            places = np.searchsorted(counted, rows)
            labels = _alike(prepared, counted)
            begins = begins_word(column.fitted)
            group = entry_of(column).group
            found[group] = become_familiar(ids, begins, labels, places)
    return found


def _features(prepared: Prepared, taught: Taught, bundle: Bundle) -> tuple[Known, ...]:
    folds = prepared.folds()[: len(bundle.members)]
    most = max(FEWEST_KNOWN, MOST_KNOWN // len(folds))
    found = []
    for member, (learn, check) in zip(bundle.members, folds, strict=True):
        held = some(np.intersect1d(check, taught.held), MOST_HELD)
        if len(held):
            rows = np.concatenate([held, some(learn, most)])
            features = _view(prepared, taught, member, rows).features
            found.append(know_features(features[len(held) :], features[: len(held)]))
    return tuple(found)


def _view(prepared: Prepared, taught: Taught, member: Member, rows: np.ndarray) -> View:
    given = {name: values[rows] for name, values in taught.features.items()}
    return member.view(take(prepared.loaded, rows), given)


def some(rows: np.ndarray, most: int) -> np.ndarray:
    """All of these rows, or as many of them by chance; always the same."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(0).choice(rows, most, replace=False))
