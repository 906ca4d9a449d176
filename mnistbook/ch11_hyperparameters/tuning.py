"""What a sweep over hyperparameters says: cells of a map, the top of a curve, the best of so many trials."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import gammaln

__all__ = ["NOTHING_LEARNT", "Cells", "cells", "expected_best", "failed", "peak", "seeds_by_value"]

MEASURE = "final_validation_accuracy"

NOTHING_LEARNT = 2.3
"""Validation loss from which on a training has failed: who knows only how frequent each digit is has 2.301."""


class Cells(NamedTuple):
    """Two tables with a row for each value of one hyperparameter and a column for each value of another.

    ``mean`` is that of the seeds that did not fail, NaN where all did; ``failed`` says how many did, of ``runs``.
    """

    mean: pd.DataFrame
    failed: pd.DataFrame
    runs: int


def failed(frame: pd.DataFrame) -> pd.Series:
    """Return for each run whether it diverged, or ended with the validation loss of one that knows nothing.

    Numbers that overflow are the rarer end of too large a rate: more often all ReLUs die, and the loss stays finite.
    """
    return frame["diverged"] | ~(frame["final_validation_loss"] < NOTHING_LEARNT)


def cells(frame: pd.DataFrame, rows: str, columns: str, measure: str = MEASURE) -> Cells:
    """Arrange runs by two of their hyperparameters.

    Parameters
    ----------
    frame
        One row a run, with what :func:`failed` asks for, and ``measure``.
    rows, columns
        Names of the hyperparameters.
    measure
        What is averaged over the seeds.

    Raises
    ------
    ValueError
        If a combination is missing, or not all have the same number of seeds: the runs differ in something else too.
    """
    lost = failed(frame)
    groups = frame.assign(**{measure: frame[measure].where(~lost)}, failed=lost).groupby([rows, columns])
    sizes = groups.size().unstack()
    if sizes.isna().to_numpy().any() or len(np.unique(sizes)) > 1:
        raise ValueError(f"not every combination of {rows} and {columns} has the same number of runs")
    runs = int(sizes.iloc[0, 0])
    return Cells(groups[measure].mean().unstack(), groups["failed"].sum().unstack().astype(int), runs)


def seeds_by_value(frame: pd.DataFrame, name: str, measure: str = MEASURE) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of a hyperparameter, shape (M,), and the measure with each seed and value, shape (seeds, M).

    Raises
    ------
    ValueError
        If a seed and a value occur together twice, or not at all.
    """
    table = frame.pivot(index="seed", columns=name, values=measure)  # refuses what occurs twice
    if table.size != len(frame):
        raise ValueError(f"not every value of {name} has a run with every seed")
    return table.columns.to_numpy(), table.to_numpy()


def peak(x: np.ndarray, y: np.ndarray) -> float:
    """Return where y is largest, between the points: the vertex of the parabola in log x through the three highest.

    Parameters
    ----------
    x
        Positive, ascending, shape (M,).
    y
        Shape (M,); NaN where there is nothing.

    Returns
    -------
    float
        If the largest y stands at an end, or has a NaN beside it, its own x.

    Raises
    ------
    ValueError
        If all y are NaN.
    """
    y = np.asarray(y, dtype=float)
    if np.isnan(y).all():
        raise ValueError("there is no largest value: all are NaN")
    top = int(np.nanargmax(y))
    if top in (0, len(y) - 1) or np.isnan(y[top - 1 : top + 2]).any():
        return float(x[top])
    near = np.log(np.asarray(x, dtype=float)[top - 1 : top + 2])
    # Through three points goes one parabola; shifted to the middle one so that the fit loses no digits.
    second, first, _ = np.polyfit(near - near[1], y[top - 1 : top + 2], 2)
    return float(x[top]) if second == 0 else float(np.exp(near[1] - first / (2 * second)))


def expected_best(values: np.ndarray) -> np.ndarray:
    r"""Return the mean of the best of n values, drawn without putting back, for n = 1 … N. (:eq:`eq-expected-best`)

    Parameters
    ----------
    values
        Shape (N,), no NaN.

    Returns
    -------
    numpy.ndarray
        Shape (N,); the first is the mean of all, the last the largest.

    Raises
    ------
    ValueError
        If there is a NaN: say what a trial without a result is worth.
    """
    values = np.sort(np.asarray(values, dtype=float))
    if np.isnan(values).any():
        raise ValueError("values must not be NaN: say what a trial without a result is worth")
    total = len(values)
    rank = np.arange(1, total + 1)
    best = np.empty(total)
    for n in rank:
        # The i-th smallest is the best of n if the other n - 1 come from the i - 1 below it.
        possible = rank[n - 1 :]
        share = np.exp(_log_binomial(possible - 1, n - 1) - _log_binomial(total, n))
        best[n - 1] = share @ values[n - 1 :]
    return best


def _log_binomial(n: np.ndarray | int, k: int) -> np.ndarray:
    return gammaln(np.add(n, 1)) - gammaln(k + 1) - gammaln(np.subtract(n, k) + 1)
