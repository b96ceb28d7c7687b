"""A killed run goes on to the same weights, bit for bit; Ctrl-C keeps the best so far."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from pellucid.recording.run import Run
from tests.commands import Pellucid, command


def weights(run: Path) -> dict[str, bytes]:
    """Every network's tensors, as bytes."""
    found = {}
    for file in sorted((run / "model").glob("network-*.safetensors")):
        found |= {f"{file.name} {name}": v.tobytes() for name, v in load_file(file).items()}
    assert found
    return found


def wait_for(condition: object, process: subprocess.Popen[bytes], seconds: float = 120) -> bool:
    """Whether the condition came true before the process ended."""
    started = time.monotonic()
    while not condition():  # type: ignore[operator]
        if process.poll() is not None:
            return False
        assert time.monotonic() - started < seconds, "nothing happened"
        time.sleep(0.02)
    return True


def test_killed_at_random_moments_and_resumed_to_the_same_weights(
    pellucid: Pellucid, iris: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    whole = pellucid("learn", iris, "--out", "whole", "--time", "15s", "--no-report", "--json")
    assert whole.code == 0, whole.err
    repeat = ("learn", iris, "--out", "killed", "--plan", "whole", "--no-report", "--json")
    chance = random.Random(7)
    killed, kills = tmp_path / "killed", 0
    for kill in range(3):
        words = repeat if kill == 0 else ("resume", "killed", "--json")
        process = subprocess.Popen(
            command(*words), cwd=tmp_path, env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        before = len(list(killed.glob("checkpoint/fold-*/state.safetensors")))
        saved_more = wait_for(
            lambda n=before: len(list(killed.glob("checkpoint/fold-*/state.safetensors"))) > n,
            process,
        )
        if saved_more:
            time.sleep(chance.random() * 0.5)
            process.send_signal(signal.SIGKILL)
        if process.wait() == 0:  # the last folds were done before the next kill
            break
        kills += 1
        assert process.returncode == -signal.SIGKILL
        assert Run(killed).status == "learning"
    assert kills > 0
    if Run(killed).status != "done":
        resumed = pellucid("resume", "killed", "--json")
        assert resumed.code == 0, resumed.err
    assert weights(tmp_path / "whole") == weights(killed)
    first, second = Run(tmp_path / "whole"), Run(killed)
    assert np.array_equal(first.steps["step"], second.steps["step"])
    assert np.array_equal(first.steps["loss"], second.steps["loss"])
    assert whole.json["score"] == second.summary["score"]


def test_same_plan_and_seed_give_the_same_weights_recorded_or_not(
    pellucid: Pellucid, iris: Path, tmp_path: Path
) -> None:
    first = pellucid("learn", iris, "--out", "a", "--time", "8s", "--json", "--no-report")
    assert first.code == 0, first.err
    for name, extra in (("b", ()), ("c", ("--no-record",))):
        again = pellucid(
            "learn", iris, "--out", name, "--plan", "a", "--json", "--no-report", *extra
        )
        assert again.code == 0, again.err
        assert weights(tmp_path / "a") == weights(tmp_path / name)


def test_ctrl_c_keeps_the_best_so_far(
    iris: Path, tmp_path: Path, environment: dict[str, str], pellucid: Pellucid
) -> None:
    process = subprocess.Popen(
        command("learn", iris, "--out", "stopped", "--time", "120s", "--effort", "thorough",
                "--json"),
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    steps = tmp_path / "stopped" / "steps.bin"
    assert wait_for(lambda: steps.exists() and steps.stat().st_size > 40 * 100, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err.decode()
    assert Run(tmp_path / "stopped").status == "interrupted"
    answer = pellucid("predict", "stopped", iris, "--json")
    assert answer.code == 0
    assert len(answer.lines) == 150


def test_nothing_to_resume_is_said(pellucid: Pellucid, iris: Path) -> None:
    done = pellucid("learn", iris, "--out", "done", "--time", "5s", "--json", "--no-report")
    assert done.code == 0
    again = pellucid("resume", "done", "--json")
    assert again.code == 2
    assert "nothing to resume" in again.json["error"]["what"]
    nowhere = pellucid("resume", "dome", "--json")
    assert nowhere.code == 2
    assert "done" in nowhere.json["error"]["fix"]
