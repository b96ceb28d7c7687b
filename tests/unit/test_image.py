"""Pictures of every format and mode, broken ones by name, and near-duplicates."""

from __future__ import annotations

import io
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits, load_sample_images

from pellucid.data.columns import Loaded, RawColumn
from pellucid.data.modalities.image import ImageModality, _moments

IMAGE = ImageModality()
RED, WHITE = (255, 0, 0), (255, 255, 255)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))


def column(folder: Path, names: list[str | None]) -> RawColumn:
    values = np.empty(len(names), dtype=object)
    values[:] = names
    return RawColumn("photo", values, folder)


def picture(width: int = 40, height: int = 48) -> Image.Image:
    """Red left, blue right, a dark foot: no symmetry that could hide a turn."""
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    pixels[:, : width // 2] = (200, 30, 30)
    pixels[:, width // 2 :] = (30, 30, 200)
    pixels[3 * height // 4 :] = (10, 10, 10)
    return Image.fromarray(pixels)


def save(image: Image.Image, path: Path, mode: str) -> None:
    (image.quantize(16) if mode == "P" else image.convert(mode)).save(path)


MODES = {
    "png": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "jpg": ("L", "RGB", "CMYK"),
    "bmp": ("1", "L", "P", "RGB", "RGBA"),
    "gif": ("1", "L", "P", "RGB"),
    "tif": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "F"),
    "webp": ("RGB", "RGBA"),
}


@pytest.mark.parametrize(
    ("ending", "mode"), [(ending, mode) for ending, modes in MODES.items() for mode in modes]
)
def test_every_format_and_mode_shows_the_same_picture(
    ending: str, mode: str, tmp_path: Path
) -> None:
    path = tmp_path / f"a.{ending}"
    if mode in ("I;16", "F"):
        grey = np.asarray(picture().convert("L")).astype(np.uint16)
        deep = (grey * 16).astype(np.uint16) if mode == "I;16" else (grey / 255).astype(np.float32)
        Image.fromarray(deep).save(path)
    elif mode == "1":
        picture().convert("L").point(lambda value: 255 * (value > 20)).convert("1").save(path)
    else:
        save(picture(), path, mode)
    loaded = IMAGE.load(column(tmp_path, [path.name]))
    assert loaded.problems == {}
    assert loaded.values.dtype == np.uint8
    assert loaded.values.shape[:3] == (1, 48, 40)
    shown = loaded.values[0].astype(int)
    if shown.shape[2] == 3:
        np.testing.assert_allclose(shown[10, 8], (200, 30, 30), atol=14)
        np.testing.assert_allclose(shown[10, 32], (30, 30, 200), atol=14)
        np.testing.assert_allclose(shown[45, 20], (10, 10, 10), atol=14)
    else:
        assert shown[10, 8, 0] >= shown[10, 32, 0] > shown[45, 20, 0] >= 0
        if mode != "1":
            assert shown[10, 8, 0] - shown[10, 32, 0] > 20
    grey_files = mode in ("1", "L", "LA", "I;16", "F")
    assert shown.shape[2] == (1 if grey_files else 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp"])
def test_exif_orientation_is_undone(orientation: int, ending: str, tmp_path: Path) -> None:
    upright = picture()
    stored = {
        1: upright,
        2: upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: upright.transpose(Image.Transpose.ROTATE_180),
        4: upright.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: upright.transpose(Image.Transpose.TRANSPOSE),
        6: upright.transpose(Image.Transpose.ROTATE_90),
        7: upright.transpose(Image.Transpose.TRANSVERSE),
        8: upright.transpose(Image.Transpose.ROTATE_270),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / f"a.{ending}", exif=exif)
    loaded = IMAGE.load(column(tmp_path, [f"a.{ending}"]))
    assert loaded.values.shape == (1, 48, 40, 3)
    difference = np.abs(loaded.values[0].astype(int) - np.asarray(upright))
    assert np.median(difference) <= 3
    assert difference.mean() < 12


def test_transparent_parts_are_white(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (20, 20), (255, 0, 0, 0))
    clear.paste((255, 0, 0, 255), (0, 0, 10, 20))
    clear.save(tmp_path / "a.png")
    clear.convert("P").save(tmp_path / "b.png", transparency=clear.convert("P").getpixel((15, 5)))
    loaded = IMAGE.load(column(tmp_path, ["a.png", "b.png"]))
    for row in (0, 1):
        assert tuple(loaded.values[row, 5, 15]) == WHITE
    assert tuple(loaded.values[0, 5, 5]) == RED
    assert "2 with transparent parts put on white" in loaded.layout["why"]


def test_an_animation_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (16, 16), color) for color in (RED, (0, 255, 0))]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], lossless=True)
    loaded = IMAGE.load(column(tmp_path, ["a.gif", "a.webp"]))
    assert {tuple(loaded.values[row, 8, 8]) for row in (0, 1)} == {RED}


def test_grey_in_color_files_becomes_one_channel(tmp_path: Path) -> None:
    grey = picture().convert("L")
    names = ["a.png", "b.jpg", "c.gif", "d.png"]
    for name in names[:2]:
        grey.convert("RGB").save(tmp_path / name)
    grey.save(tmp_path / names[2])
    grey.convert("P").save(tmp_path / names[3])
    loaded = IMAGE.load(column(tmp_path, names))
    assert loaded.values.shape == (4, 48, 40, 1)
    assert loaded.layout["channels"] == 1
    # A colored picture that comes later is read in the layout that was learned.
    picture().save(tmp_path / "later.png")
    later = IMAGE.load(column(tmp_path, ["later.png"]), loaded.layout)
    np.testing.assert_array_equal(later.values[0, ..., 0], np.asarray(grey))


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_deep_files_are_scaled_by_their_bits(bits: int, tmp_path: Path) -> None:
    top = 2**bits - 1
    values = np.linspace(0, top, 256).reshape(16, 16).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    loaded = IMAGE.load(column(tmp_path, ["a.png"]))
    assert loaded.layout["range"] == [0.0, float(top)]
    np.testing.assert_allclose(loaded.values[0].ravel(), np.arange(256), atol=1)
    assert f"0..{top}" in loaded.layout["why"]


def test_broken_files_are_problems_by_name(tmp_path: Path) -> None:
    picture().save(tmp_path / "good.png")
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("hello, I am no picture")
    (tmp_path / "folder.png").mkdir()
    picture(12_000, 1).save(tmp_path / "bomb.png")
    data = bytearray((tmp_path / "bomb.png").read_bytes())
    data[20:24] = (60_000).to_bytes(4, "big")
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    (tmp_path / "bomb.png").write_bytes(data)
    names = ["good.png", "empty.png", "text.jpg", "missing.png", "folder.png", "bomb.png", None]
    loaded = IMAGE.load(column(tmp_path, names))
    assert loaded.problems == {
        1: "0 bytes",
        2: "not an image (begins with 'hello, I')",
        3: "no such file: missing.png",
        4: "a folder, not a file",
        5: "too large: Image size (720000000 pixels) exceeds limit of 178956970 pixels",
        6: "no file name",
    }
    assert loaded.values[0].any()


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "gif", "tif", "webp"])
def test_truncated_files_are_found_wherever_they_break_off(ending: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noisy = Image.fromarray(rng.integers(0, 255, (40, 40, 3), dtype=np.uint8))
    noisy.save(tmp_path / f"whole.{ending}")
    whole = (tmp_path / f"whole.{ending}").read_bytes()
    names = []
    for part in (0.1, 0.3, 0.5, 0.8, 0.95):
        names.append(f"{part}.{ending}")
        (tmp_path / names[-1]).write_bytes(whole[: int(part * len(whole))])
    loaded = IMAGE.load(column(tmp_path, [f"whole.{ending}", *names]))
    assert sorted(loaded.problems) == [1, 2, 3, 4, 5]
    assert all(why.startswith("truncated") for why in loaded.problems.values())
    if ending == "bmp":
        assert loaded.problems[3] == f"truncated: {len(whole) // 2:,} of {len(whole):,} bytes"


def test_damaged_bytes_never_escape(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names: list[str | None] = []
    for ending in ("png", "jpg", "bmp", "gif", "tif", "webp"):
        picture().save(tmp_path / f"good.{ending}")
        good = (tmp_path / f"good.{ending}").read_bytes()
        for number in range(30):
            data = bytearray(good)
            for place in rng.integers(0, min(len(data), 200), 3):
                data[place] = rng.integers(0, 256)
            names.append(f"{number}.{ending}")
            (tmp_path / f"{number}.{ending}").write_bytes(data)
    loaded = IMAGE.load(column(tmp_path, names))
    assert 0 < len(loaded.problems) < len(names)
    words = ("truncated", "damaged", "not an image", "too large")
    assert all(why.startswith(words) for why in loaded.problems.values())


def test_a_wrong_ending_does_not_matter(tmp_path: Path) -> None:
    picture().save(tmp_path / "a.jpg", format="PNG")
    loaded = IMAGE.load(column(tmp_path, ["a.jpg"]))
    np.testing.assert_array_equal(loaded.values[0], np.asarray(picture()))


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(28, 28)] * 3, (28, 28)),
        ([(96, 64)] * 3, (64, 96)),
        ([(640, 480), (320, 240), (800, 600)], (128, 172)),
        ([(480, 640), (240, 320)], (172, 128)),
        ([(640, 480), (480, 640), (300, 300)], (128, 128)),
        ([(50, 50), (70, 70), (60, 60)], (48, 48)),
        ([(20, 20), (22, 22)], (20, 20)),
    ],
)
def test_the_size_follows_from_the_files(
    sizes: list[tuple[int, int]], expected: tuple[int, int], tmp_path: Path
) -> None:
    names = [f"{number}.png" for number in range(len(sizes))]
    for name, (width, height) in zip(names, sizes):
        picture(width, height).save(tmp_path / name)
    loaded = IMAGE.load(column(tmp_path, list(names)))
    assert (loaded.layout["height"], loaded.layout["width"]) == expected
    assert loaded.values.shape[1:3] == expected
    assert f"{expected[1]} x {expected[0]}" in loaded.layout["why"]


def test_recognizes_names_of_files_that_exist(tmp_path: Path) -> None:
    picture().save(tmp_path / "a.png")
    picture().save(tmp_path / "B.PNG")
    found = IMAGE.recognize(column(tmp_path, ["a.png", "B.PNG", None]))
    assert found is not None
    assert found.sure > 0.95
    assert "2 of 2" in found.why
    nowhere = IMAGE.recognize(column(tmp_path, ["x.png", "y.png"]))
    assert nowhere is not None
    assert nowhere.sure < 0.2
    assert "no such file: x.png" in nowhere.why
    assert IMAGE.recognize(column(tmp_path, ["a.wav", "b.wav"])) is None
    assert IMAGE.recognize(column(tmp_path, ["a rose", "a.png is nice"])) is None
    assert IMAGE.recognize(column(tmp_path, [None, None])) is None
    assert IMAGE.recognize(RawColumn("n", np.arange(3.0))) is None


def test_recognizes_arrays_of_pictures_but_no_series() -> None:
    rng = np.random.default_rng(0)

    def sure(values: np.ndarray) -> float:
        reading = IMAGE.recognize(RawColumn("x", values))
        return reading.sure if reading else 0.0

    assert sure(rng.integers(0, 255, (5, 28, 28), dtype=np.uint8)) > 0.9
    assert sure(rng.random((5, 32, 32, 3))) > 0.9
    assert sure(rng.random((5, 3, 32, 32))) > 0.9
    assert sure(rng.random((5, 8, 8)) * 16) > 0.8
    assert sure(rng.normal(size=(5, 30, 30))) == 0  # values below zero
    assert sure(rng.random((5, 100, 3))) == 0
    assert sure(rng.random((5, 100, 12))) == 0
    assert sure(rng.random((5, 64))) == 0


def test_arrays_of_any_range_become_bytes() -> None:
    digits = IMAGE.load(RawColumn("x", load_digits().images))
    assert digits.values.shape == (1797, 8, 8, 1)
    assert digits.layout["range"] == [0.0, 16.0]
    np.testing.assert_allclose(digits.values[..., 0], load_digits().images * 255 / 16, atol=0.51)

    colors = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3), dtype=np.uint8)
    for values in (colors, colors / 255, colors.astype(np.float64), np.moveaxis(colors, 3, 1)):
        np.testing.assert_array_equal(IMAGE.load(RawColumn("x", values)).values, colors)
    flags = IMAGE.load(RawColumn("x", colors[..., 0] > 99))
    assert set(np.unique(flags.values)) == {0, 255}


def test_arrays_with_alpha_nan_or_another_size() -> None:
    clear = np.zeros((2, 8, 8, 4), dtype=np.uint8)
    clear[:, :4] = (255, 0, 0, 255)
    loaded = IMAGE.load(RawColumn("x", clear))
    assert tuple(loaded.values[0, 0, 0]) == RED
    assert tuple(loaded.values[0, 7, 0]) == WHITE
    broken = np.random.default_rng(0).random((3, 8, 8))
    broken[1, 2, 3] = np.nan
    loaded = IMAGE.load(RawColumn("x", broken))
    assert loaded.problems == {1: "some pixels are not a number or infinite"}
    larger = IMAGE.load(RawColumn("x", np.kron(broken, np.ones((1, 2, 2)))), loaded.layout)
    assert larger.values.shape == (3, 8, 8, 1)


def test_large_arrays_are_resized() -> None:
    large = np.random.default_rng(0).integers(0, 256, (3, 200, 150, 3), dtype=np.uint8)
    loaded = IMAGE.load(RawColumn("x", large))
    assert loaded.values.shape == (3, 172, 128, 3)


def test_fit_is_mean_and_std_of_training_rows_only() -> None:
    values = np.random.default_rng(0).integers(0, 256, (50, 9, 7, 3), dtype=np.uint8)
    loaded = IMAGE.load(RawColumn("x", values))
    rows = np.arange(20)
    fitted = IMAGE.fit(loaded.take(rows))
    scaled = values[:20] / 255
    np.testing.assert_allclose(fitted["mean"], scaled.mean(axis=(0, 1, 2)))
    np.testing.assert_allclose(fitted["std"], scaled.std(axis=(0, 1, 2)))
    assert IMAGE.encode(loaded, fitted) is loaded.values
    entry = IMAGE.entry("x", fitted)
    assert (entry.way, entry.positions, entry.size, entry.group) == ("project", (9, 7), 3, "x")
    assert IMAGE.draw(loaded, 3).data.shape == (9, 7, 3)
    assert _moments(np.zeros((2, 3, 3, 1), np.uint8))[1].tolist() == [1.0]


def test_a_second_load_decodes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"{number}.png" for number in range(40)]
    for number, name in enumerate(names):
        Image.new("L", (8, 8), number).save(tmp_path / name)
    (tmp_path / "3.png").write_bytes(b"\x89PNG")
    calls: list[tuple[int, int]] = []
    first = IMAGE.load(column(tmp_path, list(names)), None, lambda *done: calls.append(done))
    assert calls[-1] == (80, 80)
    module = "pellucid.data.modalities.image"
    monkeypatch.setattr(f"{module}._decode", lambda *_: pytest.fail("decoded again"))
    monkeypatch.setattr(f"{module}._header", lambda *_: pytest.fail("looked at again"))
    (tmp_path / "5.png").touch()  # the time does not matter, the content does
    second = IMAGE.load(column(tmp_path, list(names)))
    np.testing.assert_array_equal(first.values, second.values)
    assert second.layout == first.layout
    assert second.problems == first.problems == {3: first.problems[3]}


# --- near-duplicates ------------------------------------------------------------------------


def tiles() -> np.ndarray:
    """168 overlapping pieces of two photos."""
    return np.stack(
        [
            photo[y : y + 96, x : x + 96]
            for photo in load_sample_images().images
            for y in range(0, photo.shape[0] - 95, 48)
            for x in range(0, photo.shape[1] - 95, 48)
        ]
    )


def again(pixels: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def share_found(one: np.ndarray, other: np.ndarray) -> float:
    keys = IMAGE.keys(Loaded(np.concatenate([one, other])))
    pairs = list(zip(keys[: len(one)], keys[len(one) :]))
    return sum(a == b and a is not None for a, b in pairs) / len(pairs)


def test_different_pictures_have_different_keys() -> None:
    digits = IMAGE.load(RawColumn("x", load_digits().images))
    for values in (digits.values, tiles()):
        assert max(Counter(IMAGE.keys(Loaded(values))).values()) == 1


def test_copies_noise_and_encoding_share_a_key() -> None:
    original = tiles()
    rng = np.random.default_rng(0)
    noisy = original.copy()
    noisy[np.arange(168), rng.integers(0, 96, 168), rng.integers(0, 96, 168)] = 255
    smaller = [np.asarray(Image.fromarray(tile).resize((64, 64))) for tile in original]
    larger = np.stack([np.asarray(Image.fromarray(tile).resize((96, 96))) for tile in smaller])
    assert share_found(original, original) == 1.0
    assert share_found(original, noisy) >= 0.99
    assert share_found(original, larger) >= 0.98
    assert share_found(original, np.stack([again(tile, 95) for tile in original])) >= 0.99
    assert share_found(original, np.stack([again(tile, 85) for tile in original])) >= 0.95


def test_plain_pictures_have_no_key() -> None:
    plain = np.full((3, 16, 16, 3), 99, dtype=np.uint8)
    assert IMAGE.keys(Loaded(plain)) == [None, None, None]
    assert IMAGE.keys(Loaded(plain[:0])) == []
