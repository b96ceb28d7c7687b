"""The learner: a network with everything that changes while it learns.

It also chooses. Validation rows are looked at now and then, and at the end one of three sets of
weights is kept: the last one, the average of the last part, or the best seen on the way. "Best
seen" wins only if it is better than the last by more than one standard error, since the smallest
of many noisy figures is small by luck (recipes 2.5).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.config import Plan
from pellucid.data.dataset import Batch, Dataset
from pellucid.errors import LearningError
from pellucid.learning.average import Average
from pellucid.learning.optimizer import Optimizer
from pellucid.network.assemble import Model
from pellucid.tasks import Objective

GUARD_EVERY = 20
"""Steps between checks that the loss is finite; each check waits for the device."""
MOST_RESCUES = 2


@dataclass(frozen=True)
class Evaluation:
    """What the validation rows said at one step.

    loss: mean loss; error: its standard error over rows. output: (valid, ...) as the network
    gave it. best: no earlier evaluation had a smaller loss. weights: "last" or "average".
    """

    loss: float
    error: float
    output: Tensor
    best: bool
    weights: str = "last"


class Learner:
    """A network, its optimizer, its averaged weights, and how far it has come."""

    def __init__(self, model: nn.Module, plan: Plan) -> None:
        self.model, self.plan = model, plan
        self.optimizer = Optimizer(model, plan)
        self.average = Average(model, plan) if plan.average else None
        self.number = 0
        self.rescues = 0
        self.best_loss = math.inf
        self.best_number = 0
        self.best: dict[str, Tensor] = {}
        self.good: dict[str, Any] = {}
        self._recent: deque[float] = deque(maxlen=50)

    # --- while learning -----------------------------------------------------------------------

    def after_update(self) -> None:
        """Count the update that was just made, and let the average follow."""
        self.number += 1
        if self.average:
            self.average.update(self.number)

    def look(
        self, dataset: Dataset, task: Objective, valid: Tensor, loss: Tensor
    ) -> Evaluation | None:
        """Guard the loss, and look at the validation rows when it is time."""
        last = self.number == self.plan.steps
        if self.number % GUARD_EVERY == 0 or last:
            self._guard(float(loss.detach()))
        if len(valid) == 0 or (self.number % self.plan.evaluate_every and not last):
            return None
        evaluation = evaluate(self.model, dataset, task, valid, self.plan.precision)
        if not math.isfinite(evaluation.loss):
            self._rescue(evaluation.loss)
            return None
        better = evaluation.loss < self.best_loss
        if better:
            self.best_loss, self.best_number = evaluation.loss, self.number
            self.best = copy_state(self.model)
        self.good = {
            "model": copy_state(self.model),
            "optimizer": copied(self.optimizer.state_dict()),
        }
        return Evaluation(evaluation.loss, evaluation.error, evaluation.output, better)

    def shorten(self, steps: int) -> None:
        """End after `steps` steps instead; the schedule follows, so the rate still reaches zero."""
        self.plan = replace(self.plan, steps=steps)
        self._slow_down()

    # --- at the end ---------------------------------------------------------------------------

    def choose(
        self, dataset: Dataset, task: Objective, valid: Tensor
    ) -> tuple[Evaluation | None, str]:
        """Put the weights that are to be kept into the model.

        Returns:
            What the validation rows say of them, and which they are and why, in words.
        """
        if len(valid) == 0:
            return None, "the last weights: there are no validation rows to choose by"
        candidates = {"last": copy_state(self.model)}
        if self.average:
            with self.average.swapped():
                candidates["average"] = copy_state(self.model)
        if self.best and self.best_number != self.number:
            candidates["best"] = self.best
        looks = {}
        for name, state in candidates.items():
            self.model.load_state_dict(state)
            looks[name] = evaluate(self.model, dataset, task, valid, self.plan.precision)
        chosen = min(("last", "average"), key=lambda name: _loss(looks, name))
        margin = _loss(looks, chosen) - _loss(looks, "best")
        if margin > looks[chosen].error:
            why = (
                f"the weights of step {self.best_number}: their validation loss is lower than the "
                f"final one by {margin:.4f}, more than its standard error {looks[chosen].error:.4f}"
            )
            chosen = "best"
        elif chosen == "average":
            why = "the average of the weights over the last part of training"
        else:
            why = "the last weights"
        self.model.load_state_dict(candidates[chosen])
        return looks[chosen], why

    # --- stop and go on -----------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs to go on bit for bit."""
        return {
            "model": copy_state(self.model),
            "optimizer": copied(self.optimizer.state_dict()),
            "average": copied(self.average.state_dict()) if self.average else {},
            "number": self.number,
            "rescues": self.rescues,
            "best_loss": self.best_loss,
            "best_number": self.best_number,
            "best": self.best,
            "good": self.good,
            "recent": list(self._recent),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average:
            self.average.load_state_dict(state["average"])
        self.number, self.rescues = state["number"], state["rescues"]
        self._slow_down()
        self.best_loss, self.best_number = state["best_loss"], state["best_number"]
        self.best, self.good = state["best"], state["good"]
        self._recent = deque(state["recent"], maxlen=50)

    # --- divergence ---------------------------------------------------------------------------

    def _guard(self, loss: float) -> None:
        """Go back to the last good weights with a third of the rate when the loss explodes."""
        usual = sorted(self._recent)[len(self._recent) // 2] if len(self._recent) >= 5 else math.inf
        # Three times the usual loss is an explosion only when the loss is not tiny already.
        if not math.isfinite(loss) or loss > max(3 * usual, usual + 1.0):
            self._rescue(loss)
        else:
            self._recent.append(loss)

    def _rescue(self, loss: float) -> None:
        if self.rescues == MOST_RESCUES:
            raise LearningError(
                f"the loss exploded {self.rescues + 1} times (now {loss:g})",
                where=f"step {self.number} of {self.plan.steps}",
                fix="look for extreme values with 'pellucid check', or try another --network",
            )
        self.rescues += 1
        if self.good:
            self.model.load_state_dict(self.good["model"])
            self.optimizer.load_state_dict(self.good["optimizer"])
        elif not math.isfinite(loss):
            for module in self.model.modules():
                reset = getattr(module, "reset_parameters", None)
                if callable(reset):
                    reset()
        self._slow_down()
        self._recent.clear()

    def _slow_down(self) -> None:
        self.optimizer.plan = replace(self.plan, rate=self.plan.rate / 3**self.rescues)


@torch.inference_mode()
def evaluate(
    model: nn.Module,
    dataset: Dataset,
    task: Objective,
    rows: Tensor,
    precision_name: str = "fp32",
) -> Evaluation:
    """Mean loss over these rows, without learning from them; dropout is off."""
    losses, kept = [], []
    for batch, output in outputs(model, dataset, rows, precision_name, task.at_once):
        losses.append(task.loss(output, batch.target).double())
        kept.append(task.kept(output, batch.target))
    each = torch.cat(losses)
    error = float(each.std() / math.sqrt(len(each))) if len(each) > 1 else math.inf
    return Evaluation(float(each.mean()), error, torch.cat(kept), best=False)


def predict(
    model: nn.Module,
    dataset: Dataset,
    rows: Tensor,
    precision_name: str = "fp32",
    size: int = 1024,
) -> Tensor:
    """The network's output `(rows, ...)` float32 for these rows, dropout off."""
    return torch.cat([out for _, out in outputs(model, dataset, rows, precision_name, size)])


def outputs(
    model: nn.Module, dataset: Dataset, rows: Tensor, precision_name: str, size: int
) -> Iterator[tuple[Batch, Tensor]]:
    """These rows in batches of `size`, each with the network's output float32; dropout off."""
    was_training = model.training
    model.eval()
    for batch in dataset.batches(rows, size):
        with torch.inference_mode(), precision(precision_name, rows.device):
            output = model(batch.inputs).float()
        yield batch, output
    model.train(was_training)


@torch.inference_mode()
def predict_with_features(
    model: Model, inputs: dict[str, Tensor], size: int = 1024
) -> tuple[np.ndarray, Tensor]:
    """What the network makes of rows before it answers, float32 `(rows, width)`, mean over its
    members; and its output `(rows, ...)` float32. Both at the cost of the latter."""
    model.eval()
    features, outputs = [], []
    for start in range(0, len(next(iter(inputs.values()))), size):
        vectors = model.features(
            {name: value[start : start + size] for name, value in inputs.items()}
        )
        outputs.append(model.head(vectors).float())
        features.append((vectors.mean(1) if vectors.ndim == 3 else vectors).float())
    return torch.cat(features).numpy(), torch.cat(outputs)


def precision(name: str, device: torch.device) -> AbstractContextManager[object]:
    """Compute in 16-bit floats where that is safe and faster; weights stay in 32 bits."""
    if name == "bf16":
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()


def copy_state(model: nn.Module) -> dict[str, Tensor]:
    """The model's weights and buffers, as copies."""
    return copied(model.state_dict())


def copied(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same names with copies of the tensors."""
    return {name: value.detach().clone() for name, value in state.items()}


def _loss(looks: dict[str, Evaluation], name: str) -> float:
    return looks[name].loss if name in looks else math.inf
