"""Who is handed over: the network, the classical method, or both together."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pellucid
from pellucid.data.read import read_for_prediction
from pellucid.evidence.trust.conformal import promise
from pellucid.export.bundle import Bundle, Kept, mean_answer
from pellucid.interfaces.predict import predict
from pellucid.interfaces.trained import Trained

ROWS = 240
WHO: tuple[Kept, ...] = ("network", "baseline", "both")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Numbers whose sign is a product of two columns, and a little noise."""
    folder = tmp_path_factory.mktemp("kept")
    generator = np.random.default_rng(0)
    x = generator.normal(size=(ROWS, 3))
    sure = x[:, 0] * x[:, 1] + 0.3 * x[:, 2] + generator.normal(0, 0.3, ROWS) > 0
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


def test_mistakes_and_examples_are_those_of_the_one_kept(run: Trained) -> None:
    kept, results = run.result()["kept"], run.results("test")
    network, truth = results["probability"], results["target"]
    values = network if kept == "network" else results[f"baseline.{kept}.probability"]
    wrong = int((values.argmax(1) != truth).sum())
    counts = np.array(run.summary["confusion"])
    assert counts.sum() - np.trace(counts) == wrong
    names, places = run.info["task"]["classes"], {row: i for i, row in enumerate(results["row"])}
    for example in run.examples:
        place = places[example["row"]]
        assert example["answer"] == names[values[place].argmax()]
        assert ("network" in example) == (kept != "network")
        if "network" in example:
            assert example["network"]["answer"] == names[network[place].argmax()]


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


# --- studies judge who is handed over -------------------------------------------------------------


@pytest.fixture(scope="module", params=WHO)
def kept(
    run: Trained, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    """The same run, had each of the three been the best on the held rows."""
    folder = tmp_path_factory.mktemp("who") / f"{request.param}.run"
    shutil.copytree(run.path, folder)
    bundle = Bundle.load_from(folder)
    bundle.kept = request.param
    if request.param == "both" and bundle.both_promise is None:
        rows = run.results("valid")["row"]
        values = bundle.predict(
            read_for_prediction(run.info["source"]["path"], list("abc")), "both"
        ).values[rows]
        bundle.both_promise = promise("classify", values, run.results("valid")["target"])
    bundle.save(folder / "model")
    return Trained(folder)


def test_studies_of_answers_judge_the_answers_that_predict_gives(kept: Trained) -> None:
    frame = pd.read_csv(kept.info["source"]["path"]).iloc[kept.results("test")["row"]]
    said, truth = kept.predict(frame[["a", "b", "c"]]), list(frame["sign"])
    right = np.array([line["answer"] == true for line, true in zip(said, truth, strict=True)])
    inside = np.array([true in line["set"] for line, true in zip(said, truth, strict=True)])
    calibration, sets, sureness, unlike = (
        one.figures for one in kept.study("calibration", "sets", "sureness", "unlike")
    )
    assert calibration["accuracy"] == pytest.approx(right.mean())
    assert calibration["mean_confidence"] == pytest.approx(
        np.mean([line["probability"] for line in said])
    )
    assert sureness["error"] == pytest.approx(1 - right.mean())
    assert sets["coverage"] == pytest.approx(inside.mean())
    assert {line["set_holds"] for line in said} == {sets["promised"]}
    strange = np.mean([line["unlike"] < 0.01 or "beyond" in line for line in said])
    assert unlike["false_alarms"]["share"] == pytest.approx(strange)
    name = kept.bundle.subject().name
    assert {one["model"] for one in (calibration, sets, sureness)} == {name}


def test_what_is_promised_is_promised_of_the_same_model(kept: Trained) -> None:
    bundle = kept.bundle
    own = {
        "network": bundle.promise,
        "baseline": bundle.baseline_promise,
        "both": bundle.both_promise,
    }
    subject = bundle.subject()
    assert subject.which == bundle.kept
    assert subject.promise is own[bundle.kept]
    assert subject.calibration is bundle.calibration_of(bundle.kept)
    frame = pd.DataFrame({"a": [0.5, -1.0], "b": [0.4, 2.0], "c": [0.1, 0.2]})
    if bundle.kept != "both":
        assert kept.predict(frame) == kept.predict(frame, model=bundle.kept)
    # Each network of a bag was fitted on a part; the classical method once more, on all rows.
    assert subject.promise is not None
    assert subject.promise.refitted == (bundle.kept == "baseline") or bundle.kept == "both"
    assert ("nothing is proven" in subject.promise.guarantee()) == subject.promise.refitted


def test_every_study_says_whom_it_is_about(kept: Trained) -> None:
    answers, network = ("calibration", "sets", "sureness"), ("features",)
    name, other = kept.bundle.subject().name, kept.bundle.kept != "network"
    for finding in kept.study(*answers, *network, "explanations", "cost", seconds=2):
        said = " ".join((finding.sentence, *finding.notes))
        if finding.part in answers:
            assert f"Judged is the model that this run hands over: {name}." in said
        elif finding.part in network and finding.known:
            assert ("This is about the network as such" in said) == other
        elif finding.part == "explanations":
            assert f"Explained is the model that this run hands over: {name}." in said
        elif finding.part == "cost":
            assert (f"{name} answers" in said) == other
