"""Appendix: from each rule to its equation, its proof and its line."""
