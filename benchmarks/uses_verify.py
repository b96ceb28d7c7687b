"""Similarity and verification: `python -m benchmarks.uses_verify [--docs]`.

Identities of the exam are never learned from. Two sets: letters of real fonts, where the identity
is the letter and each font another picture of it (as in Omniglot: known alphabets to learn from,
other letters to ask about), and generated faces of people who don't exist. `--docs` writes
`docs/examples/similarity.md` from what was measured and from what the program prints.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import DATA, _from_debian
from benchmarks.measured import ROOT, circumstances, pellucid, run_fresh, save, saved

NAME = "uses-verify"
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


def letters(home: Path) -> Path:
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
    return source


def generated_faces(home: Path) -> Path:
    """Small drawings of 120 people who don't exist, 10 pictures each."""
    from pellucid.examples import faces

    return faces.write(home, 120, 10)


SETS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "letters": ("letters of real fonts: other letters than those learned from", letters),
    "faces": ("generated faces, 120 people with 10 pictures each", generated_faces),
}


def source_of(name: str, folder: Path = DATA) -> Path:
    """The data of a set, made if it is not there."""
    home = folder.resolve() / "identities" / name
    done = home / "made.txt"
    if not done.exists():
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        done.write_text(SETS[name][1](home).name)
    return home / done.read_text()


def run(
    sets: Sequence[str] = (), seeds: int = 3, time: str = "60s", *, fresh: bool = False
) -> dict[str, Any]:
    """Learn every set with every seed (another split of the identities each); save the figures."""
    result = saved(NAME) or {"sets": {}}
    result |= circumstances(["benchmarks.uses_verify", "--seeds", str(seeds), "--time", time])
    result["time"] = time
    for name in sets or SETS:
        runs = [_learned(name, seed, time, fresh) for seed in range(seeds)]
        result["sets"][name] = {"what": SETS[name][0], "runs": runs}
        save(NAME, result)
        print(f"{name:<10} network EER {_spread(runs, 'EER')}")
    return result


def _learned(name: str, seed: int, time: str, fresh: bool) -> dict[str, Any]:
    from pellucid.recording.run import Run

    folder = _run_folder(name, seed)
    command = [*pellucid(), "learn", str(source_of(name)), "--task", "verify", "--time", time]
    command += ["--seed", str(seed), "--out", str(folder), "--no-report"]
    if fresh or not (folder / "model" / "README.md").exists():
        shutil.rmtree(folder, ignore_errors=True)
        ran = run_fresh(command)
        if ran.code:
            raise RuntimeError(ran.errors)
    done = Run(folder)
    return {
        "seed": seed,
        "steps": done.plan.steps,
        "identities": done.summary["rows"],
        "methods": {one["name"]: one["score"] for one in done.verdict["baselines"]},
        "rival": (done.verdict["difference"] or {}).get("versus"),
        "sentence": done.verdict["sentence"],
        **done.summary["figures"],
    }


def _run_folder(name: str, seed: int) -> Path:
    return DATA.resolve() / "runs" / f"verify-{name}-{seed}"


def _spread(runs: list[dict[str, Any]], key: str) -> str:
    """'.096 (.095 to .097)', the mean and the range over seeds."""
    values = [run[key] for run in runs]
    return f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


# --- the page ---------------------------------------------------------------------------------


def docs() -> Path:
    """Write the example from the measured figures and from what the program prints."""
    result = saved(NAME)
    if result is None:
        raise RuntimeError("nothing is measured yet: python -m benchmarks.uses_verify")
    page = ROOT / "docs" / "examples" / "similarity.md"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join(_page(result)) + "\n", "utf-8")
    return page


def _page(result: dict[str, Any]) -> list[str]:
    first = next(iter(result["sets"]))
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
        "## Measured",
        "",
        "Mean over n seeds (lowest to highest), another split of the identities each,",
        f"`--time {result['time']}`, {result['machine']['cores']} cores shared with other work,",
        f"{result['date']}. EER: the share of mistakes where as many different pairs are accepted",
        "as same ones refused; lower is better.",
        "",
        *_table(result),
        "",
        f"## {first.capitalize()}, as the program tells it",
        "",
        *_told(first),
    ]


def _table(result: dict[str, Any]) -> list[str]:
    lines = [
        "| set | network EER | classical EER | TAR at FAR 1e-2 | R@1 | enrolled: named right "
        "| strangers taken for somebody |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, one in result["sets"].items():
        runs = one["runs"]
        rival = np.mean([run["methods"][run["rival"]] for run in runs])
        rivals = ", ".join(sorted({run["rival"] for run in runs}))
        lines.append(
            f"| {name}: {one['what']}; {runs[0]['identities']} sealed (n = {len(runs)}) "
            f"| {_spread(runs, 'EER')} | {rival:.3f} ({rivals}) "
            f"| {np.mean([run['TAR at FAR 1e-2'] for run in runs]):.0%} "
            f"| {np.mean([run['R@1'] for run in runs]):.0%} "
            f"| {np.mean([run['named right'] for run in runs]):.0%} "
            f"| {np.mean([run['strangers taken for somebody'] for run in runs]):.0%} |"
        )
    return lines


def _told(name: str) -> list[str]:
    """What a person sees of the first run: the result, a pair, an enrolment, an explanation."""
    run_folder, source = _run_folder(name, 0), source_of(name)
    people = sorted(one for one in source.iterdir() if one.is_dir())
    one, other = (sorted(person.iterdir()) for person in people[:2])
    commands = [
        ["show", str(run_folder)],
        ["predict", str(run_folder), str(one[0]), str(one[1])],
        ["predict", str(run_folder), str(one[0]), str(other[0]), "--json"],
        ["explain", str(run_folder), str(one[0]), str(one[1])],
        ["enroll", str(run_folder), str(source)],
        ["predict", str(run_folder), str(one[0])],
    ]
    lines = []
    for words in commands:
        ran = run_fresh([*pellucid(), *words])
        text = f"$ pellucid {' '.join(words)}\n{ran.output}".rstrip()
        text = text.replace(str(run_folder), f"{name}.run").replace(run_folder.name, f"{name}.run")
        text = text.replace(str(source), source.name)
        lines += ["```", *text.splitlines(), "```", ""]
    return lines


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.uses_verify", description=__doc__)
    parser.add_argument("--sets", default="")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--time", default="60s")
    parser.add_argument("--fresh", action="store_true", help="learn again what is there already")
    parser.add_argument("--docs", action="store_true", help="only write the page")
    options = parser.parse_args(arguments)
    if not options.docs:
        sets = [name for name in options.sets.split(",") if name]
        run(sets, options.seeds, options.time, fresh=options.fresh)
    print(docs())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
