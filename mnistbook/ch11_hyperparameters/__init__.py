"""Chapter 11: the sweep over hyperparameters."""
