"""Runs of uses in a browser: each form is filled in; what is shown is what the model says."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import small_uses

from pellucid.uses.answerers import load_answerer

Open = Callable[..., Any]
HOSTILE = "<img src=x onerror=alert(1)>"
AXE = Path(__file__).parents[2] / "studio" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="session")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `KIND.run` for each use."""
    home = tmp_path_factory.mktemp("used")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_CACHE", str(home / ".cache"))
        for kind in small_uses.MAKERS:
            data = home / f"{kind}-data"
            data.mkdir()
            small_uses.learn(kind, home, data)
    return home


@pytest.fixture(scope="session")
def shop(used: Path, serve: Callable[..., Any]) -> Any:
    return serve(used)


class Form:
    """The form of one use, opened in a window."""

    def __init__(self, window: Any, used: Path, kind: str) -> None:
        self.page, self.model = window.page, load_answerer(used / f"{kind}.run")
        self.window = window
        window.page.goto(f"{window.server.origin}/r/{kind}.run#/{kind}.run/try")
        self.page.locator("main form button.main").wait_for()

    def way(self, title: str) -> None:
        self.page.locator("main form").get_by_role("button", name=title, exact=True).click()

    def fill(self, label: str, value: str) -> None:
        self.page.get_by_label(label, exact=True).fill(value)

    def slide(self, label: str, value: float) -> None:
        self.page.get_by_label(label, exact=True).evaluate(
            """(one, value) => {
              one.value = value;
              one.dispatchEvent(new Event("input", { bubbles: true }));
            }""",
            value,
        )

    def choose(self, number: int, *files: Path) -> None:
        for place, file in enumerate(files):
            self.page.locator("main form input[type=file]").nth(number + place).set_input_files(
                file
            )

    def ask(self) -> str:
        """Press the button; what is said."""
        button = self.page.locator("main form button.main")
        button.click()
        return self.said()

    def said(self) -> str:
        said = self.page.locator("main [aria-label='Its answer'] .said")
        said.first.wait_for()
        words: str = said.first.inner_text()
        return words

    def cells(self) -> list[str]:
        found: list[str] = self.page.locator(
            "main [aria-label='Its answer'] table tbody tr:first-child td"
        ).all_inner_texts()
        return found


@pytest.fixture
def form(window: Open, used: Path, shop: Any) -> Callable[[str], Form]:
    return lambda kind: Form(window(server=shop), used, kind)


def test_a_future_and_a_list(form: Callable[[str], Form]) -> None:
    one = form("forecast")
    one.fill("Series", "south")
    one.slide("How many days ahead", 2)
    said = one.ask()
    last = small_uses.day(small_uses.DAYS + 1)
    (line,) = one.model.predict({"shop": ["south"], "day": [last]})
    assert said.startswith(f"south at {last}: {line['answer']:.4g},")
    band = one.page.locator("main figure svg path.band")
    assert (
        max(
            len(path or "")
            for path in band.evaluate_all("all => all.map(b => b.getAttribute('d'))")
        )
        > 20
    )
    one.page.get_by_role("button", name="Why this answer?").click()
    one.page.get_by_text("What moved the answer").first.wait_for()

    one = form("recommend")
    one.fill("User", "u5")
    one.ask()
    expected = one.model.recommend("u5", 10)["items"]  # type: ignore[attr-defined]
    assert one.cells()[1] == expected[0]["title"]
    one.way("For somebody new")
    one.fill("Something that is liked", HOSTILE)
    one.page.locator("main form button.main").click()
    one.page.locator("main [role=alert]").get_by_text(HOSTILE).wait_for()
    # The browser tells of every answer that is no success.
    assert all("400" in error for error in one.window.errors)
    one.window.errors.clear()


def test_texts(form: Callable[[str], Form]) -> None:
    one = form("generate")
    one.fill("A beginning", f"The red cat {HOSTILE}")
    one.slide("How many tokens", 8)
    one.ask()
    marked = one.page.locator("main [aria-label='Its answer'] .marked")
    assert marked.inner_text().startswith(f"The red cat {HOSTILE}")
    one.way("What surprises it")
    one.fill("A text of your own", "The red cat sleeps here.")
    (line,) = one.model.predict([{"text": "The red cat sleeps here."}])
    assert one.ask().startswith(f"{line['bits_per_character']:.2f} bits per character")

    one = form("translate")
    one.fill("en: one text a line", "The red cat sees a dog 3")
    (line,) = one.model.predict([{"en": "The red cat sees a dog 3"}])
    assert one.ask().startswith(line["answer"])
    assert one.page.locator("main [aria-label='Its answer'] table.matrix").count() == 1


def test_a_text_is_seen_while_it_is_written(form: Callable[[str], Form]) -> None:
    """Piece by piece: several states of it stand on the page before the whole does."""
    one = form("generate")
    one.fill("A beginning", "The red cat")
    one.slide("How many tokens", 200)
    one.page.evaluate(
        """() => {
          window.states = [];
          new MutationObserver(() => {
            const said = document.querySelector("main .written")?.textContent;
            if (said && said !== window.states.at(-1)) window.states.push(said);
          }).observe(document.querySelector("main [aria-label='Its answer']"),
            { subtree: true, childList: true, characterData: true });
        }"""
    )
    one.ask()
    states = one.page.evaluate("window.states")
    whole = one.page.locator("main [aria-label='Its answer'] .marked").inner_text()
    assert len(states) >= 3
    assert all(later.startswith(earlier) for earlier, later in pairwise(states))
    assert " ".join(states[-1].split()) in " ".join(whole.split())


def test_a_step_of_every_use(window: Open, used: Path, shop: Any) -> None:
    """Check 9 for runs of uses: the last step is made again, in its seven stages."""
    one = window(server=shop)
    for kind in small_uses.MAKERS:
        one.show(f"{kind}.run", "iteration", d="numbers")
        one.page.get_by_role("button", name="Make step").click()
        for stage in range(1, 8):
            one.page.locator(f'section[aria-label^="Stage {stage}:"]').wait_for()
            if stage == 1:
                one.page.locator("ul.batch .drawn > *").nth(1).wait_for()
            if stage < 7:
                one.page.get_by_role("button", name="Next", exact=True).click()
        assert one.page.locator("main [role=alert]").count() == 0, kind


def test_pictures(form: Callable[[str], Form], used: Path) -> None:
    """A file that is chosen is answered at once where nothing else is needed."""
    one = form("detect")
    path = used / "detect-data" / "pictures" / "03.png"
    one.choose(0, path)
    told = one.model.predict(path)[0]["boxes"]
    assert one.said().startswith(
        "Nothing is likely" if not told else "1 thing" if len(told) == 1 else f"{len(told)} things"
    )
    boxes = one.page.locator("main [aria-label='Its answer'] svg.boxes rect.found")
    assert boxes.count() == len(told)
    least = one.page.locator("main [aria-label='Its answer'] input[type=range]")
    least.evaluate(
        "one => { one.value = 0; one.dispatchEvent(new Event('input', {bubbles: true})) }"
    )
    assert boxes.count() >= len(told)
    least.evaluate(
        "one => { one.value = 1; one.dispatchEvent(new Event('input', {bubbles: true})) }"
    )
    assert boxes.count() == 0

    one = form("verify")
    people = sorted((used / "verify-data").glob("*/*/"))
    first, other = sorted(people[0].iterdir())[0], sorted(people[1].iterdir())[0]
    one.choose(0, first, other)
    (line,) = one.model.predict([str(first), str(other)])
    assert f"{line['probability']:.1%}" in one.said()


def test_rows(form: Callable[[str], Form]) -> None:
    one = form("anomaly")
    row = {"a": "1", "b": "1", "c": "-2", "town": "Aa"}
    for name, value in row.items():
        one.fill(name, value)
    (line,) = one.model.predict({"a": 1.0, "b": 1.0, "c": -2.0, "town": "Aa"})
    expected = "an anomaly" if line["answer"] == "anomaly" else "normal"
    assert one.ask().startswith(f"This example is {expected}")

    one = form("map")
    one.page.get_by_role("button", name="Take the watched example").click()
    assert one.page.get_by_label("a", exact=True).input_value() != ""
    one.ask()
    assert one.page.locator("main [aria-label='Its answer'] svg.points circle.yours").count() == 1


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_forms_for_everyone(window: Open, used: Path, shop: Any, width: int, dark: bool) -> None:
    """Check 17 and 18 for the forms: nothing for axe to find, nothing wider than the page."""
    one = window(width, dark=dark, server=shop)
    for kind in small_uses.MAKERS:
        form = Form(one, used, kind)
        if kind in ("forecast", "recommend"):
            form.ask()
        assert one.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), kind
        if AXE.is_file():
            one.page.evaluate(AXE.read_text(encoding="utf-8"))
            found = one.page.evaluate("axe.run(document.querySelector('main:not(#content)'))")
            assert [hit["id"] for hit in found["violations"]] == [], json.dumps(
                [
                    [hit["id"], [node["html"] for node in hit["nodes"]][:3]]
                    for hit in found["violations"]
                ]
            )
