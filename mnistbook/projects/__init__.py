"""The five published projects: what their authors published, and their networks in NumPy and in Keras."""
