"""Rows left out by a list: every other row stays where it was, and the two runs are compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid
from pellucid.config import Settings
from pellucid.data.left_out import read_left_out
from pellucid.errors import PellucidError
from pellucid.interfaces.cli import main
from pellucid.interfaces.trained import Trained
from pellucid.recipe.prepare import Prepared, prepare
from pellucid.recipe.study import material_of
from pellucid.recipe.watcher import Watcher


def flowers(folder: Path, rows: int = 150) -> Path:
    rng = np.random.default_rng(0)
    kind = np.arange(rows) % 2
    length = 3 * kind + rng.normal(scale=0.7, size=rows)
    lines = [f"{x:.3f},{w:.3f},{('rose', 'tulip')[k]}" for x, w, k in zip(length, length**2, kind)]
    path = folder / "flowers.csv"
    path.write_text("\n".join(["length,width,kind", *lines]) + "\n")
    return path


def listed(folder: Path, text: str) -> Path:
    path = folder / "rows.csv"
    path.write_text(text)
    return path


def parts(prepared: Prepared) -> dict[str, set[int]]:
    return {name: set(prepared.part(name).tolist()) for name in ("train", "valid", "test")}


def cut(source: Path, without: Path | None = None, **settings: Any) -> Prepared:
    left = None if without is None else read_left_out(without)
    return prepare(source, Settings(without=left, **settings), Watcher())


# --- which rows -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "place\nflowers.csv line 5\nflowers.csv line 12\n",
        "row\n3\n10\n",
        "place;row;note\nflowers.csv line 5;3;x\nflowers.csv line 12;10;y\n",
        "row,place\n3,\n,flowers.csv line 12\n",
        '\ufeff"row"\r\n"3"\r\n"10"\r\n',
    ],
)
def test_rows_by_place_or_number(tmp_path: Path, text: str) -> None:
    prepared = cut(flowers(tmp_path), listed(tmp_path, text))
    aside = prepared.ledger.set_aside_items()
    why = "left out by --without rows.csv"
    assert aside == [("flowers.csv line 5", why), ("flowers.csv line 12", why)]


@pytest.mark.parametrize(
    ("text", "what", "fix"),
    [
        ("row\n3\n150\n", "1 of the 2 rows in rows.csv are not in flowers.csv: there is no row 150",
         "numbered from 0 to 149"),
        ("place\nflowers.csv line 999\nx\n", "2 of the 2 rows in rows.csv are not in flowers.csv: "
         "there is no 'flowers.csv line 999'", "did you mean 'flowers.csv line"),
        ("row,place\n3,flowers.csv line 6\n", "row 3 is 'flowers.csv line 5', not 'flowers.csv line"
         " 6'", "pellucid study RUN labels"),
        ("row\n-2\n", "'-2' is no row number", "whole numbers from 0"),
        ("row\n2.5\n", "'2.5' is no row number", "whole numbers from 0"),
        ("name,age\na,3\nb,4\n", "no column 'place' or 'row'", "call the column"),
        ("row,place,note\n3,,a\n,,b\n", "a line names no row", "delete the line"),
    ],
)  # fmt: skip
def test_rows_that_do_not_exist(tmp_path: Path, text: str, what: str, fix: str) -> None:
    source = flowers(tmp_path)
    with pytest.raises(PellucidError) as caught:
        cut(source, listed(tmp_path, text))
    assert what in caught.value.what
    assert "--without" in caught.value.where
    assert fix in caught.value.fix


def test_a_list_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = flowers(tmp_path)
    assert main(["check", str(source), "--without", str(tmp_path / "none.csv")]) == 2
    assert "there is no file" in capsys.readouterr().err


# --- what becomes of the others ---------------------------------------------------------------


@pytest.mark.parametrize("rows", [150, 2600])
def test_all_others_stay_in_their_part(tmp_path: Path, rows: int) -> None:
    source = flowers(tmp_path, rows)
    before = cut(source)
    left = {*list(parts(before)["train"])[:9], *list(parts(before)["test"])[:2]}
    without = listed(tmp_path, "row\n" + "".join(f"{row}\n" for row in left))
    after = cut(source, without)
    assert parts(after) == {name: found - left for name, found in parts(before).items()}
    for (_, old), (learn, new) in zip(before.folds(), after.folds(), strict=True):
        assert set(new.tolist()) == set(old.tolist()) - left
        assert not set(learn.tolist()) & left
    assert after.ledger.counts()["set_aside"] == 11
    assert any("2 of them were test rows" in note for note in after.notes)


def test_rows_left_out_are_no_sign_of_bad_data(tmp_path: Path) -> None:
    """A third is left out: that is asked for. A tenth of the others is broken: that is not."""
    source = flowers(tmp_path)
    without = listed(tmp_path, "row\n" + "".join(f"{row}\n" for row in range(50)))
    assert cut(source, without).ledger.counts()["set_aside"] == 50
    lines = source.read_text().splitlines()
    for number in range(60, 74):
        lines[number] = ",".join([*lines[number].split(",")[:2], ""])
    source.write_text("\n".join(lines) + "\n")
    with pytest.raises(PellucidError, match="14 of 100 rows can't be used: the target 'kind'"):
        cut(source, without)


# --- compared ---------------------------------------------------------------------------------


def quick(source: Path, out: Path, **settings: Any) -> Trained:
    return pellucid.learn(source, out=out, time=1.0, quiet=True, report=False, **settings)


def test_the_two_runs_are_compared_on_the_same_test_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    source = flowers(tmp_path)
    before = quick(source, tmp_path / "flowers.run")
    tested, learned = before.results("test")["row"], before.ledger().to_pydict()
    left = [row for row, part in zip(learned["row"], learned["split"]) if part == "train"][:6]
    left.append(int(tested[0]))
    (before.path / "evidence").mkdir(exist_ok=True)
    without = before.path / "evidence" / "labels.csv"
    without.write_text("place,row\n" + "".join(f"flowers.csv line {r + 2},{r}\n" for r in left))

    words = ["learn", str(source), "--without", str(without), "--plan", str(before.path)]
    assert main([*words, "--time", "1s", "--no-report"]) == 0
    shown = capsys.readouterr().out
    after = Trained(tmp_path / "flowers-without.run")
    found = after.info["without"]
    assert found["sentence"] in shown
    assert found["rows"] == 7
    assert found["test_rows"] == len(tested) - 1
    assert found["same_plan"]
    assert f"on the same {len(tested) - 1} test rows" in found["sentence"]

    # The difference is that of the two runs' figures on the common rows.
    common = np.isin(tested, after.results("test")["row"])
    old = before.results("test")
    hits = old["probability"][common].argmax(1) == old["target"][common]
    new = after.results("test")
    now = new["probability"].argmax(1) == new["target"]
    assert found["difference"]["value"] == pytest.approx(now.mean() - hits.mean())

    # Later studies see the run as it was, even if the list is gone by then.
    without.unlink()
    material = material_of(after, Watcher())
    assert not set(left) & {*material.train.tolist(), *material.test.tolist()}

    assert main(["show", str(after.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["without"] == found


def test_a_list_of_unknown_origin_is_not_compared(tmp_path: Path) -> None:
    source = flowers(tmp_path)
    run = quick(source, tmp_path / "x.run", without=listed(tmp_path, "row\n3\n"))
    assert run.info["without"]["sentence"].startswith("Not compared")
    assert run.info["without"]["rows"] == 1
