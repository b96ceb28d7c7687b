"""A folder with small real runs, and the studio that shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

import pellucid
from pellucid.interfaces.studio.runs import Shelf
from pellucid.interfaces.studio.server import Studio, app

HOST, TOKEN = "127.0.0.1:8710", "a-key"

Open = Callable[..., TestClient]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Decoded data of the runs of this session, which are made before any test's own cache."""
    folder = tmp_path_factory.mktemp("studio-cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_CACHE", str(folder))
        yield folder


def write_flowers(path: Path, rows: int = 300) -> Path:
    """A table with a number and a category; 3 of 100 labels are turned."""
    rng = np.random.default_rng(0)
    lines = ["length,color,kind"]
    for _ in range(rows):
        length, color = rng.normal(), rng.choice(["red", "blue"])
        rose = (length + (color == "red") > 0.5) != (rng.random() < 0.03)
        lines.append(f"{length:.4f},{color},{'rose' if rose else 'tulip'}")
    path.write_text("\n".join(lines) + "\n")
    return path


def write_pictures(folder: Path, each: int = 40) -> Path:
    """Two folders of pictures: bars that stand and bars that lie."""
    from PIL import Image

    rng = np.random.default_rng(1)
    for name in ("lying", "standing"):
        (folder / name).mkdir(parents=True)
        for number in range(each):
            pixels = rng.integers(0, 60, (12, 12), dtype=np.uint8)
            place = int(rng.integers(2, 9))
            pixels[place : place + 2] = 220
            pixels = pixels if name == "lying" else pixels.T
            Image.fromarray(np.ascontiguousarray(pixels)).save(folder / name / f"{number:03d}.png")
    return folder


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """A folder with the run `flowers.run`, made from `flowers.csv` beside it."""
    folder = tmp_path_factory.mktemp("shelf")
    source = write_flowers(folder / "flowers.csv")
    pellucid.learn(source, "kind", out=folder / "flowers.run", time=6, quiet=True)
    return folder


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """A folder with the run `bars.run` of small pictures."""
    folder = tmp_path_factory.mktemp("pictures")
    source = write_pictures(folder / "bars")
    pellucid.learn(source, out=folder / "bars.run", time=6, report=False, quiet=True)
    return folder


def studio_of(folder: Path, *named: Path) -> Studio:
    return Studio(Shelf(folder, named), TOKEN, (HOST,))


@pytest.fixture
def open_studio() -> Iterator[Open]:
    """`open_studio(folder)`: a client that has the key already."""
    opened: list[TestClient] = []

    def client(folder: Path | Studio, *named: Path) -> TestClient:
        studio = folder if isinstance(folder, Studio) else studio_of(folder, *named)
        one = TestClient(app(studio), base_url=f"http://{HOST}", raise_server_exceptions=False)
        opened.append(one)
        assert one.get("/", params={"token": TOKEN}).status_code == 200
        return one

    yield client
    for one in opened:
        one.close()


@pytest.fixture
def studio(shelf: Path, open_studio: Open) -> TestClient:
    """The studio of `flowers.run`."""
    return open_studio(shelf)


FLOWERS = "/api/runs/flowers.run"
