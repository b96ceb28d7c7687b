"""What a network that forecasts is measured against: the field's classical methods.

    constant answer     the mean of what was seen
    seasonal naive      what was there a season before
    drift               the straight line from the first to the last value, continued
    exponential smoothing   level, trend and season that follow the values; the form with the
                        lowest AICc of nine (Hyndman and others 2002)
    Theta               the season taken out, half of the trend, smoothed (Assimakopoulos and
                        Nikolopoulos 2000, as Hyndman and Billah 2003 put it)
    mean of three       of the seasonal naive forecast, exponential smoothing and Theta

Parameters are found on the part to learn from alone. At each origin the states are those that
the values up to it lead to; parameters are not found again.
"""

from pellucid.baselines.forecasting.method import Many, Method
from pellucid.baselines.forecasting.naive import Constant, Drift, SeasonalNaive
from pellucid.baselines.forecasting.smoothing import FORMS, Form, Smoothing
from pellucid.baselines.forecasting.theta import Theta
from pellucid.baselines.forecasting.together import METHODS, Fitted, MeanOfThree, fit_all

__all__ = [
    "FORMS",
    "METHODS",
    "Constant",
    "Drift",
    "Fitted",
    "Form",
    "Many",
    "MeanOfThree",
    "Method",
    "SeasonalNaive",
    "Smoothing",
    "Theta",
    "fit_all",
]
