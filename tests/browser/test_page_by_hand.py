"""One iteration with its real numbers, and single steps of a run that is held."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from pellucid.export.bundle import Bundle
from pellucid.interfaces.predict import table_of
from pellucid.learning.optimizer import BETAS, EPS
from pellucid.recording.run import Run

Open = Callable[..., Any]
STAGES = ["take", "forward", "compare", "blame", "update", "re-check", "repeat"]
LONG = 300_000
"""ms that reading a source and starting a process may take on a very busy machine."""


# --- one iteration ------------------------------------------------------------------------------


@dataclass
class ByHand:
    """One step with nothing but PyTorch. gradient: before clipping; loss, again: mean of the batch
    before and after the update."""

    before: dict[str, torch.Tensor]
    gradient: dict[str, torch.Tensor]
    after: dict[str, torch.Tensor]
    loss: float
    again: float


def by_hand(run: Run, step: int, rows: list[int]) -> ByHand:
    """The step that follows `step` updates, from the kept weights and the rows of the batch."""
    bundle, plan = Bundle.load_from(run.path), run.plan
    header, *lines = Path(run.info["source"]["path"]).read_text().splitlines()
    cells = [lines[row].split(",") for row in rows]
    columns = {
        name: [float(row[place]) for row in cells]
        for place, name in enumerate(header.split(",")[:-1])
    }
    table = table_of(bundle, columns)
    inputs = bundle.subject("network").encode(bundle.load(table)[0])
    target = torch.tensor([run.info["task"]["classes"].index(row[-1]) for row in cells])
    network = bundle.members[0].model().train()
    network.load_state_dict({n: torch.from_numpy(v) for n, v in run.weights(step).items()})
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    loss = F.cross_entropy(network(inputs), target)
    loss.backward()
    gradient = {name: value.grad.clone() for name, value in network.named_parameters()}
    torch.nn.utils.clip_grad_norm_(network.parameters(), plan.clip)
    rate = float(run.steps["rate"][run.steps["step"] == step + 1][0])
    torch.optim.AdamW(network.parameters(), rate, BETAS, EPS, weight_decay=0.0).step()
    after = {name: value.detach().clone() for name, value in network.named_parameters()}
    again = F.cross_entropy(network(inputs), target)
    return ByHand(before, gradient, after, loss.item(), again.item())


def make_step(one: Any, step: int) -> dict[str, Any]:
    """Press the button of the step that follows `step` updates; what the server told."""
    one.show("separable.run", "iteration", t=step)
    button = one.page.get_by_role("button", name=f"Make step {step + 1} by hand", exact=True)
    with one.page.expect_response(lambda said: said.url.endswith("/iteration"), timeout=LONG) as it:
        button.click()
    found: dict[str, Any] = it.value.json()
    one.page.locator("nav.stages").wait_for()
    return found


def go_to(page: Any, stage: str) -> None:
    page.locator("nav.stages button", has_text=stage).click()
    place = STAGES.index(stage) + 1
    page.locator(f'section[aria-label^="Stage {place}:"]').wait_for()


def value_of(page: Any, selector: str) -> float:
    return float(page.locator(f"section.stage {selector}").first.get_attribute("data-value"))


def test_one_iteration_shows_what_pytorch_computes(window: Open, planned: Path) -> None:
    """Check 9: the seven stages follow each other, and weight, gradient and losses are those that
    PyTorch computes from the kept weights and the numbers of the rows."""
    run = Run(planned / "separable.run")
    one = window()
    page = one.page
    receipt = make_step(one, 0)
    seen = []
    for place, name in enumerate(STAGES):
        current = page.locator("nav.stages [aria-current=step]")
        seen.append(re.sub(r"\d", "", current.inner_text()).strip())
        assert page.locator(f'section[aria-label="Stage {place + 1}: {name}"]').is_visible()
        if place < 6:
            page.get_by_role("button", name="Next", exact=True).click()
    assert seen == STAGES
    assert page.get_by_role("button", name="Next", exact=True).is_disabled()

    true = by_hand(run, 0, receipt["rows"])
    name, place = place_of(receipt["one"]["path"])
    go_to(page, "blame")
    assert value_of(page, ".big b") == pytest.approx(float(true.gradient[name][place]), rel=1e-4)
    go_to(page, "update")
    before, after = value_of(page, ".big > span"), value_of(page, ".big b")
    assert before == pytest.approx(float(true.before[name][place]), rel=1e-6)
    assert after == pytest.approx(float(true.after[name][place]), rel=1e-5)
    assert before != after
    go_to(page, "re-check")
    assert value_of(page, ".big > span") == pytest.approx(true.loss, rel=1e-5)
    assert value_of(page, ".big b") == pytest.approx(true.again, rel=1e-4)
    assert true.again < true.loss


def test_a_later_iteration_starts_from_the_kept_weights(window: Open, planned: Path) -> None:
    """Check 9, in the middle of the run: kept in 16 bits there, so that three digits agree."""
    run = Run(planned / "separable.run")
    step = next(step for step in run.weight_steps if step >= 12)
    one = window()
    receipt = make_step(one, step)
    true = by_hand(run, step, receipt["rows"])
    name, place = place_of(receipt["one"]["path"])
    go_to(one.page, "update")
    near = {"rel": 2**-9, "abs": 1e-6}
    assert value_of(one.page, ".big > span") == pytest.approx(
        float(true.before[name][place]), **near
    )
    go_to(one.page, "blame")
    assert value_of(one.page, ".big b") == pytest.approx(
        float(true.gradient[name][place]), rel=0.03
    )
    go_to(one.page, "re-check")
    assert value_of(one.page, ".big > span") == pytest.approx(true.loss, rel=0.01)


def place_of(path: str) -> tuple[str, tuple[int, ...]]:
    """ "head.weight[1, 2]" -> its name and its indices."""
    name, _, inside = path.partition("[")
    return name, tuple(int(one) for one in inside.rstrip("]").split(","))


# --- a run that is held -------------------------------------------------------------------------


START = """async path => (await fetch("/api/runs", {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ path, paused: true, settings: { target: "side", time: "20s" } }),
})).json()"""


def test_one_step_makes_exactly_one(
    window: Open, serve: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checks 9 and 15: a run is started paused from the page; each "One step" adds one row to its
    record, and the iteration room says why it has to wait. The sealed rows are looked at not once
    while it learns, and once when it has ended; the page asks for that score only when somebody
    opens the exam."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(240, 3)).round(3)
    lines = [f"{a},{b},{c},{'in' if a * a + b * b < 1.2 else 'out'}" for a, b, c in x]
    (tmp_path / "rings.csv").write_text("a,b,c,side\n" + "\n".join(lines) + "\n")
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))
    one = window(server=serve(tmp_path))
    page = one.page
    page.set_default_timeout(LONG)
    started = page.evaluate(START, str(tmp_path / "rings.csv"))
    page.evaluate("run => { location.hash = `#/${run}/prediction` }", started["run"])
    page.get_by_text("Paused after step 0.").wait_for()
    run = Run(next(tmp_path.glob("*.run")))
    assert len(run.steps) == 0
    for made in (1, 2, 3):
        page.get_by_role("button", name="One step").focus()
        page.keyboard.press("Enter")  # as by keys alone, check 16
        page.get_by_text(f"Paused after step {made}.").wait_for()
        assert len(Run(run.path).steps) == made

    one.show(run.path.name, "iteration")
    page.get_by_text("once learning has ended").wait_for()
    assert page.get_by_role("button", name="Make step").count() == 0
    one.show(run.path.name, "results")
    page.get_by_text("Nobody has looked at them yet").wait_for()
    assert Run(run.path).info["looks_at_test"] == 0

    page.get_by_role("button", name="Stop here and finish").click()
    page.get_by_text("They were looked at once").wait_for()
    assert Run(run.path).info["looks_at_test"] == 1
    assert len(Run(run.path).steps) == made
    assert not [url for url in one.requests if "results/summary" in url]
    page.get_by_role("button", name="Open the exam").click()
    page.get_by_text("sealed rows").first.wait_for()
    page.locator("section[aria-label='The exam'] [data-value]").first.wait_for()
    assert [url for url in one.requests if "results/summary" in url]
    # While the process reads its data there is no run yet, which the browser notes.
    assert [error for error in one.errors if "404 (Not Found)" not in error] == []
    one.errors.clear()
