"""Warping: images whose pixels are fetched from displaced places, many images at a time."""

from __future__ import annotations

import numpy as np

from mnistlab.checks import check_positive
from mnistlab.images.pixels import SIDE, as_images, like

__all__ = ["warp"]

BLOCK = 64
"""Images warped together where groups are small."""


def warp(images: np.ndarray, displacements: np.ndarray, group: int = 1) -> np.ndarray:
    """Return images whose pixel (r, c) is fetched from (r, c) plus the displacement there, by bilinear interpolation.

    Parameters
    ----------
    images
        uint8, float32 or float64, of shape (N, 28, 28) or (N, 784). Outside of its field an image is black (0).
    displacements
        In pixels, rows then columns: shape (ceil(N / group), 2, 28, 28).
    group
        How many consecutive images share a field; the last group may be smaller.

    Returns
    -------
    numpy.ndarray
        Of the shape and dtype of ``images``; uint8 is rounded.

    Raises
    ------
    TypeError, ValueError
        If dtypes or shapes do not fit, or a displacement is not finite.
    """
    images, displacements = np.asarray(images), np.asarray(displacements)
    pixels, group = as_images(images), check_positive("group", group)
    expected = (-(-len(pixels) // group), 2, SIDE, SIDE)
    if displacements.shape != expected:
        raise ValueError(
            f"for {len(pixels)} images in groups of {group}, displacements must have shape {expected}, "
            f"not {displacements.shape}"
        )
    if not np.isfinite(displacements).all():
        raise ValueError("the displacements hold NaN or infinity")
    result = np.empty_like(pixels)
    whole = len(pixels) // group
    step = max(1, BLOCK // group)
    for start in range(0, whole, step):
        stop = min(start + step, whole)
        part = slice(start * group, stop * group)
        result[part] = like(_warp_groups(pixels[part], displacements[start:stop]), pixels[part])
    if whole < len(displacements):
        part = slice(whole * group, None)
        result[part] = like(_warp_groups(pixels[part], displacements[whole:]), pixels[part])
    return result.reshape(images.shape)


def _warp_groups(pixels: np.ndarray, displacements: np.ndarray) -> np.ndarray:
    """Warp groups of equal size, a field for each.

    The images of a group lie side by side, one pixel of all of them in a row of memory, so that an index and a weight
    that were worked out once serve the whole group, and what is copied is contiguous.
    """
    groups, wide = len(displacements), SIDE + 2  # with a black border, so that no corner lies outside
    precision = np.result_type(pixels.dtype, np.float32)
    size = len(pixels) // groups
    source = np.zeros((groups, wide, wide, size), dtype=precision)
    source[:, 1:-1, 1:-1] = pixels.reshape(groups, size, SIDE, SIDE).transpose(0, 2, 3, 1)
    source = source.reshape(-1, size)

    place = np.arange(SIDE, dtype=np.float32)
    row, down = _before_and_weight(displacements[:, 0] + place[:, None], precision)
    column, right = _before_and_weight(displacements[:, 1] + place, precision)
    corner = (row * wide + column + (wide * wide) * np.arange(groups)[:, None, None]).ravel()
    down, right = down.reshape(-1, 1), right.reshape(-1, 1)

    result = source.take(corner, axis=0)
    result *= (1 - down) * (1 - right)
    for step, weight in ((1, (1 - down) * right), (wide, down * (1 - right)), (wide + 1, down * right)):
        term = source.take(corner + step, axis=0)
        term *= weight
        result += term
    return result.reshape(groups, SIDE * SIDE, size).transpose(0, 2, 1).reshape(-1, SIDE, SIDE)


def _before_and_weight(coordinates: np.ndarray, precision: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Return where in a row with a black border the pixel before each coordinate is, and the weight of the one after.

    What lies further outside than the border comes to lie on it, where all is black too.
    """
    coordinates = coordinates.clip(-1, SIDE)
    before = np.minimum(np.floor(coordinates), SIDE - 1)
    return before.astype(np.intp) + 1, (coordinates - before).astype(precision)
