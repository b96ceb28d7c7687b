"""The model card's front matter as YAML reads it, and the parts of rows that differ."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from pellucid.data.columns import Column, Loaded
from pellucid.evidence.trust.slices import slices
from pellucid.export.card import yaml_lines

ODD = {
    "plain": "text",
    "numbers": [1, -2.5, 1e-07, 3e20, float("nan"), True, None],
    "odd": ["yes", "1.0", "- a", "a: b # c", 'quo"te', "line\nbreak", "\u2028", "naïve 🌷", ""],
    "nested": [{"a": 1, "b": {"c": ["d"], "e": []}}, {"f": {}}],
}


def test_yaml_reads_what_was_written() -> None:
    found = yaml.safe_load("\n".join(yaml_lines(ODD)))
    numbers = found.pop("numbers")
    assert numbers == [1, -2.5, 1e-07, 3e20, None, True, None]
    assert [type(value) for value in numbers[:4]] == [int, float, float, float]
    assert found == {name: value for name, value in ODD.items() if name != "numbers"}


def table(rows: int) -> tuple[list[Column], dict[str, Loaded]]:
    columns = [Column("place", "category", "input", ""), Column("age", "number", "input", "")]
    place = np.array(["north", "south"], dtype=object)[np.arange(rows) % 2]
    age = np.arange(rows, dtype=np.float64)
    return columns, {"place": Loaded(place), "age": Loaded(age)}


def test_a_part_that_is_worse_is_named_with_its_figure() -> None:
    columns, loaded = table(300)
    truth = np.random.default_rng(0).integers(0, 2, 300)
    wrong = (np.arange(300) % 2 == 1) & (np.arange(300) % 3 == 0)  # only in the south
    values = np.eye(2)[np.where(wrong, 1 - truth, truth)]
    found = slices("classify", truth, values, columns, loaded, ["a", "b"])
    assert found.tried == 2 + 2 + 3
    assert found.total == pytest.approx(1 - wrong.mean())
    worst, best = found.found[0], found.found[-1]
    assert (worst.name, worst.rows) == ("place = 'south'", 150)
    assert worst.value == pytest.approx(1 - wrong[1::2].mean())
    assert worst.high < found.total
    assert (best.name, best.value) == ("place = 'north'", 1.0)


def test_numbers_are_judged_by_their_typical_error() -> None:
    columns, loaded = table(300)
    random = np.random.default_rng(1)
    truth = np.zeros((300, 1))
    values = random.normal(size=(300, 1)) * (1 + 4 * (np.arange(300) >= 200))[:, None]
    found = slices("regress", truth, values, columns, loaded, [])
    assert found.metric == "RMSE"
    assert found.total == pytest.approx(np.sqrt((values**2).mean()))
    assert found.found[0].name.startswith("age above 199")
    assert found.found[0].low > found.total
    assert {one.name.split()[0] for one in found.found} == {"age"}


def test_where_nothing_differs_nothing_is_named() -> None:
    columns, loaded = table(200)
    truth = np.zeros(200, dtype=np.int64)
    values = np.eye(2)[truth]
    values[::10] = values[::10, ::-1]
    values[1::10] = values[1::10, ::-1]
    assert slices("classify", truth, values, columns, loaded, ["a", "b"]).found == ()
