"""Built-in examples: real data that packages carry, and generated data that says so.

`EXAMPLES["shapes"].make(folder)` writes ordinary files (pictures, sounds, texts, tables) into the
folder and returns the source to learn from, so that a demo goes the very same way as a user's data.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pellucid.errors import DataError

Writer = Callable[[Path], Path]
"""Writes an example's files into an empty folder and returns the source among them."""


@dataclass(frozen=True)
class Example:
    """Data to try Pellucid on.

    name: what the user types after `pellucid demo`.
    modality: what it is made of: "image", "audio", "text", "series", "table" or "mixed".
    description: one line: what there is and what to predict.
    origin: where the data comes from, and its license.
    generated: True where no part of it was ever measured or written by a person.
    seconds: roughly how long the demo takes on two CPU cores.
    writer: "module:function" in this folder; a name, so that listing examples stays instant.
    target: the column to predict; None where class folders say it.
    truth: the file next to the source that holds what generated data was made from, if any.
    plan: the folder next to the source with the plan to learn by (as `--plan` takes it); None:
        one is made for the data, as for any other.
    """

    name: str
    modality: str
    description: str
    origin: str
    generated: bool
    seconds: int
    writer: str
    target: str | None = None
    truth: str | None = None
    plan: str | None = None

    @property
    def title(self) -> str:
        """The name, and that the data is generated where it is."""
        return f"{self.name} (generated)" if self.generated else self.name

    def make(self, folder: str | Path) -> Path:
        """Write the example into `folder` and return the source to learn from.

        Made twice, the files of the first time are used again as they are.

        Raises:
            DataError: a file or folder in the way was not made by this example.
        """
        folder = Path(folder)
        about = folder / f"{self.name}.about.txt"
        if about.exists():
            return folder / about.read_text("utf-8").splitlines()[-1]
        folder.mkdir(parents=True, exist_ok=True)
        # Written aside and moved: an interrupted demo never leaves half an example behind.
        with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as scratch:
            source = self._write(Path(scratch)).name
            made = sorted(Path(scratch).iterdir())
            self._refuse_to_overwrite([folder / path.name for path in made])
            for path in made:
                path.replace(folder / path.name)
        lines = (self.title, self.description, self.origin, source)
        about.write_text("\n".join(lines) + "\n", "utf-8")
        return folder / source

    def _write(self, folder: Path) -> Path:
        module, _, function = self.writer.partition(":")
        writer: Writer = getattr(importlib.import_module(f"{__name__}.{module}"), function)
        return writer(folder)

    def _refuse_to_overwrite(self, paths: list[Path]) -> None:
        for path in paths:
            if path.exists():
                raise DataError(
                    f"the example '{self.name}' would overwrite '{path.name}'",
                    where=str(path),
                    fix="move it away, or make the example in another folder",
                )


_EXAMPLES = (
    Example(
        "digits",
        "image",
        "1,797 handwritten digits, 8x8 pixels in gray: which digit is it?",
        "UCI Optical Recognition of Handwritten Digits (CC BY 4.0), carried by scikit-learn",
        generated=False,
        seconds=40,
        writer="digits:write",
    ),
    Example(
        "shapes",
        "image",
        "4,000 color pictures, 32x32, of 8 shapes with known edges and corners: which shape?",
        "drawn by Pellucid with a fixed seed",
        generated=True,
        seconds=90,
        writer="shapes:write",
        truth="shapes-truth.npz",
    ),
    Example(
        "scenes",
        "image",
        "400 pictures, 128x128, with up to 6 shapes each: which shapes, and where?",
        "drawn by Pellucid with a fixed seed",
        generated=True,
        seconds=90,
        writer="scenes:write",
    ),
    Example(
        "cancer",
        "table",
        "569 breast tumors, 30 measurements of cell nuclei: malignant or benign?",
        "UCI Breast Cancer Wisconsin, Diagnostic (CC BY 4.0), carried by scikit-learn",
        generated=False,
        seconds=10,
        writer="tables:cancer",
        target="diagnosis",
    ),
    Example(
        "texts",
        "text",
        "paragraphs of documentation by 4 projects: which project's authors wrote it?",
        "docstrings of the installed Python, NumPy, SciPy and scikit-learn (PSF, BSD-3-Clause)",
        generated=False,
        seconds=60,
        writer="texts:write",
    ),
    Example(
        "sounds",
        "audio",
        "480 short sounds of 6 kinds, with noise: a tone, a sweep, a pluck, a knock ...?",
        "computed by Pellucid with a fixed seed",
        generated=True,
        seconds=60,
        writer="sounds:write",
    ),
    Example(
        "series",
        "series",
        "900 noisy measurements over 128 time steps: a cylinder, a bell or a funnel?",
        "computed by Pellucid with a fixed seed, after Saito (1994)",
        generated=True,
        seconds=40,
        writer="series:write",
        target="shape",
    ),
    Example(
        "sales",
        "series",
        "five shops' sales a day for two years: how much will they sell in the next two weeks?",
        "computed by Pellucid with a fixed seed",
        generated=True,
        seconds=60,
        writer="sales:write",
        target="sales",
    ),
    Example(
        "mixed",
        "mixed",
        "1,500 houses: a picture, a description, numbers, a town and a date: what is the price?",
        "made up by Pellucid with a fixed seed",
        generated=True,
        seconds=90,
        writer="mixed:write",
        target="price",
        truth="houses-truth.json",
    ),
    Example(
        "iris",
        "table",
        "150 iris flowers, 4 measurements of petals and sepals: which of 3 species?",
        "Fisher (1936), UCI Iris (CC BY 4.0), carried by scikit-learn",
        generated=False,
        seconds=5,
        writer="tables:iris",
        target="species",
    ),
    Example(
        "wine",
        "table",
        "178 Italian wines, 13 chemical measurements: which of 3 cultivars?",
        "UCI Wine (CC BY 4.0), carried by scikit-learn",
        generated=False,
        seconds=5,
        writer="tables:wine",
        target="cultivar",
    ),
    Example(
        "diabetes",
        "table",
        "442 patients, 10 measurements: how far will the disease have progressed in a year?",
        "Efron et al. (2004), carried by scikit-learn",
        generated=False,
        seconds=10,
        writer="tables:diabetes",
        target="progression",
    ),
    Example(
        "by-heart",
        "table",
        "150 patients, a network far too large, nothing to hold it back: where does it overfit?",
        "Efron et al. (2004), carried by scikit-learn; a part of the rows, drawn with a fixed seed",
        generated=False,
        seconds=10,
        writer="heart:write",
        target="progression",
        plan="by-heart.plan",
    ),
)

EXAMPLES: dict[str, Example] = {example.name: example for example in _EXAMPLES}
