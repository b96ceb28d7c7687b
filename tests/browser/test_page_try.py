"""Examples of one's own in the studio: drawn, uploaded, recorded, typed; and what can't be read."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pellucid.export.bundle import Bundle
from pellucid.interfaces.predict import table_of
from pellucid.recording.run import Run

Open = Callable[..., Any]
ANSWER = "main .says b"
PAD = "main .pad canvas"


def bundle_of(folder: Path) -> Bundle:
    return Bundle.load_from(folder)


def line_of(folder: Path, source: Any) -> dict[str, Any]:
    """What the finished model says of one example, without any studio."""
    bundle = bundle_of(folder)
    (line,) = bundle.predict(table_of(bundle, source), "kept").lines(table_of(bundle, source))
    return line


def wait_for_answer(page: Any, line: dict[str, Any]) -> None:
    """Until the page says this answer with this probability. A page whose columns can be typed
    begins with a watched example and answers that first."""
    page.wait_for_function(
        """([answer, share]) => {
          const [said, sure] = document.querySelectorAll("main .says b, main .says .label");
          return said?.innerText === answer && Math.abs(sure.dataset.value - share) < 1e-5;
        }""",
        arg=[line["answer"], line["probability"]],
    )


# --- drawn --------------------------------------------------------------------------------------


def test_a_drawing_is_answered_now_and_through_time(
    window: Open, runs: Path, tmp_path: Path
) -> None:
    """Check 11: the answer is the finished model's to the very picture that was drawn; at each
    kept step the strip says what the network with these weights says, the last one and step 0
    among them."""
    folder = runs / "image.run"
    one = window()
    one.show("image.run", "try")
    draw(one.page, [(0.2, 0.3), (0.3, 0.7), (0.25, 0.5)])
    strip = one.page.locator("main ol li b[data-value]")
    strip.first.wait_for()
    drawn = tmp_path / "drawn.png"
    drawn.write_bytes(picture_on(one.page))
    assert one.page.locator(ANSWER).inner_text() == line_of(folder, drawn)["answer"]
    shown = strip.evaluate_all(
        "all => all.map(one => [+one.dataset.step, one.innerText, +one.dataset.value])"
    )
    steps = Run(folder).weight_steps  # of many, evenly chosen ones are asked
    told = [step for step, *_ in shown]
    assert told == sorted(set(told) & set(steps))
    assert told[0] == steps[0] == 0
    assert told[-1] == steps[-1]
    assert len(told) >= 3
    for step, name, share in shown:
        shares = direct(folder, step, drawn)
        assert name == Run(folder).info["task"]["classes"][int(shares.argmax())]
        assert share == pytest.approx(float(shares.max()), abs=1e-5)
    assert not np.allclose(direct(folder, steps[0], drawn), direct(folder, steps[-1], drawn))


def draw(page: Any, points: list[tuple[float, float]]) -> None:
    """One stroke with the pointer, through points given as shares of the sheet."""
    box = page.locator(PAD).bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def picture_on(page: Any) -> bytes:
    address = page.locator(PAD).evaluate("sheet => sheet.toDataURL('image/png')")
    return base64.b64decode(address.partition(",")[2])


def direct(folder: Path, step: int, source: Path) -> np.ndarray:
    """The shares that the network gives with the weights it had after so many steps."""
    bundle = bundle_of(folder)
    inputs = bundle.subject("network").encode(bundle.load(table_of(bundle, source))[0])
    network = bundle.members[0].model().eval()
    kept = Run(folder).weights(step)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in kept.items()})
    with torch.inference_mode():
        return network(inputs).float().softmax(-1)[0].numpy()


# --- uploaded, typed, recorded ------------------------------------------------------------------


def first_file(folder: Path) -> Path:
    """One of the files that a run learned from."""
    source = Path(Run(folder).info["source"]["path"])
    return sorted(path for path in source.rglob("*.*") if path.is_file())[0]


@pytest.mark.parametrize("kind", ["image", "audio", "text"])
def test_a_file_is_answered(kind: str, window: Open, runs: Path) -> None:
    """Check 12: a PNG, a WAV and a text file."""
    one = window()
    one.show(f"{kind}.run", "try")
    file = first_file(runs / f"{kind}.run")
    one.page.locator("main input[type=file]").first.set_input_files(file)
    wait_for_answer(one.page, line_of(runs / f"{kind}.run", file))


def test_a_row_and_a_text_are_answered(window: Open, runs: Path, tmp_path: Path) -> None:
    """Check 12: one row of a CSV file; two rows give a table; a text that is typed."""
    one = window()
    row = tmp_path / "row.csv"
    row.write_text("x,y,town\n1.7,0.2,Aa\n")
    one.show("table.run", "try")
    choose = one.page.locator("main input[type=file]").first
    choose.set_input_files(row)
    wait_for_answer(one.page, line_of(runs / "table.run", row))
    row.write_text("x,y,town\n1.7,0.2,Aa\n-2,0.1,Bb\n")
    choose.set_input_files(row)
    answers = one.page.locator("main [aria-label=Answers] tbody tr")
    answers.nth(1).wait_for()
    assert answers.count() == 2

    one.show("text.run", "try")
    words = "with the great and lovely film of it here"
    one.page.locator("main textarea").fill(words)
    wait_for_answer(one.page, line_of(runs / "text.run", {"text": words}))


def test_an_older_answer_steps_back_and_who_answers_is_said(
    window: Open, runs: Path, serve: Callable[..., Any], tmp_path: Path
) -> None:
    shutil.copytree(runs / "text.run", tmp_path / "text.run")
    bundle = bundle_of(tmp_path / "text.run")
    bundle.kept = "baseline"
    bundle.save(tmp_path / "text.run" / "model")
    one = window(server=serve(tmp_path))
    one.show("text.run", "try")
    first, then = ({"text": words} for words in ("a great and lovely film", "dull and awful"))
    one.page.locator("main textarea").fill(first["text"])
    wait_for_answer(one.page, line_of(tmp_path / "text.run", first))
    one.page.get_by_text(f"Who answers: {bundle.name_of('baseline')}").wait_for()
    one.page.locator("main textarea").fill(then["text"])
    one.page.locator("main [aria-busy=true]").wait_for()  # what is shown answers the first words
    wait_for_answer(one.page, line_of(tmp_path / "text.run", then))
    one.page.locator("main [aria-busy=false]").wait_for()


def test_a_recording_is_answered(window: Open) -> None:
    """Check 12: the browser's microphone is a file here; what is recorded reaches the model."""
    one = window(permissions=["microphone"])
    one.show("audio.run", "try")
    record = one.page.get_by_role("button", name="Record", exact=True)
    record.click()
    stop = one.page.get_by_role("button", name="Stop")
    stop.wait_for()
    one.page.wait_for_function(  # at least half a second of it
        """() => parseFloat(document.querySelector("main button[aria-pressed=true]")
          ?.innerText.match(/[\\d.]+/)?.[0] ?? 0) >= 0.5"""
    )
    with one.page.expect_response(lambda said: said.url.endswith("/predict")) as it:
        stop.click()
    said = it.value.json()
    assert said["answers"][0]["answer"] in ("high", "low")
    one.page.locator(ANSWER).wait_for()
    assert one.page.locator(ANSWER).inner_text() == said["answers"][0]["answer"]
    assert one.page.locator("main audio").count() == 1
    assert one.page.get_by_text("What the network received").is_visible()


# --- what more is told --------------------------------------------------------------------------


def test_several_numbers_have_an_interval_each(window: Open, planned: Path, tmp_path: Path) -> None:
    row = tmp_path / "row.csv"
    row.write_text("a,b,c,d,e,f,g,h\n" + ",".join(["0.7"] * 8) + "\n")
    line = line_of(planned / "two.run", row)
    one = window()
    one.show("two.run", "try")
    one.page.locator("main input[type=file]").first.set_input_files(row)
    one.page.wait_for_function(  # the watched example that the page begins with is answered first
        """said => {
          const one = document.querySelector("main dl.several dd b");
          return one && Math.abs(one.dataset.value - said) < 1e-5;
        }""",
        arg=line["answer"]["more"],
    )
    shown = one.page.eval_on_selector_all(
        "main dl.several div",
        """all => all.map(one => [one.querySelector("dt").innerText,
          ...[...one.querySelectorAll("[data-value]")].map(value => +value.dataset.value)])""",
    )
    assert list(line["intervals"]) == ["more", "less"]
    for name, *values in shown:
        low, high = line["intervals"][name]
        assert values == pytest.approx([line["answer"][name], low, high], rel=1e-6)
        assert low < line["answer"][name] < high


def test_an_explanation_comes_with_its_overview(window: Open, runs: Path) -> None:
    """Grad-CAM of the picture: the veil over it is thinner the more the network looked there."""
    one = window()
    one.show("image.run", "try")
    file = first_file(runs / "image.run")
    one.page.locator("main input[type=file]").first.set_input_files(file)
    one.page.get_by_text("What it would have said").wait_for()
    with one.page.expect_response(lambda said: said.url.endswith("/explain")) as it:
        one.page.get_by_role("button", name="Why this answer?").click()
    told = it.value.json()
    assert "error" not in told, told
    overview = told["explanations"][0]["overview"]
    veil = one.page.get_by_role("img", name="Where the network looked")
    veil.wait_for()
    pixels = veil.evaluate(
        "one => [...one.getContext('2d').getImageData(0, 0, one.width, one.height).data]"
    )
    looked = np.array(overview["looked"])
    dark = np.array(pixels).reshape(*looked.shape, 4)[..., 3] / 255
    assert looked.max() > 0.5 > looked.min()
    np.testing.assert_allclose(dark, 0.78 * (1 - looked), atol=1 / 255)
    assert one.page.get_by_text(overview["faithful"]["why"]).first.is_visible()


# --- what can't be read -------------------------------------------------------------------------

PNG = b"\x89PNG\r\n\x1a\n and nothing behind it"
WRONG = {
    "image": [
        ("empty.png", b"", "the file is empty"),
        ("letter.txt", b"dear all", "'letter.txt' is not a picture"),
        ("broken.png", b"dear all", "not an image"),
        ("sound.wav", b"RIFF", "is a recording, and the model takes a picture"),
    ],
    "audio": [
        ("empty.wav", b"", "the file is empty"),
        ("picture.png", PNG, "is a picture, and the model takes a recording"),
        ("broken.wav", b"RIFFxxxxWAVE", "damaged"),
    ],
    "text": [
        ("empty.txt", b"", "the file is empty"),
        ("picture.png", PNG, "is a picture, and the model takes a text"),
    ],
    "table": [
        ("empty.csv", b"", "'empty.csv' is empty"),
        ("other.csv", b"p,q\n1,2\n", "the model needs the column 'x'"),
        ("picture.png", PNG, "is a picture, and the model takes a row of x, y, town"),
    ],
}
"""Kind of run -> name of a file, its bytes, and what is said of it."""
HUGE = 65 * 2**20


@pytest.mark.parametrize("kind", list(WRONG))
def test_what_can_not_be_read_is_told(kind: str, window: Open, tmp_path: Path) -> None:
    """Check 12: empty, of the wrong kind, broken or too large: a sentence of its own for each, and
    no trace of the program's inside."""
    one = window()
    one.show(f"{kind}.run", "try")
    files = [*WRONG[kind], (f"huge.{'csv' if kind == 'table' else 'png'}", None, "has 65 MB")]
    for name, content, expected in files:
        path = tmp_path / name
        with open(path, "wb") as file:
            file.write(content or b"")
            file.truncate(HUGE if content is None else len(content))
        one.page.locator("main input[type=file]").first.set_input_files(path)
        alert = one.page.locator("main [role=alert]", has_text=expected)
        alert.wait_for()
        said = one.page.locator("main").inner_text()
        for inside in ("Traceback", ".py", "Error:", str(tmp_path), "pellucid-studio-"):
            assert inside not in said, (name, inside)
        assert one.page.locator(ANSWER).count() == 0
    # The browser itself notes each refusal, and that an empty recording can't be played.
    assert [error for error in one.errors if not error.startswith("Failed to load")] == []
    one.errors.clear()


def test_a_finished_run_of_an_older_version_says_what_it_lacks(
    window: Open, serve: Callable[..., Any], planned: Path, tmp_path: Path
) -> None:
    """Compare, Results and Try show a line that names it, and how to get it."""
    folder = tmp_path / "old.run"
    shutil.copytree(planned / "separable.run", folder)
    for kept in ("evidence", "answers"):
        shutil.rmtree(folder / kept)
    (folder / "verdict.json").unlink()
    info = json.loads((folder / "run.json").read_text())
    info["source"]["path"] = str(tmp_path / "gone.csv")
    (folder / "run.json").write_text(json.dumps(info))
    one = window(server=serve(tmp_path))
    lines = {
        "try": "no training rows",
        "results": "no answers on the way",
        "compare": "no comparison with classical methods",
    }
    for place, line in lines.items():
        one.show("old.run", place)
        note = one.page.locator("main [role=note]")
        note.wait_for()
        assert line in note.inner_text()
        assert "pellucid learn" in note.inner_text()
    assert one.page.get_by_text("comes after learning").count() == 0
