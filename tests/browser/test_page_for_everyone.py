"""The studio for everyone: without a mouse, on a phone, read aloud, with hostile data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid
from pellucid.interfaces.report import write_report
from pellucid.recording.run import Run

Open = Callable[..., Any]
AXE = Path(__file__).parents[2] / "studio" / "node_modules" / "axe-core" / "axe.min.js"
STATIONS = (
    *("data", "layers", "features", "prediction", "loss"),
    *("blame", "update", "loop", "check", "explain"),
)
ROOMS = ("results", "compare", "findings", "try", "iteration", "diagnostics")
HOSTILE = "<img src=x onerror=alert(1)>"
LONG = 300_000
"""ms that an example may take to learn on a very busy machine."""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing(width: int, dark: bool, window: Open) -> None:
    """Check 17: no violation of any impact, on every station and room."""
    # The script is handed to the page by the debugger: the page's own policy forbids strangers'.
    one = window(width, dark=dark, bypass_csp=True)
    found: dict[str, list[str]] = {}
    for place in (*STATIONS, *ROOMS):
        one.show("image.run", place)
        if wrong := violations(one.page):
            found[place] = wrong
    assert found == {}


def violations(page: Any) -> list[str]:
    """What axe has to say of the page as it is."""
    if not page.evaluate("() => 'axe' in window"):
        page.add_script_tag(content=AXE.read_text("utf-8"))
    result = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    return [f"{rule['id']}: {rule['nodes'][0]['html'][:160]}" for rule in result["violations"]]


@pytest.mark.parametrize(
    ("width", "dark"), [(1280, False), (1280, True), (390, False), (390, True)]
)
def test_axe_finds_nothing_in_what_was_asked(
    width: int, dark: bool, window: Open, planned: Path
) -> None:
    """Check 17 for what is there only once somebody asked: one knob, what it says after each part,
    where a unit changes, what it sees, a step by hand in its seven stages."""
    one = window(width, dark=dark, bypass_csp=True)
    page = one.page
    found: dict[str, list[str]] = {}

    def look(name: str) -> None:
        page.locator("main [role=status]").first.wait_for(state="detached")
        one.settled()
        wrong = violations(page)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wrong.append("wider than the page")
        if wrong:
            found[name] = wrong

    for kind, place in (("heart", "prediction"), ("series", "prediction"), ("heart", "features")):
        one.show(f"{kind}.run", place, d="math", u=0)
        ask = page.get_by_role("button", name="Ask the model")
        asked = page.locator("main section figure canvas, main section figure .curve")
        ask.or_(asked).first.wait_for()
        if ask.count():  # asked once, all others of the session answer by themselves
            ask.first.click()
        asked.first.wait_for()
        look(f"{kind} {place}")
    one.show("image.run", "features", d="math", u=0)
    look("image features")
    one.show("heart.run", "iteration", d="math")
    page.get_by_role("button", name="Make step").click()
    for stage in range(1, 8):
        page.locator(f'section[aria-label^="Stage {stage}:"]').wait_for()
        look(f"stage {stage}")
        if stage < 7:
            page.get_by_role("button", name="Next", exact=True).click()
    assert found == {}


def test_every_picture_says_what_it_shows_and_when(window: Open) -> None:
    """Check 17: a canvas has a sentence of its own or stands in a figure with one, and says at
    which step; "Read as table" gives a table."""
    one = window()
    for kind in ("image", "text", "table"):
        for station in STATIONS:
            one.show(f"{kind}.run", station, d="math")
            timeless = one.page.evaluate(
                """step => [...document.querySelectorAll("main canvas")]
                  .filter(one => !one.closest("[aria-hidden=true], .curve")
                    && !`${one.ariaLabel} ${one.closest("figure")?.innerText}`
                      .match(new RegExp(`\\\\bstep ${step}\\\\b`, "i")))
                  .map(one => one.outerHTML.slice(0, 200))""",
                one.page.locator("section.bar input[type=range]").get_attribute("data-step"),
            )
            assert timeless == [] or station in ("data", "explain"), (kind, station)
            silent = one.page.evaluate(
                """() => [...document.querySelectorAll("main canvas")]
                  .filter(one => !(one.ariaLabel || "").trim()
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
            assert one.page.evaluate(SMALL) == [], (kind, place)


SMALL = """() => {
  const under = (all, least) => [...document.querySelectorAll(all)].filter(one => {
    const { width, height } = one.getBoundingClientRect();
    const seen = width > 2 && height > 2;
    return seen && (width < least || height < least) && !one.closest("p, td, figcaption, .marks");
  }).map(one => `${least}: ${one.outerHTML.slice(0, 120)}`);
  const primary = "button.main, section.bar .play, nav[aria-label] a, nav.stages button";
  return [...under("button, a, input, select", 24), ...under(primary, 44)];
}"""
"""What is smaller than 24 pixels, and of what is used most, than 44. Words within a sentence, and
the marks on the time bar, which have keys of their own, may be smaller."""


def test_reduced_motion_moves_nothing(window: Open) -> None:
    """Check 18: no animation anywhere, and nothing plays by itself."""
    one = window(reduced_motion="reduce")
    bar = one.page.locator("section.bar input[type=range]")
    for station in (*STATIONS, *ROOMS):
        one.show("image.run", station, t=0)
        assert one.page.evaluate("() => document.getAnimations().length") == 0
        assert one.page.get_by_role("button", name="Play", exact=True).is_visible()
        assert bar.get_attribute("data-step") == "0"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_colors_can_be_told_apart(dark: bool, window: Open) -> None:
    """Check 18: words have a contrast of at least 4.5 with every ground they stand on, lines and
    bars of at least 3 with the page."""
    one = window(dark=dark)
    colors = one.page.evaluate(
        """names => {
          const pen = document.createElement("canvas").getContext("2d");
          const style = getComputedStyle(document.documentElement);
          return Object.fromEntries(names.map(name => {
            pen.fillStyle = style.getPropertyValue(name).trim();
            pen.fillRect(0, 0, 1, 1);
            return [name, [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3)];
          }));
        }""",
        [*GROUNDS, *WORDS, *LINES],
    )
    for ground in GROUNDS:
        for words in WORDS:
            assert contrast(colors[words], colors[ground]) >= 4.5, (words, ground)
    for line in LINES:
        assert contrast(colors[line], colors["--page"]) >= 3, line


GROUNDS = ("--page", "--panel", "--raised")
WORDS = ("--ink", "--soft")
LINES = ("--blue", "--orange", "--learn", "--other", "--truth", "--accent", "--bad")


def contrast(one: list[int], other: list[int]) -> float:
    """As WCAG 2.2 defines it, of two colors of 0 to 255."""

    def light(color: list[int]) -> float:
        parts = [value / 255 for value in color]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
                  for part in parts]  # fmt: skip
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    dim, bright = sorted((light(one), light(other)))
    return (bright + 0.05) / (dim + 0.05)


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


def reach(page: Any, name: str, *, most: int = 250) -> None:
    """Go to something by Tab alone, by the name that it has; it must be seen to have the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        here, seen = page.evaluate(
            """() => {
              const one = document.activeElement;
              const style = getComputedStyle(one);
              const seen = style.outlineStyle !== "none" || style.boxShadow !== "none";
              return [one.ariaLabel || one.innerText || "", seen];
            }"""
        )
        if here.strip().startswith(name):
            assert seen, name
            return
    raise AssertionError(f"'{name}' is not reached by {most} times Tab")


def test_a_whole_visit_without_a_mouse(
    window: Open, serve: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Check 16: open an example, which starts to learn; pause, make one step, end it; jump to a
    mark, make an iteration by hand and go through its stages; save the report. Keys only."""
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))
    one = window(server=serve(tmp_path))
    page = one.page
    page.set_default_timeout(LONG)
    page.get_by_role("button", name="iris").wait_for()
    reach(page, "iris")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Pause").first.wait_for()
    page.locator("section.bar input[type=range]").wait_for()
    reach(page, "Stop here and finish")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Save the report").wait_for()
    last = page.locator("section.bar input[type=range]").get_attribute("data-step")
    page.locator("main").focus()
    page.keyboard.press("[")
    page.wait_for_function(
        "last => document.querySelector('section.bar input[type=range]').dataset.step !== last",
        arg=last,
    )
    reach(page, "One iteration")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Make step").wait_for()
    reach(page, "Make step")
    page.keyboard.press("Enter")
    page.locator("nav.stages").wait_for()
    for stage in range(1, 7):
        page.locator(f'section[aria-label^="Stage {stage}:"]').wait_for()
        if stage == 1:
            reach(page, "Next")  # and there the focus stays
        page.keyboard.press("Enter")
    page.locator('section[aria-label^="Stage 7:"]').wait_for()
    reach(page, "Save the report")
    with page.expect_download() as saved:
        page.keyboard.press("Enter")
    report = Path(saved.value.path()).read_text("utf-8")
    assert saved.value.suggested_filename.endswith(".html")
    assert "sealed test rows" in report
    # The browser notes that there is no run yet while the process reads its data, and that a run
    # which is over already can't be ended.
    noted = ("404 (Not Found)", "409 (Conflict)")
    assert [error for error in one.errors if not any(one in error for one in noted)] == []
    one.errors.clear()


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
    policy = one.page.request.get(f"{one.server.origin}/").headers["content-security-policy"]
    assert "default-src 'self'" in policy

    path = write_report(Run(tmp_path / "hostile.run"), tmp_path / "hostile.html")
    report = window(390, server=None, address=path.as_uri(), offline=True)
    report.page.on("dialog", lambda dialog: said.append(dialog.message) or dialog.dismiss())
    assert HOSTILE in report.page.locator("body").inner_text()
    assert report.page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    report.page.get_by_role("link", name="Watch it learn").click()
    report.settled()
    assert HOSTILE in report.page.locator("main:not(#content)").inner_text()
    assert report.page.locator("img[src=x]").count() == 0
    assert said == []
