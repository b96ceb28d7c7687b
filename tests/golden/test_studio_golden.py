"""The files that the studio's tests read are what today's code writes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
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
    again = "write them again: python tests/golden/studio/write.py"
    if not name.endswith(".safetensors"):
        assert (written / name).read_bytes() == (HERE / name).read_bytes(), again
        return
    new, kept = content(written / name), content(HERE / name)
    assert new[0] == kept[0], again
    assert new[1].keys() == kept[1].keys(), again
    for key, array in new[1].items():
        same = array.dtype == kept[1][key].dtype and array.shape == kept[1][key].shape
        assert same, f"{key}: {again}"
        # The last digits of a sum depend on the machine and its threads.
        close = np.allclose(array, kept[1][key], rtol=1e-4, atol=1e-5, equal_nan=True)
        assert close, f"{key}: {again}"


def content(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Notes and arrays of a file; the order in its header may change."""
    with safe_open(str(path), "np") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return file.metadata() or {}, arrays
