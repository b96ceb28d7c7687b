"""The built-in example of overfitting: it is learned by its own plan, and overfits by far."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pellucid
from pellucid.evidence.finding import Finding
from pellucid.examples import EXAMPLES, heart
from pellucid.interfaces.demo import plan_of
from pellucid.recording.run import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("heart")
    source = EXAMPLES["by-heart"].make(folder)
    plan = plan_of("by-heart", source)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_CACHE", str(folder / "cache"))
        pellucid.learn(
            source,
            EXAMPLES["by-heart"].target,
            out=folder / "a.run",
            plan=plan,
            report=False,
            quiet=True,
        )
    return Run(folder / "a.run")


def test_it_brings_a_plan_with_nothing_that_holds_it_back(run: Run) -> None:
    plan = run.plan
    assert (plan.average, plan.weight_decay, plan.label_smoothing, plan.folds) == (0, 0, 0, 1)
    assert plan.augment == {}
    assert plan.steps == heart.PLAN.steps
    assert all(size.dropout == 0 for size in plan.sizes.values())
    assert run.info["network"]["parameters"] > 500 * heart.ROWS


def test_other_rows_get_worse_while_its_own_are_learned_by_heart(run: Run) -> None:
    """What docs/studio.md calls overfitting, by far: the loss on other rows ends above where it
    began, and that on its own rows falls far."""
    measured = np.isfinite(run.steps["valid_loss"])
    valid, loss = run.steps["valid_loss"][measured], run.steps["loss"]
    best = int(valid.argmin())
    assert 0 < best < len(valid) // 2
    assert np.median(valid[-len(valid) // 4 :]) > 1.5 * valid[best]
    assert loss[-20:].mean() < 0.2 * loss[:5].mean()


def test_the_study_of_overfitting_says_so(run: Run) -> None:
    from pellucid.recipe.study import study

    (finding,) = study(run.path, ["overfitting"])
    assert isinstance(finding, Finding)
    assert finding.known
    assert "by heart" in finding.sentence or "overfit" in finding.sentence.lower()


def test_every_other_example_is_planned_for_its_data(tmp_path: Path) -> None:
    for name in EXAMPLES:
        found = plan_of(name, tmp_path / "a")
        assert (found is not None) == (name == "by-heart")
