"""The studio as a screen reader walks through it: landmarks, headings, names, and what is said."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

Open = Callable[..., Any]
STATIONS = (
    *("data", "layers", "features", "prediction", "loss"),
    *("blame", "update", "loop", "check", "explain"),
)
ROOMS = ("try", "results", "compare", "findings")
NAMELESS = re.compile(
    r"^\s*- (button|link|slider|checkbox|combobox|textbox|spinbutton|radio)\b(?! \")"
)
"""A line of an accessibility tree with something to use that has no name."""
HEADINGS = """() => [...document.querySelectorAll("h1, h2, h3, h4")]
  .filter(one => one.checkVisibility()).map(one => Number(one.tagName[1]))"""


@pytest.mark.parametrize("kind", ["text", "numbers"])
def test_every_place_reads_in_order(kind: str, window: Open) -> None:
    """One main heading, no level left out, one main part; all that can be used has a name."""
    one = window()
    for place in (*STATIONS, *ROOMS):
        one.show(f"{kind}.run", place, d="math")
        levels = one.page.evaluate(HEADINGS)
        assert levels.count(1) == 1, (place, levels)
        assert levels[0] == 1, (place, levels)
        leaps = [pair for pair in pairwise(levels) if pair[1] > pair[0] + 1]
        assert leaps == [], (place, levels)
        tree = one.page.locator("body").aria_snapshot()
        assert [line for line in tree.splitlines() if NAMELESS.match(line)] == [], place
        found = re.findall(r"^- (banner|main|navigation|region)\b", tree, re.MULTILINE)
        assert {name: found.count(name) for name in ("banner", "main")} == {"banner": 1, "main": 1}
        assert '- navigation "How it learns"' in tree
        assert '- region "Time"' in tree


def test_the_rail_says_where_one_is_and_a_new_place_is_read_next(window: Open) -> None:
    one = window()
    one.show("numbers.run", "data")
    one.page.get_by_role("link", name="6 Blame").click()
    one.settled()
    here = one.page.locator("nav [aria-current=page]")
    assert here.count() == 1
    assert "Blame" in here.inner_text()
    assert one.page.evaluate("() => document.activeElement === document.querySelector('main')")


def test_the_time_is_told_in_words(window: Open) -> None:
    one = window()
    one.show("numbers.run", "prediction")
    slider = one.page.get_by_role("slider", name="Recorded step")
    assert re.fullmatch(
        r"step [\d,]+ of [\d,]+, epoch [\d.]+, loss \S+", slider.get_attribute("aria-valuetext")
    )


def test_moving_by_key_is_told_once_not_at_every_step(window: Open) -> None:
    """Ten steps in a row are one or two sentences, and the last one is where one is."""
    one = window()
    one.show("numbers.run", "prediction")
    one.to_step(0)
    one.page.evaluate(
        """() => {
          window.said = [];
          const live = document.querySelector("[role=status].unseen");
          new MutationObserver(() => window.said.push(live.textContent))
            .observe(live, { childList: true, characterData: true, subtree: true });
          document.querySelector("main").focus();
        }"""
    )
    for _ in range(4):
        one.page.keyboard.press("ArrowRight")
    now = one.page.get_by_role("slider", name="Recorded step").get_attribute("aria-valuetext")
    one.page.wait_for_function("now => window.said.includes(now)", arg=now)
    said = one.page.evaluate("() => window.said")
    assert said[-1] == now
    assert len(said) <= 2


def test_the_loss_is_heard_only_when_asked_for(window: Open) -> None:
    """Pitch follows the loss; nothing sounds before somebody presses the button or its key."""
    one = window()
    one.page.add_init_script(
        """window.heard = [];
        const start = OscillatorNode.prototype.start;
        OscillatorNode.prototype.start = function (at) {
          if (this.type === "sine") window.heard.push(this.frequency.value);
          return start.call(this, at);
        };"""
    )
    one.page.reload()
    one.show("numbers.run", "prediction")
    button = one.page.get_by_role("button", name="Hear the loss")
    assert button.get_attribute("aria-pressed") == "false"
    one.to_step(0)
    assert one.page.evaluate("() => window.heard") == []
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    one.page.wait_for_function("() => window.heard.length > 0")
    before = one.page.evaluate("() => window.heard.length")
    one.page.keyboard.press("End")
    one.settled()
    one.page.wait_for_function("before => window.heard.length > before", arg=before)
    heard = one.page.evaluate("() => window.heard")
    assert all(219 <= pitch <= 881 for pitch in heard)
    one.page.locator("main").focus()
    one.page.keyboard.press("h")
    assert button.get_attribute("aria-pressed") == "false"


def test_colors_of_the_system_leave_nothing_unseen(window: Open) -> None:
    """High contrast: bars keep their color, what is chosen has a frame, the slider its thumb."""
    one = window(forced_colors="active")
    one.show("image.run", "prediction")
    one.page.locator("main .bar:empty").first.wait_for(state="attached")
    bars = one.page.evaluate(
        """() => [...document.querySelectorAll("main .bar:empty")].map(one => {
          const style = getComputedStyle(one);
          return [style.forcedColorAdjust, style.backgroundColor];
        })"""
    )
    assert bars
    canvas = one.page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert all(adjust == "none" and color != canvas for adjust, color in bars)
    frame = "one => getComputedStyle(one).outlineStyle"
    assert one.page.locator("nav [aria-current=page]").evaluate(frame) == "solid"
    slider = one.page.get_by_role("slider", name="Recorded step")
    assert slider.evaluate("one => getComputedStyle(one).forcedColorAdjust") == "none"
