from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.errors import BundleError, ConfigError
from pellucid.recording.looks import CHUNK, Looks, LooksWriter, Part, Row, pack
from pellucid.recording.schedule import (
    CAP,
    PLANNED,
    Clock,
    Pace,
    ended_epoch,
    epoch_counts,
    look_schedule,
    thin,
)
from pellucid.recording.watching import axis_strides, flat_stride

# --- when -----------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.integers(1, 10**8))
def test_a_schedule_is_rising_capped_and_has_the_first_and_last_steps(steps: int) -> None:
    chosen = look_schedule(steps)
    assert len(chosen) <= PLANNED < CAP
    assert all(a < b for a, b in itertools.pairwise(chosen))
    assert {step for step in (0, 1, 2) if step <= steps} | {steps} <= set(chosen)
    assert chosen[-1] == steps
    assert chosen == look_schedule(steps)


@settings(deadline=None)
@given(st.integers(500, 10**6))
def test_a_schedule_is_dense_early_and_even_later(steps: int) -> None:
    chosen = look_schedule(steps)
    gaps = np.diff(chosen)
    assert gaps[0] == 1
    assert gaps[:-1].max() <= 4 * max(1, steps // 192)  # the last one is what is left over
    assert (np.diff(gaps[2:-1]) >= 0).mean() > 0.9


def test_thinning_keeps_every_second_step() -> None:
    assert thin([0, 1, 2, 3, 4, 5, 6, 7, 9]) == [0, 1, 2, 4, 6, 9]
    assert thin([0, 1, 2, 3, 4, 5, 6, 7]) == [0, 1, 2, 4, 6, 7]


def test_ends_of_epochs_are_found_and_capped() -> None:
    ends = [step for step in range(1, 41) if ended_epoch(step, step * 20 / 60)]
    assert ends == list(range(3, 41, 3))
    # 10 rows, batches of 10: every step ends an epoch
    counted = [step for step in range(1, 1001) if epoch_counts(step, step, 1000)]
    assert counted == list(range(16, 1001, 16))
    assert len([step for step in range(1, 51) if epoch_counts(step, step, 50)]) == 50


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 20_000), st.floats(0.001, 1.0))
def test_a_run_is_never_looked_at_more_often_than_the_cap(steps: int, share: float) -> None:
    pace = Pace(look_schedule(steps), Clock(), floor=1e9, disk=10**12)
    looked = [
        step
        for step in range(1, steps + 1)
        if pace.due(step) or pace.epoch_due(step, ended_epoch(step, step * share))
    ]
    assert len(looked) + 2 <= CAP  # step 0, and the best one


def test_dear_looks_are_made_less_often_and_cheap_ones_more_often_again() -> None:
    clock = Clock()
    pace = Pace(look_schedule(200), clock, floor=1.0, disk=10**9)
    assert pace.due(57)
    clock.spent = 0.1
    for step in range(8):
        pace.looked(step, 0.04, 1000)
    assert pace.stride == 16  # 193 looks are left, (1.0 - 0.1) * 0.8 / 0.04 = 18 affordable
    assert not pace.due(57)
    assert pace.due(64)
    for step in range(8, 16):
        pace.looked(step, 0.001, 1000)
    assert pace.stride == 1


def test_a_spent_budget_leaves_only_the_looks_that_are_always_made() -> None:
    clock = Clock(trained=10.0, spent=0.99)
    pace = Pace(look_schedule(200), clock, floor=1.0, disk=10**9)
    pace.looked(5, 0.01, 1000)
    assert [step for step in range(201) if pace.due(step)] == [0, 1, 2, 200]
    assert not pace.epoch_due(20, 1)
    clock.trained = 200.0  # 1 % of it is more than the floor by now
    assert pace.epoch_due(20, 1)


def test_looks_that_need_much_disk_are_made_less_often() -> None:
    pace = Pace(look_schedule(200), Clock(), floor=1.0, disk=21_000)
    pace.looked(2, 1e-6, 1000)
    assert pace.stride == 16  # 198 are left, 20 fit


# --- how much -------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.integers(1, 10**7), st.integers(1, 5000))
def test_a_flat_stride_is_odd_and_keeps_enough_but_not_too_much(size: int, cap: int) -> None:
    stride = flat_stride(size, cap)
    assert stride % 2 == 1
    assert math.ceil(size / stride) <= cap
    if size > 4 * cap:
        assert math.ceil(size / stride) > cap / 3


@settings(deadline=None)
@given(st.lists(st.integers(1, 300), max_size=4), st.integers(1, 20_000))
def test_axis_strides_keep_at_most_the_cap(shape: list[int], cap: int) -> None:
    strides = axis_strides(tuple(shape), cap)
    kept = math.prod(-(-size // stride) for size, stride in zip(shape, strides))
    assert kept <= cap
    if math.prod(shape) <= cap:
        assert set(strides) <= {1}


def test_pictures_lose_channels_first_and_attention_stays_square() -> None:
    assert axis_strides((32, 32, 64), 16_384) == (1, 1, 4)
    assert axis_strides((4, 256, 256), 16_384) == (1, 4, 4)
    assert axis_strides((28, 28, 16), 16_384) == (1, 1, 1)


@settings(deadline=None)
@given(
    st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=1, max_size=50),
    st.lists(st.integers(1, 10), min_size=1, max_size=8),
)
def test_packed_values_keep_eleven_bits_of_the_largest(
    numbers: list[float], sizes: list[int]
) -> None:
    values = np.resize(np.array(numbers, np.float32), sum(sizes))
    stored, exponents = pack(values, sizes)
    assert stored.dtype == np.float16
    back = np.ldexp(stored.astype(np.float32), np.repeat(exponents, sizes))
    peaks = np.repeat([np.abs(p).max() for p in np.split(values, np.cumsum(sizes)[:-1])], sizes)
    error = np.abs(back.astype(np.float64) - values)
    assert (error <= np.maximum(np.abs(values) * 2.0**-11, peaks * 2.0**-38)).all()


def test_packing_keeps_tiny_gradients_and_what_is_no_number() -> None:
    values = np.array([1e-12, -3e-12, np.nan, np.inf, 0, 0], np.float32)
    stored, exponents = pack(values, [4, 2])
    back = np.ldexp(stored.astype(np.float32), np.repeat(exponents, [4, 2]))
    np.testing.assert_allclose(back, values, rtol=2**-11)


# --- on disk --------------------------------------------------------------------------------

PARTS = [Part("activation", "a / b", (2, 3), (1, 1)), Part("weight", "w", (2, 2), (1, 1))]
PARTS += [Part("weight_gradient", "w", (2, 2), (1, 1)), Part("update", "w", (2, 2), (1, 1))]


def a_row(step: int, parts: list[Part]) -> Row:
    sizes = [math.prod(part.kept) for part in parts]
    values, exponents = pack(np.full(sum(sizes), step, np.float32), sizes)
    statistics = np.full((len(parts), 4), step, np.float32)
    return Row(step, step / 4, values, exponents, statistics)


def write(folder: Path, steps: range, keep: int = -1) -> LooksWriter:
    writer = LooksWriter(folder, fold=0, keep=keep)
    for step in steps:
        writer.add(PARTS, a_row(step, PARTS))
    writer.flush()
    return writer


def test_looks_are_read_back_from_sealed_and_growing_chunks(tmp_path: Path) -> None:
    write(tmp_path, range(20))
    assert len(list(tmp_path.glob("*.safetensors"))) == 2
    looks = Looks(tmp_path)
    assert looks.steps == list(range(20))
    for step in (0, 15, 16, 19):
        seen = looks.at(step)
        assert seen.loss == step / 4
        assert (seen.activations["a / b"].value == np.full((2, 3), step)).all()
        assert (seen.parameters["w"].update == np.full((2, 2), step)).all()
        assert seen.parameters["w"].statistics["gradient"].norm == step
    steps, statistics = looks.history("weight", "w")
    assert steps.tolist() == list(range(20))
    assert statistics[:, 3].tolist() == list(range(20))


def test_a_sealed_chunk_never_changes(tmp_path: Path) -> None:
    writer = write(tmp_path, range(CHUNK))
    sealed = (tmp_path / "00000.safetensors").read_bytes()
    for step in range(CHUNK, 2 * CHUNK):
        writer.add(PARTS, a_row(step, PARTS))
    assert (tmp_path / "00000.safetensors").read_bytes() == sealed


def test_other_parts_start_another_chunk(tmp_path: Path) -> None:
    writer = write(tmp_path, range(3))
    more = [*PARTS, Part("activation", "c", (5,), (1,))]
    writer.add(more, a_row(3, more))
    writer.flush()
    looks = Looks(tmp_path)
    assert list(looks.at(2).activations) == ["a / b"]
    assert list(looks.at(3).activations) == ["a / b", "c"]


def test_a_resumed_writer_forgets_later_looks(tmp_path: Path) -> None:
    write(tmp_path, range(40))
    write(tmp_path, range(21, 25), keep=20)
    looks = Looks(tmp_path)
    assert looks.steps == list(range(25))
    assert [looks.at(step).loss for step in (20, 21, 24)] == [5, 5.25, 6]


def test_a_step_that_was_not_recorded_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no looks at the inside were recorded"):
        Looks(tmp_path).at(0)
    write(tmp_path, range(0, 30, 10))
    with pytest.raises(ConfigError, match=r"step 17 was not recorded[\s\S]*before it is 10"):
        Looks(tmp_path).at(17)
    assert Looks(tmp_path).nearest(1000) == 20


@pytest.mark.parametrize("size", [0, 5, 200])
def test_a_damaged_chunk_is_named(tmp_path: Path, size: int) -> None:
    write(tmp_path, range(3))
    chunk = tmp_path / "00000.safetensors"
    chunk.write_bytes(chunk.read_bytes()[:size])
    with pytest.raises(BundleError, match=r"00000\.safetensors is damaged"):
        Looks(tmp_path).at(1)
