"""How an error falls with the number of training images: a straight line on logarithmic axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

__all__ = ["PowerLaw", "fit_power_law"]


@dataclass(frozen=True)
class PowerLaw:
    """The curve ``factor · n**-exponent``, called with n.

    Attributes
    ----------
    factor, exponent
        Of the curve.
    low, high
        95 % interval of the exponent.
    """

    factor: float
    exponent: float
    low: float
    high: float

    def __call__(self, n: float | np.ndarray) -> float | np.ndarray:
        """Return the error that the law predicts for ``n`` images."""
        return self.factor * np.asarray(n, dtype=float) ** -self.exponent


def fit_power_law(sizes: np.ndarray, errors: np.ndarray) -> PowerLaw:
    """Fit a power law by least squares between the logarithms.

    Parameters
    ----------
    sizes
        Numbers of training images, shape (M,), at least three of them different.
    errors
        Shares of wrong answers, shape (M,), all positive.

    Raises
    ------
    ValueError
        If the shapes differ, there are fewer than three sizes, or a number is not positive and finite.
    """
    sizes, errors = np.asarray(sizes, dtype=float), np.asarray(errors, dtype=float)
    if sizes.ndim != 1 or sizes.shape != errors.shape:
        raise ValueError(f"each size needs one error: the shapes are {sizes.shape} and {errors.shape}")
    if len(np.unique(sizes)) < 3:
        raise ValueError("a power law with an interval needs at least three different sizes")
    if not (np.isfinite([sizes, errors]).all() and min(sizes.min(), errors.min()) > 0):
        raise ValueError("sizes and errors must be positive: they stand on logarithmic axes")
    line = stats.linregress(np.log(sizes), np.log(errors))
    exponent, half = -line.slope, stats.t.ppf(0.975, len(sizes) - 2) * line.stderr
    return PowerLaw(*map(float, (np.exp(line.intercept), exponent, exponent - half, exponent + half)))
