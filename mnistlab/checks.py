"""Checks of what users pass in, with errors that say what was wrong and what to do."""

from __future__ import annotations

import warnings

import numpy as np

from mnistlab.data import one_hot

__all__ = ["check_inputs", "check_positive", "check_seed", "check_targets", "check_type"]

LARGE = 50
"""More than standardized inputs reach, and less than what is brightest in a batch of pixels up to 255."""


def check_inputs(x: np.ndarray, features: int, dtype: np.dtype) -> np.ndarray:
    """Return ``x`` as an array of ``dtype`` and shape (N, features); warn if it looks like pixels from 0 to 255.

    Raises
    ------
    TypeError
        If ``x`` holds integers (unscaled pixels) or no numbers at all.
    ValueError
        If it is empty, has another shape, or holds NaN or infinity.
    """
    x = np.asarray(x)
    if x.dtype.kind in "biu":
        raise TypeError(
            f"the inputs are {x.dtype}, which looks like unscaled pixels: the network wants floating-point numbers. "
            "For images, pass mnistlab.to_vectors(images)"
        )
    if x.dtype.kind != "f":
        raise TypeError(f"the inputs must be floating-point numbers, not {x.dtype}")
    if x.ndim != 2:
        hint = " (for one sample, pass x[None, :])" if x.shape == (features,) else ""
        hint = " (for images, pass mnistlab.to_vectors(images))" if x.ndim == 3 else hint
        raise ValueError(f"the inputs must have shape (samples, {features}), not {x.shape}{hint}")
    if len(x) == 0:
        raise ValueError("the inputs hold no sample at all")
    if x.shape[1] != features:
        raise ValueError(f"the network takes {features} numbers a sample, the inputs have {x.shape[1]}")
    with np.errstate(over="ignore"):  # too large for the dtype becomes infinite, which is refused below
        x = np.ascontiguousarray(x, dtype=dtype)
    if not np.isfinite(x).all():
        row = int(np.flatnonzero(~np.isfinite(x).all(axis=1))[0])
        raise ValueError(f"the inputs hold NaN or infinity, first in sample {row}")
    if LARGE < x.max() <= 255 and x.min() >= 0:
        warnings.warn(
            f"the inputs reach from {x.min():g} to {x.max():g}, like pixels that are not scaled: networks learn from "
            "numbers around 1. Divide them by 255, or for uint8 images pass mnistlab.to_vectors(images)",
            stacklevel=3,
        )
    return x


def check_targets(y: np.ndarray, samples: int, outputs: int, dtype: np.dtype) -> np.ndarray:
    """Return targets of shape (samples, outputs): labels are made one-hot, rows of numbers are taken as they are.

    Where there is one output, a vector holds its targets.

    Raises
    ------
    TypeError
        If labels are not integers.
    ValueError
        If the length or the shape does not fit, a label is outside 0…outputs-1, or a target is not finite.
    """
    y = np.asarray(y)
    if len(np.atleast_1d(y)) != samples:
        raise ValueError(f"there are {samples} samples but {len(np.atleast_1d(y))} targets")
    if y.ndim == 1 and outputs == 1:
        y = y[:, None]
    elif y.ndim == 1:
        return one_hot(y, outputs, dtype)
    if y.shape != (samples, outputs):
        raise ValueError(
            f"targets must be labels of shape ({samples},) or rows of shape ({samples}, {outputs}), not {y.shape}"
        )
    if y.dtype.kind not in "fiub":
        raise TypeError(f"rows of targets must be numbers, not {y.dtype}")
    y = np.ascontiguousarray(y, dtype=dtype)
    if not np.isfinite(y).all():
        raise ValueError("the targets hold NaN or infinity")
    return y


def check_positive(name: str, value: int) -> int:
    """Return ``value`` if it is a positive integer.

    Raises
    ------
    ValueError
        If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} must be a positive integer, not {value!r}")
    return int(value)


def check_seed(seed: int) -> int:
    """Return ``seed`` if it is a non-negative integer.

    Raises
    ------
    ValueError
        If it is not.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed must be a non-negative integer, not {seed!r}")
    return int(seed)


def check_type(name: str, value: object, kind: type) -> None:
    """Do nothing if ``value`` is a ``kind``.

    Raises
    ------
    TypeError
        If it is not, with a hint if it is a class that lacks its brackets.
    """
    if not isinstance(value, kind):
        hint = f": write {value.__name__}(...)" if isinstance(value, type) else ""
        raise TypeError(f"{name} must be a mnistlab.{kind.__name__}, not {value!r}{hint}")
