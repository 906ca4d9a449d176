"""Chapter 14: what a trained network looks at, and what it gets wrong."""
