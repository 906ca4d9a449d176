"""How large signals and gradients are, layer by layer, in a network that has not learnt anything yet."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mnistlab.initializers import Initializer
from mnistlab.layers import Dense, ReLU
from mnistlab.losses import SoftmaxCrossEntropy
from mnistlab.network import Network
from mnistlab.perceptron import multilayer_perceptron

__all__ = ["deep_network", "histograms", "scales"]


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


def histograms(networks: dict[str, Network], x: np.ndarray, depths: tuple[int, ...]) -> Figure:
    """Draw how the outputs of the ReLU layers at some depths are distributed: a row a network, a column a depth.

    The share of exact zeros, which would dwarf the rest, stands as a number in each panel.
    """
    figure, panels = plt.subplots(
        len(networks), len(depths), figsize=(7, 1.45 * len(networks) + 0.4), sharey=True, squeeze=False
    )
    for row, (name, network) in zip(panels, networks.items(), strict=True):
        outputs = _relu_outputs(network, x)
        for panel, depth in zip(row, depths, strict=True):
            values = outputs[depth - 1]
            shown = values[values > 0]
            panel.set_yscale("log")
            if shown.size:
                panel.hist(shown, bins=40, density=False, weights=np.full(shown.size, 1 / values.size))
            panel.set_title(f"layer {depth}: {np.mean(values == 0):.0%} zeros", fontsize=8)
            panel.tick_params(labelsize=7)
            panel.xaxis.set_major_locator(MaxNLocator(4))
            panel.ticklabel_format(axis="x", style="sci", scilimits=(-2, 3))
            panel.xaxis.get_offset_text().set_fontsize(7)
        row[0].set_ylabel(f"{name}\nshare", fontsize=8)
    for panel in panels[-1]:
        panel.set_xlabel("output of a unit", fontsize=8)
    return figure


def _relu_outputs(network: Network, x: np.ndarray) -> list[np.ndarray]:
    outputs = []
    for layer in network.layers:
        x = layer.forward(x)
        if isinstance(layer, ReLU):
            outputs.append(x)
    return outputs


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
