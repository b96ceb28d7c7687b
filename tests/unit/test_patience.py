"""Threads wait asleep where the machine is busy, and as they are used to where it is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pellucid.interfaces import patience


@pytest.fixture
def pressure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(patience.waited, "__defaults__", (tmp_path / "cpu",))
    return tmp_path / "cpu"


def says(percent: float) -> str:
    return f"some avg10={percent:.2f} avg60=1.00 avg300=1.00 total=9\nfull avg10=0.00 total=0\n"


def test_a_quiet_machine_is_left_as_it_is(pressure: Path) -> None:
    pressure.write_text(says(3.0))
    environment: dict[str, str] = {}
    patience.wait_asleep_if_busy(environment)
    assert environment == {}


def test_on_a_busy_machine_threads_wait_asleep(pressure: Path) -> None:
    pressure.write_text(says(40.0))
    environment: dict[str, str] = {}
    patience.wait_asleep_if_busy(environment)
    assert environment == {"OMP_WAIT_POLICY": "passive"}


@pytest.mark.parametrize("name", patience.SETTINGS)
def test_what_the_user_set_stays(pressure: Path, name: str) -> None:
    pressure.write_text(says(90.0))
    environment = {name: "as I like it"}
    patience.wait_asleep_if_busy(environment)
    assert environment == {name: "as I like it"}


def test_without_a_word_of_the_system_the_load_decides(
    pressure: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cores = os.cpu_count() or 1
    for load, expected in ((cores + 1.0, 100.0), (0.5, 0.0)):
        monkeypatch.setattr(os, "getloadavg", lambda load=load: (load, 0.0, 0.0), raising=False)
        assert patience.waited() == expected
    pressure.write_text("a file of another kind")
    assert patience.waited() == 0.0


def test_the_same_bits_however_threads_wait() -> None:
    code = (
        "import torch; torch.manual_seed(0); torch.set_num_threads(2);"
        "x = torch.randn(64, 300, requires_grad=True); w = torch.randn(300, 200);"
        "(x @ w).relu().square().mean().backward();"
        "print(x.grad.double().sum().item().hex(), (x @ w).sum(1)[:3].tolist())"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "OMP_WAIT_POLICY": policy},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for policy in ("active", "passive")
    ]
    assert said[0] == said[1]
