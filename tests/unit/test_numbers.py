"""Vectors for numbers: hand-computed bins, a NumPy oracle, odd features, gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pellucid.network.numbers import Periodic, PiecewiseLinear, Plain
from pellucid.network.tap import watch


def prepared(values: Tensor, bins: int, width: int = 4) -> PiecewiseLinear:
    torch.manual_seed(0)
    module = PiecewiseLinear(values.shape[1], width, bins)
    module.prepare(values)
    return module


def test_places_by_hand() -> None:
    """Edges 0, 1, 3, 7: below, in and above each bin; the outer bins go on."""
    module = prepared(torch.tensor([[0.0], [1.0], [3.0], [7.0]]), bins=3)
    places = module.encode(torch.tensor([[2.0], [-1.0], [9.0], [3.0]]))[:, 0]
    expected = [[1, 0.5, 0], [-1, 0, 0], [1, 1, 1.5], [1, 1, 0]]
    torch.testing.assert_close(places, torch.tensor(expected, dtype=torch.float32))


def oracle(x: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The definition of Gorishniy et al. 2022, one value and one bin at a time."""
    places = np.zeros((len(x), len(edges) - 1))
    for row, value in enumerate(x):
        for t in range(len(edges) - 1):
            if value < edges[t] and t > 0:
                places[row, t] = 0
            elif value >= edges[t + 1] and t < len(edges) - 2:
                places[row, t] = 1
            else:
                places[row, t] = (value - edges[t]) / (edges[t + 1] - edges[t])
    return places


def test_places_against_numpy() -> None:
    rng = np.random.default_rng(0)
    train, new = rng.lognormal(size=(500, 3)), rng.lognormal(size=(50, 3)) * 2
    module = prepared(torch.tensor(train, dtype=torch.float32), bins=12)
    places = module.encode(torch.tensor(new, dtype=torch.float32)).numpy()
    for feature in range(3):
        edges = np.quantile(
            train[:, feature].astype(np.float32), np.linspace(0, 1, 13), method="lower"
        )
        expected = oracle(new[:, feature], edges)
        np.testing.assert_allclose(places[:, feature], expected, rtol=1e-3, atol=1e-3)


def test_starts_as_a_linear_map() -> None:
    module = prepared(torch.randn(100, 2), bins=8)
    a, b = torch.randn(1, 2), torch.randn(1, 2)
    middle = (a + b) / 2
    torch.testing.assert_close(module(middle), (module(a) + module(b)) / 2)


def test_flags_get_one_bin_and_constants_none() -> None:
    values = torch.stack([torch.arange(10) % 2, torch.full((10,), 3)], dim=1).float()
    module = prepared(values, bins=6)
    places = module.encode(torch.tensor([[1.0, 3.0], [0.0, 99.0]]))
    assert places[:, 0].tolist() == [[1, 0, 0, 0, 0, 0], [0] * 6]
    assert places[:, 1].eq(0).all()
    assert module(values).isfinite().all()


def test_few_distinct_values_and_a_second_prepare() -> None:
    """Equal quantiles make one edge; nothing is left of the first cut."""
    module = prepared(torch.randn(100, 1), bins=10)
    module.prepare(torch.tensor([[1.0]] * 90 + [[2.0]] * 5 + [[4.0]] * 5))
    assert module.encode(torch.tensor([[3.0]]))[0, 0].tolist() == [1.0, 0.5] + [0.0] * 8


def test_huge_and_tiny_ranges_stay_finite() -> None:
    values = torch.stack([torch.linspace(-1e30, 1e30, 64), torch.linspace(1, 1 + 1e-6, 64)], dim=1)
    assert prepared(values, bins=8)(values).isfinite().all()


def test_bins_travel_with_the_weights() -> None:
    values = torch.randn(64, 3)
    module = prepared(values, bins=5)
    copy = PiecewiseLinear(3, 4, 5)
    copy.load_state_dict(module.state_dict())
    assert torch.equal(copy(values), module(values))


@pytest.mark.parametrize("module", [PiecewiseLinear(5, 6), Periodic(5, 6)])
def test_shapes_taps_and_gradients(module: nn.Module) -> None:
    x = torch.randn(7, 5)
    if isinstance(module, PiecewiseLinear):
        module.prepare(torch.randn(100, 5))
    with watch() as seen:
        vectors = module(x)
    assert vectors.shape == (7, 5, 6)
    assert seen["number vectors"] is vectors
    vectors.square().sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_plain_numbers_are_vectors_of_length_one() -> None:
    x = torch.randn(4, 3)
    vectors = Plain()(x)
    assert vectors.shape == (4, 3, Plain.width)
    assert torch.equal(vectors.flatten(1), x)


def test_periodic_against_numpy() -> None:
    torch.manual_seed(0)
    module = Periodic(2, 3, waves=5)
    x = torch.randn(4, 2)
    f, p, w, b = (
        getattr(module, name).detach().numpy() for name in ("frequency", "phase", "weight", "bias")
    )
    result = module(x).detach().numpy()
    for feature in range(2):
        value = x[:, feature].numpy()
        waves = np.cos(2 * np.pi * value[:, None] * f[feature] + p[feature])
        np.testing.assert_allclose(result[:, feature, 0], value)
        expected = waves @ w[feature] + b[feature]
        np.testing.assert_allclose(result[:, feature, 1:], expected, rtol=1e-4, atol=1e-5)


def test_bins_let_a_linear_model_follow_a_step() -> None:
    """Up, down, up: no straight line does this, bins do."""
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 200)[:, None]
    y = ((x > -0.5) & (x < 0.2)).float()
    module = prepared(x, bins=16, width=1)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        loss = (module(x)[:, 0] - y).square().mean()
        loss.backward()
        optimizer.step()
    straight = np.polyfit(x[:, 0].numpy(), y[:, 0].numpy(), 1, full=True)[1][0] / 200
    assert loss < 0.1 * straight
