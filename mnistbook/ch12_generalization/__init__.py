"""Chapter 12: what helps on images that a network has not seen."""
