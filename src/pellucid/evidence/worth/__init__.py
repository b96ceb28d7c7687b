"""Was it worth it: against classical methods, for its cost, and with more data."""
