"""What the units of a hidden layer look for, and which digits they matter for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mnistlab.checks import check_inputs
from mnistlab.layers import Dense, ReLU
from mnistlab.network import Network

__all__ = ["contributions", "silencing"]


def contributions(network: Network, x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return what each hidden unit adds to the logit of each digit, on images of that digit.

    Unit j adds ``h_j W2[j, k]`` to the logit of digit k. What it adds to all logits alike changes no probability, so
    its mean over the digits is subtracted; the result is averaged over the images labelled k
    (:eq:`eq-contribution`).

    Parameters
    ----------
    network
        Dense, ReLU, Dense.
    x, labels
        Images as rows, shape (N, input_size), and labels, shape (N,), with each digit among them.

    Returns
    -------
    numpy.ndarray
        Shape (hidden units, digits).

    Raises
    ------
    TypeError, ValueError
        If the network has other layers, the data do not fit it, or a digit has no image.
    """
    hidden, last, labels = _hidden(network, x, labels)
    centred = last.W - last.W.mean(axis=1, keepdims=True)
    means = np.stack([hidden[labels == digit].mean(axis=0) for digit in range(last.outputs)], axis=1)
    return means * centred


def silencing(network: Network, x: np.ndarray, labels: np.ndarray, chosen: Sequence[np.ndarray]) -> np.ndarray:
    """Return how many points of recall each digit loses when some hidden units are silenced.

    Parameters
    ----------
    network, x, labels
        As :func:`contributions`.
    chosen
        Groups of hidden units, each silenced by itself: their outputs are set to 0.

    Returns
    -------
    numpy.ndarray
        Percentage points, shape (groups, digits); positive where recall falls.

    Raises
    ------
    TypeError, ValueError
        As :func:`contributions`.
    """
    hidden, last, labels = _hidden(network, x, labels)

    def recall(hidden: np.ndarray) -> np.ndarray:
        right = last.forward(hidden).argmax(axis=1) == labels
        return np.array([100 * right[labels == digit].mean() for digit in range(last.outputs)])

    whole, losses = recall(hidden), []
    for units in chosen:
        left = hidden.copy()
        left[:, units] = 0
        losses.append(whole - recall(left))
    return np.array(losses)


def _hidden(network: Network, x: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, Dense, np.ndarray]:
    """Check the arguments; return the hidden layer's outputs, shape (N, units), the last layer and the labels."""
    if [type(layer) for layer in network.layers] != [Dense, ReLU, Dense]:
        raise ValueError(f"this looks into a network of Dense, ReLU and Dense, not into {network!r}")
    x, labels = check_inputs(x, network.input_size, network.dtype), np.asarray(labels)
    if labels.shape != (len(x),):
        raise ValueError(f"there are {len(x)} images, so the labels must have shape ({len(x)},), not {labels.shape}")
    missing = np.setdiff1d(np.arange(network.output_size), labels)
    if len(missing):
        raise ValueError(f"each digit needs an image: there is none labelled {missing[0]}")
    first, relu, last = network.layers
    return relu.forward(first.forward(x)), last, labels
