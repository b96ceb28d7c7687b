from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pellucid.errors import ConfigError
from pellucid.recording import control
from pellucid.recording.control import FILE, Asked, Control, Paused, alive, ask, asked_of, learning


@pytest.fixture(autouse=True)
def _look_before_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "LOOK_SECONDS", 0)


class Person:
    """Does one thing after the other whenever the run pauses, and notes what it heard."""

    def __init__(self, folder: Path, *plans: str) -> None:
        self.folder, self.plans = folder, list(plans)
        self.heard: list[Paused] = []
        self.pauses = 0

    def told(self, status: Paused) -> None:
        self.heard.append(status)

    def before(self) -> None:
        """Called at the beginning of each pause."""
        self.pauses += 1
        if self.plans:
            ask(self.folder, self.plans.pop(0))

    def listener(
        self, *, stop: Callable[[], bool] = lambda: False, paused: bool = False
    ) -> Control:
        return Control(self.folder, self.told, stop, paused=paused)


def numbers(made: list[int], last: int = 10) -> Iterator[int]:
    for number in range(1, last + 1):
        made.append(number)
        yield number


def test_nobody_asks(tmp_path: Path) -> None:
    person = Person(tmp_path)
    assert list(person.listener().over(numbers([]))) == list(range(1, 11))
    assert person.heard == []


def test_a_pause_makes_no_step_until_it_ends(tmp_path: Path) -> None:
    person, made = Person(tmp_path, "go"), list[int]()
    listener = person.listener()
    for number in listener.over(numbers(made), person.before):
        assert made[-1] == number  # nothing is asked for ahead
        if number == 4:
            ask(tmp_path, "pause")
    assert made == list(range(1, 11))
    assert person.heard == ["paused", "learning"]
    assert not listener.stopped


def test_single_steps_are_counted(tmp_path: Path) -> None:
    person, at_pauses, made = Person(tmp_path, "step", "step", "go"), list[int](), list[int]()

    def before() -> None:
        at_pauses.append(len(made))
        person.before()

    assert len(list(person.listener(paused=True).over(numbers(made), before))) == 10
    assert at_pauses == [0, 1, 2]
    assert person.heard == ["paused", "learning"]


def test_two_steps_asked_for_at_once_are_two(tmp_path: Path) -> None:
    person, at_pauses, made = Person(tmp_path), list[int](), list[int]()

    def before() -> None:
        at_pauses.append(len(made))
        ask(tmp_path, "step")
        ask(tmp_path, "step" if len(at_pauses) == 1 else "go")

    list(person.listener(paused=True).over(numbers(made), before))
    assert at_pauses == [0, 2]


def test_a_pause_in_a_later_stretch_counts_its_own_steps(tmp_path: Path) -> None:
    """Steps that were asked for just before going on are not owed at the next pause."""
    person, made = Person(tmp_path, "go", "go"), list[int]()
    ask(tmp_path, "step")
    listener = person.listener(paused=True)
    pauses = []
    for number in listener.over(numbers(made), lambda: (pauses.append(len(made)), person.before())):
        if number == 2:
            ask(tmp_path, "step")
            ask(tmp_path, "go")
        if number == 5:
            ask(tmp_path, "pause")
    assert pauses == [0, 5]


@pytest.mark.parametrize("at", ["while it learns", "while it is paused"])
def test_a_stop_ends_the_steps(tmp_path: Path, at: str) -> None:
    person = Person(tmp_path, "stop")
    listener, made = person.listener(), list[int]()
    for number in listener.over(numbers(made), person.before):
        if number == 3:
            ask(tmp_path, "stop" if at == "while it learns" else "pause")
    assert made == [1, 2, 3]
    assert listener.stopped
    assert person.heard == ([] if at == "while it learns" else ["paused", "learning"])


def test_ctrl_c_ends_a_pause(tmp_path: Path) -> None:
    person, pressed = Person(tmp_path), list[bool]()
    listener = person.listener(stop=lambda: bool(pressed))
    for number in listener.over(numbers([]), lambda: pressed.append(True)):
        if number == 3:
            ask(tmp_path, "pause")
    assert listener.stopped


def test_one_step_is_made_at_least(tmp_path: Path) -> None:
    """A model without any step would be none."""
    made = list[int]()
    listener = Person(tmp_path).listener(stop=lambda: True)
    assert list(listener.over(numbers(made))) == [1]
    assert listener.stopped


def test_a_pause_after_the_last_step_ends_with_the_next_wish(tmp_path: Path) -> None:
    person = Person(tmp_path, "step")
    for number in person.listener().over(numbers([], last=3), person.before):
        if number == 3:
            ask(tmp_path, "pause")
    assert person.heard == ["paused", "learning"]


def test_pauses_take_no_time(tmp_path: Path) -> None:
    person = Person(tmp_path)
    listener = person.listener(paused=True)

    def before() -> None:
        ask(tmp_path, "go")

    for _ in listener.over(numbers([]), before):
        pass
    assert listener.paused_seconds > 0
    first = listener.clock()
    listener.paused_seconds += 100
    assert listener.clock() < first


def test_what_was_asked_of_an_earlier_process_is_forgotten(tmp_path: Path) -> None:
    ask(tmp_path, "stop")
    listener = Person(tmp_path).listener()
    assert not (tmp_path / FILE).exists()
    assert len(list(listener.over(numbers([])))) == 10


def test_wishes_add_up(tmp_path: Path) -> None:
    assert asked_of(tmp_path) == Asked()
    for do, expected in (
        ("pause", Asked(paused=True)),
        ("step", Asked(paused=True, steps=1)),
        ("step", Asked(paused=True, steps=2)),
        ("go", Asked(paused=False, steps=2)),
        ("stop", Asked(paused=False, steps=2, stop=True)),
    ):
        assert ask(tmp_path, do) == expected
        assert asked_of(tmp_path) == expected


def test_an_unknown_wish_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't 'pouse'") as error:
        ask(tmp_path, "pouse")
    assert error.value.fix == "did you mean 'pause'?"


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"paused": true}', '{"steps": "x"}'])
def test_a_damaged_wish_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    assert asked_of(tmp_path) == Asked()


def test_a_run_is_alive_while_it_learns(tmp_path: Path) -> None:
    assert not alive(tmp_path)
    with learning(tmp_path):
        assert alive(tmp_path)
        assert alive(tmp_path)  # asking changes nothing
    assert not alive(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_run_is_not_alive(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom pellucid.recording.control import learning\n"
        f"with learning(Path({str(tmp_path)!r})):\n    print('learning', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"learning"
        assert alive(tmp_path)
        process.kill()
        process.wait()
    assert not alive(tmp_path)
