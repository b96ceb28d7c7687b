"""What is unlike anything learned from: distances, honest p-values, made-up rows."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from pellucid.data.columns import Column, Entry, Loaded
from pellucid.evidence.trust.foreign import letters, noise, out_of_time, scattered, words
from pellucid.evidence.trust.unlike import (
    Cells,
    Unlike,
    cells,
    direction,
    facts,
    is_table,
    know_facts,
    know_features,
    nearest,
    ranges_of,
    token_facts,
)


def test_nearest_is_the_smallest_distance_and_categories_count_one_each() -> None:
    generator = np.random.default_rng(0)
    known = generator.normal(size=(40, 5)).astype(np.float32)
    rows = generator.normal(size=(30, 5)).astype(np.float32)
    assert nearest(known, rows, 5) == pytest.approx(cdist(rows, known).min(1), abs=1e-5)
    known[:, 3:] = generator.integers(0, 3, (40, 2))
    rows[:, 3:] = generator.integers(0, 3, (30, 2))
    differ = (rows[:, None, 3:] != known[None, :, 3:]).sum(2)
    expected = np.sqrt(cdist(rows[:, :3], known[:, :3]) ** 2 + differ).min(1)
    assert nearest(known, rows, 3) == pytest.approx(expected, abs=1e-5)


def test_rows_of_the_same_label_do_not_count() -> None:
    rows = np.array([[0.0], [0.1], [1.0]], dtype=np.float32)
    assert nearest(rows, rows, 1, np.array([0, 0, 1])) == pytest.approx([1.0, 0.9, 0.9])
    alone = know_facts(plain(rows[:2]), np.array([3, 3]))
    assert len(alone.known.usual) == 0  # twins only: nothing tells what is usual


def plain(numbers: np.ndarray) -> Cells:
    return Cells(np.asarray(numbers, dtype=np.float32), np.empty((len(numbers), 0)))


def test_numbers_stand_before_categories_and_all_else_becomes_facts() -> None:
    entries = {
        "categories": Entry("lookup", (), 10, "categories"),
        "scalars": Entry("project", (), 2, "scalars"),
        "picture": Entry("project", (4, 4), 1, "picture"),
        "text": Entry("lookup", (5,), 99, "text"),
    }
    inputs = {
        "categories": np.array([[7], [9]]),
        "scalars": np.array([[0.5, 1.0], [2.0, 3.0]]),
        "picture": np.zeros((2, 4, 4, 1), dtype=np.uint8),
        "text": np.array([[3, 4, 0, 0, 0], [5, 5, 5, 5, 5]]),
    }
    found = cells(entries, inputs, 2).together()
    assert found[:, :2].tolist() == inputs["scalars"].tolist()
    assert found[:, -1].tolist() == [7, 9]
    assert found.shape == (2, 2 + 4 + 3 + 1)
    assert not is_table(entries.values())
    assert is_table([entries["scalars"], entries["categories"]])


def test_facts_are_level_spread_and_roughness_without_what_is_missing() -> None:
    series = np.array([[0.0, 1.0, 0.0, 1.0, np.nan]])[..., None]
    level, spread, rough = facts(series, 1)[0]
    assert (level, spread, rough) == pytest.approx((0.5, 0.5, 2.0), abs=1e-4)
    picture = np.array([[[0, 0], [10, 10]]], dtype=np.uint8)[..., None]
    assert facts(picture, 2)[0] == pytest.approx([5, 5, 2, 0], abs=1e-4)
    count, _, different = token_facts(np.array([[3, 3, 8, 0]]))[0]
    assert (count, different) == pytest.approx((np.log(3), 2 / 3))


def test_directions_have_length_one() -> None:
    found = direction(np.array([[3.0, 4.0], [0.0, 0.0]]))
    assert found == pytest.approx(np.array([[0.6, 0.8], [0.0, 0.0]]))


def normal(generator: np.random.Generator, rows: int) -> np.ndarray:
    return generator.normal(size=(rows, 6)).astype(np.float32)


@pytest.mark.parametrize("table", [True, False])
def test_usual_rows_are_called_strange_as_often_as_is_said(table: bool) -> None:
    shares = []
    for seed in range(60):
        generator = np.random.default_rng(seed)
        draw = partial(normal, generator)
        made = (
            Unlike(know_facts(plain(draw(150)), np.arange(150)))
            if table
            else Unlike(None, (know_features(draw(150), draw(150)),))
        )
        new = draw(40)
        shares.append(made.p_values(plain(new), [new]))
    found = np.concatenate(shares)
    for level in (0.05, 0.2, 0.5):
        error = 4 * np.sqrt(level * (1 - level) / len(found)) + 0.01  # rows share held rows
        assert (found <= level).mean() == pytest.approx(level, abs=error)
    assert found.min() >= 1 / 151 - 1e-9


def test_strange_rows_are_noticed_and_networks_that_took_turns_agree() -> None:
    generator = np.random.default_rng(1)
    base = generator.normal(size=(4, 8)) * 3

    def draw(rows: int) -> np.ndarray:
        return base[generator.integers(0, 4, rows)] + generator.normal(size=(rows, 8)) * 0.3

    bag = Unlike(None, tuple(know_features(draw(100), draw(70)) for _ in range(2)))
    strange = generator.normal(size=(50, 8)) * 3
    assert (bag.p_values(plain(strange), [strange, strange]) < 0.01).mean() > 0.9
    usual = draw(200)
    assert (bag.p_values(plain(usual), [usual, usual]) < 0.01).mean() < 0.05
    assert bag.least == pytest.approx(1 / 141)
    assert np.isnan(Unlike(None).p_values(plain(usual), [])).all()


def test_what_is_kept_survives_the_disk() -> None:
    generator = np.random.default_rng(2)
    rows = generator.normal(size=(50, 4))
    seen = (know_features(rows, rows[:20] + 0.1),)
    made = Unlike(know_facts(plain(rows), np.arange(50)), seen, {"age": (1.0, 9.0)})
    again = Unlike.restore(made.as_json(), made.arrays())
    new = rows[:30] + 0.3
    assert (again.p_values(plain(new), [new]) == made.p_values(plain(new), [new])).all()
    assert again.ranges == made.ranges


def test_numbers_far_outside_of_their_range_are_named() -> None:
    columns = [Column("age", "number", "input", ""), Column("name", "category", "input", "")]
    loaded = {
        "age": Loaded(np.array([18.0, np.nan, 90.0])),
        "name": Loaded(np.array(["a", "b", "c"], dtype=object)),
    }
    ranges = ranges_of(columns, loaded)
    assert ranges == {"age": (18.0, 90.0)}
    new = {**loaded, "age": Loaded(np.array([400.0, np.nan, 100.0]))}
    assert Unlike(None, (), ranges).beyond(new) == [{"age": [18.0, 90.0]}, {}, {}]


# --- made-up rows ---------------------------------------------------------------------------------


def test_made_up_rows_keep_what_they_are_made_of() -> None:
    random = np.random.default_rng(0)
    pictures = Loaded(random.integers(0, 256, (3, 4, 5, 1)).astype(np.uint8))
    assert noise(pictures, random).values.shape == (3, 4, 5, 1)
    mixed = scattered(pictures, random).values
    for before, after in zip(pictures.values, mixed, strict=True):
        assert sorted(before.ravel()) == sorted(after.ravel())
        assert (before != after).any()
    series = np.arange(12, dtype=np.float32).reshape(1, 6, 2)
    series[0, 4:] = np.nan
    after = out_of_time(Loaded(series), random).values
    assert np.isnan(after[0, 4:]).all()
    assert sorted(after[0, :4, 0]) == [0, 2, 4, 6]
    assert (after[0, :4, 1] == after[0, :4, 0] + 1).all()  # moments stay whole
    texts = Loaded(np.array(["to be or not", None], dtype=object))
    assert sorted(words(texts, random).values[0].split()) == ["be", "not", "or", "to"]
    assert sorted(letters(texts, random).values[0]) == sorted("to be or not")
    assert letters(texts, random).values[1] is None
