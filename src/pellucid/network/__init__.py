"""Steps 2 and 3: layers of neurons that find features."""
