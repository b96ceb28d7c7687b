"""What the uses reach on real data: forecasts, lists, texts, boxes, distances, anomalies, maps.

    python -m benchmarks uses                        every use, then its page in docs/examples
    python -m benchmarks uses --sets detect,forecast

Each use has a script of its own, `benchmarks/uses_NAME.py`, which keeps every figure in
`benchmarks/results/uses-NAME.json` and writes its page from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from benchmarks.measured import RESULTS, saved

PAGES = {
    "forecast": ("Forecasting", "forecasting.md"),
    "recommend": ("Recommendation", "recommendation.md"),
    "generate": ("Language model and chat", "chat.md"),
    "translate": ("Translation", "translation.md"),
    "detect": ("Object detection", "detection.md"),
    "verify": ("Similarity and verification", "similarity.md"),
    "anomaly": ("Anomalies without labels", "anomalies.md"),
    "map": ("Unlabelled data", "unlabelled.md"),
}


def run(names: Sequence[str] = ()) -> None:
    """Measure these uses (all, if none is named), and write their pages.

    Raises:
        KeyError: There is no such use.
    """
    unknown = [name for name in names if name not in PAGES]
    if unknown:
        raise KeyError(f"no use is called '{unknown[0]}'; there are {', '.join(PAGES)}")
    for name in names or PAGES:
        module = import_module(f"benchmarks.uses_{name}")
        module.run()
        module.docs()


def part(folder: Path = RESULTS) -> str:
    """What is measured, with the page that has the figures, as Markdown."""
    lines = ["## Other uses", ""]
    lines += ["Figures with n and spread are on the page of each use, which its script writes.", ""]
    lines += ["| use | figures | measured |", "| --- | --- | --- |"]
    for name, (title, page) in PAGES.items():
        result = saved(f"uses-{name}", folder)
        when = f"{result.get('date', '')}, {result.get('commit', '')}" if result else "not yet"
        link = f"[{page}](examples/{page})" if result else "-"
        lines.append(f"| {title} | {link} | {when.strip(', ')} |")
    return "\n".join(lines) + "\n"
