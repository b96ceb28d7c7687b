"""Words in an order: low < medium < high, mild < moderate < severe, "1 - poor" < "2 - fair".

Sorted by name, "high" would come before "low". An order is known where every word has a number in
front or stands on a usual scale; any other is said as `--as 'risk=calm<alert<alarm'`.
"""

from __future__ import annotations

import re
from collections.abc import Collection

BETWEEN = "<"
"""What stands between the words of a scale that a person writes, the lowest first."""
_SCALES = """
    very low, lowest < low, lower < medium, mid, moderate, middle, average < high, higher < very high, highest
    never < rarely, seldom < sometimes, occasionally < often, frequently, usually < always
    terrible, very bad, very poor < bad, poor < fair, okay, ok, average, neutral < good < very good, great < excellent
    none, no, absent, normal < minimal < mild, slight, light < moderate, medium < severe, strong < very severe, critical
    xxs < xs < s < m < l < xl < xxl < xxxl
    tiny < small < medium < large, big < very large, huge
    strongly disagree < disagree < neutral, neither agree nor disagree, undecided < agree < strongly agree
    very dissatisfied < dissatisfied < neutral < satisfied < very satisfied
    very unlikely < unlikely < possible, neutral, maybe < likely < very likely
    negative < neutral < positive
    slow < medium < fast
    cold < cool < warm < hot
    young < middle, middle-aged < old
    i < ii < iii < iv < v < vi < vii < viii
    primary < secondary < tertiary
    bronze < silver < gold < platinum
    beginner < intermediate < advanced < expert
    sehr niedrig < niedrig, gering, tief < mittel < hoch < sehr hoch
    nie < selten < manchmal < oft, häufig < immer
    mangelhaft, schlecht < ausreichend < befriedigend < gut < sehr gut
    keine, kein, normal < leicht, mild < mittel, mäßig, mittelgradig < schwer, stark < sehr schwer
    klein < mittel < groß < sehr groß
    sehr unzufrieden < unzufrieden < neutral, teils teils, weder noch < zufrieden < sehr zufrieden
    stimme gar nicht zu < stimme nicht zu < neutral, teils teils, weder noch < stimme zu < stimme voll zu, stimme voll und ganz zu
    bas, faible < moyen < élevé, haut
    très insatisfait < insatisfait < neutre < satisfait < très satisfait
    jamais < rarement < parfois < souvent < toujours
    bajo < medio < alto
    muy insatisfecho < insatisfecho < neutral < satisfecho < muy satisfecho
    nunca < raramente < a veces < a menudo < siempre
"""  # noqa: E501
SCALES: tuple[dict[str, int], ...] = tuple(
    {
        word.strip(): place
        for place, level in enumerate(line.split(BETWEEN))
        for word in level.split(",")
    }
    for line in _SCALES.strip().splitlines()
)
"""For each scale a word -> its place. Words of equal place mean the same."""
_IN_FRONT = re.compile(r"[<>≤≥]?\s*(?:\D{0,12}\s)?(-?\d+(?:[.,]\d+)?)(?![\d.,])")
_NUMERAL = re.compile(r"(?P<before>.*?)\b(?P<numeral>[ivx]+)")
_SIGNS = {"<": -0.5, "≤": -0.5, ">": 0.5, "≥": 0.5}


def order_of(words: Collection[str]) -> list[str] | None:
    """The words from the lowest to the highest; None where no order of them is known.

    >>> order_of({"high", "low", "medium"})
    ['low', 'medium', 'high']
    >>> order_of({"18-24", "< 18", "65+", "25-64"})
    ['< 18', '18-24', '25-64', '65+']
    >>> order_of({"Stage II", "Stage I", "Stage IV"})
    ['Stage I', 'Stage II', 'Stage IV']
    >>> order_of({"cat", "dog"}) is None
    True
    """
    for places in (_on_a_scale(words), _by_numeral(words), _by_number(words)):
        if places is not None and len(set(places.values())) == len(places) > 1:
            return sorted(places, key=lambda word: places[word])
    return None


def written(scale: str) -> list[str]:
    """The words of a scale as a person writes it, "low<medium<high"."""
    return [word.strip() for word in scale.split(BETWEEN)]


def _on_a_scale(words: Collection[str]) -> dict[str, float] | None:
    plain = {word: " ".join(re.split(r"[\s_]+", word.casefold().strip())) for word in words}
    for scale in SCALES:
        if all(one in scale for one in plain.values()):
            return {word: scale[one] for word, one in plain.items()}
    return None


def _by_numeral(words: Collection[str]) -> dict[str, float] | None:
    """Roman numerals behind a word that all have: "Stage II"."""
    found = {word: _NUMERAL.fullmatch(word.casefold()) for word in words}
    matches = [match for match in found.values() if match]
    if len(matches) < len(found) or len({match["before"] for match in matches}) > 1:
        return None
    places = SCALES[[scale.get("iii") for scale in SCALES].index(2)]
    if not all(match["numeral"] in places for match in matches):
        return None
    return {word: places[match["numeral"]] for word, match in found.items() if match}


def _by_number(words: Collection[str]) -> dict[str, float] | None:
    """A number in front, or behind one word: "1 - poor", "18-24", "65+", "grade 2", "< 18"."""
    places = {}
    for word in words:
        match = _IN_FRONT.match(word.strip())
        if match is None:
            return None
        sign = _SIGNS.get(word.strip()[0], 0.0)
        places[word] = float(match[1].replace(",", ".")) + sign
    return places
