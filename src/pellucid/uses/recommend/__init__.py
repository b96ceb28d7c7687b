"""Recommendation; `course.py` is the use, told from top to bottom."""

from pellucid.uses.recommend.course import Recommend

__all__ = ["Recommend"]
