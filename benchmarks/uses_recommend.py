"""Recommendation on MovieLens 100k: ratings on five random folds, lists on the future.

    python -m benchmarks.uses_recommend            measure what is missing, then write the page
    python -m benchmarks.uses_recommend --fresh    measure everything again
    python -m benchmarks.uses_recommend --docs     only write docs/examples/recommendation.md

A piece is one run: five random folds, three seeds of the future, three of lists; each is saved as
soon as it is done, so that a measurement that was stopped goes on where it stopped.

Ratings are split at random as in published figures (each rating is answered from the training
ratings of its user); lists and the ratings of an ordinary run follow time: the last tenth is
sealed.
"""

from __future__ import annotations

import csv
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import fetch
from benchmarks.measured import ROOT, circumstances, save, saved
from pellucid.config import Settings
from pellucid.recipe import Watcher
from pellucid.recording.run import Run
from pellucid.uses import learn
from pellucid.uses.recommend.log import Log, read_log
from pellucid.uses.use import Source

NAME = "uses-recommend"
FOLDS, SEEDS = 5, 3
ENOUGH = 3600.0
"""Seconds that a run may take: far more than its passes need, so that figures follow from the
number of passes, and not from how busy the machine was."""
METHODS = "iALS and both together"
"""What came last to the methods that are compared: results without it are measured again."""
BOTH = "network and the best classical method (chosen on validation)"
PUBLISHED = {"SVD": 0.934, "SVD++": 0.920, "NMF": 0.963, "baseline": 0.944}
"""RMSE on five random folds, from the documentation of Surprise."""


def run(
    folds: int = FOLDS, seeds: int = SEEDS, seconds: float = ENOUGH, *, fresh: bool = False
) -> dict[str, Any]:
    """Measure what is not saved yet; each run is saved as soon as it is done.

    Args:
        fresh: Forget what is saved.
    """
    found = None if fresh else saved(NAME)
    if found is None or found.get("methods") != METHODS:
        found = {"methods": METHODS, "ratings": {}, "lists": {}, "future": {}}
    source = fetch("ml-100k").train
    log = read_log(Source(source, Settings()), Settings())
    pieces = [("ratings", number) for number in range(folds)]
    pieces += [(what, number) for number in range(seeds) for what in ("future", "lists")]
    with tempfile.TemporaryDirectory() as home:
        for what, number in pieces:
            if str(number) in found[what]:
                continue
            settings, given = Settings(time=seconds, seed=number), source
            if what == "ratings":
                settings = Settings(task="recommend", split="part", time=seconds)
                given = _folded(log, number, Path(home) / f"fold{number}.csv")
            elif what == "lists":
                settings = replace(settings, task="recommend", target="item_id")
            _measure(found, what, number, given, settings, Path(home))
    return found


def _measure(
    found: dict[str, Any], what: str, number: int, source: Path, settings: Settings, home: Path
) -> None:
    """One run, saved at once."""
    found |= circumstances(["benchmarks.uses_recommend"])
    when = {key: found[key] for key in ("date", "commit")}
    done = learn(source, settings, Watcher(), out=home / f"{what}{number}")
    found[what][str(number)] = when | _of(done)
    save(NAME, found)
    print(what, number, found[what][str(number)]["scores"], flush=True)


def _folded(log: Log, fold: int, path: Path) -> Path:
    """All ratings as one table; a fifth of them, drawn with seed 0, is the fold's test part."""
    assert log.rating is not None
    order = np.random.default_rng(0).permutation(len(log))
    test = np.zeros(len(log), dtype=bool)
    test[np.array_split(order, FOLDS)[fold]] = True
    names = [*log.of_items.names, *log.of_users.names]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["user_id", "item_id", "rating", "timestamp", "part", *names])
        for number in range(len(log)):
            user, item = log.user[number], log.item[number]
            known = [*log.of_items.values[item], *log.of_users.values[user]]
            row = [log.users[user], log.items[item], log.rating[number], int(log.time[number])]
            part = "test" if test[number] else "train"
            writer.writerow([*row, part, *(f"{float(value):.4g}" for value in known)])
    return path


def _of(done: Run) -> dict[str, Any]:
    verdict = done.verdict
    everyone = [verdict["network"], *verdict["baselines"]]
    return {
        "scores": {one["name"]: one["score"] for one in everyone},
        "ends": {one["name"]: [one["low"], one["high"]] for one in everyone},
        "sentence": verdict["sentence"],
        "steps": done.plan.steps,
        "shortened": done.plan.shortened,
        "figures": done.summary["figures"],
        "units": verdict["rows"],
    }


# --- the page ---------------------------------------------------------------------------------


def docs() -> Path:
    """Write the page from what was measured and from a short real run."""
    found = saved(NAME)
    if found is None:
        raise RuntimeError("nothing is measured yet: python -m benchmarks.uses_recommend")
    path = ROOT / "docs" / "examples" / "recommendation.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_page(found, _session()), encoding="utf-8")
    return path


def _page(found: dict[str, Any], session: str) -> str:
    parts = [_ratings(found["ratings"]), _future(found["future"]), _lists(found["lists"])]
    body = "\n\n".join(part for part in parts if part)
    return f"""# Recommendation: films

Written by `python -m benchmarks.uses_recommend --docs` from measured results,
{_when(found)}. The data is MovieLens 100k as the package RecBole carries it:
100,000 ratings of 1,682 films by 943 people, with genres, ages and occupations. It is for research
only and not part of Pellucid; `python -m benchmarks.data ml-100k` fetches it.

```
{session}
```

{body}
"""


def _when(found: dict[str, Any]) -> str:
    """When, and of which code, the pieces were measured."""
    pieces = [one for what in ("ratings", "future", "lists") for one in found[what].values()]
    commits = ", ".join(sorted({one.get("commit", found["commit"]) for one in pieces}))
    return f"last {max(one.get('date', found['date']) for one in pieces)}, commit {commits}"


def _ratings(results: dict[str, Any]) -> str:
    if not results:
        return ""
    published = ", ".join(f"{name} {value:.3f}" for name, value in PUBLISHED.items())
    return f"""## How high will it be rated?

With a column of ratings the network learns ratings. A person's taste is the sum of what the last 64
ratings say, so a new person needs no training, and every past rating's part in an answer can be
taken away. RMSE on {len(results)} of five random folds, as published figures are measured
(Surprise: {published}):

{_table(results, "RMSE")}"""


def _future(results: dict[str, Any]) -> str:
    if not results:
        return ""
    return f"""## How high will it be rated in future?

The last tenth of all ratings is sealed, and each is answered from what its person had rated before
it: a harder question than that of random folds, and the one that is asked in use.
{_units(results):,} ratings; seeds: {len(results)}.

{_table(results, "RMSE")}"""


def _lists(results: dict[str, Any]) -> str:
    if not results:
        return ""
    return f"""## What comes next?

Without ratings, or with `--target item_id`, the network learns what comes next. At
{_units(results):,} moments of the last tenth of time a list of ten is asked for; every film is a
candidate but those that the person had before; the truth is the next ten that they took. Seeds:
{len(results)}. Lists are made by whoever made the best ones on the tenth before: the network, a
classical method, or both, their scores added.

{_table(results, "NDCG@10")}

{_figures(results)}"""


def _table(results: dict[str, Any], metric: str) -> str:
    scores = [_scores(one) for one in results.values()]
    names = list(dict.fromkeys(name for one in scores for name in one))
    lines = [f"| by | {metric} | n |", "|---|---|---|"]
    for name in names:
        values = [one[name] for one in scores if name in one]
        spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
        lines.append(f"| {name} | {statistics.mean(values):.4f}{spread} | {len(values)} |")
    return "\n".join(lines)


def _scores(one: dict[str, Any]) -> dict[str, float]:
    """Of everybody in the verdict; and of two who make lists together, where they do."""
    scores: dict[str, float] = dict(one["scores"])
    start = "NDCG@10 network and "
    if "popularity" in scores:
        together = [value for key, value in one["figures"].items() if key.startswith(start)]
        scores |= dict.fromkeys([BOTH][: len(together)], sum(together))
    return scores


def _units(results: dict[str, Any]) -> int:
    return int(next(iter(results.values()))["units"])


def _figures(lists: dict[str, Any]) -> str:
    names = next(iter(lists.values()))["scores"]
    lines = ["| by | recall@10 | part of the catalog | popularity (1: the most used) |",
             "|---|---|---|---|"]  # fmt: skip
    for name in names:
        cells = []
        for what in ("recall@10", "coverage", "popularity"):
            values = [one["figures"][f"{what} {name}"] for one in lists.values()]
            cells.append(f"{statistics.mean(values):.3f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _session() -> str:
    """A short real run on the command line, and what it printed."""
    source = fetch("ml-100k").train
    told = []
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "ml-100k").symlink_to(source)
        for words in (
            ["learn", "ml-100k", "--time", "60s", "--no-report"],
            ["recommend", "ml-100k.run", "--user", "42", "--top", "5"],
            ["predict", "ml-100k.run", "user_id=42", "item_id=100", "--json"],
        ):
            command = [sys.executable, "-m", "pellucid", *words]
            done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
            told.append(
                f"$ pellucid {' '.join(words)}\n{done.stdout.strip() or done.stderr.strip()}"
            )
    return "\n\n".join(told)


def main(arguments: Sequence[str]) -> int:
    if "--docs" not in arguments:
        run(fresh="--fresh" in arguments)
    print(docs())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
