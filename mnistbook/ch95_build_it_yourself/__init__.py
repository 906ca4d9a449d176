"""Appendix: a network written by the reader, checked step by step."""
