"""Results, comparison and overfitting as the studio shows them, against what the run keeps."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix

from pellucid.recording.run import Run

Open = Callable[..., Any]
KINDS = ("image", "text", "audio", "series", "table", "numbers", "mixed", "separable", "heart")
CELLS = "main table[data-step] button[data-cell]"


# --- mix-ups over time --------------------------------------------------------------------------


def test_mix_ups_over_time_are_those_of_the_answers(window: Open, planned: Path) -> None:
    """Check 13: at three steps the table equals scikit-learn's on the answers that were kept, and
    a cell lists as many examples as it counts."""
    run = Run(planned / "heart.run")
    kept = run.answers()
    recorded = [step for step in kept.steps.tolist() if step in run.recorded_steps]
    one = window()
    for step in (recorded[0], recorded[len(recorded) // 2], recorded[-1]):
        one.show("heart.run", "results", t=step)
        one.page.locator(f'main table[data-step="{step}"]').wait_for()
        answers = kept.values[kept.steps.tolist().index(step)].argmax(1)
        expected = confusion_matrix(kept.target, answers, labels=[0, 1, 2])
        assert shown(one.page) == expected.tolist()
    wrong = expected - np.diag(np.diag(expected))
    for truth, answer in (divmod(int(wrong.argmax()), 3), divmod(int(expected.argmax()), 3)):
        one.page.locator(f'{CELLS}[data-cell="{truth},{answer}"]').click()
        listed = examples_listed(one.page)
        assert len(listed) == expected[truth, answer] > 0
        rows = kept.rows[(kept.target == truth) & (answers == answer)].tolist()
        assert sorted(listed) == sorted(place for place, row in ledger(run) if row in rows)


def shown(page: Any) -> list[list[int]]:
    """The counts of the table of mix-ups."""
    cells = page.eval_on_selector_all(
        CELLS, "all => all.map(one => [...one.dataset.cell.split(','), one.dataset.value])"
    )
    size = 1 + max(int(truth) for truth, _, _ in cells)
    counts = [[0] * size for _ in range(size)]
    for truth, answer, count in cells:
        counts[int(truth)][int(answer)] = int(count)
    return counts


def examples_listed(page: Any) -> list[str]:
    """The places of all examples behind the chosen cell, which are shown piece by piece."""
    listed = page.locator("main section[aria-live=polite]")
    more = listed.get_by_role("button", name=re.compile("^Show more"))
    listed.locator("li").first.wait_for()
    while more.count():
        more.click()
    page.wait_for_function(
        "() => document.querySelectorAll('main section[aria-live=polite] .place:not([title])')"
        ".length === 0"
    )
    found: list[str] = listed.locator("li .place").evaluate_all("all => all.map(one => one.title)")
    return found


def ledger(run: Run) -> list[tuple[str, int]]:
    """(place, row) of every row of the source."""
    table = run.ledger().to_pydict()
    return list(zip(table["item"], table["row"], strict=True))


# --- curves -------------------------------------------------------------------------------------


def test_a_curve_says_what_stands_below_the_pointer_and_leads_there(
    window: Open, planned: Path
) -> None:
    run = Run(planned / "heart.run")
    measured = np.isfinite(run.steps["valid_loss"])
    known = dict(zip(run.steps["step"][measured].tolist(), run.steps["valid_loss"][measured]))
    one = window()
    one.show("heart.run", "check")
    curve = one.page.locator("main .curve").first
    box = curve.bounding_box()
    read = []
    for share in (0.2, 0.5, 0.8):
        one.page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        lines = curve.locator("p").inner_text().splitlines()
        read.append(int(lines[0].removeprefix("step ").replace(",", "")))
        (said,) = (line for line in lines if line.endswith("it never learns from"))
        nearest = min(known, key=lambda step: (abs(step - read[-1]), step))
        assert float(said.split()[0]) == pytest.approx(known[nearest], rel=1e-3)
    assert read == sorted(read)
    assert all(
        abs(at / run.steps["step"][-1] - share) < 0.06 for at, share in zip(read, (0.2, 0.5, 0.8))
    )
    one.page.mouse.up()
    recorded = max(step for step in run.recorded_steps if step <= read[-1])
    one.page.locator(f"section.bar input[data-step='{recorded}']").wait_for()
    one.page.mouse.move(0, 0)
    assert curve.locator("p").count() == 0


# --- overfitting --------------------------------------------------------------------------------


def test_the_mark_of_overfitting_stands_where_it_starts(window: Open, planned: Path) -> None:
    """Check 14: with labels that can only be learned by heart it stands behind the lowest loss on
    other rows; with labels that lie on two sides of a line there is none."""
    run = Run(planned / "heart.run")
    steps, valid = losses(run)
    best = int(valid.argmin())
    later = valid[best + 1 :]
    assert np.all(later > valid[best])
    assert np.median(valid[-len(valid) // 4 :]) - valid[best] > 2 * np.abs(np.diff(valid)).max()
    learned = run.steps["loss"]
    assert learned[-20:].mean() < 0.2 * learned[steps[best] - 1]
    start = int(steps[best + 1])

    one = window()
    one.show("heart.run", "check")
    mark = one.page.locator("section.bar .mark.overfit")
    assert mark.count() == 1
    recorded = max(step for step in run.recorded_steps if step <= start)
    assert mark.get_attribute("aria-label").endswith(f"step {recorded}")
    assert one.page.get_by_text(f"Overfitting starts at step {start}").is_visible()
    mark.click()
    one.settled()
    assert one.page.locator("section.bar input[type=range]").get_attribute("data-step") == str(
        recorded
    )

    healthy = Run(planned / "separable.run")
    _, valid = losses(healthy)
    assert valid[-1] < 0.05 * valid[0]
    one.show("separable.run", "check")
    one.page.get_by_text("On the other rows it was best").wait_for()
    assert mark.count() == 0
    assert one.page.get_by_text("Overfitting starts").count() == 0


def losses(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Steps at which the loss on other rows was measured, and what it was."""
    measured = np.isfinite(run.steps["valid_loss"])
    return run.steps["step"][measured], run.steps["valid_loss"][measured]


# --- honest comparison --------------------------------------------------------------------------


def test_no_network_is_favored_where_a_line_is_enough(window: Open, planned: Path) -> None:
    """Check 15: the sentence says Yes only where the interval of the difference lies above zero,
    and here it holds zero; the constant answer stands in every table, with its true score."""
    one = window()
    run = Run(planned / "separable.run")
    one.show("separable.run", "compare")
    one.page.locator(".verdict .answer").wait_for()
    difference = run.verdict["difference"]
    assert difference["low"] <= 0
    assert one.page.locator(".verdict .answer").inner_text() == "No."
    chosen = one.page.locator("main tr.winner th").inner_text()
    assert "network" not in chosen
    low, high = (float(value) for value in ends_of_difference(one.page))
    assert (low, high) == (difference["low"], difference["high"])

    for kind in KINDS:
        one.show(f"{kind}.run", "compare")
        row = one.page.locator("main tbody tr").filter(has_text="constant answer").first
        row.wait_for()
    one.show("separable.run", "compare")
    row = one.page.locator("main tbody tr").filter(has_text="constant answer").first
    score = float(row.locator("b[data-value]").get_attribute("data-value"))
    assert score == accuracy_of_the_majority(run)


def ends_of_difference(page: Any) -> list[str]:
    found: list[str] = page.eval_on_selector_all(
        "main .scale .row:first-child small [data-value]",
        "all => all.map(one => one.dataset.value)",
    )
    return found[:2]


def accuracy_of_the_majority(run: Run) -> float:
    """Always saying what is most frequent among the other rows, on the sealed ones."""
    lines = Path(run.info["source"]["path"]).read_text().splitlines()[1:]
    kinds = np.array([line.rpartition(",")[2] for line in lines])
    test = run.results("test")["row"]
    names, counts = np.unique(np.delete(kinds, test), return_counts=True)
    return float(accuracy_score(kinds[test], np.full(len(test), names[counts.argmax()])))
