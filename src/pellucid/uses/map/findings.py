"""What a person should see of a map: whether there are clusters, what they are made of, the map
itself and how far it can be trusted, and how it goes together with names that were not learned."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.baselines.clusters import agreement, distances, nearest, trusted
from pellucid.evidence.finding import Cell, Chart, Finding, Line, Picture, Table, unknown
from pellucid.uses.map.space import Space, raw_values

if TYPE_CHECKING:
    from pellucid.uses.map.answerer import Mapper
    from pellucid.uses.map.course import Map

TYPICAL, SHOWN_COLUMNS, WORDS = 5, 4, 5


def findings(course: Map, mapper: Mapper, hits: dict[str, np.ndarray]) -> list[Finding]:
    """In the order in which a person reads them; of the space of who was kept."""
    space = mapper.of(None)
    inside = mapper.inside(
        {
            name: values.take(course.used[course.train])
            for name, values in course.found.loaded.items()
        },
        space,
    )
    mapper.names = [course.examples.places[course.train[row]] for row in mapper.space.rows]
    labels = nearest(inside, space.grouping.centers) if space.grouping.count else None
    found = [_clusters(space, labels), _map(course, mapper, space, labels)]
    if labels is not None:
        found.append(_described(course, space, inside, labels))
    if course.found.classes is not None:
        found.append(_compared(course, space, inside, labels))
    found.append(_recognized(hits))
    return found


def _clusters(space: Space, labels: np.ndarray | None) -> Finding:
    grouping = space.grouping
    counts = tuple(float(count) for count in grouping.apart)
    lines = (
        Line("this data", counts, tuple(grouping.apart.values())),
        Line("one cloud without clusters", counts, tuple(grouping.in_a_cloud.values())),
        Line("halves agree (Rand index)", counts, tuple(grouping.agreement.values())),
    )
    charts = (Chart("How many clusters?", "clusters", "how far apart (silhouette)", lines),)
    title = "Clusters"
    notes = (
        "clusters are believed in if they stand clearly further apart than those that are cut out "
        "of one cloud of the same extent, and if two halves of the examples give the same ones",
        "clusters are by k-means: round groups of about the same size are found best",
    )
    if labels is None:
        gains = {n: grouping.apart[n] - grouping.in_a_cloud[n] for n in grouping.apart}
        best = max(gains, key=lambda n: gains[n])
        return Finding(
            "clusters",
            title,
            f"No clusters are found: the best, {best}, stand apart by {grouping.apart[best]:.2f}; "
            f"cut out of one cloud without clusters they would by {grouping.in_a_cloud[best]:.2f}, "
            f"and halves of the examples agree on them by {grouping.agreement[best]:.2f}.",
            notes,
            {"clusters": 0, "agreement": grouping.agreement[best]},
            charts=charts,
        )
    count = grouping.count
    sizes = np.bincount(labels, minlength=count)
    unsure = ""
    if grouping.as_good:
        unsure = f" {_listed([str(n) for n in grouping.as_good])} would be about as good."
    sentence = (
        f"The examples fall into {count} clusters, of {int(sizes.min()):,} to "
        f"{int(sizes.max()):,} examples: they stand apart by {grouping.apart[count]:.2f} (one "
        f"cloud without clusters: {grouping.in_a_cloud[count]:.2f}), and halves of the data agree "
        f"on them by {grouping.agreement[count]:.2f} (1 is full agreement).{unsure}"
    )
    figures = {
        "clusters": count,
        "agreement": grouping.agreement[count],
        "apart": grouping.apart[count],
        "apart in a cloud": grouping.in_a_cloud[count],
        "as good": list(grouping.as_good),
    }
    return Finding("clusters", title, sentence, notes, figures, charts=charts)


def _map(course: Map, mapper: Mapper, space: Space, labels: np.ndarray | None) -> Finding:
    rows = space.rows
    raw = raw_values(course._inputs(course.train[rows]), course.plain.entries)
    first_two = space.anchors[:, :2]
    assert mapper.classical is not None
    own = trusted(space.anchors, space.flat)
    of_raw = trusted(raw, space.flat)
    plain = trusted(raw, mapper.classical.place(raw)[:, :2])
    flat_own = trusted(space.anchors, first_two)
    groups = [""] * len(rows) if labels is None else [f"cluster {labels[row] + 1}" for row in rows]
    points = {
        "kind": "points",
        "data": {
            "x": space.flat[:, 0].tolist(),
            "y": space.flat[:, 1].tolist(),
            "labels": [course.examples.places[course.train[row]] for row in rows],
            "groups": groups,
        },
    }
    sentence = (
        f"Of the {10} nearest examples, {own[1]:.0%} are nearest on the map, too "
        f"(two principal components: {flat_own[1]:.0%}); what lies together on the map can be "
        f"trusted by {own[0]:.2f} (1 is best), distances between far groups can't."
    )
    table = Table(
        "How far maps can be trusted",
        ("map", "of", "trustworthiness", "neighbors kept"),
        (
            ("this one", "what was learned", *own),
            ("this one", "raw numbers", *of_raw),
            ("two principal components", "what was learned", *flat_own),
            ("two principal components", "raw numbers", *plain),
        ),
    )
    figures = {
        "trustworthiness": own[0],
        "neighbors kept": own[1],
        "trustworthiness of raw numbers": of_raw[0],
        "trustworthiness of principal components": plain[0],
    }
    notes = (f"{len(rows):,} training examples, drawn by t-SNE; a new one is put between the "
             "nearest of them",)  # fmt: skip
    return Finding(
        "map", "The map", sentence, notes, figures, (table,), (),
        pictures=(Picture("Examples that are alike lie together", {"map": points}),),
    )  # fmt: skip


def _described(course: Map, space: Space, inside: np.ndarray, labels: np.ndarray) -> Finding:
    """The most typical examples of each cluster, and what sets it apart."""
    apart = distances(inside, space.grouping.centers)
    rows, pictures, named = [], [], []
    for cluster in range(space.grouping.count):
        mine = np.flatnonzero(labels == cluster)
        typical = mine[np.argsort(apart[mine, cluster], kind="stable")[:TYPICAL]]
        places = [course.examples.places[course.train[row]] for row in typical]
        marks = _marks(course, mine)
        rows.append(
            (f"cluster {cluster + 1}", len(mine), "; ".join(marks) or "-", ", ".join(places))
        )
        named.append(marks[0] if marks else "")
        drawings: dict[str, Any] = {}
        for place, row in zip(places, typical.tolist(), strict=True):
            drawn = course.draw(int(course.train[row]))
            if len(drawn) == 1:
                drawings[place] = next(iter(drawn.values()))
        if drawings:
            pictures.append(Picture(f"Typical of cluster {cluster + 1}", drawings))
    first = f"cluster 1 by {named[0]}" if named[0] else "look at the most typical examples of each"
    sentence = (
        f"What sets the clusters apart: {first}."
        if named[0]
        else "Nothing in words sets the clusters apart: look at the most typical examples of each."
    )
    header = ("cluster", "examples", "set apart by", "most typical")
    notes = ("numbers: mean in the cluster, in spreads of all examples from their mean; words: "
             "how many times as often as in all examples",)  # fmt: skip
    return Finding(
        "described", "What the clusters are", sentence, notes, {},
        (Table("Clusters", header, tuple(rows)),), (), pictures=tuple(pictures),
    )  # fmt: skip


def _marks(course: Map, mine: np.ndarray) -> list[str]:
    """What is unusual about a cluster's rows, the most unusual first."""
    found: list[tuple[float, str]] = []
    rows = course.used[course.train]
    for column in course.columns:
        raw = course.found.table.columns[column.name]
        if column.modality == "number" and raw.values.dtype.kind == "f":
            values = raw.values[rows].astype(np.float64)
            spread = np.nanstd(values)
            if spread > 0 and np.isfinite(values[mine]).any():
                shift = float((np.nanmean(values[mine]) - np.nanmean(values)) / spread)
                found.append((abs(shift), f"{column.name} {shift:+.1f}"))
        elif column.modality in ("category", "text") and raw.folder is None:
            found += _words(column.name, [str(value) for value in raw.values[rows]], mine)
    found.sort(key=lambda item: -item[0])
    return [text for _, text in found[:SHOWN_COLUMNS]]


def _words(name: str, cells: list[str], mine: np.ndarray) -> list[tuple[float, str]]:
    """Values (or words of texts) that occur more often in these rows than in all."""
    parts = [set(cell.lower().split()) if " " in cell else {cell} for cell in cells]
    everywhere, here = Counter[str](), Counter[str]()
    for words in parts:
        everywhere.update(words)
    for row in mine.tolist():
        here.update(parts[row])
    found = []
    for word, count in here.items():
        usual = everywhere[word] / len(cells)
        often = count / len(mine)
        if often > 0.2 and often > 1.3 * usual:
            found.append((float((often - usual) / 0.3), f"{name} '{word}' {often / usual:.1f} x"))
    return sorted(found, key=lambda item: -item[0])[:WORDS]


def _compared(course: Map, space: Space, inside: np.ndarray, labels: np.ndarray | None) -> Finding:
    """How clusters go together with names that were not learned from."""
    found = course.found
    assert found.classes is not None
    names = np.array([str(value) for value in found.classes[course.used[course.train]]], object)
    title = f"Compared with '{found.class_of}'"
    if labels is None:
        return unknown("compared", title, "There are no clusters to compare.")
    rand = agreement(names, labels)
    some = np.random.default_rng(0).permutation(len(inside))[:1_000]
    apart = distances(inside[some], inside[some])
    np.fill_diagonal(apart, np.inf)
    same = float((names[some][apart.argmin(1)] == names[some]).mean())
    counts = Counter(names.tolist())
    chance = sum((count / len(names)) ** 2 for count in counts.values())
    common = [name for name, _ in counts.most_common(12)]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            f"cluster {cluster + 1}",
            *(int(((labels == cluster) & (names == name)).sum()) for name in common),
        )
        for cluster in range(space.grouping.count)
    )
    sentence = (
        f"'{found.class_of}' was not learned from; the clusters agree with it by {rand:.2f} "
        f"(adjusted Rand index: 0 as by chance, 1 the same), and the nearest neighbor has the same "
        f"name in {same:.0%} of the examples (by chance {chance:.0%})."
    )
    figures = {"adjusted Rand index": rand, "same as nearest": same, "by chance": chance}
    table = Table("Examples of each name", ("cluster", *common), rows)
    return Finding("compared", title, sentence, (), figures, (table,))


def _recognized(hits: dict[str, np.ndarray]) -> Finding:
    """Whether changed copies find each other, which is what was learned."""
    shares = {name: float(values.mean()) for name, values in hits.items()}
    count = len(hits["network"])
    sentence = (
        f"Of {count:,} sealed examples, {shares['network']:.0%} are recognized in a changed copy "
        f"among all copies (principal components {shares['principal components']:.0%}, raw numbers "
        f"{shares['raw numbers']:.0%}, by chance {1 / max(1, count):.1%})."
    )
    notes = ("the changes are those that learning was told to look through: pictures moved and "
             "partly hidden, cells of other rows, words left out",)  # fmt: skip
    figures = {f"recognized again, {name}": share for name, share in shares.items()}
    return Finding("recognized", "What was learned", sentence, notes, figures)


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
