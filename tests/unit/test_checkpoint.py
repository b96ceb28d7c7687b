from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pellucid.errors import BundleError
from pellucid.recording.checkpoint import load_checkpoint, save_checkpoint


def same(first: Any, second: Any) -> bool:
    """Equal to the bit, containers, dtypes and order of keys included."""
    if isinstance(first, Tensor):
        alike = first.dtype == second.dtype and first.shape == second.shape
        return alike and torch.equal(bits(first), bits(second))
    if isinstance(first, dict):
        return list(first) == list(second) and all(same(first[k], second[k]) for k in first)
    if isinstance(first, list | tuple):
        alike = type(first) is type(second) and len(first) == len(second)
        return alike and all(map(same, first, second))
    if isinstance(first, float):
        return type(second) is float and first.hex() == second.hex()
    return type(first) is type(second) and first == second


def bits(values: Tensor) -> Tensor:
    return values.reshape(-1).view(torch.uint8)


DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.int32]
DTYPES += [torch.uint8, torch.bool]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype_comes_back_to_the_bit(tmp_path: Path, dtype: torch.dtype) -> None:
    noise = torch.randint(0, 2 if dtype == torch.bool else 256, (6, 8), dtype=torch.uint8)
    state = {"values": noise.view(dtype), "empty": torch.empty(0, 3, dtype=dtype)}
    save_checkpoint(tmp_path, state, {})
    assert same(state, load_checkpoint(tmp_path)[0])


def test_an_optimizer_s_state_comes_back(tmp_path: Path) -> None:
    model = torch.nn.Conv2d(3, 8, 3).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, betas=(0.9, 0.99))
    model(torch.randn(2, 3, 8, 8)).sum().backward()
    optimizer.step()
    tied = model.weight.detach()
    state = {"model": model.state_dict(), "again": tied, "part": tied[2:4], "of": [tied.mT, None]}
    state = {**state, "optimizer": optimizer.state_dict(), "best": math.inf, "number": 2**70}
    save_checkpoint(tmp_path, state, {"step": 1})
    loaded, meta = load_checkpoint(tmp_path)
    assert meta == {"step": 1}
    assert loaded["best"] == math.inf
    assert loaded["optimizer"]["param_groups"][0]["betas"] == (0.9, 0.99)
    assert torch.equal(loaded["of"][0], tied.mT)
    torch.optim.AdamW(model.parameters()).load_state_dict(loaded["optimizer"])


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
KEYS = st.text() | st.integers()
TREES = st.recursive(
    LEAVES,
    lambda part: st.lists(part) | st.lists(part).map(tuple) | st.dictionaries(KEYS, part),
    max_leaves=12,
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(KEYS, TREES))
def test_any_tree_comes_back(tmp_path_factory: pytest.TempPathFactory, tree: Any) -> None:
    folder = tmp_path_factory.mktemp("checkpoint")
    save_checkpoint(folder, tree, {})
    assert same(tree, load_checkpoint(folder)[0])


def test_keys_that_read_alike_stay_apart(tmp_path: Path) -> None:
    state = {1: torch.tensor(1), "1": torch.tensor(2), "a/b": torch.tensor(3)}
    state = {**state, "a": {"b": torch.tensor(4)}, "": torch.tensor(5)}
    save_checkpoint(tmp_path, state, {})
    assert same(state, load_checkpoint(tmp_path)[0])


def test_what_can_t_be_held_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, {"number": 1}, {})
    with pytest.raises(TypeError, match=r"can't hold set \(a/b\)"):
        save_checkpoint(tmp_path, {"a": {"b": {1, 2}}}, {})
    with pytest.raises(TypeError, match=r"not 1\.5"):
        save_checkpoint(tmp_path, {1.5: 0}, {})
    assert load_checkpoint(tmp_path)[0] == {"number": 1}


def test_missing_damaged_and_newer_checkpoints_say_so(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no checkpoint to resume from"):
        load_checkpoint(tmp_path)
    save_checkpoint(tmp_path, {"weights": torch.zeros(100)}, {})
    path = tmp_path / "state.safetensors"
    whole = path.read_bytes()
    for size in (0, 7, 100, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(BundleError, match="the checkpoint is damaged"):
            load_checkpoint(tmp_path)
    path.write_bytes(whole.replace(b'"schema":"1"', b'"schema":"9"'))
    with pytest.raises(BundleError, match=r"newer version[\s\S]*schema 9, known up to 1"):
        load_checkpoint(tmp_path)


KILLER = """
import os, pathlib, random, signal, sys, time
import torch
from pellucid.recording.checkpoint import load_checkpoint, save_checkpoint
from pellucid.recording.files import read_json
from pellucid.recording.recorder import RunWriter

torch.set_num_threads(1)
folder = pathlib.Path(sys.argv[1])
RunWriter(folder)
save_checkpoint(folder / "checkpoint", {"number": 0}, {"step": 0})

def keep_saving(number):
    writer = RunWriter(folder, resume=True)
    while True:
        number += 1
        state = {"number": number, "weights": [torch.full((50_000,), number) for _ in range(4)]}
        save_checkpoint(folder / "checkpoint", state, {"step": number})
        writer.update(step=number)

random.seed(0)
last = kills = 0
while kills < 40:
    child = os.fork()
    if child == 0:
        keep_saving(last)
    time.sleep(random.uniform(0.0, 0.06))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    kills += 1
    state, meta = load_checkpoint(folder / "checkpoint")
    number = state["number"]
    assert number >= last and meta["step"] == number
    assert all((part == number).all() for part in state.get("weights", []))
    # A kill between two files leaves one of them behind, never half written.
    assert number - kills <= read_json(folder / "run.json").get("step", 0) <= number
    assert number - kills <= read_json(folder / "checkpoint" / "state.json")["step"] <= number
    last = number
print(kills, last)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_a_kill_at_any_moment_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLER, str(tmp_path / "run")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    kills, saved = map(int, done.stdout.split())
    assert kills == 40
    assert saved > 0
