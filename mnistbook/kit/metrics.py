"""Numbers that say how good a classifier is."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import confusion_matrix as _confusion_matrix
from sklearn.metrics import precision_recall_fscore_support

__all__ = ["confusion_matrix", "per_class", "prediction_interval", "wilson_interval"]


def prediction_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Return where one more run would fall, given the results ``values`` of some runs with different seeds.

    For normally distributed results it holds a further one with probability ``level``: the mean plus or minus
    ``t s √(1 + 1/n)``, with Student's t for n - 1 degrees of freedom.

    Raises
    ------
    ValueError
        If there are fewer than two values, which show no spread.
    """
    values = np.asarray(values, dtype=float)
    if values.size < 2:
        raise ValueError("an interval needs at least two runs: one shows no spread")
    half = stats.t.ppf((1 + level) / 2, values.size - 1) * values.std(ddof=1) * np.sqrt(1 + 1 / values.size)
    return float(values.mean() - half), float(values.mean() + half)


def per_class(labels: np.ndarray, predicted: np.ndarray, classes: int = 10) -> pd.DataFrame:
    """Return precision, recall, F1 score and support: one row a class; arguments of shape (N,)."""
    columns = precision_recall_fscore_support(labels, predicted, labels=range(classes), zero_division=0)
    table = pd.DataFrame(dict(zip(("precision", "recall", "F1", "support"), columns, strict=True)))
    return table.rename_axis("digit")


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, classes: int = 10) -> np.ndarray:
    """Return how often each class (row) was taken for each class (column), shape (classes, classes)."""
    return _confusion_matrix(labels, predicted, labels=range(classes))


def wilson_interval(right: int, samples: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, ``right`` of ``samples``, by Wilson's (1927) formula.

    It says how far the share would move with another draw of as many samples; unlike the simpler formula it stays
    within 0…1 and is right near its ends.
    """
    low, high = stats.binomtest(right, samples).proportion_ci(method="wilson")
    return float(low), float(high)
