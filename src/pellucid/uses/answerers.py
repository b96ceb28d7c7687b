"""Models of uses on disk: `bundle.json` beside safetensors, never pickle.

The folder looks like that of the main job (`export/bundle.py`); the field `use` in its
`bundle.json` says which `Answerer` reads the rest.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from pellucid import __version__
from pellucid.errors import BundleError
from pellucid.recording.files import read_json, write_json
from pellucid.uses.use import COURSES, Answerer

FORMAT = 1


def write_bundle(folder: Path, answerer: Answerer) -> None:
    """Everything that answering needs, without the data it learned from."""
    folder.mkdir(parents=True, exist_ok=True)
    head = {
        "format": FORMAT,
        "use": answerer.kind,
        "pellucid": __version__,
        "kept": answerer.kept,
        **answerer.save(folder),
    }
    write_json(folder / "bundle.json", head)


def use_of(path: str | Path) -> str | None:
    """Which use a run or a model folder is about; None for the main job, or if it is no model."""
    head = _head(Path(path))
    return None if head is None else head.get("use")


def load_answerer(path: str | Path) -> Answerer:
    """Read a model of a use.

    Raises:
        BundleError: It is damaged, or of a version that can't be read.
    """
    import pellucid.uses  # noqa: F401  (registers every use)

    folder = model_folder(Path(path))
    head = _head(folder) or {}
    kind = head.get("use")
    if head.get("format") != FORMAT or kind not in COURSES:
        raise BundleError(
            f"the model has format {head.get('format')} of '{kind}', which can't be read here",
            where=str(folder / "bundle.json"),
            fix="pip install --upgrade pellucid",
        )
    try:
        answerer = COURSES[kind].answerer.load(folder, head)
    except (KeyError, TypeError, OSError, ValueError, SafetensorError, RuntimeError) as error:
        raise BundleError(
            f"the model is damaged or incomplete: {type(error).__name__} {error}",
            where=str(folder),
            fix="copy the whole 'model' folder again, or learn once more",
        ) from error
    answerer.kept = head.get("kept", "network")
    return answerer


def model_folder(path: Path) -> Path:
    """The `model` folder of a run, or the folder itself."""
    return path / "model" if (path / "model" / "bundle.json").exists() else path


def _head(path: Path) -> dict[str, Any] | None:
    file = model_folder(path) / "bundle.json"
    if not file.is_file():
        return None
    head: dict[str, Any] = read_json(file)
    return head
