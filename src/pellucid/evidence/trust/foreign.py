"""Does it notice what is unlike anything it learned from?

The test rows are of the same kind: how many are called strange all the same? And rows made up
from them that no longer mean anything: how many are noticed?
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from pellucid.data.columns import Loaded
from pellucid.evidence.finding import Finding, Table, unknown
from pellucid.evidence.intervals import share_interval
from pellucid.evidence.subject import Material, Rows, part
from pellucid.evidence.trust.unlike import LEVEL

TITLE = "Does it notice what is unlike anything it learned from?"
MOST_ROWS = 200
"""Test rows that are asked, and of which strange ones are made."""
PLAIN = ("number", "category", "date", "words")

Make = Callable[[Loaded, np.random.Generator], Loaded]


# --- made-up rows -----------------------------------------------------------------------------


def noise(column: Loaded, random: np.random.Generator) -> Loaded:
    """Pictures of random pixels."""
    pixels = random.integers(0, 256, np.shape(column.values)).astype(np.uint8)
    return replace(column, values=pixels)


def scattered(column: Loaded, random: np.random.Generator) -> Loaded:
    """Pictures with the same pixels, each at another place."""
    values = np.array(column.values)
    places = values.reshape(len(values), -1, values.shape[-1])
    mixed = [one[random.permutation(len(one))] for one in places]
    return replace(column, values=np.stack(mixed).reshape(values.shape))


def out_of_time(column: Loaded, random: np.random.Generator) -> Loaded:
    """Series or sounds with the same moments, in random order; what is missing stays last."""
    values = np.array(column.values)
    for row in values:
        there = np.flatnonzero(~np.isnan(row.reshape(len(row), -1)).all(1))
        row[there] = row[random.permutation(there)]
    return replace(column, values=_as_before(column, values))


def letters(column: Loaded, random: np.random.Generator) -> Loaded:
    """Texts of the same letters in random order."""
    return _texts(column, lambda text: "".join(random.permutation(list(text))))


def words(column: Loaded, random: np.random.Generator) -> Loaded:
    """Texts of the same words in random order."""
    return _texts(column, lambda text: " ".join(random.permutation(text.split())))


def random_letters(column: Loaded, random: np.random.Generator) -> Loaded:
    """Texts with other letters, drawn anew at each place."""
    alphabet = _alphabet(column)
    return _texts(
        column,
        lambda text: "".join(
            str(random.choice(alphabet)) if letter.isalpha() else letter for letter in text
        ),
    )


def language(column: Loaded, random: np.random.Generator) -> Loaded:
    """Texts in an invented language: each letter is another one, the same everywhere."""
    alphabet = _alphabet(column)
    other = dict(zip(alphabet, random.permutation(alphabet).tolist(), strict=True))
    return _texts(column, lambda text: "".join(other.get(one, one) for one in text.lower()))


def _alphabet(column: Loaded) -> list[str]:
    """The small letters of all texts."""
    return sorted({one for text in column.values for one in (text or "").lower() if one.isalpha()})


def _texts(column: Loaded, change: Callable[[str], str]) -> Loaded:
    texts = np.array([text and change(text) for text in column.values], dtype=object)
    return replace(column, values=texts)


def _as_before(column: Loaded, values: np.ndarray) -> Any:
    """Recordings are pictures with more beside them."""
    return replace(column.values, mel=values) if hasattr(column.values, "mel") else values


MAKES: dict[str, dict[str, Make]] = {
    "image": {"pictures of noise": noise, "pictures with scattered pixels": scattered},
    "series": {"series out of order": out_of_time},
    "audio": {"sounds out of order": out_of_time},
    "text": {
        "texts of mixed letters": letters,
        "texts of random letters": random_letters,
        "texts in an invented language": language,
        "texts of mixed words": words,
    },
}


def made_up(material: Material, rows: Rows) -> dict[str, Rows]:
    """Name -> strange rows, made of these."""
    random = np.random.default_rng(material.seed)
    found: dict[str, Rows] = {}
    for column in material.subject.columns:
        for name, make in MAKES.get(column.modality, {}).items():
            changed = make(rows[column.name], random)
            found[name] = {**found.get(name, rows), column.name: changed}
    plain = [one.name for one in material.subject.columns if one.modality in PLAIN]
    if len(plain) > 1:
        mixed = {
            name: rows[name].take(random.permutation(len(rows[name].values))) for name in plain
        }
        found["rows with columns of different rows"] = {**rows, **mixed}
    numbers = [one.name for one in material.subject.columns if one.modality == "number"]
    if numbers:
        found["rows with one number ten times too large"] = _wrong_unit(rows, numbers, random)
    return found


def _wrong_unit(rows: Rows, numbers: list[str], random: np.random.Generator) -> Rows:
    """One number of each row in another unit, so to speak."""
    changed = {name: np.array(rows[name].values, dtype=np.float64) for name in numbers}
    for row in range(len(changed[numbers[0]])):
        changed[numbers[random.integers(len(numbers))]][row] *= 10
    return rows | {name: replace(rows[name], values=values) for name, values in changed.items()}


# --- the study --------------------------------------------------------------------------------


@part("unlike")
def study(material: Material) -> Finding:
    """False alarms on the test rows, and how many made-up rows are noticed."""
    some = material.test[:: max(1, len(material.test) // MOST_ROWS)][:MOST_ROWS]
    rows = material.take(some)
    usual = material.kept.say(rows)
    if not any("unlike" in answer for answer in usual):
        return unknown(
            "unlike",
            TITLE,
            "There were no rows to compare with: learn again from more rows, with a version that"
            " keeps some in the model.",
        )
    alarms = _counted("test rows (false alarms)", usual)
    strange = [
        _counted(name, material.kept.say(changed))
        for name, changed in made_up(material, rows).items()
    ]
    table = Table(
        "Called unlike anything it learned from",
        ("rows", "asked", "noticed", "from", "to"),
        tuple(
            (one["rows"], one["asked"], one["share"], one["low"], one["high"])
            for one in (alarms, *strange)
        ),
    )
    seen = "; ".join(f"{one['rows']}: {one['share']:.0%} noticed" for one in strange)
    return Finding(
        "unlike",
        TITLE,
        f"Of {alarms['asked']:,} test rows it calls {alarms['share']:.1%} unlike anything it"
        f" learned from (about 1% is meant). {seen[:1].upper()}{seen[1:]}.",
        notes=(
            "A row is called so if fewer than one in a hundred usual rows are as far from what it"
            " learned from, or if a number is far outside of its range.",
            "What it does not notice it answers as if it were usual: the percentages then mean"
            " nothing.",
            *_of_texts(material),
            *_whoever_answers(material),
        ),
        figures={"false_alarms": alarms, "made_up": strange, "level": LEVEL},
        tables=(table,),
    )


def _of_texts(material: Material) -> tuple[str, ...]:
    if all(one.modality != "text" for one in material.subject.columns):
        return ()
    return (
        "Texts are told by which tokens follow which; words in mixed order are noticed the more"
        " often, the longer a text is and the more texts were learned from.",
    )


def _whoever_answers(material: Material) -> tuple[str, ...]:
    if material.given is None or all(one.modality in PLAIN for one in material.subject.columns):
        return ()
    return (
        f"Rows are compared as they are and as the network sees them, though {material.given.name}"
        " answers.",
    )


def _counted(name: str, said: list[dict[str, Any]]) -> dict[str, Any]:
    noticed = sum("beyond" in one or one.get("unlike", 1.0) < LEVEL for one in said)
    low, high = share_interval(noticed, len(said))
    return {
        "rows": name,
        "asked": len(said),
        "noticed": noticed,
        "share": noticed / len(said),
        "low": low,
        "high": high,
    }
