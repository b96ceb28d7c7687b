"""Every number of a table is named: the column it comes from, and what it says of it."""

from __future__ import annotations

import numpy as np
import torch

from pellucid.data.columns import MODALITIES, Column, Loaded, RawColumn
from pellucid.data.dataset import encode, numbers_of

ROWS: dict[str, tuple[str, list[str | None]]] = {
    "area": ("number", ["30", "45", None, "60"]),
    "rooms": ("number", ["1", "2", "3", "4"]),
    "sold": ("date", ["2024-01-05", "2024-02-07", "2025-03-09", "2025-09-11"]),
    "extras": ("words", ["lift,garden", "garden", "lift", "balcony"]),
    "town": ("category", ["Ulm", "Bonn", "Ulm", "Bonn"]),
}


def read() -> tuple[list[Column], dict[str, Loaded]]:
    columns, loaded = [], {}
    for name, (modality, values) in ROWS.items():
        boxed = np.empty(len(values), dtype=object)
        boxed[:] = values
        loaded[name] = MODALITIES[modality].load(RawColumn(name, boxed))
        fitted = MODALITIES[modality].fit(loaded[name])
        columns.append(Column(name, modality, "input", "", fitted))
    return columns, loaded


def test_there_is_a_name_for_every_number() -> None:
    columns, loaded = read()
    inputs = encode(columns, loaded, torch.zeros(4)).inputs
    named = numbers_of(columns)
    assert {group: len(said) for group, said in named.items()} == {
        group: values.shape[1] for group, values in inputs.items()
    }


def test_the_names_say_what_stands_there() -> None:
    columns, loaded = read()
    scalars = encode(columns, loaded, torch.zeros(4)).inputs["scalars"]
    named = numbers_of(columns)["scalars"]
    assert scalars[:, named.index(("area", "missing"))].tolist() == [0, 0, 1, 0]
    assert scalars[:, named.index(("extras", "garden"))].tolist() == [1, 1, 0, 0]
    year = scalars[:, named.index(("sold", "year"))]
    assert year[0] == year[1] < year[2] == year[3]
    # January is a twelfth before February on the circle; September is opposite to March.
    sine = scalars[:, named.index(("sold", "month, sine"))]
    assert torch.isclose(sine[2], -sine[3], atol=1e-5)
    assert numbers_of(columns)["categories"] == [("town", "")]
