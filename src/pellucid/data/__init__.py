"""Step 1, input: files and tables become tensors."""
