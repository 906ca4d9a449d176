"""Chapter 7: gradients that are wrong."""
