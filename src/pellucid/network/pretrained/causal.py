"""Language models that others trained, read from a local folder in Hugging Face's layout.

Two families cover most small open models. In both, the blocks normalize before each part:

    Llama, Qwen2   RMSNorm, rotary positions, several queries share a key, a gated small network
    GPT-2          LayerNorm, a learned vector for each position, GELU

`config.json` says which and how big, `*.safetensors` has the weights; no code of the folder is
run. The weights are frozen; a small change is learned beside each matrix (`network/lora.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from pellucid.errors import BundleError, DataError
from pellucid.network.decoder import GROUP, Memory, causal_attention, described, turns
from pellucid.network.lora import RANK, Frozen
from pellucid.network.tap import tap
from pellucid.network.transformer import rotate

LLAMA_LIKE = ("llama", "qwen2", "mistral")
FAMILIES = (*LLAMA_LIKE, "gpt2")
Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Shape:
    """How a published model is built; JSON-able.

    heads, keys: query heads and key-value heads. longest: positions it was trained on. base: of
    the rotary positions. epsilon: added in normalization. end: the token that ends a text, or -1.
    tied: whether the table of vectors also scores the next token.
    """

    family: Literal["llama", "gpt2"]
    vocabulary: int
    width: int
    depth: int
    heads: int
    keys: int
    inner: int
    longest: int
    base: float
    epsilon: float
    end: int
    tied: bool

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Pretrained(nn.Module):
    """Tokens `{"text": (batch, places)}` -> scores `(batch, places, vocabulary)`, as `Decoder`.

    Args:
        shape: How it is built.
        weights: By their published names, float32.
        context: Places that it looks back on here.
        rank: Of the change that is learned beside each matrix; 0: nothing is learned.
    """

    def __init__(self, shape: Shape, weights: Weights, context: int, rank: int = RANK) -> None:
        super().__init__()
        self.shape, self.context = shape, min(context, shape.longest)
        self.vocabulary = shape.vocabulary
        names = _GPT2 if shape.family == "gpt2" else _LLAMA
        self.embedding: Tensor
        self.register_buffer("embedding", weights[names["embedding"]], persistent=False)
        self.places: Tensor | None
        places = weights[names["places"]] if shape.family == "gpt2" else None
        self.register_buffer("places", places, persistent=False)
        block = Gpt2Block if shape.family == "gpt2" else LlamaBlock
        self.blocks = nn.ModuleList(
            block(number, shape, weights, rank) for number in range(shape.depth)
        )
        self.norm = Norm(weights, names["norm"], shape)
        head = self.embedding if shape.tied else weights["lm_head.weight"]
        self.head = Frozen(head, None, rank=0)

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        scores: Tensor = self.head(self.features(inputs[GROUP]))
        return scores

    def features(self, tokens: Tensor, memory: Memory | None = None) -> Tensor:
        """What is known at each place `(batch, places, width)`; extends `memory`."""
        start = memory.seen if memory is not None else 0
        x = self.embedding[tokens.long()]
        if self.places is not None:
            x = x + self.places[start : start + tokens.shape[1]]
        x = tap("embedding", x)
        turn = turns(x, self.shape.heads, start, self.shape.base)
        for number, block in enumerate(self.blocks):
            x = tap(f"block {number + 1} / output", block(x, turn, memory))
        if memory is not None:
            memory.seen += tokens.shape[1]
        return tap("output", self.norm(x))

    def memory(self) -> Memory:
        """An empty memory for `next_scores`."""
        return Memory(len(self.blocks))

    def next_scores(self, tokens: Tensor, memory: Memory) -> Tensor:
        """Scores of what follows these further tokens `(batch, new)`: `(batch, vocabulary)`."""
        scores: Tensor = self.head(self.features(tokens, memory)[:, -1])
        return scores

    def describe(self) -> dict[str, Any]:
        """The network as a person would list it, frozen weights apart."""
        found = described({"blocks": (self.blocks, "LoRA")}, self, self.context)
        frozen = sum(buffer.numel() for buffer in self.buffers())
        return {**found, "frozen": frozen, "family": self.shape.family}


class Norm(nn.Module):
    """RMSNorm (Llama) or LayerNorm (GPT-2) with frozen weights."""

    def __init__(self, weights: Weights, name: str, shape: Shape) -> None:
        super().__init__()
        self.epsilon = shape.epsilon
        self.weight: Tensor
        self.bias: Tensor | None
        self.register_buffer("weight", weights[f"{name}.weight"], persistent=False)
        bias = weights[f"{name}.bias"] if shape.family == "gpt2" else None
        self.register_buffer("bias", bias, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.bias is None:
            return F.rms_norm(x, (x.shape[-1],), self.weight, self.epsilon)
        return F.layer_norm(x, (x.shape[-1],), self.weight, self.bias, self.epsilon)


class LlamaBlock(nn.Module):
    """Attention in which several queries share a key, then a gated small network."""

    def __init__(self, number: int, shape: Shape, weights: Weights, rank: int) -> None:
        super().__init__()
        self.number, self.shape = number, shape
        own = f"model.layers.{number}"
        self.first = Norm(weights, f"{own}.input_layernorm", shape)
        self.second = Norm(weights, f"{own}.post_attention_layernorm", shape)
        self.maps = nn.ModuleDict()
        for ours, theirs in _LLAMA_MAPS.items():
            name = f"{own}.{theirs}"
            bias = weights.get(f"{name}.bias")
            self.maps[ours] = Frozen(weights[f"{name}.weight"], bias, rank)

    def forward(self, x: Tensor, turn: Tensor, memory: Memory | None) -> Tensor:
        shape, name = self.shape, f"block {self.number + 1}"
        inside = self.first(x)
        query = rotate(_heads(self.maps["query"](inside), shape.heads), turn)
        key = rotate(_heads(self.maps["key"](inside), shape.keys), turn)
        value = _heads(self.maps["value"](inside), shape.keys).to(query.dtype)
        if memory is not None:
            key, value = memory.extend(self.number, key, value)
        shared = shape.heads // shape.keys
        key, value = key.repeat_interleave(shared, 1), value.repeat_interleave(shared, 1)
        taken = causal_attention(name, query, key, value)
        x = x + self.maps["gather"](taken.transpose(1, 2).flatten(2))
        inside = self.second(x)
        hidden = tap(
            f"{name} / activation", F.silu(self.maps["gate"](inside)) * self.maps["widen"](inside)
        )
        found: Tensor = x + self.maps["narrow"](hidden)
        return found


class Gpt2Block(nn.Module):
    """GPT-2's block; its files store matrices the other way round, `(in, out)`."""

    def __init__(self, number: int, shape: Shape, weights: Weights, rank: int) -> None:
        super().__init__()
        self.number, self.shape = number, shape
        own = f"h.{number}"
        self.first = Norm(weights, f"{own}.ln_1", shape)
        self.second = Norm(weights, f"{own}.ln_2", shape)
        self.maps = nn.ModuleDict()
        for ours, theirs in _GPT2_MAPS.items():
            name = f"{own}.{theirs}"
            turned = weights[f"{name}.weight"].T.contiguous()
            self.maps[ours] = Frozen(turned, weights[f"{name}.bias"], rank)

    def forward(self, x: Tensor, turn: Tensor, memory: Memory | None) -> Tensor:
        name = f"block {self.number + 1}"
        parts = self.maps["queries_keys_values"](self.first(x)).chunk(3, -1)
        query, key, value = (_heads(part, self.shape.heads) for part in parts)
        if memory is not None:
            key, value = memory.extend(self.number, key, value)
        taken = causal_attention(name, query, key, value)
        x = x + self.maps["gather"](taken.transpose(1, 2).flatten(2))
        hidden = F.gelu(self.maps["widen"](self.second(x)), approximate="tanh")
        found: Tensor = x + self.maps["narrow"](tap(f"{name} / activation", hidden))
        return found


_LLAMA = {"embedding": "model.embed_tokens.weight", "norm": "model.norm"}
_GPT2 = {"embedding": "wte.weight", "places": "wpe.weight", "norm": "ln_f"}
_LLAMA_MAPS = {
    "query": "self_attn.q_proj",
    "key": "self_attn.k_proj",
    "value": "self_attn.v_proj",
    "gather": "self_attn.o_proj",
    "gate": "mlp.gate_proj",
    "widen": "mlp.up_proj",
    "narrow": "mlp.down_proj",
}
_GPT2_MAPS = {
    "queries_keys_values": "attn.c_attn",
    "gather": "attn.c_proj",
    "widen": "mlp.c_fc",
    "narrow": "mlp.c_proj",
}


def _heads(x: Tensor, heads: int) -> Tensor:
    """`(batch, places, heads * floats)` -> `(batch, heads, places, floats)`."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


# --- from a folder ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Start:
    """What a local folder holds. weights: rounded to 16 bits, as a bundle keeps them, in 32 bits to
    compute with. tokenizer: the JSON of the `tokenizers` package."""

    folder: Path
    shape: Shape
    weights: Weights
    tokenizer: str


def read_start(folder: str | Path) -> Start:
    """Read `config.json`, `tokenizer.json` and the `*.safetensors` of a local folder.

    Raises:
        DataError: A file is missing, or the family is none of `FAMILIES`.
        BundleError: The weights are damaged, or don't fit the configuration.
    """
    folder = Path(folder).expanduser()
    config = json.loads(_text(folder, "config.json"))
    tokenizer = _text(folder, "tokenizer.json")
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise DataError(
            "the folder has no weights in safetensors",
            where=str(folder),
            fix="use a model whose folder has model.safetensors; .bin files can run code when"
            " they are opened, so they are not read",
        )
    shape = _shape(config, folder)
    try:
        weights = {name: value for file in files for name, value in load_file(file).items()}
        found = {
            name.removeprefix("transformer."): value.half().float()
            for name, value in weights.items()
        }
        Pretrained(shape, found, 8, rank=0)
    except (KeyError, SafetensorError, OSError, RuntimeError, AttributeError) as error:
        raise BundleError(
            f"the weights don't fit their config.json: {type(error).__name__} {error}",
            where=str(folder),
            fix="copy the whole folder of the model again",
        ) from error
    return Start(folder, shape, found, tokenizer)


def _text(folder: Path, name: str) -> str:
    try:
        return (folder / name).read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(
            f"there is no {name} to start from: {error.strerror}",
            where=f"--start {folder}",
            fix="give the folder of a model in Hugging Face's layout: config.json,"
            " tokenizer.json and model.safetensors",
        ) from error


def _shape(config: dict[str, Any], folder: Path) -> Shape:
    family = str(config.get("model_type", "none"))
    rotary = config.get("rope_parameters") or config.get("rope_scaling") or {}
    kind = rotary.get("rope_type") or rotary.get("type") or "default"
    if family not in FAMILIES or kind != "default":
        scaled = f" with '{kind}' rotary positions" if kind != "default" else ""
        raise DataError(
            f"models of the family '{family}'{scaled} can't be started from",
            where=str(folder / "config.json"),
            fix=f"use a model of one of these families: {', '.join(FAMILIES)}",
        )
    end = config.get("eos_token_id")
    end = end[0] if isinstance(end, list) else end
    if family == "gpt2":
        return Shape(
            "gpt2",
            vocabulary=config["vocab_size"],
            width=config["n_embd"],
            depth=config["n_layer"],
            heads=config["n_head"],
            keys=config["n_head"],
            inner=config.get("n_inner") or 4 * config["n_embd"],
            longest=config["n_positions"],
            base=10_000.0,
            epsilon=config.get("layer_norm_epsilon", 1e-5),
            end=-1 if end is None else end,
            tied=True,
        )
    return Shape(
        "llama",
        vocabulary=config["vocab_size"],
        width=config["hidden_size"],
        depth=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        keys=config.get("num_key_value_heads") or config["num_attention_heads"],
        inner=config["intermediate_size"],
        longest=config.get("max_position_embeddings", 2048),
        base=float(config.get("rope_theta") or rotary.get("rope_theta") or 10_000.0),
        epsilon=config.get("rms_norm_eps", 1e-6),
        end=-1 if end is None else end,
        tied=bool(config.get("tie_word_embeddings", False)),
    )
