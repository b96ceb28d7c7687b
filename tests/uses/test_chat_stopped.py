"""Ctrl-C in a chat: it stops the answer that is being written, and at the prompt the talk."""

from __future__ import annotations

import io
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest

from pellucid.config import Size
from pellucid.interfaces.chat import _talk, language_model
from pellucid.interfaces.cli import main
from pellucid.network.decoder import Decoder
from pellucid.uses.answerers import write_bundle
from pellucid.uses.generate.answerer import LanguageModel
from pellucid.uses.generate.sampling import Manner
from pellucid.uses.generate.tokens import Tokens

ENDLESS = 10**9
SAID = "!!!!!"
ETERNITY = 120.0
"""Seconds after which a process is taken for stuck."""
AGAIN = 2.0
"""Seconds without a sign after which a key is pressed again."""
TERMINAL = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # its keys are meant for this process from now on
from pellucid.interfaces.cli import main
sys.exit(main(sys.argv[1:]))
"""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo terminals")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that finds all tokens equally likely, so that asked for the likeliest it says the
    first one again and again, and comes to the sign that ends an answer after years."""
    folder = tmp_path_factory.mktemp("chat")
    tokens = Tokens.learn(["a"], 260)
    model = Decoder(tokens.size, Size(32, 1), 64)
    write_bundle(folder / "model", LanguageModel(model, tokens, 64, dialogues=True))
    return folder


class Keyboard:
    """`pellucid chat` at a terminal of its own."""

    def __init__(self, run: Path) -> None:
        self.ours, theirs = os.openpty()
        words = ["chat", str(run), "--temperature", "0", "--tokens", str(ENDLESS)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", TERMINAL, *words],
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self.seen = ""

    def until(self, text: str) -> None:
        """Read on until these words come."""
        end = time.monotonic() + ETERNITY
        self.seen = ""
        while text not in self.seen:
            ready, _, _ = select.select([self.ours], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"no {text!r} in {self.seen!r}"
            self.seen += os.read(self.ours, 4096).decode("utf-8", "replace")

    def press(self, keys: bytes) -> None:
        os.write(self.ours, keys)

    def ended(self, again: bytes = b"") -> int:
        """Its exit code; `seen` is what it said until then.

        again: Keys that are pressed once more while nothing happens. A Ctrl-C in the instant
        between the prompt and the wait for a key goes unheard in Python: one presses it again.
        """
        end = time.monotonic() + ETERNITY
        self.seen = ""
        while time.monotonic() < end:
            ready, _, _ = select.select([self.ours], [], [], AGAIN)
            try:
                piece = os.read(self.ours, 4096) if ready else None
            except OSError:  # how Linux says that nobody is at the other end
                break
            if piece == b"":
                break
            if piece is None:
                if "interrupted" not in self.seen:  # then it has heard, and is about to end
                    self.press(again)
            else:
                self.seen += piece.decode("utf-8", "replace")
        return self.process.wait(ETERNITY)


@pytest.fixture
def keyboard(run: Path) -> Iterator[Keyboard]:
    one = Keyboard(run)
    yield one
    one.process.kill()
    one.process.wait()
    os.close(one.ours)


def test_ctrl_c_stops_an_answer_and_ctrl_d_the_talk(keyboard: Keyboard) -> None:
    keyboard.until("you> ")
    for question in (b"hello\n", b"again\n"):
        keyboard.press(question)
        keyboard.until(SAID)
        keyboard.press(b"\x03")
        keyboard.until("\nyou> ")
    keyboard.press(b"\x04")
    assert keyboard.ended() == 0
    assert "interrupted" not in keyboard.seen


def test_ctrl_c_at_the_prompt_ends_the_talk(keyboard: Keyboard) -> None:
    keyboard.until("you> ")
    keyboard.press(b"\x03")
    assert keyboard.ended(again=b"\x03") == 130
    assert keyboard.seen.endswith("\ninterrupted\r\n")


@pytest.fixture
def interrupt_soon() -> Iterator[Callable[[], None]]:
    """Does what Ctrl-C does, a moment after it is called."""

    def press(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, press)

    def soon() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.3)

    yield soon
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_what_was_stopped_is_told_in_json(
    run: Path, capsys: pytest.CaptureFixture[str], interrupt_soon: Callable[[], None]
) -> None:
    manner, model = Manner(tokens=ENDLESS, temperature=0), language_model(str(run))
    interrupt_soon()
    _talk(model, ["hello"], manner, as_json=True, stoppable=True)
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert told == {"prompt": "hello", "answer": told["answer"], "stopped": True}


def test_ctrl_c_ends_a_single_answer_and_a_piped_talk(
    run: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    interrupt_soon: Callable[[], None],
) -> None:
    options = ["--temperature", "0", "--tokens", str(ENDLESS)]
    interrupt_soon()
    assert main(["chat", str(run), "--prompt", "hello", *options]) == 130
    monkeypatch.setattr("sys.stdin", io.StringIO("hello\nagain\n"))
    interrupt_soon()
    assert main(["chat", str(run), *options]) == 130
    assert capsys.readouterr().err.splitlines() == ["interrupted"] * 2
