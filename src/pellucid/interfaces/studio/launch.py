"""`pellucid studio`: from a folder of runs to a page in the browser."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING
from urllib.parse import quote

from pellucid.errors import ConfigError, require
from pellucid.recording.layout import is_run

if TYPE_CHECKING:
    from pellucid.interfaces.studio.runs import Shelf
    from pellucid.interfaces.studio.server import Studio

PORT = 8710
"""The first one tried where none is named."""
PAGE_SOURCES = (".ts", ".svelte", ".css", ".html", ".json")
OLD_PAGE = "the page is older than its sources: cd studio && npm ci && npm run build"
ADDRESS = "127.0.0.1"
LAST_WORDS = 3
"""Seconds that answers under way have when the studio is closed."""


def open_studio(
    paths: Sequence[str], *, port: int | None, browser: bool, attached: bool = False
) -> int:
    """Serve until Ctrl-C; returns the exit code.

    Args:
        paths: Runs to show, or a folder of runs; by default those in the current folder.
        port: By default 8710, or any free one if that is taken.
        browser: Open the page in the user's browser.
        attached: Serve until standard input ends: until whoever started the studio does.

    Raises:
        ConfigError: A path leads to no run, or the port is taken.
        MissingExtra: The server's packages are not installed.
    """
    check_installed()
    from pellucid.interfaces.studio.server import Studio

    shelf = shelf_of([Path(path) for path in paths])
    listening = bind(port)
    number = listening.getsockname()[1]
    hosts = (f"{ADDRESS}:{number}", f"localhost:{number}")
    studio = Studio(shelf, secrets.token_urlsafe(24), hosts, cookie=f"pellucid_{number}")
    address = f"http://{hosts[0]}{first_page(shelf)}?token={studio.token}"
    print(f"studio   {address}", flush=True)
    if old_page():
        print(f"         {OLD_PAGE}", file=sys.stderr, flush=True)
    if not attached:
        print("         Ctrl-C closes it; runs go on without it", file=sys.stderr, flush=True)
    if browser and has_screen():
        threading.Thread(target=_show, args=(address,), daemon=True).start()
    _serve(studio, listening, attached=attached)
    return 0


def old_page(package: Path = Path(__file__).parents[2]) -> bool:
    """Whether this is a checkout whose page was built before its sources were last changed."""
    sources = package.parents[1] / "studio"
    page = package / "interfaces" / "studio" / "page" / "index.html"
    if not (sources / "package-lock.json").is_file() or not page.is_file():
        return False
    built = page.stat().st_mtime
    for folder, names, files in os.walk(sources):
        names[:] = [name for name in names if name not in ("node_modules", "tests")]
        changed = (Path(folder, name) for name in files if name.endswith(PAGE_SOURCES))
        if any(path.stat().st_mtime > built for path in changed):
            return True
    return False


def check_installed() -> None:
    """MissingExtra where a package of the server is not there."""
    for module in ("starlette", "uvicorn", "python_multipart"):
        require(module, extra="studio", purpose="the studio")


class Beside:
    """A studio in a process of its own that shows a run while this process learns.

    Use as a context manager: when it ends, the studio does.

    Args:
        wanted: Otherwise nothing happens.

    Raises:
        MissingExtra: It is wanted and its packages are not installed.
    """

    def __init__(self, *, wanted: bool) -> None:
        if wanted:
            check_installed()
        self.wanted = wanted
        self._process: subprocess.Popen[bytes] | None = None

    def open(self, run: Path) -> None:
        """Show this run; the address is printed on standard error."""
        if not self.wanted:
            return
        command = [sys.executable, "-m", "pellucid", "studio", str(run), "--attached"]
        # In a session of its own, so that the Ctrl-C that ends learning is not meant for it.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=sys.stderr.fileno(), start_new_session=True
        )

    def stay(self) -> None:
        """Wait until the user has seen enough."""
        if self._process is None or self._process.poll() is not None:
            return
        with suppress(KeyboardInterrupt):
            print("the studio stays open; Ctrl-C closes it", file=sys.stderr, flush=True)
            self._process.wait()

    def __enter__(self) -> Beside:
        return self

    def __exit__(self, *problem: object) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()


def shelf_of(paths: Sequence[Path]) -> Shelf:
    """The runs to show: those named, or those of a folder."""
    from pellucid.interfaces.studio.runs import Shelf
    from pellucid.recording.run import Run

    runs = [path for path in paths if is_run(path) or not path.is_dir()]
    for path in runs:
        Run(path)  # says what is wrong with it
    folders = [path for path in paths if path not in runs]
    if len(folders) > 1:
        raise ConfigError(
            f"{len(folders)} folders of runs are given, and one can be shown",
            where=" ".join(map(str, folders)),
            fix=f"pellucid studio {folders[0]}",
        )
    return Shelf((folders[0] if folders else Path.cwd()).absolute(), tuple(runs))


def first_page(shelf: Shelf) -> str:
    """The run that was named, or the list of all."""
    if len(shelf.named) != 1:
        return "/"
    return f"/r/{quote(str(shelf.name_of(shelf.named[0])), safe='')}"


def bind(port: int | None) -> socket.socket:
    """A socket that only programs of this machine reach."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if os.name != "nt":  # on Windows this would let two programs share a port
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((ADDRESS, PORT if port is None else port))
    except (OSError, OverflowError) as error:
        if port is None:
            listening.bind((ADDRESS, 0))
        else:
            listening.close()
            raise ConfigError(
                f"the studio can't use port {port}: {getattr(error, 'strerror', error)}",
                where=f"--port {port}",
                fix="choose another port, or leave --port out",
            ) from error
    listening.listen()  # whoever opens the address at once waits instead of being turned away
    return listening


def has_screen() -> bool:
    """Whether a browser with windows can be opened; in a bare terminal a text browser would take
    the terminal over."""
    return sys.platform in ("win32", "darwin") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )


def _show(address: str) -> None:
    import webbrowser

    webbrowser.open(address)


def _serve(studio: Studio, listening: socket.socket, *, attached: bool) -> None:
    import uvicorn

    from pellucid.interfaces.studio.server import app

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            studio.closing.set()  # streams end by themselves, so nothing has to be cut off
            super().handle_exit(sig, frame)

        def close_with_input(self) -> None:
            sys.stdin.buffer.read()
            studio.closing.set()
            self.should_exit = True

    config = uvicorn.Config(
        app(studio),
        log_level="error",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=LAST_WORDS,
    )
    server = Server(config)
    if attached:
        threading.Thread(target=server.close_with_input, daemon=True).start()
    with closing(listening), suppress(KeyboardInterrupt):  # that is how it is closed
        server.run(sockets=[listening])
