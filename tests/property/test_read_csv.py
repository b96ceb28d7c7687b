"""What is written as CSV is read back as it was, whatever stands in the cells."""

from __future__ import annotations

import csv
import re
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.data.columns import RawTable
from pellucid.data.read import read

# Control characters are a sign of binary files, and refused or repaired as such.
CHARACTERS = st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\t\r\n\"',;|")
CELLS = st.text(CHARACTERS, max_size=12)
DELIMITERS = st.sampled_from([",", ";", "\t", "|"])
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"])


def write_and_read(
    names: list[str],
    rows: list[list[str]],
    delimiter: str,
    encoding: str = "utf-8",
    newline: str = "\n",
) -> RawTable:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        with path.open("w", newline="", encoding=encoding) as file:
            # Python's writer leaves \r bare where lines end with \n, which nobody could read back.
            quoting = csv.QUOTE_ALL if newline == "\n" else csv.QUOTE_MINIMAL
            writer = csv.writer(file, delimiter=delimiter, lineterminator=newline, quoting=quoting)
            writer.writerows([names, *rows])
        return read(path)


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    width = draw(st.integers(1, 5))
    cells = CELLS.map(lambda cell: f"w{cell}")  # so that no cell is a number or a missing word
    return draw(st.lists(st.lists(cells, min_size=width, max_size=width), min_size=2, max_size=20))


@settings(max_examples=300, deadline=None)
@given(tables(), DELIMITERS, ENCODINGS, st.sampled_from(["\n", "\r\n"]))
def test_texts_come_back(
    rows: list[list[str]], delimiter: str, encoding: str, newline: str
) -> None:
    names = [f"name of column {position}" for position in range(len(rows[0]))]
    raw = write_and_read(names, rows, delimiter, encoding, newline)
    assert list(raw.columns) == names
    found = [column.values.tolist() for column in raw.columns.values()]
    assert [list(row) for row in zip(*found)] == rows
    assert raw.refused == []


@settings(max_examples=200, deadline=None)
@given(tables(), DELIMITERS)
def test_places_are_lines(rows: list[list[str]], delimiter: str) -> None:
    names = [f"name of column {position}" for position in range(len(rows[0]))]
    raw = write_and_read(names, rows, delimiter)
    line = 2
    for place, row in zip(raw.places, rows):
        assert place == f"t.csv line {line}"
        # One line for the row, and one for each line break inside its cells.
        line += 1 + sum(len(re.findall("\r\n|\r|\n", cell)) for cell in row)


NUMBERS = st.one_of(
    st.floats(allow_nan=False), st.integers(-(2**53), 2**53).map(float), st.just(float("nan"))
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=20), DELIMITERS)
def test_numbers_come_back(rows: list[tuple[float, float]], delimiter: str) -> None:
    raw = write_and_read(
        ["left", "right"], [[repr(cell) for cell in row] for row in rows], delimiter
    )
    for position, name in enumerate(("left", "right")):
        values = raw.columns[name].values
        assert values.dtype == np.float64
        expected = np.array([row[position] for row in rows])
        assert np.array_equal(values, expected, equal_nan=True)


@settings(max_examples=200, deadline=None)
@given(st.lists(CELLS, min_size=2, max_size=20))
def test_a_dictionary_keeps_every_cell_or_calls_it_missing(cells: list[str]) -> None:
    from pellucid.data.readers.narrow import USUAL_MISSING

    values = read({"a": cells, "b": [0] * len(cells)}).columns["a"].values
    if values.dtype == object:
        for cell, value in zip(cells, values):
            assert value == (None if cell.strip().lower() in USUAL_MISSING else cell)
    else:
        for cell, value in zip(cells, values):
            assert np.isnan(value) or float(cell.strip().replace(",", "")) == value
