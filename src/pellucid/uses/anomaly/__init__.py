"""Anomaly detection without labels: learned from what is normal.

source     what there is to learn from, and labels set apart for the exam
parts      which rows are learned from, held back, and sealed
inputs     what is looked at: one picture, or columns that can be guessed from each other
described  a text or picture beside other columns, as a few numbers
course     the job, told top to bottom
contenders the network and the classical methods side by side
score      how strange a row is, and where: everything is hidden once and guessed
promise    from scores to p-values: how many false alarms to expect, and whom not to trust
planted    anomalies made on purpose, to compare methods where nobody knows real ones
repair     pieces of an example, and what would be usual in their place
where      which pieces make an example strange, tested by repairing them
"""

from pellucid.uses.anomaly.answerer import AnomalyAnswerer
from pellucid.uses.anomaly.course import Anomaly

__all__ = ["Anomaly", "AnomalyAnswerer"]
