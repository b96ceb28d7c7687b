"""`pellucid studio` and `learn --watch` as a user starts and ends them."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from studio_runs import write_flowers

from pellucid.errors import BundleError, ConfigError
from pellucid.interfaces.studio.launch import bind, first_page, shelf_of
from pellucid.recording.recorder import update_run

PATIENCE = 120.0


class Opened:
    """A studio in a process, and a browser that does what it was told."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process, self.address = process, urlsplit(address)
        self.connections: list[http.client.HTTPConnection] = []
        answer = self.get(f"{self.address.path}?{self.address.query}")
        assert answer.status == 303
        self.cookie = str(answer.getheader("set-cookie")).partition(";")[0]
        self.first_page = answer.getheader("location")

    def get(self, path: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(self.address.netloc, timeout=PATIENCE)
        self.connections.append(connection)
        connection.request("GET", path, headers={"Cookie": getattr(self, "cookie", "")})
        return connection.getresponse()


@contextmanager
def started(*words: str, cwd: Path, first: str = "stdout") -> Iterator[Opened]:
    """A process that opens a studio; it is killed if a test leaves it running."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    process = subprocess.Popen(
        [sys.executable, "-m", "pellucid", *words],
        cwd=cwd,
        env=environment,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    stream = process.stdout if first == "stdout" else process.stderr
    assert stream is not None
    opened = None
    with process:
        try:
            for line in stream:
                if found := re.search(r"studio +(http://\S+)", line):
                    opened = Opened(process, found[1])
                    yield opened
                    return
            raise AssertionError("there was no address of a studio")
        finally:
            for connection in opened.connections if opened else []:
                connection.close()
            process.kill()


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C can't be sent to one process on Windows")
def test_from_the_command_to_ctrl_c(tmp_path: Path) -> None:
    name = "50%25 <b> a+b é.run"  # the first %25 is part of the name
    update_run(tmp_path / name, {"status": "done"})
    with started("studio", "--port", "0", cwd=tmp_path) as studio:
        assert studio.address.hostname == "127.0.0.1"
        assert studio.first_page == "/"
        home = json.loads(studio.get("/api/home").read())
        assert [line["run"] for line in home["runs"]] == [name]
        run = f"/api/runs/{quote(name, safe='')}"
        assert json.loads(studio.get(f"{run}/manifest").read())["run"] == name
        live = studio.get(f"{run}/live")
        assert live.getheader("content-type") == "text/event-stream; charset=utf-8"
        assert live.readline() == b"event: status\n"
        # A page is still listening: it is told, and nothing is cut off.
        studio.process.send_signal(signal.SIGINT)
        rest = live.read().decode()
        assert rest.endswith('event: bye\ndata: {"why": "the studio was closed"}\n\n')
        out, err = studio.process.communicate(timeout=PATIENCE)
        assert studio.process.returncode == 0
        assert out == ""
        assert err == "         Ctrl-C closes it; runs go on without it\n"


def test_a_studio_that_was_started_by_a_program_ends_with_it(tmp_path: Path) -> None:
    update_run(tmp_path / "a b.run", {"status": "done"})
    words = ("studio", "a b.run", "--attached", "--no-browser", "--port", "0")
    with started(*words, cwd=tmp_path) as studio:
        assert studio.first_page == "/r/a%20b.run"
        assert studio.get(studio.first_page).status == 200
        assert studio.process.stdin is not None
        studio.process.stdin.close()
        assert studio.process.wait(timeout=PATIENCE) == 0
        assert studio.process.stderr is not None
        assert studio.process.stderr.read() == ""


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C can't be sent to one process on Windows")
def test_learning_with_a_studio_beside_it(tmp_path: Path) -> None:
    write_flowers(tmp_path / "flowers.csv", rows=120)
    words = ("learn", "flowers.csv", "--target", "kind", "--time", "3s", "--watch", "--json")
    with started(*words, cwd=tmp_path, first="stderr") as studio:
        assert studio.first_page == "/r/flowers.run"
        manifest = json.loads(studio.get("/api/runs/flowers.run/manifest").read())
        assert manifest["status"] in ("learning", "done")
        process = studio.process
        assert process.stderr is not None
        assert process.stdout is not None
        for line in process.stderr:
            if line.startswith("the studio stays open"):
                break
        assert json.loads(process.stdout.readline())["status"] == "done"
        assert studio.get("/api/runs/flowers.run/results/summary").status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=PATIENCE) == 0
        assert "Traceback" not in process.stderr.read()
        with pytest.raises(ConnectionRefusedError):
            studio.get("/api/home")


# --- which runs, which port ---------------------------------------------------------------------


def test_runs_and_folders_of_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("here.run", "there/a.run", "there/b é.run"):
        update_run(tmp_path / name, {"status": "done"})
    shelf = shelf_of([])
    assert shelf.folder == tmp_path
    assert list(shelf.folders()) == ["here.run"]
    assert first_page(shelf) == "/"
    shelf = shelf_of([Path("there")])
    assert list(shelf.folders()) == ["a.run", "b é.run"]
    assert first_page(shelf) == "/"
    shelf = shelf_of([Path("there/b é.run")])
    assert list(shelf.folders()) == ["b é.run", "here.run"]
    assert first_page(shelf) == "/r/b%20%C3%A9.run"
    shelf = shelf_of([Path("here.run"), Path("there/a.run")])
    assert list(shelf.folders()) == ["here.run", "a.run"]
    assert first_page(shelf) == "/"


def test_what_is_no_run(tmp_path: Path) -> None:
    update_run(tmp_path / "flowers.run", {"status": "done"})
    with pytest.raises(ConfigError, match=r"flower\.run' does not exist") as error:
        shelf_of([tmp_path / "flower.run"])
    assert error.value.fix == "did you mean 'flowers.run'?"
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(ConfigError, match="is not a run"):
        shelf_of([tmp_path / "file.txt"])
    with pytest.raises(ConfigError, match="2 folders of runs are given"):
        shelf_of([tmp_path, tmp_path])
    (tmp_path / "flowers.run" / "run.json").write_text("{")
    with pytest.raises(BundleError, match="damaged"):
        shelf_of([tmp_path / "flowers.run"])


def test_a_port_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"can't use port {taken}") as error:
            bind(taken)
        assert error.value.where == f"--port {taken}"
        monkeypatch.setattr("pellucid.interfaces.studio.launch.PORT", taken)
        with bind(None) as found:
            assert found.getsockname()[1] not in (0, taken)
            assert found.getsockname()[0] == "127.0.0.1"
    for impossible in (-1, 65_536):
        with pytest.raises(ConfigError, match="can't use port"):
            bind(impossible)
