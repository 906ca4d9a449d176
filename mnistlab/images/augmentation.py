"""Augmentation: small random distortions, so that a network never sees the same image twice."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from mnistlab.checks import check_positive
from mnistlab.images.displacements import affine_displacements, elastic_displacements
from mnistlab.images.pixels import SIDE, as_images
from mnistlab.images.warping import warp

__all__ = ["Augmentation"]

FIELDS = 256
"""Fields drawn together: enough to be quick, few enough that they take some megabytes whatever the number of images."""


@dataclass(frozen=True)
class Augmentation:
    """Random distortions of MNIST images: elastic ones, rotation, scale, shear and shift. Everything is off by default.

    Each group of ``group`` consecutive images shares one random displacement field. The images should come in a random
    order, as the mini-batches of :func:`mnistlab.fit` do. Each call draws fresh fields.

    Parameters
    ----------
    alpha, sigma
        Elastic distortion as :func:`~mnistlab.images.elastic_displacements` makes it, which says how large it is; off
        if ``alpha`` is 0.
    rotation
        Largest angle, in degrees, to either side.
    scale
        Largest change of size: height and width are each multiplied by a factor of their own between 1 - ``scale`` and
        1 + ``scale``.
    shear
        Largest shear: a row slides by up to this share of its distance from the middle row.
    shift
        Largest shift, in pixels, up or down and, independently, left or right; fractions occur.
    group
        How many images share a field. 1 gives each its own, and takes several times as long.

    Raises
    ------
    TypeError
        If one of them is no number.
    ValueError
        If a number is negative or not finite, ``sigma`` is 0, ``scale`` is 1 or more, or ``group`` is no positive
        integer.

    Notes
    -----
    All angles, factors, shears and shifts are uniform within their limits. The displacements of the elastic and of the
    affine distortion are added, and the image is interpolated once.

    Examples
    --------
    >>> import numpy as np
    >>> from mnistlab.images import Augmentation
    >>> Augmentation.affine()
    Augmentation(alpha=0.0, sigma=4.0, rotation=8.0, scale=0.08, shear=0.06, shift=1.0, group=64)
    >>> x = np.zeros((128, 784), dtype=np.float32)
    >>> Augmentation.mild()(x, np.random.default_rng(0)).shape
    (128, 784)
    """

    alpha: float = 0.0
    sigma: float = 4.0
    rotation: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    group: int = 64

    def __post_init__(self):
        for field in fields(self):
            if field.name != "group":
                value = getattr(self, field.name)
                # Plain floats: 8, 8.0 and numpy.float64(8) must be written alike, since a checkpoint compares the repr.
                object.__setattr__(self, field.name, _check_number(field.name, value))
        object.__setattr__(self, "group", check_positive("group", self.group))
        if self.sigma == 0:
            raise ValueError("sigma must be positive; to turn the elastic distortion off, set alpha to 0")
        if self.scale >= 1:
            raise ValueError(f"scale must be less than 1 (0.1 for 10 %), not {self.scale:g}")

    @classmethod
    def mild(cls, group: int = 64) -> Augmentation:
        """Return elastic and affine distortions together, so small that digits stay easy to read."""
        return cls(alpha=24, sigma=4, rotation=8, scale=0.08, shear=0.06, shift=1, group=group)

    @classmethod
    def elastic(cls, group: int = 64) -> Augmentation:
        """Return the elastic part of :meth:`mild`."""
        return cls(alpha=24, sigma=4, group=group)

    @classmethod
    def affine(cls, group: int = 64) -> Augmentation:
        """Return the affine part of :meth:`mild`."""
        return cls(rotation=8, scale=0.08, shear=0.06, shift=1, group=group)

    def __call__(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return distorted copies.

        Parameters
        ----------
        x
            Images, uint8, float32 or float64, of shape (N, 784) or (N, 28, 28), in which black is 0. Unchanged.
        rng
            Where the randomness comes from; the same state gives the same result.

        Returns
        -------
        numpy.ndarray
            Of the same shape and dtype.

        Raises
        ------
        TypeError, ValueError
            If ``x`` is something else, or ``rng`` is no generator.
        """
        if not isinstance(rng, np.random.Generator):
            raise TypeError(f"rng must be a numpy.random.Generator (numpy.random.default_rng(seed)), not {rng!r}")
        x = np.asarray(x)
        as_images(x, "x")
        result = np.empty_like(x)
        for start in range(0, len(x), FIELDS * self.group):
            part = slice(start, start + FIELDS * self.group)
            fields = self.displacements(-(-len(x[part]) // self.group), rng)
            result[part] = warp(x[part], fields, self.group)
        return result

    def displacements(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return random displacement fields in pixels, float32 of shape (count, 2, 28, 28): rows, then columns."""
        result = np.zeros((count, 2, SIDE, SIDE), dtype=np.float32)
        if self.rotation or self.scale or self.shear or self.shift:
            rotation = self.rotation * rng.uniform(-1, 1, count)
            size = 1 + self.scale * rng.uniform(-1, 1, (count, 2))
            shear = self.shear * rng.uniform(-1, 1, count)
            shift = self.shift * rng.uniform(-1, 1, (count, 2))
            result += affine_displacements(rotation, size, shear, shift)
        if self.alpha:
            result += elastic_displacements(count, self.alpha, self.sigma, rng)
        return result


def _check_number(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, not {value!r}")
    if not 0 <= value < math.inf:
        raise ValueError(f"{name} must be finite and at least 0, not {value!r}")
    return float(value)
