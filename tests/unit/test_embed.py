"""The two ways in, and pooling."""

from __future__ import annotations

import math

import pytest
import torch

from pellucid.data.columns import Entry
from pellucid.network.cnn import Cnn
from pellucid.network.embed import (
    LONGEST,
    Lookup,
    Numbers,
    Patches,
    Pixels,
    Project,
    Statistics,
    cut,
    embed_for,
    patch_for,
)
from pellucid.network.mlp import Mlp
from pellucid.network.pool import Pool
from pellucid.network.rnn import Rnn
from pellucid.network.transformer import Transformer

NAN = float("nan")
TEXT = Entry("lookup", (6,), 50, "words")
SERIES = Entry("project", (40,), 3, "heart")
LONG_SERIES = Entry("project", (1000,), 2, "motion")
PICTURE = Entry("project", (28, 28), 1, "photo")
SOUND = Entry("project", (300, 64), 1, "sound")


def statistics(size: int, pixels: bool = False) -> Statistics:
    return Statistics((1.0,) * size, (2.0,) * size, pixels)


def test_statistics_leave_out_what_is_missing() -> None:
    values = torch.tensor([[[1.0, 5.0], [3.0, NAN]], [[NAN, 5.0], [NAN, 5.0]]])
    found = Statistics.of(values)
    assert found == Statistics((2.0, 5.0), (1.0, 1.0))  # a constant is left in its own scale


def test_statistics_of_pixels_and_of_nothing() -> None:
    values = torch.tensor([0, 255], dtype=torch.uint8).repeat(50).view(25, 2, 2, 1)
    assert Statistics.of(values) == Statistics((127.5,), (127.5,), pixels=True)
    assert Statistics.of(torch.full((3, 4, 1), NAN)) == Statistics((0.0,), (1.0,))


def test_lookup_masks_padding() -> None:
    lookup = Lookup(TEXT, 8)
    ids = torch.tensor([[4, 7, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6]], dtype=torch.int32)
    vectors, mask = lookup(ids)
    assert vectors.shape == (2, 6, 8)
    assert mask is not None
    assert mask.sum(1).tolist() == [2, 6]
    assert not vectors[~mask].any()
    vectors.sum().backward()
    assert not lookup.table.weight.grad[0].any()
    assert lookup(ids[1:])[1] is None  # full rows need no mask


def test_categories_learn_what_missing_means() -> None:
    lookup = Lookup(Entry("lookup", (), 9, "categories"), 4)
    vectors, mask = lookup(torch.tensor([[0, 5], [3, 8]], dtype=torch.int32))
    assert vectors.shape == (2, 2, 4)
    assert mask is None
    vectors.sum().backward()
    assert lookup.table.weight.grad[0].all()


def test_numbers_move_along_their_own_direction() -> None:
    numbers = Numbers(3, 4)
    vectors, mask = numbers(torch.tensor([[0.0, 1.0, -2.0]]))
    assert mask is None
    torch.testing.assert_close(vectors[0, 0], numbers.origin[0])
    torch.testing.assert_close(vectors[0, 2], numbers.origin[2] - 2 * numbers.direction[2])


def test_pixels_are_normalized() -> None:
    pixels = Pixels((100.0, 50.0, 0.0), (50.0, 25.0, 1.0))
    values, mask = pixels(torch.tensor([[[[150, 25, 3]]]], dtype=torch.uint8))
    assert mask is None
    assert values.flatten().tolist() == [1.0, -1.0, 3.0]


def test_missing_floats_become_the_mean_and_empty_positions_are_masked() -> None:
    pixels = Pixels((1.0, 1.0), (2.0, 2.0))
    x = torch.tensor([[[3.0, NAN], [NAN, NAN], [1.0, 5.0]]], dtype=torch.float16)
    values, mask = pixels(x)
    assert values.dtype == torch.float32
    assert values.tolist() == [[[1, 0], [0, 0], [0, 2]]]
    assert mask is not None
    assert mask.tolist() == [[True, False, True]]
    assert pixels(x[:, 2:])[1] is None


def test_a_spectrogram_is_masked_frame_by_frame() -> None:
    x = torch.zeros(2, 5, 4, 1)
    x[1, 3:] = NAN
    mask = Pixels((0.0,), (1.0,))(x)[1]
    assert mask is not None
    assert mask.shape == (2, 5, 4)
    assert mask[1, :3].all()
    assert not mask[1, 3:].any()


def test_project_is_linear_in_normalized_values() -> None:
    project = Project(SERIES, 8, statistics(3))
    x = torch.randn(2, 40, 3)
    vectors, mask = project(x)
    assert mask is None
    torch.testing.assert_close(vectors, project.linear((x - 1) / 2))


def test_patches_are_the_squares_of_a_picture() -> None:
    picture = torch.arange(2 * 4 * 6).view(2, 4, 6, 1).float()
    patches = cut(picture, (2, 3))
    assert patches.shape == (2, 4, 6)
    assert torch.equal(patches[1, 1], picture[1, 0:2, 3:6].flatten())
    assert torch.equal(patches[1, 2], picture[1, 2:4, 0:3].flatten())


def test_patches_at_the_edge_are_filled_up() -> None:
    assert cut(torch.ones(1, 5, 1), (2,)).tolist() == [[[1, 1], [1, 1], [1, 0]]]
    corner = cut(torch.ones(1, 3, 3, 1), (2, 2))[0]
    assert corner.tolist() == [[1, 1, 1, 1], [1, 0, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]]


def test_patches_mask_what_is_wholly_missing() -> None:
    patches = Patches(Entry("project", (8,), 1, "s"), 4, statistics(1), (2,))
    x = torch.tensor([1.0, 2, 3, NAN, NAN, NAN, NAN, NAN]).view(1, 8, 1)
    vectors, mask = patches(x)
    assert vectors.shape == (1, 4, 4)
    assert mask is not None
    assert mask.tolist() == [[True, True, False, False]]


@pytest.mark.parametrize(
    ("entry", "pixels", "patch"),
    [
        (Entry("project", (8, 8), 1, "i"), True, (1, 1)),
        (PICTURE, True, (4, 4)),
        (Entry("project", (32, 32), 3, "i"), True, (4, 4)),
        (Entry("project", (96, 96), 3, "i"), True, (8, 8)),
        (Entry("project", (100, 64), 1, "a"), False, (1, 64)),
        (SOUND, False, (3, 64)),
        (SERIES, False, (1,)),
        (LONG_SERIES, False, (8,)),
    ],
)
def test_patch_sizes(entry: Entry, pixels: bool, patch: tuple[int, ...]) -> None:
    assert patch_for(entry, pixels) == patch


@pytest.mark.parametrize("family", [Cnn, Rnn, Transformer])
@pytest.mark.parametrize("entry", [TEXT, SERIES, LONG_SERIES, PICTURE, SOUND])
def test_every_column_with_positions_reaches_every_sequence_network(
    family: type[Cnn | Rnn | Transformer], entry: Entry
) -> None:
    pixels = entry is PICTURE
    found = None if entry.way == "lookup" else statistics(entry.size, pixels)
    embed, positions, in_width = embed_for(entry, family, 16, found)
    if entry.way == "lookup":
        x = torch.randint(0, entry.size, (2, *entry.positions), dtype=torch.int32)
    else:
        x = torch.randint(0, 255, (2, *entry.positions, entry.size)).float()
        x = x.to(torch.uint8) if pixels else x
    vectors, mask = embed(x)
    assert vectors.shape == (2, *positions, in_width)
    assert mask is None or mask.shape == (2, *positions)
    assert len(positions) in family.ranks
    assert len(positions) == 2 or positions[0] <= max(LONGEST, 1000 if family is Cnn else 0)


def test_single_values_become_one_position_each() -> None:
    embed, positions, width = embed_for(Entry("project", (), 5, "scalars"), Transformer, 16)
    assert isinstance(embed, Numbers)
    assert (positions, width) == ((5,), 16)


def test_a_plain_network_gets_the_pixels_themselves() -> None:
    embed, positions, in_width = embed_for(PICTURE, Mlp, 16, statistics(1, pixels=True))
    assert isinstance(embed, Pixels)
    assert (positions, in_width) == (PICTURE.positions, 1)


def test_a_recurrent_network_reads_a_picture_line_by_line() -> None:
    found = statistics(1, pixels=True)
    height, width = PICTURE.positions
    embed, positions, _ = embed_for(PICTURE, Rnn, 16, found)
    assert isinstance(embed, Patches)
    assert (embed.patch, positions) == ((1, width), (height,))
    x = torch.zeros(2, height, width, 1, dtype=torch.uint8)
    x[1, 3] = 200  # another third line changes what is read third, and nothing else
    changed = (embed(x)[0][0] != embed(x)[0][1]).any(-1)
    assert changed.nonzero().flatten().tolist() == [3]
    squares, _, _ = embed_for(PICTURE, Rnn, 16, found, lines=False)  # models of before
    assert isinstance(squares, Patches)
    assert squares.patch != embed.patch


def test_pool_knows_how_much_and_whether() -> None:
    x = torch.tensor([[[1.0, -5.0], [3.0, -1.0], [8.0, 9.0]]])
    pool = Pool(2)
    assert pool.width == 4
    assert pool(x).tolist() == [[4, 1, 8, 9]]
    assert pool(x, torch.tensor([[True, True, False]])).tolist() == [[2, -3, 3, -1]]
    assert pool(x, torch.zeros(1, 3, dtype=torch.bool)).tolist() == [[0, 0, 0, 0]]


def test_pool_takes_any_rank() -> None:
    x = torch.randn(2, 3, 4, 5)
    flat = x.flatten(1, 2)
    torch.testing.assert_close(Pool(5)(x), torch.cat([flat.mean(1), flat.amax(1)], dim=1))
    torch.testing.assert_close(Pool(5)(x[:, 0, 0]), x[:, 0, 0].repeat(1, 2))


def test_features_of_one_network_have_one_deviation() -> None:
    values = torch.tensor([[1.0, 10.0, 5.0], [3.0, 30.0, 5.0]])
    alike = Statistics.of(values, alike=True)
    assert alike.mean == (2.0, 20.0, 5.0)
    assert alike.std == pytest.approx((math.sqrt(101 / 3),) * 3)
    assert Statistics.of(values).std == (1.0, 10.0, 1.0)
    assert Statistics.of(torch.ones(4, 2), alike=True).std == (1.0, 1.0)
