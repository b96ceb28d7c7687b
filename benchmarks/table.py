"""The page of all figures, made from the saved results alone: `docs/benchmarks.md`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import evidence, loop, memory, quality, startup, studio, uses
from benchmarks.measured import RESULTS, ROOT, percent, saved

PAGE = ROOT / "docs" / "benchmarks.md"
INTRODUCTION = """\
# Benchmarks

What Pellucid reaches on open data and made-up loads. This page is made from the files in
`benchmarks/results/`, which hold every single value; don't edit it by hand.

    python -m benchmarks                     print these tables and write this page
    python -m benchmarks quality             measure a part anew, or loop, startup ...
    python -m benchmarks quality --sets wine,letter --seeds 1 --time 60s

*Others* is the share of the processor that other programs took during a measurement. Speeds and
starts are not saved above 15 %; learning gets less done in its time when others are busy.
"""
YES, NO, OPEN = "yes", "**no**", "-"


def page(folder: Path = RESULTS) -> str:
    """All figures as Markdown."""
    parts = [INTRODUCTION]
    parts += [quality_part(folder), loop_part(folder), startup_part(folder), studio_part(folder)]
    parts += [memory_part(folder), evidence_part(folder), uses.part(folder), peers_part(folder)]
    return "\n".join(parts)


def write(folder: Path = RESULTS, path: Path = PAGE) -> str:
    """Write the page, and return it."""
    text = page(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return text


# --- quality ----------------------------------------------------------------------------------


def quality_part(folder: Path) -> str:
    results = {name: saved(f"quality-{name}", folder) for name in quality.GOALS}
    rows = [quality_row(name, result) for name, result in results.items()]
    text = """\
## Quality on open data

Each run is `pellucid learn` with the time given, on 2 cores without a GPU, `--keep best`: whoever
did better on the validation rows is handed over, the network or the best classical method. Where
a set has an official split it is used; else the seed decides the split too. Mean and standard
deviation over seeds; accuracy, except RMSE for diabetes. Test rows chose nothing.
"""
    heads = (
        *("set", "goal", "kept model", "network alone", "best classical method", "kept"),
        *("reached", "seeds", "time", "took", "others", "measured"),
    )
    return "\n".join([text, markdown(heads, rows), "", *where(results.values()), ""])


def quality_row(name: str, result: dict[str, Any] | None) -> list[str]:
    goal = quality.GOALS[name]
    wanted = goal.words or f">= {goal.figure:g}"
    if result is None:
        return [name, wanted, "not measured yet", *[""] * 9]
    runs = result["runs"]
    rivals = [quality.best_rival(run) for run in runs]
    theirs = [run["methods"][rival]["score"] for run, rival in zip(runs, rivals, strict=True)]
    others = [run["foreign"] for run in runs if run["foreign"] is not None]
    return [
        name,
        wanted,
        score(run["score"] for run in runs),
        score(run["methods"]["network"]["score"] for run in runs),
        f"{score(theirs)}, {' / '.join(sorted(set(rivals)))}",
        " / ".join(sorted({run["kept"] for run in runs})),
        YES if quality.reached(goal, runs) else NO,
        f"{len(runs)}",
        result["time"],
        f"{median(run['process_seconds'] for run in runs):.0f} s",
        percent(max(others, default=None)),
        f"{result['date'][:10]}, {result['commit']}",
    ]


def score(values: Iterable[float]) -> str:
    """'.953 ± .004', or with one decimal where the unit is not a share."""
    found = list(values)
    middle, deviation = quality.spread(found)
    digits = 4 if abs(middle) <= 1 else 2
    return f"{middle:.{digits}f}" + ("" if deviation is None else f" ± {deviation:.{digits}f}")


# --- loop -------------------------------------------------------------------------------------


def loop_part(folder: Path) -> str:
    text = f"""\
## The loop beside one written by hand

Same network, batches, arithmetic and precision, in turn in one process. *Bare*: a hand-written
PyTorch loop with Pellucid's optimizer. *torch*: one with `torch.optim.AdamW(fused=True)` and
`clip_grad_norm_`. 1 is as fast, above 1 faster; goal: at least {loop.GOAL} of the bare loop.
Median of rounds [quartiles]; *recorded* is over all rounds, with looks for 1 % of the time.
"""
    result = saved("loop", folder)
    if result is None:
        return f"{text}\nNot measured yet.\n"
    networks = [result["measured"].get(case.name) for case in loop.cases()]
    smallest = result["measured"].get(loop.one_layer().name)
    heads = (
        *("network", "parameters", "batch", "precision", "threads", "of bare", "reached"),
        *("of torch", "recorded, of bare", "a step", "rounds", "others"),
    )
    table = markdown(heads, [loop_row(found) for found in networks if found])
    lines = [text, table, "", *([fixed_cost(smallest), ""] if smallest else [])]
    return "\n".join([*lines, *where([*networks, smallest]), ""])


def fixed_cost(smallest: dict[str, Any]) -> str:
    """What a step costs besides arithmetic, in words."""
    ours, bare = (loop.step_microseconds(smallest, way) for way in ("ours", "bare"))
    return (
        f"A network of one layer (batch {smallest['batch']}) takes {ours:.0f} µs a step, "
        f"{bare:.0f} µs in the bare loop: what surrounds a step costs {ours - bare:.0f} µs, "
        f"{loop.step_microseconds(smallest, 'recorded') - bare:.0f} µs when recorded."
    )


def loop_row(found: dict[str, Any]) -> list[str]:
    middle, low, high = loop.ratio(found, "bare")
    torch = "-"
    if "torch" in found["seconds"]:
        torch = "{:.3f} [{:.3f}, {:.3f}]".format(*loop.ratio(found, "torch"))
    return [
        f"{found['name']} ({found['network']})",
        f"{found['parameters']:,}",
        str(found["batch"]),
        found["precision"],
        str(found["threads"]),
        f"{middle:.3f} [{low:.3f}, {high:.3f}]",
        YES if middle >= loop.GOAL else NO,
        torch,
        f"{loop.recorded_ratio(found):.3f}",
        f"{loop.step_microseconds(found, 'ours') / 1000:.2f} ms",
        str(found["rounds"]),
        percent(found["foreign"]),
    ]


# --- start and memory -------------------------------------------------------------------------


def startup_part(folder: Path) -> str:
    text = "## Start\n\nSeconds from the start of a process to its end, files in the cache.\n"
    result = saved("startup", folder)
    if result is None:
        return f"{text}\nNot measured yet.\n"
    rows = [startup_row(found) for found in result["measured"]]
    heads = ("what", "goal", "median", "fastest to slowest", "reached", "peak memory", "processes",
             "others")  # fmt: skip
    loads = "loads" if result["torch_imported"] else "does not load"
    after = f"`pellucid --help` {loads} PyTorch."
    return "\n".join([text, markdown(heads, rows), "", after, *where([result]), ""])


def startup_row(found: dict[str, Any]) -> list[str]:
    seconds = found["seconds"]
    goal = startup.goal(found["name"])
    middle = median(seconds)
    return [
        found["name"],
        "" if goal is None else f"< {goal:g} s",
        f"{middle:.3g} s",
        f"{min(seconds):.3g} to {max(seconds):.3g}",
        OPEN if goal is None else YES if middle < goal else NO,
        f"{max(found['peak_mb'])} MB",
        str(len(seconds)),
        percent(found["foreign"]),
    ]


def studio_part(folder: Path) -> str:
    text = """\
## The studio

The same run of a table, alone and with a studio and a browser open on it, in turn. Compared is the
processor time of the process that learns. A step is on the screen when the page shows its number.
"""
    result = saved("studio", folder)
    if result is None:
        return f"{text}\nNot measured yet.\n"
    added, most = studio.slowed(result)
    usual, late = studio.usual_age(result)
    alone, watched = (median(result["seconds"][way]) for way in ("alone", "watched"))
    rows = [
        [
            "watching adds to learning",
            f"<= {most:.3g} s",
            f"{added:+.2f} s ({alone:.1f} s alone, {watched:.1f} s watched)",
            YES if added <= most else NO,
            f"{len(result['seconds']['alone'])} runs each",
            percent(result["foreign"]),
        ],
        [
            "from a step to the screen",
            f"<= {studio.TICK_GOAL_MS} ms",
            f"{usual:.0f} ms, 95 % below {late:.0f} ms",
            YES if late <= studio.TICK_GOAL_MS else NO,
            f"{len(result['ages_ms'])} changes",
            percent(result["foreign"]),
        ],
        *(
            [
                what,
                f"<= {goal:.3g} s",
                f"{median(result[key]):.2f} s, at most {max(result[key]):.2f} s",
                YES if max(result[key]) <= goal else NO,
                f"{len(result[key])} {of}",
                percent(result["foreign"]),
            ]
            for what, key, goal, of in (
                ("from the first step to the first view", "first_s", studio.FIRST_GOAL, "runs"),
                (
                    "from an address to a time bar that can be moved",
                    "opened_s",
                    studio.OPEN_GOAL,
                    "new browsers",
                ),
            )
        ),
    ]
    heads = ("what", "goal", "median", "reached", "of", "others")
    return "\n".join([text, markdown(heads, rows), "", *where([result]), ""])


def memory_part(folder: Path) -> str:
    text = """\
## Memory

The largest memory of a process that learns for a minute, everything included (mapped files too).
Goal: four times the encoded data plus 1.5 GB.
"""
    result = saved("memory", folder)
    if result is None:
        return f"{text}\nNot measured yet.\n"
    measured = {name: result["measured"].get(name) for name in memory.SOURCES}
    rows = [memory_row(name, found) for name, found in measured.items()]
    heads = ("source", "encoded", "goal", "peak", "reached", "peak while", "took", "measured")
    return "\n".join([text, markdown(heads, rows), "", *where(measured.values()), ""])


def memory_row(name: str, found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return [memory.SOURCES[name].words, "", "", "not measured yet", "", "", "", ""]
    return [
        found["words"],
        f"{found['encoded_mb']:.0f} MB",
        f"{found['goal_mb'] / 1000:.2f} GB",
        f"{found['peak_mb'] / 1000:.2f} GB",
        YES if found["peak_mb"] <= found["goal_mb"] else NO,
        found["peak_stage"],
        f"{found['seconds']:.0f} s",
        f"{found['date'][:10]}, {found['commit']}",
    ]


# --- evidence ---------------------------------------------------------------------------------


def evidence_part(folder: Path) -> str:
    text = """\
## Evidence

How far explanations, intervals, wrong-label lists and forecasts can themselves be trusted, on data
whose truth is known or planted. `python -m benchmarks evidence` measures them.
"""
    heads = ("what", "goal", "figure", "reached", "on", "measured")
    return "\n".join([text, markdown(heads, evidence.rows(folder)), ""])


# --- peers ------------------------------------------------------------------------------------


def peers_part(folder: Path) -> str:
    text = """\
## Beside others

The same rows in the same run of the script. Errors and times as multiples of Pellucid's (kept
model): above 1 the peer is wrong more often, or slower. Ratios only: seconds differ by machine.
"""
    result = saved("peers", folder)
    if result is None:
        return f"{text}\nNot measured yet.\n"
    rows = [
        [one["set"], one["peer"], f"{one['error_ratio']:.2f}", f"{one['time_ratio']:.2f}",
         str(one["seeds"])]
        for one in result["ratios"]
    ]  # fmt: skip
    heads = ("set", "peer", "error, of ours", "time, of ours", "seeds")
    missing = [f"* {name}: {why}" for name, why in result["not_run"].items()]
    after = ["", "Not run:", "", *missing] if missing else []
    return "\n".join([text, markdown(heads, rows), *after, "", *where([result]), ""])


# --- Markdown ---------------------------------------------------------------------------------


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def where(results: Iterable[dict[str, Any] | None]) -> list[str]:
    """By what command, when, on what and with what: one line for each different machine."""
    found: dict[str, dict[str, None]] = {}
    for result in results:
        if result is not None:
            command = result["command"].partition(" --sets ")[0]
            moments = found.setdefault(setting(result), {})
            moments[f"{result['date'][:10]}, {code(result)}, `{command}`"] = None
    return [f"Measured {'; '.join(moments)}. {where}." for where, moments in found.items()]


def setting(result: dict[str, Any]) -> str:
    machine = result["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    size = f"{machine['cores']} cores, {machine['memory_gb']} GB"
    return f"Machine: {machine['cpu']}, {size}; {versions}"


def code(result: dict[str, Any]) -> str:
    """The commit that was the latest, and the beginning of the hash of the source as it stood."""
    return f"code {result['commit'] or '-'} ({result['code'][:6]})"
