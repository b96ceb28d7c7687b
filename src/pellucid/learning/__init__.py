"""Steps 6 to 8: backpropagation, weight update, and the loop."""
