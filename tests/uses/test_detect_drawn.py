"""Boxes as the report draws them: names inside the picture, none on another, not too many."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pellucid.interfaces.report import pictures
from pellucid.interfaces.report.found import LETTER_WIDTH, LETTERS, MOST_NAMED, _names, boxes


def found(count: int, width: int) -> list[dict[str, Any]]:
    random = np.random.default_rng(count)
    return [
        {
            "label": "pedestrian crossing" if number % 3 else "tree",
            "probability": float(random.random()),
            "x": float(random.random() * 0.9 * width),
            "y": float(random.random() * 0.9 * width),
            "width": 0.1 * width,
            "height": 0.1 * width,
        }
        for number in range(count)
    ]


@pytest.mark.parametrize("width", [32, 320, 4000])
@pytest.mark.parametrize("count", [0, 1, 60])
def test_names_of_boxes_stay_apart_and_inside(count: int, width: int) -> None:
    drawn = found(count, width)
    names = _names(drawn, width)
    assert min(count, 1) <= len(names) <= MOST_NAMED
    letters = LETTERS * width
    spans = [(x, x + LETTER_WIDTH * letters * len(said), y) for said, x, y in names]
    for left, right, y in spans:
        assert left >= 0
        assert right <= width + 1e-6
        assert y >= letters
    for number, (left, right, y) in enumerate(spans):
        for other_left, other_right, other_y in spans[:number]:
            assert abs(y - other_y) > letters or left > other_right or other_left > right
    if names:
        surest = max(drawn, key=lambda box: box["probability"])
        assert names[0][0].endswith(f"{100 * surest['probability']:.0f}%")


def test_every_box_has_its_name_under_the_pointer() -> None:
    true = {"label": "<b>", "x": 1, "y": 2, "width": 3, "height": 4, "true": True}
    data = {"png": "", "width": 128, "height": 96, "boxes": [*found(20, 96), true]}
    html = str(boxes(data, "a street", pictures.Budget(1000)))
    assert html.count("<rect") == html.count("<title") - 1 == 21
    assert "a street: 20 found, 1 true" in html
    assert 'viewBox="0 0 128 96"' in html
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    nothing = str(boxes(data | {"boxes": []}, "a wall", pictures.Budget(1000)))
    assert "a wall: 0 found, 0 true" in nothing
    assert "<rect" not in nothing
