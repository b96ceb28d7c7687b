"""Shapley values: each player's fair share of what a whole group brings.

A player's share is what it adds when it joins, averaged over all orders in which the players can
join (Shapley 1953). The shares add up to the whole exactly, which no other fair rule achieves. With
few players every group is tried; with many, orders are drawn at random, each together with its
reverse, whose errors are opposite for the most part (Mitchell et al. 2022, arXiv:2104.12199).

Where a player is absent something must stand in its place; here one of several fill-ins (a row of
the training data), and the shares are the mean over them ("interventional" values, Janzing et al.
2020, arXiv:1910.13413).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Game = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""bool `(groups, players)` who is present, int64 `(groups,)` which fill-in stands for the others
-> float64 `(groups,)` what the group brings."""

AT_ONCE = 4096
"""Groups asked for in one call, which bounds memory."""


@dataclass(frozen=True)
class Shares:
    """Shapley values.

    values: float64 `(players,)`. errors: their standard errors; zero where all groups were tried.
    base: what the empty group brings, mean over the fill-ins. whole: what all players bring.
    exact: whether every group was tried. groups: how many were asked for.
    """

    values: np.ndarray
    errors: np.ndarray
    base: float
    whole: float
    exact: bool
    groups: int


def exact(game: Game, players: int, fillings: int) -> Shares:
    """All 2 to the power of `players` groups, with every fill-in."""
    count = 1 << players
    present = (np.arange(count)[:, None] >> np.arange(players)) & 1 == 1
    brought = np.zeros(count)
    for filling in range(fillings):
        brought += _ask(game, present, np.full(count, filling)) / fillings
    sizes = present.sum(1)
    # The share of all orders in which exactly this group stands before the player.
    orders = [
        math.factorial(size) * math.factorial(players - size - 1) / math.factorial(players)
        for size in range(players)
    ]
    weights = np.array([*orders, 0.0])[sizes]
    values = np.zeros(players)
    for player in range(players):
        without = np.flatnonzero(~present[:, player])
        joined = without | (1 << player)
        values[player] = float(weights[without] @ (brought[joined] - brought[without]))
    return Shares(
        values, np.zeros(players), float(brought[0]), float(brought[-1]), True, count * fillings
    )


def sampled(
    game: Game,
    players: int,
    fillings: int,
    *,
    seconds: float = math.inf,
    pairs: int = 256,
    seed: int = 0,
) -> Shares:
    """Random orders and their reverses; the fill-ins take turns.

    Args:
        seconds: Stops after about so long, but not before every fill-in had its turn once, or
            `PAIRS` pairs where there are fewer.
        pairs: Orders drawn at most, each with its reverse.

    The values add up to whole minus base exactly: each order's own differences do, and the number
    of pairs is a multiple of the number of fill-ins.
    """
    generator = np.random.default_rng(seed)
    rounds = max(1, pairs // fillings)
    shares: list[np.ndarray] = []
    bases: list[np.ndarray] = []
    whole, started = 0.0, time.perf_counter()
    for done in range(rounds):
        values, base, whole = _round(game, players, fillings, generator)
        shares.append(values)
        bases.append(base)
        if (time.perf_counter() - started) * (done + 2) / (done + 1) > seconds:
            break
    found = np.concatenate(shares)  # (pairs, players)
    spread = found.std(0, ddof=1) if len(found) > 1 else np.full(players, np.nan)
    return Shares(
        values=found.mean(0),
        errors=spread / math.sqrt(len(found)),
        base=float(np.concatenate(bases).mean()),
        whole=whole,
        exact=False,
        groups=len(found) * 2 * (players + 1),
    )


def _round(
    game: Game, players: int, fillings: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, float]:
    """One order and its reverse for each fill-in: `(fillings, players)` shares, `(fillings,)` what
    the empty group brings, and what all bring."""
    ranks = generator.permuted(np.tile(np.arange(players), (fillings, 1)), axis=1)
    both = np.stack([ranks, players - 1 - ranks], axis=1)  # (fillings, 2, players)
    steps = np.arange(players + 1)[None, None, :, None]
    present = both[:, :, None, :] < steps  # (fillings, 2, players + 1, players)
    which = np.broadcast_to(np.arange(fillings)[:, None, None], present.shape[:3])
    brought = _ask(game, present.reshape(-1, players), which.reshape(-1))
    brought = brought.reshape(fillings, 2, players + 1)
    added = np.diff(brought, axis=2)  # what the one who joined at each step added
    values = np.take_along_axis(added, both, axis=2).mean(1)
    return values, brought[:, :, 0].mean(1), float(brought[:, :, -1].mean())


def _ask(game: Game, present: np.ndarray, which: np.ndarray) -> np.ndarray:
    parts = [
        game(present[start : start + AT_ONCE], which[start : start + AT_ONCE])
        for start in range(0, len(present), AT_ONCE)
    ]
    return np.concatenate(parts).astype(np.float64)
