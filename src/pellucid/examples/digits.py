"""scikit-learn's 1,797 handwritten digits as PNG files in one folder a digit."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pellucid.errors import require


def write(folder: Path) -> Path:
    """`digits/7/0042.png`, 8x8 gray; the number of the file is the row in scikit-learn."""
    from sklearn.datasets import load_digits

    image = require("PIL.Image", extra="image", purpose="writing pictures")
    digits = load_digits()
    source = folder / "digits"
    for name in digits.target_names:
        (source / str(name)).mkdir(parents=True)
    # The scanner counted 0 to 16 dark dots for each pixel.
    pixels = np.round(digits.images * (255 / 16)).astype(np.uint8)
    for row, (picture, digit) in enumerate(zip(pixels, digits.target, strict=True)):
        image.fromarray(picture).save(source / str(digit) / f"{row:04d}.png")
    return source
