"""Asking what is where in a picture."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from pellucid.data.cache import Unusable
from pellucid.errors import DataError
from pellucid.evidence.finding import Finding, Picture
from pellucid.interfaces.studio.uses.desk import Asked, Desk, Field, Reply, Way
from pellucid.uses.detect.answerer import DetectAnswerer
from pellucid.uses.detect.pictures import on_canvas, open_upright

SIDE = 640
"""Pixels that a picture is shown with, at most."""
LEAST = 0.05
"""Less likely boxes are not even drawn faintly."""


class DetectDesk(Desk[DetectAnswerer]):
    """See the module."""

    def ways(self) -> list[Way]:
        field = Field("picture", "picture", "A picture", watched="picture")
        return [Way("picture", "Look at a picture", "Find things", [field])]

    def answer(self, asked: Asked) -> Reply:
        path = asked.file("picture", "picture")
        lines = self.model.predict(path, asked.model)
        if "error" in lines[0]:
            error = lines[0]["error"]
            raise DataError(error["what"], where=error["where"], fix=error["fix"])
        told = lines[0]["boxes"]
        names = ", ".join(f"{box['label']} ({box['probability']:.0%})" for box in told[:6])
        count = "1 thing" if len(told) == 1 else f"{len(told)} things"
        sentence = f"{count} found: {names}." if told else "Nothing is likely enough to be told."
        who = asked.model or self.model.kept
        threshold = self.model.surenesses[who].threshold
        note = f"Told is what is likelier than {threshold:.0%}, chosen on validation pictures."
        shown = Finding(
            "answer",
            "What is where",
            sentence,
            notes=(note,),
            figures={"threshold": threshold},
            pictures=(self._drawn(path, who),),
        )
        return Reply(lines, shown)

    def why(self, asked: Asked) -> Finding:
        return self.model.explain(asked.file("picture", "picture"), 0, asked.seconds)

    def _drawn(self, path: Path, who: str) -> Picture:
        """The picture with every box that is not quite unlikely; the page hides those below the
        threshold."""
        from pellucid.recipe.drawings import png

        try:
            picture = open_upright(path)
        except Unusable as error:
            raise DataError(str(error), where=path.name, fix="give another picture") from None
        size = picture.size
        found = self.model.find(on_canvas(picture, self.model.canvas)[None], who)[0]
        usual = self.model.surenesses[who]
        bold = copy.copy(self.model)
        least = min(LEAST, usual.threshold)
        bold.surenesses = {**self.model.surenesses, who: replace(usual, threshold=least)}
        boxes = bold.told(found, size, who)
        scale = min(1.0, SIDE / max(size))
        if scale < 1:
            picture = picture.resize((round(size[0] * scale), round(size[1] * scale)))
        for box in boxes:
            box |= {name: round(box[name] * scale, 1) for name in ("x", "y", "width", "height")}
        data = {
            "png": png(np.asarray(picture)),
            "width": picture.size[0],
            "height": picture.size[1],
            "boxes": boxes,
            # Probabilities are rounded to four digits: none may fall below it by that.
            "threshold": math.floor(1e4 * usual.threshold) / 1e4,
        }
        return Picture(path.name, {"picture": {"kind": "boxes", "data": data}})
