"""Operations are counted as worked out by hand, and figures are said as people say them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from pellucid.config import Size
from pellucid.evidence.worth.cost import _seconds, _time, in_words, size_of
from pellucid.evidence.worth.operations import multiply_adds
from pellucid.network.transformer import Transformer

ROWS, TIME = 3, 4


def linear() -> tuple[Callable[[], Tensor], int]:
    layer, x = nn.Linear(8, 5), torch.randn(ROWS, TIME, 8)
    return lambda: layer(x), ROWS * TIME * 8 * 5


def convolution() -> tuple[Callable[[], Tensor], int]:
    layer, x = nn.Conv2d(3, 6, 3, stride=2, padding=1), torch.randn(ROWS, 3, 8, 8)
    return lambda: layer(x), ROWS * 6 * (4 * 4) * (3 * 3 * 3)


def grouped() -> tuple[Callable[[], Tensor], int]:
    layer, x = nn.Conv1d(6, 12, 5, groups=3), torch.randn(ROWS, 6, 9)
    return lambda: layer(x), ROWS * 12 * 5 * (2 * 5)


def transposed() -> tuple[Callable[[], Tensor], int]:
    layer, x = nn.ConvTranspose2d(3, 6, 2, stride=2), torch.randn(ROWS, 3, 8, 8)
    return lambda: layer(x), ROWS * 3 * (8 * 8) * (6 * 2 * 2)


GATES = 3  # of a GRU: each reads the input (8 floats) and the memory (4)


def recurrent() -> tuple[Callable[[], Tensor], int]:
    layer, x = nn.GRU(8, 4, batch_first=True, bidirectional=True), torch.randn(ROWS, TIME, 8)
    return lambda: layer(x)[0], 2 * ROWS * TIME * GATES * (8 * 4 + 4 * 4)


def recurrent_without_padding() -> tuple[Callable[[], Tensor], int]:
    layer, x = nn.GRU(8, 4, batch_first=True), torch.randn(ROWS, TIME, 8)
    packed = pack_padded_sequence(x, torch.tensor([4, 2, 1]), batch_first=True)
    return lambda: layer(packed)[0].data, (4 + 2 + 1) * GATES * (8 * 4 + 4 * 4)


def attention() -> tuple[Callable[[], Tensor], int]:
    query, key = torch.randn(ROWS, 2, 5, 16), torch.randn(ROWS, 2, 7, 16)
    seen = torch.ones(ROWS, 1, 1, 7, dtype=torch.bool)
    compute = lambda: F.scaled_dot_product_attention(query, key, key, attn_mask=seen)  # noqa: E731
    return compute, ROWS * 2 * (5 * 7 * 16 + 5 * 7 * 16)


def products() -> tuple[Callable[[], Tensor], int]:
    x = torch.randn(ROWS, 8)
    return lambda: torch.einsum("ij,kj->ik", x, x) @ x[:, 0], ROWS * ROWS * 8 + ROWS * ROWS


@pytest.mark.parametrize("inference", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        linear,
        convolution,
        grouped,
        transposed,
        recurrent,
        recurrent_without_padding,
        attention,
        products,
    ],
)
def test_counts_agree_with_counting_by_hand(
    make: Callable[[], tuple[Callable[[], Tensor], int]], inference: bool
) -> None:
    compute, by_hand = make()
    with torch.inference_mode(inference), torch.no_grad():
        assert multiply_adds(compute) == by_hand


def test_a_whole_network_is_counted_and_answers_as_before() -> None:
    """A Transformer block: four maps for attention, attention, and two maps of the small network,
    each found in the weights' own shapes."""
    torch.manual_seed(0)
    network = Transformer(16, Size(16, 1), (6,)).eval()
    x = torch.randn(2, 6, 16)
    maps = sum(2 * 6 * p.numel() for p in network.parameters() if p.ndim == 2)
    seen: list[Tensor] = []
    with torch.inference_mode():
        counted = multiply_adds(lambda: seen.append(network(x, None)[0]))
        assert torch.equal(seen[0], network(x, None)[0])
    assert counted == maps + 2 * (6 * 6 * 16) * 2


def test_nothing_is_counted_for_looking_up_and_bending() -> None:
    table, x = nn.Embedding(10, 4), torch.randn(5)
    with torch.inference_mode():
        assert multiply_adds(lambda: F.silu(table(torch.arange(3)).sum() + x)) == 0


def test_bfloat16_counts_the_same() -> None:
    layer, x = nn.Linear(8, 5), torch.randn(ROWS, 8)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        assert multiply_adds(lambda: layer(x)) == ROWS * 8 * 5


def test_figures_are_said_plainly(tmp_path: Path) -> None:
    assert in_words(1_500_000_000) == "1.5 billion"
    assert [_seconds(value) for value in (0.123, 74.4, 1234.0)] == ["0.12 s", "74 s", "1,234 s"]
    assert [_time(value) for value in (0.0123, 12.3, 290.4)] == ["0.012 ms", "12 ms", "290 ms"]
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a").write_bytes(b"12345")
    (tmp_path / "b").write_bytes(b"67")
    assert size_of(tmp_path) == 7
