"""A row of a mixed table may lack its photo or its recording: the other columns speak for it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

import pellucid

ROWS = 80


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Flats: each fourth has no photo, each fifth no recording, one names a photo that is gone."""
    folder = tmp_path_factory.mktemp("flats")
    random = np.random.default_rng(0)
    rows = []
    for row in range(ROWS):
        quiet = row % 2
        pixels = random.integers(0, 90, (12, 12, 3)) + 120 * quiet
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{row}.png")
        tone = np.sin(2 * np.pi * (300 + 500 * quiet) * np.arange(4_000) / 8_000)
        soundfile.write(folder / f"{row}.wav", 0.3 * tone, 8_000)
        photo = "" if row % 4 == 0 else f"{row}.png"
        sound = "" if row % 5 == 0 else f"{row}.wav"
        rows.append([photo, sound, round(random.normal() + quiet, 2), ["loud", "quiet"][quiet]])
    rows[3][0] = "gone.png"
    table = folder / "flats.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([["photo", "street", "price", "flat"], *rows])
    return table


def test_rows_that_lack_a_photo_are_learned_from_and_answered(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))
    run = pellucid.learn(source, time=4, out=tmp_path / "run", quiet=True)
    lacking = sum(row % 4 == 0 or row % 5 == 0 for row in range(ROWS))
    assert run.rows["repaired"] == lacking
    assert run.rows["set_aside"] == 1  # a file that is named but not there is another matter
    reasons = run.ledger().to_pandas().set_index("row")["reason"]
    assert reasons[4] == "photo: no image: the other columns speak for the row"
    assert reasons[5] == "street: no audio: the other columns speak for the row"
    assert "gone.png" in reasons[3] or "no such file" in reasons[3]

    asked = source.with_name("asked.csv")
    asked.write_text("photo,street,price\n,,1.4\n1.png,,0.2\n,3.wav,\n")
    for which in ("network", "baseline"):
        answers = run.predict(asked, model=which)
        assert len(answers) == 3
        assert all(abs(sum(one["probabilities"].values()) - 1) < 1e-5 for one in answers)
