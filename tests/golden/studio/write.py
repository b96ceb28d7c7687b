"""Small files that Python writes and the studio's page must read equally.

    python tests/golden/studio/write.py

writes them again beside this script; studio/tests reads them, and test_studio_golden.py makes sure
that they are what today's code writes.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save

from pellucid.interfaces.studio.trace import fields
from pellucid.recording.looks import Looks, LooksWriter, Part, Row, pack
from pellucid.recording.steps import STEP
from pellucid.tasks import Task
from pellucid.tasks.classify import Classify
from pellucid.tasks.grades import Grades
from pellucid.tasks.regress import Regress
from pellucid.tasks.tags import Tags

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from networks import networks  # noqa: E402

KINDS = ("float64", "float32", "float16", "int64", "int32", "uint32", "int16", "uint16", "uint8")


def tensors() -> bytes:
    """One tensor of every kind, an odd number of bytes among them, and one that is empty."""
    random = np.random.default_rng(0)
    arrays = {
        kind: (random.normal(size=(3, 5)) * 50).astype(kind)
        if kind.startswith("float")
        else random.integers(0, 200, (3, 5)).astype(kind)
        for kind in KINDS
    }
    arrays["odd"] = np.arange(7, dtype=np.uint8)
    arrays["edges"] = np.array([0, -0.0, 6e-8, 65504, np.inf, -np.inf, np.nan], np.float16)
    arrays["none"] = np.zeros((0, 4), np.float32)
    arrays["bool"] = np.array([True, False, True])
    return save(arrays, {"schema": "1", "said": 'as it is: ü {"a": 1}'})


def looks(folder: Path) -> None:
    """Two looks with tiny gradients, a sampled weight, and no update in the first one."""
    parts = [
        Part("activation", "file / stage 1 / activation", (2, 3, 4, 2), (1, 1, 2, 1)),
        Part("activation", "output", (2, 3), (1, 1)),
        Part("activation_gradient", "output", (2, 3), (1, 1)),
        Part("weight", "head.weight", (5, 7), (3,)),
        Part("update", "head.weight", (5, 7), (3,)),
    ]
    random = np.random.default_rng(1)
    writer = LooksWriter(folder, fold=0, keep=-1)
    for step in (0, 12):
        sizes = [int(np.prod(part.kept)) for part in parts]
        values = [random.normal(size=size).astype(np.float32) for size in sizes]
        values[2] *= 1e-9
        if step == 0:
            values[4][:] = np.nan
        stored, exponents = pack(np.concatenate(values), sizes)
        statistics = random.normal(size=(len(parts), 4)).astype(np.float32)
        if step == 0:
            statistics[4] = np.nan
        writer.add(parts, Row(step, 0.5 + step, stored, exponents, statistics))
    writer.flush()


def seen(folder: Path) -> list[dict[str, Any]]:
    """What `Looks` reads from them."""
    found = []
    for step in (0, 12):
        look = Looks(folder).at(step)
        one = look.activations["output"]
        stage = look.activations["file / stage 1 / activation"]
        weight = look.parameters["head.weight"]
        assert one.gradient is not None
        found.append(
            {
                "step": step,
                "loss": look.loss,
                "stage": stage.value[1].ravel().tolist(),
                "output": one.value.ravel().tolist(),
                "gradient": one.gradient.ravel().tolist(),
                "weight": weight.value.tolist(),
                "update": None if weight.update is None else weight.update.tolist(),
                "norm": weight.statistics["value"].norm,
            }
        )
    return found


def rows() -> np.ndarray:
    table = np.zeros(3, STEP)
    for number, name in enumerate(STEP.names or ()):
        table[name] = np.arange(3) * (number + 1)
    table["valid_loss"][0] = np.nan
    table["fold"] = [0, 0, 1]
    return table


def answers() -> list[dict[str, Any]]:
    """Outputs and targets of each kind of task, with what the task makes of them."""
    torch.manual_seed(0)
    cases: list[tuple[Task, torch.Tensor, torch.Tensor]] = [
        (Classify("kind", ["a", "b", "c"]), torch.randn(2, 3), torch.tensor([2, 0])),
        (Classify("kind", ["a", "b", "c"]), torch.randn(2, 4, 3), torch.tensor([1, 0])),
        (Grades("stars", ["1", "2", "3", "4"]), torch.randn(2, 3), torch.tensor([3, 1])),
        (Tags("tags", ["x", "y", "z"]), torch.randn(2, 3), torch.tensor([[1.0, 0, 1], [0, 0, 0]])),
        (
            Regress(["price"], [200.0], [50.0], [100.0], [320.0]),
            torch.randn(2, 1) * 3,
            torch.randn(2, 1),
        ),
        (
            Regress(["x", "y"], [0.0, 10.0], [1.0, 2.0], [-9.0, -9.0], [9.0, 30.0]),
            torch.randn(2, 4, 2),
            torch.randn(2, 2),
        ),
    ]
    return [_answer(*case) for case in cases]


def _answer(task: Task, output: torch.Tensor, target: torch.Tensor) -> dict[str, Any]:
    output = output.double().requires_grad_()
    losses = task.loss(output, target.double() if target.is_floating_point() else target)
    (blame,) = torch.autograd.grad(losses.sum(), output)
    return {
        "task": {**task.as_json(), **({"tags": task.tags} if isinstance(task, Tags) else {})},
        "output": output.detach().tolist(),
        "target": target.tolist(),
        "prediction": task.prediction(output.detach()).tolist(),
        "loss": losses.tolist(),
        "blame": blame.tolist(),
    }


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tensors.safetensors").write_bytes(tensors())
    with tempfile.TemporaryDirectory() as place:
        looks(Path(place))
        chunk = (Path(place) / "00000.safetensors").read_bytes()
        expected = {
            "looks": seen(Path(place)),
            "answers": answers(),
            "steps": {name: rows()[name].tolist() for name in STEP.names or ()},
            "fields": fields(),
            "row_bytes": STEP.itemsize,
        }
    (folder / "look.safetensors").write_bytes(chunk)
    for name, network in networks():
        (folder / f"network-{name}.safetensors").write_bytes(network)
    (folder / "steps.bin").write_bytes(rows().tobytes())
    text = json.dumps(expected, separators=(",", ":"), sort_keys=True)
    (folder / "expected.json").write_text(text.replace("NaN", "null") + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
