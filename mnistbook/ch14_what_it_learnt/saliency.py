"""Which pixels an answer hangs on: gradients with respect to the image, and pictures of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnistbook.kit.figures import frame, show_digit
from mnistlab.checks import check_inputs, check_positive, check_targets
from mnistlab.layers import Softmax
from mnistlab.network import Network

__all__ = ["Quantity", "attributions", "erase", "input_gradient", "integrated_gradients", "score", "show_signed"]

Quantity = Literal["logit", "log-probability"]


def score(network: Network, x: np.ndarray, digits: np.ndarray, of: Quantity = "logit") -> np.ndarray:
    """Return the number that is explained: the logit, or the log-probability, of ``digits[n]`` for image ``x[n]``.

    Parameters
    ----------
    network
        Ends in logits.
    x
        Images as rows, shape (N, input_size).
    digits
        Labels of shape (N,): the digits asked about, right or wrong.
    of
        ``"logit"`` or ``"log-probability"``.

    Returns
    -------
    numpy.ndarray
        Shape (N,).

    Raises
    ------
    TypeError, ValueError
        If the data do not fit the network, the network does not end in logits, or ``of`` is neither.
    """
    x, chosen = _checked(network, x, digits, of)
    logits = network.forward(x)
    value = np.sum(chosen * logits, axis=1)
    if of == "logit":
        return value
    top = logits.max(axis=1)
    return value - top - np.log(np.exp(logits - top[:, None]).sum(axis=1))


def input_gradient(network: Network, x: np.ndarray, digits: np.ndarray, of: Quantity = "logit") -> np.ndarray:
    """Return the derivative of :func:`score` with respect to each pixel (:eq:`eq-input-gradient`).

    The network's ``gradients`` are overwritten: they hold the same derivative with respect to the parameters, added
    over the images.

    Parameters, errors
        As :func:`score`.

    Returns
    -------
    numpy.ndarray
        Shape (N, input_size).
    """
    x, chosen = _checked(network, x, digits, of)
    logits = network.forward(x)
    return network.backward(chosen if of == "logit" else chosen - Softmax().forward(logits), need_dx=True)


def integrated_gradients(
    network: Network,
    x: np.ndarray,
    digits: np.ndarray,
    of: Quantity = "logit",
    *,
    baseline: np.ndarray | float = 0.0,
    steps: int = 64,
) -> np.ndarray:
    """Return the part of each pixel in the difference between the scores of ``x`` and of a baseline.

    The gradient is averaged along the straight line from the baseline to the image by the midpoint rule, and
    multiplied by the way from one to the other (:eq:`eq-integrated-gradients`; Sundararajan, Taly and Yan, 2017).

    Parameters
    ----------
    network, x, digits, of
        As :func:`score`.
    baseline
        The image to start from: a number, shape (input_size,) or (N, input_size). 0 is the empty image.
    steps
        Points of the midpoint rule. The more, the closer the parts add to the difference.

    Returns
    -------
    numpy.ndarray
        Shape (N, input_size).

    Raises
    ------
    TypeError, ValueError
        As :func:`score`; ValueError also if ``steps`` is no positive integer or ``baseline`` does not fit.
    """
    x, _ = _checked(network, x, digits, of)
    steps = check_positive("steps", steps)
    try:
        start = np.broadcast_to(np.asarray(baseline, dtype=x.dtype), x.shape)
    except ValueError:
        raise ValueError(f"the baseline has shape {np.shape(baseline)}, the images have {x.shape}") from None
    way, total = x - start, np.zeros_like(x)
    for step in range(steps):
        total += input_gradient(network, start + (step + 0.5) / steps * way, digits, of)
    return way * total / steps


def erase(x: np.ndarray, relevance: np.ndarray, count: int) -> np.ndarray:
    """Return copies in which the ``count`` pixels of the highest relevance in each image are set to 0, the paper.

    Raises
    ------
    ValueError
        If the shapes differ, or ``count`` is not between 0 and the number of pixels.
    """
    if np.shape(relevance) != np.shape(x):
        raise ValueError(f"each pixel needs a relevance: the images have {np.shape(x)}, it has {np.shape(relevance)}")
    if not 0 <= count <= x.shape[1]:
        raise ValueError(f"count must be between 0 and the {x.shape[1]} pixels of an image, not {count!r}")
    result = x.copy()
    pixels = np.argsort(-relevance, axis=1, kind="stable")[:, :count]
    np.put_along_axis(result, pixels, 0, axis=1)
    return result


def show_signed(axes: Axes, values: np.ndarray, limit: float | None = None) -> None:
    """Draw 784 signed numbers as a picture: orange above zero, white at zero, purple below.

    The colours reach their ends at ``limit`` to either side, by default at the largest size.
    """
    limit = float(np.abs(values).max()) if limit is None else limit
    axes.imshow(values.reshape(28, 28), cmap="PuOr_r", vmin=-limit or -1, vmax=limit or 1, interpolation="nearest")
    frame(axes)


def attributions(images: np.ndarray, maps: Mapping[str, np.ndarray], captions: Sequence[str]) -> Figure:
    """Draw a column an image: the image above, below it the picture of each map, in a scale of its own.

    Parameters
    ----------
    images
        Shape (N, 28, 28).
    maps
        Name of a row to numbers of shape (N, 784).
    captions
        N lines of text, above the images.
    """
    figure, rows = plt.subplots(
        1 + len(maps), len(images), figsize=(7, 7 / len(images) * (1 + len(maps)) * 1.06), squeeze=False
    )
    for axes, image, caption in zip(rows[0], images, captions, strict=True):
        show_digit(axes, image)
        axes.set_title(caption, fontsize=8, pad=3)
    for row, (name, pictures) in zip(rows[1:], maps.items(), strict=True):
        row[0].set_ylabel(name, fontsize=8)
        for axes, picture in zip(row, pictures, strict=True):
            show_signed(axes, picture)
    return figure


def _checked(network: Network, x: np.ndarray, digits: np.ndarray, of: str) -> tuple[np.ndarray, np.ndarray]:
    if of not in ("logit", "log-probability"):
        raise ValueError(f"what is explained is the 'logit' or the 'log-probability', not {of!r}")
    if network.layers[-1].outputs is None:
        raise ValueError(f"the network ends in {network.layers[-1]!r}, not in logits: end it in Dense")
    x = check_inputs(x, network.input_size, network.dtype)
    return x, check_targets(digits, len(x), network.output_size, network.dtype)
