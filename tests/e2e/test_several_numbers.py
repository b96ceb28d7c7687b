"""Several numbers in several units: what is chosen and said doesn't depend on the units."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import pellucid
from pellucid.config import ACROSS, Plan, Size
from pellucid.evidence.trust.slices import slices
from pellucid.export.bundle import Bundle
from pellucid.interfaces.trained import Trained

ROWS = 420
PLAN = Plan(
    steps=150, batch=20, evaluate_every=50, folds=3, rate=0.01, weight_decay=0.0,
    network={ACROSS: "mlp"}, sizes={ACROSS: Size(48, 2)}, numbers="plain",
)  # fmt: skip


def pots(folder: Path, factor: float) -> Path:
    """Weight follows the clay, which no straight line says; shrinking follows the water."""
    rng = np.random.default_rng(3)
    water, hours = rng.uniform(12, 30, ROWS), rng.uniform(4, 14, ROWS)
    shrinks = 3 + 0.2 * water + rng.normal(0, 0.3, ROWS)
    weighs = factor * (900 + 300 * np.sin(hours) + rng.normal(0, 60, ROWS))
    lines = [
        f"{a:.4f},{b:.4f},{c:.6g},{d:.4f}" for a, b, c, d in zip(water, hours, weighs, shrinks)
    ]
    (folder / "pots.csv").write_text("\n".join(["water,hours,weight,shrinks", *lines]) + "\n")
    return folder / "pots.csv"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Trained, Trained]:
    """The same pots, weighed in kilograms and in milligrams."""
    runs = []
    for name, factor in (("kilograms", 1e-3), ("milligrams", 1e3)):
        folder = tmp_path_factory.mktemp(name)
        (folder / "run.json").write_text(json.dumps({"schema": 1, "plan": PLAN.as_json()}))
        learned = pellucid.learn(
            pots(folder, factor), "weight,shrinks", plan=folder, keep="best", quiet=True,
            out=folder / "pots.run", report=False,
        )  # fmt: skip
        runs.append(learned)
    return runs[0], runs[1]


def test_the_unit_changes_no_score(both: tuple[Trained, Trained]) -> None:
    light, heavy = both
    assert light.result()["metric"] == heavy.result()["metric"] == "R2"
    assert light.result()["kept"] == heavy.result()["kept"]
    for one, other in zip(light.verdict["baselines"], heavy.verdict["baselines"], strict=True):
        assert one["name"] == other["name"]
        assert one["score"] == pytest.approx(other["score"], abs=0.02)
    assert light.result()["score"] == pytest.approx(heavy.result()["score"], abs=0.05)
    assert "points of R2" in light.verdict["sentence"]


def test_sureness_and_parts_of_the_rows_are_judged_in_units_of_spread(
    both: tuple[Trained, Trained], tmp_path: Path
) -> None:
    errors = []
    for place, run in enumerate(both):
        assert run.summary["slices"]["metric"] == "relative RMSE"
        shutil.copytree(run.path, tmp_path / f"{place}.run")
        bundle = Bundle.load_from(tmp_path / f"{place}.run")
        bundle.kept = "network"  # whose widths differ with the size of the answer
        bundle.save(tmp_path / f"{place}.run/model")
        (finding,) = Trained(tmp_path / f"{place}.run").study("sureness")
        assert finding.figures["metric"] == "relative RMSE"
        errors.append(finding.figures["levels"][0]["error"])
    assert errors[0] == pytest.approx(errors[1], abs=0.1)
    assert max(errors) < 1  # 1: always the mean


def test_a_part_is_as_bad_as_its_numbers_are_in_their_own_units() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(200, 2)) * (1000, 1)
    values = truth.copy()
    values[:100, 1] += 1  # as much as this number is spread; the other one hides it in grams
    found = slices("regress", truth, values, [], {}, [])
    assert found.metric == "relative RMSE"
    spread = truth[:, 1].std()
    assert found.total == pytest.approx(np.sqrt((1 / spread**2 / 2 + 0) / 2))
