"""Errors a person can act on: what happened, where, and how to fix it.

Everything that a user can mend is a `PellucidError`. It prints as three lines and leaves the
program with exit code 2; anything else that escapes is a bug of ours (exit code 1).
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType
from typing import Any, ClassVar


class PellucidError(Exception):
    """Something that the user can mend.

    Args:
        what: What is wrong, in one sentence with the real names and numbers.
        where: The file, row, column or option it is about.
        fix: What to do next: a command or a change that works.
    """

    code: ClassVar[str] = "error"

    def __init__(self, what: str, *, where: str, fix: str) -> None:
        super().__init__(what)
        self.what, self.where, self.fix = what, where, fix

    def __str__(self) -> str:
        return f"{self.what}\n  where: {self.where}\n  fix:   {self.fix}"

    def as_json(self) -> dict[str, str]:
        """The same three lines for machines."""
        return {"code": self.code, "what": self.what, "where": self.where, "fix": self.fix}


class DataError(PellucidError):
    """The data can't be read or learned from as it is."""

    code = "data"


class ConfigError(PellucidError):
    """An option or setting makes no sense, alone or with the others."""

    code = "config"


class LearningError(PellucidError):
    """Training could not go on."""

    code = "learning"


class BundleError(PellucidError):
    """A saved run or model can't be used."""

    code = "bundle"


class MissingExtra(PellucidError):
    """An optional package is needed and not installed."""

    code = "missing-extra"


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import an optional package, or say which command installs it.

    Heavy and optional packages are imported through this function, inside the one function that
    needs them, so that `import pellucid` stays fast.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"{purpose} needs the package '{module.partition('.')[0]}', which is not installed",
            where=str(error),
            fix=f"pip install 'pellucid[{extra}]'",
        ) from error


def did_you_mean(word: str, choices: Iterable[Any]) -> str:
    """A hint that names the nearest choice, or lists the first few.

    >>> did_you_mean("pirce", ["price", "rooms"])
    "did you mean 'price'?"
    >>> did_you_mean("xyz", ["price", "rooms"])
    'choose one of: price, rooms'
    """
    names = [str(choice) for choice in choices]
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    shown = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    return f"choose one of: {shown}"
