"""Talk with a language model: `pellucid chat RUN`, at the keyboard, piped, or one prompt.

At the keyboard, Ctrl-C stops an answer that is being written and gives the prompt back; at the
prompt it ends the talk as it ends every verb (exit code 130). Ctrl-D at the prompt ends it too (0).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pellucid.errors import ConfigError

if TYPE_CHECKING:
    from pellucid.data.readers.texts import Turn
    from pellucid.uses.generate.answerer import LanguageModel
    from pellucid.uses.generate.sampling import Manner

ASKING = "you> "
ANEW = "/new"


def chat(run: str, prompt: str | None, manner: Manner, *, as_json: bool) -> None:
    """One answer to `prompt`; without it, an answer to each line that is typed or piped in.

    Raises:
        ConfigError: The run is no language model.
    """
    model = language_model(run)
    if prompt is not None:
        asked = _whole(prompt)
        _answer(model, _alone(model, asked), asked, manner, as_json=as_json)
        return
    typed = sys.stdin.isatty()
    if typed and not as_json:
        print(_welcome(model), file=sys.stderr)
    _talk(model, _lines(), manner, as_json=as_json, stoppable=typed)


def language_model(run: str) -> LanguageModel:
    """The model of a run about texts."""
    from pellucid.uses.answerers import load_answerer, use_of
    from pellucid.uses.generate.answerer import LanguageModel

    if use_of(run) == LanguageModel.kind:
        model = load_answerer(run)
        assert isinstance(model, LanguageModel)
        return model
    if use_of(run) is None:
        from pellucid.export.bundle import Bundle

        Bundle.load_from(run)  # says so if there is no model at all
    raise ConfigError(
        "this run is no language model, so nobody answers",
        where=run,
        fix="learn one first: pellucid learn TEXTS --task generate",
    )


def _talk(
    model: LanguageModel,
    lines: Iterable[str],
    manner: Manner,
    *,
    as_json: bool,
    stoppable: bool,
) -> None:
    """Answer line after line; what was said before counts, until a line says `/new`. Of an answer
    that was stopped, what was written of it; if that is nothing, the question was never asked."""
    from dataclasses import replace

    turns: tuple[Turn, ...] = ()
    for number, line in enumerate(lines):
        if line.strip() == ANEW:
            turns = ()
            continue
        turns = (*turns, *_alone(model, line)) if model.dialogues else _alone(model, line)
        own = replace(manner, seed=manner.seed + number)
        said = _answer(model, turns, line, own, as_json=as_json, stoppable=stoppable)
        turns = (*turns, _said(said)) if said else turns[:-1]


def _alone(model: LanguageModel, prompt: str) -> tuple[Turn, ...]:
    from pellucid.data.readers.texts import TEXT_ROLE, Turn

    return (Turn("user" if model.dialogues else TEXT_ROLE, prompt),)


def _said(text: str) -> Turn:
    from pellucid.data.readers.texts import Turn

    return Turn("assistant", text)


def _answer(
    model: LanguageModel,
    turns: tuple[Turn, ...],
    prompt: str,
    manner: Manner,
    *,
    as_json: bool,
    stoppable: bool = False,
) -> str:
    """Say an answer as it is written; as much of it as was written.

    stoppable: Whether Ctrl-C ends only the answer.
    """
    told: list[str] = []
    stopped = False
    try:
        if not as_json and not model.dialogues:
            print(prompt, end="", flush=True)
        for piece in model.answer(turns, manner):
            told.append(piece)
            if not as_json:
                print(piece, end="", flush=True)
    except KeyboardInterrupt:
        if not stoppable:
            raise
        stopped = True
    said = "".join(told)
    if as_json:
        line = {"prompt": prompt, "answer": said} | ({"stopped": True} if stopped else {})
        print(json.dumps(line, ensure_ascii=False), flush=True)
    else:
        print(flush=True)
    return said


def _lines() -> Iterator[str]:
    """Lines that are not empty, until the input ends."""
    waiting = sys.stdin.isatty()
    while True:
        try:
            if waiting:
                print(ASKING, end="", file=sys.stderr, flush=True)
            line = sys.stdin.readline()
        except KeyboardInterrupt:
            if waiting:
                print(file=sys.stderr)  # what is said about it begins a line
            raise
        if not line:
            if waiting:
                print(file=sys.stderr)  # the next prompt of the shell begins a line
            return
        if line.strip():
            yield _whole(line.rstrip("\n"))


def _whole(text: str) -> str:
    """Without what is no text: bytes that are no UTF-8 arrive as halves of letters."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _welcome(model: LanguageModel) -> str:
    what = "answers" if model.dialogues else "goes on with what you type"
    return (
        f"It {what}. {ANEW} begins anew, Ctrl-C stops an answer, Ctrl-D ends. It knows only what"
        " it learned from: a small model invents what it does not know."
    )
