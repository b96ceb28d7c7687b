"""Which sizes of a network are worth measuring in the time there is?

Measuring takes time too: a step of a network that reads whole windows of tokens may take a second.
What can't be in time even on a good machine is not tried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from pellucid.config import Settings, Size
from pellucid.learning.planner import SECONDS
from pellucid.learning.recipes import Recipe

FAST, FAST_CUDA = 1e11, 1e13
"""Operations in a second that a good machine of each kind makes."""


def affordable(recipe: Recipe, settings: Settings, operations: Callable[[Size], float]) -> Recipe:
    """The recipe with those of its sizes that may be in time; the smallest, if none is.

    operations: of the fewest passes over the examples that are worth making.
    """
    allowed = settings.time or SECONDS[settings.effort]
    fast = FAST_CUDA if torch.cuda.is_available() else FAST
    fit = tuple(size for size in recipe.sizes if operations(size) <= fast * allowed)
    return replace(recipe, sizes=fit or recipe.sizes[:1])
