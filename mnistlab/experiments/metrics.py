"""Numbers that say how good a classifier is."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import confusion_matrix as _confusion_matrix
from sklearn.metrics import precision_recall_fscore_support

__all__ = ["confusion_matrix", "per_class", "wilson_interval"]


def per_class(labels: np.ndarray, predicted: np.ndarray, classes: int = 10) -> pd.DataFrame:
    """Return precision, recall, F1 score and support: one row a class; arguments of shape (N,)."""
    columns = precision_recall_fscore_support(labels, predicted, labels=range(classes), zero_division=0)
    table = pd.DataFrame(dict(zip(("precision", "recall", "F1", "support"), columns, strict=True)))
    return table.rename_axis("digit")


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, classes: int = 10) -> np.ndarray:
    """Return how often each class (row) was taken for each class (column), shape (classes, classes)."""
    return _confusion_matrix(labels, predicted, labels=range(classes))


def wilson_interval(right: int, samples: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the 95 % interval of a share, ``right`` of ``samples``, by Wilson's (1927) formula.

    It says how far the share would move with another draw of as many samples; unlike the simpler formula it stays
    within 0…1 and is right near its ends.
    """
    share = right / samples
    centre = (share + z * z / (2 * samples)) / (1 + z * z / samples)
    half = z * np.sqrt(share * (1 - share) / samples + z * z / (4 * samples * samples)) / (1 + z * z / samples)
    return float(centre - half), float(centre + half)
