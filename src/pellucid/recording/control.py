"""What a person asks of a run that learns, and whether anybody is there to hear it.

The process that learns holds a lock on `learning.lock` in the run's folder for as long as it lives,
however it ends; whoever wants to know tries the lock.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

LOCK = "learning.lock"


@contextmanager
def learning(folder: Path) -> Iterator[None]:
    """While this block runs, and not after the process was killed, `alive(folder)` is true."""
    path = folder / LOCK
    with open(path, "ab") as file:
        _hold(file)
        yield
        path.unlink(missing_ok=True)


def alive(folder: Path) -> bool:
    """Whether a process of this machine is learning in this run's folder."""
    try:
        with open(folder / LOCK, "r+b") as file:
            return _is_held(file)
    except OSError:
        return False


# A lock ends when its file is closed, which the system sees to where nobody else does.

if os.name == "nt":
    import msvcrt

    def _hold(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined,unused-ignore]

    def _is_held(file: IO[bytes]) -> bool:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return True
        return False

else:
    import fcntl

    def _hold(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX)

    def _is_held(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # many may ask at once
        except OSError:
            return True
        return False
