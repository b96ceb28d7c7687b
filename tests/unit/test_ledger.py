"""Every row has exactly one fate, and the counts add up."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.data.columns import Refused
from pellucid.data.ledger import Ledger
from pellucid.errors import DataError


def filled(rows: int = 20) -> Ledger:
    ledger = Ledger([f"line {row + 2}" for row in range(rows)])
    split = np.array(["train"] * (rows - 6) + ["valid"] * 3 + ["test"] * 3, dtype=object)
    ledger.assign(np.arange(rows), split)
    return ledger


def test_counts_add_up_and_states_exclude_each_other() -> None:
    ledger = Ledger(["a", "b", "c", "d"], [Refused("line 9", "too many cells")])
    ledger.set_aside(1, "broken")
    ledger.repair(1, "never used")
    ledger.repair(2, "'n/a' read as missing")
    ledger.assign(ledger.usable(), np.array(["train", "train", "test"], dtype=object))
    assert ledger.counts() == {"train": 1, "valid": 0, "test": 1, "repaired": 1, "set_aside": 2}
    table = ledger.table().to_pydict()
    assert table["state"] == ["train", "set aside", "repaired", "test", "set aside"]
    assert table["split"] == ["train", "", "train", "test", ""]
    assert table["reason"] == ["", "broken", "'n/a' read as missing", "", "too many cells"]
    assert table["row"] == [0, 1, 2, 3, -1]


def test_a_row_without_a_fate_is_a_bug() -> None:
    ledger = Ledger(["a", "b"])
    ledger.assign(np.array([0]), np.array(["train"], dtype=object))
    with pytest.raises(AssertionError, match="1 of 2 rows have no fate"):
        ledger.check()


def test_too_much_set_aside_stops_with_reasons_and_examples() -> None:
    ledger = filled()
    for row in (0, 1, 2):
        ledger.set_aside(row, "truncated")
    with pytest.raises(DataError) as caught:
        ledger.check()
    assert "3 of 20 rows can't be used: truncated (3)" in caught.value.what
    assert "line 2, line 3, line 4" in caught.value.where
    assert "--keep-going" in caught.value.fix
    ledger.check(keep_going=True)


def test_what_else_can_be_done_is_said_once() -> None:
    ledger = filled()
    for row in range(5):
        ledger.set_aside(row, "no answer", "pass --unlabelled use")
    problem = ledger.too_many()
    assert problem is not None
    assert problem.fix == (
        "mend these, pass --unlabelled use, or pass --keep-going to learn from the rest"
    )


def test_what_never_became_a_row_counts_too() -> None:
    refused = [Refused(f"line {line}", "too many cells") for line in (21, 22, 23)]
    ledger = Ledger([f"line {row}" for row in range(2, 21)], refused)
    problem = ledger.too_many()
    assert problem is not None
    assert problem.what == "3 of 22 rows can't be used: too many cells (3)"
    assert Ledger(ledger.places, refused[:2]).too_many() is None


def test_a_tenth_may_be_set_aside() -> None:
    ledger = filled()
    ledger.set_aside(0, "truncated")
    ledger.set_aside(1, "truncated")
    ledger.check()


def test_the_first_reason_stays_and_repairs_add_up() -> None:
    ledger = filled()
    ledger.set_aside(0, "first")
    ledger.set_aside(0, "second")
    ledger.repair(5, "a")
    ledger.repair(5, "b")
    assert ledger.set_aside_items() == [("line 2", "first")]
    assert ledger.repaired_items() == [("line 7", "a; b")]
