"""Chapter 3: an image on its way through a network, and the error on its way back."""
