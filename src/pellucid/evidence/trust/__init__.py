"""How far to trust an answer: percentages, sets and intervals, strange rows, weaker parts."""
