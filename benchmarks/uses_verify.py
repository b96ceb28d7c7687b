"""Similarity and verification: `python -m benchmarks.uses_verify [--docs]`.

Identities of the exam are never learned from. Letters of real fonts, where the identity is the
letter and each font another picture of it (as in Omniglot: known alphabets to learn from, other
letters to ask about), and generated faces and voices of people who don't exist.
`docs/examples/similarity.md` is written from what was measured and from what the program prints.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import seeds as pieces
from benchmarks.data import _from_debian
from benchmarks.seeds import Measured, Set, Source, measured_when, rival_of, sets_of, spread
from pellucid.recording.run import Run

FONTS = (
    "fonts-dejavu-core",
    "fonts-liberation",
    "fonts-freefont-ttf",
    "fonts-linuxlibertine",
    "fonts-cantarell",
    "fonts-lato",
)
"""Debian packages with Latin, Greek and Cyrillic letters, from serif to handwriting-like."""
SIDE, MOST_FONTS = 28, 24
LETTERS = "".join(
    chr(code)
    for low, high in ((0x41, 0x5A), (0x61, 0x7A), (0x391, 0x3A9), (0x3B1, 0x3C9), (0x410, 0x44F))
    for code in range(low, high + 1)
    if chr(code).isalpha()
)
ALIKE = "".join(("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "АВЕКМНОРСТХаеорсух", "οvгн", "cosuwxzkp", "ІVWZXSСOoΟ"))
"""Letters that look the same in several alphabets, or in both cases, are one identity only."""


def letters(home: Path) -> Source:
    """`letters/U+0416/DejaVuSans.png`: one folder for each letter, one picture for each font."""
    from PIL import Image, ImageDraw, ImageFont

    for package in FONTS:
        unpacked = _from_debian(package, home)
        kept = home / "fonts" / package
        kept.mkdir(parents=True)
        for file in sorted({*unpacked.rglob("*.ttf"), *unpacked.rglob("*.otf")}):
            if not file.is_symlink():
                shutil.copy(file, kept / file.name)
        shutil.rmtree(unpacked)
    fonts = sorted((home / "fonts").rglob("*.?tf"))
    chosen = [fonts[place] for place in np.linspace(0, len(fonts) - 1, MOST_FONTS).astype(int)]
    source = home / "letters"
    for letter in LETTERS:
        if letter in ALIKE:
            continue
        folder = source / f"U+{ord(letter):04X}"
        folder.mkdir(parents=True)
        for file in dict.fromkeys(chosen):
            font = ImageFont.truetype(str(file), 72)
            empty = font.getmask("\uffff").getbbox()
            if font.getmask(letter).getbbox() in (None, empty):
                continue
            canvas = Image.new("L", (128, 128), 0)
            ImageDraw.Draw(canvas).text((64, 64), letter, font=font, fill=255, anchor="mm")
            box = canvas.getbbox()
            if box is None:
                continue
            cut = canvas.crop(box)
            cut.thumbnail((SIDE - 4, SIDE - 4))
            picture = Image.new("L", (SIDE, SIDE), 0)
            picture.paste(cut, ((SIDE - cut.width) // 2, (SIDE - cut.height) // 2))
            picture.save(folder / f"{file.stem}.png")
    return source, None


def generated_faces(home: Path) -> Source:
    """Small drawings of 120 people who don't exist, 10 pictures each."""
    from pellucid.examples import faces

    return faces.write(home, 120, 10), None


def generated_voices(home: Path) -> Source:
    """Short recordings of 80 people who don't exist, 8 each."""
    from pellucid.examples import voices

    return voices.write(home, 80, 8), None


SETS = {
    "letters": Set("letters of real fonts: other letters than those learned from", letters),
    "faces": Set("generated faces, 120 people with 10 pictures each", generated_faces),
    "voices": Set("generated voices, 80 people with 8 recordings each", generated_voices),
}
MEASURED = Measured("verify", "uses-verify", "identities", "45s", SETS, "similarity.md")


def run(
    sets: Sequence[str] = (),
    seeds: int = pieces.SEEDS,
    time: str | None = None,
    *,
    fresh: bool = False,
) -> dict[str, Any]:
    """Learn every set with every seed (another split of the identities each); save the figures."""
    return MEASURED.run(_figures, sets, seeds, time, fresh=fresh)


def docs() -> Path:
    """Write the example from the measured figures and from what the program prints."""
    return MEASURED.write(_page)


def _figures(done: Run) -> dict[str, Any]:
    return dict(done.summary["figures"])


# --- the page ---------------------------------------------------------------------------------


def _page(result: dict[str, Any]) -> list[str]:
    first = next(iter(sets_of(result)))
    return [
        "# Are these two the same, and who is it?",
        "",
        "*Made by `python -m benchmarks.uses_verify --docs`; no figure is written by hand.*",
        "",
        "One folder for each person (product, animal, letter ...). Pellucid learns to put pictures",
        "of one identity close together and asks itself about identities that it never saw. New",
        "ones are enrolled without training.",
        "",
        "```",
        "pellucid learn people/ --task verify",
        "pellucid predict people.run a.jpg b.jpg          # same or different, how probable",
        "pellucid explain people.run a.jpg b.jpg          # what makes them alike",
        "pellucid enroll people.run staff/                # staff/ada/1.jpg, staff/bo/1.jpg ...",
        "pellucid predict people.run visitor.jpg          # who it is, or unknown",
        "```",
        "",
        "Folders are classes unless it is clear that they are identities (50 or more with few",
        "files each, or a folder called people, faces, speakers ...); `--task verify` says it.",
        "",
        "`probability` of a pair is that of being the same, whichever of the two the answer is,",
        "where both were as likely before; of a single example, that of the name that is answered.",
        "",
        "## Measured",
        "",
        measured_when(result),
        "EER: the share of mistakes where as many different pairs are accepted",
        "as same ones refused; lower is better.",
        "",
        *_table(result),
        "",
        f"## {first.capitalize()}, as the program tells it",
        "",
        *MEASURED.told(first, _commands(first)),
    ]


def _table(result: dict[str, Any]) -> list[str]:
    lines = [
        "| set | network EER | classical EER | TAR at FAR 1e-2 | R@1 | enrolled: named right "
        "| strangers taken for somebody |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, runs in sets_of(result).items():
        lines.append(
            f"| {name}: {SETS[name].what}; {runs[0]['units']} sealed (n = {len(runs)}) "
            f"| {spread([run['EER'] for run in runs])} | {rival_of(runs)} "
            + " ".join(
                f"| {spread([run[key] for run in runs], 2)}"
                for key in ("TAR at FAR 1e-2", "R@1", "named right", "strangers taken for somebody")
            )
            + " |"
        )
    return lines


def _commands(name: str) -> list[list[str]]:
    """The result, a pair that is the same and one that is not, an enrolment, and who it is."""
    folder, (source, _) = str(MEASURED.run_folder(name, 0)), MEASURED.source(name)
    people = sorted(one for one in source.iterdir() if one.is_dir())
    (one, again, *_), (other, *_) = (sorted(map(str, person.iterdir())) for person in people[:2])
    return [
        ["show", folder],
        ["predict", folder, one, again],
        ["predict", folder, one, other, "--json"],
        ["explain", folder, one, again],
        ["enroll", folder, str(source)],
        ["predict", folder, one],
    ]


if __name__ == "__main__":
    sys.exit(MEASURED.main(sys.argv[1:], run, docs))
