"""Looking at a network from the outside: same weights, fixed examples, eval mode, own gradients.

A look changes nothing: no random number is drawn, no `.grad` and no running statistic is touched,
and every module is in the mode afterwards in which it was before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from pellucid.data.dataset import Batch
from pellucid.network.tap import watch
from pellucid.recording.looks import LooksWriter, Part, Row, pack
from pellucid.recording.schedule import Clock, Pace, look_schedule, power_of_two
from pellucid.recording.weights import forget_weights, write_weights

Loss = Callable[[Tensor, Tensor], Tensor]
"""Output and target -> how wrong: one number a row `(batch,)`, or their mean `()`."""

PARAMETER_VALUES = 4096
"""Values that are kept of one parameter in a look (its weight, gradient and update each)."""
ACTIVATION_VALUES = 16_384
"""Values that are kept of one watched value for one example."""
LOOK_BYTES = 512 * 1024
"""Where a look would take more, fewer values of each tensor are kept."""
LOOKS_BYTES, WEIGHTS_BYTES = 64 * 2**20, 64 * 2**20
"""Where a run would take more, there are fewer looks, or fewer of them with all weights."""
WEIGHTS_CAP = 128
"""Steps whose weights are kept whole."""
FIRST_FLUSH, FLUSHES_APART = 0.4, 2.0
"""Seconds until the first looks are on the disk, soon for who watches, and between later ones."""


# --- one look -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sight:
    """What a look saw: whole tensors on the device. loss: () mean over the examples.

    parts: group -> name -> tensor; the groups are `looks.GROUPS` ("update" comes later).
    """

    loss: Tensor
    parts: dict[str, dict[str, Tensor]]


def look(
    model: nn.Module, probe: Batch, loss: Loss, state: Mapping[str, Tensor] | None = None
) -> Sight:
    """Run the fixed examples through the network and the error back, without leaving a trace.

    Args:
        state: Look at these weights (a state dict) instead of the model's own.
    """
    weights: dict[str, Tensor] = {n: p for n, p in model.named_parameters() if p.requires_grad}
    others: dict[str, Tensor] = {}
    if state is not None:
        others = {name: state[name] for name, _ in _unwatched(model) if name in state}
        weights = {name: state[name].detach().requires_grad_() for name in weights}
    with _eval_mode(model), torch.enable_grad(), watch() as seen:
        if state is None:
            output = model(probe.inputs)
        else:
            output = functional_call(model, {**weights, **others}, (probe.inputs,))
        mean = loss(output, probe.target).mean()
        traced = {name: value for name, value in seen.items() if value.requires_grad}
        wanted = [*traced.values(), *weights.values()]
        found = torch.autograd.grad(mean, wanted, allow_unused=True, materialize_grads=True)
    gradients = dict(zip(traced, found))
    parts = {
        "activation": {name: value.detach().float() for name, value in seen.items()},
        "activation_gradient": {name: value.float() for name, value in gradients.items()},
        "weight": {name: value.detach().float() for name, value in weights.items()},
        "weight_gradient": {n: g.float() for n, g in zip(weights, found[len(traced) :])},
    }
    filled = {
        group: {name: value for name, value in tensors.items() if value.numel()}
        for group, tensors in parts.items()
    }
    return Sight(mean.detach(), filled)


def _unwatched(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Frozen parameters and buffers: they are part of the weights but have no gradient."""
    yield from ((name, p) for name, p in model.named_parameters() if not p.requires_grad)
    yield from model.named_buffers()


@contextmanager
def _eval_mode(model: nn.Module) -> Iterator[None]:
    modes = [(module, module.training) for module in model.modules()]
    # cuDNN can't send gradients through a recurrent network that is in eval mode.
    recurrent = any(isinstance(module, nn.RNNBase) for module, _ in modes)
    model.eval()
    try:
        with torch.backends.cudnn.flags(enabled=False) if recurrent else nullcontext():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


# --- what is kept of it ---------------------------------------------------------------------


def flat_stride(size: int, cap: int) -> int:
    """An odd stride that keeps at most `cap` of `size` values.

    Odd, so that it does not always meet the same channel where their number is even.
    """
    return max(1, -(-size // cap)) | 1 if size > cap else 1


def axis_strides(shape: tuple[int, ...], cap: int) -> tuple[int, ...]:
    """Strides along each axis that keep at most `cap` values of one example `shape`.

    The longest axis is halved until it fits (the last of equally long ones): a picture loses
    channels before it loses sharpness, an attention matrix stays a matrix.
    """
    strides = [1] * len(shape)
    kept = list(shape)
    while math.prod(kept) > cap and max(kept) > 1:
        longest = max(range(len(kept)), key=lambda axis: (kept[axis], axis))
        strides[longest] *= 2
        kept[longest] = -(-shape[longest] // strides[longest])
    return tuple(strides)


def plan_parts(sight: Sight, examples: int) -> list[Part]:
    """Which values of each tensor to keep, so that the whole look stays within `LOOK_BYTES`."""
    activations, parameters = ACTIVATION_VALUES, PARAMETER_VALUES
    while True:
        parts = [
            _part(group, name, tuple(value.shape), examples, activations, parameters)
            for group, tensors in sight.parts.items()
            for name, value in tensors.items()
        ]
        sizes = {"activation": 0, "weight": 0, "update": 0}
        for part in parts:
            sizes[part.group.removesuffix("_gradient")] += 2 * math.prod(part.kept)
        large = sum(sizes.values()) > LOOK_BYTES
        if not large or (activations <= 16 and parameters <= 16):
            return parts
        if sizes["activation"] > LOOK_BYTES // 2 and activations > 16:
            activations //= 2
        else:
            parameters //= 2


def _part(
    group: str, name: str, shape: tuple[int, ...], examples: int, activations: int, parameters: int
) -> Part:
    if group.startswith("activation") and shape[:1] == (examples,):
        return Part(group, name, shape, (1, *axis_strides(shape[1:], activations)))
    stride = flat_stride(math.prod(shape), parameters)
    return Part(group, name, shape, (1,) * len(shape) if stride == 1 else (stride,))


def row_of(step: int, sight: Sight, parts: list[Part]) -> Row:
    """Bring the kept values and the statistics of a look from the device into one row."""
    tensors = [sight.parts[part.group][part.name] for part in parts]
    kept = [_kept(value, part.strides).reshape(-1) for value, part in zip(tensors, parts)]
    values, exponents = pack(torch.cat(kept).cpu().numpy(), [value.numel() for value in kept])
    return Row(step, float(sight.loss), values, exponents, _statistics(tensors))


def _kept(value: Tensor, strides: tuple[int, ...]) -> Tensor:
    if all(stride == 1 for stride in strides):
        return value
    if len(strides) == value.ndim:
        return value[tuple(slice(None, None, stride) for stride in strides)]
    return value.reshape(-1)[:: strides[0]]


def _statistics(tensors: list[Tensor]) -> np.ndarray:
    """float32 (tensors, 4): mean, std, share of zeros, norm."""
    sizes = [value.numel() for value in tensors]
    spread = [torch.std_mean(value, correction=0) for value in tensors]
    std, mean = (torch.stack(column) for column in zip(*spread))
    nonzero = torch.stack([torch.count_nonzero(value) for value in tensors])
    norms = torch.stack(list(torch._foreach_norm(tensors)))
    zeros = 1 - nonzero / torch.tensor(sizes, device=nonzero.device)
    found: np.ndarray = torch.stack([mean, std, zeros, norms], 1).cpu().numpy()
    return found


# --- looks along a run ----------------------------------------------------------------------


class Observer:
    """Looks at a network while it learns, as often as the budget allows.

    Args:
        folder: The run's folder.
        model: The plain model whose weights are learned.
        probe: The fixed examples.
        steps: Updates in the whole run.
        clock: What training and recording took so far.
        floor: Seconds that recording may always cost; above that 1 % of the training time.
        start: Updates that were made before (a resumed run).
        now: Seconds by which costs are measured.
    """

    def __init__(
        self,
        folder: Path,
        model: nn.Module,
        probe: Batch,
        loss: Loss,
        *,
        fold: int,
        steps: int,
        clock: Clock,
        floor: float,
        start: int,
        now: Callable[[], float] = perf_counter,
    ) -> None:
        self.now = now
        self.folder, self.model, self.probe, self.loss = folder, model, probe, loss
        schedule = look_schedule(steps)
        keep = start if start else -1
        self.looks = LooksWriter(folder / "looks", fold=fold, keep=keep)
        disk = LOOKS_BYTES - self.looks.bytes()
        self.pace = Pace(schedule, clock, floor=floor, disk=disk)
        forget_weights(folder / "weights", keep)
        self._weights_apart = _weights_apart(model, len(schedule))
        self._shapes: list[tuple[str, str, torch.Size]] = []
        self._parts: list[Part] = []
        self._before: dict[str, Tensor] = {}
        self._before_step = -1
        self._flushed, self._flush_cost, self._apart = now(), 0.0, FIRST_FLUSH
        clock.spent += self.looks.cost_seconds
        if start not in self.looks:
            self._look(start)
        self._prepare(start + 1)

    def after(self, step: int, *, last: int, epoch: int = 0, next_epoch: int = 0) -> bool:
        """After an update: look if it is time; returns whether it was.

        last: the step that will be the last one, as far as is known now.
        epoch: number of the epoch (1, 2, ...) that ended with this step; 0: none.
        next_epoch: the same for the next step.
        """
        if last != self.pace.last:
            self.pace.end_at(last)
        due = self.pace.due(step) or self.pace.epoch_due(step, epoch)
        if due:
            self._look(step)
            self._flush_sometimes()
        self._prepare(step + 1, next_epoch)
        return due

    def finish(self, step: int, best: int, state: Mapping[str, Tensor]) -> None:
        """After the last update that was made: the last look, and the best one.

        best, state: the step with the lowest validation loss and its weights; 0: none.
        """
        if step not in self.looks:
            self._look(step)
        write_weights(self.folder / "weights", step, self.model.state_dict(), exact=True)
        if best and best != step:
            if best not in self.looks:
                self._see(best, look(self.model, self.probe, self.loss, state))
            write_weights(self.folder / "weights", best, state, exact=True)
        self.flush()

    def flush(self) -> None:
        """Bring everything so far to disk."""
        self.looks.cost_seconds = self.pace.clock.spent
        self.looks.flush()

    def _look(self, step: int) -> None:
        started = self.now()
        size = self._see(step, look(self.model, self.probe, self.loss))
        index = self.pace.index.get(step)
        if index is not None and (step == 0 or index % self._weights_apart == 0):
            state = self.model.state_dict()
            write_weights(self.folder / "weights", step, state, exact=step == 0)
        self.pace.looked(step, self.now() - started, size)

    def _see(self, step: int, sight: Sight) -> int:
        weights = sight.parts["weight"]
        known = self._before_step == step - 1 and step > 0
        sight.parts["update"] = {
            name: value - self._before[name] if known else torch.full_like(value, torch.nan)
            for name, value in weights.items()
        }
        shapes = [(g, n, v.shape) for g, part in sight.parts.items() for n, v in part.items()]
        if shapes != self._shapes:
            self._shapes, self._parts = shapes, plan_parts(sight, len(self.probe.rows))
        row = row_of(step, sight, self._parts)
        self.looks.add(self._parts, row)
        return row.values.nbytes

    @torch.no_grad()
    def _prepare(self, step: int, epoch: int = 0) -> None:
        """Keep a copy of the weights as they are before `step` if it will be looked at."""
        if not (self.pace.due(step) or self.pace.epoch_due(step, epoch)):
            return
        weights = {n: p for n, p in self.model.named_parameters() if p.requires_grad}
        if self._before.keys() != weights.keys():
            self._before = {name: torch.empty_like(p) for name, p in weights.items()}
        torch._foreach_copy_(list(self._before.values()), list(weights.values()))
        self._before_step = step - 1

    def _flush_sometimes(self) -> None:
        """Let others see what is new: soon at first, or less often where flushing is slow."""
        began = self.now()
        if began - self._flushed > max(self._apart, 1000 * self._flush_cost):
            self.flush()
            self._flushed = self.now()
            self._flush_cost = self._flushed - began
            self._apart = min(2 * self._apart, FLUSHES_APART)


def _weights_apart(model: nn.Module, looks: int) -> int:
    """Every how many planned looks the weights are kept whole."""
    size = sum(2 * value.numel() for value in model.state_dict().values())
    files = min(max(WEIGHTS_BYTES // max(size, 1), 4), WEIGHTS_CAP)
    return power_of_two(looks / (files - 3))
