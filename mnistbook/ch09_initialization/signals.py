"""How large signals and gradients are, layer by layer, in a network that has not learnt anything yet."""

from __future__ import annotations

import numpy as np

from mnistlab.initializers import Initializer
from mnistlab.layers import Dense
from mnistlab.losses import SoftmaxCrossEntropy
from mnistlab.network import Network
from mnistlab.perceptron import multilayer_perceptron

__all__ = ["deep_network", "scales"]


def deep_network(initializer: Initializer, *, hidden: int = 10, width: int = 256, seed: int = 0) -> Network:
    """Return a network of ``hidden`` ReLU layers of one width between 784 pixels and 10 classes."""
    return Network(multilayer_perceptron([784, *[width] * hidden, 10], initializer=initializer), seed=seed)


def scales(network: Network, x: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the root mean square of each Dense layer's output, and of the loss's gradient with respect to it.

    Parameters
    ----------
    network
        Its last layer gives logits.
    x, targets
        A batch, shapes (N, input_size) and (N, output_size).

    Returns
    -------
    tuple of numpy.ndarray
        Two vectors with an entry for each Dense layer, first to last.
    """
    signals, gradients = [], []
    for layer in network.layers:
        x = layer.forward(x)
        if isinstance(layer, Dense):
            signals.append(_root_mean_square(x))
    loss = SoftmaxCrossEntropy()
    loss.forward(x, targets)
    dy = loss.backward()
    for layer in reversed(network.layers):
        if isinstance(layer, Dense):
            gradients.append(_root_mean_square(dy))
        dy = layer.backward(dy)
    return np.array(signals), np.array(gradients[::-1])


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
