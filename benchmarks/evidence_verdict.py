"""Does the verdict say the right thing? On open sets where each side is known to win.

    python -m benchmarks evidence --sets verdict

`pellucid learn` gives its verdict from one set of sealed test rows. A 5 x 2 cross-validation over
the other rows (`pellucid study RUN choice`) asks the same question ten times. They agree where
both recommend the network, or both recommend the simpler method: it is recommended as well where
no difference can be measured.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from benchmarks.data import DATA, Source, fetch
from benchmarks.measured import RESULTS, circumstances, pellucid, run_fresh, save, saved

RUNS = DATA / "runs"
NAME = "evidence-verdict"
LEARN, STUDY = "20s", "4m"
GOAL = 11 / 12
USUAL = {
    "wine": "linear",
    "cancer": "linear",
    "diabetes": "linear",
    "satimage": "trees",
    "italypower": "either",
    "gunpoint": "random convolutions",
    "basicmotions": "random convolutions",
    "osuleaf": "random convolutions",
    "vowels": "either",
    "movies": "linear",
    "spam": "linear",
    "drums": "network",
    "digits": "network",
    "letter": "network",
    "fashion": "network",
}
"""Set -> who is known to win on it, from published comparisons."""


def verdict(sets: list[str] | None = None) -> dict[str, Any]:
    """Measure these sets (by default all), one after the other; each is saved when it is done."""
    around = circumstances(["benchmarks", "evidence", "--sets", "verdict"])
    before = saved(NAME, RESULTS)
    same = before is not None and before["code"] == around["code"]
    found = {one["set"]: one for one in before["sets"]} if before and same else {}
    for name in sets or USUAL:
        if name not in found:
            found[name] = measure(fetch(name))
            print(f"{name:<14} {in_words(found[name])}", flush=True)
            save(NAME, {**around, "sets": list(found.values())})
    return {**around, "sets": list(found.values())}


def measure(source: Source) -> dict[str, Any]:
    """The verdict of a run, and what the cross-validation says."""
    out = RUNS / f"verdict-{source.name}"
    shutil.rmtree(out, ignore_errors=True)
    out.parent.mkdir(exist_ok=True)
    words = ["learn", str(source.train), "--time", LEARN, "--no-pretrained", "--no-report"]
    words += ["--out", str(out), "--json"]
    for option in ("test", "target", "group"):
        if getattr(source, option):
            words += [f"--{option}", str(getattr(source, option))]
    ran = run_fresh([*pellucid(), *words])
    if ran.code:
        raise RuntimeError(f"learning {source.name} failed: {ran.errors[-500:]}")
    asked = run_fresh([*pellucid(), "study", str(out), "choice", "--time", STUDY, "--json"])
    if asked.code:
        raise RuntimeError(f"studying {source.name} failed: {asked.errors[-500:]}")
    judged = json.loads((out / "verdict.json").read_text("utf-8"))
    choice = json.loads(asked.output.splitlines()[-1])
    return {
        "set": source.name,
        "usual": USUAL[source.name],
        "sentence": judged["sentence"],
        "winner": judged["winner"],
        "choice": choice["figures"].get("winner"),
        "p": choice["figures"].get("p"),
        "difference": choice["figures"].get("difference"),
        "method": choice["figures"].get("method"),
        "steps": [choice["figures"].get("steps"), planned(out)],
        "said": choice["sentence"],
        "agree": agree(judged["winner"], choice["figures"].get("winner")),
    }


def planned(run: Path) -> int:
    """Weight updates of the run itself; the study makes fewer where its time is short."""
    return int(json.loads((run / "run.json").read_text("utf-8"))["plan"]["steps"])


def agree(winner: str, choice: str | None) -> bool | None:
    """Whether both recommend the network, or neither does; None without a cross-validation."""
    return None if choice is None else (winner == "network") == (choice == "network")


def in_words(one: dict[str, Any]) -> str:
    said = {True: "agree", False: "DISAGREE", None: "not judged"}[one["agree"]]
    return f"verdict {one['winner']}, 5 x 2 {one['choice']} (p {one['p']}): {said}"
