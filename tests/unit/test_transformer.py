"""The Transformer's parts against PyTorch's own and against the formulas."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pellucid.config import Size
from pellucid.network.tap import watch
from pellucid.network.transformer import (
    Transformer,
    fused_attention,
    heads_for,
    readable_attention,
    rotate,
    rotations,
)


def queries_keys_values(batch: int = 3, positions: int = 7) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(batch, 2, positions, 8, generator=generator) for _ in range(3)]


@pytest.mark.parametrize("masked", [False, True])
def test_readable_attention_is_the_fused_one(masked: bool) -> None:
    query, key, value = queries_keys_values()
    mask = torch.tensor([[True] * 7, [True] * 4 + [False] * 3, [False] * 7]) if masked else None
    slow = readable_attention("block 1", query, key, value, mask)
    torch.testing.assert_close(
        fused_attention("block 1", query, key, value, mask), slow, atol=1e-5, rtol=1e-5
    )


def test_the_whole_network_is_the_same_when_watched() -> None:
    torch.manual_seed(0)
    net = Transformer(16, Size(64, 3), (20,)).eval()
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.2)
    x = torch.randn(4, 20, 16)
    mask = torch.arange(20) < torch.tensor([[20], [13], [1], [0]])
    plain = net(x, mask)[0]
    with watch():
        watched = net(x, mask)[0]
    torch.testing.assert_close(watched, plain, atol=1e-5, rtol=1e-5)


def test_attention_weights_are_shares_of_what_is_there() -> None:
    net = Transformer(16, Size(64, 2), (6,))
    mask = torch.tensor([[True] * 6, [True] * 2 + [False] * 4])
    with watch() as seen:
        net(torch.randn(2, 6, 16), mask)
    weights = seen["block 2 / attention"]
    assert weights.shape == (2, 2, 6, 6)  # (batch, heads, query, key)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2, 6))
    assert not weights[1, :, :, 2:].any()


def test_blocks_start_as_the_identity() -> None:
    net = Transformer(32, Size(32, 4), (9,))
    x = torch.randn(2, 9, 32)
    scaled = x / x.square().mean(-1, keepdim=True).sqrt()
    torch.testing.assert_close(net(x)[0], scaled, atol=1e-4, rtol=1e-4)


def test_rotation_is_multiplication_by_complex_numbers() -> None:
    x = torch.randn(2, 1, 5, 8)
    pairs = torch.complex(x[..., :4], x[..., 4:])
    angle = torch.arange(5.0)[:, None] * 10_000 ** (-torch.arange(0, 8, 2) / 8)
    turned = pairs * torch.polar(torch.ones_like(angle), angle)
    expected = torch.cat([turned.real, turned.imag], dim=-1)
    torch.testing.assert_close(rotate(x, rotations(torch.zeros(2, 5, 8))), expected)


def test_products_depend_on_distance_alone() -> None:
    query, key = torch.randn(2, 8)
    turn = rotations(torch.zeros(1, 12, 8))
    turned_query = rotate(query.expand(1, 1, 12, 8), turn)[0, 0]
    turned_key = rotate(key.expand(1, 1, 12, 8), turn)[0, 0]
    at_2_and_5 = turned_query[2] @ turned_key[5]
    at_8_and_11 = turned_query[8] @ turned_key[11]
    torch.testing.assert_close(at_2_and_5, at_8_and_11)


def test_a_set_has_no_order_and_a_sequence_has() -> None:
    x, order = torch.randn(2, 6, 32), torch.tensor([4, 2, 0, 5, 1, 3])
    for positions, is_set in (((), True), ((6,), False)):
        torch.manual_seed(1)
        net = Transformer(32, Size(32, 2), positions)
        for parameter in net.parameters():
            nn.init.normal_(parameter, std=0.3)
        same = torch.allclose(net(x[:, order])[0], net(x)[0][:, order], atol=1e-4)
        assert same == is_set


@pytest.mark.parametrize(
    ("width", "heads"), [(8, 1), (32, 1), (64, 2), (96, 3), (100, 2), (256, 8)]
)
def test_heads_divide_the_width(width: int, heads: int) -> None:
    assert heads_for(width) == heads


def test_an_odd_width_is_refused() -> None:
    with pytest.raises(ValueError, match="must be even, not 33"):
        Transformer(8, Size(33, 1), (4,))
