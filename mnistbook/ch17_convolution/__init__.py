"""Chapter 17: convolutional networks."""
