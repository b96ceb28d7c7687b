"""The arithmetic of one step, done again by hand: a layer's sums, a loss, a gradient, an update.

Every function here says in numbers what a layer, a loss or an optimizer computes, from its own
inputs and in 64-bit floats, so that what the network did can be compared with what it should do.
Most layers are sums of weights times what each weight is multiplied by; PyTorch is asked for that
factor (the derivative of an output by a weight), so that one page serves all of them. A GRU bends
its sums in between and gets a page of its own.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from pellucid.learning.optimizer import BETAS, EPS, MOMENTUM, Group, orthogonalize
from pellucid.tasks import Task

MOST_TERMS = 8
"""Terms of a sum that are named one by one, the largest; the rest is one number."""

Index = tuple[int, ...]


@dataclass(frozen=True)
class Line:
    """One line of arithmetic: what it is, the calculation with its numbers, what comes out."""

    name: str
    formula: str
    value: float


@dataclass(frozen=True)
class Term:
    """One product of a sum: a weight and what it is multiplied by."""

    weight_name: str
    weight: float
    factor: float

    @property
    def product(self) -> float:
        return self.weight * self.factor


@dataclass(frozen=True)
class Output:
    """One number that a layer gave, and everything that was added up for it.

    example: in the batch. place: where it stands in that example's output: positions or member,
    then unit (a convolution's units come first).
    terms: the weight that is followed, then the largest products; rest: the sum of the `others`
    remaining ones. lines: what is done with sums afterwards, where a layer does more than add.
    by_hand: the result of this page; computed: what the network had.
    """

    example: int
    place: Index
    terms: tuple[Term, ...]
    rest: float
    others: int
    lines: tuple[Line, ...]
    by_hand: float
    computed: float


# --- what a layer was given, and what it answered ---------------------------------------------


@dataclass
class Passage:
    """One layer in a forward pass.

    inputs: what it was called with. output: its numbers, `(n, ...)`; example: int64 `(n,)`, the
    example in the batch that each belongs to. blame: derivative of the mean loss by `output`.
    """

    module: nn.Module
    inputs: tuple[Any, ...]
    output: Tensor
    example: Tensor
    blame: Tensor | None = None

    def exact(self) -> tuple[nn.Module, tuple[Any, ...]]:
        """A copy of the layer and its inputs in 64-bit floats."""
        return copy.deepcopy(self.module).double(), tuple(map(doubled, self.inputs))

    @property
    def blame64(self) -> Tensor:
        blame = torch.zeros_like(self.output) if self.blame is None else self.blame
        return blame.detach().double()


@contextmanager
def overhear(model: nn.Module) -> Iterator[dict[str, Passage]]:
    """Collect, by name and in order, the layers that have weights of their own."""
    heard: dict[str, Passage] = {}

    def hear(name: str, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        heard[name] = Passage(module, inputs, *_numbers(output))

    hooks = [
        module.register_forward_hook(partial(hear, name))
        for name, module in model.named_modules()
        if any(True for _ in module.parameters(recurse=False))
    ]
    try:
        yield heard
    finally:
        for hook in hooks:
            hook.remove()


def _numbers(output: Any) -> tuple[Tensor, Tensor]:
    """A layer's numbers, rows first, and the example that each row belongs to."""
    if isinstance(output, tuple) and not isinstance(output, PackedSequence):
        output = output[0]
    if not isinstance(output, PackedSequence):
        return output, torch.arange(len(output))
    # Packed: all examples' first positions, then all second ones ..., the longest example first.
    order = output.sorted_indices
    sizes = output.batch_sizes.tolist()
    assert order is not None
    return output.data, torch.cat([order[:size] for size in sizes])


def doubled(value: Any) -> Any:
    """The same value with 64-bit floats; whole numbers and masks stay."""
    if isinstance(value, PackedSequence):
        return PackedSequence(
            value.data.detach().double(),
            value.batch_sizes,
            value.sorted_indices,
            value.unsorted_indices,
        )
    if isinstance(value, Tensor) and value.is_floating_point():
        return value.detach().double()
    return value


# --- forward: what one output is the sum of ---------------------------------------------------


def movement(passage: Passage, parameter: str, index: Index) -> Tensor:
    """How the layer's output `(n, ...)` moves when one weight (or all below `index`) goes up.

    For a weight in a sum that is the number it is multiplied by. Found as a derivative of a
    derivative: `u * dy/dw` by `u` needs no forward mode, which packed sequences do not have.
    """
    module, inputs = passage.exact()
    weight = module.get_parameter(parameter)
    output = _numbers(module(*inputs))[0]
    upstream = torch.zeros_like(output, requires_grad=True)
    (back,) = torch.autograd.grad(output, weight, upstream, create_graph=True)
    direction = torch.zeros_like(weight)
    direction[index] = 1.0
    (moved,) = torch.autograd.grad(back, upstream, direction, allow_unused=True)
    return torch.zeros_like(output) if moved is None else moved.detach()


def loudest(passage: Passage, moved: Tensor, example: int) -> Index | None:
    """The place in this example's output where the weight matters most.

    Another example's place if it does not matter for this one (dropout may have silenced what it
    is multiplied by, or a word does not occur); None if it matters for none.
    """
    heard = moved.abs() * (passage.blame64.abs() + 1e-12)
    mine = (passage.example == example).view(-1, *[1] * (moved.ndim - 1))
    for one in (heard * mine, heard):
        if float(one.max()) > 0.0:
            return tuple(int(i) for i in np.unravel_index(int(one.argmax()), tuple(one.shape)))
    return None


def output_by_hand(passage: Passage, place: Index, parameter: str, index: Index) -> Output:
    """One number of the layer's output as the sum that it is."""
    if isinstance(passage.module, nn.GRU):
        return _gru_output(passage, place, parameter, index)
    module, inputs = passage.exact()
    one = _numbers(module(*inputs))[0][place]
    names = [name for name, _ in module.named_parameters(recurse=False)]
    weights = [module.get_parameter(name) for name in names]
    factors = torch.autograd.grad(one, weights, allow_unused=True)
    terms = [
        term
        for name, weight, factor in zip(names, weights, factors, strict=True)
        if factor is not None
        for term in _terms(name, weight, factor)
    ]
    if _stretches(module):
        # Stretched sums hold every product twice, as weight and as stretch: count it once.
        terms = [term for term in terms if not term.weight_name.startswith("stretch")]
    inner = _without_weights(module, inputs, place)
    if inner:
        terms.append(Term("what its inner layers gave", inner, 1.0))
    shown, rest, others = _largest(terms, f"{parameter}{list(index)}")
    total = sum(term.product for term in terms)
    computed = float(passage.output.detach()[place])
    return Output(
        int(passage.example[place[0]]), place[1:], shown, rest, others, (), total, computed
    )


def _terms(name: str, weight: Tensor, factor: Tensor) -> Iterator[Term]:
    weight = weight.detach()
    for index in factor.nonzero().tolist():
        key = tuple(index)
        yield Term(f"{name}{list(key)}", float(weight[key]), float(factor[key]))


@torch.no_grad()
def _without_weights(module: nn.Module, inputs: tuple[Any, ...], place: Index) -> float:
    """What is left of an output when the layer's own weights are 0; only layers within it are."""
    for parameter in module.parameters(recurse=False):
        parameter.zero_()
    return float(_numbers(module(*inputs))[0][place])


def _stretches(module: nn.Module) -> bool:
    return hasattr(module, "stretch_in")


def _largest(terms: list[Term], own: str) -> tuple[tuple[Term, ...], float, int]:
    """The weight that is asked for, then the largest products; the sum and number of the others."""
    ordered = sorted(terms, key=lambda term: (term.weight_name != own, -abs(term.product)))
    rest = ordered[MOST_TERMS:]
    return tuple(ordered[:MOST_TERMS]), sum(term.product for term in rest), len(rest)


def _gru_output(passage: Passage, place: Index, parameter: str, index: Index) -> Output:
    """One memory cell at one moment: three sums, two gates, and a mixture of old and new.

    Cho et al. 2014 as PyTorch computes it: `h = (1 - z) n + z h'` with gates `r`, `z` and the
    candidate `n`.
    """
    module, inputs = passage.exact()
    time, unit, example, end = _gru_place(passage, place)
    half = module.hidden_size
    assert isinstance(half, int)
    backward = unit >= half
    ending = "_l0_reverse" if backward else "_l0"
    unit -= half * backward
    x = _padded(inputs[0])[example, time]
    outputs = _padded(_like(passage.output.detach().double(), inputs[0]))[example]
    earlier = time + 1 if backward else time - 1
    own = outputs[:, half:] if backward else outputs[:, :half]
    memory = own[earlier] if 0 <= earlier < end else torch.zeros_like(own[0])
    sums: list[tuple[float, float]] = []
    asked: list[Term] = []
    for gate in range(3):
        row = gate * half + unit
        parts = [_gate(module, kind, ending, row, value) for kind, value in _sides(x, memory)]
        sums.append((parts[0][1], parts[1][1]))
        if row == index[0]:
            asked = [*parts[0][0], *parts[1][0]]
    lines, value = _gru_lines(sums, float(memory[unit]))
    shown, rest, others = _largest(asked, f"{parameter}{list(index)}")
    at = (time, unit + half * backward)
    computed = float(passage.output.detach()[place])
    return Output(example, at, shown, rest, others, lines, value, computed)


def _sides(x: Tensor, memory: Tensor) -> tuple[tuple[str, Tensor], tuple[str, Tensor]]:
    return ("ih", x), ("hh", memory)


def _gate(
    module: nn.Module, kind: str, ending: str, row: int, value: Tensor
) -> tuple[list[Term], float]:
    """The products of one gate's sum over the input ("ih") or the memory ("hh"), and the sum."""
    weight = module.get_parameter(f"weight_{kind}{ending}").detach()[row]
    bias = float(module.get_parameter(f"bias_{kind}{ending}").detach()[row])
    products = [
        Term(f"weight_{kind}{ending}[{row}, {place}]", float(w), float(v))
        for place, (w, v) in enumerate(zip(weight, value, strict=True))
    ]
    products.append(Term(f"bias_{kind}{ending}[{row}]", bias, 1.0))
    return products, sum(term.product for term in products)


def _gru_lines(sums: list[tuple[float, float]], memory: float) -> tuple[tuple[Line, ...], float]:
    (xr, hr), (xz, hz), (xn, hn) = sums
    reset, update = 1 / (1 + math.exp(-(xr + hr))), 1 / (1 + math.exp(-(xz + hz)))
    new = math.tanh(xn + reset * hn)
    value = (1 - update) * new + update * memory
    lines = (
        Line("reset gate", f"sigmoid({said(xr)} + {said(hr)})", reset),
        Line("update gate", f"sigmoid({said(xz)} + {said(hz)})", update),
        Line("candidate", f"tanh({said(xn)} + {said(reset)} × {said(hn)})", new),
        Line(
            "new memory",
            f"(1 − {said(update)}) × {said(new)} + {said(update)} × {said(memory)}",
            value,
        ),
    )
    return lines, value


def _gru_place(passage: Passage, place: Index) -> tuple[int, int, int, int]:
    """Time, unit, example, and positions that are read, of a place in a GRU's output."""
    given = passage.inputs[0]
    example = int(passage.example[place[0]])
    if not isinstance(given, PackedSequence):
        return place[1], place[2], example, given.shape[1]
    starts = [0, *given.batch_sizes.cumsum(0).tolist()]
    time = int(np.searchsorted(starts, place[0], side="right")) - 1
    return time, place[1], example, int((passage.example == example).sum())


def _like(values: Tensor, given: Any) -> Any:
    """A layer's numbers in the form in which its input came."""
    if isinstance(given, PackedSequence):
        return PackedSequence(
            values, given.batch_sizes, given.sorted_indices, given.unsorted_indices
        )
    return values


def _padded(values: Any) -> Tensor:
    if isinstance(values, PackedSequence):
        return pad_packed_sequence(values, batch_first=True)[0]
    assert isinstance(values, Tensor)
    return values


# --- backward: a gradient as a sum over examples ----------------------------------------------


def shares(passage: Passage, moved: Tensor) -> Tensor:
    """What each example adds to a weight's gradient, float64 `(batch,)`; their sum is the gradient.

    At every place that the weight reaches: blame of the output there, times how far the weight
    moves it.
    """
    each = (passage.blame64 * moved).flatten(1).sum(1)
    batch = int(passage.example.max()) + 1
    return torch.zeros(batch, dtype=torch.float64).index_add(0, passage.example, each)


# --- the loss ---------------------------------------------------------------------------------


def loss_by_hand(
    task: Task, output: np.ndarray, target: np.ndarray, smoothing: float
) -> tuple[np.ndarray, np.ndarray]:
    """The loss of each example `(batch,)`, and its derivative by the output, in float64.

    Args:
        output: `(batch, [members,] outputs)`. target: as the task encodes it.
        smoothing: Share of the truth that is spread over all answers.
    """
    several = output if output.ndim == 3 else output[:, None]
    if task.kind == "regress":
        error = several - target[:, None]
        loss, blame = np.square(error).mean(-1), 2 * error / error.shape[-1]
    elif task.kind == "classify":
        wanted = wanted_share(task, target, smoothing)[:, None]
        shifted = several - several.max(-1, keepdims=True)
        logs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
        loss, blame = -(wanted * logs).sum(-1), np.exp(logs) - wanted
    else:
        wanted = wanted_share(task, target, smoothing)[:, None]
        put = _questions(task, target)[:, None]
        each = np.logaddexp(0, several) - several * wanted
        count = several.shape[-1] if task.kind == "tags" else 1
        loss = (each * put).sum(-1) / count
        blame = (1 / (1 + np.exp(-several)) - wanted) * put / count
    members = several.shape[1]
    return loss.mean(1), (blame / members).reshape(output.shape)


def wanted_share(task: Task, target: np.ndarray, smoothing: float) -> np.ndarray:
    """What the answer should have been, between 0 and 1, `(batch, outputs)`."""
    if task.kind == "classify":
        hot = np.eye(task.outputs)[target]
        return hot * (1 - smoothing) + smoothing / task.outputs
    if task.kind == "grades":
        above = (target[:, None] > np.arange(task.outputs)).astype(np.float64)
        return above * (1 - smoothing) + smoothing / 2
    return target * (1 - smoothing) + smoothing / 2


def _questions(task: Task, target: np.ndarray) -> np.ndarray:
    """1 where an output is asked at all; a grade's question "above j?" needs "at least j"."""
    if task.kind == "grades":
        return (target[:, None] >= np.arange(task.outputs)).astype(np.float64)
    return np.ones(target.shape)


def said(value: float, digits: int = 5) -> str:
    """A number inside a calculation; a negative one in brackets.

    >>> said(0.25), said(-1.5)
    ('0.25', '(−1.5)')
    """
    text = f"{value:.{digits}g}".replace("-", "−")
    return f"({text})" if value < 0 else text


# --- the update -------------------------------------------------------------------------------


def updated(
    weight: Tensor, gradient: Tensor, memory: Mapping[str, Tensor], group: Group, rate: float
) -> Tensor:
    """A parameter after its rule's update, term by term in the optimizer's own 32-bit floats.

    Args:
        gradient: After clipping. memory: The rule's, before the update, without the name.
        rate: The scheduled one, before the group's own factor.
    """
    rate = rate * group.rate_scale
    if group.rule == "muon":
        return _muon_updated(weight, gradient, memory["momentum"], group.weight_decay, rate)
    count = float(memory["step"]) + 1
    average = torch.lerp(memory["exp_avg"], gradient, 1 - BETAS[0])
    squares = memory["exp_avg_sq"] * BETAS[1] + (1 - BETAS[1]) * gradient * gradient
    spread = squares.sqrt() / math.sqrt(1 - BETAS[1] ** count) + EPS
    move = rate / (1 - BETAS[0] ** count) * average / spread
    return weight * (1 - rate * group.weight_decay) - move


def _muon_updated(
    weight: Tensor, gradient: Tensor, momentum: Tensor, weight_decay: float, rate: float
) -> Tensor:
    change = muon_change(gradient, momentum)[1]
    shrinking = (change * weight >= 0).to(weight.dtype)
    return weight - rate * weight_decay * weight * shrinking - rate * change


def muon_change(gradient: Tensor, momentum: Tensor) -> tuple[Tensor, Tensor]:
    """The direction that Muon looks ahead to, and what it makes of it; both like the weight."""
    ahead = torch.lerp(gradient, torch.lerp(momentum, gradient, 1 - MOMENTUM), MOMENTUM)
    matrix = ahead.flatten(1)
    even = orthogonalize(matrix[None], 3 if gradient.ndim > 2 else 5)[0].to(matrix.dtype)
    even = even * math.sqrt(max(1.0, matrix.shape[0] / matrix.shape[1]))
    return ahead, even.reshape(gradient.shape)


def update_lines(
    weight: Tensor,
    gradient: Tensor,
    memory: Mapping[str, Tensor],
    group: Group,
    rate: float,
    index: Index,
) -> list[Line]:
    """The optimizer's arithmetic for one weight, line by line; gradient after clipping."""
    own = rate * group.rate_scale
    if group.rule == "muon":
        return _muon_lines(weight, gradient, memory["momentum"], group, own, index)
    w, g = float(weight[index]), float(gradient[index])
    m, v = float(memory["exp_avg"][index]), float(memory["exp_avg_sq"][index])
    count = int(memory["step"]) + 1
    fast, slow = BETAS
    average, squares = fast * m + (1 - fast) * g, slow * v + (1 - slow) * g * g
    usual, size = average / (1 - fast**count), squares / (1 - slow**count)
    kept = w * (1 - own * group.weight_decay)
    move = own * usual / (math.sqrt(size) + EPS)
    lines = [
        Line("average of gradients", f"{fast:g} × {said(m)} + {1 - fast:.2g} × {said(g)}", average),
        Line(
            "average of squares", f"{slow:g} × {said(v)} + {1 - slow:.2g} × ({said(g)})²", squares
        ),
        Line(
            "both, as if known from the start",
            f"{said(average)} / (1 − {fast:g}^{count});  {said(squares)} / (1 − {slow:g}^{count})"
            f" = {said(size)}",
            usual,
        ),
        Line("step", f"{said(own)} × {said(usual)} / (√{said(size)} + {EPS:g})", move),
    ]
    if group.weight_decay:
        lines.append(
            Line(
                "weight, decayed",
                f"{said(w, 7)} × (1 − {said(own)} × {group.weight_decay:g})",
                kept,
            )
        )
    return [*lines, Line("new weight", f"{said(kept, 7)} − {said(move)}", kept - move)]


def _muon_lines(
    weight: Tensor, gradient: Tensor, momentum: Tensor, group: Group, rate: float, index: Index
) -> list[Line]:
    w, g, m = float(weight[index]), float(gradient[index]), float(momentum[index])
    ahead, change = muon_change(gradient, momentum)
    before, after = (torch.linalg.svdvals(part.flatten(1).double()) for part in (ahead, change))
    rows, columns = ahead.flatten(1).shape
    stretch = math.sqrt(max(1.0, rows / columns))
    after = after / stretch
    moment = MOMENTUM * m + (1 - MOMENTUM) * g
    mine, even = float(ahead[index]), float(change[index])
    decay = group.weight_decay if even * w >= 0 else 0.0
    lines = [
        Line("momentum", f"{MOMENTUM:g} × {said(m)} + {1 - MOMENTUM:.2g} × {said(g)}", moment),
        Line(
            "one step ahead",
            f"{MOMENTUM:g} × {said(moment)} + {1 - MOMENTUM:.2g} × {said(g)}",
            mine,
        ),
        Line(
            "evened out with its whole matrix",
            f"{rows} × {columns} numbers: strengths of its directions {float(before[-1]):.2g} to"
            f" {float(before[0]):.2g} become {float(after[-1]):.2g} to {float(after[0]):.2g}",
            even / stretch,
        ),
    ]
    if stretch > 1:
        lines.append(
            Line("a tall matrix moves more", f"× √({rows} / {columns}) = × {stretch:.4g}", even)
        )
    formula = f"{said(w, 7)} − {said(rate)} × {said(even)}"
    if decay:
        formula += f" − {said(rate)} × {decay:g} × {said(w)}"
    return [*lines, Line("new weight", formula, w - rate * even - rate * decay * w)]
