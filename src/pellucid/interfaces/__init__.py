"""Ways to reach it: terminal, command line, report."""
