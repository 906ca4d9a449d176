"""Chapter 4: the playground."""
