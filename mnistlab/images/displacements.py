"""Displacement fields: from where each pixel of a distorted image is fetched."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from mnistlab.images.pixels import SIDE

__all__ = ["affine_displacements", "elastic_displacements"]


def elastic_displacements(count: int, alpha: float, sigma: float, rng: np.random.Generator) -> np.ndarray:
    r"""Return the random fields of Simard, Steinkraus and Platt (2003).

    Each component of the displacement is uniform noise from -1 to 1, an independent number a pixel, convolved with a
    Gaussian of standard deviation ``sigma`` pixels and multiplied by ``alpha``.

    Parameters
    ----------
    count
        How many fields.
    alpha
        Strength.
    sigma
        Width of the smoothing in pixels: small makes a trembling hand, large moves the digit as a whole.
    rng
        Where the noise comes from.

    Returns
    -------
    numpy.ndarray
        Displacements in pixels, rows then columns: float32 of shape (count, 2, 28, 28).

    Notes
    -----
    The Gaussian sums to 1, there is no noise outside the field, and nothing is normalised afterwards. In the middle of
    the field each component then has the standard deviation

    .. math:: \frac{\alpha}{2 \sigma \sqrt{3 \pi}}

    pixels (for σ from 1 to 7), 0.98 for α = 24, σ = 4. Within about σ of the border it is smaller: at σ = 4 down to
    76 % of that at the edges and 57 % in the corners.

    The paper says of the smoothed field "If we normalize the displacement field (to a norm of 1) …" and then
    multiplies it by α, with σ = 4, α = 34 as the best values. It does not say which norm is meant, nor whether its
    experiments normalised. If each component is divided by its Euclidean norm over the 784 pixels, α = 34 means a root
    mean square of 34 / 28 = 1.21 pixels; without normalisation, as here, it means 1.38 pixels in the middle and 1.27
    over the whole field. So both readings are about equally strong, and α can be compared with the paper's.
    """
    noise = rng.random((count, 2, SIDE, SIDE), dtype=np.float32)
    noise *= 2
    noise -= 1
    smooth = _gaussian(float(sigma))
    return np.float32(alpha) * (smooth @ noise @ smooth.T)


def affine_displacements(
    rotation: float | np.ndarray = 0.0,
    size: float | np.ndarray = 1.0,
    shear: float | np.ndarray = 0.0,
    shift: float | np.ndarray = 0.0,
) -> np.ndarray:
    """Return the fields of affine maps about the middle of the image.

    What they do to the digit, in this order: turn it, slide its rows, stretch it, move it.

    Parameters
    ----------
    rotation
        Angle in degrees, counter-clockwise: a number, or shape (count,).
    size
        Factors for height and width: a number for both, or shape (count, 2).
    shear
        How far a row slides to the right, as a share of its distance below the middle: a number, or shape (count,).
    shift
        Pixels downwards and to the right: a number for both, or shape (count, 2).

    Returns
    -------
    numpy.ndarray
        Displacements in pixels, rows then columns: float32 of shape (count, 2, 28, 28). The count is 1 if all are
        numbers.
    """
    angle = np.radians(np.atleast_1d(rotation))
    size, shift = (np.broadcast_to(value, (*np.shape(value)[:-1], 2)).reshape(-1, 2) for value in (size, shift))
    angle, slide, height, width = np.broadcast_arrays(angle, np.atleast_1d(shear), size[:, 0], size[:, 1])
    one, zero = np.ones(angle.shape), np.zeros(angle.shape)
    # From the place in the result back to the place in the image.
    stretch = _matrices(1 / height, zero, zero, 1 / width)
    lean = _matrices(one, zero, -slide, one)
    turn = _matrices(np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle))
    back = turn @ lean @ stretch
    place = np.arange(SIDE) - (SIDE - 1) / 2
    grid = np.stack(np.meshgrid(place, place, indexing="ij")).reshape(2, -1)
    moved = (back - np.eye(2)) @ grid - back @ shift[:, :, None]
    return moved.astype(np.float32).reshape(-1, 2, SIDE, SIDE)


@lru_cache(maxsize=16)
def _gaussian(sigma: float) -> np.ndarray:
    """Return the matrix that smooths along a column; beyond its ends there is nothing to smooth in."""
    reach = np.arange(-math.ceil(6 * sigma), math.ceil(6 * sigma) + 1)
    total = np.exp(-0.5 * (reach / sigma) ** 2).sum()
    distance = np.subtract.outer(np.arange(SIDE), np.arange(SIDE))
    matrix = (np.exp(-0.5 * (distance / sigma) ** 2) / total).astype(np.float32)
    matrix.flags.writeable = False  # everybody who asks for this sigma gets the same one
    return matrix


def _matrices(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Return the matrices ((a, b), (c, d)), shape (count, 2, 2)."""
    return np.stack([a, b, c, d], axis=1).reshape(-1, 2, 2)
