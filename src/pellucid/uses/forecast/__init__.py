"""Forecasting: one or many series, the calendar and what helps -> the future with intervals."""

from pellucid.uses.forecast.answerer import ForecastAnswerer
from pellucid.uses.forecast.course import ForecastCourse

__all__ = ["ForecastAnswerer", "ForecastCourse"]
