"""Appendix: what this build was made with."""
