"""What the studio shows is what the run holds: numbers, pixels, steps."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.recording.run import Run

Open = Callable[..., Any]
STATIONS = (
    *("data", "layers", "features", "prediction", "loss"),
    *("blame", "update", "loop", "check", "explain"),
)
KINDS = ("image", "text", "audio", "series", "table", "numbers", "mixed")


def test_nothing_is_asked_of_anybody_else(window: Open) -> None:
    """Check 1: every address is the studio's own, on every station of every kind of run."""
    one = window()
    for kind in KINDS:
        for station in STATIONS:
            one.show(f"{kind}.run", station)
    strangers = {
        url for url in one.requests if not url.startswith((one.server.origin, "data:", "blob:"))
    }
    assert strangers == set()


@pytest.mark.parametrize("kind", ["image", "table"])
def test_numbers_are_those_of_the_run(kind: str, window: Open, runs: Path) -> None:
    """Check 2: the answer's bars are the softmax of the recorded outputs."""
    run = Run(runs / f"{kind}.run")
    steps, rng = run.recorded_steps, np.random.default_rng(0)
    one = window()
    for place in rng.choice(len(steps), min(8, len(steps)), replace=False).tolist():
        example = int(rng.integers(len(run.probe().rows)))
        one.show(f"{kind}.run", "prediction", t=steps[place], x=example)
        seen = run.looks().at(steps[place]).activations["output"].value[example]
        members = np.atleast_2d(seen).astype(np.float64)
        powers = np.exp(members - members.max(1, keepdims=True))
        shares = (powers / powers.sum(1, keepdims=True)).mean(0)
        shown = one.values_at(steps[place])
        for share in shares:
            assert min(abs(share - value) for value in shown) < 1e-6


def test_figures_of_a_step_are_those_written_down(window: Open, planned: Path) -> None:
    """Checks 2 and 7: loss, learning rate and length of the gradient of six steps drawn at random
    and of the last one are those of `steps.bin`: 21 pairs of step and figure."""
    run, one = Run(planned / "heart.run"), window()
    rng = np.random.default_rng(2)
    told = 0
    last = run.recorded_steps[-1]
    assert last == run.steps["step"][-1]
    for step in [*rng.choice(run.recorded_steps[1:-1], 6, replace=False).tolist(), last]:
        one.show("heart.run", "loop", t=step, d="numbers")
        shown = one.values_at(step)
        row = run.steps[run.steps["step"] == step][0]
        for name in ("loss", "rate", "gradient_norm"):
            assert min(abs(float(row[name]) - value) for value in shown) <= 1e-6, (step, name)
            told += 1
    assert told > 20


@pytest.mark.parametrize("kind", ["image", "text", "heart"])
def test_values_inside_are_those_recorded(kind: str, window: Open, planned: Path) -> None:
    """Check 2: 20 triples of step, tensor and place drawn at random, as "Read as table" has them;
    check 17: that table is the picture."""
    run, one = Run(planned / f"{kind}.run"), window()
    rng = np.random.default_rng(3)
    one.show(f"{kind}.run", "features")
    layers = one.page.locator("main .layers button")
    layers.first.wait_for()
    seen = 0
    while seen < 20:
        step = int(rng.choice(run.recorded_steps))
        one.show(f"{kind}.run", "features", t=step)
        layers.nth(int(rng.integers(layers.count()))).click()
        name = one.page.wait_for_function(
            "() => new URLSearchParams(location.hash.split('?')[1]).get('l')"
        ).json_value()
        one.settled()
        value = run.looks().at(step).activations[name].value[0].astype(np.float64)
        figure = one.page.locator("main figure:has(button.link[aria-expanded])")
        button = figure.first.locator("button.link[aria-expanded]")
        if button.get_attribute("aria-expanded") == "false":
            button.click()
        rows = figure.first.locator("tbody tr")
        rows.first.wait_for()
        axes = max(0, value.ndim - 1)
        table = value.reshape(-1, value.shape[-1])
        for place in rng.integers(0, min(50, len(table)), 5).tolist():
            cells = (
                rows.nth(place)
                .locator("td")
                .evaluate_all("all => all.map(one => Number(one.dataset.value))")
            )
            unit = int(rng.integers(table.shape[1]))
            true = float(table[place, unit])
            assert abs(cells[axes + unit] - true) <= 1e-3 * abs(true) + 1e-7, (name, place, unit)
            seen += 1


def test_the_loss_is_computed_from_what_is_shown(window: Open, runs: Path) -> None:
    """Check 10: "-ln p" of the shown p is the shown loss."""
    run = Run(runs / "image.run")
    one = window()
    for step in (run.recorded_steps[0], run.recorded_steps[-1]):
        one.show("image.run", "loss", t=step)
        output = run.looks().at(step).activations["output"].value[0].astype(np.float64)
        share = np.exp(output - output.max())
        share /= share.sum()
        loss = -math.log(share[int(run.probe().target[0])])
        shown = one.values_at(step)
        assert min(abs(loss - value) for value in shown) < 1e-5


def test_the_sentence_of_the_loss_adds_up(window: Open, planned: Path) -> None:
    """Check 10: minus the logarithm of the share that stands in the sentence is the loss that
    stands in it, to the digits that are shown."""
    run, one = Run(planned / "heart.run"), window()
    checked = 0
    for step in run.recorded_steps[:: max(1, len(run.recorded_steps) // 6)]:
        one.show("heart.run", "loss", t=step)
        said = one.page.locator("main .lead").first.inner_text()
        found = re.fullmatch(r".* a share of ([<>\d.]+)%\. .* is the loss: (\S+)\.", said)
        assert found, said
        share, loss = found.groups()
        if not (share + loss).replace(".", "").isdigit():
            continue  # below a tenth of a percent, or above 99.9
        last = 0.005 * 10 ** -len(share.partition(".")[2])
        low, high = (-math.log(float(share) / 100 + side * last) for side in (1, -1))
        rounding = 0.5 * 10 ** -len(loss.partition(".")[2])
        assert low - rounding <= float(loss) <= high + rounding, said
        checked += 1
    assert checked >= 3


def test_the_time_bar_stops_at_recorded_steps_only(window: Open, runs: Path) -> None:
    """Check 4."""
    run = Run(runs / "image.run")
    one = window()
    one.show("image.run", "prediction")
    bar = one.page.locator("section.bar input[type=range]")
    assert (bar.get_attribute("min"), bar.get_attribute("step")) == ("0", "1")
    assert int(bar.get_attribute("max")) == len(run.recorded_steps) - 1
    reached = []
    for place in range(len(run.recorded_steps)):
        one.to_step(place)
        reached.append(int(bar.get_attribute("data-step")))
    assert reached == run.recorded_steps
    said = one.page.locator("section.bar").inner_text()
    assert f"recorded {len(run.recorded_steps)} of" in said
    assert f"step {run.recorded_steps[-1]}" in bar.get_attribute("aria-valuetext")


def test_time_moves_everything_and_back(window: Open) -> None:
    """Check 5."""
    one = window()
    for station in ("prediction", "loss", "blame", "update"):
        one.show("image.run", station)
        last = one.page.locator("section.bar input[type=range]").get_attribute("max")
        for place in (last, 0, last):  # pictures behind others are decoded by now
            one.to_step(int(place))
        there = (one.values(), pictures(one.page))
        one.to_step(0)
        before = (one.values(), pictures(one.page))
        assert before != there, station
        one.to_step(int(last))
        assert one.values() == there[0], station
        changed = [name for name, pixels in pictures(one.page).items() if there[1][name] != pixels]
        assert changed == [], station


def pictures(page: Any) -> dict[str, str]:
    """Sentence and pixels of each canvas of the main part."""
    return dict(
        page.eval_on_selector_all(
            "main canvas", "all => all.map((one, i) => [`${i} ${one.ariaLabel}`, one.toDataURL()])"
        )
    )


@pytest.mark.parametrize("dark", [False, True])
def test_pixels_are_recorded_values(dark: bool, window: Open, runs: Path) -> None:
    """Check 3: 400 pixels of an atlas drawn at random have the color of their recorded value, each
    channel within one level; at the first, a middle and the last step."""
    run = Run(runs / "image.run")
    steps = run.recorded_steps
    one = window(dark=dark, device_scale_factor=1)
    for step in (steps[0], steps[len(steps) // 2], steps[-1]):
        one.show("image.run", "prediction", t=step)
        canvas = json.loads(one.page.locator("main .atlas canvas").first.evaluate(READ))
        seen = recorded(run, step, canvas["most"])
        pixels = np.array(canvas["pixels"], dtype=np.int64).reshape(canvas["height"], -1, 4)
        clear = 0
        for unit, row, column, (y, x) in places(seen.shape, pixels.shape[:2]):
            value = float(seen[row, column, unit])
            expected = color_of(value / canvas["most"], dark)
            assert pixels[y, x, 3] == 255
            assert np.abs(pixels[y, x, :3] - expected).max() <= 1, (step, unit, row, column)
            clear += abs(value) > 0.1 * canvas["most"]
        assert clear > 10


COLORS = {
    False: (
        [(250, 250, 248), (203, 222, 240), (120, 174, 221), (42, 114, 178), (8, 52, 98)],
        [(250, 250, 248), (247, 219, 190), (238, 160, 92), (196, 88, 16), (104, 40, 2)],
    ),
    True: (
        [(24, 26, 29), (24, 54, 84), (34, 97, 152), (82, 160, 222), (196, 229, 255)],
        [(24, 26, 29), (82, 44, 18), (148, 76, 22), (228, 136, 62), (255, 222, 186)],
    ),
}
"""Dark or not -> from zero (the page) to the largest value, evenly: above zero, below zero."""
GAP = 3


def color_of(share: float, dark: bool) -> np.ndarray:
    """The color of a value that is `share` of the largest."""
    colors = np.array(COLORS[dark][0 if share >= 0 else 1], dtype=float)
    places = np.linspace(0, 1, len(colors))
    level = round(255 * abs(share)) / 255  # so many colors there are
    return np.array([np.interp(level, places, channel) for channel in colors.T]).round()


READ = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const most = Number(canvas.dataset.most);
  return JSON.stringify({ most, height: canvas.height, pixels: [...data] });
}"""


def recorded(run: Run, step: int, most: float) -> np.ndarray:
    """The watched maps `(height, width, units)` of example 0 whose largest size is `most`."""
    look = run.looks().at(step)
    maps = [seen.value[0] for seen in look.activations.values() if seen.value.ndim == 4]
    return next(one for one in maps if abs(float(np.abs(one).max()) - most) <= 1e-6 * most)


def places(
    shape: tuple[int, ...], canvas: tuple[int, int]
) -> Iterator[tuple[int, int, int, tuple[int, int]]]:
    """Unit, row, column and the middle of the pixels that show it, for 400 of all values."""
    high, wide, units = shape
    fitting = [
        (columns, scale)
        for columns in range(1, units + 1)
        for scale in range(1, 40)
        if abs(columns * (wide * scale + GAP) - GAP - canvas[1]) <= 1
        and abs(-(-units // columns) * (high * scale + GAP) - GAP - canvas[0]) <= 1
    ]
    [(columns, scale)] = fitting
    rng = np.random.default_rng(0)
    for unit, row, column in rng.integers(0, (units, high, wide), (400, 3)).tolist():
        left, top = (unit % columns) * (wide * scale + GAP), unit // columns * (high * scale + GAP)
        middle = scale // 2
        yield unit, row, column, (top + row * scale + middle, left + column * scale + middle)
