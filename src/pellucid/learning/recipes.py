"""Starting values for each kind of data: what to build and how to train it.

The figures come from published work and from our own measurements on validation rows; each says
which. The planner turns a recipe into a plan that fits the rows and the time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from pellucid.config import Size


@dataclass(frozen=True)
class Recipe:
    """How one kind of data is learned.

    family: the network. sizes: from small to large; the planner takes the largest that leaves
    time for `epochs[0]` passes. epochs: fewest and most passes worth making. batch: rows an
    update sees at most; few rows make it smaller. steps: fewest and most updates, where that is
    more than `epochs` passes: few rows need many passes. changes: random changes worth testing.
    weights_a_row: sizes with more weights (width x width x depth) for each row only memorize.
    """

    family: str
    sizes: tuple[Size, ...]
    epochs: tuple[int, int]
    batch: int
    rate: float
    optimizer: Literal["adamw", "muon"] = "adamw"
    weight_decay: float = 0.01
    smoothing: float = 0.0
    warm: float = 0.05
    flat: float = 0.0
    average: float = 0.1
    clip: float | None = 1.0
    steps: tuple[int, int] = (20, 20)
    numbers: Literal["plain", "bins"] = "bins"
    changes: tuple[str, ...] = ()
    weights_a_row: float = math.inf
    why: str = ""


SMALL_TABLE = Recipe(
    family="tabm",
    sizes=(Size(64, 2, 0.1),),
    epochs=(5, 20),
    steps=(200, 400),
    batch=32,
    rate=2e-3,
    weight_decay=0.05,
    numbers="plain",
    # 5-fold validation, 1 seed, log-loss or RMSE: breast cancer .087 (logistic regression .088),
    # wine .022 (.063), diabetes 54.2 (ridge 55.0); with bins .110, .023, 54.9.
    why="an ensemble with shared weights: the steadiest network for few rows",
)
TABLE = Recipe(
    family="mlp",
    sizes=(Size(128, 2, 0.1), Size(256, 3, 0.1), Size(512, 3, 0.1)),
    epochs=(10, 30),
    batch=256,
    rate=3e-3,
    # Validation rows, 1 seed: letter .978 in 20 passes (the ensemble .971), satimage .9165
    # (.9155), at about a tenth of the ensemble's time a row. With 512 x 3 satimage's 4,117 rows
    # were memorized: best after 12 of 30 passes, .907; 256 x 3 .917 (4 seeds).
    weights_a_row=100,
    why="numbers as vectors, then a plain network: as good as an ensemble here, and faster",
)
IMAGE = Recipe(
    family="cnn",
    sizes=(Size(96, 1), Size(192, 1), Size(256, 2)),
    epochs=(4, 60),
    batch=256,
    rate=0.08,
    optimizer="muon",
    weight_decay=0.0,
    smoothing=0.1,
    warm=0.2,
    clip=None,
    changes=("shift", "mirror", "upend"),
    # Fashion-MNIST, 5,000 of its training pictures held out, 1 seed: 5 passes 93.7 %, 2 passes
    # 92.5 %; rates from .06 to .24 and mirroring make no difference beyond noise at 2 to 5 passes.
    why="convolutions look for the same pattern everywhere in a picture",
)
AUDIO = Recipe(
    family="cnn",
    sizes=(Size(96, 1, 0.1), Size(192, 1, 0.1)),
    epochs=(15, 80),
    batch=64,
    rate=0.06,
    optimizer="muon",
    weight_decay=0.0,
    smoothing=0.1,
    warm=0.1,
    clip=None,
    changes=("shift_time", "mask_time", "mask_bands"),
    why="a spectrogram is a picture of sound: convolutions find its shapes",
)
SERIES = Recipe(
    family="cnn",
    sizes=(Size(64, 3, 0.1), Size(64, 6, 0.1)),
    epochs=(40, 300),
    batch=32,
    rate=2e-3,
    weight_decay=0.01,
    smoothing=0.05,
    changes=("scale", "jitter"),
    why="convolutions along time find shapes wherever they occur",
)
TEXT = Recipe(
    family="ngrams",
    sizes=(Size(32, 0, 0.3), Size(64, 0, 0.3)),
    epochs=(8, 30),
    batch=64,
    rate=2e-3,
    weight_decay=0.01,
    smoothing=0.05,
    # Validation rows, 1 seed: movie sentences .803 in 10 passes (convolutions .755 in 8), the
    # texts demo .813 in 30 (.741 in 12); mails .981 (.982).
    why="which words and pairs of words occur: with few texts that tells more than their order",
)
FROZEN = Recipe(
    family="linear",
    sizes=(Size(0, 0, 0.5),),
    epochs=(10, 20),
    steps=(200, 400),
    batch=64,
    rate=1e-3,
    weight_decay=0.1,
    smoothing=0.05,
    # Movie sentences on MiniLM, 1,500 validation rows, 2 seeds: dropout .3 .808, .6 .795 with 8,000
    # rows to learn from; .747 and .752 with 600. Rates .0003 and .001 agree within .005.
    why="pretrained features are close to the answer: a linear head is enough",
)
SEQUENCE = Recipe(
    family="transformer",
    sizes=(Size(64, 2, 0.1), Size(128, 2, 0.2), Size(256, 4, 0.1)),
    epochs=(4, 30),
    batch=32,
    rate=1e-3,
    weight_decay=0.02,
    smoothing=0.05,
    why="asked for with --network",
)
WHOLE = Recipe(
    family="mlp",
    sizes=(Size(128, 2, 0.1), Size(256, 2, 0.1), Size(512, 2, 0.2)),
    epochs=(4, 60),
    batch=64,
    rate=1e-3,
    weight_decay=0.02,
    smoothing=0.05,
    why="asked for with --network",
)
MIXED = Recipe(
    family="mlp",
    sizes=(Size(128, 2, 0.1), Size(256, 2, 0.1)),
    epochs=(10, 80),
    batch=64,
    rate=2e-3,
    weight_decay=0.02,
    why="each column has a network of its own; a plain one joins what they found",
)

USUAL = {"image": IMAGE, "audio": AUDIO, "series": SERIES, "text": TEXT}
"""Modality of a column with positions -> how it is learned unless somebody asks otherwise."""
FAMILIES = {
    "image": ("cnn", "mlp", "rnn", "transformer"),
    "audio": ("cnn", "mlp", "rnn", "transformer"),
    "series": ("cnn", "mlp", "rnn", "transformer"),
    "text": ("ngrams", "cnn", "mlp", "rnn", "transformer"),
}
"""Modality of a column with positions -> every network that can read it, the usual one first."""
PLAIN_FAMILIES = ("mlp", "tabm", "transformer")
"""Networks for columns without positions: there is no order that another one could follow."""


def recipe_for(modality: str, family: str) -> Recipe:
    """How a column with positions is learned by one of its `FAMILIES`; "auto" is the usual one."""
    usual = USUAL[modality]
    if family in ("auto", usual.family):
        return usual
    asked = WHOLE if family == "mlp" else replace(SEQUENCE, family=family)
    return replace(asked, epochs=usual.epochs, changes=usual.changes)
