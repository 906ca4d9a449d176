"""Deskewing: digits that lean are sheared upright."""

from __future__ import annotations

import numpy as np

from mnistlab.images.pixels import SIDE, as_images, like

__all__ = ["deskew", "moments"]

BLOCK = 256
"""Images looked at together: few enough that what is computed on the way stays in the processor's cache."""


def moments(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each image's centre of mass and how far it leans.

    Parameters
    ----------
    images
        Pixels of at least 0, of shape (N, 28, 28) or (N, 784).

    Returns
    -------
    centre : numpy.ndarray
        Row and column of the centre of mass, float64 of shape (N, 2); pixels count from 0. NaN where all is black.
    slant : numpy.ndarray
        Covariance of row and column over the variance of the row, shape (N,): by how many columns the digit moves to
        the right from one row to the next. 0 where the row does not vary.

    Raises
    ------
    TypeError, ValueError
        As for :func:`deskew`.
    """
    pixels = as_images(images)
    if pixels.dtype.kind == "f" and pixels.size and not 0 <= pixels.min() <= pixels.max() < np.inf:
        raise ValueError("pixels must be finite and at least 0: deskew images before a mean is subtracted")
    middle = (SIDE - 1) / 2
    place = np.arange(SIDE) - middle
    # Of each row: how much ink, and its moment. What follows is summed image by image, not by a product of matrices,
    # whose last digits would depend on how many images there are.
    ink, moment = np.moveaxis(pixels @ np.stack([np.ones(SIDE), place], axis=1), 2, 0)
    mass = ink.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        row, column = (ink * place).sum(axis=1) / mass, moment.sum(axis=1) / mass
        variance = (ink * place**2).sum(axis=1) / mass - row**2
        covariance = (moment * place).sum(axis=1) / mass - row * column
        slant = np.where(variance > 1e-9, covariance / variance, 0.0)
    return np.stack([row, column], axis=1) + middle, slant


def deskew(images: np.ndarray) -> np.ndarray:
    """Return the digits upright, each with its centre of mass at row 14, column 14 (counted from 0).

    The pixel in row r and column c is taken from row ``r + m_r - 14`` and column ``c + m_c - 14 + a (r - 14)``, where
    (m_r, m_c) is the centre of mass and ``a`` the covariance of row and column over the variance of the row: rows stay
    rows, and slide until row and column are uncorrelated. Between pixels the value is interpolated linearly;
    outside the field all is black.

    This is the shear that is widely used for MNIST (https://fsix.github.io/mnist/Deskewing.html), with its centre. That
    code interpolates by cubic splines, which overshoot below black and above white, so that its users stretch the
    result to 0…1 afterwards and the background turns grey; linear interpolation has no need for that.

    Parameters
    ----------
    images
        Pixels, uint8, float32 or float64, at least 0, of shape (N, 28, 28) or (N, 784).

    Returns
    -------
    numpy.ndarray
        Of the same shape and dtype; black images come back as they are.

    Raises
    ------
    TypeError
        If the pixels have another dtype.
    ValueError
        If the shape is another, or a pixel is negative or not finite.
    """
    images = np.asarray(images)
    pixels = as_images(images)
    result = np.empty_like(pixels)
    for start in range(0, len(pixels), BLOCK):
        part = slice(start, start + BLOCK)
        result[part] = like(_upright(pixels[part]), pixels[part])
    return result.reshape(images.shape)


def _upright(pixels: np.ndarray) -> np.ndarray:
    """Deskew some images.

    No general warp is needed: first whole images move up or down, then each row moves along by itself. A move by a
    whole number of pixels is a piece of memory that starts earlier or later; linear interpolation mixes two of them.
    """
    middle = SIDE / 2
    centre, slant = moments(pixels)
    move = np.where(np.isnan(centre), 0.0, centre - middle)
    along = move[:, 1:] + slant[:, None] * (np.arange(SIDE) - middle)  # how far each row slides
    precision = np.result_type(pixels.dtype, np.float32)
    moved = _moved(pixels.reshape(-1, SIDE, SIDE).astype(precision, copy=False), move[:, 0])
    return _moved(moved.reshape(-1, SIDE, 1), along.ravel()).reshape(pixels.shape)


def _moved(lines: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Return lines whose item i is fetched from i + distance, with nothing beyond their ends.

    ``lines`` has shape (count, 28, width): 28 items of ``width`` numbers that move together; ``distance`` has shape
    (count,).
    """
    count, _, width = lines.shape
    gap = SIDE + 1  # of nothing, before, between and after the lines: a line that leaves its place meets no other
    memory = np.zeros((count * (SIDE + gap) + gap) * width, dtype=lines.dtype)
    memory[gap * width :].reshape(count, SIDE + gap, width)[:, :SIDE] = lines
    distance = distance.clip(-gap, SIDE)
    whole = np.minimum(np.floor(distance), SIDE - 1)
    weight = (distance - whole).astype(lines.dtype)[:, None]
    start = (gap + (SIDE + gap) * np.arange(count) + whole.astype(np.intp)) * width
    piece = np.lib.stride_tricks.sliding_window_view(memory, (SIDE + 1) * width)[start]
    return piece[:, : SIDE * width] * (1 - weight) + piece[:, width:] * weight
