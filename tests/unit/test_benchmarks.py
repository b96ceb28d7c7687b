"""The benchmarks measure what they say: tiny runs, nothing downloaded."""

from __future__ import annotations

import copy
import json
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("benchmarks", reason="run from the repository with 'python -m pytest'")

from benchmarks import evidence, loop, measured, memory, peers, quality, startup, studio, table
from benchmarks.__main__ import main
from benchmarks.loop import Case, Job, bare, bare_torch
from benchmarks.measured import Disturbed, Load, foreign_share
from pellucid.config import Size
from pellucid.data.columns import Entry
from pellucid.data.dataset import Batch
from pellucid.learning.learner import Learner
from pellucid.learning.loop import train
from pellucid.learning.optimizer import Optimizer
from pellucid.recording.steps import STEP, append_steps

AROUND = {
    "date": "2026-01-02 03:04 UTC",
    "command": "python -m benchmarks part",
    "versions": {"python": "3.11.0"},
    "machine": {"cpu": "a processor", "cores": 2, "memory_gb": 8, "system": "Linux"},
    "code": "0123456789ab",
    "commit": "abcdef0",
}
TINY = {
    "mlp": Case("mlp", Entry("project", (), 4, "scalars"), 200, "mlp", Size(8, 1), 16, 1),
    "cnn": Case("cnn", Entry("project", (8, 8), 1, "p"), 64, "cnn", Size(16, 1), 16, 1),
    "gru": Case("gru", Entry("project", (6,), 2, "s"), 64, "rnn", Size(8, 1), 16, 1),
    "transformer": Case(
        "transformer", Entry("lookup", (6,), 20, "t"), 64, "transformer", Size(8, 1), 16, 1
    ),
}


# --- loop -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TINY)
def test_the_bare_loop_does_the_same_arithmetic(name: str) -> None:
    job = Job.of(TINY[name], steps=20)
    learner = Learner(copy.deepcopy(job.model), job.plan)
    list(train(learner, job.data.dataset, job.task, job.data.rows, job.data.valid))
    model = copy.deepcopy(job.model)
    list(islice(bare(model, *job._tensors(), job.plan, Optimizer(model, job.plan)), 20))
    for ours, theirs in zip(learner.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_the_loop_with_torch_alone_does_the_same_arithmetic() -> None:
    # Where no embedding is spared weight decay, PyTorch's optimizer makes the same steps.
    job = Job.of(loop.one_layer(), steps=20)
    learner = Learner(copy.deepcopy(job.model), job.plan)
    list(train(learner, job.data.dataset, job.task, job.data.rows, job.data.valid))
    model = copy.deepcopy(job.model)
    list(islice(bare_torch(model, *job._tensors(), job.plan), 20))
    for ours, theirs in zip(learner.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_a_loop_is_measured_in_all_ways() -> None:
    found = loop.measure(TINY["mlp"], rounds=3, block_seconds=0.005)
    assert set(found["seconds"]) == set(loop.WAYS)
    assert all(len(seconds) == 3 for seconds in found["seconds"].values())
    low, middle, high = sorted(loop.ratio(found, "bare"))
    assert loop.ratio(found, "bare") == (middle, low, high)
    json.dumps(found)


def test_ratios_are_speeds_relative_to_the_other_loop() -> None:
    found = {"seconds": {"ours": [2.0, 2.0], "bare": [1.0, 3.0], "recorded": [4.0, 4.0]}}
    assert loop.ratio(found, "bare")[0] == 1.0
    assert loop.recorded_ratio(found) == 0.5


@pytest.mark.parametrize("case", loop.cases(), ids=lambda case: case.name)
def test_every_case_can_take_a_step(case: Case) -> None:
    job = Job.of(replace(case, rows=64), steps=1)
    batch: Batch = job.data.dataset.take(torch.arange(2))
    assert job.model(batch.inputs).shape == (2, case.classes)


# --- around a measurement ---------------------------------------------------------------------


def test_the_share_of_others_leaves_out_our_own_time() -> None:
    before = Load(busy=100.0, own=10.0, capacity=1000.0)
    after = Load(busy=115.0, own=20.0, capacity=1020.0)
    assert foreign_share(before, after) == 0.25
    assert foreign_share(before, Load(None, 20.0, 0.0)) is None


def test_times_from_a_busy_machine_are_measured_again_and_then_refused() -> None:
    shares = iter([0.4, 0.2, 0.1])

    def measure(share: float | None, *, anyway: bool = False) -> float | None:
        found = measured.quiet(lambda: {"foreign": share}, anyway=anyway, patience=0)
        return found["foreign"]

    found = measured.quiet(lambda: {"foreign": next(shares)}, anyway=False, patience=0)
    assert found == {"foreign": 0.1}
    with pytest.raises(Disturbed, match="40%"):
        measure(0.4)
    assert measure(0.4, anyway=True) == 0.4
    assert measure(None) is None


def test_a_result_says_what_it_is_and_nothing_private(tmp_path: Path) -> None:
    around = measured.circumstances(["benchmarks", "quality", "--sets", "a,b"])
    assert around["command"] == "python -m benchmarks quality --sets a,b"
    assert set(around["machine"]) == {"cpu", "cores", "memory_gb", "system"}
    assert around["versions"]["torch"] == torch.__version__
    measured.save("part", around, tmp_path)
    assert measured.saved("part", tmp_path) == around
    assert measured.saved("another", tmp_path) is None
    assert [path.name for path in tmp_path.iterdir()] == ["part.json"]


def test_the_version_of_the_code_changes_with_its_meaning_only(tmp_path: Path) -> None:
    module = tmp_path / "loop.py"
    module.write_text("def step():\n    return 1\n")
    before = measured.code_version(tmp_path)
    module.write_text('"""A page."""\n\n\ndef step():\n    """One."""\n    return 1  # why\n')
    (tmp_path / "interfaces").mkdir()
    (tmp_path / "interfaces" / "show.py").write_text("shown = True\n")
    assert measured.code_version(tmp_path) == before
    module.write_text("def step():\n    return 2\n")
    assert measured.code_version(tmp_path) != before


@pytest.mark.skipif(sys.platform == "win32", reason="needs wait4")
def test_a_fresh_process_is_measured() -> None:
    ran = measured.run_fresh([sys.executable, "-c", "print('said'); raise SystemExit(3)"])
    assert (ran.code, ran.output) == (3, "said\n")
    assert 0 < ran.seconds < 30
    assert ran.peak_mb > 1


# --- quality ----------------------------------------------------------------------------------


def a_run(seed: int = 0, **changed: Any) -> dict[str, Any]:
    def method(score: float, valid: float) -> dict[str, float]:
        return {"score": score, "low": score, "high": score, "valid_score": valid, "seconds": 1.0}

    run = {
        "seed": seed,
        "metric": "accuracy",
        "score": 0.95,
        "low": 0.93,
        "high": 0.97,
        "kept": "network",
        "methods": {
            "network": method(0.95, 0.9),
            "logistic regression": method(0.96, 0.9),
            "boosted trees": method(0.94, 0.91),
        },
        "foreign": 0.01,
        "process_seconds": 12.0,
        "plan": {},
    }
    return run | changed


def test_a_goal_is_of_the_mean_over_seeds() -> None:
    runs = [a_run(0, score=0.96), a_run(1, score=0.98)]
    assert quality.reached(quality.Goal(0.97), runs)
    assert not quality.reached(quality.Goal(0.9701), runs)


def test_a_goal_can_be_the_best_of_others_within_the_interval() -> None:
    others = ("regression", "trees")
    assert quality.reached(quality.Goal(beats=others, within=True), [a_run()])
    assert not quality.reached(quality.Goal(beats=others), [a_run()])
    assert quality.reached(quality.Goal(beats=("trees",)), [a_run()])


def test_a_smaller_error_is_better() -> None:
    run = a_run(metric="RMSE", score=50.0)
    run["methods"]["ridge regression"] = {**run["methods"]["network"], "score": 51.0}
    goal = quality.Goal(beats=("ridge",))
    assert quality.reached(goal, [run])
    run["methods"]["ridge regression"]["score"] = 49.0
    assert not quality.reached(goal, [run])


def test_the_rival_is_chosen_by_validation_rows() -> None:
    assert quality.best_rival(a_run()) == "boosted trees"


def test_an_unknown_set_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quality", "--sets", "letters"]) == 2
    assert "no set is called 'letters'" in capsys.readouterr().err


# --- memory, start, peers ---------------------------------------------------------------------


def test_the_memory_goal_follows_from_the_encoded_size() -> None:
    assert memory.SOURCES["table"].goal == 4 * (200e6 + 8e6) + 1.5e9


def test_the_small_table_can_be_learned(tmp_path: Path) -> None:
    startup.write_table(tmp_path / "t.csv", 50)
    lines = (tmp_path / "t.csv").read_text().splitlines()
    assert len(lines) == 51
    assert {line.rpartition(",")[2] for line in lines[1:]} == {"yes", "no"}


def test_peers_get_errors_relative_to_ours() -> None:
    found = {
        "pellucid": {"error": 0.1, "seconds": 10.0},
        "LightGBM": {"error": 0.2, "seconds": 1.0},
    }
    (one,) = peers.ratios([{"set": "wine", "seed": 0, "test": 10**9, "found": found}])
    assert one["error_ratio"] == pytest.approx(2.0)
    assert one["time_ratio"] == 0.1


def test_peers_learn_in_processes_of_their_own() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 3))
    y = np.where(x[:, 0] > 0, "yes", "no")
    rows = peers.Rows(x[:150], y[:150], x[150:], y[150:], regress=False)
    assert sys.executable == peers.PYTHON
    assert {"HistGradientBoosting", "LightGBM"} <= set(peers.there())
    answers, seconds = peers.answered("LightGBM", rows, 0, 1.0)
    assert peers.wrong(rows, answers) < 0.2
    assert seconds > 0
    with pytest.raises(RuntimeError, match="KeyError: 'nobody'"):
        peers.answered("nobody", rows, 0, 1.0)


# --- the studio -------------------------------------------------------------------------------


def test_the_age_of_a_step_is_told_from_when_its_rows_came_to_the_disk(tmp_path: Path) -> None:
    """Rows 1 to 4 are written together, 5 and 6 two seconds later; the run's clock says how long
    before that each step was made."""
    rows = np.zeros(6, STEP)
    rows["step"], rows["seconds"] = np.arange(1, 7), [1, 2, 3, 4, 5, 6]
    (tmp_path / "run.json").write_text('{"schema": 1}')
    append_steps(tmp_path / "steps.bin", rows)
    written = [(100.0, 4), (102.0, 6)]
    seen = [[99_000, "step 0 of 0"], [100_200, "step 1 of 4"], [100_300, "step 3 of 3"]]
    seen += [[102_250, "step 5 of 5"], [103_000, "step 6 of 7"]]  # the last: not on the disk
    assert studio.ages(seen, written, tmp_path) == pytest.approx([200, 1300, 1250])


# --- the page ---------------------------------------------------------------------------------


def test_the_page_says_what_is_missing(tmp_path: Path) -> None:
    text = table.page(tmp_path)
    assert text.count("ot measured yet") == len(quality.GOALS) + len(evidence.PARTS) + 5


def test_the_page_is_made_of_saved_results(tmp_path: Path) -> None:
    measured.save(
        "quality-letter", {**AROUND, "time": "3m", "runs": [a_run(0), a_run(1)]}, tmp_path
    )
    found = loop.measure(TINY["mlp"], rounds=2, block_seconds=0.001)
    measured.save("loop", {"measured": {"MLP": {**AROUND, **found}}}, tmp_path)
    help_ = {"seconds": [0.05, 0.07, 0.06], "peak_mb": [11], "foreign": 0.0}
    starts = [{"name": "pellucid --help", **help_}]
    measured.save("startup", {**AROUND, "measured": starts, "torch_imported": False}, tmp_path)
    watched = {"alone": [20.0, 21.0, 22.0], "watched": [22.0, 21.5, 20.0]}
    seen = {"steps": 9, "seconds": watched, "ages_ms": [150.0, 200.0, 420.0], "foreign": 0.0}
    seen |= {"first_s": [1.5, 1.25, 2.25], "opened_s": [0.5, 0.75]}
    measured.save("studio", {**AROUND, **seen}, tmp_path)
    page = table.page(tmp_path)
    assert "| <= 3 s | +0.50 s (21.0 s alone, 21.5 s watched) | yes | 3 runs each | 0% |" in page
    assert "| <= 300 ms | 200 ms, 95 % below" in page
    assert "moved | <= 1 s | 0.62 s, at most 0.75 s | yes | 2 new browsers | 0% |" in page
    assert "first view | <= 2 s | 1.50 s, at most 2.25 s | **no** | 3 runs | 0% |" in page
    letter = next(line for line in page.splitlines() if line.startswith("| letter"))
    assert "0.9500 ± 0.0000" in letter
    assert "**no**" in letter  # 0.95 < 0.965
    assert "| pellucid --help | < 0.15 s | 0.06 s | 0.05 to 0.07 | yes | 11 MB | 3 | 0% |" in page
    assert "| mlp (mlp, width 8, depth 1) |" in page
    assert "a processor, 2 cores" in page
    widths = {line.count("|") for line in page.splitlines() if line.startswith("| letter")}
    assert widths == {13}
