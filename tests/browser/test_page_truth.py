"""What the studio shows is what the run holds: numbers, pixels, steps."""

from __future__ import annotations

import json
import math
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
    """Check 3: in an atlas, the further a value is from zero the further its pixel is from the
    page's color, blue above zero and orange below; at the first, a middle and the last step."""
    run = Run(runs / "image.run")
    steps = run.recorded_steps
    one = window(dark=dark, device_scale_factor=1)
    for step in (steps[0], steps[len(steps) // 2], steps[-1]):
        one.show("image.run", "prediction", t=step)
        canvas = json.loads(one.page.locator("main .atlas canvas").first.evaluate(READ))
        seen = recorded(run, step, canvas["most"])
        pixels = np.array(canvas["pixels"], dtype=np.int64).reshape(canvas["height"], -1, 4)
        values, colors = [], []
        for unit, row, column, (y, x) in places(seen.shape, pixels.shape[:2]):
            values.append(seen[row, column, unit])
            colors.append(pixels[y, x])
        assert all(color[3] == 255 for color in colors)
        far = np.array([int(np.abs(color[:3] - ZERO[dark]).sum()) for color in colors])
        for sign in (1, -1):  # blue and orange are not equally far from the page's color
            side = np.flatnonzero(sign * np.array(values) > 0)
            order = side[np.argsort(np.abs(values)[side])]
            assert np.all(np.diff(far[order]) >= -ROUNDING)
        clear = [at for at, value in enumerate(values) if abs(value) > 0.1 * canvas["most"]]
        assert len(clear) > 10
        assert all((colors[at][2] > colors[at][0]) == (values[at] > 0) for at in clear)


ZERO = {False: np.array([250, 250, 248]), True: np.array([24, 26, 29])}
ROUNDING = 3
"""Levels of three channels together by which equal steps of color may differ."""
GAP = 3

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
