"""Who is handed over: the network, the classical method, or both together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pellucid
from pellucid.export.bundle import Bundle, mean_answer
from pellucid.interfaces.predict import predict
from pellucid.interfaces.trained import Trained


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Numbers whose sign is a product of two columns, and a little noise."""
    folder = tmp_path_factory.mktemp("kept")
    generator = np.random.default_rng(0)
    x = generator.normal(size=(240, 3))
    sure = x[:, 0] * x[:, 1] + 0.3 * x[:, 2] + generator.normal(0, 0.3, 240) > 0
    lines = ["a,b,c,sign"]
    lines += [f"{p:.4f},{q:.4f},{r:.4f},{'yes' if s else 'no'}" for (p, q, r), s in zip(x, sure)]
    (folder / "rows.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return pellucid.learn(
        folder / "rows.csv",
        "sign",
        time="3s",
        keep="best",
        out=folder / "rows.run",
        report=False,
        quiet=True,
    )


def test_the_one_kept_is_named_and_its_score_is_the_runs(run: Trained) -> None:
    known = {one["name"] for one in (run.verdict["network"], *run.verdict["baselines"])}
    kept = run.result()["kept"]
    assert kept in known or kept.endswith(" together")
    assert (
        run.bundle.kept
        == {True: "both", False: "network" if kept == "network" else "baseline"}[
            kept.endswith(" together")
        ]
    )
    assert run.result()["low"] <= run.result()["score"] <= run.result()["high"]


def test_both_together_give_the_mean_of_their_calibrated_answers(
    run: Trained, tmp_path: Path
) -> None:
    bundle = Bundle.load_from(run.path)
    bundle.kept = "both"
    bundle.save(tmp_path / "model")
    again = Bundle.load_from(tmp_path / "model")
    frame = pd.DataFrame({"a": [0.5, -1.0], "b": [0.4, 2.0], "c": [0.1, 0.2]})
    answers = {
        name: [line["probabilities"]["yes"] for line in predict(again, frame, who)]
        for name, who in (("network", "network"), ("classical", "baseline"), ("both", None))
    }
    mean = mean_answer(np.array(answers["network"]), np.array(answers["classical"]))
    shares = bundle.both_calibration.apply("classify", np.stack([1 - mean, mean], 1))
    np.testing.assert_allclose(answers["both"], shares[:, 1], rtol=1e-6)
