"""What the studies of the projects' Keras networks stored, with the names that the authors' print-outs have."""

from __future__ import annotations

import pandas as pd

from mnistbook import results
from mnistbook.projects.registry import CONVOLUTIONS

__all__ = ["epochs_of", "final_rows"]


def final_rows() -> pd.DataFrame:
    """Return one row for each stored run that Keras trained, of dense and of convolutional networks."""
    dense = results.read("keras_dense")
    return pd.concat([dense[dense["library"] == "keras"], results.read("convolution", extra_text=["project"])])


def epochs_of(project: str) -> pd.DataFrame:
    """Return the rows, one a seed and epoch, of a network that Keras trained.

    Those of the images that were tried after each epoch are ``validation_loss`` and ``validation_accuracy``, as in
    :data:`mnistbook.projects.published.KERAS_EPOCHS`; of a convolutional network they are the test images.
    """
    if project in CONVOLUTIONS:
        rows = results.read_curves("convolution", extra_text=["project"])
        watched = {"validation_loss": rows["test_loss"], "validation_accuracy": rows["test_accuracy"]}
        rows = rows.assign(**watched)
    else:
        rows = results.read_curves("keras_dense")
        rows = rows[rows["library"] == "keras"]
        rows = rows.rename(columns={"watched_loss": "validation_loss", "watched_accuracy": "validation_accuracy"})
    return rows[rows["project"] == project]
