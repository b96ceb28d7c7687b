"""The part of a report that moves: the studio's page, with the run that it shows inside the file.

Without it (no built page, nothing recorded, no script allowed) the written report is whole.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pellucid.interfaces.report.carried import carried
from pellucid.interfaces.report.markup import Html, lines, tag
from pellucid.recording.run import Run

PAGE = Path(__file__).parents[1] / "studio" / "page"
MOST_BYTES = 4_900_000
"""Of the whole report: written part, page and the run that it carries."""


@dataclass(frozen=True)
class Watched:
    """What is put into the page. script: as it must be allowed by the content security policy."""

    style: Html
    body: Html
    link: Html
    script: str


def watched(run: Run, written: int) -> Watched | None:
    """The run to be watched; None where that can't be.

    Args:
        written: Bytes of the written report.
    """
    code, sheet = PAGE / "report.js", PAGE / "report.css"
    if not (code.is_file() and sheet.is_file()):
        return None
    packed = carried(run, MOST_BYTES - written - code.stat().st_size - sheet.stat().st_size)
    if packed is None:
        return None
    script = _inside_script(code.read_text("utf-8"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    address = f"#/{quote(run.path.name, safe='')}/prediction"
    return Watched(
        style=tag("style", Html(sheet.read_text("utf-8")), id="studio-style", media="not all"),
        body=lines(
            tag("div", id="studio", hidden=True),
            tag("script", Html(packed), type="application/octet-stream", id="carried-run"),
            tag("script", Html(script)),
        ),
        link=tag(
            "p",
            tag("a", "Watch it learn, step by step", href=address),
            class_="watch",
            hidden=True,
        ),
        script=f"'sha256-{digest}'",
    )


def _inside_script(code: str) -> str:
    """The same program, with nothing in it that ends a script element or opens a comment."""
    return code.replace("</script", "<\\/script").replace("<!--", "<\\!--")
