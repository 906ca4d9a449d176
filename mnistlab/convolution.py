"""Layers for images: a convolution and max-pooling, on the same rows as all other layers.

A row is an image: H rows of W pixels with D channels each, flattened in this order, which is Keras's
(``channels_last``). So a Dense layer can stand before and after without anything between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

from mnistlab.initializers import He, Initializer
from mnistlab.layer import Layer

__all__ = ["Conv2D", "MaxPool2D"]


class Conv2D(Layer):
    r"""Cross-correlation of an image with K small kernels, at all places where a kernel lies within the image.

    .. math:: z_{n\rho\sigma k} = \sum_{\alpha\beta c} x_{n,\rho+\alpha,\sigma+\beta,c}\,W_{\alpha\beta ck} + b_k

    As a matrix product (:eq:`eq-im2col`): with X, whose rows are the patches of the images, ``Z = X W + b``.
    Backward (:eq:`eq-conv-backward`):

    .. math::

        dW_{\mu\nu dk} = \sum_{n\rho\sigma} x_{n,\rho+\mu,\sigma+\nu,d}\,dz_{n\rho\sigma k}, \qquad
        db_k = \sum_{n\rho\sigma} dz_{n\rho\sigma k}, \qquad
        dx_{m\varphi\psi d} = \sum_{\rho+\alpha=\varphi,\;\sigma+\beta=\psi,\;k} dz_{m\rho\sigma k}\,W_{\alpha\beta dk}

    Parameters
    ----------
    shape
        Height, width and channels (H, W, D) of the images.
    filters
        Number K of kernels, which is that of the output's channels.
    kernel
        Height and width (A, B) of the kernels, or one number for both.
    bias
        Whether ``b`` is added.
    initializer
        Draws the initial ``W`` of shape (A, B, D, K); He's normal by default. ``b`` starts at zero.

    Attributes
    ----------
    output_shape
        Height, width and channels of the output, (H - A + 1, W - B + 1, K).

    Raises
    ------
    ValueError
        If a size is not a positive integer, or the kernel is larger than the image.
    """

    inputs: int
    outputs: int
    W: np.ndarray
    b: np.ndarray
    dW: np.ndarray
    db: np.ndarray

    def __init__(
        self,
        shape: Sequence[int],
        filters: int,
        kernel: int | Sequence[int] = 3,
        bias: bool = True,
        *,
        initializer: Initializer | None = None,
    ):
        self.shape, self.kernel = _sizes("Conv2D", "shape", shape, 3), _pair("Conv2D", "kernel", kernel)
        (self.filters,) = _sizes("Conv2D", "filters", (filters,), 1)
        self.output_shape = (*_fit("Conv2D", "kernel", self.shape, self.kernel, 1), self.filters)
        self.inputs, self.outputs, self.bias = prod(self.shape), prod(self.output_shape), bool(bias)
        self.initializer = He() if initializer is None else initializer

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """``W`` of shape (A, B, D, K) and, with a bias, ``b`` of shape (K,)."""
        shapes: dict[str, tuple[int, ...]] = {"W": (*self.kernel, self.shape[2], self.filters)}
        return {**shapes, "b": (self.filters,)} if self.bias else shapes

    def initialize(self, rng: np.random.Generator) -> None:
        """Draw ``W``, whose fan-in are the A B D numbers of a patch; set ``b`` to zero."""
        self.W[...] = self.initializer(rng, self.W.shape)
        if self.bias:
            self.b[...] = 0

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """``Z = X W + b``, with a row of X for each place of each image (:eq:`eq-im2col`)."""
        self.patches = self._patches(x)
        z = self.patches @ self.W.reshape(-1, self.filters)
        if self.bias:
            z += self.b
        return z.reshape(len(x), self.outputs)

    def backward(self, dz: np.ndarray, need_dx: bool = True) -> np.ndarray | None:
        """``dW = Xᵀ dZ``, ``db = Σ dZ``, and ``dX = dZ Wᵀ`` added up where the patches came from."""
        rows = dz.reshape(-1, self.filters)
        np.matmul(self.patches.T, rows, out=self.dW.reshape(-1, self.filters))
        if self.bias:
            np.sum(rows, axis=0, out=self.db)
        return self._scattered(rows @ self.W.reshape(-1, self.filters).T, len(dz)) if need_dx else None

    def config(self) -> dict[str, object]:
        """Sizes and whether there is a bias."""
        return {"shape": self.shape, "filters": self.filters, "kernel": self.kernel, "bias": self.bias}

    def _patches(self, x: np.ndarray) -> np.ndarray:
        """Return the patches of each image as rows of A B D numbers, place by place (*im2col*)."""
        images = x.reshape(-1, *self.shape)
        windows = np.lib.stride_tricks.sliding_window_view(images, self.kernel, axis=(1, 2), subok=True)
        return windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, prod(self.W.shape[:3]))

    def _scattered(self, patches: np.ndarray, samples: int) -> np.ndarray:
        """Return images as rows, each pixel the sum of its entries in all patches that hold it (*col2im*)."""
        height, width, _ = self.output_shape
        patches = patches.reshape(samples, height, width, *self.kernel, self.shape[2])
        images = np.zeros_like(patches, shape=(samples, *self.shape))
        for a, b in np.ndindex(self.kernel):
            images[:, a : a + height, b : b + width] += patches[:, :, :, a, b]
        return images.reshape(samples, self.inputs)


class MaxPool2D(Layer):
    r"""The largest number of each window of A × B pixels, channel by channel; windows lie side by side.

    Rows and columns that fill no window are left out, as Keras does.
    Backward (:eq:`eq-max-pool-backward`): :math:`dx = dy \cdot [x \text{ is the largest of its window}]`. Of several
    largest, where no derivative exists, the first takes all.

    Parameters
    ----------
    shape
        Height, width and channels (H, W, D) of the images.
    size
        Height and width (A, B) of the windows, or one number for both.

    Attributes
    ----------
    output_shape
        Height, width and channels of the output, (⌊H / A⌋, ⌊W / B⌋, D).

    Raises
    ------
    ValueError
        If a size is not a positive integer, or the window is larger than the image.
    """

    inputs: int
    outputs: int

    def __init__(self, shape: Sequence[int], size: int | Sequence[int] = 2):
        self.shape, self.size = _sizes("MaxPool2D", "shape", shape, 3), _pair("MaxPool2D", "size", size)
        self.output_shape = (*_fit("MaxPool2D", "size", self.shape, self.size, self.size), self.shape[2])
        self.inputs, self.outputs = prod(self.shape), prod(self.output_shape)

    def forward(self, x: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """``y = max(x of the window)``."""
        self.parts = list(self._parts(x.reshape(-1, *self.shape)))
        y = self.parts[0]
        for part in self.parts[1:]:
            y = np.maximum(y, part)
        return y.reshape(len(x), self.outputs)

    def backward(self, dy: np.ndarray, need_dx: bool = True) -> np.ndarray:
        """``dx = dy [x > those before it in the window] [x ≥ those after it]``."""
        dy = dy.reshape(-1, *self.output_shape)
        dx = np.zeros_like(dy, shape=(len(dy), *self.shape))
        for place, (part, share) in enumerate(zip(self.parts, self._parts(dx), strict=True)):
            share[...] = dy
            for other in self.parts[:place]:
                share *= part > other
            for other in self.parts[place + 1 :]:
                share *= part >= other
        return dx.reshape(len(dy), self.inputs)

    def config(self) -> dict[str, object]:
        """Sizes."""
        return {"shape": self.shape, "size": self.size}

    def _parts(self, images: np.ndarray) -> Iterator[np.ndarray]:
        """Yield, for each place in a window, the view of what stands there in all windows, shape (N, *output_shape)."""
        (height, width), (rows, columns) = self.output_shape[:2], self.size
        for a, b in np.ndindex(self.size):
            yield images[:, a : height * rows : rows, b : width * columns : columns]


def _sizes(layer: str, name: str, values: Any, count: int) -> tuple[int, ...]:
    """Return so many positive integers."""
    whole = isinstance(values, tuple | list) and len(values) == count
    if not whole or any(isinstance(v, bool) or not isinstance(v, int | np.integer) or v < 1 for v in values):
        if count == 1:
            raise ValueError(f"{layer} needs {name} to be a positive integer, not {values[0]!r}")
        raise ValueError(f"{layer} needs {name} to be {count} positive integers, not {values!r}")
    return tuple(int(v) for v in values)


def _pair(layer: str, name: str, value: object) -> tuple[int, ...]:
    return _sizes(layer, name, value if isinstance(value, tuple | list) else (value, value), 2)


def _fit(
    layer: str, name: str, shape: tuple[int, ...], window: tuple[int, ...], step: int | tuple[int, ...]
) -> tuple[int, ...]:
    """Return how many places a window has along each side of the image."""
    if window[0] > shape[0] or window[1] > shape[1]:
        raise ValueError(f"{layer} has a {name} of {window[0]} × {window[1]} on images of {shape[0]} × {shape[1]}")
    steps = (step, step) if isinstance(step, int) else step
    return tuple((side - part) // by + 1 for side, part, by in zip(shape[:2], window, steps, strict=True))
