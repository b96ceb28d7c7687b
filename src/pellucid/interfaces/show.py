"""A run in a screenful of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pellucid.interfaces.seconds import in_words

if TYPE_CHECKING:
    from pellucid.recording.run import Run

BARS = "▁▂▃▄▅▆▇█"


def show_result(run: Run) -> None:
    """The end of a job: what happened, how good it is, and where to look."""
    print()
    show_run(run)
    report = run.path / "report.html"
    if report.exists():
        print(f"\nreport   {report}")
    asked = run.info["task"].get("asked", "predict RUN INPUT")
    print(f"{asked.split()[0]:<8} pellucid {asked.replace('RUN', str(run.path))}")


def show_run(run: Run) -> None:
    """A run in a screenful."""
    info = run.info
    task = info.get("task", {})
    print(f"{run.name}: {task.get('kind', '?')} '{task.get('target', '?')}'  [{run.status}]")
    rows = info.get("rows", {})
    print(
        "rows     "
        + ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in rows.items())
    )
    if "network" in info:
        network = info["network"]
        families = ", ".join(dict.fromkeys(info["plan"]["network"].values()))
        several = f"{network['networks']} networks of " if network["networks"] > 1 else ""
        weights = f"{network['parameters']:,} weights ({families})"
        print(f"network  {several}{weights}, {_steps(info['plan'])}")
    losses = [float(value) for value in run.steps["loss"]]
    if losses:
        print(f"loss     {losses[0]:.3f} {sparkline(smoothed(losses), 40)} {losses[-1]:.3f}")
    if run.status in ("done", "interrupted"):
        _show_figures(run)


def _steps(plan: dict[str, Any]) -> str:
    """How many steps were made, or planned where all of them were."""
    cut = plan.get("shortened")
    if not cut:
        return f"{plan['steps']:,} steps"
    return f"{cut['steps']:,} of {plan['steps']:,} steps: the machine was slower than planned"


def smoothed(values: list[float], parts: int = 80) -> list[float]:
    """Means of neighbors, at most `parts` of them."""
    size = max(1, len(values) // parts)
    return [
        sum(values[i : i + size]) / len(values[i : i + size]) for i in range(0, len(values), size)
    ]


def _show_figures(run: Run) -> None:
    verdict = run.verdict
    metric = verdict["metric"]
    unit = run.summary.get("unit", "test rows")
    print(f"\n{metric} on {verdict['rows']:,} sealed {unit}, with 95% intervals")
    everyone = [verdict["network"], *verdict["baselines"]]
    low = min(item["low"] for item in everyone)
    high = max(item["high"] for item in everyone)
    width = max(len(item["name"]) for item in everyone)
    for item in everyone:
        line = interval_line(item["low"], item["score"], item["high"], low, high)
        print(
            f"  {item['name']:<{width}}  {item['score']:8.4g}  {line}  {in_words(item['seconds'])}"
        )
    print(f"\n{verdict['sentence']}")
    without = run.info.get("without")
    if without:
        print(f"\n{without['sentence']}")


def interval_line(low: float, middle: float, high: float, least: float, most: float) -> str:
    """An interval on a common scale: ├──●──┤."""
    width = 32
    span = (most - least) or 1.0
    place = [round((value - least) / span * (width - 1)) for value in (low, middle, high)]
    cells = [" "] * width
    for index in range(place[0], place[2] + 1):
        cells[index] = "─"
    cells[place[0]], cells[place[2]], cells[place[1]] = "├", "┤", "●"
    return "".join(cells)


def show_runs(runs: list[Run]) -> None:
    """One line a run."""
    if not runs:
        print("there are no runs here; start with: pellucid demo digits")
        return
    width = max(len(run.name) for run in runs)
    for run in runs:
        figure = ""
        if run.status == "done":
            summary = run.summary
            figure = f"{summary['metric']} {summary['score']:.4g}"
        print(f"{run.name:<{width}}  {run.status:<11}  {figure}")


# --- drawing with letters ---------------------------------------------------------------------


def bar(share: float, width: int = 20) -> str:
    """A bar that is full at 1.

    >>> bar(0.5, 4)
    '██░░'
    """
    full = round(min(1.0, max(0.0, share)) * width)
    return "█" * full + "░" * (width - full)


def sparkline(values: list[float], width: int) -> str:
    """The course of some values in one line of text.

    >>> sparkline([1.0, 2.0, 3.0, 8.0], 4)
    '▁▂▃█'
    """
    finite = [value for value in values if value == value and abs(value) != float("inf")]
    if len(finite) < 2:
        return ""
    shown = [finite[round(i * (len(finite) - 1) / (width - 1))] for i in range(width)]
    low, high = min(shown), max(shown)
    span = (high - low) or 1.0
    return "".join(BARS[round((value - low) / span * (len(BARS) - 1))] for value in shown)
