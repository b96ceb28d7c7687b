"""The small parts of a report: markup, words, charts and pictures."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pellucid.interfaces.report import charts, inside, pictures, words
from pellucid.interfaces.report.charts import Bar, Curve, Scale
from pellucid.interfaces.report.comparison import without_far
from pellucid.interfaces.report.markup import clean, group, tag

# --- markup ---------------------------------------------------------------------------------


@given(st.text())
def test_text_never_becomes_markup(text: str) -> None:
    written = tag("p", text, title=text)
    assert written.count("<") == written.count(">") == 2
    assert written.count('"') == 2
    written.encode("utf-8")


def test_markup_goes_in_once_and_stays() -> None:
    bold = tag("b", "a & b")
    assert tag("p", bold, None, [" and ", bold]) == "<p><b>a &amp; b</b> and <b>a &amp; b</b></p>"
    assert tag("p", bold + "<") == "<p>&lt;b&gt;a &amp;amp; b&lt;/b&gt;&lt;</p>"  # no longer Html
    assert group(3, "<") == "3&lt;"


def test_attributes_are_left_out_or_bare() -> None:
    assert tag("td", class_=None, hidden=True, scope=False) == "<td hidden></td>"
    assert tag("br") == "<br>"
    assert tag("i", aria_label="x", width=1.50) == '<i aria-label="x" width="1.5"></i>'


def test_surrogates_and_controls_are_replaced() -> None:
    assert clean("a\udc80b\x1bc\nd\te") == "a�b�c\nd\te"


# --- words ----------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.floats(-1e12, 1e12, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-12))
def test_numbers_keep_three_digits_or_more(value: float) -> None:
    said = words.number(value).replace("−", "-").replace(",", "")
    digits, _, power = said.partition("·10")
    back = float(digits) * 10 ** int(
        power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")) or 0
    )
    assert back == pytest.approx(value, rel=5.1e-3)


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.0, "0%"), (1.0, "100%"), (0.9999, ">99.9%"), (0.00001, "<0.1%"), (0.5, "50.0%")],
)
def test_percents_are_certain_only_at_the_ends(share: float, said: str) -> None:
    assert words.percent(share) == said


def test_sizes_and_counts() -> None:
    assert [words.size(n) for n in (0, 999, 1000, 9_990, 12_345, 1_000_000, 2.5e9)] == [
        *("0 B", "999 B", "1.0 kB", "10.0 kB", "12 kB", "1.0 MB", "2.5 GB")
    ]
    assert words.size(None) == "–"
    assert words.counted(1, "class", "classes") == "1 class"
    assert words.counted(2, "class", "classes") == "2 classes"


@given(st.text(min_size=0, max_size=80))
def test_names_are_whole_whatever_breaks_they_get(text: str) -> None:
    from html import unescape

    written = words.name(text)
    inner = written.removeprefix("<bdi>").removesuffix("</bdi>").replace("<wbr>", "")
    assert unescape(inner) == unescape(tag("i", text)[3:-4])


# --- charts ---------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 8))
def test_ticks_are_inside_even_and_neither_few_nor_many(low: float, span: float, n: int) -> None:
    found = charts.ticks(low, low + span, n)
    assert 1 <= len(found) <= 2 * n + 1
    assert all(low - 1e-6 * span <= tick <= low + span * (1 + 1e-6) for tick in found)
    gaps = np.diff(found)
    assert np.allclose(gaps, gaps[:1].sum())


@given(st.floats(1e-6, 1e6), st.floats(1.5, 1e6))
def test_log_ticks_are_inside(low: float, ratio: float) -> None:
    found = charts.log_ticks(low, low * ratio)
    assert len(found) >= 1
    assert all(0.999 * low <= tick <= 1.001 * low * ratio for tick in found)


def test_scales_put_their_ends_where_they_belong() -> None:
    assert Scale(2, 4, 0, 100)(np.array([2, 3, 4])).tolist() == [0, 50, 100]
    assert Scale(1, 100, 0, 100, log=True)(np.array([1, 10, 100])).tolist() == [0, 50, 100]


def test_smoothing_keeps_means_and_lengths() -> None:
    values = np.array([0.0, 2.0] * 50)
    smooth = charts.smooth(values, share=0.2)
    assert len(smooth) == 100
    assert np.abs(smooth[10:-10] - 1).max() < 0.1
    assert charts.smooth(np.ones(1000)).tolist() == [1.0] * 1000
    assert charts.smooth(np.array([3.0])).tolist() == [3.0]


def test_thinning_keeps_peaks_and_ends() -> None:
    x = np.arange(10_000.0)
    y = np.zeros(10_000)
    y[1234], y[8765] = 7, -7
    kept_x, kept_y = charts.thin(x, y)
    assert len(kept_x) <= charts.MOST_POINTS + 2
    assert (kept_x[0], kept_x[-1]) == (0, 9_999)
    assert {7.0, -7.0} <= set(kept_y.tolist())


def test_a_chart_of_nothing_is_nothing() -> None:
    curve = Curve("loss", np.arange(3.0), np.full(3, np.nan))
    assert charts.line_chart("loss", [curve], across="step") == ""
    assert charts.sparkline("loss", np.array([1.0])) == ""


@pytest.mark.parametrize("y", [[1.0], [2.0, 2.0], [1e-9, 1e9], [-1.0, 0.0, 1.0], [0.0, 0.0]])
def test_odd_curves_stay_inside_their_chart(y: list[float]) -> None:
    curve = Curve("loss", np.arange(float(len(y))), np.array(y), "train")
    drawn = charts.line_chart("loss", [curve], across="step")
    assert "nan" not in drawn
    assert "inf" not in drawn
    numbers = [float(n) for n in re.findall(r'(?:M|L|cx="|cy=")(-?[\d.]+)', drawn)]
    assert all(0 <= n <= charts.WIDTH for n in numbers)


def test_whole_steps_have_whole_marks() -> None:
    curve = Curve("loss", np.array([1.0, 2.0]), np.array([0.5, 0.25]))
    drawn = charts.line_chart("loss", [curve], across="step")
    marks = re.findall(r'text-anchor="middle">([^<]*)<', drawn)
    assert marks == ["1", "2"]


def test_a_far_constant_answer_is_named_not_drawn() -> None:
    near = [Bar("network", 0.90, 0.92, 0.94, ""), Bar("boosted trees", 0.91, 0.93, 0.95, "")]
    far = Bar("constant answer", 0.1, 0.2, 0.3, "")
    assert without_far([*near, far]) == (near, [far])
    close = Bar("constant answer", 0.85, 0.86, 0.87, "")
    assert without_far([*near, close]) == ([*near, close], [])
    assert without_far([near[0], far]) == ([near[0], far], [])


# --- pictures -------------------------------------------------------------------------------


@pytest.mark.parametrize(("channels", "mode"), [(2, "LA"), (4, "RGBA")])
def test_pictures_are_read_back_by_others(channels: int, mode: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, channels), dtype=np.uint8)
    read = Image.open(io.BytesIO(base64.b64decode(pictures.png(pixels))))
    assert read.mode == mode
    assert (np.asarray(read) == pixels).all()


def test_tiles_lie_side_by_side_with_gaps_between() -> None:
    maps = np.stack([np.full((2, 3, 1), value, np.uint8) for value in (10, 20, 30)])
    sheet = pictures.tiles(maps, across=2)
    assert sheet.shape == (5, 7, 2)
    assert sheet[:2, :3, 0].tolist() == [[10] * 3] * 2
    assert sheet[:2, 4:, 0].tolist() == [[20] * 3] * 2
    assert sheet[3:, :3, 0].tolist() == [[30] * 3] * 2
    assert (sheet[..., 1] == 0).sum() == 5 * 7 - 3 * 6


def test_filters_are_gray_at_zero_and_reach_the_ends() -> None:
    weight = np.array([[[[-2.0, 0.0, 1.0]]], [[[0.0, 0.0, 0.0]]]])
    tiles = inside.filter_tiles(weight)
    assert tiles.shape == (2, 1, 3, 1)
    assert tiles[0, 0, :, 0].tolist() == [0, 128, 191]
    assert tiles[1, 0, :, 0].tolist() == [128, 128, 128]


def test_a_neurons_weights_lie_as_the_picture_does() -> None:
    weight = np.zeros((3, 12), np.float32)
    weight[1, 4 * 2 + 1] = 5.0  # of 3 lines of 4 pixels: the third line, the second pixel
    state = {"branches.file.network.layers.0.weight": weight, "head.1.weight": np.ones((2, 12))}
    found = inside.first_layer(state, [3, 4, 1])
    assert found is not None
    assert found.shape == (3, 1, 3, 4)
    assert np.argwhere(found).tolist() == [[1, 0, 2, 1]]
    assert inside.first_layer(state, [4, 4, 1]) is None


def test_feature_maps_use_the_whole_range() -> None:
    values = np.arange(12.0).reshape(2, 2, 3)
    tiles = inside.map_tiles(values)
    assert tiles.shape == (3, 2, 2, 1)
    assert tiles.min((1, 2, 3)).tolist() == [0, 0, 0]
    assert tiles.max((1, 2, 3)).tolist() == [255, 255, 255]


def test_a_budget_takes_what_fits() -> None:
    budget = pictures.Budget(10)
    assert [budget.takes(size) for size in (6, 6, 4)] == [True, False, True]


@given(st.sets(st.integers(0, 10**6), min_size=1))
def test_telling_steps_are_recorded_ones_with_both_ends(steps: set[int]) -> None:
    known = sorted(steps)
    chosen = inside.telling_steps(known)
    assert set(chosen) <= steps
    assert len(chosen) <= 4
    assert chosen[-1] == known[-1]
    assert chosen[0] == known[0]
