"""One network trained twice, by mnistlab and by Keras, step for step, and how far apart the two are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from mnistbook.kit.style import COLOURS, GREY
from mnistlab.interop.keras_models import import_keras, to_keras
from mnistlab.layers import ReLU
from mnistlab.losses import SoftmaxCrossEntropy
from mnistlab.network import Network
from mnistlab.optimizers import Optimizer
from mnistlab.training import train_step

__all__ = [
    "Twins",
    "count_flips",
    "draw_difference",
    "draw_gaps",
    "draw_losses",
    "keras_step",
    "relative_distance",
    "train_twins",
]

PRECISION_RATIO = 2.0**29
"""Of the spacing of float32 numbers to that of float64 numbers: 23 bits after the point against 52."""


@dataclass(frozen=True)
class Twins:
    """What :func:`train_twins` saw.

    Attributes
    ----------
    losses, keras_losses
        Loss of each batch before its step, shape (steps,).
    gaps
        ``‖w - w'‖ / ‖w‖`` after each step, for the parameters ``w`` of mnistlab and ``w'`` of Keras; shape (steps,).
    flips
        In the forward pass of each step, how many inputs of ReLUs were positive in the one network and not in the
        other; shape (steps,).
    network
        mnistlab's, trained.
    model
        Keras's, trained.
    """

    losses: np.ndarray
    keras_losses: np.ndarray
    gaps: np.ndarray
    flips: np.ndarray
    network: Network
    model: Any


def relative_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Return ``‖a - b‖ / ‖a‖`` of two vectors, computed in float64."""
    first = first.astype(np.float64)
    return float(np.linalg.norm(first - second) / np.linalg.norm(first))


def count_flips(network: Network, positive: Sequence[np.ndarray]) -> int:
    """Return how many inputs of ReLUs were positive in one of two networks only, in their last forward pass.

    Parameters
    ----------
    network
        The one, of mnistlab.
    positive
        For each ReLU of the other, whether its inputs were positive: shape (N, units).
    """
    own = [layer.x > 0 for layer in network.layers if isinstance(layer, ReLU)]
    return sum(int(np.sum(mine != other)) for mine, other in zip(own, positive, strict=True))


def keras_step(model: Any, optimizer: Any) -> Callable[[np.ndarray, np.ndarray], tuple[Any, list[Any]]]:
    """Return Keras's training step on softmax cross-entropy, for a model that ends in logits.

    It takes a batch, and gives the mean loss before the step and, for each ReLU, which inputs were positive. It is
    written out for the second, and since ``train_on_batch`` rounds the loss to float32. It needs Keras on TensorFlow.
    """
    keras = import_keras()
    import tensorflow as tf

    dtype = model.outputs[0].dtype
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, dtype=dtype)
    variables = model.trainable_variables

    @tf.function(jit_compile=False)
    def step(x, targets):
        positive = []
        with tf.GradientTape() as tape:
            for layer in model.layers:
                x = layer(x)
                if isinstance(layer, keras.layers.ReLU):
                    positive.append(x > 0)
            value = loss(targets, x)
        optimizer.apply(tape.gradient(value, variables), variables)
        return value, positive

    return step


def train_twins(
    network: Network, ours: Optimizer, theirs: Any, batches: Iterable[tuple[np.ndarray, np.ndarray]]
) -> Twins:
    """Give a network and its Keras twin the same batches in the same order.

    Parameters
    ----------
    network
        Ends in logits, and has no dropout, for which the two draw different numbers. It is trained in place; the twin
        begins with a copy of its parameters.
    ours, theirs
        An optimizer of mnistlab and one of Keras.
    batches
        Pairs of inputs, shape (N, input_size), and rows of targets, shape (N, output_size), of the network's dtype.

    Returns
    -------
    Twins
        Losses, distances and the two trained networks.
    """
    model = to_keras(network)
    step, loss = keras_step(model, theirs), SoftmaxCrossEntropy()
    rows = []
    for x, targets in batches:
        value = train_step(network, loss, ours, x, targets)
        keras_value, positive = step(x, targets)
        flips = count_flips(network, [each.numpy() for each in positive])
        weights = np.concatenate([values.ravel() for values in model.get_weights()])
        rows.append((value, float(keras_value), relative_distance(network.parameters, weights), flips))
    losses, keras_losses, gaps, flips = np.array(rows, dtype=np.float64).T
    return Twins(losses, keras_losses, gaps, flips.astype(int), network, model)


def draw_losses(twins: Mapping[str, Twins]) -> Figure:
    """Draw the loss of each batch, mnistlab's as a line and Keras's as points on it; a panel a training."""
    figure, panels = _panels(len(twins))
    for panel, (name, each) in zip(panels.flat, twins.items(), strict=True):
        steps = np.arange(1, len(each.losses) + 1)
        panel.plot(steps, each.losses, color=COLOURS[0], linewidth=1, label="mnistlab")
        panel.plot(steps[::12], each.keras_losses[::12], "o", color=COLOURS[1], markersize=3.5, label="Keras")
        panel.set(title=name, yscale="log")
    panels.flat[0].legend()
    _label(panels, "loss of the batch, nats")
    return figure


def draw_gaps(twins: Mapping[str, tuple[Twins, Twins]]) -> Figure:
    """Draw the distances in float32 and in float64, the second also times 2²⁹, and where a ReLU first differs.

    Parameters
    ----------
    twins
        For each name, the training in float32 and the one in float64.
    """
    figure, panels = _panels(len(twins))
    for panel, (name, (single, double)) in zip(panels.flat, twins.items(), strict=True):
        steps = np.arange(1, len(single.gaps) + 1)
        panel.plot(steps, single.gaps, color=COLOURS[1], label="float32")
        panel.plot(steps, PRECISION_RATIO * double.gaps, "--", color=GREY, linewidth=1.3, label="float64, times 2²⁹")
        panel.plot(steps, double.gaps, color=COLOURS[0], label="float64")
        first = np.flatnonzero(single.flips)[:1]
        if len(first):
            panel.plot(steps[first], single.gaps[first], "^", color=COLOURS[6], markersize=6, label="a ReLU differs")
        panel.set(title=name, yscale="log", ylim=(1e-18, 1))
    # Under the panels: within, the legend would cover curves.
    drawn = {
        label: line for panel in panels.flat for line, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    figure.legend(drawn.values(), drawn.keys(), loc="outside lower center", ncols=4)
    _label(panels, "relative distance")
    return figure


def draw_difference(gaps: Mapping[str, np.ndarray]) -> Figure:
    """Draw some distances in one panel, against the step."""
    figure, axes = plt.subplots(figsize=(7, 3.2))
    for (name, values), dashes in zip(gaps.items(), ("-", (0, (2, 2)), "-", (0, (2, 2))), strict=False):
        axes.plot(np.arange(1, len(values) + 1), values, linestyle=dashes, label=name)
    axes.set(xlabel="step", ylabel="relative distance", yscale="log", ylim=(1e-18, 1))
    axes.legend(loc="center", bbox_to_anchor=(0.5, 0.36), ncols=2)  # between the curves of rounding
    return figure


def _panels(number: int) -> tuple[Figure, np.ndarray]:
    rows = -(-number // 2)
    return plt.subplots(rows, 2, figsize=(7, 2.4 * rows + 0.3), sharex=True, sharey=True, squeeze=False)


def _label(panels: np.ndarray, ylabel: str) -> None:
    for panel in panels[-1]:
        panel.set_xlabel("step")
    for panel in panels[:, 0]:
        panel.set_ylabel(ylabel)
