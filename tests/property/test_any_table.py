"""Whatever stands in a table: it is understood, or refused with words; never a stack trace."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.config import Settings
from pellucid.data.columns import RawColumn, RawTable
from pellucid.data.modalities import MODALITIES
from pellucid.data.recognize import recognize, target_values
from pellucid.errors import PellucidError

ROWS = 30

# fmt: off
CELLS = st.sampled_from([
    None, "", "  ", "a", "A", "yes", "no", "1", "1.5", "1,5", "007", "n/a", "inf", "nan", "(5)",
    "2024-01-01", "13/02/2024", "2024-13-45", "31.12.1999 25:00", "12:30", "a;b", "a,b", "[x, y]",
    "😀", "a long text with many words in it", "C:\\x\\y.jpg", "p.wav", "$5", "5 kg", "=1+1",
    "\x00", "1e999", "99999999999999999999", "0x1F", "%", "€", ".", ",", "-", "1" * 400,
])
NUMBERS = st.sampled_from([0.0, 1.0, 2.0, 0.5, np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324])
# fmt: on
NAMES = st.sampled_from(["x", "y", "id", "label", "rating", "date", "zip", "", "text", "price"])


def boxed(cells: list[object]) -> np.ndarray:
    made = np.empty(len(cells), dtype=object)
    made[:] = cells
    return made


def repeated(cells: st.SearchStrategy[object]) -> st.SearchStrategy[list[object]]:
    """A few different cells, drawn again and again, as real columns have them."""
    few = st.lists(cells, min_size=1, max_size=6)
    return few.flatmap(lambda some: st.lists(st.sampled_from(some), min_size=ROWS, max_size=ROWS))


COLUMNS = st.one_of(
    repeated(CELLS).map(boxed),
    repeated(NUMBERS).map(lambda cells: np.array(cells, dtype=np.float64)),
    st.just(np.random.default_rng(0).normal(size=ROWS)),
    st.just(np.datetime64("2000-01-01", "us") + np.arange(ROWS).astype("timedelta64[h]")),
    repeated(st.sampled_from([None, [], ["a"], ["a", "b"]])).map(boxed),
)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(NAMES, COLUMNS, min_size=1, max_size=4),
    st.sampled_from(["auto", "auto", "classify", "regress", "grades", "tags"]),
    st.booleans(),
)
def test_understood_or_refused(columns: dict[str, np.ndarray], task: str, named: bool) -> None:
    raw = {name: RawColumn(name, values) for name, values in columns.items()}
    table = RawTable("t", raw, [f"row {row}" for row in range(ROWS)])
    try:
        found = recognize(table, Settings(task=task, target=next(iter(raw)) if named else None))
    except PellucidError as error:
        refused = error.as_json()
    else:
        refused = {}
    if refused:
        assert all(refused[part] for part in ("what", "where", "fix"))
        return
    assert [column.name for column in found.columns] == list(raw)
    assert all(column.why for column in found.columns)
    assert found.inputs()
    for column in found.inputs():
        kind = MODALITIES[column.modality]
        loaded = kind.load(raw[column.name])
        assert np.isfinite(kind.encode(loaded, kind.fit(loaded))).all()
    for column in found.target_columns():
        values = target_values(column, raw[column.name])
        usable = np.setdiff1d(np.arange(ROWS), list(found.unlabeled))
        assert not values.missing()[usable].any()
