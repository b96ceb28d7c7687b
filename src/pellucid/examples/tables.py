"""scikit-learn's small tables as CSV files with the words a person would use."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any


def cancer(folder: Path) -> Path:
    """569 rows, 30 measurements, `diagnosis`."""
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    answers = [data.target_names[index] for index in data.target]
    return _write(folder / "cancer.csv", data.feature_names, data.data, "diagnosis", answers)


def iris(folder: Path) -> Path:
    """150 rows, 4 measurements, `species`."""
    from sklearn.datasets import load_iris

    data = load_iris()
    answers = [data.target_names[index] for index in data.target]
    return _write(folder / "iris.csv", data.feature_names, data.data, "species", answers)


def wine(folder: Path) -> Path:
    """178 rows, 13 measurements, `cultivar`."""
    from sklearn.datasets import load_wine

    data = load_wine()
    answers = [f"cultivar {index + 1}" for index in data.target]
    return _write(folder / "wine.csv", data.feature_names, data.data, "cultivar", answers)


def diabetes(folder: Path) -> Path:
    """442 rows, 10 measurements in their own units, `progression` (25 to 346)."""
    from sklearn.datasets import load_diabetes

    data = load_diabetes(scaled=False)
    names = (
        *("age", "sex", "body mass index", "blood pressure"),
        *("total cholesterol", "low-density lipoproteins", "high-density lipoproteins"),
        *("cholesterol ratio", "log triglycerides", "blood sugar"),
    )
    return _write(folder / "diabetes.csv", names, data.data, "progression", data.target)


def _write(
    path: Path,
    names: Sequence[str],
    values: Iterable[Sequence[float]],
    target: str,
    answers: Iterable[Any],
) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*names, target])
        for row, answer in zip(values, answers, strict=True):
            # repr of a float is the shortest text that reads back to the same number.
            writer.writerow([*(repr(float(value)) for value in row), answer])
    return path
