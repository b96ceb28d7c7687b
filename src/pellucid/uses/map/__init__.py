"""A map of unlabelled data; `course.py` is the use, told from top to bottom."""

from pellucid.uses.map.course import Map

__all__ = ["Map"]
