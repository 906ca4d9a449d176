"""Chapter 16: the published dense networks in Keras."""
