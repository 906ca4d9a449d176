"""Chapter 6: what flows through a pass, and what it costs."""
