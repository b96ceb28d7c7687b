"""Explanations of pictures, sounds and series, against planted truths and Captum."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import InputXGradient, IntegratedGradients, LayerGradCam, Occlusion
from explaining import stand_in, untrained
from torch import Tensor, nn

from pellucid.config import Size
from pellucid.data import mel
from pellucid.data.columns import Column, Loaded
from pellucid.data.dataset import encode
from pellucid.data.modalities import MODALITIES
from pellucid.data.modalities.audio import Clips
from pellucid.evidence.explain import faithfulness
from pellucid.evidence.explain.gradients import (
    grad_cam,
    gradient_of_columns,
    gradient_times_input,
    integrated_gradients,
    on_pieces,
    score,
)
from pellucid.evidence.explain.occlusion import occlude
from pellucid.evidence.explain.pictures import PicturePieces, grid, weights
from pellucid.evidence.explain.pieces import Pieces, Question
from pellucid.evidence.explain.randomization import randomization, similarity_of
from pellucid.evidence.explain.series import SeriesPieces
from pellucid.evidence.explain.sounds import SoundPieces
from pellucid.evidence.finding import Finding
from pellucid.evidence.subject import Rows, Subject, take
from pellucid.network.assemble import Blueprint, Branch, Model
from pellucid.network.cnn import Cnn, features_second
from pellucid.network.embed import Statistics
from pellucid.recording.files import read_json
from pellucid.tasks import Task
from pellucid.tasks.classify import Classify
from pellucid.tasks.grades import Grades
from pellucid.tasks.tags import Tags

QUESTION = Question(0, "price", 0.0)
GENERATOR = np.random.default_rng(0)


# --- examples -------------------------------------------------------------------------------


def pictures(count: int = 1, side: int = 28, seed: int = 0) -> Rows:
    shape = (count, side, side, 1)
    values = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
    return {"x": Loaded(values)}


def series(count: int = 1, length: int = 64, channels: int = 1) -> Rows:
    values = np.random.default_rng(1).normal(size=(count, length, channels))
    return {"x": Loaded(values.astype(np.float32))}


def sounds(count: int = 1, frames: int = 40, bands: int = 16, end: int = 30) -> Rows:
    values = np.random.default_rng(2).normal(size=(count, frames, bands, 1)).astype(np.float16)
    values[:, end:] = np.nan
    clips = Clips(values, np.full(count, None, dtype=object))
    return {"x": Loaded(clips, {"rate": 16_000, "hop": 160})}


@pytest.fixture(scope="module")
def seen() -> tuple[Subject, Rows]:
    """A network that reads pictures, and one of them."""
    rows = pictures(8, side=24)
    return untrained(rows, "image", Classify("y", ["a", "b", "c"])), take(rows, np.array([3]))


# --- pieces ---------------------------------------------------------------------------------


@pytest.mark.parametrize("smooth", [True, False])
@pytest.mark.parametrize("side", [8, 28, 30, 100])
def test_patches_cover_a_picture_once(side: int, smooth: bool) -> None:
    pieces = PicturePieces(pictures(side=side), "x", smooth=smooth)
    covered = np.zeros((side, side))
    for top, left, bottom, right in pieces.places:
        covered[top:bottom, left:right] += 1
    assert (covered == 1).all()
    assert len(pieces.names) == len(set(pieces.names)) == np.prod(grid(side, side))
    bounds = [0, *sorted({place[2] for place in pieces.places})]
    np.testing.assert_allclose(weights(bounds, smooth).sum(0), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("pieces", "values"),
    [
        (PicturePieces(pictures(), "x"), lambda rows: rows["x"].values),
        (SoundPieces(sounds(), "x"), lambda rows: rows["x"].values.mel),
        (SeriesPieces(series(channels=2), "x"), lambda rows: rows["x"].values),
    ],
    ids=["picture", "sound", "series"],
)
def test_nothing_gone_is_the_example_and_rows_are_independent(pieces: Any, values: Any) -> None:
    count = len(pieces.names)
    gone = GENERATOR.random((5, count)) < 0.5
    gone[0] = False
    versions = values(pieces.removed(gone))
    assert len(versions) == 5
    np.testing.assert_array_equal(versions[0], values(pieces.row)[0])
    np.testing.assert_array_equal(versions[3], values(pieces.removed(gone[3:4]))[0])
    assert len(pieces.places) == count
    assert pieces.filled


def test_a_patch_that_is_gone_shows_what_is_around_it() -> None:
    values = np.full((1, 28, 28, 1), 200, dtype=np.uint8)
    values[0, 12:16, 12:16] = 0  # exactly the patch in the middle
    pieces = PicturePieces({"x": Loaded(values)}, "x", fill="border", smooth=False)
    middle = pieces.places.index((12, 12, 16, 16))
    gone = np.arange(49) == middle
    np.testing.assert_array_equal(pieces.removed(gone[None])["x"].values, np.full_like(values, 200))


def test_windows_become_lines_and_missing_values_stay_missing() -> None:
    values = np.full((1, 20, 2), np.nan, dtype=np.float32)
    values[0, :16, 0], values[0, :16, 1] = np.arange(16) ** 2, 7
    values[0, 5, 0] = np.nan
    pieces = SeriesPieces({"x": Loaded(values)}, "x", windows=4)
    assert pieces.places[1] == (4, 8, 0)
    assert pieces.names[1] == "steps 5–8 of channel 1"
    gone = np.zeros((2, 8), dtype=bool)
    gone[0, [1, 2]] = True  # steps 4 to 12: from 9 at step 3 to 144 at step 12
    gone[1, :4] = True
    found = pieces.removed(gone)["x"].values
    expected = np.interp(np.arange(4, 12), [3, 12], [9, 144])
    expected[1] = np.nan
    np.testing.assert_allclose(found[0, 4:12, 0], expected, rtol=1e-6)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(np.repeat(values, 2, axis=0)))
    assert np.nanstd(found[1, :, 0]) == 0
    np.testing.assert_array_equal(found[:, :16, 1], np.full((2, 16), 7))


def test_sounds_keep_their_padding_and_say_when_and_how_high() -> None:
    pieces = SoundPieces(sounds(), "x")
    found = pieces.removed(np.ones((1, 64), dtype=bool))["x"].values.mel[0, :, :, 0]
    assert np.isnan(found[30:]).all()
    floor = np.quantile(sounds()["x"].values.mel[0, :30].astype(np.float32), 0.1)
    np.testing.assert_allclose(found[:30], floor, atol=1e-2)
    assert pieces.places[-1] == (26, 14, 30, 16)
    tops = mel.band_edges(16_000, 16)
    assert pieces.names[-1].startswith("0.26–0.30 s, ")
    low = (tops[14] + tops[15]) / 2
    assert f"{low:,.0f}–" in pieces.names[-1]


# --- planted truths ---------------------------------------------------------------------------


def planted(rows: Rows, modality: str, place: tuple[slice, ...]) -> Subject:
    """A model that looks only at one place."""

    def look(given: Rows) -> np.ndarray:
        values = np.nan_to_num(np.asarray(given["x"].values, dtype=np.float64))
        shown = np.nan_to_num(np.asarray(rows["x"].values, dtype=np.float64))
        away = values[(slice(None), *place)] - shown[(slice(None), *place)]
        return 20 - 10 * np.abs(away).mean(tuple(range(1, away.ndim)))

    return stand_in(look, ("x",), kinds={"x": modality})


@pytest.mark.parametrize(
    ("rows", "modality", "make", "place", "piece"),
    [
        (pictures(), "image", PicturePieces, (slice(8, 12), slice(20, 24)), (8, 20, 12, 24)),
        (series(), "series", SeriesPieces, (slice(20, 24),), (20, 24)),
        (sounds(end=40), "audio", SoundPieces, (slice(5, 10), slice(12, 14)), (5, 12, 10, 14)),
    ],
    ids=["picture", "series", "sound"],
)
def test_the_one_place_that_counts_is_found(
    rows: Rows, modality: str, make: Any, place: tuple[slice, ...], piece: tuple[int, ...]
) -> None:
    subject = planted(rows, modality, place)
    pieces: Pieces = make(rows, "x")
    found = occlude(subject, pieces, QUESTION, orders=40)
    assert pieces.places[int(found.values.argmax())] == piece
    assert faithfulness.test(subject, pieces, QUESTION, found.values, answers=found.answers).trusted


def test_occlusion_as_captum_has_it(seen: tuple[Subject, Rows]) -> None:
    subject, row = seen
    pieces = PicturePieces(row, "x", cells=(6, 6), fill="mean", smooth=False)
    mean = float(np.rint(row["x"].values.mean(dtype=np.float64)))

    def forward(values: Tensor) -> Tensor:
        rows = {"x": Loaded(values.numpy().astype(np.uint8))}
        return torch.from_numpy(subject.answer(rows)[:, 1])

    picture = torch.from_numpy(row["x"].values).float()
    theirs = Occlusion(forward).attribute(
        picture, sliding_window_shapes=(4, 4, 1), strides=(4, 4, 1), baselines=mean
    )
    expected = [theirs[0, top, left, 0].item() for top, left, *_ in pieces.places]
    ours = occlude(subject, pieces, Question(1, "b", 0.0), orders=20)
    np.testing.assert_allclose(ours.alone, expected, atol=1e-6)


# --- gradients --------------------------------------------------------------------------------


class Opened(nn.Module):
    """The network from a column's vectors on, with its last map as a module of its own."""

    def __init__(self, subject: Subject, mask: Tensor | None) -> None:
        super().__init__()
        branch = subject.network.part("x")
        assert isinstance(branch, Branch)
        self.branch, self.head = branch, subject.network.head
        self.last_map, self.mask, self.task = nn.Identity(), mask, subject.task

    def forward(self, vectors: Tensor, index: int = 0) -> Tensor:
        network = self.branch.network
        mask = None if self.mask is None else self.mask.expand(len(vectors), *self.mask.shape[1:])
        x, mask = vectors, mask
        if isinstance(network, Cnn) and network.rank == 2:
            x = x if mask is None else x * mask[..., None]
            for stage in network.stages:
                x, mask = stage(x, mask)
            x = self.last_map(features_second(x)).permute(0, 2, 3, 1)
        else:
            x, mask = network(x, mask)
        return score(self.task, self.head(self.branch.pool(x, mask)), index)


def opened(subject: Subject, row: Rows) -> tuple[Opened, Tensor]:
    """The network from its vectors on, and the vectors of an example."""
    branch = subject.network.part("x")
    assert isinstance(branch, Branch)
    vectors, mask = branch.embed(subject.encode(row)["x"])
    return Opened(subject, mask), vectors.detach()


def test_grad_cam_as_captum_has_it(seen: tuple[Subject, Rows]) -> None:
    subject, row = seen
    network, vectors = opened(subject, row)
    theirs = LayerGradCam(network, network.last_map).attribute(
        vectors, additional_forward_args=2, relu_attributions=True
    )
    theirs = LayerGradCam.interpolate(theirs, (24, 24), interpolate_mode="bilinear")[0, 0]
    ours = grad_cam(subject, row, "x", 2)
    assert ours is not None
    expected = theirs.detach().numpy()
    assert ours.shape == (24, 24)
    np.testing.assert_allclose(ours / ours.max(), expected / expected.max(), atol=1e-5)


def test_grad_cam_of_a_sound_and_a_series_and_without_maps() -> None:
    task = Classify("y", ["a", "b"])
    rows = sounds(4)
    heard = grad_cam(untrained(rows, "audio", task), take(rows, np.array([0])), "x", 0)
    assert heard is not None
    assert heard.shape == (40, 16)
    rows = series(4)
    followed = grad_cam(untrained(rows, "series", task), take(rows, np.array([0])), "x", 0)
    assert followed is not None
    assert followed.shape == (64,)
    assert 0 <= followed.min() <= followed.max() <= 1 + 1e-6
    transformer = untrained(rows, "series", task, "transformer")
    assert grad_cam(transformer, take(rows, np.array([0])), "x", 0) is None


@pytest.mark.parametrize(
    ("rows", "modality", "family"),
    [
        (pictures(6, side=12), "image", "cnn"),
        (sounds(6), "audio", "cnn"),
        (series(6, channels=2), "series", "cnn"),
        (series(6), "series", "rnn"),
    ],
    ids=["picture", "sound", "series", "recurrent"],
)
def test_integrated_gradients_as_captum_has_them(rows: Rows, modality: str, family: str) -> None:
    subject = untrained(rows, modality, Classify("y", ["a", "b", "c"]), family)
    row = take(rows, np.array([2]))
    branch = subject.network.part("x")
    assert isinstance(branch, Branch)
    door = getattr(branch.embed, "normalize", branch.embed)
    vectors, mask = door(subject.encode(row)["x"])
    vectors = vectors.detach()

    def forward(given: Tensor) -> Tensor:
        x = branch.embed.linear(given) if door is not branch.embed else given
        shown = None if mask is None else mask.expand(len(given), *mask.shape[1:])
        x, shown = branch.network(x, shown)
        return score(subject.task, subject.network.head(branch.pool(x, shown)), 1)

    ours = integrated_gradients(subject, row, "x", 1, steps=256)
    assert ours is not None
    assert ours.steps == 256
    theirs = IntegratedGradients(forward).attribute(
        vectors, n_steps=256, method="riemann_middle", internal_batch_size=64
    )
    np.testing.assert_allclose(ours.values, theirs[0].numpy(), atol=2e-5)
    assert abs(ours.values.sum() - (ours.whole - ours.base)) <= 0.05 * abs(ours.whole - ours.base)
    plain = gradient_times_input(subject, row, "x", 1)
    theirs = InputXGradient(forward).attribute(vectors.requires_grad_())
    np.testing.assert_allclose(plain, theirs[0].detach().numpy(), atol=2e-5)


def test_more_steps_are_taken_until_the_values_add_up() -> None:
    rows = series(6)
    subject = untrained(rows, "series", Classify("y", ["a", "b", "c"]))
    row = take(rows, np.array([2]))
    coarse = integrated_gradients(subject, row, "x", 1, steps=1)
    assert coarse is not None
    assert coarse.gap < 0.05 or coarse.steps == 243
    assert coarse.steps > 1


def test_values_of_positions_are_summed_in_pieces() -> None:
    values = GENERATOR.normal(size=(64, 6))  # shape, level and spread of two channels
    pieces = SeriesPieces(series(channels=2), "x", windows=4)
    found = on_pieces(values, pieces)
    assert found.sum() == pytest.approx(values.sum())
    assert found[5] == pytest.approx(values[16:32, 1::2].sum())
    pixels = GENERATOR.normal(size=(28, 28, 3))
    patches = on_pieces(pixels, PicturePieces(pictures(), "x"))
    assert patches[8] == pytest.approx(pixels[4:8, 4:8].sum())


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize(
    "task", [Classify("y", ["a", "b", "c"]), Tags("y", ["a", "b"]), Grades("y", ["1", "2", "3"])]
)
def test_scores_are_the_log_odds_of_the_answer(task: Task, members: int) -> None:
    outputs = torch.randn(5, members, task.outputs, generator=torch.Generator().manual_seed(0))
    outputs = outputs if members > 1 else outputs[:, 0]
    answer = task.prediction(outputs)
    for index in range(answer.shape[1]):
        found = score(task, outputs, index).sigmoid().numpy()
        np.testing.assert_allclose(found, answer[:, index], rtol=1e-6)


def test_gradients_of_columns_as_finite_differences() -> None:
    random = np.random.default_rng(0)
    words = np.array(random.choice(["red", "green", "blue"], 12), dtype=object)
    rows = {
        "size": Loaded(random.normal(size=12)),
        "color": Loaded(words),
        "age": Loaded(random.normal(size=12)),
        "x": series(12)["x"],
    }
    kinds = {"size": "number", "color": "category", "age": "number", "x": "series"}
    columns = [
        Column(name, kind, "input", "", MODALITIES[kind].fit(rows[name]))
        for name, kind in kinds.items()
    ]
    data = encode(columns, rows, torch.empty(0))
    sizes = {"x": Size(8, 1), "columns": Size(8, 1)}
    statistics = {name: Statistics.of(data.inputs[name]) for name in ("x", "scalars")}
    families = {"x": "cnn", "columns": "mlp"}
    counts = {name: data.inputs[name].shape[1] for name in ("scalars", "categories")}
    torch.manual_seed(0)
    network = Model(Blueprint(data.entries, statistics, families, sizes, 2, counts, "plain")).eval()
    task = Classify("y", ["a", "b"])
    subject = Subject(
        task, columns, lambda rows: np.empty(0), network,
        lambda rows: encode(columns, rows, torch.empty(0)).inputs,
    )  # fmt: skip
    row = take(rows, np.array([4]))
    found = gradient_of_columns(subject, row, 1)
    inputs = subject.encode(row)
    for place, column in ((0, 0), (1, 2)):  # numbers stand side by side
        step = torch.zeros_like(inputs["scalars"])
        step[0, place] = 1e-2
        ends = [
            score(task, network({**inputs, "scalars": inputs["scalars"] + sign * step}), 1)
            for sign in (1, -1)
        ]
        slope = (ends[0] - ends[1]).item() / 2e-2
        assert found[column] == pytest.approx(slope * inputs["scalars"][0, place].item(), rel=0.02)
    plain = gradient_times_input(subject, row, "x", 1)
    assert plain is not None
    assert found[3] == pytest.approx(plain.sum())
    assert found[1] != 0


# --- a network that has learned nothing -------------------------------------------------------


def test_every_weight_is_drawn_anew_and_the_subject_stays(seen: tuple[Subject, Rows]) -> None:
    subject, row = seen
    before = {name: value.clone() for name, value in subject.network.state_dict().items()}
    other = faithfulness.randomized(subject, row, seed=1)
    for name, value in subject.network.named_parameters():
        np.testing.assert_array_equal(before[name], value.detach())
        drawn = dict(other.network.named_parameters())[name].detach()
        torch.testing.assert_close(drawn.flatten().sort()[0], value.detach().flatten().sort()[0])
        assert value.numel() < 4 or not torch.equal(drawn, value)
    again = faithfulness.randomized(subject, row, seed=1)
    np.testing.assert_array_equal(other.answer(row), again.answer(row))
    assert not np.allclose(other.answer(row), subject.answer(row))


def test_explanations_that_only_show_the_example_are_found_out(seen: tuple[Subject, Rows]) -> None:
    subject, _ = seen
    rows = pictures(4, side=24, seed=5)

    def pieces(row: Rows) -> PicturePieces:
        return PicturePieces(row, "x", cells=(4, 4))

    def brightness(_: Subject, row: Rows, question: Question) -> np.ndarray:
        return on_pieces(row["x"].values[0].astype(float), pieces(row))

    def occlusion(asked: Subject, row: Rows, question: Question) -> np.ndarray:
        return occlude(asked, pieces(row), question, orders=20).values

    assert faithfulness.similarity(subject, brightness, rows) == pytest.approx(1)
    assert abs(faithfulness.similarity(subject, occlusion, rows)) < faithfulness.MOST_SIMILAR


def test_the_test_with_random_weights_is_kept_in_the_run(
    seen: tuple[Subject, Rows], tmp_path: Path
) -> None:
    subject, row = seen
    found = similarity_of(tmp_path, subject, row, None)
    assert found is not None
    assert abs(found) < 1
    kept = Finding.from_json(read_json(tmp_path / "evidence/randomization.json"))
    assert kept.known
    assert kept.figures["similarity"] == found
    assert kept.figures["draws"] >= 3
    other = replace(subject, answer=lambda rows: np.full((len(rows["x"].values), 3), 1 / 3))
    assert similarity_of(tmp_path, other, row, None) == found  # as kept, not asked again
    assert similarity_of(tmp_path, replace(subject, which="baseline"), row, None) is None


def test_a_slow_network_is_not_tried(seen: tuple[Subject, Rows], tmp_path: Path) -> None:
    subject, row = seen
    assert not randomization(subject, row, None, seconds=1e-4).known
