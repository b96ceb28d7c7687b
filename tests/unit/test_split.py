"""Parts of the rows: shares, classes in proportion, groups and time kept together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.data.split import bins_of, clusters_of, split_rows


def alone(count: int) -> np.ndarray:
    return np.arange(count)


def test_shares_and_classes_in_proportion() -> None:
    labels = np.repeat([0, 1, 2], [6000, 3000, 1000])
    split = split_rows(labels, clusters=alone(10_000)).split
    for part, share in (("test", 0.2), ("valid", 0.16), ("train", 0.64)):
        chosen = labels[split == part]
        assert len(chosen) == pytest.approx(share * 10_000, abs=5)
        assert np.bincount(chosen) / len(chosen) == pytest.approx([0.6, 0.3, 0.1], abs=0.005)


def test_few_rows_are_folded_and_every_row_is_checked_once() -> None:
    labels = np.arange(600) % 3
    parts = split_rows(labels, clusters=alone(600))
    assert len(parts.folds) == 8
    held = np.concatenate(parts.folds)
    assert sorted(held) == sorted(np.flatnonzero(parts.split != "test"))
    assert not (parts.split == "valid").any()
    for fold in parts.folds:
        assert np.bincount(labels[fold], minlength=3).min() >= 19


def test_same_seed_same_parts_other_seed_other_parts() -> None:
    labels = np.arange(3000) % 2
    first, again, other = (
        split_rows(labels, clusters=alone(3000), seed=seed).split for seed in (5, 5, 6)
    )
    assert (first == again).all()
    assert (first != other).any()


def test_the_future_is_tested() -> None:
    order = np.random.default_rng(0).permutation(5000).astype(float)
    split = split_rows(np.zeros(5000, int), clusters=alone(5000), order=order).split
    assert order[split == "train"].max() < order[split == "valid"].min()
    assert order[split == "valid"].max() < order[split == "test"].min()
    assert (split == "test").sum() == 1000


def test_given_parts_are_kept() -> None:
    given_parts = np.array(["train"] * 80 + ["valid"] * 10 + ["test"] * 10, dtype=object)
    parts = split_rows(np.arange(100) % 2, clusters=alone(100), given=given_parts)
    assert (parts.split == given_parts).all()
    assert parts.folds == []


def test_given_test_rows_leave_the_rest_to_be_folded() -> None:
    given_parts = np.array(["train"] * 80 + ["test"] * 20, dtype=object)
    parts = split_rows(np.arange(100) % 2, clusters=alone(100), given=given_parts)
    assert (parts.split[80:] == "test").all()
    assert sorted(np.concatenate(parts.folds)) == list(range(80))


def test_a_class_of_one_row_is_learned_from_not_tested() -> None:
    labels = np.array([0] * 50 + [1] * 49 + [2])
    split = split_rows(labels, clusters=alone(100)).split
    assert split[99] == "train"


@given(st.lists(st.integers(0, 12), min_size=30, max_size=200), st.integers(0, 3))
def test_clusters_are_never_cut(keys: list[int], seed: int) -> None:
    clusters = clusters_of(len(keys), keys)
    labels = np.arange(len(keys)) % 3
    parts = split_rows(labels, clusters=clusters, seed=seed)
    sides = parts.split.copy()
    for number, fold in enumerate(parts.folds):
        sides[fold] = f"fold {number}"
    for cluster in set(clusters.tolist()):
        assert len(set(sides[clusters == cluster])) == 1


def test_clusters_join_through_any_key() -> None:
    clusters = clusters_of(6, ["a", "b", None, "b", None, "c"], [1, None, None, None, 2, 1])
    assert clusters[0] == clusters[5]
    assert clusters[1] == clusters[3]
    assert len(set(clusters.tolist())) == 4


def test_bins_hold_equally_many() -> None:
    bins = bins_of(np.random.default_rng(0).normal(size=10_000))
    assert np.bincount(bins) == pytest.approx([1000] * 10, abs=1)
