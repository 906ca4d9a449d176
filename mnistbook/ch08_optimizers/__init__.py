"""Chapter 8: optimizers on a surface of two parameters."""
