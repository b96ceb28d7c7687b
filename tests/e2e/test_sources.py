"""Every kind of source and every option, learned from and answered, in this process."""

from __future__ import annotations

import io
import json
import shutil
import wave
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import pellucid
from pellucid.errors import DataError
from pellucid.interfaces.trained import Trained

Settings = dict[str, Any]
Maker = Callable[[Path], tuple[Any, Settings]]
"""Writes files into a folder; returns the source and arguments for `learn`."""


def learn(source: Any, out: Path, **settings: Any) -> Trained:
    settings = {"time": 1.5, "quiet": True, "report": False, "pretrained": False} | settings
    return pellucid.learn(source, out=out, **settings)


def png(shade: int, seed: int = 0) -> bytes:
    from PIL import Image

    pixels = np.random.default_rng(seed).integers(0, 90, (8, 8, 3)) + shade
    sink = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(sink, "PNG")
    return sink.getvalue()


def wav(pitch: float, seed: int = 0) -> bytes:
    tone = 9000 * np.sin(np.arange(1600) * pitch) + np.random.default_rng(seed).normal(0, 99, 1600)
    sink = io.BytesIO()
    with wave.open(sink, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(tone.astype("<i2").tobytes())
    return sink.getvalue()


def write(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def photos(first: int = 0, each: int = 12, root: str = "") -> dict[str, bytes]:
    """Two class folders of dark and bright pictures."""
    numbers = range(first, first + each)
    return {
        f"{root}{kind}/{n:03}.png": png(shade, n + shade)
        for n in numbers
        for kind, shade in (("dark", 0), ("light", 150))
    }


def table(rows: int = 60) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    kinds = np.array(["rose", "tulip"], dtype=object)[np.arange(rows) % 2]
    return {
        "length": 3 * (np.arange(rows) % 2) + rng.normal(size=rows),
        "width": rng.normal(size=rows),
        "garden": np.array([f"garden {n // 6}" for n in range(rows)], dtype=object),
        "kind": kinds,
    }


def csv(columns: dict[str, Any]) -> str:
    rows = zip(*columns.values())
    return "\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]) + "\n"


# --- sources --------------------------------------------------------------------------------------


def class_folders(folder: Path) -> tuple[Any, Settings]:
    return write(folder / "photos", photos()), {}


def zip_of_class_folders(folder: Path) -> tuple[Any, Settings]:
    with zipfile.ZipFile(folder / "photos.zip", "w") as file:
        for name, content in photos().items():
            file.writestr(f"photos/{name}", content)
    return folder / "photos.zip", {}


def train_and_test_folders(folder: Path) -> tuple[Any, Settings]:
    files = photos(0, 12, "train/") | photos(50, 4, "test/")
    return write(folder / "photos", files), {}


def recordings(folder: Path) -> tuple[Any, Settings]:
    files = {
        f"{kind}/{n}.wav": wav(pitch, n)
        for n in range(12)
        for kind, pitch in (("low", 0.1), ("high", 0.9))
    }
    return write(folder / "sounds", files), {}


def texts(folder: Path) -> tuple[Any, Settings]:
    files = {
        f"{kind}/{n}.txt": f"{word} film, seen {n} times, {word}".encode()
        for n in range(20)
        for kind, word in (("good", "lovely"), ("bad", "awful"))
    }
    return write(folder / "texts", files), {}


def table_with_pictures(folder: Path) -> tuple[Any, Settings]:
    write(folder / "shop", {f"img/{n}.png": png(150 * (n % 2), n) for n in range(40)})
    columns = {
        "photo": [f"img/{n}.png" for n in range(40)],
        "about": [f"{'bright' if n % 2 else 'dark'} thing no {n} of many" for n in range(40)],
        "weight": np.arange(40) % 7,
        "price": [10 + 5 * (n % 2) + n % 3 / 10 for n in range(40)],
    }
    (folder / "shop" / "shop.csv").write_text(csv(columns))
    return folder / "shop" / "shop.csv", {"target": "price", "task": "regress"}


def long_series(folder: Path) -> tuple[Any, Settings]:
    lines = ["id,time,value,label"]
    for n in range(30):
        wavelength = 3 if n % 2 else 9
        for t in range(24):
            lines.append(f"s{n},{t},{np.sin(t / wavelength + n):.4f},{['slow', 'fast'][n % 2]}")
    (folder / "long.csv").write_text("\n".join(lines) + "\n")
    return folder / "long.csv", {"target": "label"}


def wide_series(folder: Path) -> tuple[Any, Settings]:
    columns: dict[str, Any] = {
        f"t{t}": [round(float(np.sin(t / (3 if n % 2 else 9) + n)), 4) for n in range(40)]
        for t in range(24)
    }
    (folder / "wide.csv").write_text(csv(columns | {"label": ["slow", "fast"] * 20}))
    return folder / "wide.csv", {"target": "label"}


def ts_file(folder: Path) -> tuple[Any, Settings]:
    lines = ["@problemName waves", "@univariate true", "@classLabel true slow fast", "@data"]
    for n in range(40):
        wavelength = 3 if n % 2 else 9
        values = ",".join(f"{np.sin(t / wavelength + n):.4f}" for t in range(24))
        lines.append(f"{values}:{'fast' if n % 2 else 'slow'}")
    (folder / "waves.ts").write_text("\n".join(lines) + "\n")
    return folder / "waves.ts", {}


def npz_of_pictures(folder: Path) -> tuple[Any, Settings]:
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    x = rng.integers(0, 90, (40, 8, 8)) + 150 * y[:, None, None]
    np.savez(folder / "digits.npz", X=x.astype(np.uint8), y=y)
    return folder / "digits.npz", {}


def workbook(folder: Path) -> tuple[Any, Settings]:
    import pandas as pd

    pd.DataFrame(table()).to_excel(folder / "book.xlsx", index=False)
    return folder / "book.xlsx", {"target": "kind"}


def parquet(folder: Path) -> tuple[Any, Settings]:
    import polars as pl

    pl.DataFrame(table()).write_parquet(folder / "t.parquet")
    return folder / "t.parquet", {"target": "kind"}


def json_lines(folder: Path) -> tuple[Any, Settings]:
    rows = [dict(zip(table(), row)) for row in zip(*table().values())]
    (folder / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "t.jsonl", {"target": "kind"}


def pandas_frame(folder: Path) -> tuple[Any, Settings]:
    import pandas as pd

    return pd.DataFrame(table()), {"target": "kind"}


def polars_frame(folder: Path) -> tuple[Any, Settings]:
    import polars as pl

    return pl.DataFrame(table()), {"target": "kind"}


def numpy_pair(folder: Path) -> tuple[Any, Settings]:
    columns = table()
    return (np.stack([columns["length"], columns["width"]], 1), columns["kind"]), {}


# maker, rows, modalities of the inputs
SOURCES: list[tuple[Maker, int, set[str]]] = [
    (class_folders, 24, {"image"}),
    (zip_of_class_folders, 24, {"image"}),
    (train_and_test_folders, 32, {"image"}),
    (recordings, 24, {"audio"}),
    (texts, 40, {"text"}),
    (table_with_pictures, 40, {"image", "text", "number"}),
    (long_series, 30, {"series"}),
    (wide_series, 40, {"series"}),
    (ts_file, 40, {"series"}),
    (npz_of_pictures, 40, {"image"}),
    (workbook, 60, {"number", "category"}),
    (parquet, 60, {"number", "category"}),
    (json_lines, 60, {"number", "category"}),
    (pandas_frame, 60, {"number", "category"}),
    (polars_frame, 60, {"number", "category"}),
    (numpy_pair, 60, {"number"}),
]


@pytest.mark.parametrize(
    ("make", "rows", "kinds"), SOURCES, ids=lambda item: getattr(item, "__name__", "")
)
def test_every_kind_of_source(make: Maker, rows: int, kinds: set[str], tmp_path: Path) -> None:
    source, settings = make(tmp_path)
    run = learn(source, tmp_path / "run", **settings)
    assert run.status == "done"
    assert {column.modality for column in run.columns if column.role == "input"} == kinds
    assert sum(run.rows.values()) == rows
    assert run.rows["set_aside"] == 0
    answers = run.predict(source, model="baseline")
    assert [line["row"] for line in answers] == list(range(rows))
    assert all("answer" in line for line in answers)
    assert run.result()["baseline"]["score"] is not None


def test_a_text_itself_is_answered_where_a_model_reads_texts(tmp_path: Path) -> None:
    source, settings = texts(tmp_path)
    run = learn(source, tmp_path / "run", **settings)
    sentence = "a word, and/or another one."
    by_name = run.predict({"text": sentence})
    assert run.predict(sentence) == by_name
    (tmp_path / "a file.txt").write_text(sentence, "utf-8")
    [in_a_file] = run.predict(str(tmp_path / "a file.txt"))
    assert in_a_file["probabilities"] == pytest.approx(by_name[0]["probabilities"], abs=1e-6)
    for slip in ("word", "no file.txt", f"{tmp_path}/no such file"):
        with pytest.raises(DataError, match="there is no file or folder") as caught:
            run.predict(slip)
        assert "or the text itself: " in caught.value.fix
    [answer] = run.predict("x " * 5000)  # longer than any path may be
    assert "answer" in answer


# --- Python ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A model of pictures."""
    folder = tmp_path_factory.mktemp("gallery")
    return learn(write(folder / "photos", photos(0, 30)), folder / "run", time=4)


def test_one_picture_many_pictures_and_arrays(gallery: Trained, tmp_path: Path) -> None:
    write(tmp_path, {"new/b.png": png(150, 7), "new/a.png": png(0, 8), "new/sub/c.png": png(0, 9)})
    [one] = gallery.predict(tmp_path / "new" / "b.png")
    many = gallery.predict(str(tmp_path / "new"))
    assert [line["row"] for line in many] == [0, 1, 2]
    assert many[1]["probabilities"] == pytest.approx(one["probabilities"], abs=1e-5)
    frame = {"file": [str(tmp_path / "new" / "b.png"), str(tmp_path / "new" / "a.png")]}
    named = gallery.predict(frame)
    assert named[0]["probabilities"] == pytest.approx(one["probabilities"], abs=1e-5)


def test_the_model_is_a_plain_module_with_the_same_answers(tmp_path: Path) -> None:
    """With rows given for validation there is one network, whose answers are the run's."""
    columns: dict[str, Any] = table(90)
    columns["part"] = np.array(["train", "train", "valid", "test"] * 23, dtype=object)[:90]
    run = learn(columns, tmp_path / "run", target="kind", split="part", time=3)
    module = run.model()
    assert isinstance(module, torch.nn.Module)
    assert not module.training
    assert len(run.bundle.members) == 1
    assert (run.rows["valid"], run.rows["test"]) == (22, 22)
    from pellucid.data.dataset import encode
    from pellucid.data.read import read_for_prediction

    names = [column.name for column in run.bundle.columns]
    loaded, _, _ = run.bundle.load(read_for_prediction(columns, names))
    data = encode(run.bundle.columns, loaded, torch.zeros(90))
    with torch.no_grad():
        output = module(data.inputs)
    chances = run.bundle.task.prediction(output)
    own = run.bundle.calibration.apply("classify", chances)
    said = [list(line["probabilities"].values()) for line in run.predict(columns)]
    assert np.allclose(own, said, atol=1e-5)


def test_one_row_as_a_dict(tmp_path: Path) -> None:
    import pandas as pd

    run = learn(table(), tmp_path / "run", target="kind")
    row = {"length": 4.0, "width": 0.0, "garden": "garden 1"}
    [line] = run.predict(row)
    assert line == run.predict(pd.DataFrame([row]))[0]
    assert line == pellucid.load(tmp_path / "run").predict([row])[0]
    assert line == pellucid.load(tmp_path / "run" / "model").predict(row)[0]


# --- options --------------------------------------------------------------------------------------


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    columns: dict[str, Any] = table(120)
    columns["day"] = [f"2024-{n // 28 + 1:02}-{n % 28 + 1:02}" for n in range(120)]
    columns["code"] = np.arange(120) % 4 + 1
    path = tmp_path / "flowers.csv"
    path.write_text(csv(columns))
    return path


def splits(run: Trained) -> np.ndarray:
    return np.array(run.ledger()["split"].to_pylist())


def test_groups_stay_together(flowers: Path, tmp_path: Path) -> None:
    run = learn(flowers, tmp_path / "run", target="kind", group="garden")
    gardens = np.arange(120) // 6
    test = splits(run) == "test"
    assert 0 < test.sum() < 60
    assert not set(gardens[test]) & set(gardens[~test])
    assert "garden" not in [column.name for column in run.columns if column.role == "input"]


def test_the_latest_rows_are_the_exam(flowers: Path, tmp_path: Path) -> None:
    run = learn(flowers, tmp_path / "run", target="length", order="day")
    test = np.flatnonzero(splits(run) == "test")
    assert len(test) > 10
    assert test.tolist() == list(range(120 - len(test), 120))


def test_kinds_and_ignored_columns(flowers: Path, tmp_path: Path) -> None:
    run = learn(
        flowers, tmp_path / "run", target="kind", kinds={"code": "category"}, ignore=("day",)
    )
    found = {column.name: column for column in run.columns}
    assert found["code"].modality == "category"
    assert found["day"].role == "ignored"


def test_the_winner_can_be_kept(tmp_path: Path) -> None:
    """A question that a line answers: in a second no network is as good as ridge regression."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    columns = {"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "price": x @ [1000.0, -500.0, 2000.0]}
    run = learn(columns, tmp_path / "run", target="price", keep="best", time=1)
    assert run.result()["kept"] == run.verdict["baselines"][0]["name"] != "network"
    assert run.predict(columns) == run.predict(columns, model="baseline")
    assert run.result()["score"] == run.verdict["baselines"][0]["score"]


def test_a_second_source_is_only_for_the_exam(tmp_path: Path) -> None:
    columns = table(80)
    train = {name: values[:60] for name, values in columns.items()}
    test = {name: values[60:] for name, values in columns.items()}
    run = learn(train, tmp_path / "run", target="kind", test=test)
    assert run.rows == {"train": 60, "valid": 0, "test": 20, "repaired": 0, "set_aside": 0}


def test_a_plan_is_repeated_to_the_same_answers(flowers: Path, tmp_path: Path) -> None:
    first = learn(flowers, tmp_path / "a", target="kind", seed=3)
    again = learn(flowers, tmp_path / "b", target="kind", seed=3, plan=tmp_path / "a", time=60)
    assert first.predict(flowers) == again.predict(flowers)
    shutil.rmtree(tmp_path / "a")
    assert again.status == "done"


@pytest.mark.parametrize("network", ["mlp", "tabm", "transformer"])
def test_networks_can_be_chosen(network: str, flowers: Path, tmp_path: Path) -> None:
    run = learn(flowers, tmp_path / "run", target="kind", network=network)
    assert run.result()["network"] == network


def test_an_interrupted_job_keeps_the_best_so_far(flowers: Path, tmp_path: Path) -> None:
    from pellucid.config import Settings as Asked
    from pellucid.interfaces.api import learn_with
    from pellucid.recipe import Watcher

    class Impatient(Watcher):
        """Asks to stop after a few steps."""

        steps = 0

        def step(self, *told: Any) -> None:
            self.steps += 1

        def stop_asked(self) -> bool:
            return self.steps >= 12

    settings = Asked(target="kind", time=30, pretrained=False)
    run = learn_with(flowers, settings, Impatient(), out=tmp_path / "run")
    assert run.status == "interrupted"
    assert len(run.predict(flowers)) == 120


def test_arrays_with_channels_first_are_learned_and_answered_either_way(tmp_path: Path) -> None:
    """The network sees time as time; who writes the axes otherwise later gets the same answers."""
    rng = np.random.default_rng(2)
    walks = rng.normal(size=(80, 5, 30)).cumsum(2).astype(np.float32)
    kinds = np.where(walks[:, 1, -1] > 0, "up", "down")
    run = learn((walks, kinds), tmp_path / "a.run")
    (column,) = (one for one in run.info["columns"] if one["role"] == "input")
    assert "30 steps of 5 channels" in column["why"]
    answers = [run.predict(some) for some in (walks[:6], walks[:6].transpose(0, 2, 1))]
    assert answers[0] == answers[1]
    assert "error" not in answers[0][0]


def test_who_says_series_knows_how_the_array_lies(tmp_path: Path) -> None:
    walks = np.random.default_rng(2).normal(size=(60, 5, 30)).cumsum(2)
    np.savez(tmp_path / "f.npz", X=walks, y=np.arange(60) % 2)
    run = learn(tmp_path / "f.npz", tmp_path / "a.run", kinds={"series": "series"})
    assert "'series' is read as (rows, time, channels): --as series=series" in run.info["notes"]
    assert run.bundle.members[0].columns[0].fitted["channels"] == 30
    assert "error" not in run.predict(walks[:3])[0]
