"""Steps 4 and 5: what is asked of the network, and how wrong an answer is."""
