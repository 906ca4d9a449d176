"""The report's own code: a folder for each chapter, named like its notebook, and what several chapters share.

The library, :mod:`mnistlab`, imports nothing from here; a chapter imports nothing from another chapter.
"""
