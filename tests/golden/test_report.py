"""The report page: whole, valid, honest and safe, whatever a run holds or lacks."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.config import Plan, Settings, Size
from pellucid.evidence.trust.calibrate import expected_calibration_error
from pellucid.evidence.worth.verdict import Contender, verdict
from pellucid.interfaces.report import write_report
from pellucid.interfaces.report.pictures import png
from pellucid.learning.evaluate import PRIMARY, confusion, metrics
from pellucid.recording.files import read_json
from pellucid.recording.looks import LooksWriter, Part, Row, pack
from pellucid.recording.recorder import RunWriter
from pellucid.recording.run import Run
from pellucid.recording.steps import BEST, EVALUATED, STEP, append_steps

SECTIONS = ["data", "network", "learning", "inside", "answers", "verdict", "trust", "use", "plan"]
KINDS = ["classify", "grades", "tags", "regress"]
MOST_BYTES = 5_000_000
VOID = {"meta", "img", "br", "wbr", "col", "hr", "link", "input"}
HOSTILE = "<img src=x onerror=alert(1)>"
TEST_ROWS = 60


@pytest.fixture(autouse=True)
def _written_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The written part, whether the studio's page is built here or not."""
    monkeypatch.setattr("pellucid.interfaces.report.watched.PAGE", tmp_path / "no page")


# --- a page as a reader's program sees it ---------------------------------------------------


class Page(HTMLParser):
    """Parses a page and fails where elements are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), (tag, attrs)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.said.append(data)

    @property
    def text(self) -> str:
        """All words, with single spaces."""
        return " ".join("".join(self.said).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page_of(folder: Path) -> Page:
    path = write_report(Run(folder))
    assert path == folder / "report.html"
    assert path.stat().st_size < MOST_BYTES
    return Page(path.read_text(encoding="utf-8"))


# --- a run, made with the real writer -------------------------------------------------------


def make_run(
    folder: Path,
    kind: str = "classify",
    *,
    labels: list[str] | None = None,
    column: str = "file",
    drawing: dict[str, Any] | None = None,
    record: bool = True,
    valid_rows: int = 30,
) -> RunWriter:
    """A run that is done; the figures in it are computed by the code that a job uses."""
    writer = RunWriter(folder)
    labels = labels or (["height", "width"] if kind == "regress" else ["ash", "birch", "cedar"])
    drawing = drawing or {"kind": "image", "data": gray_picture(8)}
    write_beginning(writer, kind, labels, column, record=record)
    write_learning(writer)
    if record:
        write_looks(writer, kind, labels, column, drawing)
    write_exam(writer, kind, labels, column, drawing, valid_rows)
    writer.update(status="done", seconds=12.5, looks_at_test=1)
    return writer


def gray_picture(side: int) -> dict[str, Any]:
    noise = np.random.default_rng(side).integers(0, 256, (side, side, 2), dtype=np.uint8)
    return {"png": png(noise), "height": side, "width": side}


def write_beginning(
    writer: RunWriter, kind: str, labels: list[str], column: str, *, record: bool
) -> None:
    task: dict[str, Any] = {"kind": kind, "target": "tree", "metric": PRIMARY[kind], "why": "asked"}
    if kind == "regress":
        task |= {"names": labels, "center": [0.0] * len(labels), "spread": [1.0] * len(labels)}
    else:
        task["classes"] = labels
    plan = Plan(
        steps=40,
        batch=16,
        network={column: "cnn"},
        sizes={column: Size(32, 1)},
        why={"network": "pictures have patterns everywhere", "steps": "what fits into 10 s"},
    )
    settings = Settings(record=record, seed=7)
    writer.update(
        source={"name": "trees", "path": "/home/ann/trees", "test": None},
        task=task,
        settings=settings.as_json(),
        plan=plan.as_json(),
        columns=[
            {"name": column, "modality": "image", "role": "input", "why": "names of pictures"},
            {"name": "tree", "modality": "category", "role": "target", "why": "the folders"},
        ],
        rows={"train": 200, "valid": 30, "test": TEST_ROWS, "repaired": 2, "set_aside": 3},
        set_aside=[("trees/ash/9.png", "can't be read"), ("b", "empty"), ("c", "empty")],
        repaired=[("trees/ash/1.png", "turned upright"), ("d", "turned upright")],
        notes=["2 rows have a twin"],
        fingerprint="abc123",
        seed=7,
        threads=2,
        versions={"pellucid": "0.1.0", "python": "3.11"},
        recording={"cost_seconds": 0.5, "training_seconds": 4.0, "looks": 3},
        timing={"reading": 0.5, "learning": 9.0},
        network={
            "parts": [
                {
                    "part": column,
                    "way": "project",
                    "positions": [8, 8],
                    "family": "cnn",
                    "layers": [
                        {
                            "name": "network.stages.0.convolution",
                            "kind": "Conv2d",
                            "shape": [4, 1, 3, 3],
                            "parameters": 36,
                        }
                    ],
                    "parameters": 36,
                },
                {
                    "part": "head",
                    "way": "",
                    "positions": [],
                    "family": "answer",
                    "layers": [
                        {"name": "all", "kind": "Linear", "shape": [3, 8], "parameters": 27}
                    ],
                    "parameters": 27,
                },
            ],
            "parameters": 63,
            "networks": 1,
        },
        kept="network",
        baselines=[{"name": "boosted trees", "why": "40 rounds were best"}],
    )


def write_learning(writer: RunWriter) -> None:
    steps = np.zeros(40, STEP)
    steps["step"] = np.arange(1, 41)
    steps["epoch"] = steps["step"] / 12
    steps["seconds"] = steps["step"] / 10
    steps["loss"] = 2 / steps["step"]
    steps["rate"], steps["gradient_norm"] = 0.01, 1.5
    steps["valid_loss"] = steps["valid_metric"] = np.nan
    for step, loss in ((10, 0.9), (20, 0.4), (30, 0.5), (40, 0.6)):
        steps[step - 1]["valid_loss"] = loss
        steps[step - 1]["valid_metric"] = 1 - loss
        steps[step - 1]["flags"] = EVALUATED | (BEST if step in (10, 20) else 0)
    append_steps(writer.folder / "steps.bin", steps)
    writer.event("epoch", "epoch 1 ended", step=12)
    writer.event("shortened", "the run now ends at step 40", step=15)
    writer.event("chosen", "kept the weights of step 20: their loss is lower", step=40)


def write_looks(
    writer: RunWriter, kind: str, labels: list[str], column: str, drawing: dict[str, Any]
) -> None:
    outputs = len(labels)
    shapes = {
        f"activation/{column} / stage 1 / activation": (2, 6, 6, 4),
        "activation/output": (2, outputs),
        f"activation_gradient/{column} / stage 1 / activation": (2, 6, 6, 4),
        "activation_gradient/output": (2, outputs),
        "weight/branches.file.network.stages.0.convolution.weight": (4, 1, 3, 3),
        "weight_gradient/branches.file.network.stages.0.convolution.weight": (4, 1, 3, 3),
        "update/branches.file.network.stages.0.convolution.weight": (4, 1, 3, 3),
    }
    parts = [Part(*key.split("/", 1), shape, (1,) * len(shape)) for key, shape in shapes.items()]  # type: ignore[misc]
    looks = LooksWriter(writer.folder / "looks", fold=0, keep=-1)
    generator = np.random.default_rng(0)
    for step in (0, 4, 40):
        arrays = [generator.normal(size=part.shape).astype(np.float32) for part in parts]
        sizes = [array.size for array in arrays]
        values, exponents = pack(np.concatenate([array.ravel() for array in arrays]), sizes)
        statistics = [(a.mean(), a.std(), 0.0, np.linalg.norm(a)) for a in arrays]
        if step == 0:
            statistics[-1] = (np.nan,) * 4
        looks.add(parts, Row(step, 1.0, values, exponents, np.array(statistics, np.float32)))
    looks.flush()
    target = {
        "classify": np.array([0, 1]),
        "grades": np.array([0, 1]),
        "tags": np.eye(2, outputs, dtype=np.float32),
        "regress": np.ones((2, outputs), np.float32),
    }[kind]
    writer.probe(
        rows=[3, 5],
        places=["trees/ash/3.png", "trees/birch/5.png"],
        drawings=[{column: drawing}, {column: drawing}],
        inputs={},
        target=target,  # type: ignore[arg-type]
    )


def exam_of(kind: str, outputs: int, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Targets and answers that are right more often than not."""
    generator = np.random.default_rng(seed)
    if kind == "regress":
        truth = generator.normal(size=(rows, outputs)) * 10 + 1000
        return truth, truth + generator.normal(size=truth.shape)
    if kind == "tags":
        tags = generator.integers(0, 2, (rows, outputs))
        return tags.astype(np.float64), np.clip(
            0.6 * tags + 0.4 * generator.random(tags.shape), 0, 1
        )
    target = np.arange(rows) % outputs
    logits = generator.normal(size=(rows, outputs)) + 2 * np.eye(outputs)[target]
    powers = np.exp(logits)
    return target, powers / powers.sum(1, keepdims=True)


def write_exam(
    writer: RunWriter,
    kind: Any,
    labels: list[str],
    column: str,
    drawing: dict[str, Any],
    valid_rows: int,
) -> None:
    truth, values = exam_of(kind, len(labels), TEST_ROWS, seed=1)
    field = "prediction" if kind == "regress" else "probability"
    row = np.arange(TEST_ROWS)
    writer.save_result("test", {"row": row, "target": truth, field: values})
    if valid_rows:
        held, held_values = exam_of(kind, len(labels), valid_rows, seed=2)
        writer.save_result(
            "valid", {"row": np.arange(valid_rows), "target": held, field: held_values}
        )
    _, rival = exam_of(kind, len(labels), TEST_ROWS, seed=3)
    constant = np.broadcast_to(values.mean(0), values.shape)
    metric = PRIMARY[kind]
    judged = verdict(
        kind,
        metric,
        truth,
        Contender("network", values, 0.9, 9.0, 0.05, 252),
        [
            Contender("boosted trees", rival, 0.8, 1.0, 0.4, 50_000),
            Contender("constant answer", constant, 0.1, 0.0, 0.0, 24),
        ],
        seed=0,
    )
    writer.save_json("verdict", judged.as_json())
    figures = metrics(kind, truth, values)
    found = {
        "metric": metric,
        "kept": "network",
        "score": judged.network.score,
        "low": judged.network.low,
        "high": judged.network.high,
        "figures": figures,
        "network_figures": figures,
        "rows": TEST_ROWS,
    }
    if kind in ("classify", "grades"):
        found |= {"classes": labels, "confusion": confusion(kind, truth, values).tolist()}
        writer.update(calibration={"temperature": 1.25, "half_widths": []})
    if kind == "regress":
        writer.update(calibration={"temperature": 1.0, "half_widths": [1.7] * len(labels)})
    writer.save_json("summary", found)
    said = {
        "regress": dict(zip(labels, (1000.5, 980.25))),
        "tags": labels[:2],
    }.get(kind, labels[0])
    examples = [
        {
            "row": number,
            "place": f"trees/{number}.png",
            "split": "test",
            "group": group,
            "target": labels[1] if kind in ("classify", "grades") and group == "wrong" else said,
            "answer": said,
            "probability": 0.875,
            "drawings": {column: drawing},
        }
        for number, group in enumerate(["wrong"] * 12 + ["unsure"] * 12 + ["right"] * 12)
    ]
    writer.save_json("examples", examples)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "trees.run"


# --- the page as such -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_section_is_there_in_the_order_of_the_story(folder: Path, kind: str) -> None:
    make_run(folder, kind)
    page = page_of(folder)
    assert [one["id"] for one in page.all("section")] == SECTIONS
    links = {one["href"] for one in page.all("a")}
    assert links == {"#content", *(f"#{place}" for place in SECTIONS)}
    assert "The run ended before" not in page.text
    assert "None" not in page.text
    assert "nan" not in page.text.split()


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_is_sound_for_programs_that_read_it_aloud(folder: Path, kind: str) -> None:
    make_run(folder, kind)
    page = page_of(folder)
    names = [name for name, _ in page.elements]
    assert [names.count(name) for name in ("h1", "main", "header", "footer", "nav")] == [1] * 5
    assert page.all("html") == [{"lang": "en"}]
    levels = [int(name[1]) for name in names if re.fullmatch("h[1-6]", name)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for attributes in page.all("section"):
        assert attributes["aria-labelledby"] in ids
    assert all(one.get("alt") for one in page.all("img"))
    assert all(one.get("scope") in ("row", "col") for one in page.all("th"))
    drawn = [i for i, name in enumerate(names) if name == "svg"]
    assert drawn
    assert all(names[i + 1] == "title" for i in drawn)
    assert all(one.get("aria-label") for _, one in page.elements if one.get("tabindex") == "0")


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_asked_of_the_network_and_nothing_runs(folder: Path, kind: str) -> None:
    make_run(folder, kind)
    text = write_report(Run(folder)).read_text(encoding="utf-8")
    page = Page(text)
    policy = [m["content"] for m in page.all("meta") if "content-security-policy" in str(m).lower()]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]
    assert not {"script", "link", "iframe", "object", "base", "form"} & {
        n for n, _ in page.elements
    }
    for name, attributes in page.elements:
        assert not [key for key in attributes if key.startswith("on")], name
        for key in ("src", "href", "srcset", "action", "poster", "xlink:href"):
            value = attributes.get(key) or "#"
            assert value.startswith(("#", "data:image/png;base64,")), (name, value)
        assert "url(" not in (attributes.get("style") or "")
    assert "://" not in text
    assert "url(" not in text
    assert "/home/ann" not in text  # a page may be passed on: it tells no one's folders


def test_a_report_needs_no_pytorch(folder: Path) -> None:
    make_run(folder)
    code = (
        "import sys; from pellucid.interfaces.report import write_report\n"
        "from pellucid.recording.run import Run\n"
        "write_report(Run(sys.argv[1])); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
    )
    heavy = {"torch", "sklearn", "pandas", "pyarrow", "PIL", "lightgbm"}
    assert not heavy & set(done.stdout.split())


def test_it_goes_where_it_is_told_and_leaves_nothing_else(folder: Path, tmp_path: Path) -> None:
    make_run(folder)
    before = sorted(folder.rglob("*"))
    out = tmp_path / "pages" / "trees.html"
    assert write_report(Run(folder), out) == out
    assert sorted(out.parent.iterdir()) == [out]
    assert sorted(folder.rglob("*")) == before
    first = write_report(Run(folder)).read_bytes()
    assert write_report(Run(folder)).read_bytes() == first == out.read_bytes()


# --- it says what is stored -----------------------------------------------------------------


def test_score_interval_and_verdict_are_those_of_the_run(folder: Path) -> None:
    make_run(folder)
    run, page = Run(folder), page_of(folder)
    summary = run.summary
    assert f"{100 * summary['score']:.1f}%" in page.text
    low, high = 100 * summary["low"], 100 * summary["high"]
    assert f"95% interval {low:.1f} to {high:.1f}%" in page.text
    assert f"accuracy on {TEST_ROWS} sealed test rows" in page.text
    assert page.text.count(run.verdict["sentence"]) == 2
    assert "The test rows were looked at once." in page.text
    constant = run.baselines[-1]
    assert f"same answer would score {100 * constant['score']:.1f}%" in page.text


@pytest.mark.parametrize("kind", KINDS)
def test_every_metric_and_every_method_is_listed(folder: Path, kind: str) -> None:
    make_run(folder, kind)
    text = write_report(Run(folder)).read_text(encoding="utf-8")
    for metric, value in Run(folder).summary["figures"].items():
        row = re.search(rf'<th scope="row">{metric}</th><td class="number">(.*?)</td>', text)
        assert row, metric
        assert in_digits(row[1]) == pytest.approx(value, rel=6e-4, abs=6e-4), metric
    for method in [Run(folder).verdict["network"], *Run(folder).baselines]:
        row = re.search(rf'<bdi>{method["name"]}</bdi></th><td class="number">(.*?)</td>', text)
        assert row, method
        assert in_digits(row[1]) == pytest.approx(method["score"], rel=6e-4, abs=6e-4)


def in_digits(said: str) -> float:
    """What a reader would type for a printed figure."""
    value = float(said.replace("−", "-").replace(",", "").removesuffix("%"))
    return value / 100 if said.endswith("%") else value


def test_it_says_whose_score_it_is_when_a_classical_method_was_kept(folder: Path) -> None:
    make_run(folder)
    run, writer = Run(folder), RunWriter(folder, resume=True)
    rival = run.baselines[0]
    kept = {key: rival[key] for key in ("score", "low", "high")}
    figures = {name: value - 0.01 for name, value in run.summary["figures"].items()}
    writer.save_json("summary", run.summary | kept | {"kept": rival["name"], "figures": figures})
    writer.update(kept=rival["name"], status="done")
    text = page_of(folder).text
    assert f"{100 * rival['score']:.1f}%accuracy on" in text
    assert "answered by boosted trees" in text
    assert "kept: boosted trees" in text
    assert "Kept for use: boosted trees." in text


def keep_another(folder: Path, kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The run with trees kept: the truth, what they and what the network answered."""
    run, writer = Run(folder), RunWriter(folder, resume=True)
    field = "prediction" if kind == "regress" else "probability"
    test = run.results("test")
    network = test[field]
    outputs = network.shape[1]
    _, trees = exam_of(kind, outputs, TEST_ROWS, seed=3)
    writer.save_result("test", test | {f"baseline.boosted trees.{field}": trees})
    writer.save_json("summary", run.summary | {"kept": "boosted trees"})
    network_said = [{"answer": "otherwise", "probability": 0.5}, {"answer": one_of(run)}]
    examples = [
        item | {"network": network_said[place % 2]} for place, item in enumerate(run.examples)
    ]
    writer.save_json("examples", examples)
    own = {"temperature": 0.75, "half_widths": [0.8] * outputs}
    writer.update(kept="boosted trees", kept_calibration=own, status="done")
    return test["target"], trees, network


def one_of(run: Run) -> Any:
    return run.examples[0]["answer"]


def test_answers_are_those_of_the_one_that_was_kept(folder: Path) -> None:
    make_run(folder)
    truth, trees, network = keep_another(folder, "classify")
    text = write_report(Run(folder)).read_text(encoding="utf-8")
    counts = [
        int(count.replace("·", "0")) for count in re.findall(r'class="heat [^>]*>([\d·]+)<', text)
    ]
    assert counts == confusion("classify", truth, trees).ravel().tolist()
    page = Page(text).text
    assert "Here is how boosted trees answered them, as it was kept for use." in page
    error = expected_calibration_error("classify", truth, trees, 3)
    assert f"over 3 bins is {100 * error:.1f}%" in page
    assert "calibrated with temperature 0.75" in page
    own = confusion("classify", truth, network)
    heads = re.search(r"found by the network</th>.*?<tbody>(.*?)</tbody>", text, re.DOTALL)
    assert heads
    shares = sorted(re.findall(r'<td class="number">([^<]*)</td></tr>', heads[1]))
    expected = [100 * own[i, i] / own[i].sum() for i in range(len(own))]
    assert shares == sorted(f"{share:.1f}%" for share in expected)


def test_an_example_says_what_the_network_said_where_that_is_something_else(folder: Path) -> None:
    make_run(folder)
    keep_another(folder, "classify")
    page = page_of(folder).text
    shown = 21  # nine wrong, six unsure, six right; every second one was answered otherwise
    assert page.count("the network: otherwise") == (shown + 1) // 2
    assert f"the network: {one_of(Run(folder))}" not in page
    assert "These are the network's answers." not in page


def test_error_bars_are_those_of_the_one_that_was_kept(folder: Path) -> None:
    make_run(folder, "regress")
    truth, trees, _ = keep_another(folder, "regress")
    text = page_of(folder).text
    assert "± 0.8" in text
    for share in (np.abs(trees - truth) <= 0.8).mean(0):
        assert f"{100 * share:.1f}% of {TEST_ROWS}" in text


def test_a_run_of_before_says_that_its_answers_are_the_networks(folder: Path) -> None:
    make_run(folder)
    run, writer = Run(folder), RunWriter(folder, resume=True)
    writer.save_json("summary", run.summary | {"kept": "boosted trees"})
    writer.update(kept="boosted trees", status="done")
    said = "Here is how the network answered them; the answers of boosted trees are gone."
    assert said in page_of(folder).text


def test_confusion_and_classes_add_up(folder: Path) -> None:
    make_run(folder)
    text = write_report(Run(folder)).read_text(encoding="utf-8")
    counts = [
        int(count.replace("·", "0")) for count in re.findall(r'class="heat [^>]*>([\d·]+)<', text)
    ]
    assert counts == np.array(Run(folder).summary["confusion"]).ravel().tolist()
    hits = np.array(Run(folder).summary["confusion"])
    found = f"{100 * hits[0, 0] / hits[0].sum():.1f}%"
    assert found in Page(text).text


def test_grades_are_counted_from_the_lowest_to_the_highest(folder: Path) -> None:
    make_run(folder, "grades", labels=["poor", "fair", "good"])
    text = write_report(Run(folder)).read_text(encoding="utf-8")
    part = text[text.index("The 3 grades") :]
    places = [part.index(f">{name}<") for name in ("poor", "fair", "good")]
    assert places == sorted(places)
    assert "The 3 classes" not in text


def test_calibration_is_that_of_the_stored_probabilities(folder: Path) -> None:
    make_run(folder)
    test = Run(folder).results("test")
    error = expected_calibration_error("classify", test["target"], test["probability"], 3)
    text = page_of(folder).text
    assert f"over 3 bins is {100 * error:.1f}%" in text
    assert "calibrated with temperature 1.25" in text


def test_error_bars_are_counted_on_the_test_rows(folder: Path) -> None:
    make_run(folder, "regress")
    test = Run(folder).results("test")
    inside = (np.abs(test["prediction"] - test["target"]) <= 1.7).mean(0)
    text = page_of(folder).text
    for share in inside:
        assert f"{100 * share:.1f}% of {TEST_ROWS}" in text
    assert "± 1.7" in text


def test_rows_add_up_and_reasons_are_told(folder: Path) -> None:
    make_run(folder)
    text = page_of(folder).text
    assert "all295100%" in text.replace(" all 295 ", "all295")
    for said in ("can't be read", "turned upright", "Set aside (3)", "Repaired (2)"):
        assert said in text
    assert "2 rows have a twin" in text


def test_the_kept_step_is_marked(folder: Path) -> None:
    make_run(folder)
    text = page_of(folder).text
    assert "kept: step 20" in text
    assert "Lowest validation loss: 0.4 at step 20" in text
    assert "the run now ends at step 40" in text
    assert "epoch 1 ended" not in text


def test_what_was_recorded_says_at_which_step(folder: Path) -> None:
    make_run(folder)
    page = page_of(folder)
    assert "Here are steps 0, 4 and 40" in page.text
    assert "4 filters of 3 × 3 pixels" in page.text
    alts = [str(one["alt"]) for one in page.all("img")]
    assert "filters at step 0" in alts
    assert "filters at step 40" in alts
    assert any(alt.startswith("feature maps of file / stage 1") for alt in alts)


def test_how_to_use_it_names_the_real_run(folder: Path) -> None:
    writer = make_run(folder, drawing={"kind": "number", "data": 3.5}, column="leaf length (cm)")
    (writer.folder / "model").mkdir()
    text = page_of(folder).text
    assert "pellucid predict trees.run 'leaf length (cm)=3.5'" in text
    assert "trained = pellucid.load('trees.run')" in text
    assert "{'leaf length (cm)': 3.5}" in text


# --- what people call things ----------------------------------------------------------------

NAMES = [
    HOSTILE,
    "</style></title></svg></script><script>alert(1)</script>",
    "x" * 300,
    '"\' onload="alert(1)',
    "\u202eright to left",
    "&lt;already escaped&gt;",
    "{}%s\\",
]


@pytest.mark.parametrize("evil", NAMES)
@pytest.mark.parametrize("kind", KINDS)
def test_names_are_shown_as_they_are(folder: Path, kind: str, evil: str) -> None:
    make_run(folder, kind, labels=[evil, "birch"], column=evil[::-1])
    text = write_report(Run(folder)).read_text(encoding="utf-8")
    page = Page(text)
    spoken = "".join(page.said)
    assert evil in spoken
    assert evil[::-1] in spoken
    assert "script" not in {name for name, _ in page.elements}
    assert all((one["src"] or "").startswith("data:") for one in page.all("img"))
    assert not [key for _, one in page.elements for key in one if key.startswith("on")]
    assert [one["id"] for one in page.all("section")] == SECTIONS


def test_what_no_page_can_hold_is_replaced(folder: Path) -> None:
    writer = make_run(folder)
    writer.update(notes=["bell \x07 and nul \x00"])
    text = (folder / "run.json").read_text(encoding="utf-8")
    # A file name that is no UTF-8: half a surrogate pair, as JSON writes it.
    (folder / "run.json").write_text(text.replace("trees/ash/9.png", "ash\\udcff.png"))
    text = write_report(Run(folder)).read_text(encoding="utf-8")
    assert "bell � and nul �" in text
    assert "ash�.png" in text


def test_long_words_get_places_to_break(folder: Path) -> None:
    make_run(folder, column="y" * 300)
    text = write_report(Run(folder)).read_text(encoding="utf-8")
    cells = re.findall(r"<th scope=\"row\">(.*?)</th>", text)
    words = [word for cell in cells for word in re.split(r"<[^>]*>|\s", cell)]
    assert max(map(len, words)) <= 30


# --- what is missing ------------------------------------------------------------------------


def test_a_run_that_stopped_at_once_says_so_everywhere(folder: Path) -> None:
    RunWriter(folder).update(status="failed")
    page = page_of(folder)
    assert [one["id"] for one in page.all("section")] == SECTIONS
    assert "This run failed before its end" in page.text
    assert "There is no score" in page.text
    for said in (
        "The run ended before its columns were written down",
        "The run ended before its network was written down",
        "No step was made",
        "No look at the inside was recorded",
        "The run ended before its exam",
        "The run ended before the network was compared",
        "No model was saved",
        "The run ended before it had a plan",
    ):
        assert said in page.text, said


def test_an_unrecorded_run_says_why_nothing_is_seen(folder: Path) -> None:
    make_run(folder, record=False)
    page = page_of(folder)
    assert "The inside was not recorded (--no-record)." in page.text
    assert [one["id"] for one in page.all("section")] == SECTIONS


@pytest.mark.parametrize(
    ("status", "said"),
    [("interrupted", "This run was interrupted"), ("learning", "it is still learning")],
)
def test_the_status_is_told(folder: Path, status: str, said: str) -> None:
    make_run(folder).update(status=status)
    assert said in page_of(folder).text


GONE = [
    "steps.bin",
    "events.jsonl",
    "verdict.json",
    "probe/probe.json",
    "results/summary.json",
    "results/examples.json",
    "results/test.safetensors",
    "results/valid.safetensors",
    "looks/index.json",
]


@pytest.mark.parametrize("name", GONE)
@pytest.mark.parametrize("kind", ["classify", "regress"])
def test_any_file_may_be_missing(folder: Path, kind: str, name: str) -> None:
    make_run(folder, kind)
    (folder / name).unlink()
    assert [one["id"] for one in page_of(folder).all("section")] == SECTIONS


FIELDS = ["settings", "plan", "columns", "rows", "network", "timing", "recording", "versions"]


@pytest.mark.parametrize("field", [*FIELDS, "task", "calibration", "source", "kept", "baselines"])
def test_any_field_may_be_missing(folder: Path, field: str) -> None:
    writer = make_run(folder)
    assert field in read_json(folder / "run.json")
    writer.update(**{field: None})
    assert [one["id"] for one in page_of(folder).all("section")] == SECTIONS


def test_undefined_figures_are_dashes(folder: Path) -> None:
    make_run(folder)
    writer = RunWriter(folder, resume=True)
    summary, judged = Run(folder).summary, Run(folder).verdict
    judged["network"] |= {"low": None, "high": None, "valid_score": None}
    judged["difference"] |= {"low": None, "high": None, "p": None}
    writer.save_json("summary", summary | {"low": None, "high": None})
    writer.save_json("verdict", judged)
    text = page_of(folder).text
    assert "95% interval –." in text
    assert "can't be measured on so few rows" in text


# --- much of everything ---------------------------------------------------------------------


def test_a_hundred_classes_show_the_most_confused(folder: Path) -> None:
    make_run(folder, labels=[f"species {number}" for number in range(100)])
    page = page_of(folder)
    assert "100 classes are too many for one table" in page.text
    assert not [one for one in page.all("table") if one.get("class") == "confusion"]
    wrong = np.array(Run(folder).summary["confusion"])
    np.fill_diagonal(wrong, 0)
    kinds = int((wrong > 0).sum())
    assert f"and {kinds - 20} more kinds of mistakes" in page.text
    assert "and 80 classes found more often" in page.text


def test_five_hundred_columns_show_the_first_and_count_the_rest(folder: Path) -> None:
    writer = make_run(folder)
    columns = [
        {"name": f"gene {n}", "modality": "number", "role": "input", "why": "numbers"}
        for n in range(500)
    ]
    target = {"name": "tree", "modality": "category", "role": "target", "why": "asked"}
    writer.update(columns=[*columns, target])
    text = page_of(folder).text
    assert "and 471 number columns more" in text
    assert "gene 28" in text
    assert "from 500 columns" in text


def test_many_values_of_a_row_are_cut_and_counted(folder: Path) -> None:
    make_run(folder)
    writer = RunWriter(folder, resume=True)
    examples = Run(folder).examples
    for item in examples:
        item["drawings"] = {f"gene {n}": {"kind": "number", "data": n / 7} for n in range(500)}
    writer.save_json("examples", examples)
    text = page_of(folder).text
    assert "and 492 more values" in text


def test_large_pictures_are_left_out_with_a_word(folder: Path) -> None:
    make_run(folder, drawing={"kind": "image", "data": gray_picture(400)})
    page = page_of(folder)
    assert "image, left out to keep this page small" in page.text


DRAWINGS = [
    {"kind": "text", "data": "Some words. " * 50},
    {"kind": "series", "data": [[0.5, None], [1.5, 2.0], [None, 3.0]]},
    {"kind": "series", "data": []},
    {"kind": "audio", "data": gray_picture(8) | {"rate": 16000, "wave": None}},
    {"kind": "list", "data": ["a", "b"]},
    {"kind": "word", "data": ""},
    {"kind": "number", "data": None},
]


@pytest.mark.parametrize("drawing", DRAWINGS, ids=lambda drawing: drawing["kind"])
def test_every_kind_of_drawing_is_shown(folder: Path, drawing: dict[str, Any]) -> None:
    make_run(folder, drawing=drawing)
    assert len(page_of(folder).all("li")) > 20


def test_one_row_and_one_class_of_it_are_enough(folder: Path) -> None:
    make_run(folder, "regress", labels=["height"], valid_rows=0)
    text = page_of(folder).text
    assert "Predicting height" in text
    assert "a number: height" in text


# --- seen -----------------------------------------------------------------------------------


def test_text_has_enough_contrast_in_light_and_dark() -> None:
    from pellucid.interfaces import report

    style = (Path(report.__file__).parent / "style.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    assert len(blocks) == 3  # light, dark, print
    for block in blocks:
        colors = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block))
        for ground in ("page", "panel"):
            for ink in ("ink", "soft", "train", "bad"):
                assert contrast(colors[ink], colors[ground]) >= 4.5, (ink, ground, colors)
        for ground in ("hit", "miss"):
            assert contrast(colors["ink"], colors[ground]) >= 4.5, (ground, colors)
        for line in ("train", "valid", "third", "fourth", "test"):
            assert contrast(colors[line], colors["page"]) >= 3, (line, colors)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2: (lighter + 0.05) / (darker + 0.05) of the relative luminances."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
