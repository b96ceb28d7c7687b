"""Units: what they see, what they are called, and what excites them, against planted truth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from torch import Tensor

from pellucid.config import Size
from pellucid.data.columns import Entry
from pellucid.evidence.features import heads as attention
from pellucid.evidence.features import probes, properties, stimuli, strongest
from pellucid.evidence.features.field import Field
from pellucid.evidence.features.imagine import imagine
from pellucid.evidence.features.known import ACROSS, Outlines, cells
from pellucid.evidence.features.ranks import Properties, areas, chance, correlations, names, ranked
from pellucid.evidence.features.selectivity import selectivity, spread
from pellucid.evidence.features.units import Peaks, UnitLayer, branch_of, peaks, unit_layers
from pellucid.examples import shapes
from pellucid.network.assemble import Branch, Model, blueprint
from pellucid.network.tap import watch
from pellucid.tasks.classify import Classify

SIDE = 32


# --- networks -----------------------------------------------------------------------------------


def model_of(entry: Entry, family: str, size: Size, examples: Tensor, outputs: int = 3) -> Model:
    """A network with random weights for one column."""
    from pellucid.config import Plan

    torch.manual_seed(0)
    plan = Plan(network={entry.group: family}, sizes={entry.group: size})
    inputs = {entry.group: examples}
    made = Model(
        blueprint({entry.group: entry}, inputs, torch.arange(len(examples)), plan, outputs)
    )
    return made.eval()


def pictures(count: int = 60, seed: int = 0) -> Tensor:
    """Pictures of shapes, uint8."""
    random = np.random.default_rng(seed)
    shown = list(shapes.OUTLINES)
    drawn = [shapes.draw(shown[row % len(shown)], random)[0] for row in range(count)]
    return torch.from_numpy(np.stack(drawn))


@pytest.fixture(scope="module")
def images() -> Tensor:
    return pictures()


@pytest.fixture(scope="module")
def cnn(images: Tensor) -> Model:
    entry = Entry("project", (SIDE, SIDE), 3, "file")
    return model_of(entry, "cnn", Size(48, 2), images)


def branch(model: Model, group: str) -> Branch:
    found = branch_of(model, group)
    assert found is not None
    return found


# --- receptive fields ---------------------------------------------------------------------------


def support(model: Model, layer: UnitLayer, examples: Tensor, place: int) -> list[tuple[int, int]]:
    """First and last-but-one input position along each axis that the gradient reaches, over many
    random inputs: a pool and a ReLU pass on only some of it each time."""
    from pellucid.evidence.features.units import part_answers

    reached = torch.zeros(examples.shape[1:-1], dtype=torch.bool)
    for seed in range(6):
        torch.manual_seed(seed)
        x = (torch.rand(8, *examples.shape[1:]) * 255).requires_grad_()
        value = part_answers(model, layer.group, x, [layer.tap], gradient=True)[layer.tap]
        value.reshape(8, -1, layer.units)[:, place].sum().backward()
        assert x.grad is not None
        reached |= (x.grad != 0).any(-1).any(0)
    axes = range(reached.ndim)
    ends = []
    for axis in axes:
        others = [one for one in axes if one != axis]
        there = (reached.any(dim=others[0]) if others else reached).nonzero().flatten()
        ends.append((int(there.min()), int(there.max()) + 1))
    return ends


def test_receptive_field_of_pictures_is_where_the_gradient_reaches(
    cnn: Model, images: Tensor
) -> None:
    layers = unit_layers(cnn, {"file": images})
    assert [layer.name for layer in layers][:2] == ["stage 1", "stage 2"]
    assert len(layers) == len(list(branch(cnn, "file").network.stages))
    for layer in layers:
        assert layer.field is not None
        for place in {layer.middle, 0}:
            window = layer.field.window(layer.place(place), (SIDE, SIDE))
            assert support(cnn, layer, images, place) == list(window), (layer.name, place)


def test_receptive_field_of_series_is_where_the_gradient_reaches() -> None:
    examples = torch.randn(10, 100, 2)
    entry = Entry("project", (100,), 2, "wave")
    model = model_of(entry, "cnn", Size(16, 2), examples)
    first, second = unit_layers(model, {"wave": examples})
    assert first.field == Field((-19,), (39,), (1,))
    assert second.field == Field((-38,), (77,), (1,))
    for layer in (first, second):
        window = layer.field.window((50,), (100,))  # type: ignore[union-attr]
        assert support(model, layer, examples, 50) == list(window)


def test_long_series_are_halved_between_blocks() -> None:
    examples = torch.randn(4, 600, 1)
    entry = Entry("project", (600,), 1, "wave")
    model = model_of(entry, "cnn", Size(16, 2), examples)
    first, second = unit_layers(model, {"wave": examples})
    assert first.field is not None
    assert second.field is not None
    assert (first.field.step, second.field.step) == ((1,), (2,))
    window = second.field.window((150,), (600,))
    assert support(model, second, examples, 150) == list(window)


@pytest.mark.parametrize("family", ["rnn", "transformer"])
def test_recurrence_and_attention_see_everything(family: str) -> None:
    examples = torch.randint(1, 50, (6, 12), dtype=torch.int32)
    entry = Entry("lookup", (12,), 50, "text")
    model = model_of(entry, family, Size(32, 2), examples)
    layers = unit_layers(model, {"text": examples})
    assert len(layers) == 2
    assert all(layer.field and layer.field.whole for layer in layers)
    assert all(layer.positions == (12,) for layer in layers)


# --- what examples excite -----------------------------------------------------------------------


def test_padding_excites_no_unit() -> None:
    examples = torch.randint(1, 50, (6, 12), dtype=torch.int32)
    examples[:, 7:] = 0
    entry = Entry("lookup", (12,), 50, "text")
    model = model_of(entry, "rnn", Size(32, 1), examples)
    layers = unit_layers(model, {"text": examples})
    found = peaks(model, layers, {"text": examples})[layers[0].tap]
    assert found.value.shape == (6, 32)
    assert found.place.max() < 7
    assert (found.value < 0).any()  # a padding of zeros would have been more


def test_peaks_are_the_largest_answers(cnn: Model, images: Tensor) -> None:
    from pellucid.evidence.features.units import answers

    layers = unit_layers(cnn, {"file": images})
    found = peaks(cnn, layers, {"file": images})
    last = answers(cnn, layers, {"file": images})[-1]
    value = found[layers[-1].tap]
    np.testing.assert_allclose(value.value, last.amax(1).numpy(), rtol=1e-4, atol=1e-5)
    at = torch.from_numpy(value.place).long()[:, None]
    np.testing.assert_allclose(last.gather(1, at)[:, 0].numpy(), value.value, atol=1e-4)


def test_the_first_member_of_an_ensemble_is_looked_at() -> None:
    from pellucid.config import Plan

    examples = torch.randn(20, 3)
    entry = Entry("project", (), 3, "scalars")
    plan = Plan(network={"columns": "tabm"}, sizes={"columns": Size(8, 2)}, numbers="plain")
    inputs = {"scalars": examples}
    model = Model(blueprint({"scalars": entry}, inputs, torch.arange(20), plan, 2)).eval()
    layers = unit_layers(model, inputs)
    assert [layer.units for layer in layers] == [8, 8]
    with watch() as seen:
        model.features(inputs)
    expected = seen[layers[1].tap][:, 0].detach().numpy()
    np.testing.assert_allclose(peaks(model, layers, inputs)[layers[1].tap].value, expected)


def test_a_crop_at_the_edge_is_moved_inside() -> None:
    pixels = np.arange(100, dtype=np.uint8).reshape(10, 10, 1)
    part = strongest.crop(pixels, ((0, 3), (7, 10)), (5, 5))
    assert part[..., 0].tolist() == pixels[:5, 5:, 0].tolist()


def test_rows_that_excite_are_told_by_their_columns() -> None:
    from pellucid.data.columns import Column, Loaded

    number = np.r_[np.full(10, 9.0), np.random.default_rng(0).normal(size=90)]
    town = np.array(["Ulm"] * 10 + ["Bonn", "Jena", "Köln"] * 30, dtype=object)
    found = Peaks(np.r_[np.full(10, 5.0), np.zeros(90)][:, None].astype(np.float32), np.zeros(1))
    columns = [Column("size", "number", "input", ""), Column("town", "category", "input", "")]
    said = strongest.telling(found, 0, columns, {"size": Loaded(number), "town": Loaded(town)})
    assert "size 9 (usually" in said
    assert "town Ulm in 10 of 10 (usually 10%)" in said


# --- names --------------------------------------------------------------------------------------


def gabor(angle: float, wave: float = 4.0, phase: float = 0.0) -> np.ndarray:
    """A 5 x 5 filter for edges at this angle, in degrees: 0 lies flat, 45 rises to the right."""
    down, across = np.meshgrid(np.arange(-2, 3), np.arange(-2, 3), indexing="ij")
    turn = np.deg2rad(angle)
    side = across * np.sin(turn) + down * np.cos(turn)
    wavy = np.sin(2 * np.pi * side / wave + phase) * np.exp(-(down**2 + across**2) / 4.5)
    return wavy - wavy.mean()


def plant(model: Model, filters: list[np.ndarray]) -> None:
    """Put filters `(3, 5, 5)` into the first convolution, as strong as its own."""
    weight = branch(model, "file").network.stages[0].convolution.weight  # type: ignore[union-attr]
    spread = float(weight.detach().std())
    with torch.no_grad():
        for unit, one in enumerate(filters):
            weight[unit] = torch.from_numpy(one * spread / one.std()).float()
    stage = branch(model, "file").network.stages[0]
    stimuli.normalize(stage, stimuli.before(branch(model, "file"), 0, pictures(30)))


ANGLES = [0, 20, 45, 70, 90, 110, 135, 160]


def test_planted_filters_get_their_names(images: Tensor) -> None:
    model = model_of(Entry("project", (SIDE, SIDE), 3, "file"), "cnn", Size(192, 1), images)
    layer = unit_layers(model, {"file": images})[0]
    edges = [np.stack([gabor(angle)] * 3) for angle in ANGLES]
    red = np.ones((3, 5, 5)) * np.array([1.0, -0.5, -0.5])[:, None, None]
    down, across = np.meshgrid(np.arange(-2, 3), np.arange(-2, 3), indexing="ij")
    far = down**2 + across**2
    spot = (
        np.exp(-far / 1.0)
        - np.exp(-far / 4.0) * np.exp(-far / 1.0).sum() / np.exp(-far / 4.0).sum()
    )
    plant(model, [*edges, red, np.stack([spot] * 3)])
    random = list(range(len(edges) + 2, layer.units))
    found, tuning = stimuli.name_by_drawings(
        branch(model, "file"), layer, images, np.full(3, 127.0), 0
    )
    for unit, angle in enumerate(ANGLES):
        name = found[unit]
        assert name is not None, angle
        assert name.kind == "line"
        said = float(name.said.removeprefix("edge, ").removesuffix(" degrees"))
        assert abs((said - angle + 90) % 180 - 90) <= 10
        assert name.score > name.limit
        assert abs((tuning.angle[unit] - angle + 90) % 180 - 90) <= 10
    assert found[len(edges)] is not None
    assert found[len(edges)].said == "red"  # type: ignore[union-attr]
    assert found[len(edges) + 1] is not None
    assert found[len(edges) + 1].said == "light spot"  # type: ignore[union-attr]
    assert [found[unit] for unit in random] == [None] * len(random)
    assert len(random) >= 20


def test_drawn_angles_are_what_they_say() -> None:
    """A line at 45 degrees rises to the right: its upper right and lower left are alike."""
    drawn = stimuli.draw((13, 13, 1), np.full(1, 127.0))
    stripes = drawn.pixels[(drawn.angle == 40) & (drawn.word == "stripes"), :, :, 0]
    rising = [np.corrcoef(one[1:, :-1].ravel(), one[:-1, 1:].ravel())[0, 1] for one in stripes]
    falling = [np.corrcoef(one[1:, 1:].ravel(), one[:-1, :-1].ravel())[0, 1] for one in stripes]
    assert min(rising) > 0.9
    assert max(falling) < 0.9
    flat = drawn.pixels[(drawn.angle == 0) & (drawn.word == "edge"), :, :, 0]
    assert float(np.abs(np.diff(flat, axis=2)).max()) == 0


def test_areas_and_correlations_are_those_of_others() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(80, 5)).round(1)  # with ties
    having = random.random((80, 3)) < 0.4
    amounts = random.normal(size=(80, 2)).round(1)
    found = areas(ranked(values), having)
    for one in range(3):
        for unit in range(5):
            assert found[one, unit] == pytest.approx(roc_auc_score(having[:, one], values[:, unit]))
    other = correlations(ranked(values), amounts)
    for one in range(2):
        for unit in range(5):
            expected = spearmanr(amounts[:, one], values[:, unit]).statistic
            assert other[one, unit] == pytest.approx(expected)


def test_a_unit_that_follows_a_word_is_named_and_noise_is_not() -> None:
    random = np.random.default_rng(1)
    texts = [" ".join(random.choice(["good", "bad", "film", "plot", "the"], 3)) for _ in range(400)]
    values = random.normal(size=(400, 40)).astype(np.float32)
    values[:, 7] += 4 * np.array(["good" in text for text in texts])
    learned, judged = properties.of_words(texts[:200], texts[200:])
    found = names((values[:200], learned), (values[200:], judged), kind="word", floor=0.8, seed=0)
    assert found[7] is not None
    assert found[7].said == "word good"
    assert found[7].score > found[7].limit
    assert sum(name is not None for name in found) == 1


def test_a_unit_that_falls_with_a_column_is_called_low() -> None:
    random = np.random.default_rng(1)
    amount = random.normal(size=(300, 1))
    values = np.c_[-amount + 0.1 * random.normal(size=(300, 1)), random.normal(size=(300, 30))]
    size = Properties(("size high",), amount, ("size low",))
    half = [
        Properties(size.names, amount[part], size.low_names)
        for part in (slice(150), slice(150, 300))
    ]
    found = names(
        (values[:150], half[0]), (values[150:], half[1]), kind="number", floor=0.7, seed=0
    )
    assert found[0] is not None
    assert found[0].said == "size low"
    assert not any(found[1:])


def test_what_chance_gives_is_rarely_passed_by_chance() -> None:
    passed = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        having = Properties(("a", "b", "c"), random.random((60, 3)) < 0.4)
        values = ranked(random.normal(size=(60, 20)))
        limit = chance(values, having, seed, signed=True)
        passed += float((2 * areas(values, having.values) - 1).max()) > limit
    assert passed <= 7  # 2 expected; more than 7 has a probability below 1 in 1,000


def test_series_are_told_by_what_they_do() -> None:
    time = np.arange(100.0)
    rows = np.stack([0.1 * time, -0.1 * time])[:, :, None]
    found = properties.of_series(rows, np.array([[50], [50]]), [2])
    rising = found.values[:, found.names.index("rising over 5 steps")]
    assert rising.tolist() == pytest.approx([0.2, -0.2])
    assert found.low_names[found.names.index("rising over 5 steps")] == "falling over 5 steps"


def test_a_head_that_looks_at_the_one_before_is_named() -> None:
    weights = torch.full((4, 2, 20, 20), 1 / 20)
    weights[:, 0] = 0
    for place in range(1, 20):
        weights[:, 0, place, place - 1] = 1.0
    weights[:, 0, 0, 0] = 1.0
    one, other = attention.heads_of("text", "block 1", weights, None)
    assert one.name == "looks at the one before"
    assert one.score == pytest.approx(1.0)
    assert other.name == ""
    assert other.score == pytest.approx(other.even) == pytest.approx(1 / 20)
    mask = torch.ones(4, 20, dtype=torch.bool)
    mask[:, 10:] = False
    assert attention.heads_of("text", "block 1", weights, mask)[1].even == pytest.approx(1 / 10)


def test_heads_are_found_in_a_transformer() -> None:
    examples = torch.randint(1, 50, (6, 12), dtype=torch.int32)
    examples[:, 8:] = 0
    model = model_of(Entry("lookup", (12,), 50, "text"), "transformer", Size(64, 2), examples)
    found = attention.heads(model, {"text": examples})
    assert [(one.block, one.number) for one in found] == [
        ("block 1", 1), ("block 1", 2), ("block 2", 1), ("block 2", 2)
    ]  # fmt: skip
    assert all(0 <= share <= 1 for one in found for share in one.shares)
    assert all(one.even == pytest.approx(1 / 8) for one in found)


# --- selectivity --------------------------------------------------------------------------------


def test_selectivity_is_the_area_for_the_best_class() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, 90)
    values = random.normal(size=(90, 4)).astype(np.float32)
    values[:, 2] += 3 * (truth == 1)
    found, best = selectivity(Classify("kind", ["a", "b", "c"]), truth, Peaks(values, values))
    assert best[2] == 1
    assert found[2] == pytest.approx(roc_auc_score(truth == 1, values[:, 2]))
    assert found[2] > 0.95


def test_steps_are_spread_from_first_to_last() -> None:
    assert spread([0, 1, 2], 12) == [0, 1, 2]
    assert spread(list(range(0, 130, 10)), 4)[0] == 0
    assert spread(list(range(0, 130, 10)), 4)[-1] == 120


# --- made up ------------------------------------------------------------------------------------


def test_a_made_up_picture_excites_more_than_real_ones(cnn: Model, images: Tensor) -> None:
    layers = unit_layers(cnn, {"file": images})
    real = peaks(cnn, layers, {"file": images})
    targets = [(layer, unit) for layer in (layers[0], layers[2]) for unit in range(3)]
    cnn.zero_grad()
    made = imagine(cnn, targets, images, seconds=20, steps=60)
    assert made.steps == 60
    assert all(weight.grad is None for weight in cnn.parameters())
    assert made.inputs.shape == (6, SIDE, SIDE, 3)
    assert made.inputs.min() >= 0
    assert made.inputs.max() <= 255
    best = np.array([real[layer.tap].value[:, unit].max() for layer, unit in targets])
    assert (made.answers > best).all()
    again = peaks(cnn, layers, {"file": torch.from_numpy(made.inputs.astype(np.uint8))})
    for row, (layer, unit) in enumerate(targets):  # what is said is what the network answers
        assert again[layer.tap].value[row, unit] == pytest.approx(made.answers[row], rel=1e-3)


def test_a_made_up_series_excites_more_than_real_ones() -> None:
    torch.manual_seed(0)
    examples = torch.randn(40, 60, 1)
    model = model_of(Entry("project", (60,), 1, "wave"), "cnn", Size(16, 1), examples)
    layers = unit_layers(model, {"wave": examples})
    real = peaks(model, layers, {"wave": examples})[layers[0].tap].value.max(0)
    made = imagine(model, [(layers[0], unit) for unit in range(4)], examples, seconds=20, steps=80)
    assert made.inputs.shape == (4, 60, 1)
    assert (made.answers > real[:4]).mean() >= 0.75


# --- edges, parts, objects ----------------------------------------------------------------------


def test_squares_know_their_edges_and_corners() -> None:
    parts = np.zeros((1, 32, 32), dtype=np.uint8)
    direction = np.full((1, 32, 32), np.nan, dtype=np.float32)
    parts[0, 3, 0:16] = shapes.STRAIGHT
    direction[0, 3, 0:16] = 178.0
    direction[0, 3, 0:4] = 2.0  # nearly the same way, across the end of the scale
    parts[0, 3, 14:16] = shapes.CORNER
    found = cells(Outlines(direction, parts), np.array([0]))
    assert found.cell.tolist() == [0, 1]
    assert found.corner.tolist() == [False, True]
    assert abs((found.direction[0] + 90) % 180 - 90) < 2
    assert np.isnan(found.direction[1])


def test_places_are_pooled_in_squares() -> None:
    layer = UnitLayer("", "", "", 1, (8, 8), Field((0, 0), (4, 4), (4, 4)))
    square = probes.places(layer)
    assert square.reshape(8, 8)[0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert square.reshape(8, 8)[-1, -1] == ACROSS**2 - 1
    value = torch.arange(64.0).reshape(1, 64, 1)
    mean, most = probes.pooled(value, torch.from_numpy(square))
    assert float(mean[0, 0, 0]) == pytest.approx((0 + 1 + 8 + 9) / 4)
    assert float(most[0, 15, 0]) == 63
    few = UnitLayer("", "", "", 1, (2, 2), Field((0, 0), (16, 16), (16, 16)))
    assert probes.places(few).reshape(4, 4).tolist() == [[0, 0, 1, 1]] * 2 + [[2, 2, 3, 3]] * 2


def test_the_reader_is_ridge_regression() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(60, 5)), random.normal(size=(60, 2))
    new = random.normal(size=(7, 5))
    scaled = (x - x.mean(0)) / x.std(0)
    oracle = Ridge(alpha=0.1 * 60).fit(scaled, y).predict((new - x.mean(0)) / x.std(0))
    np.testing.assert_allclose(probes.ridge(x, y)(new, 0.1), oracle)


def test_pairs_are_compared_within_groups() -> None:
    having = np.array([True, False, True, False, False])
    said = np.array([1.0, 0.0, -5.0, -5.0, -4.0])
    rows, shares = probes.within(having, said, np.array([0, 0, 2, 2, 2]))
    assert rows.tolist() == [0, 2]
    assert shares.tolist() == [1.0, 0.25]
