"""Runs that nobody made the page for: long names, words from right to left, a run that broke."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import PLAN

import pellucid
from pellucid.config import ACROSS, Size

Open = Callable[..., Any]
LONG = "mean consumption of a household in the northern building, sensor"
RTL = ("חיובי", "שלילי")


@pytest.fixture(scope="session")
def odd(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `odd.run`, whose columns differ at the end of long names only, with missing
    values and Hebrew answers; `two.run`, with two numbers to answer; and `broken.run`, the same
    without what a run writes after its last step, as one that failed leaves it."""
    folder, home = tmp_path_factory.mktemp("plan"), tmp_path_factory.mktemp("odd")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 8)).round(3)
    names = [f"{LONG} {number}" for number in range(8)]
    cells = [["" if rng.random() < 0.2 else f"{value}" for value in row] for row in x]
    plan = replace(PLAN, steps=40, sizes={ACROSS: Size(16, 1)})
    (folder / "run.json").write_text(json.dumps({"schema": 1, "plan": plan.as_json()}))
    sources = {
        "odd": ("answer", [RTL[int(row[0] > 0)] for row in x]),
        "two": ("price,size", [f"{1000 * row[0]:.1f},{row[1]:.4f}" for row in x]),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_CACHE", str(runs / ".cache"))
        for name, (target, said) in sources.items():
            head = ",".join([*(f'"{one}"' for one in names), target])
            rows = [",".join([*row, one]) for row, one in zip(cells, said, strict=True)]
            source = folder / f"{name}.csv"
            source.write_text("\n".join([head, *rows]) + "\n", "utf-8")
            pellucid.learn(
                source, target, out=home / f"{name}.run", time=20, plan=folder, quiet=True,
                report=False,
            )  # fmt: skip
    broken = shutil.copytree(home / "odd.run", home / "broken.run")
    for later in ("model", "results", "evidence", "answers"):
        shutil.rmtree(broken / later, ignore_errors=True)
    (broken / "verdict.json").unlink()
    info = json.loads((broken / "run.json").read_text())
    info |= {
        "status": "failed",
        "looks_at_test": 0,
        "problem": {"what": "the loss exploded", "where": "step 40", "fix": "look for extremes"},
    }
    (broken / "run.json").write_text(json.dumps(info))
    return home


@pytest.fixture(scope="session")
def shelf(odd: Path, serve: Callable[..., Any]) -> Any:
    return serve(odd)


def test_the_title_tells_where_one_is_and_back_goes_back(window: Open, shelf: Any) -> None:
    one = window(server=shelf)
    one.page.get_by_text("Runs on this machine").wait_for()
    assert one.page.title() == "Pellucid"
    one.show("odd.run", "prediction")
    one.page.get_by_role("link", name="Loss").first.click()
    one.settled()
    assert one.page.title() == "Loss · odd · Pellucid"
    one.page.go_back()
    one.page.wait_for_function("document.title === 'Prediction · odd · Pellucid'")
    one.page.go_back()
    one.page.get_by_text("Runs on this machine").wait_for()
    assert one.page.title() == "Pellucid"


def test_names_that_differ_at_their_end_stay_apart(window: Open, shelf: Any) -> None:
    """On a phone, names of columns are cut in their middle: what tells them apart is on the
    screen, and no place is wider than the screen."""
    one = window(390, server=shelf)
    for place in ("data", "layers", "prediction", "blame", "results", "try"):
        one.show("odd.run", place)
        one.page.wait_for_timeout(0)
        assert one.page.evaluate("document.documentElement.scrollWidth") <= 390, place
    one.page.locator("main label .cut").first.wait_for()
    ends = one.page.eval_on_selector_all(
        "main label .cut span:last-child",
        """all => all.map(one => [one.textContent, one.scrollWidth <= one.clientWidth + 1,
          one.getBoundingClientRect().right <= innerWidth])""",
    )
    assert [text[-1] for text, _, _ in ends] == [str(number) for number in range(8)]
    assert all(whole and on_screen for _, whole, on_screen in ends)


def test_words_from_right_to_left_keep_to_themselves(window: Open, shelf: Any) -> None:
    """A Hebrew answer does not pull the number behind it along: seen from the left, the answer
    stands first and its share after it."""
    one = window(server=shelf)
    one.show("odd.run", "prediction")
    one.page.locator("main .lead", has_text="\u2068").wait_for()
    answer, share = one.page.evaluate(
        r"""() => {
          const node = document.querySelector("main .lead").firstChild;
          const at = pattern => {
            const found = pattern.exec(node.data);
            const range = document.createRange();
            range.setStart(node, found.index);
            range.setEnd(node, found.index + found[0].length);
            return range.getBoundingClientRect();
          };
          const [word, share] = [at(/[\u0590-\u05ff]+/), at(/[\d.]+%/)];
          return [word.right, share.left];
        }"""
    )
    assert answer <= share


def test_two_numbers_are_both_said(window: Open, shelf: Any) -> None:
    one = window(server=shelf)
    one.show("two.run", "data")
    assert one.page.locator("main .lead").first.inner_text().endswith(": 2 numbers.")
    truth = one.page.get_by_label("The example that").locator(".truth")
    assert truth.inner_text().count(";") == 1
    one.show("two.run", "prediction")
    one.page.locator("main .lead", has_text=" for price; ").wait_for()


def test_a_run_that_broke_promises_nothing(window: Open, shelf: Any) -> None:
    """Nothing tells somebody to wait for what never comes."""
    one = window(server=shelf)
    expected = {
        "results": "Learning ended before the exam was taken.",
        "compare": "Learning ended before it was compared with classical methods.",
        "findings": "there is no finished model",
        "prediction": "Only a finished model can be asked, and this run has none.",
    }
    for place, words in expected.items():
        one.show("broken.run", place)
        one.page.get_by_text(words).first.wait_for()
        said = one.page.locator("main").first.inner_text()
        assert "when learning has ended" not in said, place
        assert "wait until" not in said, place
    assert "Why: the loss exploded" in one.page.get_by_role("status").first.inner_text()
