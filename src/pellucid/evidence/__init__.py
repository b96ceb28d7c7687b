"""How far an answer can be trusted: intervals, calibration, and the verdict on deep learning."""
