"""Object detection, end to end and part by part."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from pellucid import uses
from pellucid.config import Plan, Settings, Size
from pellucid.errors import ConfigError, DataError
from pellucid.examples.scenes import draw
from pellucid.examples.scenes import write as write_scenes
from pellucid.interfaces import cli, step
from pellucid.network.detector import Detecting, Detector
from pellucid.network.tap import watch
from pellucid.recipe.watcher import Watcher
from pellucid.recording.run import Run
from pellucid.tasks.boxes import overlaps, paired_overlap, places, suppress
from pellucid.tasks.detect import IGNORED, MOST, NOTHING, STRIDES, Changes, Detect
from pellucid.uses.answerers import load_answerer
from pellucid.uses.detect.answerer import DetectAnswerer
from pellucid.uses.detect.course import Detection
from pellucid.uses.detect.pictures import Canvas, back, choose_canvas, fit, on_canvas, onto
from pellucid.uses.detect.precision import Boxes, Things
from pellucid.uses.detect.sureness import Sureness, judged
from pellucid.uses.use import Source

SHAPES = ("circle", "cross")
PLAN = Plan(
    steps=130,
    batch=8,
    evaluate_every=65,
    optimizer="muon",
    rate=0.04,
    clip=None,
    warm=0.1,
    average=0.1,
    network={"picture": "heat map"},
    sizes={"picture": Size(16, 1)},
)


def scenes(folder: Path, count: int = 64, wrong_test: bool = False) -> Path:
    """Some pictures with a table of boxes that says the parts."""
    random = np.random.default_rng(0)
    (folder / "pictures").mkdir(parents=True)
    lines: list[list[Any]] = [["image", "xmin", "ymin", "xmax", "ymax", "label", "split"]]
    for number in range(count):
        pixels, found = draw(random, 64, SHAPES)
        name = f"pictures/{number:02}.png"
        Image.fromarray(pixels).save(folder / name)
        part = "test" if number % 4 == 0 else "valid" if number % 4 == 1 else "train"
        if not found:
            lines.append([name, "", "", "", "", "", part])
        for label, box in found:
            edges = [1, 1, 9, 9] if wrong_test and part == "test" else [round(x, 2) for x in box]
            lines.append([name, *edges, label, part])
    with (folder / "boxes.csv").open("w", newline="") as file:
        csv.writer(file).writerows(lines)
    return folder / "boxes.csv"


def learn(source: Path, out: Path, plan: Plan = PLAN, **settings: Any) -> Run:
    return uses.learn(str(source), Settings(time=10, **settings), Watcher(), out=out, plan=plan)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scenes(tmp_path_factory.mktemp("scenes") / "data")


@pytest.fixture(scope="module")
def run(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return learn(source, tmp_path_factory.mktemp("run") / "run")


@pytest.fixture(scope="module")
def answerer(run: Run) -> DetectAnswerer:
    found = load_answerer(run.path)
    assert isinstance(found, DetectAnswerer)
    return found


# --- the whole way ------------------------------------------------------------------------------


def test_it_learns_where_things_are(run: Run) -> None:
    assert run.info["use"] == "detect"
    assert run.info["status"] == "done"
    assert run.info["examples"] == {"train": 32, "valid": 16, "test": 16}
    assert sum(run.info["rows"].values()) == 64
    by_name = {one["name"]: one for one in run.verdict["baselines"]}
    assert set(by_name) == {"constant answer", "sliding window (HOG, linear)"}
    assert run.summary["metric"] == "mAP"
    assert run.summary["score"] > 0.1 + by_name["constant answer"]["score"]
    assert by_name["sliding window (HOG, linear)"]["score"] > by_name["constant answer"]["score"]
    assert run.summary["low"] <= run.summary["score"] <= run.summary["high"]
    assert run.summary["figures"]["AP50"] > 0.25


def test_findings_show_the_pictures_and_the_mistakes(run: Run) -> None:
    boxes, errors, sure = (run.finding(part) for part in run.info["findings"])
    assert (boxes["part"], errors["part"], sure["part"]) == ("boxes", "box-errors", "box-sureness")
    assert "sealed pictures" in boxes["sentence"]
    drawing = boxes["pictures"][0]["drawings"]["picture"]
    assert drawing["kind"] == "boxes"
    assert (drawing["data"]["width"], drawing["data"]["height"]) == (64, 64)
    by_class = {line[0]: line for line in boxes["tables"][0]["rows"]}
    assert set(by_class) == set(SHAPES)
    things = boxes["figures"]["things"]
    assert sum(line[1] for line in by_class.values()) == things
    found = round(boxes["figures"]["found"] * things)
    assert sum(line[4] for line in by_class.values()) == found
    mistakes = dict(errors["tables"][0]["rows"])
    assert mistakes["missed"] == things - found
    examples = json.loads((run.path / "results/examples.json").read_text())
    assert examples
    assert {one["split"] for one in examples} == {"test"}


def test_answers_are_as_the_contract_says(
    answerer: DetectAnswerer, source: Path, tmp_path: Path
) -> None:
    lines = answerer.predict(str(source.parent))
    assert [line["row"] for line in lines] == list(range(64))
    told = [box for line in lines for box in line["boxes"]]
    assert told
    assert set(told[0]) == {"label", "probability", "x", "y", "width", "height"}
    for box in told:
        assert box["label"] in SHAPES
        assert 0 < box["probability"] <= 1
        assert 0 <= box["x"] <= box["x"] + box["width"] <= 64.01
    assert json.loads(json.dumps(lines)) == lines
    assert "box" in answerer.readable(next(line for line in lines if line["boxes"]))
    assert answerer.readable({"row": 3, "boxes": []}).endswith("nothing found")
    # The same pictures however they are named.
    pixels = [np.asarray(Image.open(source.parent / f"pictures/{i:02}.png")) for i in range(3)]
    assert [one["boxes"] for one in answerer.predict(np.stack(pixels))] == [
        line["boxes"] for line in lines[:3]
    ]
    assert answerer.predict(str(source))[:3] == lines[:3]
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    pictures = [source.parent / "pictures/00.png", tmp_path / "broken.png"]
    good, bad = answerer.predict(pictures)
    assert good["boxes"] == lines[0]["boxes"]
    assert bad["error"]["what"].startswith(f"'{pictures[1]}' can't be used")
    assert "can't answer" in answerer.readable(bad)


def test_of_several_pictures_each_line_names_its_own(
    answerer: DetectAnswerer, source: Path, tmp_path: Path
) -> None:
    (tmp_path / "Straße mit Öl").mkdir()
    for number, name in enumerate(("b ß.png", "a.png")):
        content = (source.parent / f"pictures/{number:02}.png").read_bytes()
        (tmp_path / "Straße mit Öl" / name).write_bytes(content)
    lines = answerer.predict(str(tmp_path))
    assert [line["source"] for line in lines] == ["Straße mit Öl/a.png", "Straße mit Öl/b ß.png"]
    assert "Straße mit Öl/b ß.png  " in answerer.readable(lines[1])
    (alone,) = answerer.predict(str(tmp_path / "Straße mit Öl" / "a.png"))
    assert set(alone) == {"row", "boxes"}


def test_a_table_of_answers_has_a_line_for_each_box(
    run: Run, source: Path, tmp_path: Path, answerer: DetectAnswerer
) -> None:
    lines = answerer.predict(str(source.parent))
    out = tmp_path / "boxes.csv"
    assert cli.main(["predict", str(run.path), str(source.parent), "--out", str(out)]) == 0
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(int(row["row"]), row["label"], float(row["x"])) for row in rows if row["label"]] == [
        (line["row"], box["label"], box["x"]) for line in lines for box in line["boxes"]
    ]
    assert {row["row"] for row in rows} == {str(line["row"]) for line in lines}


def test_what_is_not_there_is_an_error_and_no_answer(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "weg ö.png"
    for command in ("predict", "explain"):
        assert cli.main([command, str(run.path), str(gone)]) == 2
        assert f"there is no file or folder '{gone}'" in capsys.readouterr().err
    assert cli.main(["learn", str(gone), "--task", "detect"]) == 2
    assert f"there is no file or folder '{gone}'" in capsys.readouterr().err


def test_a_step_draws_the_picture_and_says_its_boxes(source: Path) -> None:
    settings = Settings(task="detect")
    course = Detection(Source(str(source), settings), settings, Watcher())
    drawn = next(
        one for n in range(64) for one in course.examples.draw(n).values() if one["data"]["boxes"]
    )
    first, *others = step._drawn("picture", drawn)
    assert first == "  picture: a picture of 64 × 64 pixels"
    box = drawn["data"]["boxes"][0]
    assert sum(box["label"] in line for line in others) >= 1
    assert max(map(len, others)) < 80  # letters and numbers, no encoded file


def test_boxes_are_in_pixels_of_the_picture_whatever_its_size(
    answerer: DetectAnswerer, source: Path
) -> None:
    image = Image.open(source.parent / "pictures/02.png")
    small = answerer.predict([np.asarray(image)])[0]["boxes"]
    # Thrice as large, and with a border that makes the picture wide.
    large = Image.new("RGB", (64 * 3 + 192, 64 * 3), (114, 114, 114))
    large.paste(image.resize((192, 192), Image.Resampling.NEAREST), (96, 0))
    (first,) = answerer.predict([np.asarray(large)])
    assert fit((384, 192), answerer.canvas) == (64 / 384, 32 / 192, 0, 16)
    for box in first["boxes"]:
        assert box["x"] + box["width"] <= 384
    assert small == answerer.predict([np.asarray(image)])[0]["boxes"]


def test_a_loaded_model_answers_like_the_one_that_was_saved(
    answerer: DetectAnswerer, run: Run, tmp_path: Path
) -> None:
    from pellucid.uses.answerers import write_bundle

    write_bundle(tmp_path / "again", answerer)
    again = load_answerer(tmp_path / "again")
    pictures = np.random.default_rng(0).integers(0, 255, (2, 50, 70, 3)).astype(np.uint8)
    for who in ("network", "baseline"):
        assert again.predict(pictures, who) == answerer.predict(pictures, who)


def test_watching_changes_nothing_and_sealed_pictures_decide_nothing(
    tmp_path: Path,
) -> None:
    short = replace(PLAN, steps=6, evaluate_every=3)
    plain = learn(scenes(tmp_path / "right", 16), tmp_path / "plain", short, record=False)
    other = scenes(tmp_path / "wrong", 16, wrong_test=True)
    watched = learn(other, tmp_path / "watched", short)
    one, two = (load_answerer(one.path) for one in (plain, watched))
    assert isinstance(one, DetectAnswerer)
    assert isinstance(two, DetectAnswerer)
    for name, value in one.model.state_dict().items():
        assert torch.equal(value, two.model.state_dict()[name]), name
    assert one.surenesses == two.surenesses
    assert one.canvas == two.canvas
    assert plain.info["fingerprint"] != watched.info["fingerprint"]


def test_the_explanation_is_tested(answerer: DetectAnswerer, source: Path) -> None:
    lines = answerer.predict(str(source))
    row = max(
        range(len(lines)),
        key=lambda i: max((b["probability"] for b in lines[i]["boxes"]), default=0),
    )
    finding = answerer.explain(str(source), row=row, seconds=1.0)
    assert finding.known
    first, random = (line.y for line in finding.charts[0].lines)
    assert (first[0], first[-1]) == pytest.approx((random[0], random[-1]))
    assert finding.figures["gain"] > 0
    assert np.mean(first) < np.mean(random)
    assert 0 <= finding.figures["inside"] <= 1
    assert len(finding.figures["values"]) == len(finding.figures["patches"])
    empty = answerer.explain(np.full((1, 64, 64, 3), 114, dtype=np.uint8))
    assert not empty.known
    with pytest.raises(ConfigError, match="no row 99"):
        answerer.explain(str(source), row=99)


# --- recognition, bad input ---------------------------------------------------------------------


def test_taken_by_itself_only_when_boxes_are_there(source: Path, tmp_path: Path) -> None:
    taken = uses.asked(Source(str(source), Settings()))
    assert taken is not None
    assert taken[0] == "detect"
    assert "edges of a box" in taken[1]
    write_scenes(tmp_path, pictures=3, side=64)
    taken = uses.asked(Source(str(tmp_path / "scenes"), Settings()))
    assert taken is not None
    assert taken[0] == "detect"
    for label in ("a", "b"):
        (tmp_path / "folders" / label).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "folders" / label / "1.png")
    assert uses.asked(Source(str(tmp_path / "folders"), Settings())) is None
    plain = tmp_path / "plain.csv"
    plain.write_text("image,xmin,ymin,xmax,ymax,label\nx.png,1,2,3,4,cat\n")
    assert uses.asked(Source(str(plain), Settings())) is None


def test_too_few_pictures_or_too_many_bad_boxes(tmp_path: Path) -> None:
    source = write_scenes(tmp_path / "few", pictures=6, side=64)
    with pytest.raises(DataError, match="6 pictures are too few"):
        learn(source, tmp_path / "run")
    source = write_scenes(tmp_path / "bad", pictures=30, side=64)
    path = source / "annotations.json"
    data = json.loads(path.read_text())
    for one in data["annotations"][::4]:
        one["bbox"][2] = 0
    path.write_text(json.dumps(data))
    with pytest.raises(DataError, match=r"boxes can't be used.*no area") as caught:
        learn(source, tmp_path / "run")
    assert "--keep-going" in caught.value.fix
    for one in data["annotations"]:
        one["category_id"] = 99
    path.write_text(json.dumps(data))
    with pytest.raises(DataError, match="class 99"):
        learn(source, tmp_path / "run")
    with pytest.raises(DataError, match="files only"):
        uses.learn(np.zeros((3, 8, 8, 3)), Settings(task="detect"), Watcher(), out=tmp_path / "r")


def test_asking_wrongly(answerer: DetectAnswerer, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no model 'netwrk'") as caught:
        answerer.predict([np.zeros((8, 8, 3), np.uint8)], "netwrk")
    assert "network" in caught.value.fix
    with pytest.raises(DataError, match="no picture in"):
        answerer.predict(str(tmp_path))
    with pytest.raises(DataError, match="typed values"):
        answerer.predict({"x": 1})
    (line,) = answerer.predict([np.zeros((4,), np.uint8)])
    assert "no picture" in line["error"]["what"]


# --- the network --------------------------------------------------------------------------------


def detector(family: str, classes: int = 3) -> Detector:
    torch.manual_seed(0)
    strides = STRIDES[family]
    plan = Detecting(
        classes, strides, 16, 2, tuple(2.0 * s for s in strides), (100.0,) * 3, (50.0,) * 3
    )
    return Detector(plan)


def test_a_detector_of_before_has_no_further_layers() -> None:
    plan = Detecting(2, (4,), 8, 1, (5.0,), (100.0,) * 3, (50.0,) * 3)
    words = plan.as_json()
    assert Detecting.from_json(words) == plan
    assert [len(stage) for stage in Detector(plan).stages] == [1, 1, 2, 2, 2]  # type: ignore[arg-type]
    del words["more"]
    old = Detector(Detecting.from_json(words))
    assert [len(stage) for stage in old.stages] == [1] * 5  # type: ignore[arg-type]


@pytest.mark.parametrize("family", STRIDES)
def test_the_network_answers_at_every_place(family: str) -> None:
    model = detector(family)
    pictures = torch.randint(0, 255, (2, 64, 96, 3), dtype=torch.uint8)
    with watch() as seen:
        output = model({"picture": pictures})
    where = places(64, 96, STRIDES[family], torch.device("cpu"))
    assert output.shape == (2, len(where), 7)
    assert "output" in seen
    assert (output[..., :4] > 0).all()
    assert float(output[..., 4:].detach().sigmoid().mean()) == pytest.approx(0.02, abs=0.01)
    output.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
    described = model.describe()
    assert described["parameters"] == sum(p.numel() for p in model.parameters())
    assert sum(part["parameters"] for part in described["parts"]) == described["parameters"]
    model.eval()
    alone = model({"picture": pictures[:1]})
    assert torch.allclose(model({"picture": pictures})[:1], alone, atol=1e-4)
    assert Detecting.from_json(json.loads(json.dumps(model.plan.as_json()))) == model.plan


# --- the loss -----------------------------------------------------------------------------------


def things(*rows: tuple[float, ...], most: int = 4) -> Tensor:
    target = torch.full((1, most, 5), float(NOTHING))
    for place, row in enumerate(rows):
        target[0, place] = torch.tensor(row)
    return target


def perfect(task: Detect, target: Tensor, logit: float = 8.0) -> Tensor:
    """The output that says exactly what the target is."""
    where = task.places(target.device)
    output = torch.full((1, len(where), 4 + task.classes), -logit)
    output[..., :4] = 1.0
    for label, *box in target[0].tolist():
        if label < 0:
            continue
        left, top, right, bottom = box
        middle = torch.tensor([(left + right) / 2, (top + bottom) / 2])
        place = (where[:, :2] - middle).square().sum(1)
        near = place <= place.min() + 1e-6
        inside = (where[:, 0] > left) & (where[:, 0] < right)
        inside &= (where[:, 1] > top) & (where[:, 1] < bottom)
        x, y = where[:, 0], where[:, 1]
        edges = torch.stack([x - left, y - top, right - x, bottom - y], -1)
        output[0, inside, :4] = edges[inside]
        output[0, near, 4 + int(label)] = logit
    return output


@pytest.mark.parametrize("family", STRIDES)
def test_who_says_the_truth_is_less_wrong(family: Any) -> None:
    task = Detect(64, 64, 3, family)
    target = things((1, 10, 12, 34, 44), (0, 40, 8, 58, 26))
    right = task.loss(perfect(task, target), target)
    shifted = perfect(task, things((1, 16, 12, 40, 44), (0, 40, 8, 58, 26)))
    other_class = perfect(task, things((2, 10, 12, 34, 44), (0, 40, 8, 58, 26)))
    assert right.shape == (1,)
    assert float(right) < float(task.loss(shifted, target))
    assert float(right) < float(task.loss(other_class, target))
    # Empty rows and the company in a batch change nothing.
    padded = things((1, 10, 12, 34, 44), (0, 40, 8, 58, 26), most=9)
    assert torch.allclose(task.loss(perfect(task, target), padded), right)
    both = task.loss(
        torch.cat([perfect(task, target), torch.randn(1, *shifted.shape[1:]).abs()]),
        torch.cat([target, things((0, 1, 1, 9, 9))]),
    )
    assert torch.allclose(both[:1], right)
    decoded = task.decode(perfect(task, target))[0]
    assert decoded.shape == (MOST, 6)
    sure = decoded[decoded[:, 1] > 0.5]
    found = {int(one[0]): one[2:].tolist() for one in sure}
    assert found[1] == pytest.approx([10, 12, 34, 44], abs=1e-3)
    assert found[0] == pytest.approx([40, 8, 58, 26], abs=1e-3)


@pytest.mark.parametrize("family", STRIDES)
def test_what_is_ignored_is_neither_learned_nor_wrong(family: Any) -> None:
    task = Detect(64, 64, 2, family)
    where = task.places(torch.device("cpu"))
    output = torch.ones(1, len(where), 6, requires_grad=True)
    task.loss(output, things((IGNORED, 0, 0, 32, 64))).sum().backward()
    assert output.grad is not None
    inside = where[:, 0] < 32
    assert (output.grad[0, inside] == 0).all()
    assert (output.grad[0, ~inside, 4:] > 0).all()
    assert (output.grad[..., :4] == 0).all()


def test_the_heat_map_loss_by_hand() -> None:
    task = Detect(8, 8, 1, "heat map", usual=1.0)
    target = things((0, 0, 0, 4, 4))  # the first of four places, 4 pixels apart; spread 1 pixel
    output = torch.zeros(1, 4, 5)
    output[0, :, :4] = 2.0
    output[0, :, 4] = torch.tensor([0.5, -1.0, -2.0, 0.3])
    heat = np.exp([0.0, -8.0, -8.0, -16.0])
    logit = output[0, :, 4].double().numpy()
    sure = 1 / (1 + np.exp(-logit))
    entropy = -heat * np.log(sure) - (1 - heat) * np.log(1 - sure)
    # The box of the first place fits exactly: 2 pixels to every side.
    assert float(task.loss(output, target)) == pytest.approx(
        float((np.abs(heat - sure) * entropy).sum()), rel=1e-4
    )
    output[0, 0, 2] = 4.0  # two pixels too far to the right: IoU and GIoU 2/3
    assert float(task.loss(output, target)) == pytest.approx(
        float((np.abs(heat - sure) * entropy).sum()) + 2.5 / 3, rel=1e-4
    )


def test_overlaps_by_hand() -> None:
    one = torch.tensor([[0.0, 0, 4, 4], [10, 10, 12, 12]])
    other = torch.tensor([[2.0, 0, 6, 4]])
    assert overlaps(one, other)[:, 0].tolist() == pytest.approx([8 / 24, 0])
    share, general = paired_overlap(one, other.expand(2, 4))
    assert share.tolist() == pytest.approx([8 / 24, 0])
    # The hull of the second pair is 10 x 12 = 120, of which 16 + 4 are covered.
    assert general.tolist() == pytest.approx([8 / 24, -(120 - 20) / 120])


def test_suppression_as_one_box_after_the_other_would() -> None:
    random = np.random.default_rng(0)
    low = random.uniform(0, 30, (3, 40, 2))
    boxes = torch.from_numpy(np.concatenate([low, low + random.uniform(5, 20, (3, 40, 2))], -1))
    labels = torch.from_numpy(random.integers(0, 2, (3, 40)))
    scores = torch.from_numpy(np.sort(random.random((3, 40)))[:, ::-1].copy())
    scores[:, 35:] = 0
    keep = suppress(boxes, labels, scores, 0.4)
    for picture in range(3):
        kept: list[int] = []
        shared = overlaps(boxes[picture], boxes[picture])
        for place in range(35):
            rivals = [k for k in kept if labels[picture, k] == labels[picture, place]]
            if all(shared[k, place] <= 0.4 for k in rivals):
                kept.append(place)
        assert keep[picture].nonzero()[:, 0].tolist() == kept


# --- random changes -----------------------------------------------------------------------------


def test_boxes_follow_their_things_through_random_changes() -> None:
    task = Detect(64, 96, 1, "heat map", changes=Changes(bright=0.0))
    pictures = torch.full((40, 64, 96, 3), 114, dtype=torch.uint8)
    pictures[:, 20:44, 30:70] = 250
    target = things((0, 30, 20, 70, 44)).repeat(40, 1, 1)
    torch.manual_seed(0)
    changed, moved = task.vary({"picture": pictures}, target)
    kept = 0
    for picture, boxes in zip(changed["picture"], moved):
        assert (boxes[1:, 0] == NOTHING).all()
        down, across = (picture[..., 0] > 182).nonzero(as_tuple=True)
        if boxes[0, 0] == IGNORED:
            continue
        kept += 1
        seen = [across.min(), down.min(), across.max() + 1, down.max() + 1]
        assert boxes[0, 1:].tolist() == pytest.approx([float(one) for one in seen], abs=1.01)
    assert kept > 20
    torch.manual_seed(0)
    again, _ = task.vary({"picture": pictures}, target)
    assert torch.equal(again["picture"], changed["picture"])


def test_what_has_a_side_is_not_mirrored(source: Path, tmp_path: Path) -> None:
    from pellucid.uses.detect.course import Detection

    text = source.read_text().replace("cross", "left arrow")
    (tmp_path / "pictures").symlink_to(source.parent / "pictures")
    named = source.parent / "sided.csv"
    named.write_text(text)
    course = Detection(Source(str(named), Settings()), Settings(), Watcher())
    named.unlink()
    assert not course.objective.changes.mirror
    assert any("left arrow" in note for note in course.examples.notes)


# --- pictures on the canvas, probabilities ------------------------------------------------------


@pytest.mark.parametrize("size", [(640, 480), (333, 777), (64, 64), (31, 500)])
def test_boxes_there_and_back(size: tuple[int, int]) -> None:
    canvas = Canvas(96, 128)
    place = fit(size, canvas)
    boxes = np.array([[0, 0, *size], [3.25, 5.5, 20, 31]], dtype=float)
    there = onto(boxes, place)
    assert np.allclose(back(there, place, size), boxes, atol=1e-9)
    assert there[0].min() >= 0
    assert (there[0][2:] <= [128, 96]).all()
    pixels = on_canvas(Image.new("RGB", size, "white"), canvas)
    left, top, right, bottom = there[0].astype(int)
    assert (pixels[top:bottom, left:right] == 255).all()
    assert (pixels == 255).all(-1).sum() == (right - left) * (bottom - top)


def test_the_canvas_is_as_large_as_small_things_need() -> None:
    sizes = np.array([[640, 480]] * 10)
    large, small = (choose_canvas(sizes, np.full((20, 2), side)) for side in (200.0, 20.0))
    assert (large.height, large.width) == (96, 128)
    assert (small.height, small.width) == (256, 320)
    assert "320" in small.why
    tiny = choose_canvas(np.array([[50, 50]]), np.full((2, 2), 5.0))
    assert (tiny.height, tiny.width) == (64, 64)


def test_probabilities_are_those_of_a_logistic_curve() -> None:
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(0)
    truth, found = [], []
    for _ in range(300):
        truth.append(Things(np.array([0]), np.array([[10.0, 10, 30, 30]])))
        score, far = random.random(), [50.0, 50, 70, 70]
        boxes = truth[-1].boxes if random.random() < score**2 else np.array([far])
        found.append(Boxes(np.array([0]), np.array([score]), boxes))
    fitted = Sureness.fit(truth, found, 1)
    scores, right, count = judged(truth, found, 1)
    assert count == 300
    odds = np.log(scores / (1 - scores))[:, None]
    oracle = LogisticRegression(C=1e6).fit(odds, right)
    assert fitted.slope == pytest.approx(oracle.coef_[0, 0], rel=0.02)
    assert fitted.shift == pytest.approx(oracle.intercept_[0], abs=0.03)
    chance = fitted.probability(scores)
    assert (np.diff(chance[np.argsort(scores)]) >= 0).all()

    def f1(threshold: float) -> float:
        told = chance >= threshold
        return 2 * right[told].sum() / (told.sum() + count)

    assert f1(fitted.threshold) == pytest.approx(max(f1(one) for one in chance))


def test_a_class_that_is_only_sealed_is_said() -> None:
    from pellucid.uses.detect.prepared import _never_shown

    def of(*labels: int) -> Things:
        return Things(np.array(labels, dtype=np.int64), np.zeros((len(labels), 4)))

    things = [of(0, 1), of(2), of(0)]
    split = np.array(["train", "test", "valid"])
    (said,) = _never_shown(["zero", "one", "two"], things, split)
    assert said == "no box to learn from, but some that are held back or sealed: two"
    assert _never_shown(["zero", "one"], things[::2], split[::2]) == []
