"""What happened inside: the network's values, gradients and weights at recorded steps."""

from __future__ import annotations

import numpy as np

from pellucid.interfaces.report import charts, pictures
from pellucid.interfaces.report.facts import Facts
from pellucid.interfaces.report.layout import note, section, table
from pellucid.interfaces.report.markup import Child, Html, group, tag
from pellucid.interfaces.report.words import counted, listed, name, number, percent
from pellucid.recording.files import Arrays
from pellucid.recording.looks import Look, Looks, Seen

MOST_VALUES = 8
"""Watched values whose distributions are drawn."""
MOST_WEIGHTS = 24
MOST_MOMENTS = 40
"""Recorded steps that the courses of answers are drawn from."""
MOST_TILES = 32
BINS = 25


def inside_section(facts: Facts, budget: pictures.Budget) -> Html:
    title = "What happened inside"
    if facts.looks is None:
        why = (
            "The inside was not recorded (--no-record)."
            if not (facts.info.get("settings") or {}).get("record", True)
            else "No look at the inside was recorded."
        )
        return section("inside", title, note(why))
    moments = [facts.looks.at(step) for step in telling_steps(facts.looks.steps)]
    steps = listed([f"{look.step:,}" for look in moments])
    return section(
        "inside",
        title,
        tag(
            "p",
            f"The network was stopped {counted(len(facts.looks), 'time')} for an instant and shown "
            f"the same {counted(_examples(facts), 'training example')}. Here are steps {steps}: "
            "before it learned, on the way, and at the end.",
        ),
        _answers(facts),
        _filters(moments, budget),
        _neurons(facts, budget),
        _maps(facts, moments, budget),
        _values(moments),
        _weights(facts.looks, moments[-1]),
    )


def telling_steps(steps: list[int]) -> list[int]:
    """The first step, an early one, a middle one, and the last.

    >>> telling_steps([0, 1, 2, 4, 8, 16, 32, 64, 100])
    [0, 8, 32, 100]
    """
    last = steps[-1]
    wanted = (0, 0.1 * last, 0.4 * last, last)
    return sorted({min(steps, key=lambda step: abs(step - place)) for place in wanted})


def _examples(facts: Facts) -> int:
    return len(facts.probe.rows) if facts.probe else 8


# --- the answers for watched examples -------------------------------------------------------


def _answers(facts: Facts) -> Html | None:
    """How the answer for each watched example changed."""
    probe, looks = facts.probe, facts.looks
    if probe is None or looks is None or facts.use:
        return None
    every = max(1, -(-len(looks) // MOST_MOMENTS))
    steps = sorted({*looks.steps[::every], looks.steps[-1]})
    outputs = [looks.at(step).activations.get("output") for step in steps]
    if any(output is None or not output.whole for output in outputs):
        return None
    values = np.stack([output.value for output in outputs if output is not None])
    course = _course(facts, values, probe.target)
    if course is None:
        return None
    said, courses, truths = course
    shares = facts.kind == "classify"
    written = percent if shares else number
    limits = (0.0, 1.0) if shares else None
    rows: list[list[Child]] = [
        [
            name(place),
            name(truth),
            charts.sparkline(
                f"{said} from {written(one[0])} to {written(one[-1])}", one, limits=limits
            ),
            written(one[0]),
            written(one[-1]),
        ]
        for place, truth, one in zip(probe.places, truths, courses.T)
    ]
    heads = ["watched example", "truth", "course", f"step {steps[0]:,}", f"step {steps[-1]:,}"]
    return group(
        tag("h3", "The watched examples"),
        tag("p", f"{said}, as training went on (before calibration)."),
        table("Watched examples", heads, rows, numbers=(3, 4)),
    )


def _course(
    facts: Facts, values: np.ndarray, target: np.ndarray
) -> tuple[str, np.ndarray, list[str]] | None:
    """What is followed, `(steps, examples)` of it, and each example's truth in words."""
    if values.ndim == 4:  # (steps, examples, members, outputs)
        values = values.mean(2) if facts.kind == "regress" else _softmax(values).mean(2)
    elif facts.kind == "classify":
        values = _softmax(values)
    if facts.kind == "classify":
        labels = target.astype(np.int64)
        courses = values[:, np.arange(len(labels)), labels]
        truths = [facts.classes[label] for label in labels]
        return "Probability of the true class", courses, truths
    if facts.kind == "regress" and "center" in facts.task:
        center, spread = facts.task["center"][0], facts.task["spread"][0]
        truths = [
            number(float(row[0]) * spread + center) for row in target.reshape(len(target), -1)
        ]
        return f"Answer for {facts.targets[0]}", values[..., 0] * spread + center, truths
    return None


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


# --- pictures of filters and feature maps ---------------------------------------------------


def _filters(moments: list[Look], budget: pictures.Budget) -> Html | None:
    """The first layer's weights as pictures, where it reads pixels."""
    first, last = moments[0], moments[-1]
    found = [
        seen
        for seen in first.parameters.values()
        if len(seen.shape) == 4
        and seen.whole
        and seen.shape[1] in (1, 3)
        and min(seen.shape[2:]) > 2
    ]
    if not found or found[0].name not in last.parameters:
        return None
    where = found[0].name
    sheets = [
        _tile_picture(
            filter_tiles(look.parameters[where].value), budget, f"filters at step {look.step}"
        )
        for look in (first, last)
    ]
    count = found[0].shape[0]
    height, width = found[0].shape[2:]
    shown = "all" if count <= MOST_TILES else f"{MOST_TILES} of them"
    return group(
        tag("h3", "What its first layer looks for"),
        tag(
            "p",
            f"{count} filters of {height} × {width} pixels slide over every picture ({shown} "
            "shown). Each answers where the picture looks like it: bright where it wants light, "
            "dark where it wants darkness. They start at random; edges and spots appear by "
            "learning.",
        ),
        tag(
            "div",
            charts.figure(sheets[0], f"recorded at step {first.step:,}"),
            charts.figure(sheets[1], f"recorded at step {last.step:,}"),
            class_="charts",
        ),
    )


def _neurons(facts: Facts, budget: pictures.Budget) -> Html | None:
    """The first layer's weights of a plain network as pictures, one for each neuron."""
    part = next((p for p in facts.network.get("parts", []) if len(p.get("seen", [])) == 3), None)
    steps = facts.run.weight_steps
    if part is None or not steps:
        return None
    sound = any(c["name"] == part["part"] and c["modality"] == "audio" for c in facts.columns)
    weights = [first_layer(facts.run.weights(step), part["seen"]) for step in (steps[0], steps[-1])]
    if any(weight is None or weight.shape[1] not in (1, 3) for weight in weights):
        return None
    first, last = (weight for weight in weights if weight is not None)
    if sound:  # time from left to right, low notes at the bottom
        first, last = (weight.swapaxes(2, 3)[:, :, ::-1] for weight in (first, last))
    strongest = np.argsort(-np.linalg.norm(last.reshape(len(last), -1), axis=1), kind="stable")
    sheets = [
        _tile_picture(filter_tiles(weight[strongest]), budget, f"neurons at step {step}")
        for weight, step in ((first, steps[0]), (last, steps[-1]))
    ]
    shown = min(len(last), MOST_TILES)
    return group(
        tag("h3", "What its first neurons look for"),
        tag(
            "p",
            f"Each of the {len(last)} neurons of the first layer has one weight for every place of "
            f"the picture: together they are a picture too. Here are those of the {shown} with the "
            "largest weights at the end: bright where the neuron wants much, dark where it wants "
            "little. They start at random; strokes and spots appear by learning, each at its own "
            "place, since a plain network does not know that a shape is the same elsewhere.",
        ),
        tag(
            "div",
            charts.figure(sheets[0], f"recorded at step {steps[0]:,}"),
            charts.figure(sheets[1], f"recorded at step {steps[-1]:,}"),
            class_="charts",
        ),
    )


def first_layer(weights: Arrays, seen: list[int]) -> np.ndarray | None:
    """float32 `(neurons, channels, height, width)`: of the first plain layer that reads a picture
    of the shape `seen`, `(height, width, channels)`; None if there is none."""
    for key, weight in weights.items():
        if key.endswith("network.layers.0.weight") and weight.shape[1:] == (np.prod(seen),):
            return weight.reshape(len(weight), *seen).transpose(0, 3, 1, 2)
    return None


def filter_tiles(weight: np.ndarray) -> np.ndarray:
    """`(n, 1 | 3, height, width)` -> uint8 `(n, height, width, 1 | 3)`; each filter's 0 is gray."""
    shown = weight[:MOST_TILES]
    peak = np.abs(shown).reshape(len(shown), -1).max(1)
    scaled = shown / np.where(peak > 0, peak, 1)[:, None, None, None]
    return np.round(127.5 + 127.5 * scaled).astype(np.uint8).transpose(0, 2, 3, 1)


def _maps(facts: Facts, moments: list[Look], budget: pictures.Budget) -> Html | None:
    """What one watched picture excites in the layers, before and after learning."""
    probe = facts.probe
    last = moments[-1]
    layers = [
        seen
        for seen in last.activations.values()
        if len(seen.shape) == 4
        and seen.name.endswith("activation")
        and min(seen.value.shape[1:3]) > 1
    ]
    if probe is None or not layers:
        return None
    chosen = list(
        {layers[0].name: layers[0], layers[len(layers) // 2].name: layers[len(layers) // 2]}
    )
    rows = []
    for layer in chosen:
        sheets = []
        for look in (moments[0], last):
            seen = look.activations.get(layer)
            if seen is None:
                continue
            alt = f"feature maps of {layer} at step {look.step}"
            sheets.append(
                charts.figure(
                    _tile_picture(map_tiles(seen.value[0]), budget, alt),
                    group(name(layer), f", {_shape(seen)}, recorded at step {look.step:,}"),
                )
            )
        rows.append(tag("div", sheets, class_="charts"))
    return group(
        tag("h3", "What one example excites"),
        tag(
            "p",
            "The example ",
            name(probe.places[0]),
            " inside the network: each tile is one feature, bright where it was found. Early "
            "layers keep the outline; later ones are coarser and answer to larger parts.",
        ),
        group(rows),
    )


def map_tiles(values: np.ndarray) -> np.ndarray:
    """`(height, width, features)` -> uint8 `(features, height, width, 1)`, own scales."""
    maps = values.transpose(2, 0, 1)[:MOST_TILES, :, :, None]
    low = maps.min((1, 2, 3), keepdims=True)
    span = maps.max((1, 2, 3), keepdims=True) - low
    return np.round(255 * (maps - low) / np.where(span > 0, span, 1)).astype(np.uint8)


def _tile_picture(maps: np.ndarray, budget: pictures.Budget, alt: str) -> Html:
    sheet = pictures.tiles(maps, 8)
    data = pictures.png(sheet)
    if not budget.takes(len(data)):
        return note("picture left out to keep this page small")
    return pictures.picture(data, sheet.shape[0], sheet.shape[1], alt, look="tiles")


# --- distributions --------------------------------------------------------------------------


def _values(moments: list[Look]) -> Html | None:
    """What each layer gives, as small histograms side by side."""
    known = moments[-1].activations
    names = [one for one in known if not one.endswith(" / sum") and not one.endswith("convolution")]
    names = names or list(known)
    if not names:
        return None
    places = np.linspace(0, len(names) - 1, min(MOST_VALUES, len(names))).round().astype(int)
    shown = [names[place] for place in dict.fromkeys(places.tolist())]
    cards = [_distribution(one, moments) for one in shown]
    more = len(known) - len(shown)
    return group(
        tag("h3", "What each layer gives"),
        tag(
            "p",
            "How the values of a layer are spread, for the watched examples; one histogram a "
            "recorded step, on a common scale, zeros left out. Many zeros mean that the layer "
            "answers only to some things. The gradient says how much the loss would change with "
            "these values.",
        ),
        tag("div", cards, class_="charts"),
        note(f"{counted(more, 'more watched value')} in the folder looks") if more > 0 else None,
    )


def _distribution(where: str, moments: list[Look]) -> Html:
    seen = [(look.step, look.activations[where]) for look in moments if where in look.activations]
    ends = np.array([np.quantile(one.value, (0.005, 0.995)) for _, one in seen])
    low, high = float(ends[:, 0].min()), float(ends[:, 1].max())
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    drawn = []
    for step, one in seen:
        counts, _ = np.histogram(np.clip(one.value[one.value != 0], edges[0], edges[-1]), edges)
        value, gradient = one.statistics["value"], one.statistics.get("gradient")
        said = [f"mean {number(value.mean)}", f"spread {number(value.std)}"]
        if value.zeros >= 0.005:
            said.append(f"{percent(value.zeros, 0)} zero")
        if gradient is not None:
            said.append(f"gradient {number(gradient.norm)}")
        drawn.append(
            tag(
                "div",
                tag("div", f"step {step:,}", class_="when"),
                charts.bars(f"{where} at step {step}: {', '.join(said)}", counts),
                [tag("div", text) for text in said],
            )
        )
    caption = group(
        tag("b", name(where)),
        f": {_shape(seen[-1][1])} values for each example, drawn from {number(low)} to "
        f"{number(high)}",
    )
    return tag(
        "figure", tag("figcaption", caption), tag("div", drawn, class_="moments"), class_="spread"
    )


def _shape(seen: Seen) -> str:
    return "\u00a0×\u00a0".join(map(str, seen.shape[1:])) or "1"


# --- weights --------------------------------------------------------------------------------


def _weights(looks: Looks, last: Look) -> Html | None:
    """How strongly each layer was pulled, and how far it moved."""
    names = [one for one, seen in last.parameters.items() if len(seen.shape) > 1]
    if not names:
        return None
    rows = [_weight_row(looks, one, last.parameters[one]) for one in names[:MOST_WEIGHTS]]
    more = len(last.parameters) - len(rows)
    return group(
        tag("h3", "How each layer learned"),
        tag(
            "p",
            "Over all recorded steps: the gradient (how strongly the error pulls at the layer's "
            "weights; its norm), and how far one step moved them, as a share of their size. Around "
            "a thousandth is usual while learning is fast. Curves count in powers of ten.",
        ),
        table(
            "Weights", ["weights", "shape", "gradient, first to last", "moved, first to last"], rows
        ),
        note(f"{counted(more, 'more tensor')} (biases, norms ...) in the folder looks")
        if more > 0
        else None,
    )


def _weight_row(looks: Looks, where: str, seen: Seen) -> list[Child]:
    pulls = looks.history("weight_gradient", where)[1][:, 3]
    steps, sizes = looks.history("weight", where)
    moved_steps, moved = looks.history("update", where)
    size = dict(zip(steps.tolist(), sizes[:, 3]))
    shares = np.array(
        [row[3] / (size[step] or 1) for step, row in zip(moved_steps.tolist(), moved)]
    )
    return [
        name(where.removeprefix("branches.")),
        "\u00a0×\u00a0".join(map(str, seen.shape)),
        _course_cell(f"gradient norm of {where}", pulls),
        _course_cell(f"relative update of {where}", shares),
    ]


def _course_cell(title: str, values: np.ndarray) -> Html:
    there = values[np.isfinite(values)]
    if not len(there):
        return Html("–")
    ends = f"{number(float(there[0]))} → {number(float(there[-1]))}"
    return group(
        charts.sparkline(f"{title}: {ends}", there, log=True), tag("div", ends, class_="ends")
    )
