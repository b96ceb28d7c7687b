"""The recurrent network against PyTorch's GRU and against a cell unrolled by hand."""

from __future__ import annotations

import torch

from pellucid.config import Size
from pellucid.network.rnn import Rnn, last_position
from pellucid.network.tap import watch


def test_one_layer_is_a_gru_cell_step_by_step() -> None:
    torch.manual_seed(0)
    net = Rnn(3, Size(8, 1), (5,))
    gru = net.layers[0]
    cell = torch.nn.GRUCell(3, 4)
    cell.load_state_dict({key: getattr(gru, f"{key}_l0") for key in cell.state_dict()})
    x = torch.randn(2, 5, 3)
    memory, expected = torch.zeros(2, 4), []
    for step in range(5):
        memory = cell(x[:, step], memory)
        expected.append(memory)
    torch.testing.assert_close(net(x)[0][..., :4], torch.stack(expected, dim=1))


def test_backward_half_starts_at_the_last_word_not_at_the_padding() -> None:
    torch.manual_seed(0)
    net = Rnn(3, Size(8, 2), (6,))
    x = torch.randn(1, 4, 3)
    padded = torch.cat([x, torch.full((1, 2, 3), 9.0)], dim=1)
    outputs, mask = net(padded, torch.arange(6)[None] < 4)
    torch.testing.assert_close(outputs[:, :4], net(x)[0])
    assert not outputs[:, 4:].any()
    assert mask is not None


def test_a_gap_is_time_that_passes() -> None:
    torch.manual_seed(0)
    net = Rnn(3, Size(8, 1), (6,))
    x = torch.randn(1, 6, 3)
    mask = torch.tensor([[True, True, False, True, True, True]])
    zeros = x.clone()
    zeros[:, 2] = 0.0
    torch.testing.assert_close(
        net(x, mask)[0][:, [0, 1, 3, 4, 5]], net(zeros)[0][:, [0, 1, 3, 4, 5]]
    )


def test_last_position_counts_gaps_and_survives_emptiness() -> None:
    mask = torch.tensor([[True, True, False], [False, False, True], [False, False, False]])
    assert last_position(mask).tolist() == [2, 3, 1]


def test_every_layer_is_named() -> None:
    with watch() as seen:
        Rnn(3, Size(8, 3), (5,))(torch.randn(2, 5, 3))
    assert list(seen) == [f"layer {number} / step outputs" for number in (1, 2, 3)]
    assert all(value.shape == (2, 5, 8) for value in seen.values())
