"""The built-in examples: ordinary files, the same every time, with a truth that is true."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.errors import DataError
from pellucid.examples import EXAMPLES, mixed, series, shapes, texts

TABLES = {"cancer": (569, 31), "iris": (150, 5), "wine": (178, 14), "diabetes": (442, 11)}
TABLES["by-heart"] = (150, 11)


def table(path: Path) -> tuple[list[str], list[list[str]]]:
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return header, rows


def test_one_example_of_every_kind_and_the_name_says_what_is_generated() -> None:
    modalities = {example.modality for example in EXAMPLES.values()}
    assert modalities == {"image", "audio", "text", "series", "table", "mixed"}
    for name, example in EXAMPLES.items():
        assert example.name == name
        assert example.title == (f"{name} (generated)" if example.generated else name)
        assert example.description.endswith("?"), "the description asks the question"
    generated = {name for name, example in EXAMPLES.items() if example.generated}
    assert generated == {"shapes", "scenes", "sounds", "series", "sales", "mixed"}


def test_listing_examples_imports_nothing_heavy() -> None:
    code = (
        "import sys, pellucid.examples; print(sorted({'numpy', 'sklearn', 'PIL'} & {*sys.modules}))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("name", TABLES)
def test_tables(name: str, tmp_path: Path) -> None:
    example = EXAMPLES[name]
    header, rows = table(example.make(tmp_path))
    assert (len(rows), len(header)) == TABLES[name]
    assert header[-1] == example.target
    assert all(len(row) == len(header) for row in rows)
    assert all(np.isfinite(float(cell)) for row in rows for cell in row[:-1])


def test_cancer_keeps_every_value_of_the_original(tmp_path: Path) -> None:
    from sklearn.datasets import load_breast_cancer

    header, rows = table(EXAMPLES["cancer"].make(tmp_path))
    original = load_breast_cancer()
    assert header[:-1] == list(original.feature_names)
    assert np.array_equal(np.array([row[:-1] for row in rows], dtype=float), original.data)
    assert [row[-1] for row in rows].count("malignant") == 212


def test_digits_are_the_original_pictures(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    source = EXAMPLES["digits"].make(tmp_path)
    files = sorted(source.rglob("*.png"), key=lambda file: file.name)
    original = load_digits()
    assert [int(file.parent.name) for file in files] == original.target.tolist()
    for row in (0, 1000, 1796):
        pixels = np.asarray(Image.open(files[row])).astype(float) / 255 * 16
        assert np.array_equal(np.round(pixels), original.images[row])


def test_texts_are_distinct_paragraphs_of_four_projects(tmp_path: Path) -> None:
    source = texts.write(tmp_path, each=50)
    read = {
        project: [file.read_text("utf-8") for file in (source / project).iterdir()]
        for project in texts.PROJECTS
    }
    assert all(len(found) == 50 for found in read.values())
    everything = [text for found in read.values() for text in found]
    assert len(set(everything)) == len(everything)
    assert all(len(text) > 16 and "\n\n" not in text for text in everything)


def test_sounds_can_be_heard(tmp_path: Path) -> None:
    source = EXAMPLES["sounds"].make(tmp_path)
    assert len(list(source.iterdir())) == 6
    for file in sorted(source.rglob("*0.wav")):
        with wave.open(str(file)) as sound:
            samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
            assert (sound.getframerate(), sound.getnchannels()) == (16_000, 1)
        assert 0.8 * 16_000 <= len(samples) <= 1.4 * 16_000
        assert 0.05 < np.abs(samples).max() / 32768 < 0.95


def test_series_have_their_shape() -> None:
    """Averaged over many, a bell rises, a funnel falls and a cylinder does neither."""
    random = np.random.default_rng(1)
    trend = {}
    for shape in series.SHAPES:
        many = np.stack([series.one(shape, random) for _ in range(400)])
        mean = many.mean(axis=0)
        trend[shape] = mean[70:80].mean() - mean[32:42].mean()
    assert trend["bell"] > trend["cylinder"] + 1
    assert trend["funnel"] < trend["cylinder"] - 1


# --- shapes: the truth --------------------------------------------------------------------------


def contrast(picture: np.ndarray, truth: shapes.Truth) -> np.ndarray:
    """float (32, 32): the picture in the direction of color in which the shape stands out."""
    direction = truth.color - truth.background
    return picture.astype(float) @ (direction / np.linalg.norm(direction))


@pytest.mark.parametrize("name", shapes.OUTLINES)
def test_edges_lie_where_the_color_changes(name: str) -> None:
    """The truth agrees with the pixels: they change where an edge is said to be."""
    shares = []
    random = np.random.default_rng(3)
    for _ in range(20):
        picture, truth = shapes.draw(name, random)
        down, across = np.gradient(contrast(picture, truth))
        strength = np.hypot(down, across)
        near = np.zeros_like(truth.edges)
        for y, x in zip(*np.nonzero(truth.edges), strict=True):
            near[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] = True
        shares.append(strength[near].mean() / strength[~near].mean())
    assert np.median(shares) > 2.5


def test_direction_of_an_edge_is_across_the_gradient() -> None:
    errors = []
    random = np.random.default_rng(4)
    for _ in range(30):
        picture, truth = shapes.draw("square", random)
        down, across = np.gradient(contrast(picture, truth))
        strong = truth.edges & (truth.parts == shapes.STRAIGHT)
        strong &= np.hypot(down, across) > 50
        normal = np.degrees(np.arctan2(down[strong], across[strong]))
        difference = (normal - 90 - truth.direction[strong]) % 180
        errors.extend(np.minimum(difference, 180 - difference))
    assert np.median(errors) < 12  # degrees


def test_corners_and_parts() -> None:
    random = np.random.default_rng(5)
    corners = {}
    for name in shapes.OUTLINES:
        _, truth = shapes.draw(name, random)
        corners[name] = int((~np.isnan(truth.corners[:, 0])).sum())
        assert ((truth.parts == shapes.CURVED).any()) == (name in ("circle", "ring", "half moon"))
        assert ((truth.parts == shapes.STRAIGHT).any()) == (name not in ("circle", "ring"))
        assert ((truth.parts == shapes.CORNER).any()) == (corners[name] > 0)
        assert np.array_equal(np.isnan(truth.direction), ~truth.edges)
    assert corners == {
        **{"arrow": 7, "circle": 0, "cross": 12, "half moon": 2},
        **{"ring": 0, "square": 4, "star": 10, "triangle": 3},
    }


def test_truth_lies_beside_the_pictures_in_their_order(tmp_path: Path) -> None:
    source = shapes.write(tmp_path, each=3)
    with np.load(tmp_path / "shapes-truth.npz") as truth:
        files = [f"{file.parent.name}/{file.name}" for file in sorted(source.rglob("*.png"))]
        assert truth["picture"].tolist() == files
        assert truth["shape"].tolist() == [file.partition("/")[0] for file in files]
        assert truth["edges"].shape == truth["parts"].shape == (24, 32, 32)
        assert truth["corners"].shape == (24, 12, 2)


# --- houses: the formula ------------------------------------------------------------------------


def test_the_formula_explains_prices_up_to_the_noise(tmp_path: Path) -> None:
    header, rows = table(mixed.write(tmp_path, rows=300))
    truth = json.loads((tmp_path / "houses-truth.json").read_text("utf-8"))
    residuals = []
    for row in rows:
        house = dict(zip(header, row, strict=True))
        explained = int(house["area"]) * truth["per_square_meter"][house["town"]]
        explained += sum(
            v for text, v in truth["condition"].items() if text in house["description"]
        )
        explained += sum(v for text, v in truth["view"].items() if text in house["description"])
        days = np.datetime64(house["listed"]) - np.datetime64(mixed.FIRST_DAY)
        explained += int(days.astype(int)) * truth["per_day"]
        residuals.append(int(house["price"]) - explained)
        assert (tmp_path / house["picture"]).exists()
    # What is left are 2, 4 or 6 windows and noise.
    windows = np.var([2, 4, 6]) * truth["per_window"] ** 2
    expected = np.sqrt(windows + truth["noise"]["standard_deviation"] ** 2)
    assert np.std(residuals) == pytest.approx(expected, rel=0.12)


# --- making -------------------------------------------------------------------------------------


def fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        digest.update(str(file.relative_to(folder)).encode() + file.read_bytes())
    return digest.hexdigest()


@pytest.mark.parametrize("name", ["sounds", "series", "mixed", "wine"])
def test_made_twice_is_the_same_to_the_byte(name: str, tmp_path: Path) -> None:
    for place in ("one", "two"):
        EXAMPLES[name].make(tmp_path / place)
    assert fingerprint(tmp_path / "one") == fingerprint(tmp_path / "two")


def test_an_example_that_is_there_is_used_as_it_is(tmp_path: Path) -> None:
    source = EXAMPLES["iris"].make(tmp_path)
    source.write_text("changed by its owner")
    assert EXAMPLES["iris"].make(tmp_path) == source
    assert source.read_text() == "changed by its owner"


def test_other_peoples_files_are_never_overwritten(tmp_path: Path) -> None:
    mine = tmp_path / "iris.csv"
    mine.write_text("mine")
    with pytest.raises(DataError, match=r"'iris' would overwrite 'iris\.csv'") as caught:
        EXAMPLES["iris"].make(tmp_path)
    assert caught.value.where == str(mine)
    assert mine.read_text() == "mine"
    assert [file.name for file in tmp_path.iterdir()] == ["iris.csv"], "nothing half-made is left"
