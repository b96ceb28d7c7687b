"""The job around uses: the run folder, repeating, resuming, verdict, report; with a toy use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import pellucid
from pellucid.config import Settings
from pellucid.errors import BundleError, ConfigError
from pellucid.evidence.finding import Finding
from pellucid.interfaces.report import write_report
from pellucid.interfaces.trained import Trained
from pellucid.learning.loop import Step
from pellucid.recipe import Watcher
from pellucid.recording.files import read_arrays
from pellucid.recording.run import Run
from pellucid.uses import learn, resume
from pellucid.uses.answerers import load_answerer, use_of
from pellucid.uses.use import COURSES, use
from tests.uses.toy import ROWS, ToyCourse, points


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    use(ToyCourse)
    yield
    del COURSES["toy"]


def settings(**changes: Any) -> Settings:
    # No time is named: under a time, a busy machine would shorten the plan.
    return Settings(**({"effort": "quick", "task": "toy"} | changes))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return learn(points(), settings(), Watcher(), out=tmp_path / "toy.run")


def weights(run: Run) -> dict[str, np.ndarray]:
    return read_arrays(run.path / "model" / "network.safetensors")


def test_a_run_says_what_it_was_about_and_what_came_out(run: Run) -> None:
    info = run.info
    assert run.status == "done"
    assert info["use"] == "toy"
    assert info["looks_at_test"] == 1
    assert info["task"]["kind"] == "toy"
    assert info["task"]["why"] == "asked for with --task"
    assert sum(run.rows.values()) == ROWS
    assert run.verdict["winner"] == "network"
    assert run.verdict["sentence"].startswith("Yes")
    assert run.verdict["rows"] == ROWS // 5
    assert run.summary["unit"] == "points"
    assert run.summary["kept"] == "network"
    errors = [line["answer"] for line in Trained(run.path).predict([[0.5, 0.5]])]
    assert abs(errors[0] - 0.5) < 0.2
    assert run.steps["loss"][-1] < run.steps["loss"][0]
    assert run.recorded_steps[0] == 0
    assert (run.path / "model" / "README.md").exists()
    assert Finding.from_json(run.finding("distances")).pictures[0].title == "a boxes"


def test_it_is_found_without_being_asked_for_only_by_its_own_kind(tmp_path: Path) -> None:
    found = learn(points(), settings(task="auto"), Watcher(), out=tmp_path / "a.run")
    assert found.info["task"]["why"] == "points with two coordinates"
    with pytest.raises(ConfigError, match="there is no task 'toys'"):
        learn(points(), settings(task="toys"), Watcher(), out=tmp_path / "b.run")


def test_a_plan_repeats_bit_for_bit_recorded_or_not(run: Run, tmp_path: Path) -> None:
    again = learn(
        points(), settings(record=False), Watcher(), out=tmp_path / "b.run", plan=run.plan
    )
    for name, values in weights(run).items():
        np.testing.assert_array_equal(values, weights(again)[name])


class Killed(Exception):
    pass


class Killer(Watcher):
    """Ends the process, as far as the run can tell, after some steps."""

    def __init__(self, after: int) -> None:
        self.after = after

    def step(self, step: Step, fold: int, plan: Any) -> None:
        if step.number == self.after:
            raise Killed


def test_a_killed_run_goes_on_to_the_same_weights(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pellucid.recipe.pace.FIRST_CHECKPOINT", 0.0)
    monkeypatch.setattr("pellucid.recipe.pace.CHECKPOINTS_APART", 0.0)
    killer = Killer(run.plan.steps // 2)
    with pytest.raises(Killed):
        learn(points(), settings(), killer, out=tmp_path / "k.run", plan=run.plan)
    assert Run(tmp_path / "k.run").status == "failed"
    done = resume(tmp_path / "k.run", Watcher(), points())
    assert done.status == "done"
    for name, values in weights(run).items():
        np.testing.assert_array_equal(values, weights(done)[name])
    with pytest.raises(ConfigError, match="nothing to resume"):
        resume(tmp_path / "k.run", Watcher(), points())


def test_other_data_is_not_gone_on_with(run: Run, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        learn(points(), settings(), Killer(3), out=tmp_path / "k.run", plan=run.plan)
    with pytest.raises(BundleError, match="not the same"):
        resume(tmp_path / "k.run", Watcher(), points(seed=1))


def test_ctrl_c_keeps_the_best_so_far(run: Run, tmp_path: Path) -> None:
    class Stopper(Watcher):
        def step(self, step: Step, fold: int, plan: Any) -> None:
            if step.number == 5:
                raise KeyboardInterrupt

    found = learn(points(), settings(), Stopper(), out=tmp_path / "c.run", plan=run.plan)
    assert found.status == "interrupted"
    assert load_answerer(found.path).predict([[0.0, 0.0]])[0]["row"] == 0


def test_validation_points_decide_who_is_kept(tmp_path: Path) -> None:
    plan = learn(points(), settings(), Watcher(), out=tmp_path / "a.run").plan
    best = learn(points(), settings(keep="best"), Watcher(), out=tmp_path / "b.run", plan=plan)
    assert best.info["kept"] == "network"

    class Late(ToyCourse):
        """Its network is worse than the mean on validation points, better on the sealed ones."""

        def exam(self, *given: Any) -> Any:
            from dataclasses import replace

            exam = super().exam(*given)
            return replace(exam, network=replace(exam.network, valid_score=99.0))

    COURSES["toy"] = Late
    kept = learn(points(), settings(keep="best"), Watcher(), out=tmp_path / "c.run", plan=plan)
    assert kept.info["kept"] == "the mean" == kept.summary["kept"]
    assert kept.verdict["winner"] == "network"
    answers = {line["answer"] for line in load_answerer(kept.path).predict([[0, 0], [1, 1]])}
    assert len(answers) == 1


def test_the_report_shows_its_pictures_and_trusts_no_name(run: Run) -> None:
    page = write_report(run).read_text("utf-8")
    assert "What it can do" in page
    assert "It measures distances." in page
    assert "Right and wrong" not in page
    for look in ("boxes", "matrix", "marked", "points"):
        assert f'class="{look}"' in page or f"chart {look}" in page
    assert "&lt;b&gt;" in page
    assert "<i>:" not in page
    assert "48 sealed points" in page


def test_the_same_verbs_in_python(run: Run) -> None:
    trained = pellucid.load(run.path)
    assert trained.use == "toy"
    assert use_of(run.path / "model") == "toy"
    assert isinstance(trained.model(), torch.nn.Module)
    assert trained.result()["task"] == "toy"
    assert trained.result()["network"] == "mlp"
    explained = trained.explain([[0.0, 0.0]])
    assert isinstance(explained, Finding)
    assert explained.sentence.startswith("Because")


def test_a_damaged_model_says_so(run: Run) -> None:
    (run.path / "model" / "network.safetensors").write_bytes(b"no tensors")
    with pytest.raises(BundleError, match="damaged or incomplete"):
        load_answerer(run.path)
