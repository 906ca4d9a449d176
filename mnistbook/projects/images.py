"""The images that a published network trains on and is measured on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Images", "Pair"]

Pair = tuple[np.ndarray, np.ndarray]
"""Images and their targets, of one length."""


@dataclass(frozen=True)
class Images:
    """MNIST as a project prepared it, in pairs of images and targets.

    A dense network takes rows of pixels, shape (N, 784), and rows of targets, shape (N, 10); a convolutional one takes
    images of shape (N, 28, 28, 1) and labels of shape (N,). Pixels are of the network's dtype.

    Attributes
    ----------
    train, test
        What the network trains on, and what it is measured on.
    validation
        Held out from the training images; None where no images are.
    """

    train: Pair
    test: Pair
    validation: Pair | None = None
