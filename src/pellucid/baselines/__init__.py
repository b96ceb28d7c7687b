"""Classical methods on the same rows: the bar that deep learning has to clear."""
