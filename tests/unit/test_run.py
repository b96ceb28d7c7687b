from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from pellucid.config import Plan, Size
from pellucid.data.columns import Column
from pellucid.errors import BundleError, ConfigError
from pellucid.recording.recorder import RunWriter
from pellucid.recording.run import Run, list_runs
from pellucid.recording.weights import write_weights


@pytest.fixture
def writer(tmp_path: Path) -> RunWriter:
    return RunWriter(tmp_path / "flowers")


def test_a_run_is_read_as_it_was_written(writer: RunWriter) -> None:
    plan = Plan(steps=12, sizes={"columns": Size(8, 2)}, augment={"photo": ("mirror",)})
    column = Column("photo", "image", "input", "every value names a picture", {"side": 32})
    writer.update(
        name="Flowers",
        task={"kind": "classify", "classes": ["a", "b"]},
        plan=plan.as_json(),
        columns=[column.as_json()],
        rows={"train": 3, "valid": 1, "test": 1, "repaired": 0, "set_aside": 2},
        status="done",
    )
    run = Run(writer.folder)
    assert (run.name, run.status) == ("Flowers", "done")
    assert run.plan == plan
    assert run.columns == [column]
    assert run.rows["set_aside"] == 2
    assert run.task["classes"] == ["a", "b"]
    assert repr(run) == f"Run('{writer.folder}', done)"


def test_ledger_results_probe_and_verdict_come_back(writer: RunWriter) -> None:
    table = pa.table({"item": ["a.png"], "row": [0], "state": ["train"]})
    writer.ledger(table)
    half = torch.tensor([[0.5, 0.25]], dtype=torch.bfloat16)
    writer.save_result("test", {"row": np.array([4, 7]), "probability": half})
    writer.save_json("examples", [{"row": 4, "group": "wrong"}])
    writer.save_json("verdict", {"sentence": "yes", "baselines": [{"name": "constant"}]})
    inputs = {"photo": torch.arange(8, dtype=torch.uint8).view(2, 2, 2, 1)}
    drawings = [{"photo": {"kind": "image", "data": [0, 1]}}, {}]
    writer.probe(
        rows=[4, 7],
        places=["a", "b"],
        drawings=drawings,
        inputs=inputs,
        target=torch.tensor([1, 0]),
    )
    run = Run(writer.folder)
    assert run.ledger().equals(table)
    assert run.results("test")["row"].tolist() == [4, 7]
    assert run.results("test")["probability"].tolist() == [[0.5, 0.25]]
    assert run.examples == [{"row": 4, "group": "wrong"}]
    assert run.baselines == [{"name": "constant"}]
    probe = run.probe()
    assert (probe.rows, probe.places, probe.drawings) == ([4, 7], ["a", "b"], drawings)
    assert probe.inputs["photo"].dtype == np.uint8
    assert (probe.inputs["photo"] == inputs["photo"].numpy()).all()
    assert probe.target.tolist() == [1, 0]


def test_a_new_run_is_empty_not_broken(writer: RunWriter) -> None:
    run = Run(writer.folder)
    assert len(run.steps) == 0
    assert run.events == []
    assert run.recorded_steps == run.weight_steps == []


def test_weights_keep_integers_and_what_float16_can_t_hold(writer: RunWriter) -> None:
    state = {
        "matrix": torch.tensor([[0.1, -2.0]]),
        "huge": torch.tensor([[1e6]]),
        "vector": torch.tensor([1e-8]),
        "count": torch.tensor(7),
    }
    write_weights(writer.folder / "weights", 5, state, exact=False)
    kept = Run(writer.folder).weights(5)
    assert kept["matrix"].dtype == np.float32
    np.testing.assert_allclose(kept["matrix"], state["matrix"], rtol=2**-11)
    for name in ("huge", "vector", "count"):
        assert torch.equal(torch.from_numpy(kept[name]), state[name])
    with pytest.raises(ConfigError, match=r"step 9 were not kept[\s\S]*nearest kept steps are 5"):
        Run(writer.folder).weights(9)


def test_what_is_no_run_says_so_and_names_the_nearest_one(writer: RunWriter) -> None:
    beside = writer.folder.parent
    with pytest.raises(ConfigError, match=r"does not exist[\s\S]*did you mean 'flowers'\?"):
        Run(beside / "flower")
    (beside / "photos").mkdir()
    with pytest.raises(ConfigError, match=r"is not a run \(it has no run\.json\)"):
        Run(beside / "photos")
    with pytest.raises(ConfigError, match=r"make one with 'pellucid learn SOURCE'"):
        Run(beside / "photos" / "nothing")


def test_a_newer_run_asks_for_a_newer_version(writer: RunWriter) -> None:
    writer.update(schema=2)
    with pytest.raises(BundleError, match=r"newer version[\s\S]*schema 2, known up to 1"):
        Run(writer.folder)


@pytest.mark.parametrize("text", ["", '{"schema": 1', "[1, 2]", "\x00\xff"])
def test_a_damaged_run_json_is_named(writer: RunWriter, text: str) -> None:
    (writer.folder / "run.json").write_text(text)
    with pytest.raises(BundleError, match=r"run\.json[\s\S]*restore the file from a backup"):
        Run(writer.folder)


def test_damaged_and_missing_files_are_named(writer: RunWriter) -> None:
    run = Run(writer.folder)
    with pytest.raises(
        BundleError, match=r"has no ledger\.parquet[\s\S]*wait until the run is done"
    ):
        run.ledger()
    writer.update(status="failed")
    with pytest.raises(BundleError, match=r"has no verdict\.json[\s\S]*learn again"):
        _ = run.verdict
    with pytest.raises(BundleError, match="says nothing about its plan"):
        _ = run.plan
    (run.path / "ledger.parquet").write_bytes(b"PAR1 and nonsense")
    with pytest.raises(BundleError, match=r"ledger\.parquet is damaged"):
        run.ledger()
    (run.path / "events.jsonl").write_text('{"step": 1}\n{"step":\n{"step": 2}\n')
    with pytest.raises(BundleError, match=r"events\.jsonl is damaged"):
        _ = run.events
    writer.save_result("test", {"row": np.arange(2)})
    with pytest.raises(ConfigError, match=r"no results called 'tset'[\s\S]*did you mean 'test'"):
        run.results("tset")


def test_runs_are_listed_latest_first(tmp_path: Path) -> None:
    for name, started in (("a", "2026-01-02"), ("b", "2026-03-04"), ("c", "2026-02-03")):
        RunWriter(tmp_path / name).update(started=started)
    (tmp_path / "photos").mkdir()
    (tmp_path / "a" / "run.json").write_text("{")
    assert [run.name for run in list_runs(tmp_path)] == ["b", "c"]
    assert list_runs(tmp_path / "photos") == []


def test_reading_a_run_needs_no_torch(writer: RunWriter) -> None:
    code = (
        "import sys; from pellucid.recording.run import Run; "
        f"print(Run({json.dumps(str(writer.folder))}).status, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["learning", "False"]


def test_weights_of_a_network_that_exploded_are_kept_as_they_are(writer: RunWriter) -> None:
    exploded = torch.tensor([[1e9, float("nan")], [float("inf"), 0.5]])
    write_weights(writer.folder / "weights", 7, {"layer": exploded}, exact=False)
    kept = Run(writer.folder).weights(7)["layer"]
    assert kept.dtype == np.float32
    np.testing.assert_array_equal(kept, exploded.numpy())
