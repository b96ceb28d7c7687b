"""Networks that others trained on far more examples: a start for pictures and texts."""
