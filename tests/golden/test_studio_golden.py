"""The files that the studio's tests read are what today's code writes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from safetensors import safe_open

HERE = Path(__file__).parent / "studio"
FILES = sorted(path.name for path in HERE.iterdir() if path.suffix not in (".py", ".pyc", ""))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = importlib.util.spec_from_file_location("studio_golden", HERE / "write.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("golden")
    module.write(folder)
    return folder


@pytest.mark.parametrize("name", FILES)
def test_golden_files_are_up_to_date(written: Path, name: str) -> None:
    again = "python tests/golden/studio/write.py"
    assert content(written / name) == content(HERE / name), f"write them again: {again}"


def content(path: Path) -> object:
    """A file's bytes; of safetensors its arrays and notes, whose order in the header may change."""
    if path.suffix != ".safetensors":
        return path.read_bytes()
    with safe_open(str(path), "np") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        notes = file.metadata()
    return notes, {name: (a.dtype, a.shape, a.tobytes()) for name, a in arrays.items()}
