"""Samples and labels: scaling, one-hot rows, splits and mini-batches."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Generator, Iterator
from contextvars import copy_context
from typing import Any, TypeVar

import numpy as np

__all__ = ["minibatches", "one_hot", "prefetch", "split", "to_vectors"]

Item = TypeVar("Item")


def to_vectors(
    images: np.ndarray, dtype: np.dtype | type = np.float32, *, mean: float = 0.0, std: float = 1.0
) -> np.ndarray:
    """Return images as rows: ``(pixel / 255 - mean) / std``.

    Parameters
    ----------
    images
        uint8 pixels, 0 to 255, of shape (N, height, width).
    dtype
        Of the result.
    mean, std
        Subtracted and divided by after scaling to 0…1; with their defaults the result lies in 0…1.

    Returns
    -------
    numpy.ndarray
        Shape (N, height · width).

    Raises
    ------
    TypeError
        If ``images`` are not uint8.
    ValueError
        If they have another shape, or ``std`` is not positive.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8:
        raise TypeError(f"images must be uint8 pixels from 0 to 255, not {images.dtype}")
    if images.ndim != 3:
        hint = ""
        if images.ndim == 2:
            side = math.isqrt(images.shape[1])
            square = side * side == images.shape[1]
            hint = f": if they are rows, pass rows.reshape(-1, {side}, {side})" if square else " (rows, or one image?)"
            hint = " (for one image, pass image[None])" if images.shape[0] == images.shape[1] else hint
        raise ValueError(f"images must have shape (N, height, width), not {images.shape}{hint}")
    if not std > 0:
        raise ValueError(f"std must be positive, not {std!r}")
    rows = images.reshape(len(images), -1).astype(dtype)
    rows *= 1 / (255 * std)
    if mean:
        rows -= mean / std
    return rows


def one_hot(labels: np.ndarray, classes: int = 10, dtype: np.dtype | type = np.float32) -> np.ndarray:
    """Return rows of zeros with a one at each label: shape (N, classes) for ``labels`` of shape (N,).

    Raises
    ------
    TypeError
        If the labels are not integers.
    ValueError
        If they are not a vector, or one is outside 0…classes-1.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise ValueError(f"labels must be a vector, not an array of shape {labels.shape}")
    if labels.dtype.kind not in "iu":
        numbers = all(str(label).strip().removesuffix(".0").isdecimal() for label in labels[:100])
        hint = ": pass labels.astype(int)" if numbers and len(labels) else ""
        raise TypeError(f"labels must be integers, not {labels.dtype}{hint}")
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        raise ValueError(
            f"labels must lie in 0…{classes - 1}: sample {wrong[0]} has the label {labels[wrong[0]]}"
            + (f", and {len(wrong) - 1} more are out of range" if len(wrong) > 1 else "")
        )
    rows = np.zeros((len(labels), classes), dtype=dtype)
    rows[np.arange(len(labels)), labels] = 1
    return rows


def split(x: np.ndarray, y: np.ndarray, fraction: float, *, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Return ``x_rest, y_rest, x_held_out, y_held_out``: a share of the samples held out, drawn at random.

    Parameters
    ----------
    x, y
        Samples and their targets, of one length: arrays, or what NumPy makes arrays of.
    fraction
        Share held out, between 0 and 1.
    seed
        The same seed gives the same split.

    Raises
    ------
    ValueError
        If the lengths differ, or a side would be empty.
    """
    x, y = np.asarray(x), np.asarray(y)
    if len(x) != len(y):
        raise ValueError(f"there are {len(x)} samples but {len(y)} targets")
    held_out = round(len(x) * fraction)
    if not 0 < held_out < len(x):
        raise ValueError(f"holding out {fraction:g} of {len(x)} samples leaves one side empty")
    order = np.random.default_rng(seed).permutation(len(x))
    return x[order[held_out:]], y[order[held_out:]], x[order[:held_out]], y[order[:held_out]]


def prefetch(items: Iterator[Item]) -> Generator[Item, None, None]:
    """Yield items, each of which a second thread makes while the one before it is in use.

    They come in the same order, and an error comes where it would have come. NumPy lets go of the interpreter while it
    computes, so that the two threads run at once where there are two cores. Python in a page has one thread, which
    then makes each item when it is asked for.

    Parameters
    ----------
    items
        Where they come from; only the second thread asks it, with the caller's ``np.errstate``. ``close()`` of the
        result waits for the item in the making; it does not close ``items``.
    """
    if sys.platform == "emscripten":
        yield from items
        return
    from concurrent.futures import ThreadPoolExecutor  # here: some milliseconds of each import of mnistlab

    end = object()
    run: Callable[..., Any] = copy_context().run
    with ThreadPoolExecutor(1) as second:
        coming = second.submit(run, next, items, end)
        while (item := coming.result()) is not end:
            coming = second.submit(run, next, items, end)
            yield item


def minibatches(
    x: np.ndarray, targets: np.ndarray, batch_size: int, rng: np.random.Generator | None = None
) -> Generator[tuple[np.ndarray, np.ndarray], None, None]:
    """Yield ``(x, targets)`` some samples at a time, in a random order if ``rng`` is given.

    The last batch holds what is left. Where one batch holds everything, order does not matter and nothing is copied.
    """
    order = rng.permutation(len(x)) if rng is not None and batch_size < len(x) else None
    for start in range(0, len(x), batch_size):
        part = slice(start, start + batch_size)
        if order is None:
            yield x[part], targets[part]
        else:  # take is a fifth faster than x[order[part]]
            yield x.take(order[part], axis=0), targets.take(order[part], axis=0)
