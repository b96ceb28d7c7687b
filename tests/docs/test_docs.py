"""What the pages and the error texts tell people to type exists."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from pellucid.examples import EXAMPLES
from pellucid.interfaces.cli import parser

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def verbs() -> dict[str, argparse.ArgumentParser]:
    (action,) = (
        action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)
    )
    return dict(action.choices)


def options(verb: argparse.ArgumentParser) -> set[str]:
    return {name for action in verb._actions for name in action.option_strings}


def commands(page: Path) -> Iterator[tuple[int, list[str]]]:
    """(line number, words) of each `pellucid ...` in a fenced block or in `backticks`."""
    fenced = False
    for number, line in enumerate(page.read_text("utf-8").splitlines(), start=1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
            continue
        found = [line.lstrip(" $>")] if fenced else re.findall(r"`([^`]+)`", line)
        for text in found:
            text = text.removeprefix("python3 run.py ").removeprefix("python -m ")
            if re.match(r"pellucid [a-z]+", text):
                yield number, shlex.split(text.replace("·", ""), comments=True)[1:]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_on_a_page_exist(page: Path) -> None:
    known = verbs()
    for number, (verb, *words) in commands(page):
        where = f"{page.name} line {number}: pellucid {verb} {' '.join(words)}"
        assert verb in known, where
        for word in words:
            if OPTION.match(word.strip("[]")):
                assert word.strip("[]").partition("=")[0] in options(known[verb]), where
        if verb == "demo" and words and words[0].islower():
            assert words[0] in EXAMPLES, where


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_run_py_commands_on_a_page_exist(page: Path) -> None:
    known = set(re.findall(r"python3 run\.py(?: +([a-z]+))?", (ROOT / "run.py").read_text("utf-8")))
    for words in re.findall(r"`[^`\n]*python3 run\.py(?: +([a-z]+))?", page.read_text("utf-8")):
        assert words in known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8")):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_option_says_what_it_does() -> None:
    silent = {
        f"{name} {action.option_strings or action.metavar}"
        for name, verb in verbs().items()
        for action in verb._actions
        if action.option_strings and not action.help
    }
    assert silent == set()


def test_error_texts_name_options_that_exist() -> None:
    """Every `--option` in a string of the program is an option of some verb."""
    known = {option for verb in verbs().values() for option in options(verb)}
    known |= {"--version", "--upgrade", "--force-reinstall"}  # the last two are pip's
    known.add("--share")  # a CSS property in the report
    unknown = {
        f"{file.relative_to(ROOT)}: {option}"
        for file in sorted((ROOT / "src" / "pellucid").rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for option in OPTION.findall(node.value)
        if option not in known
    }
    assert unknown == set()
