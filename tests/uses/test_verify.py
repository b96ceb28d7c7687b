"""Similarity and verification: what is learned, compared, enrolled, explained and refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from pellucid.baselines.similarity import fit_similarity, seen
from pellucid.config import Plan, Settings, Size
from pellucid.data.columns import Column, Loaded
from pellucid.data.modalities.audio import Clips
from pellucid.errors import ConfigError, DataError
from pellucid.examples import faces, voices
from pellucid.interfaces import cli
from pellucid.recipe import Watcher
from pellucid.recording.files import read_arrays
from pellucid.recording.run import Run
from pellucid.tasks.verify import MARGIN, SameIdentity, arcface, in_batch, proxy_anchor
from pellucid.uses import Source, asked, learn
from pellucid.uses.answerers import load_answerer
from pellucid.uses.verify.answerer import VerifyAnswerer, _told_apart
from pellucid.uses.verify.gallery import Gallery, who
from pellucid.uses.verify.pairs import (
    Sureness,
    accepted_at,
    equal_error_rate,
    found_first,
    over_identities,
    pairs_of,
)

PEOPLE, EACH = 40, 6


def reader(run: Run) -> VerifyAnswerer:
    found = load_answerer(run.path)
    assert isinstance(found, VerifyAnswerer)
    return found


def plan(steps: int, group: str = "file", size: Size = Size(24, 1)) -> Plan:  # noqa: B008
    """No planning, so no clock: the same on any machine."""
    return Plan(
        steps=steps,
        batch=48,
        evaluate_every=steps,
        rate=3e-3,
        network={group: "cnn"},
        sizes={group: size},
    )


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("PIL.Image")
    return faces.write(tmp_path_factory.mktemp("faces"), PEOPLE, EACH)


@pytest.fixture(scope="module")
def run(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs") / "faces.run"
    return learn(source, Settings(task="verify"), Watcher(), out=out, plan=plan(160))


def picture(source: Path, person: int, which: int) -> str:
    return str(source / f"person-{person:03d}" / f"{which:02d}.png")


# --- a run ------------------------------------------------------------------------------------


def test_people_never_seen_are_told_apart(run: Run, source: Path) -> None:
    assert run.status == "done"
    figures = run.summary["figures"]
    assert run.summary["metric"] == "EER"
    assert figures["EER"] < 0.36
    assert figures["AUC"] > 0.7
    assert run.verdict["network"]["score"] == pytest.approx(figures["EER"], abs=1e-9)
    plain = next(one for one in run.verdict["baselines"] if one["name"] == "pixels compared")
    assert run.verdict["network"]["score"] < plain["score"]
    assert run.info["findings"] == ["verification", "likeness", "enrolled", "mixed-up"]
    assert figures["TAR at FAR 1e-2 low"] <= figures["TAR at FAR 1e-2"]
    assert figures["TAR at FAR 1e-2"] >= figures["TAR at FAR 1e-3"]


def test_no_identity_is_on_two_sides(run: Run) -> None:
    import pyarrow.parquet as parquet

    table = parquet.read_table(run.path / "ledger.parquet").to_pydict()
    sides: dict[str, set[str]] = {}
    for item, split in zip(table["item"], table["split"], strict=True):
        sides.setdefault(item.split("/")[1], set()).add(split)
    assert len(sides) == PEOPLE
    assert all(len(parts) == 1 for parts in sides.values())
    assert {part for parts in sides.values() for part in parts} == {"train", "valid", "test"}


def test_pairs_answer_alike_before_and_after_saving(run: Run, source: Path, tmp_path: Path) -> None:
    answerer = reader(run)
    files = [
        (picture(source, 1, 0), picture(source, 1, 1)),
        (picture(source, 1, 0), picture(source, 2, 0)),
    ]
    lines = [answerer.predict(list(pair))[0] for pair in files]
    assert all(set(line) == {"row", "answer", "probability"} for line in lines)
    assert lines[0]["probability"] > lines[1]["probability"]
    assert all((line["answer"] == "same") == (line["probability"] >= 0.5) for line in lines)
    table = tmp_path / "pairs.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([["one", "other"], *files])
    assert [line["probability"] for line in answerer.predict(str(table))] == pytest.approx(
        [line["probability"] for line in lines], abs=1e-6
    )
    for model in ("network", "baseline"):
        (tmp_path / model).mkdir()
        head = answerer.save(tmp_path / model)
        again = type(answerer).load(tmp_path / model, head)
        assert again.predict(list(files[0]), model) == answerer.predict(list(files[0]), model)
    assert "that they are the same" in answerer.readable(lines[0])


def test_recorded_or_not_the_weights_are_the_same(tmp_path: Path) -> None:
    source, weights = faces.write(tmp_path, 13, 3), []
    for record in (True, False):
        settings = Settings(task="verify", record=record)
        one = learn(source, settings, Watcher(), out=tmp_path / f"{record}.run", plan=plan(6))
        weights.append(read_arrays(one.path / "model" / "network.safetensors"))
    assert all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_what_makes_two_alike_is_named_and_tested(run: Run, source: Path) -> None:
    pair = [picture(source, 3, 0), picture(source, 3, 1)]
    found = reader(run).explain(pair, seconds=1.0)
    assert "00.png and 01.png are" in found.sentence
    sides = found.figures["sides"]
    assert [len(side["values"]) for side in sides] == [64, 64]
    assert np.isfinite(np.concatenate([side["values"] for side in sides])).all()
    assert "than random orders do" in found.notes[0]
    neighbors = found.tables[1].rows
    assert [row[1] for row in neighbors] == ["nearest", "farthest"] * 2
    assert float(str(neighbors[0][4])) > float(str(neighbors[1][4]))


def test_two_files_of_one_name_are_called_by_their_folders() -> None:
    same = ("0.png", "0.png")
    assert _told_apart(["people/ada/0.png", Path("bo/0.png")], same) == ("ada/0.png", "bo/0.png")
    assert _told_apart(["ada/0.png", "bo/1.png"], ("0.png", "1.png")) == ("0.png", "1.png")
    assert _told_apart("pairs.csv", same) == same
    assert _told_apart([np.zeros(3), np.ones(3)], same) == same


# --- enrolment --------------------------------------------------------------------------------


def test_people_are_enrolled_without_training(
    run: Run, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(run.path)
    assert cli.main(["predict", model, picture(source, 0, 5)]) == 2
    assert "pellucid enroll RUN FOLDER" in capsys.readouterr().err
    people = tmp_path / "people"
    for name, person in (("ada", 0), ("bo", 7), ("cem", 13)):
        (people / name).mkdir(parents=True)
        for which in range(4):
            content = Path(picture(source, person, which)).read_bytes()
            (people / name / f"{which}.png").write_bytes(content)
    before = sorted(people.rglob("*"))
    weights = (run.path / "model" / "network.safetensors").read_bytes()
    assert cli.main(["enroll", model, str(people), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["identities"] == ["ada", "bo", "cem"]
    assert found["pictures"] == 12
    assert sorted(people.rglob("*")) == before
    assert (run.path / "model" / "network.safetensors").read_bytes() == weights
    assert cli.main(["predict", model, picture(source, 7, 5), "--json"]) == 0
    line = json.loads(capsys.readouterr().out)
    assert line["answer"] in ("bo", "unknown")
    assert line["nearest"][0]["name"] == "bo"
    out = tmp_path / "who.csv"
    assert cli.main(["predict", model, picture(source, 7, 5), "--out", str(out)]) == 0
    assert f";{line['nearest'][1]['name']} " in out.read_text().replace("; ", ";")
    capsys.readouterr()
    assert cli.main(["predict", model, str(people / "ada")]) == 0  # a folder, for people
    told = capsys.readouterr().out
    assert told.count("ada") >= 4
    assert all(f"{number}.png  " in told for number in range(4))  # each line names its file
    assert cli.main(["enroll", model, str(people / "ada")]) == 0  # files named after people
    assert "enrolled 4 (0, 1, 2, 3)" in capsys.readouterr().out
    assert set(reader(run).gallery.identities) == {
        "0",
        "1",
        "2",
        "3",
        "ada",
        "bo",
        "cem",
    }


def test_a_gallery_replaces_who_comes_again() -> None:
    first = Gallery().with_more(["a", "b"], ["1", "2"], {"network": np.eye(3)[:2]})
    again = first.with_more(["a"], ["3"], {"network": np.eye(3)[2:]})
    assert again.names == ["b", "a"]
    assert again.places == ["2", "3"]
    near = again.likeness(np.eye(3), "network")
    assert near.tolist() == [[0, 0], [0, 1], [1, 0]]


def test_who_it_is_follows_bayes() -> None:
    chances = who(np.array([[9.0, 1.0], [0.0, 0.0]]))
    assert chances[0].tolist() == pytest.approx([4.5 / 6, 0.5 / 6, 1 / 6])
    assert chances[1].tolist() == [0.0, 0.0, 1.0]


# --- figures ----------------------------------------------------------------------------------


def test_rates_by_hand() -> None:
    same = np.array([1, 1, 1, 1, 0, 0, 0, 0], dtype=bool)
    scores = np.array([0.9, 0.8, 0.7, 0.2, 0.75, 0.3, 0.1, 0.0])
    # At .75: one of four different accepted, two of four same; at .7: one and three.
    assert equal_error_rate(same, scores) == pytest.approx(0.25)
    assert accepted_at(same, scores, 0.0) == 0.5
    assert accepted_at(same, scores, 0.25) == 0.75
    assert equal_error_rate(same, np.zeros(8)) == 0.5
    assert equal_error_rate(same, -scores) == pytest.approx(0.75)


def test_drawing_an_identity_twice_counts_its_pairs_twice() -> None:
    rng = np.random.default_rng(0)
    identity = np.repeat(np.arange(4), 3)
    pairs = pairs_of(identity)
    scores = rng.normal(size=len(pairs)) + pairs.same
    drawn = np.array([[2.0, 1.0, 0.0, 1.0]])
    times = np.where(
        pairs.same,
        drawn[0][identity[pairs.left]],
        drawn[0][identity[pairs.left]] * drawn[0][identity[pairs.right]],
    ).astype(int)
    repeated = np.repeat(np.arange(len(pairs)), times)
    for measure in ("EER", "TAR"):
        found = float(over_identities(pairs, identity, scores, measure, 0.1)(drawn)[0])
        own = (pairs.same[repeated], scores[repeated])
        plain = equal_error_rate(*own) if measure == "EER" else accepted_at(*own, 0.1)
        assert found == pytest.approx(plain)
    assert len(pairs) == 66
    assert pairs.same.sum() == 12


def test_the_nearest_other_one() -> None:
    points = F.normalize(torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.8, 0.3]])).numpy()
    assert found_first(points, np.array([0, 0, 1, 1])) == pytest.approx(3 / 4)
    assert np.isnan(found_first(points, np.arange(4)))


def test_sureness_is_a_logistic_regression() -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    same = rng.random(3000) < 0.3
    scores = 0.3 * rng.normal(size=3000) + 0.5 * same
    found = Sureness.fit(same, scores)
    theirs = LogisticRegression(C=1e9, class_weight="balanced").fit(scores[:, None], same)
    assert found.slope == pytest.approx(theirs.coef_.item(), rel=0.03)
    assert found.threshold == pytest.approx(-(theirs.intercept_ / theirs.coef_).item(), abs=0.01)
    assert found.probability(np.array([found.threshold]))[0] == pytest.approx(0.5)
    perfect = Sureness.fit(np.array([True] * 5 + [False] * 5), np.r_[np.ones(5), np.zeros(5)])
    assert 0.8 < perfect.probability(np.array([1.0]))[0] < 1.0


# --- losses -----------------------------------------------------------------------------------


def test_proxy_anchor_against_plain_loops() -> None:
    torch.manual_seed(0)
    cosines = torch.rand(6, 4) * 2 - 1
    target = torch.tensor([0, 0, 1, 2, 2, 2])
    pull, push = 0.0, 0.0
    for proxy in range(4):
        own = [float(c) for c, t in zip(cosines[:, proxy], target) if t == proxy]
        other = [float(c) for c, t in zip(cosines[:, proxy], target) if t != proxy]
        pull += np.log1p(sum(np.exp(-32 * (c - 0.1)) for c in own)) if own else 0
        push += np.log1p(sum(np.exp(32 * (c + 0.1)) for c in other))
    assert float(proxy_anchor(cosines, target)) == pytest.approx(pull / 3 + push / 4, rel=1e-5)


def test_arcface_asks_for_an_angle() -> None:
    cosines = torch.tensor([[0.8, 0.1, -0.5]], requires_grad=True)
    logits = 16 * np.array([np.cos(np.arccos(0.8) + MARGIN), 0.1, -0.5])
    by_hand = np.log(np.exp(logits).sum()) - logits[0]
    loss = arcface(cosines, torch.tensor([0]), 16.0)
    assert loss.detach().numpy() == pytest.approx(by_hand, rel=1e-4)
    loss.sum().backward()
    assert cosines.grad is not None
    assert cosines.grad[0, 0] < 0 < cosines.grad[0, 1]
    edge = arcface(torch.tensor([[1.0, -1.0]], requires_grad=True), torch.tensor([0]), 16.0)
    assert torch.isfinite(edge).all()


def test_identities_without_proxy_find_each_other_in_the_batch() -> None:
    points = F.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]))
    loss = in_batch(points, torch.tensor([5, 5, 6]))
    near = (points @ points.T).numpy()
    pairs = near[~np.eye(3, dtype=bool)]
    own, far = (2 * (near[0, other] - pairs.mean()) / pairs.std() for other in (1, 2))
    assert float(loss[0]) == pytest.approx(np.log(np.exp(own) + np.exp(far)) - own, abs=1e-4)
    assert float(loss[2]) == 0.0
    task = SameIdentity(2, 3, "arcface")
    assert torch.equal(task.loss(points, torch.tensor([5, 5, 6])), loss)
    learned = torch.cat([points, torch.rand(3, 3)], 1)
    assert torch.equal(task.kept(learned, torch.tensor([0, 1, 2])), points)


def test_the_embedding_reaches_every_weight() -> None:
    from pellucid.data.columns import Entry
    from pellucid.network.assemble import Blueprint, Model
    from pellucid.network.embed import Statistics
    from pellucid.network.embedding import Embedder

    entry = Entry("project", (12, 12), 1, "x")
    sketch = Blueprint(
        {"x": entry}, {"x": Statistics((0.0,), (1.0,))}, {"x": "cnn"}, {"x": Size(16, 1)}, 8
    )
    network = Embedder(Model(sketch), 8, 5)
    output = network({"x": torch.randn(6, 12, 12, 1)})
    assert output.shape == (6, 13)
    assert torch.allclose(output[:, :8].norm(dim=1), torch.ones(6), atol=1e-5)
    SameIdentity(8, 5, "proxy anchor").loss(output, torch.arange(6) % 5).mean().backward()
    assert all(one.grad is not None and one.grad.abs().sum() > 0 for one in network.parameters())
    assert network.eval()({"x": torch.randn(6, 12, 12, 1)}).shape == (6, 8)
    assert network.describe()["parameters"] == sum(p.numel() for p in network.parameters())


def test_pitch_is_not_pooled_away() -> None:
    from pellucid.network.pool import PitchPool, Pool

    whole, areas = Pool(3), PitchPool(3)
    x = torch.randn(2, 5, 8, 3)
    mask = torch.arange(5)[:, None].expand(2, 5, 8) < torch.tensor([3, 5])[:, None, None]
    parts = [whole(x[:, :, at : at + 2], mask[:, :, at : at + 2]) for at in (0, 2, 4, 6)]
    assert torch.equal(areas(x, mask), torch.cat(parts, 1))
    assert areas(x).shape == (2, areas.width) == (2, 24)
    # The same sound, but higher: all places together are alike, areas of pitch are not.
    higher = x.roll(2, dims=2)
    assert torch.allclose(whole(x), whole(higher), atol=1e-6)
    assert torch.allclose(areas(x).view(2, 4, 6).roll(1, dims=1).flatten(1), areas(higher))
    few = areas(x[:, :, :2])
    assert torch.equal(few[:, :6], few[:, 6:12])
    assert not torch.equal(few[:, :6], few[:, 12:18])


def test_classical_methods_are_kept_without_pickle() -> None:
    rng = np.random.default_rng(0)
    identity = np.repeat(np.arange(12), 6)
    shapes = rng.normal(size=(12, 30, 2))
    values = (shapes[identity] + 0.8 * rng.normal(size=(72, 30, 2))).astype(np.float32)
    loaded = {"s": Loaded(values)}
    column = Column("s", "series", "input", "")
    pairs = pairs_of(identity)
    for one in fit_similarity(column, loaded["s"], identity):
        points = one.embed(loaded)
        assert np.allclose(np.linalg.norm(points, axis=1), 1)
        state = one.state()
        again = type(one).restore(state.json, state.arrays)
        assert np.array_equal(again.embed(loaded), points)
        assert equal_error_rate(pairs.same, pairs.likeness(points)) < 0.4


# --- what is taken, and what is refused -------------------------------------------------------


def folders(home: Path, count: int, files: int) -> Path:
    for number in range(count):
        (home / f"c{number}").mkdir(parents=True)
        for which in range(files):
            (home / f"c{number}" / f"{which}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return home


@pytest.mark.parametrize(
    ("name", "count", "files", "taken"),
    [
        ("photos", 60, 4, True),
        ("faces", 12, 30, True),
        ("photos", 10, 4, False),
        ("photos", 60, 40, False),
        ("faces", 4, 30, False),
    ],
)
def test_what_is_taken_by_itself(
    name: str, count: int, files: int, taken: bool, tmp_path: Path
) -> None:
    found = asked(Source(folders(tmp_path / name, count, files), Settings()))
    assert (found is not None and found[0] == "verify") == taken


def test_pairs_that_are_said_to_be_the_same_are_identities(source: Path, tmp_path: Path) -> None:
    rows = []
    for person in range(16):
        rows += [
            [picture(source, person, which), picture(source, person, which + 1), "same"]
            for which in range(2)
        ]
        rows.append([picture(source, person, 0), picture(source, person + 1, 0), "different"])
    path = tmp_path / "pairs.csv"

    def write(lines: list[list[str]]) -> None:
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([["left", "right", "said"], *lines])

    write(rows)
    settings = Settings(task="verify", record=False)
    run = learn(path, settings, Watcher(), out=tmp_path / "p.run", plan=plan(4))
    assert any("make 17 identities" in note for note in run.info["notes"])
    write([*rows, [picture(source, 0, 0), picture(source, 0, 2), "different"]])
    with pytest.raises(DataError, match="1 pairs are said to be different"):
        learn(path, settings, Watcher(), out=tmp_path / "q.run", plan=plan(4))


def test_series_have_identities_too(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    identity = np.repeat(np.arange(16), 6)
    x = (rng.normal(size=(16, 24, 1))[identity] + 0.3 * rng.normal(size=(96, 24, 1))).astype("f4")
    named = np.array([f"speaker {one}" for one in identity])
    np.savez(tmp_path / "voices.npz", x=x, y=named)
    steps = plan(30, "series", Size(16, 2))
    settings = Settings(task="verify", record=False)
    run = learn(tmp_path / "voices.npz", settings, Watcher(), out=tmp_path / "v.run", plan=steps)
    assert run.summary["figures"]["AUC"] > 0.8


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    pytest.importorskip("soundfile")
    home = tmp_path_factory.mktemp("voices")
    source = voices.write(home, 20, 5)
    steps = plan(40, size=Size(12, 1))
    settings = Settings(task="verify", record=False)
    return source, learn(source, settings, Watcher(), out=home / "voices.run", plan=steps)


def test_voices_never_heard_are_told_apart(heard: tuple[Path, Run]) -> None:
    source, run = heard
    assert run.info["columns"][0]["modality"] == "audio"
    assert reader(run).embedder.model.blueprint.pitch
    errors = {one["name"]: one["score"] for one in run.verdict["baselines"]}
    assert set(errors) >= {"spectrograms compared", "cepstrum (MFCC) and spectrograms compared"}
    # Of so few voices a network learns little; classical methods hear more.
    assert min(errors.values()) < 0.45
    assert run.summary["figures"]["AUC"] > 0.5
    files = [sorted((source / f"person-{person:03d}").iterdir()) for person in (0, 1)]
    answerer = reader(run)
    pairs = [str(files[0][0]), str(files[0][1])], [str(files[0][0]), str(files[1][0])]
    same, different = (answerer.predict(pair)[0]["probability"] for pair in pairs)
    assert all(0 < chance < 1 for chance in (same, different))
    assert same != different
    again = reader(run).predict(pairs[0])[0]["probability"]
    assert again == same


def test_what_makes_two_voices_alike_is_drawn(heard: tuple[Path, Run]) -> None:
    source, run = heard
    files = sorted((source / "person-002").iterdir())
    found = reader(run).explain([str(files[0]), str(files[1])], seconds=0.5)
    assert "00.wav and 01.wav are" in found.sentence
    drawn = found.pictures[0].drawings
    assert [one["kind"] for one in drawn.values()] == ["audio", "audio"]
    assert all(np.isfinite(side["values"]).all() for side in found.figures["sides"])


def test_voices_are_enrolled(heard: tuple[Path, Run], tmp_path: Path) -> None:
    source, run = heard
    for name, person in (("ada", 3), ("bo", 4)):
        (tmp_path / name).mkdir()
        for file in sorted((source / f"person-{person:03d}").iterdir())[:3]:
            (tmp_path / name / file.name).write_bytes(file.read_bytes())
    (tmp_path / "bo" / "broken.wav").write_bytes(b"RIFF")
    answerer = reader(run)
    found = answerer.enroll(tmp_path)
    assert found["identities"] == ["ada", "bo"]
    assert [Path(place).name for place, _ in found["left_out"]] == ["broken.wav"]
    (line,) = answerer.predict(str(source / "person-003" / "04.wav"))
    assert {one["name"] for one in line["nearest"]} == {"ada", "bo"}


def test_after_its_end_a_recording_is_silent() -> None:
    mel = np.full((3, 20, 16, 1), -2.0, np.float16)
    mel[:, 5] = -9.0
    mel[0, 10:], mel[1, 10:], mel[2] = np.nan, -9.0, -30.0
    clips = Loaded(Clips(mel, np.full(3, None, dtype=object)))
    for view in ("plain", "features"):
        ended, quiet, _ = seen(view, "audio", clips)
        # Whatever else is heard with it (the third is quieter), it ends in its own silence.
        assert np.allclose(ended[:256], quiet[:256])


def refused(source: Any, tmp_path: Path, **settings: Any) -> str:
    with pytest.raises((ConfigError, DataError)) as caught:
        learn(source, Settings(task="verify", **settings), Watcher(), out=tmp_path / "no.run")
    assert caught.value.where
    assert caught.value.fix
    return caught.value.what


def test_what_can_not_be_learned_from_is_said(source: Path, run: Run, tmp_path: Path) -> None:
    few = tmp_path / "few"
    for person in range(5):
        (few / str(person)).mkdir(parents=True)
        for which in range(2):
            content = Path(picture(source, person, which)).read_bytes()
            (few / str(person) / f"{which}.png").write_bytes(content)
    assert "too few identities have two examples or more (5)" in refused(few, tmp_path)
    table = {"a": np.arange(30.0) + 0.5, "b": np.arange(30.0) * 1.5}
    assert "says pictures, sounds or series" in refused(table, tmp_path)
    answerer = reader(run)
    with pytest.raises(ConfigError, match="3 inputs are given, and a pair has two"):
        answerer.predict([picture(source, 0, which) for which in range(3)])
    with pytest.raises(ConfigError, match="compares two examples"):
        answerer.explain(picture(source, 0, 0))
    with pytest.raises(DataError, match="is no folder"):
        answerer.enroll(picture(source, 0, 0))


def test_only_models_of_similarity_can_be_shown_who_is_who(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["enroll", str(tmp_path), str(tmp_path)]) == 2
    assert "--task verify" in capsys.readouterr().err
