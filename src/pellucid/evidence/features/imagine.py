"""Activation maximization: change an input, step by step, until it excites a unit most.

What comes out shows what a unit looks for, without what merely happens to stand beside it in real
examples; but it is made up, so it is always shown beside real ones. A picture is described by its
frequencies and by colors that vary independently, and is shifted, turned and scaled a little
before each look (Olah, Mordvintsev & Schubert 2017): otherwise it ends as a pattern of noise that
fools the unit. Series and sounds are described by their frequencies too, and shifted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.evidence.features.units import UnitLayer, branch_of, part_answers
from pellucid.network.assemble import Model
from pellucid.network.cnn import Layer

STEPS = 256
RATE = 0.05
SMOOTH = 1e-4
"""How much the differences between neighbors (total variation) count against the answer."""
TURN = 5.0
"""Degrees by which a picture is turned at most."""
SCALE = 0.1
JITTER = 8
"""Pixels by which it is shifted at most, or an eighth of its side."""
LEAK = 0.05
"""How much a unit's sum counts besides its answer: a silent unit would show no direction."""
EXTREME = 3.0
"""Standard deviations that series and sounds may reach."""

Target = tuple[UnitLayer, int]


@dataclass(frozen=True)
class Imagined:
    """Inputs made up for units. inputs: encoded, rows first, one for each target; steps: how often
    they were changed; answers: float32 `(targets,)`, how strongly each excites its unit, without
    any shift, as `units.peaks` measures real examples."""

    inputs: np.ndarray
    steps: int
    answers: np.ndarray


def imagine(
    model: Model,
    targets: list[Target],
    examples: Tensor,
    *,
    seconds: float,
    seed: int = 0,
    steps: int = STEPS,
) -> Imagined:
    """Make up an input for each of these units, all of one column.

    Args:
        examples: Real encoded inputs of that column `(n, *positions, size)`: their colors, their
            scale and their shape.
        seconds: Fewer than `steps` changes are made if this runs out.
    """
    torch.manual_seed(seed)
    draw, knobs = _canvas(examples, len(targets))
    optimizer = torch.optim.Adam(knobs, RATE)
    sums = _sums(model, targets)
    until, made = time.perf_counter() + seconds, 0
    while made < steps and (made == 0 or time.perf_counter() < until):
        pictures = draw()
        answers = _wanted(model, targets, _shaken(pictures, examples), sums)
        loss = SMOOTH * _variation(pictures, examples) - answers.sum()
        # Only the input changes: no gradient is left on the network's weights.
        for knob, slope in zip(knobs, torch.autograd.grad(loss, knobs), strict=True):
            knob.grad = slope
        optimizer.step()
        made += 1
    with torch.no_grad():
        final = draw().detach()
        final = final.round() if examples.dtype == torch.uint8 else final
    return Imagined(final.numpy(), made, _answers(model, targets, final))


# --- what is changed ------------------------------------------------------------------------------


def _canvas(examples: Tensor, count: int) -> tuple[Callable[[], Tensor], list[Tensor]]:
    """How the current inputs `(count, *positions, size)` are made, and what Adam may change."""
    if examples.ndim == 4:
        return _picture_canvas(examples, count)
    return _line_canvas(examples, count)


def _picture_canvas(examples: Tensor, count: int) -> tuple[Callable[[], Tensor], list[Tensor]]:
    height, width, channels = examples.shape[1:]
    shape = (count, channels, height, width // 2 + 1)
    down = torch.fft.fftfreq(height)[:, None]
    across = torch.fft.rfftfreq(width)[None, :]
    # Natural pictures hold less of the fine than of the coarse: one step moves both as much.
    weight = torch.hypot(down, across).clamp(min=1 / max(height, width)).reciprocal()
    weight = weight * (height * width) ** 0.5
    real, imaginary = (torch.randn(shape).mul(0.01).requires_grad_() for _ in range(2))
    colors, middle, spread = _colors(examples)
    pixels = examples.dtype == torch.uint8

    def draw() -> Tensor:
        plain = torch.fft.irfft2(torch.complex(real, imaginary) * weight, s=(height, width))
        mixed = torch.einsum("nchw,dc->nhwd", plain, colors)
        if pixels:
            return 255 * torch.sigmoid(mixed)
        return middle + EXTREME * spread * torch.tanh(mixed / EXTREME)

    return draw, [real, imaginary]


def _line_canvas(examples: Tensor, count: int) -> tuple[Callable[[], Tensor], list[Tensor]]:
    _, length, channels = examples.shape
    weight = torch.fft.rfftfreq(length).clamp(min=1 / length).reciprocal()[:, None] * length**0.5
    shape = (count, length // 2 + 1, channels)
    real, imaginary = (torch.randn(shape).mul(0.01).requires_grad_() for _ in range(2))
    _, middle, spread = _colors(examples)

    def draw() -> Tensor:
        plain = torch.fft.irfft(torch.complex(real, imaginary) * weight, n=length, dim=1)
        return middle + EXTREME * spread * torch.tanh(plain / EXTREME)

    return draw, [real, imaginary]


def _colors(examples: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A matrix that turns independent values into channels that vary together as real ones do, of
    norm 1, and the channels' mean and spread."""
    flat = examples[:: max(1, len(examples) // 200)].reshape(-1, examples.shape[-1]).double()
    flat = flat[~flat.isnan().any(1)]
    spread = flat.std(0).clamp(min=1e-6)
    values, vectors = torch.linalg.eigh(torch.atleast_2d(flat.T.cov()))
    matrix = vectors * values.clamp(min=0).sqrt()
    matrix = matrix / matrix.norm(dim=0).max().clamp(min=1e-9)
    return matrix.float(), flat.mean(0).float(), spread.float()


# --- what it is shown as --------------------------------------------------------------------------


def _shaken(inputs: Tensor, examples: Tensor) -> Tensor:
    """Shifted, and pictures of pixels also turned and scaled, each a little differently."""
    if inputs.ndim == 3:
        shift = int(torch.randint(-JITTER, JITTER + 1, ()).item())
        return inputs.roll(shift, 1)
    count, height, width, _ = inputs.shape
    if examples.dtype != torch.uint8:  # a spectrogram: time may shift, pitch may not
        shift = int(torch.randint(-JITTER, JITTER + 1, ()).item())
        return inputs.roll(shift, 1)
    most = min(JITTER, min(height, width) / 8)
    angle = torch.deg2rad((2 * torch.rand(count) - 1) * TURN)
    scale = 1 + (2 * torch.rand(count) - 1) * SCALE
    # The grid counts from -1 to 1 across the picture.
    across, down = ((2 * torch.rand(count) - 1) * most * 2 / side for side in (width, height))
    cosine, sine = angle.cos() * scale, angle.sin() * scale
    rows = torch.stack([cosine, -sine, across, sine, cosine, down], 1)
    grid = F.affine_grid(rows.view(-1, 2, 3), [count, 1, height, width], align_corners=False)
    moved = F.grid_sample(
        inputs.permute(0, 3, 1, 2), grid, padding_mode="reflection", align_corners=False
    )
    return moved.permute(0, 2, 3, 1)


def _variation(inputs: Tensor, examples: Tensor) -> Tensor:
    scale = 255.0 if examples.dtype == torch.uint8 else 1.0
    axes = range(1, inputs.ndim - 1)
    return sum((inputs.diff(dim=axis).abs().sum() / scale for axis in axes), torch.zeros(()))


# --- what is wanted -------------------------------------------------------------------------------


def _wanted(model: Model, targets: list[Target], inputs: Tensor, sums: dict[str, Layer]) -> Tensor:
    """`(targets,)`: what each unit answers in the middle of its map."""
    caught: dict[str, Tensor] = {}
    hooks = [stage.norm.register_forward_hook(_keeping(caught, tap)) for tap, stage in sums.items()]
    try:
        seen = part_answers(model, targets[0][0].group, inputs, _taps(targets), gradient=True)
    finally:
        for hook in hooks:
            hook.remove()
    found = []
    for row, (layer, unit) in enumerate(targets):
        answer = seen[layer.tap][row].reshape(-1, layer.units)[layer.middle, unit]
        if layer.tap in caught:
            below = caught[layer.tap][row].reshape(-1, layer.units)[layer.middle, unit]
            answer = answer + LEAK * below
        found.append(answer)
    return torch.stack(found)


def _keeping(caught: dict[str, Tensor], tap: str) -> Callable[..., None]:
    def keep(module: object, given: object, result: Tensor) -> None:
        caught[tap] = result

    return keep


def _sums(model: Model, targets: list[Target]) -> dict[str, Layer]:
    """Tap -> the convolution whose sums are bent by a ReLU there."""
    branch = branch_of(model, targets[0][0].group)
    stages = getattr(branch and branch.network, "stages", ())
    group = targets[0][0].group
    known = {f"{group} / {stage.name} / activation": stage for stage in stages}
    return {tap: known[tap] for tap in _taps(targets) if tap in known}


def _taps(targets: list[Target]) -> list[str]:
    return list(dict.fromkeys(layer.tap for layer, _ in targets))


@torch.no_grad()
def _answers(model: Model, targets: list[Target], inputs: Tensor) -> np.ndarray:
    """The largest answer of each target's unit over all places of its own input."""
    seen = part_answers(model, targets[0][0].group, inputs, _taps(targets))
    found = [
        float(seen[layer.tap][row].reshape(-1, layer.units)[:, unit].max())
        for row, (layer, unit) in enumerate(targets)
    ]
    return np.array(found, dtype=np.float32)
