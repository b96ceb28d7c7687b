"""The studio for everyone: without a mouse, on a phone, read aloud, with hostile data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid

Open = Callable[..., Any]
AXE = Path(__file__).parents[2] / "studio" / "node_modules" / "axe-core" / "axe.min.js"
STATIONS = (
    *("data", "layers", "features", "prediction", "loss"),
    *("blame", "update", "loop", "check", "explain"),
)
ROOMS = ("results", "compare", "findings", "try")
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing(width: int, dark: bool, window: Open) -> None:
    """Check 17: no violation of any impact, on every station and room."""
    # The script is handed to the page by the debugger: the page's own policy forbids strangers'.
    one = window(width, dark=dark, bypass_csp=True)
    found: dict[str, list[str]] = {}
    for place in (*STATIONS, *ROOMS):
        one.show("image.run", place)
        if not one.page.evaluate("() => 'axe' in window"):
            one.page.add_script_tag(content=AXE.read_text("utf-8"))
        result = one.page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
        wrong = [
            f"{one_rule['id']}: {one_rule['nodes'][0]['html'][:160]}"
            for one_rule in result["violations"]
        ]
        if wrong:
            found[place] = wrong
    assert found == {}


def test_every_picture_says_what_it_shows_and_when(window: Open) -> None:
    """Check 17: a canvas has a sentence of its own or stands in a figure with one; "Read as table"
    gives a table."""
    one = window()
    for kind in ("image", "text", "table"):
        for station in ("prediction", "blame", "update"):
            one.show(f"{kind}.run", station)
            silent = one.page.eval_on_selector_all(
                "main canvas",
                """all => all.filter(one => !(one.ariaLabel || "").trim()
                  && !one.closest("[role=img][aria-label]")
                  && !one.closest("[aria-hidden=true]")).map(one => one.outerHTML)""",
            )
            assert silent == [], (kind, station)
    one.show("image.run", "blame")
    one.page.get_by_text("Read as table").first.click()
    one.page.locator("main figure table").first.wait_for()
    assert one.page.locator("main figure table td").count() >= 2


@pytest.mark.parametrize("width", [320, 390])
def test_nothing_scrolls_sideways_on_a_phone(width: int, window: Open) -> None:
    """Check 18."""
    one = window(width, has_touch=True)
    for kind in ("image", "text", "table", "series"):
        for place in STATIONS:
            one.show(f"{kind}.run", place)
            wide, inner = one.page.evaluate(
                "() => [document.documentElement.scrollWidth, window.innerWidth]"
            )
            assert wide <= inner, (kind, place)
            assert one.page.locator("section.bar").is_visible()
    small = one.page.eval_on_selector_all(
        "button, a, input, select",
        """all => all.filter(one => {
          const { width, height } = one.getBoundingClientRect();
          const seen = width > 2 && height > 2;
          return seen && (width < 24 || height < 24) && !one.closest("p, li, td, figcaption");
        }).map(one => one.outerHTML.slice(0, 120))""",
    )
    assert small == []


def test_reduced_motion_moves_nothing(window: Open) -> None:
    """Check 18."""
    one = window(reduced_motion="reduce")
    for station in STATIONS:
        one.show("image.run", station)
        assert one.page.evaluate("() => document.getAnimations().length") == 0


def test_the_keyboard_is_enough(window: Open) -> None:
    """Check 16: from the first page to a run, through time and stations, with a visible focus."""
    one = window()
    page = one.page
    page.locator("li a").first.wait_for()
    more = page.get_by_role("button", name="Show all")
    if more.count():  # there are more runs than the page begins with
        more.focus()
        page.keyboard.press("Enter")
    page.get_by_role("link", name="image").or_(
        page.get_by_role("button", name="image")
    ).first.focus()
    page.keyboard.press("Enter")
    one.settled()
    last = page.locator("section.bar input[type=range]").get_attribute("data-step")
    page.keyboard.press("Home")
    one.settled()
    assert page.locator("section.bar input[type=range]").get_attribute("data-step") == "0"
    page.keyboard.press("ArrowRight")
    one.settled()
    page.keyboard.press("End")
    one.settled()
    assert page.locator("section.bar input[type=range]").get_attribute("data-step") == last
    page.keyboard.press("[")
    one.settled()
    for key, station in (("5", "loss"), ("7", "update"), ("0", "explain"), ("4", "prediction")):
        page.keyboard.press(key)
        page.wait_for_function("place => location.hash.includes(place)", arg=f"/{station}")
    page.keyboard.press("d")
    page.wait_for_function("() => location.hash.includes('d=numbers')")
    page.keyboard.press("n")
    page.wait_for_function("() => location.hash.includes('x=1')")
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    stops = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        seen, mark = page.evaluate(
            """() => {
              const one = document.activeElement;
              const style = getComputedStyle(one);
              const near = one.closest("label");
              const around = near ? getComputedStyle(near) : style;
              const lit = style => style.outlineStyle !== "none" || style.boxShadow !== "none";
              const page = one === document.body || one.tagName === "MAIN";
              return [lit(style) || lit(around) || page, one.outerHTML.slice(0, 80)];
            }"""
        )
        assert seen, mark
        stops.add(mark)
    assert len(stops) > 15  # no trap


def test_names_of_users_are_text(
    window: Open, serve: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Check 19: a class, a column and a cell that are markup; a name of 300 letters."""
    long = "w" * 300
    rng = np.random.default_rng(0)
    rows = [
        {long: round(float(rng.normal() + kind), 3), HOSTILE: f"{HOSTILE} {kind}", "kind": name}
        for kind, name in ((number % 2, [HOSTILE, "plain"][number % 2]) for number in range(80))
    ]
    source = tmp_path / "hostile.jsonl"
    source.write_text("\n".join(map(json.dumps, rows)))
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))
    pellucid.learn(
        source, "kind", time=2, out=tmp_path / "hostile.run", quiet=True, report=False,
        pretrained=False,
    )  # fmt: skip
    one = window(390, server=serve(tmp_path))
    said: list[str] = []
    one.page.on("dialog", lambda dialog: said.append(dialog.message) or dialog.dismiss())
    for place in (*STATIONS, *ROOMS):
        one.show("hostile.run", place)
        assert one.page.locator("img[src=x]").count() == 0
        wide = one.page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, place
    one.show("hostile.run", "prediction")
    assert HOSTILE in one.page.locator("main").inner_text()
    assert said == []
