"""The report: one self-contained page that tells a run from its data to its use.

It reads the run's folder and nothing else, needs no script and no network, and says what is
missing where a run was interrupted or not recorded.
"""

from __future__ import annotations

from pathlib import Path

from pellucid.interfaces.report.facts import gather
from pellucid.interfaces.report.page import page
from pellucid.recording.files import replacing
from pellucid.recording.run import Run

__all__ = ["write_report"]


def write_report(run: Run, out: str | Path | None = None) -> Path:
    """Write the page and return where it is: `out`, or `report.html` in the run's folder."""
    path = Path(out) if out is not None else run.path / "report.html"
    text = page(gather(run))
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")
    return path
