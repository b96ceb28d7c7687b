"""What a person decided about labels that look wrong: keep, fix or leave out.

The decisions are `decisions.json` in the run's folder; `evidence/decisions.csv` lists the rows
whose label is not to be learned from as it is, in the form that `pellucid learn --without` takes.
"""

from __future__ import annotations

import csv
import io
from typing import Any

from pellucid.errors import BundleError, ConfigError, did_you_mean
from pellucid.recording.files import read_json, replacing, write_json
from pellucid.recording.run import Run

FILE, LIST = "decisions.json", "evidence/decisions.csv"
DOES = ("keep", "fix", "exclude", "undo")


def decisions(run: Run) -> dict[str, Any]:
    """`decisions` [{"row", "place", "do", "to"}], ordered by row, and `counts` of each kind."""
    path = run.path / FILE
    known = read_json(path) if path.exists() else {"decisions": []}
    try:
        made = sorted(known["decisions"], key=lambda one: int(one["row"]))
        counts = {do: sum(one["do"] == do for one in made) for do in DOES[:-1]}
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(
            f"{FILE} is damaged and can't be read",
            where=str(path),
            fix="move the file away, or restore it from a backup",
        ) from error
    return {"decisions": made, "counts": counts}


def decide(run: Run, order: dict[str, Any]) -> dict[str, Any]:
    """Note a decision: `row`, `do` ("keep", "fix", "exclude", or "undo") and with "fix" `to`.

    Returns:
        All decisions, as `decisions`.

    Raises:
        ConfigError: There is no such row, class or decision.
    """
    row, do, to = order.get("row"), order.get("do"), order.get("to")
    if do not in DOES:
        raise ConfigError(f"can't '{do}' a label", where="do", fix=did_you_mean(str(do), DOES))
    place = _place(run, row)
    if do == "fix":
        _check_label(run, to)
    made = [one for one in decisions(run)["decisions"] if one["row"] != row]
    if do != "undo":
        made.append({"row": row, "place": place, "do": do, "to": to if do == "fix" else None})
    write_json(run.path / FILE, {"schema": 1, "decisions": made})
    with replacing(run.path / LIST) as beside:
        beside.write_text(listed(run), encoding="utf-8", newline="")
    return decisions(run)


def listed(run: Run) -> str:
    """The rows that are not to be learned from as they are, as CSV: place, row, do, to."""
    text = io.StringIO()
    writer = csv.DictWriter(text, ["place", "row", "do", "to"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(one for one in decisions(run)["decisions"] if one["do"] != "keep")
    return text.getvalue()


def _place(run: Run, row: Any) -> str:
    """How the source calls a row."""
    import pyarrow.compute as pc

    ledger = run.ledger()
    if isinstance(row, int) and not isinstance(row, bool) and row >= 0:
        found = ledger.filter(pc.equal(ledger["row"], row))["item"].to_pylist()
        if found:
            return str(found[0])
    raise ConfigError(
        f"there is no row {row!r:.20}",
        where=run.name,
        fix="take the number of a row from the list of rows",
    )


def _check_label(run: Run, to: Any) -> None:
    """A fixed label must be one of those that there are."""
    task = run.task
    known = task.get("classes") or task.get("tags")
    if not known:
        if isinstance(to, int | float) and not isinstance(to, bool):
            return
        raise ConfigError(
            f"the target is a number, not {to!r:.20}", where="to", fix="send a number"
        )
    words = to if isinstance(to, list) else [to]
    for word in words:
        if word not in known:
            raise ConfigError(
                f"there is no label '{word}'", where="to", fix=did_you_mean(str(word), known)
            )
