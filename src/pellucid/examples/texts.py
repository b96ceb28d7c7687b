"""Paragraphs of real documentation: the docstrings of packages that are installed anyway.

Read from source files, never by importing. Which paragraphs there are depends on the installed
versions, so figures on this example are for looking, not for comparing between machines.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import random
import re
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

PROJECTS = ("python", "numpy", "scipy", "scikit-learn")
EACH = 500


def write(folder: Path, each: int = EACH) -> Path:
    """`texts/numpy/0001.txt`: the first paragraph of a docstring, 8 to 120 words."""
    source = folder / "texts"
    taken: set[str] = set()
    for project in PROJECTS:
        (source / project).mkdir(parents=True)
        count = 0
        for text in _paragraphs(project):
            if text in taken:
                continue
            taken.add(text)
            (source / project / f"{count:04d}.txt").write_text(text + "\n", "utf-8")
            count += 1
            if count == each:
                break
    return source


def _paragraphs(project: str) -> Iterator[str]:
    """First paragraphs in a fixed, shuffled order of the project's files."""
    files = _files(project)
    random.Random(project).shuffle(files)
    for file in files:
        for docstring in _docstrings(file):
            text = " ".join(docstring.split("\n\n")[0].split())
            if 8 <= len(re.findall(r"\w+", text)) <= 120:
                yield text


def _docstrings(file: Path) -> Iterator[str]:
    """Of the module, its classes, functions and methods, from top to bottom."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the parser's remarks on other people's source
        waiting: list[ast.stmt | ast.Module] = [ast.parse(file.read_bytes())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            docstring = ast.get_docstring(node)
            if docstring:
                yield docstring
        if isinstance(node, ast.Module | ast.ClassDef):
            waiting.extend(reversed(node.body))


def _files(project: str) -> list[Path]:
    """The project's source files without its tests, in the order of their names."""
    if project == "python":
        folder = Path(sysconfig.get_path("stdlib"))
        left_out = {"site-packages", "dist-packages", "idlelib", "test", "tests"}
    else:
        module = "sklearn" if project == "scikit-learn" else project
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None:
            raise ImportError(f"{module} is a required package and not installed")
        folder = Path(spec.origin).parent
        left_out = {"test", "tests", "_vendored", "externals"}
    return sorted(_sources(folder, left_out))


def _sources(folder: Path, left_out: set[str]) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in left_out]
        yield from (Path(place, name) for name in files if name.endswith(".py"))
