"""How the network learned: loss, rate and gradients step by step, and what happened meanwhile."""

from __future__ import annotations

import re

import numpy as np

from pellucid.interfaces.report import charts
from pellucid.interfaces.report.charts import Curve
from pellucid.interfaces.report.facts import Facts
from pellucid.interfaces.report.layout import note, section, table
from pellucid.interfaces.report.markup import Child, Html, group, tag
from pellucid.interfaces.report.words import MEANINGS, counted, name, number
from pellucid.interfaces.report.words import figure as metric_figure
from pellucid.interfaces.seconds import in_words
from pellucid.recording.steps import BEST

EVERYDAY = ("epoch", "evaluation")
"""Events that the curves show already."""


def learning_section(facts: Facts) -> Html:
    if not len(facts.steps):
        return section("learning", "Learning", note("No step was made, so nothing was learned."))
    return section(
        "learning",
        "Learning",
        _lead(facts),
        tag(
            "div",
            _losses(facts),
            _metric(facts),
            _rate(facts),
            _gradients(facts),
            class_="charts",
        ),
        _events(facts),
    )


def _lead(facts: Facts) -> Html:
    steps = facts.steps
    batch = facts.plan.get("batch")
    rows = f"{batch:,} training rows" if batch else "a batch of training rows"
    last = steps[-1]
    planned = facts.plan.get("steps")
    short = (
        f" {planned:,} steps were planned."
        if planned
        and planned != facts.last_step
        and facts.info.get("status") not in ("learning", "paused")
        else ""
    )
    bag = (
        " All figures here are of the first of several networks."
        if facts.network.get("networks", 1) > 1
        else ""
    )
    return group(
        tag(
            "p",
            f"In each step the network answers {rows}. The loss says how wrong it was; "
            "backpropagation traces the error back through the layers, and every weight moves a "
            "little in the direction that makes it smaller. Then the next step.",
        ),
        tag(
            "p",
            f"{counted(facts.last_step, 'step')} were made, {float(last['epoch']):.3g} passes "
            f"over the training rows, in {in_words(float(last['seconds']))}.{short}{bag}",
        ),
    )


# --- curves ---------------------------------------------------------------------------------


def _losses(facts: Facts) -> Html:
    steps = facts.steps
    x, loss = steps["step"].astype(float), steps["loss"].astype(float)
    checked = steps[np.isfinite(steps["valid_loss"])]
    kept, said = kept_step(facts)
    curves = [
        Curve("each batch", x, loss, "raw"),
        Curve("training", x, charts.smooth(loss), "train"),
        Curve("validation", checked["step"].astype(float), checked["valid_loss"], "valid"),
    ]
    drawn = charts.line_chart(
        f"Loss by step: training from {number(float(loss[0]))} to {number(float(loss[-1]))}",
        curves,
        across="step",
        mark=(kept, said) if kept else None,
    )
    lowest = _lowest(checked)
    return charts.figure(
        drawn,
        group(
            tag("b", "Loss"),
            ", lower is better: ",
            _key("train", "training rows"),
            " (faint: every single batch)",
            group(", ", _key("valid", "validation rows, which it never learns from"))
            if len(checked)
            else "; there were no validation rows",
            f". {lowest} " if lowest else ". ",
            "Training makes the task harder on purpose (dropout, random changes, smoothed "
            "targets), so its loss can lie above the other.",
        ),
    )


def _lowest(checked: np.ndarray) -> str:
    if not len(checked):
        return ""
    best = checked[int(np.argmin(checked["valid_loss"]))]
    return f"Lowest validation loss: {number(float(best['valid_loss']))} at step {best['step']:,}."


def kept_step(facts: Facts) -> tuple[int, str]:
    """The step whose weights were kept, and what to write there; 0 if nothing was kept yet."""
    chosen = [event for event in facts.events if event.get("kind") == "chosen"]
    if not chosen:
        return 0, ""
    message = str(chosen[-1].get("message", ""))
    named = re.search(r"weights of step (\d+)", message)
    if named:
        return int(named[1]), f"kept: step {int(named[1]):,}"
    step = int(chosen[-1].get("step", facts.last_step))
    return step, "kept: average of the last part" if "average" in message else "kept: the last step"


def _metric(facts: Facts) -> Html | None:
    checked = facts.steps[np.isfinite(facts.steps["valid_metric"])]
    metric = str(facts.task.get("metric", "metric"))
    if not len(checked):
        return None
    values = checked["valid_metric"].astype(float)
    marked = checked[(checked["flags"] & BEST) > 0]
    drawn = charts.line_chart(
        f"{metric} on validation rows, last {number(float(values[-1]))}",
        [Curve(metric, checked["step"].astype(float), values, "valid")],
        across="step",
        log=False,
        mark=(float(marked[-1]["step"]), "lowest loss") if len(marked) else None,
    )
    meaning = MEANINGS.get(metric, "")
    return charts.figure(
        drawn,
        group(
            tag("b", metric.capitalize() if metric.islower() else metric),
            " on the ",
            _key("valid", "validation rows"),
            f": {meaning}. " if meaning else ". ",
            f"At the last step {metric_figure(float(values[-1]), metric)}.",
        ),
    )


def _rate(facts: Facts) -> Html:
    steps = facts.steps
    drawn = charts.line_chart(
        f"Learning rate by step, at most {number(float(steps['rate'].max()))}",
        [Curve("rate", steps["step"].astype(float), steps["rate"].astype(float))],
        across="step",
        log=False,
        height=150,
        floor=0.0,
    )
    return charts.figure(
        drawn,
        group(tag("b", "Learning rate"), ": how far weights move in a step. It rises, then falls."),
    )


def _gradients(facts: Facts) -> Html:
    steps = facts.steps
    norms = steps["gradient_norm"].astype(float)
    x = steps["step"].astype(float)
    curves = [Curve("raw", x, norms, "raw"), Curve("gradient", x, charts.smooth(norms), "plain")]
    clip = facts.plan.get("clip")
    middle = float(np.nanmedian(norms)) if np.isfinite(norms).any() else None
    drawn = charts.line_chart(
        f"Gradient norm by step, median {number(middle)}",
        curves,
        across="step",
        log=bool((norms > 0).all()),
        height=150,
    )
    return charts.figure(
        drawn,
        group(
            tag("b", "Gradient norm"),
            ": how strongly the error pulls at all weights together",
            f"; pulls above {number(float(clip))} were cut to that" if clip else "",
            ".",
        ),
    )


def _key(look: str, text: str) -> Html:
    """A word with its line's color."""
    return group(tag("span", class_=f"key {look}"), text)


# --- events ---------------------------------------------------------------------------------


def _events(facts: Facts) -> Html:
    told = [event for event in facts.events if event.get("kind") not in EVERYDAY]
    if not told:
        return group()
    rows: list[list[Child]] = [
        [f"{event.get('step', 0):,}", str(event.get("kind", "")), name(event.get("message", ""))]
        for event in told[:30]
    ]
    return group(
        tag("h3", "What happened on the way"),
        table("Events", ["step", "event", "what"], rows, numbers=(0,)),
        note(f"and {len(told) - 30:,} more in events.jsonl") if len(told) > 30 else None,
    )
