"""Chapter 18: pictures as people draw them."""
