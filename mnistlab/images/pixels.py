"""What deskewing and augmentation take: checked, and seen as images in one precision."""

from __future__ import annotations

import numpy as np

__all__ = ["SIDE", "as_images", "like"]

SIDE = 28
"""Pixels in a row and in a column of an MNIST image."""


def as_images(images: np.ndarray, name: str = "images") -> np.ndarray:
    """Return a view of shape (N, 28, 28).

    Raises
    ------
    TypeError
        If the pixels are neither uint8 nor float32 nor float64.
    ValueError
        If the shape is neither (N, 28, 28) nor (N, 784).
    """
    images = np.asarray(images)
    if images.dtype not in (np.uint8, np.float32, np.float64):
        raise TypeError(f"{name} must be uint8, float32 or float64, not {images.dtype}")
    if images.ndim not in (2, 3) or images.shape[1:] not in ((SIDE, SIDE), (SIDE * SIDE,)):
        hint = f" (for one image, pass {name}[None])" if images.shape in ((SIDE, SIDE), (SIDE * SIDE,)) else ""
        raise ValueError(f"{name} must have shape (N, 28, 28) or (N, 784), not {images.shape}{hint}")
    return images.reshape(len(images), SIDE, SIDE)


def like(values: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Return ``values`` in the shape and dtype of ``images``; for whole numbers they are rounded."""
    if images.dtype.kind == "u":
        values = np.rint(values)
    return values.astype(images.dtype, copy=False).reshape(images.shape)
