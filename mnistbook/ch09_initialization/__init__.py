"""Chapter 9: how large signals are."""
