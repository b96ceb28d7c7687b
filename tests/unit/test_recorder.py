from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pellucid.config import Plan
from pellucid.data.dataset import Batch
from pellucid.errors import ConfigError
from pellucid.learning.learner import Evaluation, Learner
from pellucid.learning.loop import Step
from pellucid.network.tap import tap
from pellucid.recording.files import append_line, read_json, read_lines
from pellucid.recording.recorder import STEP, RunWriter, record
from pellucid.recording.run import Run
from pellucid.recording.steps import BEST, EPOCH_END, EVALUATED, LOOKED, append_steps, read_steps


class Line(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        return tap("output", self.layer(inputs["x"]))


def squared(output: Tensor, target: Tensor) -> Tensor:
    return (output - target).square().mean(1)


BATCH = Batch({"x": torch.tensor([[1.0], [2.0]])}, torch.tensor([[2.0], [4.0]]), torch.arange(2))


@dataclass
class Made:
    """Steps by hand: the n-th adds 1 to the weight, has loss 1/n, 6 rows in batches of 2."""

    learner: Learner
    evaluate_every: int = 5

    def steps(self, last: int) -> Iterator[Step]:
        who = self.learner
        while who.number < last:
            with torch.no_grad():
                who.model.layer.weight += 1
            who.number += 1
            evaluation = None
            if who.number % self.evaluate_every == 0:
                output = torch.full((3, 1), float(who.number))
                evaluation = Evaluation(1 / who.number, 0.0, output, best=who.number == 5)
            n = who.number
            loss, norm = torch.tensor(1 / n), torch.tensor(float(n))
            yield Step(n, n / 3, loss, 0.1, norm, BATCH, evaluation, who)


def made(steps: int = 20) -> Made:
    model = Line()
    nn.init.zeros_(model.layer.weight)
    return Made(Learner(model, Plan(steps=steps)))


def run_through(by_hand: Made, folder: Path, last: int = 20, **options: object) -> list[Step]:
    return list(recording(by_hand, folder, last, **options))


def recording(
    by_hand: Made,
    folder: Path,
    last: int = 20,
    *,
    start: int = 0,
    fold: int = 0,
    probe: Batch | None = BATCH,
    metric: object = None,
) -> Iterator[Step]:
    who = by_hand.learner
    return record(
        by_hand.steps(last),
        folder=folder,
        model=who.model,
        loss=squared,
        probe=probe,
        plan=who.plan,
        start=start,
        fold=fold,
        metric=metric,
        budget=1e6,
    )


# --- steps.bin ------------------------------------------------------------------------------


def test_a_row_has_40_bytes_that_any_tool_can_read(tmp_path: Path) -> None:
    names = ["step", "epoch", "seconds", "fold", "flags", "loss", "rate", "gradient_norm"]
    assert list(STEP.names) == [*names, "valid_loss", "valid_metric"]
    assert [STEP.fields[name][1] for name in STEP.names] == [0, 4, 8, 16, 18, 20, 24, 28, 32, 36]
    assert STEP.itemsize == 40
    values = (412, 2.5, 10.25, 1, 6, 0.5, 0.125, 3.0, math.inf, -1.0)
    append_steps(tmp_path / "steps.bin", np.array([values], STEP))
    assert (tmp_path / "steps.bin").read_bytes() == struct.pack("<IfdHHfffff", *values)


def test_every_step_is_passed_on_and_written_down(tmp_path: Path) -> None:
    by_hand = made()
    steps = run_through(by_hand, tmp_path, metric=lambda output: float(output.mean()))
    assert [step.number for step in steps] == list(range(1, 21))
    assert all(isinstance(step, Step) for step in steps)
    rows = Run(tmp_path).steps
    assert rows["step"].tolist() == list(range(1, 21))
    np.testing.assert_array_equal(rows["loss"], np.float32(1 / np.arange(1, 21)))
    np.testing.assert_array_equal(rows["gradient_norm"], np.arange(1, 21))
    np.testing.assert_array_equal(rows["rate"], np.full(20, np.float32(0.1)))
    assert (np.diff(rows["seconds"]) > 0).all()
    evaluated = rows["flags"] & EVALUATED > 0
    assert rows["step"][evaluated].tolist() == [5, 10, 15, 20]
    assert rows["valid_metric"][evaluated].tolist() == [5, 10, 15, 20]
    assert np.isnan(rows["valid_loss"][~evaluated]).all()
    assert rows["step"][rows["flags"] & BEST > 0].tolist() == [5]
    assert rows["step"][rows["flags"] & EPOCH_END > 0].tolist() == [3, 6, 9, 12, 15, 18]
    assert (rows["flags"] & LOOKED > 0).all()


def test_events_say_when_epochs_ended_and_what_validation_said(tmp_path: Path) -> None:
    run_through(made(), tmp_path, 6)
    assert Run(tmp_path).events == [
        {"step": 3, "kind": "epoch", "message": "epoch 1 ended", "fold": 0, "epoch": 1},
        {"step": 5, "kind": "evaluation", "message": "validation loss 0.2", "fold": 0,
         "loss": 0.2, "metric": None, "best": True},
        {"step": 6, "kind": "epoch", "message": "epoch 2 ended", "fold": 0, "epoch": 2},
    ]  # fmt: skip


def test_a_torn_last_row_is_ignored_and_cut_when_the_run_goes_on(tmp_path: Path) -> None:
    run_through(made(), tmp_path, 4)
    path = tmp_path / "steps.bin"
    path.write_bytes(path.read_bytes()[:-13])
    assert read_steps(path)["step"].tolist() == [1, 2, 3]
    by_hand = made()
    by_hand.learner.number = 3
    run_through(by_hand, tmp_path, 6, start=3)
    assert read_steps(path)["step"].tolist() == [1, 2, 3, 4, 5, 6]


def test_resuming_forgets_only_what_the_same_fold_did_later(tmp_path: Path) -> None:
    run_through(made(), tmp_path, 6, fold=0)
    run_through(made(), tmp_path, 6, fold=1, probe=None)
    by_hand = made()
    by_hand.learner.number = 2
    run_through(by_hand, tmp_path, 4, fold=1, probe=None, start=2)
    run = Run(tmp_path)
    pairs = list(zip(run.steps["fold"].tolist(), run.steps["step"].tolist()))
    assert pairs == [*((0, n) for n in range(1, 7)), (1, 1), (1, 2), (1, 3), (1, 4)]
    assert [(event["fold"], event["step"]) for event in run.events] == [
        (0, 3), (0, 5), (0, 6), (1, 3),
    ]  # fmt: skip
    assert run.recorded_steps == list(range(7))


def test_stopping_early_makes_the_last_step_the_one_looked_at(tmp_path: Path) -> None:
    by_hand = made(10_000)
    for step in recording(by_hand, tmp_path, 10_000):
        if step.number == 117:
            break
    run = Run(tmp_path)
    assert run.recorded_steps[-1] == 117
    assert run.looks().at(117).parameters["layer.weight"].value == 117
    assert run.weights(117)["layer.weight"] == 117
    assert run.steps["step"][-1] == 117
    assert run.info["recording"]["looks"] == len(run.recorded_steps)


def test_a_shortened_run_looks_at_its_new_last_step(tmp_path: Path) -> None:
    by_hand = made(10_000)
    for step in recording(by_hand, tmp_path, 151):
        if step.number == 100:
            by_hand.learner.shorten(151)
    looks = Run(tmp_path).looks()
    assert looks.steps[-1] == 151
    assert looks.at(151).parameters["layer.weight"].update == 1


def test_a_resumed_run_goes_on_counting_what_recording_cost(tmp_path: Path) -> None:
    run_through(made(), tmp_path, 10)
    first = Run(tmp_path).info["recording"]
    by_hand = made()
    by_hand.learner.number = 10
    run_through(by_hand, tmp_path, 12, start=10)
    second = Run(tmp_path).info["recording"]
    assert second["cost_seconds"] > first["cost_seconds"] > 0
    assert second["training_seconds"] >= first["training_seconds"]
    assert (first["looks"], second["looks"]) == (11, 13)


def test_after_an_error_everything_so_far_is_there_but_nothing_more_is_looked_at(
    tmp_path: Path,
) -> None:
    def failing(steps: Iterator[Step]) -> Iterator[Step]:
        for step in steps:
            yield step
            if step.number == 117:
                with torch.no_grad():
                    by_hand.learner.model.layer.weight += 0.5  # half an update
                raise KeyboardInterrupt

    by_hand = made(10_000)
    model, plan = by_hand.learner.model, by_hand.learner.plan
    steps = failing(by_hand.steps(10_000))
    with pytest.raises(KeyboardInterrupt):
        list(record(steps, folder=tmp_path, model=model, loss=squared, probe=BATCH, plan=plan))
    run = Run(tmp_path)
    assert run.steps["step"][-1] == 117
    assert 117 not in run.recorded_steps
    assert run.looks().at(run.recorded_steps[-1]).parameters["layer.weight"].value < 117


def test_a_look_s_gradients_are_those_of_the_formula(tmp_path: Path) -> None:
    by_hand = made()
    nn.init.zeros_(by_hand.learner.model.layer.bias)
    run_through(by_hand, tmp_path, 3)
    seen = Run(tmp_path).looks().at(3)  # weight 3: answers 3 and 6 instead of 2 and 4
    assert seen.loss == 2.5
    assert seen.activations["output"].value.tolist() == [[3], [6]]
    assert seen.activations["output"].gradient.tolist() == [[1], [2]]  # 2 (answer - truth) / 2
    weight = seen.parameters["layer.weight"]
    assert weight.gradient.tolist() == [[5]]  # 1 * 1 + 2 * 2
    assert weight.update.tolist() == [[1]]
    assert seen.parameters["layer.bias"].gradient.tolist() == [3]


# --- RunWriter ------------------------------------------------------------------------------


def test_a_run_goes_into_a_new_or_empty_folder(tmp_path: Path) -> None:
    assert RunWriter(tmp_path / "a" / "b").folder == tmp_path / "a" / "b"
    (tmp_path / "empty").mkdir()
    assert RunWriter(tmp_path / "empty").folder == tmp_path / "empty"
    assert Run(tmp_path / "empty").status == "learning"


def test_a_second_run_of_the_same_name_gets_a_number(tmp_path: Path) -> None:
    names = [RunWriter(tmp_path / "flowers").folder.name for _ in range(3)]
    assert names == ["flowers", "flowers-2", "flowers-3"]


def test_other_peoples_folders_and_files_are_never_touched(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(ConfigError, match="the folder holds other files") as caught:
            RunWriter(tmp_path, overwrite=overwrite)
        assert f"{tmp_path.name}-2" in caught.value.fix
        with pytest.raises(ConfigError, match="the name belongs to a file"):
            RunWriter(tmp_path / "notes.txt", overwrite=overwrite)
        with pytest.raises(ConfigError, match="the folder of the run can't be made"):
            RunWriter(tmp_path / "notes.txt" / "run", overwrite=overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_overwriting_removes_the_run_and_leaves_what_a_person_put_there(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / "run")
    run_through(made(), writer.folder, 4)
    writer.save_result("test", {"row": np.arange(3)})
    mine = [tmp_path / "run" / name for name in ("notes.txt", "looks/mine.safetensors", "a/b.json")]
    for path in mine:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    (tmp_path / "elsewhere.safetensors").write_text("mine")
    (tmp_path / "run" / "results" / "link.safetensors").symlink_to(
        tmp_path / "elsewhere.safetensors"
    )
    again = RunWriter(tmp_path / "run", overwrite=True)
    assert again.folder == tmp_path / "run"
    files = {path for path in again.folder.rglob("*") if path.is_file()}
    assert files == {*mine, again.folder / "run.json"}
    assert (tmp_path / "elsewhere.safetensors").read_text() == "mine"
    assert Run(again.folder).recorded_steps == []


def test_resuming_keeps_everything_and_cuts_a_torn_line(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / "run")
    writer.update(seed=3, status="interrupted")
    writer.event("mark", "half way", step=5)
    with open(tmp_path / "run" / "events.jsonl", "a") as file:
        file.write('{"step": 6, "kin')
    assert [event["message"] for event in Run(writer.folder).events] == ["half way"]
    again = RunWriter(tmp_path / "run", resume=True)
    again.event("mark", "went on", step=6)
    run = Run(again.folder)
    assert run.status == "learning"
    assert run.info["seed"] == 3
    assert [event["message"] for event in run.events] == ["half way", "went on"]
    with pytest.raises(ConfigError, match="there is no run to resume"):
        RunWriter(tmp_path / "nothing", resume=True)
    assert not (tmp_path / "nothing").exists()


def test_json_holds_plain_numbers_whatever_was_given(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / "run")
    writer.update(rows={"train": np.int64(3)}, source=tmp_path, timing=(0.5, math.nan))
    writer.save_json("summary", {"score": np.float32(0.5), "confusion": np.eye(2, dtype=int)})
    info = read_json(writer.folder / "run.json")
    assert info["schema"] == 1
    assert info["rows"] == {"train": 3}
    assert info["source"] == str(tmp_path)
    assert info["timing"] == [0.5, None]
    assert Run(writer.folder).summary == {"score": 0.5, "confusion": [[1, 0], [0, 1]]}
    append_line(tmp_path / "lines", {"value": math.inf, "word": "größer\nweiter"})
    assert read_lines(tmp_path / "lines") == [{"value": None, "word": "größer\nweiter"}]
    with pytest.raises(KeyError):
        writer.save_json("nonsense", {})
