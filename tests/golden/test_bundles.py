"""Bundles of every layout that was ever written are read, and answer as they did then.

`make_bundles.py` wrote them with the code of their time.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.data.columns import RawColumn, RawTable
from pellucid.errors import BundleError
from pellucid.export.bundle import FORMAT, Bundle
from pellucid.export.earlier import NO_PROMISES, NO_UNLIKE, UPGRADES, brought_up
from pellucid.interfaces.predict import predict_sources, table_of

BUNDLES = Path(__file__).parent / "bundles"
LAYOUTS = sorted(path.name for path in BUNDLES.iterdir())


def asked(name: str) -> tuple[RawTable, dict[str, Any]]:
    """The rows that the old code was asked about, and what it said."""
    about = json.loads((BUNDLES / name / "asked.json").read_text(encoding="utf-8"))
    columns = {
        key: RawColumn(key, np.array(values, dtype=object if isinstance(values[0], str) else None))
        for key, values in about["rows"].items()
    }
    rows = len(next(iter(about["rows"].values())))
    return RawTable("asked", columns, [f"row {row}" for row in range(rows)]), about


def head_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "bundle.json").read_text(encoding="utf-8"))


def rewritten(name: str, folder: Path, **changes: Any) -> Path:
    """A copy whose head says something else; `...` takes an entry away."""
    copy = shutil.copytree(BUNDLES / name, folder / "model")
    head = head_of(copy) | changes
    text = json.dumps({key: value for key, value in head.items() if value is not ...})
    (copy / "bundle.json").write_text(text, encoding="utf-8")
    return copy


def test_all_of_them_said_that_they_are_of_format_1() -> None:
    assert {head_of(BUNDLES / name)["format"] for name in LAYOUTS} == {1}
    assert len(LAYOUTS) == 6


@pytest.mark.parametrize("name", LAYOUTS)
def test_answers_are_those_of_the_version_that_wrote_it(name: str) -> None:
    table, about = asked(name)
    found = Bundle.load_from(BUNDLES / name).predict(table, "network")
    np.testing.assert_allclose(found.values, about["network"]["values"], rtol=1e-5, atol=1e-6)
    for answer, then in zip(found.answers, about["network"]["answers"], strict=True):
        assert answer.keys() == then.keys()
        assert answer["answer"] == pytest.approx(then["answer"])
        assert answer.get("set") == then.get("set")
        assert answer.get("unlike") == pytest.approx(then.get("unlike"))
        assert [answer.get("low"), answer.get("high")] == pytest.approx(
            [then.get("low"), then.get("high")]
        )
        assert answer.get("beyond") == then.get("beyond")


@pytest.mark.parametrize("name", [name for name in LAYOUTS if name.endswith("table")])
def test_classical_methods_answer_as_they_did(name: str) -> None:
    table, about = asked(name)
    found = Bundle.load_from(BUNDLES / name).predict(table, "baseline")
    np.testing.assert_allclose(found.values, about["baseline"]["values"], rtol=1e-6)
    assert Bundle.load_from(BUNDLES / name).baseline.outputs == 2


@pytest.mark.parametrize("name", LAYOUTS)
def test_saved_again_it_is_of_todays_format_and_says_the_same(name: str, tmp_path: Path) -> None:
    table, _ = asked(name)
    early = Bundle.load_from(BUNDLES / name)
    early.save(tmp_path)
    assert head_of(tmp_path)["format"] == FORMAT
    again = Bundle.load_from(tmp_path)
    assert again.lacks == early.lacks
    assert again.predict(table).answers == early.predict(table).answers


def test_what_an_early_model_cannot_say_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    lacks = {name: Bundle.load_from(BUNDLES / name).lacks for name in LAYOUTS}
    assert lacks.pop("first-table") == lacks.pop("first-long") == (NO_PROMISES, NO_UNLIKE)
    assert set(lacks.values()) == {()}
    lines = predict_sources(str(BUNDLES / "first-table"), ["x=1", "y=0.2", "town=Aa"], None)
    assert lines[0]["answer"] in ("good", "bad")
    assert "set" not in lines[0]
    assert "unlike" not in lines[0]
    assert f"this model is of an early version: {NO_UNLIKE}" in capsys.readouterr().err


def test_a_pair_of_names_still_gathers_long_tables() -> None:
    bundle = Bundle.load_from(BUNDLES / "first-long")
    rows = {
        "series": np.repeat(["a", "b"], 8).astype(object),
        "moment": np.tile(np.arange(8.0), 2),
        "course": np.sin(np.arange(16.0)),
    }
    table = table_of(bundle, {key: value.tolist() for key, value in rows.items()})
    assert len(table) == 2
    assert len(bundle.predict(table).answers) == 2


def test_a_promise_without_a_share_promised_nine_in_ten(tmp_path: Path) -> None:
    promise = head_of(BUNDLES / "promises-table")["promises"]["network"]
    bare = {key: value for key, value in promise.items() if key != "alpha"}
    bundle = Bundle.load_from(rewritten("promises-table", tmp_path, promises={"network": bare}))
    assert bundle.promise is not None
    assert bundle.promise.alpha == 0.1
    assert not bundle.promise.refitted


def test_features_of_another_width_are_not_read_wrongly() -> None:
    head = head_of(BUNDLES / "texts")
    frozen = {"column": "note", "name": "minilm-l6", "size": 128, "precision": "fp32"}
    entries = head["networks"][0]["blueprint"]["entries"]
    entries["note"] = {"way": "project", "positions": [], "size": 384, "group": "note"}
    with pytest.raises(BundleError, match="gave 384 numbers when this model learned"):
        brought_up(head | {"frozen": [frozen]})


def test_a_model_of_the_future_says_so(tmp_path: Path) -> None:
    folder = rewritten("first-table", tmp_path, format=FORMAT + 1, pellucid="9.0")
    with pytest.raises(BundleError) as raised:
        Bundle.load_from(folder)
    assert f"saved by pellucid 9.0 in format {FORMAT + 1}" in raised.value.what
    assert f"reads formats up to {FORMAT}" in raised.value.what
    assert raised.value.fix == "pip install --upgrade pellucid"


@pytest.mark.parametrize("number", [0, "two", None, ...])
def test_a_format_that_never_was_is_no_model(number: Any, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="this is no description of a model"):
        Bundle.load_from(rewritten("first-table", tmp_path, format=number))


@pytest.mark.parametrize("part", ["networks", "promises", "lacks", "calibration"])
def test_todays_format_needs_all_its_parts(part: str, tmp_path: Path) -> None:
    Bundle.load_from(BUNDLES / "texts").save(tmp_path)
    head = head_of(tmp_path)
    del head[part]
    (tmp_path / "bundle.json").write_text(json.dumps(head), encoding="utf-8")
    with pytest.raises(BundleError, match=f"damaged or incomplete: KeyError '{part}'"):
        Bundle.load_from(tmp_path)


def test_every_format_up_to_today_can_be_read() -> None:
    assert sorted(UPGRADES) == list(range(1, FORMAT))
