"""What is looked at: one picture, sound or series, or columns that can be guessed from each
other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pellucid.data.columns import Column, Loaded
from pellucid.data.modalities import MODALITIES
from pellucid.errors import DataError
from pellucid.recipe.drawings import as_json
from pellucid.uses.anomaly.described import OF, VIEWS, Described
from pellucid.uses.anomaly.score import FIELDS, PLAIN, in_order


@dataclass(frozen=True)
class Inputs:
    """The columns of the source (`sources`) and as the network sees them (`columns`): fitted plain
    ones, numbers first, and the numbers of those that are `described`. loaded: all rows of both."""

    sources: list[Column]
    columns: list[Column]
    described: list[Described]
    loaded: dict[str, Loaded]

    def part(self, rows: np.ndarray) -> dict[str, Loaded]:
        """These rows as the network sees them."""
        return {column.name: self.loaded[column.name].take(rows) for column in self.columns}

    def whole(self, row: int) -> dict[str, Loaded]:
        """One row, as it stands in the source and as the network sees it."""
        return {name: values.take(np.array([row])) for name, values in self.loaded.items()}

    def draw(self, row: int) -> dict[str, Any]:
        """Column of the source -> drawing of one row."""
        return {
            column.name: as_json(MODALITIES[column.modality].draw(self.loaded[column.name], row))
            for column in self.sources
        }

    def layouts(self) -> dict[str, dict[str, Any]]:
        """Of each column of the source."""
        return {column.name: self.loaded[column.name].layout for column in self.sources}


def learn_inputs(
    columns: Sequence[Column], loaded: dict[str, Loaded], train: np.ndarray, name: str
) -> tuple[Inputs, list[str]]:
    """Fit what encodes and describes the columns on training rows; and what to tell a person.

    Args:
        columns: The inputs as recognized. loaded: their decoded values, all rows. name: of the
            source.

    Raises:
        DataError: There is nothing to look at.
    """
    alone = len(columns) == 1 and columns[0].modality in FIELDS
    plain = [one for one in columns if alone or one.modality in PLAIN]
    others = [one for one in columns if one not in plain and one.modality in VIEWS]
    if not plain and not others:
        raise DataError(
            "no column can be checked for anomalies",
            where=name,
            fix="give numbers, categories, dates, texts, pictures, sounds or series",
        )
    fitted = [replace(one, fitted=_fitted(one, loaded[one.name].take(train))) for one in plain]
    described = [Described.fit(one, loaded[one.name].take(train)) for one in others]
    numbers: list[Column] = []
    for one in described:
        made = one.of(loaded[one.column.name])
        loaded = loaded | made
        why = f"describes '{one.column.name}'"
        for number, values in made.items():
            known = MODALITIES["number"].fit(values.take(train)) | {OF: one.column.name}
            numbers.append(Column(number, "number", "input", why, known))
    found = Inputs([*fitted, *others], in_order([*fitted, *numbers]), described, loaded)
    left_out = [one for one in columns if one not in plain and one not in others]
    return found, _told(others, left_out)


def _told(described: Sequence[Column], left_out: Sequence[Column]) -> list[str]:
    names, others = (
        ", ".join(f"'{column.name}' ({column.modality})" for column in some)
        for some in (described, left_out)
    )
    told = [f"not looked at: {others}"] if left_out else []
    if described:
        told.append(
            f"{names}: seen as a few numbers each, which say where it lies among those of training "
            "rows; details of it are not looked at"
        )
    return told


def _fitted(column: Column, loaded: Loaded) -> dict[str, Any]:
    """How the column is encoded, learned from training rows."""
    fitted = MODALITIES[column.modality].fit(loaded)
    if column.modality == "series":
        # A series at another level than all others is strange: none is normalized by itself.
        fitted["per_row"] = False
    return fitted
