"""A source of boxes made ready to learn from: every picture's fate, its part, all encoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pellucid.config import Settings
from pellucid.data.cache import fingerprint
from pellucid.data.columns import Entry, Loaded
from pellucid.data.dataset import Dataset
from pellucid.data.ledger import SET_ASIDE_LIMIT, Ledger
from pellucid.data.modalities import MODALITIES
from pellucid.data.readers.boxes import Annotated, Annotations, read
from pellucid.data.split import clusters_of, split_rows
from pellucid.errors import DataError
from pellucid.recipe.watcher import Watcher
from pellucid.tasks.detect import IGNORED, NOTHING
from pellucid.uses.detect.pictures import Canvas, Fit, choose_canvas, fit, load, onto
from pellucid.uses.detect.precision import Things
from pellucid.uses.use import Source

GROUP = "picture"
FEWEST = 10
"""Pictures with which it makes sense to begin."""


@dataclass
class Pictures:
    """Everything that is known of the usable pictures, by their number.

    shown: uint8 `(n, height, width, 3)` on the canvas. sizes: (width, height) of the originals.
    things: in pixels of the originals. on: the same on the canvas. clusters: int64 `(n,)`,
    pictures of equal numbers are never on two sides of the split.
    """

    annotations: Annotations
    canvas: Canvas
    classes: list[str]
    places: list[str]
    shown: np.ndarray
    sizes: list[tuple[int, int]]
    fits: list[Fit]
    things: list[Things]
    on: list[Things]
    clusters: np.ndarray
    split: np.ndarray
    ledger: Ledger
    fingerprint: str
    notes: list[str]
    grouped: bool

    def rows(self, part: str) -> np.ndarray:
        return np.flatnonzero(self.split == part)

    def dataset(self) -> Dataset:
        """Pictures, and targets float32 `(n, most, 5)` as `tasks/detect.py` takes them."""
        entry = Entry("project", (self.canvas.height, self.canvas.width), 3, GROUP)
        return Dataset({GROUP: entry}, {GROUP: torch.from_numpy(self.shown)}, targets(self.on))


def targets(things: Sequence[Things]) -> Tensor:
    """float32 `(n, most, 5)`: label and box of each thing, filled up with `NOTHING`."""
    most = max(1, *(len(one.labels) for one in things))
    target = np.zeros((len(things), most, 5), dtype=np.float32)
    target[..., 0] = NOTHING
    for row, one in enumerate(things):
        count = len(one.labels)
        target[row, :count, 0] = np.where(one.crowd, IGNORED, one.labels)
        target[row, :count, 1:] = one.boxes
    return torch.from_numpy(target)


def prepare(source: Source, settings: Settings, watcher: Watcher) -> Pictures:
    """Read, clean, decode and split a source.

    Raises:
        DataError: There are no boxes, too few pictures, or too much is wrong with them.
    """
    if source.path is None:
        raise DataError(
            "boxes can be learned from files only, not from data in memory",
            where="the source",
            fix="write the pictures into a folder, with COCO JSON or a CSV beside them",
        )
    said, sizes = read(source.path, group=settings.group, split=settings.split)
    if source.test is not None:
        tested, more = read(_path(source.test), group=settings.group, split=settings.split)
        _add_test(said, tested)
        sizes = sizes + more
    _check_boxes(said, settings.keep_going)
    ledger = _ledger(said, settings)
    usable = ledger.usable()
    if len(usable) < FEWEST:
        why = ledger.reasons_in_words()
        raise DataError(
            f"{len(usable)} pictures are too few to learn from" + (f": {why}" if why else ""),
            where=str(source.path),
            fix=f"give {FEWEST} or more pictures with their boxes; hundreds are better",
        )
    key = fingerprint([said.pictures[row].file for row in usable])
    box_sizes = [box.size for row in usable for box in said.pictures[row].boxes]
    canvas = choose_canvas(np.array([sizes[row] for row in usable]), np.array(box_sizes))
    decoded = load([said.pictures[row].file for row in usable], canvas, key, watcher.progress)
    for place, why in decoded.problems.items():
        ledger.set_aside(int(usable[place]), why)
    good = np.array([place for place in range(len(usable)) if place not in decoded.problems])
    usable, shown = usable[good], np.ascontiguousarray(decoded.values[good])
    pictures = [said.pictures[row] for row in usable]
    classes, notes = _classes(said, pictures)
    own_sizes = [sizes[row] for row in usable]
    fits = [fit(size, canvas) for size in own_sizes]
    things = [_things(one, classes) for one in pictures]
    on = [Things(one.labels, onto(one.boxes, place), one.crowd) for one, place in zip(things, fits)]
    clusters = _clusters(pictures, shown)
    split, why_split = _split(pictures, things, clusters, settings)
    ledger.assign(usable, split)
    notes = [*said.notes, canvas.why, *notes, *why_split, *_never_shown(classes, things, split)]
    places = [one.place for one in pictures]
    return Pictures(
        said, canvas, classes, places, shown, own_sizes, fits, things, on, clusters, split,
        ledger, _whole(key, pictures), notes, any(one.group is not None for one in pictures),
    )  # fmt: skip


def _path(source: object) -> Path:
    if not isinstance(source, str | Path):
        raise DataError(
            "test pictures have to be files too", where="--test", fix="give a folder or a file"
        )
    return Path(source)


def _add_test(said: Annotations, tested: Annotations) -> None:
    """A second source that is only for the exam."""
    for one in said.pictures:
        one.split = "" if one.split == "test" else one.split
    for one in tested.pictures:
        one.split, one.place = "test", f"test: {one.place}"
    said.pictures += tested.pictures
    said.classes += [name for name in tested.classes if name not in said.classes]
    said.refused += tested.refused


def _check_boxes(said: Annotations, keep_going: bool) -> None:
    """Stop and ask when much of what was annotated can't be used."""
    kept = sum(len(one.boxes) for one in said.pictures)
    lost = [why for one in said.pictures for why in one.said if "set aside" in why]
    if not kept:
        first = f": {lost[0]}" if lost else ""
        raise DataError(
            f"no picture has a box that could be learned{first}",
            where=str(said.root),
            fix=f"check the boxes; this was read as {said.layout}",
        )
    if len(lost) > SET_ASIDE_LIMIT * (kept + len(lost)) and not keep_going:
        raise DataError(
            f"{len(lost):,} of {kept + len(lost):,} boxes can't be used, such as {lost[0]}",
            where=next(one.place for one in said.pictures if lost[0] in one.said),
            fix="mend these, or pass --keep-going to learn from the rest",
        )


def _ledger(said: Annotations, settings: Settings) -> Ledger:
    """One fate for every picture and every line that should have been one."""
    places = [*(one.place for one in said.pictures), *said.unnamed]
    ledger = Ledger(places, said.refused)
    asked = settings.without
    without = {*asked.places, *asked.rows} - {"", -1} if asked else set()
    for row, one in enumerate(said.pictures):
        if one.missing:
            ledger.set_aside(row, one.missing)
        elif one.place in without or row in without:
            ledger.leave_out(row, "left out as asked")
        elif one.said:
            ledger.repair(row, "; ".join(one.said))
    for row in range(len(said.pictures), len(places)):
        ledger.leave_out(row, "no annotation names it")
    return ledger


def _classes(said: Annotations, pictures: Sequence[Annotated]) -> tuple[list[str], list[str]]:
    """The classes that occur, in the order of the source, and what to say of the others."""
    used = {box.label for one in pictures for box in one.boxes if not box.ignored}
    classes = [name for name in said.classes if name in used]
    never = [name for name in said.classes if name not in used]
    if not never:
        return classes, []
    shown = ", ".join(never[:5]) + (" ..." if len(never) > 5 else "")
    told = "1 class has" if len(never) == 1 else f"{len(never)} classes have"
    return classes, [f"{told} no box and can't be learned: {shown}"]


def _never_shown(classes: list[str], things: Sequence[Things], split: np.ndarray) -> list[str]:
    """What to say of classes that only pictures have that nothing is learned from."""
    learned: set[int] = set()
    for one, part in zip(things, split, strict=True):
        if part == "train":
            learned |= set(one.labels[~one.crowd].tolist())
    never = [name for number, name in enumerate(classes) if number not in learned]
    if not never:
        return []
    shown = ", ".join(never[:5]) + (" ..." if len(never) > 5 else "")
    return [f"no box to learn from, but some that are held back or sealed: {shown}"]


def _things(one: Annotated, classes: list[str]) -> Things:
    numbers = {name: number for number, name in enumerate(classes)}
    boxes = [box for box in one.boxes if box.label in numbers]
    edges = [(box.left, box.top, box.right, box.bottom) for box in boxes]
    return Things(
        np.array([numbers[box.label] for box in boxes], dtype=np.int64),
        np.array(edges, dtype=np.float64).reshape(-1, 4),
        np.array([box.ignored for box in boxes], dtype=bool),
    )


def _whole(key: str, pictures: Sequence[Annotated]) -> str:
    """A hash of pictures and boxes together."""
    import hashlib

    whole = hashlib.blake2b(key.encode(), digest_size=20)
    for one in pictures:
        whole.update(repr((one.place, one.boxes, one.split)).encode())
    return whole.hexdigest()


# --- parts ------------------------------------------------------------------------------------


def _clusters(pictures: Sequence[Annotated], shown: np.ndarray) -> np.ndarray:
    """Near-copies, and pictures of one group, stay together."""
    alike = MODALITIES["image"].keys(Loaded(shown, {}, {}))
    return clusters_of(len(pictures), alike, [one.group for one in pictures])


def _split(
    pictures: Sequence[Annotated],
    things: Sequence[Things],
    clusters: np.ndarray,
    settings: Settings,
) -> tuple[np.ndarray, list[str]]:
    """Which pictures are learned from, which choose, which are sealed.

    Raises:
        DataError: A part would have no picture or no box.
    """
    given = np.array([one.split for one in pictures], dtype=object)
    why = []
    if given.any():
        given[given == ""] = "train"
        why += _halved(given, clusters, settings.seed)
    parts = split_rows(
        _rarest(things) if not any(one.group for one in pictures) else np.zeros(len(pictures), int),
        clusters=clusters,
        given=given if given.any() else None,
        seed=settings.seed,
    )
    split = parts.split
    if parts.folds:  # one network, so one part chooses
        chosen, wanted = list[int](), len(np.concatenate(parts.folds)) // 6
        for fold in parts.folds:
            if len(chosen) < max(1, wanted):
                chosen += fold.tolist()
        split[chosen] = "valid"
    for part, purpose in (("train", "learn from"), ("valid", "choose by"), ("test", "be sealed")):
        rows = np.flatnonzero(split == part)
        if not any((~things[int(row)].crowd).any() for row in rows):
            raise DataError(
                f"no picture with boxes is left to {purpose}",
                where=f"{len(rows)} {part} pictures in {len(np.unique(clusters))} groups",
                fix="give more pictures that are independent of each other",
            )
    told = [text for text in parts.why if "take turns" not in text]
    counts = ", ".join(f"{(split == part).sum():,} {part}" for part in ("train", "valid", "test"))
    return split, [*why, *told, f"pictures: {counts}"]


def _halved(given: np.ndarray, clusters: np.ndarray, seed: int) -> list[str]:
    """Where the source holds out one part and calls it validation, half of it is sealed."""
    if (given == "test").any() or not (given == "valid").any():
        return []
    held = np.unique(clusters[given == "valid"])
    if len(held) < 4:
        return []
    half = np.random.default_rng([seed, 2]).permutation(held)[: len(held) // 2]
    given[(given == "valid") & np.isin(clusters, half)] = "test"
    return ["the source holds out one part: half of it chooses, half is sealed"]


def _rarest(things: Sequence[Things]) -> np.ndarray:
    """int64 `(n,)`: each picture's rarest class, so that every part has some of it; -1 of none."""
    every = np.concatenate([np.unique(one.labels) for one in things])
    counts = np.bincount(every.astype(np.int64), minlength=1)
    return np.array(
        [min(one.labels, key=lambda label: counts[label], default=-1) for one in things],
        dtype=np.int64,
    )
