"""Where the network looked, as a small picture beside the values: drawn, labelled, tested."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from explaining import untrained

from pellucid.data.columns import Loaded
from pellucid.data.modalities.audio import Clips
from pellucid.evidence.explain import faithfulness
from pellucid.evidence.explain.explain import Explained, explain
from pellucid.evidence.explain.gradients import grad_cam
from pellucid.evidence.explain.inside import PIECES
from pellucid.evidence.explain.pieces import Overview
from pellucid.evidence.subject import Rows, take
from pellucid.interfaces.explain import LOW, Page, lines_of, looked_at
from pellucid.interfaces.report.explained import page_of
from pellucid.tasks.classify import Classify

TASK = Classify("y", ["a", "b", "c"])


def pictures() -> Rows:
    values = np.random.default_rng(0).integers(0, 256, (6, 24, 24, 1)).astype(np.uint8)
    return {"x": Loaded(values)}


def sounds() -> Rows:
    values = np.random.default_rng(2).normal(size=(6, 40, 16, 1)).astype(np.float16)
    values[:, 30:] = np.nan
    clips = Clips(values, np.full(6, Path("gone.wav"), dtype=object))
    return {"x": Loaded(clips, {"rate": 16_000, "hop": 160, "samples": 6_400})}


def explained(modality: str, which: str = "network") -> Explained:
    rows = pictures() if modality == "image" else sounds()
    subject = replace(untrained(rows, modality, TASK), which=which)  # type: ignore[arg-type]
    return explain(subject, take(rows, np.array([1])), None, seconds=0.2)


def overview_of(found: Explained) -> Overview:
    overview = found.explanations[0].overview
    assert overview is not None
    return overview


@pytest.mark.parametrize("modality", ["image", "audio"])
def test_the_overview_is_grad_cam_with_a_test_of_its_own(modality: str) -> None:
    rows = pictures() if modality == "image" else sounds()
    subject, row = untrained(rows, modality, TASK), take(rows, np.array([1]))
    found = explained(modality)
    looked = grad_cam(subject, row, "x", found.question.output)
    overview = overview_of(found)
    np.testing.assert_allclose(overview.looked, looked, atol=1e-3)
    pieces = PIECES[modality](row, "x")
    means = np.array([looked[a:c, b:d].mean() for a, b, c, d in pieces.places])  # type: ignore[index]
    alone = faithfulness.test(subject, pieces, found.question, means, orders=20, steps=10)
    tried = overview.faithful
    if len(tried.shares) == len(alone.shares):
        assert tried.first == pytest.approx(alone.first, abs=1e-5)
    assert tried.trusted == (tried.gain > 0 and tried.gain >= tried.random_gain - 1e-9)
    kept = json.loads(json.dumps(found.as_json()))["explanations"][0]["overview"]
    assert np.shape(kept["looked"]) == looked.shape  # type: ignore[union-attr]
    assert kept["faithful"]["why"] == tried.why


@pytest.mark.parametrize("modality", ["image", "audio"])
def test_it_is_drawn_small_and_labelled(modality: str) -> None:
    found = explained(modality)
    page = Page(found, "example", 0, 1)
    lines = lines_of(page)
    start = next(n for n, line in enumerate(lines) if "an overview for the eye" in line)
    drawn = [line[2:] for line in lines[start - LOW : start]]
    looked = looked_at(found.explanations[0])
    for row, line in enumerate(drawn):
        assert set(line) <= set(" ░▒▓█")
        part = looked[int((row + 0.5) * looked.shape[0] / LOW)]
        assert ("█" in line) == bool((part[_places(part, len(line))] >= 0.8).any())
    said = " ".join(" ".join(lines[start : start + 8]).split())
    trusted = overview_of(found).faithful.trusted
    assert ("Tested: " if trusted else "Do not trust this overview: ") in said
    html = page_of(page)
    assert html.count("<figure>") + html.count("<figure ") == 3
    assert "lit where the network looked" in html
    assert overview_of(found).faithful.why[:40] in html


def _places(part: np.ndarray, columns: int) -> np.ndarray:
    return ((np.arange(columns) + 0.5) * len(part) / columns).astype(int)


def test_a_sound_stands_upright_and_ends_where_it_ends() -> None:
    found = explained("audio")
    whole = overview_of(found).looked
    looked = looked_at(found.explanations[0])
    assert looked.shape == (16, 30)
    assert looked[0, 5] == whole[5, -1]


def test_a_classical_method_looks_nowhere() -> None:
    found = explained("image", "baseline")
    assert found.explanations[0].overview is None
    assert not any("overview" in line for line in lines_of(Page(found, "example", 0, 1)))
