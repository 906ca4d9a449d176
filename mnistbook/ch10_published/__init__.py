"""Chapter 10: the five published projects, run again."""
