"""Chapter 2: a drawing of a network."""
