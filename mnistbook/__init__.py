"""The report's own code, in folders named like the notebooks."""
