"""Anomaly detection without labels: learned from what is normal.

source     what there is to learn from, and labels set apart for the exam
course     the job, told top to bottom
score      how strange a row is, and where: everything is hidden once and guessed
promise    from scores to p-values: how many false alarms to expect
planted    anomalies made on purpose, to compare methods where nobody knows real ones
where      which pieces make an example strange, tested by repairing them
"""

from pellucid.uses.anomaly.answerer import AnomalyAnswerer
from pellucid.uses.anomaly.course import Anomaly

__all__ = ["Anomaly", "AnomalyAnswerer"]
