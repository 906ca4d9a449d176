"""Networks to and from files and other frameworks."""
