"""Stages, batch normalization over what is there, and pooling that loses nothing."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pellucid.config import Size
from pellucid.network.cnn import Cnn, Norm, halve, stage_widths
from pellucid.network.tap import watch


def shapes(side: int | tuple[int, int], width: int = 192, channels: int = 1) -> list[list[int]]:
    """Sides and features after each stage."""
    height, wide = side if isinstance(side, tuple) else (side, side)
    net = Cnn(channels, Size(width, 1), (height, wide)).eval()
    with watch() as seen:
        net(torch.zeros(1, height, wide, channels))
    return [list(v.shape[1:]) for key, v in seen.items() if key.endswith("activation")]


def test_stages_of_common_pictures() -> None:
    assert shapes(28) == [[14, 14, 32], [7, 7, 64], [4, 4, 128], [4, 4, 192]]
    assert shapes(8) == [[8, 8, 64], [4, 4, 128], [4, 4, 192]]
    assert [s[0] for s in shapes(96, channels=3)] == [48, 24, 12, 6, 3, 3]
    assert shapes((100, 64))[-1] == [7, 4, 192]


@pytest.mark.parametrize("stages", range(2, 8))
def test_widths_grow_to_the_whole(stages: int) -> None:
    widths = stage_widths(96, stages)
    assert len(widths) == stages
    assert widths == sorted(widths)
    assert widths[-1] == 96
    assert all(width % 8 == 0 for width in widths)


def test_depth_adds_layers_that_keep_the_shape() -> None:
    one, three = (Cnn(3, Size(48, depth), (32, 32)) for depth in (1, 3))
    x = torch.randn(2, 32, 32, 3)
    assert one(x)[0].shape == three(x)[0].shape
    with watch() as seen:
        three(x)
    assert "stage 2 layer 3 / activation" in seen


def test_the_result_keeps_features_last_in_memory() -> None:
    x, _ = Cnn(3, Size(48, 1), (32, 32))(torch.randn(2, 32, 32, 3))
    assert x.is_contiguous()


def test_norm_is_pytorchs_on_what_is_there() -> None:
    torch.manual_seed(0)
    ours, theirs = Norm(5), nn.BatchNorm1d(5)
    x = 3 * torch.randn(4, 3, 6, 5) + 1
    mask = torch.rand(4, 3, 6) < 0.6
    for _ in range(3):
        result, expected = ours(x, mask)[mask], theirs(x[mask])
    torch.testing.assert_close(result, expected)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    ours.eval(), theirs.eval()
    torch.testing.assert_close(ours(x, mask)[mask], theirs(x[mask]))
    torch.testing.assert_close(ours(x, None), theirs(x.reshape(-1, 5)).view_as(x))


def test_halving_keeps_the_last_odd_position() -> None:
    x = torch.tensor([1.0, 5.0, 2.0, -3.0, -7.0]).view(1, 1, 5, 1)
    pooled, mask = halve(x, None, (1, 2))
    assert pooled.flatten().tolist() == [5, 2, -7]
    assert mask is None
    here = torch.tensor([[[True, False, True, True, False]]])
    pooled, mask = halve(x, here, (1, 2))
    assert pooled.flatten().tolist() == [1, 2, 0]
    assert mask is not None
    assert mask.flatten().tolist() == [True, True, False]


def test_long_series_are_halved_and_kernels_fit_short_ones() -> None:
    long, _ = Cnn(2, Size(32, 3), (1500,))(torch.randn(2, 1500, 2))
    assert long.shape == (2, 375, 32)
    short = Cnn(2, Size(32, 2), (5,))
    kernels = [m.kernel_size for m in short.modules() if isinstance(m, nn.Conv2d)]
    assert max(k[1] for k in kernels) == 5


def test_dropout_takes_whole_features() -> None:
    torch.manual_seed(0)
    x, _ = Cnn(1, Size(64, 1, dropout=0.5), (8, 8))(torch.randn(2, 8, 8, 1))
    silent = (x == 0).flatten(1, 2).all(1)
    assert 0.3 < silent.float().mean() < 0.8
