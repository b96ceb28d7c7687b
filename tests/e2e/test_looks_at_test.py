"""Every look at the sealed test rows is counted, also those of later studies."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import pellucid


def test_a_study_of_the_test_rows_is_one_more_look(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(200, 2)).round(3)
    lines = [f"{a},{b},{'yes' if a > b else 'no'}" for a, b in x]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,larger", *lines]) + "\n", "utf-8")
    run = pellucid.learn(tmp_path / "rows.csv", out=tmp_path / "rows.run", time="2s", quiet=True)
    assert run.info["looks_at_test"] == 1
    run.study("calibration", "overfitting", seconds=2)
    assert run.info["looks_at_test"] == 2
    run.study("calibration")  # it is kept, nobody looks again
    assert run.info["looks_at_test"] == 2
    assert "2 times" in (run.path / "model" / "README.md").read_text("utf-8")
