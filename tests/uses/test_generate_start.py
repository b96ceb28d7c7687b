"""Starting from published weights: tiny models that the test writes, compared with a reference
computed step by step in NumPy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from pellucid.config import Plan, Settings, Size
from pellucid.errors import BundleError, DataError
from pellucid.network.decoder import GROUP
from pellucid.network.lora import Frozen
from pellucid.network.pretrained.causal import Pretrained, read_start
from pellucid.recipe import Watcher
from pellucid.uses import learn
from pellucid.uses.answerers import load_answerer
from pellucid.uses.generate.answerer import LanguageModel
from pellucid.uses.generate.sampling import Manner
from pellucid.uses.generate.tokens import Tokens

WIDTH, DEPTH, HEADS, KEYS, INNER, LONGEST = 16, 2, 4, 2, 24, 32
Arrays = dict[str, np.ndarray]


def tokenizer() -> tuple[str, int]:
    learned = Tokens.learn(["the cat sleeps and the dog eats because the cat is here "] * 20, 300)
    return learned.learned, learned.end  # the first number that is free


def weights(shapes: dict[str, tuple[int, ...]]) -> Arrays:
    rng = np.random.default_rng(0)
    return {
        name: (rng.normal(size=shape) * 0.3 + ("norm" in name or "ln_" in name)).astype(np.float16)
        for name, shape in shapes.items()
    }


def llama(folder: Path, *, family: str = "qwen2", **config: Any) -> Arrays:
    """A folder as Qwen2 or Llama lie there: queries share keys, biases on them, an untied head."""
    learned, end = tokenizer()
    half = WIDTH // HEADS * KEYS
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (end + 1, WIDTH),
        "model.norm.weight": (WIDTH,),
        "lm_head.weight": (end + 1, WIDTH),
    }
    for number in range(DEPTH):
        own = f"model.layers.{number}"
        shapes |= {
            f"{own}.input_layernorm.weight": (WIDTH,),
            f"{own}.post_attention_layernorm.weight": (WIDTH,),
            f"{own}.self_attn.q_proj.weight": (WIDTH, WIDTH),
            f"{own}.self_attn.k_proj.weight": (half, WIDTH),
            f"{own}.self_attn.v_proj.weight": (half, WIDTH),
            f"{own}.self_attn.o_proj.weight": (WIDTH, WIDTH),
            f"{own}.mlp.gate_proj.weight": (INNER, WIDTH),
            f"{own}.mlp.up_proj.weight": (INNER, WIDTH),
            f"{own}.mlp.down_proj.weight": (WIDTH, INNER),
        }
        if family == "qwen2":
            shapes |= {
                f"{own}.self_attn.q_proj.bias": (WIDTH,),
                f"{own}.self_attn.k_proj.bias": (half,),
                f"{own}.self_attn.v_proj.bias": (half,),
            }
    shape = {
        "model_type": family,
        "vocab_size": end + 1,
        "hidden_size": WIDTH,
        "num_hidden_layers": DEPTH,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KEYS,
        "intermediate_size": INNER,
        "max_position_embeddings": LONGEST,
        "rope_theta": 5000.0,
        "rms_norm_eps": 1e-5,
        "eos_token_id": end,
        "tie_word_embeddings": False,
    }
    return written(folder, weights(shapes), {**shape, **config}, learned)


def gpt2(folder: Path) -> Arrays:
    """A folder as GPT-2 lies there: matrices the other way round, a vector for each place."""
    learned, end = tokenizer()
    shapes: dict[str, tuple[int, ...]] = {
        "wte.weight": (end + 1, WIDTH),
        "wpe.weight": (LONGEST, WIDTH),
        "ln_f.weight": (WIDTH,),
        "ln_f.bias": (WIDTH,),
    }
    for number in range(DEPTH):
        own = f"h.{number}"
        for name in ("ln_1", "ln_2"):
            shapes |= {f"{own}.{name}.weight": (WIDTH,), f"{own}.{name}.bias": (WIDTH,)}
        for name, inside, outside in (
            ("attn.c_attn", WIDTH, 3 * WIDTH),
            ("attn.c_proj", WIDTH, WIDTH),
            ("mlp.c_fc", WIDTH, 4 * WIDTH),
            ("mlp.c_proj", 4 * WIDTH, WIDTH),
        ):
            shapes |= {f"{own}.{name}.weight": (inside, outside), f"{own}.{name}.bias": (outside,)}
    shape = {
        "model_type": "gpt2",
        "vocab_size": end + 1,
        "n_embd": WIDTH,
        "n_layer": DEPTH,
        "n_head": HEADS,
        "n_positions": LONGEST,
        "eos_token_id": end,
    }
    return written(folder, weights(shapes), shape, learned)


def written(folder: Path, arrays: Arrays, config: dict[str, Any], learned: str) -> Arrays:
    folder.mkdir(exist_ok=True)
    save_file(arrays, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text(learned)
    return {name: value.astype(np.float64) for name, value in arrays.items()}


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def attend(query: np.ndarray, key: np.ndarray, value: np.ndarray) -> np.ndarray:
    """(heads, places, floats), each place sees itself and those before it."""
    fit = query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1])
    fit[:, np.triu(np.ones(fit.shape[1:], bool), 1)] = -np.inf
    return softmax(fit) @ value


def split(x: np.ndarray, heads: int) -> np.ndarray:
    return x.reshape(len(x), heads, -1).transpose(1, 0, 2)


def turned(x: np.ndarray) -> np.ndarray:
    """Rotary positions as a product of complex numbers: float i goes with float i + half."""
    half = x.shape[-1] // 2
    angle = np.arange(x.shape[1])[:, None] * 5000.0 ** (-np.arange(half) / half)
    z = (x[..., :half] + 1j * x[..., half:]) * np.exp(1j * angle)
    return np.concatenate([z.real, z.imag], -1)


def llama_reference(w: Arrays, ids: list[int]) -> np.ndarray:
    def norm(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * weight

    x = w["model.embed_tokens.weight"][ids]
    for number in range(DEPTH):
        own = f"model.layers.{number}."

        def linear(x: np.ndarray, name: str, own: str = own) -> np.ndarray:
            return x @ w[f"{own}{name}.weight"].T + w.get(f"{own}{name}.bias", 0.0)

        inside = norm(x, w[own + "input_layernorm.weight"])
        query = turned(split(linear(inside, "self_attn.q_proj"), HEADS))
        key = turned(split(linear(inside, "self_attn.k_proj"), KEYS))
        value = split(linear(inside, "self_attn.v_proj"), KEYS)
        shared = [head * KEYS // HEADS for head in range(HEADS)]
        taken = attend(query, key[shared], value[shared]).transpose(1, 0, 2).reshape(len(ids), -1)
        x = x + linear(taken, "self_attn.o_proj")
        inside = norm(x, w[own + "post_attention_layernorm.weight"])
        gate = linear(inside, "mlp.gate_proj")
        x = x + linear(gate / (1 + np.exp(-gate)) * linear(inside, "mlp.up_proj"), "mlp.down_proj")
    return norm(x, w["model.norm.weight"]) @ w["lm_head.weight"].T


def gpt2_reference(w: Arrays, ids: list[int]) -> np.ndarray:
    def norm(x: np.ndarray, name: str) -> np.ndarray:
        x = x - x.mean(-1, keepdims=True)
        return (
            x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * w[f"{name}.weight"]
            + w[f"{name}.bias"]
        )

    x = w["wte.weight"][ids] + w["wpe.weight"][: len(ids)]
    for number in range(DEPTH):
        own = f"h.{number}."

        def linear(x: np.ndarray, name: str, own: str = own) -> np.ndarray:
            return x @ w[f"{own}{name}.weight"] + w[f"{own}{name}.bias"]

        parts = np.split(linear(norm(x, own + "ln_1"), "attn.c_attn"), 3, -1)
        query, key, value = (split(part, HEADS) for part in parts)
        taken = attend(query, key, value).transpose(1, 0, 2).reshape(len(ids), -1)
        x = x + linear(taken, "attn.c_proj")
        h = linear(norm(x, own + "ln_2"), "mlp.c_fc")
        h = 0.5 * h * (1 + np.tanh(np.sqrt(2 / np.pi) * (h + 0.044715 * h**3)))
        x = x + linear(h, "mlp.c_proj")
    return norm(x, "ln_f") @ w["wte.weight"].T


@pytest.mark.parametrize("family", ["qwen2", "llama", "gpt2"])
def test_scores_are_those_of_the_published_computation(tmp_path: Path, family: str) -> None:
    arrays = gpt2(tmp_path) if family == "gpt2" else llama(tmp_path, family=family)
    reference = gpt2_reference if family == "gpt2" else llama_reference
    start = read_start(tmp_path)
    model = Pretrained(start.shape, start.weights, LONGEST).eval()
    ids = [5, 60, 3, 70, 9, 11, 2]
    wanted = reference(arrays, ids)
    scores = model({GROUP: torch.tensor([ids])})[0]
    np.testing.assert_allclose(scores.detach().numpy(), wanted, rtol=1e-3, atol=1e-4)
    memory = model.memory()
    model.next_scores(torch.tensor([ids[:3]]), memory)
    last = model.next_scores(torch.tensor([ids[3:]]), memory)
    np.testing.assert_allclose(last[0].detach().numpy(), wanted[-1], rtol=1e-3, atol=1e-4)


def test_only_the_small_change_learns_and_it_begins_at_nothing(tmp_path: Path) -> None:
    llama(tmp_path)
    start = read_start(tmp_path)
    model = Pretrained(start.shape, start.weights, 16)
    bare = Pretrained(start.shape, start.weights, 16, rank=0)
    tokens = {GROUP: torch.tensor([[5, 60, 3]])}
    torch.testing.assert_close(model(tokens), bare(tokens), rtol=0, atol=0)
    names = {name.rpartition(".")[2] for name, _ in model.named_parameters()}
    assert names == {"down", "up"}
    assert set(model.state_dict()) == {name for name, _ in model.named_parameters()}
    assert model.describe()["frozen"] > model.describe()["parameters"]
    model(tokens).square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_a_frozen_matrix_with_a_change_is_their_sum() -> None:
    torch.manual_seed(0)
    layer = Frozen(torch.randn(6, 4), torch.randn(6), rank=2)
    assert layer.up is not None
    assert layer.down is not None
    torch.nn.init.normal_(layer.up)
    x = torch.randn(3, 4)
    whole = layer.weight + 2 * layer.up @ layer.down
    torch.testing.assert_close(layer(x), x @ whole.T + layer.bias)


def test_it_learns_from_a_start_and_the_model_stands_alone(tmp_path: Path) -> None:
    llama(tmp_path / "start", family="llama")
    path = tmp_path / "chat.jsonl"
    rng = np.random.default_rng(0)
    said = "the cat dog sleeps eats and because is here there then who barn moon"
    words = said.split()
    row = {"prompt": "cat?", "response": "the cat sleeps because the cat is here"}
    rows = [
        {"prompt": " ".join(rng.choice(words, 3)), "response": " ".join(rng.choice(words, 9))}
        for _ in range(60)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    plan = Plan(
        steps=12, batch=8, evaluate_every=6, rate=5e-3, network={GROUP: "llama with LoRA"},
        sizes={GROUP: Size(WIDTH, DEPTH)},
    )  # fmt: skip
    settings = Settings(start=str(tmp_path / "start"), task="generate")
    run = learn(str(path), settings, Watcher(), out=tmp_path / "a.run", plan=plan)
    assert "LoRA" in " ".join(run.info["notes"])
    losses = [event["loss"] for event in run.events if event["kind"] == "evaluation"]
    assert losses[-1] < losses[0]
    for file in (tmp_path / "start").iterdir():
        file.unlink()  # the bundle holds all that it needs
    model = load_answerer(run.path)
    assert isinstance(model, LanguageModel)
    assert "".join(model.answer("cat?", Manner(tokens=3)))
    (line,) = model.predict([row])
    assert line["bits_per_character"] > 0
    changed = [p for p in model.network().parameters() if p.abs().sum() > 0]
    assert len(changed) == len(list(model.network().parameters()))


@pytest.mark.parametrize(
    ("break_it", "what"),
    [
        (lambda f: (f / "config.json").unlink(), "no config.json"),
        (lambda f: (f / "tokenizer.json").unlink(), "no tokenizer.json"),
        (lambda f: (f / "model.safetensors").unlink(), "no weights in safetensors"),
        (lambda f: (f / "model.safetensors").write_bytes(b"\x08" * 40), "don't fit"),
        (lambda f: llama(f, family="llama", num_hidden_layers=3), "don't fit"),
        (lambda f: llama(f, family="mamba"), "family 'mamba'"),
        (lambda f: llama(f, rope_scaling={"rope_type": "yarn"}), "'yarn' rotary positions"),
    ],
)
def test_folders_that_can_not_be_started_from(tmp_path: Path, break_it: Any, what: str) -> None:
    llama(tmp_path)
    break_it(tmp_path)
    with pytest.raises((DataError, BundleError)) as caught:
        read_start(tmp_path)
    assert what in caught.value.what
    assert caught.value.fix
