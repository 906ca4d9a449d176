"""Appendix: how an image is straightened and distorted."""
