"""Why a model answered so, and how far to trust it: measured, tested, in plain words."""
