"""Built-in examples: real data that packages carry, and generated data that says so."""
