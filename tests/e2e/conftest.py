"""Runs the command line as a user does: in a fresh process."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.commands import Ended, Pellucid, command


@pytest.fixture
def environment(own_cache: Path) -> dict[str, str]:
    return {**os.environ, "PELLUCID_CACHE": str(own_cache), "OMP_NUM_THREADS": "1"}


@pytest.fixture
def pellucid(tmp_path: Path, environment: dict[str, str]) -> Pellucid:
    """`pellucid("learn", source, ...)` in `tmp_path`."""

    def run(*words: object) -> Ended:
        done = subprocess.run(
            command(*words), cwd=tmp_path, env=environment, capture_output=True, timeout=600
        )
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


@pytest.fixture
def iris(tmp_path: Path) -> Path:
    """A small real table with names of classes."""
    from sklearn.datasets import load_iris

    data = load_iris()
    names = np.array(data.target_names)[data.target]
    lines = ["sepal length,sepal width,petal length,petal width,species"]
    lines += [",".join([*map(str, row), name]) for row, name in zip(data.data, names)]
    path = tmp_path / "iris.csv"
    path.write_text("\n".join(lines) + "\n")
    return path
