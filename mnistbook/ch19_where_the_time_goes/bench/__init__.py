"""mnistlab and its peers at the same work, side by side: ``make bench``, and a piece of it in the report."""
