"""Chapter 15: one network in mnistlab and in Keras."""
