"""Make `coco.json`: cases and what pycocotools 2.0.11 says of them (it is not needed to test).

pip install pycocotools && python tests/golden/detect/make_coco.py
"""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np

HAND_MADE: dict[str, tuple[list[Any], list[Any]]] = {
    # things: [picture, class, x, y, width, height, crowd]
    # boxes: [picture, class, score, x, y, width, height]
    "perfect": ([[0, 0, 10, 10, 20, 20, 0]], [[0, 0, 0.9, 10, 10, 20, 20]]),
    "nothing found": ([[0, 0, 10, 10, 20, 20, 0]], []),
    "false alarm first": (
        [[0, 0, 10, 10, 20, 20, 0]],
        [[0, 0, 0.9, 60, 60, 20, 20], [0, 0, 0.8, 10, 10, 20, 20]],
    ),
    "twice the same": (
        [[0, 0, 10, 10, 20, 20, 0], [0, 0, 50, 50, 20, 20, 0]],
        [[0, 0, 0.9, 10, 10, 20, 20], [0, 0, 0.8, 11, 11, 20, 20], [0, 0, 0.7, 50, 50, 20, 20]],
    ),
    "half fits": ([[0, 0, 10, 10, 20, 20, 0]], [[0, 0, 0.9, 12, 12, 20, 20]]),
    "crowd takes many": (
        [[0, 0, 0, 0, 80, 80, 1], [0, 0, 100, 100, 30, 30, 0]],
        [[0, 0, 0.9, 5, 5, 20, 20], [0, 0, 0.8, 40, 40, 30, 30], [0, 0, 0.7, 100, 100, 30, 32]],
    ),
    "thing before crowd": (
        [[0, 0, 0, 0, 80, 80, 1], [0, 0, 5, 5, 20, 20, 0]],
        [[0, 0, 0.9, 5, 5, 20, 21], [0, 0, 0.8, 5, 5, 20, 20]],
    ),
    "sizes": (
        [[0, 0, 0, 0, 20, 20, 0], [0, 0, 100, 100, 60, 60, 0], [1, 0, 0, 0, 150, 150, 0]],
        [
            [0, 0, 0.9, 0, 0, 20, 22],
            [0, 0, 0.8, 100, 100, 60, 50],
            [1, 0, 0.7, 0, 0, 150, 120],
            [1, 0, 0.95, 0, 0, 10, 10],
        ],
    ),
    "two classes": (
        [[0, 0, 10, 10, 20, 20, 0], [0, 1, 50, 50, 20, 20, 0], [1, 1, 10, 10, 40, 40, 0]],
        [[0, 1, 0.9, 10, 10, 20, 20], [0, 1, 0.8, 50, 50, 20, 20], [1, 0, 0.7, 10, 10, 40, 40]],
    ),
    "empty picture": (
        [[0, 0, 10, 10, 20, 20, 0]],
        [[0, 0, 0.5, 10, 10, 20, 20], [1, 0, 0.9, 10, 10, 20, 20]],
    ),
    "ties": (
        [[0, 0, 10, 10, 20, 20, 0], [1, 0, 10, 10, 20, 20, 0]],
        [[0, 0, 0.5, 60, 10, 20, 20], [0, 0, 0.5, 10, 10, 20, 20], [1, 0, 0.5, 10, 10, 20, 20]],
    ),
}


def main() -> None:
    cases = {
        name: {"things": things, "boxes": boxes} for name, (things, boxes) in HAND_MADE.items()
    }
    many = [[0, 0, 3.0 * i, 0, 3, 3, 0] for i in range(120)]
    boxes = [[0, 0, 1 - i / 200, 3.0 * i, 0, 3, 3] for i in range(120)]
    cases["more than a hundred"] = {"things": many, "boxes": boxes}
    for seed in range(6):
        cases[f"random {seed}"] = random_case(seed)
    for case in cases.values():
        case["answer"] = ask(case["things"], case["boxes"])
    path = Path(__file__).parent / "coco.json"
    lines = [f"{json.dumps(name)}: {json.dumps(case)}" for name, case in cases.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def random_case(seed: int) -> dict[str, Any]:
    """Things of three classes in six pictures, boxes near most of them, and false alarms."""
    random = np.random.default_rng(seed)
    things: list[Any] = []
    boxes: list[Any] = []
    for picture in range(6):
        for _ in range(random.integers(0, 7)):
            label = int(random.integers(3))
            x, y, w, h = (random.uniform(5, 130, 4)).round(1).tolist()
            things.append([picture, label, x, y, w, h, int(random.random() < 0.1)])
            for _ in range(random.integers(0, 3)):
                near = (np.array([x, y, w, h]) + random.normal(0, 5, 4)).clip(1).round(1).tolist()
                boxes.append([picture, label, round(random.random(), 2), *near])
        for _ in range(random.integers(0, 4)):
            far = random.uniform(5, 150, 4).round(1).tolist()
            boxes.append([picture, int(random.integers(3)), round(random.random(), 2), *far])
    return {"things": things, "boxes": boxes}


def ask(things: list[Any], boxes: list[Any]) -> dict[str, float]:
    """What COCOeval prints, -1 where it is undefined."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    pictures = sorted({row[0] for row in things + boxes})
    classes = sorted({row[1] for row in things + boxes})
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": one + 1} for one in pictures],
        "categories": [{"id": one + 1} for one in classes],
        "annotations": [
            {
                "id": number,
                "image_id": picture + 1,
                "category_id": label + 1,
                "bbox": [x, y, w, h],
                "area": w * h,
                "iscrowd": crowd,
            }
            for number, (picture, label, x, y, w, h, crowd) in enumerate(things, start=1)
        ],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        found = COCO()
        found.dataset = {
            **truth.dataset,
            "annotations": [
                {
                    "id": number,
                    "image_id": picture + 1,
                    "category_id": label + 1,
                    "bbox": [x, y, w, h],
                    "area": w * h,
                    "score": score,
                    "iscrowd": 0,
                }
                for number, (picture, label, score, x, y, w, h) in enumerate(boxes, start=1)
            ],
        }
        found.createIndex()
        asked = COCOeval(truth, found, "bbox")
        asked.evaluate()
        asked.accumulate()
        asked.summarize()
    names = ("mAP", "AP50", "AP75", "small", "medium", "large")
    return {name: float(value) for name, value in zip(names, asked.stats[:6])}


if __name__ == "__main__":
    main()
