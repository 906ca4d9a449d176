"""Chapter 19: speed."""
