"""A real studio, real runs and a real browser. Chromium is taken from the machine
(PELLUCID_CHROMIUM names another one); where it, Playwright or the built page is missing, these
tests are left out, unless PELLUCID_BROWSER=required says that they must not be."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
import pytest
from tiny import MAKERS

import pellucid
from pellucid.config import ACROSS, Plan, Size

PAGE = Path(pellucid.__file__).parent / "interfaces" / "studio" / "page" / "index.html"
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
SLOW = float(os.environ.get("PELLUCID_SLOW_BROWSER", 1))
"""How many times as slow the pages are as this machine: what a test does not wait for shows itself
at 6 or more."""
WAIT = 90_000
"""ms: a busy machine is slow, and nothing here asserts a speed in seconds."""
KINDS = ("image", "text", "audio", "series", "table", "numbers", "mixed")


def chromium() -> str | None:
    named = os.environ.get("PELLUCID_CHROMIUM")
    found = [named, *map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))]
    return next((path for path in found if path), None)


def missing() -> str:
    """What these tests lack; '' if nothing."""
    if chromium() is None:
        return "no Chromium on this machine"
    if not PAGE.is_file():
        return "the studio's page is not built: cd studio && npm ci && npm run build"
    try:
        import playwright  # noqa: F401
    except ImportError:
        return "Playwright is not installed"
    return ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    lacking = missing()
    if not lacking:
        return
    if os.environ.get("PELLUCID_BROWSER") == "required":
        raise pytest.UsageError(lacking)
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=lacking))


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one small run of each kind, `image.run`, `text.run` and so on."""
    home = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_CACHE", str(home / ".cache"))
        for kind in KINDS:
            folder = tmp_path_factory.mktemp(kind)
            source, _, target = MAKERS[kind](folder)
            pellucid.learn(
                source,
                target,
                out=home / f"{kind}.run",
                time=3,
                quiet=True,
                pretrained=False,
                report=False,
            )
    return home


PLAN = Plan(
    steps=320, batch=20, evaluate_every=8, rate=0.01, weight_decay=0.0,
    network={ACROSS: "mlp"}, sizes={ACROSS: Size(48, 2)}, numbers="plain",
)  # fmt: skip
"""The same steps on every machine: nothing is thrown away at random, nothing is bagged."""


@pytest.fixture(scope="session")
def planned(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same folder with more runs of `PLAN`: `separable.run`, whose two kinds lie on two sides
    of a straight line; `heart.run`, whose three kinds can only be learned by heart; `two.run`,
    which answers with two numbers; `many.run`, which is long."""
    folder = tmp_path_factory.mktemp("planned")
    rng = np.random.default_rng(0)
    for name, rows in (("separable", 300), ("heart", 180), ("two", 300), ("many", 200)):
        x = rng.normal(size=(rows, 8)).round(3)
        x[:, 0] += 1.5 * np.sign(x[:, 0] + x[:, 1])  # a gap between the two sides
        # One run is long, and its network so small that nearly every look at it is affordable.
        plan = replace(PLAN, steps=620, sizes={ACROSS: Size(16, 2)}) if name == "many" else PLAN
        (folder / "run.json").write_text(json.dumps({"schema": 1, "plan": plan.as_json()}))
        said, target = np.where(x[:, 0] + x[:, 1] > 0, "above", "below"), "kind"
        if name == "heart":
            said = rng.choice(["ash", "elm", "oak"], rows)
        if name == "two":
            target, sums = "more,less", x[:, 0] + 0.3 * rng.normal(size=rows)
            said = np.array([f"{one:.3f},{-2 * one:.3f}" for one in sums])
        lines = [",".join([*map(str, row), one]) for row, one in zip(x, said, strict=True)]
        source = folder / f"{name}.csv"
        source.write_text(f"a,b,c,d,e,f,g,h,{target}\n" + "\n".join(lines) + "\n")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PELLUCID_CACHE", str(runs / ".cache"))
            pellucid.learn(
                source, target, out=runs / f"{name}.run", time=20, plan=folder, quiet=True,
                report=False,
            )  # fmt: skip
    return runs


@dataclass
class Server:
    """A studio that runs as a process of its own. address: with its key."""

    process: subprocess.Popen[str]
    address: str

    @property
    def origin(self) -> str:
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}"


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[..., Server]]:
    """`serve(folder)`: start a studio; all are closed at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: object) -> Server:
        command = [sys.executable, "-m", "pellucid", "studio", "--no-browser", "--port", "0"]
        process = subprocess.Popen(
            [*command, *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("studio "), line
        return Server(process, line.split()[1])

    yield start
    for process in started:
        process.terminate()
    for process in started:
        with process:  # closes its pipe, and waits
            pass


@pytest.fixture(scope="session")
def studio(runs: Path, serve: Callable[..., Server]) -> Server:
    return serve(runs)


STILL = """async () => {
  // A picture may be drawn again once its place has got its size, or what lies behind it is
  // decoded: wait for five equal moments.
  const canvases = () => [...document.querySelectorAll("main:not(#content) canvas")];
  const moment = () => canvases().map(one => one.toDataURL()).join();
  for (let before = null, equal = 0; equal < 5; ) {
    await new Promise(done => requestAnimationFrame(() => setTimeout(done, 60)));
    const now = moment();
    equal = now === before ? equal + 1 : 0;
    before = now;
  }
}"""


@dataclass
class Window:
    """A page of the browser, and everything that went wrong or out in it."""

    page: Any
    server: Server | None
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def show(self, run: str, place: str = "prediction", **view: object) -> None:
        """Go to a view of the studio and wait until its pictures are there."""
        query = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in view.items())
        hash = f"#/{quote(run, safe='')}/{place}" + (f"?{query}" if query else "")
        self.page.evaluate("hash => { location.hash = hash }", hash)
        self.settled()

    def settled(self) -> None:
        """Wait until what is shown belongs to the step of the time bar."""
        self.page.wait_for_function(
            """() => {
              const bar = document.querySelector("section.bar input[type=range]");
              const main = document.querySelector("main:not(#content)");
              if (!bar || !main || !main.querySelector("h1")) return false;
              if ([...main.querySelectorAll("p")].some(one => one.innerText === "…")) return false;
              const shown = [...main.querySelectorAll("[data-step]")];
              return shown.every(one => one.dataset.step === bar.dataset.step
                || one.dataset.source === "recomputed" || one.closest("[data-every-step]"));
            }""",
            timeout=WAIT,
        )
        self.page.evaluate(
            "() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))"
        )

    def to_step(self, place: int) -> None:
        """Move the time bar to its recorded step number `place`."""
        self.page.evaluate(
            """place => {
              const bar = document.querySelector("section.bar input[type=range]");
              bar.value = place;
              bar.dispatchEvent(new Event("input", { bubbles: true }));
            }""",
            place,
        )
        self.settled()

    def values_at(self, step: int) -> list[float]:
        """The numbers shown of one step; waits for the first."""
        shown = f'main:not(#content) [data-value][data-step="{step}"]'
        self.page.locator(shown).first.wait_for(state="attached")
        return [float(value) for at, value in self.values() if at == str(step)]

    def values(self) -> list[tuple[str, str]]:
        """(step, value) of all numbers shown in the main part."""
        # In one go: of elements that were found first and then read, some may have left the page.
        found: list[list[str]] = self.page.evaluate(
            """() => [...document.querySelectorAll("main:not(#content) [data-value]")]
              .map(one => [one.dataset.step ?? "", one.dataset.value])"""
        )
        return [(step, value) for step, value in found]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    microphone = [
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={write_tone(tmp_path_factory.mktemp('microphone'))}",
    ]
    with sync_playwright() as play:
        launched = play.chromium.launch(executable_path=chromium(), args=[*FLAGS, *microphone])
        yield launched
        launched.close()


def write_tone(folder: Path) -> Path:
    """What the browser takes for its microphone: three seconds of a low tone."""
    time = np.arange(3 * 48_000) / 48_000
    samples = (10_000 * np.sin(2 * np.pi * 300 * time)).astype("<i2")
    with wave.open(str(folder / "tone.wav"), "wb") as file:
        file.setparams((1, 2, 48_000, len(samples), "NONE", ""))
        file.writeframes(samples.tobytes())
    return folder / "tone.wav"


@pytest.fixture
def window(browser: Any, studio: Server) -> Iterator[Callable[..., Window]]:
    """`window(width=390, dark=True)`: a page of the studio; it must end without any error."""
    opened: list[tuple[Any, Window]] = []

    def open_one(
        width: int = 1280,
        *,
        dark: bool = False,
        server: Server | None = studio,
        address: str | None = None,
        **more: Any,
    ) -> Window:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            **more,
        )
        page = context.new_page()
        page.set_default_timeout(WAIT)
        if SLOW > 1:
            slow = {"offline": False, "latency": 30 * SLOW, "downloadThroughput": -1}
            debugger = context.new_cdp_session(page)
            debugger.send("Emulation.setCPUThrottlingRate", {"rate": SLOW})
            debugger.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": -1})
        one = Window(page, server)
        page.on("pageerror", lambda error: one.errors.append(str(error)))
        page.on("console", lambda said: said.type == "error" and one.errors.append(said.text))
        page.on("request", lambda request: one.requests.append(request.url))
        opened.append((context, one))
        page.goto(address or (server.address if server else "about:blank"))
        return one

    yield open_one
    for context, one in opened:
        context.close()
        assert one.errors == []
