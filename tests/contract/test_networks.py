"""What every network family must do, whatever it is inside."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from pellucid.config import Size
from pellucid.network import assemble  # noqa: F401 (every family registers)
from pellucid.network.family import NETWORKS, Masked, Network
from pellucid.network.pool import Pool
from pellucid.network.tap import watch

IN_WIDTH = 6
SIZE = Size(width=32, depth=2)
POSITIONS = {0: (), 1: (12,), 2: (12, 10)}
CASES = [(name, rank) for name in sorted(NETWORKS) for rank in sorted(NETWORKS[name].ranks)]
MASKED = [(name, rank) for name, rank in CASES if rank > 0]

every_network = pytest.mark.parametrize(("name", "rank"), CASES)
every_masked_network = pytest.mark.parametrize(("name", "rank"), MASKED)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tensors this small are computed faster by one thread, above all on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def build(name: str, rank: int, size: Size = SIZE) -> Network:
    torch.manual_seed(0)
    net = NETWORKS[name](IN_WIDTH, size, POSITIONS[rank])
    net.prepare(inputs(64, rank))
    return net


def inputs(rows: int, rank: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, *POSITIONS[rank], IN_WIDTH, generator=generator)


def shaken(net: Network) -> Network:
    """The network away from its start, where last matrices may be zero and norms the identity."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return net


def values(masked: Masked) -> Tensor:
    """Only what the mask shows."""
    x, mask = masked
    return x if mask is None else x * mask[..., None]


@every_network
def test_keeps_batch_rank_and_width(name: str, rank: int) -> None:
    net = build(name, rank).eval()
    x, mask = net(inputs(5, rank))
    assert mask is None
    assert x.shape[0] == 5
    assert x.shape[-1] == net.width
    assert all(n <= m for n, m in zip(x.shape[1:-1], POSITIONS[rank]))


@every_network
def test_rows_do_not_see_each_other(name: str, rank: int) -> None:
    net = shaken(build(name, rank)).eval()
    x, order = inputs(5, rank), torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(net(x[order])[0], net(x)[0][order])
    torch.testing.assert_close(net(x[2:3])[0], net(x)[0][2:3], atol=1e-5, rtol=1e-4)


@every_masked_network
@pytest.mark.parametrize("training", [True, False])
def test_padding_changes_nothing(name: str, rank: int, training: bool) -> None:
    net, pool = shaken(build(name, rank)).train(training), Pool(SIZE.width)
    x = inputs(4, rank)
    mask = torch.ones(x.shape[:-1], dtype=torch.bool)
    mask[1, 7:] = False
    padded = torch.full((4, 19, *x.shape[2:]), 3.0)  # what stands in padding must not matter
    padded[:, :12] = x
    longer = torch.zeros(padded.shape[:-1], dtype=torch.bool)
    longer[:, :12] = mask
    torch.testing.assert_close(
        pool(*net(padded, longer)), pool(*net(x, mask)), atol=1e-5, rtol=1e-4
    )


@every_masked_network
def test_a_full_mask_is_no_mask(name: str, rank: int) -> None:
    x = inputs(4, rank)
    full = torch.ones(x.shape[:-1], dtype=torch.bool)
    for training in (True, False):
        one, two = (shaken(build(name, rank)).train(training) for _ in range(2))
        torch.testing.assert_close(one(x, full)[0], two(x)[0], atol=1e-5, rtol=1e-4)
        for (key, a), b in zip(one.state_dict().items(), two.state_dict().values()):
            torch.testing.assert_close(a, b, msg=key)


@every_masked_network
@pytest.mark.parametrize("empty", [slice(2, 3), slice(None)])
def test_an_empty_example_is_harmless(name: str, rank: int, empty: slice) -> None:
    net = shaken(build(name, rank))
    x = inputs(4, rank).requires_grad_()  # a family may have no parameters of its own
    mask = torch.ones(x.shape[:-1], dtype=torch.bool)
    mask[empty] = False
    pooled = Pool(SIZE.width)(*net(x, mask))
    assert pooled.isfinite().all()
    pooled.square().sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in net.parameters())


@every_network
def test_gradient_reaches_every_parameter(name: str, rank: int) -> None:
    net = shaken(build(name, rank))
    x = inputs(8, rank).requires_grad_()
    values(net(x)).square().sum().backward()
    silent = [key for key, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []
    if net.pairs:  # all that it learns are the vectors of the way in
        assert x.grad is not None
        assert x.grad.any(-1).all()
    else:
        assert sum(p.numel() for p in net.parameters()) > 0


@every_network
def test_learns_eight_rows_by_heart(name: str, rank: int) -> None:
    net = build(name, rank)
    pool = Pool(net.width)
    head = nn.Linear(pool.width, 2)
    model = nn.ModuleList([net, head])
    x, target = inputs(8, rank), torch.tensor([0, 1, 1, 0, 1, 0, 0, 1])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(60):
        loss = nn.functional.cross_entropy(head(pool(*net(x))), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    assert (head(pool(*net(x))).argmax(-1) == target).all()


@every_network
@pytest.mark.parametrize("masked", [False, True])
def test_taps_are_named_finite_and_in_the_computation(name: str, rank: int, masked: bool) -> None:
    if masked and rank == 0:
        pytest.skip("a single vector has no mask")
    net = shaken(build(name, rank))
    x = inputs(4, rank).requires_grad_()
    mask = torch.ones(x.shape[:-1], dtype=torch.bool) if masked else None
    if mask is not None:
        mask[1, 5:] = False
    with watch() as seen:
        result = net(x, mask)
    assert len(seen) >= (1 if net.pairs else SIZE.depth)
    assert all(key == key.strip() and key.isprintable() and key for key in seen)
    assert all(value.isfinite().all() for value in seen.values())
    assert all(len(value) == 4 for value in seen.values())
    last = list(seen.values())[-1]
    (gradient,) = torch.autograd.grad(values(result).square().sum(), last)
    assert gradient.shape == last.shape
    assert gradient.any()


@every_network
def test_watching_changes_nothing(name: str, rank: int) -> None:
    net, x = shaken(build(name, rank)).eval(), inputs(4, rank)
    plain = net(x)[0]
    with watch():
        watched = net(x)[0]
    torch.testing.assert_close(watched, plain, atol=1e-5, rtol=1e-5)


@every_network
def test_works_in_bfloat16(name: str, rank: int) -> None:
    net, x = shaken(build(name, rank)), inputs(8, rank).requires_grad_()
    mask = torch.ones(x.shape[:-1], dtype=torch.bool) if rank else None
    if mask is not None:
        mask[1, 5:] = False
    exact = values(net(x, mask))
    with torch.autocast("cpu", torch.bfloat16):
        rough = values(net(x, mask)).float()
        with watch() as seen:
            net(x, mask)
    assert seen
    rough.square().mean().backward()
    similarity = torch.cosine_similarity(exact.flatten(), rough.flatten(), dim=0)
    assert similarity > 0.99
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


@every_network
def test_a_seed_gives_one_network(name: str, rank: int) -> None:
    size = Size(width=32, depth=2, dropout=0.2)
    one, two = build(name, rank, size), build(name, rank, size)
    results = []
    for net in (one, two):
        torch.manual_seed(3)
        results.append(net(inputs(8, rank))[0])
    assert torch.equal(*results)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters()))


@every_network
def test_dropout_only_while_learning(name: str, rank: int) -> None:
    net, x = shaken(build(name, rank, Size(width=32, depth=2, dropout=0.5))), inputs(4, rank)
    assert not torch.equal(net(x)[0], net(x)[0])
    net.eval()
    assert torch.equal(net(x)[0], net(x)[0])


TINY = [
    (name, rank, positions)
    for name, rank in CASES
    for positions in itertools.product((1, 2, 3), repeat=rank)
]


@pytest.mark.parametrize(("name", "rank", "positions"), TINY)
def test_tiny_sizes(name: str, rank: int, positions: tuple[int, ...]) -> None:
    net = NETWORKS[name](1, Size(width=8, depth=1), positions)
    for rows in (1, 3):
        x, _ = net(torch.randn(rows, *positions, 1))
        assert x.shape[0] == rows
        assert x.shape[-1] == net.width
        assert x.isfinite().all()
