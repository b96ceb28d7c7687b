"""What a layer computes, in words."""

from __future__ import annotations

from torch import Tensor

from pellucid.evidence.receipt.numbers import times
from pellucid.evidence.receipt.passages import Passage

FORMULAS = {
    "Linear": "output = sum of input × weight, plus a bias",
    "SharedLinear": "output = stretch out × (sum of weight × stretch in × input), plus a bias; the"
    " weights are shared by all members, stretches and biases are each member's own",
    "Heads": "output = sum of input × weight, plus a bias, for each member by itself",
    "Conv2d": "output at a place = sum of weight × input over a small window around it",
    "Norm": "output = weight × (input − mean of the batch) / spread of the batch, plus a bias",
    "Embedding": "output = the row of the table that the input's number names",
    "Numbers": "output = number × direction, plus an origin",
    "PiecewiseLinear": "output = number × weight, plus a bias, plus the sum of bends × how far the"
    " number has come through each bin",
    "Patches": "output = what the patch became, plus a vector that says where it was",
    "GRU": "memory = (1 − update gate) × candidate + update gate × old memory; gates and candidate"
    " are weighted sums of input and old memory, bent",
}
"""What a layer computes, by its kind."""
USED_DIRECTLY = (
    "the network uses these weights itself, in no layer that could be followed by itself"
)


def formula(passage: Passage) -> str:
    """What a layer computes, with its shapes."""
    kind = type(passage.module).__name__
    shapes = [
        f"{name} {times(parameter.shape)}"
        for name, parameter in passage.module.named_parameters(recurse=False)
    ]
    given = next((v for v in passage.inputs if isinstance(v, Tensor)), None)
    entering = f"input {times(given.shape)}, " if given is not None else ""
    says = FORMULAS.get(kind, "its own arithmetic")
    return f"{says} [{entering}{', '.join(shapes)}, output {times(passage.output.shape)}]"
