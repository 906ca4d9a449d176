"""Appendix: every look at the test images."""
