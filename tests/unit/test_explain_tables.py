"""Shapley values against oracles: the definition itself, captum, and linear models."""

from __future__ import annotations

from itertools import permutations
from typing import cast

import numpy as np
import pytest
import torch
from explaining import cells, stand_in

from pellucid.evidence.explain import shapley
from pellucid.evidence.explain.pieces import Question
from pellucid.evidence.explain.tables import (
    ColumnPieces,
    affordable,
    explain_columns,
    shares,
)

Array = np.ndarray


def game_of(function: str, x: Array, background: Array) -> shapley.Game:
    """What `function` of a row says where absent columns are those of a background row."""
    weights = np.linspace(-2, 3, len(x))

    def linear(values: Array) -> Array:
        return cast(Array, values @ weights)

    def crossed(values: Array) -> Array:
        return cast(
            Array, values[:, 0] * values[:, 1] + np.tanh(values[:, 2:].sum(1)) + linear(values)
        )

    asked = linear if function == "linear" else crossed

    def game(present: Array, which: Array) -> Array:
        return asked(np.where(present, x, background[which]))

    return game


def by_definition(game: shapley.Game, players: int, fillings: int) -> Array:
    """Mean over all orders of what each player adds when it joins."""
    values = np.zeros(players)
    orders = list(permutations(range(players)))
    for filling in range(fillings):
        for order in orders:
            present = np.zeros((players + 1, players), dtype=bool)
            for step, player in enumerate(order):
                present[step + 1 :, player] = True
            brought = game(present, np.full(players + 1, filling))
            values[list(order)] += np.diff(brought)
    return values / (len(orders) * fillings)


@pytest.fixture
def drawn() -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    return rng.normal(size=5), rng.normal(size=(4, 5))


def test_all_groups_give_the_mean_over_all_orders(drawn: tuple[Array, Array]) -> None:
    x, background = drawn
    game = game_of("crossed", x, background)
    found = shapley.exact(game, 5, 4)
    assert found.values == pytest.approx(by_definition(game, 5, 4), abs=1e-12)
    assert found.values.sum() == pytest.approx(found.whole - found.base, abs=1e-12)
    assert found.exact
    assert not found.errors.any()


def test_a_linear_model_has_its_closed_form_and_no_error(drawn: tuple[Array, Array]) -> None:
    x, background = drawn
    game = game_of("linear", x, background)
    expected = np.linspace(-2, 3, 5) * (x - background.mean(0))
    assert shapley.exact(game, 5, 4).values == pytest.approx(expected, abs=1e-12)
    # Whatever the order, a column adds the same: each round of fill-ins is exact.
    assert shapley.sampled(game, 5, 4, pairs=8).values == pytest.approx(expected, abs=1e-12)


def test_random_orders_come_near_within_their_own_error(drawn: tuple[Array, Array]) -> None:
    x, background = drawn
    game = game_of("crossed", x, background)
    truth = shapley.exact(game, 5, 4).values
    apart = []
    for seed in range(40):
        found = shapley.sampled(game, 5, 4, pairs=64, seed=seed)
        assert found.values.sum() == pytest.approx(found.whole - found.base, abs=1e-9)
        apart.append(np.abs(found.values - truth) <= 1.96 * found.errors + 1e-12)
    # Errors also hold the fill-ins' differences, which are the same in every draw: cautious.
    assert np.mean(apart) >= 0.95


def test_reversed_orders_halve_the_error_of_random_ones(drawn: tuple[Array, Array]) -> None:
    x, background = drawn
    game = game_of("crossed", x, background)
    truth = by_definition(game, 5, 4)
    rng = np.random.default_rng(1)

    def plain(orders: int) -> Array:
        values = np.zeros(5)
        for number in range(orders):
            order = rng.permutation(5)
            present = np.zeros((6, 5), dtype=bool)
            for step, player in enumerate(order):
                present[step + 1 :, player] = True
            values[order] += np.diff(game(present, np.full(6, number % 4)))
        return values / orders

    off = [np.abs(plain(32) - truth).mean() for _ in range(30)]
    paired = [
        np.abs(shapley.sampled(game, 5, 4, pairs=16, seed=seed).values - truth).mean()
        for seed in range(30)
    ]
    assert np.mean(paired) < 0.7 * np.mean(off)


def test_agrees_with_captum_on_a_network() -> None:
    captum = pytest.importorskip("captum.attr")
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
    x, base = torch.randn(1, 6), torch.randn(1, 6)

    def game(present: Array, which: Array) -> Array:
        with torch.no_grad():
            rows = torch.where(torch.from_numpy(present), x, base)
            return cast(Array, network(rows)[:, 0].double().numpy())

    ours = shapley.exact(game, 6, 1).values
    theirs = captum.ShapleyValues(lambda rows: network(rows)[:, 0]).attribute(x, baselines=base)
    assert ours == pytest.approx(theirs.detach().numpy()[0], abs=1e-5)
    drawn = captum.ShapleyValueSampling(lambda rows: network(rows)[:, 0])
    near = drawn.attribute(x, baselines=base, n_samples=200).detach().numpy()[0]
    assert shapley.sampled(game, 6, 1, pairs=100).values == pytest.approx(near, abs=0.05)


def test_the_clock_ends_drawing_but_not_before_every_filling_had_its_turn() -> None:
    def game(present: Array, which: Array) -> Array:
        return present.sum(1).astype(np.float64)

    found = shapley.sampled(game, 3, 7, seconds=0.0)
    assert found.groups == 7 * 2 * 4


# --- columns ---------------------------------------------------------------------------------


def test_columns_of_every_kind_are_filled_in_from_the_same_row() -> None:
    row = cells(size=[9.0], town=["here"], day=np.array(["2024-05-01"], "datetime64[us]"))
    others = cells(
        size=[1.0, 2.0],
        town=["there", None],
        day=np.array(["2020-01-01", "2021-01-01"], "datetime64[us]"),
    )
    pieces = ColumnPieces(row, others, ("size", "town", "day"))
    present = np.array([[True, True, True], [False, True, False], [False, False, False]])
    rows = pieces.filled_in(present, np.array([0, 0, 1]))
    assert rows["size"].values.tolist() == [9.0, 1.0, 2.0]
    assert rows["town"].values.tolist() == ["here", "here", None]
    assert rows["day"].values.astype("datetime64[Y]").astype(str).tolist() == [
        "2024",
        "2020",
        "2021",
    ]


def test_taken_away_columns_are_averaged_over_the_background() -> None:
    subject = stand_in(lambda rows: rows["a"].values + 10 * rows["b"].values, ("a", "b"))
    pieces = ColumnPieces(cells(a=[1.0], b=[1.0]), cells(a=[3.0, 5.0], b=[7.0, 9.0]), ("a", "b"))
    gone = np.array([[False, False], [True, False], [True, True]])
    answers = pieces.averaging(subject).answer(pieces.removed(gone))
    assert answers[:, 0].tolist() == [11.0, 14.0, 84.0]


def test_a_column_that_the_model_ignores_gets_nothing() -> None:
    subject = stand_in(lambda rows: 2 * rows["a"].values, ("a", "b"))
    row = cells(a=[4.0], b=[100.0])
    background = cells(a=[1.0, 2.0, 3.0, 2.0], b=[0.0, 5.0, -3.0, 9.0])
    question = Question(0, "price", 8.0)
    found = explain_columns(subject, row, background, question, pace=1e-6, seconds=1.0)
    assert found.values == pytest.approx([4.0, 0.0])
    assert found.base == pytest.approx(4.0)
    assert found.faithful.completeness == pytest.approx(0.0, abs=1e-12)
    assert found.names == ("a", "b")


def test_no_more_rows_stand_in_than_time_allows() -> None:
    assert affordable(1.0, 1e-6, 100, 64) == 64
    assert affordable(1.0, 1e-3, 100, 64) == 8
    assert affordable(1.0, 10.0, 100, 64) == 4
    assert affordable(1.0, 10.0, 100, 2) == 2


def test_many_columns_are_sampled_and_say_how_sure() -> None:
    names = tuple(f"c{number}" for number in range(20))
    rng = np.random.default_rng(0)
    row = cells(**{name: rng.normal(size=1) for name in names})
    background = cells(**{name: rng.normal(size=32) for name in names})
    weights = dict(zip(names, np.linspace(1, 2, 20), strict=True))
    subject = stand_in(lambda rows: sum(w * rows[n].values for n, w in weights.items()), names)
    pieces = ColumnPieces(row, background, names)
    found = shares(subject, pieces, 0)
    expected = [weights[n] * (row[n].values[0] - background[n].values.mean()) for n in names]
    assert not found.exact
    assert found.values == pytest.approx(expected, abs=1e-9)
