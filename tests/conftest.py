"""For all tests: one thread each (two tests run at a time), and a cache that is thrown away."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
# A shell that starts tests in the background has them, and all that they start, ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Decoded data goes to a folder of this test session."""
    folder = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("PELLUCID_CACHE", str(folder))
    return folder
