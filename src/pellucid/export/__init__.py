"""Take it away: a trained model as a folder of tensors and JSON."""
