"""Why this answer: what it rests on, tested before it is shown."""
