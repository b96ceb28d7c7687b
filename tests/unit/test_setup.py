"""run.py on machines of every kind: which Python, which build of PyTorch, what is installed when.

pip runs for real, on a folder of tiny packages made here; nothing comes from the network.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distributions
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def package(folder: Path, name: str, version: str, needs: str = "") -> None:
    """A wheel with one empty module."""
    stem = name.replace("-", "_")
    info = f"{stem}-{version}.dist-info"
    files = {
        f"{stem}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + (f"Requires-Dist: {needs}\n" if needs else ""),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
    }
    record = [f"{path},{digest(text)},{len(text)}" for path, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,"]) + "\n"
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{stem}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)


def digest(text: str) -> str:
    value = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(value).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment to copy: making one takes seconds."""
    folder = tmp_path_factory.mktemp("environment") / ".venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return folder


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of run.py with a small lock, and pip looking into two folders only."""
    folder = tmp_path / "checkout"
    (folder / "src").mkdir(parents=True)
    shutil.copy(ROOT / "run.py", folder)
    (folder / "requirements.lock").write_text("torch==2.13.0\n")
    (folder / "requirements-dev.lock").write_text("")
    package(tmp_path / "standard", "torch", "2.13.0", needs="nvidia-cublas")
    package(tmp_path / "standard", "nvidia-cublas", "13.0")
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "standard"))
    monkeypatch.delenv("PELLUCID_TORCH_INDEX", raising=False)
    return folder


def load(folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("run", folder / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def installed(folder: Path) -> set[str]:
    command = [folder / ".venv/bin/python", "-m", "pip", "list", "--format=freeze"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return {line for line in answer.stdout.split() if line.startswith(("torch", "nvidia"))}


# --- which build of PyTorch ---------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="the choice exists on Linux only")
@pytest.mark.parametrize(
    ("gpu", "cpu_build_in_reach", "expected"),
    [
        (False, True, {"torch==2.13.0+cpu"}),
        (False, False, {"torch==2.13.0", "nvidia-cublas==13.0"}),
        (True, False, {"torch==2.13.0", "nvidia-cublas==13.0"}),
    ],
)
def test_build_of_torch(
    gpu: bool,
    cpu_build_in_reach: bool,
    expected: set[str],
    checkout: Path,
    environment: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if cpu_build_in_reach:
        package(checkout.parent / "cpu", "torch", "2.13.0+cpu")
        monkeypatch.setenv(
            "PIP_FIND_LINKS", f"{checkout.parent / 'standard'} {checkout.parent / 'cpu'}"
        )
    setup = load(checkout)
    monkeypatch.setattr(setup, "wants_cpu_build", lambda: not gpu)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    shutil.copytree(environment, checkout / ".venv", symlinks=True)
    setup.install_torch()
    assert installed(checkout) == expected
    said = capsys.readouterr().out
    # The gigabytes are never taken silently.
    assert ("gigabytes" in said) == (not gpu and not cpu_build_in_reach)
    build = "without CUDA" if "torch==2.13.0+cpu" in expected else "with 1 NVIDIA packages"
    assert build in setup.torch_sentence()


def test_an_index_of_builds_is_added_to_those_of_the_user(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = load(checkout)
    assert setup.with_index("") == {}
    assert setup.with_index("file:///b") == {"PIP_EXTRA_INDEX_URL": "file:///b"}
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "file:///a")
    assert setup.with_index("file:///b") == {"PIP_EXTRA_INDEX_URL": "file:///a file:///b"}


def test_this_machine_has_no_cuda_without_a_gpu() -> None:
    setup = load(ROOT)
    names = {found.name for found in distributions()}
    if setup.wants_cpu_build():
        assert {name for name in names if name.startswith("nvidia-")} == set()


# --- set-up as a whole --------------------------------------------------------------------------


def test_old_pythons_are_told_in_a_sentence() -> None:
    """Up to the check, run.py has to be understood by Pythons that it does not support."""
    source = (ROOT / "run.py").read_text("utf-8")
    start, check, rest = source.partition("if sys.version_info < OLDEST:")
    assert check
    assert not re.search(r"match |:=|from __future__|f\"", start)
    as_if_old = start.replace("OLDEST = (3, 11)", "OLDEST = (9, 9)") + check + rest
    done = subprocess.run(
        [sys.executable, "-c", as_if_old], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Pellucid needs Python 9.9 or newer; this is Python 3.")
    assert len(done.stderr.splitlines()) == 2


def test_a_foreign_environment_is_left_alone(checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "mine.txt").write_text("mine")
    with pytest.raises(SystemExit, match="was not made by run"):
        load(checkout).make_environment()
    assert (checkout / ".venv" / "mine.txt").read_text() == "mine"


def test_unknown_words_end_with_the_usage() -> None:
    command = [sys.executable, ROOT / "run.py", "tset"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "run.py does not know 'tset'" in done.stderr
    assert "python3 run.py test" in done.stderr


def test_locks_pin_everything_that_pyproject_asks_for() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["image"], *extras["audio"], *extras["text"]]
    wanted += [
        *extras["excel"],
        *extras["studio"],
        *(need for need in extras["dev"] if "pellucid" not in need),
    ]
    names = {re.match(r"[\w-]+", need)[0].lower() for need in wanted}  # type: ignore[index]
    lines = [
        line
        for lock in ("requirements.lock", "requirements-dev.lock")
        for line in (ROOT / lock).read_text("utf-8").splitlines()
        if not line.startswith("#")
    ]
    assert all(re.fullmatch(r"[a-z0-9.-]+==[\w.]+", line) for line in lines), (
        "names and versions only"
    )
    pinned = [line.partition("==")[0] for line in lines]
    assert names <= set(pinned)
    assert len(pinned) == len(set(pinned))
    assert not any(name.startswith("nvidia") for name in pinned)
