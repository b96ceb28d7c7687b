"""The kinds of values, one file each; a new kind is one file and one line in this list."""

from pellucid.data.columns import MODALITIES
from pellucid.data.modalities import audio, category, date, image, number, series, text, words

__all__ = [
    "MODALITIES",
    "audio",
    "category",
    "date",
    "image",
    "number",
    "series",
    "text",
    "words",
]
